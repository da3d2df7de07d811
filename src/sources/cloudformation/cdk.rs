//! The CDK's cloud assembly (`cdk.out`): its stacks with their environments, stages included.
//!
//! Source: <https://github.com/aws/aws-cdk-cli/tree/main/packages/@aws-cdk/cloud-assembly-schema>.

use super::{NewStack, Place, Set};
use crate::model::Unique;
use crate::sources::files::{Error, Files, Given, text};
use crate::sources::tree;
use serde_json::Value as Json;
use std::path::Path;

/// Is it a cloud assembly?
pub fn is_assembly(folder: &Path) -> bool {
    folder.join("manifest.json").is_file()
}

/// Reads an assembly: all its stacks, judged together.
///
/// # Errors
/// When a file is broken, or no stack is in it.
pub fn read(folder: &Path, given: &Given) -> Result<Files, Error> {
    let mut set = Set {
        made: given.made.clone(),
        ..Set::default()
    };
    assembly(folder, given, &mut set, 0)?;
    if set.stacks.is_empty() && !set.empty {
        return Err(Error::new(
            &folder.display().to_string(),
            "the assembly holds no stack",
        ));
    }
    // The stack's name stands before its logical ids even where it is the only one: baselines and waivers survive the second.
    Ok(set.files())
}

fn assembly(folder: &Path, given: &Given, set: &mut Set, depth: usize) -> Result<(), Error> {
    let path = folder.join("manifest.json");
    let shown = crate::model::file::shown(&path);
    let wrong = |what: String| Error::new(&shown, what);
    if depth > 8 {
        return Err(wrong("assemblies are nested too deep".to_owned()));
    }
    let body = text(&path).map_err(|error| wrong(error.to_string()))?;
    let Unique(manifest) = serde_json::from_str(&body).map_err(|error| wrong(error.to_string()))?;
    let Some(artifacts) = manifest.get("artifacts").and_then(Json::as_object) else {
        return Err(wrong(
            "a manifest without artifacts; is this a cdk.out folder?".to_owned(),
        ));
    };
    for (id, artifact) in artifacts {
        let property = |key: &str| {
            artifact
                .pointer(&format!("/properties/{key}"))
                .and_then(Json::as_str)
        };
        match artifact.get("type").and_then(Json::as_str) {
            Some("aws:cloudformation:stack") => {
                let Some(file) = property("templateFile") else {
                    return Err(wrong(format!("the stack `{id}` names no template")));
                };
                let environment = artifact
                    .get("environment")
                    .and_then(Json::as_str)
                    .unwrap_or_default();
                let mut parts = environment
                    .trim_start_matches("aws://")
                    .split('/')
                    .map(str::to_owned);
                let known = |part: Option<String>| {
                    part.filter(|part| !part.is_empty() && !part.starts_with("unknown-"))
                };
                let place = Place {
                    account: known(parts.next()).or_else(|| given.account.clone()),
                    region: known(parts.next()).or_else(|| given.region.clone()),
                };
                let name = property("stackName").unwrap_or(id);
                let mut parameters = given.parameters.clone();
                for (key, value) in artifact
                    .pointer("/properties/parameters")
                    .and_then(Json::as_object)
                    .into_iter()
                    .flatten()
                {
                    parameters
                        .entry(key.clone())
                        .or_insert_with(|| super::resolve::given(value));
                }
                // Parameters of the assembly's own plumbing are settled by the tool that deploys it.
                let template = folder.join(file);
                let inner = crate::model::file::shown(&template);
                let body =
                    text(&template).map_err(|error| Error::new(&inner, error.to_string()))?;
                // An app may hold a stack without a resource yet.
                if tree::parse(&body).is_ok_and(|tree| {
                    tree.get("Resources")
                        .is_none_or(|all| all.members().is_empty())
                }) {
                    set.notes
                        .push(format!("{inner}: the stack holds no resources"));
                    set.empty = true;
                    continue;
                }
                let prefix = format!("{name}.");
                set.add(
                    &template,
                    &inner,
                    &body,
                    NewStack {
                        prefix,
                        name: name.to_owned(),
                        given: parameters,
                        parent: None,
                        written: super::cdk_lines::lines(folder, artifact),
                    },
                    &place,
                )?;
            }
            Some("cdk:cloud-assembly" | "aws:cdk:cloud-assembly") => {
                let Some(inner) = property("directoryName") else {
                    return Err(wrong(format!("the stage `{id}` names no folder")));
                };
                assembly(&folder.join(inner), given, set, depth + 1)?;
            }
            _ => {}
        }
    }
    Ok(())
}
