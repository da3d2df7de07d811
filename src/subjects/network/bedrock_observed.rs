//! Subject: what CloudTrail saw of each workload's role and of everyone else, beside what the network says.

use crate::derive::DerivedRow;
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{flag, int, json, list, text, time};
use crate::inventory::{Role, Row, Span, Table};
use crate::model::{Arn, GLOBAL, Gap, Observed, Reason, merge};
use crate::services;
use crate::subject_columns;
use crate::subjects::network::bedrock_path;
use crate::subjects::{Facts, Subject};
use crate::workloads;
use Observed::{Known, Unknown};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const TRAIL: Inputs = Inputs::All(&[
    services::cloudtrail::BEDROCK_CALL.list(),
    services::cloudtrail::WINDOW.list(),
]);
const ROWS: Inputs = Inputs::All(&[TRAIL, workloads::INPUTS]);
const COMPARED: Inputs = Inputs::All(&[ROWS, crate::paths::INPUTS]);

/// What was seen.
pub const OBSERVED: Table = Table {
    name: "bedrock_observed",
    doc: "What CloudTrail saw of one principal in the window: each role of a workload that calls Bedrock, and every other principal that was seen.",
    key: "resource",
    span: Span::Global,
    role: Role::Subject,
    columns: subject_columns![
        flag("is_workload", "Is it the role of a workload?").from(workloads::INPUTS),
        list("workloads", "Workloads that run under it.").from(workloads::INPUTS),
        int("calls", "Calls that were seen.").from(ROWS),
        int("endpoint_calls", "Of them by an endpoint.").from(ROWS),
        int("public_calls", "Of them from a public address and by no endpoint.").from(ROWS),
        int("refused_calls", "Calls from such addresses to which access was denied.").from(ROWS),
        int("service_calls", "Of them by a service of AWS in its name.").from(ROWS),
        int("unclear_calls", "Of them by a way that the record does not tell.").from(ROWS),
        int("bearer_calls", "Of them signed in with a bearer key.").from(ROWS),
        flag("uses_key", "Was a call seen that a user made, or that was signed in with a bearer key?").from(ROWS),
        flag("key_seen_outside", "Was such a call seen that came from a public address?").from(ROWS),
        int("public_key_calls", "How many of such calls from public addresses were seen.").from(ROWS),
        list("inference_regions", "Other Regions that served its calls.").from(ROWS),
        flag("seen_outside", "Was a call seen that came by no endpoint?").from(ROWS),
        flag("only_by_endpoint", "Were calls seen, all of them by an endpoint? Unknown where none was seen.").from(ROWS),
        time("window_start", "Begin of what was looked at.").absent("''").from(TRAIL),
        time("window_end", "Its end.").absent("''").from(TRAIL),
        json("events", "`[{event, way, calls, last_seen, region}]`.").absent("[]").from(ROWS),
        text("compared", "What was seen, beside what the network says: `as the network path predicts`, `the diagram lies`, `no traffic seen`, ...").from(COMPARED),
    ],
    reads: &[],
    lists: ROWS,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &OBSERVED,
    derive,
    rests_on_published_data: false,
};

/// The sums of one principal.
#[derive(Default)]
struct Seen {
    by_way: BTreeMap<String, i64>,
    /// Calls by endpoint and from public addresses, by API family.
    by_family: BTreeMap<&'static str, (i64, i64)>,
    bearer: i64,
    /// Calls with a key that lives on: by a user, or with a bearer key; and those of them from public addresses.
    by_key: (i64, i64),
    regions: BTreeSet<String>,
    events: Vec<Json>,
}

impl Seen {
    fn add(&mut self, row: Row<'_>) -> Observed<()> {
        let counted = row
            .text("way")
            .zip(row.int("calls"))
            .zip(row.text("event_name"))
            .zip(row.text("last_seen"));
        let signed = row.flag("bearer_token").zip(row.text("principal_kind"));
        counted.zip(row.text("inference_region").zip(signed)).map(|((((way, calls), event), last), (region, (bearer, kind)))| {
            *self.by_way.entry(way.to_owned()).or_default() += calls;
            let family = self.by_family.entry(family_of(event, row.text("event_source").known().unwrap_or_default())).or_default();
            match way {
                "endpoint" => family.0 += calls,
                "public" => family.1 += calls,
                _ => {}
            }
            if bearer {
                self.bearer += calls;
            }
            if bearer || kind == "user" {
                self.by_key.0 += calls;
                self.by_key.1 += if way == "public" { calls } else { 0 };
            }
            if !region.is_empty() {
                self.regions.insert(region.to_owned());
            }
            self.events.push(json!({"event": event, "way": way, "calls": calls, "last_seen": last, "region": row.region()}));
        })
    }

    fn calls(&self, way: &str) -> i64 {
        self.by_way.get(way).copied().unwrap_or(0)
    }
}

