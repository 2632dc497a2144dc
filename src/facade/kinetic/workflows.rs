//! Workflows: made, looked at, changed by new versions, and deleted with all that belongs to them.

use axum::{extract::State, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    bodies::{CreateWorkflow, UpdateWorkflow, WorkflowsQuery},
    configuration::{self, Kept},
    scope::Scope,
    timing,
    views::{VersionResponse, WorkflowResponse, version_uuid},
};
use crate::{
    domain::{
        definition::Definition,
        identity::Role,
        ids::WorkflowId,
        workflow::{Workflow, WorkflowState},
    },
    engine::EngineError,
    facade::removal::remove_workflow,
    http::{
        AppState,
        auth::{Editor, Viewer},
        error::{Code, Problem},
        extract::{Json, Param, PathParam},
        names,
        query::Query,
        reply::Reply,
        validation,
    },
    store::{StoreError, WorkflowFilter, catalogue::Change},
};

/// How many rows a list shows unless said otherwise, and at most.
const ROWS: i64 = 50;
const MAX_ROWS: i64 = 1_000;
/// The most rows that are passed over.
const MAX_OFFSET: i64 = 100_000;
/// How many rows are read at a time.
const PAGE: i64 = 200;
/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_kinetic_workflows, create_kinetic_workflow))
        .routes(routes!(get_kinetic_workflow, update_kinetic_workflow, delete_kinetic_workflow))
        .routes(routes!(get_kinetic_workflow_version))
}

/// A version in the path: its id, or its number.
struct VersionName(String);

impl std::str::FromStr for VersionName {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl PathParam for VersionName {
    const NAME: &'static str = "version";
    const THING: &'static str = "workflow version";
}

/// Create a workflow
///
/// Editors and higher; with a schedule admins and owners. Version 1 is published at once. The agent's work is a task of the queue
/// `kinetic-agent`, which a worker takes.
#[utoipa::path(
    post, path = "/api/workflows", tag = "kinetic", request_body = CreateWorkflow,
    responses((status = 201, description = "The workflow", body = WorkflowResponse)),
)]
pub async fn create_kinetic_workflow(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Json(body): Json<CreateWorkflow>,
) -> Result<Reply, Problem> {
    let name = names::name("/name", &body.name)?;
    let description = names::description("/description", &body.description.unwrap_or_default())?;
    let expression = timing::wanted(body.trigger_type, body.schedule_expression, None)?;
    let configuration = configuration::given(body.configuration, body.specification)?
        .ok_or_else(|| Problem::field(Code::InvalidBody, "", "missing field `configuration`"))?;
    let (id, now) = (WorkflowId(state.clock.new_id()), state.clock.now());
    let slug = match body.slug {
        Some(slug) => names::slug("/slug", &slug)?,
        None => names::slugs_for(&name, id.0)[0].clone(),
    };
    let kept = Kept { name: name.clone(), description: description.clone(), slug, configuration };
    let definition = checked(&kept)?;
    if expression.is_some() {
        scope.require(Role::Admin, "a schedule")?;
    }
    let pod_id = scope.pod_or_new(&state).await?;
    // A schedule starts what is deployed.
    let deployed = expression.is_some();
    let workflow = Workflow {
        id,
        workspace_id: scope.workspace(),
        pod_id,
        name,
        description,
        state: if deployed { WorkflowState::Deployed } else { WorkflowState::Draft },
        starred: false,
        version: 1,
        deployed_version: deployed.then_some(1),
        definition: Some(definition),
        created_at: now,
        updated_at: now,
    };
    // What is wrong with the expression must not leave half a workflow.
    if let Some(expression) = &expression {
        timing::new(&state, &scope, &workflow, expression.clone())?;
    }
    state.store.change(Change::CreateWorkflow(workflow.clone(), scope.by()), &scope.author(), None).await?;
    if expression.is_some() {
        timing::put(&state, &scope, &workflow, expression).await?;
    }
    let location = format!("{}/api/workflows/{id}", super::PREFIX);
    Ok(Reply::created(location, &shown(&state, &workflow).await?))
}

