//! Workflows that the clock starts. The schedule of a workflow is a native one with the workflow's own id: so each has one at most,
//! and what is shown of it is always what the clock goes by.

use serde_json::json;

use super::{bodies::TriggerType, scope::Scope};
use crate::{
    domain::{
        ids::ScheduleId,
        schedule::{CatchUp, Overlap, Schedule, ScheduleProgress},
        workflow::Workflow,
    },
    http::{
        AppState,
        error::{Code, Problem},
    },
    store::{
        Store, StoreError,
        catalogue::{Change, SCHEDULE_CHANGED},
    },
    triggers::schedules::Refusal,
};

/// How often a change is made anew because a slot was settled at the same time.
const TRIES: usize = 20;

/// The id of a workflow's schedule.
fn id_of(workflow: &Workflow) -> ScheduleId {
    ScheduleId(workflow.id.0)
}

/// The cron expression that a request asks for; none is a workflow without a schedule. `now` is the one it has.
pub fn wanted(
    kind: Option<TriggerType>,
    expression: Option<String>,
    now: Option<&Schedule>,
) -> Result<Option<String>, Problem> {
    let refused = |message: &str| Err(Problem::field(Code::InvalidValue, "/scheduleExpression", message.to_owned()));
    let expression = expression.filter(|text| !text.trim().is_empty());
    let before = now.map(|schedule| schedule.cron_expression.clone());
    match (kind, expression) {
        (Some(TriggerType::Schedule), Some(text)) => Ok(Some(text)),
        (Some(TriggerType::Schedule), None) if before.is_some() => Ok(before),
        (Some(TriggerType::Schedule), None) => refused("the trigger type `schedule` needs a cron expression"),
        (None, Some(text)) if before.is_some() => Ok(Some(text)),
        (_, Some(_)) => refused("a schedule expression needs the trigger type `schedule`"),
        (Some(TriggerType::Manual), None) => Ok(None),
        (None, None) => Ok(before),
    }
}

/// The schedule that a workflow has.
pub async fn of(store: &dyn Store, workflow: &Workflow) -> Result<Option<Schedule>, Problem> {
    match store.schedule(workflow.workspace_id, id_of(workflow)).await {
        // Somebody may have turned it to another workflow.
        Ok(schedule) => Ok((schedule.workflow_id == workflow.id).then_some(schedule)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A schedule for a workflow, checked but not stored.
pub fn new<R>(
    state: &AppState,
    scope: &Scope<R>,
    workflow: &Workflow,
    expression: String,
) -> Result<Schedule, Problem> {
    let now = state.clock.now();
    let progress =
        ScheduleProgress { settled_until: now, due_at: None, waiting_slot: None, last_run_at: None, last_error: None };
    let mut schedule = Schedule {
        id: id_of(workflow),
        workspace_id: workflow.workspace_id,
        pod_id: workflow.pod_id,
        workflow_id: workflow.id,
        name: workflow.name.clone(),
        cron_expression: expression,
        timezone: "UTC".to_owned(),
        input: json!({}),
        enabled: true,
        overlap: Overlap::default(),
        catch_up: CatchUp::default(),
        jitter_seconds: 0,
        start_at: None,
        end_at: None,
        created_by: scope.by(),
        created_at: now,
        updated_at: now,
        progress,
    };
    schedule.progress = state.schedules.begin(&schedule, now).map_err(refusal)?;
    Ok(schedule)
}

/// Gives a stored workflow the schedule that it is to have, or takes it away.
pub async fn put<R>(
    state: &AppState,
    scope: &Scope<R>,
    workflow: &Workflow,
    expression: Option<String>,
) -> Result<(), Problem> {
    let (store, author) = (&*state.store, scope.author());
    match (of(store, workflow).await?, expression) {
        (None, None) => {}
        (None, Some(expression)) => {
            let schedule = Box::new(new(state, scope, workflow, expression)?);
            store.change(Change::CreateSchedule(schedule), &author, None).await?;
        }
        (Some(_), None) => {
            store.change(Change::DeleteSchedule(workflow.workspace_id, id_of(workflow)), &author, None).await?;
        }
        (Some(before), Some(expression)) if before.cron_expression == expression && before.enabled => {}
        (Some(_), Some(expression)) => revise(state, scope, workflow, &expression).await?,
    }
    state.schedules.changed();
    Ok(())
}

async fn revise<R>(state: &AppState, scope: &Scope<R>, workflow: &Workflow, expression: &str) -> Result<(), Problem> {
    for _ in 0..TRIES {
        let before = state.schedules.settled(workflow.workspace_id, id_of(workflow)).await?;
        let after = Schedule { cron_expression: expression.to_owned(), enabled: true, ..before.clone() };
        let change = state.schedules.revise(&before, after).map_err(refusal)?;
        match state.store.change(change, &scope.author(), None).await {
            Err(StoreError::Refused(SCHEDULE_CHANGED)) => {}
            result => return result.map_err(Problem::from),
        }
    }
    Err(Problem::new(Code::Conflict, SCHEDULE_CHANGED))
}

fn refusal(refusal: Refusal) -> Problem {
    let path = if refusal.path == "/cronExpression" { "/scheduleExpression" } else { refusal.path };
    Problem::field(Code::InvalidValue, path, refusal.message)
}
