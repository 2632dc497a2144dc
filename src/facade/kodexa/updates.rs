//! How an assistant is made and changed: each is a workflow with its definition and its schedules.

use super::{
    assistant_bodies::AssistantBody,
    assistant_views::change_sequence,
    kept::{Kept, OTHERS},
    schedules,
    scope::Scope,
};
use crate::{
    domain::{
        definition::Definition,
        identity::Role,
        ids::WorkflowId,
        workflow::{Pod, Workflow, WorkflowState},
    },
    http::{
        AppState,
        error::{Code, Problem},
        names,
    },
    store::catalogue::Change,
};

/// Makes an assistant in a project.
pub async fn create<R>(
    state: &AppState,
    scope: &Scope<R>,
    project: &Pod,
    body: AssistantBody,
) -> Result<Workflow, Problem> {
    let name =
        body.name.as_deref().ok_or_else(|| Problem::field(Code::InvalidBody, "/name", "an assistant needs a name"))?;
    let name = names::name("/name", name)?;
    let description = names::description("/description", body.description.as_deref().unwrap_or_default())?;
    let mut kept = Kept::default();
    let wanted = revise(&mut kept, body)?;
    let definition = kept.checked()?;
    let active = wanted.state == Some(WorkflowState::Deployed);
    if active || wanted.schedules.as_ref().is_some_and(|schedules| !schedules.is_empty()) {
        scope.require(Role::Admin, "an assistant that is active or has a schedule")?;
    }
    let now = state.clock.now();
    let workflow = Workflow {
        id: WorkflowId(state.clock.new_id()),
        workspace_id: scope.workspace(),
        pod_id: project.id,
        name,
        description,
        state: wanted.state.unwrap_or(WorkflowState::Draft),
        starred: false,
        version: 1,
        deployed_version: active.then_some(1),
        definition: Some(definition),
        created_at: now,
        updated_at: now,
    };
    let timed = wanted.schedules.unwrap_or_default();
    // What is wrong with an expression must not leave half an assistant.
    schedules::check(state, scope, &workflow, &timed)?;
    state.store.change(Change::CreateWorkflow(workflow.clone(), scope.by()), &scope.author(), None).await?;
    if !timed.is_empty() {
        schedules::put(state, scope, &workflow, &timed).await?;
    }
    Ok(workflow)
}

/// Changes an assistant; what the body does not name stays.
pub async fn update<R>(
    state: &AppState,
    scope: &Scope<R>,
    before: Workflow,
    body: AssistantBody,
) -> Result<Workflow, Problem> {
    if body.change_sequence.is_some_and(|seen| seen != change_sequence(before.updated_at)) {
        return Err(Problem::new(Code::Conflict, "the assistant has changed meanwhile: read it again"));
    }
    if let Some(project) = body.project.as_ref().and_then(|project| project.id)
        && project != before.pod_id
    {
        return Err(Problem::field(Code::InvalidValue, "/project/id", "an assistant stays in its project"));
    }
    let mut after = before.clone();
    if let Some(name) = &body.name {
        after.name = names::name("/name", name)?;
    }
    if let Some(description) = &body.description {
        after.description = names::description("/description", description)?;
    }
    let definition = definition_of(&before)?;
    let made_here = Kept::of(definition);
    let mut kept = made_here.clone().unwrap_or_default();
    let wanted = revise(&mut kept, body)?;
    let definition = match made_here {
        Some(old) if old == kept => None,
        Some(_) => Some(kept.checked()?),
        // What says nothing is said by clients that send all members.
        None if kept == Kept { more: kept.more.clone(), ..nothing() } => None,
        None => {
            let message = "the workflow's graph was not made here: change it where it was made";
            return Err(Problem::new(Code::Conflict, message));
        }
    };
    if let Some(state) = wanted.state {
        after.state = state;
    }
    let had = schedules::of(&*state.store, &before).await?;
    let timed = wanted.schedules.filter(|wanted| !(wanted.is_empty() && had.is_empty()));
    let new_version = definition.map(|definition| (definition, scope.by()));
    if new_version.is_some() {
        after.version += 1;
        after.definition = new_version.as_ref().map(|(definition, _)| definition.clone());
    }
    after.deployed_version = match after.state {
        WorkflowState::Deployed if new_version.is_some() => Some(after.version),
        WorkflowState::Deployed => Some(before.deployed_version.unwrap_or(after.version)),
        WorkflowState::Draft | WorkflowState::Trashed => None,
    };
    if let Some(timed) = &timed {
        schedules::check(state, scope, &after, timed)?;
    }
    let changed = after != before;
    if (changed && (before.state == WorkflowState::Deployed || after.state == WorkflowState::Deployed))
        || timed.is_some()
    {
        scope.require(Role::Admin, "an assistant that is active or has a schedule")?;
    }
    if changed {
        // The store compares it to notice changes at the same time, so it must move with each.
        after.updated_at = state.clock.now().max(before.updated_at.plus_ms(1));
        let change =
            Change::UpdateWorkflow { workflow: after.clone(), expected_updated_at: before.updated_at, new_version };
        state.store.change(change, &scope.author(), None).await?;
    }
    if let Some(timed) = timed {
        schedules::put(state, scope, &after, &timed).await?;
    }
    Ok(after)
}

/// What of a body is not kept with the definition.
struct Wanted {
    state: Option<WorkflowState>,
    schedules: Option<Vec<super::assistant_bodies::ScheduleBody>>,
}

/// What the members of a body are that say nothing.
fn nothing() -> Kept {
    Kept {
        priority_hint: Some(0),
        logging_enabled: Some(true),
        delete_logging_on_success: Some(false),
        ..Kept::default()
    }
}

/// Takes over what a body names.
fn revise(kept: &mut Kept, body: AssistantBody) -> Result<Wanted, Problem> {
    let AssistantBody {
        active,
        options,
        subscription,
        priority_hint,
        schedules,
        logging_enabled,
        delete_logging_on_success,
        more,
        ..
    } = body;
    if priority_hint.is_some_and(|hint| !(-100..=100).contains(&hint)) {
        return Err(Problem::field(Code::InvalidValue, "/priorityHint", "must be -100 to 100"));
    }
    if let Some(options) = options {
        kept.options = options;
    }
    if let Some(text) = subscription {
        kept.subscription = Some(text).filter(|text| !text.trim().is_empty());
    }
    kept.priority_hint = Some(priority_hint.or(kept.priority_hint).unwrap_or(0));
    kept.logging_enabled = Some(logging_enabled.or(kept.logging_enabled).unwrap_or(true));
    kept.delete_logging_on_success =
        Some(delete_logging_on_success.or(kept.delete_logging_on_success).unwrap_or(false));
    let others = more.into_iter().filter(|(name, value)| OTHERS.contains(&name.as_str()) && !value.is_null());
    kept.more.extend(others);
    let states = [(true, WorkflowState::Deployed), (false, WorkflowState::Draft)];
    let state = states.into_iter().find(|(truth, _)| active == Some(*truth)).map(|(_, state)| state);
    Ok(Wanted { state, schedules })
}

fn definition_of(workflow: &Workflow) -> Result<&Definition, Problem> {
    workflow.definition.as_ref().ok_or_else(|| Problem::internal("a workflow was loaded without its definition"))
}
