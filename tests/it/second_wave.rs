//! The same as the first wave, for the rules that came after it: one fact changed in the sound estate, and the verdict that follows.

use crate::first_wave::{Case, wrong};
use outcrop::model::Verdict::{Fail, NotApplicable, Pass, Unknown};

/// Who may call by a global profile, with one policy alone.
macro_rules! global {
    ($statements:literal) => {
        concat!(
            "INSERT INTO bedrock_inference_profile (account_id, region, arn, id, type, status, model_arns) VALUES ('111111111111', 'eu-west-1', 'arn:aws:bedrock:eu-west-1:111111111111:inference-profile/global.m', 'global.m', 'SYSTEM_DEFINED', 'ACTIVE', '[\"arn:aws:bedrock:eu-west-1::foundation-model/m\",\"arn:aws:bedrock:::foundation-model/m\"]'); ",
            "UPDATE iam_role SET attached_policy_arns = '[]', permissions_boundary_arn = '', inline_policies = '[{\"name\":\"p\",\"document\":{\"Version\":\"2012-10-17\",\"Statement\":[",
            $statements,
            "]}}]' WHERE name = 'chat-api'; DELETE FROM organizations_policy_target"
        )
    };
}

/// A bucket of documents with one more statement.
macro_rules! bucket {
    ($statements:literal) => {
        concat!(
            "UPDATE s3_bucket SET policy = '{\"Version\":\"2012-10-17\",\"Statement\":[",
            $statements,
            "]}' WHERE name = 'ai-data-documents'"
        )
    };
}

