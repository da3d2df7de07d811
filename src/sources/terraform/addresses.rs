//! References between resources, taken apart.

use serde_json::Value as Json;

/// `module.a[0].module.b["x"]` as `module.a.module.b`.
pub(super) fn without_indexes(address: &str) -> String {
    let mut plain = String::with_capacity(address.len());
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for c in address.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// The module around one, and the key of the inner one.
pub(super) fn outer(module: &str) -> Option<(String, Option<String>)> {
    let mut at = None;
    let (mut depth, mut quoted) = (0_usize, false);
    for (place, c) in module.char_indices() {
        match c {
            '"' if depth > 0 => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth = depth.saturating_sub(1),
            _ if depth == 0
                && module[place..].starts_with("module.")
                && (place == 0 || module.as_bytes()[place - 1] == b'.') =>
            {
                at = Some(place)
            }
            _ => {}
        }
    }
    let last = &module[at?..];
    let index = last
        .find('[')
        .map(|open| last[open + 1..].trim_end_matches(']').to_owned());
    Some((module[..at?].trim_end_matches('.').to_owned(), index))
}

/// `aws_subnet.a[0].id` as its address without index, the index, and the attribute.
pub(super) fn parts(reference: &str) -> Option<(String, Option<Json>, String)> {
    let (data, rest) = reference
        .strip_prefix("data.")
        .map_or((false, reference), |rest| (true, rest));
    let (kind, rest) = rest.split_once('.')?;
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, mut rest) = rest.split_at(end);
    let mut index = None;
    if let Some(inner) = rest.strip_prefix('[') {
        let close = inner.find(']')?;
        index = serde_json::from_str(&inner[..close]).ok();
        rest = &inner[close + 1..];
    }
    let path = rest.trim_start_matches('.').to_owned();
    Some((
        format!("{}{kind}.{name}", if data { "data." } else { "" }),
        index,
        if path.is_empty() {
            "id".to_owned()
        } else {
            path
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(
            without_indexes("module.a[0].module.b[\"x.y]\"].aws_vpc.main"),
            "module.a.module.b.aws_vpc.main"
        );
        assert_eq!(
            outer("module.a[0].module.b[\"x\"]"),
            Some(("module.a[0]".to_owned(), Some("\"x\"".to_owned())))
        );
        assert_eq!(outer("module.a"), Some((String::new(), None)));
        assert_eq!(outer(""), None);
        assert_eq!(
            parts("aws_subnet.a[0].id"),
            Some(("aws_subnet.a".to_owned(), Some(json!(0)), "id".to_owned()))
        );
        assert_eq!(
            parts("data.aws_iam_policy_document.p.json"),
            Some((
                "data.aws_iam_policy_document.p".to_owned(),
                None,
                "json".to_owned()
            ))
        );
        assert_eq!(
            parts("aws_subnet.private"),
            Some(("aws_subnet.private".to_owned(), None, "id".to_owned()))
        );
    }
}
