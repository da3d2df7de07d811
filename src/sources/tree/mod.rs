//! JSON and YAML texts as trees that know their lines.
//!
//! Short forms of CloudFormation's functions (`!Ref x`) are read as the long ones. Scalars keep their spelling
//! wherever a number would lose it, such as account ids with leading zeros. Work is bounded: nesting, the number
//! of nodes with aliases followed, and the size of the text by the caller.

pub(crate) mod builder;

use builder::Builder;
use saphyr_parser::{Parser, StrInput};
use serde_json::{Number, Value as Json};
use std::borrow::Cow;
use std::collections::HashMap;

/// Nesting beyond this is no file that a person wrote.
pub(crate) const DEEPEST: usize = 200;
/// Nodes of a file, aliases followed.
pub(crate) const MOST_NODES: usize = 1_000_000;
/// Bytes of a text.
const LARGEST: usize = 16 << 20;
/// Lines of a file that are moved to the right.
const MOST_MOVED: usize = 100;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// The value.
    pub value: Content,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// What stands there.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Tree>),
    /// An object, in the order of the file.
    Map(Vec<Member>),
}

/// One entry of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its key.
    pub key: String,
    /// Line of the key, from 1.
    pub line: usize,
    /// Its value.
    pub value: Tree,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl Tree {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.members()
            .iter()
            .find(|member| member.key == key)
            .map(|member| &member.value)
    }

    /// The members of an object.
    pub fn members(&self) -> &[Member] {
        match &self.value {
            Content::Map(members) => members,
            _ => &[],
        }
    }

    /// The items of a list.
    pub fn items(&self) -> &[Tree] {
        match &self.value {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// A text, or a number or boolean as text.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match &self.value {
            Content::Text(text) => Some(Cow::Borrowed(text)),
            Content::Number(number) => Some(Cow::Owned(number.to_string())),
            Content::Bool(on) => Some(Cow::Borrowed(if *on { "true" } else { "false" })),
            _ => None,
        }
    }

    /// The value without its places.
    pub fn json(&self) -> Json {
        match &self.value {
            Content::Null => Json::Null,
            Content::Bool(on) => Json::Bool(*on),
            Content::Number(number) => Json::Number(number.clone()),
            Content::Text(text) => Json::String(text.clone()),
            Content::List(items) => items.iter().map(Tree::json).collect(),
            Content::Map(members) => Json::Object(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.json()))
                    .collect(),
            ),
        }
    }

    pub(crate) fn size(&self) -> usize {
        1 + match &self.value {
            Content::List(items) => items.iter().map(Tree::size).sum(),
            Content::Map(members) => members.iter().map(|member| member.value.size()).sum(),
            _ => 0,
        }
    }
}

/// Reads a text of one document.
///
/// # Errors
/// With line and column, when it is neither JSON nor YAML, or goes beyond the bounds.
pub fn parse(text: &str) -> Result<Tree, Fault> {
    parse_noting(text).map(|(tree, _)| tree)
}

/// Reads a text of one document, with what is wrong in it and stopped nobody: keys that stand twice with one value, and variables
/// of an environment with two.
///
/// # Errors
/// As [`parse`].
pub fn parse_noting(text: &str) -> Result<(Tree, Vec<Fault>), Fault> {
    if text.len() > LARGEST {
        return Err(Fault {
            line: 1,
            column: 1,
            message: format!(
                "{} MB; what is written by hand has no more than {} MB, and CloudFormation takes one",
                text.len() >> 20,
                LARGEST >> 20
            ),
        });
    }
    let mut text = Cow::Borrowed(text);
    let mut moved = 0;
    let mut builder = loop {
        match events(&text) {
            Ok(builder) => break builder,
            Err(Trouble::Fault(fault)) => return Err(fault),
            // The parsers that AWS uses let a quoted text run on at any indentation.
            Err(Trouble::Indentation(at, fault)) => {
                match indented(&text, at).filter(|_| moved < MOST_MOVED) {
                    Some(better) => {
                        moved += 1;
                        text = Cow::Owned(better);
                    }
                    None => return Err(fault),
                }
            }
            // They also let a list or object in brackets go on at the column of what holds it.
            Err(Trouble::Bracket(fault)) => {
                match bracketed(&text, &fault).filter(|_| moved < MOST_MOVED) {
                    Some(better) => {
                        moved += 1;
                        text = Cow::Owned(better);
                    }
                    None => return Err(fault),
                }
            }
        }
    };
    match builder.documents.len() {
        0 => Err(Fault {
            line: 1,
            column: 1,
            message: "the file is empty".to_owned(),
        }),
        1 => Ok((builder.documents.remove(0), builder.noted)),
        _ => Err(Fault {
            line: builder.documents[1].line,
            column: 1,
            message: "a second document begins; one is expected".to_owned(),
        }),
    }
}

