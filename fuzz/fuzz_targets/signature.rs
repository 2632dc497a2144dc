//! Any headers and any body as a delivery to a webhook: nobody who does not know the secret is believed, and nothing panics.
//! The first byte chooses the kind, the rest is lines: one value for each header, then the body.
//! Run with `make fuzz TARGETS=signature`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sluicegate::{
    clock::Instant,
    domain::webhook::{
        Verification,
        signature::{Signed, verify},
    },
};

const KINDS: [(Verification, &[&str]); 6] = [
    (Verification::HmacSha256, &["x-webhook-signature"]),
    (Verification::Standard, &["webhook-id", "webhook-timestamp", "webhook-signature"]),
    (Verification::Github, &["x-hub-signature-256"]),
    (Verification::Stripe, &["stripe-signature"]),
    (Verification::Slack, &["x-slack-request-timestamp", "x-slack-signature"]),
    (Verification::Header, &["x-webhook-secret"]),
];

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else { return };
    let (kind, names) = KINDS[usize::from(*kind) % KINDS.len()];
    let mut lines = rest.splitn(names.len() + 1, |byte| *byte == b'\n');
    let headers: Vec<(String, String)> = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), String::from_utf8_lossy(lines.next()?).into_owned())))
        .collect();
    let body = lines.next().unwrap_or_default();
    let signed = Signed { headers: &headers, body, now: Instant(1_000) };
    assert!(verify(kind, &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], &signed).is_err());
});
