//! `sluicegate dev`: everything at once, on this machine only.
//!
//! The store is a file in the data folder and is kept between runs, and so are the example workspace and its key: a key is
//! stored hashed, so its text lies in `dev.json` beside the database, readable by its owner only.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{examples::EXAMPLES, init, logging, serve};
use crate::{
    app::App,
    clock::Clock,
    config::{Secret, Settings},
    domain::{
        ids::{PodId, WorkflowId, WorkspaceId},
        workflow::{Workflow, WorkflowState},
    },
    store::{Store, catalogue::Change},
};

/// Serve with an embedded store, example workflows and ready-to-paste commands
#[derive(Args, Debug)]
pub struct Dev {
    /// Address to listen on; a loopback one. Port 0 picks a free one
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Folder of the database
    #[arg(long, default_value = ".sluicegate", value_name = "FOLDER")]
    data: PathBuf,
    /// How long one event stream may last [default: 10m]
    #[arg(long, env = "SLUICEGATE_STREAM_MAX_DURATION", value_name = "DURATION")]
    stream_max_duration: Option<crate::config::Span>,
    /// How close the slots of a schedule may lie [default: 1m]
    #[arg(long, env = "SLUICEGATE_SCHEDULE_MIN_INTERVAL", value_name = "DURATION")]
    schedule_min_interval: Option<crate::config::Span>,
    /// Print one line of JSON when ready
    #[arg(long)]
    json: bool,
}

/// What is kept between runs.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    api_key: String,
    workspace_id: WorkspaceId,
    pod_id: PodId,
    workflows: BTreeMap<String, WorkflowId>,
}

impl Dev {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        ensure!(self.listen.ip().is_loopback(), "dev listens on this machine only; use `sluicegate serve` for others");
        std::fs::create_dir_all(&self.data).with_context(|| format!("data folder {}", self.data.display()))?;
        let listener = serve::bind(self.listen).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let settings = Settings {
            listen: Some(self.listen),
            store: Some(Secret::new(format!("sqlite:{}", self.data.join("sluicegate.db").display()))),
            public_url: Some(url.clone()),
            stream_max_duration: self.stream_max_duration,
            schedule_min_interval: self.schedule_min_interval,
            // The example with http calls this very server.
            outbound_networks: Some(vec!["127.0.0.1".to_owned(), "::1".to_owned()]),
            log: Some("warn".to_owned()),
            ..Settings::default()
        };
        let config = settings.into_config()?;
        logging::begin(&config)?;
        let clock = Clock::system();
        let app = App::boot(config, clock.clone()).await?;
        let kept = prepare(&app.state.store, &clock, &self.data.join("dev.json")).await?;
        if self.json {
            let Kept { api_key, workspace_id, pod_id, workflows } = &kept;
            println!(
                "{}",
                json!({ "url": url, "apiKey": api_key, "workspaceId": workspace_id, "podId": pod_id, "workflows": workflows })
            );
        } else {
            print!("{}", welcome(&url, &kept));
        }
        serve::serve_until_signalled(app, listener).await
    }
}

/// The example workspace as it was made by an earlier run, or a new one.
async fn prepare(store: &Arc<dyn Store>, clock: &Clock, path: &Path) -> anyhow::Result<Kept> {
    if let Ok(text) = std::fs::read_to_string(path) {
        let mut kept: Kept = serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        if store.workspace(kept.workspace_id).await.is_ok() && store.pod(kept.workspace_id, kept.pod_id).await.is_ok() {
            add_missing(store, clock, &mut kept).await?;
            write(path, &kept)?;
            return Ok(kept);
        }
    }
    let made = init::make(store, clock, "Example", "Main").await?;
    let mut kept = Kept {
        api_key: made.api_key,
        workspace_id: made.workspace_id,
        pod_id: made.pod_id,
        workflows: BTreeMap::new(),
    };
    add_missing(store, clock, &mut kept).await?;
    write(path, &kept)?;
    Ok(kept)
}

/// Examples that were deleted come back; those that were changed stay as they are.
async fn add_missing(store: &Arc<dyn Store>, clock: &Clock, kept: &mut Kept) -> anyhow::Result<()> {
    for example in EXAMPLES {
        if let Some(id) = kept.workflows.get(example.key)
            && store.workflow(kept.workspace_id, *id).await.is_ok()
        {
            continue;
        }
        let (id, now) = (WorkflowId(clock.new_id()), clock.now());
        let (name, description, definition) = example.read();
        let workflow = Workflow {
            id,
            workspace_id: kept.workspace_id,
            pod_id: kept.pod_id,
            name,
            description,
            state: WorkflowState::Deployed,
            starred: false,
            version: 1,
            deployed_version: Some(1),
            definition: Some(definition),
            created_at: now,
            updated_at: now,
        };
        store.change(Change::CreateWorkflow(workflow, init::OPERATOR.to_owned()), &init::operator(clock), None).await?;
        kept.workflows.insert(example.key.to_owned(), id);
    }
    Ok(())
}

fn write(path: &Path, kept: &Kept) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(kept)?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("{} can't be written", path.display()))?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    Ok(())
}

/// What a newcomer needs: everything below can be pasted into another terminal.
fn welcome(url: &str, kept: &Kept) -> String {
    let Kept { api_key, workspace_id, pod_id, workflows } = kept;
    let id = |key: &str| workflows.get(key).map(ToString::to_string).unwrap_or_default();
    let (linear, approval, http, task) = (id("linear"), id("approval"), id("http"), id("task"));
    // As it was called: a program that was built from a checkout is in no PATH.
    let program = std::env::current_exe().map_or_else(|_| "sluicegate".to_owned(), |path| path.display().to_string());
    format!(
        r#"
Sluicegate is ready at {url}   (API reference: {url}/docs)

Dashboard; this link signs you in:

  {url}/sign-in#{api_key}

workflows  linear    {linear}
           approval  {approval}
           http      {http}
           task      {task}

Paste into another terminal. Once:

  alias sluicegate='{program}'
  export SLUICEGATE_URL={url}
  export SLUICEGATE_API_KEY={api_key}
  export SLUICEGATE_WORKSPACE={workspace_id}
  export SLUICEGATE_POD={pod_id}

Trigger the workflow with an approval, and remember the execution:

  ID=$(sluicegate trigger {approval} --input '{{"order":"A-1","amount":250}}')

Follow it live; it stops at the approval gate (Ctrl-C leaves it):

  sluicegate follow $ID

Approve it (in a third terminal, or after Ctrl-C), and follow again to see it complete:

  sluicegate approve $ID

Replay it from the gate; what came before is reused. First only the plan:

  sluicegate replay $ID --from review --dry-run
  sluicegate replay $ID --from review --follow

The others:

  sluicegate trigger {linear} --input '{{"items":[{{"price":3}},{{"price":4}}]}}' --follow
  sluicegate trigger {http} --input '{{"url":"{url}/healthz"}}' --follow

The same by HTTP, as any program does; here a schedule, every minute (`$POD/schedules/<id>/slots` tells what became of each):

  POD=$SLUICEGATE_URL/v1/workspaces/$SLUICEGATE_WORKSPACE/pods/$SLUICEGATE_POD
  curl -s $POD/schedules -H "x-api-key: $SLUICEGATE_API_KEY" -H 'content-type: application/json' \
    -d '{{"workflowId":"{linear}","name":"Every minute","cronExpression":"* * * * *","input":{{"items":[{{"price":3}}]}}}}'

Ctrl-C stops the server; everything is kept.
"#
    )
}
