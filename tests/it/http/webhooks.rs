//! Webhooks as they are made, changed and rotated; and what is refused.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, Client, Reply, on_both},
    scene::{Run, Scene, error_paths, gate},
};

on_both! {
    a_webhook_has_its_fields_and_shows_its_secret_once,
    what_can_not_be_taken_is_named,
    secrets_fit_their_kind_and_are_rotated,
    changes_are_in_the_audit_log_and_secrets_are_nowhere,
    lists_are_paged,
}

/// A server, a workspace, and webhooks in it.
pub struct Hooks {
    pub scene: Scene,
}

impl Hooks {
    pub async fn on(backend: Backend) -> Self {
        Self { scene: Scene::on(backend).await }
    }

    /// Ann, with a token that has not run out.
    pub fn ann(&self) -> Client {
        self.scene.app.user("ann")
    }

    /// The path of the webhooks.
    pub fn path(&self) -> String {
        format!("{}/webhooks", self.scene.place.pod())
    }

    /// Saves a workflow and deploys it.
    pub async fn deployed(&self, definition: Value) -> String {
        let id = self.scene.workflow(definition).await;
        self.ann().post(&format!("{}/workflows/{id}/deploy", self.scene.place.pod()), json!({})).await.expect(200);
        id
    }

    /// A new webhook.
    pub async fn make(&self, workflow: &str, more: Value) -> Hook {
        let mut body = json!({"workflowId": workflow});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.ann().post(&self.path(), body).await.expect(201);
        let id = made["id"].as_str().unwrap().to_owned();
        Hook {
            path: format!("{}/{id}", self.path()),
            public: format!("/webhooks/{id}/trigger"),
            secret: made["secret"].as_str().unwrap_or_default().to_owned(),
            outside: self.scene.app.anonymous(),
            ann: self.ann(),
            id,
        }
    }

    /// The execution that a delivery has started.
    #[track_caller]
    pub fn started(&self, reply: &Reply) -> Run {
        self.scene.run_of(reply)
    }

    /// How many executions there are.
    pub async fn executions(&self) -> usize {
        self.ann().get(&format!("{}?limit=200", self.scene.executions())).await.expect(200).as_array().unwrap().len()
    }
}

/// A webhook.
pub struct Hook {
    pub id: String,
    pub path: String,
    pub public: String,
    pub secret: String,
    pub outside: Client,
    pub ann: Client,
}

impl Hook {
    pub async fn view(&self) -> Value {
        self.ann.get(&self.path).await.expect(200)
    }

    /// A delivery with these headers.
    pub async fn deliver(&self, headers: &[(&str, &str)], body: &str) -> Reply {
        let client = headers.iter().fold(self.outside.clone(), |client, (name, value)| client.with(name, value));
        client.send(reqwest::Method::POST, &self.public, Some(body.to_owned())).await
    }

    /// The ledger, newest first.
    pub async fn deliveries(&self) -> Vec<Value> {
        self.ann.get(&format!("{}/deliveries?limit=200", self.path)).await.expect(200).as_array().unwrap().clone()
    }

    /// The newest delivery, with all that is kept of it.
    pub async fn newest(&self) -> Value {
        let id = self.deliveries().await[0]["id"].as_str().unwrap().to_owned();
        self.ann.get(&format!("{}/deliveries/{id}", self.path)).await.expect(200)
    }
}

