//! Environment variables: looked at in memory, and let go.
//!
//! **Invariant:** no value of a variable leaves [`look`]; what it returns is what was detected.
//! Of the few names that steer an AWS SDK only the meaning is kept (which kind of endpoint, which
//! Region), never the text.

use super::hosts::{
    Around, endpoint, host_of, is_a_url, is_proxy, leaves, names_a_host, of_aws, spares_aws,
    vector_host,
};
use crate::inventory::cols::{flag, int, text};
use crate::inventory::{Column, NewRow};
use crate::secrets::{self, Fingerprints};

/// Columns of a workload that its variables tell; NULL when they could not be read.
pub const SETTINGS: [Column; 5] = [
    text("bedrock_endpoint", "Where AWS_ENDPOINT_URL and its per-service forms send Bedrock calls: `default`, `vpce` (a VPC endpoint's own name) or `other`.")
        .absent("'default'")
        .words(&["default", "vpce", "other"]),
    text("bedrock_region", "Region that AWS_REGION, BEDROCK_REGION or their kin name.").absent("'' (the workload's own)"),
    flag("use_fips", "AWS_USE_FIPS_ENDPOINT."),
    flag("use_dualstack", "AWS_USE_DUALSTACK_ENDPOINT."),
    flag("names_model", "Does a variable hold a Bedrock model id, inference profile, agent, knowledge base or guardrail ARN?"),
];

/// Columns of one variable.
pub const VARIABLE: [Column; 11] =
    [
        text("id", "Owner, container and name."),
        text("owner_arn", "Function version or task definition."),
        text("container", "Container.").absent("'' (functions have none)"),
        text("name", "Name of the variable."),
        text("category", "`secret`, `provider-key`, `bedrock-api-key`, `webhook`, `reference` (filled from Secrets Manager or SSM at start) or `none`.")
            .words(&["secret", "provider-key", "bedrock-api-key", "webhook", "reference", "none"]),
        text("detector", "Format or reason that decided.").absent("''"),
        text("confidence", "`high`, `medium` or `low`.").absent("''").words(&["high", "medium", "low"]),
        int("length", "Length of the value in bytes."),
        text("fingerprint", "Keyed hash; the key dies with the run, so equal values can be seen and nothing else.").absent("''"),
        text("outside_host", "Host outside AWS that gets prompts, where the value names one: of a model provider, of what traces prompts, or the base URL of a model's SDK. Nothing else of the value is kept.")
            .absent("''"),
        text("vector_host", "Host of an OpenSearch collection or domain that the value names; nothing else of the value.").absent("''"),
    ];

/// What a set of variables tells about the calls to Bedrock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where the SDK of AWS is pointed by its own variables, and where any SDK is by those of Bedrock alone.
    configured: &'static str,
    endpoint: &'static str,
    /// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`: the first of them does not count.
    ignores: bool,
    /// A proxy takes the calls, wherever the SDK points; `NO_PROXY` may keep those to AWS from it.
    proxied: bool,
    spares_aws: bool,
    region: String,
    fips: bool,
    dualstack: bool,
    names_model: bool,
}

impl Settings {
    /// Fills the settings columns of a row.
    pub fn fill(&self, row: &mut NewRow) {
        row.put("bedrock_endpoint", self.endpoint());
        row.put("bedrock_region", self.region.as_str());
        row.put("use_fips", self.fips);
        row.put("use_dualstack", self.dualstack);
        row.put("names_model", self.names_model);
    }

