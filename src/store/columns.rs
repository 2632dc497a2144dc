//! What executions can be filtered and sorted by.

use crate::{
    domain::execution::Execution,
    filter::{Check, Filter, Relation, Value},
};

use super::ExecutionFilter;

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// A column of an execution, as a filter names it. Its values are those that are stored: names of closed lists in the
        /// spelling of the domain.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ExecutionColumn {
            $($(#[$doc])* $name,)*
        }

        impl ExecutionColumn {
            /// Every column.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

columns! {
    /// Its id.
    Id;
    /// Its pod's id.
    PodId;
    /// Its workflow's id.
    WorkflowId;
    /// The number of its workflow's version.
    WorkflowVersion;
    /// The name of its status.
    Status;
    /// The name of what started it.
    TriggeredBy;
    /// The schedule, webhook or event that started it, a text.
    TriggerId;
    /// What it is about, a text.
    Subject;
    /// Its priority.
    Priority;
    /// Equal keys are duplicates, a text.
    DedupeKey;
    /// Equal keys share a limit, a text.
    ConcurrencyKey;
    /// The key of the request that triggered it, a text.
    IdempotencyKey;
    /// The id of the execution whose node started it.
    ParentExecutionId;
    /// The id of the execution that it replays or retries.
    ReplayOf;
    /// The node that it was replayed from, a text.
    FromNodeId;
    /// The id of the execution that it was skipped for.
    DuplicateOf;
    /// Who triggered it, a text.
    CreatedBy;
    /// When it was triggered. To sort by it is to sort by the id: that is the order in which executions came into being, and
    /// no two are equal.
    CreatedAt;
    /// When it was admitted to the queue.
    QueuedAt;
    /// When its first node began.
    StartedAt;
    /// When it ended.
    FinishedAt;
    /// Not before this instant.
    RunAt;
    /// Not at all if it has not begun by this instant.
    ExpiresAt;
    /// The name of the code that it failed with.
    ErrorCode;
    /// How far its replays and retries have come, by name.
    Reprocessing;
}

impl ExecutionColumn {
    /// Its value of an execution; none where it has none.
    pub fn of(self, execution: &Execution) -> Option<Value> {
        let (origin, progress) = (&execution.origin, &execution.progress);
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        let name = |name: &str| Some(Value::Text(name.to_owned()));
        match self {
            Self::Id => Some(Value::Id(origin.id.0)),
            Self::PodId => Some(Value::Id(origin.pod_id.0)),
            Self::WorkflowId => Some(Value::Id(origin.workflow_id.0)),
            Self::WorkflowVersion => Some(Value::Number(origin.workflow_version)),
            Self::Status => name(progress.status.as_str()),
            Self::TriggeredBy => name(origin.triggered_by.as_str()),
            Self::TriggerId => text(&origin.trigger_id),
            Self::Subject => text(&origin.subject),
            Self::Priority => Some(Value::Number(origin.priority.into())),
            Self::DedupeKey => text(&origin.dedupe_key),
            Self::ConcurrencyKey => text(&origin.concurrency_key),
            Self::IdempotencyKey => text(&origin.idempotency_key),
            Self::ParentExecutionId => origin.parent_execution_id.map(|id| Value::Id(id.0)),
            Self::ReplayOf => origin.replay_of.map(|id| Value::Id(id.0)),
            Self::FromNodeId => text(&origin.from_node_id),
            Self::DuplicateOf => progress.duplicate_of.map(|id| Value::Id(id.0)),
            Self::CreatedBy => name(&origin.created_by),
            Self::CreatedAt => Some(Value::Instant(origin.created_at)),
            Self::QueuedAt => progress.queued_at.map(Value::Instant),
            Self::StartedAt => progress.started_at.map(Value::Instant),
            Self::FinishedAt => progress.finished_at.map(Value::Instant),
            Self::RunAt => origin.run_at.map(Value::Instant),
            Self::ExpiresAt => origin.expires_at.map(Value::Instant),
            Self::ErrorCode => progress.error.as_ref().and_then(|failure| name(failure.code.as_str())),
            Self::Reprocessing => progress.reprocessing.and_then(|reprocessing| name(reprocessing.as_str())),
        }
    }
}

impl ExecutionFilter {
    /// All that it asks for, as one filter.
    pub fn whole(&self) -> Filter<ExecutionColumn> {
        use ExecutionColumn as C;
        let one = |column, value: Option<Value>| value.map(|value| Filter::one_of(column, [value]));
        let at = |relation, at: Option<_>| {
            at.map(|at| Filter::test(C::CreatedAt, Check::Ordered(relation, Value::Instant(at))))
        };
        let names = self.statuses.iter().map(|status| Value::Text(status.as_str().to_owned()));
        let statuses = (!self.statuses.is_empty()).then(|| Filter::one_of(C::Status, names));
        let fixed = [
            one(C::PodId, self.pod_id.map(|id| Value::Id(id.0))),
            statuses,
            one(C::WorkflowId, self.workflow_id.map(|id| Value::Id(id.0))),
            one(C::TriggeredBy, self.triggered_by.map(|kind| Value::Text(kind.as_str().to_owned()))),
            one(C::Subject, self.subject.clone().map(Value::Text)),
            one(C::ReplayOf, self.replay_of.map(|id| Value::Id(id.0))),
            one(C::ParentExecutionId, self.parent_execution_id.map(|id| Value::Id(id.0))),
            at(Relation::Greater, self.created_after),
            at(Relation::Less, self.created_before),
        ];
        Filter::all(fixed.into_iter().flatten().chain(self.matching.clone()))
    }
}
