//! Failures as that API says them: `{status, error, message, errors?}`. `errors` is an object from the names of fields to what is wrong
//! with them, as its clients read it; what of a request can't be taken is always 400.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::http::error::{Code, Problem};

/// A failure in this face's words.
pub fn show(problem: &Problem) -> (StatusCode, Value) {
    let code = problem.code();
    let status = match code.status() {
        StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
        status => status,
    };
    let message = match code {
        Code::UnknownPath => "there is no such call here; docs/kodexa.md lists those that there are",
        _ => problem.detail(),
    };
    let reason = status.canonical_reason().unwrap_or_default();
    let mut body = json!({ "status": status.as_u16(), "error": reason, "message": message });
    if status == StatusCode::BAD_REQUEST && !problem.errors().is_empty() {
        let mut errors = Map::new();
        for error in problem.errors() {
            errors.entry(name(&error.path)).or_insert_with(|| json!(error.message));
        }
        body["errors"] = Value::Object(errors);
    }
    (status, body)
}

/// A JSON pointer as a path of names: `options.pipeline.steps[0].ref`.
fn name(pointer: &str) -> String {
    let mut name = String::new();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        if part.parse::<u32>().is_ok() && !name.is_empty() {
            name.extend(["[", part, "]"]);
        } else {
            if !name.is_empty() {
                name.push('.');
            }
            name.push_str(&part.replace("~1", "/").replace("~0", "~"));
        }
    }
    if name.is_empty() { "body".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_clients_read_them() {
        let at = |path: &str, code: Code| show(&Problem::field(code, path, "no"));
        for (path, expected) in [
            ("/options/pipeline/steps/0/ref", "options.pipeline.steps[0].ref"),
            ("filter", "filter"),
            ("/a~1b", "a/b"),
            ("", "body"),
        ] {
            let (status, body) = at(path, Code::InvalidValue);
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert_eq!(body["errors"], json!({ expected: "no" }));
            assert_eq!((&body["status"], &body["message"]), (&json!(400), &json!("no")));
        }
        let (status, body) = show(&Problem::not_found("execution"));
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert_eq!(body, json!({ "status": 404, "error": "Not Found", "message": "execution not found" }));
    }
}
