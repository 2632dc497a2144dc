//! The kind `docker` against an engine that speaks the real API and runs nothing (there may be none where the tests run).

use serde_json::{Value, json};

use super::{
    Held, PATIENCE, Site,
    engine::{Engine, Script},
};

/// Runs one worker; what is told, and its log.
async fn attempt(site: &Site, engine: &Engine, flags: &[&str]) -> (Value, String) {
    let output = start(site, engine, flags).wait_with_output();
    let output = tokio::time::timeout(PATIENCE, output).await.unwrap().unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    (serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {log}")), log)
}

fn start(site: &Site, engine: &Engine, flags: &[&str]) -> tokio::process::Child {
    let mut runner = site.runner(Held::Groups);
    runner.args(["--kind", "docker", "--id", "here", "--grace", "1s", "--try", r#"{"n":7}"#]);
    if !flags.contains(&"--image") {
        runner.args(["--image", "agent"]);
    }
    runner.arg("--docker-socket").arg(&engine.socket).args(flags).spawn().unwrap()
}

#[tokio::test]
async fn a_container_is_made_with_limits_and_removed() {
    let site = Site::new();
    let script = Script {
        log: vec![(1, "hello\nhalf"), (2, "oops\n"), (1, " a line\n")],
        writes: vec![("output.json", r#"{"ok":true}"#), ("artifacts/a.txt", "abc")],
        exits: Some(0),
        ..Script::default()
    };
    let engine = Engine::start(site.folder.path(), script);
    let flags = ["--memory", "64M", "--cpu", "1.5", "--pids", "20", "--cpu-time", "5s", "--env", "MODEL=m"];
    let bind = site.folder.path().to_str().unwrap();
    let flags = [&flags[..], &["--command", "python3 '/path/the agent.py'", "--bind-ro", bind]].concat();
    let (told, log) = attempt(&site, &engine, &flags).await;
    assert_eq!(
        (&told["completed"], &told["artifacts"]),
        (&json!({"ok": true}), &json!([{"name": "a.txt", "size": 3}]))
    );
    for line in ["info  hello\n", "info  half a line\n", "error oops\n"] {
        assert!(log.contains(line), "{log}");
    }
    let wanted = engine.wanted();
    let host = &wanted["HostConfig"];
    for (found, expected) in [
        (&wanted["Image"], json!("agent")),
        (&wanted["Cmd"], json!(["python3", "/path/the agent.py"])),
        (&wanted["Labels"]["sluicegate.runner"], json!("here")),
        (&wanted["Labels"]["sluicegate.task"], json!("try")),
        (&wanted["NetworkDisabled"], json!(true)),
        (&host["NetworkMode"], json!("none")),
        (&host["Memory"], json!(64 << 20)),
        (&host["MemorySwap"], json!(64 << 20)),
        (&host["NanoCpus"], json!(1_500_000_000)),
        (&host["PidsLimit"], json!(20)),
        (&host["ReadonlyRootfs"], json!(true)),
        (&host["CapDrop"], json!(["ALL"])),
        (&host["SecurityOpt"], json!(["no-new-privileges:true"])),
        (&host["Privileged"], json!(false)),
        (&host["Ulimits"][3], json!({"Name": "cpu", "Soft": 7, "Hard": 7})),
        (&host["Mounts"][0]["Target"], json!("/task")),
        (&host["Mounts"][0]["ReadOnly"], json!(true)),
        (&host["Mounts"][1]["Target"], json!("/sandbox")),
        (&host["Mounts"][2], json!({"Type": "bind", "Source": bind, "Target": bind, "ReadOnly": true})),
    ] {
        assert_eq!(*found, expected, "{wanted:#}");
    }
    assert_ne!(wanted["User"], "0:0");
    let environment: Vec<&str> = wanted["Env"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(environment.contains(&"MODEL=m") && environment.contains(&"SLUICEGATE_INPUT=/task/input.json"));
    assert!(!environment.iter().any(|variable| variable.starts_with("PATH=")), "an image has its own");
    assert_eq!(engine.names(), Vec::<String>::new());
}

#[tokio::test]
async fn ends_of_containers_are_told_apart() {
    let site = Site::new();
    let failing = Script { exits: Some(3), log: vec![(2, "no such page\n")], ..Script::default() };
    let ends = [
        (failing, "worker_failed", "exit code 3: no such page"),
        (Script { exits: Some(139), ..Script::default() }, "worker_killed", "SIGSEGV"),
        (Script { exits: Some(153), ..Script::default() }, "file_size_limit", "256MiB"),
        (Script { exits: Some(137), out_of_memory: true, ..Script::default() }, "memory_limit", "512MiB"),
        (Script { processes: 128, ..Script::default() }, "process_limit", "128 processes"),
        (Script { cpu_ns: 3_000_000_000, ..Script::default() }, "cpu_time_limit", "2s of processor time"),
        (Script::default(), "time_limit", "after 3s"),
        (Script { deaf: true, ..Script::default() }, "time_limit", "it ignored SIGTERM and was killed"),
        (
            Script { refuses: Some((400, "exec: no such file")), ..Script::default() },
            "command_failed",
            "exec: no such file",
        ),
        (Script { refuses: Some((500, "no space left")), ..Script::default() }, "worker_not_started", "no space left"),
    ];
    for (number, (script, code, says)) in ends.into_iter().enumerate() {
        let folder = site.folder.path().join(number.to_string());
        std::fs::create_dir(&folder).unwrap();
        let engine = Engine::start(&folder, script.clone());
        let (told, _) = attempt(&site, &engine, &["--time-limit", "3s", "--cpu-time", "2s"]).await;
        assert_eq!(told["failed"]["code"], code, "{script:?}: {told}");
        assert!(told["failed"]["message"].as_str().unwrap().contains(says), "{says}: {told}");
        assert_eq!(engine.names(), Vec::<String>::new(), "{script:?}");
        let signals: Vec<String> = engine.calls().into_iter().filter(|call| call.starts_with("kill")).collect();
        let expected: &[&str] = match code {
            "process_limit" => &["kill SIGKILL"],
            "time_limit" if script.deaf => &["kill SIGTERM", "kill SIGKILL"],
            "time_limit" | "cpu_time_limit" => &["kill SIGTERM"],
            _ => &[],
        };
        assert_eq!(signals, expected, "{script:?}");
    }
}

#[tokio::test]
async fn containers_of_dead_runners_are_removed_at_the_start() {
    let site = Site::new();
    let engine = Engine::start(site.folder.path(), Script { exits: Some(0), ..Script::default() });
    let dead = "018f0000-0000-7000-8000-000000000001";
    engine.leave("of-the-dead", json!({"sluicegate.runner": "here", "sluicegate.boot": dead}));
    engine.leave("of-nobody", json!({"sluicegate.runner": "here"}));
    engine.leave("of-another", json!({"sluicegate.runner": "there", "sluicegate.boot": dead}));
    engine.leave("not-ours", json!({"other": "label"}));
    assert!(attempt(&site, &engine, &[]).await.0["completed"].is_null());
    assert_eq!(engine.names(), ["not-ours", "of-another"]);
}

#[tokio::test]
async fn an_engine_or_image_that_is_missing_is_said_at_the_start() {
    let site = Site::new();
    let engine = Engine::start(site.folder.path(), Script::default());
    let output = start(&site, &engine, &["--image", "nosuch"]).wait_with_output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("docker pull nosuch"), "{said}");
    let socket = engine.socket.clone();
    drop(engine);
    std::fs::remove_file(&socket).unwrap();
    let mut runner = site.runner(Held::Groups);
    runner.args(["--kind", "docker", "--image", "agent", "--try", "1", "--docker-socket"]).arg(&socket);
    let output = runner.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(&format!("can't be reached at {}", socket.display())), "{said}");
}

#[tokio::test]
async fn containers_of_living_runners_are_left_alone() {
    let site = Site::new();
    let engine = Engine::start(site.folder.path(), Script::default());
    let mut first = start(&site, &engine, &[]);
    let begun = std::time::Instant::now();
    let until = async |count: usize| {
        while engine.names().len() != count {
            assert!(begun.elapsed() < PATIENCE, "never {count} containers: {:?}", engine.names());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    until(1).await;
    let of_first = engine.names();
    let mut second = start(&site, &engine, &[]);
    until(2).await;
    assert!(engine.names().contains(&of_first[0]));
    // Killed, they leave both; the next one knows that they are dead.
    for runner in [&mut first, &mut second] {
        runner.start_kill().unwrap();
        runner.wait().await.unwrap();
    }
    until(2).await;
    let third = start(&site, &engine, &[]);
    let removed = |name: &String| engine.calls().contains(&format!("remove {name}"));
    while !removed(&of_first[0]) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", engine.calls());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    until(1).await;
    drop(third);
}
