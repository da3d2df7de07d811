//! Detectors of secrets: a name and a value in, a category out. Pure, and below every other layer.
//!
//! **Invariant:** nothing here keeps, prints or returns a value; fingerprints are keyed with a key
//! that is made for one run and never written.
//! Specific formats decide first, then a telling name with a value that looks random or typed,
//! generic shapes last. What only points to a secret (an ARN, a parameter's name, a file) is none.

mod formats;
mod guess;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
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
