//! How files declare them.

use crate::services::declared::ids::{arn, name};
use crate::services::declared::{Change, Declared, Later, Node, Rows, Spelling, Told};
use crate::services::environment::Owner;
use serde_json::{Value as Json, json};

pub(in crate::services) const SPELLINGS: &[Spelling] = &[
    Spelling {
        kinds: &["aws_lambda_function", "AWS::Lambda::Function"],
        map: function,
    },
    Spelling {
        kinds: &["aws_lambda_function_url", "AWS::Lambda::Url"],
        map: url,
    },
    Spelling {
        kinds: &["aws_lambda_permission", "AWS::Lambda::Permission"],
        map: permission,
    },
];

/// The ARN of a function by what a file names it with: an ARN, a part of one, or a name (Lambda API Reference, "AddPermission").
pub(in crate::services) fn full(by: &Declared, named: &str) -> String {
    if named.starts_with("arn:") {
        return named.to_owned();
    }
    match named.split_once(":function:") {
        Some((account, name)) if account.len() == 12 => format!(
            "arn:{}:lambda:{}:{account}:function:{name}",
            by.partition, by.region
        ),
        _ => by.arn_of("lambda", &format!("function:{named}")),
    }
}

/// The function that a URL or permission is about: its ARN, with the alias in the second.
fn target(by: &Declared) -> Option<(String, String)> {
    let named = by.at("target_function_arn|function_name").id().known()?;
    let arn = full(by, &named);
    // A function's ARN has seven parts; an eighth is the alias or version.
    let mut parts: Vec<&str> = arn.split(':').collect();
    let told = (parts.len() > 7).then(|| parts.split_off(7).join(":"));
    let function = parts.join(":");
    let alias = by.at("qualifier").id().known().or(told);
    let id = match alias.filter(|alias| !alias.is_empty()) {
        Some(alias) => format!("{function}:{alias}"),
        None => function.clone(),
    };
    Some((function, id))
}

/// What lets anyone call a URL (Lambda Developer Guide, "Control access to Lambda function URLs").
fn open_to_anyone() -> Json {
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "lambda:InvokeFunctionUrl", "Resource": "*",
        "Condition": {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
    }]})
}

/// A URL. Terraform's provider gives one without authorisation the permission that opens it; CloudFormation asks for it by itself.
fn url(by: &Declared, rows: &mut Rows) {
    let auth = by.at("authorization_type|auth_type").text();
    let opened = auth == Told::Known("NONE".to_owned()) && !by.is_cloudformation();
    let policy = if opened { open_to_anyone() } else { json!({}) };
    match target(by) {
        Some((function, id)) => rows
            .row("lambda_function_url", by, id)
            .put("function_arn", function)
            .set("auth_type", auth)
            .put("policy", policy),
        // Which function it leads to is settled later.
        None => rows
            .row("lambda_function_url", by, by.id())
            .set(
                "function_arn",
                settled_later::<String>("the function is not known yet"),
            )
            .set("auth_type", auth)
            .set(
                "policy",
                settled_later::<String>("the function is not known yet"),
            ),
    };
}

fn settled_later<T>(why: &str) -> Told<T> {
    Told::Unknown(Later {
        why: why.to_owned(),
        ..Later::default()
    })
}

/// A permission, as the statement that Lambda makes of it (Lambda API Reference, "AddPermission").
fn permission(by: &Declared, rows: &mut Rows) {
    rows.symbol(by, by.id(), "");
    let key = match (target(by), by.at("function_name").later()) {
        (Some((_, id)), _) => Told::Known(id),
        (None, Some(later)) => Told::Unknown(later.clone()),
        (None, None) => return,
    };
    let (action, principal) = (by.at("action").text(), by.at("principal").id());
    let allows = |actions: &[&str]| match &action {
        Told::Known(action) => actions.contains(&action.to_ascii_lowercase().as_str()),
        _ => true,
    };
    let calls_urls = allows(&["lambda:invokefunctionurl", "lambda:*", "*"]);
    let invokes = allows(&["lambda:invokefunction", "lambda:*", "*"]);
    let conditions = [
        ("function_url_auth_type", "lambda:FunctionUrlAuthType"),
        ("principal_org_id", "aws:PrincipalOrgID"),
        ("source_account", "aws:SourceAccount"),
        ("source_arn", "aws:SourceArn"),
    ];
    let (mut condition, mut sources) = (serde_json::Map::new(), serde_json::Map::new());
    let mut open = (action == Told::Absent || principal == Told::Absent)
        .then(|| settled_later::<Json>("whom a permission lets in is not known yet"));
    for (path, key) in conditions {
        // Lambda compares the source's ARN by its pattern, everything else as it stands.
        let into = if key == "aws:SourceArn" {
            &mut sources
        } else {
            &mut condition
        };
        match by.at(path).id() {
            Told::Known(value) if !value.is_empty() => {
                into.insert(key.to_owned(), json!(value));
            }
            // A source of a known account: which of its resources it is decides nothing.
            Told::Unknown(later)
                if key == "aws:SourceArn"
                    && later
                        .pattern
                        .split(':')
                        .nth(4)
                        .is_some_and(|part| part.len() == 12 && !part.contains('*')) =>
            {
                into.insert(key.to_owned(), json!(later.pattern));
            }
            Told::Unknown(later) => open = Some(Told::Unknown(later)),
            _ => {}
        }
    }
    let policy = match (action, principal) {
        (Told::Known(action), Told::Known(principal)) if open.is_none() => {
            let who = if principal == "*" {
                json!("*")
            } else if principal.ends_with(".amazonaws.com") {
                json!({"Service": principal})
            } else {
                json!({"AWS": principal})
            };
            let mut statement =
                json!({"Effect": "Allow", "Principal": who, "Action": action, "Resource": "*"});
            for (operator, values) in [("StringEquals", condition), ("ArnLike", sources)] {
                if !values.is_empty() {
                    statement["Condition"][operator] = json!(values);
                }
            }
            Told::Known(json!({"Version": "2012-10-17", "Statement": [statement]}))
        }
        (Told::Unknown(later), _) | (_, Told::Unknown(later)) => Told::Unknown(later),
        _ => open.unwrap_or_else(|| settled_later("whom a permission lets in is not known yet")),
    };
    if invokes {
        let function = key.clone().map(|id| match id.split(':').count() {
            8 => id
                .rsplit_once(':')
                .map_or(id.clone(), |(function, _)| function.to_owned()),
            _ => id,
        });
        rows.row("lambda_permission", by, by.id())
            .set("function_arn", function)
            .set("policy", policy.clone());
    }
    if calls_urls {
        rows.column(by, "lambda_function_url", key, "policy", policy);
    }
}

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
