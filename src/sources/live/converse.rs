//! The probe's real call: one token of a model, as an application with AWS's SDK makes it.

use crate::sources::probe::{Call, Plan, shows};
use aws_credential_types::Credentials;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::config::{BehaviorVersion, Region};
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ConversationRole, InferenceConfiguration, Message,
};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use base64::Engine as _;
use std::net::{IpAddr, SocketAddr};

/// The answers that the probe has seen already, so that the call goes where the name was seen to lead.
#[derive(Debug, Clone)]
struct Seen(Vec<IpAddr>);

impl ResolveDns for Seen {
    fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(Ok(self.0.clone()))
    }
}

/// The certificates to trust: those given, else the public ones that come with the program.
fn trusted(plan: &Plan) -> TrustStore {
    match &plan.roots {
        Some(pem) => TrustStore::empty().with_pem_certificate(pem.as_bytes()),
        None => webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().fold(
            TrustStore::empty(),
            |store, certificate| {
                let body = base64::engine::general_purpose::STANDARD.encode(certificate);
                store.with_pem_certificate(format!(
                    "-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
                ))
            },
        ),
    }
}

/// Asks a model for one token, once, within the plan's time; nothing of the answer's content is kept.
pub(super) fn converse(
    plan: &Plan,
    host: &str,
    addresses: &[SocketAddr],
    model: &str,
    credentials: &Credentials,
) -> Call {
    let call = |status: u16, code: String, request_id: String| Call {
        operation: "bedrock:InvokeModel".to_owned(),
        status,
        shows: shows(status, &code).to_owned(),
        code,
        request_id,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return call(0, error.to_string(), String::new()),
    };
    let context = match TlsContext::builder()
        .with_trust_store(trusted(plan))
        .build()
    {
        Ok(context) => context,
        Err(error) => return call(0, error.to_string(), String::new()),
    };
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(context)
        .build_with_resolver(Seen(addresses.iter().map(SocketAddr::ip).collect()));
    let port = addresses.first().map_or(443, SocketAddr::port);
    let config = aws_sdk_bedrockruntime::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(plan.region.clone()))
        .endpoint_url(if port == 443 {
            format!("https://{host}")
        } else {
            format!("https://{host}:{port}")
        })
        .credentials_provider(credentials.clone())
        .http_client(http)
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(plan.timeout)
                .operation_timeout(plan.timeout)
                .build(),
        )
        .build();
    let client = aws_sdk_bedrockruntime::Client::from_conf(config);
    let message = Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text("Hi".to_owned()))
        .build();
    let Ok(message) = message else {
        return call(0, "the message could not be made".to_owned(), String::new());
    };
    let limits = InferenceConfiguration::builder().max_tokens(1).build();
    let answer = runtime.block_on(
        client
            .converse()
            .model_id(model)
            .messages(message)
            .inference_config(limits)
            .send(),
    );
    runtime.shutdown_background();
    match answer {
        Ok(answer) => call(
            200,
            String::new(),
            answer.request_id().unwrap_or_default().to_owned(),
        ),
        Err(error) => {
            let status = error
                .raw_response()
                .map_or(0, |response| response.status().as_u16());
            let code = error
                .code()
                .map_or_else(|| crate::services::failure::cause(&error), str::to_owned);
            call(
                status,
                code,
                error.request_id().unwrap_or_default().to_owned(),
            )
        }
    }
}
