//! AWS Step Functions: state machines that call Amazon Bedrock by themselves.

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
        list("families", "API families of Bedrock that its states call without code of their own.").by(&["detail"]),
    ],
    reads: &[Read::new("list", "states:ListStateMachines"), Read::new("detail", "states:DescribeStateMachine")],
    lists: Inputs::NONE,
};

/// The API family that an integration of Step Functions or EventBridge Scheduler calls, by the service and operation in its ARN:
/// `arn:aws:states:::bedrock:invokeModel`, `arn:aws:states:::aws-sdk:bedrockruntime:converse`, `arn:aws:scheduler:::aws-sdk:bedrock:...`
/// (AWS Step Functions Developer Guide, "Integrating with AWS services"; EventBridge Scheduler User Guide, "Using universal targets").
pub(super) fn family(integration: &str) -> Option<&'static str> {
    let mut parts = integration.split(':').skip_while(|part| *part != "states" && *part != "scheduler").skip(3);
    let first = parts.next()?;
    let (sdk, service) = if first == "aws-sdk" { (true, parts.next()?) } else { (false, first) };
    let operation = parts.next().unwrap_or_default().split('.').next().unwrap_or_default();
    match service.to_ascii_lowercase().as_str() {
        // The optimised integration has calls of the runtime and one of the control plane.
        "bedrock" if !sdk && operation.eq_ignore_ascii_case("invokeModel") => Some("bedrock-runtime"),
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
            found.extend(members.get("Resource").and_then(serde_json::Value::as_str).and_then(family));
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

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place};

    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_sfn, place);
        let listing = place
            .pages(
                "states:ListStateMachines",
                |token| client.list_state_machines().max_results(1000).set_next_token(token).send(),
                |answer| (answer.state_machines, answer.next_token),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "sfn_state_machine", &listing);
        let details = place
            .details(
                &mut batch,
                "sfn_state_machine",
                "detail",
                &listing.items,
                |one| one.state_machine_arn().to_owned(),
                |index| {
                    let (client, arn) = (&client, listing.items[index].state_machine_arn());
                    place.call("states:DescribeStateMachine", move || client.describe_state_machine().state_machine_arn(arn).send())
                },
            )
            .await;
        for (one, detail) in listing.items.iter().zip(details) {
            let mut row = place.row("sfn_state_machine").set("arn", one.state_machine_arn()).set("name", one.name());
            if let Some(detail) = detail {
                row.put("role_arn", detail.role_arn());
                row.put("families", super::called(detail.definition()).map(|all| all.into_iter().map(str::to_owned).collect::<Vec<_>>()));
            }
            batch.rows.push(row);
        }
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Declared, Later, Rows, Spelling, Told};

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling { kinds: &["aws_sfn_state_machine", "AWS::StepFunctions::StateMachine"], map: machine }];

    fn machine(by: &Declared, rows: &mut Rows) {
        let text = by.at("definition|definition_string");
        let called = match text.text() {
            Told::Known(definition) => match super::called(&definition) {
                Some(all) => Told::Known(all.into_iter().map(str::to_owned).collect::<Vec<_>>()),
                None => Told::Unknown(Later { why: "the definition is no JSON".to_owned(), ..Later::default() }),
            },
            Told::Unknown(later) => pattern(later),
            // CloudFormation takes the definition as an object too.
            Told::Absent => {
                let mut found = std::collections::BTreeSet::new();
                match text.json() {
                    Told::Known(definition) => {
                        super::families(&definition, &mut found);
                        Told::Known(found.into_iter().map(str::to_owned).collect())
                    }
                    Told::Unknown(later) => Told::Unknown(later),
                    Told::Absent => Told::Absent,
                }
            }
        };
        rows.row("sfn_state_machine", by, arn(by)).put("name", name(by)).set("role_arn", by.at("role_arn").id()).set("families", called);
    }

    /// A definition that holds references is open as a text; which services it calls can be plain all the same.
    fn pattern(later: Later) -> Told<Vec<String>> {
        match super::called(&later.pattern) {
            Some(all) => Told::Known(all.into_iter().map(str::to_owned).collect()),
            None => Told::Unknown(later),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{called, family};

    #[test]
    fn an_integration_names_its_family() {
        assert_eq!(family("arn:aws:states:::bedrock:invokeModel"), Some("bedrock-runtime"));
        assert_eq!(family("arn:aws-us-gov:states:::bedrock:createModelCustomizationJob.sync"), Some("bedrock"));
        assert_eq!(family("arn:aws:states:::aws-sdk:bedrockruntime:converse.waitForTaskToken"), Some("bedrock-runtime"));
        assert_eq!(family("arn:aws:scheduler:::aws-sdk:bedrockagentruntime:invokeAgent"), Some("bedrock-agent-runtime"));
        assert_eq!(family("arn:aws:states:::lambda:invoke"), None);
        assert_eq!(family("arn:aws:lambda:eu-west-1:111111111111:function:bedrock"), None);
        let nested = r#"{"States": {"All": {"Type": "Map", "ItemProcessor": {"States": {"Ask": {"Type": "Task", "Resource": "arn:aws:states:::bedrock:invokeModel"}}}}}}"#;
        assert_eq!(called(nested), Some(vec!["bedrock-runtime"]));
        assert_eq!(called("states: {}"), None);
    }
}
