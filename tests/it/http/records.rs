//! What is kept of decisions: the audit log, receipts, and replies that are repeated for ever.

use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, gate, graph, node},
};

on_both! {
    decisions_and_changes_are_in_the_audit_log,
    the_audit_log_is_for_admins,
    a_receipt_can_be_checked_without_the_server,
    every_end_of_a_suspension_has_its_receipt,
    an_answer_is_repeated_for_ever_also_after_a_restart,
}

fn sluicegate(arguments: &[&str], input: &str) -> Output {
    use std::io::Write;
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

async fn decisions_and_changes_are_in_the_audit_log(backend: Backend) {
    let scene = Scene::on(backend).await;
    scene.app.join(&scene.place, "ann", "bob", "editor").await;
    let run = scene.run(gate(), Value::Null).await;
    let asked = run.asked().await;
    run.respond(json!({"approved": false, "reason": "too late"})).await.expect(200);
    run.end().await;
    let cancelled = scene.run(gate(), Value::Null).await;
    cancelled.asked().await;
    cancelled.cancel().await.expect(204);

    let audit = format!("{}/audit", scene.place.workspace());
    let list = scene.ann.get(&audit).await.expect(200);
    let told: Vec<_> = list.as_array().unwrap().iter().rev().map(|record| record["action"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "workspace.created",
            "pod.created",
            "invite.created",
            "invite.accepted",
            "workflow.created",
            "suspension.answered",
            "workflow.created",
            "suspension.cancelled",
            "execution.cancelled",
        ]
    );
    let id = asked["suspensionId"].as_str().unwrap();
    let of = scene.ann.get(&format!("{audit}?subject={id}")).await.expect(200);
    let record = &of[0];
    assert_eq!((of.as_array().unwrap().len(), &record["actor"]), (1, &json!("ann")));
    let detail = json!({"executionId": run.id, "action": "rejected", "source": "person", "reason": "too late"});
    assert_eq!(record["detail"], detail);
    assert_eq!(list[0]["actor"], "ann");
    assert_eq!((&list[1]["actor"], &list[1]["detail"]["executionId"]), (&json!("system"), &json!(cancelled.id)));

    // Pages, and an answer that is repeated is not told twice.
    let page = scene.ann.get(&format!("{audit}?limit=4")).await;
    assert_eq!(page.expect(200).as_array().unwrap().len(), 4);
    assert!(page.header("link").unwrap().contains("cursor="));
    run.respond(json!({"approved": false, "reason": "too late"})).await.expect(200);
    assert_eq!(scene.ann.get(&audit).await.expect(200).as_array().unwrap().len(), told.len());

    let export = scene.ann.get(&format!("{audit}/export")).await.text;
    let checked = sluicegate(&["audit", "verify", "-"], &export);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let said = String::from_utf8(checked.stdout).unwrap();
    assert!(said.contains("9 records") && said.contains(list[0]["hash"].as_str().unwrap()), "{said}");
    for (from, to) in [("\"ann\"", "\"eve\""), ("too late", "fine"), ("\"seq\":4", "\"seq\":5")] {
        let forged = sluicegate(&["audit", "verify", "-"], &export.replacen(from, to, 1));
        assert!(!forged.status.success(), "{from}");
    }
    let without_last = export.lines().take(8).collect::<Vec<_>>().join("\n");
    let head = list[0]["hash"].as_str().unwrap();
    assert!(!sluicegate(&["audit", "verify", "-", "--head", head], &without_last).status.success());
    assert!(!sluicegate(&["audit", "verify", "-"], "").status.success());
}

async fn the_audit_log_is_for_admins(backend: Backend) {
    let scene = Scene::on(backend).await;
    let other = scene.app.workspace("eve").await;
    let bob = scene.app.join(&scene.place, "ann", "bob", "editor").await;
    for path in ["audit", "audit/export"] {
        let path = format!("{}/{path}", scene.place.workspace());
        bob.get(&path).await.problem(403, "role_too_low");
        scene.app.user("eve").get(&path).await.problem(404, "not_found");
        scene.app.anonymous().get(&path).await.problem(401, "unauthenticated");
    }
    let theirs = scene.app.user("eve").get(&format!("{}/audit", other.workspace())).await.expect(200);
    assert_eq!(theirs.as_array().unwrap().len(), 2, "{theirs}");
    scene.ann.get(&format!("{}/audit?cursor=x", scene.place.workspace())).await.problem(400, "invalid_query");
    scene.ann.get(&format!("{}/audit?actor=x", scene.place.workspace())).await.problem(400, "invalid_query");
}

async fn a_receipt_can_be_checked_without_the_server(backend: Backend) {
    let scene = Scene::on(backend).await;
    let data = json!({"title": "Order", "message": "Pay {{ input.total }}?", "context": {"b": 1.5, "a": ["ü", null]}});
    let definition = graph([node("gate", "approval-gate", data)], "begin>gate gate>finish");
    let run = scene.run(definition, json!({"total": 7})).await;
    let asked = run.asked().await;
    let id = asked["suspensionId"].as_str().unwrap();
    let path = format!("{}/suspensions/{id}/receipt", scene.place.workspace());
    scene.ann.get(&path).await.problem(409, "suspension_open");
    run.respond(json!({"approved": true, "comment": "fine"})).await.expect(200);

    let reply = scene.ann.get(&path).await;
    let receipt = &reply.expect(200)["receipt"];
    assert_eq!((&receipt["question"], &receipt["source"]), (&json!("Pay 7?"), &json!("person")));
    assert_eq!((&receipt["decision"]["by"], &receipt["decision"]["comment"]), (&json!("ann"), &json!("fine")));
    assert_eq!((&receipt["state"], &receipt["workflowVersion"]), (&json!("answered"), &json!(1)));
    assert!(!reply.text.contains("\"context\""), "what was shown is there as a hash only");
    assert_eq!(scene.ann.get(&path).await.text, reply.text, "it is the same whenever it is asked for");

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let keys = file("keys", &scene.app.anonymous().without_prefix().get("/.well-known/jwks.json").await.text);
    let shown = file("shown", &asked.to_string());
    let check =
        |text: &str, shown: &str| sluicegate(&["receipt", "verify", "-", "--keys", &keys, "--shown", shown], text);
    let checked = check(&reply.text, &shown);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(&serde_json::from_slice::<Value>(&checked.stdout).unwrap(), receipt);
    let jws = reply.json()["jws"].as_str().unwrap().to_owned();
    assert!(check(&jws, &shown).status.success());

    // One changed character anywhere, another document, another key.
    for at in [3, jws.find('.').unwrap() + 9, jws.len() - 9] {
        let other = if &jws[at..=at] == "A" { "B" } else { "A" };
        let forged = format!("{}{other}{}", &jws[..at], &jws[at + 1..]);
        assert!(!check(&forged, &shown).status.success(), "changed at {at}");
    }
    let mut other = asked.clone();
    other["message"] = json!("Pay 8?");
    let other = file("other", &other.to_string());
    let refused = check(&jws, &other);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("something else"), "{refused:?}");
    let none = file("none", r#"{"keys": []}"#);
    let refused = sluicegate(&["receipt", "verify", "-", "--keys", &none], &jws);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not among those"), "{refused:?}");

    let stranger = scene.app.user("eve");
    stranger.get(&path).await.problem(404, "not_found");
    let elsewhere = scene.app.workspace("eve").await;
    stranger.get(&format!("{}/suspensions/{id}/receipt", elsewhere.workspace())).await.problem(404, "not_found");
}

async fn every_end_of_a_suspension_has_its_receipt(backend: Backend) {
    let scene = Scene::on(backend).await;
    let gates = [
        node("expires", "approval-gate", json!({"message": "?", "expiresIn": "1h", "onExpiry": "reject"})),
        node(
            "answers",
            "ask-human",
            json!({"question": "?", "expiresIn": "1h", "onExpiry": "default", "defaultAnswer": "yes"}),
        ),
        node("stays", "approval-gate", json!({"message": "?"})),
    ];
    let edges = "begin>expires begin>answers begin>stays expires:rejected>finish answers>finish stays>finish";
    let run = scene.run(graph(gates, edges), Value::Null).await;
    let open = run.open(3).await;
    scene.app.clock.advance_ms(3_600_000);
    run.until(|frame| frame.event["nodeId"] == "answers" && frame.event["status"] == "completed").await;
    run.cancel().await;
    run.end().await;
    for interrupt in open {
        let id = interrupt["suspensionId"].as_str().unwrap();
        let path = format!("{}/suspensions/{id}/receipt", scene.place.workspace());
        let receipt = scene.ann.get(&path).await.expect(200)["receipt"].clone();
        let expected = match interrupt["nodeId"].as_str().unwrap() {
            "expires" => ("expired", "expiry"),
            "answers" => ("expired", "default"),
            _ => ("cancelled", "cancel"),
        };
        assert_eq!((&receipt["state"], &receipt["source"]), (&json!(expected.0), &json!(expected.1)), "{receipt:#}");
    }
}

async fn an_answer_is_repeated_for_ever_also_after_a_restart(backend: Backend) {
    const YEAR_MS: i64 = 365 * 86_400_000;
    let mut scene = Scene::on(backend).await;
    let definition = graph(
        [node("gate", "approval-gate", json!({"message": "?"})), node("wait", "wait", json!({"duration": "1h"}))],
        "begin>gate gate>wait wait>finish",
    );
    let run = scene.run(definition, Value::Null).await;
    run.asked().await;
    let answer = json!({"approved": true});
    let keyed = |scene: &Scene| scene.ann.with("idempotency-key", "decision-1");
    let path = format!("{}/respond", run.path);
    let first = keyed(&scene).patch(&path, answer.clone()).await;
    first.expect(200);
    scene.app.clock.advance_ms(YEAR_MS);
    scene.restart().await;
    scene.run_at(&run.id).end().await;
    let again = keyed(&scene).patch(&path, answer).await;
    assert_eq!((again.status, &again.text), (200, &first.text), "byte for byte, though the execution has gone on");
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    keyed(&scene).patch(&path, json!({"approved": false})).await.problem(422, "idempotency_key_reused");
}
