//! How a table is declared: once, and everything else follows from it.
//!
//! The declaration gives the SQL schema, the insert, the printed documentation, and the API
//! operations and IAM actions behind each group of columns.

use super::inputs::Inputs;
use super::shape::Shape;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// An integer; the column's name carries the unit (`_days`, `_bytes`).
    Integer,
    /// 0 or 1.
    Bool,
    /// A JSON array of texts.
    List,
    /// Any JSON.
    Json,
    /// RFC 3339, UTC.
    Time,
}

impl Kind {
    /// SQLite's type.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Integer | Self::Bool => "INTEGER",
            _ => "TEXT",
        }
    }

    /// The name in documentation and errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Bool => "boolean",
            Self::List => "list",
            Self::Json => "json",
            Self::Time => "time",
        }
    }
}

/// Where the rows of a table live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Once for each account; the Region is `global`.
    Global,
    /// In each Region of each account.
    Regional,
}

/// Is the table collected or derived?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Filled by sources.
    Base,
    /// Derived by reasoning; what rules judge.
    Subject,
}

/// One API operation that fills a group of columns.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// Name of the group inside the table; `list` is the one that yields the rows.
    pub group: &'static str,
    /// `service:Operation`.
    pub operation: &'static str,
    /// IAM actions that it needs, where they are not the operation's own name.
    pub actions: &'static [&'static str],
}

impl Read {
    /// A read whose IAM action is called like the operation.
    pub const fn new(group: &'static str, operation: &'static str) -> Self {
        Self {
            group,
            operation,
            actions: &[],
        }
    }

    /// A read that needs other actions.
    pub const fn with(
        group: &'static str,
        operation: &'static str,
        actions: &'static [&'static str],
    ) -> Self {
        Self {
            group,
            operation,
            actions,
        }
    }

    /// The IAM actions.
    pub fn actions(&self) -> Vec<&'static str> {
        if self.actions.is_empty() {
            vec![self.operation]
        } else {
            self.actions.to_vec()
        }
    }
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// snake_case; units as suffix.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// What it means and where the fact comes from.
    pub doc: &'static str,
    /// The value for "known to be absent"; empty when the fact is always there.
    pub absent: &'static str,
    /// Base tables: the groups of the same table that fill it.
    pub reads: &'static [&'static str],
    /// Subjects: what it is made of.
    pub from: Inputs,
    /// What it may hold beyond its kind; base tables alone.
    pub shape: Shape,
}

impl Column {
    /// What fills it, as (table, group): of the column's own table, or of those that a subject is made of.
    pub fn sources(&self, own: &'static str) -> Vec<(&'static str, &'static str)> {
        let mut all: Vec<_> = self.from.groups().into_iter().collect();
        all.extend(self.reads.iter().map(|group| (own, *group)));
        all
    }
}

/// Short spellings for declarations.
pub mod cols {
    use super::{Column, Inputs, Kind, Shape};

    const LIST: &[&str] = &["list"];

    /// A text column of the `list` group.
    pub const fn text(name: &'static str, doc: &'static str) -> Column {
        Column {
            name,
            kind: Kind::Text,
            doc,
            absent: "",
            reads: LIST,
            from: Inputs::NONE,
            shape: Shape::Any,
        }
    }
    /// An integer column of the `list` group.
    pub const fn int(name: &'static str, doc: &'static str) -> Column {
        Column {
            name,
            kind: Kind::Integer,
            doc,
            absent: "",
            reads: LIST,
            from: Inputs::NONE,
            shape: Shape::Any,
        }
    }
    /// A boolean column of the `list` group.
    pub const fn flag(name: &'static str, doc: &'static str) -> Column {
        Column {
            name,
            kind: Kind::Bool,
            doc,
            absent: "",
            reads: LIST,
            from: Inputs::NONE,
            shape: Shape::Any,
        }
    }
    /// A column of the `list` group with a time, RFC 3339 in UTC.
    pub const fn time(name: &'static str, doc: &'static str) -> Column {
        Column {
            name,
            kind: Kind::Time,
            doc,
            absent: "",
            reads: LIST,
            from: Inputs::NONE,
            shape: Shape::Any,
        }
    }
    /// A list column of the `list` group.
    pub const fn list(name: &'static str, doc: &'static str) -> Column {
        Column {
            name,
            kind: Kind::List,
            doc,
            absent: "[]",
            reads: LIST,
            from: Inputs::NONE,
            shape: Shape::Any,
        }
    }
    /// A JSON column of the `list` group.
    pub const fn json(name: &'static str, doc: &'static str) -> Column {
        Column {
            name,
            kind: Kind::Json,
            doc,
            absent: "",
            reads: LIST,
            from: Inputs::NONE,
            shape: Shape::Any,
        }
    }

