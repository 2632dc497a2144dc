//! The reference page, written from the OpenAPI document.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::http::error::Code;

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--dim:#666;--get:#0a6b3d;--post:#0b57a4;--patch:#8a5a00;--delete:#b3261e}
@media(prefers-color-scheme:dark){:root{--dim:#a5a5a5;--get:#6fd8a4;--post:#8ab8f5;--patch:#e6b450;--delete:#ff8a80}}
*{box-sizing:border-box}
body{font:15px/1.55 system-ui,sans-serif;margin:0;display:grid;grid-template-columns:17rem minmax(0,1fr)}
nav{position:sticky;top:0;height:100vh;overflow:auto;padding:1rem;border-right:1px solid var(--line);font-size:13px}
nav ul{list-style:none;margin:.2rem 0 1rem;padding:0}
nav a{color:inherit;text-decoration:none;display:block;padding:.12rem 0}
nav a:hover,nav a:focus{text-decoration:underline}
main{padding:1.5rem clamp(1rem,4vw,3rem);max-width:62rem}
h2{margin-top:3rem;border-bottom:1px solid var(--line)}
article{margin:1.6rem 0 2.2rem}
h3{margin:0 0 .3rem}
.line{font:14px/1.5 ui-monospace,monospace;background:var(--soft);border-radius:6px;padding:.4rem .6rem;overflow-wrap:anywhere}
.m{font-weight:700}.get{color:var(--get)}.post,.put{color:var(--post)}.patch{color:var(--patch)}.delete{color:var(--delete)}
code{font:.92em ui-monospace,monospace;background:var(--soft);border-radius:4px;padding:0 .25em}
table{border-collapse:collapse;width:100%;margin:.5rem 0;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--dim)}
td:first-child{white-space:nowrap}
h4{margin:1rem 0 .2rem;font-size:13px;color:var(--dim)}
.dim{color:var(--dim)}
@media(max-width:50rem){body{display:block}nav{position:static;height:auto;border:0}td:first-child{white-space:normal}}";

/// The whole page.
pub fn render(document: &Value) -> String {
    let mut page = String::with_capacity(256 * 1024);
    page.push_str("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">");
    page.push_str(
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>Sluicegate API</title>",
    );
    write!(page, "<style>{STYLE}</style></head><body>").expect(INFALLIBLE);
    let groups = groups(document);
    write_navigation(&mut page, &groups);
    page.push_str("<main>");
    let info = &document["info"];
    write!(
        page,
        "<h1>{} API</h1><p class=\"dim\">Version {} · <a href=\"/openapi.yaml\">openapi.yaml</a></p>",
        text(&info["title"]),
        text(&info["version"])
    )
    .expect(INFALLIBLE);
    write_prose(&mut page, &info["description"]);
    write_authentication(&mut page, document);
    for group in &groups {
        write!(page, "<h2 id=\"{0}\">{0}</h2>", escape(group.name)).expect(INFALLIBLE);
        write_prose(&mut page, group.description);
        for operation in &group.operations {
            write_operation(&mut page, operation);
        }
    }
    write_schemas(&mut page, document);
    write_codes(&mut page);
    page.push_str("</main></body></html>");
    page
}

const INFALLIBLE: &str = "a string takes any text";

struct Group<'a> {
    name: &'a str,
    description: &'a Value,
    operations: Vec<Operation<'a>>,
}

struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    body: &'a Value,
}

fn groups(document: &Value) -> Vec<Group<'_>> {
    let tags = document["tags"].as_array().into_iter().flatten();
    tags.map(|tag| {
        let name = tag["name"].as_str().unwrap_or_default();
        let paths = document["paths"].as_object().into_iter().flatten();
        let operations = paths
            .flat_map(|(path, item)| {
                item.as_object().into_iter().flatten().map(move |(method, body)| Operation { method, path, body })
            })
            .filter(|operation| operation.body["tags"][0] == name)
            .collect();
        Group { name, description: &tag["description"], operations }
    })
    .collect()
}

