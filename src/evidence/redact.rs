//! A run with other account ids and names, for sharing outside; the same original gives the same stand-in everywhere.
//!
//! The rows are changed and judged again with the run's own rules. Where a verdict comes out otherwise, because a
//! name meant something, nothing is written.

use super::{Error, rule_texts};
use crate::engine::{self, Config, Waivable, WaiverEntry};
use crate::inventory::{Kind, Role, Store, Table, quoted};
use crate::judge;
use crate::model::{Arn, Outcome, RunInfo, Verdict, WaiverStatus};
use crate::subjects;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Words that are part of ARNs and policies and name nobody.
const WORDS: &[&str] = &[
    "aws",
    "arn",
    "role",
    "user",
    "group",
    "policy",
    "function",
    "service",
    "cluster",
    "task-definition",
    "log-group",
    "log-stream",
    "vpc",
    "subnet",
    "security-group",
    "vpc-endpoint",
    "instance",
    "key",
    "alias",
    "agent",
    "agents",
    "knowledge-base",
    "guardrail",
    "flow",
    "prompt",
    "runtime",
    "gateway",
    "memory",
    "trail",
    "project",
    "pipeline",
    "inference-profile",
    "lambda",
    "bedrock",
    "ecs",
    "default",
    "root",
    "global",
    "service-role",
    "instance-profile",
    "secret",
    "collection",
    "topic",
    "queue",
    "table",
    "event-bus",
    "stateMachine",
    "system-tool",
    "agent-alias",
    "application-inference-profile",
    "provisioned-model",
    "async-invoke",
    "model-invocation-job",
    "parameter",
    "nodegroup",
    "fargateprofile",
    "podidentityassociation",
    "oidc-provider",
    "notebook-instance",
    "domain",
    "model",
    "endpoint",
    "endpoint-config",
    "training-job",
    "processing-job",
    "rule",
    "schedule",
    "task-set",
    "graph",
    "db",
    "es",
    "LATEST",
    "GET",
    "PUT",
    "POST",
    "PATCH",
    "DELETE",
    "HEAD",
    "OPTIONS",
    "ANY",
];

/// What ids begin with.
const PREFIXES: [&str; 22] = [
    "o", "r", "search", "vpn", "vpc", "subnet", "rtb", "nat", "igw", "eigw", "vgw", "tgw", "pcx",
    "vpce", "sg", "acl", "eni", "i", "pl", "dopt", "fl", "ou",
];

fn in_token(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+' | '=')
}

/// The parts of a text that can be a name, and what stands between them.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest
            .find(|c: char| in_token(c) != in_token(first))
            .unwrap_or(rest.len());
        let (token, left) = rest.split_at(end);
        rest = left;
        Some(token)
    })
}

/// Whatever could be an account id within a text.
fn account_ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter(|digits| digits.len() == 12)
}

/// The first label of the host of a vector store: the collection's id, or a domain's name.
fn store_label(token: &str) -> Option<&str> {
    let store = token.ends_with(".aoss.amazonaws.com")
        || token.ends_with(".es.amazonaws.com")
        || token.ends_with(".on.aws");
    token
        .split_once('.')
        .map(|(label, _)| label)
        .filter(|_| store)
}

/// What stands for what.
#[derive(Debug, Default)]
struct Names {
    accounts: BTreeMap<String, String>,
    names: BTreeMap<String, String>,
}

