//! What a variable's value says of hosts and endpoints.

/// Hosts that take prompts outside AWS, by the documentation of those who run them.
const OUTSIDE_HOSTS: &[&str] = &[
    "api.anthropic.com",
    "api.openai.com",
    "openai.azure.com",
    "cognitiveservices.azure.com",
    "inference.ai.azure.com",
    "integrate.api.nvidia.com",
    "services.ai.azure.com",
    "models.ai.azure.com",
    "generativelanguage.googleapis.com",
    "aiplatform.googleapis.com",
    "api.mistral.ai",
    "api.cohere.com",
    "api.cohere.ai",
    "api.groq.com",
    "api.together.xyz",
    "api.together.ai",
    "api.fireworks.ai",
    "api.x.ai",
    "api.perplexity.ai",
    "api.deepseek.com",
    "openrouter.ai",
    "api.replicate.com",
    "api-inference.huggingface.co",
    "router.huggingface.co",
    "endpoints.huggingface.cloud",
    "api.voyageai.com",
    "api.ai21.com",
    "api.cerebras.ai",
    "dashscope.aliyuncs.com",
    "api.tavily.com",
    "api.exa.ai",
    "serpapi.com",
    // What takes prompts and answers to look at them: tracing, evaluation, gateways that keep them.
    "smith.langchain.com",
    "cloud.langfuse.com",
    "helicone.ai",
    "app.phoenix.arize.com",
    "otlp.arize.com",
    "api.braintrust.dev",
    "api.portkey.ai",
    "api.traceloop.com",
    "trace.wandb.ai",
    "api.agentops.ai",
    "app.langtrace.ai",
    "logfire-api.pydantic.dev",
    "api.literalai.com",
    "app.opik.ai",
];

/// Parts of the names of variables that the SDKs of models, their gateways and what traces their prompts read.
const OF_MODELS: &[&str] = &[
    "AI",
    "ANTHROPIC",
    "BEDROCK",
    "CEREBRAS",
    "CLAUDE",
    "COHERE",
    "DEEPSEEK",
    "FIREWORKS",
    "GEMINI",
    "GENAI",
    "GROQ",
    "HELICONE",
    "HUGGINGFACE",
    "LANGCHAIN",
    "LANGFUSE",
    "LANGSMITH",
    "LITELLM",
    "LLM",
    "MISTRAL",
    "OLLAMA",
    "OPENAI",
    "OPENROUTER",
    "PERPLEXITY",
    "PORTKEY",
    "REPLICATE",
    "TOGETHER",
    "VERTEX",
    "VLLM",
    "XAI",
];

/// Names that end so hold the address of a service.
const ADDRESSES: &[&str] = &[
    "URL", "URI", "ENDPOINT", "HOST", "API_BASE", "BASEURL", "PROXY",
];

/// Variables that are base URLs and say so less plainly.
const BASE_URLS: &[&str] = &[
    "CO_API_URL",
    "AZURE_API_BASE",
    "HF_ENDPOINT",
    "HF_INFERENCE_ENDPOINT",
];

/// Variables of any HTTP client that send its calls to a proxy.
const PROXIES: &[&str] = &["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"];

/// Does the SDK of a model, of a gateway or of AWS for Bedrock take the address that it calls from a variable of this name (AWS
/// SDKs and Tools Reference Guide, "Service-specific endpoints", and the documentation of each SDK)?
fn is_base_url(upper: &str) -> bool {
    if upper == "AWS_ENDPOINT_URL" || upper.starts_with("AWS_ENDPOINT_URL_BEDROCK") {
        return true;
    }
    if upper.starts_with("AWS_ENDPOINT_URL") {
        return false;
    }
    let elsewhere = [
        "SOURCE", "CALLBACK", "WEBHOOK", "REDIRECT", "DOCS", "REFERER", "ORIGIN",
    ]
    .iter()
    .any(|word| upper.contains(word));
    BASE_URLS.contains(&upper)
        || !elsewhere
            && ADDRESSES.iter().any(|end| upper.ends_with(end))
            && upper.split('_').any(|part| OF_MODELS.contains(&part))
}

/// Does a variable send the calls of HTTP clients to a proxy?
pub(super) fn is_proxy(upper: &str) -> bool {
    PROXIES.contains(&upper)
}

/// Does `NO_PROXY` keep calls to AWS from the proxy?
pub(super) fn spares_aws(value: &str) -> bool {
    value.split([',', ' ']).map(str::trim).any(|one| {
        one == "*"
            || one.contains("amazonaws.com")
            || one.contains("api.aws")
            || one.contains("bedrock")
    })
}

/// What the variables beside one say of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Around {
    /// Another names LangSmith's host.
    pub langsmith: bool,
    /// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`: what points the SDK of AWS elsewhere does not count.
    pub ignores: bool,
    /// `NO_PROXY` keeps calls to AWS from a proxy.
    pub spares_aws: bool,
}