fn cases() -> Vec<Case> {
    vec![
        // A Deny of plain transport covers everyone, everything, the bucket and its objects.
        (
            bucket!(
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::ai-data-documents","arn:aws:s3:::ai-data-documents/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#
            ),
            "plain-transport-allowed",
            Pass,
        ),
        (
            bucket!(
                r#"{"Effect":"Deny","Principal":"*","Action":["s3:GetObject","s3:PutObject","s3:ListBucket"],"Resource":["arn:aws:s3:::ai-data-documents","arn:aws:s3:::ai-data-documents/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#
            ),
            "plain-transport-allowed",
            Fail,
        ),
        (
            bucket!(
                r#"{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::ai-data-documents/*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#
            ),
            "plain-transport-allowed",
            Fail,
        ),
        (
            bucket!(
                r#"{"Effect":"Deny","NotPrincipal":{"AWS":"arn:aws:iam::222222222222:role/reader"},"Action":"s3:*","Resource":["arn:aws:s3:::ai-data-documents","arn:aws:s3:::ai-data-documents/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#
            ),
            "plain-transport-allowed",
            Fail,
        ),
        (
            bucket!(
                r#"{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::ai-data-documents/*"},{"Effect":"Deny","Principal":{"AWS":"arn:aws:iam::222222222222:root"},"Action":"s3:*","Resource":["arn:aws:s3:::ai-data-documents","arn:aws:s3:::ai-data-documents/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}"#
            ),
            "plain-transport-allowed",
            Fail,
        ),
        (
            "UPDATE s3_bucket SET policy = NULL",
            "plain-transport-allowed",
            Unknown,
        ),
        // Keys, those of the account of the documents too.
        (
            "UPDATE kms_key SET rotation = 'off', rotation_days = 0 WHERE account_id = '222222222222'",
            "key-not-rotated",
            Fail,
        ),
        (
            "UPDATE kms_key SET rotation_days = 2560",
            "key-not-rotated",
            Fail,
        ),
        (
            "UPDATE kms_key SET rotation = NULL",
            "key-not-rotated",
            Unknown,
        ),
        (
            "UPDATE kms_key SET rotation = 'impossible', rotation_days = 0",
            "key-not-rotated",
            NotApplicable,
        ),
        (
            "UPDATE kms_key SET region_names = '[\"eu-west-1\",\"ap-southeast-2\"]' WHERE account_id = '222222222222'",
            "key-leaves-geography",
            Fail,
        ),
        (
            "UPDATE kms_key SET region_names = NULL",
            "key-leaves-geography",
            Unknown,
        ),
        // Buckets, stores and sources.
        (
            "UPDATE s3_bucket SET versioning = 'Suspended'",
            "corpus-bucket-not-versioned",
            Fail,
        ),
        (
            "UPDATE s3_bucket SET versioning = NULL",
            "corpus-bucket-not-versioned",
            Unknown,
        ),
        (
            "UPDATE s3_bucket SET region_name = 'us-east-1'",
            "inference-region-differs-from-data",
            Fail,
        ),
        (
            "UPDATE bedrock_knowledge_base SET storage_type = 'PINECONE', storage_id = 'x.pinecone.io'",
            "knowledge-base-uses-saas-vector-store",
            Fail,
        ),
        (
            "UPDATE bedrock_knowledge_base SET storage_type = 'MONGO_DB_ATLAS', endpoint_service = 'com.amazonaws.vpce.eu-west-1.vpce-svc-0a'",
            "knowledge-base-uses-saas-vector-store",
            Pass,
        ),
        (
            "UPDATE bedrock_knowledge_base SET storage_type = 'MONGO_DB_ATLAS', endpoint_service = NULL",
            "knowledge-base-uses-saas-vector-store",
            Unknown,
        ),
        (
            "UPDATE bedrock_data_source SET type = 'WEB', crawl_scope = 'SUBDOMAINS'",
            "data-source-too-open",
            Fail,
        ),
        (
            "UPDATE bedrock_data_source SET type = 'CONFLUENCE', auth_type = 'BASIC'",
            "data-source-too-open",
            Fail,
        ),
        (
            "UPDATE bedrock_data_source SET type = 'MANAGED_KNOWLEDGE_BASE_CONNECTOR', connector_buckets = '[]'",
            "data-source-too-open",
            Unknown,
        ),
        // The version that is in use, and no other.
        (
            "UPDATE bedrock_guardrail SET versions = replace(versions, '\"attack_blocks\":true', '\"attack_blocks\":false')",
            "guardrail-prompt-attack-not-blocked",
            Fail,
        ),
        (
            "UPDATE bedrock_agent SET served_versions = replace(served_versions, '\"guardrail_version\":\"2\"', '\"guardrail_version\":\"1\"')",
            "guardrail-prompt-attack-not-blocked",
            Unknown,
        ),
        (
            "DELETE FROM bedrock_guardrail",
            "guardrail-sensitive-data-not-masked",
            Unknown,
        ),
        (
            "UPDATE bedrock_guardrail SET versions = NULL",
            "guardrail-sensitive-data-not-masked",
            Unknown,
        ),
        (
            "UPDATE bedrock_guardrail SET versions = replace(versions, 'ANONYMIZE', 'NONE')",
            "guardrail-sensitive-data-not-masked",
            Fail,
        ),
        // AgentCore.
        (
            "UPDATE bedrock_agentcore_gateway SET token_limits = '[]'",
            "agentcore-gateway-too-open",
            Fail,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET waf_failure_mode = 'FAIL_OPEN'",
            "agentcore-gateway-too-open",
            Pass,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET waf_failure_mode = 'FAIL_OPEN', web_acl_arn = 'arn:aws:wafv2:eu-west-1:111111111111:regional/webacl/x/1'",
            "agentcore-gateway-too-open",
            Fail,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET waf_failure_mode = 'FAIL_OPEN', web_acl_arn = NULL",
            "agentcore-gateway-too-open",
            Unknown,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET policy_engine_mode = 'LOG_ONLY'",
            "agentcore-policy-engine-not-enforcing",
            Fail,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET policy_engine_mode = ''",
            "agentcore-policy-engine-not-enforcing",
            NotApplicable,
        ),
        (
            "UPDATE bedrock_agentcore_browser SET is_recorded = 0",
            "agentcore-browser-not-recorded",
            Fail,
        ),
        (
            "UPDATE bedrock_agentcore_memory SET kms_key_id = ''",
            "agentcore-store-without-customer-key",
            Fail,
        ),
        (
            "UPDATE bedrock_agent SET kms_key_id = ''",
            "bedrock-resource-without-customer-key",
            Fail,
        ),
        (
            "UPDATE bedrock_flow SET kms_key_id = NULL",
            "bedrock-resource-without-customer-key",
            Unknown,
        ),
        // Where calls may run.
        (
            global!(
                r#"{"Effect":"Allow","Action":"bedrock:InvokeModelWithResponseStream","Resource":"*"}"#
            ),
            "global-inference-not-denied",
            Fail,
        ),
        (
            global!(
                r#"{"Effect":"Allow","Action":"bedrock:InvokeModel*","Resource":"*"},{"Effect":"Deny","Action":"bedrock:InvokeModel","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"unspecified"}}}"#
            ),
            "global-inference-not-denied",
            Fail,
        ),
        (
            global!(
                r#"{"Effect":"Allow","Action":"bedrock:InvokeModel*","Resource":"*"},{"Effect":"Deny","Action":"bedrock:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}}"#
            ),
            "global-inference-not-denied",
            Pass,
        ),
        (
            "UPDATE vpc_subnet SET availability_zone_id = 'euw1-az3' WHERE subnet_id = 'subnet-app-a'; UPDATE vpc_subnet SET availability_zone_id = NULL WHERE subnet_id = 'subnet-app-b'",
            "endpoint-outside-approved-zones",
            Fail,
        ),
        (
            "UPDATE vpc_subnet SET availability_zone_id = NULL",
            "endpoint-outside-approved-zones",
            Unknown,
        ),
        (
            "UPDATE organization SET master_account_id = '111111111111'",
            "genai-in-management-account",
            Fail,
        ),
        (
            "UPDATE organization SET master_account_id = NULL",
            "genai-in-management-account",
            Unknown,
        ),
        // Log groups and drafts.
        (
            "UPDATE cloudwatch_log_group SET masking = 'audited'",
            "inference-log-unmasked",
            Fail,
        ),
        (
            "UPDATE cloudwatch_log_group SET masking = 'inherited'",
            "inference-log-unmasked",
            Pass,
        ),
        (
            "UPDATE cloudwatch_log_group SET takes_bearer_tokens = 1",
            "log-group-open-to-bearer-token",
            Fail,
        ),
        (
            "UPDATE bedrock_agent SET served_versions = replace(served_versions, '\"version\":\"3\"', '\"version\":\"DRAFT\"')",
            "draft-version-in-production",
            Fail,
        ),
        (
            "UPDATE bedrock_agent SET served_versions = replace(replace(served_versions, '\"version\":\"3\"', '\"version\":\"DRAFT\"'), 'live', 'AgentTestAlias')",
            "draft-version-in-production",
            NotApplicable,
        ),
    ]
}

#[test]
fn one_fact_changed_in_the_sound_estate_gives_its_verdict() {
    let wrong = wrong(&cases());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
