//! Patterns with `*` and `?`, as IAM, waivers and parameters use them.

/// Which characters a wildcard takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Any.
    Any,
    /// Any but `:`, in the first five components of an ARN.
    NoColon,
    /// Neither `:` nor `/`, in names that hold neither.
    NoSlash,
}

impl Class {
    /// Does a wildcard of this class take the character?
    pub fn takes(self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::NoColon => c != ':',
            Self::NoSlash => c != ':' && c != '/',
        }
    }
}

/// One piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Token {
    /// This character.
    Char(char),
    /// This character in either case; kept in lower case.
    NoCase(char),
    /// One character.
    One(Class),
    /// Any number of characters.
    Many(Class),
}

impl Token {
    /// Does the token take the character?
    pub fn takes(self, c: char) -> bool {
        match self {
            Self::Char(own) => own == c,
            Self::NoCase(own) => own == c.to_ascii_lowercase(),
            Self::One(class) | Self::Many(class) => class.takes(c),
        }
    }
}

/// A pattern, compiled; runs of wildcards are brought into one form, so that `*?*?` costs no more than `??*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern {
    tokens: Vec<Token>,
}

impl Pattern {
    /// This text and no other.
    pub fn literal(text: &str) -> Self {
        Self {
            tokens: text.chars().map(Token::Char).collect(),
        }
    }

    /// `*` and `?` are wildcards.
    pub fn glob(text: &str) -> Self {
        Self::from_tokens(wild(text))
    }

    /// From pieces that were put together by the caller.
    pub fn from_tokens(tokens: impl IntoIterator<Item = Token>) -> Self {
        let mut pattern = Self {
            tokens: tokens.into_iter().collect(),
        };
        pattern.normalise();
        pattern
    }

    /// The pattern read as an ARN's: wildcards of the first five components stay in theirs, the sixth is whole,
    /// and missing components are wildcards.
    ///
    /// Source: IAM User Guide, reference_policies_elements_resource ("Incomplete ARNs", "Wildcards in ARNs").
    #[must_use]
    pub fn into_arn(mut self) -> Self {
        if let [Token::Many(_)] = self.tokens.as_slice() {
            return self;
        }
        let mut colons = 0;
        for token in &mut self.tokens {
            match token {
                Token::Char(':') => colons += 1,
                Token::One(class) | Token::Many(class) if colons < 5 => *class = Class::NoColon,
                _ => {}
            }
        }
        if colons == 0 {
            // No ARN at all: as it is written.
            for token in &mut self.tokens {
                if let Token::One(class) | Token::Many(class) = token {
                    *class = Class::Any;
                }
            }
            return self;
        }
        for missing in colons + 1..6 {
            self.tokens.push(Token::Char(':'));
            self.tokens.push(Token::Many(if missing == 5 {
                Class::Any
            } else {
                Class::NoColon
            }));
        }
        self
    }

    /// The pattern without regard to case.
    #[must_use]
    pub fn no_case(mut self) -> Self {
        for token in &mut self.tokens {
            if let Token::Char(c) = token {
                *token = Token::NoCase(c.to_ascii_lowercase());
            }
        }
        self
    }

    /// The pieces.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The only text that it matches, when there is no wildcard in it.
    pub fn only(&self) -> Option<String> {
        self.tokens
            .iter()
            .map(|token| match token {
                Token::Char(c) | Token::NoCase(c) => Some(*c),
                Token::One(_) | Token::Many(_) => None,
            })
            .collect()
    }

    /// Does it match the text? Time grows with the product of the lengths at worst.
    pub fn matches(&self, text: &str) -> bool {
        // Most patterns and texts are told apart by their first letters.
        let mut text_chars = text.chars();
        for token in &self.tokens {
            match token {
                Token::Char(_) | Token::NoCase(_) => match text_chars.next() {
                    Some(c) if token.takes(c) => {}
                    _ => return false,
                },
                Token::One(_) | Token::Many(_) => {
                    return self.matches_chars(&text.chars().collect::<Vec<_>>());
                }
            }
        }
        text_chars.next().is_none()
    }

