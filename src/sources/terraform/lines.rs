//! Where the `.tf` files declare what a plan holds: `--source DIR`.

use super::addresses::without_indexes;
use super::locals::{Local, Locals};
use crate::model::Location;
use crate::services::declared::Declared;
use crate::sources::ignore::{Ignore, in_line};
use hcl_edit::Span;
use hcl_edit::structure::Block;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const DEEPEST: usize = 24;
const MOST_FILES: usize = 20_000;

/// Declarations of a folder of Terraform files and the modules that it calls.
#[derive(Debug, Default)]
pub struct Lines {
    /// By address without indexes.
    places: BTreeMap<String, Location>,
    ignores: Vec<Ignore>,
    /// What local values are made of, by module without indexes and name.
    pub locals: Locals,
    /// Files that could not be read, with the reason.
    pub notes: Vec<String>,
    files: usize,
    /// Folders of modules from elsewhere, by key, as `terraform init` noted them.
    fetched: BTreeMap<String, PathBuf>,
}

impl Lines {
    /// Reads a folder.
    pub fn read(folder: &Path) -> Self {
        let mut lines = Self::default();
        if let Ok(text) =
            crate::model::file::read_text(&folder.join(".terraform/modules/modules.json"))
            && let Ok(json) = serde_json::from_str::<Json>(&text)
        {
            for module in json
                .get("Modules")
                .and_then(Json::as_array)
                .into_iter()
                .flatten()
            {
                let text = |key: &str| module.get(key).and_then(Json::as_str).unwrap_or_default();
                lines
                    .fetched
                    .insert(text("Key").to_owned(), folder.join(text("Dir")));
            }
        }
        lines.folder(folder, "", None, 0);
        lines
    }

