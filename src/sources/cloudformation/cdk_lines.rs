//! Which line of a CDK app made a construct. The assembly says it where it was made with `cdk synth --debug`: beside each logical id
//! stands the stack of calls that created it, in `manifest.json` (`metadata`) or in the file that an artifact names
//! (`additionalMetadataFile`).
//!
//! Source: <https://github.com/aws/aws-cdk/pull/37643>, and what aws-cdk-lib 2 writes.

use crate::model::Location;
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
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
        // `cdk.out`, then `.` from within it.
        Some(above) if above.as_os_str().is_empty() && root != Path::new(".") => PathBuf::from("."),
        Some(above) if !above.as_os_str().is_empty() => above.to_owned(),
        _ => root.join(".."),
    };
    let mut app = App {
        root,
        known: HashMap::new(),
        lengths: HashMap::new(),
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
                .take(MOST_FRAMES)
                .find_map(|frame| app.own_line(frame));
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

/// Frames of one stack that are looked at.
const MOST_FRAMES: usize = 30;
/// Folders of the path of a frame.
const MOST_PARTS: usize = 40;
/// Where code of others lies, whatever its path ends with.
const OF_OTHERS: [&str; 6] = [
    "node_modules",
    "site-packages",
    "dist-packages",
    ".m2",
    ".gradle",
    "jsii-kernel",
];

/// The folder of an app, and what was found in it.
struct App {
    root: PathBuf,
    /// By file of a frame: the file of the app.
    known: HashMap<String, Option<PathBuf>>,
    /// By file of the app: how many lines it has.
    lengths: HashMap<PathBuf, u64>,
}

/// File and line of a frame: `new Chat (/app/lib/chat.ts:6:16)`; frames of Python and Java have no column.
fn parts(frame: &str) -> Option<(&str, u64)> {
    let inside = frame
        .rsplit_once('(')
        .map_or(frame, |(_, inside)| inside)
        .trim_end_matches(')')
        .trim();
    let (before, last) = inside.rsplit_once(':')?;
    let last: u64 = last.parse().ok()?;
    let (file, line) = match before.rsplit_once(':') {
        Some((file, line)) if line.parse::<u64>().is_ok() => (file, line.parse().ok()?),
        _ => (before, last),
    };
    Some((file.strip_prefix("file://").unwrap_or(file), line))
}

impl App {
    /// The file and line of a frame, where both are the app's.
    fn own_line(&mut self, frame: &str) -> Option<Location> {
        let (file, line) = parts(frame)?;
        if !self.known.contains_key(file) {
            let own = self.own_file(file);
            self.known.insert(file.to_owned(), own);
        }
        let own = self.known.get(file)?.clone()?;
        let length = *self.lengths.entry(own.clone()).or_insert_with(|| {
            crate::model::file::read_text(&own)
                .map_or(0, |text| u64::try_from(text.lines().count()).unwrap_or(0))
        });
        (1..=length).contains(&line).then(|| Location {
            file: crate::model::file::shown(own.strip_prefix(".").unwrap_or(&own)),
            line,
        })
    }

    /// The file of the app that a frame names. The assembly may have been made elsewhere: the longest end of the path that is a file
    /// here, and no link that leads out of the app.
    fn own_file(&self, file: &str) -> Option<PathBuf> {
        let parts: Vec<&str> = Path::new(file)
            .components()
            .filter_map(|part| match part {
                Component::Normal(name) => name.to_str(),
                _ => None,
            })
            .collect();
        let foreign = file.starts_with("node:")
            || ["/usr/lib/", "/usr/local/lib/", "/lib/"]
                .iter()
                .any(|root| file.starts_with(root))
            || parts.iter().any(|part| OF_OTHERS.contains(part));
        if foreign || parts.len() > MOST_PARTS {
            return None;
        }
        let inside = self.root.canonicalize().ok()?;
        (0..parts.len()).find_map(|skipped| {
            let here = self.root.join(parts[skipped..].iter().collect::<PathBuf>());
            let real = here.canonicalize().ok()?;
            (real.is_file() && real.starts_with(&inside)).then_some(here)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::App;
    use crate::model::Location;
    use std::collections::HashMap;

    #[test]
    fn a_frame_of_the_app_has_a_line() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let root = folder.path();
        std::fs::create_dir(root.join("lib")).expect("a folder");
        std::fs::write(root.join("lib/chat.ts"), "\n".repeat(12)).expect("a file");
        let mut app = App {
            root: root.to_owned(),
            known: HashMap::new(),
            lengths: HashMap::new(),
        };
        let place = |line| {
            Some(Location {
                file: crate::model::file::shown(&root.join("lib/chat.ts")),
                line,
            })
        };
        for (frame, expected) in [
            ("new Chat (/app/lib/chat.ts:6:16)", place(6)),
            ("/somewhere/else/lib/chat.ts:9:1", place(9)),
            ("chat (lib/chat.ts:12)", place(12)),
            ("new X (/app/node_modules/lib/chat.ts:6:16)", None),
            ("new Chat (/app/lib/other.ts:6:16)", None),
            ("x (/usr/lib/python3/site-packages/v/lib/chat.ts:7:1)", None),
            ("new Chat (/app/lib/chat.ts:0:1)", None),
            ("new Chat (/app/lib/chat.ts:13:1)", None),
            ("new Chat (/app/lib/chat.ts:18446744073709551615:1)", None),
            ("...node internals...", None),
            (
                "(no user code in 10 frames, use --stack-trace-limit to capture more)",
                None,
            ),
            ("../../lib/chat.ts:x:y", None),
            (":::", None),
            ("", None),
        ] {
            assert_eq!(app.own_line(frame), expected, "{frame}");
        }
    }
}
