//! The ids, names and ARNs of what a file declares: real where the file tells, predicted where AWS makes them
//! of names, and the address as a symbol where only AWS knows. A symbol equals itself alone.

use super::{Declared, Later, Node, Told};

/// Kinds whose ARN is made of their name: (types, argument, service, what stands before the name).
const NAMED: &[(&[&str], &str, &str, &str)] = &[
    (
        &["aws_iam_role", "AWS::IAM::Role"],
        "name|role_name",
        "iam",
        "role",
    ),
    (
        &["aws_iam_user", "AWS::IAM::User"],
        "name|user_name",
        "iam",
        "user",
    ),
    (
        &["aws_iam_group", "AWS::IAM::Group"],
        "name|group_name",
        "iam",
        "group",
    ),
    (
        &["aws_iam_policy", "AWS::IAM::ManagedPolicy"],
        "name|managed_policy_name",
        "iam",
        "policy",
    ),
    (
        &["aws_iam_instance_profile", "AWS::IAM::InstanceProfile"],
        "name|instance_profile_name",
        "iam",
        "instance-profile",
    ),
    (
        &[
            "aws_lambda_function",
            "AWS::Lambda::Function",
            "AWS::Serverless::Function",
        ],
        "function_name",
        "lambda",
        "function:",
    ),
    (
        &["aws_cloudwatch_log_group", "AWS::Logs::LogGroup"],
        "name|log_group_name",
        "logs",
        "log-group:",
    ),
    (
        &["aws_ecs_cluster", "AWS::ECS::Cluster"],
        "name|cluster_name",
        "ecs",
        "cluster/",
    ),
    (
        &["aws_ecs_service", "AWS::ECS::Service"],
        "name|service_name",
        "ecs",
        "service/",
    ),
    (
        &["aws_ecs_task_definition", "AWS::ECS::TaskDefinition"],
        "family",
        "ecs",
        "task-definition/",
    ),
    (
        &["aws_codebuild_project", "AWS::CodeBuild::Project"],
        "name",
        "codebuild",
        "project/",
    ),
    (
        &["aws_codepipeline", "AWS::CodePipeline::Pipeline"],
        "name",
        "codepipeline",
        "",
    ),
    (
        &["aws_cloudtrail", "AWS::CloudTrail::Trail"],
        "name|trail_name",
        "cloudtrail",
        "trail/",
    ),
    (
        &["aws_secretsmanager_secret", "AWS::SecretsManager::Secret"],
        "name",
        "secretsmanager",
        "secret:",
    ),
    (
        &["aws_ssm_parameter", "AWS::SSM::Parameter"],
        "name",
        "ssm",
        "parameter/",
    ),
    (
        &[
            "aws_cloudwatch_metric_alarm",
            "aws_cloudwatch_composite_alarm",
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::CompositeAlarm",
        ],
        "alarm_name",
        "cloudwatch",
        "alarm:",
    ),
    (
        &["aws_sqs_queue", "AWS::SQS::Queue"],
        "name|queue_name",
        "sqs",
        "",
    ),
    (
        &["aws_sns_topic", "AWS::SNS::Topic"],
        "name|topic_name",
        "sns",
        "",
    ),
    (
        &["aws_dynamodb_table", "AWS::DynamoDB::Table"],
        "name|table_name",
        "dynamodb",
        "table/",
    ),
    (
        &["aws_kms_alias", "AWS::KMS::Alias"],
        "name|alias_name",
        "kms",
        "",
    ),
    (
        &["aws_sfn_state_machine", "AWS::StepFunctions::StateMachine"],
        "name|state_machine_name",
        "states",
        "stateMachine:",
    ),
    (
        &["aws_eks_cluster", "AWS::EKS::Cluster"],
        "name",
        "eks",
        "cluster/",
    ),
    (
        &[
            "aws_sagemaker_notebook_instance",
            "AWS::SageMaker::NotebookInstance",
        ],
        "name|notebook_instance_name",
        "sagemaker",
        "notebook-instance/",
    ),
    (
        &["aws_sagemaker_model", "AWS::SageMaker::Model"],
        "name|model_name",
        "sagemaker",
        "model/",
    ),
    (
        &["aws_sagemaker_endpoint", "AWS::SageMaker::Endpoint"],
        "name|endpoint_name",
        "sagemaker",
        "endpoint/",
    ),
    (
        &[
            "aws_sagemaker_endpoint_configuration",
            "AWS::SageMaker::EndpointConfig",
        ],
        "name|endpoint_config_name",
        "sagemaker",
        "endpoint-config/",
    ),
    (
        &[
            "aws_opensearch_domain",
            "aws_elasticsearch_domain",
            "AWS::OpenSearchService::Domain",
        ],
        "domain_name",
        "es",
        "domain/",
    ),
    (
        &[
            "aws_db_instance",
            "aws_rds_cluster_instance",
            "AWS::RDS::DBInstance",
        ],
        "identifier|db_instance_identifier",
        "rds",
        "db:",
    ),
    (
        &["aws_rds_cluster", "AWS::RDS::DBCluster"],
        "cluster_identifier|db_cluster_identifier",
        "rds",
        "cluster:",
    ),
];

