//! Where resources come from: one fact changed in the sound estate, and the verdict that it gives.

use crate::first_wave::{Case, wrong};
use outcrop::model::Verdict::{Fail, NotApplicable, Pass, Unknown};

/// What declares resources, what was changed behind stacks, and by whom.
fn provenance() -> Vec<Case> {
    vec![
        // A tag that marks what comes from source stands for a stack.
        (
            "DELETE FROM cloudformation_stack_resource WHERE type = 'AWS::Bedrock::Prompt'; DELETE FROM tagged_resource; INSERT INTO tagged_resource (account_id, region, arn, tags) VALUES ('111111111111', 'eu-west-1', 'arn:aws:bedrock:eu-west-1:111111111111:prompt/PROMPT0001', '{\"managed-by\":\"terraform\"}')",
            "resource-not-in-source",
            Pass,
        ),
        (
            "DELETE FROM cloudformation_stack_resource WHERE type = 'AWS::Bedrock::Prompt'; DELETE FROM tagged_resource; INSERT INTO tagged_resource (account_id, region, arn, tags) VALUES ('111111111111', 'eu-west-1', 'arn:aws:bedrock:eu-west-1:111111111111:prompt/PROMPT0001', '{\"team\":\"chat\"}')",
            "resource-not-in-source",
            Fail,
        ),
        (
            "DELETE FROM cloudformation_stack_resource WHERE type = 'AWS::EC2::VPCEndpoint'",
            "resource-not-in-source",
            Fail,
        ),
        // Another type of the same name is another thing.
        (
            "DELETE FROM tagged_resource; UPDATE cloudformation_stack_resource SET type = 'AWS::Bedrock::PromptVersion' WHERE type = 'AWS::Bedrock::Prompt'",
            "resource-not-in-source",
            Fail,
        ),
        // Whether AWS lists the tags of AgentCore is not known.
        (
            "DELETE FROM cloudformation_stack_resource WHERE type = 'AWS::BedrockAgentCore::Runtime'; DELETE FROM tagged_resource",
            "resource-not-in-source",
            Unknown,
        ),
        (
            "DELETE FROM cloudformation_stack_resource; UPDATE coverage SET status = 'denied' WHERE table_name = 'cloudformation_stack_resource'",
            "resource-not-in-source",
            Unknown,
        ),
        // What is marked is in source, whatever stacks there are.
        (
            "DELETE FROM cloudformation_stack_resource; DELETE FROM tagged_resource; UPDATE coverage SET status = 'denied' WHERE table_name = 'cloudformation_stack_resource'; INSERT INTO tagged_resource (account_id, region, arn, tags) SELECT account_id, region, arn, '{\"managed-by\":\"terraform\"}' FROM (SELECT account_id, region, arn FROM bedrock_agent UNION ALL SELECT account_id, region, arn FROM bedrock_knowledge_base UNION ALL SELECT account_id, region, arn FROM bedrock_flow UNION ALL SELECT account_id, region, arn FROM bedrock_prompt UNION ALL SELECT account_id, region, arn FROM bedrock_guardrail UNION ALL SELECT account_id, region, arn FROM bedrock_agentcore_runtime UNION ALL SELECT account_id, region, 'arn:aws:bedrock-agentcore:' || region || ':' || account_id || ':gateway/' || arn FROM bedrock_agentcore_gateway UNION ALL SELECT account_id, region, arn FROM bedrock_agentcore_memory UNION ALL SELECT account_id, region, arn FROM bedrock_inference_profile UNION ALL SELECT account_id, region, 'arn:aws:ec2:' || region || ':' || account_id || ':vpc-endpoint/' || vpc_endpoint_id FROM vpc_endpoint)",
            "resource-not-in-source",
            Pass,
        ),
        (
            "UPDATE cloudformation_stack_resource SET drift_status = 'MODIFIED' WHERE type = 'AWS::Bedrock::Guardrail'",
            "live-differs-from-source",
            Fail,
        ),
        (
            "UPDATE cloudformation_stack_resource SET drift_status = 'NOT_CHECKED'; UPDATE cloudformation_stack SET drift_status = 'NOT_CHECKED', drift_checked_at = ''",
            "live-differs-from-source",
            Unknown,
        ),
        // What another resource came to needs no look at the rest.
        (
            "UPDATE cloudformation_stack_resource SET drift_status = CASE type WHEN 'AWS::EC2::VPCEndpoint' THEN 'DELETED' ELSE 'NOT_CHECKED' END",
            "live-differs-from-source",
            Fail,
        ),
        // What was deleted by hand is not among the endpoints any more.
        (
            "DELETE FROM vpc_endpoint WHERE vpc_endpoint_id = 'vpce-app-runtime'; UPDATE cloudformation_stack_resource SET drift_status = 'DELETED' WHERE physical_id = 'vpce-app-runtime'",
            "live-differs-from-source",
            Unknown,
        ),
        (
            "UPDATE cloudformation_stack_resource SET drift_status = NULL WHERE logical_id = 'Agent1'",
            "live-differs-from-source",
            Unknown,
        ),
        (
            "UPDATE coverage SET status = 'partial' WHERE table_name = 'cloudformation_stack_resource'",
            "live-differs-from-source",
            Unknown,
        ),
        (
            "UPDATE cloudformation_stack SET drift_checked_at = '2026-01-01T00:00:00Z'",
            "live-differs-from-source",
            Unknown,
        ),
        (
            "UPDATE cloudformation_stack SET drift_checked_at = ''",
            "live-differs-from-source",
            Unknown,
        ),
        (
            "DELETE FROM cloudformation_stack",
            "live-differs-from-source",
            Unknown,
        ),
        // What is taken down is not judged.
        (
            "UPDATE cloudformation_stack SET status = 'DELETE_IN_PROGRESS'; UPDATE cloudformation_stack_resource SET drift_status = 'DELETED'",
            "live-differs-from-source",
            NotApplicable,
        ),
        // A name that anybody may choose is no pipeline.
        (
            "UPDATE cloudtrail_change SET principal_kind = 'other', principal_arn = 'arn:aws:sts::111111111111:federated-user/deployer'",
            "changed-outside-pipeline",
            Fail,
        ),
        (
            "UPDATE cloudtrail_change SET principal_kind = 'role', principal_arn = 'arn:aws:sts::111111111111:assumed-role/Admin/deployer'",
            "changed-outside-pipeline",
            Fail,
        ),
        (
            "UPDATE cloudtrail_change SET principal_kind = 'role', principal_arn = 'arn:aws:sts::111111111111:assumed-role/deployer/build-7'",
            "changed-outside-pipeline",
            Pass,
        ),
        (
            "UPDATE cloudtrail_change SET principal_kind = 'user', principal_arn = 'arn:aws:iam::111111111111:user/deployer'",
            "changed-outside-pipeline",
            Fail,
        ),
        (
            "UPDATE cloudtrail_change SET principal_kind = 'role', principal_arn = 'arn:aws:iam::999999999999:role/deployer'",
            "changed-outside-pipeline",
            Fail,
        ),
        // One Region in the first half of the week and another in the second were never both seen.
        (
            "UPDATE cloudtrail_window SET window_end = '2026-10-28T06:00:00Z' WHERE region = 'eu-west-1'; UPDATE cloudtrail_window SET window_start = '2026-10-28T06:00:00Z' WHERE region = 'us-east-1'",
            "changed-outside-pipeline",
            Unknown,
        ),
        (
            "UPDATE coverage SET status = 'denied' WHERE table_name = 'cloudformation_stack'; DELETE FROM cloudformation_stack",
            "live-differs-from-source",
            Unknown,
        ),
        (
            "UPDATE cloudtrail_change SET principal_kind = 'user', principal_arn = 'arn:aws:iam::111111111111:user/developer'",
            "changed-outside-pipeline",
            Fail,
        ),
        (
            "UPDATE cloudtrail_change SET principal_kind = 'role', principal_arn = 'arn:aws:iam::111111111111:role/ci/release'",
            "changed-outside-pipeline",
            Pass,
        ),
        (
            "UPDATE cloudtrail_change SET principal_kind = 'role', principal_arn = 'arn:aws:iam::111111111111:role/team/deployer'",
            "changed-outside-pipeline",
            Pass,
        ),
        (
            "UPDATE cloudtrail_change SET principal_kind = 'role', principal_arn = 'arn:aws:iam::111111111111:role/deployer-of-something'",
            "changed-outside-pipeline",
            Fail,
        ),
        (
            "UPDATE cloudtrail_window SET whole = 0 WHERE account_id = '111111111111'",
            "changed-outside-pipeline",
            Unknown,
        ),
        // What was seen is seen, whatever else there was.
        (
            "UPDATE cloudtrail_window SET whole = 0; UPDATE cloudtrail_change SET principal_kind = 'user', principal_arn = 'arn:aws:iam::111111111111:user/developer'",
            "changed-outside-pipeline",
            Fail,
        ),
    ]
}

#[test]
fn one_fact_changed_in_the_sound_estate_gives_its_verdict() {
    let wrong = wrong(&provenance());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
