//! The load under which servers are killed: executions with parallel questions, timers, retries, loops, children, failures and
//! cancels, each with a client that triggers, follows and answers, and that knows afterwards what must be in the log.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Interval, MissedTickBehavior},
};

use crate::support::{
    process::Caller,
    sse::{Follower, check_log, stored_log},
};

/// The child of [`main_workflow`].
pub fn child_workflow() -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "rest", "type": "wait", "data": {"duration": "25ms"}},
            {"id": "finish", "type": "end", "data": {"output": {"child": "{{ input.n }}"}}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "rest"},
            {"id": "e2", "source": "rest", "target": "finish"},
        ],
    })
}

/// Something of everything that waits, fails and begins again.
pub fn main_workflow(child: &str, outside: &str) -> Value {
    let retry = json!({"maxAttempts": 100, "backoff": "fixed", "initialMs": 20, "jitter": false});
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "fetch", "type": "http", "data": {
                "httpMethod": "POST", "idempotent": true, "httpUrl": format!("{outside}/flaky"), "retry": retry}},
            {"id": "left", "type": "ask-human", "data": {"question": "Left of {{ input.n }}?"}},
            {"id": "right", "type": "approval-gate", "data": {"message": "Right of {{ input.n }}?"}},
            {"id": "both", "type": "merge", "data": {"mode": "object"}},
            {"id": "judge", "type": "transform", "data": {"transformScript": "input.fails ? 1 / 0 : 1"}},
            {"id": "child", "type": "subworkflow", "data": {"workflowId": child, "input": {"n": "{{ input.n }}"}}},
            {"id": "each", "type": "loop", "data": {"arrayPath": "input.items", "concurrency": 2}},
            {"id": "pause", "type": "wait", "parentId": "each", "data": {"duration": "15ms"}},
            {"id": "twice", "type": "transform", "parentId": "each", "data": {"transformScript": "item * 2"}},
            {"id": "asks", "type": "loop", "data": {"arrayPath": "input.items", "concurrency": 3}},
            {"id": "ask", "type": "ask-human", "parentId": "asks", "data": {"question": "Item {{ item }}?"}},
            {"id": "late", "type": "ask-human", "data": {
                "question": "Nobody answers?", "expiresIn": "40ms", "onExpiry": "default", "defaultAnswer": "nobody"}},
            {"id": "finish", "type": "end", "data": {"output": {
                "fetch": "{{ fetch.data }}", "left": "{{ left.answer }}", "right": "{{ right.approved }}", "child": "{{ child }}",
                "each": "{{ each.results }}", "asks": "{{ asks.results }}", "late": "{{ late.answer }}"}}},
            {"id": "refused", "type": "end", "data": {"output": {"refused": "{{ right.comment }}"}, "terminate": true}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "fetch"},
            {"id": "e2", "source": "fetch", "target": "left"},
            {"id": "e3", "source": "fetch", "target": "right"},
            {"id": "e4", "source": "left", "target": "both"},
            {"id": "e5", "source": "right", "target": "both", "sourceHandle": "approved"},
            {"id": "e6", "source": "right", "target": "refused", "sourceHandle": "rejected"},
            {"id": "e7", "source": "both", "target": "judge"},
            {"id": "e8", "source": "judge", "target": "child"},
            {"id": "e9", "source": "child", "target": "each"},
            {"id": "e10", "source": "pause", "target": "twice"},
            {"id": "e11", "source": "each", "target": "asks"},
            {"id": "e12", "source": "asks", "target": "late"},
            {"id": "e13", "source": "late", "target": "finish"},
        ],
    })
}

/// How an execution is meant to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Through,
    Reject,
    Fail,
    /// Cancelled after so many events.
    Cancel(usize),
}

/// What came of a run of the load.
#[derive(Debug, Default)]
pub struct Tally {
    pub executions: AtomicUsize,
    pub answers: AtomicUsize,
    /// Triggers, answers and cancels whose first reply never came.
    pub unclear: AtomicUsize,
    /// Stream connections that broke off.
    pub cuts: AtomicUsize,
    pub cancelled: AtomicUsize,
}

/// How fast clients begin executions, all together.
pub struct Pace(Mutex<Interval>);

