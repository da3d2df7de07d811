//! Lines and columns of places in JSON and YAML texts.

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};

/// Line and column, both from 1, of a place such as `Statement[1].Effect`; of the nearest thing around it that is there.
///
/// A name in the path may hold dots itself: the longest key that fits counts. `None` where the text is neither JSON nor YAML.
pub fn position(text: &str, place: &str) -> Option<(usize, usize)> {
    let documents = MarkedYaml::load_from_str(text).ok()?;
    let mut node = documents.first()?;
    let mut rest = place;
    let mut at = node.span.start;
    loop {
        // What stands within a tag has no mark of its own.
        if node.span.start.line() > 0 {
            at = node.span.start;
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        let next = match &node.data {
            YamlData::Mapping(members) => members
                .iter()
                .filter_map(|(key, value)| key.data.as_str().map(|key| (key, value)))
                .filter(|(key, _)| !key.is_empty() && rest.starts_with(key) && matches!(rest.as_bytes().get(key.len()), None | Some(b'.' | b'[')))
                .max_by_key(|(key, _)| key.len())
                .map(|(key, value)| (value, &rest[key.len()..])),
            YamlData::Sequence(items) => rest
                .strip_prefix('[')
                .and_then(|rest| rest.split_once(']'))
                .and_then(|(number, rest)| number.parse::<usize>().ok().and_then(|number| items.get(number)).map(|item| (item, rest))),
            YamlData::Tagged(_, inner) => Some((inner.as_ref(), rest)),
            _ => None,
        };
        match next {
            Some((inner, left)) => (node, rest) = (inner, left),
            None => return Some((at.line(), at.col() + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn places_are_found_in_both_languages() {
        let json =
            "{\n  \"Statement\": [\n    {\"Effect\": \"Allow\"},\n    {\"Effect\": \"Perhaps\", \"Condition\": {\"StringEquals\": {\"a.b:c\": 1}}}\n  ]\n}";
        assert_eq!(position(json, "Statement[1].Effect"), Some((4, 16)));
        assert_eq!(position(json, "Statement[1].Condition.StringEquals.a.b:c"), Some((4, 67)));
        assert_eq!(position(json, "Statement[1].Principal"), Some((4, 5)), "the nearest thing around it");
        assert_eq!(position(json, "Statement[7]"), Some((2, 16)));
        let yaml = "Statement:\n  - Effect: Allow\n  - Effect: !Sub Deny\n";
        assert_eq!(position(yaml, "Statement[1].Effect"), Some((3, 13)));
        assert_eq!(position("{", "a"), None);
    }
}
