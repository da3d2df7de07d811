//! One cell of a table.

use std::borrow::Cow;

/// What a cell can hold; `Null` is "not observed", never "absent".
///
/// Booleans are the integers 0 and 1, lists and objects are JSON text: SQLite has no other types,
/// and an auditor's tools see the same.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// Not observed.
    #[default]
    Null,
    /// Integers and booleans.
    Integer(i64),
    /// Text, times (RFC 3339, UTC) and JSON.
    Text(String),
}

impl Value {
    /// The value as a person reads it; empty for `Null`.
    pub fn display(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Integer(number) => Cow::Owned(number.to_string()),
            Self::Text(text) => Cow::Borrowed(text),
        }
    }

    /// Is the cell not observed?
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(i64::from(value))
    }
}
impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}
impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}
impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        Self::Text(value.to_string())
    }
}
impl From<Vec<String>> for Value {
    fn from(value: Vec<String>) -> Self {
        Self::from(serde_json::Value::from(value))
    }
}
impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