/// Kinds whose ARN is made of an id that AWS gives.
const NUMBERED: &[(&[&str], &str, &str)] = &[
    (
        &["aws_kms_key", "AWS::KMS::Key", "aws_kms_replica_key"],
        "kms",
        "key/",
    ),
    (
        &["aws_bedrockagent_agent", "AWS::Bedrock::Agent"],
        "bedrock",
        "agent/",
    ),
    (
        &[
            "aws_bedrockagent_knowledge_base",
            "AWS::Bedrock::KnowledgeBase",
        ],
        "bedrock",
        "knowledge-base/",
    ),
    (
        &["aws_bedrockagent_flow", "AWS::Bedrock::Flow"],
        "bedrock",
        "flow/",
    ),
    (
        &["aws_bedrock_guardrail", "AWS::Bedrock::Guardrail"],
        "bedrock",
        "guardrail/",
    ),
    (
        &[
            "aws_bedrock_inference_profile",
            "AWS::Bedrock::ApplicationInferenceProfile",
        ],
        "bedrock",
        "application-inference-profile/",
    ),
    (
        &[
            "aws_bedrockagentcore_agent_runtime",
            "AWS::BedrockAgentCore::Runtime",
        ],
        "bedrock-agentcore",
        "runtime/",
    ),
    (
        &[
            "aws_bedrockagentcore_gateway",
            "AWS::BedrockAgentCore::Gateway",
        ],
        "bedrock-agentcore",
        "gateway/",
    ),
    (
        &[
            "aws_bedrockagentcore_memory",
            "AWS::BedrockAgentCore::Memory",
        ],
        "bedrock-agentcore",
        "memory/",
    ),
    (
        &["aws_vpc_endpoint", "AWS::EC2::VPCEndpoint"],
        "ec2",
        "vpc-endpoint/",
    ),
    (&["aws_vpc", "AWS::EC2::VPC"], "ec2", "vpc/"),
    (&["aws_subnet", "AWS::EC2::Subnet"], "ec2", "subnet/"),
    (
        &["aws_security_group", "AWS::EC2::SecurityGroup"],
        "ec2",
        "security-group/",
    ),
    (&["aws_instance", "AWS::EC2::Instance"], "ec2", "instance/"),
    (
        &[
            "aws_opensearchserverless_collection",
            "AWS::OpenSearchServerless::Collection",
        ],
        "aoss",
        "collection/",
    ),
    (
        &["aws_sagemaker_domain", "AWS::SageMaker::Domain"],
        "sagemaker",
        "domain/",
    ),
    (
        &["aws_neptunegraph_graph", "AWS::NeptuneGraph::Graph"],
        "neptune-graph",
        "graph/",
    ),
    (
        &["aws_eks_node_group", "AWS::EKS::Nodegroup"],
        "eks",
        "nodegroup/",
    ),
    (
        &["aws_eks_fargate_profile", "AWS::EKS::FargateProfile"],
        "eks",
        "fargateprofile/",
    ),
    (
        &[
            "aws_eks_pod_identity_association",
            "AWS::EKS::PodIdentityAssociation",
        ],
        "eks",
        "podidentityassociation/",
    ),
];