enum Trouble {
    Fault(Fault),
    /// A quoted text that begins at this character goes on too far to the left.
    Indentation(usize, Fault),
    /// Something in brackets stands too far to the left, on the line of the fault.
    Bracket(Fault),
}

/// The text with the line of a fault moved to the right; once is enough for a line.
fn bracketed(text: &str, fault: &Fault) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let indent = " ".repeat(DEEPEST);
    let line = lines
        .get(fault.line - 1)
        .filter(|line| !line.starts_with(&indent))?;
    Some(
        [
            &lines[..fault.line - 1].concat(),
            &indent,
            *line,
            &lines[fault.line..].concat(),
        ]
        .concat(),
    )
}

fn events(text: &str) -> Result<Builder, Trouble> {
    let mut parser: Parser<'_, StrInput<'_>> = Parser::new_from_str(text);
    let mut builder = Builder {
        frames: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        documents: Vec::new(),
        noted: Vec::new(),
    };
    while let Some(next) = parser.next_event() {
        let (event, span) = next.map_err(|error| {
            let marker = error.marker();
            let fault = Fault {
                line: marker.line().max(1),
                column: marker.col() + 1,
                message: format!("neither JSON nor YAML: {}", error.info()),
            };
            match error.info() {
                "invalid indentation in quoted scalar" => {
                    Trouble::Indentation(marker.index(), fault)
                }
                "invalid indentation" | "invalid indentation in flow construct" => {
                    Trouble::Bracket(fault)
                }
                _ => Trouble::Fault(fault),
            }
        })?;
        builder.event(event, span).map_err(Trouble::Fault)?;
    }
    Ok(builder)
}

/// The text with the lines of the quoted text at this character moved to the right, where white space says nothing.
fn indented(text: &str, at: usize) -> Option<String> {
    let start = text.char_indices().nth(at).map(|(start, _)| start)?;
    let quote = text[start..]
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))?;
    let mut better = text[..=start].to_owned();
    let mut rest = text[start + 1..].chars();
    let mut escaped = false;
    for c in rest.by_ref() {
        better.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            '\n' => better.push_str(&" ".repeat(DEEPEST)),
            _ if c == quote => break,
            _ => {}
        }
    }
    better.push_str(rest.as_str());
    Some(better)
}

