//! Document families: both spellings of their address, their changes, lists, and reprocessing.

use reqwest::Method;
use serde_json::{Value, json};

use super::kodexa::{Kodexa, ids, text, work};
use crate::support::{
    app::{Backend, on_both},
    scene::Scene,
};

on_both! {
    a_family_is_made_changed_and_deleted,
    families_are_listed,
    a_family_is_reprocessed,
    many_are_reprocessed_at_a_pace,
    the_place_is_told,
}

async fn a_family_is_made_changed_and_deleted(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "editor").await;
    let body = json!({
        "path": "in/a.pdf", "storeRef": "acme/inbox:1.0.0", "labels": ["b", {"name": "a", "label": "a"}], "metadata": {"n": 1, "mixins": ["spatial"]},
        "externalData": {"erp": {"id": 7}}, "id": null, "contentObjects": null, "documentStatus": {"status": "NEW"},
    });
    let made = kodexa.client.post("/api/document-families", body.clone()).await.expect(201);
    assert_eq!(
        [&made["path"], &made["storeRef"], &made["changeSequence"], &made["mixins"], &made["documentStatus"]],
        [&json!("in/a.pdf"), &json!("acme/inbox:1.0.0"), &json!(1), &json!(["spatial"]), &json!({"status": "NEW"})]
    );
    assert_eq!(made["labels"], json!([{"name": "a", "label": "a"}, {"name": "b", "label": "b"}]));
    kodexa.client.post("/api/document-families", body).await.expect(409);
    let path = format!("/api/document-families/{}", text(&made["id"]));
    assert_eq!(kodexa.client.get(&path).await.expect(200), made);
    let mut changed = made.clone();
    changed["metadata"] = json!({"n": 2});
    let after = kodexa.put(&path, changed.clone()).await.expect(200);
    assert_eq!(
        (&after["metadata"], &after["changeSequence"], &after["labels"]),
        (&json!({"n": 2}), &json!(2), &made["labels"])
    );
    kodexa.put(&path, changed).await.expect(409);
    assert_eq!(kodexa.put(&format!("{path}/lock"), Value::Null).await.expect(200)["locked"], true);
    assert_eq!(kodexa.put(&format!("{path}/unlock"), Value::Null).await.expect(200)["locked"], false);
    let status = kodexa.put(&format!("{path}/status"), json!({"status": "DONE", "color": "x"})).await.expect(200);
    assert_eq!(status["documentStatus"], json!({"status": "DONE"}));
    assert_eq!(kodexa.client.get(&format!("{path}/externalData?key=erp")).await.expect(200), json!({"id": 7}));
    kodexa.put(&format!("{path}/externalData?key=crm"), json!({"x": 1})).await.expect(200);
    assert_eq!(kodexa.client.get(&format!("{path}/externalDataKeys")).await.expect(200), json!(["crm", "erp"]));
    kodexa.put(&format!("{path}/externalData"), json!({"only": 1})).await.expect(200);
    assert_eq!(kodexa.client.get(&format!("{path}/externalData")).await.expect(200), json!({"only": 1}));
    let store = format!("/api/stores/acme/inbox/1.0.0/families/{}", text(&made["id"]));
    let more = kodexa.put(&format!("{store}/addLabel?label=c"), Value::Null).await.expect(200);
    assert_eq!(more["labels"].as_array().unwrap().len(), 3);
    kodexa.put(&format!("{store}/removeLabel?label=a"), Value::Null).await.expect(200);
    for (body, field) in [
        (json!({"path": ""}), "path"),
        (json!({"path": "x", "storeRef": ""}), "storeRef"),
        (json!({"path": "x", "labels": [""]}), "labels[0]"),
        (json!({"path": "x", "metadata": []}), "metadata"),
        (json!({}), "path"),
    ] {
        let refused = kodexa.client.post("/api/document-families", body).await.expect(400);
        assert!(refused["errors"][field].is_string(), "{field}: {refused}");
    }
    kodexa.client.delete(&path).await.expect(204);
    kodexa.client.get(&path).await.expect(404);
}

