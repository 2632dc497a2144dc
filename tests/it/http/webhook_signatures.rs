//! Deliveries with signatures of others, over HTTP: vectors of the official Python libraries (stripe 16.1.0, standardwebhooks
//! 1.1.0, slack_sdk 3.47.0) at the time of the manual clock, and what is not believed.

use serde_json::{Value, json};

use super::webhooks::{Hook, Hooks};
use crate::support::{
    app::{Backend, on_both},
    scene::{gate, line, node},
};

on_both! {
    what_others_have_signed_starts_an_execution,
    what_is_not_believed_starts_nothing_and_says_why,
    slack_is_told_what_it_asks,
}

/// Spaces, a number that JSON writes otherwise, and text beyond ASCII: what a body loses that is parsed and written again.
const BODY: &str = "{\"type\":\"invoice.paid\", \"id\":\"evt_1NG8Du2eZvKYlo2CUI79vXWy\",\"amount\":1.50,\
\"text\":\"zwölf € \\u00e9\"}";

struct Sender {
    kind: &'static str,
    secret: &'static str,
    headers: &'static [(&'static str, &'static str)],
    key: Option<&'static str>,
}

const SENDERS: [Sender; 6] = [
    Sender {
        kind: "hmac-sha256",
        secret: "a secret of the tests",
        headers: &[("x-webhook-signature", "sha256=544623518609915d7b13b379809bcc9c883eec2fb0cf002508552c091220876d")],
        key: None,
    },
    Sender {
        kind: "standard",
        secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        headers: &[
            ("webhook-signature", "v1,5NjznqwrCOkMaiD+b6siL9/wvfw9UQoTNgdacV77FtE="),
            ("webhook-timestamp", "1800000000"),
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ],
        key: Some("webhook-id:msg_p5jXN8AQM9LWM0D4loKWxJek"),
    },
    Sender {
        kind: "github",
        secret: "It's a Secret to Everybody",
        headers: &[
            ("x-hub-signature-256", "sha256=4182f17fa04664fb9c0e7cdabd4bafcae75edfd17f2b00df2daf199340882fc7"),
            ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ],
        key: Some("x-github-delivery:72d3162e-cc78-11e3-81ab-4c9367dc0958"),
    },
    Sender {
        kind: "stripe",
        secret: "whsec_test_secret_of_stripe",
        headers: &[(
            "stripe-signature",
            "t=1800000000,v1=f4378fda74354697e90e1cc5ee438a611a9fc8086ed9ecd5af48b770b7da8b17,v0=00",
        )],
        key: Some("id:evt_1NG8Du2eZvKYlo2CUI79vXWy"),
    },
    Sender {
        kind: "slack",
        secret: "8f742231b10e8888abcd99yyyzzz85a5",
        headers: &[
            ("x-slack-signature", "v0=ec8dc1834ecef2140e54a10cdf84bd0e77b3d49b1900809705c78eb70d9d23f9"),
            ("x-slack-request-timestamp", "1800000000"),
        ],
        key: None,
    },
    Sender {
        kind: "header",
        secret: "a secret in a header",
        headers: &[("x-webhook-secret", "a secret in a header")],
        key: None,
    },
];

impl Sender {
    async fn hook(&self, hooks: &Hooks, workflow: &str) -> Hook {
        hooks.make(workflow, json!({"verification": self.kind, "secret": self.secret})).await
    }
}

async fn what_others_have_signed_starts_an_execution(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(line([node("text", "transform", json!({"transformScript": "input.text"}))])).await;
    for sender in &SENDERS {
        let hook = sender.hook(&hooks, &workflow).await;
        let reply = hook.deliver(sender.headers, BODY).await;
        let run = hooks.started(&reply);
        assert_eq!(run.output().await, "zwölf € é", "{}", sender.kind);
        let execution = run.view().await;
        let origin = [&execution["triggeredBy"], &execution["triggerId"], &execution["createdBy"]];
        assert_eq!(origin, [&json!("webhook"), &json!(hook.id), &json!(format!("webhook:{}", hook.id))]);
        assert_eq!(execution["input"], serde_json::from_str::<Value>(BODY).unwrap());
        assert_eq!(execution["idempotencyKey"], json!(sender.key));
        let delivery = hook.newest().await;
        let row = ["verdict", "status", "executionId", "reason", "dedupeKey", "bodyBytes", "body", "bodyIsWhole"]
            .map(|field| delivery[field].clone());
        let expected = [
            json!("started"),
            json!(201),
            json!(run.id),
            Value::Null,
            json!(sender.key),
            json!(BODY.len()),
            json!(BODY),
            json!(true),
        ];
        assert_eq!(row, expected, "{}", sender.kind);
        assert_eq!(execution["context"]["webhook"]["deliveryId"], delivery["id"]);
    }
    // Without the prefix as well.
    let hook = SENDERS[5].hook(&hooks, &workflow).await;
    let bare = hook.outside.without_prefix().with("x-webhook-secret", SENDERS[5].secret);
    hooks.started(&bare.send(reqwest::Method::POST, &hook.public, Some(BODY.to_owned())).await);
}

