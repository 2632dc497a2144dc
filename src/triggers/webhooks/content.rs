//! What a workflow gets of a delivery, and what of it is kept: the input, the context, the headers without credentials, and
//! the key that tells deliveries apart.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::domain::webhook::{Verification, Webhook, WebhookDelivery};

/// How long a key may be.
const MAX_KEY_BYTES: usize = 255;
/// How many bytes of headers are kept.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// A header whose name has one of these in it is not kept.
const CREDENTIALS: &[&str] = &[
    "auth",
    "cookie",
    "signature",
    "hmac",
    "secret",
    "token",
    "password",
    "api-key",
    "apikey",
    "credential",
    "session",
];

/// What tells a delivery from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DedupeKey {
    /// The name of a header or field, a colon, and what it says.
    pub text: String,
    /// Whether the sender chose it for one request (`Idempotency-Key`): with another body it is a mistake.
    pub is_of_request: bool,
}

/// A key that can't be one: the header or field that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKey(pub String);

/// The body as input. JSON is taken as it is: whatever is declared as JSON or not declared, and objects and lists in any case.
/// Anything else is kept as text or, if it is none, in base64.
pub fn input_of(content_type: Option<&str>, body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json = essence.is_empty() || essence == "application/json" || essence.ends_with("+json");
    match serde_json::from_slice::<Value>(body) {
        Ok(value) if is_json || value.is_object() || value.is_array() => return value,
        _ => {}
    }
    match std::str::from_utf8(body) {
        Ok(text) => json!({ "body": text, "contentType": content_type }),
        Err(_) => json!({ "body": STANDARD.encode(body), "contentType": content_type, "encoding": "base64" }),
    }
}

/// What expressions find under `context`.
pub fn context_of(webhook: &Webhook, delivery: &WebhookDelivery) -> Value {
    let mut headers = Map::new();
    for (name, value) in &delivery.headers {
        match headers.get_mut(name) {
            Some(Value::String(values)) => values.extend([", ", value]),
            _ => drop(headers.insert(name.clone(), Value::from(value.as_str()))),
        }
    }
    let mut query = Map::new();
    for (name, value) in url::form_urlencoded::parse(delivery.query.as_deref().unwrap_or_default().as_bytes()) {
        match query.get_mut(&*name) {
            Some(Value::Array(values)) => values.push(Value::from(value)),
            Some(first) => *first = json!([first, value]),
            None => drop(query.insert(name.into_owned(), Value::from(value))),
        }
    }
    let about = json!({
        "id": webhook.id, "name": webhook.name, "deliveryId": delivery.id, "receivedAt": delivery.received_at,
        "redeliveryOf": delivery.redelivery_of, "headers": headers, "query": query,
    });
    json!({ "webhook": about })
}

/// Headers without credentials: nothing whose name sounds like one, nothing that holds a secret of the webhook.
pub fn kept_headers(webhook: &Webhook, headers: &[(String, String)]) -> Vec<(String, String)> {
    let mut room = MAX_HEADER_BYTES;
    let harmless = headers.iter().filter(|(name, value)| {
        let is_key = webhook.dedupe_header.as_ref() == Some(name);
        (is_key || !CREDENTIALS.iter().any(|part| name.contains(part))) && !holds_secret(webhook, value)
    });
    let fitting = harmless.take_while(|(name, value)| {
        let size = name.len() + value.len();
        let fits = size <= room;
        room = room.saturating_sub(size);
        fits
    });
    fitting.cloned().collect()
}

/// A query without parameters that hold a secret of the webhook.
pub fn kept_query(webhook: &Webhook, query: &str) -> Option<String> {
    let pairs = || url::form_urlencoded::parse(query.as_bytes());
    if query.is_empty() || !pairs().any(|(_, value)| holds_secret(webhook, &value)) {
        return Some(query.to_owned()).filter(|query| !query.is_empty());
    }
    let kept = pairs().filter(|(_, value)| !holds_secret(webhook, value));
    Some(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish())
}

fn holds_secret(webhook: &Webhook, text: &str) -> bool {
    let previous = webhook.secrets.previous.as_ref().map(|(secret, _)| secret);
    webhook.secrets.current.iter().chain(previous).any(|secret| text.contains(secret.as_str()))
}

/// The key of a delivery: what the webhook says, what its kind has, or `Idempotency-Key`.
pub fn dedupe_key(webhook: &Webhook, headers: &[(String, String)], input: &Value) -> Result<Option<DedupeKey>, BadKey> {
    let of_kind = match webhook.verification {
        Verification::Standard => Some("webhook-id"),
        Verification::Github => Some("x-github-delivery"),
        _ => None,
    };
    for name in webhook.dedupe_header.as_deref().into_iter().chain(of_kind) {
        if let Some(key) = of_header(headers, name)? {
            return Ok(Some(key));
        }
    }
    let of_body = match webhook.verification {
        Verification::Stripe => Some("id"),
        Verification::Slack => Some("event_id"),
        _ => None,
    };
    if let Some((field, value)) = of_body.and_then(|field| Some((field, input.get(field)?.as_str()?))) {
        return checked(field, value).map(Some);
    }
    Ok(of_header(headers, "idempotency-key")?.map(|key| DedupeKey { is_of_request: true, ..key }))
}

fn of_header(headers: &[(String, String)], name: &str) -> Result<Option<DedupeKey>, BadKey> {
    let mut values = headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => checked(name, value).map(Some),
        (Some(_), Some(_)) => Err(BadKey(name.to_owned())),
    }
}

