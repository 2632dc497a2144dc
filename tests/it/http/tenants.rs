//! Nothing of one tenant is reached by another: every operation of the document, with what another tenant has in its path, answers as if
//! that did not exist, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::{Value, json};

use super::tenant::{Tenant, until};
use crate::support::{
    app::{Backend, Client, Reply, TestApp, on_both, small_definition},
    contract::{Contract, Operation},
    event_stream::Frame,
    peer::Peer,
};

on_both! {
    what_another_tenant_has_does_not_exist,
    ids_of_another_tenant_in_bodies_name_nothing,
    cursors_filters_and_places_of_another_tenant_lead_nowhere,
}

/// Stands for an id that nothing has.
const UNKNOWN: &str = "0190163d-8694-739b-aea5-966c26f8ad90";
/// A name that nothing has.
const NAMELESS: &str = "nothing";

/// Operations that are of no workspace. A new one has to be put here, or name its workspace in its path.
const OF_NO_WORKSPACE: &[&str] = &[
    // Public pages and documents.
    "get_dashboard",
    "get_docs",
    "get_health",
    "get_keys",
    "get_metrics",
    "get_openapi",
    "get_readiness",
    // Addresses that are credentials.
    "accept_invite",
    "get_artifact_by_link",
    "get_response_page",
    "receive_callback",
    "send_response_page",
    "trigger_webhook",
    // The caller's own.
    "begin_oidc_sign_in",
    "create_session",
    "create_workspace",
    "delete_session",
    "finish_oidc_sign_in",
    "get_session",
    "get_sign_in_methods",
    "list_node_types",
    "list_workspaces",
];

/// Bodies of operations that need one.
fn body_of(operation: &str) -> Value {
    match operation {
        "create_api_key" => json!({"name": "k", "role": "viewer"}),
        "put_document" => json!({"value": 1}),
        "put_group" => json!({"members": []}),
        "create_invite" => json!({"email": "a@example.com", "role": "viewer"}),
        "update_member" => json!({"role": "viewer"}),
        "create_pod" => json!({"name": "P"}),
        "publish_event" => json!({"type": "x"}),
        "create_execution" | "create_webhook" => json!({"workflowId": UNKNOWN}),
        "test_node" => json!({"node": {"type": "transform"}}),
        "create_schedule" => json!({"workflowId": UNKNOWN, "name": "S", "cronExpression": "0 * * * *"}),
        "create_subject" => json!({"path": "x"}),
        "reprocess_subjects" => json!({"filter": {}}),
        "lease_tasks" => json!({"queues": ["none"], "workerId": "w"}),
        "send_results" => json!({"results": [{"leaseToken": "slt_none"}]}),
        "fail_task" => json!({"error": {"message": "no"}}),
        "create_workflow" => json!({"name": "W", "definition": small_definition()}),
        "validate_workflow" => small_definition(),
        "put_secret" => json!({"value": "hunter2"}),
        "create_stream_token" => json!({"path": format!("/workspaces/{UNKNOWN}/suspensions/events")}),
        "cancel_executions" | "replay_executions" | "retry_executions" => json!({"ids": [UNKNOWN]}),
        "reassign_suspension" => json!({"users": ["bob"]}),
        "answer_suspension" | "respond_to_execution" => json!({"approved": true}),
        "complete_kinetic_execution" => json!({"status": "completed"}),
        "create_kinetic_workflow" => json!({"name": "K"}),
        _ => json!({}),
    }
}

/// Whether a path parameter is a name that the caller chooses.
fn is_name(parameter: &str) -> bool {
    ["userId", "secretName", "groupName", "collectionName", "documentKey"].contains(&parameter)
}

/// The parameters of a path that name something of a tenant.
fn parameters<'a>(operation: &Operation<'a>) -> Vec<&'a str> {
    let named = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    // A file's name and a version's number are below what has them.
    let below = ["fileName", "version", "organizationSlug", "storeSlug"];
    named.filter(|name| !below.contains(name)).collect()
}

/// The path with these values.
pub fn filled(operation: &Operation, value_of: impl Fn(&str) -> String) -> String {
    let part = |part: &str| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        None => part.to_owned(),
        Some("fileName") => "a.txt".to_owned(),
        Some("version") if operation.path.starts_with("/kodexa") => "1.0.0".to_owned(),
        Some("version") => "1".to_owned(),
        Some("organizationSlug" | "storeSlug") => "slug".to_owned(),
        Some(name) => value_of(name),
    };
    operation.path.split('/').map(part).collect::<Vec<_>>().join("/")
}

