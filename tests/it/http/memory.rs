//! Nodes that read and keep documents, nodes that read pages, and the hosts that they may call.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    peer::Peer,
    scene::{Scene, call, line, node},
};

on_both! {
    a_retriever_gives_what_fits_best,
    memory_lasts_from_one_execution_to_the_next,
    each_scope_remembers_for_itself,
    an_append_is_made_once_per_node_run,
    memory_of_another_workspace_is_not_there,
    extract_fetches_and_reads,
    a_workspace_names_the_hosts_that_are_called,
}

fn memory(id: &str, data: Value) -> Value {
    node(id, "memory", data)
}

fn value(id: &str, script: &str) -> Value {
    node(id, "transform", json!({"transformScript": script}))
}

async fn a_retriever_gives_what_fits_best(backend: Backend) {
    let scene = Scene::on(backend).await;
    let documents = format!("{}/collections/faq/documents", scene.place.workspace());
    for (key, text) in
        [("pump", "A pump moves water."), ("valve", "A valve stops water."), ("price", "Prices are net.")]
    {
        let body = json!({"value": {"id": key}, "text": text});
        scene.ann.json(Method::PUT, &format!("{documents}/{key}"), &body).await.expect(201);
    }
    let ask = |data: Value| {
        let mut all = json!({"collection": "{{ input.c }}", "query": "{{ input.q }}"});
        all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
        line([node("found", "retriever", all)])
    };
    let workflow = scene.workflow(ask(json!({}))).await;
    let found = scene.trigger(&workflow, json!({"c": "faq", "q": "Which pump moves my water?"})).await.output().await;
    assert_eq!(
        (&found["documents"][0]["key"], &found["documents"][0]["value"]),
        (&json!("pump"), &json!({"id": "pump"}))
    );
    assert_eq!((&found["documents"][0]["score"], found["documents"].as_array().unwrap().len()), (&json!(1.0), 2));
    assert_eq!(found["text"], "A pump moves water.\n\nA valve stops water.");
    let none = scene.trigger(&workflow, json!({"c": "faq", "q": "\"?*"})).await.output().await;
    assert_eq!(none, json!({"documents": [], "text": ""}));
    let failure = scene.trigger(&workflow, json!({"c": "no name", "q": "x"})).await.failure().await;
    assert_eq!(failure["code"], "invalid_value");
    for (data, count) in [(json!({"match": "all"}), 1), (json!({"limit": 1}), 1), (json!({"minScore": 1}), 1)] {
        let run = scene.run(ask(data), json!({"c": "faq", "q": "pump moves water"})).await;
        assert_eq!(run.output().await["documents"].as_array().unwrap().len(), count);
    }
    let cut = scene.run(ask(json!({"maxLength": 6})), json!({"c": "faq", "q": "pump"})).await;
    assert_eq!(cut.output().await["text"], "A pump");
}

async fn memory_lasts_from_one_execution_to_the_next(backend: Backend) {
    let scene = Scene::on(backend).await;
    let count = line([
        memory("before", json!({"operation": "get", "key": "count", "default": 0})),
        memory("after", json!({"operation": "set", "key": "count", "value": "{{ before.value + 1 }}"})),
        value("told", "[before.found, after.value]"),
    ]);
    let workflow = scene.workflow(count).await;
    for expected in [json!([false, 1]), json!([true, 2]), json!([true, 3])] {
        assert_eq!(scene.trigger(&workflow, json!(null)).await.output().await, expected);
    }
    // It is seen among the documents, where people can look at it and delete it.
    let collection = format!("{}/collections/memory:workflow:{workflow}", scene.place.workspace());
    assert_eq!(scene.ann.get(&format!("{collection}/documents/count")).await.expect(200)["value"], 3);
    scene.ann.delete(&collection).await.expect(204);
    assert_eq!(scene.trigger(&workflow, json!(null)).await.output().await, json!([false, 1]));

    let shared = |data: Value| {
        let mut all = json!({"scope": "workspace"});
        all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
        all
    };
    let definition = line([
        memory("a", shared(json!({"operation": "set", "key": "note/1", "value": "pumps move water", "ttl": "1h"}))),
        memory("b", shared(json!({"operation": "set", "key": "note/2", "value": {"text": "valves stop it"}}))),
        memory("c", shared(json!({"operation": "set", "key": "other", "value": [1]}))),
        memory("list", shared(json!({"operation": "list", "key": "note/", "limit": 1}))),
        memory("search", shared(json!({"operation": "search", "query": "{{ input.q }}"}))),
        memory("gone", shared(json!({"operation": "delete", "key": "other"}))),
        memory("again", shared(json!({"operation": "delete", "key": "other"}))),
        value("told", "[list.items[0].key, list.more, search.items.map(i, i.key), gone.deleted, again.deleted]"),
    ]);
    let run = scene.run(definition, json!({"q": "what moves?"})).await;
    assert_eq!(run.output().await, json!(["note/1", true, [], true, false]));
    let look = line([
        memory("found", shared(json!({"operation": "search", "query": "{{ input.q }}"}))),
        memory("gone", shared(json!({"operation": "get", "key": "note/1"}))),
        value("told", "[found.items.map(i, i.key), gone.value]"),
    ]);
    let workflow = scene.workflow(look).await;
    let input = json!({"q": "what does water do? move!"});
    let found = scene.trigger(&workflow, input.clone()).await.output().await;
    assert_eq!(found, json!([["note/1"], "pumps move water"]));
    scene.app.clock.advance_ms(3_600_000);
    assert_eq!(scene.trigger(&workflow, input).await.output().await, json!([[], null]), "its time is over");
}

