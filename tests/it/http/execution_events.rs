//! `.../executions/{executionId}/events`: the live stream and the pages of the log.

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate::config::Span;

use crate::support::{
    app::{Backend, on_both},
    event_stream::Frame,
    scene::{Run, Scene, error_paths, gate, inner, line, node},
};

on_both! {
    the_first_bytes_leave_before_anything_happens,
    a_stream_says_that_it_must_not_be_held_back_and_is_never_compressed,
    any_cut_resumes_to_the_byte_by_header_and_by_query,
    a_restarted_server_resumes_to_the_byte,
    a_cursor_that_names_no_position_is_refused,
    unknown_and_foreign_executions_are_refused_before_the_stream_opens,
    after_the_end_there_is_nothing_more,
    a_late_subscriber_gets_the_whole_log_and_then_the_end,
    the_close_by_time_limit_is_announced_and_resumed,
    the_close_by_shutdown_is_announced_and_resumed,
    a_filter_is_part_of_the_resume,
    a_snapshot_comes_first_and_is_no_event,
    a_suspension_does_not_end_the_stream,
    many_subscribers_get_the_same_bytes,
    readers_of_a_long_log_get_all_of_it_from_wherever_they_begin,
    a_log_of_large_events_is_streamed_to_its_end,
    a_client_that_reads_nothing_slows_nobody_and_loses_nothing,
    a_browser_opens_a_stream_by_token,
    pages_of_the_log_are_the_stored_events,
    the_media_type_is_negotiated,
}

/// The bodies of the log as they are stored.
async fn stored(scene: &Scene, run: &Run) -> Vec<String> {
    let workspace = scene.place.workspace_id.parse().unwrap();
    let mut bodies = Vec::new();
    loop {
        let id = run.id.parse().unwrap();
        let events = scene.app.state.store.events(workspace, id, bodies.len() as i64, 500).await.unwrap();
        if events.is_empty() {
            return bodies;
        }
        bodies.extend(events.into_iter().map(|event| event.body));
    }
}

fn bodies(frames: &[Frame]) -> Vec<&str> {
    frames.iter().map(|frame| frame.body.as_str()).collect()
}

/// An execution that has waited, was answered, and has ended.
async fn ended(scene: &Scene) -> Run {
    let run = scene.run(gate(), json!({"a": "ä😀\n\u{2028}"})).await;
    run.asked().await;
    run.respond(json!({"approved": true, "comment": "line one\nline two"})).await.expect(200);
    run.output().await;
    run
}

async fn the_first_bytes_leave_before_anything_happens(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    run.asked().await;
    // Nothing that fits the filter ever comes.
    let mut stream = run.stream("?types=node_log").await;
    assert_eq!(stream.block().await.unwrap(), "retry: 1000\n: sluicegate\n\n");
}

#[tokio::test]
async fn an_idle_stream_has_a_heartbeat() {
    let beat = |settings: &mut sluicegate::config::Settings| {
        settings.stream_heartbeat = Some(Span(Duration::from_secs(1)));
    };
    let scene = Scene::with(Backend::Sqlite, beat).await;
    let run = scene.run(gate(), json!(null)).await;
    run.asked().await;
    let mut stream = run.stream("").await;
    while stream.heartbeats < 2 {
        let block = stream.block().await.unwrap();
        assert!(stream.heartbeats == 0 || block == ": heartbeat\n\n", "{block}");
    }
}

async fn a_stream_says_that_it_must_not_be_held_back_and_is_never_compressed(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut run = scene.run(gate(), json!(null)).await;
    run.client = run.client.with("accept-encoding", "gzip, br");
    let mut stream = run.stream("").await;
    for (name, value) in [
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
        ("sluicegate-stream-version", "1"),
    ] {
        assert_eq!(stream.headers[name], value);
    }
    assert!(!stream.headers.contains_key("content-encoding") && !stream.headers.contains_key("content-length"));
    // Readable as it comes.
    stream.until_type("execution_suspended").await;
}

async fn any_cut_resumes_to_the_byte_by_header_and_by_query(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = ended(&scene).await;
    let stored = stored(&scene, &run).await;
    assert!(stored.len() > 8, "{stored:#?}");
    for cut in 0..stored.len() {
        let by_query = run.stream(&format!("?after={cut}")).await.rest().await;
        let header = Run { client: run.client.with("last-event-id", &cut.to_string()), ..run.clone() };
        // A browser keeps its first address when it comes again: the header counts.
        let by_header = header.stream("?after=0").await.rest().await;
        assert_eq!(bodies(&by_query), stored[cut..]);
        assert_eq!(by_query, by_header);
        let ids: Vec<_> = by_query.iter().map(|frame| frame.id.clone().unwrap()).collect();
        assert_eq!(ids, (cut + 1..=stored.len()).map(|seq| seq.to_string()).collect::<Vec<_>>());
    }
}

