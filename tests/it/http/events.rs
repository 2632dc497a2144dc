//! Events from outside: which workflows they start, and that they start nothing twice.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::{
    app::{Backend, Client, Reply, on_both},
    peer::Peer,
    scene::{Scene, call, error_paths, gate, line, node},
};

on_both! {
    an_event_starts_what_subscribes_to_it,
    conditions_read_the_event,
    only_what_is_deployed_is_started,
    other_pods_and_workspaces_hear_nothing,
    what_can_not_be_taken_is_named,
    subscriptions_are_checked_when_they_are_saved,
    one_event_starts_a_bounded_number_of_workflows,
    the_same_key_gets_the_same_reply,
    what_was_cut_off_is_completed_under_its_key,
    a_full_queue_is_told_and_the_repeat_starts_the_rest,
    events_go_before_what_runs_by_the_clock,
}

/// A definition with these subscriptions.
fn subscribing(subscriptions: Value) -> Value {
    let mut definition = line([]);
    definition["settings"] = json!({"subscriptions": subscriptions});
    definition
}

/// A workflow with these subscriptions, deployed; its id.
async fn deployed(scene: &Scene, subscriptions: Value) -> String {
    let workflow = scene.workflow(subscribing(subscriptions)).await;
    act(scene, &workflow, "deploy").await;
    workflow
}

async fn act(scene: &Scene, workflow: &str, action: &str) {
    let path = format!("{}/workflows/{workflow}/{action}", scene.place.pod());
    match action {
        "trash" | "restore" => scene.ann.patch(&path, json!({})).await.expect(200),
        _ => scene.ann.post(&path, json!({})).await.expect(200),
    };
}

async fn publish(scene: &Scene, body: Value) -> Reply {
    publish_as(&scene.ann, scene, body).await
}

async fn publish_as(client: &Client, scene: &Scene, body: Value) -> Reply {
    client.post(&format!("{}/events", scene.place.pod()), body).await
}

/// The workflows that an event has started, sorted.
fn started(published: &Value) -> Vec<String> {
    let mut ids: Vec<_> = of(published, "executions").iter().map(|one| text(&one["workflowId"])).collect();
    ids.sort();
    ids
}

fn of<'v>(published: &'v Value, list: &str) -> &'v Vec<Value> {
    published[list].as_array().unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn sorted(ids: &[&String]) -> Vec<String> {
    let mut ids: Vec<_> = ids.iter().map(|id| (*id).clone()).collect();
    ids.sort();
    ids
}

/// The executions of a workflow, newest first.
async fn executions_of(scene: &Scene, workflow: &str) -> Vec<Value> {
    let path = format!("{}?workflowId={workflow}&limit=200", scene.executions());
    scene.ann.get(&path).await.expect(200).as_array().unwrap().clone()
}

async fn an_event_starts_what_subscribes_to_it(backend: Backend) {
    let scene = Scene::on(backend).await;
    let exact = deployed(&scene, json!([{"type": "order.created"}])).await;
    // Two of its subscriptions fit; it is started once.
    let below =
        deployed(&scene, json!([{"type": "order.*"}, {"type": "order.created"}, {"type": "refund.asked"}])).await;
    let all = deployed(&scene, json!([{"type": "*"}])).await;
    let other = deployed(&scene, json!([{"type": "order"}, {"type": "order.created.*"}, {"type": "orders.*"}])).await;
    let body =
        json!({"type": "order.created", "subject": "order-7", "data": {"total": 5}, "context": {"from": "shop"}});
    let published = publish(&scene, body).await.expect(202);
    assert_eq!(started(&published), sorted(&[&exact, &below, &all]));
    assert_eq!((of(&published, "failed").len(), of(&published, "unmatched").len()), (0, 0));
    assert_eq!((&published["type"], &published["subject"]), (&json!("order.created"), &json!("order-7")));
    for one in of(&published, "executions") {
        assert_eq!(one["workflowVersion"], 1);
        let run = scene.run_at(one["executionId"].as_str().unwrap());
        run.output().await;
        let view = run.view().await;
        assert_eq!(view["workflowId"], one["workflowId"]);
        assert_eq!((&view["triggeredBy"], &view["triggerId"]), (&json!("event"), &published["id"]));
        assert_eq!((&view["subject"], &view["input"]), (&json!("order-7"), &json!({"total": 5})));
        let event =
            json!({"id": published["id"], "type": "order.created", "subject": "order-7", "at": published["at"]});
        assert_eq!(view["context"], json!({"from": "shop", "event": event}));
        assert_eq!((&view["createdBy"], &view["priority"]), (&json!("ann"), &json!(10)));
    }
    let published = publish(&scene, json!({"type": "order.created.twice"})).await.expect(202);
    assert_eq!(started(&published), sorted(&[&below, &all, &other]));
    let nothing = publish(&scene, json!({"type": "order"})).await.expect(202);
    assert_eq!(started(&nothing), sorted(&[&all, &other]));
    act(&scene, &all, "undeploy").await;
    let nothing = publish(&scene, json!({"type": "nobody.listens", "data": null})).await.expect(202);
    assert_eq!(of(&nothing, "executions").len(), 0);
}

