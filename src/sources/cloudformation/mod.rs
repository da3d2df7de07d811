//! CloudFormation templates in JSON and YAML: nested stacks, SAM, and the CDK's `cdk.out`.
//!
//! A template says what is made under which parameters. Parameters that nobody gave keep their defaults as values,
//! but conditions over them are judged for each way they can turn out.

mod assumed;
pub mod cdk;
mod cdk_lines;
mod checks;
mod conditions;
mod covering;
mod exports;
mod loops;
mod resolve;
mod sam;
mod texts;

use super::files::{Error, Files, Given, Variant};
use super::tree::{self, Content, Tree};
use crate::model::{Location, Source, UNKNOWN_ACCOUNT, UNKNOWN_REGION};
use crate::services::declared::{Change, Declared, Node};
use checks::{names, region_named, validate};
use resolve::{Scope, Shells};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Stacks inside stacks.
const MOST_STACKS: usize = 200;

/// What was chosen for open parameters, by stack and name; `None` is "something else than any constant".
pub(super) type Choice = BTreeMap<(usize, String), Option<String>>;

/// One template with its place.
#[derive(Debug)]
pub(super) struct Stack {
    /// Stands before its logical ids; empty for the only template.
    pub prefix: String,
    /// Name of the stack.
    pub name: String,
    pub file: String,
    pub tree: Tree,
    /// Parameters that were given.
    pub given: BTreeMap<String, Json>,
    pub account_id: String,
    pub region: String,
    pub partition: String,
    /// The stack around it, and its logical id there.
    pub parent: Option<(usize, String)>,
    /// By logical id: the line of the app that made it, where an assembly says so.
    pub written: BTreeMap<String, Location>,
}

impl Stack {
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Tree)> {
        self.tree
            .get("Parameters")
            .map_or(&[][..], Tree::members)
            .iter()
            .map(|member| (member.key.as_str(), &member.value))
    }

    pub fn resource(&self, logical: &str) -> Option<&Tree> {
        self.tree.get("Resources")?.get(logical)
    }

    fn resources(&self) -> impl Iterator<Item = (&str, usize, &Tree)> {
        self.tree
            .get("Resources")
            .map_or(&[][..], Tree::members)
            .iter()
            .map(|member| (member.key.as_str(), member.line, &member.value))
    }
}

/// All templates that are judged together.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub stacks: Vec<Stack>,
    pub notes: Vec<String>,
    /// What may add to everything: macros, loops that are not followed.
    pub open: Vec<String>,
    /// Macros that rewrite a whole template.
    pub rewritten: Vec<String>,
    /// What declares resources that the templates do not show.
    pub undeclared: Vec<String>,
    /// Does an assembly hold a stack without resources?
    pub empty: bool,
    /// What stacks of a run made.
    pub made: BTreeMap<(String, String), String>,
}

/// Is it a template? Some have only resources.
pub fn is_template(tree: &Tree) -> bool {
    tree.get("AWSTemplateFormatVersion").is_some()
        || tree.get("Resources").is_some_and(|all| {
            !all.members().is_empty()
                && all.members().iter().all(|member| {
                    member
                        .value
                        .get("Type")
                        .is_some_and(|kind| kind.text().is_some())
                        || member.key.starts_with("Fn::")
                })
        })
}

/// Values of `--parameters`: a list of `ParameterKey` and `ParameterValue`, an object of names and values, or the
/// `Parameters` of a `samconfig`-like object; JSON or YAML.
///
/// # Errors
/// When the file is none of these.
pub fn parameters(path: &Path, text: &str) -> Result<BTreeMap<String, Json>, Error> {
    let shown = crate::model::file::shown(path);
    let tree = tree::parse(text).map_err(|fault| Error::new(&shown, fault.to_string()))?;
    let wrong = |line: usize, what: &str| Error::new(&format!("{shown}:{line}"), what.to_owned());
    let mut all = BTreeMap::new();
    match &tree.value {
        Content::List(items) => {
            for item in items {
                // The command line's own spelling: `Name=value`.
                if let Some((key, value)) =
                    item.text().as_deref().and_then(|text| text.split_once('='))
                {
                    all.insert(key.to_owned(), Json::String(value.to_owned()));
                    continue;
                }
                let Some(key) = item.get("ParameterKey").and_then(Tree::text) else {
                    return Err(wrong(item.line, "an item has no ParameterKey"));
                };
                let Some(value) = item.get("ParameterValue") else {
                    if item.get("UsePreviousValue").is_some() {
                        continue;
                    }
                    return Err(wrong(item.line, "an item has no ParameterValue"));
                };
                all.insert(key.into_owned(), resolve::given(&value.json()));
            }
        }
        Content::Map(_) => {
            let inner = tree
                .get("Parameters")
                .filter(|inner| matches!(inner.value, Content::Map(_)))
                .unwrap_or(&tree);
            for member in inner.members() {
                all.insert(member.key.clone(), resolve::given(&member.value.json()));
            }
        }
        _ => {
            return Err(wrong(
                tree.line,
                "parameters are a list of ParameterKey and ParameterValue, or an object of names and values",
            ));
        }
    }
    Ok(all)
}

