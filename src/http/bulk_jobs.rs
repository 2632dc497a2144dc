//! Bulk jobs: cancel, replay or retry many executions, and see what became of each.

use std::{collections::HashSet, sync::Arc};

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod, Viewer},
    error::{Code, Problem},
    execution_fields::matching,
    extract::Param,
    idempotency::{Idempotent, NoBody, ReplyKey},
    query::{Limit, PageQuery, Query},
    reply::{List, Reply},
    state::AppState,
};
use crate::{
    clock::{Clock, Instant},
    domain::{
        bulk::{BulkAction, BulkCounts, BulkItem, BulkItemState, BulkJob, BulkState, BulkVersion, MAX_ITEMS},
        execution::{ExecutionStatus, TriggeredBy},
        ids::{BulkJobId, ExecutionId, WorkflowId},
    },
    store::{ExecutionFilter, Store, catalogue::Change},
    triggers::bulk::BulkWork,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(cancel_executions))
        .routes(routes!(replay_executions))
        .routes(routes!(retry_executions))
        .routes(routes!(list_bulk_jobs))
        .routes(routes!(get_bulk_job))
        .routes(routes!(list_bulk_job_items))
        .routes(routes!(cancel_bulk_job))
}

/// Which executions a job is about: `ids` or `filter`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkSelection {
    /// These; up to 10000.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 10_000)]
    ids: Option<Vec<ExecutionId>>,
    /// Those that a list with this filter shows now; up to 10000.
    #[serde(default)]
    filter: Option<BulkFilter>,
}

/// Which executions are replayed, and from where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkReplay {
    /// These; up to 10000.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 10_000)]
    ids: Option<Vec<ExecutionId>>,
    /// Those that a list with this filter shows now; up to 10000.
    #[serde(default)]
    filter: Option<BulkFilter>,
    /// The node from which on everything runs again; the beginning, if missing.
    #[serde(default)]
    #[schema(max_length = 64)]
    from_node_id: Option<String>,
    /// The version of its workflow that each runs: its own, or the latest.
    #[serde(default)]
    #[schema(inline, default = "original")]
    version: BulkVersion,
}

/// The filter of the list of executions. What is missing fits any.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct BulkFilter {
    /// In one of these statuses. If missing: for a cancellation those that have not ended, else those that have.
    status: Vec<ExecutionStatus>,
    /// Of this workflow.
    workflow_id: Option<WorkflowId>,
    /// Started so.
    triggered_by: Option<TriggeredBy>,
    /// About this subject.
    subject: Option<String>,
    /// Replays and retries of this execution.
    replay_of: Option<ExecutionId>,
    /// Children of this execution.
    parent_execution_id: Option<ExecutionId>,
    /// Triggered after this instant.
    created_after: Option<Instant>,
    /// Triggered before this instant.
    created_before: Option<Instant>,
    /// As the parameter of the list of the same name.
    #[schema(max_length = 4096)]
    filter: Option<String>,
}

/// Which items are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ItemsQuery {
    /// Only those that stand so.
    state: Option<BulkItemState>,
    /// How many rows.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

/// Cancel many executions
///
/// Editors and higher. The job works through them at a measured pace, so that what else happens on the server is not held up;
/// 202 says that it is recorded, and `Location` where to see how it stands. An execution that has ended by then is skipped.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/executions/bulk/cancel", tag = "bulk", request_body = BulkSelection,
    responses((status = 202, description = "The job", body = BulkJob)),
)]
async fn cancel_executions(
    pod: InPod<Editor>,
    State(state): State<AppState>,
    Idempotent { body: BulkSelection { ids, filter }, key }: Idempotent<BulkSelection>,
) -> Result<Reply, Problem> {
    create(&pod, &state, &key, Wish::plain(BulkAction::Cancel, ids, filter)).await
}

