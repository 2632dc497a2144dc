//! Ends of every kind, the runner's own included: nothing of a worker outlives them.

use std::{fs, time::Duration};

use tokio::process::Command;

use super::{ALL, Held, Marker, PATIENCE, Site};

#[tokio::test]
async fn what_a_worker_leaves_behind_ends_with_it() {
    let site = Site::new();
    for held in ALL {
        // A daemon in a session of its own whose parents are gone, and whose outputs are closed.
        let daemon = "import os, time\nif os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0:\n    os.closerange(0, 10)\n    time.sleep(600)\n  os._exit(0)\nos.wait()";
        let trial = site.python(held, &[], daemon).await;
        trial.output();
        assert!(trial.log.contains("processes that the worker left behind, ended with it: 1"), "{}", trial.log);
        assert!(trial.took < Duration::from_secs(15), "{trial:#?}");
        // Zombies hold nothing, and don't count.
        let trial = site.sh(held, &[], "for i in 1 2 3; do (sleep 0.01 &) ; done; sleep 0.3").await;
        assert!(!trial.log.contains("behind"), "{}", trial.log);
    }
}

#[tokio::test]
async fn a_runner_that_is_killed_leaves_nothing() {
    for held in ALL {
        let site = Site::new();
        let marker = Marker::new();
        let script = "trap '' TERM HUP INT; (setsid sh -c 'trap \"\" TERM; while :; do sleep 1; done' $0 &) ; while :; do sleep 1; done";
        let mut runner = site.start(held, &[], &["sh", "-c", script], &marker);
        // The runner, the worker, and the one that it has put into a session of its own.
        marker.until_at_work().await;
        marker.until_living(|count| count >= 3).await;
        runner.start_kill().unwrap();
        runner.wait().await.unwrap();
        marker.until_living(|count| count == 0).await;
        // Its folder is left, and goes with the next runner's start.
        let entries = || fs::read_dir(site.work_dir(held)).unwrap().count();
        assert_eq!(entries(), 2);
        site.sh(held, &[], "true").await.output();
        assert_eq!(entries(), 1);
    }
}

#[tokio::test]
async fn a_sandbox_that_is_killed_is_a_failure() {
    let site = Site::new();
    let marker = Marker::new();
    let runner = site.start(Held::Root, &[], &["sh", "-c", "while :; do sleep 1; done"], &marker);
    marker.until_at_work().await;
    let pid = runner.id().unwrap();
    let children = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()?))
    });
    let bwrap = children.into_iter().find(|(_, parent)| *parent == pid).unwrap().0;
    let killed = Command::new("kill").args(["-KILL", &bwrap.to_string()]).status().await.unwrap();
    assert!(killed.success());
    let output = tokio::time::timeout(PATIENCE, runner.wait_with_output()).await.unwrap().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["failed"]["code"], "worker_killed", "{told}");
    marker.until_living(|count| count == 0).await;
}

#[tokio::test]
async fn a_runner_that_is_told_to_stop_stops_its_worker() {
    for held in ALL {
        let site = Site::new();
        let marker = Marker::new();
        let script = "trap 'echo bye; exit 1' TERM; while :; do sleep 0.05; done";
        let runner = site.start(held, &[], &["sh", "-c", script], &marker);
        marker.until_at_work().await;
        let pid = runner.id().unwrap().to_string();
        // The trap is set a moment after the shell is there.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let output = tokio::time::timeout(PATIENCE, runner.wait_with_output()).await.unwrap().unwrap();
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["released"], "the runner stops", "{told}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("bye"));
        marker.until_living(|count| count == 0).await;
    }
}

#[tokio::test]
async fn no_control_groups_are_left() {
    let site = Site::new();
    for script in ["true", "sleep 600 & sleep 0.1", "b() { b | b & }; b; sleep 30"] {
        site.sh(Held::Groups, &["--pids", "30"], script).await;
    }
    // A group is named for the process that its sandbox began with; those of other tests that run now are not left.
    let left = || {
        let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
        let names = hierarchies.flat_map(|one| fs::read_dir(one.path()).into_iter().flatten().flatten());
        let mut names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.find(|name| {
            let pid = name.strip_prefix("sluicegate-worker-try-");
            pid.is_some_and(|pid| fs::metadata(format!("/proc/{pid}")).is_err())
        })
    };
    let begun = std::time::Instant::now();
    while let Some(name) = left() {
        assert!(begun.elapsed() < PATIENCE, "{name} is left");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
