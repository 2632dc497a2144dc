//! Servers that are processes of their own: they can be killed, stopped, continued and started again on the same database.

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    sync::watch,
    task::JoinSet,
    time::Instant,
};

use super::postgres::{self, Database};

/// How long anything may take that has to happen at all.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A number that the environment may raise for a longer run: how many kills, cuts, rounds or suspensions.
#[expect(clippy::disallowed_methods, reason = "the size of a test run is no setting of the server")]
pub fn count(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// A database with a workspace, a pod and an owner's key in it; it outlives the servers.
pub struct Site {
    pub store: String,
    pub workspace: String,
    pub pod: String,
    pub key: String,
    logs: PathBuf,
    _directory: TempDir,
    _database: Option<Database>,
}

impl Site {
    /// On SQLite, in a file of its own.
    pub async fn sqlite() -> Arc<Self> {
        let directory = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", directory.path().join("site.db").display());
        Self::on(store, directory, None).await
    }

    /// On PostgreSQL, in a database of its own.
    pub async fn postgres() -> Arc<Self> {
        let database = postgres::empty_database().await;
        Self::on(database.url.clone(), tempfile::tempdir().unwrap(), Some(database)).await
    }

    /// On a database of somebody else's making: an SQLite file or an empty PostgreSQL database.
    pub async fn at(store: String) -> Arc<Self> {
        Self::on(store, tempfile::tempdir().unwrap(), None).await
    }

    async fn on(store: String, directory: TempDir, database: Option<Database>) -> Arc<Self> {
        let init = binary().args(["init", "--json", "--log", "warn", "--store", &store]).output().await.unwrap();
        assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
        let made: Value = serde_json::from_slice(&init.stdout).unwrap();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Arc::new(Self {
            store,
            workspace: text("workspaceId"),
            pod: text("podId"),
            key: text("apiKey"),
            logs: directory.path().join("server.log"),
            _directory: directory,
            _database: database,
        })
    }

    /// What the servers have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.logs).unwrap_or_default()
    }
}

/// Where the program under test is: `SLUICEGATE_BIN`, or the one that was built with the tests.
#[expect(clippy::disallowed_methods, reason = "which program is tested is no setting of the server")]
fn program() -> String {
    std::env::var("SLUICEGATE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sluicegate").to_owned())
}

/// The program under test.
pub fn binary() -> Command {
    let mut command = Command::new(program());
    command.kill_on_drop(true).stdin(Stdio::null());
    command
}

/// How a server's process is started.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// Arguments beside the usual ones.
    pub arguments: Vec<String>,
    /// What the command begins with: a program that becomes the server, such as `ip netns exec`.
    pub under: Vec<String>,
    /// Variables that the process gets.
    pub environment: Vec<(String, String)>,
    /// Where it listens, if not on 127.0.0.1.
    pub host: Option<String>,
    /// The database as it is seen from there, if not as the site sees it.
    pub store: Option<String>,
}

impl Launch {
    /// The usual process with these arguments.
    pub fn with(arguments: &[&str]) -> Self {
        Self { arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(), ..Self::default() }
    }

    fn command(&self) -> Command {
        let Some((first, rest)) = self.under.split_first() else { return binary() };
        let mut command = Command::new(first);
        command.args(rest).arg(program()).kill_on_drop(true).stdin(Stdio::null());
        command
    }
}

/// A server process, or the place of one that is down. Killed with this value.
pub struct Server {
    pub site: Arc<Site>,
    launch: Launch,
    child: Option<Child>,
    address: watch::Sender<Option<String>>,
    log: JoinSet<()>,
}

impl Server {
    /// Starts a server and waits until it is ready. Each process gets a port of its own, so a client of a dead one never
    /// reaches somebody else; [`Caller`] follows.
    pub async fn start(site: &Arc<Site>, arguments: &[&str]) -> Self {
        Self::launch(site, Launch::with(arguments)).await
    }

