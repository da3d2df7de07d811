//! The signature: an in-toto Statement in a DSSE envelope, Ed25519.
//!
//! Sources: <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>,
//! <https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md>.

use super::Error;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
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
    let mut all = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    all.extend_from_slice(payload);
    all
}

/// A fresh key pair as PEM: PKCS #8 and SubjectPublicKeyInfo.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn new_key() -> Result<(String, String), Error> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| Error(format!("no random bytes: {error}")))?;
    let key = SigningKey::from_bytes(&seed);
    let private = key.to_pkcs8_pem(LineEnding::LF).map_err(|error| Error(error.to_string()))?;
    Ok((private.to_string(), public_pem(&key.verifying_key())?))
}

fn public_pem(key: &VerifyingKey) -> Result<String, Error> {
    key.to_public_key_pem(LineEnding::LF).map_err(|error| Error(error.to_string()))
}

/// Reads a private key.
///
/// # Errors
/// When it is no Ed25519 key in PKCS #8 PEM.
pub fn private_key(pem: &str) -> Result<SigningKey, Error> {
    SigningKey::from_pkcs8_pem(pem).map_err(|_| Error("it is no Ed25519 key in PKCS #8 PEM; make one with `outcrop evidence key`".to_owned()))
}

/// Reads a public key.
///
/// # Errors
/// When it is no Ed25519 key in PEM.
pub fn public_key(pem: &str) -> Result<VerifyingKey, Error> {
    VerifyingKey::from_public_key_pem(pem).map_err(|_| Error("it is no Ed25519 public key in PEM".to_owned()))
}

/// The public half of a private key, as PEM.
///
/// # Errors
/// Never in practice.
pub fn public_half(key: &SigningKey) -> Result<String, Error> {
    public_pem(&key.verifying_key())
}

/// What a public key is called.
pub fn key_id(key: &VerifyingKey) -> String {
    key.to_public_key_der().map(|der| sha256(der.as_bytes())).unwrap_or_default()
}

/// Signs a payload.
pub fn sign(payload: &[u8], key: &SigningKey) -> Envelope {
    let signature = key.sign(&encoded(PAYLOAD_TYPE, payload));
    Envelope {
        payload: STANDARD.encode(payload),
        payload_type: PAYLOAD_TYPE.to_owned(),
        signatures: vec![Signed { keyid: key_id(&key.verifying_key()), sig: STANDARD.encode(signature.to_bytes()) }],
    }
}

/// The payload, if the key signed it.
///
/// # Errors
/// When it did not, or the envelope is broken.
pub fn open(envelope: &Envelope, key: &VerifyingKey) -> Result<Vec<u8>, Error> {
    if envelope.payload_type != PAYLOAD_TYPE {
        return Err(Error(format!("the payload is `{}`, not `{PAYLOAD_TYPE}`", envelope.payload_type)));
    }
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| Error("the payload is no base64".to_owned()))?;
    let message = encoded(&envelope.payload_type, &payload);
    let signed = envelope.signatures.iter().any(|one| {
        let bytes = STANDARD.decode(&one.sig).ok().and_then(|bytes| <[u8; 64]>::try_from(bytes).ok());
        bytes.is_some_and(|bytes| key.verify_strict(&message, &Signature::from_bytes(&bytes)).is_ok())
    });
    if signed { Ok(payload) } else { Err(Error(format!("no signature is by the key {}", key_id(key)))) }
}
