//! Event selectors of trails, both kinds in one form.
//!
//! A basic selector is read as what it means in the terms of an advanced one (CloudTrail User Guide, "Logging management
//! events", "Logging data events", "Filtering data events by using advanced event selectors").

use crate::services::declared::{Later, Node, Told};
use serde_json::{Value as Json, json};

/// What a trail without selectors records: every management event (CloudTrail API Reference, "PutEventSelectors").
pub(super) fn usual() -> Json {
    json!([selector("Management", "All", vec![], vec![], vec![], false)])
}

fn selector(
    category: &str,
    read_write: &str,
    sources: Vec<String>,
    excluded: Vec<String>,
    types: Vec<String>,
    narrowed: bool,
) -> Json {
    json!({
        "category": category, "read_write": read_write, "sources": sources,
        "excluded_sources": excluded, "resource_types": types, "narrowed": narrowed,
    })
}

/// Selectors as AWS writes them, or as this crate does: an answer of `GetEventSelectors`, or a list.
///
/// # Errors
/// When it is no selector.
pub(super) fn read(value: &Json) -> Result<Json, String> {
    let all = match value {
        Json::Array(all) if all.iter().all(|one| one.get("category").is_some()) => {
            all.iter().try_for_each(own)?;
            return Ok(value.clone());
        }
        Json::Array(all) if all.iter().all(of_aws) => Node::from(value),
        Json::Object(members) => {
            let named = ["AdvancedEventSelectors", "EventSelectors"];
            if !named.iter().any(|name| members.contains_key(*name)) {
                return Err("it holds no list of event selectors".to_owned());
            }
            let found = named
                .iter()
                .filter_map(|name| members.get(*name).and_then(Json::as_array))
                .find(|all| !all.is_empty());
            match found {
                Some(all) if !all.iter().all(of_aws) => {
                    return Err("it is not a list of event selectors".to_owned());
                }
                Some(all) => Node::List(all.iter().map(Node::from).collect()),
                None => Node::Absent,
            }
        }
        _ => return Err("it is not a list of event selectors".to_owned()),
    };
    match normal(&all) {
        Told::Known(all) => Ok(all),
        Told::Absent => Ok(usual()),
        Told::Unknown(later) => Err(later.why),
    }
}

/// Is it a selector as AWS writes one?
fn of_aws(one: &Json) -> bool {
    [
        "FieldSelectors",
        "ReadWriteType",
        "IncludeManagementEvents",
        "DataResources",
    ]
    .iter()
    .any(|name| one.get(*name).is_some())
}

/// Is it a whole selector as this crate writes one?
fn own(one: &Json) -> Result<(), String> {
    let word = |name: &str, words: &[&str]| {
        let found = one.get(name).and_then(Json::as_str);
        match found.filter(|word| words.contains(word)) {
            Some(_) => Ok(()),
            None => Err(format!("`{name}` is not one of {}", words.join(", "))),
        }
    };
    word("category", &["Management", "Data", "NetworkActivity"])?;
    word("read_write", &["All", "ReadOnly", "WriteOnly"])?;
    for name in ["sources", "excluded_sources", "resource_types"] {
        let all = one.get(name).and_then(Json::as_array);
        if !all.is_some_and(|all| all.iter().all(Json::is_string)) {
            return Err(format!("`{name}` is not a list of texts"));
        }
    }
    match one.get("narrowed") {
        Some(Json::Bool(_)) => Ok(()),
        _ => Err("`narrowed` is not true or false".to_owned()),
    }
}

/// A list of selectors of either kind; absent where there are none.
pub(super) fn normal(all: &Node) -> Told<Json> {
    if let Some(later) = all.later() {
        return Told::Unknown(later.clone());
    }
    let mut found = Vec::new();
    for one in all.items() {
        let fields = one.at("field_selectors|field_selector");
        if *fields == Node::Absent {
            basic(one, &mut found);
        } else {
            match advanced(fields) {
                Ok(one) => found.push(one),
                Err(why) => {
                    return Told::Unknown(Later {
                        why,
                        ..Later::default()
                    });
                }
            }
        }
    }
    if all.items().is_empty() {
        Told::Absent
    } else {
        Told::Known(Json::Array(found))
    }
}

