//! `sluicegate approve`, `reject` and `answer`: what a reviewer says.

use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    exit::Exit,
    output,
    remote::{Remote, read_json},
};
use crate::client::{Client, ClientError};

/// What is answered
#[derive(Args, Debug)]
struct Asked {
    /// The execution that waits
    execution: String,
    /// The node that asks; may be missing where one question is open
    #[arg(long, value_name = "NODE", conflicts_with = "suspension")]
    node: Option<String>,
    /// The suspension, in place of the node
    #[arg(long, value_name = "ID")]
    suspension: Option<String>,
    /// A remark
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// The filled form: JSON, `@FILE`, or `-` for standard input
    #[arg(long, value_name = "JSON")]
    data: Option<String>,
    /// Print the execution as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Approve what an execution asks
#[derive(Args, Debug)]
pub struct Approve {
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    asked: Asked,
}

/// Reject what an execution asks
#[derive(Args, Debug)]
pub struct Reject {
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    asked: Asked,
}

/// Answer a question of an execution, or choose one of an approval's actions
#[derive(Args, Debug)]
pub struct Answer {
    #[command(flatten)]
    asked: Asked,
    /// The answer as a text
    #[arg(id = "answer", value_name = "ANSWER")]
    text: Option<String>,
    /// The answer as JSON (callbacks): JSON, `@FILE`, or `-` for standard input
    #[arg(long, value_name = "JSON", conflicts_with = "answer")]
    value: Option<String>,
    /// The action of an approval
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Approve {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        self.asked.respond(json!({"approved": true}), self.reason).await
    }
}

impl Reject {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        self.asked.respond(json!({"approved": false}), self.reason).await
    }
}

impl Answer {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let answer = match (self.text, self.value) {
            (Some(text), _) => Some(Value::String(text)),
            (None, Some(value)) => Some(read_json(&value)?),
            (None, None) => None,
        };
        let mut body = Map::new();
        body.extend(answer.map(|answer| ("answer".to_owned(), answer)));
        body.extend(self.action.map(|action| ("action".to_owned(), Value::String(action))));
        anyhow::ensure!(
            !body.is_empty() || self.asked.data.is_some(),
            "say what the answer is: a text, --value, --data or --action"
        );
        self.asked.respond(Value::Object(body), self.reason).await
    }
}

impl Asked {
    async fn respond(self, mut body: Value, reason: Option<String>) -> anyhow::Result<Exit> {
        let data = self.data.as_deref().map(read_json).transpose()?;
        let text = |text: Option<String>| text.map(Value::String);
        for (name, value) in [
            ("reason", text(reason)),
            ("comment", text(self.comment)),
            ("nodeId", text(self.node)),
            ("suspensionId", text(self.suspension)),
            ("data", data),
        ] {
            if let Some(value) = value {
                body[name] = value;
            }
        }
        let pod = self.remote.pod().await?;
        let path = pod.execution(&self.execution)?;
        let execution = match pod.client.send(Method::PATCH, &format!("{path}/respond"), &body).await {
            Err(error) => return Err(explained(&pod.client, &path, error).await),
            answered => answered?,
        };
        if self.json {
            output::json(&execution)?;
        } else {
            output::line(format_args!("answered; the execution is {}", execution["status"].as_str().unwrap_or("?")))?;
        }
        Ok(Exit::Done)
    }
}

/// A refusal of an answer, with what is open where that helps.
async fn explained(client: &Client, path: &str, error: ClientError) -> anyhow::Error {
    if error.code() != Some("ambiguous_suspension") {
        return error.into();
    }
    let Ok(execution) = client.get(&format!("{path}?include=suspensions")).await else { return error.into() };
    let open = execution["suspensions"].as_array().into_iter().flatten().filter(|one| one["state"] == "open");
    let lines = open.map(|one| {
        let text = |value: &Value| output::plain(value.as_str().unwrap_or_default());
        let asked = &one["interrupt"];
        format!("\n  --suspension {}  {}: {}", text(&one["id"]), text(&asked["nodeId"]), text(&asked["message"]))
    });
    anyhow::anyhow!("{error}{}", lines.collect::<String>())
}
