//! Executions that share a limit, and a client that triggers more of them than it lets run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{outside::Outside, process::Caller};

/// How many executions of a key may run at once.
pub const LIMIT: usize = 3;
/// The keys.
pub const KEYS: [&str; 3] = ["a", "b", "c"];

/// Calls `/busy/<key>` twice, under the limit of its key.
pub fn limited_workflow(outside: &str) -> Value {
    let url = format!("{outside}/busy/{{{{ input.key }}}}");
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "one", "type": "http", "data": {"httpMethod": "POST", "idempotent": true, "httpUrl": url}},
            {"id": "pause", "type": "wait", "data": {"duration": "20ms"}},
            {"id": "two", "type": "http", "data": {"httpMethod": "POST", "idempotent": true, "httpUrl": url}},
            {"id": "finish", "type": "end"},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "one"},
            {"id": "e2", "source": "one", "target": "pause"},
            {"id": "e3", "source": "pause", "target": "two"},
            {"id": "e4", "source": "two", "target": "finish"},
        ],
        "settings": {"concurrency": {"limit": LIMIT, "key": "{{ input.key }}"}},
    })
}

/// A client that triggers one execution after the other, at each server in turn, until it is told to stop.
pub struct Crowd {
    stop: Arc<AtomicBool>,
    running: JoinSet<Vec<String>>,
}

impl Crowd {
    pub fn start(callers: &[Caller], workflow: &str) -> Self {
        let (callers, workflow) = (callers.to_vec(), workflow.to_owned());
        let mut crowd = Self { stop: Arc::default(), running: JoinSet::new() };
        let stop = Arc::clone(&crowd.stop);
        crowd.running.spawn(async move {
            let mut ids = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let (caller, key) = (&callers[ids.len() % callers.len()], KEYS[ids.len() % KEYS.len()]);
                ids.push(caller.trigger(&workflow, json!({"key": key})).await);
                // About as many as the limits let through.
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            ids
        });
        crowd
    }

    /// Fails at once when the client has failed.
    pub fn check(&mut self) {
        if let Some(ended) = self.running.try_join_next() {
            panic!("the crowd has ended early: {ended:?}");
        }
    }

    /// Waits until all have completed, and checks that the limits were kept; how many there were.
    pub async fn finish(self, caller: &Caller, outside: &Outside) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let ids: Vec<String> = self.running.join_all().await.into_iter().flatten().collect();
        for id in &ids {
            let ended = caller.until_ended(id).await;
            assert_eq!(ended["status"], "completed", "{ended}");
        }
        for key in KEYS {
            let most = outside.most_at_once(key);
            assert!((1..=LIMIT).contains(&most), "{most} of {key} at once");
        }
        ids.len()
    }
}