    /// `call` is where a module from elsewhere is called: nobody can mend its own files.
    fn folder(&mut self, folder: &Path, module: &str, call: Option<&Location>, depth: usize) {
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.notes.push(format!("{}: {error}", folder.display())),
        };
        let mut files: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| {
                path.extension()
                    .is_some_and(|end| end == "tf" || end == "tofu")
            })
            .collect();
        files.sort();
        for path in files {
            self.files += 1;
            if self.files > MOST_FILES {
                return self.notes.push(format!(
                    "{}: more than {MOST_FILES} files; the rest is not read",
                    folder.display()
                ));
            }
            let shown = crate::model::file::shown(path.strip_prefix(".").unwrap_or(&path));
            let text = match crate::model::file::read_text(&path) {
                Ok(text) => text,
                Err(error) => {
                    self.notes.push(format!("{shown}: {error}"));
                    continue;
                }
            };
            match text.parse::<hcl_edit::structure::Body>() {
                Ok(body) => self.body(
                    &body,
                    &Text::new(&text, &shown),
                    folder,
                    module,
                    call,
                    depth,
                ),
                Err(error) => self.notes.push(format!(
                    "{shown}: {}",
                    error.to_string().lines().next().unwrap_or_default()
                )),
            }
        }
    }

    fn body(
        &mut self,
        body: &hcl_edit::structure::Body,
        text: &Text<'_>,
        folder: &Path,
        module: &str,
        call: Option<&Location>,
        depth: usize,
    ) {
        let own = |name: &str| {
            if module.is_empty() {
                name.to_owned()
            } else {
                format!("{module}.{name}")
            }
        };
        let mut spans: Vec<(usize, usize, String)> = Vec::new();
        for block in body.blocks() {
            let labels: Vec<&str> = block
                .labels
                .iter()
                .map(hcl_edit::structure::BlockLabel::as_str)
                .collect();
            let Some(span) = block.span() else { continue };
            let (first, last) = (text.line(span.start), text.line(span.end.saturating_sub(1)));
            match (block.ident.as_str(), labels.as_slice()) {
                ("resource", [kind, name]) => {
                    let address = own(&format!("{kind}.{name}"));
                    spans.push((first, last, address.clone()));
                    let location = call.cloned().unwrap_or_else(|| Location {
                        file: text.file.to_owned(),
                        line: first as u64,
                    });
                    self.places.insert(address, location);
                }
                ("locals", []) => {
                    for attribute in block.body.attributes() {
                        let key = (module.to_owned(), attribute.key.as_str().to_owned());
                        self.locals.insert(key, Local::of(&attribute.value));
                    }
                }
                ("module", [name]) if depth < DEEPEST => {
                    let inner = own(&format!("module.{name}"));
                    let here = Location {
                        file: text.file.to_owned(),
                        line: first as u64,
                    };
                    spans.push((first, last, inner.clone()));
                    self.module(
                        block,
                        folder,
                        &inner,
                        call.unwrap_or(&here),
                        call.is_some(),
                        depth,
                    );
                    self.places.insert(inner, here);
                }
                _ => {}
            }
        }
        let mut until: Option<String> = None;
        for (place, line) in text.text.lines().enumerate() {
            let number = place + 1;
            // What stands within a heredoc is text.
            if let Some(end) = &until {
                if line.trim() == end {
                    until = None;
                }
                continue;
            }
            if let Some((before, word)) = line.split_once("<<")
                && !before.trim_start().starts_with('#')
            {
                let word = word.trim_start_matches('-').trim();
                if !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    until = Some(word.to_owned());
                }
            }
            let Some(mut ignore) = in_line(line, text.file, number) else {
                continue;
            };
            // Inside a block, or in the comment lines right above one.
            let inside = spans
                .iter()
                .find(|(first, last, _)| (*first..=*last).contains(&number));
            let above = || {
                spans.iter().find(|(first, ..)| {
                    *first > number && (number + 1..*first).all(|line| text.is_comment(line))
                })
            };
            if let Some((.., address)) = inside.or_else(above) {
                ignore.address.clone_from(address);
            }
            self.ignores.push(ignore);
        }
    }

    fn module(
        &mut self,
        block: &Block,
        folder: &Path,
        inner: &str,
        call: &Location,
        fetched: bool,
        depth: usize,
    ) {
        let source = block
            .body
            .get_attribute("source")
            .and_then(|source| source.value.as_str())
            .unwrap_or_default();
        let key = inner.trim_start_matches("module.").replace(".module.", ".");
        if source.starts_with("./") || source.starts_with("../") {
            let here = folder.join(source);
            self.folder(&here, inner, fetched.then_some(call), depth + 1);
        } else if let Some(folder) = self.fetched.get(&key).cloned() {
            self.folder(&folder, inner, Some(call), depth + 1);
        }
    }

    /// Tells the resources where they stand; gives the waivers that stand beside them, one for each instance.
    pub fn lay(&self, resources: &mut [Declared]) -> Vec<Ignore> {
        for resource in resources.iter_mut() {
            let mut plain = without_indexes(&resource.address);
            // What no file declares stands where its module is called.
            while !plain.is_empty() {
                if let Some(place) = self.places.get(&plain) {
                    resource.location = Some(place.clone());
                    break;
                }
                match plain.rfind(".module.").or_else(|| {
                    plain
                        .rfind('.')
                        .filter(|_| !plain.starts_with("module.") || plain.matches('.').count() > 1)
                }) {
                    Some(at) => plain.truncate(at),
                    None => break,
                }
            }
        }
        let mut all = Vec::new();
        for ignore in &self.ignores {
            let mut found = false;
            for resource in resources.iter() {
                let plain = without_indexes(&resource.address);
                if !ignore.address.is_empty()
                    && (plain == ignore.address
                        || plain.starts_with(&format!("{}.", ignore.address)))
                {
                    found = true;
                    all.push(Ignore {
                        address: resource.address.clone(),
                        ..ignore.clone()
                    });
                }
            }
            if !found {
                all.push(ignore.clone());
            }
        }
        all
    }
}

struct Text<'t> {
    text: &'t str,
    file: &'t str,
    starts: Vec<usize>,
}

impl<'t> Text<'t> {
    fn new(text: &'t str, file: &'t str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { text, file, starts }
    }

    /// Line, from 1, of a byte.
    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    fn is_comment(&self, line: usize) -> bool {
        let text = self.text.lines().nth(line - 1).unwrap_or_default().trim();
        text.starts_with('#') || text.starts_with("//")
    }
}
