//! Failures as that API says them: `{detail: [{loc, msg, type}]}` with status 422 for what can't be read or taken of a request, and
//! `{detail: "..."}` with another status for everything else.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::http::error::{Code, FieldError, Problem};

/// A failure in this face's words.
pub fn show(problem: &Problem) -> (StatusCode, Value) {
    let code = problem.code();
    match code {
        Code::UnknownPath => (code.status(), json!({ "detail": "Not Found" })),
        Code::MethodNotAllowed => (code.status(), json!({ "detail": "Method Not Allowed" })),
        Code::InvalidBody | Code::InvalidValue | Code::InvalidInput | Code::InvalidWorkflow => {
            refused("body", code, problem)
        }
        Code::MalformedJson | Code::UnsupportedMediaType => refused("body", code, problem),
        Code::InvalidQuery => refused("query", code, problem),
        Code::InvalidHeader => refused("header", code, problem),
        _ => (code.status(), json!({ "detail": problem.detail() })),
    }
}

fn refused(part: &str, code: Code, problem: &Problem) -> (StatusCode, Value) {
    let whole = [FieldError { path: String::new(), message: problem.detail().to_owned() }];
    let errors = if problem.errors().is_empty() { &whole } else { problem.errors() };
    let detail: Vec<Value> = errors.iter().map(|error| one(part, code, error)).collect();
    (StatusCode::UNPROCESSABLE_ENTITY, json!({ "detail": detail }))
}

fn one(part: &str, code: Code, FieldError { path, message }: &FieldError) -> Value {
    let mut loc = vec![json!(part)];
    loc.extend(path.split('/').filter(|name| !name.is_empty()).map(segment));
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let (kind, msg) = match (code, missing) {
        (_, Some(field)) => {
            loc.push(json!(field));
            ("missing", "Field required")
        }
        (Code::MalformedJson, None) => ("json_invalid", message.as_str()),
        (Code::InvalidBody | Code::UnsupportedMediaType, None) => ("type_error", message.as_str()),
        _ => ("value_error", message.as_str()),
    };
    json!({ "loc": loc, "msg": msg, "type": kind })
}

/// A part of a JSON pointer: an index of a list is a number.
fn segment(name: &str) -> Value {
    name.parse::<u32>().map_or_else(|_| json!(name.replace("~1", "/").replace("~0", "~")), |index| json!(index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_has_wrong_is_named_by_its_place() {
        for (problem, expected) in [
            (
                Problem::field(Code::InvalidBody, "", "missing field `name`"),
                json!([{ "loc": ["body", "name"], "msg": "Field required", "type": "missing" }]),
            ),
            (
                Problem::field(Code::InvalidValue, "/configuration/screens/0/a~1b", "no"),
                json!([{ "loc": ["body", "configuration", "screens", 0, "a/b"], "msg": "no", "type": "value_error" }]),
            ),
            (
                Problem::field(Code::InvalidQuery, "limit", "too many"),
                json!([{ "loc": ["query", "limit"], "msg": "too many", "type": "value_error" }]),
            ),
            (
                Problem::new(Code::MalformedJson, "line 1"),
                json!([{ "loc": ["body"], "msg": "line 1", "type": "json_invalid" }]),
            ),
        ] {
            assert_eq!(show(&problem), (StatusCode::UNPROCESSABLE_ENTITY, json!({ "detail": expected })));
        }
    }

    #[test]
    fn everything_else_is_one_sentence() {
        for (problem, status, detail) in [
            (Problem::not_found("workflow"), 404, "workflow not found"),
            (Problem::new(Code::UnknownPath, "x"), 404, "Not Found"),
            (Problem::new(Code::RoleTooLow, "too low"), 403, "too low"),
            (Problem::new(Code::BadRequest, "what?"), 400, "what?"),
        ] {
            let (shown, body) = show(&problem);
            assert_eq!((shown.as_u16(), body), (status, json!({ "detail": detail })));
        }
    }
}