impl Names {
    /// Takes every account id and every name that identifies something.
    fn of(store: &Store, run: &RunInfo) -> Result<Self, crate::inventory::Error> {
        let (mut accounts, mut names) = (BTreeSet::new(), BTreeSet::new());
        let mut numbers = BTreeSet::new();
        let mut take = |text: &str| {
            let text = Arn::parse(text).map_or(text, |arn| arn.resource);
            for token in tokens(text) {
                let token = store_label(token).unwrap_or(token);
                let plain = token.starts_with(in_token)
                    && token.len() > 2
                    && !WORDS.contains(&token)
                    && token.chars().any(char::is_alphabetic)
                    && !token.starts_with('$');
                // What AWS gives (`vpce-...`, services, models, Regions) is no name of anybody's; ids are, all the same.
                let given = token.contains("amazonaws")
                    || run.regions.iter().any(|region| token == region)
                    || token.starts_with("com.");
                if plain && !given {
                    names.insert(token.to_owned());
                }
            }
        };
        for account in &run.accounts {
            accounts.insert(account.id.clone());
            take(&account.name);
        }
        // Rules read the names of variables, and AWS gives those of services, models and calls.
        const AS_THEY_ARE: [&str; 6] = [
            "vpc_endpoint_service",
            "bedrock_inference_profile",
            "cloudtrail_window",
            "cloudtrail_bedrock_call",
            "cloudtrail_change",
            "bedrock_probe",
        ];
        const NAMES: [&str; 9] = [
            "name",
            "stack_name",
            "logical_id",
            "physical_id",
            "namespace",
            "service_account",
            "cluster_name",
            "oidc_issuer",
            "api_id",
        ];
        // Of variables the hosts of vector stores are kept, which hold the names of domains.
        let of_variables = |table: &&&Table| table.column("fingerprint").is_some();
        for table in store
            .tables()
            .iter()
            .filter(of_variables)
            .map(|table| table.name)
        {
            let mut statement = store.conn.prepare(&format!(
                "SELECT DISTINCT vector_host FROM {table} WHERE vector_host IS NOT NULL"
            ))?;
            for text in statement.query_map([], |row| row.get::<_, String>(0))? {
                take(&text?);
            }
        }
        for table in store
            .tables()
            .iter()
            .filter(|table| table.role == Role::Base && !AS_THEY_ARE.contains(&table.name))
            .filter(|table| table.column("fingerprint").is_none())
        {
            for column in table.columns.iter().filter(|column| {
                column.kind == Kind::Text
                    && (column.name == table.key || NAMES.contains(&column.name))
            }) {
                let sql = format!(
                    "SELECT DISTINCT {0} FROM {1} WHERE {0} IS NOT NULL",
                    quoted(column.name),
                    quoted(table.name)
                );
                let mut statement = store.conn.prepare(&sql)?;
                for text in statement.query_map([], |row| row.get::<_, String>(0))? {
                    let text = text?;
                    // What belongs to AWS is the same everywhere.
                    if Arn::parse(&text).is_none_or(|arn| arn.account != "aws") {
                        take(&text);
                    }
                }
            }
            // Names that stand inside: of policies, statements and grants, and whatever ARNs and ids lead to.
            for column in table
                .columns
                .iter()
                .filter(|column| matches!(column.kind, Kind::Text | Kind::List | Kind::Json))
            {
                let sql = format!(
                    "SELECT DISTINCT {0} FROM {1} WHERE {0} IS NOT NULL",
                    quoted(column.name),
                    quoted(table.name)
                );
                let mut statement = store.conn.prepare(&sql)?;
                for text in statement.query_map([], |row| row.get::<_, String>(0))? {
                    let text = text?;
                    numbers.extend(account_ids(&text).map(str::to_owned));
                    let json = serde_json::from_str(&text).unwrap_or(Json::String(text));
                    inner(&json, &accounts, &mut take);
                }
            }
        }
        take(run.caller_arn.as_str());
        for value in run.parameters.values() {
            inner(value, &accounts, &mut take);
            numbers.extend(account_ids(&value.to_string()).map(str::to_owned));
        }
        // Two accounts stay two, of this run or not: a policy may name one that a parameter lists and one that it does not.
        let others = numbers.difference(&accounts).cloned().collect::<Vec<_>>();
        let number = |(place, id): (usize, String)| (id, (900_000_000_001 + place).to_string());
        Ok(Self {
            accounts: accounts
                .into_iter()
                .chain(others)
                .enumerate()
                .map(number)
                .collect(),
            names: names
                .into_iter()
                .enumerate()
                .map(|(place, name)| {
                    // The beginning of an id says what kind of thing it is.
                    let kind = name
                        .split_once('-')
                        .map(|(kind, _)| kind)
                        .filter(|kind| PREFIXES.contains(kind))
                        .unwrap_or("name");
                    let other = format!("{kind}-{:04}", place + 1);
                    (name, other)
                })
                .collect(),
        })
    }