/// What was looked at in an account: begin and end over its Regions, and what is missing of it.
fn window(facts: &Facts<'_>, account: &str) -> (String, String, Vec<Gap>) {
    let (mut start, mut end, mut gaps) = (
        String::new(),
        String::new(),
        facts.settings.unscanned(account),
    );
    for region in &facts.world.run.regions {
        let found = facts.world.all("cloudtrail_window", account, region);
        if found.gaps.is_empty() && found.rows.is_empty() {
            let unread = Gap::not_understood(
                "cloudtrail_window",
                format!("{account} {region}: nothing of CloudTrail was read there"),
            );
            gaps.push(Gap {
                reason: Reason::NotScanned,
                ..unread
            });
        }
        gaps = merge(gaps, found.gaps);
        for row in found.rows {
            match row
                .text("window_start")
                .zip(row.text("window_end"))
                .zip(row.flag("whole"))
            {
                Known(((from, to), whole)) => {
                    if start.is_empty() || from < start.as_str() {
                        from.clone_into(&mut start);
                    }
                    if to > end.as_str() {
                        to.clone_into(&mut end);
                    }
                    if !whole {
                        gaps.push(Gap::not_understood(
                            "cloudtrail_window",
                            format!("{account} {region}: not everything in the window was read"),
                        ));
                    }
                }
                Unknown(more) => gaps = merge(gaps, more),
            }
        }
    }
    (start, end, gaps)
}

/// Calls before this instant are not counted: so many days before the end of what was looked at. Empty counts all.
fn cutoff(facts: &Facts<'_>, end: &str) -> String {
    let days = facts
        .world
        .run
        .parameters
        .get("lookback_days")
        .and_then(Json::as_i64)
        .filter(|days| *days > 0);
    let from = days.and_then(|days| {
        end.parse::<jiff::Timestamp>()
            .ok()?
            .checked_sub(jiff::SignedDuration::from_hours(days.checked_mul(24)?))
            .ok()
    });
    from.map_or_else(String::new, |from| {
        from.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    })
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let callers = facts.workloads.all();
    for (account, _) in facts.settings.scopes(&OBSERVED) {
        let (start, end, window_gaps) = window(facts, &account);
        let cutoff = cutoff(facts, &end);
        let start = if cutoff > start && !start.is_empty() {
            cutoff.clone()
        } else {
            start
        };
        let (mut gaps, mut caller_gaps) = (window_gaps.clone(), facts.settings.unscanned(&account));
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        for region in &facts.world.run.regions {
            let calls = facts.world.all("cloudtrail_bedrock_call", &account, region);
            gaps = merge(gaps, calls.gaps);
            for row in calls.rows.into_iter().filter(|row| {
                row.text("last_seen")
                    .known()
                    .is_none_or(|last| last >= cutoff.as_str())
            }) {
                let added = row
                    .text("principal_arn")
                    .and_then(|principal| seen.entry(principal.to_owned()).or_default().add(row));
                if let Unknown(more) = added {
                    gaps = merge(gaps, more);
                }
            }
            caller_gaps = merge(caller_gaps, callers.hidden(&account, region));
        }
        gaps = merge(gaps, caller_gaps.clone());
        let mut workloads: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for workload in callers
            .all
            .iter()
            .filter(|workload| workload.account == account && workload.is_caller().is_true())
        {
            for role in workload.roles.as_ref().known().into_iter().flatten() {
                workloads.entry(role).or_default().insert(&workload.arn);
            }
        }
        sink.hide(&account, GLOBAL, gaps.clone());
        let names: BTreeSet<String> = seen
            .keys()
            .cloned()
            .chain(workloads.keys().map(|role| (*role).to_owned()))
            .collect();
        for name in &names {
            // What does not exist yet has called nobody.
            if facts.world.is_new(name) {
                continue;
            }
            let nothing = Seen::default();
            let (sums, users) = (
                seen.get(name).unwrap_or(&nothing),
                workloads.get(name.as_str()).cloned().unwrap_or_default(),
            );
            let mut row = sink.row(
                &account,
                GLOBAL,
                name.as_str(),
                if name.contains(":user/") {
                    "AWS::IAM::User"
                } else {
                    "AWS::IAM::Role"
                },
            );
            row.put(
                "name",
                Arn::parse(name).map_or(name.as_str(), |arn| arn.name()),
            )
            .tagged(facts.settings, &account, Known(BTreeMap::new()));
            row.put("window_start", start.as_str())
                .put("window_end", end.as_str());
            numbers(&mut row, sums, &gaps);
            let (outside, only) = verdicts(sums, &gaps, &window_gaps, &start);
            let private = |family: &str| {
                Observed::all(
                    callers
                        .all
                        .iter()
                        .filter(|workload| users.contains(workload.arn.as_str()))
                        .map(|workload| bedrock_path::is_private(facts, workload, family)),
                )
            };
            row.put(
                "compared",
                compared(sums, &private, users.is_empty(), !gaps.is_empty()),
            );
            // Who is seen and is no known caller's role may be that of one that could not be read.
            let is_workload = if users.is_empty() && !caller_gaps.is_empty() {
                Unknown(caller_gaps.clone())
            } else {
                Known(!users.is_empty())
            };
            row.set("is_workload", is_workload)
                .put(
                    "workloads",
                    users.into_iter().map(str::to_owned).collect::<Vec<_>>(),
                )
                .put(
                    "inference_regions",
                    sums.regions.iter().cloned().collect::<Vec<_>>(),
                )
                .put("events", Json::from(sums.events.clone()))
                .set("seen_outside", outside)
                .set("only_by_endpoint", only);
            sink.push(row);
        }
    }
}

