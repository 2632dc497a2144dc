//! Schedules of a pod, what is to come of them, and the ledger of their slots.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Admin, Editor, InPod, Viewer},
    error::{Code, Problem},
    executions::{check_size, kept_created, replayed},
    extract::{Param, present},
    idempotency::{Idempotent, NoBody, ReplyKey},
    names,
    query::{PageQuery, Query},
    reply::{List, Reply},
    state::AppState,
    traced::Traced,
};
use crate::{
    clock::{Clock, Instant},
    domain::{
        execution::ExecutionView,
        ids::{ScheduleId, WorkflowId},
        schedule::{CatchUp, ComingSlot, Overlap, Schedule, ScheduleProgress, ScheduleView, Slot},
        workflow::WorkflowState,
    },
    engine::Engine,
    store::{
        Page, Store, StoreError,
        catalogue::{Change, SCHEDULE_CHANGED},
    },
    triggers::schedules::{Refusal, Schedules},
};

/// How often a change is made anew because a slot was settled at the same time.
const TRIES: usize = 20;
/// The most slots that a preview shows.
const MAX_PREVIEW: usize = 100;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_schedule, list_schedules))
        .routes(routes!(get_schedule, update_schedule, delete_schedule))
        .routes(routes!(toggle_schedule))
        .routes(routes!(run_schedule))
        .routes(routes!(list_schedule_slots))
        .routes(routes!(preview_schedule))
}

/// A new schedule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateSchedule {
    /// The workflow to start; in this pod. What is started is the version that is deployed at the time.
    workflow_id: WorkflowId,
    /// Its name: 1 to 120 characters on one line.
    #[schema(min_length = 1, max_length = 120)]
    name: String,
    /// When: five fields of cron, or six with seconds in front. `cronExpr` is taken as well.
    #[serde(alias = "cronExpr")]
    #[schema(max_length = 256)]
    cron_expression: String,
    /// The time zone that the expression is read in, by its IANA name.
    #[serde(default = "utc")]
    #[schema(default = "UTC")]
    timezone: String,
    /// What the executions work on.
    #[serde(default)]
    #[schema(value_type = Option<Value>)]
    input: Value,
    /// Whether slots start anything.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
    /// What happens at a slot while an execution of the schedule has not ended.
    #[serde(default)]
    #[schema(inline, default = "allow")]
    overlap: Overlap,
    /// Which slots are made up for that came while no server ran.
    #[serde(default)]
    #[schema(inline, default = "last")]
    catch_up: CatchUp,
    /// The widest that the runs are shifted behind their slots. Each schedule has its own shift in this, which stays.
    #[serde(default)]
    #[schema(default = 0, minimum = 0, maximum = 3600)]
    jitter_seconds: i64,
    /// No slot is before this.
    #[serde(default)]
    start_at: Option<Instant>,
    /// No slot is after this.
    #[serde(default)]
    end_at: Option<Instant>,
}

/// What changes about a schedule; what is missing stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::option_option, reason = "missing leaves a bound, null takes it away, a value sets it")]
pub struct UpdateSchedule {
    /// The workflow to start.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = WorkflowId, required = false)]
    workflow_id: Option<WorkflowId>,
    /// Its name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 120)]
    name: Option<String>,
    /// When. `cronExpr` is taken as well.
    #[serde(default, alias = "cronExpr", deserialize_with = "present")]
    #[schema(value_type = String, required = false, max_length = 256)]
    cron_expression: Option<String>,
    /// The time zone that the expression is read in.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false)]
    timezone: Option<String>,
    /// What the executions work on.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Value>, required = false)]
    input: Option<Value>,
    /// Whether slots start anything.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
    /// What happens while an execution of the schedule has not ended.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Overlap, required = false)]
    overlap: Option<Overlap>,
    /// Which slots are made up for.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = CatchUp, required = false)]
    catch_up: Option<CatchUp>,
    /// The widest that the runs are shifted.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, required = false, minimum = 0, maximum = 3600)]
    jitter_seconds: Option<i64>,
    /// No slot is before this; `null` takes the bound away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Instant>, required = false)]
    start_at: Option<Option<Instant>>,
    /// No slot is after this; `null` takes the bound away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Instant>, required = false)]
    end_at: Option<Option<Instant>>,
}

