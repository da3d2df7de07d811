//! The language of `applies` and `pass`, and its linter.
//!
//! SQLite evaluates the text as it stands; this module reads it first and refuses everything that
//! would throw the third truth value away (IS, COALESCE, CASE, sub-queries, aggregates, NULL) or
//! compare what SQLite compares to false (a text with a number).

use super::ParameterKind;
use crate::inventory::Kind;
use std::collections::BTreeSet;

/// Type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Number,
    Bool,
    List,
}

impl Type {
    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Bool => "a truth value",
            Self::List => "a list",
        }
    }
}

impl From<Kind> for Type {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Integer => Self::Number,
            Kind::Bool => Self::Bool,
            Kind::List => Self::List,
            Kind::Text | Kind::Time | Kind::Json => Self::Text,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Parameter(String),
    Number,
    Text,
    Sign(&'static str),
}

/// What an expression reads.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Columns.
    pub columns: BTreeSet<String>,
    /// Parameters.
    pub parameters: BTreeSet<String>,
}

struct Parser<'a> {
    tokens: Vec<Token>,
    at: usize,
    column: &'a dyn Fn(&str) -> Option<Kind>,
    parameter: &'a dyn Fn(&str) -> Option<ParameterKind>,
    reads: Reads,
    depth: usize,
}

const SIGNS: &[&str] = &[
    "<=", ">=", "<>", "!=", "==", "||", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", ",",
];
const TEXT_FUNCTIONS: &[(&str, usize, usize)] = &[
    ("lower", 1, 1),
    ("upper", 1, 1),
    ("trim", 1, 2),
    ("ltrim", 1, 2),
    ("rtrim", 1, 2),
    ("replace", 3, 3),
    ("substr", 2, 3),
];
const DEEPEST: usize = 64;

/// Checks one expression; gives what it reads.
///
/// `column` and `parameter` say what there is; the result must be a truth value.
pub(crate) fn check(
    text: &str,
    column: &dyn Fn(&str) -> Option<Kind>,
    parameter: &dyn Fn(&str) -> Option<ParameterKind>,
) -> Result<Reads, String> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        column,
        parameter,
        reads: Reads::default(),
        depth: 0,
    };
    let kind = parser.either()?;
    if let Some(rest) = parser.tokens.get(parser.at) {
        return Err(format!("`{}` is not expected here", shown(rest)));
    }
    if kind != Type::Bool {
        return Err(format!(
            "it is {}, but must be a truth value",
            kind.as_str()
        ));
    }
    Ok(parser.reads)
}

fn shown(token: &Token) -> &str {
    match token {
        Token::Word(word) | Token::Parameter(word) => word,
        Token::Number => "a number",
        Token::Text => "a text",
        Token::Sign(sign) => sign,
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word_end = |from: &str| {
            from.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(from.len())
        };
        let used = if first == '\'' {
            let mut end = 1;
            loop {
                let Some(next) = rest[end..].find('\'') else {
                    return Err("a text is not closed by `'`".to_owned());
                };
                end += next + 1;
                if !rest[end..].starts_with('\'') {
                    break;
                }
                end += 1;
            }
            tokens.push(Token::Text);
            end
        } else if first.is_ascii_digit() {
            let end = word_end(rest);
            if !rest[..end].chars().all(|c| c.is_ascii_digit()) {
                return Err(format!("`{}` is no whole number", &rest[..end]));
            }
            tokens.push(Token::Number);
            end
        } else if first.is_ascii_alphabetic() || first == '_' {
            let end = word_end(rest);
            tokens.push(Token::Word(rest[..end].to_owned()));
            end
        } else if first == ':' {
            let end = 1 + word_end(&rest[1..]);
            tokens.push(Token::Parameter(rest[1..end].to_owned()));
            end
        } else if rest.starts_with("--") || rest.starts_with("/*") {
            return Err("comments belong outside the expression".to_owned());
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            tokens.push(Token::Sign(sign));
            sign.len()
        } else {
            return Err(format!("`{first}` is not part of the language"));
        };
        rest = rest[used..].trim_start();
    }
    Ok(tokens)
}

