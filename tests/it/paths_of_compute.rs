//! Paths of the several kinds of compute, and what leaves them open.

use super::paths::verdicts;
use crate::law::judged;
use outcrop::model::Verdict;

/// Path verdicts of workloads of every kind in the broken estate, where all have roles that call Bedrock, after a change.
#[test]
pub(super) fn every_kind_of_compute_has_its_way() {
    let rejected = "DELETE FROM vpc_endpoint; ";
    let closed = "UPDATE vpc_route_table SET routes = '[]'; ";
    let mut wrong = Vec::new();
    for (change, name, verdict) in [
        // EKS: nodes and pods stand in the subnets of the node group, as far as the cluster's add-ons show.
        ("SELECT 1", "apps/general", Some("public-possible")),
        ("SELECT 1", "apps: chat/assistant", Some("public-possible")),
        (rejected, "apps/general", Some("public")),
        (closed, "apps/general", Some("broken")),
        (
            "UPDATE vpc_endpoint SET private_dns_enabled = 1",
            "apps/general",
            Some("private-bypassable"),
        ),
        (
            "UPDATE vpc_endpoint SET private_dns_enabled = 1",
            "nightly",
            Some("private-bypassable"),
        ),
        (
            "UPDATE eks_cluster SET pod_network = 'custom'",
            "apps: chat/assistant",
            None,
        ),
        (
            "UPDATE eks_cluster SET pod_network = 'unmanaged'",
            "apps/general",
            None,
        ),
        (
            "UPDATE eks_cluster SET addons = '[\"vpc-cni\", \"solo-io_istio-distro\"]'",
            "apps: chat/assistant",
            None,
        ),
        ("UPDATE eks_cluster SET auto_mode = 1", "apps/general", None),
        (
            "UPDATE eks_node_group SET launch_template = 'lt-1'",
            "apps/general",
            None,
        ),
        ("DELETE FROM eks_node_group", "apps: chat/assistant", None),
        (
            "UPDATE eks_node_group SET subnet_ids = '[\"subnet-app-pub\"]'; UPDATE vpc_endpoint SET state = 'rejected'",
            "apps/general",
            Some("public-possible"),
        ),
        // Nodes that nobody manages are told by their tags.
        (
            "DELETE FROM eks_node_group; UPDATE ec2_instance SET subnet_id = 'subnet-app-a', vpc_id = 'vpc-app', security_group_ids = '[\"sg-app\"]', tags = '{\"kubernetes.io/cluster/apps\": \"owned\"}' WHERE instance_id = 'i-gpubox'",
            "apps: chat/assistant",
            Some("public-possible"),
        ),
        // Task sets and schedules stand where their own network configuration says.
        ("SELECT 1", "catalog", Some("public-possible")),
        (
            "UPDATE ecs_task_set SET subnet_ids = '[\"subnet-app-pub\"]'; UPDATE vpc_endpoint SET state = 'rejected'",
            "catalog",
            Some("broken"),
        ),
        (
            "UPDATE ecs_task_set SET subnet_ids = '[\"subnet-app-pub\"]', assign_public_ip = 1; UPDATE vpc_endpoint SET state = 'rejected'",
            "catalog",
            Some("public-possible"),
        ),
        // In host and bridge mode tasks stand where the instances of their cluster do.
        (
            "UPDATE ecs_task_set SET subnet_ids = '[]'",
            "catalog",
            Some("public"),
        ),
        (
            "UPDATE ecs_task_set SET subnet_ids = '[]'; DELETE FROM ecs_container_instance",
            "catalog",
            None,
        ),
        (
            "UPDATE ecs_task_set SET subnet_ids = '[]'; UPDATE ecs_container_instance SET ec2_instance_id = ''",
            "catalog",
            None,
        ),
        ("SELECT 1", "nightly", Some("public-possible")),
        (rejected, "nightly", Some("public")),
        (
            "UPDATE eventbridge_target SET subnet_ids = '[\"subnet-island-a\"]', security_group_ids = '[\"sg-island\"]'",
            "nightly",
            Some("broken"),
        ),
        // SageMaker leaves by its own network unless it is told otherwise.
        ("SELECT 1", "lab", Some("public")),
        (
            "UPDATE sagemaker_notebook_instance SET direct_internet_access = 'Disabled', subnet_id = 'subnet-app-a', security_group_ids = '[\"sg-app\"]'",
            "lab",
            Some("public-possible"),
        ),
        ("SELECT 1", "studio", Some("public")),
        (
            "UPDATE sagemaker_domain SET app_network_access_type = 'VpcOnly'",
            "studio",
            Some("public-possible"),
        ),
        ("SELECT 1", "ranker", Some("public")),
        (
            "UPDATE sagemaker_model SET subnet_ids = '[\"subnet-app-a\"]', security_group_ids = '[\"sg-app\"]'",
            "ranker",
            Some("public-possible"),
        ),
        ("SELECT 1", "label-1", Some("public")),
        (
            "UPDATE sagemaker_job SET subnet_ids = '[\"subnet-island-a\"]', security_group_ids = '[\"sg-island\"]'",
            "label-1",
            Some("broken"),
        ),
    ] {
        let [found] = verdicts("broken", change, [name]);
        if found.as_deref() != verdict {
            wrong.push(format!(
                "{change}: {name}: {found:?} instead of {verdict:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
pub(super) fn what_is_isolated_calls_nobody() {
    judged("broken", |store| {
        store
            .conn
            .execute_batch("UPDATE sagemaker_model SET enable_network_isolation = 1")
            .expect("an update");
        outcrop::subjects::derive(store).expect("subjects");
        let ways: i64 = store
            .conn
            .query_row(
                "SELECT count(*) FROM bedrock_path WHERE name = 'ranker'",
                [],
                |row| row.get(0),
            )
            .expect("a count");
        assert_eq!(ways, 0);
    });
}

/// What becomes of the dependency on the logs of the sound estate's application VPC: (endpoint present, lets through).
#[test]
pub(super) fn an_endpoint_that_refuses_serves_nobody() {
    let policy = |statement: &str| {
        format!(
            "UPDATE vpc_endpoint SET policy = '{{\"Version\": \"2012-10-17\", \"Statement\": [{statement}]}}' WHERE vpc_endpoint_id = 'vpce-app-logs'"
        )
    };
    let mut wrong = Vec::new();
    for (change, expected) in [
        ("SELECT 1".to_owned(), (Some(true), Some(true))),
        ("DELETE FROM vpc_endpoint WHERE vpc_endpoint_id = 'vpce-app-logs'".to_owned(), (Some(false), Some(true))),
        ("UPDATE vpc_endpoint SET private_dns_enabled = 0 WHERE vpc_endpoint_id = 'vpce-app-logs'".to_owned(), (Some(false), Some(true))),
        ("UPDATE vpc_security_group SET ingress = '[]' WHERE group_id = 'sg-vpce-app'".to_owned(), (Some(true), Some(false))),
        ("UPDATE vpc_security_group SET ingress = NULL WHERE group_id = 'sg-vpce-app'".to_owned(), (Some(true), None)),
        (policy(r#"{"Effect": "Allow", "Principal": "*", "Action": "logs:DescribeLogGroups", "Resource": "*"}"#), (Some(true), Some(false))),
        (
            policy(
                r#"{"Effect": "Allow", "Principal": "*", "Action": "logs:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": "999999999999"}}}"#,
            ),
            (Some(true), Some(false)),
        ),
        ("UPDATE vpc_endpoint SET policy = NULL WHERE vpc_endpoint_id = 'vpce-app-logs'".to_owned(), (Some(true), None)),
    ] {
        judged("sound", |store| {
            store.conn.execute_batch(&change).expect("an update");
            outcrop::subjects::derive(store).expect("subjects");
            let sql = "SELECT endpoint_present, lets_through FROM vpc_dependency WHERE part = 'logs'";
            let found = store.conn.query_row(sql, [], |row| Ok((row.get::<_, Option<bool>>(0)?, row.get::<_, Option<bool>>(1)?))).expect("a row");
            if found != expected {
                wrong.push(format!("{change}: {found:?} instead of {expected:?}"));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// By IPv6 only names that have such addresses are reached, from interfaces that have one.
#[test]
pub(super) fn ipv6_is_a_way_out_for_who_has_an_address() {
    let six = "DELETE FROM vpc_endpoint; UPDATE lambda_function SET use_dualstack = 1; UPDATE vpc_security_group SET egress = '[{\"protocol\": \"-1\", \"from_port\": -1, \"to_port\": -1, \"cidrs\": [\"::/0\", \"0.0.0.0/0\"], \"groups\": [], \"prefix_lists\": []}]'; \
               UPDATE vpc_network_acl SET entries = '[{\"egress\": false, \"number\": 1, \"action\": \"allow\", \"protocol\": \"-1\", \"cidr\": \"::/0\", \"from_port\": -1, \"to_port\": -1}, {\"egress\": true, \"number\": 1, \"action\": \"allow\", \"protocol\": \"-1\", \"cidr\": \"::/0\", \"from_port\": -1, \"to_port\": -1}]'; \
               UPDATE vpc_route_table SET routes = '[{\"destination\": \"::/0\", \"target\": \"eigw-1\", \"state\": \"active\"}]'; ";
    for (change, expected) in [
        ("", Some("broken")),
        (
            "UPDATE lambda_function SET ipv6_allowed = 1",
            Some("broken"),
        ),
        (
            "UPDATE vpc_subnet SET ipv6_cidr_block = '2001:db8::/64'",
            Some("broken"),
        ),
        (
            "UPDATE vpc_subnet SET ipv6_cidr_block = '2001:db8::/64'; UPDATE lambda_function SET ipv6_allowed = 1",
            Some("public"),
        ),
        (
            "UPDATE vpc_subnet SET ipv6_cidr_block = '2001:db8::/64'; UPDATE lambda_function SET ipv6_allowed = NULL",
            None,
        ),
        (
            "UPDATE vpc_subnet SET ipv6_cidr_block = NULL; UPDATE lambda_function SET ipv6_allowed = 1",
            None,
        ),
    ] {
        let [found] = verdicts("sound", &format!("{six}{change}"), ["summarizer"]);
        assert_eq!(found.as_deref(), expected, "{change}");
    }
}

/// One number of a query after a change to the sound estate.
pub(super) fn asked(change: &str, sql: &str) -> Option<i64> {
    let mut found = None;
    judged("sound", |store| {
        store
            .conn
            .execute_batch(change)
            .unwrap_or_else(|error| panic!("{change}: {error}"));
        outcrop::subjects::derive(store).expect("subjects");
        found = store
            .conn
            .query_row(sql, [], |row| row.get::<_, Option<i64>>(0))
            .unwrap_or_else(|error| panic!("{change}: {sql}: {error}"));
    });
    found
}

#[test]
pub(super) fn a_path_to_an_index_needs_its_name_its_door_and_its_policies() {
    let sql = "SELECT private_path FROM vector_query WHERE name = 'apps: chat/assistant'";
    let forward = "INSERT INTO route53_resolver_rule (account_id, region, id, domain_name, rule_type, target_ips, owner_id) VALUES ('111111111111', 'eu-west-1', 'rslvr-rr-1', 'aoss.amazonaws.com', 'FORWARD', '[\"10.9.0.2\"]', ''); \
                   INSERT INTO route53_resolver_rule_association (account_id, region, id, rule_id, vpc_id) VALUES ('111111111111', 'eu-west-1', 'a-1', 'rslvr-rr-1', 'vpc-app'); ";
    for (change, expected) in [
        ("SELECT 1".to_owned(), Some(1)),
        ("UPDATE vpc SET enable_dns_hostnames = 0".to_owned(), Some(0)),
        ("UPDATE vpc_dhcp_options SET domain_name_servers = '[\"10.0.0.2\"]'".to_owned(), None),
        (forward.to_owned(), None),
        (format!("{forward}DELETE FROM aoss_vpc_endpoint"), None),
        ("DELETE FROM aoss_vpc_endpoint".to_owned(), Some(0)),
        ("UPDATE aoss_vpc_endpoint SET status = 'FAILED'".to_owned(), Some(0)),
        ("UPDATE aoss_network_policy SET policy = '[]'".to_owned(), Some(0)),
        ("UPDATE vpc_security_group SET ingress = '[]' WHERE group_id = 'sg-vpce-app'".to_owned(), Some(0)),
        (
            "UPDATE iam_role SET inline_policies = replace(inline_policies, 'aoss:APIAccessAll', 'aoss:ListCollections') WHERE name = 'assistant'".to_owned(),
            Some(0),
        ),
        ("UPDATE aoss_network_policy SET policy = NULL".to_owned(), None),
    ] {
        assert_eq!(asked(&change, sql), expected, "{change}");
    }
}

#[test]
pub(super) fn what_was_not_seen_of_a_workload_leaves_its_ways_open() {
    for (change, name, verdict) in [
        // Pods run on a node group or on a profile, and these lead different ways.
        (
            "UPDATE eks_node_group SET subnet_ids = '[\"subnet-sum-a\"]'; UPDATE eks_cluster SET security_group_id = 'sg-sum'; UPDATE eks_fargate_profile SET subnet_ids = '[\"subnet-app-b\"]'",
            "apps: chat/reranker",
            None,
        ),
        // A profile for other namespaces runs none of them.
        (
            "UPDATE eks_fargate_profile SET namespaces = '[\"kube-system\"]', subnet_ids = '[\"subnet-sum-pub\"]'",
            "apps: chat/reranker",
            Some("private-enforced"),
        ),
        // A second task set, of which it is not known what it runs.
        (
            "INSERT INTO ecs_task_set (account_id, region, arn, service_arn, cluster_arn, subnet_ids, security_group_ids, assign_public_ip) \
             SELECT account_id, region, arn || '2', service_arn, cluster_arn, '[\"subnet-sum-pub\"]', '[\"sg-sum\"]', 1 FROM ecs_task_set",
            "catalog",
            None,
        ),
        (
            "UPDATE sagemaker_endpoint_configuration SET model_names = '[\"ranker\", \"gone\"]'",
            "ranker",
            None,
        ),
    ] {
        let [found] = verdicts("sound", change, [name]);
        assert_eq!(found.as_deref(), verdict, "{change}");
    }
}

#[test]
pub(super) fn rules_about_other_records_block_no_address() {
    let rule = |kind: &str| {
        format!(
            "DELETE FROM vpc_endpoint; UPDATE route53_firewall_rule_group SET rules = '[{{\"name\": \"r\", \"priority\": 1, \"action\": \"BLOCK\", \"response\": \"NODATA\", \"query_type\": \"{kind}\", \"domains\": [\"*\"]}}]'"
        )
    };
    for (kind, verdict) in [("TXT", Some("public")), ("A", None), ("", Some("broken"))] {
        let [found] = verdicts("sound", &rule(kind), ["summarizer"]);
        assert_eq!(found.as_deref(), verdict, "{kind}");
    }
}

#[test]
pub(super) fn prompts_of_what_shows_no_variables_are_not_judged_by_them() {
    let of = |name: &str| {
        asked(
            "SELECT 1",
            &format!("SELECT variables_seen FROM prompt_exit WHERE name = '{name}'"),
        )
    };
    assert_eq!(
        [of("apps: chat/assistant"), of("ranker"), of("chat-api")],
        [Some(0), Some(1), Some(1)]
    );
    let outside = "UPDATE sagemaker_model SET outside_hosts = '[\"api.openai.com\"]'";
    assert_eq!(
        asked(
            outside,
            "SELECT names_outside_host FROM prompt_exit WHERE name = 'ranker'"
        ),
        Some(1)
    );
}

#[test]
pub(super) fn a_profile_or_a_transform_job_can_make_a_caller() {
    let callers = |name: &str| format!("SELECT count(*) FROM bedrock_path WHERE name = '{name}'");
    assert_eq!(asked("SELECT 1", &callers("studio")), Some(0));
    assert_eq!(
        asked(
            "UPDATE sagemaker_user_profile SET role_arn = 'arn:aws:iam::111111111111:role/ranker'",
            &callers("studio")
        ),
        Some(1)
    );
    assert_eq!(
        asked(
            "UPDATE sagemaker_domain SET space_role_arn = 'arn:aws:iam::111111111111:role/ranker'",
            &callers("studio")
        ),
        Some(1)
    );
    let transform = "UPDATE sagemaker_job SET kind = 'transform', model_name = 'ranker', role_arn = '', name = 'batch-1'; DELETE FROM sagemaker_endpoint";
    assert_eq!(asked(transform, &callers("batch-1")), Some(1));
}

/// What an unread policy may add is not told by what the others allow.
#[test]
pub(super) fn an_unread_policy_may_add_calls_to_other_families() {
    let attach = "UPDATE iam_role SET attached_policy_arns = '[\"arn:aws:iam::111111111111:policy/x\"]' WHERE name = 'summarizer'; \
                  UPDATE coverage SET status = 'denied' WHERE table_name = 'iam_policy' AND account_id = '111111111111'";
    let after = judged("sound", |store| {
        let changed = store
            .conn
            .execute(
                "UPDATE iam_role SET tags = tags WHERE name = 'summarizer'",
                [],
            )
            .expect("an update");
        assert!(changed > 0, "the estate has no such role");
        store.conn.execute_batch(attach).expect("a change");
    });
    let of = |rule: &str| {
        after.results.iter().any(|result| {
            result.rule == rule
                && result.region == "eu-west-1"
                && result.verdict == Verdict::Unknown
        })
    };
    assert!(of("bedrock-call-leaves-by-public-endpoint") && of("bedrock-vpc-endpoint-missing"));
}
