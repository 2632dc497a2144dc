//! The worker in `examples/agent.sh`, from the task to the artifacts.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Marker, tasks::Scene};

#[tokio::test]
async fn the_example_takes_steps_and_leaves_artifacts() {
    let scene = Scene::new().await;
    let folder = format!("{}/examples", env!("CARGO_MANIFEST_DIR"));
    // Where the tests are root, workers are somebody else, who may not get to the checkout.
    let copy = scene.site.folder.path().join("agent.sh");
    std::fs::copy(format!("{folder}/agent.sh"), &copy).unwrap();
    let path = copy.to_str().unwrap();
    let _runner = scene.sh(&["--bind-ro", path], &format!("exec sh {path}"), &Marker::new());
    let id = scene.task(json!({"queue": "agents"}), json!({"page": "start"})).await;
    let execution = scene.caller().until_ended(&id).await;
    assert_eq!(execution["output"], json!({"steps": 3, "input": {"page": "start"}}), "{execution:#}");
    let stats = &execution["stats"];
    assert_eq!((&stats["steps"], &stats["agentActions"], &stats["screenshots"]), (&3.into(), &3.into(), &3.into()));

    let list = scene.caller().expect(Method::GET, &format!("/executions/{id}/artifacts"), None, 200).await;
    let shown: Vec<(&str, &str, &str)> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap();
            (text("name"), text("kind"), text("contentType"))
        })
        .collect();
    let expected = [
        ("step-1.png", "screenshot", "image/png"),
        ("step-2.png", "screenshot", "image/png"),
        ("step-3.png", "screenshot", "image/png"),
        ("session.webm", "video", "video/webm"),
    ];
    assert_eq!(shown, expected);
    assert_eq!(list[3]["size"], "not really a video".len());
    let actions = scene.events(&id, "node_action").await;
    let pictures: Vec<&Value> = actions.iter().filter(|action| action["kind"] == "screenshot").collect();
    assert_eq!(pictures.len(), 3);
    for (picture, artifact) in pictures.iter().zip(list.as_array().unwrap()) {
        assert_eq!(picture["artifactId"], artifact["id"]);
    }
    let deltas = scene.events(&id, "node_delta").await;
    assert!(deltas.iter().any(|delta| delta["delta"] == "step 3 of 3" && delta["progressMax"] == 3.0), "{deltas:?}");
}
