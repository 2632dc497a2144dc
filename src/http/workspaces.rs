//! Workspaces: the tenants.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Access, Admin, Owner, Principal, Viewer},
    error::{Code, Problem},
    extract::{changed, present},
    idempotency::Idempotent,
    names,
    pods::check_limit,
    query::{PageQuery, Query},
    reply::{List, Reply, page_of},
    state::AppState,
};
use crate::{
    clock::Clock,
    domain::{
        definition::MAX_RETENTION_DAYS,
        identity::{Member, Role},
        ids::WorkspaceId,
        workflow::Workspace,
    },
    engine::Engine,
    outbound::Hosts,
    store::{Store, StoreError, catalogue::Change},
};

/// How many hosts a workspace may name.
const MAX_HOSTS: usize = 200;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_workspace, list_workspaces)).routes(routes!(
        get_workspace,
        update_workspace,
        delete_workspace
    ))
}

/// A new workspace.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWorkspace {
    /// Its name: 1 to 120 characters on one line.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// Its name in addresses, unique on the server; made from `name` if missing.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 63)]
    slug: Option<String>,
}

/// What changes about a workspace; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateWorkspace {
    /// Its name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 120)]
    name: Option<String>,
    /// Its name in addresses.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 63)]
    slug: Option<String>,
    /// How many of its executions may run at a time, suspended ones apart; `null` is no limit.
    #[serde(default, deserialize_with = "changed")]
    #[schema(value_type = Option<i64>, required = false, minimum = 1, maximum = 100_000)]
    #[expect(clippy::option_option, reason = "missing, null, and a value are three things")]
    max_running: Option<Option<i64>>,
    /// The hosts that its nodes and notifications may call: names such as `api.example.org`, addresses, or `*.example.org` for all
    /// below a name; also after redirects. `null` is any public host, an empty list none.
    #[serde(default, deserialize_with = "changed")]
    #[schema(value_type = Option<Vec<String>>, required = false, max_items = 200)]
    #[expect(clippy::option_option, reason = "missing, null, and a value are three things")]
    outbound_hosts: Option<Option<Vec<String>>>,
    /// After how many days executions that have ended are removed, with everything that belongs to them, unless their workflow says
    /// otherwise; `null` keeps them for ever. It holds for executions of before, too.
    #[serde(default, deserialize_with = "changed")]
    #[schema(value_type = Option<i64>, required = false, minimum = 1, maximum = 36_500)]
    #[expect(clippy::option_option, reason = "missing, null, and a value are three things")]
    retention_days: Option<Option<i64>>,
}

/// Create a workspace
///
/// The caller becomes its first owner. People only: an API key belongs to a workspace that exists.
#[utoipa::path(
    post, path = "/workspaces", tag = "workspaces", request_body = CreateWorkspace,
    responses((status = 201, description = "The new workspace", body = Workspace)),
)]
async fn create_workspace(
    principal: Principal,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Idempotent { body, key }: Idempotent<CreateWorkspace>,
) -> Result<Reply, Problem> {
    principal.require_user("create a workspace")?;
    let name = names::name("/name", &body.name)?;
    let (id, now) = (WorkspaceId(clock.new_id()), clock.now());
    let slugs = match body.slug {
        Some(slug) => vec![names::slug("/slug", &slug)?],
        None => names::slugs_for(&name, id.0).into(),
    };
    let owner = Member { workspace_id: id, user_id: principal.id, role: Role::Owner, created_at: now };
    let mut attempts = slugs.into_iter().peekable();
    while let Some(slug) = attempts.next() {
        let (name, max_running, outbound_hosts, retention_days) = (name.clone(), None, None, None);
        let workspace =
            Workspace { id, name, slug, max_running, outbound_hosts, retention_days, created_at: now, updated_at: now };
        let reply = Reply::created(format!("/v1/workspaces/{id}"), &workspace);
        match key.try_change(&*store, Change::CreateWorkspace(workspace, owner.clone()), reply).await? {
            Err(StoreError::Taken(_)) if attempts.peek().is_some() => {}
            result => return result.map_err(Problem::from),
        }
    }
    Err(Problem::internal("no slug was tried"))
}

