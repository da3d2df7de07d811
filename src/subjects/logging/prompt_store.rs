//! Subject: where Bedrock keeps prompts and answers, and who can read them.

use crate::access::resource::Guard;
use crate::access::who_can::{WhoCan, in_account};
use crate::derive::Sink;
use crate::inventory::Inputs;
use crate::inventory::cols::{list, text};
use crate::inventory::{Role, Span, Table};
use crate::model::{GLOBAL, Gap, Observed};
use crate::services;
use crate::subject_columns;
use crate::subjects::logging::inference_log_bucket::inference_buckets;
use crate::subjects::logging::inference_log_group::inference_groups;
use crate::subjects::{Facts, Subject};
use Observed::{Known, Unknown};
use std::collections::{BTreeMap, BTreeSet};

const LOGGING: Inputs = Inputs::All(&[services::bedrock::INVOCATION_LOGGING.list()]);
const READERS: Inputs = Inputs::All(&[
    services::bedrock::INVOCATION_LOGGING.list(),
    services::iam::ROLE.list(),
    services::iam::USER.list(),
    services::iam::GROUP.list(),
    services::iam::POLICY.list(),
    services::s3::BUCKET.list(),
]);

/// Where invocation logs go.
pub const PROMPT_STORE: Table = Table {
    name: "prompt_store",
    doc: "A log group or bucket that a Region's model invocation logging names, and who can read it by the policies of their own.",
    key: "resource",
    span: Span::Regional,
    role: Role::Subject,
    columns: subject_columns![
        text("kind", "`log-group`, `invocation-logs` or `large-data` (buckets)."),
        text("owner_account_id", "Account whose principals were asked.").from(READERS),
        list("readers", "Principals of that account whose own policies let them read it. What a resource policy adds or forbids is not in a run.")
            .from(READERS),
        list("readers_found", "Those of them that are certain; all of them only where `readers` is known."),
    ],
    reads: &[],
    lists: LOGGING,
};

/// The subject.
pub(super) const SUBJECT: Subject = Subject {
    table: &PROMPT_STORE,
    derive,
    rests_on_published_data: false,
};

/// Whom the policies of an account let read something.
fn readers(
    facts: &Facts<'_>,
    owner: &str,
    asked: &[(&str, String)],
) -> (BTreeSet<String>, Vec<Gap>) {
    let mut answer = WhoCan::default();
    for (action, resource) in asked {
        // What the organisation lays over the resource counts; its own policy is not in a run.
        let guard = Guard {
            policy: Known(None),
            ..Guard::of(facts.world, action, Some(resource), Some(owner))
        };
        in_account(
            &facts.principals,
            &guard,
            owner,
            action,
            Some(resource),
            &mut answer,
        );
    }
    let found: BTreeSet<String> = answer
        .principals
        .into_iter()
        .map(|able| able.principal)
        .collect();
    let mut gaps: Vec<Gap> = Vec::new();
    for table in ["iam_role", "iam_user"] {
        gaps = crate::model::merge(gaps, facts.world.all(table, owner, GLOBAL).gaps);
    }
    let unclear: BTreeSet<String> = answer
        .unknown
        .into_iter()
        .map(|one| one.principal)
        .filter(|principal| !found.contains(principal))
        .collect();
    if gaps.is_empty() && !unclear.is_empty() {
        let names: Vec<&str> = unclear.iter().take(5).map(String::as_str).collect();
        let more = unclear.len().saturating_sub(names.len());
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        gaps.push(Gap::not_understood(
            "policies",
            format!(
                "whether {}{more} may read it could not be determined",
                names.join(", ")
            ),
        ));
    }
    (found, gaps)
}

pub(crate) fn derive(facts: &Facts<'_>, sink: &mut Sink<'_>) {
    let partition = &facts.world.run.partition;
    for (account, region) in facts.settings.scopes(&PROMPT_STORE) {
        let (groups, gaps) = inference_groups(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for name in groups {
            let arn = format!("arn:{partition}:logs:{region}:{account}:log-group:{name}");
            // The stream is the one that Bedrock writes (User Guide, "Monitor model invocation").
            let asked = [
                ("logs:FilterLogEvents", format!("{arn}:*")),
                (
                    "logs:GetLogEvents",
                    format!("{arn}:log-stream:aws/bedrock/modelinvocations"),
                ),
                ("logs:StartQuery", format!("{arn}:*")),
            ];
            let owner = Known(account.clone());
            row(
                facts,
                sink,
                (&account, &region),
                (arn, "AWS::Logs::LogGroup", "log-group", &name),
                &owner,
                &asked,
            );
        }
        let (buckets, gaps) = inference_buckets(facts, &account, &region);
        sink.hide(&account, &region, gaps);
        for ((name, part), prefix) in buckets {
            // Where in the bucket they lie decides who reads them.
            let (owner, prefix) =
                match crate::subjects::accounts::corpus_bucket::bucket_owner(facts, &name)
                    .zip(prefix)
                {
                    Known((owner, prefix)) => (Known(owner), prefix),
                    Unknown(gaps) => (Unknown(gaps), String::new()),
                };
            let prefix = if prefix.is_empty() {
                prefix
            } else {
                format!("{}/", prefix.trim_end_matches('/'))
            };
            let arn = format!("arn:{partition}:s3:::{name}");
            // One object as Bedrock names them; its date is of no matter to policies.
            let asked = [(
                "s3:GetObject",
                format!(
                    "{arn}/{prefix}AWSLogs/{account}/BedrockModelInvocationLogs/{region}/2026/01/01/00/log.json.gz"
                ),
            )];
            row(
                facts,
                sink,
                (&account, &region),
                (arn, "AWS::S3::Bucket", part, &name),
                &owner,
                &asked,
            );
        }
    }
}

fn row(
    facts: &Facts<'_>,
    sink: &mut Sink<'_>,
    (account, region): (&str, &str),
    (arn, resource_type, kind, name): (String, &str, &'static str, &str),
    owner: &Observed<String>,
    asked: &[(&str, String)],
) {
    let (found, gaps) = match owner {
        Known(owner) => readers(facts, owner, asked),
        Unknown(gaps) => (BTreeSet::new(), gaps.clone()),
    };
    let found: Vec<String> = found.into_iter().collect();
    let mut row = sink.row(account, region, arn, resource_type);
    row.put("part", kind)
        .put("name", name)
        .tagged(facts.settings, account, Known(BTreeMap::new()));
    row.put("kind", kind)
        .set("owner_account_id", owner.clone())
        .set(
            "readers",
            if gaps.is_empty() {
                Known(found.clone())
            } else {
                Unknown(gaps)
            },
        )
        .put("readers_found", found);
    sink.push(row);
}
