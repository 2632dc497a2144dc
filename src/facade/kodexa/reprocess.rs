//! Doing again what assistants have done about document families: one at once, many at a measured pace.

use std::collections::HashSet;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    family_search::{self, Search, Wanted},
    family_views::{Column, DocumentFamily},
    scope::{AssistantId, FamilyId, Scope},
};
use crate::{
    domain::{
        execution::TriggeredBy,
        ids::{PodId, SubjectId, WorkflowId},
        subject::Subject,
    },
    filter::{Filter, Value as FilterValue},
    http::{
        AppState,
        auth::Editor,
        error::{Code, Problem},
        extract::{Json, Param, PathParam},
        query::Query,
        reply::Reply,
    },
    triggers::reprocess::{self, NotReprocessed, Reprocess, ReprocessRefusal},
};

/// How many executions of a bulk form become ready in a second.
const PER_SECOND: u32 = 10;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(reprocess_kodexa_document_family, reprocess_kodexa_document_family_by))
        .routes(routes!(reprocess_kodexa_store_family))
        .routes(routes!(reprocess_kodexa_store))
}

/// A part of a store's address.
pub struct StorePart<const PART: usize>(String);

impl<const PART: usize> std::str::FromStr for StorePart<PART> {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl<const PART: usize> PathParam for StorePart<PART> {
    const NAME: &'static str = ["organizationSlug", "storeSlug", "version"][PART];
    const THING: &'static str = "store";
}

/// Which assistants, in the query.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct AssistantsQuery {
    /// An assistant; may be repeated. All that have executions about the document family, if missing.
    assistant_id: Vec<WorkflowId>,
}

/// Which assistants, in the body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaReprocess)]
pub struct ReprocessBody {
    /// The assistants; all that have executions about the document family, if missing.
    assistant_ids: Option<Vec<WorkflowId>>,
}

/// Which assistants and document families of a store.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaReprocessStore)]
pub struct StoreBody {
    /// The assistants; all that have executions about a document family, if missing.
    assistant_ids: Option<Vec<WorkflowId>>,
    /// The document families.
    family_ids: Option<Vec<SubjectId>>,
    /// All document families of the store.
    all: Option<bool>,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaReprocessed)]
pub struct Summary {
    /// How many executions were made; they are `REQUESTED`, and become `PENDING` ten a second.
    requested: usize,
    /// How many could not be made.
    failed: usize,
    /// Why, for the first of these.
    reason: Option<String>,
}

/// Reprocess a document family by assistants
///
/// Editors and higher. One new execution per assistant, `PENDING`: with what its latest one about the document family worked on.
#[utoipa::path(
    put, path = "/api/document-families/{familyId}/reprocess", tag = "kodexa", params(AssistantsQuery),
    responses(
        (status = 200, description = "The document family", body = DocumentFamily),
        (status = 409, description = "An assistant can't be started"),
    ),
)]
async fn reprocess_kodexa_document_family(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Query(query): Query<AssistantsQuery>,
) -> Result<Reply, Problem> {
    at_once(&state, &scope, id, query.assistant_id, "assistantId").await
}

/// Reprocess a document family
///
/// Editors and higher. As with PUT, the assistants in the body.
#[utoipa::path(
    post, path = "/api/document-families/{familyId}/reprocess", tag = "kodexa", request_body = ReprocessBody,
    responses(
        (status = 200, description = "The document family", body = DocumentFamily),
        (status = 409, description = "An assistant can't be started"),
    ),
)]
async fn reprocess_kodexa_document_family_by(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Json(body): Json<ReprocessBody>,
) -> Result<Reply, Problem> {
    at_once(&state, &scope, id, body.assistant_ids.unwrap_or_default(), "assistantIds").await
}

/// Reprocess a document family of a store
///
/// Editors and higher. As without a store in the address, which is not looked at.
#[utoipa::path(
    put, path = "/api/stores/{organizationSlug}/{storeSlug}/{version}/families/{familyId}/reprocess", tag = "kodexa",
    params(AssistantsQuery),
    responses(
        (status = 200, description = "The document family", body = DocumentFamily),
        (status = 409, description = "An assistant can't be started"),
    ),
)]
async fn reprocess_kodexa_store_family(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Query(query): Query<AssistantsQuery>,
) -> Result<Reply, Problem> {
    at_once(&state, &scope, id, query.assistant_id, "assistantId").await
}

async fn at_once(
    state: &AppState,
    scope: &Scope<Editor>,
    id: FamilyId,
    assistants: Vec<WorkflowId>,
    field: &str,
) -> Result<Reply, Problem> {
    let subject = scope.family(&*state.store, id).await?;
    let wanted = wanted(assistants, scope.by());
    let done = Box::pin(reprocess::reprocess(&state.engine, &subject, wanted)).await;
    let mut done = done.map_err(|refusal| refused(refusal, field))?;
    if !done.failed.is_empty() {
        let NotReprocessed { error, .. } = done.failed.remove(0);
        return Err(error.into());
    }
    // What runs may have changed it already.
    Ok(Reply::ok(&DocumentFamily::from(scope.family(&*state.store, id).await?)))
}