async fn a_restarted_server_resumes_to_the_byte(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    run.asked().await;
    let mut stream = run.stream("").await;
    let mut seen = stream.until_type("execution_suspended").await;
    drop(stream);
    scene.restart().await;
    let run = scene.run_at(&run.id);
    let mut stream = run.stream(&format!("?after={}", seen.len())).await;
    run.respond(json!({"approved": true})).await.expect(200);
    seen.extend(stream.rest().await);
    assert_eq!(bodies(&seen), stored(&scene, &run).await);
}

async fn a_cursor_that_names_no_position_is_refused(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    run.until_status("suspended").await;
    let last = run.log().await.len();
    let events = format!("{}/events", run.path);
    let stream = scene.ann.with("accept", "text/event-stream");
    for bad in ["text", "-1", "1.5", "99999999999999999999", &(last + 1).to_string()] {
        let refused = stream.get(&format!("{events}?after={bad}")).await.problem(400, "invalid_query");
        assert_eq!(error_paths(&refused), ["after"]);
        let refused = stream.with("last-event-id", bad).get(&events).await.problem(400, "invalid_header");
        assert_eq!(error_paths(&refused), ["Last-Event-ID"]);
    }
    let beyond = stream.get(&format!("{events}?after=1000")).await.problem(400, "invalid_query");
    assert!(beyond["detail"].as_str().unwrap().contains(&format!("ends at {last}")), "{beyond}");
    for (query, name) in [("types=nonsense", "types"), ("snapshot=maybe", "snapshot"), ("since=1", "since")] {
        let refused = stream.get(&format!("{events}?{query}")).await.problem(400, "invalid_query");
        assert_eq!(error_paths(&refused), [name]);
    }
    // The end itself is a place to wait at.
    let mut waiting = run.stream(&format!("?after={last}")).await;
    run.respond(json!({"approved": true})).await.expect(200);
    assert_eq!(waiting.next().await.unwrap().id, Some((last + 1).to_string()));
}

async fn unknown_and_foreign_executions_are_refused_before_the_stream_opens(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    let unknown = format!("{}/0190163d-8694-739b-aea5-966c26f8ad90/events", scene.executions());
    let accept = ("accept", "text/event-stream");
    scene.ann.with(accept.0, accept.1).get(&unknown).await.problem(404, "not_found");
    let events = format!("{}/events", run.path);
    scene.app.anonymous().with(accept.0, accept.1).get(&events).await.problem(401, "unauthenticated");
    scene.app.user("eve").with(accept.0, accept.1).get(&events).await.problem(404, "not_found");
    let token = scene.app.anonymous().with(accept.0, accept.1).get(&format!("{events}?token=nonsense")).await;
    token.problem(401, "invalid_credentials");
}

async fn after_the_end_there_is_nothing_more(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = ended(&scene).await;
    let last = run.log().await.len();
    let events = format!("{}/events", run.path);
    let stream = scene.ann.with("accept", "text/event-stream");
    assert_eq!(stream.with("last-event-id", &last.to_string()).get(&events).await.expect(204), Value::Null);
    stream.get(&format!("{events}?after={last}")).await.expect(204);
    stream.get(&format!("{events}?after={last}&types=node_log")).await.expect(204);
    // A reader with a filter never sees the last position: it is told that nothing more fits.
    let updates = run.stream("?types=node_update").await.rest().await;
    let seen: usize = updates.last().and_then(|frame| frame.id.as_ref()).expect("an update").parse().unwrap();
    assert!(seen < last);
    stream.with("last-event-id", &seen.to_string()).get(&format!("{events}?types=node_update")).await.expect(204);
    assert_eq!(run.stream(&format!("?types=node_update&after={}", seen - 1)).await.rest().await.len(), 1);
    stream.get(&format!("{events}?types=node_delta")).await.expect(204);
    let page = scene.ann.with("accept", "application/json").get(&format!("{events}?after={last}")).await;
    assert_eq!(page.expect(200), json!([]));
}