/// Whether a schedule is to be enabled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToggleSchedule {
    /// Enabled or not; the other of what it is, if missing.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    enabled: Option<bool>,
}

/// How much is looked ahead.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PreviewQuery {
    /// How many slots, 1 to 100; 10, if missing.
    #[param(minimum = 1, maximum = 100)]
    n: Option<usize>,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn yes() -> bool {
    true
}

/// Create a schedule
///
/// Admins and owners. The first slot is the first one from now on. 409 for a workflow in the trash; one that is not deployed
/// is taken, and its slots fail until it is. 422 names the field that can't be taken: a cron expression that can't be read,
/// never comes or runs too often, an unknown time zone.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/schedules", tag = "schedules", request_body = CreateSchedule,
    responses(
        (status = 201, description = "The new schedule", body = ScheduleView),
        (status = 409, description = "The workflow is in the trash"),
    ),
)]
async fn create_schedule(
    pod: InPod<Admin>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    State(schedules): State<Schedules>,
    Idempotent { body, key }: Idempotent<CreateSchedule>,
) -> Result<Reply, Problem> {
    check_size("/input", &body.input)?;
    let (id, now) = (ScheduleId(clock.new_id()), clock.now());
    let mut schedule = Schedule {
        id,
        workspace_id: pod.workspace_id(),
        pod_id: pod.pod_id(),
        workflow_id: body.workflow_id,
        name: names::name("/name", &body.name)?,
        cron_expression: body.cron_expression,
        timezone: body.timezone,
        input: body.input,
        enabled: body.enabled,
        overlap: body.overlap,
        catch_up: body.catch_up,
        jitter_seconds: body.jitter_seconds,
        start_at: body.start_at,
        end_at: body.end_at,
        created_by: pod.principal().id.clone(),
        created_at: now,
        updated_at: now,
        progress: ScheduleProgress {
            settled_until: now,
            due_at: None,
            waiting_slot: None,
            last_run_at: None,
            last_error: None,
        },
    };
    schedule.progress = schedules.begin(&schedule, now)?;
    check_workflow(&pod, &*store, schedule.workflow_id).await?;
    let location = format!("/v1/workspaces/{}/pods/{}/schedules/{id}", pod.workspace_id(), pod.pod_id());
    let reply = Reply::created(location, &schedule.view());
    let reply = key.change(&*store, Change::CreateSchedule(Box::new(schedule)), reply).await?;
    schedules.changed();
    Ok(reply)
}

/// List schedules
///
/// Newest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/schedules", tag = "schedules", params(PageQuery),
    responses((status = 200, description = "The schedules", body = Vec<ScheduleView>)),
)]
async fn list_schedules(
    pod: InPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<List, Problem> {
    let page = store.schedules(pod.workspace_id(), pod.pod_id(), query.limit.0, query.cursor.as_deref()).await?;
    let items = page.items.iter().map(Schedule::view).collect();
    List::new(&uri, &Page::<ScheduleView> { items, next: page.next })
}

/// Get a schedule
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}", tag = "schedules",
    responses((status = 200, description = "The schedule", body = ScheduleView)),
)]
async fn get_schedule(
    pod: InPod<Viewer>,
    Param(id): Param<ScheduleId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&schedule_in(&pod, &*store, id).await?.view()))
}