/// Calls it as it wants to be called.
pub async fn call(client: &Client, operation: &Operation<'_>, path: &str) -> Reply {
    let method: Method = operation.method.parse().unwrap();
    // These name it in their query, and nothing else has to be there.
    let labelled = ["add_kodexa_label", "remove_kodexa_label"].contains(&operation.id());
    let path = &if labelled { format!("{path}?label=l") } else { path.to_owned() };
    let content = operation.body["requestBody"]["content"].as_object();
    if content.is_some_and(|content| content.contains_key("application/x-www-form-urlencoded")) {
        let form = client.with("content-type", "application/x-www-form-urlencoded");
        return form.send(method, path, Some("eventType=x".to_owned())).await;
    }
    match content {
        Some(_) => client.json(method, path, &body_of(operation.id())).await,
        None => client.send(method, path, None).await,
    }
}

/// What a reply says, without what tells requests and ids apart.
fn said(reply: &Reply, ids: &BTreeSet<&str>) -> (u16, String) {
    let mut text = reply.text.clone();
    if let Ok(Value::Object(mut body)) = serde_json::from_str::<Value>(&text) {
        body.remove("requestId");
        text = Value::Object(body).to_string();
    }
    for id in ids {
        text = text.replace(id, "_");
    }
    (reply.status, text)
}

/// What the owner sees of the tenant: every reply to a reading operation.
async fn seen(tenant: &Tenant, app: &TestApp) -> BTreeMap<String, String> {
    let mut seen = BTreeMap::new();
    for operation in Contract::get().operations() {
        let is_stream = operation.id().starts_with("stream_");
        let known = parameters(&operation).iter().all(|name| tenant.named.contains_key(name));
        if operation.method != "GET" || is_stream || !known || OF_NO_WORKSPACE.contains(&operation.id()) {
            continue;
        }
        let path = filled(&operation, |name| tenant.named[name].clone());
        let client = match operation.path {
            kinetic if kinetic.starts_with("/kinetic") => app.anonymous().with("x-kinetic-key", &tenant.key),
            kodexa if kodexa.starts_with("/kodexa") => app.anonymous().with("x-api-key", &tenant.key),
            _ => tenant.owner.clone(),
        };
        let reply = client.without_prefix().get(&path).await;
        seen.insert(operation.id().to_owned(), format!("{} {}", said(&reply, &BTreeSet::new()).1, reply.status));
    }
    assert!(seen.len() > 70, "{}", seen.len());
    seen
}

/// The ways to call an operation with something of A in its path: for each parameter, whether it is A's. All are, all but the
/// workspace, all but workspace and pod, and each by itself. Names that are new under the caller's own workspace are the caller's to give.
fn mixes(operation: &Operation) -> Vec<BTreeMap<String, bool>> {
    let names = parameters(operation);
    let creates = operation.method == "PUT";
    let all = (1_u32 << names.len()) - 1;
    let alone = (0..names.len()).map(|at| 1 << at);
    let ways: BTreeSet<u32> =
        [all, all & !0b1, all & !0b11].into_iter().chain(alone).filter(|bits| *bits > 0).collect();
    ways.into_iter()
        .map(|bits| names.iter().enumerate().map(|(at, name)| ((*name).to_owned(), (bits >> at) & 1 == 1)).collect())
        .filter(|mix: &BTreeMap<String, bool>| {
            let any_id = mix.iter().any(|(name, is_a)| !is_name(name) && *is_a);
            any_id || !creates
        })
        .collect()
}

async fn two_tenants(backend: Backend) -> (TestApp, Tenant, Tenant, tempfile::TempDir) {
    let files = tempfile::tempdir().unwrap();
    let place = files.path().display().to_string();
    let app = TestApp::start_on(backend, |settings| {
        settings.outbound_networks = Some(vec!["127.0.0.0/8".into()]);
        settings.artifacts = Some(place);
        settings.secrets_key = Some(vec![super::secrets::key(1)]);
    })
    .await;
    let peer = Peer::start().await;
    let a = Tenant::furnished(&app, &peer, "ann").await;
    let b = Tenant::furnished(&app, &peer, "bob").await;
    (app, a, b, files)
}