impl Parser<'_> {
    fn word(&mut self, wanted: &str) -> bool {
        let hit = matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(hit);
        hit
    }

    fn sign(&mut self, wanted: &[&str]) -> Option<&'static str> {
        match self.tokens.get(self.at) {
            Some(Token::Sign(sign)) if wanted.contains(sign) => {
                self.at += 1;
                Some(sign)
            }
            _ => None,
        }
    }

    fn need(&mut self, sign: &str) -> Result<(), String> {
        self.sign(&[sign])
            .map(|_| ())
            .ok_or_else(|| format!("`{sign}` is missing"))
    }

    fn truth(kind: Type, what: &str) -> Result<(), String> {
        if kind == Type::Bool {
            Ok(())
        } else {
            Err(format!("{what} joins truth values, not {}", kind.as_str()))
        }
    }

    fn either(&mut self) -> Result<Type, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        let mut kind = self.both()?;
        while self.word("or") {
            Self::truth(kind, "OR")?;
            Self::truth(self.both()?, "OR")?;
            kind = Type::Bool;
        }
        self.depth -= 1;
        Ok(kind)
    }

    fn both(&mut self) -> Result<Type, String> {
        let mut kind = self.negated()?;
        while self.word("and") {
            Self::truth(kind, "AND")?;
            Self::truth(self.negated()?, "AND")?;
            kind = Type::Bool;
        }
        Ok(kind)
    }

    fn negated(&mut self) -> Result<Type, String> {
        let mut negations = 0;
        while self.word("not") {
            negations += 1;
        }
        let kind = self.comparison()?;
        if negations > 0 {
            Self::truth(kind, "NOT")?;
        }
        Ok(kind)
    }

    fn same(left: Type, right: Type) -> Result<(), String> {
        if left != right {
            return Err(format!(
                "it compares {} with {}, which is never true",
                left.as_str(),
                right.as_str()
            ));
        }
        if left == Type::List {
            Err("lists are compared by `matches_any` and `all_match`".to_owned())
        } else {
            Ok(())
        }
    }

    fn comparison(&mut self) -> Result<Type, String> {
        let left = self.sum()?;
        if self
            .sign(&["<=", ">=", "<>", "!=", "==", "<", ">", "="])
            .is_some()
        {
            let right = self.sum()?;
            Self::same(left, right)?;
            return Ok(Type::Bool);
        }
        let start = self.at;
        self.word("not");
        if self.word("between") {
            let low = self.sum()?;
            if !self.word("and") {
                return Err("BETWEEN needs AND".to_owned());
            }
            let high = self.sum()?;
            Self::same(left, low)?;
            Self::same(left, high)?;
            return Ok(Type::Bool);
        }
        if self.word("in") {
            self.need("(")?;
            loop {
                if !matches!(
                    self.tokens.get(self.at),
                    Some(Token::Text | Token::Number | Token::Sign("-"))
                ) {
                    return Err("IN takes a written list of texts or numbers".to_owned());
                }
                let item = self.sum()?;
                Self::same(left, item)?;
                if self.sign(&[","]).is_none() {
                    break;
                }
            }
            self.need(")")?;
            return Ok(Type::Bool);
        }
        if self.word("like") || self.word("glob") {
            let right = self.sum()?;
            return if (left, right) == (Type::Text, Type::Text) {
                Ok(Type::Bool)
            } else {
                Err("LIKE and GLOB compare texts".to_owned())
            };
        }
        self.at = start;
        if matches!(self.tokens.get(self.at), Some(Token::Word(word)) if matches!(word.to_ascii_lowercase().as_str(), "is" | "isnull" | "notnull" | "collate" | "escape" | "regexp" | "match"))
        {
            let word = shown(&self.tokens[self.at]).to_uppercase();
            return Err(format!(
                "{word} is not allowed: it turns what was not observed into true or false"
            ));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Type, String> {
        let mut kind = self.atom()?;
        while let Some(sign) = self.sign(&["+", "-", "*", "/", "%", "||"]) {
            let right = self.atom()?;
            let wanted = if sign == "||" {
                Type::Text
            } else {
                Type::Number
            };
            if kind != wanted || right != wanted {
                return Err(format!("`{sign}` takes {} on both sides", wanted.as_str()));
            }
            kind = wanted;
        }
        Ok(kind)
    }

    fn atom(&mut self) -> Result<Type, String> {
        if self.sign(&["-"]).is_some() {
            return self.atom();
        }
        if self.sign(&["("]).is_some() {
            let kind = self.either()?;
            self.need(")")?;
            return Ok(kind);
        }
        let token = self
            .tokens
            .get(self.at)
            .cloned()
            .ok_or("the expression ends too early")?;
        self.at += 1;
        match token {
            Token::Number => Ok(Type::Number),
            Token::Text => Ok(Type::Text),
            Token::Parameter(name) => {
                let kind = (self.parameter)(&name).ok_or_else(|| {
                    format!("there is no parameter `{name}`; declare it under `parameters`")
                })?;
                self.reads.parameters.insert(name);
                Ok(match kind {
                    ParameterKind::Days | ParameterKind::Integer => Type::Number,
                    ParameterKind::Text => Type::Text,
                    ParameterKind::Boolean => Type::Bool,
                    ParameterKind::List => Type::List,
                })
            }
            Token::Word(word) if matches!(word.to_ascii_lowercase().as_str(), "true" | "false") => {
                Ok(Type::Bool)
            }
            Token::Word(word) if self.sign(&["("]).is_some() => {
                self.call(&word.to_ascii_lowercase())
            }
            Token::Word(word) => {
                let lower = word.to_ascii_lowercase();
                if matches!(
                    lower.as_str(),
                    "case" | "null" | "select" | "exists" | "cast"
                ) {
                    return Err(format!(
                        "{} is not allowed: it turns what was not observed into true or false; make the fact a column of the subject",
                        word.to_uppercase()
                    ));
                }
                let kind =
                    (self.column)(&word).ok_or_else(|| format!("there is no column `{word}`"))?;
                self.reads.columns.insert(word);
                Ok(kind.into())
            }
            Token::Sign(sign) => Err(format!("`{sign}` is not expected here")),
        }
    }

    fn call(&mut self, name: &str) -> Result<Type, String> {
        let mut kinds = Vec::new();
        if self.sign(&[")"]).is_none() {
            loop {
                kinds.push(self.either()?);
                if self.sign(&[","]).is_none() {
                    break;
                }
            }
            self.need(")")?;
        }
        match name {
            "matches_any" if kinds == [Type::Text, Type::List] => Ok(Type::Bool),
            "matches_any" => Err("`matches_any` takes a text and a list".to_owned()),
            "is_empty" if kinds == [Type::List] => Ok(Type::Bool),
            "is_empty" => Err("`is_empty` takes a list".to_owned()),
            "all_match" if kinds == [Type::List, Type::List] => Ok(Type::Bool),
            "all_match" => Err("`all_match` takes two lists".to_owned()),
            "length" if kinds == [Type::Text] => Ok(Type::Number),
            "instr" if kinds == [Type::Text, Type::Text] => Ok(Type::Number),
            "abs" if kinds == [Type::Number] => Ok(Type::Number),
            "length" | "instr" | "abs" => Err(format!("`{name}` does not take these arguments")),
            _ => {
                let Some((_, least, most)) =
                    TEXT_FUNCTIONS.iter().find(|(known, ..)| *known == name)
                else {
                    return Err(format!("the function `{name}` is not allowed"));
                };
                if kinds.first() != Some(&Type::Text) || !(*least..=*most).contains(&kinds.len()) {
                    return Err(format!("`{name}` does not take these arguments"));
                }
                Ok(Type::Text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lint(text: &str) -> Result<Reads, String> {
        let column = |name: &str| match name {
            "days" => Some(Kind::Integer),
            "name" => Some(Kind::Text),
            "on" => Some(Kind::Bool),
            "models" => Some(Kind::List),
            _ => None,
        };
        let parameter = |name: &str| match name {
            "low" => Some(ParameterKind::Days),
            "names" => Some(ParameterKind::List),
            _ => None,
        };
        check(text, &column, &parameter)
    }

    #[test]
    fn allowed_expressions_pass() {
        for text in [
            "days BETWEEN :low AND 365",
            "on AND NOT days = 0",
            "name IN ('a', 'b') OR name LIKE 'x%'",
            "matches_any(name, :names)",
            "all_match(models, :names)",
            "lower(name) || 'x' != 'it''s'",
            "NOT (on OR length(name) > 3)",
            "days NOT BETWEEN 1 AND 2",
            "days % 2 = -1",
        ] {
            assert!(lint(text).is_ok(), "{text}: {:?}", lint(text));
        }
    }

    #[test]
    fn what_loses_the_third_value_is_refused() {
        for text in [
            "name IS NULL",
            "COALESCE(on, 1)",
            "IFNULL(on, 1)",
            "CASE WHEN on THEN 1 ELSE 0 END",
            "count(days) > 1",
            "on = (SELECT 1)",
            "days ISNULL",
            "EXISTS (SELECT 1)",
            "name = 3",
            "days = 'x'",
            "days",
            "on AND days",
            "nope",
            ":nope",
            "name IN (SELECT 1)",
            "on --",
            "on; DROP",
            "on = NULL",
            "models = name",
            "iif(on, on, on)",
            "((((",
            "'open",
        ] {
            assert!(lint(text).is_err(), "{text}");
        }
        assert!(lint(&"(".repeat(10_000)).is_err());
    }

    #[test]
    fn reads_are_told() {
        let reads = lint("days > :low AND on").expect("fine");
        assert_eq!(
            reads.columns.into_iter().collect::<Vec<_>>(),
            ["days", "on"]
        );
        assert_eq!(reads.parameters.into_iter().collect::<Vec<_>>(), ["low"]);
    }
}
