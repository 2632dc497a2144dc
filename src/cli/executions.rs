//! `sluicegate executions`

use std::collections::HashMap;

use clap::Args;
use serde_json::Value;
use url::form_urlencoded;

use super::{exit::Exit, output, progress, remote::Remote};

/// List executions, newest first
#[derive(Args, Debug)]
pub struct Executions {
    /// Only those in these statuses, such as `suspended` or `failed`; may be repeated
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<String>,
    /// Only those of this workflow: its id or name
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
    /// Only those that were started so, such as `webhook` or `schedule`
    #[arg(long, value_name = "HOW")]
    triggered_by: Option<String>,
    /// Only those about this subject
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Only replays and retries of this execution
    #[arg(long, value_name = "EXECUTION")]
    replay_of: Option<String>,
    /// Only those triggered after this instant
    #[arg(long, value_name = "INSTANT")]
    created_after: Option<String>,
    /// Only those triggered before this instant
    #[arg(long, value_name = "INSTANT")]
    created_before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: Remote,
}

impl Executions {
    pub(super) async fn run(self) -> anyhow::Result<Exit> {
        let pod = self.remote.pod().await?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        self.status.iter().for_each(|status| _ = query.append_pair("status", status));
        if let Some(named) = &self.workflow {
            let workflow = pod.workflow(named).await?;
            query.append_pair("workflowId", workflow["id"].as_str().unwrap_or_default());
        }
        for (name, value) in [
            ("triggeredBy", &self.triggered_by),
            ("subject", &self.subject),
            ("replayOf", &self.replay_of),
            ("createdAfter", &self.created_after),
            ("createdBefore", &self.created_before),
        ] {
            if let Some(value) = value {
                query.append_pair(name, value);
            }
        }
        let rows = pod.client.list(&pod.at(&format!("executions?{}", query.finish())), self.limit).await?;
        if self.json {
            output::json(&rows)?;
            return Ok(Exit::Done);
        }
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let workflows = pod.workflows().await?;
        let names: HashMap<String, String> =
            workflows.iter().map(|workflow| (text(workflow, "id"), text(workflow, "name"))).collect();
        let table: Vec<[String; 5]> = rows
            .iter()
            .map(|row| {
                let workflow = text(row, "workflowId");
                let took = row["durationMs"].as_i64().map_or_else(|| "-".to_owned(), progress::span);
                let name = names.get(&workflow).cloned().unwrap_or(workflow);
                [text(row, "id"), text(row, "status"), text(row, "createdAt"), took, output::plain(&name)]
            })
            .collect();
        output::table(["EXECUTION", "STATUS", "TRIGGERED", "TOOK", "WORKFLOW"], &table)?;
        Ok(Exit::Done)
    }
}