async fn each_scope_remembers_for_itself(backend: Backend) {
    let scene = Scene::on(backend).await;
    let definition = |scope: Value| {
        let mut set = json!({"operation": "append", "key": "seen", "value": "{{ input.n }}", "limit": 3});
        set.as_object_mut().unwrap().extend(scope.as_object().unwrap().clone());
        line([memory("seen", set), value("told", "seen.value")])
    };
    let workflow = scene.workflow(definition(json!({"scope": "thread"}))).await;
    let say = async |thread: &str, n: i64| {
        let body = json!({"workflowId": workflow, "input": {"n": n}, "context": {"threadId": thread}});
        scene.run_of(&scene.ann.post(&scene.executions(), body).await).output().await
    };
    assert_eq!(say("t 1", 1).await, json!([1]));
    assert_eq!(say("t.201", 2).await, json!([2]));
    for (n, expected) in [(3, json!([1, 3])), (4, json!([1, 3, 4])), (5, json!([3, 4, 5]))] {
        assert_eq!(say("t 1", n).await, expected);
    }
    let failure = scene.trigger(&workflow, json!({"n": 1})).await.failure().await;
    assert!(failure["message"].as_str().unwrap().contains("`threadId`"), "{failure}");
    let user = scene.workflow(definition(json!({"scope": "user", "userId": "{{ input.who }}"}))).await;
    for (who, n, expected) in
        [("ann@example.org", 1, json!([1])), ("bob", 2, json!([2])), ("ann@example.org", 3, json!([1, 3]))]
    {
        assert_eq!(scene.trigger(&user, json!({"who": who, "n": n})).await.output().await, expected);
    }
    let failure = scene.trigger(&user, json!({"n": 1})).await.failure().await;
    assert!(failure["message"].as_str().unwrap().contains("`userId`"), "{failure}");
}

async fn an_append_is_made_once_per_node_run(backend: Backend) {
    let scene = Scene::on(backend).await;
    // The second attempt of the loop's node would append again; each iteration is a run of its own.
    let mut definition = line([
        node("each", "loop", json!({"items": "input.n", "concurrency": 4})),
        memory("list", json!({"operation": "get", "key": "l"})),
        value("told", "list.value.sort()"),
    ]);
    let inner = json!({"id": "add", "type": "memory", "parentId": "each", "data": {"operation": "append", "key": "l", "value": "{{ item }}"}});
    definition["nodes"].as_array_mut().unwrap().push(inner);
    let run = scene.run(definition, json!({"n": [3, 1, 2, 5, 4]})).await;
    assert_eq!(run.output().await, json!([1, 2, 3, 4, 5]), "no append is lost");
    let refused = line([
        memory("text", json!({"operation": "set", "key": "t", "value": "x"})),
        memory("add", json!({"operation": "append", "key": "t", "value": 1})),
    ]);
    let failure = scene.run(refused, json!(null)).await.failure().await;
    assert_eq!((&failure["code"], &failure["nodeId"]), (&json!("invalid_value"), &json!("add")));
}

