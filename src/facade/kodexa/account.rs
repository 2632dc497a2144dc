//! What clients read of the place they are in: the organization, its projects, who they are, the platform, and what the clock starts.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    assistant_views::{Organization, Project, change_sequence},
    fields::{ORGANIZATIONS, PROJECTS, of_organization, of_project},
    lists::{Envelope, ListQuery, chosen, cut},
    schedules,
    scope::{OrganizationId, ProjectId, Scope},
};
use crate::{
    clock::Instant,
    domain::{
        ids::{ScheduleId, WorkflowId},
        schedule::Schedule,
        workflow::WorkflowState,
    },
    http::{AppState, auth::Viewer, error::Problem, extract::Param, query::Query, reply::Reply},
    store::StoreError,
};

/// The release of the official client for Python that this face is tested with.
const CLIENT_VERSION: &str = "7.4.421830084132";

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_kodexa_organizations))
        .routes(routes!(get_kodexa_organization))
        .routes(routes!(list_kodexa_projects))
        .routes(routes!(get_kodexa_project))
        .routes(routes!(list_kodexa_scheduled_jobs))
        .routes(routes!(get_kodexa_overview))
        .routes(routes!(get_kodexa_account))
}

macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident of $item:ty, $schema:ident, $content:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize, ToSchema)]
        #[schema(as = $schema)]
        pub struct $name {
            #[doc = $content]
            content: Vec<$item>,
            /// What the page says of itself.
            #[serde(flatten)]
            envelope: Envelope,
        }
    )*};
}

pages! {
    /// A page of organizations.
    OrganizationPage of Organization, KodexaOrganizationPage, "The organizations.";
    /// A page of projects.
    ProjectPage of Project, KodexaProjectPage, "The projects.";
    /// A page of what the clock starts.
    JobPage of ScheduledJob, KodexaScheduledJobPage, "The schedules.";
}

/// When the clock starts an assistant.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaScheduledJob)]
pub struct ScheduledJob {
    /// Its id.
    id: ScheduleId,
    /// The same.
    uuid: ScheduleId,
    /// Grows with each change.
    change_sequence: i64,
    /// When it was made.
    created_on: Instant,
    /// When it last changed.
    updated_on: Instant,
    /// Its name.
    name: String,
    /// Whether it starts something: it is switched on, and its assistant is active.
    active: bool,
    /// The assistant.
    assistant_id: WorkflowId,
    /// The project.
    project: Project,
    /// Five fields of cron, or six with seconds in front.
    cron_expression: String,
    /// The zone it is read in.
    timezone: String,
    /// When it last started an execution.
    last_event: Option<Instant>,
    /// When it is to start the next one.
    next_event: Option<Instant>,
}

/// The platform.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaOverview)]
pub struct Overview {
    /// Sluicegate.
    name: &'static str,
    /// What it is.
    description: &'static str,
    /// Its version.
    release: &'static str,
    /// The same.
    version: &'static str,
    /// The release of the official client for Python that this face is tested with.
    recommended_client_version: &'static str,
    /// Empty.
    #[schema(value_type = Vec<Object>)]
    extension_packs: Vec<()>,
}

/// Who calls: an API key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaAccount)]
pub struct Account {
    /// As which created things name it.
    id: String,
    /// The same.
    uuid: String,
    /// Null: a key is nobody's.
    email: Option<String>,
    /// Null.
    first_name: Option<String>,
    /// Null.
    last_name: Option<String>,
    /// True.
    activated: bool,
    /// False.
    platform_admin: bool,
}

/// List organizations
///
/// The one of the key.
#[utoipa::path(
    get, path = "/api/organizations", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The page", body = OrganizationPage)),
)]
async fn list_kodexa_organizations(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let (window, filter, sort) = (query.window()?, query.filter(&ORGANIZATIONS)?, query.sort(&ORGANIZATIONS)?);
    let mut rows = vec![state.store.workspace(scope.workspace()).await?];
    if let Some(text) = query.text() {
        rows.retain(|row| row.name.to_lowercase().contains(&text));
    }
    let (rows, total) = cut(chosen(rows, filter.as_ref(), &sort, of_organization), window);
    let content: Vec<Organization> = rows.iter().map(Organization::from).collect();
    let envelope = Envelope::new(&query, window, content.len(), total);
    Ok(Reply::ok(&OrganizationPage { content, envelope }))
}

/// Get an organization
#[utoipa::path(
    get, path = "/api/organizations/{organizationId}", tag = "kodexa",
    responses((status = 200, description = "The organization", body = Organization)),
)]
async fn get_kodexa_organization(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(OrganizationId(id)): Param<OrganizationId>,
) -> Result<Reply, Problem> {
    if id != scope.workspace() {
        return Err(Problem::not_found("organization"));
    }
    Ok(Reply::ok(&Organization::from(&state.store.workspace(id).await?)))
}

/// List projects
///
/// Newest first unless `sort` says otherwise.
#[utoipa::path(
    get, path = "/api/projects", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The page", body = ProjectPage)),
)]
async fn list_kodexa_projects(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let (window, filter, sort) = (query.window()?, query.filter(&PROJECTS)?, query.sort(&PROJECTS)?);
    let mut rows = scope.projects(&*state.store).await?;
    if let Some(text) = query.text() {
        rows.retain(|row| row.name.to_lowercase().contains(&text) || row.description.to_lowercase().contains(&text));
    }
    let (rows, total) = cut(chosen(rows, filter.as_ref(), &sort, of_project), window);
    let organization = Organization::from(&state.store.workspace(scope.workspace()).await?);
    let content: Vec<Project> = rows.iter().map(|pod| Project::new(pod, &organization)).collect();
    let envelope = Envelope::new(&query, window, content.len(), total);
    Ok(Reply::ok(&ProjectPage { content, envelope }))
}

