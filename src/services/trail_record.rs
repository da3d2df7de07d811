//! CloudTrail records of Bedrock calls, summed: who called what, how often, and by which way.
//!
//! Sources: CloudTrail User Guide, "CloudTrail record contents"; Bedrock User Guide, "Monitor API calls using CloudTrail".

use crate::inventory::NewRow;
use crate::model::Arn;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Sources of events that are Bedrock's.
const SOURCES: &[&str] = &[
    "bedrock.amazonaws.com",
    "bedrock-mantle.amazonaws.com",
    "bedrock-agentcore.amazonaws.com",
];

/// Beginnings of the names of calls that run a model, an agent, a tool or a retrieval; what configures is read from elsewhere.
const CALLS: &[&str] = &[
    "AgenticRetrieve",
    "ApplyGuardrail",
    "Converse",
    "CountTokens",
    "CreateEvent",
    "CreateInference",
    "CreateModelInvocationJob",
    "CreateSession",
    "Generate",
    "Invoke",
    "RenderPrompt",
    "Rerank",
    "Retrieve",
    "StartAsyncInvoke",
    "StartBrowserSession",
    "StartCodeInterpreterSession",
];

/// Of these the event history knows without being told (the others are data events).
pub const IN_EVENT_HISTORY: &[&str] = &[
    "InvokeModel",
    "InvokeModelWithResponseStream",
    "Converse",
    "ConverseStream",
];

/// Changes of settings that the event history is asked for (Service Authorization Reference, actions of the access level Write of
/// Amazon Bedrock and Amazon Bedrock AgentCore); the others are seen in log files.
pub const CHANGES: &[&str] = &[
    "CreateAgent",
    "CreateAgentActionGroup",
    "CreateAgentAlias",
    "CreateAgentRuntime",
    "CreateDataSource",
    "CreateFlow",
    "CreateGateway",
    "CreateGatewayTarget",
    "CreateGuardrail",
    "CreateInferenceProfile",
    "CreateKnowledgeBase",
    "CreateMemory",
    "CreatePrompt",
    "DeleteAgent",
    "DeleteAgentActionGroup",
    "DeleteAgentAlias",
    "DeleteAgentRuntime",
    "DeleteDataSource",
    "DeleteEnforcedGuardrailConfiguration",
    "DeleteFlow",
    "DeleteGateway",
    "DeleteGatewayTarget",
    "DeleteGuardrail",
    "DeleteInferenceProfile",
    "DeleteKnowledgeBase",
    "DeleteMemory",
    "DeleteModelInvocationLoggingConfiguration",
    "DeletePrompt",
    "DeleteResourcePolicy",
    "PutEnforcedGuardrailConfiguration",
    "PutModelInvocationLoggingConfiguration",
    "PutResourcePolicy",
    "UpdateAgent",
    "UpdateAgentActionGroup",
    "UpdateAgentAlias",
    "UpdateAgentRuntime",
    "UpdateDataSource",
    "UpdateFlow",
    "UpdateGateway",
    "UpdateGatewayTarget",
    "UpdateGuardrail",
    "UpdateKnowledgeBase",
    "UpdateMemory",
    "UpdatePrompt",
];

/// Beginnings of the names of events that change nothing, for records that do not say so.
const READS: &[&str] = &["BatchGet", "Describe", "Get", "List", "Search", "Validate"];

/// What tells two sums of changes apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Changer {
    account: String,
    region: String,
    principal: String,
    kind: &'static str,
    source: String,
    event: String,
}

#[derive(Debug, Default)]
struct Change {
    count: i64,
    console: bool,
    first: String,
    last: String,
}

/// What tells two sums apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    account: String,
    region: String,
    principal: String,
    kind: &'static str,
    source: String,
    event: String,
    way: &'static str,
    inference_region: String,
    bearer_token: bool,
}

#[derive(Debug, Default)]
struct Sum {
    calls: i64,
    failed: i64,
    first: String,
    last: String,
    endpoints: BTreeSet<String>,
}

