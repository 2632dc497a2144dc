//! What has been done about subjects, done again.

use axum::{extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Map;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::{Editor, InPod, PrincipalKind},
    error::{Code, Problem},
    extract::Param,
    idempotency::{Idempotent, ReplyKey},
    reply::Reply,
    state::AppState,
    subjects::{door, kept, subject_in},
};
use crate::{
    domain::{
        execution::{ExecutionView, TriggeredBy},
        ids::{ExecutionId, SubjectId, WorkflowId},
        subject::Subject,
    },
    engine::Engine,
    store::subjects::SubjectFilter,
    triggers::reprocess::{self, MAX_EXECUTIONS, MAX_WORKFLOWS, NotReprocessed, Reprocess, ReprocessRefusal},
};

/// The most executions a second that may become ready.
const MAX_PER_SECOND: u32 = 1_000;
/// How many subjects are read at once.
const PAGE: i64 = 500;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(reprocess_subject)).routes(routes!(reprocess_subjects))
}

/// What is done again about one subject.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ReprocessSubject {
    /// By these workflows; by all that have executions about it, if missing or empty.
    #[schema(max_items = 200)]
    workflow_ids: Vec<WorkflowId>,
}

/// What is done again about many subjects.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReprocessSubjects {
    /// These; up to 10000.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 10_000)]
    subject_ids: Option<Vec<SubjectId>>,
    /// Those that a list with this filter shows now; `{}` for all of the pod.
    #[serde(default)]
    filter: Option<SubjectSelection>,
    /// By these workflows; each subject by all that have executions about it, if missing or empty.
    #[serde(default)]
    #[schema(max_items = 200)]
    workflow_ids: Vec<WorkflowId>,
    /// How many executions become ready in a second.
    #[serde(default = "default_pace")]
    #[schema(minimum = 1, maximum = 1000, default = 10)]
    per_second: u32,
}

fn default_pace() -> u32 {
    10
}

/// The filter of the list of subjects. What is missing fits any.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct SubjectSelection {
    /// Those whose path begins with this.
    path: Option<String>,
    /// Those whose content lives here.
    store: Option<String>,
    /// Those with this label.
    label: Option<String>,
}

/// What was begun.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReprocessedSubject {
    /// The new executions, one per workflow.
    executions: Vec<ExecutionView>,
    /// What could not be begun.
    failed: Vec<NotBegun>,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReprocessedSubjects {
    /// The new executions, in the order in which they become ready.
    execution_ids: Vec<ExecutionId>,
    /// What could not be asked for.
    failed: Vec<NotBegun>,
}

/// A workflow that could not be begun about a subject.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotBegun {
    /// The subject.
    subject_id: SubjectId,
    /// The workflow.
    workflow_id: WorkflowId,
    /// Why, for programs: a code of problems.
    code: String,
    /// Why, for people.
    message: String,
    /// Whether the same may work later.
    retryable: bool,
}

/// Reprocess a subject
///
/// Editors and higher. A new execution of each workflow, with the input and the context of its latest execution about the subject,
/// and the subject as it is now under `context.subject`. `replayOf` is the latest one that has finished. A workflow that has none yet
/// gets the input `{}`. With an `Idempotency-Key`, a repeated request begins what the first one did not come to, and nothing
/// twice; 429 and 503 ask for that. Without one they are answered only if nothing was begun.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/subjects/{subjectId}/reprocess", tag = "subjects",
    request_body(content = ReprocessSubject, description = "Nothing, or the workflows"),
    responses(
        (status = 202, description = "The executions", body = ReprocessedSubject),
        (status = 409, description = "A workflow is in the trash"),
        (status = 429, description = "Too many executions are waiting"),
    ),
)]
async fn reprocess_subject(
    pod: InPod<Editor>,
    Param(id): Param<SubjectId>,
    State(engine): State<Engine>,
    Idempotent { body, key }: Idempotent<ReprocessSubject>,
) -> Result<Reply, Problem> {
    let subject = subject_in(&pod, &**engine.store(), id).await?;
    let asked = asked(&pod, &key, body.workflow_ids)?;
    let work = engine.clone();
    // To the end, even if the caller goes away.
    let done = engine.apart(async move { reprocess::reprocess(&work, &subject, asked).await }).await?;
    let done = done.map_err(problem)?;
    let now = engine.clock().now();
    let executions: Vec<_> = done.executions.iter().map(|execution| execution.view(now)).collect();
    let failed = failures(&key, done.failed, executions.is_empty())?;
    kept(&engine, &key, Reply::new(StatusCode::ACCEPTED, None, &ReprocessedSubject { executions, failed })).await
}

