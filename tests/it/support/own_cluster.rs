//! A PostgreSQL cluster of one test: it can be halted, also as after a crash, and it keeps what it has confirmed.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The cluster; it ends with this value.
pub struct OwnCluster {
    /// The database in it.
    pub url: String,
    state: TempDir,
}

impl OwnCluster {
    /// A new cluster with these lines in its settings, which takes connections from these networks besides loopback.
    pub async fn start(settings: &[&str], networks: &[&str]) -> Self {
        let changes =
            settings.iter().map(|line| ("set", line)).chain(networks.iter().map(|network| ("allow", network)));
        let changes: Vec<(&str, String)> = changes.map(|(command, &value)| (command, value.to_owned())).collect();
        blocking(move || {
            let mut cluster = Self { url: String::new(), state: tempfile::tempdir().unwrap() };
            cluster.url = cluster.run(&["url", "--durable"]).trim().to_owned();
            for (command, value) in &changes {
                cluster.run(&[command, "--durable", value]);
            }
            if !changes.is_empty() {
                cluster.run(&["halt", "--durable", "fast"]);
                cluster.run(&["resume", "--durable"]);
            }
            cluster
        })
        .await
    }

    /// Stops the server: `fast` ends its sessions, `immediate` is like a crash.
    pub async fn halt(&self, mode: &'static str) {
        self.run_beside(&["halt", "--durable", mode]).await;
    }

    /// Starts it again, and returns once it takes connections.
    pub async fn resume(&self) {
        self.run_beside(&["resume", "--durable"]).await;
    }

    async fn run_beside(&self, arguments: &[&'static str]) {
        let (state, arguments) = (self.state.path().to_owned(), arguments.to_vec());
        blocking(move || script(&state, &arguments)).await;
    }

    fn run(&self, arguments: &[&str]) -> String {
        script(self.state.path(), arguments)
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        // A panic here would hide the one that is on its way.
        _ = command(self.state.path(), &["stop"]).output();
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

fn command(state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(Path::new(ROOT).join("scripts/test-postgres.sh"));
    command.args(arguments).env("CARGO_TARGET_DIR", state).stdin(Stdio::null());
    command
}

fn script(state: &Path, arguments: &[&str]) -> String {
    let output = command(state, arguments).output().expect("bash runs the script");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