fn write_navigation(page: &mut String, groups: &[Group<'_>]) {
    page.push_str("<nav><strong><a href=\"#\">Sluicegate API</a></strong>");
    for group in groups {
        write!(page, "<ul><li><strong><a href=\"#{0}\">{0}</a></strong></li>", escape(group.name)).expect(INFALLIBLE);
        for operation in &group.operations {
            let (id, summary) = (text(&operation.body["operationId"]), text(&operation.body["summary"]));
            write!(page, "<li><a href=\"#{id}\">{summary}</a></li>").expect(INFALLIBLE);
        }
        page.push_str("</ul>");
    }
    page.push_str("<ul><li><strong><a href=\"#schemas\">Schemas</a></strong></li>");
    page.push_str("<li><strong><a href=\"#problems\">Problem codes</a></strong></li></ul></nav>");
}

fn write_authentication(page: &mut String, document: &Value) {
    page.push_str("<h2 id=\"authentication\">Authentication</h2><table>");
    for (_, scheme) in document["components"]["securitySchemes"].as_object().into_iter().flatten() {
        let shown = match scheme["in"].as_str() {
            Some("query") => format!("?{}=…", text(&scheme["name"])),
            Some(_) => format!("{}: …", text(&scheme["name"])),
            None => "Authorization: Bearer …".to_owned(),
        };
        write!(
            page,
            "<tr><td><code>{shown}</code></td><td>{}</td></tr>",
            prose(scheme["description"].as_str().unwrap_or_default())
        )
        .expect(INFALLIBLE);
    }
    page.push_str("</table>");
}

fn write_operation(page: &mut String, operation: &Operation<'_>) {
    let Operation { method, path, body } = operation;
    let upper = method.to_uppercase();
    write!(
        page,
        "<article id=\"{id}\"><h3>{summary}</h3><div class=\"line\"><span class=\"m {method}\">{upper}</span> {path}</div>",
        id = text(&body["operationId"]),
        summary = text(&body["summary"]),
        method = escape(method),
        path = escape(path),
    )
    .expect(INFALLIBLE);
    write_prose(page, &body["description"]);
    if let Some(parameters) = body["parameters"].as_array() {
        page.push_str("<h4>Parameters</h4><table>");
        for parameter in parameters {
            let required = if parameter["required"] == true { "" } else { ", optional" };
            write!(
                page,
                "<tr><td><code>{}</code></td><td class=\"dim\">{}{required}</td><td>{}</td><td>{}</td></tr>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                type_of(&parameter["schema"]),
                prose(parameter["description"].as_str().unwrap_or_default()),
            )
            .expect(INFALLIBLE);
        }
        page.push_str("</table>");
    }
    if let Some(content) = body["requestBody"]["content"].as_object() {
        page.push_str("<h4>Body</h4><p>");
        write_content(page, content);
        write!(page, " {}</p>", prose(body["requestBody"]["description"].as_str().unwrap_or_default()))
            .expect(INFALLIBLE);
    }
    page.push_str("<h4>Replies</h4><table>");
    for (status, response) in body["responses"].as_object().into_iter().flatten() {
        write!(page, "<tr><td><code>{}</code></td><td>", escape(status)).expect(INFALLIBLE);
        if let Some(content) = response["content"].as_object() {
            write_content(page, content);
        }
        write!(page, "</td><td>{}</td></tr>", prose(response["description"].as_str().unwrap_or_default()))
            .expect(INFALLIBLE);
    }
    page.push_str("</table></article>");
}

fn write_content(page: &mut String, content: &Map<String, Value>) {
    for (media_type, body) in content {
        let media_type = if media_type == "application/json" {
            String::new()
        } else {
            format!(" <span class=\"dim\">{}</span>", escape(media_type))
        };
        write!(page, "{}{media_type}", type_of(&body["schema"])).expect(INFALLIBLE);
    }
}

fn write_schemas(page: &mut String, document: &Value) {
    page.push_str("<h2 id=\"schemas\">Schemas</h2>");
    for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
        write!(page, "<article id=\"schema-{0}\"><h3>{0}</h3>", escape(name)).expect(INFALLIBLE);
        write_prose(page, &schema["description"]);
        let mut written = false;
        for part in std::iter::once(schema).chain(schema["allOf"].as_array().into_iter().flatten()) {
            if part.get("$ref").is_some() {
                write!(page, "<p>Everything of {}, and:</p>", type_of(part)).expect(INFALLIBLE);
            }
            if let Some(fields) = part["properties"].as_object() {
                write_fields(page, fields, &part["required"]);
                written = true;
            }
        }
        if !written {
            write!(page, "<p>{}</p>", type_of(schema)).expect(INFALLIBLE);
        }
        page.push_str("</article>");
    }
}

