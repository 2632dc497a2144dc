//! Workers that take more than they may: each is held, and its failure says by what.

use std::time::Duration;

use super::{ALL, Held, Site, has_groups};

#[tokio::test]
async fn a_fork_bomb_is_held() {
    let site = Site::new();
    let bomb = "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass";
    for held in ALL {
        let trial = site.python(held, &["--pids", "40"], bomb).await;
        trial.failed("process_limit", "more than 40 processes and threads");
        assert!(trial.took < Duration::from_secs(20), "{trial:#?}");
        // This one gives up where it is refused a process. Control groups have counted that, a look may come too late.
        let trial = site.sh(held, &["--pids", "40"], "b() { b | b & }; b; sleep 2").await;
        match trial.told["failed"]["code"].as_str() {
            Some("process_limit") => {}
            // It may end well, or fail by what it was refused.
            None | Some("worker_failed") => {
                assert!(held != Held::Groups && trial.log.contains("Cannot fork"), "{trial:#?}");
            }
            Some(_) => panic!("{trial:#?}"),
        }
    }
}

#[tokio::test]
async fn threads_count_as_processes() {
    let site = Site::new();
    let script = "import threading, time\nfor _ in range(200): threading.Thread(target=time.sleep, args=(30,)).start()";
    for held in ALL {
        site.python(held, &["--pids", "40"], script).await.failed("process_limit", "40 processes");
    }
}

#[tokio::test]
async fn as_many_processes_as_allowed_are_fine() {
    let site = Site::new();
    let script = "for i in $(seq 20); do sleep 0.3 & done; wait; echo true > $SLUICEGATE_OUTPUT";
    for held in ALL {
        assert_eq!(site.sh(held, &["--pids", "40"], script).await.output(), true);
    }
}

#[tokio::test]
async fn two_workers_of_one_user_do_not_count_as_one() {
    let site = Site::new();
    let script = "for i in $(seq 25); do sleep 1 & done; wait";
    let flags = ["--pids", "40"];
    let other = Site::new();
    let (one, two) =
        futures_util::future::join(site.sh(Held::User, &flags, script), other.sh(Held::User, &flags, script)).await;
    one.output();
    two.output();
}

#[tokio::test]
async fn a_memory_bomb_is_held() {
    let site = Site::new();
    let script = "a = []\nwhile True: a.append(bytearray(1 << 20))";
    for held in ALL {
        let trial = site.python(held, &["--memory", "64M"], script).await;
        // Without groups the kernel may refuse a process twice as much before anybody has looked; then it fails by itself.
        if held == Held::Groups || trial.told["failed"]["code"] != "worker_failed" {
            trial.failed("memory_limit", "more than 64MiB of memory");
        } else {
            trial.failed("worker_failed", "MemoryError");
        }
        assert!(trial.took < Duration::from_secs(20), "{trial:#?}");
    }
}

#[tokio::test]
async fn memory_is_counted_over_all_processes() {
    let site = Site::new();
    let script = "import os, time\nfor _ in range(4):\n  if os.fork() == 0:\n    a = bytearray(40 << 20)\n    time.sleep(30)\ntime.sleep(30)";
    for held in ALL {
        let trial = site.python(held, &["--memory", "96M"], script).await;
        // The kernel kills one of the four; the worker itself would sleep on.
        trial.failed("memory_limit", "96MiB");
    }
}

#[tokio::test]
async fn files_in_memory_are_bounded() {
    let site = Site::new();
    let script = "head -c 200M /dev/zero > /tmp/big; echo $? > $SLUICEGATE_OUTPUT; ls -l /tmp/big";
    for held in ALL {
        let trial = site.sh(held, &["--memory", "32M", "--file-size", "1G"], script).await;
        // With groups the kernel kills what writes; without, the file system is full.
        match trial.told["failed"]["code"].as_str() {
            Some(code) => assert!(held == Held::Groups && code == "memory_limit", "{trial:#?}"),
            None => assert!(*trial.output() != 0 && trial.log.contains("No space left"), "{trial:#?}"),
        }
    }
}