    /// The same in another way.
    pub async fn launch(site: &Arc<Site>, launch: Launch) -> Self {
        let mut server = Self {
            site: Arc::clone(site),
            launch,
            child: None,
            address: watch::Sender::new(None),
            log: JoinSet::new(),
        };
        server.boot().await;
        server
    }

    /// Starts the process that was killed or stopped, again.
    pub async fn boot(&mut self) {
        assert!(self.try_boot().await, "the server did not start:\n{}", self.site.log());
    }

    /// The same where it may fail; whether it did not.
    pub async fn try_boot(&mut self) -> bool {
        assert!(self.child.is_none(), "the server is up");
        let told = self.launch.arguments.iter().any(|argument| argument == "--log");
        let listen = format!("{}:0", self.launch.host.as_deref().unwrap_or("127.0.0.1"));
        let store = self.launch.store.as_deref().unwrap_or(&self.site.store);
        let mut command = self.launch.command();
        for (name, value) in &self.launch.environment {
            command.env(name, value);
        }
        let mut child = command
            .args(["serve", "--listen", &listen, "--store", store])
            .args(["--log-format", "json"])
            .args(if told { [].as_slice() } else { ["--log", "warn,sluicegate::cli::serve=info"].as_slice() })
            .args(&self.launch.arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("a server boots in a minute");
            let Some(line) = line.unwrap() else {
                assert!(!child.wait().await.unwrap().success(), "a server that does not start has failed");
                return false;
            };
            self.note(&line).await;
            let said: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = said["fields"]["address"].as_str() {
                break format!("http://{address}");
            }
        };
        self.child = Some(child);
        let path = self.site.logs.clone();
        self.log.spawn(async move {
            let mut file = tokio::fs::OpenOptions::new().append(true).open(path).await.unwrap();
            while let Ok(Some(line)) = lines.next_line().await {
                _ = file.write_all(format!("{line}\n").as_bytes()).await;
                _ = file.flush().await;
            }
        });
        let ready = format!("{address}/readyz");
        let begun = Instant::now();
        while reqwest::get(&ready).await.is_ok_and(|reply| reply.status() == 503) {
            assert!(begun.elapsed() < PATIENCE, "the server never gets ready");
            tokio::task::yield_now().await;
        }
        if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
            self.child = None;
            while self.log.join_next().await.is_some() {}
            return false;
        }
        self.address.send_replace(Some(address));
        true
    }

    async fn note(&self, line: &str) {
        let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(&self.site.logs).await.unwrap();
        file.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        file.flush().await.unwrap();
    }

    /// Whether there is a process.
    pub fn is_up(&self) -> bool {
        self.child.is_some()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().and_then(Child::id).expect("the server is up")
    }

    /// Kills the process: it can't say or write another word.
    pub async fn kill(&mut self) {
        self.address.send_replace(None);
        self.child.as_mut().expect("the server is up").kill().await.unwrap();
        self.child = None;
        while self.log.join_next().await.is_some() {}
    }

    /// Sends a signal, such as `TERM`, `STOP` or `CONT`.
    pub async fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().await.unwrap();
        assert!(sent.success());
    }

    /// Waits until the process has ended by itself; how long that took.
    pub async fn ended(&mut self) -> Duration {
        let begun = Instant::now();
        let child = self.child.as_mut().expect("the server is up");
        let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("the server ends").unwrap();
        assert!(status.success(), "{status}:\n{}", self.site.log());
        self.child = None;
        self.address.send_replace(None);
        begun.elapsed()
    }

    /// The memory that the process has in use, in bytes.
    pub fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().trim().parse::<usize>().unwrap() * 1_024
    }

    /// Where the server is now.
    pub fn address(&self) -> String {
        self.address.borrow().clone().expect("the server is up")
    }

    /// Somebody who calls this server, wherever it is.
    pub fn caller(&self) -> Caller {
        Caller {
            http: reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap(),
            address: self.address.subscribe(),
            site: Arc::clone(&self.site),
        }
    }
}

