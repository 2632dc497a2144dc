//! Clocks that are set forward and back by an hour while a server runs, and servers whose clocks differ by an hour.

use std::{fs::File, os::unix::fs::FileExt, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::{
    load::{Load, child_workflow, main_workflow},
    outside::Outside,
    process::{Caller, Launch, PATIENCE, Server, Site},
    sse::{check_log, stored_log},
    traffic::{ARGUMENTS, fault_time},
};

/// A wall clock of some servers, beside that of the machine; monotonic time is not touched.
struct WallClock {
    folder: TempDir,
    shift: File,
}

impl WallClock {
    /// One that is right.
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/faults/wall_clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(folder.path().join("clock.so")).arg(source);
        let built = compiler.output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let shift = File::create(folder.path().join("shift")).unwrap();
        let clock = Self { folder, shift };
        clock.set(0);
        clock
    }

    /// Sets it so many hours forward, or back.
    fn set(&self, hours: i64) {
        self.shift.write_all_at(&(hours * 3_600_000).to_ne_bytes(), 0).unwrap();
    }

    fn launch(&self) -> Launch {
        let variable = |name: &str, file: &str| (name.to_owned(), self.folder.path().join(file).display().to_string());
        let environment = vec![variable("LD_PRELOAD", "clock.so"), variable("WALL_CLOCK_FILE", "shift")];
        Launch { environment, ..Launch::with(&ARGUMENTS) }
    }
}

/// How long the clock stays as it was set.
fn while_set() -> Duration {
    fault_time() / 4
}

/// A wait and a question that expires, both of half an hour.
fn half_an_hour() -> Value {
    json!({
        "nodes": [
            {"id": "begin", "type": "start"},
            {"id": "wait", "type": "wait", "data": {"duration": "30m"}},
            {"id": "ask", "type": "ask-human", "data": {
                "question": "And?", "expiresIn": "30m", "onExpiry": "default", "defaultAnswer": "nobody"}},
            {"id": "both", "type": "merge", "data": {"mode": "object"}},
            {"id": "finish", "type": "end", "data": {"output": "{{ ask.answer }}"}},
        ],
        "edges": [
            {"id": "e1", "source": "begin", "target": "wait"},
            {"id": "e2", "source": "begin", "target": "ask"},
            {"id": "e3", "source": "wait", "target": "both"},
            {"id": "e4", "source": "ask", "target": "both"},
            {"id": "e5", "source": "both", "target": "finish"},
        ],
    })
}

/// A schedule every ten minutes that makes up for what it has missed; its id.
async fn every_ten_minutes(caller: &Caller, workflow: &str) -> String {
    caller.expect(reqwest::Method::POST, &format!("/workflows/{workflow}/deploy"), None, 200).await;
    let body = json!({"workflowId": workflow, "name": "S", "cronExpression": "*/10 * * * *", "catchUp": "all"});
    caller.expect(reqwest::Method::POST, "/schedules", Some(body), 201).await["id"].as_str().unwrap().to_owned()
}

/// Waits until so many slots are settled; each has one row, and started one execution.
async fn check_slots(caller: &Caller, schedule: &str, at_least: usize) -> usize {
    let begun = Instant::now();
    let path = format!("/schedules/{schedule}/slots?limit=200");
    loop {
        let rows = caller.expect(reqwest::Method::GET, &path, None, 200).await;
        let rows = rows.as_array().unwrap();
        let mut slots: Vec<_> = rows.iter().map(|row| row["slot"].as_str().unwrap()).collect();
        let mut started: Vec<_> =
            rows.iter().map(|row| row["executionId"].as_str().expect("each slot starts one")).collect();
        slots.dedup();
        started.sort_unstable();
        started.dedup();
        assert_eq!((slots.len(), started.len()), (rows.len(), rows.len()), "{rows:?}");
        if rows.len() >= at_least {
            assert_eq!(caller.list("triggeredBy=schedule").await.len(), rows.len());
            return rows.len();
        }
        assert!(begun.elapsed() < PATIENCE, "{rows:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn metric(server: &Server, name: &str) -> f64 {
    let metrics = reqwest::get(format!("{}/metrics", server.address())).await.unwrap().text().await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    line.expect("the metric is told from the start").trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_set_by_an_hour_loses_nothing_and_does_nothing_twice() {
    let clock = WallClock::make();
    let site = Site::sqlite().await;
    let mut server = Server::launch(&site, clock.launch()).await;
    let caller = server.caller();
    let outside = Outside::start().await;
    let child = caller.workflow(child_workflow()).await;
    let workflow = caller.workflow(main_workflow(&child, &outside.address)).await;
    let long = caller.workflow(half_an_hour()).await;
    let waits = caller.trigger(&long, Value::Null).await;
    caller.until_open(&waits, 1).await;
    let straight = json!({
        "nodes": [{"id": "begin", "type": "start"}, {"id": "finish", "type": "end"}],
        "edges": [{"id": "e", "source": "begin", "target": "finish"}],
    });
    let straight = caller.workflow(straight).await;
    let schedule = every_ten_minutes(&caller, &straight).await;

    // Back and right again: what waits for an instant waits until it comes.
    let mut load = Load::start(&caller, &workflow, 4, 1);
    tokio::time::sleep(while_set()).await;
    clock.set(-1);
    tokio::time::sleep(while_set()).await;
    load.check();
    clock.set(0);
    let back = load.finish().await;

    // Forward, amid the load: half an hour is over, once.
    let load = Load::start(&caller, &workflow, 4, 2);
    tokio::time::sleep(while_set()).await;
    clock.set(1);
    let forward = Instant::now();
    let ended = caller.until_ended(&waits).await;
    let took = forward.elapsed();
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!("nobody")), "{ended}");
    check_log(&stored_log(&caller, &waits).await);
    let ahead = load.finish().await;
    let slots = check_slots(&caller, &schedule, 6).await;

    // Right again: new work is done as ever, and no slot comes a second time.
    clock.set(0);
    let right = Load::start(&caller, &workflow, 4, 3);
    tokio::time::sleep(while_set()).await;
    right.finish().await;
    assert_eq!(check_slots(&caller, &schedule, slots).await, slots, "a slot came again");

    // A server that starts before its own past.
    server.kill().await;
    clock.set(-1);
    server.boot().await;
    let past = Load::start(&caller, &workflow, 4, 4);
    tokio::time::sleep(while_set()).await;
    let past = past.finish().await;
    println!("half an hour was over after {took:?}, {slots} slots; {back:?}; {ahead:?}; {past:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_whose_clocks_differ_by_an_hour_keep_their_leases() {
    let clock = WallClock::make();
    let site = Site::postgres().await;
    let right = Server::start(&site, &ARGUMENTS).await;
    clock.set(1);
    let wrong = Server::launch(&site, clock.launch()).await;
    let callers = [right.caller(), wrong.caller()];
    let outside = Outside::start().await;
    let child = callers[0].workflow(child_workflow()).await;
    let workflow = callers[0].workflow(main_workflow(&child, &outside.address)).await;
    let mut loads = [1, 2].map(|seed| Load::start(&callers[seed as usize - 1], &workflow, 3, seed));
    for hours in [1, 0, -1, 0] {
        clock.set(hours);
        tokio::time::sleep(while_set()).await;
        loads.iter_mut().for_each(Load::check);
    }
    clock.set(1);
    for load in loads {
        println!("{:?}", load.finish().await);
    }
    for server in [&right, &wrong] {
        let lost = metric(server, "sluicegate_instance_leases_lost_total ").await;
        assert!(lost < 0.5, "{lost} leases were lost: a lease is the database's time");
    }
}
