//! Subjects of a pod: what executions are about.

use std::sync::Arc;

use axum::{
    extract::{OriginalUri, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod, Viewer},
    error::{Code, Problem},
    extract::{Param, changed, present},
    idempotency::{Idempotent, ReplyKey},
    query::{Limit, Query},
    reply::{List, Reply},
    state::AppState,
};
use crate::{
    domain::{
        ids::SubjectId,
        subject::{Subject, label_problem, merge_patch},
    },
    engine::{Engine, EngineError},
    store::{
        Store, StoreError,
        catalogue::IdempotentReply,
        subjects::{SUBJECT_CHANGED, SubjectFilter},
    },
    triggers::subjects::{self, On, SubjectError},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_subject, list_subjects)).routes(routes!(
        get_subject,
        update_subject,
        delete_subject
    ))
}

/// A new subject.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateSubject {
    /// What it is called, such as a file's path; once per store in the pod.
    #[schema(min_length = 1, max_length = 1024, example = "inbox/invoice-17.pdf")]
    path: String,
    /// Where its content lives.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    store: Option<String>,
    /// Its labels, of 1 to 255 characters each.
    #[serde(default)]
    #[schema(max_items = 100)]
    labels: Vec<String>,
    /// What is known of it; up to 262144 bytes of JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// What others know of it, by whom; up to 262144 bytes of JSON.
    #[serde(default)]
    #[schema(value_type = Object)]
    external_data: Map<String, Value>,
    /// Where it stands, in words of the pod's own.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 255)]
    status: Option<String>,
    /// A mark that it should be left alone; the server refuses nothing because of it.
    #[serde(default)]
    locked: bool,
}

/// What changes about a subject; what is missing stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::option_option, reason = "missing, null, and a value are three things")]
pub struct UpdateSubject {
    /// Only if the subject's `changeSequence` is still this one; else 409.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, required = false, minimum = 1)]
    change_sequence: Option<i64>,
    /// What it is called.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 1024)]
    path: Option<String>,
    /// Where its content lives; `null` for nowhere.
    #[serde(default, deserialize_with = "changed")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    store: Option<Option<String>>,
    /// All of its labels from now on.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Vec<String>, required = false, max_items = 100)]
    labels: Option<Vec<String>>,
    /// Labels that it gets beside those it has.
    #[serde(default)]
    #[schema(max_items = 100)]
    add_labels: Vec<String>,
    /// Labels that are taken from it.
    #[serde(default)]
    #[schema(max_items = 100)]
    remove_labels: Vec<String>,
    /// Merged into what is known of it: objects are merged, `null` removes a member, anything else replaces it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Object, required = false)]
    metadata: Option<Map<String, Value>>,
    /// Merged in the same way into what others know of it.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Object, required = false)]
    external_data: Option<Map<String, Value>>,
    /// Where it stands; `null` for nowhere.
    #[serde(default, deserialize_with = "changed")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 255)]
    status: Option<Option<String>>,
    /// A mark that it should be left alone.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    locked: Option<bool>,
}

/// Which subjects are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SubjectQuery {
    /// Those whose path begins with this.
    path: Option<String>,
    /// Those whose content lives here.
    store: Option<String>,
    /// Those with this label.
    label: Option<String>,
    /// How many rows.
    #[param(required = false, inline)]
    limit: Limit,
    /// Where to go on, from the `Link` header of the page before.
    cursor: Option<String>,
}

/// Create a subject
///
/// Editors and higher. What executions are about, such as a document or an order: they have its id as their `subject`. Publishes the
/// event `subject.created`, which starts the deployed workflows that subscribe to it.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/subjects", tag = "subjects", request_body = CreateSubject,
    responses(
        (status = 201, description = "The new subject", body = Subject),
        (status = 409, description = "The pod has a subject with this path in this store"),
    ),
)]
async fn create_subject(
    pod: InPod<Editor>,
    State(engine): State<Engine>,
    Idempotent { body, key }: Idempotent<CreateSubject>,
) -> Result<Reply, Problem> {
    let author = key.author();
    let subject = Subject {
        id: SubjectId(engine.clock().new_id()),
        workspace_id: pod.workspace_id(),
        pod_id: pod.pod_id(),
        path: body.path,
        store: body.store,
        labels: body.labels,
        metadata: body.metadata,
        external_data: body.external_data,
        status: body.status,
        locked: body.locked,
        change_sequence: 1,
        created_by: author.id.clone(),
        created_at: author.at,
        updated_at: author.at,
    };
    let door = door(&key, StatusCode::CREATED);
    let creating = {
        let (engine, door) = (engine.clone(), door.clone());
        async move { subjects::create(&engine, subject, On { author: &author, door: door.as_ref() }).await }
    };
    // To the end, even if the caller goes away.
    match engine.apart(creating).await? {
        Ok(subject) => {
            let Subject { workspace_id, pod_id, id, .. } = &subject;
            let location = format!("/v1/workspaces/{workspace_id}/pods/{pod_id}/subjects/{id}");
            kept(&engine, &key, Reply::created(location, &subject)).await
        }
        Err(error) => refused(&key, error),
    }
}

/// List subjects
///
/// Newest first.
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/subjects", tag = "subjects", params(SubjectQuery),
    responses((status = 200, description = "The subjects", body = Vec<Subject>)),
)]
async fn list_subjects(
    pod: InPod<Viewer>,
    State(store): State<Arc<dyn Store>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<SubjectQuery>,
) -> Result<List, Problem> {
    let SubjectQuery { path, store: kept_in, label, limit, cursor } = query;
    let filter = SubjectFilter { path_prefix: path, store: kept_in, label };
    let page = store.subjects(pod.workspace_id(), pod.pod_id(), &filter, limit.0, cursor.as_deref()).await?;
    List::new(&uri, &page)
}

