//! Subjects as they are made and changed, and the events that tell of it: `subject.created`, `subject.updated` and
//! `subject.deleted` start the deployed workflows that subscribe to them, like events from outside.
//!
//! The change is durable first. Under an idempotency key it is written down below that of the request, so that a request that was
//! cut off before its event was taken is repeated by publishing what is missing, and changes nothing twice. A label that an
//! execution puts on its subject when it completes publishes nothing: else a workflow that subscribes to changes would start
//! itself again and again.

use serde_json::{Map, json};

use crate::{
    domain::{
        audit::Author,
        ids::{EventId, SubjectId, WorkspaceId},
        subject::{CONTEXT_MEMBER, Subject, SubjectProblem},
        subscription::IncomingEvent,
    },
    engine::{Engine, EngineError},
    store::{
        StoreError,
        catalogue::{Change, IdempotentReply},
        subjects::SUBJECT_CHANGED,
    },
};

use super::{
    events::{self, Outcome, Refusal},
    may_pass,
};

/// How often a change is tried while others change the same subject.
const ATTEMPTS: usize = 8;
/// What the reply below an idempotency key is called that says what became of the subject.
const PART: &str = "subject";
/// What is told of a subject that has changed.
const UPDATED: &str = "subject.updated";

/// Why a subject was not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// Something is wrong with a field.
    #[error("{}: {}", .0.path, .0.message)]
    Invalid(SubjectProblem),
    /// The engine's answer. `Taken("path")`, and `Refused` with [`SUBJECT_CHANGED`], are the store's.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<StoreError> for SubjectError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// Who makes or changes a subject, and under which key.
#[derive(Clone, Copy, Debug)]
pub struct On<'a> {
    /// Who, and when.
    pub author: &'a Author,
    /// The reply under the request's idempotency key, as far as it is known yet. The caller keeps the whole one afterwards.
    pub door: Option<&'a IdempotentReply>,
}

/// Makes a subject, given whole, and tells of it. Its labels are sorted.
pub async fn create(engine: &Engine, mut subject: Subject, on: On<'_>) -> Result<Subject, SubjectError> {
    if let Some(done) = done_before(engine, on.door).await? {
        return tell(engine, "subject.created", done, on).await;
    }
    // First: a problem names the place that the caller has given.
    check(&subject)?;
    subject.sort_labels();
    let change = Change::CreateSubject(Box::new(subject.clone()));
    let subject = carry_out(engine, change, subject, on).await?;
    tell(engine, "subject.created", subject, on).await
}

/// Changes a subject to what `revise` makes of it, and tells of it; what stays the same is neither written nor told. With
/// `expected`, only if it was changed so often. `Refused` with [`SUBJECT_CHANGED`] if others were faster. Id, pod, author and
/// count are not for `revise`.
pub async fn update(
    engine: &Engine,
    of: (WorkspaceId, SubjectId),
    expected: Option<i64>,
    on: On<'_>,
    revise: impl FnOnce(&mut Subject) + Send,
) -> Result<Subject, SubjectError> {
    match done_before(engine, on.door).await? {
        Some(done) => tell(engine, UPDATED, done, on).await,
        None => update_once(engine, of, expected, on, revise).await,
    }
}

/// As [`update`], on top of what others have made of the subject: `revise` is asked again when they were faster.
pub async fn amend(
    engine: &Engine,
    of: (WorkspaceId, SubjectId),
    on: On<'_>,
    revise: impl Fn(&mut Subject) + Send + Sync,
) -> Result<Subject, SubjectError> {
    if let Some(done) = done_before(engine, on.door).await? {
        return tell(engine, UPDATED, done, on).await;
    }
    let mut attempt = 1;
    loop {
        match update_once(engine, of, None, on, &revise).await {
            Err(SubjectError::Engine(EngineError::Store(StoreError::Refused(SUBJECT_CHANGED))))
                if attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            outcome => return outcome,
        }
    }
}

/// Adds labels and takes others away, whatever else is changed at the same time, and tells of it.
pub async fn relabel(
    engine: &Engine,
    of: (WorkspaceId, SubjectId),
    (add, remove): (&[String], &[String]),
    on: On<'_>,
) -> Result<Subject, SubjectError> {
    amend(engine, of, on, |subject| subject.relabel(add, remove)).await
}

