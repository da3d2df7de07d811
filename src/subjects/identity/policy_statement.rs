//! Every statement of every policy of the run, one row each: for queries and for rules of a user's own.

use crate::derive::DerivedRow;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, json, list, text};
use crate::inventory::{Role, Row, Span, Table};
use crate::model::{Arn, GLOBAL, Gap, Observed};
use crate::policy::{Document, Effect, Patterns, Statement};
use crate::services;
use crate::subject_columns;
use crate::subjects::{Facts, Subject};
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};

const POLICIES: Inputs = Inputs::All(&[
    services::iam::ROLE.list(),
    services::iam::USER.list(),
    services::iam::GROUP.list(),
    services::iam::POLICY.list(),
    services::organizations::POLICY_TARGET.list(),
    services::organizations::POLICY_TARGET.group("content"),
    services::vpc_endpoint::ENDPOINT.list(),
    services::kms::KEY.list(),
    services::kms::KEY.group("policy"),
]);

/// Statements.
pub const POLICY_STATEMENT: Table = Table {
    name: "policy_statement",
    doc: "One statement of a policy: inline, managed, trust, control, endpoint and key policies. What stands in it, not what it comes to.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        text("policy_kind", "`inline`, `managed`, `trust`, `service-control`, `resource-control`, `endpoint` or `key`.").from(POLICIES),
        text("policy", "Name of the policy within the resource.").from(POLICIES),
        text("sid", "`Sid`, or its number.").from(POLICIES),
        text("effect", "`Allow` or `Deny`.").from(POLICIES),
        list("principals", "Principals; empty in policies of identities.").from(POLICIES),
        flag("principals_negated", "Is it `NotPrincipal`?").from(POLICIES),
        list("actions", "Actions as written.").from(POLICIES),
        flag("actions_negated", "Is it `NotAction`?").from(POLICIES),
        list("resources", "Resources as written; empty in trust policies.").from(POLICIES),
        flag("resources_negated", "Is it `NotResource`?").from(POLICIES),
        json("conditions", "`[{operator, key, values}]`.").absent("[]").from(POLICIES),
        text("statement_text", "The statement in one line.").from(POLICIES),
    ],
    reads: &[],
    lists: POLICIES,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &POLICY_STATEMENT,
    derive,
    rests_on_published_data: false,
};

/// A policy in its place.
struct Placed<'n> {
    account: &'n str,
    resource: String,
    resource_type: &'static str,
    kind: &'static str,
    name: String,
    json: Json,
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let partition = facts.world.run.partition.as_str();
    for (account, _) in facts.settings.scopes(&POLICY_STATEMENT) {
        for (table, resource_type) in [
            ("iam_role", "AWS::IAM::Role"),
            ("iam_user", "AWS::IAM::User"),
            ("iam_group", "AWS::IAM::Group"),
        ] {
            for row in all(facts, sink, table, &account, GLOBAL) {
                let resource = row.text("arn").known().unwrap_or(row.key()).to_owned();
                let place = |kind, name: &str, json| Placed {
                    account: &account,
                    resource: resource.clone(),
                    resource_type,
                    kind,
                    name: name.to_owned(),
                    json,
                };
                let inline = shown(sink, row, row.json("inline_policies"));
                if inline.as_ref().is_some_and(|inline| !inline.is_array()) {
                    sink.hide(
                        &account,
                        GLOBAL,
                        vec![Gap::not_understood(
                            "inline_policies",
                            format!("the inline policies of {resource} are no list"),
                        )],
                    );
                }
                for policy in inline
                    .as_ref()
                    .and_then(Json::as_array)
                    .into_iter()
                    .flatten()
                {
                    policy_rows(
                        facts,
                        sink,
                        place(
                            "inline",
                            policy["name"].as_str().unwrap_or("inline"),
                            policy["document"].clone(),
                        ),
                    );
                }
                if table == "iam_role"
                    && let Some(json) = shown(sink, row, row.json("assume_role_policy"))
                {
                    policy_rows(facts, sink, place("trust", "trust policy", json));
                }
            }
        }
        for (table, resource_type) in [
            ("iam_policy", "AWS::IAM::ManagedPolicy"),
            ("organizations_policy_target", "AWS::Organizations::Policy"),
        ] {
            for row in all(facts, sink, table, &account, GLOBAL) {
                let (column, kind) = match (table, row.text("type")) {
                    ("iam_policy", _) => ("document", "managed"),
                    (_, Known("SERVICE_CONTROL_POLICY")) => ("content", "service-control"),
                    (_, Known("RESOURCE_CONTROL_POLICY")) => ("content", "resource-control"),
                    _ => continue,
                };
                let name = row
                    .text(if table == "iam_policy" {
                        "name"
                    } else {
                        "policy_name"
                    })
                    .known()
                    .unwrap_or_default()
                    .to_owned();
                if let Some(json) = shown(sink, row, row.json(column)) {
                    policy_rows(
                        facts,
                        sink,
                        Placed {
                            account: &account,
                            resource: row.key().to_owned(),
                            resource_type,
                            kind,
                            name,
                            json,
                        },
                    );
                }
            }
        }
        for region in &facts.world.run.regions {
            for row in all(facts, sink, "vpc_endpoint", &account, region) {
                let resource = format!(
                    "arn:{partition}:ec2:{region}:{account}:vpc-endpoint/{}",
                    row.key()
                );
                if let Some(json) =
                    shown(sink, row, row.json("policy")).filter(|json| !json.is_null())
                {
                    let name = "endpoint policy".to_owned();
                    policy_rows(
                        facts,
                        sink,
                        Placed {
                            account: &account,
                            resource,
                            resource_type: "AWS::EC2::VPCEndpoint",
                            kind: "endpoint",
                            name,
                            json,
                        },
                    );
                }
            }
            for row in all(facts, sink, "kms_key", &account, region) {
                if let Some(json) = shown(sink, row, row.json("policy")) {
                    let (resource, name) = (row.key().to_owned(), "key policy".to_owned());
                    policy_rows(
                        facts,
                        sink,
                        Placed {
                            account: &account,
                            resource,
                            resource_type: "AWS::KMS::Key",
                            kind: "key",
                            name,
                            json,
                        },
                    );
                }
            }
        }
    }
}

