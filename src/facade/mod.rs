//! Faces for programs that were written for other APIs. A face translates paths, names, status words and failures; what its calls do
//! is done by the doors of the floors below, as the native handlers use them. Here the whole API is put together.

mod description;
mod kinetic;
mod kodexa;
mod removal;

use std::sync::LazyLock;

use axum::Router;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

use crate::http::{self, ApiDocument, AppState, face::Face};

/// Every face beside the native one.
fn faces() -> [Face; 2] {
    [kinetic::face(), kodexa::face()]
}

/// The whole API as one service.
pub fn router(state: AppState) -> Router {
    http::router_with(state, &faces(), kinetic::aliases().merge(kodexa::aliases()))
}

/// The description of the whole API.
pub fn api_document() -> OpenApi {
    http::api_document(&faces())
}

/// The same as YAML, as it is committed.
pub fn openapi_yaml() -> &'static str {
    static DOCUMENT: LazyLock<ApiDocument> = LazyLock::new(|| ApiDocument::new(&faces()));
    DOCUMENT.yaml()
}

/// A value whose texts mean themselves where templates are read.
fn literal(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(text.replace("{{", r#"{{ "{{" }}"#)),
        Value::Array(items) => items.iter().map(literal).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), literal(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::http::openapi::operations;

    #[test]
    fn operations_of_faces_are_named_described_and_grouped() {
        let mut document = api_document();
        let described: HashSet<String> = document.tags.iter().flatten().map(|tag| tag.name.clone()).collect();
        let (mut ids, mut count) = (HashSet::new(), 0);
        for (path, item) in &mut document.paths.paths {
            for (_, operation) in operations(item) {
                let id = operation.operation_id.clone().unwrap_or_default();
                assert!(ids.insert(id.clone()), "{id} is there twice");
                if !faces().iter().any(|face| face.has(path)) {
                    continue;
                }
                count += 1;
                assert!(operation.summary.as_ref().is_some_and(|text| !text.is_empty()), "{id} has no summary");
                assert!(operation.security.as_ref().is_some_and(|schemes| !schemes.is_empty()), "{id} is open");
                let tags = operation.tags.clone().unwrap_or_default();
                assert!(tags.len() == 1 && described.contains(&tags[0]), "{id}: {tags:?}");
                for parameter in operation.parameters.iter().flatten() {
                    assert!(parameter.description.as_ref().is_some_and(|text| *text != parameter.name), "{id}");
                }
            }
        }
        assert!(count > 10, "{count}");
    }
}
