//! What AWS publishes of its actions, resources and condition keys (the Service Authorization Reference),
//! as a dated file in the binary; `tools/iam-data.py` makes it.

use crate::model::{Class, Pattern, Token};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

const DATA: &str = include_str!("../../data/iam.txt");

/// One action.
#[derive(Debug)]
pub struct Action {
    /// `service:Action`.
    pub name: String,
    /// Does it change who may do what?
    pub manages_permissions: bool,
    /// Numbers of the templates of its resources; `None` is any resource.
    pub templates: Option<Vec<usize>>,
}

/// One service, by the prefix of its actions.
#[derive(Debug)]
pub struct Service {
    /// Actions in order of their names.
    pub actions: Vec<Action>,
    /// ARN templates as published, such as `arn:${Partition}:s3:::${BucketName}`.
    pub templates: Vec<&'static str>,
    /// Condition keys in lower case, with their types.
    pub keys: Vec<(String, &'static str)>,
}

struct Entry {
    block: &'static str,
    read: OnceLock<Service>,
}

struct Index {
    services: BTreeMap<&'static str, Entry>,
    rcp: BTreeSet<&'static str>,
    date: &'static str,
    source: &'static str,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut blocks = DATA.split("\n>");
        let head = blocks.next().unwrap_or_default();
        let field = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
                .trim()
        };
        Index {
            services: blocks
                .filter_map(|block| block.split_once('\n'))
                .map(|(name, block)| {
                    (
                        name,
                        Entry {
                            block,
                            read: OnceLock::new(),
                        },
                    )
                })
                .collect(),
            rcp: field("#rcp").split(' ').collect(),
            date: field("#date"),
            source: field("#source"),
        }
    })
}

/// The day on which the data was published, as `YYYY-MM-DD`.
pub fn date() -> &'static str {
    index().date
}

/// Name and version of the data set.
pub fn source() -> &'static str {
    index().source
}

/// Prefixes of all services.
pub fn services() -> impl Iterator<Item = &'static str> {
    index().services.keys().copied()
}

/// Do resource control policies cover the service?
pub fn has_resource_control(service: &str) -> bool {
    index().rcp.contains(service)
}

/// A service by the prefix of its actions, in lower case.
pub fn service(prefix: &str) -> Option<&'static Service> {
    let (name, entry) = index().services.get_key_value(prefix)?;
    Some(entry.read.get_or_init(|| read(name, entry.block)))
}

/// One action, whatever its case.
pub fn action(name: &str) -> Option<&'static Action> {
    let (prefix, _) = name.split_once(':')?;
    service(&prefix.to_ascii_lowercase())?
        .actions
        .iter()
        .find(|action| action.name.eq_ignore_ascii_case(name))
}

fn read(name: &str, block: &'static str) -> Service {
    let mut service = Service {
        actions: Vec::new(),
        templates: Vec::new(),
        keys: Vec::new(),
    };
    for line in block.lines() {
        let (kind, rest) = line.split_at_checked(2).unwrap_or_default();
        let mut fields = rest.split('\t');
        let first = fields.next().unwrap_or_default();
        match kind {
            "k " => service.keys.push((
                first.to_ascii_lowercase(),
                fields.next().unwrap_or_default(),
            )),
            "r " => service.templates.push(first),
            "a " => {
                let level = fields.next().unwrap_or_default();
                let numbers = fields.next().unwrap_or_default();
                service.actions.push(Action {
                    name: format!("{name}:{first}"),
                    manages_permissions: level == "P",
                    templates: (numbers != "-1").then(|| {
                        numbers
                            .split(',')
                            .filter_map(|number| number.parse().ok())
                            .collect()
                    }),
                });
            }
            _ => {}
        }
    }
    if name == "bedrock" {
        // A global inference profile asks for the model without any Region (Bedrock User Guide, "Global cross-Region inference").
        let global = service.templates.len();
        service
            .templates
            .push("arn:${Partition}:bedrock:::foundation-model/${ResourceId}");
        let model = service
            .templates
            .iter()
            .position(|arn| arn.contains("${Region}::foundation-model/"));
        for templates in service
            .actions
            .iter_mut()
            .filter_map(|action| action.templates.as_mut())
        {
            if model.is_some_and(|model| templates.contains(&model)) {
                templates.push(global);
            }
        }
    }
    service
}

/// The resources that a template describes. Names of buckets hold no slash; what else stands for a name may.
pub fn template_pattern(template: &str) -> Pattern {
    let mut tokens = Vec::new();
    let mut colons = 0;
    let mut rest = template;
    while let Some(c) = rest.chars().next() {
        if let Some((name, after)) = rest
            .strip_prefix("${")
            .and_then(|inner| inner.split_once('}'))
        {
            let class = match name {
                _ if colons < 5 => Class::NoColon,
                "BucketName" => Class::NoSlash,
                _ => Class::Any,
            };
            tokens.extend([Token::One(class), Token::Many(class)]);
            rest = after;
            continue;
        }
        colons += usize::from(c == ':');
        // Some templates are published with a wildcard of their own.
        tokens.push(if c == '*' {
            Token::Many(Class::Any)
        } else {
            Token::Char(c)
        });
        rest = &rest[c.len_utf8()..];
    }
    Pattern::from_tokens(tokens)
}

/// A resource of the template with names that a person recognises as made up.
pub fn template_instance(template: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(start) = rest.find("${") {
        text.push_str(&rest[..start]);
        let Some((name, after)) = rest[start + 2..].split_once('}') else {
            break;
        };
        text.push_str(match name {
            "Partition" => "aws",
            "Region" => "us-east-1",
            "Account" => "111122223333",
            _ => super::PROBE,
        });
        rest = after;
    }
    text.push_str(rest);
    text.replace('*', super::PROBE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_and_their_resources_are_read() {
        let invoke = action("BEDROCK:invokemodel").expect("published");
        assert_eq!(invoke.name, "bedrock:InvokeModel");
        let bedrock = service("bedrock").expect("published");
        let arns: Vec<&str> = invoke
            .templates
            .as_ref()
            .expect("named")
            .iter()
            .map(|number| bedrock.templates[*number])
            .collect();
        assert!(
            arns.contains(&"arn:${Partition}:bedrock:${Region}::foundation-model/${ResourceId}"),
            "{arns:?}"
        );
        assert!(
            action("iam:PutRolePolicy")
                .expect("published")
                .manages_permissions
        );
        assert!(has_resource_control("kms") && !has_resource_control("bedrock"));
        assert!(date() >= "2026-01-01" && services().count() > 400);
    }

    #[test]
    fn templates_match_what_they_describe() {
        for (template, arn, expected) in [
            (
                "arn:${Partition}:s3:::${BucketName}",
                "arn:aws:s3:::b",
                true,
            ),
            (
                "arn:${Partition}:s3:::${BucketName}",
                "arn:aws:s3:::b/key",
                false,
            ),
            (
                "arn:${Partition}:s3:::${BucketName}/${ObjectName}",
                "arn:aws:s3:::b/a/b:c",
                true,
            ),
            (
                "arn:${Partition}:bedrock:${Region}::foundation-model/${ResourceId}",
                "arn:aws:bedrock:eu-west-1::foundation-model/a-v1:0",
                true,
            ),
            (
                "arn:${Partition}:bedrock:${Region}::foundation-model/${ResourceId}",
                "arn:aws:bedrock:::foundation-model/a-v1:0",
                false,
            ),
        ] {
            assert_eq!(
                template_pattern(template).matches(arn),
                expected,
                "{template} {arn}"
            );
            assert!(template_pattern(template).matches(&template_instance(template)));
        }
    }
}