    fn endpoint(&self) -> &'static str {
        if self.proxied && !self.spares_aws {
            return "other";
        }
        let configured = if self.ignores { "" } else { self.configured };
        [self.endpoint, configured]
            .into_iter()
            .find(|kind| !kind.is_empty())
            .unwrap_or("default")
    }

    /// Where two variables disagree, nobody knows which the code reads.
    fn take(&mut self, kind: &'static str) {
        self.endpoint = if self.endpoint.is_empty() || self.endpoint == kind {
            kind
        } else {
            "other"
        };
    }

    /// Takes Region and FIPS from an endpoint URL; gives its kind.
    fn point(&mut self, url: &str) -> &'static str {
        let kind = endpoint(url);
        let host = host_of(url);
        if kind == "default"
            && let Some((service, rest)) = host.split_once('.')
        {
            self.fips |= service.ends_with("-fips");
            if let Some(region) = rest
                .split('.')
                .next()
                .filter(|region| crate::model::is_region(region))
            {
                region.clone_into(&mut self.region);
            }
        }
        kind
    }

    pub(super) fn note(&mut self, name: &str, value: &str) {
        let (upper, value) = (name.to_ascii_uppercase(), value.trim());
        let on = value.eq_ignore_ascii_case("true");
        match upper.as_str() {
            "AWS_USE_FIPS_ENDPOINT" => self.fips |= on,
            "AWS_USE_DUALSTACK_ENDPOINT" => self.dualstack |= on,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" => self.ignores |= on,
            "NO_PROXY" => self.spares_aws |= spares_aws(value),
            // Calls to Bedrock are made by HTTPS.
            proxy if is_proxy(proxy) && proxy != "HTTP_PROXY" => self.proxied |= !value.is_empty(),
            // AWS SDKs and Tools Reference Guide, "Service-specific endpoints": the service's own variable comes before the general one.
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME" => self.configured = self.point(value),
            "AWS_ENDPOINT_URL" if self.configured.is_empty() => self.configured = self.point(value),
            _ if OF_THE_RUNTIME.contains(&upper.as_str()) && !value.is_empty() => {
                let kind = self.point(value);
                self.take(kind);
            }
            // Gateways and SDKs invent further names. Of these a URL counts that names the runtime, or a host that is not AWS's.
            _ if !upper.starts_with("AWS_ENDPOINT_URL")
                && upper.contains("BEDROCK")
                && names_a_host(&upper)
                && is_a_url(value) =>
            {
                if value.to_ascii_lowercase().contains("bedrock-runtime") {
                    let kind = self.point(value);
                    self.take(kind);
                } else if !of_aws(value) {
                    self.take("other");
                }
            }
            "AWS_REGION" | "AWS_DEFAULT_REGION"
                if self.region.is_empty() && crate::model::is_region(value) =>
            {
                self.region = value.to_owned()
            }
            _ if upper.contains("BEDROCK")
                && upper.contains("REGION")
                && crate::model::is_region(value) =>
            {
                self.region = value.to_owned()
            }
            _ => {}
        }
        self.names_model |= secrets::is_bedrock_reference(value);
    }
}

/// Variables that say where calls to the Bedrock runtime go: of the first releases of boto3 wrappers, of Anthropic's and of
/// OpenAI's SDK for Bedrock.
const OF_THE_RUNTIME: &[&str] = &[
    "BEDROCK_ENDPOINT_URL",
    "BEDROCK_ENDPOINT",
    "BEDROCK_BASE_URL",
    "BEDROCK_RUNTIME_ENDPOINT",
    "BEDROCK_RUNTIME_ENDPOINT_URL",
    "BEDROCK_RUNTIME_BASE_URL",
    "ANTHROPIC_BEDROCK_BASE_URL",
    "AWS_BEDROCK_BASE_URL",
    "AWS_BEDROCK_RUNTIME_ENDPOINT",
];

/// May a variable of this name steer the calls to Bedrock?
pub fn steers(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.starts_with("AWS_ENDPOINT_URL")
        || upper.starts_with("AWS_USE_")
        || upper.contains("BEDROCK")
        || matches!(upper.as_str(), "AWS_REGION" | "AWS_DEFAULT_REGION")
}

/// Where variables stand.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// Table of the rows.
    pub table: &'static str,
    /// Account.
    pub account_id: &'a str,
    /// Region.
    pub region: &'a str,
    /// Function version or task definition.
    pub arn: &'a str,
    /// Container, or empty.
    pub container: &'a str,
}