impl Around {
    /// What a set of variables says of each of them.
    pub fn of<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let mut all = Self::default();
        for (name, value) in variables {
            let upper = name.to_ascii_uppercase();
            all.langsmith |= is_langsmith_host(name, value);
            all.ignores |= upper == "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
                && value.trim().eq_ignore_ascii_case("true");
            all.spares_aws |= upper == "NO_PROXY" && spares_aws(value);
        }
        all
    }
}

/// Switches that send prompts to LangSmith, at its own host where none is named.
const LANGSMITH: &[&str] = &[
    "LANGCHAIN_TRACING_V2",
    "LANGSMITH_TRACING",
    "LANGSMITH_TRACING_V2",
];

/// The host of Claude Platform on AWS is `aws-external-anthropic.<region>.api.aws`.
const CLAUDE_PLATFORM: &str = "aws-external-anthropic";

/// In place of a host that could not be distinguished from a password.
const NOT_SHOWN: &str = "(not shown)";

/// Does a host certainly lie in AWS, or in a network of one's own?
fn is_own(host: &str) -> bool {
    let ends = [
        "amazonaws.com",
        "amazonaws.com.cn",
        "api.aws",
        "on.aws",
        "internal",
        "local",
        "localhost",
        "lan",
        "svc",
        "corp",
        "home.arpa",
    ];
    let inside = |end: &&str| {
        host == *end
            || host
                .strip_suffix(*end)
                .is_some_and(|rest| rest.ends_with('.'))
    };
    if let Ok(address) = host.parse::<std::net::IpAddr>() {
        return match address {
            std::net::IpAddr::V4(address) => {
                address.is_private() || address.is_loopback() || address.is_link_local()
            }
            std::net::IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => {
                    address.is_private() || address.is_loopback() || address.is_link_local()
                }
                None => address.is_loopback() || address.is_unique_local(),
            },
        };
    }
    !host.contains('.') || ends.iter().any(inside)
}

/// The host outside AWS to which a variable sends prompts: one of the list that its value names, or whatever host a proxy or the
/// base URL of a model's SDK names that is neither AWS's nor one's own.
pub fn leaves(name: &str, value: &str, around: Around) -> String {
    let known = outside_host(value);
    if !known.is_empty() {
        return known.to_owned();
    }
    let upper = name.to_ascii_uppercase();
    if LANGSMITH.contains(&upper.as_str())
        && !around.langsmith
        && ["true", "1"].contains(&value.trim().to_ascii_lowercase().as_str())
    {
        return "smith.langchain.com".to_owned();
    }
    let counts = if is_proxy(&upper) {
        !around.spares_aws
    } else {
        is_base_url(&upper) && !(around.ignores && upper.starts_with("AWS_ENDPOINT_URL"))
    };
    if !counts {
        return String::new();
    }
    let host = host_of(value.trim().trim_matches(['"', '\'']));
    if host == NOT_SHOWN {
        return host;
    }
    if host.is_empty() || is_own(&host) {
        return String::new();
    }
    // Nothing but a host reaches a report; what is not one may hold a password.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    if !host.chars().all(plain) {
        return NOT_SHOWN.to_owned();
    }
    host
}

/// Does a variable name the host of LangSmith?
pub fn is_langsmith_host(name: &str, value: &str) -> bool {
    !value.trim().is_empty()
        && ["LANGSMITH_ENDPOINT", "LANGCHAIN_ENDPOINT"]
            .contains(&name.to_ascii_uppercase().as_str())
}

/// The host of the list that a value names, alone or in a URL.
fn outside_host(value: &str) -> &'static str {
    let lower = value.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')));
    let known = |word: &str| {
        OUTSIDE_HOSTS.iter().copied().find(|host| {
            word == *host
                || word
                    .strip_suffix(host)
                    .is_some_and(|rest| rest.ends_with('.') || rest.ends_with('-'))
        })
    };
    // Claude Platform on AWS has a host of AWS, and Anthropic processes what is sent there.
    let at_anthropic = |word: &str| {
        (word.starts_with(CLAUDE_PLATFORM) && word.ends_with(".api.aws")).then_some(CLAUDE_PLATFORM)
    };
    words
        .find_map(|word| known(word).or_else(|| at_anthropic(word)))
        .unwrap_or_default()
}

/// The host of an OpenSearch Serverless collection or OpenSearch Service domain that a value names, alone or in a URL.
pub fn vector_host(value: &str) -> String {
    let lower = value.to_ascii_lowercase();
    let store = |word: &&str| {
        word.ends_with(".aoss.amazonaws.com")
            || word.ends_with(".es.amazonaws.com")
            || word.contains(".aos.") && word.ends_with(".on.aws")
    };
    lower
        .split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-')))
        .find(store)
        .unwrap_or_default()
        .to_owned()
}

/// Does a name say that the variable holds a host or URL?
pub(super) fn names_a_host(upper: &str) -> bool {
    ["URL", "URI", "ENDPOINT", "HOST", "BASE"]
        .iter()
        .any(|word| upper.contains(word))
}