async fn conditions_read_the_event(backend: Backend) {
    let scene = Scene::on(backend).await;
    let when = "event.type == \"order.created\" && event.data.total > 100 && event.subject.startsWith(\"order-\") \
                && event.context.shop == \"north\" && event.at == now";
    let picky = deployed(&scene, json!([{"type": "order.*", "when": when}])).await;
    let either = deployed(&scene, json!([
        {"type": "*", "when": "event.data.vip"}, {"type": "order.created", "when": "event.data.items.exists(i, i > 3)"},
    ]))
    .await;
    let body = |total: i64, data: Value| {
        let mut all =
            json!({"type": "order.created", "subject": "order-1", "context": {"shop": "north"}, "data": data});
        all["data"]["total"] = json!(total);
        all
    };
    let published = publish(&scene, body(101, json!({"vip": true, "items": []}))).await.expect(202);
    assert_eq!(started(&published), sorted(&[&picky, &either]));
    let published = publish(&scene, body(100, json!({"vip": false, "items": [4]}))).await.expect(202);
    assert_eq!(started(&published), sorted(&[&either]));
    assert_eq!(published["unmatched"], json!([picky]));
    // What is missing is null, and null is false.
    let published = publish(&scene, json!({"type": "other"})).await.expect(202);
    assert_eq!((started(&published), &published["unmatched"]), (vec![], &json!([either])));
    // What is no truth fails, unless another subscription wants the event.
    let published = publish(&scene, body(1, json!({"vip": "yes", "items": [4]}))).await.expect(202);
    assert_eq!((started(&published), of(&published, "failed").len()), (sorted(&[&either]), 0));
    let published = publish(&scene, body(1, json!({"vip": "yes", "items": []}))).await.expect(202);
    let failed = &of(&published, "failed")[0];
    assert_eq!((&failed["workflowId"], &failed["code"]), (&json!(either), &json!("expression_failed")));
    assert_eq!(failed["retryable"], false);
    assert!(started(&published).is_empty());
}

async fn only_what_is_deployed_is_started(backend: Backend) {
    let scene = Scene::on(backend).await;
    let starts = async |kind: &str| started(&publish(&scene, json!({"type": kind})).await.expect(202));
    let workflow = scene.workflow(subscribing(json!([{"type": "first"}]))).await;
    assert!(starts("first").await.is_empty(), "a draft");
    act(&scene, &workflow, "deploy").await;
    assert_eq!(starts("first").await, std::slice::from_ref(&workflow));
    // Another version that is not deployed changes nothing.
    let path = format!("{}/workflows/{workflow}", scene.place.pod());
    let second = subscribing(json!([{"type": "second"}]));
    scene.ann.patch(&path, json!({"definition": second, "name": "Renamed"})).await.expect(200);
    scene.ann.patch(&format!("{path}/star"), json!({})).await.expect(200);
    assert_eq!((starts("first").await, starts("second").await), (vec![workflow.clone()], vec![]));
    act(&scene, &workflow, "deploy").await;
    assert_eq!((starts("first").await, starts("second").await), (vec![], vec![workflow.clone()]));
    // An earlier version once more.
    scene.ann.post(&format!("{path}/deploy"), json!({"version": 1})).await.expect(200);
    assert_eq!((starts("first").await, starts("second").await), (vec![workflow.clone()], vec![]));
    act(&scene, &workflow, "undeploy").await;
    assert!(starts("first").await.is_empty());
    act(&scene, &workflow, "deploy").await;
    act(&scene, &workflow, "trash").await;
    assert!(starts("second").await.is_empty());
    act(&scene, &workflow, "restore").await;
    assert!(starts("second").await.is_empty(), "restored, and not deployed again");
    act(&scene, &workflow, "deploy").await;
    assert_eq!(starts("second").await, std::slice::from_ref(&workflow));
    // A copy is a draft.
    scene.ann.post(&format!("{path}/duplicate"), json!({})).await.expect(201);
    assert_eq!(starts("second").await, [workflow]);

    // The input does not fit: the others are started.
    let strict = json!({"type": "object", "required": ["n"]});
    let mut definition = subscribing(json!([{"type": "second"}]));
    definition["nodes"][0]["data"] = json!({"inputSchema": strict});
    let strict = scene.workflow(definition).await;
    act(&scene, &strict, "deploy").await;
    let published = publish(&scene, json!({"type": "second", "data": {"m": 1}})).await.expect(202);
    assert_eq!(of(&published, "executions").len(), 1);
    let failed = &of(&published, "failed")[0];
    assert_eq!((&failed["workflowId"], &failed["code"]), (&json!(strict), &json!("invalid_input")));
    assert!(failed["message"].as_str().unwrap().contains('n'), "{failed}");
}