/// `{ReadWriteType, IncludeManagementEvents, ExcludeManagementEventSources, DataResources: [{Type, Values}]}`.
fn basic(one: &Node, found: &mut Vec<Json>) {
    let read_write = one.at("read_write_type").text().or("All").known();
    let read_write = read_write.unwrap_or_default();
    if one.at("include_management_events").flag() != Told::Known(false) {
        let excluded = one.at("exclude_management_event_sources").ids();
        found.push(selector(
            "Management",
            &read_write,
            vec![],
            excluded.known().unwrap_or_default(),
            vec![],
            false,
        ));
    }
    for data in one.at("data_resources|data_resource").items() {
        let kind = data.at("type").text().known().unwrap_or_default();
        let values = data.at("values").ids().known().unwrap_or_default();
        // `arn:aws:s3`, `arn:aws:s3:::` or `arn:aws:lambda` stand for every one.
        let every = values
            .iter()
            .any(|value| value.trim_end_matches(':').split(':').count() <= 3);
        found.push(selector(
            "Data",
            &read_write,
            vec![],
            vec![],
            vec![kind],
            !every,
        ));
    }
}

/// `[{Field, Equals, NotEquals, StartsWith, NotStartsWith, EndsWith, NotEndsWith}]`.
fn advanced(fields: &Node) -> Result<Json, String> {
    let (mut category, mut read_write, mut narrowed) = (String::new(), "All", false);
    let (mut sources, mut excluded, mut types) = (Vec::new(), Vec::new(), Vec::new());
    for field in fields.items() {
        let name = field.at("field").text().known().unwrap_or_default();
        let list = |path: &str| field.at(path).ids().known().unwrap_or_default();
        let equals = list("equals");
        let patterns = |exact: &str, start: &str, end: &str| -> Vec<String> {
            let mut all = list(exact);
            all.extend(list(start).into_iter().map(|text| format!("{text}*")));
            all.extend(list(end).into_iter().map(|text| format!("*{text}")));
            all
        };
        match name.as_str() {
            "eventCategory" => category = equals.first().cloned().unwrap_or_default(),
            "readOnly" => {
                read_write = match equals.first().map(String::as_str) {
                    Some("true") => "ReadOnly",
                    _ => "WriteOnly",
                }
            }
            "eventSource" => {
                sources = patterns("equals", "starts_with", "ends_with");
                excluded = patterns("not_equals", "not_starts_with", "not_ends_with");
            }
            "resources.type" => types = equals,
            // Denials at the endpoint are what network activity events are kept for.
            "errorCode" if equals == ["VpceAccessDenied"] => {}
            _ => narrowed = true,
        }
    }
    if category.is_empty() {
        return Err("an event selector names no eventCategory".to_owned());
    }
    Ok(selector(
        &category, read_write, sources, excluded, types, narrowed,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_come_to_one_form() {
        let cases = [
            (
                json!({"EventSelectors": [], "AdvancedEventSelectors": []}),
                usual(),
            ),
            (
                json!([{"ReadWriteType": "WriteOnly", "IncludeManagementEvents": true, "ExcludeManagementEventSources": ["kms.amazonaws.com"],
                        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]),
                json!([
                    selector(
                        "Management",
                        "WriteOnly",
                        vec![],
                        vec!["kms.amazonaws.com".to_owned()],
                        vec![],
                        false
                    ),
                    selector(
                        "Data",
                        "WriteOnly",
                        vec![],
                        vec![],
                        vec!["AWS::S3::Object".to_owned()],
                        false
                    ),
                ]),
            ),
            (
                json!({"AdvancedEventSelectors": [{"Name": "all but KMS", "FieldSelectors": [
                    {"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "eventSource", "NotStartsWith": ["kms."]}]}]}),
                json!([selector(
                    "Management",
                    "All",
                    vec![],
                    vec!["kms.*".to_owned()],
                    vec![],
                    false
                )]),
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(read(&given).as_ref(), Ok(&expected), "{given}");
            assert_eq!(
                read(&expected).as_ref(),
                Ok(&expected),
                "its own form is read as it is"
            );
        }
        assert!(
            read(&json!([{"FieldSelectors": [{"Field": "readOnly", "Equals": ["true"]}]}]))
                .is_err()
        );
    }
}
