//! `traceparent`: where an execution belongs in the traces of others, kept with it and sent along with what it calls; and the spans that a
//! collector gets, before a restart and after it.

use serde_json::{Value, json};
use sluicegate::config::{Secret, Settings};

use crate::support::{
    app::{Backend, on_both},
    collector::Collector,
    peer::Peer,
    scene::{Run, Scene, call, graph, inner, line, node},
};

on_both! {
    what_comes_with_a_trigger_goes_out_with_what_it_calls,
    each_attempt_says_another_span,
    whatever_begins_an_execution_takes_its_trace_over,
    spans_are_told_across_a_restart,
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const STATE: &str = "congo=t61rcWkgMzE";

async fn trigger_in(scene: &Scene, parent: &str, workflow: &str, input: Value) -> Run {
    let client = scene.ann.with("traceparent", parent).with("tracestate", STATE);
    scene.run_of(&client.post(&scene.executions(), json!({"workflowId": workflow, "input": input})).await)
}

/// The span that a request says it comes from. It belongs to the trace.
#[track_caller]
fn span_of(request: &Value) -> String {
    let parent = request["headers"]["traceparent"].as_str().unwrap_or_else(|| panic!("{request:#}"));
    let parts: Vec<_> = parent.split('-').collect();
    assert_eq!((parts.len(), parts[0], parts[1], parts[3]), (4, "00", TRACE, "01"), "{parent}");
    assert_eq!(request["headers"]["tracestate"], STATE);
    assert_ne!(parts[2], "00f067aa0ba902b7", "it is a span of its own");
    parts[2].to_owned()
}

async fn what_comes_with_a_trigger_goes_out_with_what_it_calls(backend: Backend) {
    let (mut scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let child = scene.workflow(line([call("inside", &peer, "/inside")])).await;
    let gate = json!({"message": "Go on?", "notify": [{"type": "webhook", "url": peer.url("/hook")}]});
    let workflow = scene
        .workflow(line([
            call("ask", &peer, "/ask"),
            node("sub", "subworkflow", json!({"workflowId": child})),
            node("work", "task", json!({"queue": "q"})),
            node("gate", "approval-gate", gate),
            call("after", &peer, "/after"),
        ]))
        .await;
    let run = trigger_in(&scene, PARENT, &workflow, json!(null)).await;
    let wish = json!({"queues": ["q"], "waitSeconds": 30, "workerId": "w"});
    let leased = scene.ann.post(&format!("{}/tasks/lease", scene.place.pod()), wish).await.expect(200);
    let task = &leased["tasks"][0];
    let work = span_of(&json!({"headers": task["trace"]}));
    let path = format!("{}/tasks/{}/complete", scene.place.pod(), task["taskId"].as_str().unwrap());
    let done = json!({"leaseToken": task["leaseToken"], "output": 1});
    scene.app.anonymous().post(&path, done).await.expect(200);
    peer.arrived("/hook", 1).await;
    run.asked().await;
    // What it is part of is in its log, not in a server.
    scene.restart().await;
    let run = scene.run_at(&run.id);
    run.respond(json!({"action": "approved"})).await.expect(200);
    run.output().await;
    let mut spans = vec![work];
    for path in ["/ask", "/inside", "/hook", "/after"] {
        spans.push(span_of(&peer.requests(path)[0]));
    }
    let count = spans.len();
    spans.sort();
    spans.dedup();
    assert_eq!(spans.len(), count, "each is a span of its own");
    let first = &run.log().await[0];
    let kept = json!({"traceId": TRACE, "parentSpanId": "00f067aa0ba902b7", "sampled": true, "traceState": STATE});
    assert_eq!((&first["type"], &first["trace"]), (&json!("execution_status"), &kept));

    // Nothing is made up, neither of nothing nor of what is no trace.
    let run = scene.run(line([call("ask", &peer, "/none")]), json!(null)).await;
    run.output().await;
    assert!(run.log().await[0].get("trace").is_none());
    let workflow = scene.workflow(line([call("ask", &peer, "/none")])).await;
    trigger_in(&scene, &PARENT.replace(TRACE, "no"), &workflow, json!(null)).await.output().await;
    for request in peer.requests("/none") {
        assert!(request["headers"].get("traceparent").is_none() && request["headers"].get("tracestate").is_none());
    }
    // Who writes a header of their own means it.
    let own = json!({"httpUrl": peer.url("/own"), "httpHeaders": [{"key": "Traceparent", "value": "mine"}]});
    let workflow = scene.workflow(line([node("ask", "http", own)])).await;
    trigger_in(&scene, PARENT, &workflow, json!(null)).await.output().await;
    let headers = &peer.requests("/own")[0]["headers"];
    assert_eq!((&headers["traceparent"], headers.get("tracestate")), (&json!("mine"), None));
}

async fn each_attempt_says_another_span(backend: Backend) {
    let (scene, peer) = (Scene::on(backend).await, Peer::start().await);
    let flaky =
        json!({"httpUrl": peer.url("/flaky/1"), "retry": {"maxAttempts": 2, "initialMs": 1_000, "jitter": false}});
    let workflow = scene.workflow(line([node("ask", "http", flaky)])).await;
    let run = trigger_in(&scene, PARENT, &workflow, json!(null)).await;
    peer.arrived("/flaky/1", 1).await;
    run.until(|frame| frame.event["status"] == "retrying").await;
    scene.app.clock.advance_ms(60_000);
    run.output().await;
    let requests = peer.requests("/flaky/1");
    assert_ne!(span_of(&requests[0]), span_of(&requests[1]));
}

/// By hand, again, and through the other faces: what is asked for in a trace belongs to it, not to the trace of the original.
async fn whatever_begins_an_execution_takes_its_trace_over(backend: Backend) {
    let scene = Scene::on(backend).await;
    let workflow = scene.workflow(line([node("shape", "transform", json!({"transformScript": "input"}))])).await;
    let other = PARENT.replace(TRACE, "0af7651916cd43dd8448eb211c80319c");
    let original = trigger_in(&scene, &other, &workflow, json!({})).await;
    original.output().await;
    let asking = scene.ann.with("traceparent", PARENT).with("tracestate", STATE);
    let deploy = format!("{}/workflows/{workflow}/deploy", scene.place.pod());
    scene.ann.post(&deploy, json!({})).await.expect(200);
    let body = json!({"workflowId": workflow, "name": "Nightly", "cronExpression": "0 0 1 1 *"});
    let schedules = format!("{}/schedules", scene.place.pod());
    let schedule = scene.ann.post(&schedules, body).await.expect(201)["id"].as_str().unwrap().to_owned();
    let mut begun = Vec::new();
    for path in
        [format!("{}/replay", original.path), format!("{}/retry", original.path), format!("{schedules}/{schedule}/run")]
    {
        begun.push(asking.post(&path, json!({})).await.expect(201)["id"].clone());
    }
    let key = crate::facade::key_of(&scene, "editor").await;
    let asking = scene.app.anonymous().with("traceparent", PARENT).with("tracestate", STATE);
    let kinetic = asking.below("/kinetic").with("x-kinetic-key", &key);
    let path = format!("/api/workflows/{workflow}/execute");
    begun.push(kinetic.post(&path, json!({"inputPayload": {}})).await.expect(201)["executionId"].clone());
    let kodexa = asking.below("/kodexa").with("x-api-key", &key);
    let body = json!({"name": "A", "project": {"id": scene.place.pod_id}});
    let assistant = kodexa.post("/api/assistants", body).await.expect(201)["id"].clone();
    begun.push(kodexa.post("/api/executions", json!({"assistantId": assistant})).await.expect(201)["id"].clone());
    for id in &begun {
        let id = id.as_str().unwrap_or_else(|| panic!("{begun:?}"));
        let first = scene.run_at(id).log().await[0].clone();
        assert_eq!(first["trace"]["traceId"], TRACE, "{first:#}");
    }
}

fn told_to(collector: &Collector) -> impl FnOnce(&mut Settings) {
    let url = collector.url.clone();
    |settings| {
        settings.otlp_endpoint = Some(url);
        settings.otlp_headers = Some(Secret::new("x-collector-key=a%20b"));
        settings.otlp_service_name = Some("flows".into());
    }
}

async fn spans_are_told_across_a_restart(backend: Backend) {
    let (collector, peer) = (Collector::start(1).await, Peer::start().await);
    let mut scene = Scene::with(backend, told_to(&collector)).await;
    let child = scene.workflow(line([call("inside", &peer, "/inside")])).await;
    let each = json!({"items": "{{ input.list }}"});
    let definition = graph(
        [
            call("ask", &peer, "/ask"),
            node("gate", "approval-gate", json!({"message": "s3cret question"})),
            node("each", "loop", each),
            inner("each", "shape", "transform", json!({"transformScript": "item"})),
            node("sub", "subworkflow", json!({"workflowId": child, "input": {"a": "{{ input.word }}"}})),
            call("broken", &peer, "/status/500"),
        ],
        "begin>ask ask>gate gate>each each>sub sub>broken broken>finish",
    );
    let workflow = scene.workflow(definition).await;
    let input = json!({"list": ["s3cret item"], "word": "s3cret word"});
    let run = trigger_in(&scene, PARENT, &workflow, input).await;
    run.asked().await;
    scene.app.clock.advance_ms(5_000);
    let before = collector.all(&["start begin", "http ask"], 0).await;
    assert!(before.iter().all(|span| span.text("name") != "execution"), "it has not ended");
    scene.restart().await;
    let run = scene.run_at(&run.id);
    run.respond(json!({"action": "approved", "reason": "s3cret reason"})).await.expect(200);
    run.failure().await;
    let names = ["approval-gate gate", "loop each", "transform shape", "subworkflow sub", "http inside", "http broken"];
    // Both executions have the same name: they are told apart by their parents.
    let spans = collector.all(&names, 2).await;
    let (roots, others): (Vec<_>, Vec<_>) = spans.into_iter().partition(|span| span.text("name") == "execution");
    let one = |name: &str| {
        let mut found = others.iter().filter(|span| span.text("name") == name);
        let span = found.next().unwrap_or_else(|| panic!("no {name}"));
        assert!(found.next().is_none(), "{name} is told twice");
        span
    };
    assert!(roots.iter().chain(&others).all(|span| span.text("traceId") == TRACE && span.text("traceState") == STATE));
    let root = roots.iter().find(|span| span.text("parentSpanId") == "00f067aa0ba902b7").expect("the caller's child");
    let below = roots.iter().find(|span| span.text("parentSpanId") == one("subworkflow sub").text("spanId"));
    let below = below.expect("the child execution is below the node that started it");
    assert_eq!(roots.len(), 2);
    for name in ["http ask", "approval-gate gate", "loop each", "subworkflow sub", "http broken"] {
        assert_eq!(one(name).text("parentSpanId"), root.text("spanId"), "{name}");
    }
    assert_eq!(one("transform shape").text("parentSpanId"), one("loop each").text("spanId"));
    assert_eq!(one("http inside").text("parentSpanId"), below.text("spanId"));
    // What a callee sees as its parent is the span that is told.
    assert_eq!(span_of(&peer.requests("/ask")[0]), one("http ask").text("spanId"));
    assert_eq!(span_of(&peer.requests("/inside")[0]), one("http inside").text("spanId"));

    let (gate, broken) = (one("approval-gate gate"), one("http broken"));
    assert_eq!(gate.ms("endTimeUnixNano") - gate.ms("startTimeUnixNano"), 5_000, "it began before the restart");
    assert_eq!(broken.0["status"], json!({"code": 2, "message": "http_status"}));
    assert_eq!((&root.0["status"]["code"], &below.0["status"]["code"]), (&json!(2), &json!(1)));
    assert_eq!(root.attribute("sluicegate.execution.id"), Some(run.id.as_str()));
    assert_eq!(root.attribute("sluicegate.execution.status"), Some("failed"));
    assert_eq!(gate.attribute("sluicegate.node.type"), Some("approval-gate"));
    assert_eq!(one("transform shape").attribute("sluicegate.node.path"), Some("each[0]/shape"));
    assert!(!collector.raw().contains("s3cret"), "nothing that flows through is told");
    assert!(collector.requests() > 2, "what was turned away came again");

    // A trace that its owner does not record is not told of, and one that nobody has begun begins here.
    let quiet = scene.workflow(line([call("quiet", &peer, "/quiet")])).await;
    trigger_in(&scene, &PARENT.replace("-01", "-00"), &quiet, json!(null)).await.output().await;
    assert!(peer.requests("/quiet")[0]["headers"]["traceparent"].as_str().unwrap().ends_with("-00"));
    let own = scene.run(line([call("own", &peer, "/own")]), json!(null)).await;
    own.output().await;
    let spans = collector.all(&["http own"], 3).await;
    let span = spans.iter().find(|span| span.text("name") == "http own").unwrap();
    assert_eq!(span.text("traceId"), own.id.replace('-', ""));
    assert!(spans.iter().all(|span| span.text("name") != "http quiet"));
}
