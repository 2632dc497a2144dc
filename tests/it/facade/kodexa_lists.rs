//! Lists of executions: filters in all spellings, orders, pages; and the headers that let a caller in.

use serde_json::{Value, json};

use super::{
    key_of,
    kodexa::{Kodexa, ids, text, until_ended},
};
use crate::support::{
    app::{Backend, on_both},
    scene::Scene,
};

on_both! {
    lists_are_filtered_sorted_and_paged,
    keys_come_in_three_headers,
}

async fn lists_are_filtered_sorted_and_paged(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let (one, other) = (kodexa.assistant(json!([])).await, kodexa.assistant_with(json!({"name": "Second"})).await);
    let family = kodexa.family("deep/Report.pdf").await;
    let mut made = Vec::new();
    for (index, assistant) in [&one, &one, &other, &one, &other].into_iter().enumerate() {
        let body = json!({"assistantId": assistant["id"], "priority": index, "documentFamilyId": if index == 2 { Some(&family) } else { None }});
        let execution = kodexa.client.post("/api/executions", body).await.expect(201);
        until_ended(&scene, &execution).await;
        made.push(text(&execution["id"]));
    }
    let pick = |indices: &[usize]| indices.iter().map(|index| made[*index].clone()).collect::<Vec<_>>();
    let one_id = text(&one["id"]);
    for (query, expected) in [
        (String::new(), pick(&[4, 3, 2, 1, 0])),
        ("query=*&sort=id".to_owned(), pick(&[0, 1, 2, 3, 4])),
        ("sort=priority:desc&pageSize=2".to_owned(), pick(&[4, 3])),
        ("sort=createdOn,asc&pageSize=2&page=2".to_owned(), pick(&[2, 3])),
        ("page=9".to_owned(), pick(&[])),
        (format!("filter=assistantId eq '{one_id}' and (status eq 'SUCCEEDED' or priority gt 3)"), pick(&[3, 1, 0])),
        (format!("filter=assistantId=='{one_id}';priority=ge=1"), pick(&[3, 1])),
        (format!("filter=assistantId:'{one_id}'&filter=priority>:1&sort=createdOn"), pick(&[1, 3])),
        ("filter=priority in (1,4)".to_owned(), pick(&[4, 1])),
        ("filter=documentFamilyId is not null".to_owned(), pick(&[2])),
        ("filter=status ne 'SUCCEEDED'".to_owned(), pick(&[])),
        ("query=second".to_owned(), pick(&[4, 2])),
        ("query=report.PDF".to_owned(), pick(&[2])),
        ("query=nothing".to_owned(), pick(&[])),
        (format!("filter=organization.id: '{}'&pageSize=1", scene.place.workspace_id), pick(&[4])),
        (format!("filter=project.id: '{}'&pageSize=1", kodexa.project), pick(&[4])),
    ] {
        assert_eq!(ids(&kodexa.list(&query).await), expected, "{query}");
    }
    let page = kodexa.list("sort=createdOn,asc&pageSize=2&page=3").await;
    let mut envelope = page.as_object().unwrap().clone();
    envelope.remove("content");
    assert_eq!(
        Value::Object(envelope),
        json!({
            "totalElements": 5, "totalPages": 3, "size": 2, "number": 3, "numberOfElements": 1, "first": false, "last": true,
            "empty": false, "sort": {"empty": false, "sorted": true, "unsorted": false},
            "pageable": {"offset": 4, "pageNumber": 3, "pageSize": 2, "paged": true, "unpaged": false,
                "sort": {"empty": false, "sorted": true, "unsorted": false}},
        })
    );
    for (query, field) in [
        ("filter=nothing eq 1", "filter"),
        ("filter=status eq", "filter"),
        ("filter=status eq 'OTHER'", "filter"),
        ("filter='; DROP TABLE executions --", "filter"),
        ("sort=nothing", "sort"),
        ("page=0", "page"),
        ("pageSize=1001", "pageSize"),
        ("pageSize=x", "pageSize"),
    ] {
        let refused = kodexa.client.get(&format!("/api/executions?{query}")).await.expect(400);
        assert!(refused["errors"][field].is_string(), "{query}: {refused}");
    }
    let of_assistant = kodexa.client.get(&format!("/api/assistants/{one_id}/executions")).await.expect(200);
    assert_eq!(of_assistant.as_array().unwrap().len(), 3);
}

async fn keys_come_in_three_headers(backend: Backend) {
    let scene = Scene::on(backend).await;
    let key = key_of(&scene, "viewer").await;
    let nobody = scene.app.anonymous().below("/kodexa");
    let bearer = format!("Bearer {key}");
    for client in [
        nobody.with("x-api-key", &key),
        nobody.with("x-access-token", &key),
        nobody.with("authorization", &bearer),
        nobody.with("x-api-key", &key).with("x-access-token", "slg_other"),
    ] {
        client.get("/api/overview").await.expect(200);
    }
    for client in
        [nobody.clone(), nobody.with("x-api-key", "slg_no"), nobody.with("x-api-key", "x").with("x-access-token", &key)]
    {
        assert_eq!(client.get("/api/overview").await.expect(401)["error"], "Unauthorized");
    }
    let viewer = nobody.with("x-access-token", &key);
    assert_eq!(viewer.post("/api/executions", json!({})).await.expect(403)["status"], 403);
    // Another organization's things are not there.
    let other = Scene::on(backend).await;
    let elsewhere = Kodexa::new(&other, "admin").await.assistant(json!([])).await;
    viewer.get(&format!("/api/assistants/{}", text(&elsewhere["id"]))).await.expect(404);
    let unknown = viewer.get("/api/knowledge-sets").await.expect(404);
    assert!(unknown["message"].as_str().unwrap().contains("no such call"), "{unknown}");
}
