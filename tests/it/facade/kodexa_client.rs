//! The official Python client, unmodified, against the face: `kodexa_client.py` makes its calls and does the work of the steps, and says
//! which of them were as a program would rely on.

use std::{collections::BTreeSet, path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use tokio::process::Command;

use super::kodexa::{Kodexa, text};
use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, gate, line, node},
};

on_both! {
    the_official_client_works,
}

/// What the script checks, by name.
const CHECKS: [&str; 24] = [
    "activate_and_deactivate",
    "assistants_list_and_get",
    "cancel",
    "conflict_is_an_exception",
    "document_families_list_get_create",
    "document_family_changes",
    "executions_filter_and_sort",
    "executions_get_and_reload",
    "executions_of_an_assistant",
    "executions_stream_over_pages",
    "labels_and_waiting_for_one",
    "logs",
    "me",
    "organizations",
    "overview",
    "project_assistants_create_and_find",
    "project_assistants_update_and_delete",
    "projects",
    "refusals_name_the_field",
    "reprocess",
    "send_event",
    "statuses",
    "unknown_calls_are_exceptions",
    "wait_for",
];

/// The Python of `scripts/install-test-tools.sh`, beside the folder that this test was built into.
fn python() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let found = test.ancestors().map(|folder| folder.join("test-python/bin/python")).find(|python| python.exists());
    found.expect("there is no Python for the tests in the target folder: run scripts/install-test-tools.sh")
}

async fn the_official_client_works(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    // What a client can't bring about: an execution that waits for another one, and time that stands still.
    let child = scene.workflow(gate()).await;
    let parent = scene.workflow(line([node("call", "subworkflow", json!({"workflowId": child}))])).await;
    let steps = json!([{"ref": "module://acme/later"}]);
    let later = kodexa.assistant(steps).await;
    let family = kodexa.family("later.pdf").await;
    let asked = json!({"assistantIds": [later["id"]], "familyIds": [family]});
    kodexa.put("/api/stores/acme/inbox/1.0.0/reprocess", asked).await.expect(200);
    let setting = json!({
        "url": format!("{}/kodexa", scene.app.address()),
        "native": format!("{}/v1{}", scene.app.address(), scene.place.pod()),
        "key": super::key_of(&scene, "admin").await,
        "project": scene.place.pod_id,
        "organization": scene.place.workspace_id,
        "parent": parent,
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/facade/kodexa_client.py");
    let child = Command::new(python())
        .arg(script)
        .arg(setting.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Python starts");
    let output = child.wait_with_output().await.unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complaint}");
    let passed: Value =
        serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap_or_else(|error| panic!("{error}: {said}"));
    let passed: BTreeSet<String> = passed["passed"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(passed, CHECKS.iter().map(|name| (*name).to_owned()).collect());
}
