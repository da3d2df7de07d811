//! Credentials: the base identity, and the audit role in each account.

use super::{Error, Request};
use crate::services::collect::Renew;
use crate::services::failure::{Failure, cause, failure};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Fresh credentials are fetched this long before the old ones run out.
const MARGIN: Duration = Duration::from_secs(300);

/// The identity that starts the scan.
#[derive(Debug, Clone)]
pub struct Base {
    /// Configuration of the SDK.
    pub config: SdkConfig,
    /// Account that the identity belongs to.
    pub account: String,
    /// Its ARN.
    pub caller_arn: String,
    /// Partition.
    pub partition: String,
    /// Region of the calls that belong to none.
    pub region: String,
    /// Is an endpoint overridden?
    pub overridden: bool,
    /// What a reader of the run must know.
    pub notes: Vec<String>,
}

/// Environment variables that send calls elsewhere.
fn overrides() -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = std::env::vars()
        .filter(|(name, value)| name.starts_with("AWS_ENDPOINT_URL") && !value.is_empty())
        .collect();
    found.sort();
    found
}

/// Scheme, host and port of a URL: user information, path and query may hold secrets.
fn place(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    format!(
        "{scheme}://{}",
        authority.rsplit('@').next().unwrap_or_default()
    )
}

/// An override over plain HTTP is accepted on this machine only: anything else would get signed requests and could forge the evidence.
fn check_override(name: &str, url: &str) -> Result<(), Error> {
    let host = place(url);
    let host = host.split("://").nth(1).unwrap_or_default();
    let host = host
        .rsplit_once(':')
        .map_or(host, |(host, _)| host)
        .trim_matches(['[', ']']);
    let local = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    if url.starts_with("https://") || local {
        return Ok(());
    }
    Err(Error::Setup(format!(
        "{name} is `{}`: an endpoint over plain HTTP is accepted on this machine only; use https, or unset it",
        place(url)
    )))
}

/// What the environment and the profile say, where it is safe to act on.
///
/// # Errors
/// When an endpoint is overridden over plain HTTP, or answers would be logged.
pub(super) async fn environment(
    profile: Option<&str>,
    timeouts: TimeoutConfig,
) -> Result<SdkConfig, Error> {
    if std::env::var("LOG_SENSITIVE_BODIES").is_ok_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(Error::Setup(
            "LOG_SENSITIVE_BODIES would print answers that hold secrets; unset it".to_owned(),
        ));
    }
    for (name, url) in &overrides() {
        check_override(name, url)?;
    }
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .retry_config(RetryConfig::standard().with_max_attempts(6))
        .timeout_config(timeouts);
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    Ok(loader.load().await)
}

impl Base {
    /// Finds the base identity and asks who it is.
    ///
    /// # Errors
    /// Without credentials, or when AWS does not answer.
    pub async fn find(request: &Request) -> Result<Self, Error> {
        let overrides = overrides();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(5))
            .operation_attempt_timeout(Duration::from_secs(20))
            .operation_timeout(Duration::from_secs(90))
            .build();
        let mut config = environment(request.profile.as_deref(), timeouts).await?;
        if config.region().is_none() {
            let region = request
                .regions
                .first()
                .cloned()
                .unwrap_or_else(|| "us-east-1".to_owned());
            config = config.into_builder().region(Region::new(region)).build();
        }
        let region = config
            .region()
            .map_or_else(String::new, |region| region.to_string());
        let identity = aws_sdk_sts::Client::new(&config)
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| {
                Error::Setup(whoami_failed(
                    &failure(&error),
                    &cause(&error),
                    request.profile.as_deref(),
                ))
            })?;
        let caller_arn = identity.arn().unwrap_or_default().to_owned();
        let partition = caller_arn
            .split(':')
            .nth(1)
            .filter(|part| !part.is_empty())
            .unwrap_or("aws")
            .to_owned();
        let mut notes: Vec<String> = overrides
            .iter()
            .map(|(name, url)| {
                format!(
                    "{name} was set: what answered was {}, which need not be AWS",
                    place(url)
                )
            })
            .collect();
        if config.endpoint_url().is_some() && notes.is_empty() {
            notes.push(format!(
                "the endpoint was overridden in the profile: what answered was {}",
                place(config.endpoint_url().unwrap_or_default())
            ));
        }
        Ok(Self {
            account: identity.account().unwrap_or_default().to_owned(),
            overridden: !notes.is_empty(),
            config,
            caller_arn,
            partition,
            region,
            notes,
        })
    }
}