/// Records, summed.
#[derive(Debug, Default)]
pub struct Sums {
    sums: BTreeMap<Key, Sum>,
    changes: BTreeMap<Changer, Change>,
    seen: BTreeSet<String>,
    /// Records that name no account, Region or time, or are none.
    pub unplaced: u64,
    /// Records by account and Region, whatever they were about: how many, the oldest and the newest.
    pub windows: BTreeMap<(String, String), (i64, String, String)>,
}

fn text<'j>(json: &'j Json, path: &[&str]) -> &'j str {
    path.iter()
        .try_fold(json, |json, key| json.get(*key))
        .and_then(Json::as_str)
        .unwrap_or_default()
}

/// Where an address belongs: `private`, `public`, `service` (a name), or `unknown`.
fn address_kind(address: &str) -> &'static str {
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(v4)) => {
            let shared = v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]);
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || shared {
                "private"
            } else {
                "public"
            }
        }
        Ok(std::net::IpAddr::V6(v6)) => {
            if v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback() {
                "private"
            } else {
                "public"
            }
        }
        Err(_) if address.ends_with(".amazonaws.com") || address == "AWS Internal" => "service",
        Err(_) => "unknown",
    }
}

/// The principal of a record and its kind: the role behind a session, a user, a service.
fn principal(identity: &Json) -> (String, &'static str) {
    match text(identity, &["type"]) {
        "AssumedRole" => {
            let issuer = text(identity, &["sessionContext", "sessionIssuer", "arn"]);
            (
                if issuer.is_empty() {
                    text(identity, &["arn"])
                } else {
                    issuer
                }
                .to_owned(),
                "role",
            )
        }
        "IAMUser" => (text(identity, &["arn"]).to_owned(), "user"),
        "Root" => (text(identity, &["arn"]).to_owned(), "root"),
        "AWSService" => (text(identity, &["invokedBy"]).to_owned(), "service"),
        _ => {
            // Users of IAM Identity Center and other accounts have no ARN.
            let name = [
                &["arn"][..],
                &["onBehalfOf", "userId"],
                &["principalId"],
                &["accountId"],
                &["type"],
            ]
            .into_iter()
            .map(|path| text(identity, path))
            .find(|name| !name.is_empty());
            (name.unwrap_or("nobody that is named").to_owned(), "other")
        }
    }
}

/// The way that a record shows: an endpoint, the public one, a service of AWS in between, or nothing that tells.
///
/// No endpoint id proves nothing alone; a public source address without one does.
fn way(record: &Json, kind: &str) -> &'static str {
    let address = text(record, &["sourceIPAddress"]);
    let host = text(record, &["tlsDetails", "clientProvidedHostHeader"]);
    let own_name = host.starts_with("vpce-") && host.contains(".vpce.");
    if kind == "service" || !text(record, &["userIdentity", "invokedBy"]).is_empty() {
        return "service";
    }
    match address_kind(address) {
        _ if !text(record, &["vpcEndpointId"]).is_empty() || own_name => "endpoint",
        "private" => "endpoint",
        // What is refused outside shows that the fence stands.
        "public" if text(record, &["errorCode"]).contains("AccessDenied") => "refused",
        "public" => "public",
        "service" => "service",
        _ => "unknown",
    }
}