async fn other_pods_and_workspaces_hear_nothing(backend: Backend) {
    let scene = Scene::on(backend).await;
    let own = deployed(&scene, json!([{"type": "*"}])).await;
    let other =
        scene.ann.post(&format!("{}/pods", scene.place.workspace()), json!({"name": "Other"})).await.expect(201);
    let mut elsewhere = scene.place.clone();
    elsewhere.pod_id = text(&other["id"]);
    let foreign = scene.app.workspace("bob").await;
    let bob = scene.app.user("bob");
    for (client, place) in [(&scene.ann, &elsewhere), (&bob, &foreign)] {
        let body = json!({"name": "Flow", "definition": subscribing(json!([{"type": "*"}]))});
        let workflow = client.post(&format!("{}/workflows", place.pod()), body).await.expect(201);
        let path = format!("{}/workflows/{}/deploy", place.pod(), text(&workflow["id"]));
        client.post(&path, json!({})).await.expect(200);
        let published = client.post(&format!("{}/events", place.pod()), json!({"type": "x"})).await.expect(202);
        assert_eq!(started(&published), [text(&workflow["id"])]);
    }
    let published = publish(&scene, json!({"type": "x"})).await.expect(202);
    assert_eq!(started(&published), [own]);
    publish_as(&bob, &scene, json!({"type": "x"})).await.problem(404, "not_found");
    let mixed = format!("/workspaces/{}/pods/{}/events", foreign.workspace_id, scene.place.pod_id);
    bob.post(&mixed, json!({"type": "x"})).await.problem(404, "not_found");
    let viewer = scene.app.join(&scene.place, "ann", "vera", "viewer").await;
    publish_as(&viewer, &scene, json!({"type": "x"})).await.problem(403, "role_too_low");
}

async fn what_can_not_be_taken_is_named(backend: Backend) {
    let scene = Scene::on(backend).await;
    deployed(&scene, json!([{"type": "*"}])).await;
    let (long, many_parts) = ("x".repeat(256), ["x"; 16].join("."));
    for (body, path) in [
        (json!({"type": ""}), "/type"),
        (json!({"type": "a b"}), "/type"),
        (json!({"type": "a..b"}), "/type"),
        (json!({"type": "a.*"}), "/type"),
        (json!({"type": "*"}), "/type"),
        (json!({"type": "x\u{0}"}), "/type"),
        (json!({"type": "x".repeat(129)}), "/type"),
        (json!({"type": many_parts}), "/type"),
        (json!({"type": "x", "subject": ""}), "/subject"),
        (json!({"type": "x", "subject": "a\u{0}"}), "/subject"),
        (json!({"type": "x", "subject": long}), "/subject"),
        (json!({"type": "x", "context": {"event": 1}}), "/context/event"),
    ] {
        let problem = publish(&scene, body.clone()).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&problem), [path], "{body}: {problem}");
    }
    for (body, path) in [
        (json!({"type": 1}), "/type"),
        (json!({}), ""),
        (json!({"type": "x", "context": []}), "/context"),
        (json!({"type": "x", "id": "mine"}), "/id"),
    ] {
        let problem = publish(&scene, body.clone()).await.problem(400, "invalid_body");
        assert!(error_paths(&problem)[0].starts_with(path), "{body}: {problem}");
    }
    let large = json!({"type": "x", "data": "x".repeat(1_100_000)});
    assert_eq!(error_paths(&publish(&scene, large).await.problem(413, "body_too_large")), ["/data"]);
    // A NUL in the data is JSON like any other.
    let published = publish(&scene, json!({"type": "x", "data": "a\u{0}b"})).await.expect(202);
    assert_eq!(of(&published, "executions").len(), 1);
}

