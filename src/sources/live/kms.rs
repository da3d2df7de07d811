//! A signing key that AWS KMS holds.

use super::{Base, Error, Request};
use crate::services::failure::failure;
use aws_config::Region;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec};

/// A key, and the identity that may use it.
#[derive(Debug)]
pub struct KmsKey {
    runtime: tokio::runtime::Runtime,
    client: aws_sdk_kms::Client,
    arn: String,
}

impl KmsKey {
    /// Finds the identity; the key itself is asked for later.
    ///
    /// # Errors
    /// When the ARN is none of a key or alias, or without credentials.
    pub fn open(arn: &str, profile: Option<String>) -> Result<Self, Error> {
        let place = crate::model::Arn::parse(arn)
            .filter(|place| place.service == "kms" && !place.region.is_empty());
        let Some(place) = place else {
            return Err(Error::Setup(format!(
                "--kms-key `{arn}` is not an ARN of an AWS KMS key, such as arn:aws:kms:eu-west-1:111111111111:key/..."
            )));
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::Setup(format!("cannot start the runtime: {error}")))?;
        let request = Request {
            profile,
            regions: vec![place.region.to_owned()],
            ..Request::default()
        };
        let base = runtime.block_on(Base::find(&request))?;
        let config = base
            .config
            .to_builder()
            .region(Region::new(place.region.to_owned()))
            .build();
        Ok(Self {
            runtime,
            client: aws_sdk_kms::Client::new(&config),
            arn: arn.to_owned(),
        })
    }

    /// Its public half, `SubjectPublicKeyInfo` in DER (`kms:GetPublicKey`).
    ///
    /// # Errors
    /// When AWS KMS refuses, or the key is not made to sign with ECDSA over P-256.
    pub fn public_key(&self) -> Result<Vec<u8>, Error> {
        let found = self
            .runtime
            .block_on(self.client.get_public_key().key_id(&self.arn).send())
            .map_err(|error| {
                Error::Setup(format!(
                    "kms:GetPublicKey of {}: {}",
                    self.arn,
                    failure(&error).detail()
                ))
            })?;
        if found.key_usage() != Some(&KeyUsageType::SignVerify)
            || found.key_spec() != Some(&KeySpec::EccNistP256)
        {
            let spec = found.key_spec().map_or("unknown", KeySpec::as_str);
            return Err(Error::Setup(format!(
                "{} is of the spec {spec}; a package is signed with a key of the spec ECC_NIST_P256 and the usage SIGN_VERIFY",
                self.arn
            )));
        }
        Ok(found
            .public_key()
            .map(|blob| blob.as_ref().to_vec())
            .unwrap_or_default())
    }

    /// Signs a digest (`kms:Sign`); the signature is in DER.
    ///
    /// # Errors
    /// When AWS KMS refuses.
    pub fn sign(&self, digest: &[u8; 32]) -> Result<Vec<u8>, Error> {
        let call = self
            .client
            .sign()
            .key_id(&self.arn)
            .message(Blob::new(digest.to_vec()))
            .message_type(MessageType::Digest)
            .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
        let answer = self.runtime.block_on(call.send()).map_err(|error| {
            Error::Setup(format!(
                "kms:Sign with {}: {}",
                self.arn,
                failure(&error).detail()
            ))
        })?;
        Ok(answer
            .signature()
            .map(|blob| blob.as_ref().to_vec())
            .unwrap_or_default())
    }
}
