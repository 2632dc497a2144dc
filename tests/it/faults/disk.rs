//! A disk that is full below an SQLite database: what can't be written is refused, and everything goes on when there is room.

use std::{fs::File, io::Write, path::PathBuf, process::Command};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::{
    process::{Caller, PATIENCE, Server, Site},
    traffic::{ARGUMENTS, Pauses, Traffic},
};

/// A file system of its own in memory; it ends with this value.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// A new one. None where the machine does not let us mount any, which is said and, in CI, not accepted.
    #[expect(clippy::disallowed_methods, reason = "where the tests run is no setting of the server")]
    fn make(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            other => {
                assert!(std::env::var("CI").is_err(), "no disk: {other:?}");
                println!("SKIPPED: this machine lets us mount nothing: {other:?}");
                None
            }
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes all the room that there is.
    fn fill(&self) {
        let mut ballast = File::options().create(true).append(true).open(self.file("ballast")).unwrap();
        for size in [1 << 20, 1 << 12, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Gives the room back.
    fn free(&self) {
        std::fs::remove_file(self.file("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a server may be on its way out.
        _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Triggers until it is refused for want of room; the problem.
async fn until_refused(disk: &SmallDisk, caller: &Caller, workflow: &str) -> Value {
    let begun = Instant::now();
    let body = json!({"workflowId": workflow, "input": "x".repeat(20_000)});
    loop {
        // What the log has been given before is used up, and what a checkpoint sets free is taken.
        disk.fill();
        let (status, text) = caller.send(Method::POST, "/executions", Some(&body), None).await.unwrap();
        if status != 201 {
            assert_eq!(status, 503, "{text}");
            return serde_json::from_str(&text).unwrap();
        }
        assert!(begun.elapsed() < PATIENCE, "there is always room");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_loses_nothing_and_is_gone_on_with() {
    let Some(disk) = SmallDisk::make("256m") else { return };
    let site = Site::at(format!("sqlite:{}", disk.file("site.db").display())).await;
    let mut server = Server::start(&site, &ARGUMENTS).await;
    let caller = server.caller();
    let straight = json!({
        "nodes": [{"id": "begin", "type": "start"}, {"id": "finish", "type": "end"}],
        "edges": [{"id": "e", "source": "begin", "target": "finish"}],
    });
    let straight = caller.workflow(straight).await;
    let before = caller.trigger(&straight, Value::Null).await;
    let mut traffic = Traffic::start(vec![caller.clone()], 5, 6).await;
    let mut pauses = Pauses::new(6, 2);
    let mut times = 0;
    while pauses.next().await {
        traffic.check();
        let problem = until_refused(&disk, &caller, &straight).await;
        assert_eq!(problem["code"], "unavailable", "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains("full"), "{problem}");
        // What is there can be read.
        let (status, text) = caller.send(Method::GET, &format!("/executions/{before}"), None, None).await.unwrap();
        assert_eq!(status, 200, "{text}");
        pauses.lasts(1_000).await;
        if times % 2 == 1 {
            // It may die of something else meanwhile, and is started while there is no room.
            server.kill().await;
            let up = server.try_boot().await;
            println!("a server {} on a full disk", if up { "starts" } else { "does not start" });
            disk.free();
            if !up {
                server.boot().await;
            }
        } else {
            disk.free();
        }
        times += 1;
    }
    let passed = traffic.finish().await;
    println!("{times} times full: {passed}");
    assert!(times >= 2, "nothing was hit");
}
