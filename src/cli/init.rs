//! `sluicegate init` and `sluicegate migrate`

use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::logging;
use crate::{
    app::open_store,
    clock::Clock,
    config::Settings,
    domain::{
        audit::Author,
        identity::{ApiKey, Member, Role},
        ids::{ApiKeyId, PodId, WorkspaceId},
        workflow::{Pod, Workspace},
    },
    http::{auth::api_key, names},
    store::{Store, catalogue::Change},
};

/// Who owns what the command line makes.
pub(super) const OPERATOR: &str = "operator";

/// Prepare a database: schema, a workspace, a pod, and an owner's key
#[derive(Args, Debug)]
pub struct Init {
    #[command(flatten)]
    settings: Settings,
    /// Name of the workspace
    #[arg(long, default_value = "Default")]
    workspace: String,
    /// Name of the pod
    #[arg(long, default_value = "Main")]
    pod: String,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Bring a database's schema up to date
#[derive(Args, Debug)]
pub struct Migrate {
    #[command(flatten)]
    settings: Settings,
}

/// The command line as the author of a change.
pub(super) fn operator(clock: &Clock) -> Author {
    Author { id: OPERATOR.to_owned(), at: clock.now() }
}

/// What was made; the key is shown this once.
pub(super) struct Made {
    pub workspace_id: WorkspaceId,
    pub pod_id: PodId,
    pub api_key: String,
}

impl Init {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.settings.into_config()?;
        logging::begin(&config)?;
        let store = open_store(&config, false).await?;
        let made = make(&store, &Clock::system(), &self.workspace, &self.pod).await?;
        store.close().await;
        let Made { workspace_id, pod_id, api_key } = made;
        if self.json {
            println!("{}", json!({ "workspaceId": workspace_id, "podId": pod_id, "apiKey": api_key }));
        } else {
            println!("workspace  {workspace_id}\npod        {pod_id}\nAPI key    {api_key}");
            println!("\nThe key is shown only now; keep it.");
        }
        Ok(())
    }
}

impl Migrate {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = self.settings.into_config()?;
        logging::begin(&config)?;
        open_store(&config, false).await?.close().await;
        println!("the schema is up to date");
        Ok(())
    }
}

/// Makes a workspace with a pod and an owner's key.
pub(super) async fn make(store: &Arc<dyn Store>, clock: &Clock, workspace: &str, pod: &str) -> anyhow::Result<Made> {
    let now = clock.now();
    let workspace_id = WorkspaceId(clock.new_id());
    let refused = |_| anyhow::anyhow!("a name must be 1 to 120 characters on one line");
    let name = names::name("/workspace", workspace).map_err(refused)?;
    let pod_name = names::name("/pod", pod).map_err(refused)?;
    let member = Member { workspace_id, user_id: OPERATOR.to_owned(), role: Role::Owner, created_at: now };
    let mut slugs = names::slugs_for(&name, workspace_id.0).into_iter().peekable();
    while let Some(slug) = slugs.next() {
        let name = name.clone();
        let workspace = Workspace {
            id: workspace_id,
            name,
            slug,
            max_running: None,
            outbound_hosts: None,
            retention_days: None,
            created_at: now,
            updated_at: now,
        };
        match store.change(Change::CreateWorkspace(workspace, member.clone()), &operator(clock), None).await {
            Err(crate::store::StoreError::Taken(_)) if slugs.peek().is_some() => {}
            made => {
                made?;
                break;
            }
        }
    }
    let pod_id = PodId(clock.new_id());
    let slug = names::slug_of(&pod_name);
    let pod = Pod {
        id: pod_id,
        workspace_id,
        name: pod_name,
        slug,
        description: String::new(),
        max_running: None,
        created_at: now,
        updated_at: now,
    };
    store.change(Change::CreatePod(pod), &operator(clock), None).await?;
    let api_key = make_key(store, clock, workspace_id).await?;
    Ok(Made { workspace_id, pod_id, api_key })
}

/// Makes an owner's key.
pub(super) async fn make_key(
    store: &Arc<dyn Store>,
    clock: &Clock,
    workspace_id: WorkspaceId,
) -> anyhow::Result<String> {
    let new = api_key::generate();
    let key = ApiKey {
        id: ApiKeyId(clock.new_id()),
        workspace_id,
        name: "Made by the command line".to_owned(),
        prefix: new.prefix,
        role: Role::Owner,
        created_by: OPERATOR.to_owned(),
        created_at: clock.now(),
        expires_at: None,
        last_used_at: None,
    };
    store.change(Change::CreateApiKey(key, new.digest), &operator(clock), None).await?;
    Ok(new.secret)
}