impl Sums {
    /// Adds a record; those that are not about Bedrock count for the window alone. A record seen before is not counted twice.
    pub fn add(&mut self, record: &Json) {
        let (account, region, time) = (
            text(record, &["recipientAccountId"]),
            text(record, &["awsRegion"]),
            text(record, &["eventTime"]),
        );
        let account = if account.is_empty() {
            text(record, &["userIdentity", "accountId"])
        } else {
            account
        };
        if account.is_empty() || region.is_empty() || time.is_empty() {
            self.unplaced += 1;
            return;
        }
        let id = text(record, &["eventID"]);
        if !id.is_empty() && !self.seen.insert(id.to_owned()) {
            return;
        }
        let window = self
            .windows
            .entry((account.to_owned(), region.to_owned()))
            .or_insert_with(|| (0, time.to_owned(), time.to_owned()));
        window.0 += 1;
        widen(&mut window.1, &mut window.2, time);
        let (source, event) = (text(record, &["eventSource"]), text(record, &["eventName"]));
        if !SOURCES.contains(&source) {
            return;
        }
        let (principal, kind) = principal(record.get("userIdentity").unwrap_or(&Json::Null));
        // `CreateInferenceProfile` is no inference.
        if CHANGES.contains(&event) || !CALLS.iter().any(|start| event.starts_with(start)) {
            let reads = || READS.iter().any(|start| event.starts_with(start));
            let read_only = record.get("readOnly").and_then(Json::as_bool);
            // What was refused changed nothing.
            if !read_only.unwrap_or_else(reads) && text(record, &["errorCode"]).is_empty() {
                let changer = Changer {
                    account: account.to_owned(),
                    region: region.to_owned(),
                    principal,
                    kind,
                    source: source.to_owned(),
                    event: event.to_owned(),
                };
                let change = self.changes.entry(changer).or_default();
                change.count += 1;
                change.console |= text(record, &["sessionCredentialFromConsole"]) == "true";
                if change.first.is_empty() {
                    (change.first, change.last) = (time.to_owned(), time.to_owned());
                }
                widen(&mut change.first, &mut change.last, time);
            }
            return;
        }
        let bearer = record
            .pointer("/requestParameters/callWithBearerToken")
            .or_else(|| record.pointer("/additionalEventData/callWithBearerToken"));
        let key = Key {
            account: account.to_owned(),
            region: region.to_owned(),
            principal,
            kind,
            source: source.to_owned(),
            event: event.to_owned(),
            way: way(record, kind),
            inference_region: text(record, &["additionalEventData", "inferenceRegion"]).to_owned(),
            bearer_token: bearer.is_some_and(|value| {
                value.as_bool() == Some(true) || value.as_str() == Some("true")
            }),
        };
        let sum = self.sums.entry(key).or_default();
        sum.calls += 1;
        sum.failed += i64::from(!text(record, &["errorCode"]).is_empty());
        if sum.first.is_empty() {
            (sum.first, sum.last) = (time.to_owned(), time.to_owned());
        }
        widen(&mut sum.first, &mut sum.last, time);
        let endpoint = text(record, &["vpcEndpointId"]);
        if !endpoint.is_empty() && sum.endpoints.len() < 20 {
            sum.endpoints.insert(endpoint.to_owned());
        }
    }

