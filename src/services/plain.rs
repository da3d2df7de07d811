//! Operations of services of which a rule needs one or two answers: JSON, or forms and XML, over HTTPS, without an SDK crate of their own.
//!
//! Signing, credentials, retries, timeouts and endpoints from the environment are those of the SDK's own orchestrator; what is
//! written here is the name of the operation, its input, and which members of the answer are read. A crate for each of these
//! services would double what the whole program takes to build.

mod xml;

use super::collect::{Listing, Place};
use super::failure::{Failure, HtmlIsFinal, Throttles};
use crate::inventory::Status;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::HttpStatusCodeClassifier;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::{ErrorKind, ProvideErrorKind, RetryConfig};
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use aws_types::request_id::RequestId;
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value as Json;
use std::fmt;
use std::sync::Arc;

/// A service, in the words of its API model.
#[derive(Debug, Clone, Copy)]
pub struct Spoken {
    /// Prefix of its IAM actions.
    pub prefix: &'static str,
    /// Id of the service in the SDK's configuration, such as `Secrets Manager`.
    pub id: &'static str,
    /// First label of its host.
    pub host: &'static str,
    /// Name that requests are signed for.
    pub signed: &'static str,
    /// How it is asked.
    pub protocol: Protocol,
    /// Has the partition one endpoint for all Regions?
    pub worldwide: bool,
}

/// How operations and answers are written (Smithy, "AWS Protocols").
#[derive(Debug, Clone, Copy)]
pub enum Protocol {
    /// JSON; what stands before the operation in `X-Amz-Target`, and the version of `application/x-amz-json`.
    Json(&'static str, &'static str),
    /// JSON, where operations are paths.
    Paths,
    /// A form, answered in XML; the version of the API.
    Query(&'static str),
}

/// One request: an operation or a path, and its input.
#[derive(Debug)]
struct Ask {
    operation: String,
    input: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    body: Json,
    id: Option<String>,
    /// The operation that it answers, where it says so.
    of: Option<String>,
}

impl Answer {
    /// A member of the answer that is a list; empty where it is absent.
    fn list(&self, member: &str) -> Vec<Json> {
        self.body
            .get(member)
            .and_then(Json::as_array)
            .cloned()
            .unwrap_or_default()
    }

    /// A member of the answer that is a text.
    fn text(&self, member: &str) -> Option<String> {
        self.body
            .get(member)
            .and_then(Json::as_str)
            .map(str::to_owned)
    }

    /// The whole answer.
    pub fn body(&self) -> &Json {
        &self.body
    }
}

impl RequestId for Answer {
    fn request_id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// A refusal, with its code and message.
#[derive(Debug)]
pub struct Refusal(ErrorMetadata);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl ProvideErrorKind for Refusal {
    fn retryable_error_kind(&self) -> Option<ErrorKind> {
        None
    }

    fn code(&self) -> Option<&str> {
        self.0.code()
    }
}

/// A client of one service in a place.
pub struct Client<'p> {
    place: &'p Place<'p>,
    service: &'static Spoken,
    /// Nothing where the partition does not have the service.
    operation: Option<Operation<Ask, Answer, Refusal>>,
}

impl<'p> Client<'p> {
    /// A client with the credentials, timeouts and endpoints of the place.
    pub fn of(place: &'p Place<'p>, service: &'static Spoken) -> Self {
        let operation = endpoint(place, service)
            .map(|(endpoint, region)| operation(place, service, &endpoint, region));
        Self {
            place,
            service,
            operation,
        }
    }

    fn action(&self, operation: &str) -> String {
        format!("{}:{operation}", self.service.prefix)
    }

    async fn send(
        &self,
        operation: &str,
        input: &Json,
    ) -> Result<Answer, SdkError<Refusal, HttpResponse>> {
        let ask = Ask {
            operation: operation.to_owned(),
            input: match self.service.protocol {
                Protocol::Query(version) => xml::form(operation, version, input),
                _ => input.to_string(),
            },
        };
        match &self.operation {
            Some(client) => match client.invoke(ask).await {
                Ok(answer) if answer.of.as_deref().is_some_and(|of| of != operation) => Err(
                    SdkError::construction_failure("it is the answer of another operation"),
                ),
                answer => answer,
            },
            None => Err(SdkError::construction_failure(
                "the partition does not have the service",
            )),
        }
    }

