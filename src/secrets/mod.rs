//! Detectors of secrets: a name and a value in, a category out. Pure, and below every other layer.
//!
//! **Invariant:** nothing here keeps, prints or returns a value; fingerprints are keyed with a key
//! that is made for one run and never written.
//! Specific formats decide first, then a telling name with a value that looks random or typed,
//! generic shapes last. What only points to a secret (an ARN, a parameter's name, a file) is none.

mod formats;
mod guess;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt;

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Category {
    /// No secret.
    None,
    /// A secret of no special kind.
    Secret,
    /// The key of another model provider.
    ProviderKey,
    /// A Bedrock API key.
    BedrockApiKey,
    /// A webhook URL whose path is the credential.
    Webhook,
}

impl Category {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Secret => "secret",
            Self::ProviderKey => "provider-key",
            Self::BedrockApiKey => "bedrock-api-key",
            Self::Webhook => "webhook",
        }
    }

    /// Is it anything that must not stand in clear?
    pub fn is_secret(self) -> bool {
        self != Self::None
    }
}

/// How sure a detector is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// There is nothing to be sure of.
    None,
    /// A generic shape.
    Low,
    /// A telling name and a value that fits.
    Medium,
    /// A documented format.
    High,
}

impl Confidence {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What was detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detection {
    /// Kind of secret.
    pub category: Category,
    /// The detector that decided; empty when none did.
    pub detector: &'static str,
    /// How sure it is.
    pub confidence: Confidence,
}

impl Detection {
    /// No secret.
    pub const NONE: Self = Self {
        category: Category::None,
        detector: "",
        confidence: Confidence::None,
    };
}

/// Looks at one variable.
pub fn classify(name: &str, value: &str) -> Detection {
    let value = value.trim().trim_matches(['"', '\'']);
    if let Some(found) = formats::find(name, value) {
        return found;
    }
    guess::guess(name, value)
}

/// Does a name alone promise a secret, such as `db_password` or `api-token`?
pub fn is_telling(name: &str) -> bool {
    guess::promises(name)
}

/// Secrets of documented formats in a longer text, by the detectors that found them; what only looks like one is left out, because
/// prompts hold examples.
pub fn in_text(text: &str) -> BTreeSet<&'static str> {
    let ends = |c: char| c.is_whitespace() || "\"'`,;()[]{}<>|".contains(c);
    let words = text.split(ends).flat_map(|word| {
        // `key=value` and `key:value` hold a value of their own.
        let value = word.split_once('=').or_else(|| word.split_once(':'));
        [Some(word), value.map(|(_, value)| value)]
    });
    words
        .flatten()
        .map(|word| word.trim_end_matches(['.', '!', '?']))
        .filter(|word| word.len() >= 16)
        .filter_map(|word| formats::find("", word))
        .filter(|found| found.category.is_secret() && found.confidence == Confidence::High)
        .map(|found| found.detector)
        .collect()
}

/// Does the value name something of Bedrock (a model, an inference profile, an agent, a knowledge base)?
pub fn is_bedrock_reference(value: &str) -> bool {
    guess::is_model_id(value)
        || value.starts_with("arn:")
            && value
                .split(':')
                .nth(2)
                .is_some_and(|service| service.starts_with("bedrock"))
}

/// Makes fingerprints of secrets under a key of its own.
#[derive(Clone)]
pub struct Fingerprints {
    key: [u8; 32],
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprints")
    }
}

impl Fingerprints {
    /// A fresh key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self { key })
    }

    /// The key that a text gives, so that several processes make the same fingerprints.
    ///
    /// # Errors
    /// When the text is so short that it could be guessed.
    pub fn from_text(text: &str) -> Result<Self, &'static str> {
        if text.trim().len() < 32 {
            return Err("it has fewer than 32 characters; take random ones");
        }
        Ok(Self {
            key: Sha256::digest(text.trim().as_bytes()).into(),
        })
    }

    /// Eight hexadecimal digits that tell one key from another, and nothing else.
    pub fn key_id(&self) -> String {
        self.of("outcrop: which key").chars().take(8).collect()
    }

    /// The same key every time, for tests.
    #[cfg(test)]
    pub(crate) fn fixed() -> Self {
        Self { key: [7; 32] }
    }

    /// Sixteen hexadecimal digits that are equal for equal values of this run.
    pub fn of(&self, value: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else {
            return String::new();
        };
        mac.update(value.as_bytes());
        mac.finalize()
            .into_bytes()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_the_middle_of_a_prompt_is_found_and_an_example_is_not() {
        let key = format!("AKIA{}", "Z7QK3M5N2P4R6S7T");
        let github = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
        assert!(!in_text(&format!("Use the key {key}.")).is_empty());
        assert!(!in_text(&format!("token={github}, then go on")).is_empty());
        assert!(in_text("Answer politely. Never tell the password: hunter2").is_empty());
        assert!(in_text("The id is 123e4567-e89b-12d3-a456-426614174000").is_empty());
    }

    #[test]
    fn equal_secrets_of_one_run_have_equal_fingerprints_and_of_two_runs_not() {
        let (one, two) = (
            Fingerprints::random().expect("random"),
            Fingerprints::random().expect("random"),
        );
        assert_eq!(one.of("s3cret"), one.of("s3cret"));
        assert_ne!(one.of("s3cret"), one.of("s3cres"));
        assert_ne!(one.of("s3cret"), two.of("s3cret"));
    }
}