impl Pace {
    /// So many a second.
    pub fn per_second(rate: f64) -> Arc<Self> {
        let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
        // What was slow is not made up for by a rush.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Arc::new(Self(Mutex::new(ticks)))
    }

    async fn next(&self) {
        self.0.lock().await.tick().await;
    }
}

/// Clients that go on until they are told to stop.
pub struct Load {
    pub tally: Arc<Tally>,
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

impl Load {
    /// So many clients that each begin an execution when the last one has ended.
    pub fn start(caller: &Caller, workflow: &str, clients: u64, seed: u64) -> Self {
        Self::paced(caller, workflow, clients, seed, None)
    }

    /// The same, at a pace.
    pub fn paced(caller: &Caller, workflow: &str, clients: u64, seed: u64, pace: Option<&Arc<Pace>>) -> Self {
        let mut load = Self { tally: Arc::default(), stop: Arc::default(), clients: JoinSet::new() };
        for number in 0..clients {
            let (caller, workflow, pace) = (caller.clone(), workflow.to_owned(), pace.cloned());
            let (tally, stop) = (Arc::clone(&load.tally), Arc::clone(&load.stop));
            let mut random = StdRng::seed_from_u64(seed ^ (number << 32));
            load.clients.spawn(async move {
                let mut turn = 0;
                while !stop.load(Ordering::Relaxed) {
                    if let Some(pace) = &pace {
                        pace.next().await;
                    }
                    let name = format!("{seed}-{number}-{turn}");
                    one_execution(&caller, &workflow, &name, &mut random, &tally).await;
                    turn += 1;
                }
            });
        }
        load
    }

    /// Fails at once when one of the clients has found something wrong.
    pub fn check(&mut self) {
        while let Some(ended) = self.clients.try_join_next() {
            ended.unwrap();
        }
    }

    /// Lets every client end what it has begun. Each has checked by then all that it has triggered.
    pub async fn finish(mut self) -> Arc<Tally> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        self.tally
    }
}

/// An answer that a client gives: to what, and in which words.
#[derive(Debug)]
struct Given {
    suspension: String,
    node: String,
    body: Value,
    status: u16,
}

async fn one_execution(caller: &Caller, workflow: &str, name: &str, random: &mut StdRng, tally: &Tally) {
    let plan = match random.random_range(0..10) {
        0 => Plan::Reject,
        1 => Plan::Fail,
        2 | 3 => Plan::Cancel(random.random_range(1..40)),
        _ => Plan::Through,
    };
    let input = json!({"n": name, "items": [1, 2, 3], "fails": plan == Plan::Fail});
    let body = json!({"workflowId": workflow, "input": input});
    let (status, execution, unclear) =
        caller.until_clear(Method::POST, "/executions", Some(&body), Some(&format!("trigger-{name}"))).await;
    assert_eq!(status, 201, "{execution}");
    let id = execution["id"].as_str().unwrap().to_owned();
    tally.unclear.fetch_add(unclear, Ordering::Relaxed);

    let mut answers: JoinSet<(Given, usize)> = JoinSet::new();
    let mut cancels: JoinSet<(u16, usize)> = JoinSet::new();
    let mut follower = Follower::new(caller, &id);
    let mut count = 0;
    follower
        .follow(|event| {
            count += 1;
            if plan == Plan::Cancel(count) {
                let (caller, path) = (caller.clone(), format!("/executions/{id}"));
                cancels.spawn(async move {
                    let (status, _, unclear) = caller.until_clear(Method::DELETE, &path, None, None).await;
                    (status, unclear)
                });
            }
            let interrupt = &event["interrupt"];
            if event["type"] == "execution_suspended" && interrupt["nodeId"] != "late" {
                let suspension = interrupt["suspensionId"].as_str().unwrap().to_owned();
                let node = interrupt["nodeId"].as_str().unwrap().to_owned();
                let body = match &*node {
                    "right" => json!({"approved": plan != Plan::Reject, "comment": format!("C-{name}"), "suspensionId": suspension}),
                    _ => json!({"answer": format!("A-{name}"), "suspensionId": suspension}),
                };
                // An answer may be repeated with a key or without one.
                let key = random.random_bool(0.5).then(|| format!("answer-{suspension}"));
                let (caller, path) = (caller.clone(), format!("/executions/{id}/respond"));
                answers.spawn(async move {
                    let (status, reply, unclear) =
                        caller.until_clear(Method::PATCH, &path, Some(&body), key.as_deref()).await;
                    assert!(matches!(status, 200 | 409), "{status}: {reply}");
                    (Given { suspension, node, body, status }, unclear)
                });
            }
        })
        .await;
    tally.cuts.fetch_add(follower.cuts, Ordering::Relaxed);
    let mut given = Vec::new();
    for (answer, unclear) in answers.join_all().await {
        tally.unclear.fetch_add(unclear, Ordering::Relaxed);
        given.push(answer);
    }
    let cancel = cancels.join_all().await.pop();

    let log = stored_log(caller, &id).await;
    assert_eq!(follower.events, log, "the stream and the log of {id} differ");
    let events = check_log(&log);
    check_answers(&events, &given, plan, tally);
    check_end(&events, plan, cancel, name, tally);
    check_children(caller, &id, &events).await;
    tally.executions.fetch_add(1, Ordering::Relaxed);
}

