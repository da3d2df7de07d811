//! Environment variables as files declare them: with values that are written out, marked as secret, or settled later.

use super::node::{Later, Node};
use crate::inventory::NewRow;
use crate::secrets::{self, Fingerprints};
use crate::services::environment::{Owner, Settings, look, steers};
use crate::services::hosts::{Around, leaves, names_a_host, vector_host};

/// A variable whose value is a secret for another reason than what stands in it. Where the value is not known, its name tells
/// whether it can be a host.
fn a_secret(owner: Owner<'_>, name: &str, detector: &str, value: Option<&str>) -> NewRow {
    let key = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL"]
        .iter()
        .any(|word| name.to_ascii_uppercase().contains(word));
    let host = |of: fn(&str) -> String| match value {
        Some(value) => Some(of(value)),
        None => (key && !names_a_host(&name.to_ascii_uppercase())).then(String::new),
    };
    owner
        .row(name)
        .set("category", secrets::Category::Secret.as_str())
        .set("detector", detector)
        .set("confidence", secrets::Confidence::High.as_str())
        .set("length", 0)
        .set("fingerprint", "")
        .set(
            "outside_host",
            value.map_or_else(
                || host(|_| String::new()),
                |value| Some(leaves(name, value, known_elsewhere())),
            ),
        )
        .set("vector_host", host(vector_host))
}

/// Of a value that is secret only what is certain counts.
fn known_elsewhere() -> Around {
    Around {
        langsmith: true,
        ..Around::default()
    }
}

/// What a value that is settled later is made of.
enum Made {
    /// Ids, names, ARNs and addresses of resources.
    Names,
    /// The value of a secret, a password, a private key.
    Secret,
    /// It could not be determined.
    Unknown,
}

/// Attributes of Terraform's resources and data sources that are or hold a secret (Terraform Registry, providers aws, random and tls).
const SECRET_ATTRIBUTES: &[&str] = &[
    "secret_string",
    "secret_binary",
    "secret_value",
    "secret",
    "bcrypt_hash",
    "password",
    "master_password",
    "master_user_password",
    "auth_token",
    "private_key",
    "private_key_pem",
    "private_key_openssh",
    "ses_smtp_password_v4",
    "plaintext",
    "token",
    "api_key",
    "client_secret",
];

/// Ends of attributes that name a resource and hold nothing else.
const NAMES: &[&str] = &[
    "arn",
    "arns",
    "id",
    "ids",
    "name",
    "names",
    "url",
    "uri",
    "endpoint",
    "address",
    "bucket",
    "domain",
    "host",
    "port",
    "region",
    "prefix",
    "namespace",
    "version",
    "zone",
    "zones",
    "block",
    "blocks",
    "cidr",
    "hash",
    "sha256",
    "etag",
    "path",
    "type",
    "account",
    "family",
    "alias",
];

/// Ends of names that hold no secret wherever they stand.
const CERTAIN: &[&str] = &[
    "arn", "arns", "id", "ids", "name", "names", "bucket", "region",
];

fn made(later: &Later) -> Made {
    // What it is made of does not say which attribute of it: only references do.
    if later.refs.is_empty() {
        return Made::Unknown;
    }
    // After each reference stand the shorter ones that it contains.
    let longest = |one: &&String| {
        !later.refs.iter().any(|other| {
            other.len() > one.len()
                && other.starts_with(one.as_str())
                && matches!(other.as_bytes().get(one.len()), Some(b'.' | b'['))
        })
    };
    let mut names = true;
    for reference in later.refs.iter().filter(longest) {
        let attribute = reference
            .rsplit('.')
            .next()
            .unwrap_or_default()
            .split('[')
            .next()
            .unwrap_or_default();
        let of = |kinds: &[&str]| {
            kinds.iter().any(|kind| {
                reference
                    .strip_prefix("data.")
                    .unwrap_or(reference)
                    .starts_with(kind)
            })
        };
        // Values that providers make up: a password is one, a suffix or a time is none.
        if of(&["random_", "time_"]) {
            if of(&["random_password."]) {
                return Made::Secret;
            }
            continue;
        }
        let last = attribute.rsplit('_').next().unwrap_or_default();
        // What a module hands out or takes in is what it was followed to, an id or ARN, or known by its name alone; an address may
        // hold a password there.
        if of(&["module.", "var.", "local.", "each."]) {
            names &= !later.of.is_empty() || of(&["module.", "var."]) && CERTAIN.contains(&last);
            continue;
        }
        if SECRET_ATTRIBUTES.contains(&attribute) {
            return Made::Secret;
        }
        names &= of(&["aws_"]) && NAMES.contains(&last);
    }
    if names { Made::Names } else { Made::Unknown }
}

/// Is it a value that nobody keeps secret: a switch, a number, a Region, a level?
fn is_plain(value: &str) -> bool {
    let value = value.trim();
    value.len() < 4
        || value.chars().all(|c| c.is_ascii_digit() || c == '.')
        || crate::model::is_region(value)
        || [
            "true",
            "false",
            "debug",
            "info",
            "warn",
            "warning",
            "error",
            "production",
            "staging",
            "development",
            "test",
            "json",
            "text",
            "none",
            "null",
        ]
        .contains(&value.to_ascii_lowercase().as_str())
        || secrets::is_bedrock_reference(value)
}

