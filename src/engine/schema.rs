//! JSON Schemas of what people write: the configuration and rules. They are made of the types that read them.

use super::RuleError;
use super::{Config, Library, ParameterKind, Rule, attestation, frameworks};
use crate::inventory::{Error, Table};
use serde_json::{Value as Json, json};

/// What a parameter takes.
fn value(parameter: &super::Parameter) -> Json {
    let mut schema = match parameter.kind {
        ParameterKind::Days => json!({"type": "integer", "minimum": 0}),
        ParameterKind::Integer => json!({"type": "integer"}),
        ParameterKind::Text => json!({"type": "string"}),
        ParameterKind::Boolean => json!({"type": "boolean"}),
        ParameterKind::List => json!({"type": "array", "items": {"type": "string"}}),
    };
    schema["description"] = parameter.doc.trim().into();
    schema["default"] = parameter.default.clone();
    if !parameter.one_of.is_empty() {
        schema["enum"] = json!(parameter.one_of);
    }
    schema
}

/// The schema of `outcrop.yaml`: parameters with their types and defaults, rules and attestations by their ids.
///
/// # Errors
/// When the list of attestations inside the program is damaged.
pub fn config(library: &Library) -> Result<Json, Error> {
    let mut schema = Json::from(schemars::schema_for!(Config));
    schema["title"] = "Configuration of Outcrop".into();
    let ids: Vec<&str> = library
        .rules
        .iter()
        .map(|loaded| loaded.rule.id.as_str())
        .collect();
    let parameters: serde_json::Map<String, Json> = library
        .parameters
        .iter()
        .map(|(name, parameter)| (name.clone(), value(parameter)))
        .collect();
    schema["properties"]["parameters"]["properties"] = parameters.into();
    schema["properties"]["parameters"]["additionalProperties"] = false.into();
    schema["properties"]["severities"]["propertyNames"] = json!({"enum": ids});
    schema["properties"]["disabled"]["items"] = json!({"enum": ids});
    schema["properties"]["accounts"]["propertyNames"] = json!({"pattern": "^[0-9]{12}$"});
    schema["$defs"]["Attestation"]["properties"]["id"]["examples"] = json!(attestation::ids()?);
    schema["$defs"]["WaiverEntry"]["properties"]["rule"]["examples"] = json!(ids);
    Ok(schema)
}

/// The schema of a rule file: tables that there are, and the controls of each framework.
///
/// # Errors
/// When a framework inside the program is damaged.
pub fn rule(tables: &[&'static Table]) -> Result<Json, RuleError> {
    let mut schema = Json::from(schemars::schema_for!(Rule));
    schema["title"] = "A rule of Outcrop".into();
    let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
    schema["properties"]["subject"] =
        json!({"description": "The table whose rows it judges.", "enum": names});
    let controls: serde_json::Map<String, Json> = frameworks()?
        .into_iter()
        .map(|known| {
            let ids: Vec<&String> = known.controls.keys().collect();
            let one = json!({"description": known.title, "type": "array", "items": {"enum": ids}});
            (known.id, one)
        })
        .collect();
    schema["properties"]["controls"]["properties"] = controls.into();
    // Either a table or a query.
    schema["oneOf"] = json!([{"required": ["subject"]}, {"required": ["from"]}]);
    Ok(schema)
}