/// Line and column, both from 1, of a place such as `Statement[1].Effect`; of the nearest thing around it that is there.
///
/// A name in the path may hold dots itself: the longest key that fits counts. `None` where the text is neither JSON nor YAML.
pub fn position(text: &str, place: &str) -> Option<(usize, usize)> {
    let document = parse(text).ok()?;
    let mut node = &document;
    let mut rest = place;
    loop {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let next = match &node.value {
            Content::Map(members) => members
                .iter()
                .filter(|member| {
                    !member.key.is_empty()
                        && rest.starts_with(&member.key)
                        && matches!(
                            rest.as_bytes().get(member.key.len()),
                            None | Some(b'.' | b'[')
                        )
                })
                .max_by_key(|member| member.key.len())
                .map(|member| (&member.value, &rest[member.key.len()..])),
            Content::List(items) => rest
                .strip_prefix('[')
                .and_then(|rest| rest.split_once(']'))
                .and_then(|(number, rest)| {
                    number
                        .parse::<usize>()
                        .ok()
                        .and_then(|number| items.get(number))
                        .map(|item| (item, rest))
                }),
            _ => None,
        };
        match next {
            Some((inner, left)) => (node, rest) = (inner, left),
            None => return Some((node.line, node.column)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_found_in_both_languages() {
        let json = "{\n  \"Statement\": [\n    {\"Effect\": \"Allow\"},\n    {\"Effect\": \"Perhaps\", \"Condition\": {\"StringEquals\": {\"a.b:c\": 1}}}\n  ]\n}";
        assert_eq!(position(json, "Statement[1].Effect"), Some((4, 16)));
        assert_eq!(
            position(json, "Statement[1].Condition.StringEquals.a.b:c"),
            Some((4, 67))
        );
        assert_eq!(
            position(json, "Statement[1].Principal"),
            Some((4, 5)),
            "the nearest thing around it"
        );
        assert_eq!(position(json, "Statement[7]"), Some((2, 16)));
        let yaml = "Statement:\n  - Effect: Allow\n  - Effect: !Sub Deny\n";
        assert_eq!(position(yaml, "Statement[1].Effect"), Some((3, 13)));
        assert_eq!(position("{", "a"), None);
    }

    #[test]
    fn scalars_keep_their_spelling_and_tags_their_function() {
        for (text, expected) in [
            ("a: 012345678901", json!({"a": "012345678901"})),
            ("a: 2010-09-09", json!({"a": "2010-09-09"})),
            ("a: yes", json!({"a": "yes"})),
            ("a: 1.10", json!({"a": "1.10"})),
            ("a: 90", json!({"a": 90})),
            ("a: '90'", json!({"a": "90"})),
            ("a: !Ref B", json!({"a": {"Ref": "B"}})),
            ("a: !GetAtt B.Arn", json!({"a": {"Fn::GetAtt": "B.Arn"}})),
            (
                "a: !If [x, !Ref B, 1]",
                json!({"a": {"Fn::If": ["x", {"Ref": "B"}, 1]}}),
            ),
            (
                "x: &x {k: 1, l: 2}\na: {<<: *x, l: 3}",
                json!({"x": {"k": 1, "l": 2}, "a": {"k": 1, "l": 3}}),
            ),
            ("{\t\"a\":\t[1,\n\t2]\n}", json!({"a": [1, 2]})),
            ("{\"a\": \"\\u00e9\\/\"}", json!({"a": "é/"})),
            (
                "a:\n  b:\n    c: \"one\n  two\"\n    d: 1\n",
                json!({"a": {"b": {"c": "one two", "d": 1}}}),
            ),
        ] {
            assert_eq!(parse(text).map(|tree| tree.json()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_an_error_unless_nothing_turns_on_it() {
        let read = |text: &str| {
            parse_noting(text).map(|(tree, noted)| {
                (
                    tree.json(),
                    noted.iter().map(|fault| fault.line).collect::<Vec<_>>(),
                )
            })
        };
        assert_eq!(
            read("a: 1\nb: 2\na: 1\n"),
            Ok((json!({"b": 2, "a": 1}), vec![3]))
        );
        assert_eq!(
            read("Variables:\n  a: 1\n  a: 2\n"),
            Ok((json!({"Variables": {"a": 2}}), vec![3]))
        );
        let fault = parse("a: 1\nb: 2\na: 3\n").expect_err("which counts?");
        assert_eq!((fault.line, fault.column), (3, 1));
        assert!(fault.message.contains("keep one of them"), "{fault}");
    }

    #[test]
    fn brackets_may_go_on_at_the_column_of_what_holds_them() {
        let text = "a:\n  b: {\n    \"c\": 1,\n    d: [\n    2,\n  3\n    ]\n  }\n  e: 4\n";
        assert_eq!(
            parse(text).map(|tree| tree.json()),
            Ok(json!({"a": {"b": {"c": 1, "d": [2, 3]}, "e": 4}}))
        );
        assert!(parse("a:\n  b: {\n  c: 1\n").is_err());
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        let bomb = format!(
            "a0: &a0 [1,1]\n{}",
            (1..40)
                .map(|n| format!("a{n}: &a{n} [*a{m}, *a{m}]\n", m = n - 1))
                .collect::<String>()
        );
        let deep = "[".repeat(5_000);
        for (text, line, says) in [
            ("a: [1\nb", 2, "neither JSON nor YAML"),
            ("a:\n\t- b\n", 2, ""),
            (bomb.as_str(), 20, "aliases make"),
            (deep.as_str(), 1, ""),
            ("a: &a [*a]", 1, "alias"),
            ("", 1, "empty"),
            ("a: 1\n---\nb: 1\n", 3, "second document"),
        ] {
            let fault = parse(text).expect_err(says);
            assert!(
                fault.line >= line.min(2) && fault.message.contains(says),
                "{}: {fault}",
                &text[..text.len().min(40)]
            );
        }
    }
}
