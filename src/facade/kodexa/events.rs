//! Events that are sent to one assistant: each starts an execution of it, whatever it subscribes to.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    event_types::EventName,
    form::Form,
    kept::Kept,
    scope::{AssistantId, ProjectId, Scope},
    views::{self, Execution},
};
use crate::{
    domain::{
        execution::{Presets, TriggeredBy},
        ids::{PodId, SubjectId, WorkspaceId},
        subject::{COMPLETE_LABEL, CONTEXT_MEMBER},
        subscription::MAX_KEY_BYTES,
        trace::Trace,
        workflow::Workflow,
    },
    engine::Trigger,
    http::{
        AppState,
        auth::Editor,
        error::{Code, Problem},
        executions::check_size,
        extract::Param,
        reply::Reply,
        traced::Traced,
    },
    store::{Store, StoreError},
};

/// The longest event type, in characters.
const MAX_TYPE_CHARS: usize = 128;
/// The longest id of what an execution is about, in bytes.
const MAX_SUBJECT_BYTES: usize = 255;
/// Options that an execution's context has by their own names.
const IN_CONTEXT: [&str; 8] = [
    "documentFamilyId",
    "contentObjectId",
    "storeId",
    "storeRef",
    "channelId",
    "taskId",
    "taxonomyRefs",
    COMPLETE_LABEL,
];

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(send_kodexa_event)).routes(routes!(send_kodexa_project_event))
}

/// An event for an assistant, as fields of a form.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = KodexaEvent)]
#[expect(dead_code, reason = "the shape alone is wanted; `Form` reads it")]
pub struct EventBody {
    /// What has happened, or what is wanted.
    #[schema(min_length = 1, max_length = 128)]
    event_type: String,
    /// More about it: an object, as JSON. `documentFamilyId` in it is what the execution is about.
    options: Option<String>,
}

/// Send an event to an assistant
///
/// Editors and higher. Starts an execution of it. While an equal event (of the same type, about the same document family) is not done
/// with, the new one is `SKIPPED`.
#[utoipa::path(
    post, path = "/api/assistants/{assistantId}/events", tag = "kodexa",
    request_body(content = EventBody, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The execution", body = Execution)),
)]
async fn send_kodexa_event(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(id): Param<AssistantId>,
    Traced(trace): Traced,
    Form(fields): Form,
) -> Result<Reply, Problem> {
    let workflow = scope.assistant(&*state.store, id).await?;
    sent(&state, &scope, workflow, trace, fields).await
}

/// Send an event to an assistant of a project
///
/// As without a project in the address.
#[utoipa::path(
    post, path = "/api/projects/{projectId}/assistants/{assistantId}/events", tag = "kodexa",
    request_body(content = EventBody, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The execution", body = Execution)),
)]
async fn send_kodexa_project_event(
    scope: Scope<Editor>,
    State(state): State<AppState>,
    Param(project): Param<ProjectId>,
    Param(id): Param<AssistantId>,
    Traced(trace): Traced,
    Form(fields): Form,
) -> Result<Reply, Problem> {
    let workflow = scope.assistant_of(&*state.store, project, id).await?;
    sent(&state, &scope, workflow, trace, fields).await
}

async fn sent(
    state: &AppState,
    scope: &Scope<Editor>,
    workflow: Workflow,
    trace: Option<Trace>,
    mut fields: Map<String, Value>,
) -> Result<Reply, Problem> {
    let event_type = match fields.remove("eventType") {
        Some(Value::String(text)) if !text.trim().is_empty() => text.trim().to_owned(),
        None | Some(Value::Null | Value::String(_)) => {
            return Err(Problem::field(Code::InvalidBody, "/eventType", "an event needs its type"));
        }
        Some(_) => return Err(Problem::field(Code::InvalidBody, "/eventType", "must be a text")),
    };
    if event_type.chars().count() > MAX_TYPE_CHARS || event_type.chars().any(char::is_control) {
        let message = format!("must have at most {MAX_TYPE_CHARS} characters, none of them a control character");
        return Err(Problem::field(Code::InvalidValue, "/eventType", message));
    }
    let options = options(fields.remove("options"))?;
    let mut context: Map<String, Value> = IN_CONTEXT
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), options.get(*name).filter(|value| !value.is_null())?.clone())))
        .collect();
    if let Some(family) = fields.remove("documentFamilyId").filter(Value::is_string) {
        context.insert("documentFamilyId".to_owned(), family);
    }
    context.insert("eventType".to_owned(), json!(event_type));
    context.insert("options".to_owned(), Value::Object(options.clone()));
    let family = family_of(&context)?;
    let dedupe_key = family.as_ref().map(|family| key(&event_type, family));
    let name = EventName::read(&event_type).ok();
    let priority = name.map_or(super::event_types::OWN_PRIORITY, |name| name.priority());
    let start = Start { input: Value::Object(options), context, family, priority: Some(priority), dedupe_key, trace };
    let execution = begin(state, (scope.workspace(), scope.by()), &workflow, start).await?;
    Ok(Reply::ok(&views::execution(state, execution).await?))
}

