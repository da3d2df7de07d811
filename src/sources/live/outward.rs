//! Messages, events, objects and posts to those who asked to be told: the only calls of Outcrop, beside Security Hub's, that are
//! not reads.

use super::Error;
use super::session::environment;
use crate::services::failure::failure;
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;

/// Events of one call.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const EVENTS: usize = 10;
/// Bytes of the entries of one call; the limit is 256 KB, with what stands around them.
const BYTES: usize = 200_000;
/// Bytes of a subject, which holds ASCII alone.
/// <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT: usize = 99;

async fn configuration(profile: Option<&str>, arn: &str) -> Result<SdkConfig, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_secs(90))
        .build();
    let config = environment(profile, timeouts).await?;
    // What has an ARN is asked where it is.
    let region = arn.split(':').nth(3).filter(|region| !region.is_empty());
    Ok(match (region, config.region()) {
        (Some(region), _) => config
            .into_builder()
            .region(Region::new(region.to_owned()))
            .build(),
        (None, Some(_)) => config,
        (None, None) => {
            return Err(Error::Setup(
                "no Region is known; set AWS_REGION".to_owned(),
            ));
        }
    })
}

/// Publishes one message: `text` by e-mail, `document` everywhere else. Gives its id.
///
/// # Errors
/// When SNS refuses.
pub async fn publish(
    profile: Option<&str>,
    topic: &str,
    subject: &str,
    text: &str,
    document: &str,
) -> Result<String, Error> {
    let subject: String = subject
        .chars()
        .filter(|c| c.is_ascii() && !c.is_ascii_control())
        .take(SUBJECT)
        .collect();
    let message = serde_json::json!({"default": document, "email": text});
    let config = configuration(profile, topic).await?;
    aws_sdk_sns::Client::new(&config)
        .publish()
        .topic_arn(topic)
        .subject(subject)
        .message_structure("json")
        .message(message.to_string())
        .send()
        .await
        .map(|answer| answer.message_id().unwrap_or_default().to_owned())
        .map_err(|error| {
            Error::Setup(format!(
                "the topic {topic} took nothing: {} (sns:Publish)",
                failure(&error).detail()
            ))
        })
}

/// One event.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its detail type.
    pub kind: &'static str,
    /// The resource that it is about.
    pub resource: String,
    /// JSON.
    pub detail: String,
}

/// Puts events on a bus; gives how many it took.
///
/// # Errors
/// When EventBridge refuses one of them.
pub async fn put_events(
    profile: Option<&str>,
    bus: &str,
    events: &[Event],
) -> Result<usize, Error> {
    let config = configuration(profile, bus).await?;
    let client = aws_sdk_eventbridge::Client::new(&config);
    let mut taken = 0;
    let mut left = events;
    while !left.is_empty() {
        let mut length = 0;
        let fitting = left
            .iter()
            .take(EVENTS)
            .take_while(|event| {
                length += event.detail.len() + event.resource.len() + 100;
                length <= BYTES
            })
            .count()
            .max(1);
        let (now, later) = left.split_at(fitting);
        let entries = now.iter().map(|event| {
            PutEventsRequestEntry::builder()
                .source("outcrop")
                .detail_type(event.kind)
                .detail(event.detail.as_str())
                .resources(event.resource.as_str())
                .event_bus_name(bus)
                .build()
        });
        let refused = |why: String| {
            Error::Setup(format!(
                "the bus {bus} took {taken} of {} events, then refused: {why} (events:PutEvents)",
                events.len()
            ))
        };
        let answer = client
            .put_events()
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(|error| refused(failure(&error).detail()))?;
        if let Some(one) = answer
            .entries()
            .iter()
            .find(|one| one.error_code().is_some())
        {
            return Err(refused(format!(
                "{}: {}",
                one.error_code().unwrap_or_default(),
                one.error_message().unwrap_or_default()
            )));
        }
        taken += now.len();
        left = later;
    }
    Ok(taken)
}

/// Writes an object; one of the same run that is there already stays as it is.
///
/// # Errors
/// When S3 refuses.
pub async fn put_object(
    profile: Option<&str>,
    bucket: &str,
    key: &str,
    bytes: Vec<u8>,
) -> Result<(), Error> {
    let put = super::bucket::client(profile)
        .await?
        .put_object()
        .bucket(bucket)
        .key(key)
        .if_none_match("*")
        .body(ByteStream::from(bytes))
        .send()
        .await;
    match put {
        Ok(_) => Ok(()),
        Err(error) => {
            let failure = failure(&error);
            if failure.code == "PreconditionFailed" {
                return Ok(());
            }
            Err(Error::Setup(format!(
                "s3://{bucket}/{key} cannot be written: {} (s3:PutObject)",
                failure.detail()
            )))
        }
    }
}

/// Posts JSON; gives the status of the answer. With a secret, `X-Outcrop-Signature-256` holds `sha256=` and the HMAC of the body in
/// hexadecimal. `shown` is what an error calls the receiver: the address may hold a secret of its own.
///
/// # Errors
/// When nobody answers, or not with a status of success. Redirections are not followed.
pub async fn post(url: &str, shown: &str, body: &[u8], secret: Option<&str>) -> Result<u16, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(Duration::from_secs(30))
        .build();
    let config = environment(None, timeouts.clone()).await?;
    let signature = secret.and_then(|secret| {
        let mut hash = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        hash.update(body);
        let bytes = hash.finalize().into_bytes();
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Some(format!("sha256={digits}"))
    });
    let (root, path) = parts(url);
    let mut builder = Operation::builder()
        .service_name("webhook")
        .operation_name("post")
        .endpoint_url(&root)
        .no_auth()
        .no_retry()
        .timeout_config(timeouts)
        .serializer(move |body: Vec<u8>| {
            let mut request = HttpRequest::new(SdkBody::from(body));
            request.set_method("POST")?;
            request.set_uri(path.as_str())?;
            let headers = request.headers_mut();
            headers.insert("content-type", "application/json");
            headers.insert("user-agent", concat!("outcrop/", env!("CARGO_PKG_VERSION")));
            if let Some(signature) = &signature {
                headers.insert("x-outcrop-signature-256", signature.clone());
            }
            Ok(request)
        })
        .deserializer(|response: &HttpResponse| {
            Ok::<u16, OrchestratorError<std::convert::Infallible>>(response.status().as_u16())
        });
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
    match builder.build().invoke(body.to_vec()).await {
        Ok(status) if (200..300).contains(&status) => Ok(status),
        Ok(status) => Err(Error::Setup(format!("{shown} answered {status}"))),
        // The SDK's error may name the address.
        Err(_) => Err(Error::Setup(format!(
            "{shown} could not be reached, or did not answer in time"
        ))),
    }
}

/// Scheme and host of an address, and what follows.
fn parts(url: &str) -> (String, String) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    let rest = url[end..].split('#').next().unwrap_or_default();
    let path = if rest.starts_with('/') {
        rest.to_owned()
    } else {
        format!("/{rest}")
    };
    (url[..end].to_owned(), path)
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn an_address_is_a_host_and_a_path() {
        for (url, root, path) in [
            (
                "https://h.example/a/b?t=1#x",
                "https://h.example",
                "/a/b?t=1",
            ),
            ("https://h.example", "https://h.example", "/"),
            ("https://h.example?t=1", "https://h.example", "/?t=1"),
            (
                "http://127.0.0.1:8080/hook",
                "http://127.0.0.1:8080",
                "/hook",
            ),
        ] {
            assert_eq!(parts(url), (root.to_owned(), path.to_owned()), "{url}");
        }
    }
}
