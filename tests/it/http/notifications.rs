//! What is told of a suspension: by webhook, to Slack, by mail; again after a failure, never of what is closed.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sluicegate::{
    app::App,
    config::{Secret, Settings},
};
use tokio_util::sync::CancellationToken;

use crate::support::{
    app::{Backend, JWT_SECRET, on_both},
    mailbox::Mailbox,
    peer::Peer,
    scene::{Run, Scene, line, node},
};

on_both! {
    a_webhook_is_signed_and_nothing_secret_is_shown,
    what_fails_is_sent_again_when_its_time_has_come,
    what_fails_for_good_is_not,
    a_message_is_not_sent_on_to_another_address,
    a_message_goes_to_hosts_that_the_workspace_calls,
    after_the_last_attempt_it_has_failed_until_somebody_wants_it_sent_again,
    reminders_are_sent_while_it_is_open_and_not_after,
    who_crashes_between_sending_and_writing_sends_the_same_again,
    mail_is_sent_by_smtp,
    without_settings_mail_fails_with_a_reason,
    a_message_for_slack_has_a_button,
}

async fn a_message_goes_to_hosts_that_the_workspace_calls(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let hosts = json!({"outboundHosts": ["api.example.org"]});
    scene.ann.patch(&scene.place.workspace(), hosts).await.expect(200);
    let (_, suspension) = telling(&scene, json!({"notify": [{"type": "webhook", "url": peer.url("/hook")}]})).await;
    let told = told(&scene, &suspension, |told| told[0]["state"] == "failed").await;
    let error = told[0]["attempts"][0]["error"].as_str().unwrap();
    assert!(error.contains("outboundHosts"), "{error}");
    assert_eq!((attempts(&told), peer.hits("/hook")), (1, 0));
}

/// An execution at a gate that tells of itself, and the path of its suspension.
async fn telling(scene: &Scene, rules: Value) -> (Run, String) {
    let mut data = json!({"message": "Ship <it> & go?"});
    data.as_object_mut().unwrap().extend(rules.as_object().unwrap().clone());
    let run = scene.run(line([node("gate", "approval-gate", data)]), json!(null)).await;
    let id = run.asked().await["suspensionId"].as_str().unwrap().to_owned();
    (run, format!("{}/suspensions/{id}", scene.place.workspace()))
}