pub(super) fn is_a_url(value: &str) -> bool {
    value.split_once("://").is_some_and(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}

/// The host of a URL, or of what stands for one, in lower case.
pub(super) fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    // A password with a slash in it ends the host too early.
    if path.contains('@') {
        return NOT_SHOWN.to_owned();
    }
    // What stands before an `@` is a name and a password.
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host.to_ascii_lowercase()
}

pub(super) fn of_aws(url: &str) -> bool {
    let host = host_of(url);
    ["amazonaws.com", "amazonaws.com.cn", "api.aws"]
        .iter()
        .any(|root| host.ends_with(&format!(".{root}")))
}

pub(super) fn endpoint(url: &str) -> &'static str {
    let host = host_of(url);
    // The second root is that of dual-stack names (AWS General Reference, "Amazon Bedrock endpoints and quotas").
    let of_aws = host.ends_with(".amazonaws.com") || host.ends_with(".api.aws");
    if host.contains(".vpce.amazonaws.com") {
        "vpce"
    } else if host.is_empty() || host.starts_with("bedrock") && of_aws {
        "default"
    } else {
        "other"
    }
}

/// An address without what may be a secret in it: who asks, and the signature of what is asked.
pub fn place_of(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest
        .split_once('/')
        .map_or((rest, String::new()), |(host, path)| {
            (host, format!("/{path}"))
        });
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_outside_aws_is_a_way_out_and_nothing_else_of_it_is_kept() {
        for (name, value, host) in [
            (
                "OPENAI_BASE_URL",
                "https://llm.example.net/v1",
                "llm.example.net",
            ),
            (
                "OPENAI_BASE_URL",
                "https://me:p4ss@llm.example.net:8443/v1?key=abc",
                "llm.example.net",
            ),
            ("OPENAI_BASE_URL", "https://me:p4ss@", ""),
            (
                "OPENAI_BASE_URL",
                "https://tok.SECRET/x@llm.example.net/v1",
                "(not shown)",
            ),
            (
                "OPENAI_BASE_URL",
                " \"https://llm.example.net\" ",
                "llm.example.net",
            ),
            ("OPENAI_BASE_URL", "llm.example.net/v1", "llm.example.net"),
            ("OPENAI_BASE_URL", "http://[::ffff:10.0.0.1]/v1", ""),
            (
                "ANTHROPIC_BEDROCK_BASE_URL",
                "https://vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com",
                "",
            ),
            ("OPENAI_BASE_URL", "http://litellm:4000", ""),
            ("OPENAI_BASE_URL", "http://10.0.0.4:4000", ""),
            ("OPENAI_BASE_URL", "http://llm.corp.internal/v1", ""),
            ("OPENAI_BASE_URL", "http://[fd00::1]/v1", ""),
            ("APP_URL", "https://www.example.com", ""),
            (
                "TRACES",
                "https://eu.api.smith.langchain.com",
                "smith.langchain.com",
            ),
            ("LANGCHAIN_TRACING_V2", "true", "smith.langchain.com"),
            ("LANGCHAIN_TRACING_V2", "false", ""),
        ] {
            assert_eq!(
                leaves(name, value, Around::default()),
                host,
                "{name}={value}"
            );
        }
        let around = Around {
            langsmith: true,
            ignores: true,
            spares_aws: true,
        };
        for (name, value) in [
            ("LANGCHAIN_TRACING_V2", "true"),
            (
                "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
                "https://llm.example.net",
            ),
            ("https_proxy", "http://proxy.example.net:3128"),
        ] {
            assert_eq!(leaves(name, value, around), "", "{name}");
        }
    }

    #[test]
    fn every_variable_that_an_sdk_reads_its_address_from_counts() {
        for name in [
            "AWS_ENDPOINT_URL",
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME",
            "AWS_ENDPOINT_URL_BEDROCK_AGENT_RUNTIME",
            "AWS_BEDROCK_RUNTIME_ENDPOINT",
            "BEDROCK_URL",
            "ANTHROPIC_BEDROCK_MANTLE_BASE_URL",
            "ANTHROPIC_VERTEX_BASE_URL",
            "ANTHROPIC_API_URL",
            "OPENAI_API_HOST",
            "AZURE_OPENAI_BASE_URL",
            "CO_API_URL",
            "MISTRAL_API_BASE",
            "OLLAMA_HOST",
            "LITELLM_URL",
            "LLM_BASE_URL",
            "https_proxy",
            "ALL_PROXY",
            "OPENAI_PROXY",
        ] {
            let host = leaves(name, "https://llm.example.com/v1", Around::default());
            assert_eq!(host, "llm.example.com", "{name}");
        }
        for name in [
            "AWS_ENDPOINT_URL_S3",
            "API_URL",
            "EMAIL_HOST",
            "BEDROCK_DATA_SOURCE_URL",
        ] {
            assert_eq!(
                leaves(name, "https://llm.example.com", Around::default()),
                "",
                "{name}"
            );
        }
    }
}
