//! Values as the AWS CLI, Terraform and CloudFormation write them. None can be left by what stands in it.

use super::text::RAW;
use serde_json::{Map, Value as Json, json};
use std::fmt::Write as _;

/// One word of a shell.
pub(super) fn shell(value: &Json) -> String {
    let text = match value {
        Json::String(text) => text.clone(),
        // Lists of words stand as words.
        Json::Array(all) if all.iter().all(Json::is_string) => {
            return all.iter().map(shell).collect::<Vec<_>>().join(" ");
        }
        other => other.to_string(),
    };
    let simple = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !text.is_empty() && text.chars().all(simple) {
        return text;
    }
    // A control character could move a terminal; `$'...'` spells it out.
    if text.chars().any(char::is_control) {
        let spelled: String = text
            .chars()
            .map(|c| match c {
                '\'' | '\\' => format!("\\{c}"),
                c if c.is_control() => {
                    let mut bytes = [0; 4];
                    c.encode_utf8(&mut bytes)
                        .bytes()
                        .map(|byte| format!("\\x{byte:02x}"))
                        .collect()
                }
                c => c.to_string(),
            })
            .collect();
        return format!("$'{spelled}'");
    }
    with_made(&format!("'{}'", text.replace('\'', "'\\''")))
}

/// What another command made stands in a variable of the shell: `vpce-new-x` in `$vpce_new_x`.
fn with_made(quoted: &str) -> String {
    let mut out = String::new();
    let mut rest = quoted;
    while let Some(at) = rest.find("vpce-new-") {
        let (before, after) = rest.split_at(at);
        let end = after
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .unwrap_or(after.len());
        out.push_str(before);
        out.push_str(&format!("'\"${{{}}}\"'", after[..end].replace('-', "_")));
        rest = &after[end..];
    }
    out + rest
}

