//! The way of a call, after one change to the sound estate: each case is a change and what becomes of the way.

use crate::law::judged;
use outcrop::model::Verdict;

/// Path verdicts of the summarizer (a NAT gateway remains beside its endpoint) and of the retriever (no way out), after a change.
pub(super) fn ways(change: &str) -> [Option<String>; 2] {
    verdicts("sound", change, ["summarizer", "retriever"])
}

pub(super) fn verdicts<const N: usize>(
    estate: &str,
    change: &str,
    names: [&str; N],
) -> [Option<String>; N] {
    let mut found = [const { None }; N];
    judged(estate, |store| {
        store
            .conn
            .execute_batch(change)
            .unwrap_or_else(|error| panic!("{change}: {error}"));
        outcrop::subjects::derive(store).expect("subjects");
        found = names.map(|name| {
            store
                .conn
                .query_row(
                    "SELECT path_verdict FROM bedrock_path WHERE name = ?1",
                    [name],
                    |row| row.get::<_, Option<String>>(0),
                )
                .unwrap_or_else(|error| panic!("{change}: {name}: {error}"))
        });
    });
    found
}

#[test]
fn the_way_follows_the_network() {
    let enforced = Some("private-enforced");
    let mut wrong = Vec::new();
    for (change, summarizer, retriever) in [
        ("SELECT 1", enforced, enforced),
        // An endpoint that is gone, refused or failed holds no name; the NAT gateway takes the call.
        (
            "UPDATE vpc_endpoint SET state = 'deleted'",
            Some("public-possible"),
            Some("broken"),
        ),
        (
            "UPDATE vpc_endpoint SET state = 'rejected'",
            Some("public-possible"),
            Some("broken"),
        ),
        (
            "UPDATE vpc_endpoint SET state = 'pendingAcceptance'",
            None,
            None,
        ),
        (
            "UPDATE vpc_endpoint SET state = 'Available'",
            enforced,
            enforced,
        ),
        (
            "DELETE FROM vpc_endpoint WHERE vpc_id = 'vpc-sum'",
            Some("public"),
            enforced,
        ),
        (
            "UPDATE vpc_endpoint SET private_dns_enabled = 0",
            Some("public-possible"),
            Some("broken"),
        ),
        (
            "UPDATE vpc SET enable_dns_hostnames = 0",
            Some("public-possible"),
            Some("broken"),
        ),
        // A captured name whose call is refused breaks, and never falls back.
        (
            "UPDATE vpc_security_group SET ingress = '[]'",
            Some("broken"),
            Some("broken"),
        ),
        // What the name is depends on the client.
        (
            "UPDATE lambda_function SET use_fips = 1",
            Some("public-possible"),
            enforced,
        ),
        (
            "UPDATE lambda_function SET bedrock_region = 'us-east-1'",
            Some("public-possible"),
            Some("broken"),
        ),
        (
            "UPDATE lambda_function SET bedrock_endpoint = 'other'",
            None,
            None,
        ),
        // The VPC's own resolver refuses the name; whether it does so for names that an endpoint takes is not documented.
        (
            "UPDATE route53_firewall_rule_group SET rules = '[{\"name\": \"r\", \"priority\": 1, \"action\": \"BLOCK\", \"response\": \"NXDOMAIN\", \"domains\": [\"*.amazonaws.com\"]}]'",
            None,
            enforced,
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE route53_firewall_rule_group SET rules = '[{\"name\": \"r\", \"priority\": 1, \"action\": \"BLOCK\", \"response\": \"NXDOMAIN\", \"domains\": [\"*.amazonaws.com\"]}]'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE route53_firewall_rule_group SET rules = '[{\"name\": \"r\", \"priority\": 1, \"action\": \"BLOCK\", \"response\": \"NXDOMAIN\", \"domains\": [\"*.example.com\"]}]'",
            Some("public"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE route53_firewall_rule_group SET rules = '[{\"name\": \"r\", \"priority\": 1, \"action\": \"ALLOW\", \"response\": \"NXDOMAIN\", \"domains\": [\"*.amazonaws.com\"]}]'",
            Some("public"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE route53_firewall_rule_group SET rules = '[{\"name\": \"r\", \"priority\": 1, \"action\": \"BLOCK\", \"response\": \"OVERRIDE\", \"domains\": [\"*\"]}]'",
            None,
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; DELETE FROM route53_firewall_rule_group",
            None,
            Some("broken"),
        ),
        // Something else may answer for the name.
        (
            "UPDATE vpc_dhcp_options SET domain_name_servers = '[\"10.0.0.2\"]'",
            None,
            None,
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc SET private_zones = '[{\"name\": \"amazonaws.com.\"}]'",
            None,
            None,
        ),
        ("UPDATE vpc SET owner_id = '999999999999'", None, None),
        // Ways out.
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_nat_gateway SET state = 'failed'",
            Some("broken"),
            Some("broken"),
        ),
        // A private gateway has no public address either, so an internet gateway behind it is no way.
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_nat_gateway SET connectivity_type = 'private'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_nat_gateway SET subnet_id = 'subnet-sum-a'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"pl-1\", \"target\": \"nat-sum\", \"state\": \"active\"}]'",
            None,
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"3.0.0.0/8\", \"target\": \"nat-sum\", \"state\": \"active\"}]'",
            None,
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"10.9.0.0/16\", \"target\": \"nat-sum\", \"state\": \"active\"}]'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"0.0.0.0/0\", \"target\": \"nat-sum\", \"state\": \"blackhole\"}]'",
            Some("broken"),
            Some("broken"),
        ),
        // A function's interface has no public IPv4 address; every IPv6 address is public, and the filters here know IPv4 alone.
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"0.0.0.0/0\", \"target\": \"igw-1\", \"state\": \"active\"}]'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"::/0\", \"target\": \"igw-1\", \"state\": \"active\"}]'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"0.0.0.0/0\", \"target\": \"tgw-1\", \"state\": \"active\"}]'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_block_public_access_options SET internet_gateway_block_mode = 'block-bidirectional'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_block_public_access_options SET internet_gateway_block_mode = 'block-ingress'",
            Some("public"),
            Some("broken"),
        ),
        // No VPC: the service's own network, however many endpoints there are.
        (
            "UPDATE lambda_function SET vpc_id = ''",
            Some("public"),
            Some("public"),
        ),
        // Without the control policy nothing refuses calls outside the endpoint.
        (
            "DELETE FROM organizations_policy_target WHERE policy_name = 'only-through-endpoints'",
            Some("private-bypassable"),
            enforced,
        ),
        // The same Deny with the operator that a missing key does not meet.
        (
            "UPDATE organizations_policy_target SET content = replace(content, 'StringNotEquals', 'StringEquals') WHERE policy_name = 'only-through-endpoints'",
            Some("private-bypassable"),
            enforced,
        ),
    ] {
        let found = ways(change);
        if [found[0].as_deref(), found[1].as_deref()] != [summarizer, retriever] {
            wrong.push(format!(
                "{change}\n  is {found:?}\n  not {:?}",
                [summarizer, retriever]
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_list_of_addresses_is_no_private_path() {
    let change = "UPDATE organizations_policy_target SET content = '{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"NotIpAddress\": {\"aws:SourceIp\": [\"203.0.113.9/32\"]}}}]}' WHERE policy_name = 'only-through-endpoints'";
    assert_eq!(ways(change)[0].as_deref(), Some("private-bypassable"));
}

#[test]
fn a_refused_or_failed_endpoint_is_not_present() {
    let outcome = judged("sound", |store| {
        store
            .conn
            .execute_batch("UPDATE vpc_endpoint SET state = 'failed'")
            .expect("an update");
    });
    let missing: Vec<_> = outcome
        .results
        .iter()
        .filter(|result| {
            result.rule == "bedrock-vpc-endpoint-missing" && result.verdict == Verdict::Fail
        })
        .collect();
    assert_eq!(
        missing.len(),
        3,
        "every family of every VPC with callers lacks one"
    );
}

/// The ways of the five spokes after a change: by central egress, by peering, by a profile, by a forwarding rule, by a shared zone.
#[test]
fn the_way_follows_hubs_and_spokes() {
    const SPOKES: [&str; 5] = ["central", "peered", "profile", "rule", "transit"];
    let (public, enforced, broken, bypass, unknown) = (
        "public",
        "private-enforced",
        "broken",
        "private-bypassable",
        "",
    );
    let zone = |records: &str| {
        format!("UPDATE route53_private_zone SET records = '{records}' WHERE zone_id = 'ZHUB'")
    };
    let record = |name: &str, kind: &str, value: &str, alias: &str| {
        format!(
            "[{{\"name\": \"{name}\", \"type\": \"{kind}\", \"values\": [{value}], \"alias\": \"{alias}\"}}]"
        )
    };
    let host = "bedrock-runtime.eu-west-1.amazonaws.com";
    let routes = |table: &str, routes: &str| {
        format!("UPDATE vpc_route_table SET routes = '{routes}' WHERE route_table_id = '{table}'")
    };
    let gateway = |table: &str, routes: &str| {
        format!(
            "UPDATE ec2_transit_gateway_route_table SET routes = '{routes}' WHERE id = '{table}'"
        )
    };
    let to = |destination: &str, attachment: &str, kind: &str, state: &str| {
        format!(
            "{{\"destination\": \"{destination}\", \"type\": \"{kind}\", \"state\": \"{state}\", \"attachment_id\": \"{attachment}\"}}"
        )
    };
    let acl = |id: &str, entry: &str| {
        format!(
            "UPDATE vpc_network_acl SET entries = '[{entry}, {{\"egress\": false, \"number\": 200, \"action\": \"allow\", \"protocol\": \"-1\", \"cidr\": \"0.0.0.0/0\"}}, {{\"egress\": true, \"number\": 200, \"action\": \"allow\", \"protocol\": \"-1\", \"cidr\": \"0.0.0.0/0\"}}]' WHERE network_acl_id = '{id}'"
        )
    };
    let entry = |egress: bool, action: &str, cidr: &str, from: i64, to: i64| {
        format!(
            "{{\"egress\": {egress}, \"number\": 100, \"action\": \"{action}\", \"protocol\": \"6\", \"cidr\": \"{cidr}\", \"from_port\": {from}, \"to_port\": {to}}}"
        )
    };
    let policy = |statement: &str| {
        format!(
            "UPDATE vpc_endpoint SET policy = '{{\"Version\": \"2012-10-17\", \"Statement\": [{statement}]}}'"
        )
    };
    let cases: Vec<(String, [&str; 5])> = vec![
        ("SELECT 1".to_owned(), [public, enforced, enforced, enforced, enforced]),
        // A transit gateway takes traffic only from zones in which the attachment has a subnet.
        ("UPDATE ec2_transit_gateway_attachment SET subnet_ids = '[\"subnet-central\"]' WHERE id = 'tgw-attach-transit'; UPDATE vpc_subnet SET availability_zone = 'eu-west-1b' WHERE subnet_id = 'subnet-transit'".to_owned(), [public, enforced, enforced, enforced, broken]),
        ("UPDATE ec2_transit_gateway_attachment SET subnet_ids = '[\"subnet-central\"]' WHERE id = 'tgw-attach-transit'".to_owned(), [public, enforced, enforced, enforced, enforced]),
        ("UPDATE ec2_transit_gateway_attachment SET subnet_ids = NULL WHERE id = 'tgw-attach-transit'".to_owned(), [public, enforced, enforced, enforced, unknown]),
        // Names.
        ("UPDATE vpc SET private_zones = '[]'".to_owned(), [public, broken, enforced, enforced, broken]),
        ("DELETE FROM route53_profile_association".to_owned(), [public, enforced, broken, enforced, enforced]),
        ("DELETE FROM route53_resolver_rule_association".to_owned(), [public, enforced, enforced, broken, enforced]),
        ("UPDATE route53_resolver_rule SET rule_type = 'SYSTEM'".to_owned(), [public, enforced, enforced, broken, enforced]),
        ("UPDATE route53_resolver_rule SET domain_name = 'amazonaws.com'".to_owned(), [public, enforced, enforced, enforced, enforced]),
        ("UPDATE route53_resolver_rule SET domain_name = 'example.com'".to_owned(), [public, enforced, enforced, broken, enforced]),
        ("UPDATE route53_resolver_rule SET domain_name = ''".to_owned(), [public, enforced, enforced, enforced, enforced]),
        ("UPDATE route53_resolver_rule SET target_ips = '[\"192.168.1.53\"]'".to_owned(), [public, enforced, enforced, unknown, enforced]),
        // Of one name the rule wins over the zone; a narrower zone wins over a wider rule.
        ("INSERT INTO route53_resolver_rule_association (account_id, region, id, rule_id, vpc_id) VALUES ('111111111111', 'eu-west-1', 'x', 'rslvr-rr-hub', 'vpc-transit')".to_owned(), [public, enforced, enforced, enforced, enforced]),
        ("UPDATE route53_resolver_rule SET domain_name = 'amazonaws.com', target_ips = '[\"192.168.1.53\"]'; INSERT INTO route53_resolver_rule_association (account_id, region, id, rule_id, vpc_id) VALUES ('111111111111', 'eu-west-1', 'x', 'rslvr-rr-hub', 'vpc-transit')".to_owned(), [public, enforced, enforced, unknown, enforced]),
        (zone("[]"), [public, enforced, unknown, enforced, unknown]),
        (zone(&record(host, "CNAME", "\"vpce-hub-7k2q.bedrock-runtime.eu-west-1.vpce.amazonaws.com\"", "")), [public, enforced, enforced, enforced, enforced]),
        (zone(&record("*.eu-west-1.amazonaws.com", "A", "\"10.0.1.10\"", "")), [public, enforced, enforced, enforced, enforced]),
        (zone(&record(host, "A", "\"10.0.1.99\"", "")), [public, enforced, unknown, enforced, unknown]),
        (zone(&record(host, "A", "", "vpce-other-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com")), [public, enforced, unknown, enforced, unknown]),
        (zone(&record(host, "CNAME", "\"proxy.corp.example\"", "")), [public, enforced, unknown, enforced, unknown]),
        ("UPDATE ec2_network_interface SET private_ip_addresses = '[]'".to_owned(), [public, unknown, enforced, unknown, enforced]),
        // The zone that AWS keeps for an endpoint's private DNS is listed too, and is none of ours.
        (format!("UPDATE vpc SET private_zones = '[{{\"name\": \"{host}.\", \"id\": \"ZAWS\", \"owner\": \"vpce.amazonaws.com\"}}]' WHERE vpc_id = 'vpc-central'"), [public, enforced, enforced, enforced, enforced]),
        ("UPDATE route53_profile_association SET resources = '[{\"arn\": \"arn:aws:ec2:eu-west-1:222222222222:vpc-endpoint/vpce-hub\"}]'".to_owned(), [public, enforced, enforced, enforced, enforced]),
        ("UPDATE route53_profile_association SET resources = '[{\"arn\": \"arn:aws:route53resolver:eu-west-1:222222222222:resolver-rule/rslvr-rr-hub\"}]'".to_owned(), [public, enforced, enforced, enforced, enforced]),
        ("UPDATE route53_profile_association SET resources = '[{\"arn\": \"arn:aws:route53:::hostedzone/ZELSEWHERE\"}]'".to_owned(), [public, enforced, unknown, enforced, enforced]),
        ("UPDATE vpc_endpoint SET private_dns_enabled = 0".to_owned(), [public, enforced, enforced, broken, enforced]),
        ("UPDATE lambda_function SET use_fips = 1".to_owned(), [public, broken, broken, broken, broken]),
        ("UPDATE lambda_function SET bedrock_endpoint = 'vpce'".to_owned(), [unknown; 5]),
        // The endpoint.
        ("UPDATE vpc_endpoint SET state = 'failed'".to_owned(), [public, broken, broken, broken, broken]),
        ("UPDATE vpc_endpoint SET subnet_ids = '[]'".to_owned(), [public, broken, broken, broken, broken]),
        ("UPDATE vpc_endpoint SET service_name = 'com.amazonaws.eu-west-1.bedrock'".to_owned(), [public, unknown, unknown, broken, unknown]),
        ("UPDATE vpc_security_group SET ingress = '[{\"protocol\": \"tcp\", \"from_port\": 443, \"to_port\": 443, \"cidrs\": [\"10.13.0.0/16\"], \"groups\": [], \"prefix_lists\": []}]' WHERE group_id = 'sg-hub-endpoint'".to_owned(), [public, enforced, broken, broken, broken]),
        // Names of groups count over peering, and over a transit gateway only under an option.
        ("UPDATE vpc_security_group SET ingress = '[{\"protocol\": \"tcp\", \"from_port\": 443, \"to_port\": 443, \"groups\": [\"sg-peered\", \"sg-transit\"], \"cidrs\": [], \"prefix_lists\": []}]' WHERE group_id = 'sg-hub-endpoint'".to_owned(), [public, enforced, broken, broken, unknown]),
        ("UPDATE vpc_security_group SET egress = '[{\"protocol\": \"tcp\", \"from_port\": 443, \"to_port\": 443, \"cidrs\": [\"10.0.0.0/8\"], \"groups\": [], \"prefix_lists\": []}]' WHERE account_id = '111111111111'".to_owned(), [broken, enforced, enforced, enforced, enforced]),
        ("UPDATE vpc_security_group SET egress = '[{\"protocol\": \"tcp\", \"from_port\": 443, \"to_port\": 443, \"prefix_lists\": [\"pl-hub\"], \"cidrs\": [], \"groups\": []}]' WHERE account_id = '111111111111'".to_owned(), [broken, enforced, enforced, enforced, enforced]),
        ("UPDATE vpc_security_group SET egress = '[{\"protocol\": \"tcp\", \"from_port\": 443, \"to_port\": 443, \"cidrs\": [\"3.0.0.0/8\"], \"groups\": [], \"prefix_lists\": []}]' WHERE group_id = 'sg-central'".to_owned(), [unknown, enforced, enforced, enforced, enforced]),
        ("UPDATE lambda_function SET security_group_ids = '[]'; UPDATE vpc_security_group SET name = 'default'".to_owned(), [public, enforced, enforced, enforced, enforced]),
        // Its policy.
        (policy("{\"Effect\": \"Allow\", \"Principal\": {\"AWS\": \"arn:aws:iam::111111111111:role/peered\"}, \"Action\": \"*\", \"Resource\": \"*\"}"), [public, enforced, broken, broken, broken]),
        (policy("{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"bedrock:InvokeModel\", \"Resource\": \"arn:aws:bedrock:eu-west-1::foundation-model/other\"}"), [public, broken, broken, broken, broken]),
        (policy("{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"bedrock:ListFoundationModels\", \"Resource\": \"*\"}"), [public, broken, broken, broken, broken]),
        (policy("{\"Effect\": \"Allow\", \"Principal\": \"*\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"StringEquals\": {\"aws:SourceVpc\": \"vpc-elsewhere\"}}}"), [public, broken, broken, broken, broken]),
        // Routes.
        (routes("rtb-peered", "[]"), [public, broken, enforced, enforced, enforced]),
        ("UPDATE vpc_peering_connection SET status_code = 'deleted'".to_owned(), [public, broken, enforced, enforced, enforced]),
        (routes("rtb-peered", "[{\"destination\": \"0.0.0.0/0\", \"target\": \"pcx-hub\", \"state\": \"active\"}]"), [public, enforced, enforced, enforced, enforced]),
        // The way back is missing.
        (routes("rtb-hub", "[{\"destination\": \"10.0.0.0/16\", \"target\": \"local\", \"state\": \"active\"}, {\"destination\": \"10.0.0.0/8\", \"target\": \"tgw-hub\", \"state\": \"active\"}]"), [public, broken, enforced, enforced, enforced]),
        (gateway("tgw-rtb-hub", "[]"), [public, enforced, broken, broken, broken]),
        (gateway("tgw-rtb-spokes", &format!("[{}]", to("10.0.0.0/16", "tgw-attach-hub", "propagated", "active"))), [broken, enforced, enforced, enforced, enforced]),
        // A static route wins over a propagated one of the same length, a longer one over both, and a black hole as any other.
        (gateway("tgw-rtb-spokes", &format!("[{}, {}]", to("10.0.0.0/16", "tgw-attach-out", "static", "active"), to("10.0.0.0/16", "tgw-attach-hub", "propagated", "active"))), [broken, enforced, broken, broken, broken]),
        (gateway("tgw-rtb-spokes", &format!("[{}, {}]", to("10.0.0.0/16", "tgw-attach-out", "static", "active"), to("10.0.1.0/24", "tgw-attach-hub", "propagated", "active"))), [broken, enforced, enforced, enforced, enforced]),
        (gateway("tgw-rtb-spokes", &format!("[{}, {}]", to("10.0.0.0/16", "tgw-attach-hub", "propagated", "active"), to("10.0.1.0/24", "", "static", "blackhole"))), [broken, enforced, broken, broken, broken]),
        (gateway("tgw-rtb-spokes", &format!("[{}, {}]", to("10.0.0.0/16", "tgw-attach-hub", "propagated", "active"), to("10.0.1.128/25", "tgw-attach-out", "static", "active"))), [broken, enforced, unknown, unknown, unknown]),
        ("UPDATE ec2_transit_gateway_attachment SET association_route_table_id = '' WHERE id = 'tgw-attach-transit'".to_owned(), [public, enforced, enforced, enforced, broken]),
        ("UPDATE ec2_transit_gateway_attachment SET state = 'deleting' WHERE id = 'tgw-attach-transit'".to_owned(), [public, enforced, enforced, enforced, broken]),
        ("DELETE FROM ec2_transit_gateway_attachment WHERE id = 'tgw-attach-transit'".to_owned(), [public, enforced, enforced, enforced, broken]),
        // Behind a VPN there is somebody else's network; a table in nobody's account is unread.
        ("UPDATE ec2_transit_gateway_attachment SET resource_type = 'vpn' WHERE id = 'tgw-attach-out'".to_owned(), [unknown, enforced, enforced, enforced, enforced]),
        ("DELETE FROM ec2_transit_gateway_route_table WHERE id = 'tgw-rtb-spokes'".to_owned(), [unknown, enforced, unknown, unknown, unknown]),
        ("UPDATE vpc_nat_gateway SET state = 'deleted'".to_owned(), [broken, enforced, enforced, enforced, enforced]),
        (routes("rtb-out", "[{\"destination\": \"0.0.0.0/0\", \"target\": \"igw-out\", \"state\": \"active\"}]"), [broken, enforced, enforced, enforced, enforced]),
        (routes("rtb-out", "[{\"destination\": \"0.0.0.0/0\", \"target\": \"tgw-hub\", \"state\": \"active\"}]"), [broken, enforced, enforced, enforced, enforced]),
        (routes("rtb-out", "[{\"destination\": \"0.0.0.0/0\", \"target\": \"vpce-firewall\", \"state\": \"active\"}]"), [broken, enforced, enforced, enforced, enforced]),
        ("INSERT INTO vpc_endpoint (account_id, region, vpc_endpoint_id, vpc_id, service_name, vpc_endpoint_type, state, service_region, subnet_ids) VALUES ('222222222222', 'eu-west-1', 'vpce-firewall', 'vpc-out', 'com.amazonaws.vpce.eu-west-1.vpce-svc-1', 'GatewayLoadBalancer', 'available', '', '[\"subnet-out-pub\"]'); UPDATE vpc_route_table SET routes = '[{\"destination\": \"0.0.0.0/0\", \"target\": \"vpce-firewall\", \"state\": \"active\"}]' WHERE route_table_id = 'rtb-out'; UPDATE vpc_route_table SET routes = '[{\"destination\": \"0.0.0.0/0\", \"target\": \"nat-out\", \"state\": \"active\"}]' WHERE route_table_id = 'rtb-out-pub'".to_owned(), [broken, enforced, enforced, enforced, enforced]),
        (routes("rtb-central", "[{\"destination\": \"0.0.0.0/0\", \"target\": \"vgw-1\", \"state\": \"active\"}]"), [unknown, enforced, enforced, enforced, enforced]),
        (routes("rtb-central", "[{\"destination\": \"0.0.0.0/0\", \"target\": \"eni-proxy\", \"state\": \"active\"}]"), [unknown, enforced, enforced, enforced, enforced]),
        (routes("rtb-central", "[{\"destination\": \"::/0\", \"target\": \"eigw-1\", \"state\": \"active\"}]"), [broken, enforced, enforced, enforced, enforced]),
        (
            format!(
                "{}; UPDATE vpc_subnet SET ipv6_cidr_block = '2001:db8::/64'; UPDATE lambda_function SET use_dualstack = 1, ipv6_allowed = NULL WHERE name = 'central'; UPDATE vpc_security_group SET egress = '[{{\"protocol\": \"-1\", \"cidrs\": [\"::/0\"]}}]' WHERE group_id = 'sg-central'; UPDATE vpc_network_acl SET entries = '[{{\"egress\": true, \"number\": 1, \"action\": \"allow\", \"protocol\": \"-1\", \"cidr\": \"::/0\"}}, {{\"egress\": false, \"number\": 1, \"action\": \"allow\", \"protocol\": \"-1\", \"cidr\": \"::/0\"}}]' WHERE network_acl_id = 'acl-central'",
                routes("rtb-central", "[{\"destination\": \"::/0\", \"target\": \"eigw-1\", \"state\": \"active\"}]")
            ),
            [unknown, enforced, enforced, enforced, enforced],
        ),
        (routes("rtb-transit", "[{\"destination\": \"0.0.0.0/0\", \"target\": \"tgw-hub\", \"state\": \"active\"}]"), [public, enforced, enforced, enforced, bypass]),
        ("DELETE FROM ec2_managed_prefix_list".to_owned(), [public, enforced, enforced, enforced, unknown]),
        ("UPDATE vpc SET owner_id = '222222222222' WHERE vpc_id = 'vpc-transit'".to_owned(), [public, enforced, enforced, enforced, unknown]),
        ("UPDATE vpc SET owner_id = '999999999999' WHERE vpc_id = 'vpc-transit'".to_owned(), [public, enforced, enforced, enforced, unknown]),
        ("UPDATE vpc SET owner_id = '222222222222' WHERE vpc_id = 'vpc-transit'; UPDATE vpc_subnet SET account_id = '222222222222' WHERE vpc_id = 'vpc-transit'; UPDATE vpc_route_table SET account_id = '222222222222' WHERE vpc_id = 'vpc-transit'; UPDATE vpc_network_acl SET account_id = '222222222222' WHERE vpc_id = 'vpc-transit'; UPDATE ec2_managed_prefix_list SET account_id = '222222222222'; INSERT INTO vpc (account_id, region, vpc_id, dhcp_options_id, owner_id, enable_dns_support, enable_dns_hostnames, private_zones, cidr_blocks, tags) SELECT '222222222222', region, vpc_id, dhcp_options_id, owner_id, 1, 1, private_zones, cidr_blocks, tags FROM vpc WHERE vpc_id = 'vpc-transit'".to_owned(), [public, enforced, enforced, enforced, enforced]),
        // Network ACLs, both ways.
        (acl("acl-hub", &entry(false, "deny", "10.11.0.0/16", 443, 443)), [public, enforced, broken, enforced, enforced]),
        (acl("acl-hub", &entry(true, "deny", "10.11.0.0/16", 1024, 65535)), [public, enforced, broken, enforced, enforced]),
        (acl("acl-profile", &entry(true, "deny", "10.0.0.0/8", 443, 443)), [public, enforced, broken, enforced, enforced]),
        (acl("acl-profile", &entry(false, "deny", "10.0.0.0/16", 1024, 65535)), [public, enforced, broken, enforced, enforced]),
        (acl("acl-profile", &entry(false, "deny", "10.0.1.7/32", 1024, 65535)), [public, enforced, unknown, enforced, enforced]),
        (acl("acl-profile", &entry(false, "deny", "10.99.0.0/16", 0, 65535)), [public, enforced, enforced, enforced, enforced]),
        (acl("acl-profile", &entry(true, "deny", "10.0.0.0/8", 80, 80)), [public, enforced, enforced, enforced, enforced]),
        ("UPDATE vpc_network_acl SET entries = '[]' WHERE network_acl_id = 'acl-central'".to_owned(), [broken, enforced, enforced, enforced, enforced]),
        (acl("acl-central", &entry(true, "deny", "198.51.100.0/24", 443, 443)), [public, enforced, enforced, enforced, enforced]),
        (acl("acl-central", &entry(true, "deny", "0.0.0.0/0", 443, 443)), [broken, enforced, enforced, enforced, enforced]),
        // Parts that are allowed before the end leave it open; whose ACL it is must be known.
        ("UPDATE vpc_network_acl SET entries = '[{\"egress\": true, \"number\": 1, \"action\": \"allow\", \"protocol\": \"6\", \"cidr\": \"3.0.0.0/8\", \"from_port\": 443, \"to_port\": 443}, {\"egress\": true, \"number\": 9, \"action\": \"deny\", \"protocol\": \"-1\", \"cidr\": \"0.0.0.0/0\"}, {\"egress\": false, \"number\": 1, \"action\": \"allow\", \"protocol\": \"-1\", \"cidr\": \"0.0.0.0/0\"}]' WHERE network_acl_id = 'acl-central'".to_owned(), [unknown, enforced, enforced, enforced, enforced]),
        (acl("acl-profile", &entry(true, "allow", "10.0.1.10/32", 443, 443)).replace("\"number\": 200, \"action\": \"allow\"", "\"number\": 200, \"action\": \"deny\""), [public, enforced, broken, enforced, enforced]),
        ("UPDATE vpc_network_acl SET subnet_ids = NULL WHERE network_acl_id = 'acl-central'".to_owned(), [unknown, enforced, enforced, enforced, enforced]),
        ("UPDATE vpc_network_acl SET entries = '[]' WHERE network_acl_id = 'acl-out'".to_owned(), [broken, enforced, enforced, enforced, enforced]),
        // The attributes of the VPC.
        ("UPDATE vpc SET enable_dns_hostnames = 0 WHERE vpc_id = 'vpc-transit'".to_owned(), [public, enforced, enforced, enforced, broken]),
        ("UPDATE vpc SET enable_dns_support = 0 WHERE vpc_id = 'vpc-transit'".to_owned(), [public, enforced, enforced, enforced, unknown]),
        // A name server that is an instance, and an address that two networks use, prove nothing.
        ("UPDATE ec2_network_interface SET instance_id = 'i-bind' WHERE network_interface_id = 'eni-resolver'".to_owned(), [public, enforced, enforced, unknown, enforced]),
        ("INSERT INTO ec2_network_interface (account_id, region, network_interface_id, vpc_id, private_ip_addresses, instance_id) VALUES ('111111111111', 'eu-west-1', 'eni-x', 'vpc-central', '[\"10.0.1.53\"]', '')".to_owned(), [public, enforced, enforced, unknown, enforced]),
        // All answers must lead to the endpoint.
        (zone(&record(host, "A", "\"10.0.1.10\", \"52.94.1.1\"", "")), [public, enforced, unknown, enforced, unknown]),
        // A system rule takes the name back from a wider one.
        ("UPDATE route53_resolver_rule SET domain_name = ''; INSERT INTO route53_resolver_rule (account_id, region, id, domain_name, rule_type, target_ips) VALUES ('111111111111', 'eu-west-1', 'sys', 'amazonaws.com', 'SYSTEM', '[]'); INSERT INTO route53_resolver_rule_association (account_id, region, id, rule_id, vpc_id) VALUES ('111111111111', 'eu-west-1', 'x', 'sys', 'vpc-rule')".to_owned(), [public, enforced, enforced, broken, enforced]),
        (routes("rtb-transit", "[{\"destination\": \"10.0.0.0/8\", \"target\": \"tgw-hub\", \"state\": \"active\"}, {\"destination\": \"52.0.0.0/8\", \"target\": \"vgw-1\", \"state\": \"active\"}]"), [public, enforced, enforced, enforced, unknown]),
        (gateway("tgw-rtb-spokes", &format!("[{}, {}]", to("10.0.0.0/16", "tgw-attach-hub", "propagated", "active"), to("52.0.0.0/8", "tgw-attach-out", "static", "active"))), [unknown, enforced, enforced, enforced, enforced]),
        (routes("rtb-central", "[{\"destination\": \"0.0.0.0\", \"target\": \"tgw-hub\", \"state\": \"active\"}]"), [unknown, enforced, enforced, enforced, enforced]),
        ("UPDATE lambda_function SET subnet_ids = '[]' WHERE name = 'central'".to_owned(), [unknown, enforced, enforced, enforced, enforced]),
        ("UPDATE ec2_transit_gateway_attachment SET subnet_ids = '[\"subnet-out-pub\", \"subnet-out-tgw\"]' WHERE id = 'tgw-attach-out'".to_owned(), [public, enforced, enforced, enforced, enforced]),
        ("DELETE FROM vpc_network_acl WHERE network_acl_id = 'acl-central'".to_owned(), [unknown, enforced, enforced, enforced, enforced]),
    ];
    let mut wrong = Vec::new();
    for (change, expected) in &cases {
        let found = verdicts("hub", change, SPOKES).map(Option::unwrap_or_default);
        if found
            .iter()
            .map(String::as_str)
            .ne(expected.iter().copied())
        {
            wrong.push(format!("{change}\n  is {found:?}\n  not {expected:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
