//! Which line of a CDK app made a construct. The assembly says it where it was made with `cdk synth --debug`: beside each logical id
//! stands the stack of calls that created it, in `manifest.json` (`metadata`) or in the file that an artifact names
//! (`additionalMetadataFile`).
//!
//! Source: <https://github.com/aws/aws-cdk/pull/37643>, and what aws-cdk-lib 2 writes.

use crate::model::Location;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// By logical id: the line of the app, as a path from the folder that holds the assembly.
pub(super) fn lines(folder: &Path, artifact: &Json) -> BTreeMap<String, Location> {
    let beside = artifact
        .get("additionalMetadataFile")
        .and_then(Json::as_str)
        .filter(|name| is_plain(name))
        .and_then(|name| crate::sources::files::text(&folder.join(name)).ok())
        .and_then(|text| serde_json::from_str::<Json>(&text).ok());
    // The app stands beside the assembly, or above it where the assembly is of a stage.
    let mut root = folder;
    while let Some(above) = root.parent().filter(|above| super::cdk::is_assembly(above)) {
        root = above;
    }
    let root = match root.parent() {
        Some(above) if above.as_os_str().is_empty() => PathBuf::from("."),
        Some(above) => above.to_owned(),
        None => PathBuf::from("."),
    };
    let mut found = BTreeMap::new();
    for metadata in [artifact.get("metadata"), beside.as_ref()]
        .into_iter()
        .flatten()
    {
        for entries in metadata
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            let of = |kind: &str| {
                let mut entries = entries.as_array().into_iter().flatten();
                entries.find(move |entry| entry.get("type").and_then(Json::as_str) == Some(kind))
            };
            let Some(id) = of("aws:cdk:logicalId") else {
                continue;
            };
            let stack = of("aws:cdk:creationStack")
                .and_then(|entry| entry.get("data"))
                .or_else(|| id.get("trace"));
            let frames = stack.and_then(Json::as_array).into_iter().flatten();
            let place = frames
                .filter_map(Json::as_str)
                .find_map(|frame| own_line(&root, frame));
            if let (Some(id), Some(place)) = (id.get("data").and_then(Json::as_str), place) {
                found.insert(id.to_owned(), place);
            }
        }
    }
    found
}

/// Is it the name of a file of the folder, and nothing that leads elsewhere?
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    )
}

/// The file and line of a frame, where the file is one of the app's: `new Chat (/app/lib/chat.ts:6:16)`.
fn own_line(root: &Path, frame: &str) -> Option<Location> {
    let inside = frame
        .rsplit_once('(')
        .map_or(frame, |(_, inside)| inside)
        .trim_end_matches(')');
    let mut parts = inside.trim().rsplit(':');
    let numbers = [parts.next()?, parts.next()?];
    let (file, line) = match numbers.map(|part| part.parse::<u64>().ok()) {
        [Some(_), Some(line)] => {
            let ending = numbers[0].len() + numbers[1].len() + 2;
            (&inside.trim()[..inside.trim().len() - ending], line)
        }
        // Frames of Python and Java have no column.
        [Some(line), None] => (
            &inside.trim()[..inside.trim().len() - numbers[0].len() - 1],
            line,
        ),
        _ => return None,
    };
    let file = file.strip_prefix("file://").unwrap_or(file);
    if file.contains("node_modules") || file.contains("node:") {
        return None;
    }
    // The assembly may have been made elsewhere: the longest end of the path that is a file here.
    let parts: Vec<Component<'_>> = Path::new(file)
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    (0..parts.len()).find_map(|skipped| {
        let end: PathBuf = parts[skipped..].iter().collect();
        let here = root.join(&end);
        here.is_file().then(|| Location {
            file: here
                .strip_prefix(".")
                .unwrap_or(&here)
                .display()
                .to_string(),
            line,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::own_line;
    use crate::model::Location;

    #[test]
    fn a_frame_of_the_app_has_a_line() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let root = folder.path();
        std::fs::create_dir(root.join("lib")).expect("a folder");
        std::fs::write(root.join("lib/chat.ts"), "").expect("a file");
        let place = |line| {
            Some(Location {
                file: root.join("lib/chat.ts").display().to_string(),
                line,
            })
        };
        for (frame, expected) in [
            ("new Chat (/app/lib/chat.ts:6:16)", place(6)),
            ("/somewhere/else/lib/chat.ts:9:1", place(9)),
            ("chat (lib/chat.ts:12)", place(12)),
            ("new X (/app/node_modules/lib/chat.ts:6:16)", None),
            ("new Chat (/app/lib/other.ts:6:16)", None),
            ("...node internals...", None),
            (
                "(no user code in 10 frames, use --stack-trace-limit to capture more)",
                None,
            ),
            ("../../lib/chat.ts:x:y", None),
            (":::", None),
            ("", None),
        ] {
            assert_eq!(own_line(root, frame), expected, "{frame}");
        }
    }
}
