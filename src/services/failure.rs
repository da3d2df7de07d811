//! What a call that failed says, and whether it is worth another.

use super::pulse::Pulse;
use crate::inventory::Status;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::sync::Arc;

/// How a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// `denied`, `error`, `partial` or `unsupported`.
    pub status: Status,
    /// Error code of the service, or a word of ours.
    pub code: String,
    /// For a person.
    pub message: String,
}

impl Failure {
    /// Code and message.
    pub fn detail(&self) -> String {
        if self.message.is_empty() {
            self.code.clone()
        } else {
            format!("{}: {}", self.code, self.message)
        }
    }
}

/// A 5xx with an HTML body comes from something that is not the service, or does not know the operation: asking again will not help.
#[derive(Debug)]
pub struct HtmlIsFinal;

impl ClassifyRetry for HtmlIsFinal {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let html = context
            .response()
            .and_then(|response| response.headers().get("content-type"))
            .is_some_and(|kind| kind.contains("text/html"));
        let refused = context
            .response()
            .is_some_and(|response| response.status().as_u16() == 403);
        if html || refused {
            RetryAction::RetryForbidden
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "HTML or a refusal is final"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Counts what AWS throttled; it decides nothing.
#[derive(Debug)]
pub struct Throttles(pub Arc<Pulse>);

impl ClassifyRetry for Throttles {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let throttled = context.response().is_some_and(|response| {
            let body = response.body().bytes().unwrap_or_default();
            let begin = String::from_utf8_lossy(&body[..body.len().min(2000)]);
            let told = |text: &str| {
                [
                    "Throttl",
                    "TooManyRequests",
                    "RequestLimitExceeded",
                    "SlowDown",
                ]
                .iter()
                .any(|known| text.contains(known))
            };
            let status = response.status();
            status.as_u16() == 429
                || (!status.is_success()
                    && (told(&begin)
                        || response.headers().get("x-amzn-errortype").is_some_and(told)))
        });
        if throttled {
            self.0.throttled();
        }
        RetryAction::NoActionIndicated
    }

    fn name(&self) -> &'static str {
        "counts what was throttled"
    }
}

/// Sorts an SDK error into what it means for the facts.
pub fn failure<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: &SdkError<E, HttpResponse>,
) -> Failure {
    let status = error
        .raw_response()
        .map(|response| response.status().as_u16());
    let html = error
        .raw_response()
        .and_then(|response| response.headers().get("content-type"))
        .is_some_and(|kind| kind.contains("text/html"));
    let code = error.code().unwrap_or_default().to_owned();
    let message: String = error
        .message()
        .unwrap_or_default()
        .chars()
        .take(500)
        .collect();
    let credentials = [
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "AuthFailure",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
    ];
    let refused = code.contains("AccessDenied")
        || code.contains("Unauthorized")
        || code == "AuthorizationError"
        || code == "Forbidden";
    if is_expired(&code) {
        return Failure {
            status: Status::Error,
            code,
            message: "the credentials ran out and could not be renewed".to_owned(),
        };
    }
    if credentials.contains(&code.as_str()) {
        return Failure {
            status: Status::Error,
            message: format!(
                "{message} (the Region may not be enabled in this account, or belongs to another partition)"
            ),
            code,
        };
    }
    if html && status.is_some_and(|status| status >= 400 && status != 403) {
        return Failure {
            status: Status::Error,
            code: "NotImplemented".to_owned(),
            message: format!(
                "HTTP {} with an HTML page: what answered does not know the operation",
                status.unwrap_or_default()
            ),
        };
    }
    if refused || status == Some(403) {
        let policy = if message.contains("service control policy") {
            " (by a service control policy)"
        } else {
            ""
        };
        return Failure {
            status: Status::Denied,
            code: if code.is_empty() {
                "AccessDenied".to_owned()
            } else {
                code
            },
            message: format!("{message}{policy}"),
        };
    }
    match error {
        SdkError::TimeoutError(_) => Failure {
            status: Status::Error,
            code: "Timeout".to_owned(),
            message: "no answer in time".to_owned(),
        },
        SdkError::DispatchFailure(inner)
            if inner.as_connector_error().is_none() || inner.is_other() =>
        {
            Failure {
                status: Status::Error,
                code: "NoCredentials".to_owned(),
                message: cause(error),
            }
        }
        SdkError::DispatchFailure(_) => Failure {
            status: Status::Error,
            code: "NoConnection".to_owned(),
            message: cause(error),
        },
        SdkError::ResponseError(_) => Failure {
            status: Status::Error,
            code: "UnreadableAnswer".to_owned(),
            message: format!("HTTP {}: {}", status.unwrap_or_default(), cause(error)),
        },
        _ if code.is_empty() && status.is_none_or(|status| status < 400) => Failure {
            status: Status::Error,
            code: "UnreadableAnswer".to_owned(),
            message: format!("HTTP {}: {}", status.unwrap_or_default(), cause(error)),
        },
        _ => Failure {
            status: Status::Error,
            code: if code.is_empty() {
                format!("HTTP {}", status.unwrap_or_default())
            } else {
                code
            },
            message,
        },
    }
}

/// The innermost cause of an error, in one short line.
pub fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string().chars().take(300).collect()
}

pub(super) fn is_expired(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired"
    )
}