impl Owner<'_> {
    pub(super) fn row(&self, name: &str) -> NewRow {
        NewRow::new(self.table, self.account_id, self.region)
            .set("id", format!("{}|{}|{name}", self.arn, self.container))
            .set("owner_arn", self.arn)
            .set("container", self.container)
            .set("name", name)
    }

    /// The row of a variable that is filled from Secrets Manager or SSM when the container starts.
    pub fn reference(&self, name: &str) -> NewRow {
        self.row(name)
            .set("category", "reference")
            .set("detector", "valueFrom")
            .set("confidence", "")
            .set("length", 0)
            .set("fingerprint", "")
            .set("outside_host", referenced(name))
            .set("vector_host", referenced(name))
    }
}

/// What is filled from elsewhere can be a host where its name says so; otherwise it is a secret, and none.
fn referenced(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    (!["URL", "HOST", "ENDPOINT", "BASE", "URI"]
        .iter()
        .any(|word| upper.contains(word)))
    .then_some("")
}

/// The hosts that rows of variables name in a column.
#[cfg(feature = "live")]
pub fn hosts(rows: &[NewRow], column: &str) -> Vec<String> {
    let cells = rows
        .iter()
        .flat_map(|row| &row.cells)
        .filter(|(name, _)| *name == column);
    let hosts: std::collections::BTreeSet<String> = cells
        .map(|(_, value)| value.display().into_owned())
        .filter(|host| !host.is_empty())
        .collect();
    hosts.into_iter().collect()
}