/// Replay many executions
///
/// Editors and higher. As a bulk cancellation. Each is replayed with its own input, in its own version unless the latest is
/// asked for; one that has not ended is skipped, one that has no such node fails.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/executions/bulk/replay", tag = "bulk", request_body = BulkReplay,
    responses((status = 202, description = "The job", body = BulkJob)),
)]
async fn replay_executions(
    pod: InPod<Editor>,
    State(state): State<AppState>,
    Idempotent { body: BulkReplay { ids, filter, from_node_id, version }, key }: Idempotent<BulkReplay>,
) -> Result<Reply, Problem> {
    if from_node_id.as_ref().is_some_and(|id| id.is_empty() || id.len() > 1_000 || id.contains('\0')) {
        return Err(Problem::field(Code::InvalidValue, "/fromNodeId", "must be 1 to 1,000 bytes"));
    }
    create(&pod, &state, &key, Wish { from_node_id, version, ..Wish::plain(BulkAction::Replay, ids, filter) }).await
}

/// Retry many executions
///
/// Editors and higher. As a bulk cancellation. Each is run again from the beginning; one that is named and live is cancelled first.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/executions/bulk/retry", tag = "bulk", request_body = BulkSelection,
    responses((status = 202, description = "The job", body = BulkJob)),
)]
async fn retry_executions(
    pod: InPod<Editor>,
    State(state): State<AppState>,
    Idempotent { body: BulkSelection { ids, filter }, key }: Idempotent<BulkSelection>,
) -> Result<Reply, Problem> {
    create(&pod, &state, &key, Wish::plain(BulkAction::Retry, ids, filter)).await
}

/// List bulk jobs
///
/// Newest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/bulk-jobs", tag = "bulk", params(PageQuery),
    responses((status = 200, description = "The jobs", body = Vec<BulkJob>)),
)]
async fn list_bulk_jobs(
    pod: InPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<List, Problem> {
    let page = store.bulk_jobs(pod.workspace_id(), pod.pod_id(), query.limit.0, query.cursor.as_deref()).await?;
    List::new(&uri, &page)
}

/// Get a bulk job
///
/// With how many of its executions stand how.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/bulk-jobs/{bulkJobId}", tag = "bulk",
    responses((status = 200, description = "The job", body = BulkJob)),
)]
async fn get_bulk_job(
    pod: InPod<Viewer>,
    Param(id): Param<BulkJobId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&job_in(&pod, &*store, id).await?))
}

/// List the items of a bulk job
///
/// What became of each execution, in the order in which they are worked on.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/bulk-jobs/{bulkJobId}/items", tag = "bulk", params(ItemsQuery),
    responses((status = 200, description = "The items", body = Vec<BulkItem>)),
)]
async fn list_bulk_job_items(
    pod: InPod<Viewer>,
    Param(id): Param<BulkJobId>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ItemsQuery>,
) -> Result<List, Problem> {
    job_in(&pod, &*store, id).await?;
    let (limit, cursor) = (query.limit.0, query.cursor.as_deref());
    List::new(&uri, &store.bulk_items(pod.workspace_id(), id, query.state, limit, cursor).await?)
}

