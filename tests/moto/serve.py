"""Starts moto, seeds an organisation over the AWS API, puts the double in front, and says where it is.

Prints one JSON line: endpoint (through the double), raw (moto itself), accounts by name. Ends when standard input does.
Usage: serve.py SCRIPT.json. Beside a list of rules a script can be {"rules": [...], "policy": {...}}: then moto's IAM is
enforced, the account `sound` has a role OutcropAudit with that policy, and the credentials of an administrator are printed too.
"""
import io, json, os, socket, subprocess, sys, time, urllib.request, zipfile
import boto3
from botocore.config import Config
import double as http_double

REGION, OTHER = "eu-west-1", "us-east-1"
MODEL = f"arn:aws:bedrock:{REGION}::foundation-model/anthropic.claude-sonnet-4-20250514-v1:0"
FULL = "arn:aws:iam::aws:policy/AmazonBedrockFullAccess"


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def trust(*services):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": list(services)}, "Action": "sts:AssumeRole"}]})


def allow(action, resource, **more):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource, **more}]})


class Account:
    def __init__(self, endpoint, account=None):
        self.endpoint, self.id = endpoint, account
        self.session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
        if account:
            found = self.client("sts").assume_role(RoleArn=f"arn:aws:iam::{account}:role/seed", RoleSessionName="seed")["Credentials"]
            self.session = boto3.Session(aws_access_key_id=found["AccessKeyId"], aws_secret_access_key=found["SecretAccessKey"], aws_session_token=found["SessionToken"], region_name=REGION)

    def client(self, service, region=REGION):
        return self.session.client(service, region_name=region, endpoint_url=self.endpoint, config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}))

    def role(self, name, services, policy=None, managed=()):
        iam = self.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(*services))["Role"]["Arn"]
        if policy:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        for policy_arn in managed:
            iam.attach_role_policy(RoleName=name, PolicyArn=policy_arn)
        return arn

    def function(self, name, role, variables=None, subnets=(), groups=(), tags=None, publish=False):
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("index.py", "def handler(event, context): pass")
        self.client("lambda").create_function(
            FunctionName=name, Runtime="python3.12", Role=role, Handler="index.handler", Code={"ZipFile": code.getvalue()}, Publish=publish,
            Environment={"Variables": variables or {}}, Tags=tags or {}, **({"VpcConfig": {"SubnetIds": list(subnets), "SecurityGroupIds": list(groups)}} if subnets else {}))

    def key(self, statements):
        return self.client("kms").create_key(Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))["KeyMetadata"]["Arn"]

    def collection(self, name, access, key=None):
        """A vector collection and its network policy; without a key of the account's under one that is gone."""
        aoss = self.client("opensearchserverless")
        rules = [{"ResourceType": "collection", "Resource": [f"collection/{name}"]}]
        aoss.create_security_policy(name=name, type="encryption", policy=json.dumps({"Rules": rules, "AWSOwnedKey": False, "KmsARN": key or f"arn:aws:kms:{REGION}:{self.id}:key/gone"}))
        # The upstream takes the newest policy that matches for the one of encryption.
        aoss.create_collection(name=name, type="VECTORSEARCH", tags=[])
        aoss.create_security_policy(name=name, type="network", policy=json.dumps([{"Rules": rules, **access}]))

    def network(self, cidr, egress, hostnames=True):
        ec2 = self.client("ec2")
        vpc = ec2.create_vpc(CidrBlock=f"{cidr}.0.0/16")["Vpc"]["VpcId"]
        ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": hostnames})
        private = ec2.create_subnet(VpcId=vpc, CidrBlock=f"{cidr}.1.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName=f"app-{cidr}", Description="app", VpcId=vpc)["GroupId"]
        door = ec2.create_security_group(GroupName=f"door-{cidr}", Description="endpoints", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=door, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": group}]}])
        if egress:
            public = ec2.create_subnet(VpcId=vpc, CidrBlock=f"{cidr}.9.0/24")["Subnet"]["SubnetId"]
            gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
            ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
            table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
            ec2.associate_route_table(RouteTableId=table, SubnetId=public)
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
            nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"])["NatGateway"]["NatGatewayId"]
            main = next(table["RouteTableId"] for table in ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"] if any(entry.get("Main") for entry in table["Associations"]))
            ec2.create_route(RouteTableId=main, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        return vpc, private, group, door

    def endpoint_for(self, service, vpc, subnet, group, policy=None, private_dns=True):
        more = {"PolicyDocument": json.dumps(policy)} if policy else {}
        self.client("ec2").create_vpc_endpoint(VpcEndpointType="Interface", VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.{service}", SubnetIds=[subnet], SecurityGroupIds=[group], PrivateDnsEnabled=private_dns, **more)


def seed_broken(account):
    """Everything in one account, with the faults of the first release."""
    shared = account.role("ai-shared", ["lambda.amazonaws.com", "ecs-tasks.amazonaws.com"], managed=[FULL])
    vpc, subnet, group, door = account.network("10.0", egress=True)
    everyone = {"Version": "2008-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
    account.endpoint_for("bedrock-runtime", vpc, subnet, door, everyone, private_dns=False)
    account.function("chat-api", shared, {"ANTHROPIC_API_KEY": "sk-ant-api03-CANARYq8Zr1TnV5xWk3JmP7dLsYh2Bf9Gc4Ea6Ru0Io-Xt8Nw1Qz5AA", "DB_PASSWORD": "CANARY-Tr0ub4dor&3xK!", "MODEL_ID": "anthropic.claude-sonnet-4-20250514-v1:0"}, tags={"Environment": "prod"}, publish=True)
    account.function("retriever", shared, {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0CANARY1/B0CANARY2/CANARYx8Qm2Lr5Tz7Vw3Kp9", "TABLE_NAME": "documents"}, [subnet], [group], tags={"Environment": "dev"})
    # What no caller may read is collected, and judged by nobody.
    account.client("secretsmanager").create_secret(Name="tracker-token", SecretString="CANARYsecretmanagervalue0123456789")
    account.client("ssm").put_parameter(Name="/app/db-password", Type="String", Value="CANARYparametervalue0123456789")
    account.client("sqs").create_queue(QueueName="ingestion")
    account.client("ecr").create_repository(repositoryName="orders")
    account.client("cloudformation").create_stack(StackName="alerts", TemplateBody=json.dumps({"Resources": {"Alerts": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "alerts"}}}}))
    logs = account.client("logs")
    for name in ("/aws/bedrock/invocations", "/aws/lambda/chat-api", "/aws/lambda/retriever"):
        logs.create_log_group(logGroupName=name)
    s3 = account.client("s3", OTHER)
    for bucket in ("broken-prompts", "broken-trail", "broken-documents"):
        s3.create_bucket(Bucket=bucket)
    key = account.key([{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account.id}:root"}, "Action": "kms:*", "Resource": "*"},
                       {"Sid": "Through S3", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*", "Condition": {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}},
                       {"Sid": "Copied", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/ExampleRole"}, "Action": "kms:Decrypt", "Resource": "*"}])
    account.client("kms").create_grant(KeyId=key, GranteePrincipal=shared, Operations=["Decrypt"])
    s3.put_bucket_encryption(Bucket="broken-documents", ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]})
    account.client("iam").create_user(UserName="ci")
    account.client("bedrock").put_model_invocation_logging_configuration(loggingConfig={
        "cloudWatchConfig": {"logGroupName": "/aws/bedrock/invocations", "roleArn": shared}, "s3Config": {"bucketName": "broken-prompts", "keyPrefix": "prompts/"}, "textDataDeliveryEnabled": True})
    trail = account.client("cloudtrail")
    trail.create_trail(Name="main", S3BucketName="broken-trail")
    ecs = account.client("ecs")
    ecs.create_cluster(clusterName="ai")
    task = account.role("orders-task", ["ecs-tasks.amazonaws.com"], allow("bedrock:InvokeModel", "arn:aws:bedrock:*::foundation-model/*"))
    definition = ecs.register_task_definition(family="orders", networkMode="awsvpc", taskRoleArn=task, executionRoleArn=task, containerDefinitions=[{
        "name": "app", "image": "app", "memory": 128, "environment": [{"name": "DATABASE_URL", "value": "postgres://app:CANARYs3cr3tPw9@db.internal:5432/orders"}],
        "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/orders", "awslogs-region": REGION}}}])["taskDefinition"]["taskDefinitionArn"]
    ecs.create_service(cluster="ai", serviceName="orders", taskDefinition=definition, desiredCount=0, networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}})
    account.role("agents", ["bedrock.amazonaws.com"], allow("bedrock:InvokeModel", MODEL))
    account.collection("manuals", {"AllowFromPublic": True})
    scheduled = {"TaskDefinitionArn": definition.rsplit(":", 1)[0], "TaskCount": 1, "NetworkConfiguration": {"awsvpcConfiguration": {"Subnets": [subnet], "SecurityGroups": [group]}}}
    events = account.client("events")
    events.put_rule(Name="nightly", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="nightly", Targets=[{"Id": "1", "Arn": f"arn:aws:ecs:{REGION}:{account.id}:cluster/ai", "RoleArn": shared, "EcsParameters": scheduled}])
    account.client("scheduler").create_schedule(Name="digest", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"}, Target={"Arn": "arn:aws:scheduler:::aws-sdk:bedrockruntime:invokeModel", "RoleArn": shared, "Input": "{}"})
    machine = {"StartAt": "Ask", "States": {"Ask": {"Type": "Task", "Resource": "arn:aws:states:::bedrock:invokeModel", "End": True}}}
    account.client("stepfunctions").create_state_machine(name="triage", roleArn=shared, definition=json.dumps(machine))
    gateway = account.client("apigateway")
    api = gateway.create_rest_api(name="ask")["id"]
    top = gateway.get_resources(restApiId=api)["items"][0]["id"]
    gateway.put_method(restApiId=api, resourceId=top, httpMethod="POST", authorizationType="AWS_IAM")
    gateway.put_integration(restApiId=api, resourceId=top, httpMethod="POST", type="AWS", integrationHttpMethod="POST", uri=f"arn:aws:apigateway:{REGION}:bedrock-runtime:path/model/m/invoke", credentials=shared)
    studio(account, subnet, group, "Enabled", open_model=True)
    cluster(account, subnet, "ai-shared")
    account.client("opensearch").create_domain(DomainName="tickets")
    account.client("rds").create_db_instance(DBInstanceIdentifier="contracts-1", DBInstanceClass="db.r6g.large", Engine="postgres", MasterUsername="app", MasterUserPassword="CANARY-database-1", AllocatedStorage=20, PubliclyAccessible=True)


def seed_sound(account):
    """A private workload: no way out, locked endpoint, own key, bounded retention."""
    vpc, subnet, group, door = account.network("10.1", egress=False)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account.id}:role/answers"}, "Action": ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"], "Resource": [MODEL]}]}
    account.endpoint_for("bedrock-runtime", vpc, subnet, door, policy)
    role = account.role("answers", ["lambda.amazonaws.com"], allow("bedrock:InvokeModel", MODEL, Condition={"StringEquals": {"aws:SourceVpc": vpc}}))
    account.function("answers", role, {"MODEL_ID": "anthropic.claude-sonnet-4-20250514-v1:0", "DB_SECRET_ARN": f"arn:aws:secretsmanager:{REGION}:{account.id}:secret:db-AbCdEf"}, [subnet], [group], tags={"Environment": "prod"})
    administers = ["kms:DescribeKey", "kms:GetKeyPolicy", "kms:PutKeyPolicy", "kms:DisableKey", "kms:ScheduleKeyDeletion"]
    admin = account.role("key-admin", ["ssm.amazonaws.com"], allow(administers, "*"))
    key = account.key([{"Effect": "Allow", "Principal": {"AWS": admin}, "Action": administers, "Resource": "*"},
                       {"Effect": "Allow", "Principal": {"Service": f"logs.{REGION}.amazonaws.com"}, "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"},
                       {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "kms:GenerateDataKey", "Resource": "*", "Condition": {"StringEquals": {"aws:SourceAccount": account.id}}}])
    account.client("kms").enable_key_rotation(KeyId=key)
    watched(account)
    logs = account.client("logs")
    for name in ("/aws/bedrock/invocations", "/aws/lambda/answers"):
        logs.create_log_group(logGroupName=name, kmsKeyId=key)
        logs.put_retention_policy(logGroupName=name, retentionInDays=180)
    recorded(account, key, vpc)
    account.collection("answers", {"AllowFromPublic": False, "SourceServices": ["bedrock.amazonaws.com"]}, key)
    account.role("notebook", ["sagemaker.amazonaws.com"])
    studio(account, subnet, group, "Disabled", open_model=False)