async fn subscriptions_are_checked_when_they_are_saved(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflows = format!("{}/workflows", scene.place.pod());
    let bad = json!([
        {"type": "good.*", "when": "event.data.n > 1"},
        {"type": "a*"},
        {"type": "x", "when": "event.data >"},
        {"type": "x", "when": "input.n > 1"},
        {"type": "", "when": "("},
    ]);
    let body = json!({"name": "Flow", "definition": subscribing(bad)});
    let problem = scene.ann.post(&workflows, body).await.problem(422, "invalid_workflow");
    let place = |rest: &str| format!("/definition/settings/subscriptions/{rest}");
    assert_eq!(
        error_paths(&problem),
        [place("1/type"), place("2/when"), place("3/when"), place("4/type"), place("4/when")]
    );
    assert!(problem["errors"][2]["message"].as_str().unwrap().contains("`input`"), "{problem}");
    let many = vec![json!({"type": "x"}); 51];
    let body = json!({"name": "Flow", "definition": subscribing(json!(many))});
    let problem = scene.ann.post(&workflows, body).await.problem(422, "invalid_workflow");
    assert_eq!(error_paths(&problem), ["/definition/settings/subscriptions"]);
    for (one, path) in [(json!({"when": "true"}), "0"), (json!({"type": "x", "if": "true"}), "0/if")] {
        let body = json!({"name": "Flow", "definition": subscribing(json!([one]))});
        let problem = scene.ann.post(&workflows, body).await.problem(400, "invalid_body");
        assert!(error_paths(&problem)[0].starts_with(&place(path)), "{problem}");
    }
    let shown = scene.workflow(subscribing(json!([{"type": "x"}]))).await;
    let shown = scene.ann.get(&format!("{workflows}/{shown}")).await.expect(200);
    assert_eq!(shown["definition"]["settings"], json!({"subscriptions": [{"type": "x"}]}));
}

async fn one_event_starts_a_bounded_number_of_workflows(backend: Backend) {
    let scene = Scene::on(backend).await;
    for _ in 0..200 {
        deployed(&scene, json!([{"type": "many", "when": "event.data.n == 1"}])).await;
    }
    let published = publish(&scene, json!({"type": "many"})).await.expect(202);
    assert_eq!(of(&published, "unmatched").len(), 200);
    let published = publish(&scene, json!({"type": "many", "data": {"n": 1}})).await.expect(202);
    assert_eq!(of(&published, "executions").len(), 200);
    deployed(&scene, json!([{"type": "*", "when": "false"}])).await;
    let problem = publish(&scene, json!({"type": "many", "data": {"n": 1}})).await.problem(409, "conflict");
    assert!(problem["detail"].as_str().unwrap().contains("200 workflows"), "{problem}");
    publish(&scene, json!({"type": "few"})).await.expect(202);
}

async fn the_same_key_gets_the_same_reply(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = deployed(&scene, json!([{"type": "x", "when": "event.data.n > 0"}])).await;
    let keyed = scene.ann.with("idempotency-key", "once");
    let body = json!({"type": "x", "data": {"n": 1}});
    let first = publish_as(&keyed, &scene, body.clone()).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    scene.app.clock.advance_ms(1_000);
    act(&scene, &workflow, "undeploy").await;
    let again = publish_as(&keyed, &scene, body.clone()).await;
    assert_eq!((again.status, &again.text, again.header("idempotency-replayed")), (202, &first.text, Some("true")));
    assert_eq!(executions_of(&scene, &workflow).await.len(), 1);
    let problem = publish_as(&keyed, &scene, json!({"type": "x", "data": {"n": 2}})).await;
    problem.problem(422, "idempotency_key_reused");
    assert_eq!(executions_of(&scene, &workflow).await[0]["idempotencyKey"], "once");
    // Many at the same time under one key: one reply, one execution.
    act(&scene, &workflow, "deploy").await;
    let keyed = scene.ann.with("idempotency-key", "together");
    let all = futures_util::future::join_all((0..8).map(|_| publish_as(&keyed, &scene, body.clone()))).await;
    for one in &all {
        assert_eq!((one.status, &one.text), (202, &all[0].text));
    }
    assert_eq!(executions_of(&scene, &workflow).await.len(), 2);
    // A refusal is kept by nobody.
    let keyed = scene.ann.with("idempotency-key", "bad");
    publish_as(&keyed, &scene, json!({"type": "a b"})).await.problem(422, "invalid_value");
    publish_as(&keyed, &scene, body).await.expect(202);
}

