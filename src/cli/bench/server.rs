//! The measured server: the same binary as a child process on a free loopback port, and what its process looks like from
//! outside. Nothing but this child is ever ended.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    io::AsyncReadExt,
    process::{Child, Command},
};

use super::load::{Connection, EventStream, Place, member};

/// How long the server may take until it is ready, and until it has stopped.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often an idle stream hears from the server; short, so that the memory of a stream is measured after it was written to.
pub const HEARTBEAT: Duration = Duration::from_secs(5);

/// A running server with a workspace of its own.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// The workspace that was made for it.
    pub workspace: Workspace,
    /// From the start of the process to the first 200 of `/readyz`.
    pub ready_after: Duration,
}

/// A workspace with a pod and a key.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// The workspace's id.
    #[serde(rename = "workspaceId")]
    pub id: uuid::Uuid,
    /// The pod's id.
    pub pod_id: uuid::Uuid,
    /// An owner's key.
    pub api_key: String,
}

impl Workspace {
    /// Makes one with `sluicegate init`, which also brings the schema up to date.
    pub async fn make(store: &str) -> anyhow::Result<Self> {
        let made = this_program()?
            .args(["init", "--json", "--workspace", "Benchmark", "--pod", "Benchmark"])
            .env("SLUICEGATE_STORE", store)
            .stderr(Stdio::inherit())
            .output()
            .await?;
        ensure!(made.status.success(), "`sluicegate init` failed: {}", made.status);
        serde_json::from_slice(&made.stdout).context("what `sluicegate init` printed")
    }
}

/// This binary, without the environment: no setting of the caller's changes what is measured.
pub fn this_program() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env_clear().stdin(Stdio::null()).kill_on_drop(true);
    Ok(command)
}

impl Server {
    /// Makes a workspace, starts a server on it and waits until it is ready.
    pub async fn start(store: &str) -> anyhow::Result<Self> {
        Self::start_with(store, &[]).await
    }

    /// The same with more arguments.
    pub async fn start_with(store: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        Self::start_in(store, Workspace::make(store).await?, arguments).await
    }

    /// Starts a server and waits until it is ready.
    pub async fn start_in(store: &str, workspace: Workspace, arguments: &[&str]) -> anyhow::Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let started = Instant::now();
        let child = this_program()?
            .args(["serve", "--listen", &address.to_string(), "--log", "warn", "--streams-per-workspace", "1000000"])
            .args(["--stream-heartbeat", &format!("{}s", HEARTBEAT.as_secs())])
            .args(arguments)
            .env("SLUICEGATE_STORE", store)
            .stderr(Stdio::inherit())
            .spawn()
            .context("starting the server")?;
        let mut server = Self { child, address, workspace, ready_after: Duration::ZERO };
        loop {
            if server.is_ready().await {
                server.ready_after = started.elapsed();
                return Ok(server);
            }
            ensure!(server.child.try_wait()?.is_none(), "the server ended before it was ready");
            ensure!(started.elapsed() < PATIENCE, "the server was not ready in {} s", PATIENCE.as_secs());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = Connection::open(self.address, "").await else { return false };
        matches!(connection.try_call(Method::GET, "/readyz", "").await, Ok((status, _)) if status.is_success())
    }

    /// A new connection with the workspace's key.
    pub async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.address, &self.workspace.api_key).await
    }

    /// The path of the pod, with something after it.
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/workspaces/{}/pods/{}/{rest}", self.workspace.id, self.workspace.pod_id)
    }

    /// Saves a workflow; the body of a request that triggers it with this input.
    pub async fn workflow(&self, definition: Value, input: Value) -> anyhow::Result<String> {
        let body = json!({ "name": "Benchmark", "definition": definition }).to_string();
        let reply = self.connect().await?.call(Method::POST, &self.path("workflows"), body).await?;
        let id = member(&reply, "id", Place::First)?;
        Ok(json!({ "workflowId": id, "input": input }).to_string())
    }

    /// Triggers an execution and answers its id.
    pub async fn trigger(&self, connection: &mut Connection, body: &str) -> anyhow::Result<String> {
        let reply = connection.call(Method::POST, &self.path("executions"), body.to_owned()).await?;
        member(&reply, "id", Place::First)
    }

    /// Follows an execution from its first event.
    pub async fn follow(&self, execution: &str) -> anyhow::Result<EventStream> {
        self.connect().await?.follow(&self.path(&format!("executions/{execution}/events"))).await
    }

    /// The memory of the server's process that is in use, in bytes.
    pub async fn resident_bytes(&self) -> anyhow::Result<u64> {
        let process = self.child.id().context("the server has ended")?;
        let status = tokio::fs::read_to_string(format!("/proc/{process}/status")).await?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kilobytes * 1024)
    }

    /// The processor time that the server's process has used.
    pub async fn processor_seconds(&self) -> anyhow::Result<f64> {
        let process = self.child.id().context("the server has ended")?;
        let stat = tokio::fs::read_to_string(format!("/proc/{process}/stat")).await?;
        // The name, in parentheses, may hold spaces; user and system time are the 12th and 13th field after it.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks: f64 = fields.skip(11).take(2).map(|field| field.parse::<f64>().unwrap_or_default()).sum();
        // The kernel counts in hundredths of a second on every machine that Linux runs on.
        Ok(ticks / 100.0)
    }

    /// Ends the server, and waits until it has ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.start_kill()?;
        tokio::time::timeout(PATIENCE, self.child.wait()).await.context("the server does not end")??;
        Ok(())
    }
}

/// A child that serves [`super::bare`].
pub struct BareServer {
    _child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl BareServer {
    /// Starts it; it ends with this value.
    pub async fn start() -> anyhow::Result<Self> {
        let mut child = this_program()?.args(["bench", "--serve-bare"]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let mut output = child.stdout.take().context("a child without output")?;
        while !line.ends_with('\n') {
            let byte = output.read_u8().await.context("the bare server ended")?;
            line.push(char::from(byte));
        }
        Ok(Self { _child: child, address: line.trim().parse().context("the bare server's address")? })
    }
}
