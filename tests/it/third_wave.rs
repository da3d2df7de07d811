//! The same as the first wave, for secrets, operations, functions of agents, copies of logs and what belongs to whom: one fact
//! changed in the sound estate, and the verdict that follows.

use crate::first_wave::{Case, wrong};
use outcrop::model::Verdict::{Fail, NotApplicable, Pass, Unknown};

/// The policy of an agent's function with one statement.
macro_rules! function {
    ($statement:literal) => {
        concat!(
            "UPDATE bedrock_agent_function SET policy = '{\"Version\":\"2012-10-17\",\"Statement\":[",
            $statement,
            "]}'"
        )
    };
}

/// Another caller that may read the secret.
const SECOND_READER: &str = "UPDATE iam_role SET inline_policies = '[{\"name\":\"p\",\"document\":{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"bedrock:InvokeModel\",\"secretsmanager:GetSecretValue\"],\"Resource\":\"*\"}]}}]' WHERE name = 'chat-api'";

fn secrets() -> Vec<Case> {
    vec![
        (
            "UPDATE secretsmanager_secret SET kms_key_id = ''",
            "secret-without-customer-key",
            Fail,
        ),
        (
            "UPDATE secretsmanager_secret SET kms_key_id = NULL",
            "secret-without-customer-key",
            Unknown,
        ),
        // A secret that a service of AWS manages follows that service.
        (
            "UPDATE secretsmanager_secret SET kms_key_id = '', owning_service = 'rds'",
            "secret-without-customer-key",
            NotApplicable,
        ),
        // A secret that no caller may read is not one of the workload.
        (
            "UPDATE iam_role SET inline_policies = '[]' WHERE name = 'retriever'; UPDATE secretsmanager_secret SET kms_key_id = ''",
            "secret-without-customer-key",
            NotApplicable,
        ),
        (
            "UPDATE iam_role SET inline_policies = NULL WHERE name = 'retriever'; UPDATE secretsmanager_secret SET kms_key_id = ''",
            "secret-without-customer-key",
            Unknown,
        ),
        (
            "UPDATE secretsmanager_secret SET rotation = 'off', last_changed_at = '2026-01-01T00:00:00Z'",
            "secret-not-rotated",
            Fail,
        ),
        (
            "UPDATE secretsmanager_secret SET rotation = 'off'",
            "secret-not-rotated",
            Pass,
        ),
        // A rotation that should have happened.
        (
            "UPDATE secretsmanager_secret SET next_rotation_at = '2026-06-01T00:00:00Z'",
            "secret-not-rotated",
            Fail,
        ),
        (
            "UPDATE secretsmanager_secret SET rotation_days = 1000, last_changed_at = '2026-01-01T00:00:00Z'",
            "secret-not-rotated",
            Fail,
        ),
        (
            "UPDATE secretsmanager_secret SET last_changed_at = NULL, rotation = 'off'",
            "secret-not-rotated",
            Unknown,
        ),
        (
            "UPDATE ssm_parameter SET name_tells_secret = 1",
            "secret-in-plain-parameter",
            Fail,
        ),
        (
            "UPDATE ssm_parameter SET name_tells_secret = 1, type = 'SecureString'",
            "secret-in-plain-parameter",
            NotApplicable,
        ),
        (
            "UPDATE ssm_parameter SET name_tells_secret = 1, type = NULL",
            "secret-in-plain-parameter",
            Unknown,
        ),
        (SECOND_READER, "secret-shared-by-workloads", Fail),
        // By the secret's own policy, without a right in the role.
        (
            "UPDATE secretsmanager_secret SET policy = '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::111111111111:role/chat-api\"},\"Action\":\"secretsmanager:GetSecretValue\",\"Resource\":\"*\"}]}'",
            "secret-shared-by-workloads",
            Fail,
        ),
        (
            "UPDATE secretsmanager_secret SET policy = NULL",
            "secret-shared-by-workloads",
            Unknown,
        ),
        // What fills the variables of a task.
        (
            "UPDATE iam_role SET inline_policies = replace(inline_policies, 'ssm:GetParameter', 'ssm:GetParameters') WHERE name = 'retriever'; UPDATE ssm_parameter SET name_tells_secret = 1",
            "secret-in-plain-parameter",
            Fail,
        ),
        // Rights by tags.
        (
            "UPDATE iam_role SET inline_policies = '[{\"name\":\"p\",\"document\":{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"bedrock:Retrieve\",\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":\"secretsmanager:GetSecretValue\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"aws:ResourceTag/app\":\"x\"}}}]}}]' WHERE name = 'retriever'; UPDATE secretsmanager_secret SET kms_key_id = ''",
            "secret-without-customer-key",
            NotApplicable,
        ),
        (
            "UPDATE iam_role SET inline_policies = '[{\"name\":\"p\",\"document\":{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"bedrock:Retrieve\",\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":\"secretsmanager:GetSecretValue\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"aws:ResourceTag/app\":\"x\"}}}]}}]' WHERE name = 'retriever'; UPDATE secretsmanager_secret SET kms_key_id = '', tags = NULL",
            "secret-without-customer-key",
            Unknown,
        ),
        (
            "UPDATE iam_role SET inline_policies = '[{\"name\":\"p\",\"document\":{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"bedrock:Retrieve\",\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":\"secretsmanager:GetSecretValue\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"aws:ResourceTag/app\":\"x\"}}}]}}]' WHERE name = 'retriever'; UPDATE secretsmanager_secret SET kms_key_id = '', tags = '{\"app\":\"x\"}'",
            "secret-without-customer-key",
            Fail,
        ),
        // Which tags a parameter carries is not read.
        (
            "UPDATE iam_role SET inline_policies = '[{\"name\":\"p\",\"document\":{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"bedrock:Retrieve\",\"Resource\":\"*\"},{\"Effect\":\"Allow\",\"Action\":\"ssm:GetParameter\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{\"ssm:resourceTag/app\":\"x\"}}}]}}]' WHERE name = 'retriever'; UPDATE ssm_parameter SET name_tells_secret = 1",
            "secret-in-plain-parameter",
            Unknown,
        ),
        (
            "UPDATE bedrock_prompt SET secrets = '[\"github-token\"]'",
            "prompt-contains-secret",
            Fail,
        ),
        (
            "UPDATE bedrock_agent SET instruction_secrets = NULL",
            "prompt-contains-secret",
            Unknown,
        ),
    ]
}