/// Runs a statement beside the server.
pub async fn beside(scene: &Scene, sql: &str) -> u64 {
    let (url, sql) = (scene.app.store_url(), AssertSqlSafe(sql.to_owned()));
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected()
    } else {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected()
    }
}

async fn what_was_cut_off_is_completed_under_its_key(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (one, two) = (deployed(&scene, json!([{"type": "x"}])).await, deployed(&scene, json!([{"type": "x"}])).await);
    let keyed = scene.ann.with("idempotency-key", "k1");
    let body = json!({"type": "x", "data": {"n": 1}});
    let first = publish_as(&keyed, &scene, body.clone()).await.expect(202);
    // As if the server had died when it had started one of two, and before it could answer.
    assert_eq!(beside(&scene, "DELETE FROM idempotency WHERE key = 'k1'").await, 1);
    assert_eq!(beside(&scene, &format!("DELETE FROM idempotency WHERE key = 'k1 {two}'")).await, 1);
    scene.app.clock.advance_ms(5_000);
    // The workflow is another one by now, and one more subscribes: the event was taken before.
    let path = format!("{}/workflows/{two}", scene.place.pod());
    scene.ann.patch(&path, json!({"definition": subscribing(json!([{"type": "y"}]))})).await.expect(200);
    act(&scene, &two, "deploy").await;
    let late = deployed(&scene, json!([{"type": "x"}])).await;
    let other = publish_as(&keyed, &scene, json!({"type": "x", "data": {"n": 2}})).await;
    other.problem(422, "idempotency_key_reused");
    let again = publish_as(&keyed, &scene, body).await.expect(202);
    assert_eq!((&again["id"], &again["at"]), (&first["id"], &first["at"]));
    assert_eq!(started(&again), sorted(&[&one, &two]));
    assert_eq!(again["executions"][0], first["executions"][0], "it was started before");
    assert_eq!(executions_of(&scene, &one).await.len(), 1);
    let completed = executions_of(&scene, &two).await;
    assert_eq!((completed.len(), &completed[0]["workflowVersion"]), (2, &json!(1)));
    assert!(executions_of(&scene, &late).await.is_empty());
}

async fn a_full_queue_is_told_and_the_repeat_starts_the_rest(backend: Backend) {
    let peer = Peer::start().await;
    let scene = Scene::with(backend, |settings| {
        settings.max_running = Some(1);
        settings.queue_limit = Some(3);
    })
    .await;
    let mut workflows = Vec::new();
    for _ in 0..3 {
        workflows.push(deployed(&scene, json!([{"type": "x"}])).await);
    }
    // The one place is taken, and one execution waits.
    scene.run(line([call("c", &peer, "/gate")]), json!({})).await;
    peer.arrived("/gate", 1).await;
    let waiting = scene.run(gate(), json!({})).await;
    let keyed = scene.ann.with("idempotency-key", "k1");
    let refused = publish_as(&keyed, &scene, json!({"type": "x"})).await;
    refused.problem(429, "too_many_requests");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let mut count = 0;
    for workflow in &workflows {
        count += executions_of(&scene, workflow).await.len();
    }
    assert_eq!(count, 2, "there was room for two");
    // Without a key, too, as long as nothing was started.
    publish(&scene, json!({"type": "x"})).await.problem(429, "too_many_requests");
    peer.open_gate();
    waiting.asked().await;
    scene.app.clock.advance_ms(1_000);
    let published = publish_as(&keyed, &scene, json!({"type": "x"})).await.expect(202);
    assert_eq!(started(&published), sorted(&workflows.iter().collect::<Vec<_>>()));
    for workflow in &workflows {
        assert_eq!(executions_of(&scene, workflow).await.len(), 1);
    }
}

async fn events_go_before_what_runs_by_the_clock(backend: Backend) {
    let scene = Scene::on(backend).await;
    let plain = deployed(&scene, json!([{"type": "x"}])).await;
    let mut definition = line([node("t", "transform", json!({"expression": "input"}))]);
    definition["settings"] = json!({"priority": 0, "subscriptions": [{"type": "x"}]});
    let own = scene.workflow(definition).await;
    act(&scene, &own, "deploy").await;
    publish(&scene, json!({"type": "x"})).await.expect(202);
    assert_eq!(executions_of(&scene, &plain).await[0]["priority"], 10);
    assert_eq!(executions_of(&scene, &own).await[0]["priority"], 0, "its own comes first");
    let by_hand = scene.trigger(&plain, json!(null)).await.view().await;
    assert_eq!(by_hand["priority"], 0);
}
