//! Patterns with `*` and `?`, as IAM, waivers and parameters use them.

/// Does `text` match `pattern`? Case-sensitive; time grows with the product of the lengths at worst.
pub fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Does an ARN match a pattern of ARNs? The first five components one by one, the sixth whole.
///
/// Source: IAM User Guide, reference_policies_elements_resource: a wildcard stays in its component.
pub fn arn_matches(pattern: &str, arn: &str) -> bool {
    let (mut wanted, mut found) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if glob(wanted, found) => {}
            // A pattern that ends early in a wildcard runs over the colons that follow.
            _ => return pattern.split(':').count() < 6 && pattern.ends_with('*') && glob(pattern, arn),
        }
    }
}

/// An error of the YAML reader without the place that it ends in, for messages that begin with the place.
pub fn without_place(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_as_written() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "ab", false),
            ("?", "ä", true),
            ("arn:*:x", "arn:aws:x", true),
            ("A", "a", false),
            ("*?*?", "x", false),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
        assert!(!glob(&format!("{}b", "*?".repeat(3000)), &"a".repeat(2000)));
    }

    #[test]
    fn wildcards_of_arns_stay_in_their_component() {
        for (pattern, arn, expected) in [
            ("arn:aws:bedrock:*::foundation-model/*", "arn:aws:bedrock:eu-west-1::foundation-model/amazon.titan-text-v1:0", true),
            ("arn:aws:bedrock:*:foundation-model/x", "arn:aws:bedrock:eu-west-1::foundation-model/x", false),
            ("arn:aws:bedrock:*", "arn:aws:bedrock:eu-west-1::foundation-model/x", true),
            ("*", "arn:aws:s3:::b", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
        ] {
            assert_eq!(arn_matches(pattern, arn), expected, "{pattern} {arn}");
        }
    }
}
