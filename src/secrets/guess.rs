//! Where no documented format decides: the variable's name, and whether the value looks random or typed.

use super::{Category, Confidence, Detection};

/// Words in a name that promise a secret.
#[rustfmt::skip]
const TELLING: &[&str] = &[
    "password", "passwd", "passphrase", "pass", "pw", "pwd", "passcode", "secret", "token", "apikey", "api_key", "accesskey", "access_key", "secret_key", "secretkey",
    "private_key", "privatekey", "credential", "credentials", "creds", "auth_key", "authkey", "signing_key", "signingkey", "encryption_key", "encryptionkey",
    "client_secret", "clientsecret", "session_key", "master_key", "masterkey", "license_key", "licence_key", "salt", "pepper", "hmac_key", "webhook_key", "shared_key",
    "account_key", "admin_key", "app_key", "service_key", "jwt_key", "cookie_key", "auth", "pat", "key", "connection_string", "authorization", "bearer", "seed", "pin", "signature",
];
/// Words at the end of a name that say it only points to a secret, measures one, or is public.
#[rustfmt::skip]
const POINTING: &[&str] = &[
    "arn", "arns", "name", "names", "id", "ids", "url", "uri", "endpoint", "host", "hostname", "path", "file", "filename", "dir", "param", "parameter", "ref", "alias", "prefix", "suffix", "ttl",
    "expiry", "expires", "expiration", "seconds", "minutes", "hours", "days", "length", "len", "size", "limit", "count", "max", "min", "type", "policy", "algorithm", "alg", "algo", "issuer",
    "audience", "header", "field", "column", "version", "enabled", "disabled", "required", "rotation", "region", "bucket", "table", "queue", "topic", "user", "username", "email", "domain",
    "scope", "scopes", "method", "mode", "provider", "strategy", "format", "encoding", "location", "source", "store", "manager", "group", "pool", "realm", "flow", "grant", "kid", "label", "hint", "regex", "pattern",
    "budget", "usage", "cost", "window", "per", "limits", "timeout", "interval", "age", "bits", "schema", "template", "attribute", "claim", "cache", "service", "env", "stage", "class",
    "index", "mapping", "space", "dimension", "dimensions", "model", "tier", "plan", "date", "time", "at", "by", "from", "to", "profile", "lookup", "rounds", "cost_factor", "ssm", "secretsmanager", "backend", "driver", "extension", "layer",
];
/// Words anywhere in a name that say the key is no secret one.
#[rustfmt::skip]
const HARMLESS: &[&str] = &["public", "publishable", "partition", "sort", "hash_key", "range_key", "primary", "foreign", "tokenizer", "tokenizers", "max", "min", "num", "idempotency", "cache", "site", "s3", "object", "keyboard", "monkey", "keyspace"];
/// Names of other model providers' keys.
#[rustfmt::skip]
const PROVIDERS: &[&str] = &[
    "anthropic", "claude", "openai", "gemini", "google_ai", "google_genai", "google_generative_ai", "vertex", "mistral", "cohere", "co_api", "voyage", "voyageai", "pinecone", "groq", "together", "togetherai", "replicate", "huggingface",
    "huggingfacehub", "hf", "perplexity", "deepseek", "openrouter", "xai", "grok", "fireworks", "ai21", "azure_openai", "nvidia", "cerebras", "jina", "stability", "elevenlabs", "assemblyai", "deepgram", "watsonx", "tavily", "serper", "serpapi", "cohere_api", "anyscale", "deepinfra", "moonshot", "dashscope", "qwen", "zhipu", "writer", "upstage", "sambanova", "nebius", "novita", "weaviate", "qdrant", "lepton", "baseten", "llm", "fallback_llm",
];

