//! The calls.

use crate::client;
use crate::services::collect::{Batch, Place, tags};
use crate::services::environment::{self, Owner, Settings};
use std::collections::BTreeMap;

pub(in crate::services) async fn collect(place: &Place<'_>) -> Batch {
    let client = client!(aws_sdk_lambda, place);
    let listing = place
        .pages(
            "lambda:ListFunctions",
            |token| {
                client
                    .list_functions()
                    .function_version(aws_sdk_lambda::types::FunctionVersion::All)
                    .set_marker(token)
                    .send()
            },
            |answer| (answer.functions.unwrap_or_default(), answer.next_marker),
        )
        .await;
    let mut batch = Batch::default();
    batch.listed(place, "lambda_function", &listing);
    batch.listed(place, "lambda_environment_variable", &listing);
    // The list gives qualified ARNs; tags belong to the function, so they are asked for once.
    let version = |function: &aws_sdk_lambda::types::FunctionConfiguration| {
        function
            .version()
            .filter(|version| !version.is_empty())
            .unwrap_or("$LATEST")
            .to_owned()
    };
    let base = |function: &aws_sdk_lambda::types::FunctionConfiguration| {
        let arn = function.function_arn().unwrap_or_default();
        arn.strip_suffix(&format!(":{}", version(function)))
            .unwrap_or(arn)
            .to_owned()
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
        for function in listing
            .items
            .iter()
            .filter(|function| base(function) == line.parent)
        {
            let mut own = line.clone();
            own.parent = format!("{}:{}", line.parent, version(function));
            batch.coverage.push(own);
        }
    }
    let tagged: BTreeMap<&String, serde_json::Value> = functions
        .iter()
        .zip(answers)
        .filter_map(|(arn, answer)| {
            answer.map(|answer| {
                (
                    arn,
                    tags(
                        answer
                            .tags
                            .unwrap_or_default()
                            .into_iter()
                            .collect::<BTreeMap<_, _>>(),
                    ),
                )
            })
        })
        .collect();
    for function in &listing.items {
        let function_arn = base(function);
        let arn = format!("{function_arn}:{}", version(function));
        let name = function.function_name().unwrap_or_default();
        let network = function.vpc_config();
        let error = function
            .environment()
            .and_then(|environment| environment.error());
        let mut row = place
            .row("lambda_function")
            .set("arn", arn.as_str())
            .set("name", name)
            .set("version", version(function))
            .set("role_arn", function.role())
            .set(
                "vpc_id",
                network
                    .and_then(|network| network.vpc_id())
                    .unwrap_or_default(),
            )
            .set(
                "subnet_ids",
                network
                    .map(|network| network.subnet_ids().to_vec())
                    .unwrap_or_default(),
            )
            .set(
                "ipv6_allowed",
                network
                    .and_then(|network| network.ipv6_allowed_for_dual_stack())
                    .unwrap_or_default(),
            )
            .set(
                "security_group_ids",
                network
                    .map(|network| network.security_group_ids().to_vec())
                    .unwrap_or_default(),
            )
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
                function
                    .logging_config()
                    .and_then(|config| config.log_group())
                    .map_or_else(|| format!("/aws/lambda/{name}"), str::to_owned),
            )
            .set(
                "environment_error",
                error
                    .map(|error| error.error_code().unwrap_or("unknown"))
                    .unwrap_or_default(),
            )
            .set("tags", tagged.get(&function_arn).cloned());
        if error.is_none() {
            let mut settings = Settings::default();
            let owner = Owner {
                table: "lambda_environment_variable",
                account_id: place.account,
                region: place.region,
                arn: &arn,
                container: "",
            };
            let variables = function
                .environment()
                .and_then(|environment| environment.variables());
            batch.rows.extend(environment::look(
                owner,
                variables
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
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