fn all<'w>(
    facts: &Facts<'w>,
    sink: &mut Sink<'_>,
    table: &str,
    account: &str,
    region: &str,
) -> Vec<Row<'w>> {
    let found = facts.world.all(table, account, region);
    sink.hide(account, GLOBAL, found.gaps);
    found.rows
}

/// What is there, or the scope is hidden.
fn shown(sink: &mut Sink<'_>, row: Row<'_>, json: Observed<Json>) -> Option<Json> {
    match json {
        Known(json) => Some(json),
        Unknown(gaps) => {
            sink.hide(row.account(), GLOBAL, gaps);
            None
        }
    }
}

fn policy_rows(facts: &Facts<'_>, sink: &mut Sink<'_>, placed: Placed<'_>) {
    let document = match Document::parse(&placed.name, &placed.json) {
        Ok(document) => document,
        Err(why) => {
            return sink.hide(
                placed.account,
                GLOBAL,
                vec![Gap::not_understood(
                    "policy_statement",
                    format!("{}: {why}", placed.resource),
                )],
            );
        }
    };
    for (at, statement) in document.statements.iter().enumerate() {
        let mut row = sink.row(
            placed.account,
            GLOBAL,
            placed.resource.as_str(),
            placed.resource_type,
        );
        row.put("part", format!("{}#{}", placed.name, at + 1)).put(
            "name",
            Arn::parse(&placed.resource).map_or(placed.resource.as_str(), |arn| arn.name()),
        );
        row.tagged(facts.settings, placed.account, Known(Default::default()));
        row.put("policy_kind", placed.kind)
            .put("policy", placed.name.as_str());
        write(&mut row, statement);
        sink.push(row);
    }
}

fn write(row: &mut DerivedRow, statement: &Statement) {
    let texts = |patterns: Option<&Patterns<String>>| {
        patterns.map_or_else(Vec::new, |patterns| patterns.all.clone())
    };
    let conditions: Vec<Json> =
        statement.conditions.iter().map(|condition| json!({"operator": condition.operator, "key": condition.key, "values": condition.values})).collect();
    row.put("sid", statement.sid.as_str())
        .put(
            "effect",
            if statement.effect == Effect::Allow {
                "Allow"
            } else {
                "Deny"
            },
        )
        .put(
            "principals",
            statement
                .principals
                .iter()
                .flat_map(|patterns| patterns.all.iter().map(ToString::to_string))
                .collect::<Vec<_>>(),
        )
        .put(
            "principals_negated",
            statement
                .principals
                .as_ref()
                .is_some_and(|patterns| patterns.negated),
        )
        .put("actions", statement.actions.all.clone())
        .put("actions_negated", statement.actions.negated)
        .put("resources", texts(statement.resources.as_ref()))
        .put(
            "resources_negated",
            statement
                .resources
                .as_ref()
                .is_some_and(|patterns| patterns.negated),
        )
        .put("conditions", Json::from(conditions))
        .put("statement_text", statement.to_string());
}
