//! Subject: what guardrails do, in the versions that are in use.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Role, Row, Span, Table};
use crate::model::{Gap, Observed};
use crate::services::bedrock::STRENGTHS;
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const CONTENT: Inputs = services::bedrock::GUARDRAIL.group("versions");
const USE: Inputs = Inputs::All(&[
    CONTENT,
    services::bedrock::ENFORCED_GUARDRAIL.list(),
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::AGENT.group("versions"),
]);

/// Guardrails and what they do.
pub const GUARDRAIL_CONTENT: Table = Table {
    name: "guardrail_content",
    doc: "A guardrail in a version that an agent or the account uses; where no use was seen, in its newest version.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("version", "Version; `DRAFT` for the working draft.").from(USE),
        list("used_by", "Agents that use it, and `every call` where the account enforces it.").from(USE),
        text(
            "attack_strength",
            "Strength of its filter against prompt attacks: `NONE`, `LOW`, `MEDIUM` or `HIGH`."
        )
        .from(CONTENT),
        flag(
            "blocks_attacks",
            "Is that filter on, does it block, and is it as strong as `min_prompt_attack_strength` asks?"
        )
        .from(CONTENT),
        text("attack_reason", "Why, or why not.").from(CONTENT),
        list(
            "sensitive",
            "Kinds of sensitive data that it blocks or masks in answers."
        )
        .from(CONTENT),
        flag("masks_answers", "Are there such?").from(CONTENT),
        list(
            "sensitive_input",
            "Kinds of sensitive data that it blocks or masks in prompts."
        )
        .from(CONTENT),
        flag("masks_prompts", "Are there such?").from(CONTENT),
        text(
            "profile",
            "Guardrail profile by which content may be evaluated in other Regions."
        )
        .absent("''")
        .from(CONTENT),
    ],
    reads: &[],
    lists: services::bedrock::GUARDRAIL.list(),
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &GUARDRAIL_CONTENT,
    derive,
    rests_on_published_data: false,
};

/// Versions of a guardrail that are seen in use, and by whom; and what may hide more.
fn used(facts: &Facts<'_>, guardrail: Row<'_>) -> (BTreeMap<String, BTreeSet<String>>, Vec<Gap>) {
    let (account, region) = (guardrail.account(), guardrail.region());
    let id = guardrail.text("id").known().unwrap_or_default();
    let is = |name: &str| {
        !name.is_empty()
            && (name == id || name == guardrail.key() || name.ends_with(&format!("guardrail/{id}")))
    };
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut gaps = facts.world.all("bedrock_agent", account, region).gaps;
    // An agent of another account names it by its ARN.
    for agent in facts.world.everywhere("bedrock_agent") {
        if agent.region() != region {
            continue;
        }
        let own = agent.account() == account;
        match agent.json("served_versions") {
            Known(served) => {
                for one in served.as_array().into_iter().flatten() {
                    let text =
                        |name: &str| one.get(name).and_then(Json::as_str).unwrap_or_default();
                    if own && is(text("guardrail")) || text("guardrail") == guardrail.key() {
                        found
                            .entry(text("guardrail_version").to_owned())
                            .or_default()
                            .insert(agent.key().to_owned());
                    }
                }
            }
            Unknown(more) if own => gaps.extend(more),
            Unknown(_) => {}
        }
    }
    let enforced = facts
        .world
        .all("bedrock_enforced_guardrail", account, region);
    gaps.extend(enforced.gaps);
    for config in facts.world.everywhere("bedrock_enforced_guardrail") {
        if config.region() != region {
            continue;
        }
        let own = config.account() == account;
        match config
            .text("guardrail_arn")
            .zip(config.text("guardrail_version"))
        {
            Known((arn, version)) if own && is(arn) || arn == guardrail.key() => {
                found
                    .entry(version.to_owned())
                    .or_default()
                    .insert("every call".to_owned());
            }
            Unknown(more) if own => gaps.extend(more),
            Known(_) | Unknown(_) => {}
        }
    }
    (found, gaps)
}

/// A version to judge, and who uses it; of one that is not there, why.
type Judged<'v> = (String, Result<&'v Json, Vec<Gap>>, Vec<String>);

/// The versions to judge: those in use, or the newest.
fn judged<'v>(
    versions: &'v [Json],
    used: BTreeMap<String, BTreeSet<String>>,
    is_file: bool,
) -> Vec<Judged<'v>> {
    let name = |version: &Json| version["version"].as_str().unwrap_or_default().to_owned();
    let newest = versions
        .iter()
        .max_by_key(|version| name(version).parse::<u32>().unwrap_or(0));
    let mut all: Vec<Judged<'v>> = Vec::new();
    for (version, by) in used {
        let found = versions
            .iter()
            .find(|one| name(one) == version)
            // A version that the same file makes has no number yet, and is made of the draft.
            .or_else(|| newest.filter(|_| is_file && version.is_empty()));
        let found = found.ok_or_else(|| {
            vec![Gap::not_understood(
                "bedrock_guardrail.versions",
                if is_file {
                    format!("version {version} was made of an earlier draft, which the file does not show")
                } else {
                    format!("version {version} is not among the versions that were read")
                },
            )]
        });
        all.push((version, found, by.into_iter().collect()));
    }
    if all.is_empty() {
        all.extend(newest.map(|version| (name(version), Ok(version), Vec::new())));
    }
    all
}

