//! Texts, the subscriptions they become, and what is said of those that can't be read.

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Instant,
    domain::subscription::{IncomingEvent, Wish},
    nodes::registry,
};

fn wish(text: &str, event_type: &str, subject: &Value) -> Option<Wish> {
    let subscriptions = translate(text, 0, Some("{{done}}")).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"));
    let definition =
        json!({ "nodes": [{ "id": "s", "type": "start" }], "settings": { "subscriptions": subscriptions } });
    let workflow = registry::compile(&serde_json::from_value(definition).unwrap());
    let workflow = workflow.unwrap_or_else(|problems| panic!("{text}: {problems:#?}"));
    let event = IncomingEvent {
        id: uuid::Uuid::nil().into(),
        workspace_id: uuid::Uuid::nil().into(),
        pod_id: uuid::Uuid::nil().into(),
        event_type: event_type.to_owned(),
        subject: subject["id"].as_str().map(str::to_owned),
        data: subject.clone(),
        context: Map::from_iter([("subject".to_owned(), subject.clone())]),
        at: Instant(0),
        trace: None,
    };
    workflow.wants(&event).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn family() -> Value {
    json!({ "id": "f1", "path": "in/2025/A.PDF", "store": "acme/inbox:1.0.0", "labels": ["new", "it's"],
            "metadata": { "mixins": ["spatial"] } })
}

#[test]
fn lists_want_the_events_they_name() {
    for (text, event_type, expected) in [
        ("content", "subject.created", Some(("CONTENT_CREATED", 7))),
        ("content", "content.updated", Some(("CONTENT_UPDATED", 7))),
        ("content", "subject.updated", None),
        ("CONTENT_CREATED,DOCUMENT_FAMILY_CREATED", "subject.created", Some(("CONTENT_CREATED", 7))),
        ("documentFamily , CONTENT_CREATED", "subject.created", Some(("CONTENT_CREATED", 7))),
        ("documentFamily", "subject.created", Some(("DOCUMENT_FAMILY_CREATED", 6))),
        ("documentFamily", "subject.deleted", Some(("DOCUMENT_FAMILY_DELETED", 6))),
        ("dataObject", "dataObject.status_changed", Some(("DATA_OBJECT_STATUS_CHANGED", 5))),
        ("TASK_COMPLETED", "task.completed", Some(("TASK_COMPLETED", 6))),
        ("TASK_COMPLETED", "task.created", None),
        ("train", "train", Some(("train", 4))),
        ("order.*", "order.created", Some(("order.created", 4))),
        ("*", "workspace.saved", Some(("WORKSPACE_SAVED", 4))),
        ("*", "subject.updated", Some(("DOCUMENT_FAMILY_UPDATED", 6))),
    ] {
        let found = wish(text, event_type, &family());
        let name = found.as_ref().map(|wish| (wish.context["eventType"].as_str().unwrap(), wish.priority.unwrap()));
        assert_eq!(name, expected, "{text}: {event_type}");
        if let Some(found) = &found {
            assert_eq!(found.context["documentFamilyId"], "f1");
            assert_eq!(found.context["completeLabel"], "{{done}}");
            assert_eq!(found.context["storeRef"], "acme/inbox:1.0.0");
            assert!(found.dedupe_key.as_deref().unwrap().ends_with(" f1"), "{:?}", found.dedupe_key);
        }
    }
}

#[test]
fn expressions_ask_about_the_document_family() {
    for (text, expected) in [
        (r#"type == "content" and hasExtensions("pdf", "docx")"#, true),
        (r#"type == "content" and hasLabel("new") and !hasLabel("processed")"#, true),
        ("type == 'content' && hasLabel('new') && !hasLabel('new')", false),
        ("hasLabel('MODEL-APPLIED') || hasLabel(\"it's\")", true),
        ("hasLabel('it\\'s')", true),
        ("hasMixins('spatial')", true),
        ("!hasMixins('spatial')", false),
        ("hasMixins('other', 'spatial')", true),
        ("hasExtensions('.xml', 'doc')", false),
        ("matchesPath('.*\\.(?i)pdf')", true),
        ("matchesPath('in/*.PDF')", true),
        ("matchesPath('IN/*.PDF')", false),
        ("matchesPath('in/2025')", false),
        ("matchesPath('in/????/A.PDF')", true),
        ("type != 'content' and hasLabel('new')", true),
        ("type == 'task' or (hasLabel('new') and not (hasLabel('x') or hasLabel('y')))", true),
        ("'DOCUMENT_FAMILY_CREATED' == type", true),
        ("type == 'DOCUMENT_FAMILY_UPDATED'", false),
        ("true", true),
        ("type == 'order.created' or type == 'CONTENT_CREATED'", true),
    ] {
        assert_eq!(wish(text, "subject.created", &family()).is_some(), expected, "{text}");
    }
    assert!(wish("type == 'order.created'", "order.created", &Value::Null).is_some());
    assert!(wish("type == 'TASK_COMPLETED' and hasLabel('new')", "task.completed", &family()).is_some());
    assert!(wish("type == 'TASK_COMPLETED' and hasLabel('new')", "task.created", &family()).is_none());
    // There is nothing to have a label.
    assert!(wish("hasLabel('new')", "task.completed", &Value::Null).is_none());
    let about_nothing = wish("!hasLabel('new')", "task.completed", &Value::Null).unwrap();
    assert_eq!(about_nothing.dedupe_key, None);
    assert_eq!(wish("type != 'content' and hasLabel('new')", "subject.created", &family()).unwrap().priority, Some(6));
}

#[test]
fn what_is_not_understood_is_told_with_its_place() {
    for (text, position, part) in [
        ("content, a b", 9, "not known"),
        ("type = 'content'", 5, "`=` is not known"),
        ("type == content", 8, "expected a text"),
        ("type == 'a b'", 8, "letters"),
        ("hasLabel(new)", 9, "expected a text"),
        ("hasLabel('a'", 12, "expected `)`"),
        ("hasLabel('a') hasLabel('b')", 14, "expected `and`"),
        ("hasLabels('a')", 0, "`hasLabels` is not known"),
        ("hasLabel('a", 9, "no end"),
        ("['x'] == 1", 0, "`[`"),
        ("matchesPath('(')", 12, "no pattern"),
        ("type == 'content' and false", 0, "no event"),
        ("'a' == 'b'", 7, "expected `type`"),
    ] {
        let mistake = translate(text, 0, None).unwrap_err();
        assert!(mistake.message.contains(part), "{text}: {mistake:?}");
        if !text.contains("a b") || text.starts_with("type") {
            assert_eq!(mistake.position, position, "{text}: {mistake:?}");
        }
    }
    let deep = format!("{}true{}", "(".repeat(40), ")".repeat(40));
    assert!(translate(&deep, 0, None).unwrap_err().message.contains("nested"));
    assert!(translate(&"a,".repeat(3_000), 0, None).is_err());
}

#[test]
fn a_hint_moves_the_priority_within_its_bounds() {
    for (hint, expected) in [(0, 7), (3, 10), (-10, -3), (1_000, 100), (i32::MIN, -100)] {
        assert_eq!(translate("content", hint, None).unwrap()[0].priority, Some(expected));
    }
    assert_eq!(translate("  ", 0, None), Ok(Vec::new()));
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "\\PC{0,80}") {
        let _ = translate(&text, 0, None);
    }

    #[test]
    fn what_is_understood_compiles(
        text in r#"(!?(hasLabel\('[a-z"]{1,3}'\)|type == '(content|task|a\.b)'|\(true\)) (and|or) ){0,5}hasMixins\("x"\)"#
    ) {
        if let Ok(subscriptions) = translate(&text, 0, None) {
            for when in subscriptions.into_iter().filter_map(|one| one.when) {
                prop_assert!(crate::expression::Expression::compile(&when).is_ok(), "{}", when);
            }
        }
    }
}