fn options(field: Option<Value>) -> Result<Map<String, Value>, Problem> {
    let value = match field {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::String(text)) if text.trim().is_empty() => return Ok(Map::new()),
        Some(Value::String(text)) => serde_json::from_str(&text)
            .map_err(|error| Problem::field(Code::InvalidValue, "/options", format!("is not valid JSON: {error}")))?,
        Some(value) => value,
    };
    match value {
        Value::Object(options) => Ok(options),
        _ => Err(Problem::field(Code::InvalidValue, "/options", "must be an object")),
    }
}

/// The document family that a context names.
fn family_of(context: &Map<String, Value>) -> Result<Option<String>, Problem> {
    let at = "/options/documentFamilyId";
    match context.get("documentFamilyId") {
        None => Ok(None),
        Some(Value::String(id)) if (1..=MAX_SUBJECT_BYTES).contains(&id.len()) => Ok(Some(id.clone())),
        Some(_) => {
            Err(Problem::field(Code::InvalidValue, at, format!("must be a text of 1 to {MAX_SUBJECT_BYTES} bytes")))
        }
    }
}

/// Events of one type about one thing are equal.
fn key(event_type: &str, family: &str) -> String {
    let key = format!("{event_type} {family}");
    if key.len() <= MAX_KEY_BYTES { key } else { Uuid::new_v5(&Uuid::NAMESPACE_OID, key.as_bytes()).to_string() }
}

/// What an execution is begun with.
pub struct Start {
    /// What it works on.
    pub input: Value,
    /// What its steps find under `context`.
    pub context: Map<String, Value>,
    /// The document family that it is about.
    pub family: Option<String>,
    /// Its priority, without the assistant's hint; none is that of what the clock starts.
    pub priority: Option<i32>,
    /// Equal keys are duplicates.
    pub dedupe_key: Option<String>,
    /// The trace that it is begun in.
    pub trace: Option<Trace>,
}

/// Begins an execution of an assistant, active or not.
pub async fn begin(
    state: &AppState,
    (workspace_id, by): (WorkspaceId, String),
    workflow: &Workflow,
    start: Start,
) -> Result<crate::domain::execution::Execution, Problem> {
    let Start { input, mut context, family, priority, dedupe_key, trace } = start;
    let kept = workflow.definition.as_ref().and_then(Kept::of).unwrap_or_default();
    if !context.contains_key(COMPLETE_LABEL)
        && let Some(label) = kept.complete_label()?
    {
        context.insert(COMPLETE_LABEL.to_owned(), json!(label));
    }
    if let Some(family) = &family {
        context.insert("documentFamilyId".to_owned(), json!(family));
        if let Some(subject) = subject(&*state.store, workspace_id, workflow.pod_id, family).await? {
            context.insert(CONTEXT_MEMBER.to_owned(), subject);
        }
    }
    let context = Value::Object(context);
    check_size("/context", &context)?;
    let hint = kept.priority_hint.unwrap_or(0);
    let trigger = Trigger {
        workspace_id,
        pod_id: workflow.pod_id,
        workflow_id: workflow.id,
        version: Some(workflow.deployed_version.unwrap_or(workflow.version)),
        triggered_by: TriggeredBy::Sdk,
        trigger_id: None,
        input,
        context,
        subject: family,
        priority: priority.map(|priority| priority.saturating_add(hint).clamp(-100, 100)),
        dedupe_key,
        concurrency_key: None,
        idempotency_key: None,
        replay_of: None,
        from_node_id: None,
        presets: Presets::new(),
        mocks: false,
        run_at: None,
        expires_in_ms: None,
        debounce: None,
        trace,
        created_by: by,
        slot: None,
    };
    Ok(state.engine.trigger(trigger, None).await?)
}

/// What is known of what an execution is about, if it is a document family of the project.
async fn subject(
    store: &dyn Store,
    workspace: WorkspaceId,
    pod: PodId,
    family: &str,
) -> Result<Option<Value>, Problem> {
    let Ok(id) = family.parse::<SubjectId>() else { return Ok(None) };
    match store.subject(workspace, id).await {
        Ok(subject) => Ok((subject.pod_id == pod).then(|| subject.shown_in_context())),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
