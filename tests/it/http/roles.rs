//! Who may do what, and that nothing of one workspace is reached through another.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::app::{Client, TestApp, small_definition};

const ROLES: [&str; 4] = ["viewer", "editor", "admin", "owner"];

/// Every operation in a workspace: method, path, a body that is let through, and the lowest role.
fn matrix(workspace: &str, pod: &str, workflow: &str) -> Vec<(&'static str, String, Value, &'static str)> {
    let none = Value::Null;
    let definition = small_definition();
    vec![
        ("GET", workspace.into(), none.clone(), "viewer"),
        ("PATCH", workspace.into(), json!({}), "admin"),
        ("GET", format!("{workspace}/members"), none.clone(), "viewer"),
        ("GET", format!("{workspace}/members/owner"), none.clone(), "viewer"),
        ("PATCH", format!("{workspace}/members/spare"), json!({"role": "viewer"}), "admin"),
        ("DELETE", format!("{workspace}/members/spare"), none.clone(), "admin"),
        ("GET", format!("{workspace}/audit"), none.clone(), "admin"),
        ("GET", format!("{workspace}/audit/export"), none.clone(), "admin"),
        ("PUT", format!("{workspace}/groups/team"), json!({"members": []}), "admin"),
        ("PUT", format!("{workspace}/collections/c/documents/k"), json!({"value": 1}), "editor"),
        ("GET", format!("{workspace}/collections"), none.clone(), "viewer"),
        ("GET", format!("{workspace}/collections/c/documents"), none.clone(), "viewer"),
        ("GET", format!("{workspace}/collections/c/documents/k"), none.clone(), "viewer"),
        ("DELETE", format!("{workspace}/collections/c/documents/k"), none.clone(), "editor"),
        ("DELETE", format!("{workspace}/collections/{UNKNOWN}"), none.clone(), "editor"),
        ("GET", format!("{workspace}/groups"), none.clone(), "viewer"),
        ("GET", format!("{workspace}/groups/team"), none.clone(), "viewer"),
        ("DELETE", format!("{workspace}/groups/team"), none.clone(), "admin"),
        ("PUT", format!("{workspace}/secrets/key"), json!({"value": "hunter2"}), "admin"),
        ("GET", format!("{workspace}/secrets"), none.clone(), "admin"),
        ("GET", format!("{workspace}/secrets/key"), none.clone(), "admin"),
        ("DELETE", format!("{workspace}/secrets/key"), none.clone(), "admin"),
        ("POST", format!("{workspace}/invites"), json!({"email": "a@b", "role": "viewer"}), "admin"),
        ("GET", format!("{workspace}/invites"), none.clone(), "admin"),
        ("GET", format!("{workspace}/invites/{UNKNOWN}"), none.clone(), "admin"),
        ("DELETE", format!("{workspace}/invites/{UNKNOWN}"), none.clone(), "admin"),
        ("POST", format!("{workspace}/api-keys"), json!({"name": "k", "role": "viewer"}), "admin"),
        ("GET", format!("{workspace}/api-keys"), none.clone(), "admin"),
        ("GET", format!("{workspace}/api-keys/{UNKNOWN}"), none.clone(), "admin"),
        ("DELETE", format!("{workspace}/api-keys/{UNKNOWN}"), none.clone(), "admin"),
        ("POST", format!("{workspace}/stream-tokens"), json!({"path": format!("{pod}/events")}), "viewer"),
        ("POST", format!("{workspace}/pods"), json!({"name": "P"}), "editor"),
        ("GET", format!("{workspace}/pods"), none.clone(), "viewer"),
        ("GET", pod.into(), none.clone(), "viewer"),
        ("PATCH", pod.into(), json!({}), "editor"),
        ("POST", format!("{pod}/workflows"), json!({"name": "W", "definition": definition}), "editor"),
        ("GET", format!("{pod}/workflows"), none.clone(), "viewer"),
        ("POST", format!("{pod}/workflows/validate"), definition, "viewer"),
        ("POST", format!("{pod}/nodes/test"), json!({"node": {"type": "transform"}}), "editor"),
        ("GET", workflow.into(), none.clone(), "viewer"),
        ("PATCH", workflow.into(), json!({}), "editor"),
        ("POST", format!("{workflow}/deploy"), json!({}), "admin"),
        ("POST", format!("{workflow}/undeploy"), json!({}), "admin"),
        ("PATCH", format!("{workflow}/star"), json!({}), "editor"),
        ("PATCH", format!("{workflow}/trash"), json!({}), "editor"),
        ("PATCH", format!("{workflow}/restore"), json!({}), "editor"),
        ("POST", format!("{workflow}/duplicate"), json!({}), "editor"),
        ("GET", format!("{workflow}/versions"), none.clone(), "viewer"),
        ("GET", format!("{workflow}/versions/1"), none.clone(), "viewer"),
        ("POST", format!("{workflow}/versions/1/restore"), json!({}), "editor"),
        ("GET", format!("{pod}/executions/counts"), none.clone(), "viewer"),
        ("POST", format!("{pod}/events"), json!({"type": "x"}), "editor"),
        ("POST", format!("{pod}/subjects"), json!({"path": "x"}), "editor"),
        ("GET", format!("{pod}/subjects"), none.clone(), "viewer"),
        ("GET", format!("{pod}/subjects/{UNKNOWN}"), none.clone(), "viewer"),
        ("PATCH", format!("{pod}/subjects/{UNKNOWN}"), json!({}), "editor"),
        ("POST", format!("{pod}/subjects/{UNKNOWN}/reprocess"), json!({}), "editor"),
        ("POST", format!("{pod}/subjects/reprocess"), json!({"filter": {}}), "editor"),
        ("DELETE", format!("{pod}/subjects/{UNKNOWN}"), none.clone(), "editor"),
        ("POST", format!("{pod}/executions/bulk/cancel"), json!({"ids": [UNKNOWN]}), "editor"),
        ("POST", format!("{pod}/executions/bulk/replay"), json!({"ids": [UNKNOWN]}), "editor"),
        ("POST", format!("{pod}/executions/bulk/retry"), json!({"ids": [UNKNOWN]}), "editor"),
        ("GET", format!("{pod}/bulk-jobs"), none.clone(), "viewer"),
        ("GET", format!("{pod}/bulk-jobs/{UNKNOWN}"), none.clone(), "viewer"),
        ("GET", format!("{pod}/bulk-jobs/{UNKNOWN}/items"), none.clone(), "viewer"),
        ("POST", format!("{pod}/bulk-jobs/{UNKNOWN}/cancel"), json!({}), "editor"),
        ("POST", format!("{pod}/tasks/lease"), json!({"queues": ["q"], "workerId": "w"}), "editor"),
        ("GET", format!("{pod}/task-queues"), none.clone(), "viewer"),
        ("GET", format!("{pod}/workers"), none.clone(), "viewer"),
        ("GET", format!("{pod}/artifacts/{UNKNOWN}"), none.clone(), "viewer"),
        ("GET", format!("{pod}/artifacts/{UNKNOWN}/content"), none.clone(), "viewer"),
        ("POST", format!("{pod}/artifacts/{UNKNOWN}/url"), json!({}), "viewer"),
        ("POST", format!("{pod}/schedules"), hourly(workflow), "admin"),
        ("GET", format!("{pod}/schedules"), none.clone(), "viewer"),
        ("GET", format!("{pod}/schedules/{UNKNOWN}"), none.clone(), "viewer"),
        ("PATCH", format!("{pod}/schedules/{UNKNOWN}"), json!({}), "admin"),
        ("PATCH", format!("{pod}/schedules/{UNKNOWN}/toggle"), json!({}), "admin"),
        ("POST", format!("{pod}/schedules/{UNKNOWN}/run"), json!({}), "editor"),
        ("GET", format!("{pod}/schedules/{UNKNOWN}/slots"), none.clone(), "viewer"),
        ("GET", format!("{pod}/schedules/{UNKNOWN}/preview"), none.clone(), "viewer"),
        ("DELETE", format!("{pod}/schedules/{UNKNOWN}"), none.clone(), "admin"),
        ("POST", format!("{pod}/webhooks"), hook(workflow), "admin"),
        ("GET", format!("{pod}/webhooks"), none.clone(), "viewer"),
        ("GET", format!("{pod}/webhooks/{UNKNOWN}"), none.clone(), "viewer"),
        ("PATCH", format!("{pod}/webhooks/{UNKNOWN}"), json!({}), "admin"),
        ("POST", format!("{pod}/webhooks/{UNKNOWN}/rotate"), json!({}), "admin"),
        ("GET", format!("{pod}/webhooks/{UNKNOWN}/deliveries"), none.clone(), "viewer"),
        ("GET", format!("{pod}/webhooks/{UNKNOWN}/deliveries/{UNKNOWN}"), none.clone(), "viewer"),
        ("POST", format!("{pod}/webhooks/{UNKNOWN}/deliveries/{UNKNOWN}/redeliver"), json!({}), "editor"),
        ("DELETE", format!("{pod}/webhooks/{UNKNOWN}"), none.clone(), "admin"),
        ("DELETE", workflow.into(), none.clone(), "editor"),
        ("DELETE", pod.into(), none.clone(), "admin"),
        ("DELETE", workspace.into(), none, "owner"),
    ]
}

