//! One fact changed in the sound estate, and the verdict that has to follow: a fault fails, a fact taken away is unknown, and what
//! does not matter changes nothing.

use crate::law::judged;
use outcrop::model::Verdict::{self, Fail, NotApplicable, Pass, Unknown};

/// The change, the rule, and the worst verdict of the rule.
pub type Case = (&'static str, &'static str, Verdict);

fn cases() -> Vec<Case> {
    vec![
        // Trails.
        (
            "UPDATE cloudtrail_trail SET is_logging = 0",
            "inference-not-in-trail",
            Fail,
        ),
        (
            "UPDATE cloudtrail_trail SET delivery_error = 'NoSuchBucket'",
            "inference-not-in-trail",
            Fail,
        ),
        (
            "UPDATE cloudtrail_trail SET is_logging = NULL",
            "inference-not-in-trail",
            Unknown,
        ),
        (
            "DELETE FROM cloudtrail_trail",
            "inference-not-in-trail",
            Fail,
        ),
        (
            "DELETE FROM cloudtrail_trail",
            "trail-excludes-kms",
            NotApplicable,
        ),
        // One row of the organisation's trail that tells is enough; members may not be let in.
        (
            "UPDATE cloudtrail_trail SET is_logging = NULL, selectors = NULL WHERE account_id <> '333333333333'",
            "inference-not-in-trail",
            Pass,
        ),
        (
            r#"UPDATE cloudtrail_trail SET selectors = '[{"category":"Management","read_write":"WriteOnly","sources":[],"excluded_sources":[],"resource_types":[],"narrowed":false}]'"#,
            "inference-not-in-trail",
            Fail,
        ),
        (
            r#"UPDATE cloudtrail_trail SET selectors = '[{"category":"Management","read_write":"All","sources":[],"excluded_sources":["kms.amazonaws.com"],"resource_types":[],"narrowed":false}]'"#,
            "trail-excludes-kms",
            Fail,
        ),
        (
            r#"UPDATE cloudtrail_trail SET selectors = '[{"category":"Management","read_write":"All","sources":[],"excluded_sources":["bedrock*"],"resource_types":[],"narrowed":false}]'"#,
            "inference-not-in-trail",
            Fail,
        ),
        (
            r#"UPDATE cloudtrail_trail SET selectors = '[{"category":"Management","read_write":"All","sources":[],"excluded_sources":[],"resource_types":[],"narrowed":false}]'"#,
            "trail-misses-genai-events",
            Fail,
        ),
        // An event data store keeps them as well.
        (
            "UPDATE cloudtrail_trail SET is_logging = 0; UPDATE cloudtrail_event_data_store SET account_id = '111111111111'",
            "inference-not-in-trail",
            Pass,
        ),
        // Invocation logging.
        (
            "UPDATE bedrock_model_invocation_logging SET log_group_name = '', bucket_name = '', large_data_bucket_name = ''",
            "inference-logging-off",
            Fail,
        ),
        (
            "DELETE FROM cloudwatch_log_group WHERE name = '/aws/bedrock/invocations'",
            "inference-log-destination-broken",
            Fail,
        ),
        (
            "DELETE FROM cloudwatch_log_group WHERE name = '/aws/bedrock/invocations'",
            "inference-log-group-kept-forever",
            Fail,
        ),
        (
            "DELETE FROM iam_role WHERE name = 'invocation-logs'",
            "inference-log-destination-broken",
            Fail,
        ),
        (
            "UPDATE iam_role SET inline_policies = '[]' WHERE name = 'invocation-logs'",
            "inference-log-destination-broken",
            Fail,
        ),
        (
            "UPDATE s3_bucket SET policy = '{}' WHERE name = 'ai-prod-large-prompts'",
            "inference-log-destination-broken",
            Fail,
        ),
        (
            "UPDATE s3_bucket SET region_name = 'us-east-1' WHERE name = 'ai-prod-large-prompts'",
            "inference-log-destination-broken",
            Fail,
        ),
        (
            "UPDATE s3_bucket SET policy = NULL WHERE name = 'ai-prod-large-prompts'",
            "inference-log-destination-broken",
            Unknown,
        ),
        (
            "UPDATE kms_key SET key_state = 'Disabled' WHERE id = 'prompts'",
            "inference-log-destination-broken",
            Fail,
        ),
        (
            "UPDATE bedrock_model_invocation_logging SET text_delivery = 0",
            "inference-logging-omits-content",
            Fail,
        ),
        (
            "UPDATE bedrock_model_invocation_logging SET bucket_name = '', large_data_bucket_name = ''",
            "inference-logging-omits-content",
            Fail,
        ),
        (
            "UPDATE bedrock_model_invocation_logging SET video_delivery = NULL",
            "inference-logging-omits-content",
            Pass,
        ),
        // Flow logs.
        (
            "UPDATE vpc_flow_log SET traffic_type = 'REJECT'",
            "flow-logs-missing",
            Fail,
        ),
        (
            "UPDATE vpc_flow_log SET deliver_status = 'FAILED'",
            "flow-logs-missing",
            Fail,
        ),
        (
            "UPDATE vpc_flow_log SET log_format = '${srcaddr} ${dstport}'",
            "flow-logs-missing",
            Fail,
        ),
        (
            "UPDATE vpc_flow_log SET log_format = '${srcaddr} ${pkt-dstaddr}'",
            "flow-logs-missing",
            Pass,
        ),
        (
            "UPDATE vpc_flow_log SET status = NULL",
            "flow-logs-missing",
            Unknown,
        ),
        // Keys.
        (
            "UPDATE kms_key SET key_state = 'PendingDeletion', deletion_date = '2026-12-01T00:00:00Z' WHERE id = 'documents'",
            "key-unusable",
            Fail,
        ),
        (
            "DELETE FROM kms_key WHERE id = 'documents'",
            "key-unusable",
            Fail,
        ),
        (
            "UPDATE kms_key SET key_state = NULL WHERE id = 'documents'",
            "key-unusable",
            Unknown,
        ),
        // Buckets of the corpus.
        (
            r#"UPDATE s3_bucket SET policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::ai-data-documents/*"}]}', public_access_block = '[]'; UPDATE s3_account_public_access_block SET settings = '[]'"#,
            "corpus-bucket-public",
            Fail,
        ),
        // The account's block stands over the bucket's.
        (
            r#"UPDATE s3_bucket SET policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::ai-data-documents/*"}]}', public_access_block = '[]'"#,
            "corpus-bucket-public",
            Pass,
        ),
        (
            r#"UPDATE s3_bucket SET acl_grants = '[{"grantee":"http://acs.amazonaws.com/groups/global/AllUsers","permission":"READ"}]', public_access_block = '[]', object_ownership = 'ObjectWriter'; UPDATE s3_account_public_access_block SET settings = '[]'"#,
            "corpus-bucket-public",
            Fail,
        ),
        // Where access control lists are off they grant nothing.
        (
            r#"UPDATE s3_bucket SET acl_grants = '[{"grantee":"http://acs.amazonaws.com/groups/global/AllUsers","permission":"READ"}]', public_access_block = '[]'; UPDATE s3_account_public_access_block SET settings = '[]'"#,
            "corpus-bucket-public",
            Pass,
        ),
        (
            "UPDATE s3_bucket SET acl_grants = NULL, public_access_block = '[]', object_ownership = 'ObjectWriter'; UPDATE s3_account_public_access_block SET settings = '[]'",
            "corpus-bucket-public",
            Unknown,
        ),
        (
            "UPDATE s3_bucket SET policy = NULL, public_access_block = NULL; UPDATE s3_account_public_access_block SET settings = '[]'",
            "corpus-bucket-public",
            Unknown,
        ),
        (
            r#"UPDATE s3_bucket SET policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::ai-data-documents/*"}]}' WHERE name = 'ai-data-documents'"#,
            "corpus-bucket-shared-too-widely",
            Fail,
        ),
        (
            r#"UPDATE s3_bucket SET policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::555555555555:role/vendor"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::ai-data-documents/*"}]}' WHERE name = 'ai-data-documents'"#,
            "corpus-bucket-shared-too-widely",
            Fail,
        ),
        (
            r#"UPDATE s3_bucket SET policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"bedrock.amazonaws.com"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::ai-data-documents/*"}]}' WHERE name = 'ai-data-documents'"#,
            "corpus-bucket-shared-too-widely",
            Fail,
        ),
        (
            r#"UPDATE s3_bucket SET replication = '[{"bucket":"elsewhere","account":"555555555555","status":"Enabled"}]' WHERE name = 'ai-data-documents'"#,
            "corpus-bucket-shared-too-widely",
            Fail,
        ),
        (
            "UPDATE s3_bucket SET kms_key_id = '' WHERE name = 'ai-data-documents'",
            "corpus-bucket-without-customer-key",
            Fail,
        ),
        // Indexes.
        (
            "UPDATE aoss_collection SET kms_key_arn = 'auto'",
            "vector-index-without-customer-key",
            Fail,
        ),
        (
            "UPDATE aoss_collection SET kms_key_arn = NULL",
            "vector-index-without-customer-key",
            Unknown,
        ),
        (
            r#"UPDATE aoss_access_policy SET policy = '[{"Rules":[{"ResourceType":"index","Resource":["index/*/*"],"Permission":["aoss:*"]}],"Principal":[]}]'"#,
            "vector-data-policy-too-broad",
            Fail,
        ),
        (
            r#"UPDATE aoss_access_policy SET policy = '[{"Rules":[{"ResourceType":"index","Resource":["index/manuals/*"],"Permission":["aoss:ReadDocument"]}],"Principal":["saml/111111111111/people/group/everyone"]}]'"#,
            "vector-data-policy-too-broad",
            Fail,
        ),
        // A policy about another collection says nothing of this one.
        (
            r#"UPDATE aoss_access_policy SET policy = '[{"Rules":[{"ResourceType":"index","Resource":["index/other/*"],"Permission":["aoss:*"]}],"Principal":["arn:aws:iam::111111111111:user/x"]}]'"#,
            "vector-data-policy-too-broad",
            Pass,
        ),
        // Buckets of another account: their own policies decide too, and none is named.
        (
            r#"UPDATE iam_role SET inline_policies = '[{"name":"p","document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::*/*","Condition":{"StringEquals":{"aws:ResourceAccount":"222222222222"}}}]}}]' WHERE name = 'agent-manuals'"#,
            "knowledge-base-role-too-broad",
            Unknown,
        ),
        // Doors.
        (
            r#"UPDATE lambda_function_url SET auth_type = 'NONE', policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"*","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}]}'"#,
            "model-facing-endpoint-unauthenticated",
            Fail,
        ),
        // Nobody is let in by a policy that is not there.
        (
            "UPDATE lambda_function_url SET auth_type = 'NONE'",
            "model-facing-endpoint-unauthenticated",
            Pass,
        ),
        (
            "UPDATE lambda_function_url SET auth_type = 'NONE', policy = NULL",
            "model-facing-endpoint-unauthenticated",
            Unknown,
        ),
        (
            "UPDATE api_gateway_route SET authorization_type = 'NONE'; UPDATE api_gateway_rest_api SET policy = '{}'",
            "model-facing-endpoint-unauthenticated",
            Fail,
        ),
        (
            "UPDATE api_gateway_route SET authorization_type = 'NONE'; UPDATE api_gateway_rest_api SET policy = '{}', endpoint_types = '[\"PRIVATE\"]'",
            "model-facing-endpoint-unauthenticated",
            Pass,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET authorizer_type = 'AUTHENTICATE_ONLY', policy_engine_mode = ''",
            "agentcore-gateway-unauthenticated",
            Fail,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET authorizer_type = 'AUTHENTICATE_ONLY', policy_engine_mode = 'ENFORCE'",
            "agentcore-gateway-unauthenticated",
            Pass,
        ),
        (
            "UPDATE bedrock_agentcore_gateway SET authorizer_type = 'NONE', interception_points = '[\"REQUEST\"]'",
            "agentcore-gateway-unauthenticated",
            Fail,
        ),
        (
            r#"UPDATE iam_user SET groups = '[]', inline_policies = '[{"name":"p","document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"bedrock:InvokeModel","Resource":"*"}]}}]' WHERE name = 'auditor'"#,
            "access-key-reaches-genai",
            Fail,
        ),
        (
            r#"UPDATE iam_user SET groups = '[]', inline_policies = '[{"name":"p","document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::ai-data-*"}]}}]' WHERE name = 'auditor'"#,
            "access-key-reaches-genai",
            Fail,
        ),
        (
            "UPDATE iam_access_key SET status = NULL",
            "access-key-reaches-genai",
            Pass,
        ),
        (
            "UPDATE cloudtrail_bedrock_call SET way = 'public' WHERE principal_kind = 'user'",
            "bedrock-calls-observed-with-key",
            Fail,
        ),
        // Guardrails.
        (
            "DELETE FROM bedrock_enforced_guardrail",
            "inference-guardrail-not-enforced",
            Fail,
        ),
        (
            "UPDATE bedrock_enforced_guardrail SET is_selective = 1",
            "inference-guardrail-not-enforced",
            Fail,
        ),
        (
            r#"DELETE FROM bedrock_enforced_guardrail; UPDATE organization SET bedrock_policy = '{"bedrock":{"guardrail_inference":{"eu-west-1":{"all":{"identifier":"arn:aws:bedrock:eu-west-1:333333333333:guardrail/g:1"}}}}}'"#,
            "inference-guardrail-not-enforced",
            Pass,
        ),
        (
            r#"DELETE FROM bedrock_enforced_guardrail; UPDATE organization SET bedrock_policy = '{"bedrock":{"guardrail_inference":{"eu-west-1":{"all":{"identifier":"arn:aws:bedrock:eu-west-1:333333333333:guardrail/g:1","input_tags":"honor"}}}}}'"#,
            "inference-guardrail-not-enforced",
            Fail,
        ),
        (
            "UPDATE organization SET bedrock_policy = NULL; DELETE FROM bedrock_enforced_guardrail",
            "agent-version-without-guardrail",
            Pass,
        ),
        (
            r#"DELETE FROM bedrock_enforced_guardrail; UPDATE bedrock_agent SET served_versions = '[{"alias":"live","version":"1","guardrail":"","guardrail_version":""}]'"#,
            "agent-version-without-guardrail",
            Fail,
        ),
        (
            "UPDATE bedrock_data_retention SET mode = 'aws_review'",
            "prompts-retained-or-shared",
            Fail,
        ),
        (
            "UPDATE bedrock_data_retention SET mode = NULL",
            "prompts-retained-or-shared",
            Unknown,
        ),
        // A copy elsewhere is enough, whatever is kept at home.
        (
            "INSERT INTO cloudtrail_trail (account_id, region, arn, name, bucket_name, is_organization_trail, is_multi_region, is_logging, delivery_error) VALUES ('111111111111', 'eu-west-1', 'arn:aws:cloudtrail:eu-west-1:111111111111:trail/own', 'own', 'ai-prod-large-prompts', 0, 0, 1, '')",
            "all-functions-in-one-account",
            Pass,
        ),
        // A role of another company.
        (
            r#"UPDATE iam_role SET assume_role_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::555555555555:role/vendor"},"Action":"sts:AssumeRole"}]}' WHERE name = 'summarizer'"#,
            "role-trust-without-condition",
            Fail,
        ),
        (
            r#"UPDATE iam_role SET assume_role_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::555555555555:role/vendor"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}}]}' WHERE name = 'summarizer'"#,
            "role-trust-without-condition",
            Pass,
        ),
        // What stays within AWS, and what does not.
        (
            r#"UPDATE iam_role SET inline_policies = '[{"name":"p","document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["bedrock:InvokeModel","bedrock-websearch:InvokeSearch"],"Resource":"*"}]}}]' WHERE name = 'summarizer'"#,
            "prompts-leave-aws",
            Pass,
        ),
        (
            r#"UPDATE iam_role SET inline_policies = '[{"name":"p","document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["bedrock:InvokeModel","aws-external-anthropic:CreateInference"],"Resource":"*"}]}}]' WHERE name = 'summarizer'"#,
            "prompts-leave-aws",
            Fail,
        ),
        // IAM Roles Anywhere needs a trust anchor; whether anybody may sign up to an identity pool is not read.
        (
            r#"UPDATE iam_role SET assume_role_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}' WHERE name = 'summarizer'"#,
            "role-trust-without-condition",
            Fail,
        ),
        (
            r#"UPDATE iam_role SET assume_role_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"rolesanywhere.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"ArnEquals":{"aws:SourceArn":"arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/a-1"}}}]}' WHERE name = 'summarizer'"#,
            "role-trust-without-condition",
            Pass,
        ),
        (
            r#"UPDATE iam_role SET assume_role_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity"}]}' WHERE name = 'summarizer'"#,
            "role-trust-without-condition",
            Fail,
        ),
        (
            r#"UPDATE iam_role SET assume_role_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"eu-west-1:pool"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"unauthenticated"}}}]}' WHERE name = 'summarizer'"#,
            "role-trust-without-condition",
            Fail,
        ),
        (
            r#"UPDATE iam_role SET assume_role_policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:aud":"eu-west-1:pool"},"ForAnyValue:StringLike":{"cognito-identity.amazonaws.com:amr":"authenticated"}}}]}' WHERE name = 'summarizer'"#,
            "role-trust-without-condition",
            Unknown,
        ),
        // A tag that contradicts the declared environment stands.
        (
            r#"UPDATE lambda_function SET tags = '{"Environment":"dev"}' WHERE name = 'retriever'"#,
            "environments-share-account",
            Fail,
        ),
        (
            r#"UPDATE lambda_function SET tags = '{"Environment":"Production"}' WHERE name = 'retriever'"#,
            "environments-share-account",
            Pass,
        ),
        // Words that nobody heard of are no verdict.
        (
            "UPDATE api_gateway_route SET authorization_type = 'UNHEARD', function_arn = 'arn:aws:lambda:eu-west-1:111111111111:function:chat-api'",
            "model-facing-endpoint-unauthenticated",
            Unknown,
        ),
        (
            "UPDATE bedrock_agent SET served_versions = '[{}]'",
            "agent-version-without-guardrail",
            Unknown,
        ),
    ]
}

/// What came out otherwise.
pub fn wrong(cases: &[Case]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (change, rule, wanted) in cases {
        let outcome = judged("sound", |store| {
            store.conn.execute_batch(change).expect(change);
        });
        let found: Vec<Verdict> = outcome
            .results
            .iter()
            .filter(|result| result.rule == *rule)
            .map(|result| result.verdict)
            .collect();
        let worst = [Fail, Unknown, Pass, NotApplicable]
            .into_iter()
            .find(|verdict| found.contains(verdict));
        if worst != Some(*wanted) {
            wrong.push(format!(
                "{rule}: {worst:?} and not {wanted:?} after {change}"
            ));
        }
    }
    wrong
}

#[test]
fn one_fact_changed_in_the_sound_estate_gives_its_verdict() {
    let wrong = wrong(&cases());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