/// List workflows
///
/// Newest first: those that were made here, and the native ones of the pod, which show no configuration.
#[utoipa::path(
    get, path = "/api/workflows", tag = "kinetic", params(WorkflowsQuery),
    responses((status = 200, description = "The workflows", body = Vec<WorkflowResponse>)),
)]
pub async fn list_kinetic_workflows(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Query(query): Query<WorkflowsQuery>,
) -> Result<Reply, Problem> {
    let (limit, mut skip) = window(query.limit, query.offset)?;
    let mut list: Vec<WorkflowResponse> = Vec::new();
    let Some(pod) = scope.pod_id() else { return Ok(Reply::ok(&list)) };
    let mut cursor = None;
    loop {
        let filter = WorkflowFilter::default();
        let page = state.store.workflows(scope.workspace(), pod, filter, PAGE, cursor.as_deref()).await?;
        let passed = skip.min(page.items.len());
        skip -= passed;
        for workflow in page.items.into_iter().skip(passed).take(limit - list.len()) {
            // Lists are read without definitions.
            match state.store.workflow(scope.workspace(), workflow.id).await {
                Ok(workflow) => list.push(shown(&state, &workflow).await?),
                Err(StoreError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match page.next {
            Some(next) if list.len() < limit => cursor = Some(next),
            _ => break,
        }
    }
    Ok(Reply::ok(&list))
}

/// Get a workflow
///
/// With its versions.
#[utoipa::path(
    get, path = "/api/workflows/{workflowId}", tag = "kinetic",
    responses((status = 200, description = "The workflow", body = WorkflowResponse)),
)]
async fn get_kinetic_workflow(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<WorkflowId>,
) -> Result<Reply, Problem> {
    let workflow = scope.workflow(&*state.store, id).await?;
    let versions = state.store.workflow_versions(scope.workspace(), id, PAGE, None).await?;
    let versions = versions.items.iter().map(|version| VersionResponse::new(&workflow, version)).collect();
    Ok(Reply::ok(&WorkflowResponse { versions: Some(versions), ..shown(&state, &workflow).await? }))
}

/// Get a version of a workflow
///
/// By its id, or by its number.
#[utoipa::path(
    get, path = "/api/workflows/{workflowId}/version/{version}", tag = "kinetic",
    responses((status = 200, description = "The version", body = VersionResponse)),
)]
async fn get_kinetic_workflow_version(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<WorkflowId>,
    Param(VersionName(name)): Param<VersionName>,
) -> Result<Reply, Problem> {
    let workflow = scope.workflow(&*state.store, id).await?;
    let number = match Uuid::parse_str(&name) {
        // The latest ones are asked for most.
        Ok(wanted) => (1..=workflow.version).rev().find(|number| version_uuid(id, *number) == wanted),
        Err(_) => name.parse().ok(),
    };
    let number = number.ok_or_else(|| Problem::not_found(VersionName::THING))?;
    let version = state.store.workflow_version(scope.workspace(), id, number).await?;
    Ok(Reply::ok(&VersionResponse::new(&workflow, &version)))
}

/// Change a workflow
///
/// Editors and higher; of one with a schedule admins and owners. Every change is a new version, which is published at once. What is
/// missing stays; executions go on with the version that they began with. 409 for one in the trash, and for another configuration
/// of a graph that was made by other doors.
#[utoipa::path(
    patch, path = "/api/workflows/{workflowId}", tag = "kinetic", request_body = UpdateWorkflow,
    responses(
        (status = 200, description = "The workflow", body = WorkflowResponse),
        (status = 409, description = "It can't be changed so, or was changed at the same time"),
    ),
)]
async fn update_kinetic_workflow(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<WorkflowId>,
    Json(body): Json<UpdateWorkflow>,
) -> Result<Reply, Problem> {
    let before = scope.workflow(&*state.store, id).await?;
    if before.state == WorkflowState::Trashed {
        return Err(EngineError::Trashed.into());
    }
    let schedule = timing::of(&*state.store, &before).await?;
    let timed = body.trigger_type.is_some() || body.schedule_expression.is_some();
    let expression = timing::wanted(body.trigger_type, body.schedule_expression, schedule.as_ref())?;
    if schedule.is_some() || expression.is_some() {
        scope.require(Role::Admin, "a workflow with a schedule")?;
    }
    let mut after = before.clone();
    if let Some(name) = &body.name {
        after.name = names::name("/name", name)?;
    }
    if let Some(description) = &body.description {
        after.description = names::description("/description", description)?;
    }
    let slug = body.slug.as_deref().map(|slug| names::slug("/slug", slug)).transpose()?;
    let configuration = configuration::given(body.configuration, body.specification)?;
    let edited =
        timed || body.name.is_some() || body.description.is_some() || slug.is_some() || configuration.is_some();
    if !edited {
        return Ok(Reply::ok(&shown(&state, &before).await?));
    }
    let definition = definition_of(&before)?;
    let definition = match Kept::of(definition) {
        Some(kept) => checked(&Kept {
            name: after.name.clone(),
            description: after.description.clone(),
            slug: slug.unwrap_or(kept.slug),
            configuration: configuration.unwrap_or(kept.configuration),
        })?,
        None if configuration.is_some() || slug.is_some() => {
            let message = "the workflow's graph was not made here: change it where it was made";
            return Err(Problem::new(Code::Conflict, message));
        }
        None => definition.clone(),
    };
    after.version += 1;
    after.definition = Some(definition.clone());
    // The store compares `updatedAt` to notice changes at the same time, so it must move with each.
    after.updated_at = state.clock.now().max(before.updated_at.plus_ms(1));
    if let Some(expression) = &expression {
        if timed {
            timing::new(&state, &scope, &after, expression.clone())?;
        }
        (after.state, after.deployed_version) = (WorkflowState::Deployed, Some(after.version));
    }
    let change = Change::UpdateWorkflow {
        workflow: after.clone(),
        expected_updated_at: before.updated_at,
        new_version: Some((definition, scope.by())),
    };
    state.store.change(change, &scope.author(), None).await?;
    // A schedule that was disabled natively stays so until somebody asks for it.
    if timed {
        timing::put(&state, &scope, &after, expression).await?;
    }
    Ok(Reply::ok(&shown(&state, &after).await?))
}

