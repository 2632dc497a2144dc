//! The commands as people and scripts use them: the real program, its output and its exit codes.

mod broken;
mod conformance;
mod dev;
mod files;
mod follower;
mod local;
mod remote;
mod row_security;
mod terminal;
mod upkeep;

use std::sync::Arc;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::support::process::{PATIENCE, Server, Site, binary};

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// The output of a command that has to end so.
    #[track_caller]
    pub fn expect(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "{self:#?}");
        self.stdout.trim_end()
    }

    /// The one line of JSON of a command that has to end so.
    #[track_caller]
    pub fn json(&self, code: i32) -> Value {
        serde_json::from_str(self.expect(code)).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Runs a command to its end, through pipes.
pub async fn ran(command: &mut Command) -> Ran {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("the command ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Runs a command without a server.
pub async fn alone(arguments: &[&str]) -> Ran {
    ran(binary().args(arguments)).await
}

/// A server, and somebody at a shell who calls it.
pub struct Shell {
    pub server: Server,
    pub folder: TempDir,
}

impl Shell {
    pub async fn new(arguments: &[&str]) -> Self {
        Self::at(&Site::sqlite().await, arguments).await
    }

    pub async fn at(site: &Arc<Site>, arguments: &[&str]) -> Self {
        let server = Server::start(site, arguments).await;
        Self { server, folder: tempfile::tempdir().unwrap() }
    }

    /// A command with the server, its key and the pod in its environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("SLUICEGATE_URL", self.server.address())
            .env("SLUICEGATE_API_KEY", &self.server.site.key);
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments)).await
    }

    /// Writes a file, and gives its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        write(&self.folder, name, text)
    }

    /// Imports an example of the repository.
    pub async fn import(&self, name: &str) {
        self.run(&["import", &example(name)]).await.expect(0);
    }

    /// Waits until an execution waits for an answer.
    pub async fn until_suspended(&self, id: &str) {
        self.server.caller().until(id, |execution| execution["status"] == "suspended").await;
    }
}

/// Writes a file into a folder, and gives its path.
pub fn write(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The path of an example.
pub fn example(name: &str) -> String {
    format!("{}/examples/{name}.yaml", env!("CARGO_MANIFEST_DIR"))
}