def watched(account):
    """Alarms that somebody hears of, a budget, and scanning of what runs."""
    alarms = account.client("cloudwatch")
    for metric in ("InvocationThrottles", "InvocationServerErrors", "InvocationLatency"):
        alarms.put_metric_alarm(AlarmName=metric, Namespace="AWS/Bedrock", MetricName=metric, Statistic="Sum", Period=300, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold",
                                AlarmActions=[f"arn:aws:sns:{REGION}:{account.id}:operations"])
    account.client("budgets", OTHER).create_budget(
        AccountId=account.id, Budget={"BudgetName": "all", "BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": "500", "Unit": "USD"}},
        NotificationsWithSubscribers=[{"Notification": {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80}, "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "a@example.com"}]}])
    account.client("inspector2").enable(accountIds=[account.id], resourceTypes=["ECR", "LAMBDA"])


def recorded(account, key, vpc):
    """Logs that arrive, a trail that keeps what it should, and a flow log, all but the first in another account."""
    source = {"StringEquals": {"aws:SourceAccount": account.id}, "ArnLike": {"aws:SourceArn": f"arn:aws:bedrock:{REGION}:{account.id}:*"}}
    iam = account.client("iam")
    writer = iam.create_role(RoleName="invocation-logs", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole", "Condition": source}]}))["Role"]["Arn"]
    iam.put_role_policy(RoleName="invocation-logs", PolicyName="own", PolicyDocument=allow(
        ["logs:CreateLogStream", "logs:PutLogEvents"], f"arn:aws:logs:{REGION}:{account.id}:log-group:/aws/bedrock/invocations:log-stream:aws/bedrock/modelinvocations"))
    s3, bucket = account.client("s3"), "sound-large-prompts"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]})
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [{"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 180}}]})
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*", "Condition": source},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]}))
    account.client("bedrock").put_model_invocation_logging_configuration(loggingConfig={
        "cloudWatchConfig": {"logGroupName": "/aws/bedrock/invocations", "roleArn": writer, "largeDataDeliveryS3Config": {"bucketName": bucket, "keyPrefix": "large"}},
        **{f"{kind}DataDeliveryEnabled": True for kind in ("text", "image", "embedding", "video", "audio")}})
    trail = account.client("cloudtrail")
    trail.create_trail(Name="all", S3BucketName="platform-archive", IsMultiRegionTrail=True)
    trail.start_logging(Name="all")
    def selector(*fields):
        return {"Name": fields[-1][1][0], "FieldSelectors": [{"Field": field, "Equals": values} for field, values in fields]}
    trail.put_event_selectors(TrailName="all", AdvancedEventSelectors=[
        selector(("eventCategory", ["Management"])), selector(("eventCategory", ["Data"]), ("resources.type", ["AWS::Bedrock::AgentAlias"])), selector(("eventCategory", ["Data"]), ("resources.type", ["AWS::Bedrock::Guardrail"])),
        selector(("eventCategory", ["NetworkActivity"]), ("eventSource", ["bedrock.amazonaws.com"]))])
    account.client("ec2").create_flow_logs(ResourceIds=[vpc], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3", LogDestination="arn:aws:s3:::platform-archive")


def studio(account, subnet, group, direct, open_model):
    """A notebook, a domain, and a model with its endpoint."""
    client = account.client("sagemaker")
    role = f"arn:aws:iam::{account.id}:role/{'ai-shared' if open_model else 'notebook'}"
    inside = {} if open_model else {"VpcConfig": {"Subnets": [subnet], "SecurityGroupIds": [group]}, "EnableNetworkIsolation": True}
    client.create_notebook_instance(NotebookInstanceName="lab", InstanceType="ml.t3.medium", RoleArn=role, SubnetId=subnet, SecurityGroupIds=[group], DirectInternetAccess=direct)
    client.create_domain(DomainName="studio", AuthMode="IAM", VpcId=account.client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"], SubnetIds=[subnet],
                         DefaultUserSettings={"ExecutionRole": role, "SecurityGroups": [group]}, AppNetworkAccessType="PublicInternetOnly" if open_model else "VpcOnly")
    client.create_model(ModelName="ranker", ExecutionRoleArn=role, PrimaryContainer={"Image": "ranker", "Environment": {"API_SECRET": "CANARY-model-1"} if open_model else {"TOP_K": "5"}}, **inside)
    client.create_endpoint_config(EndpointConfigName="ranker-1", ProductionVariants=[{"VariantName": "all", "ModelName": "ranker", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}])
    client.create_endpoint(EndpointName="ranker", EndpointConfigName="ranker-1")
    client.create_processing_job(ProcessingJobName="label-1", RoleArn=role, AppSpecification={"ImageUri": "label"}, ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}, **({} if open_model else {"NetworkConfig": inside}))


def described_cluster(account):
    """The cluster with the security group that AWS makes for it, which moto leaves out."""
    found = account.client("eks").describe_cluster(name="apps")["cluster"]
    group = account.client("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": ["app-10.0"]}])["SecurityGroups"][0]
    network = {"subnetIds": found["resourcesVpcConfig"]["subnetIds"], "vpcId": group["VpcId"], "clusterSecurityGroupId": group["GroupId"]}
    answer = {"cluster": {"name": "apps", "arn": found["arn"], "resourcesVpcConfig": network, "identity": {"oidc": {"issuer": f"https://oidc.eks.{REGION}.amazonaws.com/id/0A1B2C"}}}}
    return {"service": "eks", "operation": "DescribeCluster", "then": {"json": answer}}


