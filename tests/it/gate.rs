//! Plans and templates: judged alone and laid over a run, as a pipeline would.

use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Judges from the project's folder; gives exit code, results and what was said.
pub(super) fn check(arguments: &[&str]) -> (i32, Json, String) {
    let output = assert_cmd::cargo::cargo_bin_cmd!("outcrop")
        .current_dir(root())
        .env_clear()
        .arg("check")
        .args(arguments)
        .args(["--format", "json"])
        .output()
        .expect("the binary");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (
        output.status.code().unwrap_or(-1),
        serde_json::from_slice(&output.stdout).unwrap_or_default(),
        said,
    )
}

pub(super) fn results(outcome: &Json) -> &[Json] {
    outcome["results"].as_array().map_or(&[], Vec::as_slice)
}

/// Does the verdict rest on what the file does not hold, and on nothing else?
fn outside(result: &Json) -> bool {
    result["missing"].as_array().is_some_and(|gaps| {
        !gaps.is_empty() && gaps.iter().all(|gap| gap["reason"] == "not-in-file")
    })
}

/// The common name of a resource: `aws_vpc.main`, `VpcMain`, a URN and an id are one thing.
fn common(resource: &str) -> String {
    let ids = [
        ("function:chat", "lambdafunctionchat"),
        ("function:chat:$LATEST", "lambdafunctionchat"),
        ("role/chat", "iamrolechat"),
        ("log-group:/aws/lambda/chat", "cloudwatchloggroupchat"),
        ("vpc/vpc-main", "vpcmain"),
        ("vpc-endpoint/vpce-bedrock", "vpcendpointbedrock"),
    ];
    if let Some((_, name)) = ids.iter().find(|(end, _)| resource.ends_with(end)) {
        return (*name).to_owned();
    }
    let last = resource.rsplit("::").next().unwrap_or(resource);
    last.strip_prefix("aws_")
        .unwrap_or(last)
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// What is decided: (rule, resource, verdict, part).
fn decided(outcome: &Json) -> BTreeSet<(String, String, String)> {
    results(outcome)
        .iter()
        .filter(|result| result["verdict"] != "not-applicable" && !outside(result))
        .map(|result| {
            let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
            (
                text("rule"),
                common(&text("resource")),
                format!("{} {}", text("verdict"), text("part")),
            )
        })
        .collect()
}

#[test]
fn one_estate_is_judged_alike_in_every_spelling() {
    // What only a whole account can answer, no file does: all that is judged on the account itself, and what was observed in it.
    let of_accounts = |(rule, resource, _): &(String, String, String)| {
        resource == "111111111111root" || rule.contains("observed") || rule == "key-unusable"
    };
    for twin in ["sound", "broken"] {
        let of = |file: &str| {
            let path = format!("fixtures/parity/{twin}/{file}");
            let (_, outcome, said) = check(&[
                &path,
                "--account",
                "111111111111",
                "--region",
                "eu-central-1",
            ]);
            assert!(!results(&outcome).is_empty(), "{path}: {said}");
            decided(&outcome)
        };
        let mut inventory = of("inventory");
        inventory.retain(|result| !of_accounts(result));
        assert!(inventory.len() > 12, "{twin}: {inventory:#?}");
        for file in ["plan.json", "template.yaml", "preview.json"] {
            let mut found = of(file);
            found.retain(|result| !of_accounts(result));
            assert_eq!(found, inventory, "{twin}: {file}");
        }
    }
}

/// One gate: what is checked, the exit code, and results that have to be there as `rule|resource|verdict|origin|line`.
struct Gate {
    arguments: &'static [&'static str],
    code: i32,
    expected: &'static [&'static str],
}

const ACCOUNT: [&str; 4] = ["--account", "111111111111", "--region", "eu-central-1"];