/// The lowest role that may call an operation, by the path of the API's document; none where the matrix does not have it.
pub fn lowest_role(method: &str, template: &str) -> Option<&'static str> {
    let [workspace, pod, workflow] = ["/workspaces/_", "/workspaces/_/pods/_", "/workspaces/_/pods/_/workflows/_"];
    let fits = |path: &str| {
        let (given, named): (Vec<&str>, Vec<&str>) = (path.split('/').collect(), template.split('/').collect());
        given.len() == named.len()
            && given.iter().zip(named).all(|(given, named)| named.starts_with('{') || *given == named)
    };
    matrix(workspace, pod, workflow).into_iter().find(|row| row.0 == method && fits(&row.1)).map(|row| row.3)
}

fn hourly(workflow: &str) -> Value {
    json!({"workflowId": workflow.rsplit('/').next().unwrap(), "name": "S", "cronExpression": "0 * * * *"})
}

fn hook(workflow: &str) -> Value {
    json!({"workflowId": workflow.rsplit('/').next().unwrap()})
}

const UNKNOWN: &str = "0190163d-8694-739b-aea5-966c26f8ad90";

async fn call(client: &Client, method: &str, path: &str, body: &Value) -> crate::support::app::Reply {
    let method: Method = method.parse().unwrap();
    if body.is_null() { client.send(method, path, None).await } else { client.json(method, path, body).await }
}

