//! Subject: whether something in source control declares what there is of generative AI.

use crate::derive::Sink;
use crate::inventory::cols::{flag, list, text};
use crate::inventory::{Inputs, Lookup, Role, Row, Span, Table};
use crate::model::{Gap, Observed, account_arn, merge};
use crate::subjects::{Facts, Subject};
use crate::{services, subject_columns};
use Observed::{Known, Unknown};
use std::collections::BTreeMap;

/// What is judged: the table, its type, and whether the Resource Groups Tagging API is known to list it ("Services that support
/// the Resource Groups Tagging API").
const KINDS: &[(&Table, &str, bool)] = &[
    (&services::bedrock_agent::AGENT, "AWS::Bedrock::Agent", true),
    (
        &services::bedrock_agent::KNOWLEDGE_BASE,
        "AWS::Bedrock::KnowledgeBase",
        true,
    ),
    (&services::bedrock_agent::FLOW, "AWS::Bedrock::Flow", true),
    (
        &services::bedrock_agent::PROMPT,
        "AWS::Bedrock::Prompt",
        true,
    ),
    (
        &services::bedrock::GUARDRAIL,
        "AWS::Bedrock::Guardrail",
        true,
    ),
    (
        &services::bedrock::INFERENCE_PROFILE,
        "AWS::Bedrock::ApplicationInferenceProfile",
        true,
    ),
    (
        &services::vpc_endpoint::ENDPOINT,
        "AWS::EC2::VPCEndpoint",
        true,
    ),
    (
        &services::agentcore::RUNTIME,
        "AWS::BedrockAgentCore::Runtime",
        false,
    ),
    (
        &services::agentcore::GATEWAY,
        "AWS::BedrockAgentCore::Gateway",
        false,
    ),
    (
        &services::agentcore::MEMORY,
        "AWS::BedrockAgentCore::Memory",
        false,
    ),
];

const THINGS: Inputs = Inputs::All(&[
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::FLOW.list(),
    services::bedrock_agent::PROMPT.list(),
    services::bedrock::GUARDRAIL.list(),
    services::bedrock::INFERENCE_PROFILE.list(),
    services::vpc_endpoint::ENDPOINT.list(),
    services::agentcore::RUNTIME.list(),
    services::agentcore::GATEWAY.list(),
    services::agentcore::MEMORY.list(),
]);
const SOURCES: Inputs = Inputs::All(&[
    THINGS,
    services::provenance::STACK_RESOURCE.list(),
    services::provenance::TAGGED_RESOURCE.list(),
]);

/// Sources of resources.
pub const RESOURCE_SOURCE: Table = Table {
    name: "resource_source",
    doc: "A Bedrock or AgentCore resource, or an endpoint for Bedrock, and what declares it; and one row for each account and Region with resources in no stack, while `source_tags` does not say which tags mark what comes from source.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        flag(
            "in_source",
            "Is it in a stack of CloudFormation, or does it carry one of `source_tags`?"
        )
        .from(SOURCES),
        text("declared_by", "What declares it, in words.")
            .absent("'nothing that is known'")
            .from(SOURCES),
        list(
            "unmarked",
            "On the row of an account and Region: resources in no stack, as ARNs."
        )
        .from(SOURCES),
    ],
    reads: &[],
    lists: THINGS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &RESOURCE_SOURCE,
    derive,
    rests_on_published_data: false,
};

/// Is the row one that the rule is about?
fn is_meant(table: &Table, row: Row<'_>) -> Observed<bool> {
    match table.name {
        "vpc_endpoint" => row
            .text("service_name")
            .map(|service| service.contains(".bedrock")),
        "bedrock_inference_profile" => row.text("type").map(|kind| kind == "APPLICATION"),
        _ => Known(true),
    }
}

/// The stack and the logical id of what a place's stacks made, by type and ARN, id or name.
type Made<'w> = BTreeMap<(&'w str, &'w str), String>;

