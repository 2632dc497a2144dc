//! A workspace with one of everything that a path can name.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{Client, Place, TestApp, small_definition},
    peer::Peer,
    scene::{Run, line, node},
};

/// A tenant, its owner, and what it has.
pub struct Tenant {
    pub place: Place,
    pub owner: Client,
    /// An owner's key.
    pub key: String,
    /// The token of the lease of its task.
    pub lease: String,
    /// The path of its waiting execution.
    pub run: Run,
    /// What it has, by the parameters of paths.
    pub named: BTreeMap<&'static str, String>,
}

impl Tenant {
    /// With names that begin with `name`, which is its owner, too.
    pub async fn furnished(app: &TestApp, peer: &Peer, name: &str) -> Self {
        let place = app.workspace(name).await;
        let owner = app.user(name);
        let (workspace, pod) = (place.workspace(), place.pod());
        let mut named = BTreeMap::from([
            ("workspaceId", place.workspace_id.clone()),
            ("organizationId", place.workspace_id.clone()),
            ("podId", place.pod_id.clone()),
            ("projectId", place.pod_id.clone()),
            ("userId", name.to_owned()),
            ("secretName", format!("{name}_secret")),
            ("groupName", format!("{name}-group")),
            ("collectionName", format!("{name}-collection")),
            ("documentKey", format!("{name}-key")),
        ]);
        let put = async |path: String, body: Value| owner.json(Method::PUT, &path, &body).await.expect(201);
        put(format!("{workspace}/secrets/{name}_secret"), json!({"value": "hunter2"})).await;
        put(format!("{workspace}/groups/{name}-group"), json!({"members": [name]})).await;
        put(format!("{workspace}/collections/{name}-collection/documents/{name}-key"), json!({"value": 1})).await;
        let post = async |path: String, body: Value| owner.post(&path, body).await.expect(201);
        let id = |made: &Value| made["id"].as_str().unwrap().to_owned();

        let key = post(format!("{workspace}/api-keys"), json!({"name": "k", "role": "owner"})).await;
        named.insert("apiKeyId", id(&key));
        let invite = json!({"email": "a@example.com", "role": "viewer"});
        named.insert("inviteId", id(&post(format!("{workspace}/invites"), invite).await));

        let hits = peer.hits("/hook");
        let told = json!({"message": "Go on?", "notify": [{"type": "webhook", "url": peer.url("/hook")}]});
        let definition = line([node("gate", "approval-gate", told)]);
        let workflow = id(&post(format!("{pod}/workflows"), json!({"name": "W", "definition": definition})).await);
        owner.post(&format!("{pod}/workflows/{workflow}/deploy"), json!({})).await.expect(200);
        let execution = id(&post(format!("{pod}/executions"), json!({"workflowId": workflow})).await);
        let path = format!("{pod}/executions/{execution}");
        let run = Run { id: execution.clone(), path, client: owner.clone() };
        let suspension = run.asked().await["suspensionId"].as_str().unwrap().to_owned();
        peer.arrived("/hook", hits + 1).await;
        let notifications = format!("{workspace}/suspensions/{suspension}/notifications");
        let told = until(&owner, &notifications, |told| told[0]["state"] == "delivered").await;
        named.insert("notificationId", id(&told[0]));
        named.insert("suspensionId", suspension);
        named.insert("otherId", execution.clone());
        named.insert("executionId", execution.clone());

        let empty = json!({"name": "Empty", "definition": small_definition()});
        let workflow = id(&post(format!("{pod}/workflows"), empty).await);
        owner.post(&format!("{pod}/workflows/{workflow}/deploy"), json!({})).await.expect(200);
        let hourly = json!({"workflowId": workflow, "name": "S", "cronExpression": "0 * * * *"});
        named.insert("scheduleId", id(&post(format!("{pod}/schedules"), hourly).await));
        let open = json!({"workflowId": workflow, "verification": "none"});
        let webhook = id(&post(format!("{pod}/webhooks"), open).await);
        let begun = app.anonymous().post(&format!("/webhooks/{webhook}/trigger"), json!({})).await.expect(201);
        let begun = Run { id: id(&begun), path: format!("{pod}/executions/{}", id(&begun)), client: owner.clone() };
        begun.output().await;
        let deliveries = owner.get(&format!("{pod}/webhooks/{webhook}/deliveries")).await.expect(200);
        named.insert("deliveryId", id(&deliveries[0]));
        named.insert("webhookId", webhook);
        named.insert("workflowId", workflow);
        let subject = id(&post(format!("{pod}/subjects"), json!({"path": format!("{name}.pdf")})).await);
        named.insert("familyId", subject.clone());
        named.insert("subjectId", subject);
        let nothing = json!({"ids": [app.clock.new_id().to_string()]});
        let bulk = id(&owner.post(&format!("{pod}/executions/bulk/cancel"), nothing).await.expect(202));
        until(&owner, &format!("{pod}/bulk-jobs/{bulk}"), |job| job["state"] == "finished").await;
        named.insert("bulkJobId", bulk);

        let definition = line([node("work", "task", json!({"queue": "q"}))]);
        let work = id(&post(format!("{pod}/workflows"), json!({"name": "T", "definition": definition})).await);
        post(format!("{pod}/executions"), json!({"workflowId": work})).await;
        let wish = json!({"queues": ["q"], "workerId": "w", "waitSeconds": 30});
        let task = owner.post(&format!("{pod}/tasks/lease"), wish).await.expect(200)["tasks"][0].clone();
        let task_id = task["taskId"].as_str().unwrap().to_owned();
        let lease = task["leaseToken"].as_str().unwrap().to_owned();
        let file = format!("{pod}/tasks/{task_id}/artifacts/a.txt");
        let sent = app.anonymous().with("x-lease-token", &lease).with("content-type", "text/plain");
        named.insert("artifactId", id(&sent.put(&file, name.as_bytes()).await.expect(201)));
        named.insert("taskId", task_id);

        let key = key["key"].as_str().unwrap().to_owned();
        let kodexa = app.anonymous().below("/kodexa").with("x-api-key", &key);
        let assistant = json!({"name": "A", "project": {"id": place.pod_id}});
        named.insert("assistantId", id(&kodexa.post("/api/assistants", assistant).await.expect(201)));
        Self { place, owner, key, lease, run, named }
    }
}

/// What is there, once it is as wanted.
pub async fn until(client: &Client, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let look = async {
        loop {
            let seen = client.get(path).await.expect(200);
            if is_so(&seen) {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), look).await.expect("it is so in time")
}
