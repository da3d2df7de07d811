//! AWS Lambda: configuration of functions, never their code.

use super::environment::{SETTINGS, VARIABLE};
use crate::inventory::cols::{flag, list, tags, text};
use crate::inventory::{Column, Inputs, Read, Role, Span, Table};

/// Functions.
pub const FUNCTION: Table = Table {
    name: "lambda_function",
    doc: "Functions, one row for `$LATEST` and one for each published version: every version keeps its variables.",
    key: "arn",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("arn", "ARN with the version."),
        text("function_arn", "ARN without the version."),
        text("name", "Name."),
        text("version", "`$LATEST` or a number."),
        text("role_arn", "Execution role."),
        text("vpc_id", "VPC.").absent("'' (the service's own network)"),
        list("subnet_ids", "Subnets."),
        list("security_group_ids", "Security groups."),
        flag("ipv6_allowed", "May its interfaces send by IPv6, where the subnets have it?"),
        text("capacity_provider_arn", "Capacity provider of a function on managed instances; its network counts then.").absent("''"),
        text("log_group_name", "Log group it writes to."),
        text("environment_error", "Why Lambda could not decrypt the variables.").absent("''"),
        SETTINGS[0],
        SETTINGS[1],
        SETTINGS[2],
        SETTINGS[3],
        SETTINGS[4],
        tags().by(&["tags"]),
    ],
    reads: &[Read::new("list", "lambda:ListFunctions"), Read::new("tags", "lambda:ListTags")],
    lists: Inputs::NONE,
};

const VARIABLES: [Column; 11] = VARIABLE;

/// Variables of functions.
pub const ENVIRONMENT_VARIABLE: Table = Table {
    name: "lambda_environment_variable",
    doc: "Environment variables of functions: what was detected in them, never their values.",
    key: "id",
    span: Span::Regional,
    role: Role::Base,
    columns: &VARIABLES,
    reads: &[Read::new("list", "lambda:ListFunctions")],
    lists: Inputs::NONE,
};

/// The calls.
#[cfg(feature = "live")]
pub(super) mod live {
    use crate::client;
    use crate::services::collect::{Batch, Place, tags};
    use crate::services::environment::{self, Owner, Settings};
    use std::collections::BTreeMap;

    pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
        let client = client!(aws_sdk_lambda, place);
        let listing = place
            .pages(
                "lambda:ListFunctions",
                |token| client.list_functions().function_version(aws_sdk_lambda::types::FunctionVersion::All).set_marker(token).send(),
                |answer| (answer.functions.unwrap_or_default(), answer.next_marker),
            )
            .await;
        let mut batch = Batch::default();
        batch.listed(place, "lambda_function", &listing);
        batch.listed(place, "lambda_environment_variable", &listing);
        // The list gives qualified ARNs; tags belong to the function, so they are asked for once.
        let version =
            |function: &aws_sdk_lambda::types::FunctionConfiguration| function.version().filter(|version| !version.is_empty()).unwrap_or("$LATEST").to_owned();
        let base = |function: &aws_sdk_lambda::types::FunctionConfiguration| {
            let arn = function.function_arn().unwrap_or_default();
            arn.strip_suffix(&format!(":{}", version(function))).unwrap_or(arn).to_owned()
        };
        let mut functions: Vec<String> = listing.items.iter().map(base).collect();
        functions.sort();
        functions.dedup();
        let before = batch.coverage.len();
        let answers = place
            .details(
                &mut batch,
                "lambda_function",
                "tags",
                &functions,
                |arn| arn.clone(),
                |index| {
                    place.call("lambda:ListTags", {
                        let (client, arn) = (&client, functions[index].as_str());
                        move || client.list_tags().resource(arn).send()
                    })
                },
            )
            .await;
        // A gap in a function's tags is a gap in each of its versions.
        let gaps: Vec<_> = batch.coverage.split_off(before);
        for line in gaps {
            if line.parent.is_empty() {
                batch.coverage.push(line);
                continue;
            }
            for function in listing.items.iter().filter(|function| base(function) == line.parent) {
                let mut own = line.clone();
                own.parent = format!("{}:{}", line.parent, version(function));
                batch.coverage.push(own);
            }
        }
        let tagged: BTreeMap<&String, serde_json::Value> = functions
            .iter()
            .zip(answers)
            .filter_map(|(arn, answer)| answer.map(|answer| (arn, tags(answer.tags.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>()))))
            .collect();
        for function in &listing.items {
            let function_arn = base(function);
            let arn = format!("{function_arn}:{}", version(function));
            let name = function.function_name().unwrap_or_default();
            let network = function.vpc_config();
            let error = function.environment().and_then(|environment| environment.error());
            let mut row = place
                .row("lambda_function")
                .set("arn", arn.as_str())
                .set("name", name)
                .set("version", version(function))
                .set("role_arn", function.role())
                .set("vpc_id", network.and_then(|network| network.vpc_id()).unwrap_or_default())
                .set("subnet_ids", network.map(|network| network.subnet_ids().to_vec()).unwrap_or_default())
                .set("ipv6_allowed", network.and_then(|network| network.ipv6_allowed_for_dual_stack()).unwrap_or_default())
                .set("security_group_ids", network.map(|network| network.security_group_ids().to_vec()).unwrap_or_default())
                .set(
                    "capacity_provider_arn",
                    function
                        .capacity_provider_config()
                        .and_then(|config| config.lambda_managed_instances_capacity_provider_config())
                        .map(|config| config.capacity_provider_arn().to_owned())
                        .unwrap_or_default(),
                )
                .set(
                    "log_group_name",
                    function.logging_config().and_then(|config| config.log_group()).map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned),
                )
                .set("environment_error", error.map(|error| error.error_code().unwrap_or("unknown")).unwrap_or_default())
                .set("tags", tagged.get(&function_arn).cloned());
            if error.is_none() {
                let mut settings = Settings::default();
                let owner = Owner { table: "lambda_environment_variable", account_id: place.account, region: place.region, arn: &arn, container: "" };
                let variables = function.environment().and_then(|environment| environment.variables());
                batch.rows.extend(environment::look(
                    owner,
                    variables.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())),
                    place.prints,
                    &mut settings,
                ));
                settings.fill(&mut row);
            }
            row.put("function_arn", function_arn);
            batch.rows.push(row);
        }
        batch.count("lambda_environment_variable");
        batch
    }
}

/// How files declare them.
pub(super) mod declared {
    use crate::services::declared::ids::{arn, name};
    use crate::services::declared::{Change, Declared, Node, Rows, Spelling, Told};
    use crate::services::environment::Owner;

    pub(in crate::services) const SPELLINGS: &[Spelling] = &[Spelling { kinds: &["aws_lambda_function", "AWS::Lambda::Function"], map: function }];

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
            .set("role_arn", by.at("role").id())
            .set("vpc_id", vpc)
            .set("subnet_ids", subnets)
            .set("ipv6_allowed", network.at("ipv6_allowed_for_dual_stack").flag().or(false))
            .set("security_group_ids", network.at("security_group_ids").ids().or(Vec::new()))
            .put("capacity_provider_arn", "")
            .set("log_group_name", by.at("logging_config.log_group").id().or(format!("/aws/lambda/{function}")))
            .put("environment_error", "")
            .set("tags", by.tags());
        let owner = Owner { table: "lambda_environment_variable", account_id: &by.account_id, region: &by.region, arn: &key, container: "" };
        match by.at("environment.variables") {
            Node::Unknown(later) => rows.unsettled("lambda_function", by, &key, later),
            declared => {
                let variables = if let Node::Map(members) = declared { members.clone() } else { Vec::new() };
                rows.variables("lambda_function", by, &key, &[(owner, variables, Vec::new())]);
            }
        }
    }
}