/// The row of a variable that is filled with ids, names or addresses of resources. An index may be among them.
fn names(owner: Owner<'_>, name: &str, later: &Later) -> NewRow {
    let index = |text: &String| {
        let lower = text.to_ascii_lowercase();
        ["opensearch", "aoss", "neptune", "rds", "elasticsearch"]
            .iter()
            .any(|service| lower.contains(service))
    };
    let row = owner
        .row(name)
        .set("category", secrets::Category::None.as_str())
        .set("detector", "")
        .set("confidence", "")
        .set("length", 0)
        .set("fingerprint", "")
        .set("outside_host", "");
    if later.refs.iter().chain(&later.of).any(index) {
        row
    } else {
        row.set("vector_host", "")
    }
}

/// Looks at variables that a file declares; gives their rows and adds to the settings, which are hidden where a value that steers is open.
/// What a value is that is settled later is told by what it is made of; those of which that could not be determined are given with the reason.
pub fn look_declared(
    owner: Owner<'_>,
    variables: &[(String, Node)],
    prints: &Fingerprints,
    settings: &mut Settings,
    (hidden, open): (&mut bool, &mut Vec<(String, String)>),
) -> Vec<NewRow> {
    let mut known = Vec::new();
    let mut rows = Vec::new();
    let key = |name: &str| format!("{}|{}|{name}", owner.arn, owner.container);
    // Where a file marks all of its variables, it may be their map that is marked, and which of them is secret is not told.
    let marks = variables.len() == 1
        || variables
            .iter()
            .any(|(_, value)| !matches!(value, Node::Secret(_)));
    // The references of a map are told for all of its values together.
    let alone = variables
        .iter()
        .filter(|(_, value)| matches!(value, Node::Unknown(_)))
        .count()
        == 1;
    for (name, value) in variables {
        match value {
            // CloudFormation resolves it when the stack is made; the value stands in clear in the variable.
            Node::Secret(text) if text.contains("{{resolve:") => {
                rows.push(a_secret(owner, name, "resolved-at-deploy", None));
            }
            // Whoever may read the configuration of the function reads what the file itself calls a secret.
            Node::Secret(text)
                if !text.is_empty()
                    && !text.starts_with("arn:")
                    && !secrets::classify(name, text).category.is_secret()
                    && (marks || !is_plain(text)) =>
            {
                settings.note(name, text);
                if marks {
                    rows.push(a_secret(owner, name, "marked-secret", Some(text)));
                } else {
                    let why = "the file marks all variables together as sensitive";
                    open.push((key(name), why.to_owned()));
                    rows.push(
                        owner
                            .row(name)
                            .set("outside_host", leaves(name, text, known_elsewhere()))
                            .set("vector_host", vector_host(text)),
                    );
                }
            }
            Node::Unknown(later) if later.secret => {
                *hidden |= steers(name);
                rows.push(a_secret(owner, name, "marked-secret", None));
            }
            Node::Unknown(later) => {
                *hidden |= steers(name);
                match made(later) {
                    Made::Secret if alone => {
                        rows.push(a_secret(owner, name, "filled-from-secret", None));
                    }
                    Made::Names => {
                        open.push((key(name), later.why.clone()));
                        rows.push(names(owner, name, later));
                    }
                    _ => {
                        open.push((key(name), later.why.clone()));
                        rows.push(owner.row(name));
                    }
                }
            }
            Node::Text(text) | Node::Secret(text) => known.push((name.as_str(), text.clone())),
            Node::Number(number) => known.push((name.as_str(), number.to_string())),
            Node::Bool(on) => known.push((name.as_str(), on.to_string())),
            // The variable is there, and what it holds is no text.
            _ => {
                *hidden |= steers(name);
                open.push((key(name), "its value is not a text".to_owned()));
                rows.push(owner.row(name));
            }
        }
    }
    rows.extend(look(
        owner,
        known.iter().map(|(name, value)| (*name, value.as_str())),
        prints,
        settings,
    ));
    rows.sort_by(|a, b| a.cells[0].1.display().cmp(&b.cells[0].1.display()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_is_what_it_is_made_of() {
        let of = |refs: &[&str]| {
            made(&Later {
                refs: refs.iter().map(ToString::to_string).collect(),
                ..Later::default()
            })
        };
        for reference in [
            "data.aws_secretsmanager_secret_version.s.secret_string",
            "random_password.p.result",
            "aws_iam_access_key.k.secret",
            "tls_private_key.k.private_key_pem",
            "aws_cognito_user_pool_client.c.client_secret",
        ] {
            assert!(matches!(of(&[reference]), Made::Secret), "{reference}");
        }
        for reference in [
            "aws_kms_key.k.arn",
            "aws_s3_bucket.b.bucket_regional_domain_name",
            "aws_lb.l.dns_name",
            "aws_vpc.v.cidr_block",
            "random_id.suffix.hex",
            "random_string.suffix.result",
            "module.table.table_name",
            "var.bucket",
        ] {
            assert!(matches!(of(&[reference]), Made::Names), "{reference}");
        }
        for reference in [
            "var.password",
            "aws_ssm_parameter.p.value",
            "var.token_value",
            "module.db.url",
            "data.external.x.result",
            "local.settings",
        ] {
            assert!(matches!(of(&[reference]), Made::Unknown), "{reference}");
        }
        // Of a resource that it is made of any attribute may be meant.
        let bare = Later {
            of: vec!["arn:aws:iam::111111111111:user/u".to_owned()],
            ..Later::default()
        };
        assert!(matches!(made(&bare), Made::Unknown));
        let followed = Later {
            refs: vec!["var.secret".to_owned()],
            of: vec!["arn:aws:secretsmanager:eu-west-1:111111111111:secret:s".to_owned()],
            ..Later::default()
        };
        assert!(matches!(made(&followed), Made::Names));
    }
}