async fn workflow_in(client: &Client, pod: &str) -> String {
    let body = json!({"name": "W", "definition": small_definition()});
    let workflow = client.post(&format!("{pod}/workflows"), body).await.expect(201);
    format!("{pod}/workflows/{}", workflow["id"].as_str().unwrap())
}

#[tokio::test]
async fn each_operation_asks_for_its_role_of_people_and_keys() {
    let app = TestApp::start().await;
    let place = app.workspace("owner").await;
    let owner = app.user("owner");
    app.join(&place, "owner", "spare", "viewer").await;
    let mut callers = Vec::new();
    for role in ROLES {
        let person = if role == "owner" { owner.clone() } else { app.join(&place, "owner", role, role).await };
        let body = json!({"name": role, "role": role});
        let key = owner.post(&format!("{}/api-keys", place.workspace()), body).await.expect(201);
        callers.push((role, person));
        callers.push((role, app.anonymous().with("x-api-key", key["key"].as_str().unwrap())));
    }
    let workflow = workflow_in(&owner, &place.pod()).await;
    let level = |role: &str| ROLES.iter().position(|known| *known == role).unwrap();
    for (method, path, body, floor) in matrix(&place.workspace(), &place.pod(), &workflow) {
        let mut let_in = 0;
        for (role, client) in &callers {
            if level(role) < level(floor) {
                let problem = call(client, method, &path, &body).await.problem(403, "role_too_low");
                assert!(problem["detail"].as_str().unwrap().contains(floor), "{method} {path}: {problem}");
            } else if method != "DELETE" || let_in == 0 {
                // A deletion is tried once: there is nothing left for the next.
                let status = call(client, method, &path, &body).await.status;
                // Who comes second finds the path taken.
                let is_taken = status == 409 && path.ends_with("/subjects") && let_in > 0;
                assert!(
                    status < 300 || is_taken || (status == 404 && path.contains(UNKNOWN)),
                    "{method} {path} by {role}: {status}"
                );
                let_in += 1;
            }
        }
        assert!(let_in > 0, "{method} {path}");
    }
}