/// Reads a template and the nested stacks beside it.
///
/// # Errors
/// When a file is broken; with file, line and column.
pub fn read(path: &Path, text: &str, given: &Given) -> Result<Files, Error> {
    let shown = crate::model::file::shown(path);
    let mut set = Set {
        made: given.made.clone(),
        ..Set::default()
    };
    let name = stack_name(path);
    let place = Place {
        account: given.account.clone(),
        region: given.region.clone(),
    };
    set.add(
        path,
        &shown,
        text,
        NewStack {
            prefix: String::new(),
            name,
            given: given.parameters.clone(),
            parent: None,
            written: BTreeMap::new(),
        },
        &place,
    )?;
    let unknown: Vec<&String> = given
        .parameters
        .keys()
        .filter(|name| {
            !set.stacks[0]
                .parameters()
                .any(|(known, _)| known == name.as_str())
        })
        .collect();
    if !unknown.is_empty() {
        set.notes.push(format!(
            "{shown} has no parameters of these names: {}",
            unknown
                .iter()
                .map(|name| name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    Ok(set.files())
}

/// Reads several templates as one set, so that what one exports another imports; their names stand before their logical ids.
///
/// # Errors
/// As [`read`].
pub fn read_all(templates: &[(&Path, String)], given: &Given) -> Result<Files, Error> {
    let mut set = Set {
        made: given.made.clone(),
        ..Set::default()
    };
    for (path, text) in templates {
        let name = stack_name(path);
        let place = Place {
            account: given.account.clone(),
            region: given.region.clone(),
        };
        let new = NewStack {
            prefix: format!("{name}."),
            name,
            given: given.parameters.clone(),
            parent: None,
            written: BTreeMap::new(),
        };
        set.add(path, &crate::model::file::shown(path), text, new, &place)?;
    }
    Ok(set.files())
}

/// The name that a stack would have by its file.
fn stack_name(path: &Path) -> String {
    let name = path.file_stem().map_or_else(
        || "stack".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    name.strip_suffix(".template")
        .map(str::to_owned)
        .unwrap_or(name)
}

/// Account and Region of a stack.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub account: Option<String>,
    pub region: Option<String>,
}

/// What is new about a stack that is added.
pub(super) struct NewStack {
    pub prefix: String,
    pub name: String,
    pub given: BTreeMap<String, Json>,
    pub parent: Option<(usize, String)>,
    pub written: BTreeMap<String, Location>,
}

impl Set {
    /// Adds a template, and those that it nests where they are on disk.
    pub(super) fn add(
        &mut self,
        path: &Path,
        shown: &str,
        text: &str,
        new: NewStack,
        place: &Place,
    ) -> Result<(), Error> {
        let (mut tree, noted) =
            tree::parse_noting(text).map_err(|fault| Error::new(shown, fault.to_string()))?;
        self.notes
            .extend(noted.into_iter().map(|fault| format!("{shown}: {fault}")));
        if tree
            .get("Resources")
            .is_none_or(|all| !matches!(all.value, Content::Map(_)))
        {
            return Err(Error::new(shown, "the template has no Resources"));
        }
        let left = if names(tree.get("Transform")).contains(&"AWS::LanguageExtensions".to_owned()) {
            loops::expand(&mut tree, &new.given)
        } else {
            Vec::new()
        };
        self.notes.extend(validate(&tree, shown)?);
        let resources = tree.get("Resources").map_or(&[][..], Tree::members);
        let included = |member: &tree::Member| {
            member.key == "Fn::Transform"
                || member.value.get("Fn::Transform").is_some()
                || member
                    .value
                    .get("Properties")
                    .is_some_and(|own| own.get("Fn::Transform").is_some())
        };
        if let Some(member) = resources.iter().find(|member| included(member)) {
            let why = format!(
                "{shown}:{}: what Fn::Transform puts in is not in the template",
                member.line
            );
            self.open.push(why.clone());
            self.undeclared.push(why);
        }
        for transform in names(tree.get("Transform")) {
            match transform.as_str() {
                "AWS::Serverless-2016-10-31" => self.notes.extend(
                    sam::expand(&mut tree)
                        .into_iter()
                        .map(|note| format!("{shown}: {note}")),
                ),
                "AWS::LanguageExtensions" => {
                    for name in &left {
                        let why = format!(
                            "{shown}: what {name} makes is not known, because its list is not"
                        );
                        self.open.push(why.clone());
                        self.undeclared.push(why);
                    }
                }
                macro_ => self.rewritten.push(format!(
                    "{shown}: the macro {macro_} rewrites the template when the stack is made"
                )),
            }
        }
        let region = place
            .region
            .clone()
            .or_else(|| region_named(text))
            .unwrap_or_else(|| UNKNOWN_REGION.to_owned());
        let index = self.stacks.len();
        self.stacks.push(Stack {
            partition: super::terraform::partition(&region).to_owned(),
            prefix: new.prefix,
            name: new.name,
            file: shown.to_owned(),
            tree,
            given: new.given,
            account_id: place
                .account
                .clone()
                .unwrap_or_else(|| UNKNOWN_ACCOUNT.to_owned()),
            region,
            parent: new.parent,
            written: new.written,
        });
        self.nested(path, index, place)
    }

    fn nested(&mut self, path: &Path, index: usize, place: &Place) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
        let children: Vec<(String, Option<String>)> = self.stacks[index]
            .resources()
            .filter(|(_, _, node)| {
                node.get("Type").and_then(Tree::text).is_some_and(|kind| {
                    matches!(
                        &*kind,
                        "AWS::CloudFormation::Stack" | "AWS::Serverless::Application"
                    )
                })
            })
            .map(|(logical, _, node)| {
                let properties = node.get("Properties");
                let url = properties
                    .and_then(|all| all.get("TemplateURL").or_else(|| all.get("Location")))
                    .and_then(Tree::text)
                    .map(std::borrow::Cow::into_owned);
                // The CDK notes the file of a nested stack's asset.
                let asset = node
                    .get("Metadata")
                    .and_then(|all| all.get("aws:asset:path"))
                    .and_then(Tree::text)
                    .map(std::borrow::Cow::into_owned);
                (logical.to_owned(), asset.or(url))
            })
            .collect();
        for (logical, url) in children {
            let prefix = format!("{}{logical}.", self.stacks[index].prefix);
            let shown = &self.stacks[index].file;
            let file: Option<PathBuf> = url
                .as_deref()
                .filter(|url| !url.contains("://"))
                .map(|url| folder.join(url))
                .filter(|file| file.is_file());
            let Some(file) = file else {
                let what = url.map_or_else(
                    || "a location that is computed".to_owned(),
                    |url| {
                        format!(
                            "`{}`, which is not beside the template",
                            crate::services::place_of(&url)
                        )
                    },
                );
                let note = format!(
                    "{shown}: the nested stack {logical} is read from {what}; it is not judged"
                );
                self.notes.push(note);
                continue;
            };
            if self.stacks.len() >= MOST_STACKS {
                return Err(Error::new(
                    shown,
                    format!("more than {MOST_STACKS} nested stacks; does one nest itself?"),
                ));
            }
            let mut above = Some(index);
            while let Some(one) = above {
                let same = |path: &Path| std::fs::canonicalize(path).ok();
                if same(Path::new(&self.stacks[one].file)) == same(&file) {
                    return Err(Error::new(
                        shown,
                        format!("the nested stack {logical} nests itself"),
                    ));
                }
                above = self.stacks[one].parent.as_ref().map(|(parent, _)| *parent);
            }
            let inner = crate::model::file::shown(&file);
            let text =
                super::files::text(&file).map_err(|error| Error::new(&inner, error.to_string()))?;
            let name = format!("{}-{logical}", self.stacks[index].name);
            self.add(
                &file,
                &inner,
                &text,
                NewStack {
                    prefix,
                    name,
                    given: BTreeMap::new(),
                    parent: Some((index, logical)),
                    written: self.stacks[index].written.clone(),
                },
                place,
            )?;
        }
        Ok(())
    }

    /// All resources, once for each way the conditions can turn out.
    pub(super) fn files(mut self) -> Files {
        let variants = self
            .choices()
            .into_iter()
            .map(|(when, choice)| Variant {
                when,
                resources: self.resources(&choice),
            })
            .collect();
        let ignores = self.ignores();
        Files {
            source: Source::Cloudformation,
            variants,
            before: Vec::new(),
            notes: self.notes,
            ignores,
            undeclared: [self.undeclared, self.rewritten.clone()].concat(),
            open: [self.open, self.rewritten.clone()].concat(),
            rewritten: self.rewritten,
            moved: BTreeMap::new(),
        }
    }

    fn resources(&self, choice: &Choice) -> Vec<Declared> {
        let mut shells = Shells::new();
        // Names first, twice: a name can be made of another.
        for _ in 0..2 {
            shells = self.declare(choice, &shells, true).into_iter().collect();
        }
        self.declare(choice, &shells, false)
            .into_iter()
            .map(|(_, declared)| declared)
            .collect()
    }

    fn declare(
        &self,
        choice: &Choice,
        shells: &Shells,
        names_only: bool,
    ) -> Vec<((usize, String), Declared)> {
        let mut all = Vec::new();
        for (index, stack) in self.stacks.iter().enumerate() {
            let scope = Scope {
                set: self,
                stack: index,
                choice,
                shells,
                depth: 0,
            };
            if !self.stands(scope) {
                continue;
            }
            for (logical, line, node) in stack.resources() {
                let Some(kind) = node.get("Type").and_then(Tree::text) else {
                    continue;
                };
                let stands = node
                    .get("Condition")
                    .and_then(Tree::text)
                    .and_then(|name| scope.condition(&name));
                if stands == Some(false) {
                    continue;
                }
                let values = match node.get("Properties") {
                    Some(properties) if names_only => Node::Map(
                        properties
                            .members()
                            .iter()
                            .filter(|member| {
                                member.key.ends_with("Name")
                                    || member.key.ends_with("Id")
                                    || matches!(member.key.as_str(), "Path" | "Family" | "Cluster")
                            })
                            .map(|member| (member.key.clone(), scope.node(&member.value)))
                            .filter(|(_, value)| *value != Node::Absent)
                            .collect(),
                    ),
                    Some(properties) => scope.node(properties),
                    None => Node::Map(Vec::new()),
                };
                let made = self.made(&stack.name, logical);
                all.push((
                    (index, logical.to_owned()),
                    Declared {
                        address: format!("{}{logical}", stack.prefix),
                        kind: kind.into_owned(),
                        account_id: stack.account_in(index, choice),
                        region: stack.region_in(index, choice),
                        partition: stack.partition.clone(),
                        values,
                        change: if made.is_empty() {
                            Change::Create
                        } else {
                            Change::Update
                        },
                        made,
                        unit: self.root(index),
                        file: String::new(),
                        written: stack.written.get(logical).cloned(),
                        location: Some(Location {
                            file: stack.file.clone(),
                            line: line as u64,
                        }),
                        path: node
                            .get("Metadata")
                            .and_then(|all| all.get("aws:cdk:path"))
                            .and_then(Tree::text)
                            .map(|text| text.into_owned())
                            .unwrap_or_default(),
                    },
                ));
            }
        }
        all
    }

    /// The outermost stack around a stack, by its place and name.
    fn root(&self, index: usize) -> String {
        let mut root = index;
        while let Some((parent, _)) = &self.stacks[root].parent {
            root = *parent;
        }
        format!("{root} {}", self.stacks[root].name)
    }

    /// The name or id of what a stack of the run made for a logical id: of the stack of this name, or of the only one that has it.
    fn made(&self, stack: &str, logical: &str) -> String {
        if let Some(known) = self.made.get(&(stack.to_owned(), logical.to_owned())) {
            return known.clone();
        }
        let mut found = self.made.iter().filter(|((_, one), _)| one == logical);
        match (found.next(), found.next()) {
            (Some((_, id)), None) => id.clone(),
            _ => String::new(),
        }
    }

    /// Is the stack made at all? One that is nested under a false condition is not.
    fn stands(&self, scope: Scope<'_>) -> bool {
        let Some((parent, logical)) = &self.stacks[scope.stack].parent else {
            return true;
        };
        let above = Scope {
            stack: *parent,
            ..scope
        };
        let own = self.stacks[*parent]
            .resource(logical)
            .and_then(|node| node.get("Condition"))
            .and_then(Tree::text)
            .and_then(|name| above.condition(&name));
        own != Some(false) && self.stands(above)
    }
}

impl Stack {}