def described_sound(account):
    """Log groups, agent and guardrail of the sound account with what moto does not keep: data protection, and customer keys."""
    def here(operation, answer, service="bedrock"):
        return {"service": service, "operation": operation, "account": account.id, "region": REGION, "then": {"json": answer}}

    groups = account.client("logs").describe_log_groups()["logGroups"]
    key = next(group["kmsKeyId"] for group in groups if group["logGroupName"] == "/aws/bedrock/invocations")
    for group in groups:
        group.update(dataProtectionStatus="ACTIVATED", deletionProtectionEnabled=True)
    mask = {"Version": "2021-06-01", "Statement": [{"DataIdentifier": ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"], "Operation": {"Deidentify": {"MaskConfig": {}}}}]}
    arn, made = f"arn:aws:bedrock:{REGION}:{account.id}:guardrail/g1", {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
    agent = {"agentId": "AGENT00003", "agentName": "agent-3", "agentArn": f"arn:aws:bedrock:{REGION}:{account.id}:agent/AGENT00003", "agentVersion": "DRAFT", "agentStatus": "PREPARED", "idleSessionTTLInSeconds": 600,
             "agentResourceRoleArn": f"arn:aws:iam::{account.id}:role/agent-three", "customerEncryptionKeyArn": key, **made}
    guardrail = {"name": "all", "guardrailId": "g1", "guardrailArn": arn, "version": "1", "status": "READY", "blockedInputMessaging": "no", "blockedOutputsMessaging": "no", "kmsKeyArn": key,
                 "contentPolicy": {"filters": [{"type": "PROMPT_ATTACK", "inputStrength": "HIGH", "outputStrength": "NONE"}]},
                 "sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL", "action": "ANONYMIZE"}], "regexes": []}, **made}
    return [
        here("DescribeLogGroups", {"logGroups": groups}, "logs"),
        here("GetDataProtectionPolicy", {"policyDocument": json.dumps(mask)}, "logs"),
        here("GetAgent", {"agent": agent}),
        here("ListGuardrails", {"guardrails": [{"id": "g1", "arn": arn, "status": "READY", "name": "all", "version": "1", **made}]}),
        here("GetGuardrail", guardrail),
    ]


def cluster(account, subnet, role):
    """A cluster with a node group and a Fargate profile."""
    eks = account.client("eks")
    arn = f"arn:aws:iam::{account.id}:role/{role}"
    eks.create_cluster(name="apps", roleArn=arn, resourcesVpcConfig={"subnetIds": [subnet]})
    eks.create_nodegroup(clusterName="apps", nodegroupName="general", nodeRole=arn, subnets=[subnet])
    eks.create_fargate_profile(clusterName="apps", fargateProfileName="serverless", podExecutionRoleArn=arn, subnets=[subnet], selectors=[{"namespace": "chat"}])


def seed_network(account):
    """What joins and names networks: a transit gateway, peering, a prefix list, a private zone, a forwarding rule."""
    ec2 = account.client("ec2")
    hub, spoke = (account.network(cidr, egress=False) for cidr in ("10.20", "10.21"))
    gateway = ec2.create_transit_gateway(Options={"DefaultRouteTableAssociation": "enable"})["TransitGateway"]["TransitGatewayId"]
    attachment = ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=hub[0], SubnetIds=[hub[1]])["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    table = ec2.create_transit_gateway_route_table(TransitGatewayId=gateway)["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"]
    ec2.create_transit_gateway_route(DestinationCidrBlock="10.20.0.0/16", TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment)
    peering = ec2.create_vpc_peering_connection(VpcId=spoke[0], PeerVpcId=hub[0])["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.create_managed_prefix_list(PrefixListName="hub", Entries=[{"Cidr": "10.20.0.0/16"}], MaxEntries=5, AddressFamily="IPv4")
    names = account.client("route53", OTHER)
    zone = names.create_hosted_zone(Name=f"bedrock-runtime.{REGION}.amazonaws.com", CallerReference="1", HostedZoneConfig={"PrivateZone": True, "Comment": ""}, VPC={"VPCRegion": REGION, "VPCId": spoke[0]})["HostedZone"]["Id"]
    names.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": f"bedrock-runtime.{REGION}.amazonaws.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.20.1.10"}]}}]})
    resolver = account.client("route53resolver")
    other = ec2.create_subnet(VpcId=hub[0], CidrBlock="10.20.2.0/24")["Subnet"]["SubnetId"]
    out = resolver.create_resolver_endpoint(CreatorRequestId="1", Name="out", SecurityGroupIds=[hub[2]], Direction="OUTBOUND", IpAddresses=[{"SubnetId": hub[1]}, {"SubnetId": other}])["ResolverEndpoint"]["Id"]
    rule = resolver.create_resolver_rule(CreatorRequestId="1", RuleType="FORWARD", DomainName="corp.example", Name="corp", TargetIps=[{"Ip": "10.0.0.53", "Port": 53}], ResolverEndpointId=out)["ResolverRule"]["Id"]
    resolver.associate_resolver_rule(ResolverRuleId=rule, VPCId=spoke[0], Name="corp")


def seed(endpoint):
    home = Account(endpoint)
    organizations = home.client("organizations", OTHER)
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    unit = organizations.create_organizational_unit(ParentId=root, Name="ai")["OrganizationalUnit"]["Id"]
    inner = organizations.create_organizational_unit(ParentId=unit, Name="prod")["OrganizationalUnit"]["Id"]
    accounts = {}
    for name in ("broken", "sound", "platform", "locked", "suspended"):
        accounts[name] = organizations.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]["AccountId"]
    for name in ("broken", "sound"):
        organizations.move_account(AccountId=accounts[name], SourceParentId=root, DestinationParentId=inner)
    organizations.close_account(AccountId=accounts["suspended"])
    seed_broken(Account(endpoint, accounts["broken"]))
    Account(endpoint, accounts["platform"]).client("s3", OTHER).create_bucket(Bucket="platform-archive")
    seed_sound(Account(endpoint, accounts["sound"]))
    seed_network(Account(endpoint, accounts["platform"]))
    return {"management": "123456789012", "unit": unit, **accounts}


def bedrock_agents(accounts):
    """Agents, knowledge bases and AgentCore, of which moto knows little and answers what it knows as HTML."""
    def here(operation, account, answer, service="bedrock"):
        return {"service": service, "operation": operation, "account": accounts[account], "region": REGION, "then": {"json": answer}}

    def agent(number, account, role):
        return {"agentId": f"AGENT0000{number}", "agentName": f"agent-{number}", "agentArn": f"arn:aws:bedrock:{REGION}:{accounts[account]}:agent/AGENT0000{number}", "agentVersion": "DRAFT",
                "agentStatus": "PREPARED", "idleSessionTTLInSeconds": 600, "agentResourceRoleArn": f"arn:aws:iam::{accounts[account]}:role/{role}", "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}

    base = {"knowledgeBaseId": "KBMANUALS1", "name": "manuals", "status": "ACTIVE", "updatedAt": "2026-01-01T00:00:00Z"}
    whole = {**base, "knowledgeBaseArn": f"arn:aws:bedrock:{REGION}:{accounts['broken']}:knowledge-base/KBMANUALS1", "roleArn": f"arn:aws:iam::{accounts['broken']}:role/agents",
             "knowledgeBaseConfiguration": {"type": "VECTOR"}, "storageConfiguration": {"type": "NEPTUNE_ANALYTICS", "neptuneAnalyticsConfiguration": {"graphArn": f"arn:aws:neptune-graph:{REGION}:{accounts['broken']}:graph/g-1", "fieldMapping": {"textField": "t", "metadataField": "m"}}}, "createdAt": "2026-01-01T00:00:00Z"}
    source = {"knowledgeBaseId": "KBMANUALS1", "dataSourceId": "DS00000001", "name": "manuals", "status": "AVAILABLE", "updatedAt": "2026-01-01T00:00:00Z"}
    rules = [
        here("ListAgents", "broken", {"agentSummaries": [agent(1, "broken", "agents"), agent(2, "broken", "agents")]}),
        here("GetAgent", "broken", {"agent": agent(1, "broken", "agents")}),
        here("ListAgents", "sound", {"agentSummaries": [agent(3, "sound", "agent-three")]}),
        here("GetAgent", "sound", {"agent": agent(3, "sound", "agent-three")}),
        here("ListKnowledgeBases", "broken", {"knowledgeBaseSummaries": [base]}),
        here("GetKnowledgeBase", "broken", {"knowledgeBase": whole}),
        here("ListTagsForResource", "broken", {"tags": {"Environment": "prod"}}),
        here("ListDataSources", "broken", {"dataSourceSummaries": [source]}),
        here("GetDataSource", "broken", {"dataSource": {**source, "createdAt": "2026-01-01T00:00:00Z", "dataSourceConfiguration": {"type": "S3", "s3Configuration": {"bucketArn": "arn:aws:s3:::broken-documents"}}}}),
    ]
    seen = {"eventID": "e-1", "eventSource": "bedrock.amazonaws.com", "eventName": "InvokeModel", "awsRegion": REGION, "eventTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3600)), "recipientAccountId": accounts["broken"], "sourceIPAddress": "203.0.113.7",
            "userIdentity": {"type": "AssumedRole", "accountId": accounts["broken"], "sessionContext": {"sessionIssuer": {"arn": f"arn:aws:iam::{accounts['broken']}:role/ai-shared"}}}}
    rules += [here("LookupEvents", "broken", {"Events": [{"EventId": "e-1", "EventName": "InvokeModel", "CloudTrailEvent": json.dumps(seen)}]}, "cloudtrail"),
              {"service": "cloudtrail", "operation": "LookupEvents", "then": {"json": {"Events": []}}}]
    empty = {"ListAgents": "agentSummaries", "ListAgentAliases": "agentAliasSummaries", "ListKnowledgeBases": "knowledgeBaseSummaries", "ListDataSources": "dataSourceSummaries", "ListFlows": "flowSummaries", "ListInferenceProfiles": "inferenceProfileSummaries", "ListGuardrails": "guardrails", "ListPrompts": "promptSummaries"}
    rules += [{"service": "bedrock", "operation": operation, "then": {"json": {key: []}}} for operation, key in empty.items()]
    no_policy = {"status": 404, "type": "application/json", "headers": {"x-amzn-errortype": "ResourceNotFoundException"}, "body": json.dumps({"message": "none"})}
    gateway = {"gatewayId": "tools-1", "name": "tools", "status": "READY", "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "authorizerType": "NONE", "protocolType": "MCP"}
    browser = {"browserId": "web-1", "browserArn": f"arn:aws:bedrock-agentcore:{REGION}:{accounts['broken']}:browser-custom/web-1", "name": "web", "status": "READY", "createdAt": "2026-01-01T00:00:00Z"}
    rules += [
        here("ListGateways", "broken", {"items": [gateway]}, "bedrock-agentcore"),
        here("GetGateway", "broken", {**gateway, "gatewayArn": f"arn:aws:bedrock-agentcore:{REGION}:{accounts['broken']}:gateway/tools-1", "roleArn": f"arn:aws:iam::{accounts['broken']}:role/agents"}, "bedrock-agentcore"),
        here("ListGatewayTargets", "broken", {"items": []}, "bedrock-agentcore"),
        here("ListBrowsers", "broken", {"browserSummaries": [browser]}, "bedrock-agentcore"),
        here("GetBrowser", "broken", {**browser, "networkConfiguration": {"networkMode": "PUBLIC"}}, "bedrock-agentcore"),
        here("GetAccountDataRetention", "broken", {"mode": "provider_data_share"}),
        here("ListAgentActionGroups", "broken", {"actionGroupSummaries": [{"actionGroupId": "GROUP00001", "actionGroupName": "orders", "actionGroupState": "ENABLED", "updatedAt": "2026-01-01T00:00:00Z"}]}),
        here("GetAgentActionGroup", "broken", {"agentActionGroup": {"agentId": "AGENT00001", "agentVersion": "DRAFT", "actionGroupId": "GROUP00001", "actionGroupName": "orders", "createdAt": "2026-01-01T00:00:00Z",
             "updatedAt": "2026-01-01T00:00:00Z", "actionGroupState": "ENABLED", "actionGroupExecutor": {"lambda": f"arn:aws:lambda:{REGION}:{accounts['broken']}:function:chat-api"}}}),
        here("ListIngestionJobs", "broken", {"ingestionJobSummaries": [{"knowledgeBaseId": "KBMANUALS1", "dataSourceId": "DS00000001", "ingestionJobId": "JOB0000001", "status": "FAILED",
             "startedAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}]}),
        {"service": "bedrock", "operation": "ListAgentActionGroups", "then": {"json": {"actionGroupSummaries": []}}},
        {"service": "bedrock", "operation": "GetResourcePolicy", "then": no_policy},
        {"service": "bedrock-agentcore", "operation": "GetResourcePolicy", "then": no_policy},
        here("ListEnforcedGuardrailsConfiguration", "sound", {"guardrailsConfig": [{"configId": "c-1", "guardrailArn": f"arn:aws:bedrock:{REGION}:{accounts['sound']}:guardrail/g1", "guardrailVersion": "1", "owner": "ACCOUNT"}]}),
        {"service": "bedrock", "operation": "ListEnforcedGuardrailsConfiguration", "then": {"json": {"guardrailsConfig": []}}},
        {"service": "bedrock", "operation": "GetAccountDataRetention", "then": {"json": {"mode": "none"}}},
    ]
    empty = {"ListAgentRuntimes": "agentRuntimes", "ListGateways": "items", "ListMemories": "memories", "ListBrowsers": "browserSummaries", "ListCodeInterpreters": "codeInterpreterSummaries"}
    return rules + [{"service": "bedrock-agentcore", "operation": operation, "then": {"json": {key: []}}} for operation, key in empty.items()]


def standing_rules(accounts):
    """What moto does not know or answers wrongly, and the trust policy that it does not ask."""
    refuse = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not authorized to perform: sts:AssumeRole</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    off = "<DescribeVpcBlockPublicAccessOptionsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><vpcBlockPublicAccessOptions><internetGatewayBlockMode>off</internetGatewayBlockMode></vpcBlockPublicAccessOptions></DescribeVpcBlockPublicAccessOptionsResponse>"
    none = "<DescribeVpcBlockPublicAccessExclusionsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r</requestId><vpcBlockPublicAccessExclusionSet/></DescribeVpcBlockPublicAccessExclusionsResponse>"
    def keys(members):
        return ("<ListServiceSpecificCredentialsResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><ListServiceSpecificCredentialsResult><IsTruncated>false</IsTruncated>"
                f"<ServiceSpecificCredentials>{members}</ServiceSpecificCredentials></ListServiceSpecificCredentialsResult></ListServiceSpecificCredentialsResponse>")
    forever = ("<member><UserName>ci</UserName><Status>Active</Status><ServiceUserName>ci-at-broken</ServiceUserName><CreateDate>2026-01-01T00:00:00Z</CreateDate>"
               "<ServiceSpecificCredentialId>ACCABROKEN0000000001</ServiceSpecificCredentialId><ServiceName>bedrock.amazonaws.com</ServiceName></member>")
    chat = f"arn:aws:lambda:{REGION}:{accounts['broken']}:function:chat-api"
    url = {"FunctionUrl": "https://x.lambda-url.on.aws/", "FunctionArn": chat, "CreationTime": "2026-01-01T00:00:00Z", "LastModifiedTime": "2026-01-01T00:00:00Z", "AuthType": "NONE"}
    anyone = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "Resource": chat, "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}}]})
    unset = {"status": 400, "type": "application/x-amz-json-1.1", "body": json.dumps({"__type": "EffectivePolicyNotFoundException", "message": "none"})}
    blocked = "<PublicAccessBlockConfiguration xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>"
    points = "<ListAccessPointsResult xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><AccessPointList/></ListAccessPointsResult>"
    return [
        {"service": "lambda", "operation": "ListFunctionUrlConfigs", "account": accounts["broken"], "region": REGION, "path": "chat-api", "then": {"json": {"FunctionUrlConfigs": [url]}}},
        {"service": "lambda", "operation": "ListFunctionUrlConfigs", "then": {"json": {"FunctionUrlConfigs": []}}},
        {"service": "lambda", "operation": "GetPolicy", "account": accounts["broken"], "then": {"json": {"Policy": anyone}}},
        {"service": "organizations", "operation": "DescribeEffectivePolicy", "then": unset},
        {"service": "cloudtrail", "operation": "ListEventDataStores", "then": {"json": {"EventDataStores": []}}},
        {"service": "logs", "operation": "DescribeAccountPolicies", "then": {"json": {"accountPolicies": []}}},
        {"service": "logs", "operation": "DescribeSubscriptionFilters", "account": accounts["sound"], "then": {"json": {"subscriptionFilters": [
            {"filterName": "to-platform", "logGroupName": "/aws/bedrock/invocations", "filterPattern": "", "destinationArn": f"arn:aws:logs:{REGION}:{accounts['platform']}:destination:inference"}]}}},
        {"service": "ce", "operation": "GetAnomalyMonitors", "then": {"json": {"AnomalyMonitors": []}}},
        # The upstream does not say where a bucket lies.
        {"service": "s3", "operation": "ListBuckets", "account": accounts["sound"], "then": {"status": 200, "type": "application/xml", "body": "<ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Buckets><Bucket><Name>sound-large-prompts</Name><BucketRegion>" + REGION + "</BucketRegion></Bucket></Buckets></ListAllMyBucketsResult>"}},
        # Of a bucket outside us-east-1 the upstream lists objects instead.
        {"service": "s3", "operation": "GetBucketVersioning", "account": accounts["sound"], "then": {"status": 200, "type": "application/xml", "body": "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>"}},
        {"service": "s3", "operation": "GetAccountPublicAccessBlock", "then": {"status": 200, "type": "application/xml", "body": blocked}},
        {"service": "s3", "operation": "ListAccessPoints", "then": {"status": 200, "type": "application/xml", "body": points}},
        {"service": "iam", "operation": "ListServiceSpecificCredentials", "account": accounts["broken"], "then": {"status": 200, "type": "text/xml", "body": keys(forever)}},
        {"service": "iam", "operation": "ListServiceSpecificCredentials", "then": {"status": 200, "type": "text/xml", "body": keys("")}},
        {"service": "route53profiles", "operation": "ListProfileAssociations", "then": {"json": {"ProfileAssociations": []}}},
        {"service": "sagemaker", "operation": "ListUserProfiles", "account": accounts["broken"], "region": REGION, "then": {"json": {"UserProfiles": [{"DomainId": "d-studio", "UserProfileName": "ana"}]}}},
        {"service": "sagemaker", "operation": "ListUserProfiles", "then": {"json": {"UserProfiles": []}}},
        {"service": "sagemaker", "operation": "DescribeUserProfile", "then": {"json": {"DomainId": "d-studio", "UserProfileName": "ana", "UserSettings": {"ExecutionRole": f"arn:aws:iam::{accounts['broken']}:role/ai-shared"}}}},
        {"service": "eks", "operation": "ListAddons", "then": {"json": {"addons": ["vpc-cni"]}}},
        {"service": "eks", "operation": "DescribeAddon", "then": {"json": {"addon": {"addonName": "vpc-cni", "clusterName": "apps"}}}},
        {"service": "eks", "operation": "ListPodIdentityAssociations", "then": {"json": {"associations": [{"clusterName": "apps", "namespace": "chat", "serviceAccount": "assistant", "associationArn": f"arn:aws:eks:{REGION}:{accounts['broken']}:podidentityassociation/apps/a-1", "associationId": "a-1"}]}}},
        {"service": "eks", "operation": "DescribePodIdentityAssociation", "then": {"json": {"association": {"clusterName": "apps", "associationId": "a-1", "roleArn": f"arn:aws:iam::{accounts['broken']}:role/ai-shared"}}}},
        {"service": "route53resolver", "operation": "ListFirewallRuleGroups", "account": accounts["platform"], "then": {"json": {"FirewallRuleGroups": [{"Id": "rslvr-frg-1", "Name": "baseline"}]}}},
        {"service": "route53resolver", "operation": "ListFirewallRuleGroups", "then": {"json": {"FirewallRuleGroups": []}}},
        {"service": "route53resolver", "operation": "ListFirewallRules", "then": {"json": {"FirewallRules": [{"FirewallRuleGroupId": "rslvr-frg-1", "FirewallDomainListId": "rslvr-fdl-1", "Name": "pastes", "Priority": 1, "Action": "BLOCK", "BlockResponse": "NXDOMAIN"}]}}},
        {"service": "route53resolver", "operation": "GetFirewallDomainList", "then": {"json": {"FirewallDomainList": {"Id": "rslvr-fdl-1", "Name": "pastes"}}}},
        {"service": "route53resolver", "operation": "ListFirewallDomains", "then": {"json": {"Domains": ["*.pastes.example."]}}},
        {"service": "route53resolver", "operation": "ListFirewallRuleGroupAssociations", "then": {"json": {"FirewallRuleGroupAssociations": []}}},
        {"service": "aoss", "operation": "ListVpcEndpoints", "then": {"json": {"vpcEndpointSummaries": []}}},
        {"service": "aoss", "operation": "ListAccessPolicies", "account": accounts["broken"], "then": {"json": {"accessPolicySummaries": [{"name": "manuals", "type": "data"}]}}},
        {"service": "aoss", "operation": "ListAccessPolicies", "then": {"json": {"accessPolicySummaries": []}}},
        {"service": "aoss", "operation": "GetAccessPolicy", "then": {"json": {"accessPolicyDetail": {"name": "manuals", "type": "data", "policy": [{"Rules": [{"ResourceType": "index", "Resource": ["index/manuals/*"], "Permission": ["aoss:*"]}], "Principal": [f"arn:aws:iam::{accounts['broken']}:role/ai-shared"]}]}}}},
        {"service": "neptune-graph", "operation": "ListGraphs", "account": accounts["broken"], "region": REGION, "then": {"json": {"graphs": [{"id": "g-1", "name": "places", "arn": f"arn:aws:neptune-graph:{REGION}:{accounts['broken']}:graph/g-1", "publicConnectivity": True}]}}},
        {"service": "neptune-graph", "operation": "ListGraphs", "then": {"json": {"graphs": []}}},
        {"service": "ec2", "operation": "DescribeVpcBlockPublicAccessOptions", "then": {"status": 200, "type": "text/xml", "body": off}},
        {"service": "ec2", "operation": "DescribeVpcBlockPublicAccessExclusions", "then": {"status": 200, "type": "text/xml", "body": none}},
        *bedrock_agents(accounts),
        {"service": "account", "operation": "ListRegions", "then": {"json": {"Regions": [{"RegionName": name, "RegionOptStatus": "ENABLED_BY_DEFAULT"} for name in (REGION, OTHER)]}}},
    ], refuse


def main():
    script = json.load(open(sys.argv[1]))
    policy = script["policy"] if isinstance(script, dict) else None
    script = script["rules"] if isinstance(script, dict) else script
    port = free_port()
    environment = {**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false", "INITIAL_NO_AUTH_ACTION_COUNT": "100000000"}
    moto = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    raw = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(raw + "/moto-api/", timeout=1).read()
                break
            except OSError:
                time.sleep(0.1)
        urllib.request.urlopen(urllib.request.Request(raw + "/moto-api/seed?a=42", method="POST")).read()
        accounts = seed(raw)
        subnets = {}
        for name in ("broken", "sound"):
            for subnet in Account(raw, accounts[name]).client("ec2").describe_subnets()["Subnets"]:
                subnets[subnet["SubnetId"]] = subnet["VpcId"]
        rules, refuse = standing_rules(accounts)
        rules.append(described_cluster(Account(raw, accounts["broken"])))
        rules = described_sound(Account(raw, accounts["sound"])) + rules
        named = [dict(rule, account=accounts.get(rule["account"], rule["account"])) if "account" in rule else rule for rule in script]
        front, double = http_double.serve(named + rules, ("127.0.0.1", port), subnets)
        guard(double, accounts, refuse)
        told = {"endpoint": f"http://127.0.0.1:{front}", "raw": raw, "accounts": accounts}
        if policy:
            told["credentials"] = enforce(raw, accounts, policy)
        print(json.dumps(told), flush=True)
        sys.stdin.read()
    finally:
        moto.kill()


def enforce(raw, accounts, policy):
    """From here on moto asks IAM; gives the credentials of an administrator of the management account."""
    role = Account(raw, accounts["sound"]).client("iam")
    role.create_role(RoleName="OutcropAudit", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
    role.put_role_policy(RoleName="OutcropAudit", PolicyName="outcrop-reads", PolicyDocument=json.dumps(policy))
    home = Account(raw).client("iam")
    home.create_user(UserName="security")
    home.put_user_policy(UserName="security", PolicyName="all", PolicyDocument=allow("*", "*"))
    key = home.create_access_key(UserName="security")["AccessKey"]
    urllib.request.urlopen(urllib.request.Request(raw + "/moto-api/reset-auth", method="POST", data=b"0", headers={"Content-Type": "text/plain"})).read()
    return {"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}


def guard(double, accounts, refuse):
    """AssumeRole asks for the external id, and one account stays locked."""
    handler_reply = http_double.Handler.reply

    def reply(self, service, operation, body, then):
        if service == "sts" and operation == "AssumeRole" and (b"ExternalId=opensesame" not in body or accounts["locked"].encode() in body or b"OutcropAudit" not in body):
            return self.answer(403, "text/xml", refuse.encode())
        return handler_reply(self, service, operation, body, then)

    http_double.Handler.reply = reply


if __name__ == "__main__":
    main()
