//! The list of collectors.

use super::collect::Collector;
use super::{
    agentcore, apigateway, bedrock, bedrock_agent, cloudtrail, code, ec2, ecs, eks, iam, kms,
    lambda, logs, opensearch, organizations, resolver, s3, sagemaker, stepfunctions, stores,
    transit, vpc, vpc_endpoint, vpc_filter,
};
use crate::inventory::Span::{Global, Regional};

/// What is run in each account and Region.
pub const COLLECTORS: &[Collector] = &[
    Collector {
        tables: &[
            "organization",
            "organizations_account",
            "organizations_policy_target",
        ],
        span: Global,
        run: |place| Box::pin(organizations::live::collect(place)),
    },
    Collector {
        tables: &["iam_role", "iam_user", "iam_group", "iam_policy"],
        span: Global,
        run: |place| Box::pin(iam::live::collect(place)),
    },
    Collector {
        tables: &["iam_service_specific_credential"],
        span: Global,
        run: |place| Box::pin(iam::live::service_specific_credentials(place)),
    },
    Collector {
        tables: &["s3_bucket"],
        span: Global,
        run: |place| Box::pin(s3::live::collect(place)),
    },
    Collector {
        tables: &["vpc"],
        span: Regional,
        run: |place| Box::pin(vpc::live::vpcs(place)),
    },
    Collector {
        tables: &["vpc_subnet"],
        span: Regional,
        run: |place| Box::pin(vpc::live::subnets(place)),
    },
    Collector {
        tables: &["vpc_route_table"],
        span: Regional,
        run: |place| Box::pin(vpc::live::route_tables(place)),
    },
    Collector {
        tables: &["vpc_nat_gateway"],
        span: Regional,
        run: |place| Box::pin(vpc::live::nat_gateways(place)),
    },
    Collector {
        tables: &["vpc_security_group"],
        span: Regional,
        run: |place| Box::pin(vpc::live::security_groups(place)),
    },
    Collector {
        tables: &["vpc_dhcp_options"],
        span: Regional,
        run: |place| Box::pin(vpc::live::dhcp_options(place)),
    },
    Collector {
        tables: &["vpc_network_acl"],
        span: Regional,
        run: |place| Box::pin(vpc_filter::live::network_acls(place)),
    },
    Collector {
        tables: &["ec2_managed_prefix_list"],
        span: Regional,
        run: |place| Box::pin(vpc_filter::live::prefix_lists(place)),
    },
    Collector {
        tables: &["ec2_network_interface"],
        span: Regional,
        run: |place| Box::pin(vpc_filter::live::interfaces(place)),
    },
    Collector {
        tables: &["vpc_peering_connection"],
        span: Regional,
        run: |place| Box::pin(transit::live::peerings(place)),
    },
    Collector {
        tables: &["ec2_transit_gateway_attachment"],
        span: Regional,
        run: |place| Box::pin(transit::live::attachments(place)),
    },
    Collector {
        tables: &["ec2_transit_gateway_route_table"],
        span: Regional,
        run: |place| Box::pin(transit::live::route_tables(place)),
    },
    Collector {
        tables: &["route53_private_zone"],
        span: Global,
        run: |place| Box::pin(resolver::live::private_zones(place)),
    },
    Collector {
        tables: &["route53_resolver_rule"],
        span: Regional,
        run: |place| Box::pin(resolver::live::rules(place)),
    },
    Collector {
        tables: &["route53_resolver_rule_association"],
        span: Regional,
        run: |place| Box::pin(resolver::live::rule_associations(place)),
    },
    Collector {
        tables: &["route53_profile_association"],
        span: Regional,
        run: |place| Box::pin(resolver::live::profiles(place)),
    },
    Collector {
        tables: &["route53_firewall_rule_group"],
        span: Regional,
        run: |place| Box::pin(resolver::live::firewall_rule_groups(place)),
    },
    Collector {
        tables: &["route53_firewall_rule_group_association"],
        span: Regional,
        run: |place| Box::pin(resolver::live::firewall_associations(place)),
    },
    Collector {
        tables: &["vpc_flow_log"],
        span: Regional,
        run: |place| Box::pin(vpc::live::flow_logs(place)),
    },
    Collector {
        tables: &["vpc_block_public_access_options"],
        span: Regional,
        run: |place| Box::pin(vpc::live::block_public_access(place)),
    },
    Collector {
        tables: &["vpc_endpoint"],
        span: Regional,
        run: |place| Box::pin(vpc_endpoint::live::endpoints(place)),
    },
    Collector {
        tables: &["vpc_endpoint_service"],
        span: Regional,
        run: |place| Box::pin(vpc_endpoint::live::services(place)),
    },
    Collector {
        tables: &["kms_key"],
        span: Regional,
        run: |place| Box::pin(kms::live::keys(place)),
    },
    Collector {
        tables: &["kms_alias"],
        span: Regional,
        run: |place| Box::pin(kms::live::aliases(place)),
    },
    Collector {
        tables: &["cloudwatch_log_group"],
        span: Regional,
        run: |place| Box::pin(logs::live::collect(place)),
    },
    Collector {
        tables: &["lambda_function", "lambda_environment_variable"],
        span: Regional,
        run: |place| Box::pin(lambda::live::collect(place)),
    },
    Collector {
        tables: &["ec2_instance"],
        span: Regional,
        run: |place| Box::pin(ec2::live::instances(place)),
    },
    Collector {
        tables: &[
            "ecs_service",
            "ecs_task_set",
            "ecs_container_instance",
            "eventbridge_target",
            "ecs_task_definition",
            "ecs_environment_variable",
        ],
        span: Regional,
        run: |place| Box::pin(ecs::live::collect(place)),
    },
    Collector {
        tables: &[
            "eks_cluster",
            "eks_node_group",
            "eks_fargate_profile",
            "eks_pod_identity_association",
        ],
        span: Regional,
        run: |place| Box::pin(eks::live::collect(place)),
    },
    Collector {
        tables: &["sagemaker_notebook_instance"],
        span: Regional,
        run: |place| Box::pin(sagemaker::live::notebooks(place)),
    },
    Collector {
        tables: &["sagemaker_domain"],
        span: Regional,
        run: |place| Box::pin(sagemaker::live::domains(place)),
    },
    Collector {
        tables: &["sagemaker_user_profile"],
        span: Regional,
        run: |place| Box::pin(sagemaker::live::user_profiles(place)),
    },
    Collector {
        tables: &["sagemaker_model"],
        span: Regional,
        run: |place| Box::pin(sagemaker::live::models(place)),
    },
    Collector {
        tables: &["sagemaker_endpoint"],
        span: Regional,
        run: |place| Box::pin(sagemaker::live_endpoints::endpoints(place)),
    },
    Collector {
        tables: &["sagemaker_endpoint_configuration"],
        span: Regional,
        run: |place| Box::pin(sagemaker::live_endpoints::endpoint_configs(place)),
    },
    Collector {
        tables: &["sagemaker_job"],
        span: Regional,
        run: |place| Box::pin(sagemaker::live::jobs(place)),
    },
    Collector {
        tables: &["sfn_state_machine"],
        span: Regional,
        run: |place| Box::pin(stepfunctions::live::collect(place)),
    },
    Collector {
        tables: &["api_gateway_rest_api", "api_gateway_method"],
        span: Regional,
        run: |place| Box::pin(apigateway::live::collect(place)),
    },
    Collector {
        tables: &["bedrock_model_invocation_logging"],
        span: Regional,
        run: |place| Box::pin(bedrock::live::collect(place)),
    },
    Collector {
        tables: &["bedrock_inference_profile"],
        span: Regional,
        run: |place| Box::pin(bedrock::live::inference_profiles(place)),
    },
    Collector {
        tables: &["bedrock_agent"],
        span: Regional,
        run: |place| Box::pin(bedrock_agent::live::agents(place)),
    },
    Collector {
        tables: &["bedrock_knowledge_base", "bedrock_data_source"],
        span: Regional,
        run: |place| Box::pin(bedrock_agent::live::knowledge_bases(place)),
    },
    Collector {
        tables: &["bedrock_flow"],
        span: Regional,
        run: |place| Box::pin(bedrock_agent::live::flows(place)),
    },
    Collector {
        tables: &["bedrock_agentcore_runtime"],
        span: Regional,
        run: |place| Box::pin(agentcore::live::runtimes(place)),
    },
    Collector {
        tables: &["bedrock_prompt"],
        span: Regional,
        run: |place| Box::pin(bedrock_agent::live::prompts(place)),
    },
    Collector {
        tables: &["bedrock_guardrail"],
        span: Regional,
        run: |place| Box::pin(bedrock::live::guardrails(place)),
    },
    Collector {
        tables: &[
            "bedrock_agentcore_gateway",
            "bedrock_agentcore_gateway_target",
        ],
        span: Regional,
        run: |place| Box::pin(agentcore::live::gateways(place)),
    },
    Collector {
        tables: &["bedrock_agentcore_memory"],
        span: Regional,
        run: |place| Box::pin(agentcore::live::memories(place)),
    },
    Collector {
        tables: &["cloudtrail_bedrock_call", "cloudtrail_window"],
        span: Regional,
        run: |place| Box::pin(cloudtrail::live::observe(place)),
    },
    Collector {
        tables: &["cloudtrail_trail"],
        span: Regional,
        run: |place| Box::pin(cloudtrail::live::collect(place)),
    },
    Collector {
        tables: &["aoss_collection"],
        span: Regional,
        run: |place| Box::pin(opensearch::live::collections(place)),
    },
    Collector {
        tables: &["aoss_network_policy"],
        span: Regional,
        run: |place| Box::pin(opensearch::live::network_policies(place)),
    },
    Collector {
        tables: &["aoss_vpc_endpoint"],
        span: Regional,
        run: |place| Box::pin(opensearch::live::vpc_endpoints(place)),
    },
    Collector {
        tables: &["aoss_access_policy"],
        span: Regional,
        run: |place| Box::pin(opensearch::live::access_policies(place)),
    },
    Collector {
        tables: &["opensearch_domain"],
        span: Regional,
        run: |place| Box::pin(opensearch::live::domains(place)),
    },
    Collector {
        tables: &["rds_db_instance"],
        span: Regional,
        run: |place| Box::pin(stores::live::instances(place)),
    },
    Collector {
        tables: &["neptune_graph"],
        span: Regional,
        run: |place| Box::pin(stores::live::graphs(place)),
    },
    Collector {
        tables: &["codepipeline_pipeline"],
        span: Regional,
        run: |place| Box::pin(code::live::pipelines(place)),
    },
    Collector {
        tables: &["codebuild_project"],
        span: Regional,
        run: |place| Box::pin(code::live::projects(place)),
    },
];
