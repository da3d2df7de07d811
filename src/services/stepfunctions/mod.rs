//! AWS Step Functions: state machines that call Amazon Bedrock by themselves.

pub(super) mod declared;
#[cfg(feature = "live")]
pub(super) mod live;

use super::Service;
#[cfg(feature = "live")]
use super::collect::Collector;
use crate::inventory::cols::{list, text};
use crate::inventory::{Inputs, Read, Role, Span, Table};

/// State machines.
pub const STATE_MACHINE: Table = Table {
    name: "sfn_state_machine",
    doc: "State machines. Of a definition only which API families it calls is kept.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN."),
        text("name", "Name."),
        text("role_arn", "Role.").by(&["detail"]),
        list(
            "families",
            "API families of Bedrock that its states call without code of their own.",
        )
        .by(&["detail"]),
    ],
    reads: &[
        Read::new("list", "states:ListStateMachines"),
        Read::new("detail", "states:DescribeStateMachine"),
    ],
    lists: Inputs::NONE,
};

/// The API family that an integration of Step Functions or EventBridge Scheduler calls, by the service and operation in its ARN:
/// `arn:aws:states:::bedrock:invokeModel`, `arn:aws:states:::aws-sdk:bedrockruntime:converse`, `arn:aws:scheduler:::aws-sdk:bedrock:...`
/// (AWS Step Functions Developer Guide, "Integrating with AWS services"; EventBridge Scheduler User Guide, "Using universal targets").
pub(super) fn family(integration: &str) -> Option<&'static str> {
    let mut parts = integration
        .split(':')
        .skip_while(|part| *part != "states" && *part != "scheduler")
        .skip(3);
    let first = parts.next()?;
    let (sdk, service) = if first == "aws-sdk" {
        (true, parts.next()?)
    } else {
        (false, first)
    };
    let operation = parts
        .next()
        .unwrap_or_default()
        .split('.')
        .next()
        .unwrap_or_default();
    match service.to_ascii_lowercase().as_str() {
        // The optimised integration has calls of the runtime and one of the control plane.
        "bedrock" if !sdk && operation.eq_ignore_ascii_case("invokeModel") => {
            Some("bedrock-runtime")
        }
        "bedrock" => Some("bedrock"),
        "bedrockruntime" => Some("bedrock-runtime"),
        "bedrockagent" => Some("bedrock-agent"),
        "bedrockagentruntime" => Some("bedrock-agent-runtime"),
        "bedrockagentcore" => Some("bedrock-agentcore"),
        "bedrockagentcorecontrol" => Some("bedrock-agentcore-control"),
        _ => None,
    }
}

/// The families that a definition calls, wherever in it a state stands.
fn families(definition: &serde_json::Value, found: &mut std::collections::BTreeSet<&'static str>) {
    match definition {
        serde_json::Value::Object(members) => {
            found.extend(
                members
                    .get("Resource")
                    .and_then(serde_json::Value::as_str)
                    .and_then(family),
            );
            members.values().for_each(|member| families(member, found));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| families(item, found)),
        _ => {}
    }
}

/// The families that the text of a definition calls; `None` where it is no JSON.
fn called(definition: &str) -> Option<Vec<&'static str>> {
    let mut found = std::collections::BTreeSet::new();
    families(&serde_json::from_str(definition).ok()?, &mut found);
    Some(found.into_iter().collect())
}

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&STATE_MACHINE],
    mappings: declared::SPELLINGS,
    #[cfg(feature = "live")]
    collectors: &[Collector {
        tables: &["sfn_state_machine"],
        span: Span::Regional,
        run: |place| Box::pin(live::collect(place)),
    }],
};

#[cfg(test)]
mod tests {
    use super::{called, family};

    #[test]
    fn an_integration_names_its_family() {
        assert_eq!(
            family("arn:aws:states:::bedrock:invokeModel"),
            Some("bedrock-runtime")
        );
        assert_eq!(
            family("arn:aws-us-gov:states:::bedrock:createModelCustomizationJob.sync"),
            Some("bedrock")
        );
        assert_eq!(
            family("arn:aws:states:::aws-sdk:bedrockruntime:converse.waitForTaskToken"),
            Some("bedrock-runtime")
        );
        assert_eq!(
            family("arn:aws:scheduler:::aws-sdk:bedrockagentruntime:invokeAgent"),
            Some("bedrock-agent-runtime")
        );
        assert_eq!(family("arn:aws:states:::lambda:invoke"), None);
        assert_eq!(
            family("arn:aws:lambda:eu-west-1:111111111111:function:bedrock"),
            None
        );
        let nested = r#"{"States": {"All": {"Type": "Map", "ItemProcessor": {"States": {"Ask": {"Type": "Task", "Resource": "arn:aws:states:::bedrock:invokeModel"}}}}}}"#;
        assert_eq!(called(nested), Some(vec!["bedrock-runtime"]));
        assert_eq!(called("states: {}"), None);
    }
}
