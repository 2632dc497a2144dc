//! The runner with a server: tasks in, outcomes out, whatever happens to worker, runner or server.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::{Held, Marker, PATIENCE, Site};
use crate::support::{
    process::{Caller, Server, Site as Home},
    scene::{line, node},
};

/// A server with tasks, and a place for runners.
pub struct Scene {
    server: Server,
    pub site: Site,
}

impl Scene {
    pub async fn new() -> Self {
        Self { server: Server::start(&Home::sqlite().await, &[]).await, site: Site::new() }
    }

    pub fn caller(&self) -> Caller {
        self.server.caller()
    }

    /// An execution whose one node is a task of this queue; its id.
    pub async fn task(&self, data: Value, input: Value) -> String {
        let caller = self.caller();
        let workflow = caller.workflow(line([node("work", "task", data)])).await;
        caller.trigger(&workflow, input).await
    }

    /// A runner whose workers are programs of `sh`.
    pub fn sh(&self, flags: &[&str], script: &str, marker: &Marker) -> Runner {
        let mut runner = self.site.runner(Held::Groups);
        let Home { key, workspace, pod, .. } = &*self.server.site;
        runner
            .env("SLUICEGATE_API_KEY", key)
            .args(["--url", &self.server.address(), "--workspace", workspace, "--pod", pod, "--queue", "agents"])
            .args(["--grace", "1s", "--id", "here"])
            .args(flags)
            .arg("--command")
            .arg(format!("sh -c {} {}", super::quoted(script), marker.0))
            // Who reads nothing must not hold it up.
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::inherit());
        Runner(runner.spawn().unwrap())
    }

    /// All events of an execution.
    async fn log(&self, id: &str) -> Vec<Value> {
        let Home { key, workspace, pod, .. } = &*self.server.site;
        let path = format!("/v1/workspaces/{workspace}/pods/{pod}/executions/{id}/events?limit=1000");
        let request = reqwest::Client::builder().build().unwrap().get(format!("{}{path}", self.server.address()));
        let reply = request.header("x-api-key", key).header("accept", "application/json").send().await.unwrap();
        reply.json().await.unwrap()
    }

    /// Those of one kind.
    pub async fn events(&self, id: &str, kind: &str) -> Vec<Value> {
        self.log(id).await.into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// Waits until an execution has an event.
    async fn until_event(&self, id: &str, fits: impl Fn(&Value) -> bool) {
        let begun = Instant::now();
        while !self.log(id).await.iter().any(&fits) {
            assert!(begun.elapsed() < PATIENCE, "the event never comes");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A runner; killed with this value.
pub struct Runner(Child);

impl Runner {
    async fn signal(&self, name: &str) {
        let pid = self.0.id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().await.unwrap().success());
    }

    /// Waits until it has ended by itself, and well.
    async fn ended(&mut self) {
        let status = tokio::time::timeout(PATIENCE, self.0.wait()).await.expect("the runner ends").unwrap();
        assert!(status.success(), "{status}");
    }
}

fn agents() -> Value {
    json!({"queue": "agents", "input": {"n": "{{ input.n }}"}, "leaseSeconds": 5})
}

#[tokio::test]
async fn a_worker_gets_the_input_and_its_output_is_the_nodes() {
    let scene = Scene::new().await;
    let script = "echo hello; echo oops >&2; cat $SLUICEGATE_INPUT > $SLUICEGATE_OUTPUT";
    let mut runner = scene.sh(&[], script, &Marker::new());
    let id = scene.task(agents(), json!({"n": 41})).await;
    let execution = scene.caller().until_ended(&id).await;
    assert_eq!((&execution["status"], &execution["output"]), (&"completed".into(), &json!({"n": 41})));
    let logs = scene.events(&id, "node_log").await;
    let lines: Vec<_> =
        logs.iter().map(|log| (log["level"].as_str().unwrap(), log["message"].as_str().unwrap())).collect();
    assert!(lines.contains(&("info", "hello")) && lines.contains(&("error", "oops")), "{lines:?}");
    let updates = scene.events(&id, "task_update").await;
    assert_eq!(updates[1]["workerId"], "here");
    runner.signal("TERM").await;
    runner.ended().await;
}

#[tokio::test]
async fn a_worker_that_fails_is_told_with_its_last_words() {
    let scene = Scene::new().await;
    let _runner = scene.sh(&[], "echo 'no such page' >&2; exit 3", &Marker::new());
    let id = scene.task(agents(), json!({"n": 1})).await;
    let execution = scene.caller().until_ended(&id).await;
    assert_eq!(execution["status"], "failed");
    let error = &execution["error"];
    assert_eq!(
        (&error["code"], &error["details"]["code"]),
        (&"task_failed".into(), &"worker_failed".into()),
        "{error}"
    );
    assert_eq!(error["message"], "the worker ended with exit code 3: no such page");
    assert_eq!(error["details"]["details"], json!({"exitCode": 3, "log": ["no such page"]}));
}

#[tokio::test]
async fn a_worker_without_network_reaches_its_own_doors_and_nothing_else() {
    let scene = Scene::new().await;
    let script = r#"
        call() { curl -s -o reply -w '%{http_code} ' -H "x-lease-token: $SLUICEGATE_TASK_TOKEN" -H 'content-type: application/json' "$@" >> codes; cat reply >> replies; }
        call --data '{"message":"half way","progress":1,"progressMax":2}' $SLUICEGATE_TASK_URL/heartbeat
        call $SLUICEGATE_URL/v1/workspaces
        call --data '{}' $SLUICEGATE_TASK_URL/release
        call --unix-socket $SLUICEGATE_SOCKET --data '{"queues":["agents"],"workerId":"me"}' ${SLUICEGATE_TASK_URL%/*}/lease
        call --unix-socket $SLUICEGATE_SOCKET --data "{\"output\":\"$(cat codes)\",\"stats\":{\"steps\":4}}" $SLUICEGATE_TASK_URL/complete
        exit 7"#;
    let _runner = scene.sh(&[], script, &Marker::new());
    let id = scene.task(agents(), json!({"n": 1})).await;
    let execution = scene.caller().until_ended(&id).await;
    // It has told its end itself, so its exit code is nobody's business.
    assert_eq!(execution["output"], "200 403 403 403 ", "{execution:#}");
    assert_eq!(execution["stats"]["steps"], 4, "{execution:#}");
    let deltas = scene.events(&id, "node_delta").await;
    assert!(deltas.iter().any(|delta| delta["delta"] == "half way" && delta["progress"] == 1.0), "{deltas:?}");
}

#[tokio::test]
async fn the_lease_is_kept_for_a_worker_that_says_nothing() {
    let scene = Scene::new().await;
    let _runner = scene.sh(&[], "sleep 8; echo true > $SLUICEGATE_OUTPUT", &Marker::new());
    let id = scene.task(agents(), json!({"n": 1})).await;
    assert_eq!(scene.caller().until_ended(&id).await["output"], true);
    let states: Vec<Value> =
        scene.events(&id, "task_update").await.iter().map(|event| event["state"].clone()).collect();
    assert_eq!(states, ["queued", "leased", "completed"]);
}

#[tokio::test]
async fn a_cancelled_execution_stops_its_worker() {
    let scene = Scene::new().await;
    let marker = Marker::new();
    let _runner = scene.sh(&[], "trap '' TERM; while :; do sleep 0.1; done", &marker);
    let id = scene.task(agents(), json!({"n": 1})).await;
    // The runner's own command line, the shell, and what sleeps.
    scene.until_event(&id, |event| event["state"] == "leased").await;
    marker.until_at_work().await;
    scene.caller().expect(Method::DELETE, &format!("/executions/{id}"), None, 204).await;
    marker.until_living(|count| count == 1).await;
    assert_eq!(scene.caller().until_ended(&id).await["status"], "cancelled");
    // It takes the next task as if nothing had been.
    let next = scene.task(agents(), json!({"n": 2})).await;
    scene.until_event(&next, |event| event["state"] == "leased").await;
}

#[tokio::test]
async fn workers_run_side_by_side_up_to_the_concurrency() {
    let scene = Scene::new().await;
    let marker = Marker::new();
    let _runner = scene.sh(&["--concurrency", "2"], "sleep 2; echo true > $SLUICEGATE_OUTPUT", &marker);
    let ids = [scene.task(agents(), json!({"n": 1})).await, scene.task(agents(), json!({"n": 2})).await];
    let third = scene.task(agents(), json!({"n": 3})).await;
    marker.until_living(|count| count == 3).await;
    assert!(scene.events(&third, "task_update").await.iter().all(|event| event["state"] != "leased"));
    for id in ids.iter().chain([&third]) {
        assert_eq!(scene.caller().until_ended(id).await["output"], true);
    }
}

#[tokio::test]
async fn a_runner_that_is_told_to_stop_lets_its_worker_end() {
    let scene = Scene::new().await;
    let mut runner = scene.sh(&[], "sleep 2; echo '\"in peace\"' > $SLUICEGATE_OUTPUT", &Marker::new());
    let id = scene.task(agents(), json!({"n": 1})).await;
    scene.until_event(&id, |event| event["state"] == "leased").await;
    let late = scene.task(agents(), json!({"n": 2})).await;
    runner.signal("TERM").await;
    runner.ended().await;
    assert_eq!(scene.caller().until_ended(&id).await["output"], "in peace");
    let states = scene.events(&late, "task_update").await;
    assert!(states.iter().all(|event| event["state"] == "queued"), "{states:?}");
}

#[tokio::test]
async fn a_worker_that_takes_too_long_is_given_back() {
    let scene = Scene::new().await;
    let marker = Marker::new();
    let mut first = scene.sh(&["--drain-limit", "0s"], "trap 'exit 0' TERM; while :; do sleep 0.1; done", &marker);
    let id = scene.task(agents(), json!({"n": 1})).await;
    scene.until_event(&id, |event| event["state"] == "leased").await;
    marker.until_at_work().await;
    first.signal("TERM").await;
    first.ended().await;
    let _second = scene.sh(&[], "echo '\"second\"' > $SLUICEGATE_OUTPUT", &Marker::new());
    assert_eq!(scene.caller().until_ended(&id).await["output"], "second");
    let updates = scene.events(&id, "task_update").await;
    let back = updates.iter().find(|event| event["reason"].is_string()).unwrap();
    assert_eq!((&back["state"], &back["reason"]), (&"queued".into(), &"released".into()));
}

#[tokio::test]
async fn a_task_of_a_killed_runner_runs_again_elsewhere() {
    let scene = Scene::new().await;
    let marker = Marker::new();
    let mut first = scene.sh(&[], "trap '' TERM; (setsid sleep 600 &); while :; do sleep 1; done", &marker);
    let id = scene.task(agents(), json!({"n": 1})).await;
    marker.until_at_work().await;
    first.0.start_kill().unwrap();
    first.0.wait().await.unwrap();
    marker.until_living(|count| count == 0).await;
    let _second = scene.sh(&[], "echo '\"second\"' > $SLUICEGATE_OUTPUT", &Marker::new());
    assert_eq!(scene.caller().until_ended(&id).await["output"], "second");
    let updates = scene.events(&id, "task_update").await;
    let back = updates.iter().find(|event| event["reason"].is_string()).unwrap();
    assert_eq!((&back["state"], &back["reason"]), (&"queued".into(), &"lease_lost".into()));
}

#[tokio::test]
async fn a_worker_is_stopped_when_the_server_is_not_heard() {
    let mut scene = Scene::new().await;
    let marker = Marker::new();
    let _runner = scene.sh(&[], "while :; do sleep 0.1; done", &marker);
    let id = scene.task(agents(), json!({"n": 1})).await;
    scene.until_event(&id, |event| event["state"] == "leased").await;
    marker.until_at_work().await;
    scene.server.kill().await;
    // Only the runner itself is left, and goes on asking.
    marker.until_living(|count| count == 1).await;
}

#[tokio::test]
async fn a_runner_without_a_right_ends_at_once() {
    let scene = Scene::new().await;
    let mut runner = scene.site.runner(Held::Groups);
    let Home { workspace, pod, .. } = &*scene.server.site;
    runner.args(["--url", &scene.server.address(), "--workspace", workspace, "--pod", pod]);
    runner.env("SLUICEGATE_API_KEY", "slg_wrong").args(["--queue", "agents", "--command", "true"]);
    let output = tokio::time::timeout(PATIENCE, runner.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code() == Some(1) && said.contains("no tasks can be leased") && said.contains("401"),
        "{said}"
    );
}