/// Change a schedule
///
/// Admins and owners. What is missing stays as it is. A change takes effect for the next slot, and starts none of the time
/// before it.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}", tag = "schedules",
    request_body = UpdateSchedule,
    responses(
        (status = 200, description = "The schedule", body = ScheduleView),
        (status = 409, description = "The workflow is in the trash"),
    ),
)]
async fn update_schedule(
    pod: InPod<Admin>,
    Param(id): Param<ScheduleId>,
    State(store): State<Arc<dyn Store>>,
    State(schedules): State<Schedules>,
    Idempotent { body, key }: Idempotent<UpdateSchedule>,
) -> Result<Reply, Problem> {
    schedule_in(&pod, &*store, id).await?;
    let name = body.name.as_deref().map(|name| names::name("/name", name)).transpose()?;
    if let Some(input) = &body.input {
        check_size("/input", input)?;
    }
    if let Some(workflow_id) = body.workflow_id {
        check_workflow(&pod, &*store, workflow_id).await?;
    }
    change(&pod, (&*store, &schedules, &key), id, |before| {
        let before = before.clone();
        Schedule {
            workflow_id: body.workflow_id.unwrap_or(before.workflow_id),
            name: name.clone().unwrap_or(before.name),
            cron_expression: body.cron_expression.clone().unwrap_or(before.cron_expression),
            timezone: body.timezone.clone().unwrap_or(before.timezone),
            input: body.input.clone().unwrap_or(before.input),
            enabled: body.enabled.unwrap_or(before.enabled),
            overlap: body.overlap.unwrap_or(before.overlap),
            catch_up: body.catch_up.unwrap_or(before.catch_up),
            jitter_seconds: body.jitter_seconds.unwrap_or(before.jitter_seconds),
            start_at: body.start_at.unwrap_or(before.start_at),
            end_at: body.end_at.unwrap_or(before.end_at),
            ..before
        }
    })
    .await
}

/// Enable or disable a schedule
///
/// Admins and owners. While it is disabled its slots are noted as skipped; none of them is made up for.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}/toggle", tag = "schedules",
    request_body(content = ToggleSchedule, description = "Nothing, or whether it is enabled"),
    responses((status = 200, description = "The schedule", body = ScheduleView)),
)]
async fn toggle_schedule(
    pod: InPod<Admin>,
    Param(id): Param<ScheduleId>,
    State(store): State<Arc<dyn Store>>,
    State(schedules): State<Schedules>,
    Idempotent { body, key }: Idempotent<ToggleSchedule>,
) -> Result<Reply, Problem> {
    // Of two who flip it at the same time each flips what it was when asked.
    let enabled = body.enabled.unwrap_or(!schedule_in(&pod, &*store, id).await?.enabled);
    change(&pod, (&*store, &schedules, &key), id, |before| Schedule { enabled, ..before.clone() }).await
}

/// Run a schedule now
///
/// Editors and higher. Starts an execution of the deployed version with the schedule's input, whether the schedule is enabled
/// or not; its slots are not touched. 409 for a workflow that is not deployed.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}/run", tag = "schedules",
    request_body(content = NoBody, description = "Nothing, or `{}`"),
    responses(
        (status = 201, description = "The execution", body = ExecutionView),
        (status = 409, description = "The workflow is not deployed, or in the trash"),
        (status = 429, description = "Too many executions are waiting"),
    ),
)]
async fn run_schedule(
    pod: InPod<Editor>,
    Param(id): Param<ScheduleId>,
    State(engine): State<Engine>,
    State(schedules): State<Schedules>,
    Traced(trace): Traced,
    Idempotent { key, .. }: Idempotent<NoBody>,
) -> Result<Reply, Problem> {
    let schedule = schedule_in(&pod, &**engine.store(), id).await?;
    match schedules.run_now(&schedule, (&pod.principal().id, key.key()), trace, kept_created(&engine, &key)).await {
        Ok(execution) => Ok(super::executions::created(engine.clock(), &execution)),
        Err(error) => replayed(&key, error),
    }
}

