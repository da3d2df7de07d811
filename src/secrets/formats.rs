//! Documented formats of credentials.
//!
//! Each entry has a literal that must occur (a cheap test) and a pattern, compiled on first use.
//! Sources: the providers' own pages on token formats; for most of them also the rules of gitleaks (MIT).

use super::{Category, Confidence, Detection};
use regex::Regex;
use std::sync::LazyLock;

struct Format {
    id: &'static str,
    category: Category,
    /// One of these occurs in every value of this format.
    literals: &'static [&'static str],
    pattern: LazyLock<Option<Regex>>,
}

macro_rules! formats {
    ($($id:literal $category:ident [$($literal:literal),+] $pattern:literal;)+) => {
        [$(Format { id: $id, category: Category::$category, literals: &[$($literal),+], pattern: LazyLock::new(|| Regex::new($pattern).ok()) }),+]
    };
}

// In the order of decision: the more specific first.
static FORMATS: LazyLock<Vec<Format>> = LazyLock::new(|| {
    Vec::from(formats! {
        "bedrock-api-key-long-term" BedrockApiKey ["ABSK"] r"\bABSK[A-Za-z0-9+/]{60,}={0,2}";
        "bedrock-api-key-short-term" BedrockApiKey ["bedrock-api-key-"] r"\bbedrock-api-key-[A-Za-z0-9+/=_-]{20,}";
        "slack-webhook" Webhook ["hooks.slack"] r"hooks\.slack(-gov)?\.com/(services/T[A-Za-z0-9_]+/B[A-Za-z0-9_]+/[A-Za-z0-9]{8,}|(workflows|triggers)/[A-Za-z0-9_/-]{20,})";
        "teams-webhook" Webhook ["webhook.office"] r"webhook\.office(365)?\.com/webhookb?2?/[A-Za-z0-9-]{20,}@?[A-Za-z0-9@/-]*";
        "teams-workflow" Webhook ["logic.azure.com", "powerplatform.com"] r"(logic\.azure\.com|powerplatform\.com)[^\s]*/workflows/[^\s]*[?&]sig=[A-Za-z0-9_-]{20,}";
        "discord-webhook" Webhook ["/api/webhooks/"] r"discord(app)?\.com/api/(v\d+/)?webhooks/\d{15,22}/[A-Za-z0-9_-]{40,}";
        "anthropic-key" ProviderKey ["sk-ant-"] r"\bsk-ant-[a-z0-9]{3,10}-[A-Za-z0-9_-]{20,}";
        "openrouter-key" ProviderKey ["sk-or-"] r"\bsk-or-(v1-)?[0-9a-f]{40,}";
        "openai-key" ProviderKey ["sk-proj-", "sk-svcacct-", "sk-admin-", "sk-None-"] r"\bsk-(proj|svcacct|admin|None)-[A-Za-z0-9_-]{20,}";
        "openai-key-legacy" ProviderKey ["sk-"] r"(^|[^A-Za-z0-9])sk-[A-Za-z0-9]{20,}T3BlbkFJ[A-Za-z0-9]{20,}";
        "sk-key" ProviderKey ["sk-"] r"^sk-[A-Za-z0-9]{30,64}$";
        "google-api-key" ProviderKey ["AIza"] r"\bAIza[A-Za-z0-9_-]{35}";
        "groq-key" ProviderKey ["gsk_"] r"\bgsk_[A-Za-z0-9]{40,}";
        "hugging-face-token" ProviderKey ["hf_"] r"\b(hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z]{34})";
        "replicate-token" ProviderKey ["r8_"] r"\br8_[A-Za-z0-9]{30,}";
        "xai-key" ProviderKey ["xai-"] r"\bxai-[A-Za-z0-9]{40,}";
        "perplexity-key" ProviderKey ["pplx-"] r"\bpplx-[A-Za-z0-9]{32,}";
        "pinecone-key" ProviderKey ["pcsk_"] r"\bpcsk_[A-Za-z0-9_]{30,}";
        "voyage-key" ProviderKey ["pa-"] r"^pa-[A-Za-z0-9_-]{30,}$";
        "fireworks-key" ProviderKey ["fw_"] r"^fw_[A-Za-z0-9]{20,}$";
        "nvidia-key" ProviderKey ["nvapi-"] r"\bnvapi-[A-Za-z0-9_-]{40,}";
        "cerebras-key" ProviderKey ["csk-"] r"^csk-[a-z0-9]{30,}$";
        "together-key" ProviderKey ["tgp_v1_"] r"\btgp_v1_[A-Za-z0-9_-]{30,}";
        "private-key" Secret ["PRIVATE KEY"] r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----";
        "aws-access-key-id" Secret ["AKIA", "ASIA"] r"\b(AKIA|ASIA)[A-Z2-7]{16}\b";
        "github-token" Secret ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"] r"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})";
        "gitlab-token" Secret ["glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glsoat-", "glagent-", "glft-"] r"\bgl(pat|dt|rt|ptt|cbt|soat|agent|ft)-[A-Za-z0-9_.-]{20,}";
        "slack-token" Secret ["xox", "xapp-"] r"\b(xox[abeoprs](\.xox[bp])?-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{10,})";
        "stripe-key" Secret ["sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "sk_prod_"] r"\b((sk|rk)_(live|test|prod)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})";
        "sendgrid-key" Secret ["SG."] r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,}";
        "mailgun-key" Secret ["key-"] r"^key-[0-9a-f]{32}$";
        "mailchimp-key" Secret ["-us"] r"^[0-9a-f]{32}-us\d{1,2}$";
        "npm-token" Secret ["npm_"] r"\bnpm_[A-Za-z0-9]{36}";
        "pypi-token" Secret ["pypi-"] r"\bpypi-[A-Za-z0-9_-]{50,}";
        "rubygems-token" Secret ["rubygems_"] r"\brubygems_[0-9a-f]{48}";
        "docker-token" Secret ["dckr_"] r"\bdckr_(pat|oat)_[A-Za-z0-9_-]{20,}";
        "vault-token" Secret ["hvs.", "hvb.", "hvr."] r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}";
        "vault-token-legacy" Secret ["s."] r"^s\.[A-Za-z0-9]{24}$";
        "terraform-cloud-token" Secret [".atlasv1."] r"\.atlasv1\.[A-Za-z0-9_=-]{50,}";
        "digitalocean-token" Secret ["dop_v1_", "doo_v1_", "dor_v1_"] r"\bdo[opr]_v1_[0-9a-f]{64}";
        "databricks-token" Secret ["dapi"] r"\bdapi[0-9a-f]{32}(-\d)?";
        "shopify-token" Secret ["shpat_", "shpca_", "shppa_", "shpss_"] r"\bshp(at|ca|pa|ss)_[0-9a-fA-F]{32}";
        "square-token" Secret ["sq0", "EAAA"] r"\b(sq0(atp|csp|idp)-[A-Za-z0-9_-]{22,43}|EAAA[A-Za-z0-9_-]{60})";
        "twilio-key" Secret ["SK"] r"^SK[0-9a-f]{32}$";
        "newrelic-key" Secret ["NRAK-", "NRII-", "NRAL", "NRJS-"] r"(\bNR(AK|II)-[A-Za-z0-9_-]{20,}|[0-9a-fA-F]{36}NRAL$)";
        "sentry-token" Secret ["sntrys_", "sntryu_"] r"\bsntry[su]_[A-Za-z0-9+/=_-]{40,}";
        "grafana-token" Secret ["glc_", "glsa_"] r"\bgl(c|sa)_[A-Za-z0-9+/=_]{30,}";
        "linear-key" Secret ["lin_api_"] r"\blin_(api|oauth)_[A-Za-z0-9]{32,}";
        "notion-token" Secret ["ntn_", "secret_"] r"\b(ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{43})\b";
        "airtable-token" Secret ["pat"] r"^pat[A-Za-z0-9]{14}\.[0-9a-f]{64}$";
        "langsmith-key" Secret ["lsv2_", "ls__"] r"\b(lsv2_(pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}|ls__[0-9a-f]{32})";
        "langfuse-key" Secret ["sk-lf-"] r"\bsk-lf-[0-9a-f-]{36}";
        "atlassian-token" Secret ["ATATT", "ATCTT"] r"\bAT(ATT|CTT)3[A-Za-z0-9_=-]{100,}";
        "doppler-token" Secret ["dp.pt.", "dp.st.", "dp.sa."] r"\bdp\.(pt|st|sa)\.[A-Za-z0-9_.-]{30,}";
        "postman-key" Secret ["PMAK-"] r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}";
        "supabase-key" Secret ["sbp_", "sb_secret_"] r"\b(sbp_[0-9a-f]{40}|sb_secret_[A-Za-z0-9_-]{20,})";
        "planetscale-token" Secret ["pscale_"] r"\bpscale_(tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}";
        "telegram-bot-token" Secret [":AA"] r"^\d{8,10}:AA[A-Za-z0-9_-]{33}$";
        "flyio-token" Secret ["fo1_", "FlyV1"] r"\b(fo1_[A-Za-z0-9_-]{40,}|FlyV1 fm\d_[A-Za-z0-9+/=,_-]{50,})";
        "age-key" Secret ["AGE-SECRET-KEY-"] r"\bAGE-SECRET-KEY-1[0-9A-Z]{50,}";
        "google-oauth-secret" Secret ["GOCSPX-"] r"\bGOCSPX-[A-Za-z0-9_-]{28}";
        "azure-client-secret" Secret ["Q~"] r"\b[A-Za-z0-9_~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}";
        "azure-account-key" Secret ["AccountKey=", "SharedAccessKey="] r"(AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{40,}={0,2}";
        "azure-sas" Secret ["sig="] r"[?&]sv=\d{4}-\d\d-\d\d.*[?&]?sig=[A-Za-z0-9%+/=]{30,}";
        "jwt" Secret ["eyJ"] r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}";
        "authorization-header" Secret ["Bearer ", "Basic ", "bearer ", "basic "] r"^(?i:bearer|basic)\s+[A-Za-z0-9._~+/-]{16,}=*$";
        "url-with-password" Secret ["://"] r#"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@?#'"]*:[^\s/@'"]{1,}@[^\s'"]"#;
        "connection-string-password" Secret ["assword=", "ASSWORD=", "Pwd=", "PWD=", "pwd="] r"(?i)\b(password|pwd)=[^;\s&]{4,}";
        "odbc-or-query-token" Secret ["token=", "api_key=", "apikey=", "access_token="] r"(?i)[?&;](access_token|api_?key|token|auth)=[A-Za-z0-9_-]{20,}";
    })
});

