//! SAM: functions with the globals laid under them, and the role that SAM makes for each.
//!
//! Source: <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html>.

use super::resolve::call;
use crate::sources::tree::{Content, Member, Tree, parse};
use std::sync::LazyLock;

/// What each policy template allows.
static POLICIES: LazyLock<Option<Tree>> =
    LazyLock::new(|| parse(include_str!("sam_policies.yaml")).ok());

fn text(text: &str) -> Tree {
    Tree {
        value: Content::Text(text.to_owned()),
        line: 0,
        column: 0,
    }
}

fn list(items: Vec<Tree>) -> Tree {
    Tree {
        value: Content::List(items),
        line: 0,
        column: 0,
    }
}

fn map(members: Vec<(&str, Tree)>) -> Tree {
    let members = members
        .into_iter()
        .map(|(key, value)| Member {
            key: key.to_owned(),
            line: value.line,
            value,
        })
        .collect();
    Tree {
        value: Content::Map(members),
        line: 0,
        column: 0,
    }
}

/// Puts functions and roles in place of SAM's functions; gives what was not understood.
pub(super) fn expand(template: &mut Tree) -> Vec<String> {
    let mut notes = Vec::new();
    let globals = template
        .get("Globals")
        .and_then(|all| all.get("Function"))
        .cloned();
    let Content::Map(sections) = &mut template.value else {
        return notes;
    };
    let Some(Content::Map(resources)) = sections
        .iter_mut()
        .find(|section| section.key == "Resources")
        .map(|section| &mut section.value.value)
    else {
        return notes;
    };
    let mut made = Vec::new();
    for member in resources.iter_mut() {
        let kind = member
            .value
            .get("Type")
            .and_then(Tree::text)
            .map(std::borrow::Cow::into_owned);
        let becomes = match kind.as_deref() {
            Some("AWS::Serverless::Function") => "AWS::Lambda::Function",
            Some("AWS::Serverless::SimpleTable") => "AWS::DynamoDB::Table",
            _ => continue,
        };
        if becomes == "AWS::Lambda::Function" {
            let own = member
                .value
                .get("Properties")
                .cloned()
                .unwrap_or_else(|| map(Vec::new()));
            let mut properties = match &globals {
                Some(globals) => under(globals, &own),
                None => own,
            };
            if properties.get("Role").is_none() {
                let role = format!("{}Role", member.key);
                let made_role = role_of(&member.key, &properties, &mut notes);
                let condition = member.value.get("Condition").cloned();
                let mut parts = vec![("Type", text("AWS::IAM::Role")), ("Properties", made_role)];
                parts.extend(condition.map(|condition| ("Condition", condition)));
                made.push(Member {
                    key: role.clone(),
                    line: member.line,
                    value: map(parts),
                });
                set(
                    &mut properties,
                    "Role",
                    map(vec![("Fn::GetAtt", list(vec![text(&role), text("Arn")]))]),
                );
            }
            set(&mut member.value, "Properties", properties);
        }
        set(&mut member.value, "Type", text(becomes));
    }
    // A role that the template declares under that name is its own.
    made.retain(|role| !resources.iter().any(|known| known.key == role.key));
    resources.extend(made);
    notes
}

fn set(tree: &mut Tree, key: &str, value: Tree) {
    if let Content::Map(members) = &mut tree.value {
        members.retain(|member| member.key != key);
        members.push(Member {
            key: key.to_owned(),
            line: value.line,
            value,
        });
    }
}

/// Globals under a function's own properties: objects are merged, lists joined, other values give way.
fn under(globals: &Tree, own: &Tree) -> Tree {
    match (&globals.value, &own.value) {
        (Content::Map(below), Content::Map(above))
            if call(globals).is_none() && call(own).is_none() =>
        {
            let mut members: Vec<Member> = above.clone();
            for member in below {
                match members.iter_mut().find(|known| known.key == member.key) {
                    Some(known) => known.value = under(&member.value, &known.value),
                    None => members.push(member.clone()),
                }
            }
            Tree {
                value: Content::Map(members),
                ..own.clone()
            }
        }
        (Content::List(below), Content::List(above)) => Tree {
            value: Content::List(below.iter().chain(above).cloned().collect()),
            ..own.clone()
        },
        _ => own.clone(),
    }
}