fn made<'w>(facts: &Facts<'w>, account: &str, region: &str) -> (Made<'w>, Vec<Gap>) {
    let found = facts
        .world
        .all("cloudformation_stack_resource", account, region);
    let (mut made, mut gaps) = (Made::new(), found.gaps);
    for row in found.rows {
        let named = row
            .text("type")
            .zip(row.text("physical_id"))
            .zip(row.text("stack_name").zip(row.text("logical_id")));
        match named {
            Known(((kind, physical), (stack, logical))) => {
                made.insert((kind, physical), format!("stack {stack}, {logical}"));
            }
            Unknown(more) => gaps = merge(gaps, more),
        }
    }
    (made, gaps)
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let wanted = facts.settings.list("source_tags");
    for (account, region) in facts.settings.scopes(&RESOURCE_SOURCE) {
        let (made, stack_gaps) = made(facts, &account, &region);
        let (mut unmarked, mut open) = (Vec::new(), Vec::new());
        for (table, kind, tags_listed) in KINDS {
            let things = facts.world.all(table.name, &account, &region);
            sink.hide(&account, &region, things.gaps);
            for thing in things.rows {
                match is_meant(table, thing) {
                    Known(true) => {}
                    Known(false) => continue,
                    Unknown(gaps) => {
                        sink.hide(&account, &region, gaps);
                        continue;
                    }
                }
                let id = thing.key();
                let arn = if id.starts_with("arn:") {
                    id.to_owned()
                } else {
                    // Tables whose key is an id.
                    let of = match table.name {
                        "vpc_endpoint" => ("ec2", "vpc-endpoint"),
                        _ => ("bedrock-agentcore", "gateway"),
                    };
                    let partition = &facts.world.run.partition;
                    format!("arn:{partition}:{}:{region}:{account}:{}/{id}", of.0, of.1)
                };
                let last = id.rsplit('/').next().unwrap_or(id);
                let mut by = [id, last, arn.as_str()]
                    .into_iter()
                    .find_map(|name| made.get(&(*kind, name)).cloned());
                if facts.world.is_new(id) {
                    by = Some("the file that is laid over the run".to_owned());
                }
                let in_stack = match (&by, stack_gaps.is_empty()) {
                    (Some(_), _) => Known(true),
                    (None, true) => Known(false),
                    (None, false) => Unknown(stack_gaps.clone()),
                };
                let in_source = if wanted.is_empty() {
                    in_stack
                } else {
                    let marked = marked(facts, (&account, &region), &arn, *tags_listed, &wanted);
                    if let (None, Known(Some(tag))) = (&by, &marked) {
                        by = Some(format!("tag {tag}"));
                    }
                    in_stack.or(marked.map(|tag| tag.is_some()))
                };
                if wanted.is_empty() && !in_source.is_true() {
                    unmarked.push(arn);
                    if let Unknown(gaps) = in_source {
                        open = merge(open, gaps);
                    }
                    continue;
                }
                let mut row = sink.row(&account, &region, arn, kind);
                row.put(
                    "name",
                    thing
                        .text("name")
                        .known()
                        .filter(|name| !name.is_empty())
                        .unwrap_or(last),
                )
                .tagged(facts.settings, &account, Known(BTreeMap::new()));
                row.put(
                    "declared_by",
                    by.unwrap_or_else(|| "nothing that is known".to_owned()),
                )
                .set("in_source", in_source)
                .put("unmarked", Vec::new());
                sink.push(row);
            }
        }
        if unmarked.is_empty() {
            continue;
        }
        // One row, and not one for each: a single setting answers all of them.
        open.push(Gap::not_understood(
            "tagged_resource.tags",
            format!(
                "{} of the Bedrock resources in {account} {region} are in no stack that was seen, and Terraform and Pulumi leave no mark of their own; name in `source_tags` the tags that your source gives what it makes",
                unmarked.len()
            ),
        ));
        let arn = account_arn(&facts.world.run.partition, &account);
        let mut row = sink.row(&account, &region, arn, "AWS::::Account");
        row.put("part", region.as_str())
            .put("name", facts.settings.account_name(&account))
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
        row.put("declared_by", "nothing that is known")
            .set("in_source", Unknown::<bool>(open))
            .put("unmarked", unmarked);
        sink.push(row);
    }
}

/// Is there the tag, with its value where `key=value` asks for one?
fn carries(tags: &BTreeMap<String, String>, wanted: &str) -> bool {
    tags.contains_key(wanted)
        || wanted
            .split_once('=')
            .is_some_and(|(key, value)| tags.get(key).is_some_and(|found| found == value))
}

/// Which of the tags it carries; none where it carries none of them.
fn marked(
    facts: &Facts<'_>,
    (account, region): (&str, &str),
    arn: &str,
    listed: bool,
    wanted: &[String],
) -> Observed<Option<String>> {
    match facts.world.lookup("tagged_resource", account, region, arn) {
        Lookup::Found(row) => row
            .tags()
            .map(|tags| wanted.iter().find(|tag| carries(&tags, tag)).cloned()),
        Lookup::Absent if listed => Known(None),
        Lookup::Absent => Observed::gap(Gap::not_understood(
            "tagged_resource",
            format!(
                "{arn} is not listed with its tags; whether AWS lists tags of its kind is not known"
            ),
        )),
        Lookup::Unknown(gaps) => Unknown(gaps),
    }
}