async fn what_another_tenant_has_does_not_exist(backend: Backend) {
    let (app, a, b, _files) = two_tenants(backend).await;
    // Twice: what is noted of the first look is there at the second.
    seen(&a, &app).await;
    let (before, bobs_before) = (seen(&a, &app).await, seen(&b, &app).await);
    let ids: BTreeSet<&str> = a.named.values().map(String::as_str).chain([UNKNOWN, NAMELESS]).collect();
    let (mut count, mut calls) = (0, 0);
    for operation in Contract::get().operations() {
        if OF_NO_WORKSPACE.contains(&operation.id()) {
            continue;
        }
        let of_face = ["/kinetic", "/kodexa"].iter().any(|face| operation.path.starts_with(face));
        assert!(of_face || operation.path.contains("{workspaceId}"), "{}: is it of a workspace?", operation.id());
        count += 1;
        let anybody = app.anonymous().without_prefix();
        let of_a = |name: &str| {
            a.named.get(name).unwrap_or_else(|| panic!("{}: no tenant has a {name}", operation.id())).clone()
        };
        let reply = call(&anybody, &operation, &filled(&operation, of_a)).await;
        assert_eq!(reply.status, 401, "{} without credentials: {}", operation.id(), reply.text);

        let of_lease = operation.body["security"] == json!([{"leaseToken": []}]);
        let callers = match operation.path {
            kinetic if kinetic.starts_with("/kinetic") => vec![anybody.with("x-kinetic-key", &b.key)],
            _ if of_lease => vec![anybody.with("x-lease-token", &b.lease)],
            kodexa if kodexa.starts_with("/kodexa") => vec![anybody.with("x-api-key", &b.key)],
            _ => vec![b.owner.without_prefix(), anybody.with("x-api-key", &b.key)],
        };
        for mix in mixes(&operation) {
            let real = filled(&operation, |name| if mix[name] { &a } else { &b }.named[name].clone());
            let unknown = filled(&operation, |name| {
                let nothing = if is_name(name) { NAMELESS } else { UNKNOWN };
                if mix[name] { nothing.to_owned() } else { b.named[name].clone() }
            });
            // A key is let in by its workspace alone, so one way is enough for it.
            let is_whole = mix.values().all(|is_a| *is_a);
            for caller in callers.iter().take(if is_whole { 2 } else { 1 }) {
                let got = said(&call(caller, &operation, &real).await, &ids);
                let expected = said(&call(caller, &operation, &unknown).await, &ids);
                assert_eq!(got, expected, "{} {real} tells that it exists", operation.id());
                // A list below a name is empty where nothing has that name.
                assert!(got.0 == 404 || got.1 == "[]", "{} {real}: {got:?}", operation.id());
                calls += 1;
            }
        }
        // A pod of another tenant in the header of the face that has one.
        if operation.path.starts_with("/kinetic") {
            let path = filled(&operation, |name| b.named[name].clone());
            let at = |pod: &str| callers[0].with("x-kinetic-pod", pod);
            let got = said(&call(&at(&a.place.pod_id), &operation, &path).await, &ids);
            assert_eq!(got, said(&call(&at(UNKNOWN), &operation, &path).await, &ids), "{}", operation.id());
            assert_eq!(got.0, 404, "{}: {}", operation.id(), got.1);
        }
    }
    assert!(count > 180 && calls > 400, "{count} operations, {calls} calls");
    assert_eq!(seen(&a, &app).await, before);
    assert_eq!(seen(&b, &app).await, bobs_before);
    a.run.respond(json!({"approved": true})).await.expect(200);
    a.run.output().await;
}

async fn ids_of_another_tenant_in_bodies_name_nothing(backend: Backend) {
    let (app, a, b, _files) = two_tenants(backend).await;
    seen(&a, &app).await;
    let before = seen(&a, &app).await;
    let (pod, workspace, subject) = (b.place.pod(), b.place.workspace(), &b.named["subjectId"]);
    let ids: BTreeSet<&str> = a.named.values().map(String::as_str).chain([UNKNOWN]).collect();
    for (path, member, name) in [
        (format!("{pod}/executions"), "/workflowId", "workflowId"),
        (format!("{pod}/schedules"), "/workflowId", "workflowId"),
        (format!("{pod}/webhooks"), "/workflowId", "workflowId"),
        (format!("{pod}/subjects/{subject}/reprocess"), "/workflowIds/0", "workflowId"),
    ] {
        let body = |id: &str| {
            let mut body = match path.rsplit('/').next().unwrap() {
                "schedules" => json!({"workflowId": "", "name": "S", "cronExpression": "0 * * * *"}),
                "reprocess" => json!({"workflowIds": [""]}),
                _ => json!({"workflowId": ""}),
            };
            *body.pointer_mut(member).unwrap() = json!(id);
            body
        };
        let got = said(&b.owner.post(&path, body(&a.named[name])).await, &ids);
        assert_eq!(got, said(&b.owner.post(&path, body(UNKNOWN)).await, &ids), "{path}");
        assert!([404, 422].contains(&got.0), "{path}: {got:?}");
    }
    // A job takes any ids; what is not there it has not done.
    for action in ["cancel", "replay", "retry"] {
        let job = json!({"ids": [a.named["executionId"]]});
        let job = b.owner.post(&format!("{pod}/executions/bulk/{action}"), job).await.expect(202);
        let job = format!("{pod}/bulk-jobs/{}", job["id"].as_str().unwrap());
        until(&b.owner, &job, |job| job["state"] == "finished").await;
        let items = b.owner.get(&format!("{job}/items")).await.expect(200);
        assert_ne!(items[0]["state"], "done", "{items:#}");
    }
    // A token is for a stream of the workspace that gives it.
    for stream in [
        format!("{}/suspensions/events", a.place.workspace()),
        format!("{}/events", a.place.pod()),
        format!("{}/events", a.run.path),
    ] {
        let reply = b.owner.post(&format!("{workspace}/stream-tokens"), json!({"path": stream})).await;
        assert!([404, 422].contains(&reply.status), "{stream}: {}", reply.text);
        let token = a.owner.post(&format!("{}/stream-tokens", a.place.workspace()), json!({"path": stream})).await;
        let token = token.expect(201)["token"].as_str().unwrap().to_owned();
        let own = stream.replace(&a.place.workspace_id, &b.place.workspace_id);
        let own = own.replace(&a.place.pod_id, &b.place.pod_id).replace(&a.run.id, &b.run.id);
        app.anonymous().get(&format!("{own}?token={token}")).await.problem(401, "invalid_credentials");
    }
    assert_eq!(seen(&a, &app).await, before);
}

