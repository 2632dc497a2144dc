//! Document families: made, looked at, changed, labelled and deleted. Each change is told as an event, which starts assistants that
//! subscribe to it.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    family_search::{self, Search, Wanted},
    family_views::{DocumentFamily, FAMILIES, FamilyBody, LabelName, StatusName},
    lists::{self, Envelope, ListQuery},
    scope::{FamilyId, ProjectId, Scope},
};
use crate::{
    domain::{ids::SubjectId, subject::Subject},
    engine::EngineError,
    http::{
        AppState,
        auth::{Editor, Viewer},
        error::{Code, Problem},
        extract::{Json, Param},
        query::Query,
        reply::Reply,
    },
    store::StoreError,
    triggers::subjects::{self, On, SubjectError},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_kodexa_document_families, create_kodexa_document_family))
        .routes(routes!(get_kodexa_document_family, update_kodexa_document_family, delete_kodexa_document_family))
        .routes(routes!(lock_kodexa_document_family))
        .routes(routes!(unlock_kodexa_document_family))
        .routes(routes!(set_kodexa_document_family_status))
        .routes(routes!(get_kodexa_external_data, set_kodexa_external_data))
        .routes(routes!(list_kodexa_external_data_keys))
        .routes(routes!(add_kodexa_label))
        .routes(routes!(remove_kodexa_label))
}

/// The same under the other spelling of their address.
pub fn aliases() -> Router<AppState> {
    Router::new()
        .route("/kodexa/api/documentFamilies", get(list_kodexa_document_families).post(create_kodexa_document_family))
        .route(
            "/kodexa/api/documentFamilies/{familyId}",
            get(get_kodexa_document_family).put(update_kodexa_document_family).delete(delete_kodexa_document_family),
        )
}

/// A page of document families.
#[derive(Debug, serde::Serialize, ToSchema)]
#[schema(as = KodexaDocumentFamilyPage)]
pub struct FamilyPage {
    /// The document families.
    content: Vec<DocumentFamily>,
    /// What the page says of itself.
    #[serde(flatten)]
    envelope: Envelope,
}

/// Which of the external data.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct KeyQuery {
    /// That of this key; all by their keys, if missing.
    key: Option<String>,
}

/// Which label.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct LabelQuery {
    /// The label.
    #[param(required = true)]
    label: Option<String>,
}

/// The document families whose path a text is part of.
pub async fn with_path<R>(state: &AppState, scope: &Scope<R>, text: &str) -> Result<Vec<SubjectId>, Problem> {
    let search = Search { text: Some(text.to_owned()), ..Search::default() };
    let found = family_search::all(state, scope, &search).await?;
    Ok(found.into_iter().map(|subject| subject.id).collect())
}

/// A failure in this face's names of fields.
pub fn refused(error: SubjectError) -> Problem {
    match error {
        SubjectError::Invalid(problem) => {
            let path = match problem.path.as_str() {
                "/store" => "/storeRef",
                "/status" => "/documentStatus",
                other => other,
            };
            Problem::field(Code::InvalidValue, path, problem.message)
        }
        SubjectError::Engine(EngineError::Store(StoreError::NotFound(_))) => Problem::not_found("document family"),
        SubjectError::Engine(EngineError::Store(StoreError::Taken(_))) => {
            Problem::new(Code::Taken, "another document family of the project has this path in this store")
        }
        SubjectError::Engine(error) => error.into(),
    }
}

/// Sets something of a document family, whatever else is changed at the same time.
async fn amended(
    state: &AppState,
    scope: &Scope<Editor>,
    FamilyId(id): FamilyId,
    revise: impl Fn(&mut Subject) + Send + Sync,
) -> Result<Subject, Problem> {
    let author = scope.author();
    let on = On { author: &author, door: None };
    subjects::amend(&state.engine, (scope.workspace(), id), on, revise).await.map_err(refused)
}

