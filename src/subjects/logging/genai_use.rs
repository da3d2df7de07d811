//! Is Bedrock used in an account and Region? Account-wide settings are judged where it is.

use crate::inventory::Inputs;
use crate::model::{Observed, Reason};
use crate::subjects::Facts;
use crate::{services, workloads};
use Observed::{Known, Unknown};

/// What tells whether Bedrock is used.
pub(crate) const INPUTS: Inputs = Inputs::All(&[
    workloads::INPUTS,
    services::bedrock_agent::AGENT.list(),
    services::bedrock_agent::KNOWLEDGE_BASE.list(),
    services::bedrock_agent::FLOW.list(),
    services::cloudtrail::BEDROCK_CALL.list(),
]);

/// Is there a caller, a knowledge base, an agent or a flow, or was a call recorded? With what shows it, for a person.
///
/// Calls that nobody asked CloudTrail for are no reason for doubt.
pub(crate) fn in_use(facts: &Facts<'_>, account: &str, region: &str) -> Observed<Option<String>> {
    let callers = facts.workloads.all();
    if let Some(caller) = callers.known(account, region).next() {
        return Known(Some(format!("{} calls Bedrock", caller.name)));
    }
    let mut gaps = callers.hidden(account, region);
    for (table, what) in [
        ("bedrock_knowledge_base", "there is the knowledge base"),
        ("bedrock_agent", "there is the agent"),
        ("bedrock_flow", "there is the flow"),
        ("cloudtrail_bedrock_call", "CloudTrail recorded a call by"),
    ] {
        let found = facts.world.all(table, account, region);
        if let Some(row) = found.rows.first() {
            let name = row.text("name").known();
            let name = name.or(row.text("principal_arn").known());
            return Known(Some(format!("{what} {}", name.unwrap_or(row.key()))));
        }
        gaps.extend(found.gaps.into_iter().filter(|gap| {
            table != "cloudtrail_bedrock_call"
                || !matches!(gap.reason, Reason::NotScanned | Reason::NotInFile)
        }));
    }
    if gaps.is_empty() {
        Known(None)
    } else {
        Unknown(gaps)
    }
}
