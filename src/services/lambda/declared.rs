//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Change, Declared, Node, Rows, Spelling, Told};
use crate::services::environment::Owner;

pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling {
    kinds: &["aws_lambda_function", "AWS::Lambda::Function"],
    map: function,
}];

fn function(by: &Declared, rows: &mut Rows) {
    let (function, own) = (name(by), arn(by));
    let key = format!("{own}:$LATEST");
    let network = by.at("vpc_config");
    let subnets = network.at("subnet_ids").ids().or(Vec::new());
    let outside = matches!(&subnets, Told::Known(all) if all.is_empty());
    // The VPC follows from the subnets; what a plan says of it is what it was before.
    let vpc = match (&subnets, network.at("vpc_id").id()) {
        _ if outside => Told::Known(String::new()),
        (Told::Unknown(later), _) => Told::Unknown(later.clone()),
        (_, Told::Known(id)) if !id.is_empty() && by.change == Change::Keep => Told::Known(id),
        _ => Told::Absent,
    };
    rows.symbol(by, own.as_str(), "");
    let row = rows.row("lambda_function", by, key.as_str());
    row.put("function_arn", own)
        .put("name", function.as_str())
        .put("version", "$LATEST")
        .set("role_arn", by.role("role"))
        .set("vpc_id", vpc)
        .set("subnet_ids", subnets)
        .set(
            "ipv6_allowed",
            network.at("ipv6_allowed_for_dual_stack").flag().or(false),
        )
        .set(
            "security_group_ids",
            network.at("security_group_ids").ids().or(Vec::new()),
        )
        .put("capacity_provider_arn", "")
        .set(
            "log_group_name",
            by.at("logging_config.log_group")
                .id()
                .or(format!("/aws/lambda/{function}")),
        )
        .put("environment_error", "")
        .set("tags", by.tags());
    let owner = Owner {
        table: "lambda_environment_variable",
        account_id: &by.account_id,
        region: &by.region,
        arn: &key,
        container: "",
    };
    match by.at("environment.variables") {
        Node::Unknown(later) => rows.unsettled("lambda_function", by, &key, later),
        declared => {
            let variables = if let Node::Map(members) = declared {
                members.clone()
            } else {
                Vec::new()
            };
            rows.variables(
                "lambda_function",
                by,
                &key,
                &[(owner, variables, Vec::new())],
            );
        }
    }
}