fn checked(name: &str, value: &str) -> Result<DedupeKey, BadKey> {
    let fits = (1..=MAX_KEY_BYTES).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
    if !fits {
        return Err(BadKey(name.to_owned()));
    }
    Ok(DedupeKey { text: format!("{name}:{value}"), is_of_request: false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Instant,
        domain::webhook::{ResponseMode, Secrets},
    };

    fn webhook(verification: Verification, dedupe_header: Option<&str>) -> Webhook {
        let id = uuid::Uuid::from_u128(1);
        Webhook {
            id: id.into(),
            workspace_id: id.into(),
            pod_id: id.into(),
            workflow_id: id.into(),
            name: "W".to_owned(),
            verification,
            secrets: Secrets::default().rotated("first one".to_owned(), Instant(0), 9).rotated(
                "other".to_owned(),
                Instant(0),
                9,
            ),
            enabled: true,
            dedupe_header: dedupe_header.map(str::to_owned),
            response: ResponseMode::Execution,
            wait_seconds: 30,
            rate_per_minute: 600,
            created_by: "ann".to_owned(),
            created_at: Instant(0),
            updated_at: Instant(0),
        }
    }

    fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn json_is_the_input_and_anything_else_is_kept_in_it() {
        for (kind, body, input) in [
            (Some("application/json"), &br#"{"a":[1]}"#[..], json!({"a": [1]})),
            (Some("application/json; charset=utf-8"), b"3", json!(3)),
            (None, b"\"x\"", json!("x")),
            (Some("application/cloudevents+json"), b"null", Value::Null),
            (Some("application/json"), b"", Value::Null),
            (Some("application/x-www-form-urlencoded"), br#"[{"a":1}]"#, json!([{"a": 1}])),
            (Some("text/plain"), b"3", json!({"body": "3", "contentType": "text/plain"})),
            (None, b"a=1&b", json!({"body": "a=1&b", "contentType": null})),
            (Some("application/json"), b"{\"a\":", json!({"body": "{\"a\":", "contentType": "application/json"})),
            (
                Some("image/png"),
                b"\x89PNG",
                json!({"body": "iVBORw==", "contentType": "image/png", "encoding": "base64"}),
            ),
        ] {
            assert_eq!(input_of(kind, body), input, "{kind:?}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(input_of(None, deep.as_bytes())["body"], deep);
    }

    #[test]
    fn credentials_are_kept_nowhere() {
        let given = headers(&[
            ("content-type", "text/plain"),
            ("authorization", "Bearer x"),
            ("proxy-authorization", "x"),
            ("cookie", "a=1"),
            ("x-webhook-signature", "sha256=00"),
            ("x-hub-signature", "x"),
            ("stripe-signature", "x"),
            ("x-shopify-hmac-sha256", "x"),
            ("x-webhook-secret", "x"),
            ("x-gitlab-token", "x"),
            ("x-api-key", "x"),
            ("x-note", "my first one is"),
            ("x-other", "other"),
            ("x-session-token", "for dedupe"),
            ("x-event", "push"),
            ("x-event", "pull"),
        ]);
        let webhook = webhook(Verification::Github, Some("x-session-token"));
        let kept = kept_headers(&webhook, &given);
        let names: Vec<_> = kept.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "x-session-token", "x-event", "x-event"]);
        assert_eq!(kept_query(&webhook, "a=1&b=%20&a=2").as_deref(), Some("a=1&b=%20&a=2"));
        assert_eq!(kept_query(&webhook, "a=1&key=first%20one&b").as_deref(), Some("a=1&b="));
        assert_eq!(kept_query(&webhook, ""), None);

        let many = headers(&[("x-a", &"a".repeat(MAX_HEADER_BYTES - 3)), ("x-b", "b")]);
        assert_eq!(kept_headers(&webhook, &many), many[..1]);
    }

    #[test]
    fn a_delivery_is_told_from_others_by_what_its_kind_has() {
        use Verification::{Github, HmacSha256, None as Open, Slack, Standard, Stripe};
        let given =
            headers(&[("webhook-id", "m1"), ("x-github-delivery", "g1"), ("x-mine", "o1"), ("idempotency-key", "k1")]);
        let body = json!({"id": "evt_1", "event_id": "Ev1"});
        for (kind, header, key) in [
            (Standard, None, "webhook-id:m1"),
            (Github, None, "x-github-delivery:g1"),
            (Stripe, None, "id:evt_1"),
            (Slack, None, "event_id:Ev1"),
            (HmacSha256, None, "idempotency-key:k1"),
            (Open, Some("x-mine"), "x-mine:o1"),
            (Github, Some("x-mine"), "x-mine:o1"),
            (Github, Some("x-missing"), "x-github-delivery:g1"),
        ] {
            let found = dedupe_key(&webhook(kind, header), &given, &body).unwrap().unwrap();
            assert_eq!((found.text.as_str(), found.is_of_request), (key, key.starts_with("idem")), "{kind:?}");
        }
        assert_eq!(dedupe_key(&webhook(Stripe, None), &[], &json!({"id": 7})), Ok(None));
        for bad in ["", "a b", "\u{fffd}", &"x".repeat(256)] {
            let given = headers(&[("x-github-delivery", bad)]);
            assert_eq!(
                dedupe_key(&webhook(Github, None), &given, &Value::Null),
                Err(BadKey("x-github-delivery".to_owned()))
            );
        }
        let twice = headers(&[("idempotency-key", "a"), ("idempotency-key", "b")]);
        assert!(dedupe_key(&webhook(Open, None), &twice, &Value::Null).is_err());
        assert!(dedupe_key(&webhook(Stripe, None), &[], &json!({"id": "a\0b"})).is_err());
    }
}