fn whoami_failed(failure: &Failure, cause: &str, profile: Option<&str>) -> String {
    let named = profile
        .map(str::to_owned)
        .or_else(|| std::env::var("AWS_PROFILE").ok())
        .filter(|name| !name.is_empty());
    let (of, flag) = match &named {
        Some(name) => (
            format!("the profile `{name}`"),
            format!(" --profile {name}"),
        ),
        None => (
            "the environment and the default profile".to_owned(),
            String::new(),
        ),
    };
    let told = format!("{cause} {}", failure.detail()).to_ascii_lowercase();
    let login = told.contains("sso") || told.contains("login session");
    match failure.code.as_str() {
        "NoCredentials"
            if told.contains("profile") && told.contains("not") && told.contains("defined") =>
        {
            format!(
                "there is no profile `{}` ({cause}); `aws configure list-profiles` shows those that there are",
                named.unwrap_or_else(|| "default".to_owned())
            )
        }
        "NoCredentials" if login => {
            format!("the session of {of} has ended or never began: aws sso login{flag} ({cause})")
        }
        "NoCredentials" => format!(
            "no credentials in {of}: aws configure{flag}, or for IAM Identity Center aws configure sso{flag} ({cause})"
        ),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => format!(
            "the credentials of {of} have expired: aws sso login{flag}, or get new ones where you got these ({})",
            failure.detail()
        ),
        "NoConnection" | "Timeout" => format!(
            "AWS STS did not answer ({cause}): check the network, the proxy, and the Region"
        ),
        _ => format!(
            "AWS refused the credentials of {of} ({}): aws sts get-caller-identity{flag} shows whose they are",
            failure.detail()
        ),
    }
}

/// The credentials of one account: fetched once, renewed early, forgotten on request.
pub(super) struct AccountCredentials {
    sts: aws_sdk_sts::Client,
    role_arn: String,
    session_name: String,
    external_id: Option<String>,
    known: Mutex<Option<Credentials>>,
    stale: AtomicBool,
    last_failure: std::sync::Mutex<Option<Failure>>,
}

impl fmt::Debug for AccountCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountCredentials")
            .field("role_arn", &self.role_arn)
            .finish_non_exhaustive()
    }
}

impl AccountCredentials {
    pub(super) fn new(base: &Base, request: &Request, account: &str) -> Self {
        let role_arn = if request.role.starts_with("arn:") {
            request.role.clone()
        } else {
            format!(
                "arn:{}:iam::{account}:role/{}",
                base.partition, request.role
            )
        };
        Self {
            sts: aws_sdk_sts::Client::new(&base.config),
            role_arn,
            session_name: request.session_name.clone(),
            external_id: request.external_id.clone(),
            known: Mutex::new(None),
            stale: AtomicBool::new(false),
            last_failure: std::sync::Mutex::new(None),
        }
    }

    pub(super) fn role_arn(&self) -> &str {
        &self.role_arn
    }

    /// How the last attempt failed.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.last_failure
            .lock()
            .ok()
            .and_then(|failure| failure.clone())
    }

    async fn get(&self) -> provider::Result {
        // The lock makes concurrent callers wait for one fetch.
        let mut known = self.known.lock().await;
        let stale = self.stale.swap(false, Ordering::Relaxed);
        if let Some(credentials) = known.as_ref().filter(|_| !stale)
            && credentials
                .expiry()
                .is_none_or(|expiry| expiry > SystemTime::now() + MARGIN)
        {
            return Ok(credentials.clone());
        }
        let answer = self
            .sts
            .assume_role()
            .role_arn(&self.role_arn)
            .role_session_name(&self.session_name)
            .set_external_id(self.external_id.clone())
            .duration_seconds(3600)
            .send()
            .await;
        match answer {
            Ok(answer) => {
                let found = answer.credentials().ok_or_else(|| {
                    CredentialsError::unhandled("AssumeRole answered without credentials")
                })?;
                let expiry = SystemTime::try_from(*found.expiration()).ok();
                let credentials = Credentials::new(
                    found.access_key_id(),
                    found.secret_access_key(),
                    Some(found.session_token().to_owned()),
                    expiry,
                    "AssumeRole",
                );
                *known = Some(credentials.clone());
                Ok(credentials)
            }
            Err(error) => {
                let failure = failure(&error);
                let text = failure.detail();
                if let Ok(mut last) = self.last_failure.lock() {
                    *last = Some(failure);
                }
                Err(CredentialsError::provider_error(text))
            }
        }
    }
}

impl ProvideCredentials for AccountCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get())
    }
}

/// The same credentials for every client of an account.
#[derive(Debug)]
struct Shared(Arc<AccountCredentials>);

impl ProvideCredentials for Shared {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.0.provide_credentials()
    }
}

impl Renew for AccountCredentials {
    fn renew(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }
}

/// For the account of the base identity itself: its provider renews by its own rules.
pub(super) struct Unrenewable;

impl Renew for Unrenewable {
    fn renew(&self) {}
}

/// How an account is entered.
pub(super) enum Entry {
    /// With the base identity.
    Base,
    /// By the audit role.
    Role(Arc<AccountCredentials>),
}

impl Entry {
    pub(super) fn config(&self, base: &Base) -> SdkConfig {
        match self {
            Self::Base => base.config.clone(),
            // One cache for each account: the provider itself keeps and renews.
            Self::Role(credentials) => base
                .config
                .to_builder()
                .credentials_provider(SharedCredentialsProvider::new(Shared(Arc::clone(
                    credentials,
                ))))
                .identity_cache(SharedIdentityCache::new(
                    aws_config::identity::IdentityCache::no_cache(),
                ))
                .build(),
        }
    }

    pub(super) fn renew(&self) -> &dyn Renew {
        match self {
            Self::Base => &Unrenewable,
            Self::Role(credentials) => credentials.as_ref(),
        }
    }

    /// The roles from the base identity into the account.
    pub(super) fn chain(&self, base: &Base) -> Vec<String> {
        let mut chain = vec![base.caller_arn.clone()];
        if let Self::Role(credentials) = self {
            chain.push(credentials.role_arn().to_owned());
        }
        chain
    }
}