    /// The sums as rows of `cloudtrail_bedrock_call` and `cloudtrail_change`, for the scopes that are wanted.
    pub fn rows(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<NewRow> {
        let mut rows = self.calls(&wanted);
        rows.extend(
            self.changes
                .iter()
                .filter(|(by, _)| wanted(&by.account, &by.region))
                .map(|(by, change)| {
                    let id = [by.principal.as_str(), &by.source, &by.event];
                    NewRow::new("cloudtrail_change", &by.account, &by.region)
                        .set("id", id.join("|"))
                        .set("principal_arn", by.principal.as_str())
                        .set(
                            "principal_account_id",
                            Arn::parse(&by.principal).map_or("", |arn| arn.account),
                        )
                        .set("principal_kind", by.kind)
                        .set("event_source", by.source.as_str())
                        .set("event_name", by.event.as_str())
                        .set("changes", change.count)
                        .set("from_console", change.console)
                        .set("first_seen", change.first.as_str())
                        .set("last_seen", change.last.as_str())
                }),
        );
        rows
    }

    fn calls(&self, wanted: &impl Fn(&str, &str) -> bool) -> Vec<NewRow> {
        self.sums
            .iter()
            .filter(|(key, _)| wanted(&key.account, &key.region))
            .map(|(key, sum)| {
                let id = [
                    key.principal.as_str(),
                    &key.source,
                    &key.event,
                    key.way,
                    &key.inference_region,
                    if key.bearer_token { "bearer" } else { "signed" },
                ];
                NewRow::new("cloudtrail_bedrock_call", &key.account, &key.region)
                    .set("id", id.join("|"))
                    .set("principal_arn", key.principal.as_str())
                    .set(
                        "principal_account_id",
                        Arn::parse(&key.principal).map_or("", |arn| arn.account),
                    )
                    .set("principal_kind", key.kind)
                    .set("event_source", key.source.as_str())
                    .set("event_name", key.event.as_str())
                    .set("way", key.way)
                    .set(
                        "endpoint_ids",
                        sum.endpoints.iter().cloned().collect::<Vec<_>>(),
                    )
                    .set("inference_region", key.inference_region.as_str())
                    .set("bearer_token", key.bearer_token)
                    .set("calls", sum.calls)
                    .set("failed_calls", sum.failed)
                    .set("first_seen", sum.first.as_str())
                    .set("last_seen", sum.last.as_str())
            })
            .collect()
    }
}

fn widen(first: &mut String, last: &mut String, time: &str) {
    if time < first.as_str() {
        time.clone_into(first);
    }
    if time > last.as_str() {
        time.clone_into(last);
    }
}

#[cfg(test)]
mod tests {
    use super::Sums;
    use crate::model::Value;
    use serde_json::json;