/// Looks at the variables of one owner; gives their rows and adds to its settings.
pub fn look<'v>(
    owner: Owner<'_>,
    variables: impl IntoIterator<Item = (&'v str, &'v str)>,
    prints: &Fingerprints,
    settings: &mut Settings,
) -> Vec<NewRow> {
    let mut variables: Vec<(&str, &str)> = variables.into_iter().collect();
    // Maps have no order; what is told must not depend on it.
    variables.sort_unstable();
    let around = Around::of(variables.iter().copied());
    let mut rows: Vec<NewRow> = variables
        .into_iter()
        .map(|(name, value)| {
            settings.note(name, value);
            let found = secrets::classify(name, value);
            owner
                .row(name)
                .set("category", found.category.as_str())
                .set("detector", found.detector)
                .set("confidence", found.confidence.as_str())
                .set("length", i64::try_from(value.len()).unwrap_or(i64::MAX))
                .set(
                    "fingerprint",
                    if found.category.is_secret() {
                        prints.of(value)
                    } else {
                        String::new()
                    },
                )
                .set("outside_host", leaves(name, value, around))
                .set("vector_host", vector_host(value))
        })
        .collect();
    rows.sort_by(|a, b| a.cells[0].1.display().cmp(&b.cells[0].1.display()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        for (name, value) in pairs {
            settings.note(name, value);
        }
        settings
    }

    #[test]
    fn only_the_meaning_of_an_endpoint_is_kept() {
        let vpce = "https://vpce-0a-1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com";
        for (variables, kind) in [
            (&[("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", vpce)][..], "vpce"),
            (
                &[(
                    "AWS_ENDPOINT_URL",
                    "https://bedrock-runtime.eu-west-1.amazonaws.com",
                )],
                "default",
            ),
            (
                &[("AWS_ENDPOINT_URL", "http://proxy.internal:8080/x")],
                "other",
            ),
            (
                &[
                    ("AWS_ENDPOINT_URL", "http://proxy.internal:8080/x"),
                    ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", vpce),
                ],
                "vpce",
            ),
            (
                &[("AWS_ENDPOINT_URL_S3", "http://proxy.internal")],
                "default",
            ),
            // SDKs of other vendors read variables of their own.
            (&[("ANTHROPIC_BEDROCK_BASE_URL", vpce)], "vpce"),
            (
                &[("AWS_BEDROCK_BASE_URL", "https://gateway.example.com/v1")],
                "other",
            ),
            (
                &[(
                    "BEDROCK_RUNTIME_ENDPOINT",
                    "vpce-0a-1b.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
                )],
                "vpce",
            ),
            (&[("BEDROCK_ENDPOINT", "proxy:8080")], "other"),
            (
                &[("BEDROCK_ENDPOINT_URL", " HTTPS://gateway.example.com")],
                "other",
            ),
            (
                &[("BEDROCK_ENDPOINT_URL", "https://vpce-proxy.example.com")],
                "other",
            ),
            // Other services of Bedrock, and what only looks like a host, steer nothing here.
            (
                &[(
                    "BEDROCK_AGENT_RUNTIME_ENDPOINT",
                    "https://vpce-0a.bedrock-agent-runtime.eu-west-1.vpce.amazonaws.com",
                )],
                "default",
            ),
            (
                &[(
                    "BEDROCK_LOGS_S3_ENDPOINT_URL",
                    "https://bucket.vpce-0a.s3.eu-west-1.vpce.amazonaws.com",
                )],
                "default",
            ),
            (
                &[
                    ("BEDROCK_BASE_MODEL", "anthropic.claude-v1:0"),
                    ("BEDROCK_KNOWLEDGE_BASE_BUCKET", "docs.prompts"),
                ],
                "default",
            ),
            (
                &[("MY_BEDROCK_GATEWAY_URL", "https://gateway.example.com")],
                "other",
            ),
            (
                &[
                    ("BEDROCK_LOGS_BASE", "s3://logs/prompts"),
                    (
                        "BEDROCK_KB_BASE",
                        "arn:aws:bedrock:eu-west-1:111111111111:knowledge-base/AB",
                    ),
                ],
                "default",
            ),
            (
                &[
                    ("ANTHROPIC_BEDROCK_BASE_URL", vpce),
                    ("BEDROCK_BASE_URL", "https://gateway.example.com"),
                ],
                "other",
            ),
            (
                &[
                    ("BEDROCK_KNOWLEDGE_BASE_ID", "ABCDEFGHIJ"),
                    ("CLAUDE_CODE_USE_BEDROCK", "1"),
                ],
                "default",
            ),
            (
                &[
                    ("AWS_ENDPOINT_URL", "http://proxy.internal"),
                    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
                ],
                "default",
            ),
            (
                &[
                    ("ANTHROPIC_BEDROCK_BASE_URL", vpce),
                    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
                ],
                "vpce",
            ),
        ] {
            assert_eq!(settings(variables).endpoint(), kind, "{variables:?}");
        }
    }

    #[test]
    fn of_a_vector_store_the_host_is_kept() {
        assert_eq!(
            vector_host("https://u:p@Search-Manuals-1a.eu-west-1.es.amazonaws.com:443/x"),
            "search-manuals-1a.eu-west-1.es.amazonaws.com"
        );
        assert_eq!(
            vector_host("abc123.eu-west-1.aoss.amazonaws.com"),
            "abc123.eu-west-1.aoss.amazonaws.com"
        );
        assert_eq!(
            vector_host("https://manuals-1a.aos.eu-west-1.on.aws"),
            "manuals-1a.aos.eu-west-1.on.aws"
        );
        assert_eq!(vector_host("https://aoss.eu-west-1.amazonaws.com"), "");
    }

    #[test]
    fn a_bedrock_region_wins_over_the_general_one() {
        assert_eq!(
            settings(&[("AWS_REGION", "eu-west-1"), ("BEDROCK_REGION", "us-east-1")]).region,
            "us-east-1"
        );
        assert_eq!(settings(&[("AWS_REGION", "not a region")]).region, "");
    }

    #[test]
    fn a_canary_never_reaches_a_row() {
        let owner = Owner {
            table: "lambda_environment_variable",
            account_id: "1",
            region: "r",
            arn: "a",
            container: "",
        };
        let canary = "CANARY_9f8e7d6c5b4a39281706f5e4d3c2b1a0";
        let rows = look(
            owner,
            [
                ("DB_PASSWORD", canary),
                ("AWS_ENDPOINT_URL", canary),
                ("BEDROCK_REGION", canary),
            ],
            &Fingerprints::fixed(),
            &mut Settings::default(),
        );
        assert!(!format!("{rows:?}").contains("CANARY"));
    }
}