/// Changes a document family.
async fn changed(
    state: &AppState,
    scope: &Scope<Editor>,
    FamilyId(id): FamilyId,
    expected: Option<i64>,
    revise: impl FnOnce(&mut Subject) + Send,
) -> Result<Subject, Problem> {
    let author = scope.author();
    let on = On { author: &author, door: None };
    subjects::update(&state.engine, (scope.workspace(), id), expected, on, revise).await.map_err(refused)
}

fn labels(given: Vec<LabelName>) -> Vec<String> {
    given.into_iter().map(LabelName::into_text).collect()
}

/// List document families
///
/// Of all projects, newest first unless `sort` says otherwise. By `filter`: `path`, `storeRef`, `labels.name`, `documentStatus.status`,
/// `locked`, `project.id`, `createdOn`, `updatedOn`, `id`. 400 where too many would have to be looked through.
#[utoipa::path(
    get, path = "/api/document-families", tag = "kodexa", params(ListQuery),
    responses((status = 200, description = "The page", body = FamilyPage)),
)]
async fn list_kodexa_document_families(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Query(query): Query<ListQuery>,
) -> Result<Reply, Problem> {
    let (window, sort) = (query.window()?, query.sort(&FAMILIES)?);
    let filter = query.raw()?.map(|raw| Wanted::of(&raw)).transpose().map_err(lists::refused)?;
    let search = Search { filter, sort, text: query.text() };
    let (rows, total) = family_search::page(&state, &scope, &search, window).await?;
    let content: Vec<DocumentFamily> = rows.into_iter().map(DocumentFamily::from).collect();
    let envelope = Envelope::new(&query, window, content.len(), total);
    Ok(Reply::ok(&FamilyPage { content, envelope }))
}

/// Create a document family
///
/// Editors and higher. Starts the assistants that subscribe to it. 409 if the path is taken.
#[utoipa::path(
    post, path = "/api/document-families", tag = "kodexa", request_body = FamilyBody,
    responses(
        (status = 201, description = "The document family", body = DocumentFamily),
        (status = 409, description = "The path is taken in its store"),
    ),
)]
async fn create_kodexa_document_family(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Json(body): Json<FamilyBody>,
) -> Result<Reply, Problem> {
    let wrong = |path: &str, message: &str| Problem::field(Code::InvalidValue, path, message);
    let path = body.path.ok_or_else(|| wrong("/path", "a document family needs its path"))?;
    let pod = if let Some(id) = body.project.and_then(|project| project.id).or(body.project_id) {
        scope.project(&*state.store, ProjectId(id)).await?
    } else {
        let oldest = state.store.oldest_pod(scope.workspace()).await?;
        oldest.ok_or_else(|| wrong("/project/id", "the organization has no project that it could be in"))?
    };
    let now = state.clock.now();
    let subject = Subject {
        id: SubjectId(state.clock.new_id()),
        workspace_id: scope.workspace(),
        pod_id: pod.id,
        path,
        store: body.store_ref,
        labels: labels(body.labels.unwrap_or_default()),
        metadata: body.metadata.unwrap_or_default(),
        external_data: body.external_data.unwrap_or_default(),
        status: body.document_status.and_then(StatusName::into_text),
        locked: body.locked.unwrap_or(false),
        change_sequence: 1,
        created_by: scope.by(),
        created_at: now,
        updated_at: now,
    };
    let author = scope.author();
    let subject =
        subjects::create(&state.engine, subject, On { author: &author, door: None }).await.map_err(refused)?;
    let location = format!("{}/api/document-families/{}", super::PREFIX, subject.id);
    Ok(Reply::created(location, &DocumentFamily::from(subject)))
}

/// Get a document family
#[utoipa::path(
    get, path = "/api/document-families/{familyId}", tag = "kodexa",
    responses((status = 200, description = "The document family", body = DocumentFamily)),
)]
async fn get_kodexa_document_family(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&DocumentFamily::from(scope.family(&*state.store, id).await?)))
}

