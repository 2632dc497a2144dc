//! Signatures against vectors of others: printed in the documents of GitHub, Slack and Standard Webhooks, or computed with
//! the official Python libraries (stripe 16.1.0, standardwebhooks 1.1.0, slack_sdk 3.47.0).

use proptest::prelude::*;

use super::*;

struct Vector {
    kind: Verification,
    secret: &'static str,
    at: i64,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

const SLACK_BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2F\
hooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a\
0bc887a14d10d2c447fce8b6703c";

/// Spaces, a number that JSON writes otherwise, and text beyond ASCII: what a body loses that is parsed and written again.
const BODY: &str = "{\"type\":\"invoice.paid\", \"id\":\"evt_1NG8Du2eZvKYlo2CUI79vXWy\",\"amount\":1.50,\
\"text\":\"zwölf € \\u00e9\"}";

const VECTORS: &[Vector] = &[
    // GitHub, "Validating webhook deliveries".
    Vector {
        kind: Verification::Github,
        secret: "It's a Secret to Everybody",
        at: 0,
        headers: &[("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")],
        body: "Hello, World!",
    },
    Vector {
        kind: Verification::HmacSha256,
        secret: "It's a Secret to Everybody",
        at: 0,
        headers: &[("x-webhook-signature", "sha256=757107EA0EB2509FC211221CCE984B8A37570B6D7586C22C46F4379C8B043E17")],
        body: "Hello, World!",
    },
    // Slack, "Verifying requests from Slack".
    Vector {
        kind: Verification::Slack,
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        at: 1_531_420_618,
        headers: &[
            ("x-slack-request-timestamp", "1531420618"),
            ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
        ],
        body: SLACK_BODY,
    },
    Vector {
        kind: Verification::Slack,
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        at: 1_800_000_000,
        headers: &[
            ("x-slack-request-timestamp", "1800000000"),
            ("x-slack-signature", "v0=ec8dc1834ecef2140e54a10cdf84bd0e77b3d49b1900809705c78eb70d9d23f9"),
        ],
        body: BODY,
    },
    // The example of Standard Webhooks, which its libraries are tested with.
    Vector {
        kind: Verification::Standard,
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        at: 1_614_265_330,
        headers: &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ],
        body: r#"{"test": 2432232314}"#,
    },
    Vector {
        kind: Verification::Standard,
        secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        at: 1_800_000_000,
        headers: &[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1800000000"),
            (
                "webhook-signature",
                "v1a,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1,5NjznqwrCOkMaiD+b6siL9/wvfw9UQoTNgdacV77FtE=",
            ),
        ],
        body: BODY,
    },
    Vector {
        kind: Verification::Stripe,
        secret: "whsec_test_secret_of_stripe",
        at: 1_800_000_000,
        headers: &[(
            "stripe-signature",
            "t=1800000000,v1=f4378fda74354697e90e1cc5ee438a611a9fc8086ed9ecd5af48b770b7da8b17,v0=00",
        )],
        body: BODY,
    },
    Vector {
        kind: Verification::Header,
        secret: "a secret in a header",
        at: 0,
        headers: &[("x-webhook-secret", "a secret in a header")],
        body: BODY,
    },
];

fn owned(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn seconds(at: i64) -> Instant {
    Instant(at * 1_000)
}

impl Vector {
    fn verify_with(
        &self,
        secrets: &[&str],
        headers: &[(String, String)],
        body: &[u8],
        at: i64,
    ) -> Result<(), Mismatch> {
        verify(self.kind, secrets, &Signed { headers, body, now: seconds(at) })
    }
}

#[test]
fn what_others_have_signed_is_believed() {
    for vector in VECTORS {
        let headers = owned(vector.headers);
        let kind = vector.kind;
        for secrets in [&[vector.secret][..], &["whsec_AAAAAAAAAAAAAAAAAAAAAAAA", vector.secret]] {
            assert_eq!(vector.verify_with(secrets, &headers, vector.body.as_bytes(), vector.at), Ok(()), "{kind:?}");
        }
        let other =
            vector.verify_with(&["whsec_AAAAAAAAAAAAAAAAAAAAAAAA"], &headers, vector.body.as_bytes(), vector.at);
        assert!(matches!(other, Err(Mismatch::Different | Mismatch::Secret(_))), "{kind:?}: {other:?}");
        assert!(vector.verify_with(&[], &headers, vector.body.as_bytes(), vector.at).is_err(), "{kind:?}");
    }
}

#[test]
fn another_body_is_another_signature() {
    for vector in VECTORS.iter().filter(|vector| vector.kind != Verification::Header) {
        let (headers, body) = (owned(vector.headers), vector.body.as_bytes());
        for index in 0..body.len() {
            let mut flipped = body.to_vec();
            flipped[index] ^= 1;
            let result = vector.verify_with(&[vector.secret], &headers, &flipped, vector.at);
            assert_eq!(result, Err(Mismatch::Different), "{:?} at {index}", vector.kind);
        }
        let longer = [body, b"\n"].concat();
        assert!(vector.verify_with(&[vector.secret], &headers, &longer, vector.at).is_err());
        // Parsed and written again on the way.
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) {
            let again = value.to_string();
            assert_ne!(again.as_bytes(), body);
            let result = vector.verify_with(&[vector.secret], &headers, again.as_bytes(), vector.at);
            assert_eq!(result, Err(Mismatch::Different));
        }
    }
}

