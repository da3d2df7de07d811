//! Findings in the form of Amazon Security Lake: OCSF in Parquet, a file for each Region, account and day.
//!
//! Source: <https://docs.aws.amazon.com/security-lake/latest/userguide/custom-sources-best-practices.html>: objects lie under
//! `region=REGION/accountId=ACCOUNT/eventDay=YYYYMMDD/`, records of a file are in the order of their time, and attributes keep the
//! structure of OCSF. `raw_data` holds a finding whole, `unmapped` included.

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An attribute, and what it is made of.
enum Node {
    Text,
    Number,
    Group(&'static [(&'static str, Node)]),
    List(&'static Node),
}
use Node::{Group, List, Number, Text};

const ACCOUNT: Node = Group(&[("uid", Text), ("type", Text), ("type_id", Number)]);

/// The attributes of a Compliance Finding that Outcrop fills.
const FINDING: &[(&str, Node)] = &[
    ("activity_id", Number),
    ("activity_name", Text),
    ("category_uid", Number),
    ("category_name", Text),
    ("class_uid", Number),
    ("class_name", Text),
    ("type_uid", Number),
    ("type_name", Text),
    ("time", Number),
    ("severity_id", Number),
    ("severity", Text),
    ("status_id", Number),
    ("status", Text),
    ("message", Text),
    (
        "metadata",
        Group(&[
            ("version", Text),
            ("profiles", List(&Text)),
            ("event_code", Text),
            ("uid", Text),
            (
                "product",
                Group(&[("name", Text), ("vendor_name", Text), ("version", Text)]),
            ),
        ]),
    ),
    (
        "cloud",
        Group(&[
            ("provider", Text),
            ("region", Text),
            ("cloud_partition", Text),
            ("account", ACCOUNT),
        ]),
    ),
    (
        "finding_info",
        Group(&[
            ("uid", Text),
            ("title", Text),
            ("desc", Text),
            ("types", List(&Text)),
            ("created_time", Number),
        ]),
    ),
    (
        "resources",
        List(&Group(&[
            ("uid", Text),
            ("name", Text),
            ("type", Text),
            ("region", Text),
            ("cloud_partition", Text),
            ("owner", Group(&[("account", ACCOUNT)])),
        ])),
    ),
    (
        "compliance",
        Group(&[
            ("control", Text),
            ("standards", List(&Text)),
            ("requirements", List(&Text)),
            ("status_id", Number),
            ("status", Text),
            ("status_details", List(&Text)),
        ]),
    ),
    (
        "remediation",
        Group(&[("desc", Text), ("references", List(&Text))]),
    ),
    ("raw_data", Text),
];

fn shape(name: &str, node: &Node) -> Result<TypePtr, ParquetError> {
    let leaf = |physical, logical| {
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    };
    Ok(Arc::new(match node {
        Text => leaf(Physical::BYTE_ARRAY, Some(LogicalType::String))?,
        Number => leaf(Physical::INT64, None)?,
        Group(members) => Type::group_type_builder(name)
            .with_repetition(Repetition::OPTIONAL)
            .with_fields(shapes(members)?)
            .build()?,
        List(of) => {
            let items = Type::group_type_builder("list")
                .with_repetition(Repetition::REPEATED)
                .with_fields(vec![shape("element", of)?])
                .build()?;
            Type::group_type_builder(name)
                .with_repetition(Repetition::OPTIONAL)
                .with_logical_type(Some(LogicalType::List))
                .with_fields(vec![Arc::new(items)])
                .build()?
        }
    }))
}

fn shapes(members: &[(&str, Node)]) -> Result<Vec<TypePtr>, ParquetError> {
    members
        .iter()
        .map(|(name, node)| shape(name, node))
        .collect()
}

/// One column: its values, and how deep each stands (Dremel's definition and repetition levels).
#[derive(Default)]
struct Column {
    texts: Vec<ByteArray>,
    numbers: Vec<i64>,
    defined: Vec<i16>,
    repeated: Vec<i16>,
}

/// How deep a value stands.
#[derive(Clone, Copy)]
struct Level {
    defined: i16,
    /// Repetition of this value.
    repeated: i16,
    /// Lists around it.
    lists: i16,
}

