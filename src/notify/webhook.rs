//! A notification as JSON, signed as Standard Webhooks has it (<https://www.standardwebhooks.com>): the signature is over id,
//! time and body, so that nobody can make one up or send an old one again.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{ATTEMPT, Message};
use crate::{
    clock::Instant,
    domain::{notification::Occasion, suspension::SuspensionKind},
    outbound::Request,
};

/// What secrets in base64 begin with.
const PREFIX: &str = "whsec_";

/// The request that carries a message.
pub fn request(message: &Message<'_>, now: Instant) -> Request {
    let (notification, suspension) = (message.notification, message.suspension);
    let kind = match notification.occasion {
        Occasion::Opened => "suspension.opened",
        Occasion::Reminder => "suspension.reminder",
        Occasion::Escalation => "suspension.escalation",
    };
    let address = if suspension.interrupt.kind == SuspensionKind::Callback { "callbackUrl" } else { "link" };
    let body = json!({
        "type": kind,
        "timestamp": notification.due_at,
        "data": { "suspension": suspension, address: message.link, "user": notification.target.user },
    })
    .to_string();
    let id = notification.id.to_string();
    let timestamp = now.0.div_euclid(1_000).to_string();
    let mut request = Request::new("POST", &notification.target.to);
    let mut header = |name: &str, value: String| request.headers.push((name.to_owned(), value));
    header("content-type", "application/json".to_owned());
    if let Some(secret) = &notification.target.secret {
        header("webhook-signature", signature(secret, &id, &timestamp, &body));
    }
    header("webhook-id", id);
    header("webhook-timestamp", timestamp);
    request.body = Some(body.into_bytes());
    request.timeout = ATTEMPT;
    request
}

/// `v1,` and the base64 of HMAC-SHA-256 over `<id>.<timestamp>.<body>`.
fn signature(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
    let decoded = secret.strip_prefix(PREFIX).and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = hmac::Key::new(hmac::HMAC_SHA256, decoded.as_deref().unwrap_or(secret.as_bytes()));
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's reference libraries.
    #[test]
    fn signs_as_others_do() {
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            "{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