async fn a_late_subscriber_gets_the_whole_log_and_then_the_end(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = ended(&scene).await;
    let frames = run.stream("").await.rest().await;
    assert_eq!(bodies(&frames), stored(&scene, &run).await);
    assert!(frames.last().unwrap().is_end());
    assert_eq!(frames.iter().filter(|frame| frame.is_end()).count(), 1);
}

async fn the_close_by_time_limit_is_announced_and_resumed(backend: Backend) {
    let short = |settings: &mut sluicegate::config::Settings| {
        settings.stream_max_duration = Some(Span(Duration::from_secs(1)));
    };
    let scene = Scene::with(backend, short).await;
    let run = scene.run(gate(), json!(null)).await;
    let mut stream = run.stream("").await;
    let mut seen = stream.rest().await;
    let closing = seen.pop().unwrap();
    assert_eq!((closing.kind(), closing.id.as_ref()), ("stream_closing", None), "{seen:#?}");
    assert_eq!((&closing.event["reason"], &closing.event["retryMs"]), (&json!("max_duration"), &json!(1000)));
    assert_eq!(closing.event["after"].as_str(), seen.last().unwrap().id.as_deref());
    let mut again = run.stream(&format!("?after={}", closing.event["after"].as_str().unwrap())).await;
    run.respond(json!({"approved": true})).await.expect(200);
    seen.extend(again.rest().await);
    assert_eq!(bodies(&seen), stored(&scene, &run).await);
}

async fn the_close_by_shutdown_is_announced_and_resumed(backend: Backend) {
    let mut scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    run.until_status("suspended").await;
    let mut stream = run.stream("").await;
    let mut seen =
        stream.until(|frame| frame.event["status"] == "suspended" && frame.kind() == "execution_status").await;
    let (closing, ()) = tokio::join!(stream.rest(), scene.restart());
    let [closing] = closing.as_slice() else { panic!("{closing:#?}") };
    assert_eq!((closing.kind(), &closing.event["reason"]), ("stream_closing", &json!("shutdown")));
    assert_eq!(closing.event["after"].as_str(), seen.last().unwrap().id.as_deref());
    let run = scene.run_at(&run.id);
    run.respond(json!({"approved": true})).await.expect(200);
    seen.extend(run.stream(&format!("?after={}", closing.event["after"].as_str().unwrap())).await.rest().await);
    assert_eq!(bodies(&seen), stored(&scene, &run).await);
}

async fn a_filter_is_part_of_the_resume(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = ended(&scene).await;
    let all = run.stream("").await.rest().await;
    let types = ["execution_suspended", "suspension_update", "execution_complete"];
    let wanted = |frame: &&Frame| types.contains(&frame.kind());
    for query in [
        "types=execution_suspended,suspension_update,execution_complete",
        "types=execution_suspended&types=suspension_update&types=execution_complete",
    ] {
        for cut in 0..all.len() {
            let expected: Vec<_> = all[cut..].iter().filter(wanted).cloned().collect();
            assert_eq!(run.stream(&format!("?{query}&after={cut}")).await.rest().await, expected, "{query} {cut}");
        }
    }
    // Live, too; and a stream without its end still ends.
    let live = scene.run(gate(), json!(null)).await;
    live.asked().await;
    let mut stream = live.stream("?types=suspension_update").await;
    live.respond(json!({"approved": true})).await.expect(200);
    let frames = stream.rest().await;
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].event["state"], "answered");
}

async fn a_snapshot_comes_first_and_is_no_event(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!({"a": 1})).await;
    run.until_status("suspended").await;
    let view = run.view().await;
    let last = view["lastSeq"].as_i64().unwrap();
    let mut stream = run.stream(&format!("?snapshot=true&after={last}")).await;
    let snapshot = stream.next().await.unwrap();
    assert_eq!((snapshot.kind(), snapshot.id.as_ref()), ("stream_snapshot", None));
    assert_eq!(snapshot.event["execution"], view);
    run.respond(json!({"approved": true})).await.expect(200);
    let rest = stream.rest().await;
    assert_eq!(rest[0].id, Some((last + 1).to_string()));
    assert!(rest.last().unwrap().is_end());
}