/// A value as a template in JSON holds it.
pub(super) fn template_json(value: &Json) -> Json {
    match value {
        Json::String(text) => match text.strip_prefix(RAW).and_then(|raw| raw.split_once(' ')) {
            Some(("!Ref", of)) => json!({ "Ref": of }),
            Some(("!GetAtt", of)) => {
                let (logical, attribute) = of.split_once('.').unwrap_or((of, "Arn"));
                json!({ "Fn::GetAtt": [logical, attribute] })
            }
            Some((_, of)) => json!({ "Fn::Sub": of }),
            None => value.clone(),
        },
        Json::Array(all) => all.iter().map(template_json).collect(),
        Json::Object(map) => Json::Object(
            map.iter()
                .map(|(key, value)| (key.clone(), template_json(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// A string of HCL; neither it nor a comment can be left by what stands in it.
pub(super) fn hcl_text(text: &str) -> String {
    let quoted = Json::String(text.to_owned()).to_string();
    quoted.replace("${", "$${").replace("%{", "%%{")
}

/// An expression of HCL. Objects are policies and the like, which arguments take as JSON.
pub(super) fn hcl(value: &Json, depth: usize) -> String {
    match value {
        Json::Object(_) => format!("jsonencode({})", hcl_object(value, depth)),
        Json::Array(all) if all.iter().any(Json::is_object) => {
            format!("jsonencode({})", hcl_object(value, depth))
        }
        other => hcl_object(other, depth),
    }
}

fn hcl_object(value: &Json, depth: usize) -> String {
    let pad = " ".repeat(depth + 2);
    let end = " ".repeat(depth);
    match value {
        Json::String(text) => text
            .strip_prefix(RAW)
            .map_or_else(|| hcl_text(text), str::to_owned),
        Json::Array(all) if all.iter().all(|one| !one.is_object() && !one.is_array()) => {
            let items: Vec<String> = all.iter().map(|one| hcl_object(one, depth)).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Array(all) => {
            let items: String = all
                .iter()
                .map(|one| format!("{pad}{},\n", hcl_object(one, depth + 2)))
                .collect();
            format!("[\n{items}{end}]")
        }
        Json::Object(map) => {
            let items: String = in_order(map)
                .into_iter()
                .map(|(key, value)| {
                    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                        && !key.starts_with(|c: char| c.is_ascii_digit());
                    let key = if plain { key.clone() } else { hcl_text(key) };
                    format!("{pad}{key} = {}\n", hcl_object(value, depth + 2))
                })
                .collect();
            format!("{{\n{items}{end}}}")
        }
        other => other.to_string(),
    }
}

/// A value of YAML, for the place behind a key at this depth.
pub(super) fn yaml(value: &Json, depth: usize) -> String {
    // A text of several lines stays on one, so that it leaves neither its place nor a comment.
    if let Json::String(text) = value
        && text.chars().any(char::is_control)
        && !text.starts_with(RAW)
    {
        return value.to_string();
    }
    let text = yaml_serde::to_string(&ordered(value)).unwrap_or_default();
    // Bare, YAML 1.1 reads it as a date.
    let text = text
        .trim_end()
        .replace("Version: 2012-10-17", "Version: '2012-10-17'");
    let text = text.as_str();
    match value {
        Json::Object(map) if !map.is_empty() => indented(text, depth + 2),
        Json::Array(all) if !all.is_empty() => indented(text, depth + 2),
        _ => text.to_owned(),
    }
}

/// Members of a policy in the order in which people read them.
const POLICY_ORDER: [&str; 9] = [
    "Version",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "Action",
    "NotAction",
    "Resource",
    "Condition",
];

fn in_order(map: &Map<String, Json>) -> Vec<(&String, &Json)> {
    let mut all: Vec<(&String, &Json)> = map.iter().collect();
    all.sort_by_key(|(key, _)| {
        POLICY_ORDER
            .iter()
            .position(|known| known == key)
            .unwrap_or(POLICY_ORDER.len())
    });
    all
}

/// The same for YAML.
fn ordered(value: &Json) -> yaml_serde::Value {
    match value {
        Json::Object(map) => yaml_serde::Value::Mapping(
            in_order(map)
                .into_iter()
                .map(|(key, value)| (key.clone().into(), ordered(value)))
                .collect(),
        ),
        Json::Array(all) => yaml_serde::Value::Sequence(all.iter().map(ordered).collect()),
        Json::String(text) => match text.strip_prefix(RAW).and_then(|raw| raw.split_once(' ')) {
            Some((tag, of)) => {
                yaml_serde::Value::Tagged(Box::new(yaml_serde::value::TaggedValue {
                    tag: yaml_serde::value::Tag::new(tag),
                    value: of.into(),
                }))
            }
            None => text.as_str().into(),
        },
        other => yaml_serde::to_value(other).unwrap_or_default(),
    }
}

fn indented(text: &str, depth: usize) -> String {
    let pad = " ".repeat(depth);
    text.lines().fold(String::new(), |mut out, line| {
        let _ = write!(out, "\n{pad}{line}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::{RAW, hcl, shell, template_json, yaml};
    use serde_json::{Value as Json, json};

    #[test]
    fn references_are_written_as_each_form_writes_them() {
        let of = |expression: &str| Json::String(format!("{RAW}{expression}"));
        assert_eq!(template_json(&of("!Ref Vpc")), json!({"Ref": "Vpc"}));
        assert_eq!(
            template_json(&json!([of("!GetAtt Key.Arn")])),
            json!([{"Fn::GetAtt": ["Key", "Arn"]}])
        );
        assert_eq!(
            template_json(&of("!Sub a/${AWS::Region}")),
            json!({"Fn::Sub": "a/${AWS::Region}"})
        );
        assert_eq!(yaml(&of("!Ref Vpc"), 0), "!Ref Vpc");
        assert_eq!(hcl(&of("aws_vpc.main.id"), 0), "aws_vpc.main.id");
    }

    #[test]
    fn no_value_leaves_its_quotes() {
        let text = json!("a'b\"c${d}%{e}\n$(f)`g`");
        assert_eq!(hcl(&text, 0), r#""a'b\"c$${d}%%{e}\n$(f)`g`""#);
        assert_eq!(yaml(&text, 0), r#""a'b\"c${d}%{e}\n$(f)`g`""#);
        assert_eq!(shell(&text), r#"$'a\'b"c${d}%{e}\x0a$(f)`g`'"#);
        assert_eq!(shell(&json!("$(f) 'g'")), r#"'$(f) '\''g'\'''"#);
        assert_eq!(
            shell(&json!({"e": ["vpce-new-a"]})),
            r#"'{"e":["'"${vpce_new_a}"'"]}'"#
        );
    }
}