fn wanted(workflows: Vec<WorkflowId>, by: String) -> Reprocess {
    Reprocess { workflows, context: Map::new(), triggered_by: TriggeredBy::Sdk, by, door: None }
}

fn refused(refusal: ReprocessRefusal, field: &str) -> Problem {
    let text = refusal.to_string();
    match refusal {
        ReprocessRefusal::Workflow { error, .. } => {
            let problem = Problem::from(error);
            match problem.code() {
                Code::NotFound | Code::WorkflowTrashed => {
                    Problem::field(Code::InvalidValue, format!("/{field}"), "there is no such assistant in the project")
                }
                _ => problem,
            }
        }
        ReprocessRefusal::TooMany(_) => Problem::field(Code::InvalidValue, "/familyIds", text),
        ReprocessRefusal::Engine(error) => error.into(),
    }
}

/// Reprocess document families of a store
///
/// Editors and higher. Those that are named, or all; up to 10000 executions. They are `REQUESTED` first, and become `PENDING` at a
/// measured pace.
#[utoipa::path(
    put, path = "/api/stores/{organizationSlug}/{storeSlug}/{version}/reprocess", tag = "kodexa", request_body = StoreBody,
    responses((status = 200, description = "How many", body = Summary)),
)]
async fn reprocess_kodexa_store(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(StorePart(organization)): Param<StorePart<0>>,
    Param(StorePart(slug)): Param<StorePart<1>>,
    Param(StorePart(version)): Param<StorePart<2>>,
    Json(body): Json<StoreBody>,
) -> Result<Reply, Problem> {
    let named = body.family_ids.unwrap_or_default();
    let subjects = match (body.all, named.as_slice()) {
        (Some(true), []) => of_store(&state, &scope, format!("{organization}/{slug}:{version}")).await?,
        (Some(true), _) => {
            let message = "name document families, or ask for all of them";
            return Err(Problem::field(Code::InvalidValue, "/all", message));
        }
        (_, []) => {
            return Err(Problem::field(Code::InvalidValue, "/familyIds", "name document families, or set `all`"));
        }
        (_, ids) => these(&state, &scope, ids).await?,
    };
    let assistants = body.assistant_ids.unwrap_or_default();
    let mut workflows = Vec::new();
    for id in assistants {
        let workflow =
            scope.assistant(&*state.store, AssistantId(id)).await.map_err(|problem| match problem.code() {
                Code::NotFound => {
                    Problem::field(Code::InvalidValue, "/assistantIds", format!("there is no assistant {id}"))
                }
                _ => problem,
            })?;
        workflows.push(workflow);
    }
    let pods: Vec<PodId> = subjects.iter().map(|subject| subject.pod_id).collect::<HashSet<_>>().into_iter().collect();
    let mut reply = Summary { requested: 0, failed: 0, reason: None };
    for pod in pods {
        // Each by the assistants of its own project.
        let of_pod: Vec<Subject> = subjects.iter().filter(|subject| subject.pod_id == pod).cloned().collect();
        let ids: Vec<WorkflowId> =
            workflows.iter().filter(|workflow| workflow.pod_id == pod).map(|workflow| workflow.id).collect();
        if ids.is_empty() && !workflows.is_empty() {
            continue;
        }
        let wanted = wanted(ids, scope.by());
        let done = Box::pin(reprocess::reprocess_later(&state.engine, &of_pod, wanted, PER_SECOND)).await;
        let done = done.map_err(|refusal| refused(refusal, "assistantIds"))?;
        reply.requested += done.executions.len();
        reply.failed += done.failed.len();
        reply.reason = reply.reason.or_else(|| done.failed.first().map(|failed| failed.error.to_string()));
    }
    Ok(Reply::ok(&reply))
}

async fn of_store(state: &AppState, scope: &Scope<Editor>, store: String) -> Result<Vec<Subject>, Problem> {
    let filter = Some(Wanted::One(Filter::one_of(Column::Store, [FilterValue::Text(store)])));
    family_search::all(state, scope, &Search { filter, ..Search::default() }).await
}

async fn these(state: &AppState, scope: &Scope<Editor>, ids: &[SubjectId]) -> Result<Vec<Subject>, Problem> {
    let mut subjects = Vec::with_capacity(ids.len());
    for (index, id) in ids.iter().enumerate() {
        let subject = scope.family(&*state.store, FamilyId(*id)).await.map_err(|problem| match problem.code() {
            Code::NotFound => {
                Problem::field(Code::InvalidValue, format!("/familyIds/{index}"), "there is no such document family")
            }
            _ => problem,
        })?;
        subjects.push(subject);
    }
    Ok(subjects)
}