async fn a_suspension_does_not_end_the_stream(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    let mut stream = run.stream("").await;
    let mut seen =
        stream.until(|frame| frame.event["status"] == "suspended" && frame.kind() == "execution_status").await;
    run.respond(json!({"approved": true})).await.expect(200);
    seen.extend(stream.rest().await);
    let statuses: Vec<_> = seen
        .iter()
        .filter(|frame| frame.kind() == "execution_status")
        .map(|frame| frame.event["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["queued", "running", "suspended", "running"]);
    assert_eq!(bodies(&seen), stored(&scene, &run).await);
}

async fn many_subscribers_get_the_same_bytes(backend: Backend) {
    let scene = Scene::on(backend).await;
    let body = [node("each", "loop", json!({"items": "range(20)", "concurrency": 4}))];
    let mut definition = line(body);
    let work = inner("each", "work", "transform", json!({"transformScript": "item * index"}));
    definition["nodes"].as_array_mut().unwrap().push(work);
    let gate = node("gate", "approval-gate", json!({"message": "Go on?"}));
    definition["nodes"].as_array_mut().unwrap().push(gate);
    definition["edges"][0]["target"] = json!("gate");
    definition["edges"].as_array_mut().unwrap().push(json!({"id": "g", "source": "gate", "target": "each"}));
    let run = scene.run(definition, json!(null)).await;
    run.asked().await;
    let mut streams = Vec::new();
    for i in 0..12 {
        // Some from the beginning, some from the middle.
        streams.push((i % 3, run.stream(&format!("?after={}", i % 3)).await));
    }
    run.respond(json!({"approved": true})).await.expect(200);
    let all = stored_after_end(&scene, &run).await;
    for (after, mut stream) in streams {
        assert_eq!(bodies(&stream.rest().await), all[after..]);
    }
}

async fn readers_of_a_long_log_get_all_of_it_from_wherever_they_begin(backend: Backend) {
    let scene = Scene::on(backend).await;
    let mut definition = line([node("each", "loop", json!({"items": "range(800)", "maxIterations": 800}))]);
    let work = inner("each", "work", "transform", json!({"output": "{{ index }}"}));
    definition["nodes"].as_array_mut().unwrap().push(work);
    let run = scene.run(definition, json!(null)).await;
    let all = stored_after_end(&scene, &run).await;
    assert!(all.len() > 3 * 512, "several pages");
    // Together, so that they share what is read: before, at and after the ends of pages, and in the last one.
    let mut streams = Vec::new();
    for after in [0, 0, 1, 511, 512, 513, 1000, 1024, all.len() - 1] {
        streams.push((after, run.stream(&format!("?after={after}")).await));
    }
    for (after, mut stream) in streams {
        assert_eq!(bodies(&stream.rest().await), all[after..], "after {after}");
    }
}

async fn a_log_of_large_events_is_streamed_to_its_end(backend: Backend) {
    let scene = Scene::on(backend).await;
    let copies = (0..7).map(|i| node(&format!("copy{i}"), "transform", json!({"output": "{{ input.text }}"})));
    let run = scene.run(line(copies), json!({"text": "x".repeat(1_000_000)})).await;
    let all = stored_after_end(&scene, &run).await;
    assert!(all.iter().map(String::len).sum::<usize>() > 4 << 20, "more than is read at a time");
    assert_eq!(bodies(&run.stream("").await.rest().await), all);
}

async fn stored_after_end(scene: &Scene, run: &Run) -> Vec<String> {
    run.output().await;
    stored(scene, run).await
}

async fn a_client_that_reads_nothing_slows_nobody_and_loses_nothing(backend: Backend) {
    let scene = Scene::on(backend).await;
    // More than all the buffers between here and there hold.
    let text = "x".repeat(12_000);
    let mut definition = line([
        node("gate", "approval-gate", json!({"message": "Go on?"})),
        node("each", "loop", json!({"items": "range(150)", "maxIterations": 500, "concurrency": 8})),
    ]);
    let work = inner("each", "work", "transform", json!({"output": format!("{{{{ index }}}} {text}")}));
    definition["nodes"].as_array_mut().unwrap().push(work);
    let run = scene.run(definition, json!(null)).await;
    run.asked().await;
    let mut idle = run.stream("").await;
    let mut eager = run.stream("").await;
    run.respond(json!({"approved": true})).await.expect(200);
    let seen = eager.rest().await;
    assert!(seen.last().unwrap().is_end());
    assert!(seen.iter().map(|frame| frame.body.len()).sum::<usize>() > 4 << 20);
    assert_eq!(bodies(&idle.rest().await), bodies(&seen));
    assert_eq!(bodies(&seen), stored(&scene, &run).await);
}

#[tokio::test]
async fn a_workspace_has_so_many_streams_and_a_closed_one_counts_no_more() {
    let few = |settings: &mut sluicegate::config::Settings| settings.streams_per_workspace = Some(2);
    let scene = Scene::with(Backend::Sqlite, few).await;
    let run = scene.run(gate(), json!(null)).await;
    run.until_status("suspended").await;
    let first = run.stream("").await;
    let _second = run.stream("").await;
    let events = format!("{}/events", run.path);
    let stream = scene.ann.with("accept", "text/event-stream");
    let refused = stream.get(&format!("{events}?after=0")).await;
    refused.problem(429, "too_many_requests");
    assert!(refused.header("retry-after").is_some());
    // Others have streams of their own.
    let bob = scene.app.workspace("bob").await;
    scene.app.user("bob").stream(&format!("{}/events", bob.pod())).await;
    let open = async || {
        let text = scene.app.anonymous().without_prefix().get("/metrics").await.text;
        text.lines().find_map(|line| line.strip_prefix("sluicegate_open_streams ")).unwrap().to_owned()
    };
    drop(first);
    // Until the server has seen that the client is gone.
    let gone = async { while open().await != "1" {} };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("a stream that nobody reads is closed");
    run.stream("").await;
}

async fn a_browser_opens_a_stream_by_token(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = scene.run(gate(), json!(null)).await;
    let tokens = format!("{}/stream-tokens", scene.place.workspace());
    let token = scene.ann.post(&tokens, json!({"path": format!("/v1{}/events", run.path)})).await.expect(201);
    let token = token["token"].as_str().unwrap();
    let browser = Run { client: scene.app.anonymous(), ..run.clone() };
    let mut stream = browser.stream(&format!("?token={token}")).await;
    stream.until_type("execution_suspended").await;
    // It comes again by itself, with the same address.
    let again = Run { client: browser.client.with("last-event-id", "2"), ..browser.clone() };
    assert_eq!(again.stream(&format!("?token={token}")).await.next().await.unwrap().id.unwrap(), "3");
    let other = scene.run(gate(), json!(null)).await;
    let reader = browser.client.with("accept", "text/event-stream");
    let refused = reader.get(&format!("{}/events?token={token}", other.path)).await;
    refused.problem(401, "invalid_credentials");
    browser.client.get(&format!("{}?token={token}", run.path)).await.problem(401, "unauthenticated");
    scene.app.clock.advance_ms(300_001);
    let late = browser.client.get(&format!("{}/events?token={token}", run.path)).await;
    late.problem(401, "invalid_credentials");
    // What is open stays open.
    scene.app.user("ann").patch(&format!("{}/respond", run.path), json!({"approved": true})).await.expect(200);
    assert!(stream.rest().await.last().unwrap().is_end());
}

async fn pages_of_the_log_are_the_stored_events(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = ended(&scene).await;
    let stored = stored(&scene, &run).await;
    let json_client = scene.ann.with("accept", "application/json");
    let get = async |query: &str| json_client.get(&format!("{}/events{query}", run.path)).await;
    let all = get("").await;
    assert_eq!(all.text, format!("[{}]", stored.join(",")));
    assert_eq!(all.header("content-type"), Some("application/json"));
    let (mut after, mut paged) = (0, Vec::new());
    loop {
        let page = get(&format!("?limit=3&after={after}")).await.expect(200);
        let Some(last) = page.as_array().unwrap().last() else { break };
        after = last["seq"].as_i64().unwrap();
        paged.extend(page.as_array().unwrap().iter().cloned());
    }
    assert_eq!(paged, run.log().await);
    let some = get("?types=execution_suspended,node_update&limit=2").await.expect(200);
    let kinds: Vec<_> = some.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["node_update", "node_update"]);
    for query in ["?limit=0", "?limit=1001", "?after=x", "?after=1000", "?types=x"] {
        get(query).await.problem(400, "invalid_query");
    }
}

async fn the_media_type_is_negotiated(backend: Backend) {
    let scene = Scene::on(backend).await;
    let run = ended(&scene).await;
    let events = format!("{}/events", run.path);
    for (accept, media_type) in [
        ("text/event-stream", "text/event-stream"),
        ("application/json", "application/json"),
        ("*/*", "text/event-stream"),
        ("application/json, text/event-stream", "application/json"),
    ] {
        let reply = scene.ann.with("accept", accept).get(&events).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(media_type)), "{accept}");
    }
    assert_eq!(scene.ann.get(&events).await.header("content-type"), Some("text/event-stream"));
    scene.ann.with("accept", "text/html").get(&events).await.problem(406, "not_acceptable");
}
