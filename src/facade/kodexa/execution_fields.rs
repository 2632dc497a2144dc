//! What executions can be filtered and sorted by in this face's names, and how that becomes a filter over their columns.

use crate::{
    domain::ids::WorkspaceId,
    filter::{Check, Field, Fields, Filter, Kind, Names, SortKey, Test, Value},
    store::ExecutionColumn,
};

/// A field of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A column.
    Of(ExecutionColumn),
    /// The status, which is made of two columns.
    Status,
    /// The organization, which is the same for all.
    Organization,
}

/// What stands for the two statuses that no row has as its status.
const PENDING_REPROCESSING: &str = "pending";
const REPROCESSED: &str = "done";
/// In front of them, where they stand among the others.
const OF_REPROCESSING: &str = "reprocessing ";

/// All statuses with what is stored of them, in the order of their numbers.
const STATUSES: Names = &[
    ("PENDING", &["queued"]),
    ("RUNNING", &["running", "suspended"]),
    ("SUCCEEDED", &["completed"]),
    ("FAILED", &["failed"]),
    ("REQUESTED", &["pending"]),
    ("SKIPPED", &["skipped"]),
    ("CANCELLING", &["cancelling"]),
    ("CANCELLED", &["cancelled"]),
    ("PENDING_REPROCESSING", &["reprocessing pending"]),
    ("REPROCESSED", &["reprocessing done"]),
];

/// The fields.
pub const EXECUTIONS: Fields<Place> = Fields(&[
    Field::sorted(&["id", "uuid"], Place::Of(ExecutionColumn::Id), Kind::Id),
    Field::new(&["assistantId", "assistant.id"], Place::Of(ExecutionColumn::WorkflowId), Kind::Id),
    Field::new(&["documentFamilyId", "documentFamily.id"], Place::Of(ExecutionColumn::Subject), Kind::Text),
    Field::sorted(&["status"], Place::Status, Kind::Name(STATUSES)),
    Field::sorted(&["priority"], Place::Of(ExecutionColumn::Priority), Kind::Number),
    Field::new(&["parentExecutionId", "parentExecution.id"], Place::Of(ExecutionColumn::ParentExecutionId), Kind::Id),
    Field::new(&["project.id", "projectId"], Place::Of(ExecutionColumn::PodId), Kind::Id),
    Field::new(&["organization.id", "organizationId"], Place::Organization, Kind::Id),
    Field::sorted(&["createdOn"], Place::Of(ExecutionColumn::CreatedAt), Kind::Instant),
    Field::sorted(&["startDate"], Place::Of(ExecutionColumn::StartedAt), Kind::Instant),
    Field::sorted(&["endDate"], Place::Of(ExecutionColumn::FinishedAt), Kind::Instant),
    Field::new(&["exceptionDetails.errorType"], Place::Of(ExecutionColumn::ErrorCode), Kind::Text),
]);

/// A filter over the columns, in an organization.
pub fn over_columns(filter: &Filter<Place>, organization: WorkspaceId) -> Filter<ExecutionColumn> {
    match filter {
        Filter::All(parts) => Filter::all(parts.iter().map(|part| over_columns(part, organization))),
        Filter::Any(parts) => Filter::any(parts.iter().map(|part| over_columns(part, organization))),
        Filter::Test(Test { column, check, holds }) => match column {
            Place::Of(column) => Filter::Test(Test { column: *column, check: check.clone(), holds: *holds }),
            Place::Organization => truth(filter.matches(&|_| Some(Value::Id(organization.0)))),
            Place::Status => status(check, *holds),
        },
    }
}

fn truth(truth: bool) -> Filter<ExecutionColumn> {
    if truth { Filter::All(Vec::new()) } else { Filter::Any(Vec::new()) }
}