/// Splits a name into lower-case words: `dbPassword`, `DB_PASSWORD`, `spring.datasource.password`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let letters: Vec<char> = name.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| letters.get(index));
        let after = letters.get(index + 1);
        let hump = letter.is_uppercase()
            && (before.is_some_and(|c| c.is_lowercase() || c.is_ascii_digit())
                || before.is_some_and(|c| c.is_uppercase())
                    && after.is_some_and(|c| c.is_lowercase()));
        if !letter.is_alphanumeric() || hump {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

fn has_run(words: &[String], phrase: &str) -> bool {
    let wanted: Vec<&str> = phrase.split('_').collect();
    words
        .windows(wanted.len())
        .any(|run| run.iter().zip(&wanted).all(|(word, wanted)| word == wanted))
}

/// Does a name promise a secret? The strength: 0 none, 1 weak (`key`, `auth`), 2 strong.
fn promise(words: &[String]) -> u8 {
    let Some(last) = words.last() else { return 0 };
    let joined = words.join("_");
    let strong = TELLING.iter().any(|phrase| {
        !matches!(
            *phrase,
            "key" | "auth" | "salt" | "seed" | "pin" | "signature" | "pat"
        ) && has_run(words, phrase)
    }) || ["password", "passwd", "secret", "apikey", "passphrase"]
        .iter()
        .any(|word| joined.replace('_', "").ends_with(word));
    let weak = TELLING.iter().any(|phrase| has_run(words, phrase));
    let points = POINTING.contains(&last.as_str())
        || words.len() > 1
            && words.iter().any(|word| {
                matches!(
                    word.as_str(),
                    "arn" | "parameter" | "param" | "ttl" | "expiry" | "file" | "url" | "name"
                )
            });
    let harmless = HARMLESS.iter().any(|phrase| has_run(words, phrase));
    match (points || harmless, strong, weak) {
        (true, ..) => 0,
        (_, true, _) => 2,
        (.., true) => 1,
        _ => 0,
    }
}

/// Does a name promise a secret without doubt?
pub(super) fn promises(name: &str) -> bool {
    promise(&words(name)) == 2
}

/// Is the key of a name like `LANGFUSE_SECRET_KEY` one of no model provider?
pub(super) fn names_generic_key(name: &str) -> bool {
    let words = words(name);
    has_run(&words, "langfuse") || has_run(&words, "litellm_salt") || has_run(&words, "session")
}

/// Is it a stand-in, not a value?
pub(super) fn is_placeholder(value: &str) -> bool {
    let value = value.trim();
    let lower = value.to_ascii_lowercase();
    let words = [
        "changeme",
        "change-me",
        "change_me",
        "replaceme",
        "replace-me",
        "replace_me",
        "replace-with",
        "placeholder",
        "your-",
        "your_",
        "yourkey",
        "todo",
        "fixme",
        "dummy",
        "redacted",
        "insert-",
        "insert_",
        "not-set",
        "not_set",
        "notset",
        "tbd",
        "to-be-",
        "set-me",
        "setme",
        "fill-in",
        "fillme",
        "xxxx",
        "<your",
        "sample-key",
        "fake-",
        "example",
    ];
    value.is_empty()
        || words
            .iter()
            .any(|word| lower.starts_with(word) || lower == word.trim_end_matches(['-', '_']))
        || matches!(
            lower.as_str(),
            "null"
                | "none"
                | "nil"
                | "undefined"
                | "true"
                | "false"
                | "yes"
                | "no"
                | "on"
                | "off"
                | "n/a"
                | "na"
                | "unset"
                | "empty"
                | "default"
                | "secret"
                | "password"
                | "token"
                | "key"
                | "test"
                | "xxx"
                | "string"
                | "disabled"
                | "enabled"
                | "auto"
                | "managed"
                | "unused"
                | "strong"
                | "required"
                | "optional"
                | "iam"
        )
        || value.starts_with(['<', '[']) && value.ends_with(['>', ']'])
        || value.starts_with("{{")
        || value.starts_with("${")
        || value.starts_with("$(")
        || value.starts_with("%(")
        || value.starts_with('%') && value.ends_with('%') && value.len() > 2
        || value.starts_with("__") && value.ends_with("__")
        || {
            let mut letters = value.chars();
            let first = letters.next();
            letters.all(|c| Some(c) == first)
        }
}

/// A Bedrock model id or inference profile id: `anthropic.claude-...-v1:0`, `eu.amazon.nova-lite-v1:0`.
pub(super) fn is_model_id(value: &str) -> bool {
    let mut parts = value.split('.');
    let first = parts.next().unwrap_or_default();
    let provider = if matches!(
        first,
        "us" | "eu" | "apac" | "global" | "jp" | "au" | "ca" | "us-gov" | "sa"
    ) {
        parts.next().unwrap_or_default()
    } else {
        first
    };
    let vendors = [
        "amazon",
        "anthropic",
        "meta",
        "mistral",
        "cohere",
        "ai21",
        "stability",
        "deepseek",
        "writer",
        "luma",
        "twelvelabs",
        "openai",
        "qwen",
        "google",
        "nvidia",
        "minimax",
        "moonshot",
        "zai",
        "moonshotai",
    ];
    vendors.contains(&provider)
        && parts.next().is_some_and(|rest| rest.contains('-'))
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".-:_".contains(c))
}