async fn memory_of_another_workspace_is_not_there(backend: Backend) {
    let scene = Scene::on(backend).await;
    let set = memory("set", json!({"operation": "set", "scope": "workspace", "key": "k", "value": "mine"}));
    scene.run(line([set]), json!(null)).await.output().await;
    let other = scene.app.workspace("bob").await;
    let bob = scene.app.user("bob");
    let get = line([
        memory("get", json!({"operation": "get", "scope": "workspace", "key": "k"})),
        node("find", "retriever", json!({"collection": "memory:workspace", "query": "mine"})),
        value("told", "[get.found, find.documents]"),
    ]);
    let body = json!({"name": "Spy", "definition": get});
    let workflow = bob.post(&format!("{}/workflows", other.pod()), body).await.expect(201)["id"].clone();
    let executions = format!("{}/executions", other.pod());
    let id =
        bob.post(&executions, json!({"workflowId": workflow})).await.expect(201)["id"].as_str().unwrap().to_owned();
    let run = crate::support::scene::Run { path: format!("{executions}/{id}"), id, client: bob };
    assert_eq!(run.output().await, json!([false, []]));
}

async fn extract_fetches_and_reads(backend: Backend) {
    let scene = Scene::on(backend).await;
    let peer = Peer::start().await;
    let fetch = node(
        "fetch",
        "extract",
        json!({"url": format!("{}?n={{{{ input.n }}}}", peer.url("/page")), "fields": {"hits": {"path": "hits", "required": true}}}),
    );
    let page = "<ul><li class=x>one<li>two</ul>";
    let read = node(
        "read",
        "extract",
        json!({"source": page, "items": {"selector": "li"}, "fields": {"text": {}, "class": {"attribute": "class"}}}),
    );
    let run = scene.run(line([fetch, read, value("told", "[fetch.hits, read]")]), json!({"n": "a b"})).await;
    let items = json!([{"text": "one", "class": "x"}, {"text": "two", "class": null}]);
    assert_eq!(run.output().await, json!([1, items]));
    assert_eq!(peer.requests("/page")[0]["query"], "n=a%20b");
    let missing = node("missing", "extract", json!({"url": peer.url("/status/404"), "fields": {"a": {"path": "a"}}}));
    assert_eq!(scene.run(line([missing]), json!(null)).await.failure().await["code"], "http_status");
}

async fn a_workspace_names_the_hosts_that_are_called(backend: Backend) {
    let scene = Scene::on(backend).await;
    let (peer, workspace) = (Peer::start().await, scene.place.workspace());
    let workflow = scene.workflow(line([call("call", &peer, "/x")])).await;
    assert_eq!(scene.ann.get(&workspace).await.expect(200)["outboundHosts"], json!(null));
    let set = async |hosts: Value| scene.ann.patch(&workspace, json!({"outboundHosts": hosts})).await;
    let shown = set(json!(["API.example.org", "*.example.com"])).await.expect(200);
    assert_eq!(shown["outboundHosts"], json!(["API.example.org", "*.example.com"]));
    let failure = scene.trigger(&workflow, json!(null)).await.failure().await;
    assert_eq!((&failure["code"], &failure["retryable"]), (&json!("address_refused"), &json!(false)));
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains("127.0.0.1") && message.contains("outboundHosts"), "{message}");
    let extract = node("page", "extract", json!({"url": peer.url("/x"), "fields": {"a": {"path": "hits"}}}));
    assert_eq!(scene.run(line([extract]), json!(null)).await.failure().await["code"], "address_refused");
    assert_eq!(peer.hits("/x"), 0);

    set(json!(["127.0.0.1"])).await.expect(200);
    assert_eq!(scene.trigger(&workflow, json!(null)).await.output().await["data"]["hits"], 1);
    // A redirect to another name of the same machine.
    let port = peer.url("").rsplit(':').next().unwrap().to_owned();
    let away = format!("/leave/{port}");
    let moved = scene.run(line([call("call", &peer, &away)]), json!(null)).await.failure().await;
    assert!(moved["message"].as_str().unwrap().contains("`localhost`"), "{moved}");
    assert_eq!(peer.hits("/elsewhere"), 0);
    set(json!(null)).await.expect(200);
    assert_eq!(scene.trigger(&workflow, json!(null)).await.output().await["data"]["hits"], 2);
    let nobody = set(json!([])).await.expect(200);
    assert_eq!(nobody["outboundHosts"], json!([]));
    assert_eq!(scene.trigger(&workflow, json!(null)).await.failure().await["code"], "address_refused");
    let problem = set(json!(["example.org", "https://example.org"])).await.problem(422, "invalid_value");
    assert_eq!(problem["errors"][0]["path"], "/outboundHosts/1");
    let editor = scene.app.join(&scene.place, "ann", "eve", "editor").await;
    editor.patch(&workspace, json!({"outboundHosts": null})).await.problem(403, "role_too_low");
}