/// Delete a schedule
///
/// Admins and owners. Its ledger goes with it; what it has started stays.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}", tag = "schedules",
    responses((status = 204, description = "It is gone")),
)]
async fn delete_schedule(
    pod: InPod<Admin>,
    Param(id): Param<ScheduleId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<StatusCode, Problem> {
    schedule_in(&pod, &*store, id).await?;
    store.change(Change::DeleteSchedule(pod.workspace_id(), id), &pod.access().author(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List the slots of a schedule
///
/// The ledger: each slot that has come, what became of it and why, newest first. It answers why something did not run.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}/slots", tag = "schedules",
    params(PageQuery),
    responses((status = 200, description = "The slots", body = Vec<Slot>)),
)]
async fn list_schedule_slots(
    pod: InPod<Viewer>,
    Param(id): Param<ScheduleId>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<List, Problem> {
    schedule_in(&pod, &*store, id).await?;
    List::new(&uri, &store.slots(pod.workspace_id(), id, query.limit.0, query.cursor.as_deref()).await?)
}

/// Look ahead
///
/// The slots to come and when they run, the next one first; of a disabled schedule those it would have.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/schedules/{scheduleId}/preview", tag = "schedules",
    params(PreviewQuery),
    responses((status = 200, description = "The slots", body = Vec<ComingSlot>)),
)]
async fn preview_schedule(
    pod: InPod<Viewer>,
    Param(id): Param<ScheduleId>,
    State(store): State<Arc<dyn Store>>,
    State(clock): State<Clock>,
    Query(query): Query<PreviewQuery>,
) -> Result<Reply, Problem> {
    let count = query.n.unwrap_or(10);
    if !(1..=MAX_PREVIEW).contains(&count) {
        return Err(Problem::field(Code::InvalidQuery, "n", format!("n must be between 1 and {MAX_PREVIEW}")));
    }
    let schedule = schedule_in(&pod, &*store, id).await?;
    let coming =
        schedule.coming(clock.now(), count).map_err(|error| Problem::new(Code::Conflict, error.to_string()))?;
    Ok(Reply::ok(&coming))
}

/// The schedule of this id, if it is in this pod.
async fn schedule_in<R>(pod: &InPod<R>, store: &dyn Store, id: ScheduleId) -> Result<Schedule, Problem> {
    let schedule = store.schedule(pod.workspace_id(), id).await?;
    if schedule.pod_id == pod.pod_id() { Ok(schedule) } else { Err(Problem::not_found("schedule")) }
}

/// Whether a schedule or a webhook may be made for this workflow.
pub(super) async fn check_workflow<R>(pod: &InPod<R>, store: &dyn Store, id: WorkflowId) -> Result<(), Problem> {
    let missing = || Problem::field(Code::NotFound, "/workflowId", "there is no such workflow in this pod");
    match store.workflow_head(pod.workspace_id(), id).await {
        Ok(workflow) if workflow.pod_id != pod.pod_id() => Err(missing()),
        Ok(workflow) if workflow.state == WorkflowState::Trashed => {
            Err(Problem::field(Code::WorkflowTrashed, "/workflowId", "the workflow is in the trash; restore it first"))
        }
        Ok(_) => Ok(()),
        Err(StoreError::NotFound(_)) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// Changes a schedule to what `revised` makes of it, once all slots that are due are settled.
async fn change<R>(
    pod: &InPod<R>,
    (store, schedules, key): (&dyn Store, &Schedules, &ReplyKey),
    id: ScheduleId,
    revised: impl Fn(&Schedule) -> Schedule,
) -> Result<Reply, Problem> {
    for _ in 0..TRIES {
        let before = schedules.settled(pod.workspace_id(), id).await?;
        let change = schedules.revise(&before, revised(&before))?;
        let Change::UpdateSchedule { schedule: after, .. } = &change else {
            return Err(Problem::internal("a revision is a change of a schedule"));
        };
        let reply = Reply::ok(&after.view());
        match key.try_change(store, change, reply).await? {
            Err(StoreError::Refused(SCHEDULE_CHANGED)) => {}
            result => {
                schedules.changed();
                return result.map_err(Problem::from);
            }
        }
    }
    Err(Problem::new(Code::Conflict, SCHEDULE_CHANGED))
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::field(Code::InvalidValue, refusal.path, refusal.message)
    }
}
