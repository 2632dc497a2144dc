//! `code` nodes: what a script is given, what becomes of what it gives, and that others do not wait for it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, on_both},
    scene::{Scene, course, graph, inner, last_update, line, node},
};

on_both! {
    a_code_node_computes_with_the_values_of_its_execution,
    what_a_script_throws_is_the_failure_of_its_node,
    a_script_that_is_stopped_fails_with_the_name_of_its_limit,
}

fn code(id: &str, source: &str, more: Value) -> Value {
    let mut data = json!({"source": source});
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    node(id, "code", data)
}

async fn a_code_node_computes_with_the_values_of_its_execution(backend: Backend) {
    let scene = Scene::on(backend).await;
    let source = "export default async (input, ctx) => { console.warn('seen', input.n); \
                  return { n: input.n + 1, ids: [ctx.execution.id, ctx.execution.workflowVersion], context: ctx.context, now: ctx.now, \
                  item: ctx.item } }";
    let nodes = [
        code("a", source, json!({"input": {"n": "{{ input.n * 10 }}"}})),
        code("b", "export default (x) => x.n", json!({})),
    ];
    let run = scene.run(line(nodes), json!({"n": 4})).await;
    assert_eq!(run.output().await, 41);
    let log = run.log().await;
    let output = &last_update(&log, "a")["output"];
    assert_eq!(output["ids"], json!([run.id, 1]));
    assert_eq!(output["now"], "2027-01-15T08:00:00Z");
    assert!(output.get("item").is_none(), "{output}");
    let told = log.iter().find(|event| event["type"] == "node_log").unwrap();
    assert_eq!((&told["nodeId"], &told["level"], &told["message"]), (&json!("a"), &json!("warn"), &json!("seen 40")));
    // In a loop a script sees its item.
    let mut each = graph([node("each", "loop", json!({"items": "input"}))], "begin>each each>finish");
    let body = "export default (_, ctx) => [ctx.index, ctx.item]";
    each["nodes"].as_array_mut().unwrap().push(inner("each", "script", "code", json!({"source": body})));
    let run = scene.run(each, json!(["x", "y"])).await;
    assert_eq!(run.output().await["results"], json!([[0, "x"], [1, "y"]]));
}

async fn what_a_script_throws_is_the_failure_of_its_node(backend: Backend) {
    let scene = Scene::on(backend).await;
    let source = "export default () => {\n  throw new RangeError('too far');\n}";
    let failure =
        scene.run(line([code("a", source, json!({"retry": {"maxAttempts": 3}}))]), json!({})).await.failure().await;
    assert_eq!((&failure["code"], &failure["message"]), (&json!("code_failed"), &json!("RangeError: too far")));
    assert_eq!((&failure["retryable"], &failure["nodeId"]), (&json!(false), &json!("a")));
    assert!(failure["details"]["stack"].as_str().unwrap().contains("code.js:2"), "{failure}");
    // It takes the error port like any other, and can be retried by its code.
    let handled = graph([code("a", source, json!({}))], "begin>a a:error>finish");
    let output = scene.run(handled, json!({})).await.output().await;
    assert_eq!(output["error"]["code"], "code_failed");
    let retry = json!({"retry": {"maxAttempts": 2, "initialMs": 0, "jitter": false, "retryOn": ["code_failed"]}});
    let run = scene.run(line([code("a", source, retry)]), json!({})).await;
    run.failure().await;
    let log = run.log().await;
    assert_eq!(course(&log, "a").iter().filter(|status| *status == "running").count(), 2, "{log:#?}");
    let no_json = code("a", "export default () => ({ f() {} })", json!({}));
    let failure = scene.run(line([no_json]), json!({})).await.failure().await;
    assert_eq!(
        (&failure["code"], &failure["message"]),
        (&json!("invalid_value"), &json!("the output at `/f` is a function"))
    );
}

async fn a_script_that_is_stopped_fails_with_the_name_of_its_limit(backend: Backend) {
    let scene = Scene::on(backend).await;
    for (source, data, part) in [
        ("export default () => { for (;;) {} }", json!({"cpuMs": 50}), "50 ms of processor time (`cpuMs`)"),
        ("export default () => new Uint8Array(9e6)", json!({"memoryMb": 8}), "8 MiB of memory (`memoryMb`)"),
        ("export default () => 'x'.repeat(2e6)", json!({}), "output is larger than 1048576 bytes"),
    ] {
        let failure = scene.run(line([code("a", source, data)]), json!({})).await.failure().await;
        assert_eq!((&failure["code"], &failure["retryable"]), (&json!("limit_exceeded"), &json!(false)), "{failure}");
        assert!(failure["message"].as_str().unwrap().contains(part), "{failure}");
    }
}

/// An execution that is cancelled stops its script, and its place goes to the next one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_execution_stops_its_script() {
    let scene = Scene::with(Backend::Sqlite, |settings| settings.code_processes = Some(1)).await;
    let endless = "export default () => { console.log('on'); for (;;) {} }";
    let run = scene.run(line([code("a", endless, json!({"cpuMs": 30_000}))]), json!({})).await;
    run.until(|frame| frame.kind() == "node_log").await;
    run.cancel().await.expect(204);
    let begun = Instant::now();
    let next = scene.run(line([code("a", "export default () => 1", json!({}))]), json!({})).await;
    assert_eq!(next.output().await, 1);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

/// Executions without scripts go on while others try to take everything. Prints how long they take, alone and beside them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neighbours_go_on_beside_hostile_scripts() {
    const ROUNDS: usize = 60;
    let scene = Scene::on(Backend::Sqlite).await;
    let plain = scene.workflow(line([node("a", "transform", json!({"transformScript": "input.n + 1"}))])).await;
    let measure = async || {
        let mut times = Vec::new();
        for n in 0..ROUNDS {
            let begun = Instant::now();
            assert_eq!(scene.trigger(&plain, json!({"n": n})).await.output().await, n + 1);
            times.push(begun.elapsed());
        }
        times.sort();
        (times[ROUNDS / 2], times[ROUNDS * 99 / 100])
    };
    let alone = measure().await;
    let mut attacks = Vec::new();
    for source in [
        "export default () => { for (;;) {} }",
        "export default () => { const all = []; for (;;) all.push(new Array(1000).fill(1)) }",
        "export default () => (new Array(1e9) + '').length",
    ] {
        let workflow = scene.workflow(line([code("a", source, json!({"cpuMs": 1_500}))])).await;
        for _ in 0..2 {
            attacks.push(scene.trigger(&workflow, json!({})).await);
        }
    }
    let beside = measure().await;
    println!(
        "a plain execution alone: p50 {:?}, p99 {:?}; beside attacks: p50 {:?}, p99 {:?}",
        alone.0, alone.1, beside.0, beside.1
    );
    for attack in attacks {
        assert_eq!(attack.failure().await["code"], "limit_exceeded");
    }
    assert!(beside.1 < Duration::from_secs(5), "{beside:?}");
}