fn is(kinds: &[&str], kind: &str) -> bool {
    kinds.contains(&kind)
}

/// Path of an IAM resource, with both slashes.
pub fn path(declared: &Declared) -> String {
    declared
        .at("path")
        .text()
        .known()
        .filter(|path| path.starts_with('/') && path.ends_with('/'))
        .unwrap_or_else(|| "/".to_owned())
}

/// The declared name of a kind that is called by one, else what it is known by.
pub fn name(declared: &Declared) -> String {
    match NAMED.iter().find(|(kinds, ..)| is(kinds, &declared.kind)) {
        Some((_, argument, ..)) => declared.name(argument),
        None if is(&["aws_s3_bucket", "AWS::S3::Bucket"], &declared.kind) => {
            declared.name("bucket|bucket_name")
        }
        None => declared.id(),
    }
}

/// Why the declared name of a resource is not known, where it is filled from outside the file.
pub fn named_later(declared: &Declared) -> Option<String> {
    let argument = NAMED
        .iter()
        .find(|(kinds, ..)| is(kinds, &declared.kind))
        .map_or("bucket|bucket_name|name", |(_, argument, ..)| *argument);
    declared
        .at(argument)
        .later()
        .filter(|later| later.outside && later.of.is_empty())
        .map(|later| later.why.clone())
}

/// The attribute that holds the ARN, by type of the Terraform AWS provider:
/// <https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/bedrock_guardrail#attribute-reference> and its like.
const OWN_ARN: &[(&str, &str)] = &[
    ("aws_bedrock_guardrail", "guardrail_arn"),
    ("aws_bedrockagent_agent", "agent_arn"),
    ("aws_bedrockagentcore_agent_runtime", "agent_runtime_arn"),
    ("aws_bedrockagentcore_browser", "browser_arn"),
    (
        "aws_bedrockagentcore_code_interpreter",
        "code_interpreter_arn",
    ),
];

/// The ARN that the resource has or will have.
pub fn arn(declared: &Declared) -> String {
    if is(&["aws_s3_bucket", "AWS::S3::Bucket"], &declared.kind) {
        return format!("arn:{}:s3:::{}", declared.partition, name(declared));
    }
    if is(&["aws_lambda_alias", "AWS::Lambda::Alias"], &declared.kind)
        && let Told::Known(function) = declared.at("function_name").id()
    {
        let function = if function.starts_with("arn:") {
            function
        } else {
            declared.arn_of("lambda", &format!("function:{function}"))
        };
        return format!("{function}:{}", declared.name("name"));
    }
    if let Some((_, _, service, before)) =
        NAMED.iter().find(|(kinds, ..)| is(kinds, &declared.kind))
    {
        let resource = match *service {
            "iam" => format!("{before}{}{}", path(declared), name(declared)),
            // A service's ARN carries its cluster's name, a definition's its revision.
            "ecs" if *before == "task-definition/" => {
                let revision = declared
                    .at("revision")
                    .text()
                    .known()
                    .unwrap_or_else(|| "new".to_owned());
                format!("{before}{}:{revision}", name(declared))
            }
            "ecs" if *before == "service/" => {
                let cluster = declared
                    .at("cluster")
                    .id()
                    .known()
                    .unwrap_or_else(|| "default".to_owned());
                format!(
                    "{before}{}/{}",
                    cluster.rsplit('/').next().unwrap_or(&cluster),
                    name(declared)
                )
            }
            // The name of a parameter can begin with the slash that its ARN has already.
            "ssm" => format!("{before}{}", name(declared).trim_start_matches('/')),
            _ => format!("{before}{}", name(declared)),
        };
        return declared
            .arn(service, &resource)
            .trim_end_matches(":*")
            .to_owned();
    }
    // Some resources of Terraform have no `arn` and no `id`, and an attribute of their own; known only where the resource exists.
    if let Some((_, attribute)) = OWN_ARN.iter().find(|(kind, _)| *kind == declared.kind)
        && let Told::Known(arn) = declared.at(attribute).text()
        && arn.starts_with("arn:")
    {
        return arn;
    }
    match NUMBERED
        .iter()
        .find(|(kinds, ..)| is(kinds, &declared.kind))
    {
        Some((_, service, before)) => declared.arn(service, &format!("{before}{}", declared.id())),
        None => declared
            .at("arn")
            .text()
            .known()
            .filter(|arn| arn.starts_with("arn:"))
            .unwrap_or_else(|| declared.address.clone()),
    }
}