#[test]
fn another_header_is_another_signature() {
    for vector in VECTORS {
        for (index, (name, value)) in vector.headers.iter().enumerate() {
            // A signature that is none of ours may be anything.
            let own = if value.contains(" v1,") { "" } else { value.split(",v0=").next().unwrap() };
            for at in 0..own.len() {
                let mut headers = owned(vector.headers);
                let mut changed = value.as_bytes().to_vec();
                changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
                headers[index].1 = String::from_utf8(changed).unwrap();
                let result = vector.verify_with(&[vector.secret], &headers, vector.body.as_bytes(), vector.at);
                assert!(result.is_err(), "{name} at {at}: {value}");
            }
            let mut missing = owned(vector.headers);
            missing.remove(index);
            let result = vector.verify_with(&[vector.secret], &missing, vector.body.as_bytes(), vector.at);
            assert!(matches!(result, Err(Mismatch::Missing(missing)) if missing == *name), "{name}: {result:?}");
            let mut twice = owned(vector.headers);
            twice.push(twice[index].clone());
            let result = vector.verify_with(&[vector.secret], &twice, vector.body.as_bytes(), vector.at);
            assert!(matches!(result, Err(Mismatch::Twice(twice)) if twice == *name), "{name}: {result:?}");
        }
    }
}

#[test]
fn what_was_signed_at_another_time_may_be_a_copy() {
    let timed = [Verification::Standard, Verification::Stripe, Verification::Slack];
    for vector in VECTORS.iter().filter(|vector| timed.contains(&vector.kind)) {
        let headers = owned(vector.headers);
        let at = |at| vector.verify_with(&[vector.secret], &headers, vector.body.as_bytes(), at);
        assert_eq!([at(vector.at - TOLERANCE_S), at(vector.at + TOLERANCE_S)], [Ok(()), Ok(())]);
        assert_eq!(at(vector.at + TOLERANCE_S + 1), Err(Mismatch::Old(TOLERANCE_S + 1)));
        assert_eq!(at(vector.at - TOLERANCE_S - 1), Err(Mismatch::Early(TOLERANCE_S + 1)));
    }
}

#[test]
fn headers_that_can_not_be_read_are_named() {
    let refused = |kind, headers: &[(&str, &str)]| {
        let headers = owned(headers);
        verify(kind, &["whsec_AAAAAAAAAAAAAAAAAAAAAAAA"], &Signed { headers: &headers, body: b"", now: seconds(1) })
            .unwrap_err()
    };
    for value in ["", "sha256=", "sha256=00", "sha1=00", &format!("sha256={}", "g".repeat(64)), &"0".repeat(64)] {
        let mismatch = refused(Verification::Github, &[("x-hub-signature-256", value)]);
        assert!(matches!(mismatch, Mismatch::Malformed("x-hub-signature-256", _)), "{value}: {mismatch:?}");
        assert!(matches!(
            refused(Verification::HmacSha256, &[("x-webhook-signature", value)]),
            Mismatch::Malformed(..)
        ));
    }
    for timestamp in ["", "-1", "+1", "1.0", "1e3", " 1", "99999999999999999999", "٣"] {
        let headers = [("webhook-id", "a"), ("webhook-timestamp", timestamp), ("webhook-signature", "v1,AAAA")];
        let mismatch = refused(Verification::Standard, &headers);
        assert_eq!(mismatch, Mismatch::Malformed("webhook-timestamp", SECONDS), "{timestamp}");
    }
    let far = [("webhook-id", "a"), ("webhook-timestamp", "9223372036854775807"), ("webhook-signature", "v1,AAAA")];
    assert!(matches!(refused(Verification::Standard, &far), Mismatch::Early(_)));
    for signature in ["", "v1", "v1,", "AAAA", "v2,AAAA", "v1,?"] {
        let headers = [("webhook-id", "a"), ("webhook-timestamp", "1"), ("webhook-signature", signature)];
        let mismatch = refused(Verification::Standard, &headers);
        // An empty signature is one that fits nothing.
        assert!(matches!(mismatch, Mismatch::Malformed("webhook-signature", _) | Mismatch::Different), "{signature}");
    }
    for header in ["", "t=1", "v1=00", "t=x,v1=00", "t,v1", "v1=", &format!("v1={}", "0".repeat(64))] {
        let mismatch = refused(Verification::Stripe, &[("stripe-signature", header)]);
        assert!(matches!(mismatch, Mismatch::Malformed("stripe-signature", _)), "{header}: {mismatch:?}");
    }
    assert_eq!(verify(Verification::None, &[], &Signed { headers: &[], body: b"x", now: seconds(0) }), Ok(()));
}

proptest! {
    #[test]
    fn no_header_makes_it_panic_or_believe(
        kind in prop::sample::select(vec![
            Verification::HmacSha256, Verification::Standard, Verification::Github, Verification::Stripe,
            Verification::Slack, Verification::Header,
        ]),
        headers in prop::collection::vec((
            prop::sample::select(vec![
                SIGNATURE, SECRET, STANDARD_ID, STANDARD_TIMESTAMP, STANDARD_SIGNATURE, GITHUB, STRIPE, SLACK,
                SLACK_TIMESTAMP,
            ]),
            r"(sha256=|v0=|v1,|t=1,v1=|v1=)?([0-9a-f]{0,70}|\PC{0,20}|1)( v1,[A-Za-z0-9+/=]{0,44})?",
        ), 0..8),
        body in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let headers: Vec<_> = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let signed = Signed { headers: &headers, body: &body, now: seconds(1) };
        prop_assert!(verify(kind, &["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], &signed).is_err());
    }
}