/// Delete a workflow
///
/// Editors and higher. With its versions, its schedule, and its executions, of which those that are live are cancelled first. 409 if
/// one of them does not stop in time: then it is being stopped, and the call may be repeated.
#[utoipa::path(
    delete, path = "/api/workflows/{workflowId}", tag = "kinetic",
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "An execution of it has not stopped yet"),
    ),
)]
async fn delete_kinetic_workflow(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<WorkflowId>,
) -> Result<StatusCode, Problem> {
    scope.workflow(&*state.store, id).await?;
    remove_workflow(&state, scope.workspace(), id, &scope.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The workflow as it is shown.
async fn shown(state: &AppState, workflow: &Workflow) -> Result<WorkflowResponse, Problem> {
    let schedule = timing::of(&*state.store, workflow).await?;
    let tally = state.store.tally(workflow.workspace_id, workflow.id).await?;
    Ok(WorkflowResponse::new(workflow, schedule.as_ref(), tally))
}

fn definition_of(workflow: &Workflow) -> Result<&Definition, Problem> {
    workflow.definition.as_ref().ok_or_else(|| Problem::internal("a workflow was loaded without its definition"))
}

/// The graph of a configuration, by the check that every graph passes.
fn checked(kept: &Kept) -> Result<Definition, Problem> {
    let definition = kept.definition();
    match validation::problems_of(&definition).as_slice() {
        [] => Ok(definition),
        problems => {
            let refusal = Problem::new(Code::InvalidValue, "the configuration can't be executed");
            // The task's input has the members of the configuration.
            let at =
                |path: &str| format!("/configuration{}", path.strip_prefix("/nodes/1/data/input").unwrap_or_default());
            Err(problems.iter().fold(refusal, |all, one| all.with_error(at(&one.path), one.message.as_str())))
        }
    }
}

/// How many rows are shown, and how many are passed over.
pub fn window(limit: Option<i64>, offset: Option<i64>) -> Result<(usize, usize), Problem> {
    let within = |name: &str, number: i64, least: i64, most: i64| {
        if (least..=most).contains(&number) {
            usize::try_from(number).map_err(Problem::internal)
        } else {
            Err(Problem::field(Code::InvalidQuery, name, format!("must be {least} to {most}")))
        }
    };
    Ok((within("limit", limit.unwrap_or(ROWS), 1, MAX_ROWS)?, within("offset", offset.unwrap_or(0), 0, MAX_OFFSET)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_bounded() {
        assert_eq!(window(None, None).unwrap(), (50, 0));
        assert_eq!(window(Some(1_000), Some(100_000)).unwrap(), (1_000, 100_000));
        for (limit, offset, name) in [
            (Some(0), None, "limit"),
            (Some(1_001), None, "limit"),
            (None, Some(-1), "offset"),
            (None, Some(100_001), "offset"),
        ] {
            assert_eq!(window(limit, offset).unwrap_err().errors()[0].path, name);
        }
    }
}