async fn a_webhook_has_its_fields_and_shows_its_secret_once(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.scene.workflow(gate()).await;
    let body = json!({"workflowId": workflow, "name": " Orders ", "verification": "standard", "dedupeHeader": "X-Order",
        "response": "wait", "waitSeconds": 5, "ratePerMinute": 60, "enabled": false});
    let reply = hooks.ann().with("idempotency-key", "k").post(&hooks.path(), body.clone()).await;
    let mut made = reply.expect(201);
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() == 50, "{secret}");
    let again = hooks.ann().with("idempotency-key", "k").post(&hooks.path(), body).await;
    assert_eq!((again.expect(201)["id"].clone(), again.text.contains(&secret)), (made["id"].clone(), false));
    let path = format!("{}/{}", hooks.path(), made["id"].as_str().unwrap());
    assert_eq!(reply.header("location"), Some(format!("/v1{path}").as_str()));
    made.as_object_mut().unwrap().remove("secret");
    assert_eq!(hooks.ann().get(&path).await.expect(200), made);
    let expected = json!({
        "id": made["id"], "workspaceId": hooks.scene.place.workspace_id, "podId": hooks.scene.place.pod_id,
        "workflowId": workflow, "name": "Orders", "verification": "standard", "enabled": false, "dedupeHeader": "x-order",
        "url": format!("http://127.0.0.1:8080/v1/webhooks/{}/trigger", made["id"].as_str().unwrap()),
        "response": "wait", "waitSeconds": 5, "ratePerMinute": 60, "previousSecretUntil": null, "createdBy": "ann",
        "createdAt": "2027-01-15T08:00:00.000Z", "updatedAt": "2027-01-15T08:00:00.000Z",
    });
    assert_eq!(made, expected);

    let plain = hooks.make(&workflow, json!({})).await;
    assert!(plain.secret.starts_with("whsec_"));
    let view = plain.view().await;
    let fields = ["name", "verification", "enabled", "dedupeHeader", "response", "waitSeconds", "ratePerMinute"];
    let expected =
        [json!("Webhook"), json!("hmac-sha256"), json!(true), Value::Null, json!("execution"), json!(30), json!(600)];
    assert_eq!(fields.map(|field| view[field].clone()), expected);
    assert_eq!(hooks.make(&workflow, json!({"secret": "a secret of mine"})).await.secret, "a secret of mine");
    assert_eq!(hooks.make(&workflow, json!({"verification": "none"})).await.secret, "");

    let patch =
        json!({"name": "Other", "dedupeHeader": null, "response": "stream", "enabled": true, "waitSeconds": 300});
    let changed = hooks.ann().patch(&path, patch).await.expect(200);
    let values =
        ["name", "dedupeHeader", "response", "enabled", "waitSeconds", "ratePerMinute"].map(|field| &changed[field]);
    assert_eq!(values, [&json!("Other"), &Value::Null, &json!("stream"), &json!(true), &json!(300), &json!(60)]);
    assert_ne!(changed["updatedAt"], changed["createdAt"]);
    hooks.ann().delete(&path).await.expect(204);
    hooks.ann().get(&path).await.problem(404, "not_found");
}

async fn what_can_not_be_taken_is_named(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.scene.workflow(gate()).await;
    let one = hooks.make(&workflow, json!({})).await;
    let body = |change: &Value| {
        let mut body = json!({"workflowId": workflow});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    for (change, path, said) in [
        (json!({"name": " "}), "/name", "1 to 120"),
        (json!({"dedupeHeader": "a b"}), "/dedupeHeader", "name of a header"),
        (json!({"dedupeHeader": "x".repeat(101)}), "/dedupeHeader", "100"),
        (json!({"dedupeHeader": "Authorization"}), "/dedupeHeader", "credentials"),
        (json!({"waitSeconds": 0}), "/waitSeconds", "300"),
        (json!({"waitSeconds": 301}), "/waitSeconds", "300"),
        (json!({"ratePerMinute": 0}), "/ratePerMinute", "60000"),
        (json!({"ratePerMinute": 60_001}), "/ratePerMinute", "60000"),
        (json!({"verification": "none", "secret": "long enough"}), "/secret", "has no secret"),
    ] {
        for problem in [
            hooks.ann().post(&hooks.path(), body(&change)).await.problem(422, "invalid_value"),
            hooks.ann().patch(&one.path, change.clone()).await.problem(422, "invalid_value"),
        ] {
            assert_eq!(error_paths(&problem), [path], "{change}: {problem}");
            assert!(problem["detail"].as_str().unwrap().contains(said), "{change}: {problem}");
        }
    }
    for (kind, secret) in [
        ("hmac-sha256", "1234567".to_owned()),
        ("hmac-sha256", "x".repeat(513)),
        ("github", "with\u{0}nul".to_owned()),
        ("stripe", "with\nline".to_owned()),
        ("standard", "not in base64".to_owned()),
        ("standard", "whsec_AAAAAAAAAAAAAAAAAAAA".to_owned()),
        ("standard", format!("whsec_{}", "A".repeat(88))),
        ("header", "zwölf Boxkämpfer".to_owned()),
        ("header", " padded secret ".to_owned()),
    ] {
        let change = json!({"verification": kind, "secret": secret});
        let problem = hooks.ann().post(&hooks.path(), body(&change)).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), ["/secret"], "{change}: {problem}");
        assert!(!problem.to_string().contains(&secret), "a refusal does not show the secret");
    }
    for (change, path) in [
        (json!({"verification": "md5"}), "/verification"),
        (json!({"response": "redirect"}), "/response"),
        (json!({"unknown": 1}), "/unknown"),
        (json!({"enabled": null}), "/enabled"),
        (json!({"waitSeconds": 1.5}), "/waitSeconds"),
        (json!({"secret": null}), "/secret"),
    ] {
        let problem = hooks.ann().post(&hooks.path(), body(&change)).await.problem(400, "invalid_body");
        assert!(error_paths(&problem)[0].starts_with(path), "{change}: {problem}");
        hooks.ann().patch(&one.path, change).await.problem(400, "invalid_body");
    }
    hooks.ann().post(&hooks.path(), json!({})).await.problem(400, "invalid_body");

    // A workflow that is not there, or in the trash.
    for problem in [
        hooks.ann().post(&hooks.path(), json!({"workflowId": one.id})).await.problem(404, "not_found"),
        hooks.ann().patch(&one.path, json!({"workflowId": one.id})).await.problem(404, "not_found"),
    ] {
        assert_eq!(error_paths(&problem), ["/workflowId"]);
    }
    let trash = format!("{}/workflows/{workflow}/trash", hooks.scene.place.pod());
    hooks.ann().patch(&trash, json!({})).await.expect(200);
    hooks.ann().post(&hooks.path(), json!({"workflowId": workflow})).await.problem(409, "workflow_trashed");
    hooks.ann().patch(&one.path, json!({"name": "Still changed"})).await.expect(200);
    hooks.ann().get(&format!("{}/deliveries?cursor=x", one.path)).await.problem(400, "invalid_query");
    hooks.ann().get(&format!("{}/deliveries/x", one.path)).await.problem(404, "not_found");
    hooks.ann().get(&format!("{}/deliveries/{}", one.path, one.id)).await.problem(404, "not_found");
    hooks.ann().get(&format!("{}/x", hooks.path())).await.problem(404, "not_found");
}