    /// Only the last `*` ever has to give way: earlier ones of a class that stops at a character stand before that character.
    fn matches_chars(&self, text: &[char]) -> bool {
        let (mut p, mut t) = (0, 0);
        let mut star: Option<(usize, usize, Class)> = None;
        while t < text.len() {
            match self.tokens.get(p) {
                Some(Token::Many(class)) => {
                    star = Some((p, t, *class));
                    p += 1;
                }
                Some(token) if token.takes(text[t]) => {
                    p += 1;
                    t += 1;
                }
                _ => match star {
                    Some((at, from, class)) if class.takes(text[from]) => {
                        star = Some((at, from + 1, class));
                        p = at + 1;
                        t = from + 1;
                    }
                    _ => return false,
                },
            }
        }
        self.tokens[p..]
            .iter()
            .all(|token| matches!(token, Token::Many(_)))
    }

    fn normalise(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            let end = at
                + self.tokens[at..]
                    .iter()
                    .take_while(|token| matches!(token, Token::One(_) | Token::Many(_)))
                    .count();
            let same = |class: Class| {
                self.tokens[at..end].iter().all(
                    |token| matches!(token, Token::One(own) | Token::Many(own) if *own == class),
                )
            };
            if let Some(Token::One(class) | Token::Many(class)) = self.tokens.get(at).copied()
                && end - at > 1
                && same(class)
            {
                let ones = self.tokens[at..end]
                    .iter()
                    .filter(|token| matches!(token, Token::One(_)))
                    .count();
                let many = ones < end - at;
                let run = std::iter::repeat_n(Token::One(class), ones)
                    .chain(many.then_some(Token::Many(class)))
                    .collect::<Vec<_>>();
                let len = run.len();
                self.tokens.splice(at..end, run);
                at += len;
            } else {
                at = end.max(at + 1);
            }
        }
    }
}

/// The pieces of a text in which `*` and `?` are wildcards.
pub fn wild(text: &str) -> impl Iterator<Item = Token> + '_ {
    text.chars().map(|c| match c {
        '*' => Token::Many(Class::Any),
        '?' => Token::One(Class::Any),
        other => Token::Char(other),
    })
}

/// Does `text` match `pattern`? Case-sensitive; time grows with the product of the lengths at worst.
pub fn glob(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?']) {
        return pattern == text;
    }
    Pattern::glob(pattern).matches(text)
}

/// Does an ARN match a pattern of ARNs? The first five components one by one, the sixth whole.
pub fn arn_matches(pattern: &str, arn: &str) -> bool {
    Pattern::glob(pattern).into_arn().matches(arn)
}

/// An error of the YAML reader without the place that it ends in, for messages that begin with the place.
pub fn without_place(message: &str) -> &str {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(text, _)| text)
}

/// Is there a text that two patterns with `*` and `?` both match?
#[must_use]
pub fn globs_meet(left: &str, right: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    // meet[i][j]: do the rest of the one from i on and the rest of the other from j on meet?
    let mut meet = vec![vec![false; b.len() + 1]; a.len() + 1];
    for i in (0..=a.len()).rev() {
        for j in (0..=b.len()).rev() {
            meet[i][j] = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some('*'), other) => meet[i + 1][j] || other.is_some() && meet[i][j + 1],
                (one, Some('*')) => meet[i][j + 1] || one.is_some() && meet[i + 1][j],
                (Some(x), Some(y)) => (*x == '?' || *y == '?' || x == y) && meet[i + 1][j + 1],
                _ => false,
            };
        }
    }
    meet[0][0]
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
            (
                "arn:aws:bedrock:*::foundation-model/*",
                "arn:aws:bedrock:eu-west-1::foundation-model/amazon.titan-text-v1:0",
                true,
            ),
            (
                "arn:aws:bedrock:*:foundation-model/x",
                "arn:aws:bedrock:eu-west-1::foundation-model/x",
                false,
            ),
            (
                "arn:aws:bedrock:*",
                "arn:aws:bedrock:eu-west-1::foundation-model/x",
                true,
            ),
            ("*", "arn:aws:s3:::b", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
        ] {
            assert_eq!(arn_matches(pattern, arn), expected, "{pattern} {arn}");
        }
    }
}