    /// The tags of a thing, as an object.
    pub const fn tags() -> Column {
        json("tags", "Tags as an object.")
            .absent("{}")
            .shaped(super::super::shape::tags)
    }

    impl Column {
        /// Says which value means "known to be absent".
        pub const fn absent(mut self, value: &'static str) -> Self {
            self.absent = value;
            self
        }
        /// Says which groups fill it.
        pub const fn by(mut self, reads: &'static [&'static str]) -> Self {
            self.reads = reads;
            self
        }
        /// Says what a subject's column is made of.
        pub const fn from(mut self, inputs: Inputs) -> Self {
            self.reads = &[];
            self.from = inputs;
            self
        }
        /// Says which words it may hold.
        pub const fn words(mut self, words: &'static [&'static str]) -> Self {
            self.shape = Shape::Words(words);
            self
        }
        /// Says how its JSON, or text, is read.
        pub const fn shaped(
            mut self,
            read: fn(&serde_json::Value) -> Result<serde_json::Value, String>,
        ) -> Self {
            self.shape = Shape::Read(read);
            self
        }
    }
}

/// The columns of a subject: those that every subject has, then its own.
#[macro_export]
macro_rules! subject_columns {
    ($($column:expr),* $(,)?) => {
        &[
            $crate::inventory::cols::text("resource", "ARN, or the address in a plan or template.").from($crate::inventory::Inputs::NONE),
            $crate::inventory::cols::text("resource_type", "Type in CloudFormation's spelling.").from($crate::inventory::Inputs::NONE),
            $crate::inventory::cols::text("part", "Tells several subjects in one resource apart.").absent("''").from($crate::inventory::Inputs::NONE),
            $crate::inventory::cols::text("name", "Name for a person.").absent("''").from($crate::inventory::Inputs::NONE),
            $crate::inventory::cols::json("tags", "Tags as an object.").absent("{}").from($crate::inventory::Inputs::NONE),
            $crate::inventory::cols::text("environment", "Environment of the resource, from the configuration or its tags.").absent("''").from($crate::inventory::Inputs::NONE),
            $($column),*
        ]
    };
}

/// One table.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Singular, as in Steampipe's AWS plugin without `aws_`.
    pub name: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// The column that identifies a row within its scope.
    pub key: &'static str,
    /// Where its rows live.
    pub span: Span,
    /// Collected or derived.
    pub role: Role,
    /// Columns, without `account_id` and `region`, which every table has.
    pub columns: &'static [Column],
    /// Base tables: the operations behind each group. Subjects: empty.
    pub reads: &'static [Read],
    /// Subjects: what decides which rows there are. Base tables: nothing.
    pub lists: Inputs,
}

impl Table {
    /// A column by name.
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The position of a column.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The first read of a group.
    pub fn read(&self, group: &str) -> Option<&'static Read> {
        self.reads.iter().find(|read| read.group == group)
    }

    /// The Region under which a row of this table is kept.
    pub fn region<'a>(&self, region: &'a str) -> &'a str {
        match self.span {
            Span::Global => crate::model::GLOBAL,
            Span::Regional => region,
        }
    }
}