fn numbers(row: &mut DerivedRow, sums: &Seen, gaps: &[Gap]) {
    let count = |number: i64| {
        if gaps.is_empty() {
            Known(number)
        } else {
            Unknown(gaps.to_vec())
        }
    };
    row.set("calls", count(sums.by_way.values().sum()))
        .set("endpoint_calls", count(sums.calls("endpoint")))
        .set("public_calls", count(sums.calls("public")))
        .set("refused_calls", count(sums.calls("refused")))
        .set("service_calls", count(sums.calls("service")))
        .set("unclear_calls", count(sums.calls("unknown")))
        .set("bearer_calls", count(sums.bearer))
        .set("public_key_calls", count(sums.by_key.1));
    // One call is enough; that there was none needs everything read.
    let seen = |number: i64| match (number > 0, gaps.is_empty()) {
        (true, _) => Known(true),
        (false, true) => Known(false),
        (false, false) => Unknown(gaps.to_vec()),
    };
    row.set("uses_key", seen(sums.by_key.0))
        .set("key_seen_outside", seen(sums.by_key.1));
}

/// Was a call seen outside, and were all by an endpoint? One call outside is enough; that there was none needs everything read.
fn verdicts(
    sums: &Seen,
    gaps: &[Gap],
    window: &[Gap],
    start: &str,
) -> (Observed<bool>, Observed<bool>) {
    let unknown = |detail: &str| {
        Observed::gap(Gap {
            reason: Reason::NotScanned,
            ..Gap::not_understood("cloudtrail_bedrock_call", detail)
        })
    };
    if sums.calls("public") > 0 {
        return (Known(true), Known(false));
    }
    let outside = if gaps.is_empty() {
        Known(false)
    } else {
        Unknown(gaps.to_vec())
    };
    let only = match (gaps.is_empty(), start.is_empty()) {
        (false, _) => Unknown(merge(gaps.to_vec(), window.to_vec())),
        (true, true) => unknown("CloudTrail was not looked at in any Region of the account"),
        (true, false) if sums.calls("endpoint") == 0 && sums.calls("unknown") == 0 => {
            unknown("no call of its own was seen in the window")
        }
        (true, false) if sums.calls("unknown") > 0 => {
            unknown("the records of some calls tell neither an endpoint nor a public address")
        }
        (true, false) => Known(true),
    };
    (outside, only)
}

/// The API family that an event belongs to.
fn family_of(event: &str, source: &str) -> &'static str {
    match source {
        "bedrock-mantle.amazonaws.com" => "bedrock-mantle",
        "bedrock-agentcore.amazonaws.com" => "bedrock-agentcore",
        _ if [
            "InvokeAgent",
            "InvokeInlineAgent",
            "InvokeFlow",
            "Retrieve",
            "Rerank",
            "Generate",
            "AgenticRetrieve",
            "CreateSession",
            "RenderPrompt",
        ]
        .iter()
        .any(|start| event.starts_with(start)) =>
        {
            "bedrock-agent-runtime"
        }
        _ if event == "CreateModelInvocationJob" => "bedrock",
        _ => "bedrock-runtime",
    }
}

/// What was seen, beside what the network says of each family.
fn compared(
    sums: &Seen,
    private: &dyn Fn(&str) -> Observed<bool>,
    stranger: bool,
    hidden: bool,
) -> String {
    let mut said: BTreeSet<String> = BTreeSet::new();
    for (family, (by_endpoint, public)) in sums
        .by_family
        .iter()
        .filter(|(_, (by_endpoint, public))| by_endpoint + public > 0)
    {
        said.insert(match private(family) {
            _ if stranger => "no workload of this run runs under it".to_owned(),
            Known(true) if *public > 0 => {
                format!("the diagram lies: the network leads to an endpoint for {family}, and {public} calls came from public addresses")
            }
            Known(false) if *public == 0 => {
                format!("the network does not lead to an endpoint for {family} for certain, and all {by_endpoint} calls came by one")
            }
            Known(_) => "as the network path predicts".to_owned(),
            Unknown(_) if *public > 0 => format!("{public} calls of {family} came from public addresses; what the network says is not known"),
            Unknown(_) => format!("all {by_endpoint} calls of {family} came by an endpoint; what the network says is not known"),
        });
    }
    match (said.len(), hidden) {
        (0, true) => "nothing was seen, and not everything was looked at".to_owned(),
        (0, false) => "no traffic seen".to_owned(),
        _ => said.into_iter().collect::<Vec<_>>().join("; "),
    }
}