/// Change a document family
///
/// Editors and higher. What is missing or null stays. Starts the assistants that subscribe to it. 409 with another `changeSequence`, and
/// if the path is taken.
#[utoipa::path(
    put, path = "/api/document-families/{familyId}", tag = "kodexa", request_body = FamilyBody,
    responses(
        (status = 200, description = "The document family", body = DocumentFamily),
        (status = 409, description = "It was changed meanwhile, or the path is taken"),
    ),
)]
async fn update_kodexa_document_family(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Json(body): Json<FamilyBody>,
) -> Result<Reply, Problem> {
    if let Some(project) = body.project.and_then(|project| project.id).or(body.project_id) {
        let family = scope.family(&*state.store, id).await?;
        if family.pod_id != project {
            return Err(Problem::field(Code::InvalidValue, "/project/id", "a document family stays in its project"));
        }
    }
    let subject = changed(&state, &scope, id, body.change_sequence, |subject| {
        if let Some(path) = body.path {
            subject.path = path;
        }
        if let Some(store) = body.store_ref {
            subject.store = Some(store);
        }
        if let Some(given) = body.labels {
            subject.labels = labels(given);
        }
        if let Some(metadata) = body.metadata {
            subject.metadata = metadata;
        }
        if let Some(data) = body.external_data {
            subject.external_data = data;
        }
        if let Some(status) = body.document_status {
            subject.status = status.into_text();
        }
        if let Some(locked) = body.locked {
            subject.locked = locked;
        }
    });
    Ok(Reply::ok(&DocumentFamily::from(subject.await?)))
}

/// Delete a document family
///
/// Editors and higher. Executions about it stay.
#[utoipa::path(
    delete, path = "/api/document-families/{familyId}", tag = "kodexa",
    responses((status = 204, description = "It is gone")),
)]
async fn delete_kodexa_document_family(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
) -> Result<StatusCode, Problem> {
    let subject = scope.family(&*state.store, id).await?;
    subjects::delete(&state.engine, subject, &scope.author()).await.map_err(refused)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lock a document family
///
/// Editors and higher. A mark for people and programs; nothing is refused because of it.
#[utoipa::path(
    put, path = "/api/document-families/{familyId}/lock", tag = "kodexa",
    responses((status = 200, description = "The document family", body = DocumentFamily)),
)]
async fn lock_kodexa_document_family(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
) -> Result<Reply, Problem> {
    let subject = amended(&state, &scope, id, |subject| subject.locked = true).await?;
    Ok(Reply::ok(&DocumentFamily::from(subject)))
}

/// Unlock a document family
///
/// Editors and higher.
#[utoipa::path(
    put, path = "/api/document-families/{familyId}/unlock", tag = "kodexa",
    responses((status = 200, description = "The document family", body = DocumentFamily)),
)]
async fn unlock_kodexa_document_family(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
) -> Result<Reply, Problem> {
    let subject = amended(&state, &scope, id, |subject| subject.locked = false).await?;
    Ok(Reply::ok(&DocumentFamily::from(subject)))
}

/// Set the status of a document family
///
/// Editors and higher. One without a `status` takes it away.
#[utoipa::path(
    put, path = "/api/document-families/{familyId}/status", tag = "kodexa", request_body = SetStatus,
    responses((status = 200, description = "The document family", body = DocumentFamily)),
)]
async fn set_kodexa_document_family_status(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Json(body): Json<SetStatus>,
) -> Result<Reply, Problem> {
    let subject = amended(&state, &scope, id, |subject| subject.status.clone_from(&body.status)).await?;
    Ok(Reply::ok(&DocumentFamily::from(subject)))
}

/// Where a document family is to stand.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = KodexaSetStatus)]
pub struct SetStatus {
    /// A word of the project's own.
    #[serde(default)]
    #[schema(max_length = 255)]
    status: Option<String>,
}

