//! Text from strangers, made fit for a terminal.

/// Control characters, escape sequences and bidirectional overrides become U+FFFD; line ends become spaces.
///
/// CWE-150; Unicode Technical Report 36, section 2.
pub fn terminal(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{061c}'
            | '\u{feff}'
            | '\u{2028}'
            | '\u{2029}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// The same, cut to so many characters with a sign that it was.
pub fn cut(text: &str, most: usize) -> String {
    let safe = terminal(text);
    if safe.chars().count() <= most {
        return safe;
    }
    let mut short: String = safe.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_that_moves_it() {
        let hostile = "a\u{1b}]0;title\u{7}b\u{202e}c\u{9b}31md\ne";
        let safe = terminal(hostile);
        assert!(
            !safe
                .chars()
                .any(|c| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c)),
            "{safe:?}"
        );
        assert_eq!(cut(&"x".repeat(10_000), 10).chars().count(), 10);
    }
}