#[tokio::test]
async fn the_matrix_has_every_operation_in_a_workspace() {
    let contract = crate::support::contract::Contract::get();
    let listed: Vec<String> = matrix("/workspaces/w", "/workspaces/w/pods/p", "/workspaces/w/pods/p/workflows/f")
        .into_iter()
        .map(|(method, path, ..)| contract.find(method, &path).unwrap().id().to_owned())
        .collect();
    // These have their own tests, beside those of the engine's doors.
    let elsewhere = ["executions", "suspensions"];
    for operation in contract.operations() {
        let of_workspace = operation.path.contains("{workspaceId}");
        let of_engine =
            operation.path.split('/').any(|part| elsewhere.contains(&part)) || operation.path.ends_with("/events");
        // A lease is no role.
        let of_lease = operation.body["security"] == json!([{"leaseToken": []}]);
        if of_workspace && !of_engine && !of_lease {
            assert!(listed.iter().any(|id| id == operation.id()), "{} is not in the matrix", operation.id());
        }
    }
}

#[tokio::test]
async fn strangers_and_the_nameless_are_let_in_nowhere() {
    let app = TestApp::start().await;
    let place = app.workspace("owner").await;
    let workflow = workflow_in(&app.user("owner"), &place.pod()).await;
    let other = app.workspace("stranger").await;
    let keys = format!("{}/api-keys", other.workspace());
    let key = app.user("stranger").post(&keys, json!({"name": "k", "role": "owner"})).await.expect(201);
    let key = app.anonymous().with("x-api-key", key["key"].as_str().unwrap());
    for (method, path, body, _) in matrix(&place.workspace(), &place.pod(), &workflow) {
        call(&app.user("stranger"), method, &path, &body).await.problem(403, "not_a_member");
        call(&key, method, &path, &body).await.problem(403, "not_a_member");
        call(&app.anonymous(), method, &path, &body).await.problem(401, "unauthenticated");
    }
    app.user("owner").get(&workflow).await.expect(200);
}

