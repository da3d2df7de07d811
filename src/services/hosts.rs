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
];

/// The host of the list that a value names, alone or in a URL.
pub fn outside_host(value: &str) -> &'static str {
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
    words.find_map(known).unwrap_or_default()
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
    url.split("://")
        .last()
        .unwrap_or(url)
        .split(['/', ':'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

pub(super) fn of_aws(url: &str) -> bool {
    let host = host_of(url);
    ["amazonaws.com", "amazonaws.com.cn", "api.aws"]
        .iter()
        .any(|root| host.ends_with(&format!(".{root}")))
}

pub(super) fn endpoint(url: &str) -> &'static str {
    let host = host_of(url);
    if host.contains(".vpce.amazonaws.com") {
        "vpce"
    } else if host.is_empty() || host.starts_with("bedrock") && host.ends_with(".amazonaws.com") {
        "default"
    } else {
        "other"
    }
}

pub(super) fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    (3..=4).contains(&parts.len())
        && parts[0].len() == 2
        && parts.iter().all(|part| {
            part.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
        && parts
            .last()
            .is_some_and(|last| last.chars().all(|c| c.is_ascii_digit()))
}