/// The first format that the value has.
pub(super) fn find(name: &str, value: &str) -> Option<Detection> {
    let format = FORMATS.iter().find(|format| {
        format
            .literals
            .iter()
            .any(|literal| value.contains(literal))
            && format
                .pattern
                .as_ref()
                .and_then(|pattern| pattern.find(value))
                .is_some_and(|found| !is_stub(format.id, found.as_str()))
    })?;
    let category = match format.id {
        // Langfuse, LangSmith and others start alike: `sk-` alone tells a provider key only by its form, the name may know better.
        "sk-key" if super::guess::names_generic_key(name) => Category::Secret,
        _ => format.category,
    };
    Some(Detection {
        category,
        detector: format.id,
        confidence: Confidence::High,
    })
}

/// A match that only stands for a secret: `postgres://user:${PASSWORD}@host`, `sk-ant-xxxx...`.
fn is_stub(id: &str, found: &str) -> bool {
    let secret = match id {
        "url-with-password" => {
            let Some((_, rest)) = found.split_once("://") else {
                return true;
            };
            rest.rsplit_once('@')
                .and_then(|(user, _)| user.split_once(':'))
                .map_or("", |(_, password)| password)
        }
        "connection-string-password" => found.split_once('=').map_or("", |(_, password)| password),
        _ => found,
    };
    super::guess::is_placeholder(secret) || secret.to_ascii_lowercase().contains("xxxxxx")
}