#[tokio::test]
async fn foreign_ids_are_not_found_under_the_own_workspace() {
    let app = TestApp::start().await;
    let place = app.workspace("victim").await;
    let victim = app.user("victim");
    let workflow = workflow_in(&victim, &place.pod()).await;
    let workflow_id = workflow.rsplit('/').next().unwrap();
    let key = victim.post(&format!("{}/api-keys", place.workspace()), json!({"name": "k", "role": "viewer"})).await;
    let invite = json!({"email": "a@b", "role": "viewer"});
    let invite = victim.post(&format!("{}/invites", place.workspace()), invite).await;
    let (key, invite) = (key.expect(201), invite.expect(201));
    let schedule = victim.post(&format!("{}/schedules", place.pod()), hourly(&workflow)).await.expect(201);
    let schedule_id = schedule["id"].as_str().unwrap();

    let webhook = victim.post(&format!("{}/webhooks", place.pod()), hook(&workflow)).await.expect(201);
    let webhook_id = webhook["id"].as_str().unwrap();

    let subject = victim.post(&format!("{}/subjects", place.pod()), json!({"path": "x"})).await.expect(201);
    let subject_id = subject["id"].as_str().unwrap();

    let own = app.workspace("thief").await;
    let thief = app.user("thief");
    let stolen_pod = format!("{}/pods/{}", own.workspace(), place.pod_id);
    for path in [
        stolen_pod.clone(),
        format!("{stolen_pod}/workflows"),
        format!("{stolen_pod}/workflows/{workflow_id}"),
        format!("{}/workflows/{workflow_id}", own.pod()),
        format!("{}/schedules/{schedule_id}", own.pod()),
        format!("{stolen_pod}/schedules/{schedule_id}"),
        format!("{}/webhooks/{webhook_id}", own.pod()),
        format!("{stolen_pod}/webhooks/{webhook_id}"),
        format!("{}/subjects/{subject_id}", own.pod()),
        format!("{stolen_pod}/subjects/{subject_id}"),
        format!("{}/workflows/{workflow_id}/versions", own.pod()),
        format!("{}/workflows/{workflow_id}/versions/1", own.pod()),
        format!("{}/members/victim", own.workspace()),
        format!("{}/api-keys/{}", own.workspace(), key["id"].as_str().unwrap()),
        format!("{}/invites/{}", own.workspace(), invite["id"].as_str().unwrap()),
    ] {
        thief.get(&path).await.problem(404, "not_found");
        if !path.contains("versions") && !path.ends_with("workflows") {
            thief.delete(&path).await.problem(404, "not_found");
        }
    }
    thief.patch(&stolen_pod, json!({"name": "mine"})).await.problem(404, "not_found");
    let stolen = format!("{}/workflows/{workflow_id}", own.pod());
    thief.patch(&stolen, json!({"name": "mine"})).await.problem(404, "not_found");
    thief.post(&format!("{stolen}/deploy"), json!({})).await.problem(404, "not_found");
    thief.post(&format!("{}/schedules", own.pod()), hourly(&workflow)).await.problem(404, "not_found");
    let stolen = format!("{}/schedules/{schedule_id}", own.pod());
    thief.patch(&stolen, json!({"enabled": false})).await.problem(404, "not_found");
    thief.patch(&format!("{stolen}/toggle"), json!({})).await.problem(404, "not_found");
    thief.post(&format!("{stolen}/run"), json!({})).await.problem(404, "not_found");
    thief.post(&format!("{}/webhooks", own.pod()), hook(&workflow)).await.problem(404, "not_found");
    let stolen_hook = format!("{}/webhooks/{webhook_id}", own.pod());
    thief.patch(&stolen_hook, json!({"enabled": false})).await.problem(404, "not_found");
    thief.post(&format!("{stolen_hook}/rotate"), json!({})).await.problem(404, "not_found");
    thief.get(&format!("{stolen_hook}/deliveries")).await.problem(404, "not_found");
    thief.get(&format!("{stolen_hook}/deliveries/{UNKNOWN}")).await.problem(404, "not_found");
    thief.post(&format!("{stolen_hook}/deliveries/{UNKNOWN}/redeliver"), json!({})).await.problem(404, "not_found");
    for part in ["slots", "preview"] {
        thief.get(&format!("{stolen}/{part}")).await.problem(404, "not_found");
    }
    thief.get(&format!("/workspaces/{UNKNOWN}")).await.problem(404, "not_found");
    assert_eq!(victim.get(&workflow).await.expect(200)["name"], "W");
}