    #[test]
    fn a_record_shows_the_way_it_came() {
        for (change, way, kind) in [
            (
                json!({"vpcEndpointId": "vpce-1", "sourceIPAddress": "10.0.0.7"}),
                "endpoint",
                "role",
            ),
            // The id is optional: a private address tells as much.
            (json!({"sourceIPAddress": "10.0.0.7"}), "endpoint", "role"),
            (json!({"sourceIPAddress": "100.64.3.2"}), "endpoint", "role"),
            (json!({"sourceIPAddress": "fd00::7"}), "endpoint", "role"),
            (json!({"sourceIPAddress": "203.0.113.9"}), "public", "role"),
            (json!({"sourceIPAddress": "2a05::9"}), "public", "role"),
            (
                json!({"sourceIPAddress": "203.0.113.9", "errorCode": "AccessDenied"}),
                "refused",
                "role",
            ),
            (
                json!({"sourceIPAddress": "203.0.113.9", "errorCode": "ThrottlingException"}),
                "public",
                "role",
            ),
            (
                json!({"sourceIPAddress": "203.0.113.9", "eventName": "Rerank"}),
                "public",
                "role",
            ),
            (
                json!({"sourceIPAddress": "203.0.113.9", "vpcEndpointId": "vpce-1"}),
                "endpoint",
                "role",
            ),
            (
                json!({"sourceIPAddress": "203.0.113.9", "tlsDetails": {"clientProvidedHostHeader": "vpce-1-a.bedrock-runtime.eu-west-1.vpce.amazonaws.com"}}),
                "endpoint",
                "role",
            ),
            (
                json!({"sourceIPAddress": "states.amazonaws.com"}),
                "service",
                "role",
            ),
            (
                json!({"sourceIPAddress": "203.0.113.9", "userIdentity": {"type": "AssumedRole", "invokedBy": "bedrock.amazonaws.com", "accountId": "1"}}),
                "service",
                "role",
            ),
            (
                json!({"sourceIPAddress": "AWS Internal", "userIdentity": {"type": "AWSService", "invokedBy": "lex.amazonaws.com"}, "recipientAccountId": "1"}),
                "service",
                "service",
            ),
            (json!({}), "unknown", "role"),
            (
                json!({"sourceIPAddress": "203.0.113.9", "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/u", "accountId": "1"}}),
                "public",
                "user",
            ),
        ] {
            let mut record = json!({"eventSource": "bedrock.amazonaws.com", "eventName": "Converse", "awsRegion": "eu-west-1", "eventTime": "2026-11-01T00:00:00Z",
                "userIdentity": {"type": "AssumedRole", "accountId": "1", "arn": "arn:aws:sts::1:assumed-role/r/s", "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::1:role/x/r"}}}});
            for (key, value) in change.as_object().expect("an object") {
                record[key] = value.clone();
            }
            let mut sums = Sums::default();
            sums.add(&record);
            let rows = sums.rows(|_, _| true);
            let cell = |name: &str| {
                rows[0]
                    .cells
                    .iter()
                    .find(|(column, _)| *column == name)
                    .map(|(_, value)| value.clone())
            };
            assert_eq!(cell("way"), Some(Value::from(way)), "{change}");
            assert_eq!(cell("principal_kind"), Some(Value::from(kind)), "{change}");
        }
    }

    /// What was refused, and what only reads, changed nothing.
    #[test]
    fn changes_are_summed_by_who_made_them() {
        let mut sums = Sums::default();
        let base = json!({"eventSource": "bedrock.amazonaws.com", "eventName": "UpdateGuardrail", "awsRegion": "eu-west-1", "eventTime": "2026-11-01T00:00:00Z", "readOnly": false,
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/u", "accountId": "111111111111"}});
        for change in [
            json!({"eventID": "a"}),
            json!({"eventID": "b", "eventTime": "2026-11-03T00:00:00Z", "sessionCredentialFromConsole": "true"}),
            json!({"eventID": "c", "errorCode": "AccessDenied"}),
            json!({"eventID": "d", "readOnly": true, "eventName": "ListGuardrails"}),
            json!({"eventID": "e", "eventSource": "s3.amazonaws.com"}),
            json!({"eventID": "f", "readOnly": null, "eventName": "GetGuardrail"}),
            json!({"eventID": "g", "readOnly": null, "eventTime": "2026-11-02T00:00:00Z"}),
        ] {
            let mut record = base.clone();
            for (key, value) in change.as_object().expect("an object") {
                record[key] = value.clone();
            }
            sums.add(&record);
        }
        let rows = sums.rows(|_, _| true);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].table, "cloudtrail_change");
        // It begins like a call, and is none.
        let mut profile = base;
        profile["eventName"] = json!("CreateInferenceProfile");
        let mut others = Sums::default();
        others.add(&profile);
        assert_eq!(others.rows(|_, _| true)[0].table, "cloudtrail_change");
        for (name, value) in [
            ("event_name", Value::from("UpdateGuardrail")),
            ("principal_kind", Value::from("user")),
            ("changes", Value::from(3)),
            ("from_console", Value::from(true)),
            ("last_seen", Value::from("2026-11-03T00:00:00Z")),
        ] {
            let found = rows[0].cells.iter().find(|(column, _)| *column == name);
            assert_eq!(found.map(|(_, value)| value), Some(&value), "{name}");
        }
    }

    #[test]
    fn the_same_record_counts_once_and_others_only_widen_the_window() {
        let mut sums = Sums::default();
        let base = json!({"eventID": "a", "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "awsRegion": "eu-west-1", "eventTime": "2026-11-01T00:00:00Z", "recipientAccountId": "1"});
        sums.add(&base);
        sums.add(&base);
        let mut call = base.clone();
        (
            call["eventID"],
            call["eventSource"],
            call["eventName"],
            call["eventTime"],
        ) = (
            json!("b"),
            json!("bedrock.amazonaws.com"),
            json!("InvokeModel"),
            json!("2026-11-02T00:00:00Z"),
        );
        sums.add(&call);
        sums.add(&json!({"eventID": "c"}));
        sums.add(&json!(7));
        assert_eq!(sums.unplaced, 2);
        assert_eq!(sums.rows(|_, _| true).len(), 1);
        assert_eq!(
            sums.windows[&("1".to_owned(), "eu-west-1".to_owned())],
            (
                2,
                "2026-11-01T00:00:00Z".to_owned(),
                "2026-11-02T00:00:00Z".to_owned()
            )
        );
    }
}