    /// One call. `operation` is its name, or its path where the service has paths.
    ///
    /// # Errors
    /// What the call came to instead of an answer.
    pub async fn call(&self, action: &str, operation: &str, input: &Json) -> Result<Json, Failure> {
        if self.operation.is_none() {
            return Err(self.missing());
        }
        self.place
            .call(&self.action(action), || self.send(operation, input))
            .await
            .map(|answer| answer.body)
    }

    /// A list to its end: `items` and `token` are the members of the answer that hold the items and the next page's token,
    /// which goes back into the member `token` of the input.
    pub async fn pages(
        &self,
        operation: &str,
        input: &Json,
        items: &str,
        token: &str,
    ) -> Listing<Json> {
        if self.operation.is_none() {
            return Listing::of(Vec::new(), Some(self.missing()));
        }
        self.place
            .pages(
                &self.action(operation),
                |next| {
                    let mut input = input.clone();
                    if let Some(next) = next {
                        input[token] = next.into();
                    }
                    async move { self.send(operation, &input).await }
                },
                |answer| (answer.list(items), answer.text(token)),
            )
            .await
    }

    /// A single answer as a list of one.
    pub async fn single(&self, action: &str, operation: &str, input: &Json) -> Listing<Answer> {
        if self.operation.is_none() {
            return Listing::of(Vec::new(), Some(self.missing()));
        }
        self.place
            .single(&self.action(action), || self.send(operation, input))
            .await
    }

    fn missing(&self) -> Failure {
        Failure {
            // Whether another endpoint of the partition serves it is not known here.
            status: Status::Error,
            code: "NotOffered".to_owned(),
            message: format!(
                "the partition {} does not have {}",
                self.place.partition, self.service.id
            ),
        }
    }
}

/// A time of an answer as RFC 3339 in UTC, to the second: seconds since 1970, or a text; empty where there is none (Smithy,
/// "timestampFormat trait").
pub fn instant(value: &Json) -> String {
    let time = match value {
        Json::Number(seconds) => seconds
            .as_f64()
            .and_then(|seconds| jiff::Timestamp::from_second(seconds as i64).ok()),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    time.map_or_else(String::new, |time| {
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    })
}

/// Where a service is asked, and the Region that requests are signed for. What is configured for the service, or for all, comes
/// first (AWS SDKs and Tools Reference Guide, "Service-specific endpoints").
fn endpoint(place: &Place<'_>, service: &Spoken) -> Option<(String, String)> {
    let (suffix, first) = match place.partition {
        "aws" => ("amazonaws.com", "us-east-1"),
        "aws-cn" => ("amazonaws.com.cn", "cn-northwest-1"),
        "aws-us-gov" => ("amazonaws.com", "us-gov-west-1"),
        _ => return None,
    };
    let region = if service.worldwide {
        first
    } else {
        place.region
    };
    let configured = place
        .config
        .service_config()
        .and_then(|known| {
            ServiceConfigKey::builder()
                .service_id(service.id)
                .env("AWS_ENDPOINT_URL")
                .profile("endpoint_url")
                .build()
                .ok()
                .and_then(|key| known.load_config(key))
        })
        .or_else(|| place.config.endpoint_url().map(str::to_owned));
    let usual = match (service.worldwide, service.host, place.partition) {
        // AWS General Reference, "AWS Billing and Cost Management endpoints and quotas".
        (true, _, "aws-us-gov") => return None,
        (true, "budgets", _) => format!("https://budgets.{suffix}"),
        (true, host, _) => format!("https://{host}.{first}.{suffix}"),
        (false, host, _) => format!("https://{host}.{}.{suffix}", place.region),
    };
    Some((configured.unwrap_or(usual), region.to_owned()))
}

fn operation(
    place: &Place<'_>,
    service: &'static Spoken,
    endpoint: &str,
    region: String,
) -> Operation<Ask, Answer, Refusal> {
    let config = place.config;
    let mut layer = Layer::new("plain");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigningName::from_static(service.signed));
    layer.store_put(SigningRegion::from(Region::new(region)));
    layer.store_put(SigV4OperationSigningConfig::default());
    let mut components = RuntimeComponentsBuilder::new("plain")
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(
            StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]),
        )))
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_identity_cache(config.identity_cache());
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    }
    let mut builder = Operation::builder()
        .service_name(format!(
            "{}-{}-{}",
            place.account, service.host, place.region
        ))
        .operation_name(service.host)
        .endpoint_url(endpoint)
        .standard_retry(
            &config
                .retry_config()
                .cloned()
                .unwrap_or_else(RetryConfig::standard),
        )
        .timeout_config(
            config
                .timeout_config()
                .cloned()
                .unwrap_or_else(TimeoutConfig::disabled),
        )
        .retry_classifier(HttpStatusCodeClassifier::default())
        .retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .retry_classifier(HtmlIsFinal)
        .retry_classifier(Throttles(Arc::clone(place.pulse)))
        .with_connection_poisoning()
        .runtime_plugin(
            StaticRuntimePlugin::new()
                .with_config(layer.freeze())
                .with_runtime_components(components),
        );
    if let Some(version) = config.behavior_version() {
        builder = builder.behavior_version(version);
    }
    if let Some(http) = config.http_client() {
        builder = builder.http_client(http);
    }
    if let Some(sleep) = config.sleep_impl() {
        builder = builder.sleep_impl(sleep);
    }
    if let Some(time) = config.time_source() {
        builder = builder.time_source(time);
    }
    if let Some(protection) = config.stalled_stream_protection() {
        builder = builder.stalled_stream_protection(protection);
    }
    builder
        .serializer(move |ask: Ask| {
            let mut request = HttpRequest::new(SdkBody::from(ask.input));
            request.set_method("POST")?;
            let (path, kind) = match service.protocol {
                Protocol::Paths => (ask.operation.as_str(), "application/json".to_owned()),
                Protocol::Query(_) => ("/", "application/x-www-form-urlencoded".to_owned()),
                Protocol::Json(target, version) => {
                    request
                        .headers_mut()
                        .insert("x-amz-target", format!("{target}.{}", ask.operation));
                    ("/", format!("application/x-amz-json-{version}"))
                }
            };
            request.set_uri(path)?;
            request.headers_mut().insert("content-type", kind);
            Ok(request)
        })
        .deserializer(match service.protocol {
            Protocol::Query(_) => xml::read,
            _ => read,
        })
        .build()
}

