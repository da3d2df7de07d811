//! The network: the way of every workload of a large organisation, and how it grows with them.
//!
//! `cargo bench --no-default-features --bench network`; with `-- --quick` a hundredth of it.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures and stops at a fault"
)]

use outcrop::inventory::{NewRow, Store, World};
use serde_json::json;
use std::io::Write;
use std::time::Instant;

const REGION: &str = "eu-west-1";

fn main() {
    if let Some(run) = std::env::var_os("OUTCROP_BENCH_DERIVE") {
        return derive(std::path::Path::new(&run));
    }
    let vpcs = if std::env::args().any(|argument| argument == "--quick") {
        10
    } else {
        1_000
    };
    estate(vpcs, 10);
    estate(vpcs, 20);
}

/// VPCs with 50 security group rules each, an endpoint, a NAT gateway in every other one, and so many functions.
fn estate(vpcs: usize, functions: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let accounts: Vec<String> = (0..10)
        .map(|n| format!("{:012}", 111_111_111_111_u64 + n))
        .collect();
    let names: Vec<String> = accounts
        .iter()
        .map(|id| format!("{{id: '{id}', name: a, kind: workload}}"))
        .collect();
    std::fs::write(
        folder.path().join("run.yaml"),
        format!(
            "accounts: [{}]\nregions: [{REGION}]\ncoverage: all\n",
            names.join(", ")
        ),
    )
    .expect("a file");
    // Beside the inventory, not in it: a folder that holds anything else than tables is refused.
    let run_folder = tempfile::tempdir().expect("a folder");
    let path = run_folder.path().join("network.outcrop");
    let mut store = Store::create(&path, &outcrop::subjects::tables()).expect("a run file");
    let run =
        outcrop::sources::fixture::load_folder(folder.path(), &mut store).expect("an inventory");
    let mut rows: Vec<NewRow> = Vec::new();
    for (at, account) in accounts.iter().enumerate() {
        let row = |table| NewRow::new(table, account, REGION);
        rows.push(
            NewRow::new("organization", account, "global")
                .set("account", account.as_str())
                .set("id", "")
                .set("master_account_id", ""),
        );
        rows.push(
            row("vpc_block_public_access_options")
                .set("region_name", REGION)
                .set("internet_gateway_block_mode", "off")
                .set("excluded_resources", Vec::<String>::new()),
        );
        rows.push(
            row("vpc_endpoint_service")
                .set(
                    "service_name",
                    format!("com.amazonaws.{REGION}.bedrock-runtime"),
                )
                .set("policy_supported", true),
        );
        for role in 0..20 {
            let statement = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": format!("arn:aws:bedrock:{REGION}::foundation-model/m{role}")}]});
            rows.push(
                NewRow::new("iam_role", account, "global")
                    .set("arn", format!("arn:aws:iam::{account}:role/r{role}"))
                    .set("name", format!("r{role}"))
                    .set("path", "/")
                    .set("assume_role_policy", json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}))
                    .set("inline_policies", json!([{"name": "own", "document": statement}]))
                    .set("attached_policy_arns", Vec::<String>::new())
                    .set("permissions_boundary_arn", "")
                    .set("tags", json!({})),
            );
        }
        for n in (at..vpcs).step_by(accounts.len()) {
            network(&mut rows, account, n, functions);
        }
    }
    store.commit(&rows, &[]).expect("rows");
    store.write_run(&run).expect("a run");
    store.finish().expect("a run file");
    drop(store);
    print!(
        "{vpcs} VPCs, {} security group rules, {} workloads: ",
        vpcs * 50,
        vpcs * functions
    );
    std::io::stdout().flush().expect("a terminal");
    let own = std::env::current_exe().expect("this bench");
    assert!(
        std::process::Command::new(own)
            .env("OUTCROP_BENCH_DERIVE", &path)
            .status()
            .expect("this bench")
            .success()
    );
}