async fn what_is_not_believed_starts_nothing_and_says_why(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let rewritten = serde_json::from_str::<Value>(BODY).unwrap().to_string();
    let mut all = Vec::new();
    for sender in &SENDERS {
        let hook = sender.hook(&hooks, &workflow).await;
        let mut refused = 0;
        let mut refuse = async |headers: &[(&str, &str)], body: &str, said: &str| {
            let problem = hook.deliver(headers, body).await.problem(401, "webhook_unverified");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains(said), "{}: {detail}", sender.kind);
            let delivery = hook.newest().await;
            let row = ["verdict", "status", "reason", "executionId", "dedupeKey", "bodyBytes"]
                .map(|field| delivery[field].clone());
            let expected =
                [json!("unverified"), json!(401), json!(detail), Value::Null, Value::Null, json!(body.len())];
            assert_eq!(row, expected, "{}", sender.kind);
            refused += 1;
            assert_eq!(hook.deliveries().await.len(), refused);
        };
        let (name, value) = sender.headers[0];
        refuse(&[], BODY, "is missing").await;
        refuse(&sender.headers[1..], BODY, &format!("`{name}` is missing")).await;
        let mut other = sender.headers.to_vec();
        let mut wrong = value.to_owned();
        wrong.replace_range(19..20, if &value[19..20] == "0" { "1" } else { "0" });
        other[0].1 = if sender.kind == "stripe" { "t=1800000000,v1=00" } else { &wrong };
        refuse(&other, BODY, if sender.kind == "stripe" { "must be" } else { "secret" }).await;
        if sender.kind != "header" {
            refuse(sender.headers, &BODY.replacen("1.50", "1.51", 1), "not that of this body").await;
            refuse(sender.headers, &rewritten, "not that of this body").await;
            refuse(sender.headers, "", "not that of this body").await;
        }
        all.push((sender, hook));
    }
    // Five minutes later nothing that was signed then is taken any more.
    hooks.scene.app.clock.advance_ms(300_999);
    for (sender, hook) in &all {
        hooks.started(&hook.deliver(sender.headers, BODY).await);
    }
    hooks.scene.app.clock.advance_ms(1);
    for (sender, hook) in &all {
        let reply = hook.deliver(sender.headers, BODY).await;
        if matches!(sender.kind, "standard" | "stripe" | "slack") {
            let problem = reply.problem(401, "webhook_unverified");
            assert!(problem["detail"].as_str().unwrap().contains("301 seconds old"), "{problem}");
        } else {
            reply.expect(201);
        }
    }
}

async fn slack_is_told_what_it_asks(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let slack = &SENDERS[4];
    let hook = slack.hook(&hooks, &workflow).await;
    let body =
        r#"{"token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P","type":"url_verification"}"#;
    hook.deliver(slack.headers, body).await.problem(401, "webhook_unverified");
    // Computed with slack_sdk, as above.
    let signed = [slack.headers[1], ("x-slack-signature", CHALLENGE_SIGNATURE)];
    let told = hook.deliver(&signed, body).await.expect(200);
    assert_eq!(told, json!({"challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}));
    let delivery = hook.newest().await;
    assert_eq!([&delivery["verdict"], &delivery["status"]], [&json!("challenged"), &json!(200)]);
    assert_eq!(hooks.executions().await, 0);
}

const CHALLENGE_SIGNATURE: &str = "v0=3255396a9664e8bf97803f782515d517b6fb259e878fdd7048ac2c1ac6fe1dc3";
