//! Policy variables: `${key}`, `${key, 'default'}`, and `${*}`, `${?}`, `${$}` for the characters themselves.
//!
//! Source: IAM User Guide, reference_policies_variables. A variable whose key the request lacks and that
//! has no default matches nothing; what it is filled with is text, never a wildcard.

use super::truth::Fact;
use crate::model::{Pattern, Token, wild};

/// One piece of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// As written: wildcards count.
    Written(String),
    /// Filled in: plain text.
    Filled(String),
}

/// A value of a policy after its variables were filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value(Vec<Piece>);

impl Value {
    /// Without any variable.
    pub fn plain(text: &str) -> Self {
        Self(vec![Piece::Written(text.to_owned())])
    }

    /// As a pattern; with `wildcards`, `*` and `?` in what was written match.
    pub fn pattern(&self, wildcards: bool) -> Pattern {
        let mut tokens: Vec<Token> = Vec::new();
        for piece in &self.0 {
            match piece {
                Piece::Written(text) if wildcards => tokens.extend(wild(text)),
                Piece::Written(text) | Piece::Filled(text) => {
                    tokens.extend(text.chars().map(Token::Char))
                }
            }
        }
        Pattern::from_tokens(tokens)
    }

    /// As text.
    pub fn text(&self) -> String {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Written(text) | Piece::Filled(text) => text.as_str(),
            })
            .collect()
    }
}

/// A reference in a text.
pub(super) struct Reference<'t> {
    /// Key in lower case, or one of `*`, `?`, `$`.
    pub key: String,
    default: Option<&'t str>,
    /// Where it begins in the text.
    pub start: usize,
    /// Where the text goes on.
    pub end: usize,
}

/// The references of a text, in order; what is not closed is plain text.
pub(super) fn references(text: &str) -> Vec<Reference<'_>> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find("${").map(|found| at + found) {
        let Some(end) = text[start..].find('}').map(|found| start + found) else {
            break;
        };
        let inner = &text[start + 2..end];
        let (key, default) = match inner.split_once(',') {
            Some((key, default)) => (key, Some(default.trim().trim_matches('\''))),
            None => (inner, None),
        };
        all.push(Reference {
            key: key.trim().to_ascii_lowercase(),
            default,
            start,
            end: end + 1,
        });
        at = end + 1;
    }
    all
}

/// Fills in the variables. `None`: a key is absent and has no default, so the value matches nothing.
///
/// # Errors
/// When a key's value is not known.
pub(super) fn resolve(text: &str, facts: &dyn Fn(&str) -> Fact) -> Result<Option<Value>, String> {
    if !text.contains("${") {
        return Ok(Some(Value::plain(text)));
    }
    let mut pieces = Vec::new();
    let mut at = 0;
    for reference in references(text) {
        pieces.push(Piece::Written(text[at..reference.start].to_owned()));
        at = reference.end;
        pieces.push(Piece::Filled(match reference.key.as_str() {
            "*" | "?" | "$" => reference.key,
            key => match (facts(key), reference.default) {
                (Fact::Values(values), _) if values.len() == 1 => values[0].clone(),
                (Fact::Values(_), _) => {
                    return Err(format!("the variable `{key}` has several values"));
                }
                (Fact::Absent, Some(default)) => default.to_owned(),
                (Fact::Absent, None) => return Ok(None),
                (Fact::Unknown, _) => return Err(format!("the variable `{key}` is not known")),
            },
        }));
    }
    pieces.push(Piece::Written(text[at..].to_owned()));
    Ok(Some(Value(pieces)))
}
