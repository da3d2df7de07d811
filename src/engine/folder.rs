//! A folder of rules of somebody's own, with the frameworks beside them.

use super::RuleError;
use std::path::Path;

/// Texts by file.
type Texts = Vec<(String, String)>;

/// The rules of a folder, and the frameworks in its folder `frameworks`.
pub(super) fn read_folder(folder: &Path) -> Result<(Texts, Texts), RuleError> {
    let shown = folder.display().to_string();
    let fail = |message: String| RuleError {
        file: shown.clone(),
        message,
    };
    let (mut files, mut frameworks) = (Vec::new(), Vec::new());
    let mut folders = vec![folder.to_owned()];
    // A link may lead back up.
    let mut entered = std::collections::BTreeSet::new();
    while let Some(next) = folders.pop() {
        if let Ok(place) = next.canonicalize()
            && !entered.insert(place)
        {
            continue;
        }
        for entry in std::fs::read_dir(&next)
            .map_err(|error| fail(format!("cannot read the folder: {error}")))?
        {
            let path = entry.map_err(|error| fail(error.to_string()))?.path();
            let yaml = path
                .extension()
                .is_some_and(|end| end == "yaml" || end == "yml");
            if path.is_dir() {
                folders.push(path);
            } else if yaml {
                let text = crate::model::file::read_text(&path).map_err(|error| RuleError {
                    file: path.display().to_string(),
                    message: error.to_string(),
                })?;
                let inside = path.strip_prefix(folder).unwrap_or(&path);
                let mut parts = inside.components();
                let kind = if parts.any(|part| part.as_os_str() == "frameworks") {
                    &mut frameworks
                } else {
                    &mut files
                };
                kind.push((path.display().to_string(), text));
            }
        }
    }
    if files.is_empty() {
        return Err(fail(
            "there is no rule file (*.yaml) in this folder".to_owned(),
        ));
    }
    files.sort();
    frameworks.sort();
    Ok((files, frameworks))
}