/// Read the external data of a document family
#[utoipa::path(
    get, path = "/api/document-families/{familyId}/externalData", tag = "kodexa", params(KeyQuery),
    responses((status = 200, description = "The data of the key, or all by their keys", body = Value)),
)]
async fn get_kodexa_external_data(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Query(query): Query<KeyQuery>,
) -> Result<Reply, Problem> {
    let data = scope.family(&*state.store, id).await?.external_data;
    Ok(match query.key {
        None => Reply::ok(&data),
        Some(key) => Reply::ok(&data.get(&key).cloned().unwrap_or_else(|| Value::Object(Map::new()))),
    })
}

/// Write the external data of a document family
///
/// Editors and higher. An object: the data of the key, or all by their keys.
#[utoipa::path(
    put, path = "/api/document-families/{familyId}/externalData", tag = "kodexa", params(KeyQuery), request_body = Object,
    responses((status = 200, description = "What was written", body = Value)),
)]
async fn set_kodexa_external_data(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Query(query): Query<KeyQuery>,
    Json(body): Json<Map<String, Value>>,
) -> Result<Reply, Problem> {
    amended(&state, &scope, id, |subject| match &query.key {
        None => subject.external_data.clone_from(&body),
        Some(key) => _ = subject.external_data.insert(key.clone(), Value::Object(body.clone())),
    })
    .await?;
    Ok(Reply::ok(&body))
}

/// List the keys of the external data of a document family
#[utoipa::path(
    get, path = "/api/document-families/{familyId}/externalDataKeys", tag = "kodexa",
    responses((status = 200, description = "The keys, sorted", body = Vec<String>)),
)]
async fn list_kodexa_external_data_keys(
    scope: Scope<Viewer>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
) -> Result<Reply, Problem> {
    let data = scope.family(&*state.store, id).await?.external_data;
    let mut keys: Vec<&String> = data.keys().collect();
    keys.sort_unstable();
    Ok(Reply::ok(&keys))
}

async fn relabelled(
    state: &AppState,
    scope: &Scope<Editor>,
    FamilyId(id): FamilyId,
    add: &[String],
    remove: &[String],
) -> Result<Reply, Problem> {
    let author = scope.author();
    let on = On { author: &author, door: None };
    let changed = subjects::relabel(&state.engine, (scope.workspace(), id), (add, remove), on).await;
    Ok(Reply::ok(&DocumentFamily::from(changed.map_err(refused)?)))
}

fn named(query: LabelQuery) -> Result<[String; 1], Problem> {
    let label = query.label.filter(|label| !label.is_empty());
    label.map(|label| [label]).ok_or_else(|| Problem::field(Code::InvalidQuery, "label", "name the label"))
}

/// Put a label on a document family
///
/// Editors and higher. The store in the address is not looked at.
#[utoipa::path(
    put, path = "/api/stores/{organizationSlug}/{storeSlug}/{version}/families/{familyId}/addLabel", tag = "kodexa",
    params(LabelQuery),
    responses((status = 200, description = "The document family", body = DocumentFamily)),
)]
async fn add_kodexa_label(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Query(query): Query<LabelQuery>,
) -> Result<Reply, Problem> {
    relabelled(&state, &scope, id, &named(query)?, &[]).await
}

/// Take a label from a document family
///
/// Editors and higher. The store in the address is not looked at.
#[utoipa::path(
    put, path = "/api/stores/{organizationSlug}/{storeSlug}/{version}/families/{familyId}/removeLabel", tag = "kodexa",
    params(LabelQuery),
    responses((status = 200, description = "The document family", body = DocumentFamily)),
)]
async fn remove_kodexa_label(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<FamilyId>,
    Query(query): Query<LabelQuery>,
) -> Result<Reply, Problem> {
    relabelled(&state, &scope, id, &[], &named(query)?).await
}
