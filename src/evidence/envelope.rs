//! The signature: an in-toto Statement in a DSSE envelope, Ed25519, or ECDSA over P-256 with SHA-256 where AWS KMS holds the key.
//!
//! Sources: <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>,
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>.

use super::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey, KeypairBytes,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use p256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the payload of the envelope is.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A DSSE envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The payload, in base64.
    pub payload: String,
    /// What it is.
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// Who signed it.
    pub signatures: Vec<Signed>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// SHA-256 of the public key's DER, in hexadecimal: a hint, not a proof.
    pub keyid: String,
    /// In base64.
    pub sig: String,
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// What is signed: type and payload, each with its length, so that neither can be moved into the other.
fn encoded(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut all = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    all.extend_from_slice(payload);
    all
}

/// A key that checks signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKey {
    /// Of a key file.
    Ed25519(VerifyingKey),
    /// Of AWS KMS, `ECC_NIST_P256`; it signs with `ECDSA_SHA_256`. Its Ed25519 keys take messages of 4096 bytes at most,
    /// which a statement is not (AWS KMS API Reference, Sign).
    P256(p256::ecdsa::VerifyingKey),
}

impl PublicKey {
    /// Reads `SubjectPublicKeyInfo` in PEM.
    ///
    /// # Errors
    /// When it is of neither kind.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        VerifyingKey::from_public_key_pem(pem)
            .map(Self::Ed25519)
            .or_else(|_| p256::ecdsa::VerifyingKey::from_public_key_pem(pem).map(Self::P256))
            .map_err(|_| {
                let private = pem.contains("PRIVATE KEY");
                Error(
                    if private {
                        "this is the private key, which only the signer may have; the public key is in the file that ends in .pub"
                    } else {
                        "this is not a public key in PEM (Ed25519, or ECDSA over P-256)"
                    }
                    .to_owned(),
                )
            })
    }

    /// Reads `SubjectPublicKeyInfo` in DER, as AWS KMS gives it.
    ///
    /// # Errors
    /// When it is no P-256 key.
    pub fn p256(der: &[u8]) -> Result<Self, Error> {
        p256::ecdsa::VerifyingKey::from_public_key_der(der)
            .map(Self::P256)
            .map_err(|_| Error("the key is not of the spec ECC_NIST_P256".to_owned()))
    }

    /// As PEM.
    ///
    /// # Errors
    /// Never in practice.
    pub fn pem(&self) -> Result<String, Error> {
        match self {
            Self::Ed25519(key) => key.to_public_key_pem(LineEnding::LF),
            Self::P256(key) => key.to_public_key_pem(LineEnding::LF),
        }
        .map_err(|error| Error(error.to_string()))
    }

    /// What it is called: SHA-256 of its DER.
    pub fn id(&self) -> String {
        match self {
            Self::Ed25519(key) => key.to_public_key_der(),
            Self::P256(key) => key.to_public_key_der(),
        }
        .map(|der| sha256(der.as_bytes()))
        .unwrap_or_default()
    }

    /// The algorithm, for a person.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "Ed25519",
            Self::P256(_) => "ECDSA over P-256 with SHA-256",
        }
    }

    /// The command that checks a signature with this kind of key by OpenSSL.
    pub fn openssl(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => {
                "openssl pkeyutl -verify -pubin -inkey public-key.pem -rawin -in \"$d/message\" -sigfile \"$d/signature\""
            }
            Self::P256(_) => {
                "openssl dgst -sha256 -verify public-key.pem -signature \"$d/signature\" \"$d/message\""
            }
        }
    }

    /// Did it sign the message? Signatures over P-256 are in DER.
    fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Ed25519(key) => <[u8; 64]>::try_from(signature).is_ok_and(|bytes| {
                key.verify_strict(message, &Signature::from_bytes(&bytes))
                    .is_ok()
            }),
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
        }
    }
}

/// Gives a signature in DER for the SHA-256 of a message.
pub type SignDigest<'s> = dyn Fn(&[u8; 32]) -> Result<Vec<u8>, Error> + 's;

/// What signs.
pub enum Signer<'s> {
    /// A key file.
    Own(SigningKey),
    /// A key that stays where it is.
    Elsewhere(PublicKey, &'s SignDigest<'s>),
}

impl Signer<'_> {
    /// Its public half.
    pub fn public(&self) -> PublicKey {
        match self {
            Self::Own(key) => PublicKey::Ed25519(key.verifying_key()),
            Self::Elsewhere(public, _) => *public,
        }
    }

    /// Signs a payload, and checks the signature before it gives it out.
    ///
    /// # Errors
    /// When the key elsewhere refuses, or signs with another key than it says.
    pub fn sign(&self, payload: &[u8]) -> Result<Envelope, Error> {
        let message = encoded(PAYLOAD_TYPE, payload);
        let signature = match self {
            Self::Own(key) => key.sign(&message).to_bytes().to_vec(),
            Self::Elsewhere(_, sign) => sign(&Sha256::digest(&message).into())?,
        };
        let public = self.public();
        if !public.signed(&message, &signature) {
            return Err(Error(
                "the signature does not fit the public key; nothing was written".to_owned(),
            ));
        }
        Ok(Envelope {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signed {
                keyid: public.id(),
                sig: STANDARD.encode(signature),
            }],
        })
    }
}

/// A fresh key pair as PEM: PKCS #8 and SubjectPublicKeyInfo.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn new_key() -> Result<(String, String), Error> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| Error(format!("no random bytes: {error}")))?;
    let key = SigningKey::from_bytes(&seed);
    // Without the public half, which PKCS #8 took in later: OpenSSL 3.0 does not read that form.
    let bare = KeypairBytes {
        secret_key: key.to_bytes(),
        public_key: None,
    };
    let private = bare
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| Error(error.to_string()))?;
    Ok((
        private.to_string(),
        PublicKey::Ed25519(key.verifying_key()).pem()?,
    ))
}

/// Reads a private key.
///
/// # Errors
/// When it is no Ed25519 key in PKCS #8 PEM.
pub fn private_key(pem: &str) -> Result<Signer<'static>, Error> {
    let key = SigningKey::from_pkcs8_pem(pem).map_err(|_| {
        Error(
            "it is no Ed25519 key in PKCS #8 PEM; make one with `outcrop evidence key`".to_owned(),
        )
    })?;
    Ok(Signer::Own(key))
}

/// The payload, if the key signed it.
///
/// # Errors
/// When it did not, or the envelope is broken.
pub fn open(envelope: &Envelope, key: &PublicKey) -> Result<Vec<u8>, Error> {
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(Error(format!(
            "the payload is `{}`, not `{PAYLOAD_TYPE}`",
            envelope.payload_type
        )));
    }
    let payload = STANDARD
        .decode(&envelope.payload)
        .map_err(|_| Error("the payload is no base64".to_owned()))?;
    let message = encoded(&envelope.payload_type, &payload);
    let signed = envelope.signatures.iter().any(|one| {
        STANDARD
            .decode(&one.sig)
            .is_ok_and(|signature| key.signed(&message, &signature))
    });
    if signed {
        Ok(payload)
    } else {
        Err(Error(format!("no signature is by the key {}", key.id())))
    }
}