fn operations() -> Vec<Case> {
    vec![
        (
            "UPDATE cloudwatch_alarm SET has_actions = 0 WHERE name = 'throttles'",
            "inference-alarm-missing",
            Fail,
        ),
        // An alarm is heard by the one that is made of it.
        (
            "UPDATE cloudwatch_alarm SET has_actions = 0 WHERE name = 'inference-fails'",
            "inference-alarm-missing",
            Fail,
        ),
        (
            "UPDATE cloudwatch_alarm SET has_actions = NULL WHERE name = 'throttles'",
            "inference-alarm-missing",
            Unknown,
        ),
        (
            "UPDATE cloudwatch_alarm SET metrics = NULL WHERE name = 'throttles'",
            "inference-alarm-missing",
            Unknown,
        ),
        (
            "DELETE FROM budget; DELETE FROM cost_anomaly_monitor",
            "cost-budget-missing",
            Fail,
        ),
        (
            "UPDATE budget SET notifications = 0; UPDATE cost_anomaly_monitor SET subscribers = 0",
            "cost-budget-missing",
            Fail,
        ),
        (
            "UPDATE budget SET services = '[\"Amazon Bedrock\"]'; DELETE FROM cost_anomaly_monitor",
            "cost-budget-missing",
            Pass,
        ),
        (
            "UPDATE budget SET linked_accounts = '[\"222222222222\"]'; DELETE FROM cost_anomaly_monitor",
            "cost-budget-missing",
            Fail,
        ),
        // The management account is out of sight.
        (
            "DELETE FROM budget; DELETE FROM cost_anomaly_monitor; UPDATE organization SET master_account_id = '999999999999'",
            "cost-budget-missing",
            Unknown,
        ),
        (
            "UPDATE sqs_queue SET dead_letter_queue_arn = '' WHERE name = 'ingestion'",
            "async-queue-unprotected",
            Fail,
        ),
        // A dead-letter queue needs none.
        (
            "UPDATE sqs_queue SET is_encrypted = 0 WHERE name = 'ingestion-failed'",
            "async-queue-unprotected",
            Pass,
        ),
        ("DELETE FROM sqs_queue", "async-queue-unprotected", Unknown),
        (
            "UPDATE lambda_event_source_mapping SET function_arn = 'arn:aws:lambda:eu-west-1:111111111111:function:billing'",
            "async-queue-unprotected",
            NotApplicable,
        ),
        (
            "UPDATE software_scanning SET inspects_functions = 0",
            "software-scanning-off",
            Fail,
        ),
        (
            "UPDATE software_scanning SET registry_scan = 'BASIC', inspects_images = 0, registry_scans_all = 0",
            "software-scanning-off",
            Pass,
        ),
        (
            "UPDATE software_scanning SET registry_scan = 'BASIC', inspects_images = 0, registry_scans_all = 0; UPDATE ecr_repository SET scan_on_push = 0",
            "software-scanning-off",
            Fail,
        ),
        // Which repositories the filters of enhanced scanning name is not compared.
        (
            "UPDATE software_scanning SET registry_scans_all = 0",
            "software-scanning-off",
            Unknown,
        ),
        (
            "UPDATE software_scanning SET inspects_functions = NULL",
            "software-scanning-off",
            Unknown,
        ),
        (
            "UPDATE bedrock_data_source SET last_complete_at = '2026-08-01T00:00:00Z'",
            "ingestion-stale",
            Fail,
        ),
        (
            "UPDATE bedrock_data_source SET last_complete_at = '', last_job_status = ''",
            "ingestion-stale",
            Fail,
        ),
        (
            "UPDATE bedrock_data_source SET documents_failed = 100",
            "ingestion-stale",
            Fail,
        ),
        (
            "UPDATE bedrock_data_source SET last_complete_at = NULL",
            "ingestion-stale",
            Unknown,
        ),
    ]
}

