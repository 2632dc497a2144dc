//! Who may do what in a workspace: every operation of the document, with every role. What other workspaces see is in `tenants`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::{Value, json};

use super::tenants::{call, filled};
use crate::support::{
    app::{Client, TestApp, small_definition},
    contract::{Contract, Operation},
};

const ROLES: [&str; 4] = ["viewer", "editor", "admin", "owner"];
const UNKNOWN: &str = "0190163d-8694-739b-aea5-966c26f8ad90";

fn level(role: &str) -> usize {
    ROLES.iter().position(|known| *known == role).unwrap()
}

/// The lowest role that an operation says it needs.
fn floor<'a>(operation: &Operation<'a>) -> Option<&'a str> {
    operation.body["x-role"].as_str()
}

fn is_of_face(operation: &Operation<'_>) -> bool {
    ["/kinetic", "/kodexa"].iter().any(|face| operation.path.starts_with(face))
}

#[test]
fn every_operation_in_a_workspace_says_its_role() {
    for operation in Contract::get().operations() {
        let of_lease = operation.body["security"] == json!([{"leaseToken": []}]);
        let of_workspace = is_of_face(&operation) || operation.path.contains("{workspaceId}");
        // A lease is no role.
        assert_eq!(floor(&operation).is_some(), of_workspace && !of_lease, "{}", operation.id());
    }
}

/// The role in the type of a handler's extractor.
#[test]
fn the_roles_are_those_of_the_handlers() {
    let mut asked = BTreeMap::new();
    let mut folders: Vec<PathBuf> =
        ["src/http", "src/facade"].map(|at| format!("{}/{at}", env!("CARGO_MANIFEST_DIR")).into()).into();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            for function in source.split("async fn ").skip(1) {
                let (name, rest) = function.split_once(['(', '<']).unwrap();
                let arguments = rest.split(") ->").next().unwrap();
                let role = ["Viewer", "Editor", "Admin", "Owner", "StreamViewer"]
                    .into_iter()
                    .find(|role| arguments.contains(&format!("<{role}>")));
                asked.insert(name.to_owned(), role.map(|role| role.trim_start_matches("Stream").to_lowercase()));
            }
        }
    }
    for operation in Contract::get().operations() {
        let asked = asked.get(operation.id()).unwrap_or_else(|| panic!("{} has no handler", operation.id()));
        assert_eq!(asked.as_deref(), floor(&operation), "{}: `src/http/roles.rs` says otherwise", operation.id());
    }
}

#[tokio::test]
async fn each_operation_asks_for_its_role_of_people_and_keys() {
    let app = TestApp::start().await;
    let place = app.workspace("owner").await;
    let owner = app.user("owner");
    let body = json!({"name": "W", "definition": small_definition()});
    let workflow = owner.post(&format!("{}/workflows", place.pod()), body).await.expect(201);
    let workflow = workflow["id"].as_str().unwrap().to_owned();
    let mut callers = Vec::new();
    for role in ROLES {
        let person = if role == "owner" { owner.clone() } else { app.join(&place, "owner", role, role).await };
        let body = json!({"name": role, "role": role});
        let key = owner.post(&format!("{}/api-keys", place.workspace()), body).await.expect(201);
        let key = key["key"].as_str().unwrap();
        callers.push((role, person.without_prefix(), true));
        callers.push((role, app.anonymous().without_prefix().with("x-api-key", key).with("x-kinetic-key", key), false));
    }
    // What takes away what the others are about comes last, the smaller first.
    let last = ["delete_workflow", "delete_pod", "delete_workspace"];
    let mut operations = Contract::get().operations();
    operations.retain(|operation| floor(operation).is_some());
    operations.sort_by_key(|operation| last.iter().position(|id| *id == operation.id()).map_or(0, |at| at + 1));
    assert!(operations.len() > 180, "{}", operations.len());
    for operation in &operations {
        let floor = floor(operation).unwrap();
        let path = filled(operation, |name| match name {
            "workspaceId" => place.workspace_id.clone(),
            "podId" => place.pod_id.clone(),
            "workflowId" if !is_of_face(operation) => workflow.clone(),
            _ => UNKNOWN.to_owned(),
        });
        let mut let_in = 0;
        for (role, client, is_person) in &callers {
            // A face knows keys alone.
            if *is_person && is_of_face(operation) {
                continue;
            }
            if level(role) < level(floor) {
                let reply = refused(client, operation, &path).await;
                assert!(reply.contains(floor), "{} by {role}: {reply}", operation.id());
            } else if !last.contains(&operation.id()) || let_in == 0 {
                let_in_by(client, operation, &path, role).await;
                let_in += 1;
            }
        }
        assert!(let_in > 0, "{}", operation.id());
    }
}

/// Why the role is too low.
async fn refused(client: &Client, operation: &Operation<'_>, path: &str) -> String {
    let reply = call(client, operation, path).await;
    assert_eq!(reply.status, 403, "{}: {}", operation.id(), reply.text);
    let Value::Object(problem) = reply.json() else { panic!("{}", reply.text) };
    if !is_of_face(operation) {
        assert_eq!(problem["code"], "role_too_low", "{}: {}", operation.id(), reply.text);
    }
    reply.text
}

async fn let_in_by(client: &Client, operation: &Operation<'_>, path: &str, role: &str) {
    if operation.id().starts_with("stream_") && !path.contains(UNKNOWN) {
        client.stream(path).await;
        return;
    }
    let reply = call(client, operation, path).await;
    // What the path or the body names is not there, or was made before; the role is no hindrance.
    let passed = reply.status < 300 || [404, 409, 422].contains(&reply.status);
    // This face says so of a thing that the body names.
    let unknown = reply.status == 400 && operation.path.starts_with("/kodexa");
    assert!(passed || unknown, "{} by {role}: {} {}", operation.id(), reply.status, reply.text);
}
