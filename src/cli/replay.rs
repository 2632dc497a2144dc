//! `sluicegate replay`, `retry` and `cancel`: what is done with an execution as a whole.

use anyhow::Context;
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    exit::Exit,
    output,
    remote::{Pod, Remote, read_json},
    watch::{self, View},
};

/// Run an execution that has ended again, from the beginning or from a node
#[derive(Args, Debug)]
pub struct Replay {
    /// The execution that has ended
    execution: String,
    /// The node from which on everything runs again [default: the beginning]
    #[arg(long, value_name = "NODE")]
    from: Option<String>,
    /// Another input, where it runs from the beginning: JSON, `@FILE`, or `-`
    #[arg(long, value_name = "JSON", conflicts_with = "from")]
    input: Option<String>,
    /// `original`, `latest` or a number [default: original]
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
    /// Run this node again; may be repeated
    #[arg(long, value_name = "NODE")]
    rerun: Vec<String>,
    /// Take over the result of this node; may be repeated
    #[arg(long, value_name = "NODE")]
    reuse: Vec<String>,
    /// Give this node a result: `NODE=JSON`; may be repeated
    #[arg(long, value_name = "NODE=JSON")]
    pin: Vec<String>,
    /// Whether approvals and questions that run again ask again, or take over their old answers
    #[arg(long, value_enum, value_name = "CHOICE")]
    decisions: Option<Decisions>,
    /// Print the plan; nothing starts
    #[arg(long, conflicts_with = "follow")]
    dry_run: bool,
    /// Follow the new execution to its end
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Decisions {
    Ask,
    Reuse,
}

/// Run an execution again with the same input; one that is live is cancelled first
#[derive(Args, Debug)]
pub struct Retry {
    /// The execution
    execution: String,
    /// Follow the new execution to its end
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    remote: Remote,
}

/// Cancel an execution, and tell what was stopped
#[derive(Args, Debug)]
pub struct Cancel {
    /// The execution
    execution: String,
    /// Wait up to so many seconds until it has ended
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=60))]
    wait: u32,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Replay {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let body = self.body()?;
        let pod = self.remote.pod().await?;
        let path = pod.execution(&self.execution)?;
        let reply = pod.client.send(Method::POST, &format!("{path}/replay"), &body).await?;
        if !self.dry_run {
            return started(&pod, &reply, self.follow, &self.view).await;
        }
        if self.view.json {
            output::json(&reply)?;
            return Ok(Exit::Done);
        }
        output::line(format_args!("version {} would run, and of its nodes:", reply["workflowVersion"]))?;
        let text = |node: &Value, name: &str| node[name].as_str().unwrap_or_default().to_owned();
        let nodes = reply["nodes"].as_array().into_iter().flatten();
        let rows: Vec<[String; 4]> = nodes
            .map(|node| [text(node, "nodeId"), text(node, "action"), text(node, "decision"), text(node, "reason")])
            .collect();
        output::table(["NODE", "PLAN", "ANSWER", "WHY"], &rows)?;
        Ok(Exit::Done)
    }

    fn body(&self) -> anyhow::Result<Value> {
        let mut nodes = Map::new();
        nodes.extend(self.rerun.iter().map(|node| (node.clone(), json!("run"))));
        nodes.extend(self.reuse.iter().map(|node| (node.clone(), json!("reuse"))));
        for pin in &self.pin {
            let (node, value) = pin.split_once('=').with_context(|| format!("--pin `{pin}` is no NODE=JSON"))?;
            nodes.insert(node.to_owned(), json!({"pin": read_json(value)?}));
        }
        let mut body = json!({"nodes": nodes, "dryRun": self.dry_run});
        if let Some(node) = &self.from {
            body["fromNodeId"] = json!(node);
        }
        if let Some(input) = &self.input {
            body["input"] = read_json(input)?;
        }
        if let Some(version) = &self.version {
            body["version"] = version.parse::<i64>().map_or_else(|_| json!(version), |number| json!(number));
        }
        match self.decisions {
            Some(Decisions::Ask) => body["decisions"] = json!("ask"),
            Some(Decisions::Reuse) => body["decisions"] = json!("reuse"),
            None => {}
        }
        Ok(body)
    }
}

impl Retry {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let pod = self.remote.pod().await?;
        let path = pod.execution(&self.execution)?;
        let reply = pod.client.send(Method::POST, &format!("{path}/retry"), &json!({})).await?;
        started(&pod, &reply, self.follow, &self.view).await
    }
}

impl Cancel {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let pod = self.remote.pod().await?;
        let path = pod.execution(&self.execution)?;
        let report = pod.client.delete(&format!("{path}?wait={}", self.wait)).await?;
        if self.json {
            output::json(&report)?;
            return Ok(Exit::Done);
        }
        let execution = pod.client.get(&format!("{path}?include=")).await?;
        output::line(format_args!("the execution is {}", execution["status"].as_str().unwrap_or("?")))?;
        for (name, what) in [("nodes", "node"), ("suspensions", "question"), ("children", "child execution")] {
            for stopped in report[name].as_array().into_iter().flatten().filter_map(Value::as_str) {
                output::line(format_args!("  stopped: {what} {stopped}"))?;
            }
        }
        Ok(Exit::Done)
    }
}

/// Tells of a new execution, and follows it if that is wanted.
async fn started(pod: &Pod, execution: &Value, follow: bool, view: &View) -> anyhow::Result<Exit> {
    let id = execution["id"].as_str().unwrap_or_default();
    match (follow, view.json) {
        (false, true) => output::json(execution)?,
        (false, false) => output::line(id)?,
        (true, true) => {}
        (true, false) => output::line(format_args!("execution {id}"))?,
    }
    if follow { watch::follow(pod, id, view).await } else { Ok(Exit::Done) }
}
