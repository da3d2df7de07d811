//! Subject: what leads from the internet to a model: URLs of functions that call Bedrock, and methods of REST APIs.

use crate::access::bucket;
use crate::access::documents::of_resource;
use crate::derive::Sink;
use crate::inventory::cols::{flag, json, text};
use crate::inventory::{Inputs, Lookup, Role, Row, Span, Table};
use crate::model::{Gap, Observed, Reason, merge};
use crate::policy::{Fact, anyone_through};
use crate::subjects::{Facts, Subject};
use crate::workloads::Workload;
use crate::{services, subject_columns, workloads};
use Observed::{Known, Unknown};
use serde_json::Value as Json;
use std::collections::BTreeMap;

const DOORS: Inputs = Inputs::All(&[
    services::lambda::FUNCTION_URL.list(),
    services::apigateway::ROUTE.list(),
    services::apigateway::REST_API.list(),
    workloads::INPUTS,
]);
const OPEN: Inputs = Inputs::All(&[DOORS, services::lambda::FUNCTION_URL.group("policy")]);

/// Doors.
pub const MODEL_DOOR: Table = Table {
    name: "model_door",
    doc: "A function URL or a method of a REST API that leads to a workload which calls Bedrock, or to Bedrock itself.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`function-url` or `rest-api`.").from(DOORS),
        text(
            "leads_to",
            "Workload that it calls, or API family of Bedrock."
        )
        .from(DOORS),
        text(
            "authorization",
            "Who has to sign or bring a token: `NONE`, `AWS_IAM`, `CUSTOM`, ..."
        )
        .from(DOORS),
        flag("is_open", "Does it let in callers who do not authenticate?").from(OPEN),
        text("open_reason", "What decides.").from(OPEN),
        json("open_witness", "A request that shows it.")
            .absent("null")
            .from(OPEN),
    ],
    reads: &[],
    lists: DOORS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &MODEL_DOOR,
    derive,
    rests_on_published_data: false,
};

/// Why a door is open or shut, and a request that shows it.
struct Verdict {
    open: bool,
    why: String,
    witness: Json,
}

fn shut(why: impl Into<String>) -> Verdict {
    Verdict {
        open: false,
        why: why.into(),
        witness: Json::Null,
    }
}

/// Does a policy let in someone whom it does not name, from an address that it does not list, or from a range that is half the internet?
fn lets_anyone_in(
    name: &str,
    policy: &Json,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> Observed<Option<Json>> {
    of_resource(name, policy).and_then(|document| {
        let mut gaps = Vec::new();
        for mut facts in bucket::from_the_internet(&document) {
            facts.extend(
                context
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), Fact::one(*value))),
            );
            let found = anyone_through(&document, &[action], &[resource.to_owned()], &facts);
            match found.observed(name) {
                Known(Some(request)) => return Known(Some(request.witness())),
                Known(None) => {}
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
        if gaps.is_empty() {
            Known(None)
        } else {
            Unknown(gaps)
        }
    })
}

/// The policy with `execute-api:/...` written out (API Gateway Developer Guide, "API Gateway resource policy examples").
fn expanded(policy: Json, called: &str) -> Json {
    match policy {
        Json::String(text) => match text.strip_prefix("execute-api:/") {
            Some(rest) => Json::String(format!("{called}{rest}")),
            None => Json::String(text),
        },
        Json::Array(all) => all.into_iter().map(|one| expanded(one, called)).collect(),
        Json::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, expanded(member, called)))
            .collect(),
        other => other,
    }
}

fn is_empty(policy: &Json) -> bool {
    policy.as_object().is_some_and(serde_json::Map::is_empty)
}

/// A URL (Lambda Developer Guide, "Control access to Lambda function URLs").
fn url(row: Row<'_>) -> Observed<Verdict> {
    row.text("auth_type").and_then(|auth| {
        // A signature of anyone's own account is one too, so the policy counts in either case.
        let signed = auth != "NONE";
        row.json("policy").and_then(|policy| {
            if signed && is_empty(&policy) {
                return Known(shut(format!("callers sign with {auth}")));
            }
            if is_empty(&policy) {
                return Known(shut(
                    "it asks for no signature, but the function's policy lets nobody in",
                ));
            }
            lets_anyone_in(
                "lambda_function_url.policy",
                &policy,
                "lambda:InvokeFunctionUrl",
                row.key(),
                &[("lambda:functionurlauthtype", "NONE")],
            )
            .map(|found| match found {
                Some(witness) => Verdict {
                    open: true,
                    why: "it asks for no signature, and the function's policy lets anyone in"
                        .to_owned(),
                    witness,
                },
                None => shut(
                    "it asks for no signature, but the function's policy does not let everyone in",
                ),
            })
        })
    })
}