/// Get a subject
#[utoipa::path(
    get, path = "/workspaces/{workspaceId}/pods/{podId}/subjects/{subjectId}", tag = "subjects",
    responses((status = 200, description = "The subject", body = Subject)),
)]
async fn get_subject(
    pod: InPod<Viewer>,
    Param(id): Param<SubjectId>,
    State(store): State<Arc<dyn Store>>,
) -> Result<Reply, Problem> {
    Ok(Reply::ok(&subject_in(&pod, &*store, id).await?))
}

/// Change a subject
///
/// Editors and higher. What is missing stays as it is. With `changeSequence`, only if nobody else has changed it since; without it, the
/// change is made on top of those of others. Publishes the event `subject.updated`, unless everything stays the same.
#[utoipa::path(
    patch, path = "/workspaces/{workspaceId}/pods/{podId}/subjects/{subjectId}", tag = "subjects",
    request_body = UpdateSubject,
    responses(
        (status = 200, description = "The subject", body = Subject),
        (status = 409, description = "It was changed meanwhile, or the path is taken"),
    ),
)]
async fn update_subject(
    pod: InPod<Editor>,
    Param(id): Param<SubjectId>,
    State(engine): State<Engine>,
    Idempotent { body, key }: Idempotent<UpdateSubject>,
) -> Result<Reply, Problem> {
    subject_in(&pod, &**engine.store(), id).await?;
    for (index, label) in body.add_labels.iter().enumerate() {
        if let Some(message) = label_problem(label) {
            return Err(Problem::field(Code::InvalidValue, format!("/addLabels/{index}"), message));
        }
    }
    let (author, door, of) = (key.author(), door(&key, StatusCode::OK), (pod.workspace_id(), id));
    let updating = {
        let engine = engine.clone();
        async move {
            let on = On { author: &author, door: door.as_ref() };
            let revise = |subject: &mut Subject| revise(subject, &body);
            match body.change_sequence {
                Some(expected) => subjects::update(&engine, of, Some(expected), on, revise).await,
                None => subjects::amend(&engine, of, on, revise).await,
            }
        }
    };
    match engine.apart(updating).await? {
        Ok(subject) => kept(&engine, &key, Reply::ok(&subject)).await,
        Err(error) => refused(&key, error),
    }
}

/// Delete a subject
///
/// Editors and higher. Executions about it stay. Publishes the event `subject.deleted`.
#[utoipa::path(
    delete, path = "/workspaces/{workspaceId}/pods/{podId}/subjects/{subjectId}", tag = "subjects",
    responses((status = 204, description = "It is gone")),
)]
async fn delete_subject(
    pod: InPod<Editor>,
    Param(id): Param<SubjectId>,
    State(engine): State<Engine>,
) -> Result<StatusCode, Problem> {
    let subject = subject_in(&pod, &**engine.store(), id).await?;
    let author = pod.access().author();
    let deleting = {
        let engine = engine.clone();
        async move { subjects::delete(&engine, subject, &author).await }
    };
    engine.apart(deleting).await?.map_err(problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// The subject of this id, if it is in this pod.
pub(super) async fn subject_in<R>(pod: &InPod<R>, store: &dyn Store, id: SubjectId) -> Result<Subject, Problem> {
    let subject = store.subject(pod.workspace_id(), id).await?;
    if subject.pod_id == pod.pod_id() { Ok(subject) } else { Err(Problem::not_found("subject")) }
}

/// The reply under the request's key before it is known what it says.
pub(super) fn door(key: &ReplyKey, status: StatusCode) -> Option<IdempotentReply> {
    key.reply(&Reply::new(status, None, &Value::Null))
}

/// Keeps the reply to a request that is carried out, or answers the one that was kept first.
pub(super) async fn kept(engine: &Engine, key: &ReplyKey, reply: Reply) -> Result<Reply, Problem> {
    let Some(kept) = key.reply(&reply) else { return Ok(reply) };
    match engine.store().keep_reply(&kept).await {
        Ok(()) => Ok(reply),
        Err(StoreError::Repeated(stored)) => key.repeated(*stored),
        Err(error) => Err(error.into()),
    }
}

fn revise(subject: &mut Subject, body: &UpdateSubject) {
    let body = body.clone();
    if let Some(path) = body.path {
        subject.path = path;
    }
    if let Some(store) = body.store {
        subject.store = store;
    }
    if let Some(labels) = body.labels {
        subject.labels = labels;
    }
    subject.relabel(&body.add_labels, &body.remove_labels);
    merge_patch(&mut subject.metadata, body.metadata.unwrap_or_default());
    merge_patch(&mut subject.external_data, body.external_data.unwrap_or_default());
    if let Some(status) = body.status {
        subject.status = status;
    }
    subject.locked = body.locked.unwrap_or(subject.locked);
}

/// The reply to a request that was carried out before, or the problem.
fn refused(key: &ReplyKey, error: SubjectError) -> Result<Reply, Problem> {
    match error {
        SubjectError::Engine(EngineError::Repeated(stored)) => key.repeated(*stored),
        error => Err(problem(error)),
    }
}

fn problem(error: SubjectError) -> Problem {
    match error {
        SubjectError::Invalid(wrong) => Problem::field(Code::InvalidValue, wrong.path, wrong.message),
        SubjectError::Engine(EngineError::Store(StoreError::Taken("path"))) => {
            Problem::field(Code::Taken, "/path", "the pod has a subject with this path in this store")
        }
        SubjectError::Engine(EngineError::Store(StoreError::Refused(SUBJECT_CHANGED))) => {
            Problem::field(Code::Conflict, "/changeSequence", SUBJECT_CHANGED)
        }
        SubjectError::Engine(error) => error.into(),
    }
}