async fn secrets_fit_their_kind_and_are_rotated(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "header", "secret": "the first one"})).await;
    let with = async |secret: &str| hook.deliver(&[("x-webhook-secret", secret)], "{}").await.status;
    assert_eq!([with("the first one").await, with("the second one").await], [201, 401]);
    let rotate = async |body: Value| hooks.ann().post(&format!("{}/rotate", hook.path), body).await;

    let rotated = rotate(json!({"secret": "the second one", "overlapSeconds": 60})).await.expect(200);
    assert_eq!(
        (&rotated["secret"], &rotated["previousSecretUntil"]),
        (&json!("the second one"), &json!("2027-01-15T08:01:00.000Z"))
    );
    assert_eq!([with("the first one").await, with("the second one").await], [201, 201]);
    hooks.scene.app.clock.advance_ms(59_000);
    assert_eq!(with("the first one").await, 201);
    hooks.scene.app.clock.advance_ms(1_000);
    assert_eq!([with("the first one").await, with("the second one").await], [401, 201]);
    assert_eq!(hook.view().await["previousSecretUntil"], Value::Null);

    // Two hold at a time; the default is a day.
    let keyed = hooks.ann().with("idempotency-key", "r");
    let reply = keyed.post(&format!("{}/rotate", hook.path), json!({})).await;
    let third = reply.expect(200)["secret"].as_str().unwrap().to_owned();
    let again = keyed.post(&format!("{}/rotate", hook.path), json!({})).await;
    assert_eq!(again.expect(200).get("secret"), None, "{}", again.text);
    assert_eq!(reply.expect(200)["previousSecretUntil"], "2027-01-16T08:01:00.000Z");
    assert_eq!([with("the second one").await, with(&third).await], [201, 201]);
    rotate(json!({"secret": "the fourth one"})).await.expect(200);
    assert_eq!([with("the second one").await, with(&third).await, with("the fourth one").await], [401, 201, 201]);
    rotate(json!({"secret": "the fifth one", "overlapSeconds": 0})).await.expect(200);
    assert_eq!([with("the fourth one").await, with("the fifth one").await], [401, 201]);
    for body in [json!({"overlapSeconds": -1}), json!({"overlapSeconds": 604_801})] {
        assert_eq!(error_paths(&rotate(body).await.problem(422, "invalid_value")), ["/overlapSeconds"]);
    }
    assert_eq!(error_paths(&rotate(json!({"secret": "short"})).await.problem(422, "invalid_value")), ["/secret"]);

    // A kind that the secret does not fit, none at all, and back.
    let patch = async |body: Value| hooks.ann().patch(&hook.path, body).await;
    let problem = patch(json!({"verification": "standard"})).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&problem), ["/verification"]);
    let problem = patch(json!({"secret": "another secret"})).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&problem), ["/secret"]);
    patch(json!({"verification": "none"})).await.expect(200);
    assert_eq!(hook.deliver(&[], "{}").await.status, 201);
    rotate(json!({})).await.problem(409, "conflict");
    let problem = patch(json!({"verification": "header"})).await.problem(422, "invalid_value");
    assert_eq!(error_paths(&problem), ["/verification"]);
    patch(json!({"verification": "header", "secret": "yet another"})).await.expect(200);
    assert_eq!([with("yet another").await, with("the fifth one").await], [201, 401]);
}

