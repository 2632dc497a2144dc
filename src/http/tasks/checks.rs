//! What workers send, checked: each refusal names the field.

use serde_json::json;

use super::bodies::{Heartbeat, LeaseTasks, SendResults, TaskAction, TaskDelta, TaskError, TaskLog};
use crate::{
    domain::{
        event::LogLevel,
        failure::{Failure, FailureCode},
        task::{MAX_QUEUE_CHARS, MAX_WORKER_CHARS, TaskStats},
    },
    engine::{Action, tasks::Report},
    http::error::{Code, Problem},
};

const MAX_QUEUES: usize = 32;
const MAX_TASKS: usize = 100;
const MAX_WAIT_SECONDS: u64 = 55;
/// The most things of a kind that one heartbeat tells.
const MAX_REPORTS: usize = 1_000;
const MAX_TEXT_CHARS: usize = 65_536;
const MAX_TITLE_CHARS: usize = 1_000;
const MAX_KIND_CHARS: usize = 64;

fn invalid(path: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem::field(Code::InvalidValue, path, message)
}

fn check_text(path: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.is_empty() || text.chars().count() > most {
        return Err(invalid(path, format!("must have 1 to {most} characters")));
    }
    check_nul(path, text)
}

fn check_nul(path: &str, text: &str) -> Result<(), Problem> {
    if text.contains('\0') { Err(invalid(path, "must not hold a NUL character")) } else { Ok(()) }
}

/// Whether tasks can be leased so.
pub(super) fn check_lease(body: &LeaseTasks) -> Result<(), Problem> {
    if body.queues.is_empty() || body.queues.len() > MAX_QUEUES {
        return Err(invalid("/queues", format!("must name 1 to {MAX_QUEUES} queues")));
    }
    for (index, queue) in body.queues.iter().enumerate() {
        check_text(&format!("/queues/{index}"), queue, MAX_QUEUE_CHARS)?;
    }
    if body.max == 0 || body.max > MAX_TASKS {
        return Err(invalid("/max", format!("must be 1 to {MAX_TASKS}")));
    }
    if body.wait_seconds > MAX_WAIT_SECONDS {
        return Err(invalid("/waitSeconds", format!("must be at most {MAX_WAIT_SECONDS}")));
    }
    check_text("/workerId", &body.worker_id, MAX_WORKER_CHARS)?;
    body.version.as_deref().map_or(Ok(()), |version| check_text("/version", version, MAX_WORKER_CHARS))
}

/// Whether so many results can be taken at once. Each of them is looked at by itself, later.
pub(super) fn check_results(body: &SendResults) -> Result<(), Problem> {
    if body.results.is_empty() || body.results.len() > MAX_TASKS {
        return Err(invalid("/results", format!("must be 1 to {MAX_TASKS} results")));
    }
    Ok(())
}

/// Whether a worker's counts can be taken.
pub(super) fn check_stats(stats: Option<&TaskStats>) -> Result<(), Problem> {
    let Some(TaskStats { steps, agent_actions, screenshots }) = stats else { return Ok(()) };
    for (name, count) in [("steps", steps), ("agentActions", agent_actions), ("screenshots", screenshots)] {
        if count.is_some_and(|count| !(0..=1_000_000_000).contains(&count)) {
            return Err(invalid(format!("/stats/{name}"), "must be 0 to 1000000000"));
        }
    }
    Ok(())
}

/// What a heartbeat tells, in the order: progress, actions, pieces of text, log lines.
pub(super) fn reports(body: Heartbeat) -> Result<Vec<Report>, Problem> {
    let mut reports = Vec::new();
    let Heartbeat { progress, progress_max: max, message, logs, actions, deltas, .. } = body;
    for (name, length) in [("logs", logs.len()), ("actions", actions.len()), ("deltas", deltas.len())] {
        if length > MAX_REPORTS {
            return Err(invalid(format!("/{name}"), format!("at most {MAX_REPORTS} at a time")));
        }
    }
    for (name, value) in [("progress", progress), ("progressMax", max)] {
        if value.is_some_and(|value| !value.is_finite() || value < 0.0) {
            return Err(invalid(format!("/{name}"), "must be a number from 0 on"));
        }
    }
    let long = |text: &str| text.chars().count() > MAX_TEXT_CHARS;
    if message.as_deref().is_some_and(long) {
        return Err(invalid("/message", format!("must have at most {MAX_TEXT_CHARS} characters")));
    }
    if progress.is_some() || max.is_some() || message.is_some() {
        reports.push(Report::Progress { progress, max, message: message.unwrap_or_default() });
    }
    for (index, action) in actions.into_iter().enumerate() {
        check_text(&format!("/actions/{index}/kind"), &action.kind, MAX_KIND_CHARS)?;
        check_text(&format!("/actions/{index}/title"), &action.title, MAX_TITLE_CHARS)?;
        let TaskAction { kind, title, detail, artifact_id } = action;
        reports.push(Report::Action(Action { kind, title, detail, artifact_id }));
    }
    for (index, TaskDelta { channel, delta: text }) in deltas.into_iter().enumerate() {
        if long(&text) {
            let message = format!("must have at most {MAX_TEXT_CHARS} characters");
            return Err(invalid(format!("/deltas/{index}/delta"), message));
        }
        reports.push(Report::Delta { channel, text });
    }
    for (index, TaskLog { level, message, data }) in logs.into_iter().enumerate() {
        if long(&message) {
            let text = format!("must have at most {MAX_TEXT_CHARS} characters");
            return Err(invalid(format!("/logs/{index}/message"), text));
        }
        reports.push(Report::Log { level: level.unwrap_or(LogLevel::Info), message, data });
    }
    Ok(reports)
}

/// The failure of an attempt, as a worker tells it.
pub(super) fn failure(error: TaskError) -> Result<Failure, Problem> {
    let TaskError { message, code, retryable, details } = error;
    check_text("/error/message", &message, MAX_TEXT_CHARS)?;
    if let Some(code) = &code {
        check_text("/error/code", code, MAX_KIND_CHARS)?;
    }
    let failure = Failure { retryable, ..Failure::new(FailureCode::TaskFailed, message) };
    let mut told = json!({ "code": code, "details": details });
    if let Some(members) = told.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    let tells = told.as_object().is_some_and(|members| !members.is_empty());
    Ok(if tells { failure.with_details(told) } else { failure })
}
