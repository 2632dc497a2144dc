//! The language in examples and in properties.

mod binding;
mod reading;
mod sorting;
mod spelling;

use super::{Field, Fields, Filter, FilterError, Kind, Place, parse};

/// The columns of the tests' list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Subject,
    Owner,
    Status,
    Priority,
    Started,
    Pod,
    Kept,
}

const FIELDS: Fields<Column> = Fields(&[
    Field::sorted(&["subject", "documentFamilyId", "document.family.id"], Column::Subject, Kind::Text),
    Field::new(&["owner"], Column::Owner, Kind::Text),
    Field::sorted(
        &["status"],
        Column::Status,
        Kind::Name(&[
            ("PENDING", &["queued"]),
            ("RUNNING", &["running", "suspended"]),
            ("FAILED", &["failed"]),
            ("REPROCESSED", &[]),
        ]),
    ),
    Field::sorted(&["priority"], Column::Priority, Kind::Number),
    Field::sorted(&["startDate"], Column::Started, Kind::Instant),
    Field::new(&["pod.id"], Column::Pod, Kind::Id),
    Field::new(&["kept"], Column::Kept, Kind::Bool),
]);

fn bound(text: &str) -> Result<Filter<Column>, FilterError> {
    parse(text)?.bind(&FIELDS)
}

/// The position of the error, and that its message holds `part`.
fn refused<T: std::fmt::Debug>(outcome: Result<T, FilterError>, text: &str, part: &str) -> usize {
    let error = outcome.expect_err(text);
    assert!(error.message.contains(part), "{text}: {error}");
    assert_eq!(error.place.text, 0, "{text}: {error}");
    assert!(error.place.position <= text.chars().count(), "{text}: {error}");
    error.place.position
}

fn at(position: usize) -> Place {
    Place { text: 0, position }
}

/// Runs on the stack that a thread of the server has at the least.
fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap().join().unwrap();
}