/// An answer, or what the service says instead; a success without an object is an error, never an answer without items (Smithy, "AWS JSON 1.1 protocol" and "AWS restJson1 protocol", errors).
fn read(response: &HttpResponse) -> Result<Answer, OrchestratorError<Refusal>> {
    let body: Result<serde_json::Map<String, Json>, _> =
        serde_json::from_slice(response.body().bytes().unwrap_or_default());
    if response.status().is_success() {
        return match body {
            Ok(body) => Ok(Answer {
                body: body.into(),
                id: response.request_id().map(str::to_owned),
                of: None,
            }),
            Err(error) => Err(OrchestratorError::response(Box::new(error))),
        };
    }
    let body = body.unwrap_or_default();
    let told = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| body.get(*name).and_then(Json::as_str))
            .map(str::to_owned)
    };
    let code = response
        .headers()
        .get("x-amzn-errortype")
        .map(str::to_owned)
        .or_else(|| told(["__type", "code"]))
        .unwrap_or_default();
    // `com.amazonaws.ssm#AccessDeniedException:http://...`
    let code = code.split(':').next().unwrap_or_default();
    let code = code.rsplit('#').next().unwrap_or_default();
    let mut refusal = ErrorMetadata::builder();
    if !code.is_empty() {
        refusal = refusal.code(code);
    }
    if let Some(message) = told(["message", "Message"]) {
        refusal = refusal.message(message);
    }
    Err(OrchestratorError::operation(Refusal(refusal.build())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;

    /// Whether an answer was read, or the code of the refusal.
    fn told(status: u16, body: &'static str) -> Result<bool, String> {
        let status = StatusCode::try_from(status).map_err(|error| error.to_string())?;
        let response = HttpResponse::new(status, SdkBody::from(body));
        match read(&response) {
            Ok(answer) => Ok(answer.body.is_object()),
            Err(error) => Err(error
                .as_operation_error()
                .and_then(|refusal| refusal.0.code())
                .unwrap_or("not an answer")
                .to_owned()),
        }
    }

    #[test]
    fn what_is_not_an_object_is_an_error_and_never_an_empty_answer() {
        assert_eq!(told(200, "{}"), Ok(true));
        for broken in ["", "null", "[]", "\"\"", "<html>", "{\"Secrets\": ["] {
            assert_eq!(
                told(200, broken),
                Err("not an answer".to_owned()),
                "{broken}"
            );
        }
        assert_eq!(
            told(
                400,
                "{\"__type\": \"com.amazonaws.ssm#AccessDeniedException:http://x\"}"
            ),
            Err("AccessDeniedException".to_owned())
        );
        assert_eq!(told(503, ""), Err("not an answer".to_owned()));
    }
}