/// What CloudFormation's `Ref` and Terraform's `id` give.
pub fn reference(declared: &Declared) -> String {
    let cloudformation = declared.is_cloudformation();
    let by_arn = is(
        &[
            "AWS::IAM::ManagedPolicy",
            "aws_iam_policy",
            "AWS::ECS::Service",
            "AWS::ECS::TaskDefinition",
            "aws_ecs_service",
            "aws_lambda_alias",
            "AWS::Lambda::Alias",
        ],
        &declared.kind,
    ) || cloudformation
        && is(
            &[
                "AWS::SecretsManager::Secret",
                "AWS::SNS::Topic",
                "AWS::StepFunctions::StateMachine",
            ],
            &declared.kind,
        )
        || !cloudformation
            && is(
                &[
                    "aws_secretsmanager_secret",
                    "aws_sns_topic",
                    "aws_sfn_state_machine",
                    "aws_ecs_cluster",
                    "aws_cloudtrail",
                ],
                &declared.kind,
            );
    if by_arn {
        arn(declared)
    } else {
        name(declared)
    }
}

/// An attribute of a resource, as a reference asks for it; `Ref` is [`reference()`].
pub fn attribute(declared: &Declared, attribute: &str) -> Node {
    let lower: String = attribute
        .chars()
        .filter(|c| *c != '_')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let of = |text: String| Node::Text(text);
    match lower.as_str() {
        "" | "ref" | "id" => return of(reference(declared)),
        "defaultsecuritygroup" | "defaultsecuritygroupid" => {
            return of(format!("{}.default_security_group_id", declared.id()));
        }
        "url" | "queueurl" if is(&["aws_sqs_queue", "AWS::SQS::Queue"], &declared.kind) => {
            return of(format!(
                "https://sqs.{}.amazonaws.com/{}/{}",
                declared.region,
                declared.account_id,
                name(declared)
            ));
        }
        "mainroutetableid" | "defaultroutetableid" => {
            return of(format!("{}.main_route_table_id", declared.id()));
        }
        "defaultnetworkacl" | "defaultnetworkaclid" => {
            return of(format!("{}.default_network_acl_id", declared.id()));
        }
        _ => {}
    }
    match declared.at(attribute) {
        Node::Absent => {}
        Node::Unknown(later) if later.refs.is_empty() => {}
        known => return known.clone(),
    }
    if lower == "arnwithoutrevision" {
        let arn = arn(declared);
        return of(arn
            .rsplit_once(':')
            .map_or(arn.clone(), |(start, _)| start.to_owned()));
    }
    if lower.ends_with("arn") {
        return of(arn(declared));
    }
    if lower == "name" || lower.ends_with("name") {
        return match declared.at("name").text() {
            Told::Known(name) => of(name),
            _ => of(name(declared)),
        };
    }
    if lower.ends_with("id") {
        return of(declared.id());
    }
    Node::Unknown(Later {
        why: format!(
            "`{attribute}` of {} is known after it is made",
            declared.address
        ),
        ..Later::default()
    })
}
