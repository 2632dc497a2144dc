//! Signatures of deliveries: that a body is what the holder of a secret has sent, and when.
//!
//! Pure: headers, bytes and the time come in. Tags are compared in constant time, over the raw bytes, before anything reads
//! the body.

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::Verification;
use crate::clock::Instant;

/// How old, or how far in the future, what is signed may be: five minutes.
pub const TOLERANCE_S: i64 = 300;
/// How secrets of Standard Webhooks begin, and those that this server makes.
pub const SECRET_PREFIX: &str = "whsec_";
/// How many signatures of one delivery are tried.
const MAX_SIGNATURES: usize = 16;

/// A delivery as it came, with its credentials.
#[derive(Clone, Copy)]
pub struct Signed<'a> {
    /// Its headers, names in lower case.
    pub headers: &'a [(String, String)],
    /// Its body.
    pub body: &'a [u8],
    /// The time.
    pub now: Instant,
}

/// Why a delivery is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// There is no such header.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// The header is there more than once.
    #[error("the header `{0}` must be given once")]
    Twice(&'static str),
    /// The header can't be read.
    #[error("the header `{0}` must be {1}")]
    Malformed(&'static str, &'static str),
    /// It was signed too long ago: it may be a copy.
    #[error("the timestamp is {0} seconds old; more than {TOLERANCE_S} are not taken")]
    Old(i64),
    /// It was signed in the future.
    #[error("the timestamp is {0} seconds in the future; more than {TOLERANCE_S} are not taken")]
    Early(i64),
    /// Another secret, or another body.
    #[error("the signature is not that of this body with the webhook's secret")]
    Different,
    /// Another secret.
    #[error("the header `{0}` is not the webhook's secret")]
    Secret(&'static str),
}

const SIGNATURE: &str = "x-webhook-signature";
const SECRET: &str = "x-webhook-secret";
const STANDARD_ID: &str = "webhook-id";
const STANDARD_TIMESTAMP: &str = "webhook-timestamp";
const STANDARD_SIGNATURE: &str = "webhook-signature";
const GITHUB: &str = "x-hub-signature-256";
const STRIPE: &str = "stripe-signature";
const SLACK: &str = "x-slack-signature";
const SLACK_TIMESTAMP: &str = "x-slack-request-timestamp";
const HEX: &str = "`sha256=` and 64 hexadecimal digits";
const SECONDS: &str = "a number of seconds since 1970";

/// Whether a delivery was made by somebody who knows one of the secrets.
pub fn verify(kind: Verification, secrets: &[&str], signed: &Signed<'_>) -> Result<(), Mismatch> {
    match kind {
        Verification::None => Ok(()),
        Verification::Header => {
            let digest = |text: &str| Sha256::digest(text.as_bytes());
            let given = digest(signed.header(SECRET)?);
            // Digests are of one length: not even that of the secret can be measured.
            let same = |secret: &&str| constant_time::verify_slices_are_equal(&digest(secret), &given).is_ok();
            if secrets.iter().any(same) { Ok(()) } else { Err(Mismatch::Secret(SECRET)) }
        }
        Verification::HmacSha256 | Verification::Github => {
            let name = if kind == Verification::Github { GITHUB } else { SIGNATURE };
            let tag = signed.header(name)?.strip_prefix("sha256=").and_then(from_hex);
            let tag = tag.ok_or(Mismatch::Malformed(name, HEX))?;
            one_fits(secrets.iter().map(|secret| secret.as_bytes().to_vec()), &[signed.body], &[tag])
        }
        Verification::Standard => {
            let (id, timestamp) = (signed.header(STANDARD_ID)?, signed.header(STANDARD_TIMESTAMP)?);
            let signatures = signed.header(STANDARD_SIGNATURE)?;
            signed.check_age(timestamp, STANDARD_TIMESTAMP)?;
            let tags =
                signatures.split_ascii_whitespace().filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok());
            let tags =
                some(tags, STANDARD_SIGNATURE, "`v1,` and a signature in base64, or several with spaces between")?;
            let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", signed.body];
            one_fits(secrets.iter().filter_map(|secret| standard_key(secret)), &parts, &tags)
        }
        Verification::Stripe => {
            let header = signed.header(STRIPE)?;
            let fields = || header.split(',').filter_map(|field| field.trim().split_once('='));
            let timestamp = fields().find(|(name, _)| *name == "t").map(|(_, timestamp)| timestamp);
            let form = "`t=` and a timestamp, a comma, and `v1=` and a signature";
            let timestamp = timestamp.ok_or(Mismatch::Malformed(STRIPE, form))?;
            let tags = fields().filter(|(name, _)| *name == "v1").filter_map(|(_, tag)| from_hex(tag));
            let tags = some(tags, STRIPE, form)?;
            signed.check_age(timestamp, STRIPE)?;
            let keys = secrets.iter().map(|secret| secret.as_bytes().to_vec());
            one_fits(keys, &[timestamp.as_bytes(), b".", signed.body], &tags)
        }
        Verification::Slack => {
            let timestamp = signed.header(SLACK_TIMESTAMP)?;
            let tag = signed.header(SLACK)?.strip_prefix("v0=").and_then(from_hex);
            let tag = tag.ok_or(Mismatch::Malformed(SLACK, "`v0=` and 64 hexadecimal digits"))?;
            signed.check_age(timestamp, SLACK_TIMESTAMP)?;
            let keys = secrets.iter().map(|secret| secret.as_bytes().to_vec());
            one_fits(keys, &[b"v0:", timestamp.as_bytes(), b":", signed.body], &[tag])
        }
    }
}

