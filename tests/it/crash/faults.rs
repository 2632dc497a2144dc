//! Faults below the engine: a database that goes away, and a log that can't be read.

use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

use crate::support::{
    app::{Backend, on_both},
    event_stream::Frame,
    process::{Server, Site},
    scene::{Scene, gate, graph, node},
};

on_both! {
    an_execution_whose_log_can_not_be_read_is_parked_and_blocks_nobody,
}

async fn an_execution_whose_log_can_not_be_read_is_parked_and_blocks_nobody(backend: Backend) {
    let scene = Scene::on(backend).await;
    let gate = node("gate", "approval-gate", json!({"message": "Go on?"}));
    let nodes = [node("wait", "wait", json!({"duration": "1h"})), gate];
    let workflow = scene.workflow(graph(nodes, "begin>wait begin>gate wait>finish")).await;
    let poisoned = scene.trigger(&workflow, Value::Null).await;
    let sound = scene.trigger(&workflow, Value::Null).await;
    for run in [&poisoned, &sound] {
        run.until_status("suspended").await;
    }
    // Readable to the database, and no event.
    let damage = "UPDATE events SET body = '{\"type\":\"nothing_known\",\"seq\":3}' WHERE seq = 3 AND execution_id = ";
    let url = scene.app.store_url();
    match backend {
        Backend::Sqlite => {
            let mut database = SqliteConnection::connect(&url).await.unwrap();
            let sql = format!("{damage} x'{}'", poisoned.id.replace('-', ""));
            assert_eq!(sqlx::query(AssertSqlSafe(sql)).execute(&mut database).await.unwrap().rows_affected(), 1);
        }
        Backend::Postgres => {
            let mut database = PgConnection::connect(&url).await.unwrap();
            let sql = format!("{damage} '{}'", poisoned.id);
            assert_eq!(sqlx::query(AssertSqlSafe(sql)).execute(&mut database).await.unwrap().rows_affected(), 1);
        }
    }
    // An answer can't be decided on; it changes nothing and says no more than that.
    poisoned.respond(json!({"approved": true})).await.problem(500, "internal");
    scene.app.clock.advance_ms(3_600_000);

    // The row alone is told: the log can't be folded for the nodes.
    let path = format!("{}?include=suspensions", poisoned.path);
    let parked = loop {
        let execution = poisoned.client.get(&path).await.expect(200);
        if !execution["finishedAt"].is_null() {
            break execution;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((&parked["status"], &parked["error"]["code"]), (&json!("failed"), &json!("internal")), "{parked}");
    assert!(parked["error"]["message"].as_str().unwrap().contains("damaged"), "{parked}");
    assert_eq!(parked["suspensions"][0]["state"], "cancelled");
    let before = parked["lastSeq"].as_i64().unwrap() - 1;
    let end = poisoned.stream(&format!("?after={before}")).await.until(Frame::is_end).await.pop().unwrap();
    assert_eq!((end.kind(), &end.event["seq"]), ("execution_failed", &parked["lastSeq"]));

    sound.until(|frame| frame.event["nodeId"] == "wait" && frame.event["status"] == "completed").await;
    sound.respond(json!({"approved": true})).await.expect(200);
    sound.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_is_waited_for() {
    let site = Site::postgres().await;
    let server = Server::start(&site, &[]).await;
    let caller = server.caller();
    let workflow = caller.workflow(gate()).await;
    let id = caller.trigger(&workflow, Value::Null).await;
    caller.until_open(&id, 1).await;

    let (root, name) = site.store.rsplit_once('/').unwrap();
    let name = name.split('?').next().unwrap();
    let mut admin = PgConnection::connect(&format!("{root}/postgres")).await.unwrap();
    let mut run = async |sql: String| _ = sqlx::query(AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
    run(format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;

    let (path, approve) = (format!("/executions/{id}/approve"), json!({}));
    let trigger = json!({"workflowId": workflow, "input": null});
    for (method, path, body) in [
        (Method::PATCH, path.as_str(), Some(&approve)),
        (Method::POST, "/executions", Some(&trigger)),
        (Method::GET, "/executions", None),
    ] {
        let (status, text) = caller.send(method.clone(), path, body, None).await.unwrap();
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, &problem["code"]), (503, &json!("unavailable")), "{method} {path}: {text}");
        assert!(!text.contains(name), "the problem tells nothing of the database: {text}");
    }
    let ready = reqwest::get(format!("{}/readyz", server.address())).await.unwrap();
    assert_eq!(ready.status(), 503);

    run(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await;
    caller.expect(Method::PATCH, &path, Some(approve), 200).await;
    assert_eq!(caller.until_ended(&id).await["status"], "completed");
}

/// A claim whose commit was written, and whose confirmation was lost: the row names the server, and the server knows nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_that_was_written_unconfirmed_is_driven() {
    let site = Site::postgres().await;
    let server = Server::start(&site, &[]).await;
    let caller = server.caller();
    let wait = graph([node("wait", "wait", json!({"duration": "1h"}))], "begin>wait wait>finish");
    let workflow = caller.workflow(wait).await;
    let id = caller.trigger(&workflow, Value::Null).await;
    caller.until(&id, |execution| execution["status"] == "suspended").await;

    let mut database = PgConnection::connect(&site.store).await.unwrap();
    let mut watcher = PgConnection::connect(&site.store).await.unwrap();
    let blocked = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    // What a claim writes.
    for sql in ["UPDATE executions SET driver = (SELECT id FROM instances)", "DELETE FROM timers"] {
        assert_eq!(sqlx::query(sql).execute(&mut database).await.unwrap().rows_affected(), 1, "{sql}");
    }
    // And what its claimer hears: the connection is gone.
    let mut transaction = database.begin().await.unwrap();
    sqlx::query("LOCK TABLE queue IN ACCESS EXCLUSIVE MODE").execute(&mut *transaction).await.unwrap();
    loop {
        let waiting: Vec<i32> = sqlx::query_scalar(blocked).fetch_all(&mut watcher).await.unwrap();
        for pid in &waiting {
            sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut watcher).await.unwrap();
        }
        if site.log().contains("\"what\":\"claim\"") {
            break;
        }
        tokio::task::yield_now().await;
    }
    transaction.commit().await.unwrap();
    loop {
        let parked: bool =
            sqlx::query_scalar("SELECT (SELECT driver IS NULL FROM executions) AND (SELECT count(*) = 1 FROM timers)")
                .fetch_one(&mut watcher)
                .await
                .unwrap();
        if parked {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(site.log().contains("nobody drove the execution"));
}