async fn families_are_listed(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "editor").await;
    let mut made = Vec::new();
    for (path, store, labels) in
        [("a/1.pdf", "s:1", json!(["x"])), ("a/2.pdf", "s:1", json!(["x", "y"])), ("b/1.txt", "s:2", json!([]))]
    {
        let body = json!({"path": path, "storeRef": store, "labels": labels});
        made.push(text(&kodexa.client.post("/api/document-families", body).await.expect(201)["id"]));
    }
    let pick = |indices: &[usize]| indices.iter().map(|index| made[*index].clone()).collect::<Vec<_>>();
    for (query, expected) in [
        (String::new(), pick(&[2, 1, 0])),
        ("sort=path".to_owned(), pick(&[0, 1, 2])),
        ("sort=id&pageSize=2&page=2".to_owned(), pick(&[2])),
        ("filter=labels.name:'x'".to_owned(), pick(&[1, 0])),
        ("filter=labels.name:'x' and labels.name:'y'".to_owned(), pick(&[1])),
        ("filter=labels.name ne 'x'".to_owned(), pick(&[2])),
        ("filter=labels is null".to_owned(), pick(&[2])),
        ("filter=path=='a/*'".to_owned(), pick(&[1, 0])),
        ("filter=storeRef:'s:2'".to_owned(), pick(&[2])),
        (format!("filter=project.id:'{}'&pageSize=1", kodexa.project), pick(&[2])),
        (format!("filter=project.id:'{}'&filter=storeRef:'s:1'", kodexa.project), pick(&[1, 0])),
        ("query=.PDF".to_owned(), pick(&[1, 0])),
    ] {
        let page = kodexa.client.get(&format!("/api/document-families?{query}")).await.expect(200);
        assert_eq!(ids(&page), expected, "{query}");
    }
    // The other spelling, which is not described on its own.
    let key = super::key_of(&scene, "viewer").await;
    let address = format!("{}/kodexa/api/documentFamilies", scene.app.address());
    let plain = reqwest::Client::builder().build().unwrap();
    for (path, count) in [(address.clone(), 3), (format!("{address}?filter=path=='b/*'"), 1)] {
        let page: Value = plain.get(path).header("x-access-token", &key).send().await.unwrap().json().await.unwrap();
        assert_eq!(page["totalElements"], count);
    }
}

async fn a_family_is_reprocessed(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let first = kodexa.assistant(json!([{"ref": "module://first"}])).await;
    let second = kodexa.assistant(json!([{"ref": "module://second"}])).await;
    let family = kodexa.family("a.pdf").await;
    for (assistant, reference) in [(&first, "module://first"), (&second, "module://second")] {
        let execution = kodexa.event(assistant, "go", json!({"documentFamilyId": family, "n": 5})).await;
        work(&scene, reference, json!({})).await;
        scene.run_at(&text(&execution["id"])).end().await;
    }
    let (one, other) = (text(&first["id"]), text(&second["id"]));
    let count =
        async || kodexa.list(&format!("filter=documentFamilyId:'{family}'")).await["totalElements"].as_i64().unwrap();
    let path = format!("/api/document-families/{family}/reprocess");
    let reply = kodexa.put(&format!("{path}?assistantId={one}&assistantId={other}"), Value::Null).await.expect(200);
    assert_eq!((&reply["id"], count().await), (&json!(family), 4));
    let task = work(&scene, "module://first", json!({})).await;
    assert_eq!(
        (&task["input"]["context"]["options"]["n"], &task["input"]["documentFamilyId"]),
        (&json!(5), &json!(family))
    );
    kodexa.client.post(&path, json!({"assistantIds": [one]})).await.expect(200);
    assert_eq!(count().await, 5);
    // All that have executions about it, if none is named.
    kodexa.put(&path, Value::Null).await.expect(200);
    assert_eq!(count().await, 7);
    let store = format!("/api/stores/acme/inbox/1.0.0/families/{family}/reprocess?assistantId={one}");
    kodexa.put(&store, Value::Null).await.expect(200);
    assert_eq!(count().await, 8);
    let refused = kodexa.put(&format!("{path}?assistantId={}", kodexa.project), Value::Null).await.expect(400);
    assert!(refused["errors"]["assistantId"].is_string(), "{refused}");
    kodexa.put(&format!("{path}?assistantId=x"), Value::Null).await.expect(400);
    let viewer = Kodexa::new(&scene, "viewer").await;
    viewer.put(&path, Value::Null).await.expect(403);
    assert_eq!(count().await, 8);
}

