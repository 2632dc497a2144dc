//! The document and the server say the same.

use std::fs;

use serde_json::Value;
use sluicegate::http::openapi_yaml;

use crate::support::{app::TestApp, contract::Contract};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.yaml");

#[test]
fn openapi_yaml_is_fresh() {
    let committed = fs::read_to_string(COMMITTED).unwrap_or_default();
    if committed != openapi_yaml() {
        let fresh = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.yaml");
        fs::write(fresh, openapi_yaml()).unwrap();
        panic!("openapi.yaml is not what the handlers say: copy {fresh} over it");
    }
}

const UNKNOWN: &str = "0190163d-8694-739b-aea5-966c26f8ad90";

/// `routes!` describes a route as it registers it; a plain `.route(` would not.
#[test]
fn every_route_is_registered_with_its_description() {
    let mut folders = vec![concat!(env!("CARGO_MANIFEST_DIR"), "/src/http").into()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir::<std::path::PathBuf>(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            assert!(!source.contains(".route("), "{} registers a route without its description", path.display());
            count += source.matches("routes!(").count();
        }
    }
    assert!(count > 15, "{count}");
}

#[tokio::test]
async fn every_described_operation_exists_under_both_prefixes() {
    let app = TestApp::start().await;
    let client = app.anonymous().without_prefix();
    for operation in Contract::get().operations() {
        let path: String = operation
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { UNKNOWN } else { part })
            .collect::<Vec<_>>()
            .join("/");
        let paths = [Some(path.as_str()), path.strip_prefix("/v1")];
        for path in paths.into_iter().flatten() {
            let reply = client.send(operation.method.parse().unwrap(), path, None).await;
            let secured = operation.body.get("security").is_some();
            let as_described = if secured { reply.status == 401 } else { reply.status == 200 };
            assert!(as_described, "{} {path} answers {}", operation.method, reply.status);
        }
    }
}

#[tokio::test]
async fn unknown_parameters_are_refused_where_a_query_is_taken() {
    let app = TestApp::start().await;
    let place = app.workspace("ann").await;
    let mut count = 0;
    for operation in Contract::get().operations() {
        let parameters = operation.body["parameters"].as_array();
        if operation.method != "GET" || !parameters.into_iter().flatten().any(|parameter| parameter["in"] == "query") {
            continue;
        }
        let path = operation.path.strip_prefix("/v1").unwrap();
        let path = path.replace("{workspaceId}", &place.workspace_id).replace("{podId}", &place.pod_id);
        let parts = path.split('/').map(|part| if part.starts_with('{') { UNKNOWN } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        let reply = app.user("ann").get(&format!("{path}?unknownParameter=1")).await;
        let problem = reply.problem(400, "invalid_query");
        assert_eq!(problem["errors"][0]["path"], "unknownParameter", "{}", operation.id());
        count += 1;
    }
    assert!(count > 8, "{count}");
}

#[tokio::test]
async fn the_document_is_served() {
    let app = TestApp::start().await;
    let reply = app.anonymous().without_prefix().get("/openapi.yaml").await;
    let read: Value = serde_saphyr::from_str(&reply.text).unwrap();
    assert_eq!(read["openapi"], "3.1.0");
    assert_eq!(reply.header("content-type"), Some("application/yaml"));
    let page = app.anonymous().without_prefix().get("/docs").await;
    assert!(page.text.contains("Create a workspace") && !page.text.contains("<script"));
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
}
