//! The runner: what holds a worker, what is told of it, and what is left of it, seen with real sandboxes.
//!
//! Each trial is the real program with `--try`. Most of them are made three times: as root with control groups, as root without, and
//! as an ordinary user; where the tests are not root all three are the same ordinary user.

mod bombs;
mod deaths;
mod docker;
mod engine;
mod example;
mod files;
mod isolation;
mod tasks;

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Stdio,
    sync::OnceLock,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use uuid::Uuid;

/// How long anything may take that should happen soon.
pub const PATIENCE: Duration = Duration::from_mins(1);
/// The ordinary user.
const NOBODY: u32 = 65_534;

/// Who holds the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Root, with control groups where there are any.
    Groups,
    /// Root, without control groups.
    Root,
    /// An ordinary user.
    User,
}

/// All of them.
pub const ALL: [Held; 3] = [Held::Groups, Held::Root, Held::User];

/// A place for trials: what the ordinary user can reach, too.
pub struct Site {
    pub folder: TempDir,
    pub program: PathBuf,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("runner-").tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let program = folder.path().join("sluicegate");
        let built = env!("CARGO_BIN_EXE_sluicegate");
        fs::hard_link(built, &program).or_else(|_| fs::copy(built, &program).map(drop)).unwrap();
        Self { folder, program }
    }

    /// Where runners of a kind make their folders.
    pub fn work_dir(&self, held: Held) -> PathBuf {
        self.folder.path().join(format!("work-{held:?}"))
    }

    /// A runner's command line.
    pub fn runner(&self, held: Held) -> Command {
        let mut command = Command::new(&self.program);
        command.kill_on_drop(true).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["runner", "--log", "warn", "--work-dir"]).arg(self.work_dir(held));
        if held == Held::Root {
            command.arg("--no-cgroups");
        }
        if held == Held::User && rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs a program of `sh` as a worker; `flags` are the runner's.
    pub async fn sh(&self, held: Held, flags: &[&str], script: &str) -> Trial {
        self.trial(held, flags, &["sh", "-c", script]).await
    }

    /// Runs a program of Python as a worker.
    pub async fn python(&self, held: Held, flags: &[&str], script: &str) -> Trial {
        self.trial(held, flags, &["/usr/bin/python3", "-c", script]).await
    }

    async fn trial(&self, held: Held, flags: &[&str], command: &[&str]) -> Trial {
        let marker = Marker::new();
        let (mut child, begun) = (self.start(held, flags, command, &marker), Instant::now());
        let output = tokio::time::timeout(PATIENCE, async {
            let mut pipes = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let reads = (
                tokio::io::AsyncReadExt::read_to_end(&mut pipes.0, &mut out),
                tokio::io::AsyncReadExt::read_to_end(&mut pipes.1, &mut err),
            );
            let (a, b) = futures_util::future::join(reads.0, reads.1).await;
            a.and(b).unwrap();
            child.wait().await.unwrap();
            (out, err)
        })
        .await
        .unwrap_or_else(|_| panic!("{held:?}: the trial does not end: {command:?}"));
        let log = String::from_utf8_lossy(&output.1).into_owned();
        let told = serde_json::from_slice(&output.0).unwrap_or_else(|error| panic!("{held:?}: {error}\n{log}"));
        assert_eq!(marker.living(), Vec::<u32>::new(), "{held:?}: processes are left: {command:?}");
        let left: Vec<_> = fs::read_dir(self.work_dir(held)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left == ["lock"], "{held:?}: folders are left: {left:?}");
        Trial { held, told, log, took: begun.elapsed() }
    }

    /// Starts a trial, and leaves it to the caller.
    pub fn start(&self, held: Held, flags: &[&str], command: &[&str], marker: &Marker) -> Child {
        let line: Vec<String> = command.iter().map(|word| quoted(word)).collect();
        let mut runner = self.runner(held);
        runner.args(["--grace", "1s", "--try", r#"{"n":7}"#]).args(flags);
        runner.arg("--command").arg(format!("{} {}", line.join(" "), marker.0));
        runner.spawn().unwrap()
    }
}

/// A word as a shell wants it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word that only the processes of one worker, and its runner, have on their command lines.
pub struct Marker(String);

impl Marker {
    pub fn new() -> Self {
        Self(format!("marker-{}", Uuid::new_v4().simple()))
    }

    /// The processes that have it.
    pub fn living(&self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        entries
            .filter_map(|entry| {
                let pid = entry.file_name().to_str()?.parse().ok()?;
                let line = fs::read(entry.path().join("cmdline")).ok()?;
                String::from_utf8_lossy(&line).contains(&self.0).then_some(pid)
            })
            .collect()
    }

    /// Waits until a worker of `sh` has begun. A process that the runner is just starting still has the runner's command line.
    pub async fn until_at_work(&self) {
        let is_sh = |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sh\n");
        let begun = Instant::now();
        while !self.living().iter().any(is_sh) {
            assert!(begun.elapsed() < PATIENCE, "the worker never begins");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until so many processes have it.
    pub async fn until_living(&self, wanted: impl Fn(usize) -> bool) {
        let begun = Instant::now();
        while !wanted(self.living().len()) {
            assert!(begun.elapsed() < PATIENCE, "never as many processes as wanted: {:?}", self.living());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What became of a worker.
#[derive(Debug)]
pub struct Trial {
    /// Shown when something is wrong.
    #[expect(dead_code, reason = "only `Debug` reads it")]
    pub held: Held,
    /// What would have been told to the server.
    pub told: Value,
    /// Its log.
    pub log: String,
    pub took: Duration,
}

impl Trial {
    /// The output of a worker that has completed.
    #[track_caller]
    pub fn output(&self) -> &Value {
        assert!(self.told["failed"].is_null() && self.told.get("completed").is_some(), "{self:#?}");
        &self.told["completed"]
    }

    /// Checks the code of a worker that has failed, and what its message says.
    #[track_caller]
    pub fn failed(&self, code: &str, says: &str) -> &Value {
        let failed = &self.told["failed"];
        assert!(failed["code"] == code, "{code}: {self:#?}");
        assert!(failed["message"].as_str().unwrap().contains(says), "{says}: {self:#?}");
        &failed["details"]
    }
}

/// Whether control groups bound processes here, for what can only be seen with them.
pub fn has_groups() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| sluicegate::runner::Groups::find().bound_processes())
}