async fn many_are_reprocessed_at_a_pace(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "admin").await;
    let assistant = kodexa.assistant(json!([])).await;
    let mut families = Vec::new();
    for index in 0..15 {
        families.push(kodexa.family(&format!("{index}.pdf")).await);
    }
    let path = "/api/stores/acme/inbox/1.0.0/reprocess";
    let asked = kodexa.put(path, json!({"assistantIds": [assistant["id"]], "familyIds": families})).await.expect(200);
    assert_eq!(asked["requested"], 15);
    let requested =
        async || kodexa.list("filter=status:'REQUESTED'&pageSize=1").await["totalElements"].as_i64().unwrap();
    assert_eq!(requested().await, 15);
    let page = kodexa.list("sort=id&pageSize=100").await;
    let mut runs = Vec::new();
    for id in ids(&page) {
        let run = scene.run_at(&id);
        runs.push((text(&run.view().await["runAt"]), run));
    }
    runs.sort_by(|(one, _), (other, _)| one.cmp(other));
    // Ten a second.
    scene.app.clock.advance_ms(1_000);
    for (_, run) in &runs[..10] {
        run.end().await;
    }
    assert_eq!(requested().await, 5);
    scene.app.clock.advance_ms(1_000);
    for (_, run) in &runs[10..] {
        run.end().await;
    }
    let none = kodexa.put("/api/stores/acme/other/1.0.0/reprocess", json!({"all": true})).await.expect(200);
    assert_eq!(none["requested"], 0);
    for (body, field) in [
        (json!({}), "familyIds"),
        (json!({"all": true, "familyIds": families}), "all"),
        (json!({"familyIds": [kodexa.project]}), "familyIds[0]"),
        (json!({"assistantIds": [kodexa.project], "familyIds": families}), "assistantIds"),
    ] {
        let refused = kodexa.put(path, body).await.expect(400);
        assert!(refused["errors"][field].is_string(), "{field}: {refused}");
    }
}

async fn the_place_is_told(backend: Backend) {
    let scene = Scene::on(backend).await;
    let kodexa = Kodexa::new(&scene, "viewer").await;
    let workspace = &scene.place.workspace_id;
    let organizations = kodexa.client.get("/api/organizations?filter=slug: 'home'").await.expect(200);
    assert_eq!(
        (organizations["totalElements"].as_i64(), &organizations["content"][0]["name"]),
        (Some(1), &json!("Home"))
    );
    let organization = kodexa.client.get(&format!("/api/organizations/{workspace}")).await.expect(200);
    assert_eq!(organization, organizations["content"][0]);
    kodexa.client.get(&format!("/api/organizations/{}", kodexa.project)).await.expect(404);
    let projects =
        kodexa.client.get(&format!("/api/projects?filter=name: 'Pod'&filter=organization.id: '{workspace}'")).await;
    let projects = projects.expect(200);
    assert_eq!(ids(&projects), [kodexa.project.as_str()]);
    let project = kodexa.client.get(&format!("/api/projects/{}", kodexa.project)).await.expect(200);
    assert_eq!(project["organization"], organization);
    let me = kodexa.client.get("/api/account/me").await.expect(200);
    assert_eq!((&me["activated"], me["id"].is_string()), (&json!(true), true));
    let overview = kodexa.client.get("/api/overview").await.expect(200);
    assert_eq!(overview["version"], env!("CARGO_PKG_VERSION"));
    let options = kodexa.client.send(Method::GET, "/api/projects?query=%252A&sort=name,desc", None).await.expect(200);
    assert_eq!(options["totalElements"], 1);
}
