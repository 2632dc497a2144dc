//! When the clock starts an assistant: native schedules of its workflow, in UTC.

use std::collections::HashMap;

use serde_json::json;

use super::{assistant_bodies::ScheduleBody, scope::Scope};
use crate::{
    domain::{
        ids::{PodId, ScheduleId, WorkflowId, WorkspaceId},
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

/// How many schedules are read at a time.
const PAGE: i64 = 200;
/// The most schedules of an assistant.
const MAX_SCHEDULES: usize = 20;
/// How often a change is made anew because a slot was settled at the same time.
const TRIES: usize = 20;

/// The schedules of a project by workflow, oldest first.
pub async fn of_project(
    store: &dyn Store,
    workspace: WorkspaceId,
    pod: PodId,
) -> Result<HashMap<WorkflowId, Vec<Schedule>>, Problem> {
    let (mut found, mut cursor): (HashMap<WorkflowId, Vec<Schedule>>, _) = (HashMap::new(), None);
    loop {
        let page = store.schedules(workspace, pod, PAGE, cursor.as_deref()).await?;
        for schedule in page.items {
            found.entry(schedule.workflow_id).or_default().push(schedule);
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    for schedules in found.values_mut() {
        schedules.sort_by_key(|schedule| schedule.id);
    }
    Ok(found)
}

/// The schedules of an assistant, oldest first.
pub async fn of(store: &dyn Store, workflow: &Workflow) -> Result<Vec<Schedule>, Problem> {
    let mut all = of_project(store, workflow.workspace_id, workflow.pod_id).await?;
    Ok(all.remove(&workflow.id).unwrap_or_default())
}

/// Checks what is asked for, and stores nothing.
pub fn check<R>(
    state: &AppState,
    scope: &Scope<R>,
    workflow: &Workflow,
    wanted: &[ScheduleBody],
) -> Result<(), Problem> {
    if wanted.len() > MAX_SCHEDULES {
        let message = format!("an assistant has at most {MAX_SCHEDULES} schedules, not {}", wanted.len());
        return Err(Problem::field(Code::InvalidValue, "/schedules", message));
    }
    for (index, body) in wanted.iter().enumerate() {
        new(state, scope, workflow, body, index)?;
    }
    Ok(())
}

/// A schedule for an assistant, checked but not stored.
fn new<R>(
    state: &AppState,
    scope: &Scope<R>,
    workflow: &Workflow,
    body: &ScheduleBody,
    index: usize,
) -> Result<Schedule, Problem> {
    let at = |field: &str| format!("/schedules/{index}/{field}");
    if body.kind.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("CRON")) {
        return Err(Problem::field(Code::InvalidValue, at("type"), "must be CRON"));
    }
    let expression = body.cron_expression.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let expression = expression.ok_or_else(|| {
        Problem::field(Code::InvalidValue, at("cronExpression"), "a schedule needs a cron expression")
    })?;
    let now = state.clock.now();
    let progress =
        ScheduleProgress { settled_until: now, due_at: None, waiting_slot: None, last_run_at: None, last_error: None };
    let mut schedule = Schedule {
        id: ScheduleId(state.clock.new_id()),
        workspace_id: workflow.workspace_id,
        pod_id: workflow.pod_id,
        workflow_id: workflow.id,
        name: workflow.name.clone(),
        cron_expression: expression.to_owned(),
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
    schedule.progress = state.schedules.begin(&schedule, now).map_err(|refusal| refused(&refusal, index))?;
    Ok(schedule)
}

/// Gives a stored assistant the schedules that it is to have. One that is named by its id and has the same expression stays untouched.
pub async fn put<R>(
    state: &AppState,
    scope: &Scope<R>,
    workflow: &Workflow,
    wanted: &[ScheduleBody],
) -> Result<(), Problem> {
    let (store, author) = (&*state.store, scope.author());
    let mut before = of(store, workflow).await?;
    for (index, body) in wanted.iter().enumerate() {
        let fresh = new(state, scope, workflow, body, index)?;
        let same = |one: &Schedule| match body.known() {
            Some(id) => one.id == id,
            None => one.cron_expression == fresh.cron_expression,
        };
        match before.iter().position(same).map(|place| before.swap_remove(place)) {
            Some(old) if old.cron_expression == fresh.cron_expression && old.enabled => {}
            Some(old) => revise(state, scope, &old, &fresh.cron_expression, index).await?,
            None => store.change(Change::CreateSchedule(Box::new(fresh)), &author, None).await?,
        }
    }
    for gone in before {
        match store.change(Change::DeleteSchedule(gone.workspace_id, gone.id), &author, None).await {
            Ok(()) | Err(StoreError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    state.schedules.changed();
    Ok(())
}

async fn revise<R>(
    state: &AppState,
    scope: &Scope<R>,
    old: &Schedule,
    expression: &str,
    index: usize,
) -> Result<(), Problem> {
    for _ in 0..TRIES {
        let before = state.schedules.settled(old.workspace_id, old.id).await?;
        let after = Schedule { cron_expression: expression.to_owned(), enabled: true, ..before.clone() };
        let change = state.schedules.revise(&before, after).map_err(|refusal| refused(&refusal, index))?;
        match state.store.change(change, &scope.author(), None).await {
            Err(StoreError::Refused(SCHEDULE_CHANGED)) => {}
            result => return result.map_err(Problem::from),
        }
    }
    Err(Problem::new(Code::Conflict, SCHEDULE_CHANGED))
}

fn refused(refusal: &Refusal, index: usize) -> Problem {
    Problem::field(Code::InvalidValue, format!("/schedules/{index}{}", refusal.path), refusal.message.clone())
}
