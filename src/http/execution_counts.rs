//! How many executions there are in each status, as far as it is cheap to tell.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{InPod, Viewer},
    error::{Code, Problem},
    execution_fields::matching,
    query::Query,
    reply::Reply,
    state::AppState,
};
use crate::{
    clock::Instant,
    domain::{
        execution::{ExecutionStatus, TriggeredBy},
        ids::{ExecutionId, WorkflowId},
    },
    store::{ExecutionFilter, Store},
};

/// Counting stops here: each execution that is counted is looked at.
const AT_MOST: i64 = 1_000;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(count_executions))
}

/// Which executions are counted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CountsQuery {
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
    /// A filter, as for the list; may be repeated.
    filter: Vec<String>,
}

/// How many executions there are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionCounts {
    /// By status; every status is there.
    counts: BTreeMap<&'static str, i64>,
    /// No count is higher: one that is equal means "so many or more".
    at_most: i64,
}

/// Count executions
///
/// How many of the pod's executions are in each status, for a page that shows them beside a list. It is never more than `atMost`:
/// counting stops there.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/executions/counts", tag = "executions", params(CountsQuery),
    responses((status = 200, description = "The counts", body = ExecutionCounts)),
)]
async fn count_executions(
    pod: InPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    Query(query): Query<CountsQuery>,
) -> Result<Reply, Problem> {
    let mut filter = ExecutionFilter {
        pod_id: Some(pod.pod_id()),
        statuses: Vec::new(),
        workflow_id: query.workflow_id,
        triggered_by: query.triggered_by,
        subject: query.subject,
        replay_of: query.replay_of,
        parent_execution_id: query.parent_execution_id,
        created_after: query.created_after,
        created_before: query.created_before,
        matching: matching("filter", Code::InvalidQuery, &query.filter)?,
        with_inputs: false,
    };
    let mut counts = BTreeMap::new();
    for status in ExecutionStatus::ALL {
        filter.statuses = vec![status];
        let found = store.execution_ids(pod.workspace_id(), &filter, AT_MOST).await?;
        counts.insert(status.as_str(), found.len() as i64);
    }
    Ok(Reply::ok(&ExecutionCounts { counts, at_most: AT_MOST }))
}
