//! Building a tree from YAML events.

use super::{Content, DEEPEST, Fault, MOST_NODES, Member, Tree};
use saphyr_parser::{Event, ScalarStyle, Span, Tag};
use serde_json::Number;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

pub(crate) enum Open {
    List(Vec<Tree>),
    /// The keys that are taken, and the one that waits for its value.
    Map(Vec<Member>, HashSet<String>, Option<(String, usize, usize)>),
}

pub(crate) struct Frame {
    pub(crate) open: Open,
    pub(crate) tag: Option<String>,
    pub(crate) anchor: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

pub(crate) struct Builder {
    pub(crate) frames: Vec<Frame>,
    pub(crate) anchors: HashMap<usize, (Tree, usize)>,
    pub(crate) nodes: usize,
    pub(crate) documents: Vec<Tree>,
    pub(crate) noted: Vec<Fault>,
}

/// The short form of a function as its name: `!Ref` and `!Condition` stand for themselves, all others for `Fn::`.
pub(crate) fn function(tag: Option<Cow<'_, Tag>>) -> Option<String> {
    let tag = tag.filter(|tag| tag.handle == "!" && !tag.suffix.is_empty())?;
    Some(match tag.suffix.as_str() {
        "Ref" | "Condition" => tag.suffix.clone(),
        other => format!("Fn::{other}"),
    })
}

/// A plain scalar; what a number or boolean would spell otherwise stays text.
pub(crate) fn plain(text: &str) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Content::Null,
        "true" | "True" | "TRUE" => return Content::Bool(true),
        "false" | "False" | "FALSE" => return Content::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>()
        && number.to_string() == text
    {
        return Content::Number(number.into());
    }
    if text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && let Some(number) = text.parse::<f64>().ok().and_then(Number::from_f64)
        && number.to_string() == text
    {
        return Content::Number(number);
    }
    Content::Text(text.to_owned())
}

impl Builder {
    pub(crate) fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let (line, column) = (span.start.line().max(1), span.start.col() + 1);
        let fault = |message: String| {
            Err(Fault {
                line,
                column,
                message,
            })
        };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let core = tag
                    .as_ref()
                    .is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let value = if style == ScalarStyle::Plain && !core {
                    plain(&text)
                } else {
                    Content::Text(text.into_owned())
                };
                self.put(
                    Tree {
                        value,
                        line,
                        column,
                    },
                    function(tag),
                    anchor,
                    1,
                )
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Open::List(Vec::new()), function(tag), anchor, line, column)
            }
            Event::MappingStart(anchor, tag) => self.open(
                Open::Map(Vec::new(), HashSet::new(), None),
                function(tag),
                anchor,
                line,
                column,
            ),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.frames.pop() else {
                    return Ok(());
                };
                let value = match frame.open {
                    Open::List(items) => Content::List(items),
                    Open::Map(members, ..) => Content::Map(members),
                };
                self.put(
                    Tree {
                        value,
                        line: frame.line,
                        column: frame.column,
                    },
                    frame.tag,
                    frame.anchor,
                    1,
                )
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some((tree, size)) => {
                    let size = *size;
                    if self.nodes + size > MOST_NODES {
                        return fault(format!(
                            "aliases make more than {MOST_NODES} values of this file"
                        ));
                    }
                    let tree = tree.clone();
                    self.put(tree, None, 0, size)
                }
                None => fault(
                    "an alias of something that is not there, or that holds the alias itself"
                        .to_owned(),
                ),
            },
            _ => Ok(()),
        }
    }

    fn open(
        &mut self,
        open: Open,
        tag: Option<String>,
        anchor: usize,
        line: usize,
        column: usize,
    ) -> Result<(), Fault> {
        if self.frames.len() >= DEEPEST {
            return Err(Fault {
                line,
                column,
                message: format!("nested more than {DEEPEST} levels deep"),
            });
        }
        self.frames.push(Frame {
            open,
            tag,
            anchor,
            line,
            column,
        });
        Ok(())
    }

    fn put(
        &mut self,
        mut tree: Tree,
        tag: Option<String>,
        anchor: usize,
        size: usize,
    ) -> Result<(), Fault> {
        let (line, column) = (tree.line, tree.column);
        self.nodes += size;
        if self.nodes > MOST_NODES {
            return Err(Fault {
                line,
                column,
                message: format!("more than {MOST_NODES} values"),
            });
        }
        if let Some(key) = tag {
            tree = Tree {
                value: Content::Map(vec![Member {
                    key,
                    line,
                    value: tree,
                }]),
                line,
                column,
            };
        }
        if anchor > 0 {
            let size = tree.size();
            self.anchors.insert(anchor, (tree.clone(), size));
        }
        let variables = self.frames.iter().rev().nth(1).is_some_and(
            |frame| matches!(&frame.open, Open::Map(.., Some((key, ..))) if key == "Variables"),
        );
        match self.frames.last_mut().map(|frame| &mut frame.open) {
            None => self.documents.push(tree),
            Some(Open::List(items)) => items.push(tree),
            Some(Open::Map(members, taken, waiting)) => match waiting.take() {
                None => match tree.text() {
                    Some(key) => *waiting = Some((key.into_owned(), line, column)),
                    None if tree.value == Content::Null => {
                        *waiting = Some((String::new(), line, column))
                    }
                    None => {
                        return Err(Fault {
                            line,
                            column,
                            message: "a key has to be a text".to_owned(),
                        });
                    }
                },
                // Merged keys give way to the object's own.
                Some((key, ..)) if key == "<<" => {
                    let sources = if let Content::List(all) = tree.value {
                        all
                    } else {
                        vec![tree]
                    };
                    for source in sources {
                        if let Content::Map(more) = source.value {
                            for member in more {
                                if !members.iter().any(|known| known.key == member.key) {
                                    members.push(member);
                                }
                            }
                        }
                    }
                }
                Some((key, at, column)) => {
                    if !taken.insert(key.clone())
                        && let Some(place) = members.iter().position(|known| known.key == key)
                    {
                        let shown: String = key.chars().take(80).collect();
                        let message = format!(
                            "the key `{}` appears for the second time",
                            shown.escape_debug()
                        );
                        if members[place].value.json() == tree.json() {
                            self.noted.push(Fault {
                                line: at,
                                column,
                                message: format!("{message}, with the same value"),
                            });
                        } else if variables {
                            // CloudFormation takes such a template, and the last value: published ones hold them.
                            self.noted.push(Fault {
                                line: at,
                                column,
                                message: format!("{message}, with another value; this one counts"),
                            });
                        } else {
                            return Err(Fault {
                                line: at,
                                column,
                                message: format!("{message}, with another value; keep one of them"),
                            });
                        }
                    }
                    members.retain(|known| known.key != key);
                    members.push(Member {
                        key,
                        line: at,
                        value: tree,
                    });
                }
            },
        }
        Ok(())
    }
}