/// Guardrails that an agent or the account uses and that are not in the run.
fn unlisted(facts: &Facts<'_>, account: &str, region: &str) -> BTreeSet<String> {
    let mut named: BTreeSet<String> = BTreeSet::new();
    for agent in facts.world.all("bedrock_agent", account, region).rows {
        let served = agent.json("served_versions").known();
        for one in served.iter().filter_map(|all| all.as_array()).flatten() {
            named.insert(one["guardrail"].as_str().unwrap_or_default().to_owned());
        }
    }
    for config in facts
        .world
        .all("bedrock_enforced_guardrail", account, region)
        .rows
    {
        named.extend(config.text("guardrail_arn").known().map(str::to_owned));
    }
    named.retain(|name| {
        let id = name.rsplit('/').next().unwrap_or(name);
        let known = facts
            .world
            .everywhere("bedrock_guardrail")
            .into_iter()
            .any(|row| row.key() == name || row.text("id") == Known(id));
        !name.is_empty() && !name.starts_with('(') && !known
    });
    named
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let least = facts.settings.text("min_prompt_attack_strength", "HIGH");
    for (account, region) in facts.settings.scopes(&GUARDRAIL_CONTENT) {
        let guardrails = facts.world.all("bedrock_guardrail", &account, &region);
        let whole = guardrails.gaps.is_empty();
        sink.hide(&account, &region, guardrails.gaps);
        for guardrail in guardrails.rows {
            let (used, gaps) = used(facts, guardrail);
            let about = About {
                scope: (&account, &region),
                key: guardrail.key(),
                name: guardrail.text("name").map(str::to_owned),
                least: &least,
            };
            match guardrail.json("versions") {
                Known(versions) => {
                    sink.hide(&account, &region, gaps);
                    let versions = versions.as_array().cloned().unwrap_or_default();
                    let is_file = facts.world.is_new(guardrail.key());
                    for one in judged(&versions, used, is_file) {
                        row(facts, sink, &about, one);
                    }
                }
                Unknown(more) => {
                    row(facts, sink, &about, (String::new(), Err(more), Vec::new()));
                }
            }
        }
        // A list that was not read hides them already.
        if whole {
            for key in unlisted(facts, &account, &region) {
                let gap = Gap::not_understood(
                    "bedrock_guardrail",
                    format!("the guardrail {key} is in use and not in this run"),
                );
                let about = About {
                    scope: (&account, &region),
                    key: &key,
                    name: Known(key.clone()),
                    least: &least,
                };
                row(
                    facts,
                    sink,
                    &about,
                    (String::new(), Err(vec![gap]), Vec::new()),
                );
            }
        }
    }
}

/// The guardrail that a row is about.
struct About<'a> {
    scope: (&'a str, &'a str),
    key: &'a str,
    name: Observed<String>,
    least: &'a str,
}

fn row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    about: &About<'_>,
    (number, version, by): Judged<'_>,
) {
    let (account, region) = about.scope;
    let least = about.least;
    let mut row = sink.row(account, region, about.key, "AWS::Bedrock::Guardrail");
    row.put("part", number.as_str())
        .set("name", about.name.clone())
        .tagged(facts.settings, account, Known(BTreeMap::new()));
    let version = match version {
        Ok(found) => found,
        Err(gaps) => {
            if number.is_empty() {
                row.set::<String>("version", Unknown(gaps.clone()));
            } else {
                row.put("version", number);
            }
            row.put("used_by", by);
            for column in [
                "attack_strength",
                "blocks_attacks",
                "attack_reason",
                "sensitive",
                "masks_answers",
                "sensitive_input",
                "masks_prompts",
                "profile",
            ] {
                row.set::<String>(column, Unknown(gaps.clone()));
            }
            sink.push(row);
            return;
        }
    };
    let text = |name: &str| version[name].as_str().unwrap_or_default();
    let rank = |name: &str| STRENGTHS.iter().position(|known| *known == name);
    let strength = text("attack_strength");
    let blocks = version["attack_blocks"].as_bool().unwrap_or_default();
    let strong = rank(strength) >= rank(least) && strength != "NONE";
    let reason = match (strength, blocks, strong) {
        ("NONE", ..) => "it has no filter against prompt attacks".to_owned(),
        (_, false, _) => "its filter against prompt attacks is off or only detects".to_owned(),
        (strength, true, false) => {
            format!(
                "its filter against prompt attacks has the strength {strength}, and {least} is asked"
            )
        }
        (strength, true, true) => {
            format!("its filter against prompt attacks blocks with the strength {strength}")
        }
    };
    let handled = |side: &str| -> Vec<String> {
        version["sensitive"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|kind| kind[side] != "NONE")
            .filter_map(|kind| kind["name"].as_str().map(str::to_owned))
            .collect()
    };
    let (answers, prompts) = (handled("output"), handled("input"));
    row.put("version", text("version"))
        .put("used_by", by)
        .put("attack_strength", strength)
        .put("blocks_attacks", blocks && strong)
        .put("attack_reason", reason)
        .put("masks_answers", !answers.is_empty())
        .put("sensitive", answers)
        .put("masks_prompts", !prompts.is_empty())
        .put("sensitive_input", prompts)
        .put("profile", text("profile"));
    sink.push(row);
}