/// Lays a value, or its absence, into the columns of a node; gives those that follow.
fn shred<'c>(
    node: &Node,
    value: Option<&Json>,
    at: Level,
    columns: &'c mut [Column],
) -> &'c mut [Column] {
    let value = value.filter(|value| !value.is_null());
    let inside = Level {
        defined: at.defined + 1,
        ..at
    };
    match node {
        Text | Number => {
            let Some((own, rest)) = columns.split_first_mut() else {
                return &mut [];
            };
            own.defined.push(if value.is_some() {
                inside.defined
            } else {
                at.defined
            });
            own.repeated.push(at.repeated);
            match (node, value) {
                (Number, Some(value)) => own.numbers.push(value.as_i64().unwrap_or_default()),
                (_, Some(Json::String(text))) => own.texts.push(text.as_str().into()),
                (_, Some(other)) => own.texts.push(other.to_string().as_str().into()),
                (_, None) => {}
            }
            rest
        }
        Group(members) => members.iter().fold(columns, |columns, (name, node)| {
            let level = if value.is_some() { inside } else { at };
            shred(
                node,
                value.and_then(|value| value.get(name)),
                level,
                columns,
            )
        }),
        List(of) => {
            let items = value
                .and_then(Json::as_array)
                .map_or(&[][..], Vec::as_slice);
            let count = leaves(of);
            let Some((own, rest)) = columns.split_at_mut_checked(count) else {
                return &mut [];
            };
            if items.is_empty() {
                let level = if value.is_some() { inside } else { at };
                shred(of, None, level, own);
            }
            for (place, item) in items.iter().enumerate() {
                let level = Level {
                    defined: inside.defined + 1,
                    repeated: if place == 0 {
                        at.repeated
                    } else {
                        at.lists + 1
                    },
                    lists: at.lists + 1,
                };
                shred(of, Some(item), level, own);
            }
            rest
        }
    }
}

fn leaves(node: &Node) -> usize {
    match node {
        Text | Number => 1,
        Group(members) => members.iter().map(|(_, node)| leaves(node)).sum(),
        List(of) => leaves(of),
    }
}

/// One file of findings.
fn file(findings: &[Json]) -> Result<Vec<u8>, ParquetError> {
    let schema = Type::group_type_builder("finding")
        .with_fields(shapes(FINDING)?)
        .build()?;
    let mut columns: Vec<Column> = Vec::new();
    columns.resize_with(
        FINDING.iter().map(|(_, node)| leaves(node)).sum(),
        Column::default,
    );
    for finding in findings {
        let at = Level {
            defined: 0,
            repeated: 0,
            lists: 0,
        };
        let raw = Json::from(finding.to_string());
        FINDING
            .iter()
            .fold(columns.as_mut_slice(), |columns, (name, node)| {
                let value = if *name == "raw_data" {
                    Some(&raw)
                } else {
                    finding.get(name)
                };
                shred(node, value, at, columns)
            });
    }
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(format!("outcrop {}", env!("CARGO_PKG_VERSION")))
        .build();
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for column in &columns {
        let Some(mut out) = group.next_column()? else {
            break;
        };
        let (defined, repeated) = (Some(&column.defined[..]), Some(&column.repeated[..]));
        if let ColumnWriter::Int64ColumnWriter(numbers) = out.untyped() {
            numbers.write_batch(&column.numbers, defined, repeated)?;
        } else {
            out.typed::<ByteArrayType>()
                .write_batch(&column.texts, defined, repeated)?;
        }
        out.close()?;
    }
    group.close()?;
    writer.close()?;
    Ok(bytes)
}

/// Files by their keys below the source's prefix, of findings in the order of their time.
///
/// # Errors
/// When Parquet refuses.
pub fn files(run: &str, findings: &[Json]) -> Result<BTreeMap<String, Vec<u8>>, ParquetError> {
    let mut by_key: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for finding in findings {
        let text = |pointer: &str| {
            let text = finding.pointer(pointer).and_then(Json::as_str);
            text.unwrap_or_default().to_owned()
        };
        let day: String = text("/time_dt")
            .chars()
            .take(10)
            .filter(char::is_ascii_digit)
            .collect();
        let key = format!(
            "region={}/accountId={}/eventDay={day}/outcrop-{run}.parquet",
            text("/cloud/region"),
            text("/cloud/account/uid")
        );
        by_key.entry(key).or_default().push(finding.clone());
    }
    by_key
        .into_iter()
        .map(|(key, findings)| Ok((key, file(&findings)?)))
        .collect()
}
