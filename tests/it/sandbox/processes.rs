//! The processes behind the sandbox: what they may do, how many there are, and that none is left.

use std::{
    ops::Not,
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use serde_json::json;
use sluicegate::{
    domain::ids::WorkspaceId,
    sandbox::{Options, Sandbox, SandboxError},
};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::{call, output, run, sandbox};
use crate::support::{
    process::{PATIENCE, Server, Site},
    scene::{line, node},
};

/// The processes that this one (or another) has started for scripts, by what `/proc` says.
fn children_of(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap() {
        let Some(pid) = entry.unwrap().file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if is_child(pid, Some(parent)) {
            found.push(pid);
        }
    }
    found
}

fn is_child(pid: u32, parent: Option<u32>) -> bool {
    let Ok(command) = std::fs::read(format!("/proc/{pid}/cmdline")) else { return false };
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    let fields: Vec<&str> = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').collect()).unwrap_or_default();
    let is_parent = parent.is_none_or(|parent| fields.get(1).is_some_and(|found| *found == parent.to_string()));
    fields.first() != Some(&"Z") && is_parent && command.windows(9).any(|word| word == b"js-worker")
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const LONG: &str = "export default () => { console.log('on'); for (;;) {} }";

/// Starts a script that runs for long, and waits until it runs.
async fn begin(sandbox: &Sandbox) -> tokio_util::task::AbortOnDropHandle<Result<serde_json::Value, SandboxError>> {
    let (lines, mut logged) = mpsc::channel(4);
    let sandbox = sandbox.clone();
    let mut long = call(LONG, json!(null));
    long.cpu = Duration::from_secs(30);
    let work = async move { sandbox.run(WorkspaceId(Uuid::nil()), &long, lines).await };
    let running = tokio_util::task::AbortOnDropHandle::new(tokio_util::task::TaskTracker::new().spawn(work));
    assert_eq!(logged.recv().await.unwrap().message, "on");
    running
}

#[tokio::test]
async fn a_process_is_confined_before_it_gets_a_script() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let sandbox = sandbox(1);
    let _running = begin(&sandbox).await;
    let pid = children_of(std::process::id())[0];
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((field("Seccomp:"), field("NoNewPrivs:"), field("Threads:")), ("2".into(), "1".into(), "1".into()));
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(
        (limit("Max file size"), limit("Max core file size"), limit("Max processes")),
        ("0".into(), "0".into(), "0".into())
    );
    assert_eq!(limit("Max open files"), "16");
    assert!(limit("Max data size").parse::<u64>().unwrap() < 300 << 20, "{limits}");
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    assert_eq!(String::from_utf8_lossy(&environment), "MIMALLOC_ARENA_RESERVE=16384\0");
    // The pipes, and nothing that the parent has opened.
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let open: Vec<_> = open.map(|fd| std::fs::read_link(fd.unwrap().path()).unwrap()).collect();
    assert!(
        open.contains(&std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap()).not(),
        "{open:?}"
    );
    assert!(open.contains(&file.path().to_owned()).not(), "{open:?}");
}

#[tokio::test]
async fn processes_are_kept_and_there_are_no_more_than_places() {
    let sandbox = sandbox(2);
    let slow = "export default () => { for (let i = 0; i < 3e5; i++); return 1 }";
    let calls = (0..12).map(|_| output(&sandbox, slow, json!(null)));
    assert_eq!(futures_util::future::join_all(calls).await, vec![json!(1); 12]);
    let first = children_of(std::process::id());
    assert!((1..=2).contains(&first.len()), "{first:?}");
    output(&sandbox, slow, json!(null)).await;
    assert_eq!(children_of(std::process::id()), first);
    drop(sandbox);
    until("the processes are gone", || children_of(std::process::id()).is_empty()).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_its_process_with_it() {
    let sandbox = sandbox(1);
    let running = begin(&sandbox).await;
    let pids = children_of(std::process::id());
    assert_eq!(pids.len(), 1);
    drop(running);
    until("the process is gone", || !is_child(pids[0], None)).await;
    assert_eq!(output(&sandbox, "export default () => 1", json!(null)).await, 1);
}

#[tokio::test]
async fn a_process_that_is_killed_is_told_and_replaced() {
    let sandbox = sandbox(1);
    let running = begin(&sandbox).await;
    let pid = children_of(std::process::id())[0];
    let kill = async |pid: u32| {
        let killed = tokio::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().await.unwrap();
        assert!(killed.success());
    };
    kill(pid).await;
    match running.await.unwrap() {
        Err(SandboxError::Lost(why)) => assert!(why.contains("signal: 9"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(output(&sandbox, "export default () => 1", json!(null)).await, 1);
    // One that dies while nobody uses it is not noticed at all.
    let idle = children_of(std::process::id())[0];
    kill(idle).await;
    until("it is gone", || !is_child(idle, None)).await;
    assert_eq!(output(&sandbox, "export default () => 2", json!(null)).await, 2);
}

#[tokio::test]
async fn a_program_that_is_no_sandbox_is_told() {
    for (program, part) in [("/nowhere/sluicegate", "could not be started"), ("/bin/true", "it ended")] {
        let sandbox = Sandbox::new(Options { processes: 1, program: Some(program.into()), ..Options::default() });
        match run(&sandbox, &call("export default () => 1", json!(null))).await.0 {
            Err(SandboxError::Lost(why)) => assert!(why.contains(part), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

/// A server that goes leaves none of them behind, softly or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_outlives_its_server() {
    let site = Site::sqlite().await;
    let mut server = Server::start(&site, &["--drain-limit", "1s"]).await;
    let caller = server.caller();
    let code = |source: &str| line([node("run", "code", json!({"source": source, "cpuMs": 30_000}))]);
    let quick = caller.workflow(code("export default () => 1")).await;
    let long = caller.workflow(code("export default () => { for (;;) {} }")).await;
    for round in 0..2 {
        let id = caller.trigger(&quick, json!({})).await;
        assert_eq!(caller.until_ended(&id).await["status"], "completed");
        caller.trigger(&long, json!({})).await;
        let server_pid = server.pid();
        until("a script runs", || {
            children_of(server_pid).iter().any(|pid| {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                stat.contains(") R ")
            })
        })
        .await;
        let pids = children_of(server_pid);
        if round == 0 {
            server.signal("TERM").await;
            server.ended().await;
            until("all are gone", || pids.iter().all(|pid| !is_child(*pid, None))).await;
            server.boot().await;
        } else {
            server.kill().await;
            until("all are gone", || pids.iter().all(|pid| !is_child(*pid, None))).await;
        }
    }
}