/// Cancel a bulk job
///
/// Editors and higher. No further execution is begun with; those that were not come to are skipped. What was done stays done.
/// 409 if the job has ended.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/bulk-jobs/{bulkJobId}/cancel", tag = "bulk",
    request_body(content = NoBody, description = "Nothing, or `{}`"),
    responses(
        (status = 200, description = "The job", body = BulkJob),
        (status = 409, description = "It has ended, or is being cancelled"),
    ),
)]
async fn cancel_bulk_job(
    pod: InPod<Editor>,
    Param(id): Param<BulkJobId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    State(work): State<BulkWork>,
    Idempotent { key, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    let job = job_in(&pod, &*store, id).await?;
    let now = clock.now();
    let reply = Reply::ok(&BulkJob { state: BulkState::Cancelling, updated_at: now, ..job });
    let reply = key.change(&*store, Change::CancelBulkJob(pod.workspace_id(), id, now), reply).await?;
    work.changed();
    Ok(reply)
}

/// The job of this id, if it is in this pod.
async fn job_in<R>(pod: &InPod<R>, store: &dyn Store, id: BulkJobId) -> Result<BulkJob, Problem> {
    let job = store.bulk_job(pod.workspace_id(), id).await?;
    if job.pod_id == pod.pod_id() { Ok(job) } else { Err(Problem::not_found("bulk job")) }
}

/// What is asked for.
struct Wish {
    action: BulkAction,
    ids: Option<Vec<ExecutionId>>,
    filter: Option<BulkFilter>,
    from_node_id: Option<String>,
    version: BulkVersion,
}

impl Wish {
    fn plain(action: BulkAction, ids: Option<Vec<ExecutionId>>, filter: Option<BulkFilter>) -> Self {
        Self { action, ids, filter, from_node_id: None, version: BulkVersion::Original }
    }
}

async fn create<R>(pod: &InPod<R>, state: &AppState, key: &ReplyKey, wish: Wish) -> Result<Reply, Problem> {
    let AppState { store, clock, bulk, .. } = state;
    let items = match (wish.ids, wish.filter) {
        (Some(ids), None) => named(ids)?,
        (None, Some(filter)) => found(pod, &**store, wish.action, filter).await?,
        _ => return Err(Problem::field(Code::InvalidValue, "/ids", "give either `ids` or `filter`")),
    };
    let (id, now) = (BulkJobId(clock.new_id()), clock.now());
    let total = i64::try_from(items.len()).map_err(Problem::internal)?;
    let (state, finished_at) =
        if items.is_empty() { (BulkState::Finished, Some(now)) } else { (BulkState::Running, None) };
    let job = BulkJob {
        id,
        workspace_id: pod.workspace_id(),
        pod_id: pod.pod_id(),
        action: wish.action,
        from_node_id: wish.from_node_id,
        version: wish.version,
        state,
        counts: BulkCounts { total, pending: total, ..BulkCounts::default() },
        created_by: pod.principal().id.clone(),
        created_at: now,
        updated_at: now,
        finished_at,
    };
    let location = format!("/v1/workspaces/{}/pods/{}/bulk-jobs/{id}", pod.workspace_id(), pod.pod_id());
    let reply = Reply::new(StatusCode::ACCEPTED, Some(location), &job);
    let reply = key.change(&**store, Change::CreateBulkJob(Box::new(job), items), reply).await?;
    bulk.changed();
    Ok(reply)
}

/// Executions that were named, each once.
fn named(mut ids: Vec<ExecutionId>) -> Result<Vec<ExecutionId>, Problem> {
    if !(1..=MAX_ITEMS).contains(&ids.len()) {
        let message = format!("must name 1 to {MAX_ITEMS} executions, not {}", ids.len());
        return Err(Problem::field(Code::InvalidValue, "/ids", message));
    }
    let mut seen = HashSet::new();
    ids.retain(|id| seen.insert(*id));
    Ok(ids)
}

/// Executions that fit a filter now, the oldest first.
async fn found<R>(
    pod: &InPod<R>,
    store: &dyn Store,
    action: BulkAction,
    filter: BulkFilter,
) -> Result<Vec<ExecutionId>, Problem> {
    if filter.subject.as_ref().is_some_and(|subject| subject.contains('\0')) {
        return Err(Problem::field(Code::InvalidValue, "/filter/subject", "must not hold a NUL character"));
    }
    let statuses = if filter.status.is_empty() {
        let ends = action != BulkAction::Cancel;
        ExecutionStatus::ALL.iter().copied().filter(|status| status.is_terminal() == ends).collect()
    } else {
        filter.status
    };
    let filter = ExecutionFilter {
        pod_id: Some(pod.pod_id()),
        statuses,
        workflow_id: filter.workflow_id,
        triggered_by: filter.triggered_by,
        subject: filter.subject,
        replay_of: filter.replay_of,
        parent_execution_id: filter.parent_execution_id,
        created_after: filter.created_after,
        created_before: filter.created_before,
        matching: matching("/filter/filter", Code::InvalidValue, filter.filter.as_slice())?,
        with_inputs: false,
    };
    let most = i64::try_from(MAX_ITEMS).map_err(Problem::internal)?;
    let mut ids = store.execution_ids(pod.workspace_id(), &filter, most + 1).await?;
    if ids.len() > MAX_ITEMS {
        let message =
            format!("more than {MAX_ITEMS} executions fit the filter; narrow it, or take them in several jobs");
        return Err(Problem::field(Code::InvalidValue, "/filter", message));
    }
    ids.reverse();
    Ok(ids)
}