fn is_uuid(value: &str) -> bool {
    value.len() == 36
        && value.char_indices().all(|(place, c)| {
            if matches!(place, 8 | 13 | 18 | 23) {
                c == '-'
            } else {
                c.is_ascii_hexdigit()
            }
        })
}

/// What a value is when it certainly is no secret of itself.
fn is_plain(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.len() < 4
        || is_placeholder(value)
        || is_model_id(value)
        || lower.starts_with("arn:")
        || lower.starts_with("ssm:")
        || lower.starts_with("alias/")
        || lower.starts_with("secretsmanager:")
        || lower.starts_with("resolve:")
        || lower.starts_with("vault:")
        || lower.starts_with("op://")
        || lower.starts_with("projects/")
        || value.starts_with('/') && !value.contains(['=', '+'])
        || lower.starts_with("./")
        || lower.starts_with("s3://")
        || lower.starts_with("ssh-rsa ")
        || lower.starts_with("ssh-ed25519 ")
        || value.contains("BEGIN PUBLIC KEY")
        || value.contains("BEGIN CERTIFICATE")
        || value.contains("BEGIN RSA PUBLIC KEY")
        || lower.contains("://")
        || value.parse::<f64>().is_ok() && value.len() < 12
        || lower.starts_with("sha256:")
        || lower.starts_with("rate(")
        || lower.starts_with("cron(")
        || value.starts_with(['{', '['])
            && !lower.contains("private_key")
            && !lower.contains("\"password\"")
        || [
            ".amazonaws.com",
            ".amazonaws.com.cn",
            ".com",
            ".internal",
            ".local",
            ".io",
            ".net",
            ".org",
            ".dev",
            ".cloud",
            ".json",
            ".yaml",
            ".yml",
            ".pem",
            ".txt",
            ".xml",
            ".html",
            ".toml",
            ".env",
            ".crt",
            ".cer",
            ".sh",
            ".py",
            ".js",
        ]
        .iter()
        .any(|end| lower.ends_with(end))
        || value.contains('@')
            && lower.contains('.')
            && !value.contains(|c: char| c.is_whitespace())
            && lower.split('@').count() == 2
            && lower.split('@').next_back().is_some_and(|host| {
                host.contains('.')
                    && host
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
                    && host.rsplit('.').next().is_some_and(|top| {
                        top.len() >= 2 && top.chars().all(|c| c.is_ascii_alphabetic())
                    })
            })
}

/// Bits for each character, after Shannon.
fn entropy(value: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::<char, u32>::new();
    for letter in value.chars() {
        *counts.entry(letter).or_default() += 1;
    }
    let total = f64::from(u32::try_from(value.chars().count()).unwrap_or(u32::MAX));
    counts
        .values()
        .map(|count| {
            let share = f64::from(*count) / total;
            -share * share.log2()
        })
        .sum()
}