fn write_fields(page: &mut String, fields: &Map<String, Value>, required: &Value) {
    page.push_str("<table>");
    for (name, field) in fields {
        let is_required = required.as_array().is_some_and(|required| required.iter().any(|one| one == name));
        let optional = if is_required { "" } else { " <span class=\"dim\">optional</span>" };
        write!(
            page,
            "<tr><td><code>{}</code></td><td>{}{optional}</td><td>{}</td></tr>",
            escape(name),
            type_of(field),
            prose(field["description"].as_str().unwrap_or_default()),
        )
        .expect(INFALLIBLE);
    }
    page.push_str("</table>");
}

fn write_codes(page: &mut String) {
    page.push_str("<h2 id=\"problems\">Problem codes</h2><table><tr><th>code</th><th>status</th><th>meaning</th></tr>");
    for code in Code::ALL {
        write!(
            page,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            code.as_str(),
            code.status().as_u16(),
            prose(code.meaning())
        )
        .expect(INFALLIBLE);
    }
    page.push_str("</table>");
}

/// A schema in a few words, with links to the named ones.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<String> = values.iter().map(|value| format!("<code>{}</code>", text(value))).collect();
        return values.join(" ");
    }
    for (keyword, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[keyword].as_array() {
            return parts.iter().map(type_of).collect::<Vec<_>>().join(between);
        }
    }
    let one = |kind: &str| match kind {
        "array" => format!("list of {}", type_of(&schema["items"])),
        kind => match schema["format"].as_str() {
            Some(format) if !format.starts_with("int") => format!("{} ({})", escape(kind), escape(format)),
            _ => escape(kind),
        },
    };
    let mut words = match &schema["type"] {
        Value::String(kind) => one(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).map(one).collect::<Vec<_>>().join(" or "),
        _ => "any value".to_owned(),
    };
    for (keyword, label) in [("minimum", "≥"), ("maximum", "≤"), ("maxLength", "length ≤"), ("default", "default")]
    {
        if let Some(value) = schema.get(keyword) {
            write!(words, " <span class=\"dim\">{label} {}</span>", text(value)).expect(INFALLIBLE);
        }
    }
    words
}

fn write_prose(page: &mut String, value: &Value) {
    for paragraph in value.as_str().unwrap_or_default().split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        write!(page, "<p>{}</p>", prose(paragraph)).expect(INFALLIBLE);
    }
}

/// Escaped text; what stands between backticks is code.
fn prose(source: &str) -> String {
    let mut out = String::new();
    for (i, part) in source.trim().split('`').enumerate() {
        if i % 2 == 1 {
            write!(out, "<code>{}</code>", escape(part)).expect(INFALLIBLE);
        } else {
            out.push_str(&escape(part));
        }
    }
    out
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_operation_schema_and_code_is_on_the_page() {
        let document = serde_json::to_value(crate::http::api_document(&[])).unwrap();
        let page = render(&document);
        for item in document["paths"].as_object().unwrap().values() {
            for operation in item.as_object().unwrap().values() {
                let anchor = format!("<article id=\"{}\">", operation["operationId"].as_str().unwrap());
                assert_eq!(page.matches(&anchor).count(), 1, "{anchor}");
            }
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name}");
        }
        for code in Code::ALL {
            assert!(page.contains(&format!("<code>{}</code>", code.as_str())));
        }
        assert!(!page.contains('`'), "what is code in the document is code on the page");
        assert!(!page.contains("<script"));
    }

    #[test]
    fn text_of_the_document_is_escaped() {
        let page = render(&json!({
            "info": {"title": "<b>", "version": "1", "description": "a `<i>` & b"},
            "tags": [{"name": "x\"y"}],
            "paths": {}, "components": {},
        }));
        assert!(
            page.contains("&lt;b&gt; API")
                && page.contains("<code>&lt;i&gt;</code> &amp; b")
                && page.contains("x&quot;y")
        );
    }
}
