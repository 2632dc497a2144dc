//! Two who say different things about one execution at the same instant: exactly one is heard, and the log says which.
//!
//! `SLUICEGATE_TEST_ROUNDS` says how often each race is run on each database.

mod gone;
mod votes;

use std::{collections::HashMap, sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    outside::Outside,
    process::{Caller, Server, Site, count},
    sse::{check_log, stored_log},
};

macro_rules! on_both {
    ($($race:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $race() {
                super::$race(&super::Site::sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $race() {
                super::$race(&super::Site::postgres().await).await;
            })+
        }
    };
}

on_both! {
    two_suspensions_answered_together_both_count,
    two_answers_to_one_question_are_one_answer,
    an_answer_and_an_expiry_have_one_winner,
    a_cancel_and_the_end_have_one_winner,
    answers_amid_a_long_chain_are_heard,
    answers_at_a_take_over_are_heard_and_no_attempt_is_made_twice,
}

/// Races run side by side in each test.
const LANES: usize = 4;

fn rounds() -> usize {
    count("SLUICEGATE_TEST_ROUNDS", 40)
}

/// Starts a server and runs `race` so often; the tally of what each round came to.
async fn run<R, F>(site: &Arc<Site>, definition: Value, race: R) -> HashMap<&'static str, usize>
where
    R: Fn(Caller, String, usize) -> F + Clone + Send + 'static,
    F: Future<Output = &'static str> + Send,
{
    let server = Server::start(site, &[]).await;
    let caller = server.caller();
    let workflow = caller.workflow(definition).await;
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let (caller, workflow, race) = (caller.clone(), workflow.clone(), race.clone());
        lanes.spawn(async move {
            let mut outcomes = Vec::new();
            for round in (lane..rounds()).step_by(LANES) {
                outcomes.push(race(caller.clone(), workflow.clone(), round).await);
            }
            outcomes
        });
    }
    let mut tally = HashMap::new();
    for outcome in lanes.join_all().await.into_iter().flatten() {
        *tally.entry(outcome).or_default() += 1;
    }
    println!("{} rounds: {tally:?}", rounds());
    tally
}

/// The events of an execution that has ended, after what must hold for all of them.
async fn events_of(caller: &Caller, id: &str) -> Vec<Value> {
    caller.until_ended(id).await;
    check_log(&stored_log(caller, id).await)
}

fn closings(events: &[Value]) -> Vec<&Value> {
    events.iter().filter(|event| event["type"] == "suspension_update" && event["state"] != "open").collect()
}

async fn answer(caller: &Caller, id: &str, suspension: &str, text: &str) -> u16 {
    let body = json!({"suspensionId": suspension, "answer": text});
    caller.until_clear(Method::PATCH, &format!("/executions/{id}/respond"), Some(&body), None).await.0
}

fn two_questions() -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "left", "type": "ask-human", "data": {"question": "Left?"}},
            {"id": "right", "type": "ask-human", "data": {"question": "Right?"}},
            {"id": "both", "type": "merge", "data": {"mode": "object"}},
            {"id": "finish", "type": "end", "data": {"output": {"left": "{{ left.answer }}", "right": "{{ right.answer }}"}}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "left"},
            {"id": "e2", "source": "begin", "target": "right"},
            {"id": "e3", "source": "left", "target": "both"},
            {"id": "e4", "source": "right", "target": "both"},
            {"id": "e5", "source": "both", "target": "finish"},
        ],
    })
}

fn one_question(data: &Value) -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "ask", "type": "ask-human", "data": data},
            {"id": "after", "type": "wait", "data": {"duration": "1ms"}},
            {"id": "finish", "type": "end", "data": {"output": "{{ ask.answer }}"}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "ask"},
            {"id": "e2", "source": "ask", "target": "after"},
            {"id": "e3", "source": "after", "target": "finish"},
        ],
    })
}

async fn two_suspensions_answered_together_both_count(site: &Arc<Site>) {
    run(site, two_questions(), |caller, workflow, _| async move {
        let id = caller.trigger(&workflow, Value::Null).await;
        let open = caller.until_open(&id, 2).await;
        let answers =
            tokio::join!(answer(&caller, &id, &open[0].1, "port"), answer(&caller, &id, &open[1].1, "starboard"));
        assert_eq!(answers, (200, 200));
        let events = events_of(&caller, &id).await;
        assert_eq!(closings(&events).len(), 2);
        assert_eq!(events.last().unwrap()["output"], json!({"left": "port", "right": "starboard"}));
        "both"
    })
    .await;
}