async fn cursors_filters_and_places_of_another_tenant_lead_nowhere(backend: Backend) {
    let (app, a, b, _files) = two_tenants(backend).await;
    let foreign = |text: &str| a.named.iter().find(|(name, id)| !is_name(name) && text.contains(id.as_str()));
    let mut cursors = 0;
    for operation in Contract::get().operations() {
        let query = operation.body["parameters"].as_array().into_iter().flatten();
        let takes = query.filter(|parameter| parameter["in"] == "query" && parameter["name"] == "cursor").count() == 1;
        if !takes || !operation.path.contains("{workspaceId}") {
            continue;
        }
        // A second one of each, so that there is a next page.
        let path = filled(&operation, |name| a.named[name].clone());
        let reply = a.owner.without_prefix().get(&format!("{path}?limit=1")).await;
        let Some(next) = reply.header("link").and_then(|link| link.split(['<', '>']).nth(1)).map(str::to_owned) else {
            continue;
        };
        let (_, query) = next.split_once('?').unwrap();
        let own = filled(&operation, |name| b.named[name].clone());
        let reply = b.owner.without_prefix().get(&format!("{own}?{query}")).await;
        assert!([200, 400].contains(&reply.status), "{own}: {}", reply.text);
        assert_eq!(foreign(&reply.text), None, "{own}: {}", reply.text);
        cursors += 1;
    }
    assert!(cursors >= 3, "{cursors}");

    let executions = format!("{}/executions", b.place.pod());
    for query in [
        format!("filter=id eq '{}'", a.named["executionId"]),
        format!("filter=workflowId=={}", a.named["workflowId"]),
        format!("filter=status ne 'failed' or id eq '{}'", a.named["executionId"]),
        format!("workflowId={}", a.named["workflowId"]),
        format!("replayOf={}", a.named["executionId"]),
        format!("parentExecutionId={}", a.named["executionId"]),
        "filter=priority ge -100".to_owned(),
    ] {
        let query = query.replace(' ', "%20");
        let reply = b.owner.get(&format!("{executions}?{query}")).await;
        reply.expect(200);
        assert_eq!(foreign(&reply.text), None, "{query}: {}", reply.text);
    }
    let audit = b.owner.get(&format!("{}/audit?subject={}", b.place.workspace(), a.named["workflowId"])).await;
    assert_eq!(audit.expect(200), json!([]));

    // Where A's streams have been, B's go on with what is B's.
    for (of_a, of_b) in [
        (format!("{}/events", a.place.pod()), format!("{}/events", b.place.pod())),
        (format!("{}/suspensions/events", a.place.workspace()), format!("{}/suspensions/events", b.place.workspace())),
    ] {
        let mut stream = a.owner.stream(&of_a).await;
        let body = json!({"workflowId": a.owner.get(&a.run.path).await.expect(200)["workflowId"]});
        a.owner.post(&format!("{}/executions", a.place.pod()), body).await.expect(201);
        let frames = stream.until(|frame| frame.id.is_some()).await;
        let place = frames.iter().rev().find_map(|frame: &Frame| frame.id.clone()).unwrap();
        let mut stream = b.owner.with("last-event-id", &place).stream(&of_b).await;
        let body = json!({"workflowId": b.owner.get(&b.run.path).await.expect(200)["workflowId"]});
        let new = b.owner.post(&executions, body).await.expect(201)["id"].clone();
        let frames = stream.until(|frame| frame.event["executionId"] == new).await;
        for frame in frames {
            assert_eq!(foreign(&frame.event.to_string()), None, "{of_b}: {}", frame.event);
        }
    }
    app.stop().await;
}
