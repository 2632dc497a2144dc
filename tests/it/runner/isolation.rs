//! What a worker sees of the machine: its own folder, its input, and the programs of the system.

use super::{ALL, Site};

#[tokio::test]
async fn a_worker_gets_its_input_and_gives_its_output() {
    let site = Site::new();
    for held in ALL {
        let trial = site.sh(held, &[], "cat $SLUICEGATE_INPUT > $SLUICEGATE_OUTPUT").await;
        assert_eq!(trial.output(), &serde_json::json!({"n": 7}));
        let trial = site.sh(held, &[], "echo hello > $SLUICEGATE_OUTPUT").await;
        assert_eq!(trial.output(), "hello\n");
        assert!(site.sh(held, &[], "true").await.output().is_null());
    }
}

#[tokio::test]
async fn an_exit_code_is_told_with_the_last_words() {
    let site = Site::new();
    for held in ALL {
        let trial = site.sh(held, &[], "echo working; echo 'no such page' >&2; exit 3").await;
        let details = trial.failed("worker_failed", "exit code 3: no such page");
        assert_eq!((&details["exitCode"], trial.told["failed"]["retryable"].as_bool()), (&3.into(), Some(true)));
        assert!(trial.log.contains("info  working") && trial.log.contains("error no such page"), "{}", trial.log);
        let trial = site.sh(held, &[], "kill -SEGV $$").await;
        assert_eq!(trial.failed("worker_killed", "SIGSEGV")["signal"], "SIGSEGV");
        // Not the same as being killed by that signal.
        let trial = site.sh(held, &[], "exit 139").await;
        assert_eq!(trial.failed("worker_failed", "exit code 139")["exitCode"], 139);
        let trial = site.trial(held, &[], &["/nowhere/agent"]).await;
        trial.failed("command_failed", "`/nowhere/agent` can't be started: No such file");
        assert_eq!(trial.told["failed"]["retryable"], false);
    }
}

#[tokio::test]
async fn nothing_of_the_host_is_seen() {
    let site = Site::new();
    let secret = site.folder.path().join("secret");
    std::fs::write(&secret, "the server's data").unwrap();
    let script = format!(
        "for path in {} /root /home /var /proc/1/root/etc/shadow /etc/shadow /etc/hostname /sys /run/sluicegate/x /boot; do \
           [ -r $path ] && ls -d $path && echo seen >> seen; done; \
         [ -n \"$SECRET$SLUICEGATE_API_KEY\" ] && echo seen >> seen; \
         for pid in /proc/[0-9]*; do echo $pid; done | wc -l > pids; \
         echo \"{{\\\"seen\\\": \\\"$(cat seen 2>/dev/null)\\\", \\\"pids\\\": $(cat pids), \\\"host\\\": \\\"$(cat /proc/sys/kernel/hostname)\\\"}}\" > output.json",
        secret.display()
    );
    for held in ALL {
        let trial = site.sh(held, &[], &script).await;
        let output = trial.output();
        assert_eq!((&output["seen"], &output["host"]), (&"".into(), &"worker".into()), "{trial:#?}");
        // The first process, the shell, and what counts.
        assert!(output["pids"].as_u64().unwrap() <= 5, "{trial:#?}");
    }
}

#[tokio::test]
async fn nothing_can_be_written_outside_the_folder() {
    let site = Site::new();
    let marked = site.folder.path().join("marked");
    let script = format!(
        "for path in /x /usr/x /etc/x /dev/x /proc/x /task/x /task/input.json /run/x /run/sluicegate {}; do \
           (echo x > $path) 2>/dev/null && echo $path >> wrote; done; \
         echo x > /tmp/x && echo x > /dev/shm/x && echo x > inside || echo nowhere >> wrote; \
         cat wrote 2>/dev/null > output.json; echo x > /usr/bin/x",
        marked.display()
    );
    for held in ALL {
        let trial = site.sh(held, &[], &script).await;
        assert!(trial.failed("worker_failed", "Read-only file system")["exitCode"] != 0);
        let trial = site.sh(held, &[], &format!("{script}; true")).await;
        assert!(trial.output().is_null(), "{trial:#?}");
        assert!(!marked.exists() && !std::path::Path::new("/usr/bin/x").exists());
    }
}

#[tokio::test]
async fn there_is_no_network() {
    let site = Site::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!(
        "import socket, json\n\
         def reach(family, address):\n  \
           s = socket.socket(family, socket.SOCK_STREAM)\n  \
           s.settimeout(3)\n  \
           try:\n    s.connect(address); return 'reached'\n  \
           except OSError as error: return error.strerror or str(error)\n\
         out = [reach(socket.AF_INET, ('127.0.0.1', {port})), reach(socket.AF_INET, ('192.0.2.1', 80))]\n\
         open('output.json', 'w').write(json.dumps(out))\n\
         socket.create_connection(('192.0.2.1', 80), 3)"
    );
    for held in ALL {
        let trial = site.python(held, &[], &script).await;
        trial.failed("worker_failed", "Network is unreachable");
        let trial = site.python(held, &[], script.rsplit_once('\n').unwrap().0).await;
        let refused = serde_json::json!(["Connection refused", "Network is unreachable"]);
        assert_eq!(trial.output(), &refused);
        let trial = site.python(held, &["--allow-network"], script.rsplit_once('\n').unwrap().0).await;
        assert_eq!(trial.output()[0], "reached", "{trial:#?}");
    }
}

#[tokio::test]
async fn a_worker_has_no_privileges() {
    let site = Site::new();
    let script = "grep -E '^(CapEff|CapBnd|CapPrm|NoNewPrivs):' /proc/self/status | tr -d '\\t' | tr '\\n' ' ' > output.json; \
        unshare -U true 2>/dev/null && echo nested >> output.json; mount -t tmpfs none /tmp 2>/dev/null && echo mounted >> output.json; \
        kill -9 1; kill -TERM 1; chown 0 inside 2>/dev/null; [ -d /proc/1 ] || echo killed >> output.json";
    for held in ALL {
        let none = "0000000000000000";
        let expected = format!("CapPrm:{none} CapEff:{none} CapBnd:{none} NoNewPrivs:1 ");
        assert_eq!(site.sh(held, &[], &format!("{script}; true")).await.output(), &expected);
    }
}

#[tokio::test]
async fn what_is_named_can_be_read_and_not_written() {
    let site = Site::new();
    let folder = site.folder.path().join("tools");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("agent.sh"), "cp $1 $SLUICEGATE_OUTPUT; echo x >> $0").unwrap();
    // Anybody might write, if it weren't for the mount.
    std::fs::set_permissions(folder.join("agent.sh"), std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let path = folder.to_str().unwrap();
    for held in ALL {
        let agent = format!("sh {path}/agent.sh $SLUICEGATE_INPUT; true");
        let trial = site.sh(held, &["--bind-ro", path], &agent).await;
        assert_eq!(trial.output()["n"], 7);
        assert!(trial.log.contains("Read-only file system"), "{}", trial.log);
    }
}

#[tokio::test]
async fn variables_are_given_by_name() {
    let site = Site::new();
    for held in ALL {
        let flags = ["--env", "MODEL=a b", "--env", "LANG=de"];
        let trial = site.sh(held, &flags, "echo \"$MODEL/$LANG\" > output.json").await;
        assert_eq!(trial.output(), "a b/de\n");
    }
}