/// The key that a secret of Standard Webhooks stands for, with or without its prefix.
pub fn standard_key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX).unwrap_or(secret)).ok()?;
    (!key.is_empty()).then_some(key)
}

impl<'a> Signed<'a> {
    fn header(&self, name: &'static str) -> Result<&'a str, Mismatch> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err(Mismatch::Missing(name)),
            // Two readers could take two of them.
            (Some(_), Some(_)) => Err(Mismatch::Twice(name)),
        }
    }

    fn check_age(&self, timestamp: &str, header: &'static str) -> Result<(), Mismatch> {
        let is_number = !timestamp.is_empty() && timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let at = timestamp.parse::<i64>().ok().filter(|_| is_number).ok_or(Mismatch::Malformed(header, SECONDS))?;
        match self.now.0.div_euclid(1_000).saturating_sub(at) {
            age if age > TOLERANCE_S => Err(Mismatch::Old(age)),
            age if age < -TOLERANCE_S => Err(Mismatch::Early(-age)),
            _ => Ok(()),
        }
    }
}

/// The first of some signatures, of which there must be one.
fn some(
    tags: impl Iterator<Item = Vec<u8>>,
    header: &'static str,
    form: &'static str,
) -> Result<Vec<Vec<u8>>, Mismatch> {
    let tags: Vec<_> = tags.take(MAX_SIGNATURES).collect();
    if tags.is_empty() { Err(Mismatch::Malformed(header, form)) } else { Ok(tags) }
}

/// Whether one of the tags is that of one of the keys over these parts in a row.
fn one_fits(keys: impl Iterator<Item = Vec<u8>>, parts: &[&[u8]], tags: &[Vec<u8>]) -> Result<(), Mismatch> {
    for key in keys {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &key));
        for part in parts {
            context.update(part);
        }
        let right = context.sign();
        if tags.iter().any(|tag| constant_time::verify_slices_are_equal(right.as_ref(), tag).is_ok()) {
            return Ok(());
        }
    }
    Err(Mismatch::Different)
}

/// The bytes of a SHA-256 in hexadecimal digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes: Option<Vec<u8>> =
        text.as_bytes().chunks(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect();
    bytes.filter(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests;
