//! Run files in Amazon S3, where processes on several machines leave them for each other.

use super::Error;
use super::session::environment;
use crate::services::failure::failure;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// A bucket and a key in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    bucket: String,
    key: String,
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

impl Object {
    /// Reads `s3://BUCKET/KEY`; `None` where a text is no such address.
    pub fn parse(text: &str) -> Option<Self> {
        let (bucket, key) = text.strip_prefix("s3://")?.split_once('/')?;
        (!bucket.is_empty() && !key.is_empty() && !key.ends_with('/')).then(|| Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        })
    }

    /// Copies the object into a new file that its owner alone can read.
    ///
    /// # Errors
    /// When S3 refuses, or the file cannot be written.
    pub async fn get(&self, profile: Option<&str>, path: &Path) -> Result<(), Error> {
        let client = client(profile).await?;
        let mut answer = client
            .get_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .send()
            .await
            .map_err(|error| {
                Error::Setup(format!(
                    "{self} cannot be read: {} (s3:GetObject)",
                    failure(&error).detail()
                ))
            })?;
        let written = |error: &dyn std::fmt::Display| {
            Error::Setup(format!(
                "{self} cannot be copied to `{}`: {error}",
                path.display()
            ))
        };
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        options.mode(0o600);
        let mut file = options.open(path).await.map_err(|error| written(&error))?;
        while let Some(bytes) = answer
            .body
            .try_next()
            .await
            .map_err(|error| written(&error))?
        {
            file.write_all(&bytes)
                .await
                .map_err(|error| written(&error))?;
        }
        file.flush().await.map_err(|error| written(&error))
    }

    /// Writes a file as a new object; one that exists stays as it is.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
    ///
    /// # Errors
    /// When S3 refuses, or the object exists.
    pub async fn put(&self, profile: Option<&str>, path: &Path) -> Result<(), Error> {
        let body = ByteStream::from_path(path)
            .await
            .map_err(|error| Error::Setup(format!("`{}`: {error}", path.display())))?;
        client(profile)
            .await?
            .put_object()
            .bucket(&self.bucket)
            .key(&self.key)
            .if_none_match("*")
            .body(body)
            .send()
            .await
            .map_err(|error| {
                let failure = failure(&error);
                Error::Setup(if failure.code == "PreconditionFailed" {
                    format!("{self} exists already; choose another name for --out")
                } else {
                    format!(
                        "{self} cannot be written: {} (s3:PutObject)",
                        failure.detail()
                    )
                })
            })?;
        Ok(())
    }
}

/// Bodies are large, so that no call has a time of its own; one that stalls is ended by the SDK.
pub(super) async fn client(profile: Option<&str>) -> Result<aws_sdk_s3::Client, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .build();
    let config = environment(profile, timeouts).await?;
    let mut builder = aws_sdk_s3::config::Builder::from(&config);
    // A server that is not AWS's has no names for buckets.
    if config.endpoint_url().is_some() {
        builder.set_force_path_style(Some(true));
    }
    Ok(aws_sdk_s3::Client::from_conf(builder.build()))
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn an_address_names_a_bucket_and_a_key() {
        let object = Object::parse("s3://runs/night/1.outcrop").map(|one| one.to_string());
        assert_eq!(object.as_deref(), Some("s3://runs/night/1.outcrop"));
        for text in [
            "s3://",
            "s3://runs",
            "s3://runs/",
            "s3:///key",
            "runs/key",
            "s3://runs/a/",
        ] {
            assert_eq!(Object::parse(text), None, "{text}");
        }
    }
}
