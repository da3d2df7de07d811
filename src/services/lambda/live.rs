//! The calls.

use crate::client;
use crate::services::collect::{Batch, Listing, Place, tags};
use crate::services::environment::{self, Owner, Settings};
use serde_json::json;
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
    if place.wants("lambda_function_url", "list") {
        let of = Listing::of(functions, listing.failure.clone());
        urls(place, &client, &of, &mut batch).await;
    }
    batch
}

/// The URLs of functions, and the policies behind them.
async fn urls(
    place: &Place<'_>,
    client: &aws_sdk_lambda::Client,
    functions: &Listing<String>,
    batch: &mut Batch,
) {
    let found = place
        .each(functions, Clone::clone, |index| {
            let arn = functions.items[index].as_str();
            place.pages(
                "lambda:ListFunctionUrlConfigs",
                move |token| {
                    client
                        .list_function_url_configs()
                        .function_name(arn)
                        .set_marker(token)
                        .send()
                },
                |answer| (answer.function_url_configs, answer.next_marker),
            )
        })
        .await;
    batch.listed(place, "lambda_function_url", &found);
    let policies = place
        .details(
            batch,
            "lambda_function_url",
            "policy",
            &found.items,
            |(_, url)| url.function_arn().to_owned(),
            |index| {
                let (function, url) = &found.items[index];
                let function = functions.items[*function].as_str();
                let alias = url
                    .function_arn()
                    .strip_prefix(function)
                    .and_then(|rest| rest.strip_prefix(':'))
                    .map(str::to_owned);
                async move {
                    let answer = place
                        .call("lambda:GetPolicy", || {
                            client
                                .get_policy()
                                .function_name(function)
                                .set_qualifier(alias.clone())
                                .send()
                        })
                        .await;
                    match answer {
                        Ok(answer) => Ok(answer.policy().map_or_else(
                            || json!({}),
                            |text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
                        )),
                        // A function that nobody was let at has no policy.
                        Err(failure) if failure.code == "ResourceNotFoundException" => {
                            Ok(json!({}))
                        }
                        Err(failure) => Err(failure),
                    }
                }
            },
        )
        .await;
    for ((function, url), policy) in found.items.iter().zip(policies) {
        batch.rows.push(
            place
                .row("lambda_function_url")
                .set("id", url.function_arn())
                .set("function_arn", functions.items[*function].as_str())
                .set("auth_type", url.auth_type().as_str())
                .set("policy", policy),
        );
    }
}