async fn two_answers_to_one_question_are_one_answer(site: &Arc<Site>) {
    let tally = run(site, one_question(&json!({"question": "And?"})), |caller, workflow, _| async move {
        let id = caller.trigger(&workflow, Value::Null).await;
        let (_, suspension) = caller.until_open(&id, 1).await.remove(0);
        let answers = tokio::join!(answer(&caller, &id, &suspension, "yes"), answer(&caller, &id, &suspension, "no"));
        let won = match answers {
            (200, 409) => "yes",
            (409, 200) => "no",
            other => panic!("{other:?}"),
        };
        let events = events_of(&caller, &id).await;
        assert_eq!(closings(&events).len(), 1);
        assert_eq!(closings(&events)[0]["decision"]["answer"], won);
        assert_eq!(events.last().unwrap()["output"], won);
        won
    })
    .await;
    assert_eq!(tally.values().sum::<usize>(), rounds());
}

async fn an_answer_and_an_expiry_have_one_winner(site: &Arc<Site>) {
    let question = json!({"question": "And?", "expiresIn": "200ms", "onExpiry": "default", "defaultAnswer": "nobody"});
    let tally = run(site, one_question(&question), |caller, workflow, round| async move {
        let begun = Instant::now();
        let id = caller.trigger(&workflow, Value::Null).await;
        let execution = caller.until(&id, |execution| !execution["suspensions"][0].is_null()).await;
        let suspension = execution["suspensions"][0]["id"].as_str().unwrap().to_owned();
        // From a little before to a little after the instant at which the question expires: the server's clock is ours.
        let expires: chrono::DateTime<chrono::Utc> = execution["suspensions"][0]["expiresAt"]
            .as_str()
            .or(execution["suspensions"][0]["interrupt"]["expiresAt"].as_str())
            .unwrap()
            .parse()
            .unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let left = expires.timestamp_millis() - now.as_millis() as i64 - 50 + 3 * (round % 18) as i64;
        tokio::time::sleep(Duration::from_millis(left.max(0) as u64)).await;
        let status = answer(&caller, &id, &suspension, "somebody").await;
        let events = events_of(&caller, &id).await;
        let closed = closings(&events);
        assert_eq!(closed.len(), 1, "{:?} after {:?}", closed, begun.elapsed());
        let output = &events.last().unwrap()["output"];
        match status {
            200 => {
                assert_eq!((&closed[0]["state"], output), (&json!("answered"), &json!("somebody")));
                "answered"
            }
            409 => {
                assert_eq!((&closed[0]["state"], output), (&json!("expired"), &json!("nobody")));
                "expired"
            }
            other => panic!("{other}"),
        }
    })
    .await;
    assert!(tally.len() == 2, "the race was none: {tally:?}");
}

async fn a_cancel_and_the_end_have_one_winner(site: &Arc<Site>) {
    let tally = run(site, one_question(&json!({"question": "And?"})), |caller, workflow, round| async move {
        let id = caller.trigger(&workflow, Value::Null).await;
        let (_, suspension) = caller.until_open(&id, 1).await.remove(0);
        let path = format!("/executions/{id}");
        let cancel = async {
            // From before the answer until after the end.
            tokio::time::sleep(Duration::from_micros(300 * (round % 24) as u64)).await;
            caller.until_clear(Method::DELETE, &path, None, None).await.0
        };
        let (answered, cancelled) = tokio::join!(answer(&caller, &id, &suspension, "yes"), cancel);
        let events = events_of(&caller, &id).await;
        let closed = closings(&events);
        assert_eq!(closed.len(), 1);
        let end = events.last().unwrap();
        match (answered, cancelled) {
            (200, 409) => {
                assert_eq!((&end["type"], &end["output"]), (&json!("execution_complete"), &json!("yes")));
                assert_eq!(closed[0]["state"], "answered");
                "completed"
            }
            (200, 204) => {
                assert_eq!((&end["type"], &closed[0]["state"]), (&json!("execution_cancelled"), &json!("answered")));
                "answered, then cancelled"
            }
            (409, 204) => {
                assert_eq!((&end["type"], &closed[0]["state"]), (&json!("execution_cancelled"), &json!("cancelled")));
                "cancelled"
            }
            other => panic!("{other:?}: {end}"),
        }
    })
    .await;
    assert!(tally.len() >= 2, "the race was none: {tally:?}");
}