fn access() -> Vec<Case> {
    vec![
        (
            function!(
                r#"{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*"}"#
            ),
            "agent-function-open-to-invoke",
            Fail,
        ),
        (
            function!(
                r#"{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"111111111111"}}}"#
            ),
            "agent-function-open-to-invoke",
            Pass,
        ),
        (
            function!(
                r#"{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"*"}"#
            ),
            "agent-function-open-to-invoke",
            Fail,
        ),
        (
            function!(
                r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:role/jobs"},"Action":"lambda:InvokeFunction","Resource":"*"}"#
            ),
            "agent-function-open-to-invoke",
            Pass,
        ),
        // Agents of a stranger, and of anybody.
        (
            function!(
                r#"{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*","Condition":{"StringEquals":{"aws:SourceAccount":"444444444444"}}}"#
            ),
            "agent-function-open-to-invoke",
            Fail,
        ),
        (
            function!(
                r#"{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:bedrock:eu-west-1:*:agent/*"}}}"#
            ),
            "agent-function-open-to-invoke",
            Fail,
        ),
        (
            function!(
                r#"{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"*","Condition":{"StringLike":{"aws:SourceArn":"arn:aws:bedrock:eu-west-1:*"}}}"#
            ),
            "agent-function-open-to-invoke",
            Fail,
        ),
        (
            "UPDATE bedrock_agent_function SET policy = '{}'",
            "agent-function-open-to-invoke",
            Pass,
        ),
        (
            "UPDATE bedrock_agent_function SET policy = NULL",
            "agent-function-open-to-invoke",
            Unknown,
        ),
        (
            "UPDATE bedrock_agentcore_runtime SET policy = '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::999999999999:root\"},\"Action\":\"bedrock-agentcore:InvokeAgentRuntime\",\"Resource\":\"*\"}]}'",
            "bedrock-resource-policy-open",
            Fail,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET policy = '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"bedrock-agentcore:InvokeGateway\",\"Resource\":\"*\"}]}'",
            "bedrock-resource-policy-open",
            Fail,
        ),
        (
            "UPDATE bedrock_guardrail SET policy = NULL",
            "bedrock-resource-policy-open",
            Unknown,
        ),
        (
            "DELETE FROM log_subscription_filter; UPDATE s3_bucket SET replication = '[]'",
            "inference-log-unreadable-by-auditor",
            Fail,
        ),
        // What is too large for a log event is a part of the log.
        (
            "DELETE FROM log_subscription_filter; UPDATE bedrock_model_invocation_logging SET bucket_name = ''",
            "inference-log-unreadable-by-auditor",
            Fail,
        ),
        (
            "UPDATE log_subscription_filter SET pattern = 'ERROR'; UPDATE s3_bucket SET replication = '[]'",
            "inference-log-unreadable-by-auditor",
            Unknown,
        ),
        (
            "DELETE FROM log_subscription_filter; UPDATE s3_bucket SET replication = replace(replication, '\"status\"', '\"filtered\":true,\"status\"')",
            "inference-log-unreadable-by-auditor",
            Unknown,
        ),
        (
            "DELETE FROM log_subscription_filter",
            "inference-log-unreadable-by-auditor",
            Pass,
        ),
        // A stream of the own account leads on to where it is not followed.
        (
            "UPDATE log_subscription_filter SET destination_arn = 'arn:aws:firehose:eu-west-1:111111111111:deliverystream/logs'; UPDATE s3_bucket SET replication = '[]'",
            "inference-log-unreadable-by-auditor",
            Unknown,
        ),
        // A policy of the account that leaves the log group out.
        (
            "UPDATE log_subscription_filter SET log_group_name = 'LogGroupName NOT IN [\"/aws/bedrock/invocations\"]'; UPDATE s3_bucket SET replication = '[]'",
            "inference-log-unreadable-by-auditor",
            Fail,
        ),
        (
            "UPDATE s3_bucket SET replication = '[]'",
            "flagged-inference-not-kept-separately",
            Unknown,
        ),
        (
            "UPDATE s3_bucket SET replication = '[]'; DELETE FROM log_subscription_filter",
            "flagged-inference-not-kept-separately",
            Fail,
        ),
        (
            "UPDATE iam_role SET assume_role_policy = '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::888800001111:root\"},\"Action\":\"sts:AssumeRole\"}]}' WHERE name = 'audit'",
            "vendor-access-still-open",
            Fail,
        ),
        (
            "UPDATE kms_key SET grants = '[{\"id\":\"g\",\"name\":\"\",\"grantee_principal\":\"arn:aws:iam::888800001111:role/ops\",\"operations\":[\"Decrypt\"],\"context_equals\":{},\"context_subset\":{}}]' WHERE account_id = '222222222222'",
            "vendor-access-still-open",
            Fail,
        ),
        (
            "UPDATE kms_key SET policy = NULL WHERE account_id = '222222222222'",
            "vendor-access-still-open",
            Unknown,
        ),
        // Everyone under a condition that a role of the vendor fulfils.
        (
            "UPDATE iam_role SET assume_role_policy = '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"*\"},\"Action\":\"sts:AssumeRole\",\"Condition\":{\"ArnLike\":{\"aws:PrincipalArn\":\"arn:aws:iam::888800001111:role/ops\"}}}]}' WHERE name = 'audit'",
            "vendor-access-still-open",
            Fail,
        ),
        (
            "UPDATE bedrock_guardrail SET policy = '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::888800001111:role/ops\"},\"Action\":\"bedrock:ApplyGuardrail\",\"Resource\":\"*\"}]}'",
            "vendor-access-still-open",
            Fail,
        ),
        // A policy that is not understood may name the vendor by what it is made of.
        (
            "UPDATE bedrock_guardrail SET policy = '{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Perhaps\"}]}'",
            "vendor-access-still-open",
            Unknown,
        ),
        // An environment of another account that nobody looked at.
        (
            "UPDATE run SET info = replace(info, '\"kind\":\"data\",\"environment\":\"prod\"', '\"kind\":\"data\",\"environment\":\"staging\"'); UPDATE coverage SET status = 'denied' WHERE table_name = 'cloudwatch_log_group' AND account_id = '222222222222'",
            "key-shared-across-environments",
            Unknown,
        ),
        (
            "UPDATE iam_role SET inline_policies = '[]' WHERE name = 'audit'",
            "audit-role-cannot-read",
            Fail,
        ),
        (
            "UPDATE iam_role SET inline_policies = NULL WHERE name = 'audit'",
            "audit-role-cannot-read",
            Unknown,
        ),
        (
            "DELETE FROM iam_role WHERE name = 'audit'",
            "audit-role-cannot-read",
            Fail,
        ),
    ]
}

#[test]
fn one_fact_changed_in_the_sound_estate_gives_its_verdict() {
    let cases: Vec<Case> = [secrets(), operations(), access()].concat();
    let wrong = wrong(&cases);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