/// No answer that was accepted is missing, and none counts that was not.
fn check_answers(events: &[Value], given: &[Given], plan: Plan, tally: &Tally) {
    let closed: HashMap<&str, &Value> = events
        .iter()
        .filter(|event| event["type"] == "suspension_update" && event["state"] != "open")
        .map(|event| (event["suspensionId"].as_str().unwrap(), event))
        .collect();
    for answer in given {
        let event = closed[&*answer.suspension];
        let answered = event["state"] == "answered";
        assert_eq!(answer.status == 200, answered, "{answer:?} but {event}");
        // Only what ends an execution early takes the question away from those who answer it.
        assert!(answered || plan != Plan::Through, "{answer:?} but {event}");
        if answered {
            let field = if answer.node == "right" { "comment" } else { "answer" };
            assert_eq!(event["decision"][field], answer.body[field], "{event}");
            tally.answers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn check_end(events: &[Value], plan: Plan, cancel: Option<(u16, usize)>, name: &str, tally: &Tally) {
    let end = events.last().unwrap();
    let through = json!({
        "fetch": {"goods": 7}, "left": format!("A-{name}"), "right": true, "child": {"child": name}, "each": [2, 4, 6],
        "late": "nobody",
    });
    let is_through = || {
        assert_eq!(end["type"], "execution_complete", "{end}");
        let mut output = end["output"].clone();
        let asks = output.as_object_mut().unwrap().remove("asks").unwrap();
        assert_eq!(output, through);
        let answers: Vec<&Value> = asks.as_array().unwrap().iter().map(|one| &one["answer"]).collect();
        assert_eq!(answers, [&json!(format!("A-{name}")); 3]);
    };
    match plan {
        Plan::Through => is_through(),
        Plan::Reject => {
            assert_eq!(end["type"], "execution_complete", "{end}");
            assert_eq!(end["output"], json!({"refused": format!("C-{name}")}), "{end}");
        }
        Plan::Fail => assert_eq!(end["type"], "execution_failed", "{end}"),
        Plan::Cancel(_) => match cancel {
            Some((204, unclear)) => {
                assert_eq!(end["type"], "execution_cancelled", "accepted, but {end}");
                tally.unclear.fetch_add(unclear, Ordering::Relaxed);
                tally.cancelled.fetch_add(1, Ordering::Relaxed);
            }
            // Too late; or the try before, whose reply never came, was in time.
            Some((409, unclear)) if unclear > 0 && end["type"] == "execution_cancelled" => {}
            Some((409, _)) | None => is_through(),
            Some((status, _)) => panic!("a cancel got {status}"),
        },
    }
}

/// Each child exists once and has ended too.
async fn check_children(caller: &Caller, id: &str, events: &[Value]) {
    let children = caller.list(&format!("parentExecutionId={id}")).await;
    let completed = events.iter().any(|event| event["nodeId"] == "child" && event["status"] == "completed");
    assert!(children.len() <= 1, "{children:?}");
    for child in &children {
        let log = stored_log(caller, child["id"].as_str().unwrap()).await;
        let events = check_log(&log);
        let end = &events.last().unwrap()["type"];
        assert!(!completed || end == "execution_complete", "the child of {id} ended by {end}");
    }
    assert!(!completed || children.len() == 1, "{id} has lost its child");
}