/// Reprocess many subjects
///
/// Editors and higher. As for one subject, at a measured pace: the executions are `pending`, and `perSecond` of them become ready
/// in a second. At most 10000 executions; repeat it with other subjects for more.
#[utoipa::path(
    post, path = "/workspaces/{workspaceId}/pods/{podId}/subjects/reprocess", tag = "subjects",
    request_body = ReprocessSubjects,
    responses(
        (status = 202, description = "The executions", body = ReprocessedSubjects),
        (status = 409, description = "A workflow is in the trash"),
        (status = 429, description = "Too many executions are triggered"),
    ),
)]
async fn reprocess_subjects(
    pod: InPod<Editor>,
    State(engine): State<Engine>,
    Idempotent { body, key }: Idempotent<ReprocessSubjects>,
) -> Result<Reply, Problem> {
    let ReprocessSubjects { subject_ids, filter, workflow_ids, per_second } = body;
    if !(1..=MAX_PER_SECOND).contains(&per_second) {
        let message = format!("must be between 1 and {MAX_PER_SECOND}, not {per_second}");
        return Err(Problem::field(Code::InvalidValue, "/perSecond", message));
    }
    let asked = asked(&pod, &key, workflow_ids)?;
    let subjects = selected(&pod, &engine, subject_ids, filter).await?;
    let work = engine.clone();
    let done =
        engine.apart(async move { reprocess::reprocess_later(&work, &subjects, asked, per_second).await }).await?;
    let done = done.map_err(problem)?;
    let failed = failures(&key, done.failed, done.executions.is_empty())?;
    let shown = ReprocessedSubjects { execution_ids: done.executions, failed };
    kept(&engine, &key, Reply::new(StatusCode::ACCEPTED, None, &shown)).await
}

fn asked<R>(pod: &InPod<R>, key: &ReplyKey, workflows: Vec<WorkflowId>) -> Result<Reprocess, Problem> {
    if workflows.len() > MAX_WORKFLOWS {
        let message = format!("must be at most {MAX_WORKFLOWS}, not {}", workflows.len());
        return Err(Problem::field(Code::InvalidValue, "/workflowIds", message));
    }
    let triggered_by = match pod.principal().kind {
        PrincipalKind::User => TriggeredBy::Manual,
        PrincipalKind::ApiKey => TriggeredBy::Sdk,
    };
    let (by, door) = (pod.principal().id.clone(), door(key, StatusCode::ACCEPTED));
    Ok(Reprocess { workflows, context: Map::new(), triggered_by, by, door })
}

/// The subjects that are asked for; all of those that are named have to be there.
async fn selected<R>(
    pod: &InPod<R>,
    engine: &Engine,
    ids: Option<Vec<SubjectId>>,
    filter: Option<SubjectSelection>,
) -> Result<Vec<Subject>, Problem> {
    let store = engine.store();
    match (ids, filter) {
        (Some(ids), None) => {
            if ids.is_empty() || ids.len() > MAX_EXECUTIONS {
                let message = format!("must be 1 to {MAX_EXECUTIONS} ids, not {}", ids.len());
                return Err(Problem::field(Code::InvalidValue, "/subjectIds", message));
            }
            let found = store.subjects_of(pod.workspace_id(), pod.pod_id(), &ids).await?;
            let there: std::collections::HashSet<_> = found.iter().map(|subject| subject.id).collect();
            match ids.iter().position(|id| !there.contains(id)) {
                Some(index) => {
                    let message = format!("there is no subject {} in this pod", ids[index]);
                    Err(Problem::field(Code::InvalidValue, format!("/subjectIds/{index}"), message))
                }
                None => Ok(found),
            }
        }
        (None, Some(SubjectSelection { path, store: kept_in, label })) => {
            let filter = SubjectFilter { path_prefix: path, store: kept_in, label };
            let (mut found, mut cursor) = (Vec::new(), None);
            loop {
                let page = store.subjects(pod.workspace_id(), pod.pod_id(), &filter, PAGE, cursor.as_deref()).await?;
                found.extend(page.items);
                if found.len() > MAX_EXECUTIONS {
                    let message = format!("it shows more than {MAX_EXECUTIONS} subjects; narrow it down");
                    return Err(Problem::field(Code::InvalidValue, "/filter", message));
                }
                cursor = page.next;
                if cursor.is_none() {
                    return Ok(found);
                }
            }
        }
        (Some(_), Some(_)) => {
            Err(Problem::field(Code::InvalidValue, "/filter", "give `subjectIds` or `filter`, not both"))
        }
        (None, None) => Err(Problem::field(Code::InvalidValue, "/subjectIds", "give `subjectIds` or a `filter`")),
    }
}

/// What could not be begun, or a problem that may pass, if a repetition can mend it.
fn failures(key: &ReplyKey, failed: Vec<NotReprocessed>, nothing: bool) -> Result<Vec<NotBegun>, Problem> {
    let mut shown = Vec::new();
    for NotReprocessed { subject_id, workflow_id, error } in failed {
        tracing::debug!(%subject_id, %workflow_id, %error, "a subject could not be reprocessed");
        let problem = Problem::from(error);
        let code = problem.code();
        let retryable = matches!(code, Code::TooManyRequests | Code::Unavailable);
        if retryable && (key.key().is_some() || nothing) {
            return Err(problem);
        }
        let message = problem.sentence();
        shown.push(NotBegun { subject_id, workflow_id, code: code.as_str().to_owned(), message, retryable });
    }
    Ok(shown)
}

fn problem(refusal: ReprocessRefusal) -> Problem {
    match refusal {
        ReprocessRefusal::Workflow { index, error } => {
            let problem = Problem::from(error);
            let code = match problem.code() {
                Code::NotFound => Code::InvalidValue,
                code => code,
            };
            Problem::field(code, format!("/workflowIds/{index}"), problem.sentence())
        }
        ReprocessRefusal::TooMany(_) => Problem::field(Code::InvalidValue, "/workflowIds", refusal.to_string()),
        ReprocessRefusal::Engine(error) => error.into(),
    }
}