fn network(rows: &mut Vec<NewRow>, account: &str, n: usize, functions: usize) {
    let row = |table| NewRow::new(table, account, REGION);
    let vpc = format!("vpc-{n}");
    let cidr = format!("10.{}.{}", n / 250, n % 250);
    let all = |egress: bool| json!({"egress": egress, "number": 100, "action": "allow", "protocol": "-1", "cidr": "0.0.0.0/0", "from_port": -1, "to_port": -1});
    rows.push(
        row("vpc")
            .set("vpc_id", vpc.as_str())
            .set("cidr_blocks", vec![format!("{cidr}.0/24")])
            .set("dhcp_options_id", "default")
            .set("owner_id", account)
            .set("tags", json!({}))
            .set("enable_dns_support", true)
            .set("enable_dns_hostnames", true)
            .set("private_zones", json!([])),
    );
    rows.push(
        row("vpc_network_acl")
            .set("network_acl_id", format!("acl-{n}"))
            .set("vpc_id", vpc.as_str())
            .set("is_default", true)
            .set("subnet_ids", Vec::<String>::new())
            .set("entries", json!([all(true), all(false)])),
    );
    for (subnet, range) in [("a", "0/26"), ("b", "64/26"), ("pub", "128/26")] {
        rows.push(
            row("vpc_subnet")
                .set("subnet_id", format!("subnet-{n}-{subnet}"))
                .set("vpc_id", vpc.as_str())
                .set("cidr_block", format!("{cidr}.{range}")),
        );
    }
    let up = |target: String| json!([{"destination": "10.0.0.0/8", "target": "local", "state": "active"}, {"destination": "0.0.0.0/0", "target": target, "state": "active"}]);
    let table = |id: String, main: bool, subnets: Vec<String>| {
        row("vpc_route_table")
            .set("route_table_id", id)
            .set("vpc_id", vpc.as_str())
            .set("is_main", main)
            .set("subnet_ids", subnets)
    };
    if n.is_multiple_of(2) {
        rows.push(
            table(format!("rtb-{n}"), true, Vec::new()).set("routes", up(format!("nat-{n}"))),
        );
        rows.push(
            row("vpc_nat_gateway")
                .set("nat_gateway_id", format!("nat-{n}"))
                .set("vpc_id", vpc.as_str())
                .set("subnet_id", format!("subnet-{n}-pub"))
                .set("state", "available")
                .set("connectivity_type", "public"),
        );
    } else {
        rows.push(table(format!("rtb-{n}"), true, Vec::new()).set(
            "routes",
            json!([{"destination": "10.0.0.0/8", "target": "local", "state": "active"}]),
        ));
    }
    rows.push(
        table(
            format!("rtb-{n}-pub"),
            false,
            vec![format!("subnet-{n}-pub")],
        )
        .set("routes", up(format!("igw-{n}"))),
    );
    for group in 0..50 {
        let open = json!([{"protocol": "tcp", "from_port": 443, "to_port": 443, "cidrs": if group == 0 { "10.0.0.0/8".to_owned() } else { format!("10.9.{group}.0/24") }.split(',').collect::<Vec<_>>(), "groups": [], "prefix_lists": []}]);
        rows.push(
            row("vpc_security_group")
                .set("group_id", format!("sg-{n}-{group}"))
                .set("vpc_id", vpc.as_str())
                .set("name", format!("g{group}"))
                .set("ingress", open)
                .set("egress", json!([{"protocol": "-1", "from_port": -1, "to_port": -1, "cidrs": ["0.0.0.0/0"], "groups": [], "prefix_lists": []}])),
        );
    }
    rows.push(
        row("vpc_endpoint")
            .set("vpc_endpoint_id", format!("vpce-{n}"))
            .set("vpc_id", vpc.as_str())
            .set("service_name", format!("com.amazonaws.{REGION}.bedrock-runtime"))
            .set("vpc_endpoint_type", "Interface")
            .set("state", "available")
            .set("service_region", "")
            .set("private_dns_enabled", !n.is_multiple_of(3))
            .set("policy", json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "bedrock:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalAccount": account}}}]}))
            .set("subnet_ids", vec![format!("subnet-{n}-a")])
            .set("security_group_ids", vec![format!("sg-{n}-0")])
            .set("network_interface_ids", Vec::<String>::new())
            .set("route_table_ids", Vec::<String>::new())
            .set("owner_id", account)
            .set("tags", json!({})),
    );
    for function in 0..functions {
        let arn = format!("arn:aws:lambda:{REGION}:{account}:function:f{n}-{function}");
        rows.push(
            row("lambda_function")
                .set("arn", format!("{arn}:$LATEST"))
                .set("function_arn", arn)
                .set("name", format!("f{n}-{function}"))
                .set("version", "$LATEST")
                .set(
                    "role_arn",
                    format!("arn:aws:iam::{account}:role/r{}", function % 20),
                )
                .set("vpc_id", vpc.as_str())
                .set(
                    "subnet_ids",
                    vec![format!("subnet-{n}-a"), format!("subnet-{n}-b")],
                )
                .set(
                    "security_group_ids",
                    vec![format!("sg-{n}-{}", function + 1)],
                )
                .set("capacity_provider_arn", "")
                .set("log_group_name", "")
                .set("environment_error", "")
                .set("bedrock_endpoint", "default")
                .set("bedrock_region", "")
                .set("use_fips", false)
                .set("use_dualstack", false)
                .set("names_model", true)
                .set("tags", json!({})),
        );
    }
}

fn derive(path: &std::path::Path) {
    let store = Store::memory(&outcrop::subjects::tables()).expect("a store");
    store
        .write_run(
            &Store::open(path, &outcrop::subjects::tables())
                .and_then(|store| store.run())
                .expect("a run"),
        )
        .expect("a run");
    store.copy_base(path).expect("rows");
    let world = World::load(&store).expect("a world");
    let start = Instant::now();
    outcrop::subjects::derive_from(&store, &world).expect("subjects");
    let count: i64 = store
        .conn
        .query_row(
            "SELECT count(*) FROM bedrock_path WHERE path_verdict IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .expect("a count");
    println!(
        "{count} ways and every other subject derived in {:.1} s, peak memory {} MB",
        start.elapsed().as_secs_f64(),
        peak()
    );
}

/// Peak resident memory of the process, from the kernel; 0 where it does not tell.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
}