#[tokio::test]
async fn endless_work_is_stopped_by_processor_time() {
    let site = Site::new();
    for held in ALL {
        let trial = site.sh(held, &["--cpu-time", "1s"], "while :; do :; done").await;
        trial.failed("cpu_time_limit", "more than 1s of processor time");
        assert!(trial.took < Duration::from_secs(20), "{trial:#?}");
        // Of all processes together, and of those that are gone, too.
        let many = "while :; do (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done); done";
        site.sh(held, &["--cpu-time", "1s"], many).await.failed("cpu_time_limit", "1s of processor time");
    }
}

#[tokio::test]
async fn a_processor_is_shared_out() {
    if !has_groups() {
        // Only control groups can share out; docs/runner.md says so.
        return;
    }
    let site = Site::new();
    let script = "import time\nbegun = time.monotonic()\nwhile time.process_time() < 0.3: pass\nopen('output.json', 'w').write(str(time.monotonic() - begun))";
    let trial = site.python(Held::Groups, &["--cpu", "0.2"], script).await;
    assert!(trial.output().as_f64().unwrap() > 0.9, "{trial:#?}");
}

#[tokio::test]
async fn time_is_bounded_however_idle_a_worker_is() {
    let site = Site::new();
    for held in ALL {
        let trial = site.sh(held, &["--time-limit", "500ms"], "sleep 30").await;
        let details = trial.failed("time_limit", "after 500ms, the longest that one may run");
        assert_eq!(details["signal"], "SIGTERM");
        assert_eq!(trial.told["failed"]["retryable"], true);
        assert!(trial.took < Duration::from_secs(15), "{trial:#?}");
    }
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed() {
    let site = Site::new();
    for held in ALL {
        let script = "trap '' TERM; echo deaf; while :; do sleep 1; done";
        let trial = site.sh(held, &["--time-limit", "500ms"], script).await;
        let details = trial.failed("time_limit", "it ignored SIGTERM and was killed");
        assert_eq!((&details["killed"], &details["log"][0]), (&true.into(), &"deaf".into()));
    }
}

#[tokio::test]
async fn who_heeds_sigterm_has_time_to_tidy_up() {
    let site = Site::new();
    for held in ALL {
        let script = "trap 'echo tidied; exit 5' TERM; while :; do sleep 0.05; done";
        let trial = site.sh(held, &["--time-limit", "500ms"], script).await;
        let details = trial.failed("time_limit", "after 500ms");
        assert_eq!(details["exitCode"], 5);
        assert!(details["log"].as_array().unwrap().contains(&"tidied".into()), "{trial:#?}");
        assert!(!trial.told["failed"]["message"].as_str().unwrap().contains("ignored"));
    }
}

#[tokio::test]
async fn files_have_a_size() {
    let site = Site::new();
    for held in ALL {
        let trial = site.sh(held, &["--file-size", "1M"], "exec dd if=/dev/zero of=big bs=1M count=20").await;
        trial.failed("file_size_limit", "a file of more than 1MiB");
    }
}

#[tokio::test]
async fn open_files_are_counted() {
    let site = Site::new();
    let script = "a = []\nwhile True: a.append(open('/dev/null'))";
    for held in ALL {
        let trial = site.python(held, &["--open-files", "64"], script).await;
        trial.failed("worker_failed", "Too many open files");
    }
}

#[tokio::test]
async fn endless_output_does_not_fill_anything() {
    let site = Site::new();
    for held in ALL {
        let script = "head -c 50000000 /dev/zero | tr '\\0' x; yes | head -n 2000000; echo last";
        let trial = site.sh(held, &["--log-size", "64K"], script).await;
        trial.output();
        assert!(trial.log.len() < 256 << 10, "{} bytes", trial.log.len());
        assert!(trial.log.contains("more bytes)"), "a long line is cut: {}", trial.log);
        assert!(
            trial.log.contains("more than 64KiB: what follows is left out")
                || trial.log.contains("lines were left out")
        );
    }
}
