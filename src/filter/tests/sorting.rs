//! Sort orders: how they are written, and how rows stand.

use super::super::{Direction, SortKey, Value, parse_sort};
use super::{Column, FIELDS, refused};

fn keys(texts: &[&str]) -> Vec<(Column, Direction)> {
    let keys = parse_sort(texts, &FIELDS).unwrap_or_else(|error| panic!("{texts:?}: {error}"));
    keys.iter().map(|key| (key.column, key.direction)).collect()
}

#[test]
fn keys_are_read_in_their_order() {
    use Direction::{Ascending, Descending};
    for (texts, expected) in [
        (&["startDate,desc"][..], vec![(Column::Started, Descending)]),
        (&["startDate:desc;status:asc"], vec![(Column::Started, Descending), (Column::Status, Ascending)]),
        (&["startDate , DESC ; status"], vec![(Column::Started, Descending), (Column::Status, Ascending)]),
        (&["startDate desc"], vec![(Column::Started, Descending)]),
        (&["priority;"], vec![(Column::Priority, Ascending)]),
        (
            &["documentFamilyId", "", "priority,desc"],
            vec![(Column::Subject, Ascending), (Column::Priority, Descending)],
        ),
        (&["", " "], vec![]),
        (&[], vec![]),
    ] {
        assert_eq!(keys(texts), expected, "{texts:?}");
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    for (text, position, part) in [
        ("nope", 0, "`nope` is nothing to sort by; known are subject, status, priority, startDate"),
        ("status;owner,asc", 7, "`owner` is nothing to sort by"),
        ("status,up", 7, "expected `asc` or `desc`, found `up`"),
        ("status:", 7, "expected `asc` or `desc`, found the end"),
        ("status,asc,desc", 10, "expected `;` or the end after a sort key"),
        ("status priority", 7, "expected `;` or the end after a sort key, found `priority`"),
        ("status;status", 7, "`status` is there already"),
        ("-status", 0, "expected the name of a field"),
        (";status", 0, "expected the name of a field"),
        ("status;\0", 7, "expected the name of a field"),
    ] {
        assert_eq!(refused(parse_sort(&[text], &FIELDS), text, part), position, "{text}");
    }
    let error = parse_sort(&["status", "nope"], &FIELDS).unwrap_err();
    assert_eq!((error.place.text, error.place.position), (1, 0));
    let long = " ".repeat(5_000);
    assert!(parse_sort(&[long], &FIELDS).unwrap_err().message.contains("4096 characters"));
}

#[test]
fn missing_values_come_last_and_names_in_the_order_of_their_table() {
    let key = |text: &str| -> SortKey<Column> { parse_sort(&[text], &FIELDS).unwrap()[0] };
    let sorted = |text: &str, values: &[Option<Value>]| {
        let mut values = values.to_vec();
        values.sort_by(|left, right| key(text).compare(left.as_ref(), right.as_ref()));
        values
    };
    let number = |number| Some(Value::Number(number));
    let numbers = [number(2), None, number(3), number(1)];
    assert_eq!(sorted("priority", &numbers), [number(1), number(2), number(3), None]);
    assert_eq!(sorted("priority,desc", &numbers), [number(3), number(2), number(1), None]);
    let name = |name: &str| Some(Value::Text(name.to_owned()));
    let names = [name("failed"), name("suspended"), name("unheard of"), name("queued"), name("running")];
    let expected = [name("queued"), name("suspended"), name("running"), name("failed"), name("unheard of")];
    assert_eq!(sorted("status", &names), expected);
}