/// A client that goes on after its server has died and come again.
#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    address: watch::Receiver<Option<String>>,
    pub site: Arc<Site>,
}

impl Caller {
    /// Where the server is, as soon as it is up.
    pub async fn address(&self) -> String {
        let mut address = self.address.clone();
        let address = tokio::time::timeout(PATIENCE, address.wait_for(Option::is_some)).await;
        address.expect("the server comes up").expect("the server is not gone for good").clone().unwrap()
    }

    /// One request; `path` is below the pod.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Result<(u16, String), reqwest::Error> {
        let Site { workspace, pod, key: api_key, .. } = &*self.site;
        let url = format!("{}/v1/workspaces/{workspace}/pods/{pod}{path}", self.address().await);
        let mut request = self.http.request(method, url).header("x-api-key", api_key);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let reply = request.send().await?;
        let status = reply.status().as_u16();
        Ok((status, reply.text().await?))
    }

    /// Asks until there is an answer that says what happened, as a careful client does, and counts the unclear ones.
    pub async fn until_clear(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> (u16, Value, usize) {
        let begun = Instant::now();
        for unclear in 0.. {
            let last = match self.send(method.clone(), path, body, key).await {
                Ok((status, text)) if status != 429 && status < 500 => {
                    return (status, serde_json::from_str(&text).unwrap_or_default(), unclear);
                }
                Ok((status, text)) => format!("{status} {text}"),
                Err(error) => error.to_string(),
            };
            assert!(begun.elapsed() < PATIENCE, "{method} {path} stays unclear: {last}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        unreachable!("the loop above has no end")
    }

    /// A request that must get this status.
    #[track_caller]
    pub fn expect(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> impl Future<Output = Value> + use<'_> {
        let path = path.to_owned();
        async move {
            let (got, value, _) = self.until_clear(method.clone(), &path, body.as_ref(), None).await;
            assert_eq!(got, status, "{method} {path}: {value}");
            value
        }
    }

    /// Saves a workflow; its id.
    pub async fn workflow(&self, definition: Value) -> String {
        let body = json!({"name": "Test", "definition": definition});
        self.expect(Method::POST, "/workflows", Some(body), 201).await["id"].as_str().unwrap().to_owned()
    }

    /// Triggers an execution; its id.
    pub async fn trigger(&self, workflow: &str, input: Value) -> String {
        let body = json!({"workflowId": workflow, "input": input});
        self.expect(Method::POST, "/executions", Some(body), 201).await["id"].as_str().unwrap().to_owned()
    }

    /// Waits until an execution is as wanted.
    pub async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        let path = format!("/executions/{id}?include=suspensions");
        loop {
            let execution = self.expect(Method::GET, &path, None, 200).await;
            if wanted(&execution) {
                return execution;
            }
            assert!(begun.elapsed() < PATIENCE, "never as wanted: {execution}\n{}", self.site.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until so many suspensions of an execution are open; their ids by node.
    pub async fn until_open(&self, id: &str, wanted: usize) -> Vec<(String, String)> {
        let open = |execution: &Value| -> Vec<(String, String)> {
            let suspensions = execution["suspensions"].as_array().into_iter().flatten();
            let open = suspensions.filter(|suspension| suspension["state"] == "open");
            open.map(|one| (node_of(one), text_of(&one["id"]))).collect()
        };
        let execution = self.until(id, |execution| open(execution).len() == wanted).await;
        let mut found = open(&execution);
        found.sort();
        found
    }

    /// Waits for the end of an execution.
    pub async fn until_ended(&self, id: &str) -> Value {
        let ends = ["completed", "failed", "cancelled", "skipped"];
        self.until(id, |execution| ends.contains(&execution["status"].as_str().unwrap())).await
    }
}

fn node_of(suspension: &Value) -> String {
    suspension["nodeId"].as_str().or(suspension["interrupt"]["nodeId"].as_str()).unwrap().to_owned()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