/// An execution that has ended shows its status only until it is done again.
fn status(check: &Check, holds: bool) -> Filter<ExecutionColumn> {
    let Check::OneOf(values) = check else {
        // Each has a status.
        return truth((*check != Check::Missing) == holds);
    };
    let test = |column, values: Vec<Value>, holds| {
        Filter::Test(Test { column, check: Check::OneOf(values.into_iter().collect()), holds })
    };
    let texts =
        || values.iter().filter_map(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None });
    let named = |wanted: &dyn Fn(&str) -> bool| {
        texts().filter(|text| wanted(text)).map(|text| Value::Text(text.to_owned())).collect::<Vec<_>>()
    };
    let ended = |text: &str| matches!(text, "completed" | "failed" | "cancelled" | "skipped");
    let live = named(&|text| !ended(text) && !text.starts_with(OF_REPROCESSING));
    let ended = named(&ended);
    let again: Vec<Value> = texts()
        .filter_map(|text| text.strip_prefix(OF_REPROCESSING))
        .filter(|text| matches!(*text, PENDING_REPROCESSING | REPROCESSED))
        .map(|text| Value::Text(text.to_owned()))
        .collect();
    let mut parts = Vec::new();
    if !live.is_empty() {
        parts.push(test(ExecutionColumn::Status, live, holds));
    }
    if !ended.is_empty() {
        let first = test(ExecutionColumn::Status, ended, holds);
        let not_again = Filter::Test(Test { column: ExecutionColumn::Reprocessing, check: Check::Missing, holds });
        parts.push(if holds { Filter::all([first, not_again]) } else { Filter::any([first, not_again]) });
    }
    if !again.is_empty() {
        parts.push(test(ExecutionColumn::Reprocessing, again, holds));
    }
    if holds { Filter::any(parts) } else { Filter::all(parts) }
}

/// An order over the columns; what is the same for all does not order.
pub fn order(keys: &[SortKey<Place>]) -> Vec<SortKey<ExecutionColumn>> {
    let column = |place| match place {
        Place::Of(column) => Some(column),
        Place::Status => Some(ExecutionColumn::Status),
        Place::Organization => None,
    };
    let key = |key: &SortKey<Place>| {
        Some(SortKey { column: column(key.column)?, direction: key.direction, names: key.names })
    };
    keys.iter().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::filter::parse;

    /// Whether a row with these columns fits a text.
    fn fits(text: &str, status: &str, reprocessing: Option<&str>) -> bool {
        let own = WorkspaceId(Uuid::from_u128(1));
        let filter = over_columns(&parse(text).unwrap().bind(&EXECUTIONS).unwrap(), own);
        filter.matches(&|column| match column {
            ExecutionColumn::Status => Some(Value::Text(status.to_owned())),
            ExecutionColumn::Reprocessing => reprocessing.map(|text| Value::Text(text.to_owned())),
            ExecutionColumn::Priority => Some(Value::Number(5)),
            _ => None,
        })
    }

    #[test]
    fn each_execution_has_one_status() {
        let natives = [
            ("PENDING", "queued", None),
            ("RUNNING", "running", None),
            ("RUNNING", "suspended", None),
            ("SUCCEEDED", "completed", None),
            ("FAILED", "failed", None),
            ("REQUESTED", "pending", None),
            ("SKIPPED", "skipped", None),
            ("CANCELLING", "cancelling", None),
            ("CANCELLED", "cancelled", None),
            ("PENDING_REPROCESSING", "completed", Some("pending")),
            ("PENDING_REPROCESSING", "failed", Some("pending")),
            ("REPROCESSED", "failed", Some("done")),
        ];
        for (own, status, reprocessing) in natives {
            for (name, _) in STATUSES {
                let (is, isnt) = (format!("status eq '{name}'"), format!("status ne '{name}'"));
                assert_eq!(fits(&is, status, reprocessing), own == *name, "{is}: {status} {reprocessing:?}");
                assert_eq!(fits(&isnt, status, reprocessing), own != *name, "{isnt}: {status} {reprocessing:?}");
            }
            assert!(fits("status in ('FAILED','REPROCESSED','RUNNING') or status=='*'", status, reprocessing));
        }
        assert!(fits("status eq 'FAILED' and priority gt 3", "failed", None));
        assert!(!fits("not (status eq 'FAILED' or priority gt 3)", "completed", None));
    }

    #[test]
    fn the_organization_is_the_same_for_all() {
        let own = Uuid::from_u128(1);
        assert!(fits(&format!("organization.id: '{own}'"), "failed", None));
        assert!(!fits(&format!("organization.id: '{}'", Uuid::from_u128(2)), "failed", None));
        assert!(fits(&format!("organization.id != '{}'", Uuid::from_u128(2)), "failed", None));
    }
}
