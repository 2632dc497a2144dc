//! Forms: what a client sends of an event, as `application/x-www-form-urlencoded`, `multipart/form-data`, or JSON.

use std::collections::HashMap;

use axum::{
    extract::{FromRequest, Request},
    http::header,
};
use serde_json::{Map, Value};

use crate::http::{
    error::{Code, Problem},
    extract::read_body,
};

/// The fields of a form; a value of JSON that is no text stays what it is.
pub struct Form(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, bytes) = read_body(request).await?;
        let declared =
            parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (essence, parameters) = declared.split_once(';').unwrap_or((declared, ""));
        let fields = match essence.trim().to_ascii_lowercase().as_str() {
            "multipart/form-data" => multipart(parameters, &bytes)?,
            "application/json" => {
                let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
                    Problem::new(Code::MalformedJson, format!("the body is not valid JSON: {error}"))
                })?;
                match value {
                    Value::Object(fields) => fields,
                    _ => return Err(Problem::field(Code::InvalidBody, "", "the body must be an object")),
                }
            }
            "application/x-www-form-urlencoded" | "" => {
                let pairs: HashMap<String, String> = url::form_urlencoded::parse(&bytes).into_owned().collect();
                pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect()
            }
            _ => {
                let message =
                    "the body must be a form (`application/x-www-form-urlencoded` or `multipart/form-data`) or JSON";
                return Err(Problem::new(Code::UnsupportedMediaType, message));
            }
        };
        Ok(Self(fields))
    }
}

/// The texts of a form by RFC 7578; files are left aside.
fn multipart(parameters: &str, bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    let refused = |message: &'static str| Problem::new(Code::BadRequest, message);
    let boundary = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    let boundary = boundary.filter(|boundary| (1..=70).contains(&boundary.len()));
    let boundary = boundary.ok_or_else(|| refused("the form has no `boundary` in its `Content-Type`"))?;
    let text = std::str::from_utf8(bytes).map_err(|_| refused("the form is not UTF-8"))?;
    // The first delimiter has no line break in front of it.
    let text = format!("\r\n{text}");
    let mut fields = Map::new();
    let delimiter = format!("\r\n--{boundary}");
    let mut parts = text.split(&delimiter).skip(1);
    loop {
        let part = parts.next().ok_or_else(|| refused("the form has no end"))?;
        if part.starts_with("--") {
            return Ok(fields);
        }
        let (head, content) =
            part.split_once("\r\n\r\n").ok_or_else(|| refused("a part of the form has no content"))?;
        let disposition = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
        });
        let disposition = disposition.ok_or_else(|| refused("a part of the form has no `Content-Disposition`"))?;
        let parameter = |wanted: &str| {
            disposition.split(';').skip(1).find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
            })
        };
        if parameter("filename").is_none()
            && let Some(name) = parameter("name")
        {
            fields.insert(name, Value::String(content.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_form_in_parts_gives_its_texts() {
        let body = "--b1\r\nContent-Disposition: form-data; name=\"eventType\"\r\n\r\ntrain\r\n\
                    --b1\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\nContent-Type: text/plain\r\n\r\nxy\r\n\
                    --b1\r\ncontent-disposition: form-data; name=options\r\n\r\n{\"a\":\r\n1}\r\n--b1--\r\n";
        let fields = multipart("boundary=\"b1\"", body.as_bytes()).unwrap();
        assert_eq!(Value::Object(fields), json!({ "eventType": "train", "options": "{\"a\":\r\n1}" }));
        for (parameters, body) in [
            ("", "--b1--"),
            ("boundary=b1", ""),
            ("boundary=b1", "--b1\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nno end"),
            ("boundary=b1", "--b1\r\n\r\nno head\r\n--b1--"),
            ("boundary=b1", "--b1\r\nno content\r\n--b1--"),
        ] {
            assert!(multipart(parameters, body.as_bytes()).is_err(), "{body}");
        }
        assert!(multipart("boundary=b1", &[0xff]).is_err());
        assert!(multipart("boundary=b1", b"--b1--").unwrap().is_empty());
    }
}