/// The driver writes a long chain in parts. An answer between two of them is a conflict that it has to catch up with.
async fn answers_amid_a_long_chain_are_heard(site: &Arc<Site>) {
    const ITEMS: usize = 3_000;
    let mut definition = one_question(&json!({"question": "And?"}));
    let nodes = definition["nodes"].as_array_mut().unwrap();
    nodes.push(json!({"id": "each", "type": "loop", "data": {"items": "input", "maxIterations": ITEMS}}));
    nodes
        .push(json!({"id": "twice", "type": "transform", "parentId": "each", "data": {"transformScript": "item * 2"}}));
    let edge = json!({"id": "e4", "source": "begin", "target": "each"});
    definition["edges"].as_array_mut().unwrap().push(edge);
    let server = Server::start(site, &[]).await;
    let caller = server.caller();
    let workflow = caller.workflow(definition).await;
    let mut amid = 0;
    for _ in 0..rounds().div_ceil(20) {
        let id = caller.trigger(&workflow, json!((0..ITEMS).collect::<Vec<_>>())).await;
        let (_, suspension) = caller.until_open(&id, 1).await.remove(0);
        assert_eq!(answer(&caller, &id, &suspension, "yes").await, 200);
        let events = events_of(&caller, &id).await;
        let of_items: Vec<usize> = (0..events.len())
            .filter(|at| events[*at]["nodeId"] == "twice" && events[*at]["status"] == "completed")
            .collect();
        assert_eq!(of_items.len(), ITEMS, "each item once");
        let answered = events.iter().position(|event| event["type"] == "suspension_update").unwrap();
        amid +=
            usize::from(of_items.first().is_some_and(|first| *first < answered) && of_items.last() > Some(&answered));
        let results = events.iter().rev().find(|event| event["nodeId"] == "each" && event["status"] == "completed");
        assert_eq!(results.unwrap()["output"]["results"], json!((0..ITEMS).map(|n| n * 2).collect::<Vec<_>>()));
    }
    assert!(amid > 0, "no answer came while the chain was written");
}

/// Whoever takes an execution over has to say that an attempt was interrupted, while others answer its questions.
async fn answers_at_a_take_over_are_heard_and_no_attempt_is_made_twice(site: &Arc<Site>) {
    const QUESTIONS: usize = 6;
    let outside = Outside::start().await;
    let names: Vec<String> = (0..QUESTIONS).map(|i| format!("ask{i}")).collect();
    let call = json!({"httpMethod": "POST", "idempotent": true, "httpUrl": format!("{}/held", outside.address)});
    let mut nodes = vec![
        json!({"id": "begin", "type": "start"}),
        json!({"id": "call", "type": "http", "data": call}),
        json!({"id": "all", "type": "merge", "data": {"mode": "object"}}),
        json!({"id": "finish", "type": "end", "data": {"terminate": true}}),
    ];
    let mut edges = vec![
        json!({"id": "c", "source": "begin", "target": "call"}),
        json!({"id": "f", "source": "all", "target": "finish"}),
    ];
    for name in &names {
        nodes.push(json!({"id": name, "type": "ask-human", "data": {"question": "And?"}}));
        edges.push(json!({"id": format!("to-{name}"), "source": "begin", "target": name}));
        edges.push(json!({"id": format!("from-{name}"), "source": name, "target": "all"}));
    }
    let arguments = ["--instance-lease", "1s", "--outbound-networks", "127.0.0.0/8"];
    let mut server = Server::start(site, &arguments).await;
    let caller = server.caller();
    let workflow = caller.workflow(json!({"nodes": nodes, "edges": edges})).await;
    for _ in 0..rounds().div_ceil(20) {
        let id = caller.trigger(&workflow, Value::Null).await;
        let open = caller.until_open(&id, QUESTIONS).await;
        server.kill().await;
        server.boot().await;
        let mut answers = tokio::task::JoinSet::new();
        for (_, suspension) in open {
            let (caller, id) = (caller.clone(), id.clone());
            answers.spawn(async move { answer(&caller, &id, &suspension, "yes").await });
        }
        assert_eq!(answers.join_all().await, [200; QUESTIONS]);
        let events = events_of(&caller, &id).await;
        assert_eq!(closings(&events).len(), QUESTIONS);
        let attempts: Vec<_> = events
            .iter()
            .filter(|event| event["nodeId"] == "call" && event["status"] == "running")
            .map(|event| event["attempt"].as_i64().unwrap())
            .collect();
        assert!(attempts == [1] || attempts == [1, 2], "{attempts:?}");
    }
}