async fn update_once(
    engine: &Engine,
    (workspace, id): (WorkspaceId, SubjectId),
    expected: Option<i64>,
    on: On<'_>,
    revise: impl FnOnce(&mut Subject) + Send,
) -> Result<Subject, SubjectError> {
    let before = engine.store().subject(workspace, id).await?;
    if expected.is_some_and(|expected| expected != before.change_sequence) {
        return Err(StoreError::Refused(SUBJECT_CHANGED).into());
    }
    let mut after = before.clone();
    revise(&mut after);
    check(&after)?;
    after.sort_labels();
    if after == before {
        return Ok(before);
    }
    after.change_sequence = before.change_sequence + 1;
    after.updated_at = on.author.at.max(before.updated_at);
    let expected_change_sequence = before.change_sequence;
    let change = Change::UpdateSubject { subject: Box::new(after.clone()), expected_change_sequence };
    let after = carry_out(engine, change, after, on).await?;
    tell(engine, UPDATED, after, on).await
}

/// Deletes a subject, and tells of it. Executions about it stay.
pub async fn delete(engine: &Engine, subject: Subject, author: &Author) -> Result<(), SubjectError> {
    let on = On { author, door: None };
    let change = Change::DeleteSubject(subject.workspace_id, subject.id);
    engine.store().change(change, author, None).await?;
    tell(engine, "subject.deleted", subject, on).await.map(drop)
}

fn check(subject: &Subject) -> Result<(), SubjectError> {
    subject.problem().map_or(Ok(()), |problem| Err(SubjectError::Invalid(problem)))
}

/// What the same request has made of the subject before it was cut off.
async fn done_before(engine: &Engine, door: Option<&IdempotentReply>) -> Result<Option<Subject>, SubjectError> {
    let Some(door) = door else { return Ok(None) };
    let below = events::below(door, PART, &());
    let stored = engine.store().idempotent_reply(&below.scope, &below.key, engine.clock().now()).await?;
    Ok(stored.map(|stored| events::read(stored, door)).transpose()?)
}

/// Writes a change, with what becomes of the subject under the request's key.
async fn carry_out(engine: &Engine, change: Change, after: Subject, on: On<'_>) -> Result<Subject, SubjectError> {
    let kept = on.door.map(|door| events::below(door, PART, &after));
    match (engine.store().change(change, on.author, kept).await, on.door) {
        (Ok(()), _) => Ok(after),
        (Err(StoreError::Repeated(stored)), Some(door)) => Ok(events::read(*stored, door)?),
        (Err(error), _) => Err(error.into()),
    }
}

/// Publishes the event. What could not be started is logged; under a key, where the same may work later, it is an error, so that
/// the request is repeated.
async fn tell(
    engine: &Engine,
    event_type: &'static str,
    subject: Subject,
    on: On<'_>,
) -> Result<Subject, SubjectError> {
    let event = IncomingEvent {
        id: EventId(engine.clock().new_id()),
        workspace_id: subject.workspace_id,
        pod_id: subject.pod_id,
        event_type: event_type.to_owned(),
        subject: Some(subject.id.to_string()),
        data: json!(subject),
        context: Map::from_iter([(CONTEXT_MEMBER.to_owned(), subject.shown_in_context())]),
        at: engine.clock().now(),
        trace: None,
    };
    let published = match events::publish(engine, event, &on.author.id, on.door).await {
        Ok(published) => published,
        Err(Refusal::TooManySubscribers) => {
            tracing::warn!(subject_id = %subject.id, event_type, "too many workflows subscribe to an event; none was started");
            return Ok(subject);
        }
        Err(Refusal::Engine(error)) if on.door.is_some() => return Err(error.into()),
        Err(Refusal::Engine(error)) => {
            tracing::warn!(subject_id = %subject.id, event_type, %error, "an event was not taken");
            return Ok(subject);
        }
    };
    for (subscriber, outcome) in published.outcomes {
        let reason = match outcome {
            Outcome::Started(_) | Outcome::Unmatched => continue,
            Outcome::Unclear(reason) => reason,
            Outcome::Refused(error)
                if on.door.is_some()
                    && (may_pass(&error) || matches!(error, EngineError::Busy | EngineError::TooFast(_))) =>
            {
                return Err(error.into());
            }
            Outcome::Refused(error) => error.to_string(),
        };
        tracing::warn!(
            subject_id = %subject.id, event_type, workflow_id = %subscriber.workflow_id, reason,
            "an event could not start a workflow"
        );
    }
    Ok(subject)
}
