//! Types that templates name and that CloudFormation does not have: what stands there is made by nobody.

use super::Service;
use super::declared::{Declared, Rows};
use crate::inventory::cols::text;
use crate::inventory::{Inputs, Role, Span, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// The types of CloudFormation, dated; see `tools/cloudformation-types.py`.
const DATA: &str = include_str!("../../data/cloudformation-types.txt");

/// Types by service.
static TYPES: LazyLock<BTreeMap<&'static str, BTreeSet<&'static str>>> = LazyLock::new(|| {
    DATA.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(service, names)| (service, names.split(' ').collect()))
        .collect()
});

/// The day of the list, as its first line says.
pub fn dated() -> &'static str {
    DATA.lines()
        .next()
        .and_then(|line| line.rsplit(" of ").next())
        .and_then(|rest| rest.split(',').next())
        .unwrap_or_default()
}

/// Types that do not exist.
pub const UNKNOWN_TYPE: Table = Table {
    name: "template_unknown_type",
    doc: "Resources of templates whose type CloudFormation did not have on the day of the list that this release holds. Files alone have such rows.",
    key: "address",
    span: Span::Regional,
    role: Role::Base,
    columns: &[
        text("address", "Resource in the template."),
        text("type", "Type that it names."),
        text("nearest", "The type that it is most like.").absent("''"),
    ],
    reads: &[],
    lists: Inputs::NONE,
};

/// The service.
pub(super) const SERVICE: Service = Service {
    tables: &[&UNKNOWN_TYPE],
    mappings: &[],
    #[cfg(feature = "live")]
    collectors: &[],
};

/// The nearest type, where this one is a type of AWS that does not exist.
fn missing(kind: &str) -> Option<String> {
    let (service, name) = kind.strip_prefix("AWS::")?.split_once("::")?;
    // A module stands for others.
    if name.ends_with("::MODULE") {
        return None;
    }
    let named = TYPES.get(service);
    if named.is_some_and(|names| names.contains(name)) {
        return None;
    }
    let like = |one: &str, other: &str| strsim::jaro_winkler(one, other);
    let nearest = TYPES
        .iter()
        .filter(|(known, _)| named.is_none() || **known == service)
        .flat_map(|(known, names)| {
            names
                .iter()
                .map(move |name| format!("AWS::{known}::{name}"))
        })
        .max_by(|one, other| like(one, kind).total_cmp(&like(other, kind)));
    Some(
        nearest
            .filter(|nearest| like(nearest, kind) > 0.9)
            .unwrap_or_default(),
    )
}

/// Keeps a resource whose type does not exist.
pub(super) fn look(by: &Declared, rows: &mut Rows) {
    if let Some(nearest) = missing(&by.kind) {
        rows.row("template_unknown_type", by, by.shown())
            .put("type", by.kind.as_str())
            .put("nearest", nearest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_do_not_exist_are_told_with_what_they_are_most_like() {
        for (kind, nearest) in [
            ("AWS::S3::Bucket", None),
            ("AWS::Serverless::Function", None),
            ("Custom::Thing", None),
            ("aws_s3_bucket", None),
            ("Company::S3::Bucket::MODULE", None),
            ("AWS::S3::Buckets", Some("AWS::S3::Bucket")),
            (
                "AWS::Bedrock::ModelInvocationLoggingConfiguration",
                Some(""),
            ),
            ("AWS::Nothing::AtAll", Some("")),
        ] {
            assert_eq!(missing(kind).as_deref(), nearest, "{kind}");
        }
        assert_eq!(dated(), "2026-10-20");
    }
}