fn kinds(value: &str) -> usize {
    [
        value.chars().any(|c| c.is_ascii_lowercase()),
        value.chars().any(|c| c.is_ascii_uppercase()),
        value.chars().any(|c| c.is_ascii_digit()),
        value.chars().any(|c| c.is_ascii_punctuation()),
    ]
    .iter()
    .filter(|kind| **kind)
    .count()
}

/// Looks like words joined by one sign: `prod/rds/orders`, `x-api-key`, `rotate-monthly`, `tenant_id`.
fn is_name_like(value: &str) -> bool {
    let separators = value.chars().filter(|c| "-_/.: ".contains(*c)).count();
    let parts: Vec<&str> = value
        .split(['-', '_', '/', '.', ':', ' '])
        .filter(|part| !part.is_empty())
        .collect();
    let wordy = parts.iter().all(|part| {
        part.chars().all(|c| c.is_ascii_alphabetic())
            || part.len() <= 4 && part.chars().all(|c| c.is_ascii_alphanumeric())
    });
    separators > 0
        && wordy
        && parts.iter().all(|part| part.len() <= 14)
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_/.: ".contains(c))
}

/// Could it have been typed or drawn as a password?
fn is_password_like(value: &str) -> bool {
    let kinds = kinds(value);
    !is_name_like(value)
        && !value.contains(char::is_whitespace)
        && value.len() >= 6
        && (kinds >= 2 || value.len() >= 16 && entropy(value) > 3.0)
}

/// Could it have been drawn at random?
fn is_random(value: &str) -> bool {
    let hex = value.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    let clean = value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "+/=_-.~".contains(c));
    let enough = if hex {
        entropy(value) > 2.8 && value.len() >= 24
    } else {
        entropy(value) > 3.4
            && value.len() >= 16
            && kinds(value) >= 2
            && value.chars().any(|c| c.is_ascii_digit())
    };
    clean && enough && !is_name_like(value)
}

/// The verdict from name and shape.
pub(super) fn guess(name: &str, value: &str) -> Detection {
    let words = words(name);
    let strength = promise(&words);
    if strength == 0 || is_plain(value) {
        return Detection::NONE;
    }
    let provider = PROVIDERS.iter().any(|provider| has_run(&words, provider));
    if provider && (is_random(value) || is_uuid(value)) {
        return Detection {
            category: Category::ProviderKey,
            detector: "provider-name",
            confidence: Confidence::Medium,
        };
    }
    if has_run(&words, "aws_bearer_token_bedrock") && is_random(value) {
        return Detection {
            category: Category::BedrockApiKey,
            detector: "bedrock-name",
            confidence: Confidence::Medium,
        };
    }
    let typed = words.iter().any(|word| {
        word.starts_with("pass")
            || matches!(
                word.as_str(),
                "pw" | "pwd" | "secret" | "credential" | "credentials" | "creds"
            )
    }) || words.concat().ends_with("password");
    let fits = if typed {
        is_password_like(value) || is_random(value) || is_uuid(value)
    } else {
        is_random(value) || strength == 2 && is_uuid(value)
    };
    if fits && (strength == 2 || is_random(value) && !is_uuid(value)) {
        let detector = if typed {
            "password-name"
        } else {
            "secret-name"
        };
        return Detection {
            category: Category::Secret,
            detector,
            confidence: if strength == 2 {
                Confidence::Medium
            } else {
                Confidence::Low
            },
        };
    }
    Detection::NONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_humps_and_signs() {
        assert_eq!(words("dbPassword"), ["db", "password"]);
        assert_eq!(
            words("spring.datasource.PASSWORD"),
            ["spring", "datasource", "password"]
        );
        assert_eq!(words("HTTPToken"), ["http", "token"]);
    }
}