    fn text(&self, text: &str) -> String {
        let mut all = String::with_capacity(text.len());
        for token in tokens(text) {
            let known = store_label(token).unwrap_or(token);
            match self.names.get(known) {
                Some(other) => all.push_str(&token.replacen(known, other, 1)),
                None => all.push_str(token),
            }
        }
        // An account id can stand within a name.
        let mut changed = String::with_capacity(all.len());
        let mut rest = all.as_str();
        while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
            let end = rest[start..]
                .find(|c: char| !c.is_ascii_digit())
                .map_or(rest.len(), |length| start + length);
            changed.push_str(&rest[..start]);
            let digits = &rest[start..end];
            changed.push_str(match self.accounts.get(digits) {
                Some(other) => other,
                None if digits.len() == 12 => "999999999999",
                None => digits,
            });
            rest = &rest[end..];
        }
        changed.push_str(rest);
        changed
    }

    fn json(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.text(text)),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(members) => Json::Object(
                members
                    .iter()
                    .map(|(key, value)| (self.text(key), self.json(value)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }
}

/// Takes what a value names: members that are names, ARNs in the run's accounts, ids that AWS gives.
fn inner(json: &Json, accounts: &BTreeSet<String>, take: &mut impl FnMut(&str)) {
    match json {
        Json::String(text) => match Arn::parse(text) {
            // Profiles of AWS's own are the same everywhere.
            Some(arn)
                if accounts.contains(arn.account)
                    && !arn.resource.starts_with("inference-profile/") =>
            {
                take(arn.resource)
            }
            Some(_) => {}
            None => tokens(text)
                .filter(|token| {
                    token
                        .split_once('-')
                        .is_some_and(|(kind, _)| PREFIXES.contains(&kind))
                })
                .for_each(take),
        },
        Json::Array(items) => items.iter().for_each(|item| inner(item, accounts, take)),
        Json::Object(members) => {
            for (key, value) in members {
                match value {
                    Json::String(text)
                        if matches!(key.as_str(), "name" | "Name" | "id" | "grant_id") =>
                    {
                        take(text)
                    }
                    _ => inner(value, accounts, take),
                }
            }
        }
        _ => {}
    }
}

/// How many results of each rule have each verdict.
fn counted(outcome: &Outcome) -> BTreeMap<(String, &'static str), usize> {
    let mut all = BTreeMap::new();
    for result in &outcome.results {
        *all.entry((result.rule.clone(), result.verdict.as_str()))
            .or_default() += 1;
    }
    all
}

/// Writes a run with stand-ins beside the original.
///
/// # Errors
/// When a verdict would come out otherwise, or a file cannot be read or written.
pub fn redact(run: &Path, to: &Path) -> Result<(), Error> {
    let done = written(run, to);
    if done.is_err() {
        // Half a run is of no use, and may still hold the originals.
        let _ = std::fs::remove_file(to);
    }
    done
}

fn written(run: &Path, to: &Path) -> Result<(), Error> {
    let fail = |error: &dyn std::fmt::Display| Error(format!("{}: {error}", run.display()));
    let original = Store::open(run, &subjects::tables()).map_err(|error| fail(&error))?;
    let before = engine::outcome(&original).map_err(|error| fail(&error))?;
    let names = Names::of(&original, &before.run).map_err(|error| fail(&error))?;
    let mut store = Store::memory(&subjects::tables()).map_err(|error| fail(&error))?;
    store.copy_base(run).map_err(|error| fail(&error))?;
    change(&store, &names).map_err(|error| fail(&error))?;
    let mut info = before.run.clone();
    for account in &mut info.accounts {
        (account.id, account.name) = (names.text(&account.id), names.text(&account.name));
    }
    info.caller_arn = names.text(&info.caller_arn);
    info.role_chains = info
        .role_chains
        .iter()
        .map(|(account, chain)| {
            (
                names.text(account),
                chain.iter().map(|role| names.text(role)).collect(),
            )
        })
        .collect();
    info.unscanned_regions = info
        .unscanned_regions
        .into_iter()
        .map(|(account, regions)| (names.text(&account), regions))
        .collect();
    info.notes = info.notes.iter().map(|note| names.text(note)).collect();
    for one in info.attestations.iter_mut().filter_map(Json::as_object_mut) {
        for free in ["by", "evidence"] {
            one.insert(free.to_owned(), Json::from("(hidden)"));
        }
    }
    info.notes.push(
        "redacted: account ids, names and ids are stand-ins, the same everywhere; addresses, names of variables and what AWS names are as they were".to_owned(),
    );
    info.parameters = info
        .parameters
        .iter()
        .map(|(name, value)| (name.clone(), names.json(value)))
        .collect();
    info.command = String::new();
    // Names accounts, units and the role, and serves nobody but the one who scans.
    info.asked = None;
    // Its path may name a person or a company.
    if let Some(configuration) = &mut info.configuration {
        "outcrop.yaml".clone_into(&mut configuration.file);
    }
    let rules = rule_texts(&original)
        .map_err(|error| fail(&error))?
        .into_iter()
        .map(|(name, text)| (format!("{name}.yaml"), text))
        .collect();
    let library = judge::library_of(rules, &info, &before).map_err(|error| fail(&error))?;
    let config = Config {
        waivers: waivers(&before, &names),
        ..Config::default()
    };
    let after = judge::again(&mut store, &library, &config, &info).map_err(|error| fail(&error))?;
    let (was, is) = (counted(&before), counted(&after));
    if was != is {
        let rules: BTreeSet<&str> = was
            .keys()
            .chain(is.keys())
            .filter(|key| was.get(*key) != is.get(*key))
            .map(|(rule, _)| rule.as_str())
            .collect();
        return Err(fail(&format!(
            "a name means something to these rules, so they would judge otherwise without it: {}",
            rules.into_iter().collect::<Vec<_>>().join(", ")
        )));
    }
    // Pages that are free hold what was changed; this writes none of them.
    store
        .conn
        .execute("VACUUM INTO ?1", [to.display().to_string()])
        .map_err(|error| Error(format!("{}: {error}", to.display())))?;
    Ok(())
}

/// The waivers that counted, with stand-ins; by their results, because a run does not keep what they accept.
fn waivers(before: &Outcome, names: &Names) -> Vec<WaiverEntry> {
    let mut all = Vec::new();
    for report in before
        .waivers
        .iter()
        .filter(|report| report.status == WaiverStatus::Used)
    {
        let of = |verdict| {
            before
                .results
                .iter()
                .find(|result| {
                    (report.rule.is_empty() || result.rule == report.rule)
                        && result.verdict == verdict
                        && result.waiver.is_some()
                })
                .and_then(|result| result.waiver.clone())
        };
        for (verdict, waivable) in [
            (Verdict::Fail, Waivable::Fail),
            (Verdict::Unknown, Waivable::Unknown),
        ] {
            if let Some(waiver) = of(verdict) {
                all.push(WaiverEntry {
                    rule: report.rule.clone(),
                    resource: names.text(&report.resource),
                    cause: names.text(&report.cause),
                    accounts: Vec::new(),
                    regions: Vec::new(),
                    reason: "(hidden)".to_owned(),
                    owner: "(hidden)".to_owned(),
                    expires: waiver.expires,
                    verdict: waivable,
                });
            }
        }
    }
    all
}

/// Changes every text of the collected rows, their coverage and what files declared.
fn change(store: &Store, names: &Names) -> Result<(), crate::inventory::Error> {
    let plain: [(&str, &[&str]); 2] = [
        (
            "coverage",
            &["account_id", "parent", "detail", "request_ids"],
        ),
        (
            "declaration",
            &["account_id", "key", "address", "file", "unresolved", "path"],
        ),
    ];
    let base = store
        .tables()
        .iter()
        .filter(|table| table.role == Role::Base)
        .map(|table| {
            let texts = table
                .columns
                .iter()
                .filter(|column| matches!(column.kind, Kind::Text | Kind::List | Kind::Json))
                .map(|column| column.name);
            (
                table.name,
                std::iter::once("account_id")
                    .chain(texts)
                    .collect::<Vec<_>>(),
            )
        });
    for (table, columns) in base.chain(
        plain
            .iter()
            .map(|(table, columns)| (*table, columns.to_vec())),
    ) {
        let list = columns
            .iter()
            .map(|column| quoted(column))
            .collect::<Vec<_>>()
            .join(", ");
        let mut rows: Vec<(i64, Vec<Option<String>>)> = Vec::new();
        {
            let mut statement = store
                .conn
                .prepare(&format!("SELECT rowid, {list} FROM {}", quoted(table)))?;
            let mut found = statement.query([])?;
            while let Some(row) = found.next()? {
                let cells = (0..columns.len())
                    .map(|place| row.get::<_, Option<String>>(place + 1))
                    .collect::<Result<Vec<_>, _>>()?;
                rows.push((row.get(0)?, cells));
            }
        }
        let sets = columns
            .iter()
            .enumerate()
            .map(|(place, column)| format!("{} = ?{}", quoted(column), place + 2))
            .collect::<Vec<_>>()
            .join(", ");
        let mut statement = store.conn.prepare(&format!(
            "UPDATE {} SET {sets} WHERE rowid = ?1",
            quoted(table)
        ))?;
        for (number, cells) in rows {
            let cells: Vec<Option<String>> = cells
                .into_iter()
                .map(|cell| cell.map(|text| names.text(&text)))
                .collect();
            let mut bound: Vec<&dyn rusqlite::ToSql> = vec![&number];
            bound.extend(cells.iter().map(|cell| cell as &dyn rusqlite::ToSql));
            statement.execute(bound.as_slice())?;
        }
    }
    Ok(())
}
