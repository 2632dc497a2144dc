//! The day of a client of Kodexa: each call once, for the check that every described operation succeeds.

use reqwest::Method;
use serde_json::{Value, json};

use super::kodexa::{Kodexa, lease, text};
use crate::support::scene::Scene;

/// Each call of the face once.
pub async fn walk_kodexa(scene: &Scene) {
    let kodexa = Kodexa::new(scene, "admin").await;
    let client = &kodexa.client;
    let project = format!("/api/projects/{}", kodexa.project);
    for path in ["/api/organizations", "/api/projects", "/api/overview", "/api/account/me", "/api/scheduled-jobs"] {
        client.get(path).await.expect(200);
    }
    client.get(&format!("/api/organizations/{}", scene.place.workspace_id)).await.expect(200);
    client.get(&project).await.expect(200);
    client.get("/api/assistants").await.expect(200);
    let body = json!({"name": "A", "project": {"id": kodexa.project}, "schedules": [{"cronExpression": "0 3 * * *"}]});
    let alone = format!("/api/assistants/{}", text(&client.post("/api/assistants", body).await.expect(201)["id"]));
    let steps = json!([{"ref": "module://walk"}]);
    let body = json!({"name": "B", "options": {"pipeline": {"steps": steps}}});
    let made = client.post(&format!("{project}/assistants"), body).await.expect(201);
    let within = format!("{project}/assistants/{}", text(&made["id"]));
    client.get(&format!("{project}/assistants")).await.expect(200);
    let family = kodexa.family("walk.pdf").await;
    for assistant in [&alone, &within] {
        client.get(assistant).await.expect(200);
        kodexa.put(assistant, json!({"description": "d"})).await.expect(200);
        for action in ["activate", "deactivate", "schedule"] {
            kodexa.put(&format!("{assistant}/{action}"), Value::Null).await.expect(200);
        }
        let form = client.with("content-type", "application/x-www-form-urlencoded");
        form.send(Method::POST, &format!("{assistant}/events"), Some("eventType=walk".to_owned())).await.expect(200);
        client.get(&format!("{assistant}/executions")).await.expect(200);
    }
    let body = json!({"assistantId": made["id"], "documentFamilyId": family});
    let execution = client.post("/api/executions", body).await.expect(201);
    lease(scene, "module://walk").await;
    let path = format!("/api/executions/{}", text(&execution["id"]));
    for path in ["/api/executions".to_owned(), path.clone(), format!("{path}/logs"), format!("{path}/status-messages")]
    {
        client.get(&path).await.expect(200);
    }
    kodexa.put(&path, json!({})).await.expect(200);
    kodexa.put(&format!("{path}/cancel"), Value::Null).await.expect(200);
    scene.run_at(&text(&execution["id"])).end().await;
    let families = "/api/document-families";
    client.get(families).await.expect(200);
    let one = format!("{families}/{family}");
    client.get(&one).await.expect(200);
    kodexa.put(&one, json!({"metadata": {}})).await.expect(200);
    for action in ["lock", "unlock"] {
        kodexa.put(&format!("{one}/{action}"), Value::Null).await.expect(200);
    }
    kodexa.put(&format!("{one}/status"), json!({"status": "S"})).await.expect(200);
    kodexa.put(&format!("{one}/externalData"), json!({"a": {}})).await.expect(200);
    client.get(&format!("{one}/externalData")).await.expect(200);
    client.get(&format!("{one}/externalDataKeys")).await.expect(200);
    let of_store = format!("/api/stores/acme/inbox/1.0.0/families/{family}");
    kodexa.put(&format!("{of_store}/addLabel?label=l"), Value::Null).await.expect(200);
    kodexa.put(&format!("{of_store}/removeLabel?label=l"), Value::Null).await.expect(200);
    // Before it has replays that run: they might read it.
    client.delete(&path).await.expect(204);
    kodexa.put(&format!("{one}/reprocess"), Value::Null).await.expect(200);
    client.post(&format!("{one}/reprocess"), json!({})).await.expect(200);
    kodexa.put(&format!("{of_store}/reprocess"), Value::Null).await.expect(200);
    kodexa.put("/api/stores/acme/inbox/1.0.0/reprocess", json!({"familyIds": [family]})).await.expect(200);
    client.delete(&one).await.expect(204);
    for assistant in [&alone, &within] {
        client.delete(assistant).await.expect(204);
    }
}
