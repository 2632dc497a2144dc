//! Filters over fields: what values become, what is refused, and what fits a row.

use uuid::Uuid;

use super::super::{Check, Filter, Test, Value};
use super::{Column, bound, on_small_stack, refused};
use crate::clock::Instant;

const POD: &str = "0190163d-8694-739b-aea5-966c26f8ad90";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// A row: a subject, a status and a priority; the other columns are missing.
fn fits(filter: &str, subject: Option<&str>, status: &str, priority: i64) -> bool {
    let filter = bound(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    filter.matches(&|column| match column {
        Column::Subject => subject.map(text),
        Column::Status => Some(text(status)),
        Column::Priority => Some(Value::Number(priority)),
        Column::Owner | Column::Started | Column::Pod | Column::Kept => None,
    })
}

#[test]
fn names_become_columns_and_values_what_is_stored() {
    let one_of = |column, values: &[&str]| Filter::one_of(column, values.iter().map(|value| text(value)));
    for (filter, expected) in [
        ("documentFamilyId:x", one_of(Column::Subject, &["x"])),
        ("document.family.id:x", one_of(Column::Subject, &["x"])),
        ("status:RUNNING", one_of(Column::Status, &["running", "suspended"])),
        ("status:running", one_of(Column::Status, &["running", "suspended"])),
        ("status in (failed, Pending)", one_of(Column::Status, &["failed", "queued"])),
        ("status:FAILED or status:PENDING", one_of(Column::Status, &["failed", "queued"])),
        ("status==*ING", one_of(Column::Status, &["queued", "running", "suspended"])),
        ("status~'ail'", one_of(Column::Status, &["failed"])),
        ("status:REPROCESSED", one_of(Column::Status, &[])),
        ("priority:'7'", Filter::one_of(Column::Priority, [Value::Number(7)])),
        ("pod.id:0190163d8694739baea5966c26f8ad90", {
            Filter::one_of(Column::Pod, [Value::Id(Uuid::parse_str(POD).unwrap())])
        }),
        ("kept:TRUE", Filter::one_of(Column::Kept, [Value::Bool(true)])),
        ("subject:50%", one_of(Column::Subject, &["50%"])),
        (r"subject:'\*'", one_of(Column::Subject, &["*"])),
        ("subject in ('a*', '%')", one_of(Column::Subject, &["a*", "%"])),
        ("subject:null", Filter::test(Column::Subject, Check::Missing)),
        ("not not subject:null", Filter::test(Column::Subject, Check::Missing)),
    ] {
        assert_eq!(bound(filter).unwrap(), expected, "{filter}");
    }
    for (written, ms) in [
        ("'2026-01-31T08:00:00Z'", 1_769_846_400_000),
        ("2026-01-31T08:00:00.123456Z", 1_769_846_400_123),
        ("'2026-01-31T09:00:00+01:00'", 1_769_846_400_000),
        ("2026-01-31T08:00:00", 1_769_846_400_000),
        ("2026-01-31T08:00", 1_769_846_400_000),
        ("'2026-01-31 08:00:00.5'", 1_769_846_400_500),
        ("2026-01-31", 1_769_817_600_000),
    ] {
        let expected = Filter::one_of(Column::Started, [Value::Instant(Instant(ms))]);
        assert_eq!(bound(&format!("startDate:{written}")).unwrap(), expected, "{written}");
    }
}

#[test]
fn not_goes_inwards_and_equals_are_put_together() {
    let not = |column, values: &[&str]| {
        let check = Check::OneOf(values.iter().map(|value| text(value)).collect());
        Filter::Test(Test { column, check, holds: false })
    };
    for (filter, expected) in [
        ("subject!'x'", not(Column::Subject, &["x"])),
        ("not subject:x", not(Column::Subject, &["x"])),
        ("subject!x and subject!y", not(Column::Subject, &["x", "y"])),
        ("not (subject:x or subject:y)", not(Column::Subject, &["x", "y"])),
        ("subject not in (x, y)", not(Column::Subject, &["x", "y"])),
        ("not (subject:x and owner:y)", Filter::Any(vec![not(Column::Subject, &["x"]), not(Column::Owner, &["y"])])),
        ("subject!x and (owner!y and subject!z)", {
            Filter::All(vec![not(Column::Subject, &["x", "z"]), not(Column::Owner, &["y"])])
        }),
    ] {
        assert_eq!(bound(filter).unwrap(), expected, "{filter}");
    }
    for (filter, expected) in [
        ("status in (PENDING, RUNNING) and status in (FAILED, RUNNING)", &["running", "suspended"][..]),
        ("status:FAILED and status:PENDING", &[]),
    ] {
        let expected = Filter::one_of(Column::Status, expected.iter().map(|name| text(name)));
        assert_eq!(bound(filter).unwrap(), expected, "{filter}");
    }
    assert_eq!(bound("subject not in (x, y) or subject not in (y, z)").unwrap(), not(Column::Subject, &["y"]));
}

#[test]
fn what_does_not_fit_a_field_is_refused_by_name() {
    let all = "subject, owner, status, priority, startDate, pod.id, kept";
    for (text, position, part) in [
        ("subject:x and nope:1", 14, format!("unknown field `nope`; known are {all}").as_str()),
        ("Subject:x", 0, "unknown field `Subject`"),
        ("subject.x:x", 0, "unknown field `subject.x`"),
        ("\"subject\":x", 0, "expected the name of a field"),
        ("priority:high", 9, "`priority` takes a whole number, not `high`"),
        ("priority:1.5", 9, "`priority` takes a whole number, not `1.5`"),
        ("priority in (1, x)", 16, "`priority` takes a whole number, not `x`"),
        ("priority:99999999999999999999", 9, "a whole number"),
        ("priority:1*", 9, "a whole number, not `1*`"),
        ("priority~1", 0, "`priority` is no text: `like` does not fit"),
        (
            "startDate>yesterday",
            10,
            "`startDate` takes an instant such as 2026-01-31T08:00:00Z, or a date, not `yesterday`",
        ),
        ("startDate>2026-02-30", 10, "an instant"),
        ("pod.id:abc123", 7, "`pod.id` takes an id (a UUID), not `abc123`"),
        ("pod.id>0190163d-8694-739b-aea5-966c26f8ad90", 0, "`pod.id` has no order: `gt` does not fit"),
        ("kept:yes", 5, "`kept` takes true or false, not `yes`"),
        ("status:DONE", 7, "`status` takes one of PENDING, RUNNING, FAILED, REPROCESSED, not `DONE`"),
        ("status:queued", 7, "`status` takes one of"),
        ("status>FAILED", 0, "`status` has no order"),
        ("subject>null", 8, "`gt` compares with a value, not with null"),
        ("subject~null", 8, "`like` compares with a value, not with null"),
        ("document.family.id>null", 19, "not with null"),
        ("status:aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeee", 7, "not `aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd…`"),
    ] {
        assert_eq!(refused(bound(text), text, part), position, "{text}");
    }
}

#[test]
fn a_missing_value_fits_negations_and_nothing_else() {
    for (filter, fits_missing) in [
        ("subject:x", false),
        ("subject!x", true),
        ("subject>a", false),
        ("not subject>a", true),
        ("subject<a", false),
        ("subject~a", false),
        ("subject not like a", true),
        ("subject in (x, y)", false),
        ("subject not in (x, y)", true),
        ("subject in (x, null)", true),
        ("subject not in (x, null)", false),
        ("subject in (null)", true),
        ("subject is null", true),
        ("subject is not null", false),
        ("subject:null", true),
        ("subject!null", false),
        ("subject is empty", true),
        ("subject is not empty", false),
        ("subject:''", false),
        ("not (subject:x or subject:y)", true),
        ("not (subject:x and priority:0)", true),
    ] {
        assert_eq!(fits(filter, None, "failed", 0), fits_missing, "{filter}");
    }
    assert!(fits("subject is empty", Some(""), "failed", 0) && !fits("subject is empty", Some(" "), "failed", 0));
    assert!(
        !fits("subject is not empty", Some(""), "failed", 0) && fits("subject is not empty", Some("x"), "failed", 0)
    );
}

#[test]
fn rows_fit_as_one_would_think() {
    for (filter, expected) in [
        ("subject:invoices/7.pdf", true),
        ("subject:Invoices/7.pdf", false),
        ("subject:invoices", false),
        ("subject:invoices*", true),
        ("subject:*pdf", true),
        ("subject:*/*.*", true),
        ("subject:*x*", false),
        ("subject!*pdf", false),
        ("subject~voice", true),
        ("subject~VOICE", false),
        ("subject~~VOICE", true),
        ("subject~'invoices%'", true),
        ("subject~'%invoices'", false),
        ("subject~'in_oices%'", false),
        ("subject like ''", true),
        ("subject:*", true),
        ("subject>invoices/6", true),
        ("subject<invoices/6", false),
        ("subject>:invoices/7.pdf", true),
        ("subject<:invoices/7.pdf", true),
        ("status:RUNNING and priority>3", true),
        ("status:RUNNING and priority>5", false),
        ("status:FAILED or priority>=5", true),
        ("not (status:RUNNING and priority<5)", true),
        ("status!RUNNING", false),
        ("status not in (FAILED, PENDING)", true),
        ("status:REPROCESSED", false),
        ("status!REPROCESSED", true),
        ("status:*", true),
        ("owner:*", false),
    ] {
        assert_eq!(fits(filter, Some("invoices/7.pdf"), "suspended", 5), expected, "{filter}");
    }
}

#[test]
fn the_deepest_filter_fits_a_small_stack() {
    on_small_stack(|| {
        let deep = (0..16).fold("priority:1".to_owned(), |inner, _| format!("kept:true and not (owner:x or {inner})"));
        assert!(!fits(&deep, None, "failed", 0));
    });
}
