//! The published schema of events. That events are as it says is checked wherever a test sees one.

use std::fs;

use serde_json::{Value, json};
use sluicegate::http::event_schema;

use crate::support::{
    app::Backend,
    event_stream::check_event,
    scene::{Scene, gate},
};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sdk/events.schema.json");

#[test]
fn events_schema_is_fresh() {
    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();
    let fresh = format!("{:#}\n", event_schema::document());
    if committed != fresh {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/events.schema.json");
        fs::write(path, fresh).unwrap();
        panic!("sdk/events.schema.json is not what the code says: copy {path} over it");
    }
}

#[tokio::test]
async fn every_type_of_events_can_be_asked_for() {
    let scene = Scene::on(Backend::Sqlite).await;
    let run = scene.run(gate(), json!(null)).await;
    run.until_status("suspended").await;
    let document = event_schema::document();
    let variants = document["$defs"]["Event"]["oneOf"].as_array().unwrap();
    let types = variants.iter().map(|variant| {
        let parts = variant["allOf"].as_array().unwrap();
        parts.iter().find_map(|part| part["properties"]["type"]["enum"][0].as_str()).unwrap()
    });
    let types: Vec<&str> = types.collect();
    assert!(types.len() > 10, "{types:?}");
    for one in types {
        let pages = scene.ann.with("accept", "application/json").get(&format!("{}/events?types={one}", run.path)).await;
        let events = pages.expect(200);
        assert!(events.as_array().unwrap().iter().all(|event| event["type"] == one), "{one}: {events}");
    }
}

#[test]
fn it_is_a_schema_that_refuses_what_is_no_event() {
    let document = event_schema::document();
    jsonschema::meta::validate(&document).unwrap();
    let status = json!({"type": "execution_status", "seq": 1, "at": "2027-01-15T08:00:00.000Z", "status": "queued"});
    check_event(&status);
    let validator = jsonschema::validator_for(&document).unwrap();
    for (member, value) in
        [("type", json!("execution_statuses")), ("seq", json!("1")), ("status", json!("done")), ("at", Value::Null)]
    {
        let mut bad = status.clone();
        bad[member] = value;
        assert!(!validator.is_valid(&bad), "{bad}");
    }
    // Slim events may lack their payload, but must say what they are about.
    let mut slim = json!({"type": "execution_complete", "seq": 9, "at": "2027-01-15T08:00:00.000Z"});
    assert!(!validator.is_valid(&slim));
    for id in ["executionId", "workflowId", "podId"] {
        slim[id] = json!("0190163d-8694-739b-aea5-966c26f8ad90");
    }
    check_event(&slim);
}