/// List workspaces
///
/// Those that the caller is a member of, newest first; for an API key, the one it belongs to.
#[utoipa::path(
    get, path = "/workspaces", tag = "workspaces", params(PageQuery),
    responses((status = 200, description = "The caller's workspaces", body = Vec<Workspace>)),
)]
async fn list_workspaces(
    principal: Principal,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(page): Query<PageQuery>,
) -> Result<List, Problem> {
    let workspaces = match principal.key_workspace() {
        Some(id) => vec![store.workspace(id).await?],
        None => store.workspaces_of(&principal.id).await?,
    };
    let page = page_of(workspaces, page.limit.0, page.cursor.as_deref(), |workspace| workspace.id.to_string())?;
    List::new(&uri, &page)
}

/// Get a workspace
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}", tag = "workspaces",
    responses((status = 200, description = "The workspace", body = Workspace)),
)]
async fn get_workspace(access: Access<Viewer>, State(store): State<Arc<dyn Store>>) -> Result<Reply, Problem> {
    Ok(Reply::ok(&store.workspace(access.workspace_id()).await?))
}

/// Change a workspace
///
/// Admins and owners. What is missing stays as it is; a new name keeps the slug.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}", tag = "workspaces", request_body = UpdateWorkspace,
    responses(
        (status = 200, description = "The workspace", body = Workspace),
        (status = 409, description = "The slug is taken"),
    ),
)]
async fn update_workspace(
    access: Access<Admin>,
    State(engine): State<Engine>,
    Idempotent { body, key }: Idempotent<UpdateWorkspace>,
) -> Result<Reply, Problem> {
    let store = engine.store();
    let mut workspace = store.workspace(access.workspace_id()).await?;
    if let Some(name) = body.name {
        workspace.name = names::name("/name", &name)?;
    }
    if let Some(slug) = body.slug {
        workspace.slug = names::slug("/slug", &slug)?;
    }
    if let Some(limit) = body.max_running {
        check_limit("/maxRunning", limit)?;
        workspace.max_running = limit;
    }
    if let Some(hosts) = body.outbound_hosts {
        check_hosts(hosts.as_deref())?;
        workspace.outbound_hosts = hosts;
    }
    if let Some(days) = body.retention_days {
        if let Some(days) = days.filter(|days| !(1..=MAX_RETENTION_DAYS).contains(days)) {
            let message = format!("must be between 1 and {MAX_RETENTION_DAYS} days, or null for ever, not {days}");
            return Err(Problem::field(Code::InvalidValue, "/retentionDays", message));
        }
        workspace.retention_days = days;
    }
    workspace.updated_at = engine.clock().now();
    let (id, reply) = (workspace.id, Reply::ok(&workspace));
    let reply = key.change(&**store, Change::UpdateWorkspace(workspace), reply).await?;
    engine.limits_changed(id);
    Ok(reply)
}

fn check_hosts(hosts: Option<&[String]>) -> Result<(), Problem> {
    let hosts = hosts.unwrap_or_default();
    if hosts.len() > MAX_HOSTS {
        let message = format!("a workspace names at most {MAX_HOSTS} hosts");
        return Err(Problem::field(Code::InvalidValue, "/outboundHosts", message));
    }
    let refused = |(index, message)| Problem::field(Code::InvalidValue, format!("/outboundHosts/{index}"), message);
    Hosts::new(hosts).map(drop).map_err(refused)
}

/// Delete a workspace
///
/// With everything in it, for good. Owners only; 409 while an execution in it is live.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}", tag = "workspaces",
    responses((status = 204, description = "It is gone"), (status = 409, description = "An execution in it is live")),
)]
async fn delete_workspace(access: Access<Owner>, State(state): State<AppState>) -> Result<StatusCode, Problem> {
    state.store.change(Change::DeleteWorkspace(access.workspace_id()), &access.author(), None).await?;
    state.auth.forget_workspace(access.workspace_id());
    Ok(StatusCode::NO_CONTENT)
}