/// Get a project
#[utoipa::path(
    get, path = "/api/projects/{projectId}", tag = "kodexa",
    responses((status = 200, description = "The project", body = Project)),
)]
async fn get_kodexa_project(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<ProjectId>,
) -> Result<Reply, Problem> {
    let pod = scope.project(&*state.store, id).await?;
    let organization = Organization::from(&state.store.workspace(scope.workspace()).await?);
    Ok(Reply::ok(&Project::new(&pod, &organization)))
}

/// List scheduled jobs
///
/// The schedules of all projects, newest first. They are made and changed with their assistants.
#[utoipa::path(
    get, path = "/api/scheduled-jobs", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The page", body = JobPage)),
)]
async fn list_kodexa_scheduled_jobs(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let (window, filter, sort) = (query.window()?, query.filter(&JOBS)?, query.sort(&JOBS)?);
    let store = &*state.store;
    let organization = Organization::from(&store.workspace(scope.workspace()).await?);
    let (mut rows, mut projects) = (Vec::new(), std::collections::HashMap::new());
    for pod in scope.projects(store).await? {
        let of_pod = schedules::of_project(store, scope.workspace(), pod.id).await?;
        rows.extend(of_pod.into_values().flatten());
        projects.insert(pod.id, Project::new(&pod, &organization));
    }
    rows.sort_by_key(|schedule| std::cmp::Reverse(schedule.id));
    if let Some(text) = query.text() {
        rows.retain(|schedule| schedule.name.to_lowercase().contains(&text));
    }
    let (rows, total) = cut(chosen(rows, filter.as_ref(), &sort, of_job), window);
    let mut content = Vec::with_capacity(rows.len());
    for schedule in rows {
        let deployed = match store.workflow_head(scope.workspace(), schedule.workflow_id).await {
            Ok(workflow) => workflow.state == WorkflowState::Deployed,
            Err(StoreError::NotFound(_)) => false,
            Err(error) => return Err(error.into()),
        };
        let active = schedule.enabled && deployed;
        content.extend(projects.get(&schedule.pod_id).map(|project| ScheduledJob {
            id: schedule.id,
            uuid: schedule.id,
            change_sequence: change_sequence(schedule.updated_at),
            created_on: schedule.created_at,
            updated_on: schedule.updated_at,
            name: schedule.name.clone(),
            active,
            assistant_id: schedule.workflow_id,
            project: project.clone(),
            cron_expression: schedule.cron_expression.clone(),
            timezone: schedule.timezone.clone(),
            last_event: schedule.progress.last_run_at,
            next_event: schedule.progress.due_at.filter(|_| active),
        }));
    }
    let envelope = Envelope::new(&query, window, content.len(), total);
    Ok(Reply::ok(&JobPage { content, envelope }))
}

/// Get an overview of the platform
#[utoipa::path(
    get, path = "/api/overview", tag = "kodexa",
    responses((status = 200, description = "The platform", body = Overview)),
)]
async fn get_kodexa_overview(_: Scope<Viewer>) -> Reply {
    let version = env!("CARGO_PKG_VERSION");
    Reply::ok(&Overview {
        name: "Sluicegate",
        description: "A real-time streaming workflow server with suspend and resume",
        release: version,
        version,
        recommended_client_version: CLIENT_VERSION,
        extension_packs: Vec::new(),
    })
}

/// Get the account
///
/// Whose key it is: keys are nobody's, so there is little to tell.
#[utoipa::path(
    get, path = "/api/account/me", tag = "kodexa",
    responses((status = 200, description = "The account", body = Account)),
)]
async fn get_kodexa_account(scope: Scope<Viewer>) -> Reply {
    Reply::ok(&Account {
        id: scope.by(),
        uuid: scope.by(),
        email: None,
        first_name: None,
        last_name: None,
        activated: true,
        platform_admin: false,
    })
}

use job_fields::{JOBS, of_job};

/// What schedules can be filtered and sorted by.
mod job_fields {
    use super::Schedule;
    use crate::filter::{Field, Fields, Kind, Value};

    /// A column of a schedule.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Column {
        Id,
        Name,
        Assistant,
        Project,
        CreatedOn,
        UpdatedOn,
    }

    /// The fields.
    pub const JOBS: Fields<Column> = Fields(&[
        Field::sorted(&["id", "uuid"], Column::Id, Kind::Id),
        Field::sorted(&["name"], Column::Name, Kind::Text),
        Field::new(&["assistantId", "assistant.id"], Column::Assistant, Kind::Id),
        Field::new(&["project.id", "projectId"], Column::Project, Kind::Id),
        Field::sorted(&["createdOn"], Column::CreatedOn, Kind::Instant),
        Field::sorted(&["updatedOn"], Column::UpdatedOn, Kind::Instant),
    ]);

    /// A column's value.
    #[expect(clippy::unnecessary_wraps, reason = "what lists take: other rows lack some")]
    pub fn of_job(schedule: &Schedule, column: Column) -> Option<Value> {
        Some(match column {
            Column::Id => Value::Id(schedule.id.0),
            Column::Name => Value::Text(schedule.name.clone()),
            Column::Assistant => Value::Id(schedule.workflow_id.0),
            Column::Project => Value::Id(schedule.pod_id.0),
            Column::CreatedOn => Value::Instant(schedule.created_at),
            Column::UpdatedOn => Value::Instant(schedule.updated_at),
        })
    }
}