/// A method of a REST API (API Gateway Developer Guide, "Control and manage access to REST APIs"). An API key is a handle for
/// quotas and authenticates nobody.
fn method(facts: &Facts<'_>, row: Row<'_>) -> Observed<Verdict> {
    let (account, region) = (row.account(), row.region());
    row.text("authorization_type")
        .zip(row.text("http_method"))
        .and_then(|(auth, method)| {
            if auth != "NONE" {
                return Known(shut(format!("its authorisation is {auth}")));
            }
            if method == "OPTIONS" {
                return Known(shut("browsers ask OPTIONS without credentials by design"));
            }
            let api = row.text("api_id").and_then(|id| {
                match facts
                    .world
                    .lookup("api_gateway_rest_api", account, region, id)
                {
                    Lookup::Found(api) => Known(api),
                    Lookup::Absent => Observed::gap(Gap::not_understood(
                        "api_gateway_rest_api",
                        format!("the API `{id}` is not in the list"),
                    )),
                    Lookup::Unknown(gaps) => Unknown(gaps),
                }
            });
            api.and_then(|api| {
                api.list("endpoint_types")
                    .zip(api.json("policy"))
                    .and_then(|(types, policy)| {
                        if types == ["PRIVATE"] {
                            return Known(shut(
                                "its API is private, so that only VPC endpoints reach it",
                            ));
                        }
                        let open = |witness| Verdict {
                            open: true,
                            why: "it asks for no authorisation, and its API is on the internet"
                                .to_owned(),
                            witness,
                        };
                        if is_empty(&policy) {
                            return Known(open(Json::Null));
                        }
                        let partition = &facts.world.run.partition;
                        let called = format!(
                            "arn:{partition}:execute-api:{region}:{account}:{}/",
                            api.key()
                        );
                        let path = row.key().rsplit_once(' ').map_or("/*", |(_, path)| path);
                        // A path of a file is a symbol.
                        let path = if path.starts_with('/') { path } else { "/*" };
                        let verb = if method == "ANY" { "*" } else { method };
                        let invoked = format!("{called}*/{verb}{path}");
                        let policy = expanded(policy, &called);
                        lets_anyone_in(
                            "api_gateway_rest_api.policy",
                            &policy,
                            "execute-api:Invoke",
                            &invoked,
                            &[],
                        )
                        .map(|found| match found {
                            Some(witness) => open(witness),
                            None => shut("its API's policy does not let everyone in"),
                        })
                    })
            })
        })
}

/// A function that is not among those that were read.
fn unread(arn: &str) -> Gap {
    Gap {
        reason: Reason::NotScanned,
        ..Gap::not_understood(
            "lambda_function",
            format!("the function {arn} is not among those that were read"),
        )
    }
}

/// The caller that a function ARN, with or without alias, names.
fn caller<'c, 'w>(all: &'c [Workload<'w>], arn: &str) -> Option<&'c Workload<'w>> {
    all.iter().find(|workload| {
        arn.strip_prefix(workload.arn.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    })
}

fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let callers = facts.workloads.all();
    for (account, region) in facts.settings.scopes(&MODEL_DOOR) {
        let urls = facts.world.all("lambda_function_url", &account, &region);
        let routes = facts.world.all("api_gateway_route", &account, &region);
        // Without a door it does not matter which workloads call Bedrock.
        let mut gaps = merge(urls.gaps, routes.gaps);
        if !urls.rows.is_empty() || !routes.rows.is_empty() {
            gaps = merge(gaps, callers.hidden(&account, &region));
        }
        for (kind, rows) in [("function-url", urls.rows), ("rest-api", routes.rows)] {
            for row in rows {
                let calls = row.text("function_arn").map(str::to_owned);
                let family = if kind == "rest-api" {
                    row.text("family").map(str::to_owned)
                } else {
                    Known(String::new())
                };
                let leads_to = match (calls, family) {
                    (_, Known(family)) if !family.is_empty() => family,
                    (Known(arn), Unknown(more)) if arn.is_empty() => {
                        gaps = merge(gaps, more);
                        continue;
                    }
                    (Known(arn), _) if arn.is_empty() => continue,
                    (Known(arn), _) => match caller(&callers.all, &arn) {
                        Some(workload) if workload.is_caller().is_true() => workload.name.clone(),
                        // What cannot be told of it is among the gaps.
                        Some(_) => continue,
                        None => {
                            gaps = merge(gaps, vec![unread(&arn)]);
                            continue;
                        }
                    },
                    (Unknown(more), _) => {
                        gaps = merge(gaps, more);
                        continue;
                    }
                };
                let verdict = if kind == "rest-api" {
                    method(facts, row)
                } else {
                    url(row)
                };
                let resource_type = if kind == "rest-api" {
                    "AWS::ApiGateway::Method"
                } else {
                    "AWS::Lambda::Url"
                };
                let mut derived = sink.row(&account, &region, row.key(), resource_type);
                derived.put("name", row.key()).tagged(
                    facts.settings,
                    &account,
                    Known(BTreeMap::new()),
                );
                let authorization = row.text(if kind == "rest-api" {
                    "authorization_type"
                } else {
                    "auth_type"
                });
                let (open, why, witness) = match verdict {
                    Known(verdict) => (Known(verdict.open), Known(verdict.why), verdict.witness),
                    Unknown(gaps) => (Unknown(gaps.clone()), Unknown(gaps), Json::Null),
                };
                derived
                    .put("kind", kind)
                    .put("leads_to", leads_to)
                    .set("authorization", authorization.map(str::to_owned))
                    .set("is_open", open)
                    .set("open_reason", why)
                    .put("open_witness", witness);
                sink.push(derived);
            }
        }
        sink.hide(&account, &region, gaps);
    }
}
