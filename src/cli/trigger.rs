//! `sluicegate trigger`

use clap::Args;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    exit::Exit,
    output,
    remote::{Remote, read_json},
    watch::{self, View},
};

/// Trigger an execution
///
/// Prints its id; with --follow its events until it has ended, and its output.
#[derive(Args, Debug)]
pub struct Trigger {
    /// The workflow: its id or name
    workflow: String,
    /// Input: JSON, `@FILE`, or `-` for standard input
    #[arg(long, short, value_name = "JSON")]
    input: Option<String>,
    /// Context of the expressions: a JSON object, `@FILE`, or `-`
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// Version of the workflow [default: the latest]
    #[arg(long, value_name = "NUMBER")]
    version: Option<i64>,
    /// -100 to 100, higher first
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    priority: Option<i32>,
    /// What it is about, to find it by
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Equal keys are duplicates
    #[arg(long, value_name = "KEY")]
    dedupe_key: Option<String>,
    /// Equal keys share a limit
    #[arg(long, value_name = "KEY")]
    concurrency_key: Option<String>,
    /// Not before this instant, such as `2030-01-31T09:00:00Z`
    #[arg(long, value_name = "INSTANT")]
    run_at: Option<String>,
    /// The same key gets the same execution for 24 hours [default: a new one]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Follow it to its end
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    view: View,
    #[command(flatten)]
    remote: Remote,
}

impl Trigger {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let read = |argument: Option<&String>| argument.map(|argument| read_json(argument)).transpose();
        let (input, context) = (read(self.input.as_ref())?, read(self.context.as_ref())?);
        let pod = self.remote.pod().await?;
        let workflow = pod.workflow(&self.workflow).await?;
        let members = [
            ("workflowId", Some(workflow["id"].clone())),
            ("input", input),
            ("context", context),
            ("version", self.version.map(Value::from)),
            ("priority", self.priority.map(Value::from)),
            ("subject", self.subject.map(Value::from)),
            ("dedupeKey", self.dedupe_key.map(Value::from)),
            ("concurrencyKey", self.concurrency_key.map(Value::from)),
            ("runAt", self.run_at.map(Value::from)),
        ];
        let body: serde_json::Map<String, Value> =
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        let key = self.idempotency_key.unwrap_or_else(|| Uuid::new_v4().to_string());
        let execution = pod.client.send_once(&pod.at("executions"), &json!(body), &key).await?;
        let id = execution["id"].as_str().unwrap_or_default();
        match (self.follow, self.view.json) {
            (false, true) => output::json(&execution)?,
            (false, false) => output::line(id)?,
            // Among events there is nothing else.
            (true, true) => {}
            (true, false) => output::line(format_args!("execution {id}"))?,
        }
        if self.follow { watch::follow(&pod, id, &self.view).await } else { Ok(Exit::Done) }
    }
}