async fn changes_are_in_the_audit_log_and_secrets_are_nowhere(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let hook = hooks.make(&workflow, json!({"verification": "header", "secret": "first-secret-1"})).await;
    hooks.ann().patch(&hook.path, json!({"name": "Other"})).await.expect(200);
    hooks.ann().post(&format!("{}/rotate", hook.path), json!({"secret": "other-secret-2"})).await.expect(200);
    let audit = format!("{}/audit?subject={}", hooks.scene.place.workspace(), hook.id);
    let records = hooks.ann().get(&audit).await.expect(200);
    let told: Vec<_> = records.as_array().unwrap().iter().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(told, ["webhook.secret_rotated", "webhook.updated", "webhook.created"]);
    assert_eq!((&records[0]["actor"], &records[1]["detail"]["name"]), (&json!("ann"), &json!("Other")));

    let headers = [
        ("x-webhook-secret", "other-secret-2"),
        ("x-copy", "other-secret-2"),
        ("authorization", "Bearer x.y.z"),
        ("cookie", "c=cookie-monster"),
        ("x-event", "push"),
    ];
    let reply = hook.outside.with("x-event", "push");
    let reply = headers
        .iter()
        .fold(reply, |client, (name, value)| client.with(name, value))
        .send(reqwest::Method::POST, &format!("{}?a=1&copy=first-secret-1", hook.public), Some("{}".to_owned()))
        .await;
    let run = hooks.started(&reply);
    let webhook = run.view().await["context"]["webhook"].clone();
    assert_eq!((&webhook["headers"]["x-event"], &webhook["query"]), (&json!("push"), &json!({"a": "1"})));
    hook.deliver(&[("x-webhook-secret", "first-secret-1 "), ("x-b", "1")], "{}").await;
    hook.deliver(&[("x-webhook-secret", "first-secret-9")], "{}").await.problem(401, "webhook_unverified");
    let deliveries = hook.deliveries().await;
    let mut seen = format!("{} {} {:?} {:?} {}", records, reply.text, run.log().await, deliveries, hook.view().await);
    for delivery in &deliveries {
        seen += &hook.ann.get(&format!("{}/deliveries/{}", hook.path, delivery["id"].as_str().unwrap())).await.text;
    }
    hooks.ann().delete(&hook.path).await.expect(204);
    seen += &hooks.ann().get(&audit).await.text;
    for secret in ["first-secret", "other-secret", "x.y.z", "cookie-monster"] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
    assert!(seen.contains("webhook.deleted"));
}

async fn lists_are_paged(backend: Backend) {
    let hooks = Hooks::on(backend).await;
    let workflow = hooks.deployed(gate()).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, hooks.make(&workflow, json!({"verification": "none"})).await.id);
    }
    let first = hooks.ann().get(&format!("{}?limit=2", hooks.path())).await;
    let listed: Vec<_> = first.expect(200).as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(listed, ids[..2]);
    let next = first.header("link").unwrap().split(['<', '>']).nth(1).unwrap().strip_prefix("/v1").unwrap().to_owned();
    assert_eq!(hooks.ann().get(&next).await.expect(200)[0]["id"], ids[2]);

    let hook = hooks.make(&workflow, json!({"verification": "none"})).await;
    for _ in 0..3 {
        hooks.started(&hook.deliver(&[], "{}").await);
    }
    let page = hooks.ann().get(&format!("{}/deliveries?limit=2", hook.path)).await;
    let next = page.header("link").unwrap().split(['<', '>']).nth(1).unwrap().strip_prefix("/v1").unwrap().to_owned();
    let mut all = page.expect(200).as_array().unwrap().clone();
    all.extend(hooks.ann().get(&next).await.expect(200).as_array().unwrap().clone());
    assert_eq!(all, hook.deliveries().await);
    assert_eq!(all.len(), 3);
}