#[test]
fn gates_open_and_shut_as_promised() {
    const PUBLIC: &str = "bedrock-call-leaves-by-public-endpoint";
    for gate in [
        // A merge that opens a public path fails on the right line; the same merge without the fault passes.
        Gate {
            arguments: &[
                "fixtures/parity/broken/plan.json",
                "--source",
                "fixtures/parity/broken/tf",
            ],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|aws_lambda_function.chat|fail||main.tf",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/parity/sound/plan.json",
                "--source",
                "fixtures/parity/sound/tf",
            ],
            code: 0,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|aws_lambda_function.chat|pass||main.tf",
            ],
        },
        Gate {
            arguments: &["fixtures/parity/broken/template.yaml"],
            code: 3,
            expected: &["provider-key-in-environment|LambdaFunctionChat|fail||template.yaml"],
        },
        Gate {
            arguments: &["fixtures/parity/sound/template.yaml"],
            code: 0,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|LambdaFunctionChat|pass||template.yaml",
            ],
        },
        Gate {
            arguments: &["fixtures/parity/broken/preview.json"],
            code: 3,
            expected: &[],
        },
        Gate {
            arguments: &["fixtures/parity/sound/preview.json"],
            code: 0,
            expected: &[],
        },
        // What is declared and left open shuts the gate; what is not in the file does not.
        Gate {
            arguments: &["fixtures/plans/open-policy.json"],
            code: 4,
            expected: &[
                "bedrock-endpoint-policy-default|aws_vpc_endpoint.bedrock|unknown||",
                "bedrock-call-leaves-by-public-endpoint|aws_lambda_function.chat|unknown||",
            ],
        },
        Gate {
            arguments: &["fixtures/plans/open-policy.json", "--unknown", "ignore"],
            code: 0,
            expected: &[],
        },
        Gate {
            arguments: &["fixtures/plans/function.json"],
            code: 0,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|aws_lambda_function.chat|unknown||",
            ],
        },
        Gate {
            arguments: &["fixtures/plans/function.json", "--unknown", "gate"],
            code: 4,
            expected: &[],
        },
        // Laid over the run whose route table makes its path public, or private.
        Gate {
            arguments: &[
                "fixtures/plans/function.json",
                "--onto",
                "fixtures/parity/broken/inventory",
            ],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|aws_lambda_function.chat|fail|new|",
                "bedrock-call-leaves-by-public-endpoint|arn:aws:lambda:eu-central-1:111111111111:function:chat|fail|existing|",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/plans/function.json",
                "--onto",
                "fixtures/parity/sound/inventory",
            ],
            code: 0,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|aws_lambda_function.chat|pass|new|",
            ],
        },
        // Only what the merge brings gates.
        Gate {
            arguments: &[
                "fixtures/plans/log-group-mended.json",
                "--onto",
                "fixtures/parity/broken/inventory",
            ],
            code: 0,
            expected: &[
                "workload-log-group-left-at-defaults|arn:aws:logs:eu-central-1:111111111111:log-group:/aws/lambda/chat|pass|fixed|",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/plans/log-group-mended.json",
                "--onto",
                "fixtures/parity/broken/inventory",
                "--gate",
                "all",
            ],
            code: 3,
            expected: &[],
        },
        // A route and a rule that are added to what exists, and an endpoint that is taken away.
        Gate {
            arguments: &[
                "fixtures/plans/nat.json",
                "fixtures/plans/endpoint-gone.json",
                "--onto",
                "fixtures/parity/sound/inventory",
            ],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|arn:aws:lambda:eu-central-1:111111111111:function:chat|fail|new|",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/plans/endpoint-gone.json",
                "--onto",
                "fixtures/parity/sound/inventory",
                "--fail-on",
                "high",
            ],
            code: 3,
            expected: &[
                "bedrock-vpc-endpoint-missing|arn:aws:ec2:eu-central-1:111111111111:vpc/vpc-main|fail|new|",
            ],
        },
        // The whole estate over itself brings nothing.
        Gate {
            arguments: &[
                "fixtures/parity/broken/template.yaml",
                "--onto",
                "fixtures/parity/broken/inventory",
                "--select",
                "role-shared-by-workloads",
            ],
            code: 0,
            expected: &[],
        },
        // What exists and moves, is replaced, forgotten, or loses a part that stood apart.
        Gate {
            arguments: &[
                "fixtures/plans/function-moves.json",
                "--onto",
                "fixtures/parity/sound/inventory",
            ],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|arn:aws:lambda:eu-central-1:111111111111:function:chat|fail|new|",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/parity/broken/plan.json",
                "--onto",
                "fixtures/parity/sound/inventory",
            ],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|arn:aws:lambda:eu-central-1:111111111111:function:chat|fail|new|",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/plans/function-replaced.json",
                "--onto",
                "fixtures/parity/broken/inventory",
                "--select",
                PUBLIC,
            ],
            code: 0,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|arn:aws:lambda:eu-central-1:111111111111:function:chat|fail|existing|",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/plans/route-forgotten.json",
                "--onto",
                "fixtures/parity/broken/inventory",
            ],
            code: 0,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|arn:aws:lambda:eu-central-1:111111111111:function:chat|fail|existing|",
            ],
        },
        Gate {
            arguments: &["fixtures/plans/policy-deleted.json", "--fail-on", "high"],
            code: 3,
            expected: &["bedrock-invoke-allowed-from-anywhere|aws_iam_role.chat|fail||"],
        },
        Gate {
            arguments: &["fixtures/plans/acl-denies-mail.json"],
            code: 3,
            expected: &["bedrock-call-leaves-by-public-endpoint|aws_lambda_function.chat|fail||"],
        },
        Gate {
            arguments: &[
                "fixtures/templates/vectors.yaml",
                "--select",
                "vector-collection-public",
            ],
            code: 3,
            expected: &[
                "vector-collection-public|Open|fail||",
                "vector-collection-public|Closed|unknown||",
            ],
        },
        // Each kind of compute that files declare.
        Gate {
            arguments: &[
                "fixtures/templates/compute.yaml",
                "--select",
                "bedrock-call-leaves-by-public-endpoint",
            ],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|Assistant|unknown||",
                "bedrock-call-leaves-by-public-endpoint|ClosedNotebook|fail||",
                "bedrock-call-leaves-by-public-endpoint|Nightly|fail||",
                "bedrock-call-leaves-by-public-endpoint|Nodes|unknown||",
                "bedrock-call-leaves-by-public-endpoint|OpenNotebook|fail||",
                "bedrock-call-leaves-by-public-endpoint|OpenStudio|fail||",
                "bedrock-call-leaves-by-public-endpoint|RankerEndpoint|fail||",
                "bedrock-call-leaves-by-public-endpoint|Triage|not-applicable||",
                "bedrock-call-leaves-by-public-endpoint|Digest|not-applicable||",
                "bedrock-call-leaves-by-public-endpoint|Ask|not-applicable||",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/templates/compute.yaml",
                "--select",
                "vector-store-public",
                "--select",
                "sagemaker-network-open",
                "--fail-on",
                "medium",
            ],
            code: 3,
            expected: &[
                "vector-store-public|OpenVectors|fail||",
                "vector-store-public|Other|unknown||",
                "vector-store-public|Places|fail||",
                "sagemaker-network-open|Loose|fail||",
                "sagemaker-network-open|Ranker|pass||",
                "sagemaker-network-open|OpenNotebook|fail||",
                "sagemaker-network-open|ClosedNotebook|pass||",
                "sagemaker-network-open|OpenStudio|fail||",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/plans/compute.json",
                "--select",
                "vector-store-public",
                "--select",
                "sagemaker-network-open",
                "--select",
                PUBLIC,
            ],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|aws_sagemaker_endpoint.loose|fail||",
                "bedrock-call-leaves-by-public-endpoint|aws_sagemaker_notebook_instance.open|fail||",
                "bedrock-call-leaves-by-public-endpoint|aws_sfn_state_machine.triage|not-applicable||",
                "vector-store-public|aws_rds_cluster_instance.open|fail||",
                "sagemaker-network-open|aws_sagemaker_model.loose|fail||",
                "sagemaker-network-open|aws_sagemaker_model.shut|pass||",
                "sagemaker-network-open|aws_sagemaker_notebook_instance.open|fail||",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/templates/provider-later.yaml",
                "--select",
                "prompts-leave-aws",
                "--fail-on",
                "high",
            ],
            code: 3,
            expected: &[
                "prompts-leave-aws|Outside|fail||",
                "prompts-leave-aws|Chat|unknown||",
            ],
        },
        // Parts that stand apart from what they change.
        Gate {
            arguments: &["fixtures/plans/main-table.json", "--select", PUBLIC],
            code: 3,
            expected: &["bedrock-call-leaves-by-public-endpoint|aws_lambda_function.chat|fail||"],
        },
        Gate {
            arguments: &[
                "fixtures/plans/key-by-alias.json",
                "--select",
                "corpus-key-open-to-anyone",
            ],
            code: 3,
            expected: &[],
        },
        Gate {
            arguments: &[
                "fixtures/plans/key-without-policy.json",
                "--select",
                "corpus-key-open-to-anyone",
            ],
            code: 0,
            expected: &[],
        },
        Gate {
            arguments: &[
                "fixtures/plans/private-dns-off.json",
                "--select",
                "bedrock-endpoint-private-dns-off",
                "--fail-on",
                "high",
            ],
            code: 3,
            expected: &[],
        },
        Gate {
            arguments: &[
                "fixtures/plans/definition-by-family.json",
                "--onto",
                "fixtures/parity/broken/inventory",
                "--select",
                PUBLIC,
            ],
            code: 3,
            expected: &["bedrock-call-leaves-by-public-endpoint|aws_ecs_service.s|fail|new|"],
        },
        // What a dynamic block or an open attribute will hold is not known.
        Gate {
            arguments: &["fixtures/plans/dynamic-statement.json"],
            code: 4,
            expected: &[],
        },
        Gate {
            arguments: &[
                "fixtures/plans/containers-open.json",
                "--select",
                "secret-in-container-environment",
            ],
            code: 4,
            expected: &[],
        },
        Gate {
            arguments: &["fixtures/templates/condition-in-sub.yaml"],
            code: 3,
            expected: &["bedrock-call-leaves-by-public-endpoint|F|fail||"],
        },
        Gate {
            arguments: &[
                "fixtures/templates/exports.yaml",
                "fixtures/templates/imports.yaml",
            ],
            code: 3,
            expected: &[],
        },
        Gate {
            arguments: &["fixtures/templates/waiver-at-the-end.yaml"],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|F|waived||",
                "bedrock-call-leaves-by-public-endpoint|G|fail||",
            ],
        },
        // Conditions are judged each way they can turn out, unless the parameters are given.
        Gate {
            arguments: &["fixtures/templates/conditions.yaml"],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|Chat|fail||conditions.yaml",
                "bedrock-invoke-allowed-from-anywhere|Role|waived||",
            ],
        },
        Gate {
            arguments: &[
                "fixtures/templates/conditions.yaml",
                "--parameters",
                "fixtures/templates/private.json",
            ],
            code: 0,
            expected: &["bedrock-call-leaves-by-public-endpoint|Chat|pass||"],
        },
        Gate {
            arguments: &["fixtures/templates/nested/parent.yaml"],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|Chat|fail||parent.yaml",
                "bedrock-vpc-endpoint-missing|Network.Vpc|fail||network.yaml",
            ],
        },
        Gate {
            arguments: &["fixtures/templates/sam.yaml"],
            code: 3,
            expected: &["secret-in-lambda-environment|Ask|fail||sam.yaml"],
        },
        Gate {
            arguments: &["fixtures/templates/cdk.out"],
            code: 3,
            expected: &[
                "bedrock-call-leaves-by-public-endpoint|chat-prod.ChatFunction|fail||Chat.template.json",
            ],
        },
    ] {
        let mut arguments = gate.arguments.to_vec();
        if !arguments.contains(&"--onto") {
            arguments.extend(ACCOUNT);
        }
        let (code, outcome, said) = check(&arguments);
        assert_eq!(code, gate.code, "{arguments:?}\n{said}");
        let found: Vec<String> = results(&outcome)
            .iter()
            .map(|result| {
                let text = |key: &str| result[key].as_str().unwrap_or_default();
                let verdict = if result["waiver"].is_null() {
                    text("verdict")
                } else {
                    "waived"
                };
                let file = result["location"]["file"].as_str().map(|file| {
                    Path::new(file)
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned()
                });
                format!(
                    "{}|{}|{verdict}|{}|{}",
                    text("rule"),
                    text("resource"),
                    text("origin"),
                    file.unwrap_or_default()
                )
            })
            .collect();
        for expected in gate.expected {
            assert!(
                found.iter().any(|line| line.starts_with(expected)),
                "{arguments:?}: no {expected} among {:#?}",
                found
                    .iter()
                    .filter(|line| line.starts_with(PUBLIC))
                    .collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn a_file_alone_advises_to_lay_it_over_a_run() {
    let (code, _, said) = check(&["fixtures/plans/function.json", "--account", "111111111111"]);
    assert!(code == 0 && said.contains("--onto"), "{code} {said}");
}
