//! The way of a call, after one change to the sound estate: each case is a change and what becomes of the way.

use crate::law::judged;
use outcrop::model::Verdict;

/// Path verdicts of the summarizer (a NAT gateway remains beside its endpoint) and of the retriever (no way out), after a change.
fn ways(change: &str) -> [Option<String>; 2] {
    let mut found = [None, None];
    judged("sound", |store| {
        store.conn.execute_batch(change).unwrap_or_else(|error| panic!("{change}: {error}"));
        outcrop::reason::derive(store).expect("subjects");
        found = ["summarizer", "retriever"].map(|name| {
            store
                .conn
                .query_row("SELECT path_verdict FROM bedrock_path WHERE name = ?1", [name], |row| row.get::<_, Option<String>>(0))
                .unwrap_or_else(|error| panic!("{change}: {name}: {error}"))
        });
    });
    found
}

#[test]
fn the_way_follows_the_network() {
    let enforced = Some("private-enforced");
    for (change, summarizer, retriever) in [
        ("SELECT 1", enforced, enforced),
        // An endpoint that is gone, refused or failed holds no name; the NAT gateway takes the call.
        ("UPDATE vpc_endpoint SET state = 'deleted'", Some("public-possible"), Some("broken")),
        ("UPDATE vpc_endpoint SET state = 'rejected'", Some("public-possible"), Some("broken")),
        ("UPDATE vpc_endpoint SET state = 'pendingAcceptance'", None, None),
        ("UPDATE vpc_endpoint SET state = 'Available'", enforced, enforced),
        ("DELETE FROM vpc_endpoint WHERE vpc_id = 'vpc-sum'", Some("public"), enforced),
        ("UPDATE vpc_endpoint SET private_dns_enabled = 0", Some("public-possible"), Some("broken")),
        ("UPDATE vpc SET enable_dns_hostnames = 0", Some("public-possible"), Some("broken")),
        // A captured name whose call is refused breaks, and never falls back.
        ("UPDATE vpc_security_group SET ingress = '[]'", Some("broken"), Some("broken")),
        // What the name is depends on the client.
        ("UPDATE lambda_function SET use_fips = 1", Some("public-possible"), enforced),
        ("UPDATE lambda_function SET bedrock_region = 'us-east-1'", Some("public-possible"), Some("broken")),
        ("UPDATE lambda_function SET bedrock_endpoint = 'other'", None, None),
        // Something else may answer for the name.
        ("UPDATE vpc_dhcp_options SET domain_name_servers = '[\"10.0.0.2\"]'", None, None),
        ("DELETE FROM vpc_endpoint; UPDATE vpc SET private_zones = '[{\"name\": \"amazonaws.com.\"}]'", None, None),
        ("UPDATE vpc SET owner_id = '999999999999'", None, None),
        // Ways out.
        ("DELETE FROM vpc_endpoint; UPDATE vpc_nat_gateway SET state = 'failed'", Some("broken"), Some("broken")),
        ("DELETE FROM vpc_endpoint; UPDATE vpc_nat_gateway SET connectivity_type = 'private'", None, Some("broken")),
        ("DELETE FROM vpc_endpoint; UPDATE vpc_nat_gateway SET subnet_id = 'subnet-sum-a'", Some("broken"), Some("broken")),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"pl-1\", \"target\": \"nat-sum\", \"state\": \"active\"}]'",
            None,
            None,
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"3.0.0.0/8\", \"target\": \"nat-sum\", \"state\": \"active\"}]'",
            None,
            None,
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
        // A function's interface has no public IPv4 address; every IPv6 address is public.
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"0.0.0.0/0\", \"target\": \"igw-1\", \"state\": \"active\"}]'",
            Some("broken"),
            Some("broken"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"::/0\", \"target\": \"igw-1\", \"state\": \"active\"}]'",
            Some("public"),
            Some("public"),
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_route_table SET routes = '[{\"destination\": \"0.0.0.0/0\", \"target\": \"tgw-1\", \"state\": \"active\"}]'",
            None,
            None,
        ),
        (
            "DELETE FROM vpc_endpoint; UPDATE vpc_block_public_access_options SET internet_gateway_block_mode = 'block-bidirectional'",
            Some("broken"),
            Some("broken"),
        ),
        ("DELETE FROM vpc_endpoint; UPDATE vpc_block_public_access_options SET internet_gateway_block_mode = 'block-ingress'", Some("public"), Some("broken")),
        // No VPC: the service's own network, however many endpoints there are.
        ("UPDATE lambda_function SET vpc_id = ''", Some("public"), Some("public")),
        // Without the control policy nothing refuses calls outside the endpoint.
        ("DELETE FROM organizations_policy_target WHERE policy_name = 'only-through-endpoints'", Some("private-bypassable"), enforced),
        // The same Deny with the operator that a missing key does not meet.
        (
            "UPDATE organizations_policy_target SET content = replace(content, 'StringNotEquals', 'StringEquals') WHERE policy_name = 'only-through-endpoints'",
            Some("private-bypassable"),
            enforced,
        ),
    ] {
        let found = ways(change);
        assert_eq!([found[0].as_deref(), found[1].as_deref()], [summarizer, retriever], "{change}");
    }
}

#[test]
fn a_list_of_addresses_is_no_private_path() {
    let change = "UPDATE organizations_policy_target SET content = '{\"Version\": \"2012-10-17\", \"Statement\": [{\"Effect\": \"Deny\", \"Action\": \"*\", \"Resource\": \"*\", \"Condition\": {\"NotIpAddress\": {\"aws:SourceIp\": [\"203.0.113.9/32\"]}}}]}' WHERE policy_name = 'only-through-endpoints'";
    assert_eq!(ways(change)[0].as_deref(), Some("private-bypassable"));
}

#[test]
fn a_refused_or_failed_endpoint_is_not_present() {
    let outcome = judged("sound", |store| {
        store.conn.execute_batch("UPDATE vpc_endpoint SET state = 'failed'").expect("an update");
    });
    let missing: Vec<_> = outcome.results.iter().filter(|result| result.rule == "bedrock-vpc-endpoint-missing" && result.verdict == Verdict::Fail).collect();
    assert_eq!(missing.len(), 3, "every family of every VPC with callers lacks one");
}
