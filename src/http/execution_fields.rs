//! What the list of executions can be filtered by, in the words of the native API.

use super::error::{Code, Problem};
use crate::{
    filter::{Field, Fields, Filter, Kind, Names, parse_all},
    store::ExecutionColumn,
};

const STATUSES: Names = &[
    ("pending", &["pending"]),
    ("queued", &["queued"]),
    ("running", &["running"]),
    ("suspended", &["suspended"]),
    ("cancelling", &["cancelling"]),
    ("completed", &["completed"]),
    ("failed", &["failed"]),
    ("cancelled", &["cancelled"]),
    ("skipped", &["skipped"]),
];

const TRIGGERS: Names = &[
    ("manual", &["manual"]),
    ("sdk", &["sdk"]),
    ("schedule", &["schedule"]),
    ("webhook", &["webhook"]),
    ("event", &["event"]),
    ("replay", &["replay"]),
    ("retry", &["retry"]),
    ("subworkflow", &["subworkflow"]),
];

const FAILURES: Names = &[
    ("expression_failed", &["expression_failed"]),
    ("invalid_value", &["invalid_value"]),
    ("http_failed", &["http_failed"]),
    ("http_status", &["http_status"]),
    ("address_refused", &["address_refused"]),
    ("timeout", &["timeout"]),
    ("execution_timeout", &["execution_timeout"]),
    ("rejected", &["rejected"]),
    ("suspension_expired", &["suspension_expired"]),
    ("interrupted", &["interrupted"]),
    ("child_failed", &["child_failed"]),
    ("task_failed", &["task_failed"]),
    ("worker_lost", &["worker_lost"]),
    ("model_failed", &["model_failed"]),
    ("mcp_failed", &["mcp_failed"]),
    ("code_failed", &["code_failed"]),
    ("item_failed", &["item_failed"]),
    ("limit_exceeded", &["limit_exceeded"]),
    ("concurrency_limit", &["concurrency_limit"]),
    ("workflow_unavailable", &["workflow_unavailable"]),
    ("secret_missing", &["secret_missing"]),
    ("secret_unreadable", &["secret_unreadable"]),
    ("internal", &["internal"]),
];

const REPROCESSING: Names = &[("pending", &["pending"]), ("done", &["done"])];

/// The fields, named as in the execution that the API shows.
pub const EXECUTION_FIELDS: Fields<ExecutionColumn> = Fields(&[
    Field::new(&["id"], ExecutionColumn::Id, Kind::Id),
    Field::new(&["workflowId"], ExecutionColumn::WorkflowId, Kind::Id),
    Field::new(&["workflowVersion"], ExecutionColumn::WorkflowVersion, Kind::Number),
    Field::new(&["status"], ExecutionColumn::Status, Kind::Name(STATUSES)),
    Field::new(&["triggeredBy"], ExecutionColumn::TriggeredBy, Kind::Name(TRIGGERS)),
    Field::new(&["triggerId"], ExecutionColumn::TriggerId, Kind::Text),
    Field::new(&["subject"], ExecutionColumn::Subject, Kind::Text),
    Field::new(&["priority"], ExecutionColumn::Priority, Kind::Number),
    Field::new(&["dedupeKey"], ExecutionColumn::DedupeKey, Kind::Text),
    Field::new(&["concurrencyKey"], ExecutionColumn::ConcurrencyKey, Kind::Text),
    Field::new(&["idempotencyKey"], ExecutionColumn::IdempotencyKey, Kind::Text),
    Field::new(&["parentExecutionId"], ExecutionColumn::ParentExecutionId, Kind::Id),
    Field::new(&["replayOf"], ExecutionColumn::ReplayOf, Kind::Id),
    Field::new(&["fromNodeId"], ExecutionColumn::FromNodeId, Kind::Text),
    Field::new(&["reprocessing"], ExecutionColumn::Reprocessing, Kind::Name(REPROCESSING)),
    Field::new(&["duplicateOf"], ExecutionColumn::DuplicateOf, Kind::Id),
    Field::new(&["createdBy"], ExecutionColumn::CreatedBy, Kind::Text),
    Field::new(&["createdAt"], ExecutionColumn::CreatedAt, Kind::Instant),
    Field::new(&["queuedAt"], ExecutionColumn::QueuedAt, Kind::Instant),
    Field::new(&["startedAt"], ExecutionColumn::StartedAt, Kind::Instant),
    Field::new(&["finishedAt"], ExecutionColumn::FinishedAt, Kind::Instant),
    Field::new(&["runAt"], ExecutionColumn::RunAt, Kind::Instant),
    Field::new(&["expiresAt"], ExecutionColumn::ExpiresAt, Kind::Instant),
    Field::new(&["error.code"], ExecutionColumn::ErrorCode, Kind::Name(FAILURES)),
]);

/// The filter that these texts are together; none if they say nothing. A problem names `path`, and the place in the text.
pub(super) fn matching<T: AsRef<str>>(
    path: &str,
    code: Code,
    texts: &[T],
) -> Result<Option<Filter<ExecutionColumn>>, Problem> {
    let raw = parse_all(texts).map_err(|error| Problem::field(code, path, error.to_string()))?;
    let filter = raw.map(|raw| raw.bind(&EXECUTION_FIELDS)).transpose();
    filter.map_err(|error| Problem::field(code, path, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        execution::{ExecutionStatus, TriggeredBy},
        failure::FailureCode,
    };

    #[test]
    fn names_stand_for_themselves_and_none_is_missing() {
        let statuses: Vec<_> = ExecutionStatus::ALL.iter().map(|status| status.as_str()).collect();
        let triggers: Vec<_> = TriggeredBy::ALL.iter().map(|kind| kind.as_str()).collect();
        let failures: Vec<_> = FailureCode::ALL.iter().map(|code| code.as_str()).collect();
        for (names, all) in [(STATUSES, statuses), (TRIGGERS, triggers), (FAILURES, failures)] {
            assert_eq!(names.iter().map(|(name, _)| *name).collect::<Vec<_>>(), all);
            assert!(names.iter().all(|(name, stored)| *stored == [*name]));
        }
    }

    #[test]
    fn every_column_but_the_pod_can_be_filtered_by() {
        for column in ExecutionColumn::ALL {
            let fields = EXECUTION_FIELDS.0.iter().filter(|field| field.column == *column).count();
            assert_eq!(fields, usize::from(*column != ExecutionColumn::PodId), "{column:?}");
        }
    }
}