/// The notifications, once they are so.
async fn told(scene: &Scene, suspension: &str, so: impl Fn(&Value) -> bool) -> Value {
    let look = async {
        loop {
            let told = scene.ann.get(&format!("{suspension}/notifications")).await.expect(200);
            if so(&told) {
                return told;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), look).await.expect("it is so in time")
}

fn attempts(told: &Value) -> usize {
    told[0]["attempts"].as_array().unwrap().len()
}

fn body(request: &Value) -> Value {
    serde_json::from_str(request["body"].as_str().unwrap()).unwrap()
}

async fn a_webhook_is_signed_and_nothing_secret_is_shown(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let target =
        json!({"type": "webhook", "url": peer.url("/hook/s3cret?k=s3cret"), "secret": "whsec_c2VjcmV0", "user": "ann"});
    let (run, suspension) = telling(&scene, json!({"notify": [target]})).await;
    peer.arrived("/hook/s3cret", 1).await;
    let request = &peer.requests("/hook/s3cret")[0];
    let mut sent = body(request);
    assert_eq!((&sent["type"], &sent["data"]["user"]), (&json!("suspension.opened"), &json!("ann")));
    let mut expected = scene.ann.get(&suspension).await.expect(200);
    assert_eq!(sent["data"]["suspension"].take(), expected);
    let headers = &request["headers"];
    let text = |name: &str| headers[name].as_str().unwrap().to_owned();
    let signed = format!("{}.{}.{}", text("webhook-id"), text("webhook-timestamp"), request["body"].as_str().unwrap());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"secret"), signed.as_bytes());
    assert_eq!(text("webhook-signature"), format!("v1,{}", STANDARD.encode(tag)));

    let told = told(&scene, &suspension, |told| told[0]["state"] == "delivered").await;
    assert_eq!(told[0]["id"], text("webhook-id"));
    assert_eq!(told[0]["to"], peer.url(""));
    assert_eq!(told[0]["attempts"][0]["status"], 200);
    // Neither the target nor the link is anywhere but where it was sent.
    let token = sent["data"]["link"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    expected = run.view().await;
    expected["input"].take();
    let mut log = run.log().await;
    log.retain(|event| event["type"] != "execution_status");
    let everything = format!("{told} {} {expected} {log:?}", scene.ann.get(&suspension).await.text);
    for secret in ["s3cret", "c2VjcmV0", &token] {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
}

async fn what_fails_is_sent_again_when_its_time_has_come(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let (_, suspension) = telling(&scene, json!({"notify": [{"type": "webhook", "url": peer.url("/flaky/2")}]})).await;
    let first = told(&scene, &suspension, |told| attempts(told) == 1).await;
    assert_eq!((&first[0]["state"], &first[0]["attempts"][0]["status"]), (&json!("pending"), &json!(503)));
    scene.app.clock.advance_ms(4_999);
    assert_eq!(peer.hits("/flaky/2"), 1);
    scene.app.clock.advance_ms(1);
    told(&scene, &suspension, |told| attempts(told) == 2).await;
    scene.app.clock.advance_ms(30_000);
    let last = told(&scene, &suspension, |told| told[0]["state"] == "delivered").await;
    assert_eq!((attempts(&last), last[0].get("nextAttemptAt")), (3, None));
    let ids: Vec<_> =
        peer.requests("/flaky/2").iter().map(|request| request["headers"]["webhook-id"].clone()).collect();
    assert_eq!(ids, vec![last[0]["id"].clone(); 3]);
}

async fn what_fails_for_good_is_not(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let target = |url: String| json!({"type": "webhook", "url": url});
    let notify = json!([target(peer.url("/status/410")), target("http://10.1.2.3/".to_owned())]);
    let (_, suspension) = telling(&scene, json!({"notify": notify})).await;
    let told = told(&scene, &suspension, |told| told[0]["state"] == "failed" && told[1]["state"] == "failed").await;
    assert_eq!((attempts(&told), &told[0]["attempts"][0]["error"]), (1, &json!("the receiver answered 410")));
    assert!(told[1]["attempts"][0]["error"].as_str().unwrap().contains("may not be called"), "{told}");
}

async fn a_message_is_not_sent_on_to_another_address(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    // As a GET without the message, or as a POST with all of it.
    for path in ["/moved/302", "/moved/307"] {
        let notify = json!([{"type": "webhook", "url": peer.url(path), "secret": "s3cret"}]);
        let (_, suspension) = telling(&scene, json!({"notify": notify})).await;
        let told = told(&scene, &suspension, |told| attempts(told) == 1).await;
        assert_eq!(told[0]["state"], "pending", "{told}");
        assert!(told[0]["attempts"][0]["error"].as_str().unwrap().contains("another address"), "{told}");
        assert_eq!((peer.hits(path), peer.hits("/elsewhere")), (1, 0));
    }
}

async fn after_the_last_attempt_it_has_failed_until_somebody_wants_it_sent_again(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let (run, suspension) =
        telling(&scene, json!({"notify": [{"type": "webhook", "url": peer.url("/flaky/7")}]})).await;
    for (count, pause) in (1..).zip([5, 30, 120, 600, 3_600, 21_600, 0]) {
        told(&scene, &suspension, |told| attempts(told) == count).await;
        scene.app.clock.advance_ms(pause * 1_000);
    }
    let failed = told(&scene, &suspension, |told| told[0]["state"] == "failed").await;
    assert_eq!(attempts(&failed), 7);
    let again = format!("{suspension}/notifications/{}/redeliver", failed[0]["id"].as_str().unwrap());
    let viewer = scene.app.join(&scene.place, "ann", "vic", "viewer").await;
    viewer.post(&again, json!({})).await.problem(403, "role_too_low");
    assert_eq!(scene.ann.post(&again, json!({})).await.expect(200)["state"], "pending");
    told(&scene, &suspension, |told| told[0]["state"] == "delivered" && attempts(told) == 8).await;
    run.respond(json!({"approved": true})).await.expect(200);
    scene.ann.post(&again, json!({})).await.problem(409, "suspension_closed");
    let unknown = format!("{suspension}/notifications/{}/redeliver", scene.place.pod_id);
    scene.ann.post(&unknown, json!({})).await.problem(404, "not_found");
}

async fn reminders_are_sent_while_it_is_open_and_not_after(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let rules = json!({
        "reminders": [{"after": "1h"}, {"after": "3h"}],
        "escalation": [{"after": "2h", "to": {"users": ["ann"]}}],
        "notify": [{"type": "webhook", "url": peer.url("/hook")}],
    });
    let (run, suspension) = telling(&scene, rules).await;
    told(&scene, &suspension, |told| told[0]["state"] == "delivered").await;
    for (index, kind) in [(1, "suspension.reminder"), (2, "suspension.escalation")] {
        scene.app.clock.advance_ms(3_600_000);
        told(&scene, &suspension, |told| told[index]["state"] == "delivered").await;
        let sent = &peer.requests("/hook")[index];
        assert_eq!(body(sent)["type"], kind);
        assert_eq!(
            body(sent)["data"]["link"],
            body(&peer.requests("/hook")[0])["data"]["link"],
            "one link for all of them"
        );
    }
    run.respond(json!({"approved": true})).await.expect(200);
    scene.app.clock.advance_ms(3_600_000);
    told(&scene, &suspension, |told| told[3]["state"] == "cancelled").await;
    assert_eq!(peer.hits("/hook"), 3);
}

async fn who_crashes_between_sending_and_writing_sends_the_same_again(backend: Backend) {
    let (mut scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let (_, suspension) = telling(&scene, json!({"notify": [{"type": "webhook", "url": peer.url("/gate")}]})).await;
    peer.arrived("/gate", 1).await;
    // It has arrived, and nobody is left who knows.
    scene.restart().await;
    let before = told(&scene, &suspension, |_| true).await;
    assert_eq!((&before[0]["state"], attempts(&before)), (&json!("pending"), 0));
    scene.app.clock.advance_ms(120_000);
    peer.arrived("/gate", 2).await;
    peer.open_gate();
    peer.open_gate();
    let after = told(&scene, &suspension, |told| told[0]["state"] == "delivered").await;
    let ids: Vec<_> = peer.requests("/gate").iter().map(|request| request["headers"]["webhook-id"].clone()).collect();
    assert_eq!(ids, [after[0]["id"].clone(), after[0]["id"].clone()]);
}

/// Two servers on one database share the work; nobody gets anything twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_do_not_send_twice() {
    let (scene, peer) = (Scene::on(Backend::Postgres).await, Peer::start().await);
    let settings = Settings {
        store: Some(Secret::new(scene.app.store_url())),
        jwt_secret: Some(vec![Secret::new(JWT_SECRET)]),
        outbound_networks: Some(vec!["127.0.0.0/8".into()]),
        ..Settings::default()
    };
    let second = App::boot(settings.into_config().unwrap(), scene.app.clock.clone()).await.unwrap();
    let notify =
        json!([{"type": "webhook", "url": peer.url("/hook")}, {"type": "webhook", "url": peer.url("/flaky/9")}]);
    let mut suspensions = Vec::new();
    for _ in 0..10 {
        suspensions.push(telling(&scene, json!({"notify": notify, "reminders": [{"after": "1h"}]})).await.1);
    }
    for suspension in &suspensions {
        told(&scene, suspension, |told| told[0]["state"] == "delivered").await;
    }
    scene.app.clock.advance_ms(3_600_000);
    for suspension in &suspensions {
        told(&scene, suspension, |told| told[1]["state"] == "delivered").await;
    }
    let mut ids: Vec<_> =
        peer.requests("/hook").iter().map(|request| request["headers"]["webhook-id"].to_string()).collect();
    assert_eq!(ids.len(), 20);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    second.state.engine.stop(&CancellationToken::new()).await;
    second.state.store.close().await;
}

async fn mail_is_sent_by_smtp(backend: Backend) {
    let mailbox = Mailbox::start(1).await;
    let scene = Scene::with(backend, |settings| {
        settings.smtp_url = Some(Secret::new(&mailbox.url));
        settings.smtp_from = Some("Gate <gate@example.com>".to_owned());
        settings.public_url = Some("https://flow.example.com/base/".to_owned());
    })
    .await;
    let notify = json!([{"type": "email", "to": "bo@example.org"}, {"type": "email", "to": "nobody@example.org"}]);
    let (_, suspension) = telling(&scene, json!({"title": "Größe\nBcc: x@example.org", "notify": notify})).await;
    // The first is told to come later, whichever that is; who does not exist is not tried again.
    told(&scene, &suspension, |told| told[0]["attempts"][0].is_object() && told[1]["state"] == "failed").await;
    scene.app.clock.advance_ms(5_000);
    let letters = mailbox.letters(1).await;
    let told = told(&scene, &suspension, |told| told[0]["state"] == "delivered").await;
    assert_eq!((told[1]["state"].as_str(), &told[1]["attempts"][0]["status"]), (Some("failed"), &json!(550)));
    assert_eq!(letters[0].to, "bo@example.org");
    let text = letters[0].text.replace("=\n", "").replace("=3D", "=");
    assert!(text.contains(&format!("Message-ID: <{}@example.com>", told[0]["id"].as_str().unwrap())), "{text}");
    assert!(text.contains("https://flow.example.com/base/respond/"), "{text}");
    assert!(text.contains("Ship <it> & go?") && text.contains("Ship &lt;it&gt; &amp; go?"), "{text}");
    assert!(!text.contains("\nBcc:"), "{text}");
}

async fn without_settings_mail_fails_with_a_reason(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (_, suspension) = telling(&scene, json!({"notify": [{"type": "email", "to": "bo@example.org"}]})).await;
    let told = told(&scene, &suspension, |told| told[0]["state"] == "failed").await;
    assert!(told[0]["attempts"][0]["error"].as_str().unwrap().contains("`smtp-url`"), "{told}");
    assert_eq!(told[0]["to"], "bo@example.org");
}

async fn a_message_for_slack_has_a_button(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let rules = json!({"title": "Order", "expiresIn": "1h", "notify": [{"type": "slack", "url": peer.url("/slack")}]});
    telling(&scene, rules).await;
    peer.arrived("/slack", 1).await;
    let sent = body(&peer.requests("/slack")[0]);
    assert_eq!(sent["text"], "Order");
    let kinds: Vec<_> =
        sent["blocks"].as_array().unwrap().iter().map(|block| block["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["header", "section", "context", "actions"]);
    assert_eq!(sent["blocks"][1]["text"]["text"], "Ship &lt;it&gt; &amp; go?");
    let button = &sent["blocks"][3]["elements"][0];
    assert!(button["url"].as_str().unwrap().contains("/respond/"), "{button}");
}