/// The role that SAM makes for a function.
fn role_of(logical: &str, function: &Tree, notes: &mut Vec<String>) -> Tree {
    let trust = function
        .get("AssumeRolePolicyDocument")
        .cloned()
        .unwrap_or_else(|| {
            map(vec![(
                "Statement",
                list(vec![map(vec![
                    ("Effect", text("Allow")),
                    ("Action", text("sts:AssumeRole")),
                    (
                        "Principal",
                        map(vec![("Service", text("lambda.amazonaws.com"))]),
                    ),
                ])]),
            )])
        });
    let of_aws = |path: &str| {
        map(vec![(
            "Fn::Sub",
            text(&format!("arn:${{AWS::Partition}}:iam::aws:policy/{path}")),
        )])
    };
    let mut managed = vec![of_aws("service-role/AWSLambdaBasicExecutionRole")];
    if function.get("VpcConfig").is_some() {
        managed.push(of_aws("service-role/AWSLambdaVPCAccessExecutionRole"));
    }
    if function.get("Tracing").is_some() {
        managed.push(of_aws("AWSXrayWriteOnlyAccess"));
    }
    let mut inline = Vec::new();
    if let Some(policies) = function.get("Policies") {
        let all: Vec<&Tree> = match &policies.value {
            Content::List(items) => items.iter().collect(),
            _ => vec![policies],
        };
        for (place, item) in all.into_iter().enumerate() {
            let (arn, document) = policy(item, notes, 0);
            managed.extend(arn);
            inline.extend(document.map(|document| {
                map(vec![
                    ("PolicyName", text(&format!("{logical}RolePolicy{place}"))),
                    ("PolicyDocument", document),
                ])
            }));
        }
    }
    let mut members = vec![
        ("AssumeRolePolicyDocument", trust),
        ("ManagedPolicyArns", list(managed)),
        ("Policies", list(inline)),
    ];
    for (from, to) in [
        ("PermissionsBoundary", "PermissionsBoundary"),
        ("RolePath", "Path"),
        ("Tags", "Tags"),
    ] {
        members.extend(function.get(from).cloned().map(|value| (to, value)));
    }
    map(members)
}

/// One policy of a function: a managed policy's name or ARN, or a document.
fn policy(item: &Tree, notes: &mut Vec<String>, depth: usize) -> (Option<Tree>, Option<Tree>) {
    if let Some(name) = item.text() {
        let arn = if name.starts_with("arn:") {
            text(&name)
        } else {
            map(vec![(
                "Fn::Sub",
                text(&format!("arn:${{AWS::Partition}}:iam::aws:policy/{name}")),
            )])
        };
        return (Some(arn), None);
    }
    if let Some((function, argument)) = call(item) {
        let ([condition, yes, no], "Fn::If", true) = (argument.items(), function, depth < 8) else {
            return (Some(item.clone()), None);
        };
        let nothing = || map(vec![("Ref", text("AWS::NoValue"))]);
        let (yes, no) = (policy(yes, notes, depth + 1), policy(no, notes, depth + 1));
        let either = |yes: Option<Tree>, no: Option<Tree>| {
            (yes.is_some() || no.is_some()).then(|| {
                map(vec![(
                    "Fn::If",
                    list(vec![
                        condition.clone(),
                        yes.unwrap_or_else(nothing),
                        no.unwrap_or_else(nothing),
                    ]),
                )])
            })
        };
        return (either(yes.0, no.0), either(yes.1, no.1));
    }
    if item.get("Statement").is_some() {
        return (None, Some(item.clone()));
    }
    let [only] = item.members() else {
        return (None, None);
    };
    let Some(known) = POLICIES.as_ref().and_then(|all| all.get(&only.key)) else {
        notes.push(format!(
            "the SAM policy template {} is not known, so what it allows is open",
            only.key
        ));
        return (None, Some(map(vec![("Fn::Transform", text(&only.key))])));
    };
    let statements = known
        .items()
        .iter()
        .map(|statement| {
            let resources = statement
                .get("resources")
                .map_or(&[][..], Tree::items)
                .iter()
                .filter_map(Tree::text)
                .map(|pattern| filled(&pattern, &only.value))
                .collect();
            map(vec![
                ("Effect", text("Allow")),
                (
                    "Action",
                    statement
                        .get("actions")
                        .cloned()
                        .unwrap_or_else(|| list(Vec::new())),
                ),
                ("Resource", list(resources)),
            ])
        })
        .collect();
    (None, Some(map(vec![("Statement", list(statements))])))
}

/// A resource pattern with the parameter of the policy template in it.
fn filled(pattern: &str, parameters: &Tree) -> Tree {
    let names: Vec<&Member> = parameters
        .members()
        .iter()
        .filter(|member| pattern.contains(&format!("{{{}}}", member.key)))
        .collect();
    let mut template = pattern.to_owned();
    for member in &names {
        template = template.replace(
            &format!("{{{}}}", member.key),
            &format!("${{{}}}", member.key),
        );
    }
    let own = names
        .iter()
        .map(|member| (member.key.as_str(), member.value.clone()))
        .collect();
    map(vec![("Fn::Sub", list(vec![text(&template), map(own)]))])
}
