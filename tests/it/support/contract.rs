//! The OpenAPI document as a judge: every response that a test sees must be described, and look as described.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, OnceLock},
};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// Operations that have succeeded in this process.
static ANSWERED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The document, prepared for checking.
pub struct Contract {
    document: Value,
    /// By their schemas.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// An operation of the document.
pub struct Operation<'a> {
    pub method: String,
    pub path: &'a str,
    pub body: &'a Value,
}

impl Operation<'_> {
    pub fn id(&self) -> &str {
        self.body["operationId"].as_str().unwrap()
    }
}

impl Contract {
    pub fn get() -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(|| {
            let mut document = serde_json::to_value(sluicegate::facade::api_document()).unwrap();
            close_schemas(&mut document);
            Self { document, validators: Mutex::default() }
        })
    }

    /// Every operation there is.
    pub fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, item) in self.document["paths"].as_object().unwrap() {
            for (method, body) in item.as_object().unwrap() {
                operations.push(Operation { method: method.to_uppercase(), path, body });
            }
        }
        operations
    }

    /// Operations that have not succeeded in this process.
    pub fn unanswered(&self) -> Vec<String> {
        let answered = ANSWERED.lock().unwrap();
        let ids = self.operations().into_iter().map(|operation| operation.id().to_owned());
        ids.filter(|id| !answered.contains(id)).collect()
    }

    /// The operation that answers this request, if the document knows one.
    pub fn find(&self, method: &str, path: &str) -> Option<Operation<'_>> {
        let path = path.split('?').next().unwrap();
        // What answers without the prefix is described with it.
        [path.to_owned(), format!("/v1{path}")].iter().find_map(|path| {
            let mut found: Vec<_> = self
                .operations()
                .into_iter()
                .filter(|operation| operation.method == method && matches(operation.path, path))
                .collect();
            // A literal part is nearer than a parameter.
            found.sort_by_key(|operation| operation.path.matches('{').count());
            (!found.is_empty()).then(|| found.swap_remove(0))
        })
    }

    /// Panics unless the response is one that the document describes.
    pub fn check(&self, method: &str, path: &str, status: u16, content_type: Option<&str>, body: &str) {
        let Some(operation) = self.find(method, path) else {
            assert!(matches!(status, 404 | 405), "{method} {path} answers {status}, but no operation describes it");
            return;
        };
        let place = format!("{} answers {status}", operation.id());
        if status < 400 {
            ANSWERED.lock().unwrap().insert(operation.id().to_owned());
        }
        let responses = &operation.body["responses"];
        let response = responses.get(status.to_string());
        let response = response.or_else(|| (status >= 400).then(|| responses.get("default")).flatten());
        let response = response.unwrap_or_else(|| panic!("{place}, which is not described: {body}"));
        let Some(content) = response["content"].as_object() else {
            assert!(body.is_empty(), "{place} with a body that is not described: {body}");
            return;
        };
        let essence = content_type.unwrap_or_default().split(';').next().unwrap().trim();
        let (exact, any) = (content.get(essence), content.get("*/*"));
        let described = exact.or(any);
        let described = described.unwrap_or_else(|| panic!("{place} as `{essence}`, which is not described"));
        if exact.is_some() && essence.ends_with("json") && !essence.ends_with("ndjson") {
            let value: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{place}: {error}: {body}"));
            self.check_value(&described["schema"], &value, &place);
        }
    }

    fn check_value(&self, schema: &Value, value: &Value, place: &str) {
        let validator = self.validator(schema);
        let errors: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{place} with a body that is not as described:\n{}\n{value:#}", errors.join("\n"));
    }

    /// Made once for each schema: that takes longer than all requests of a small test.
    fn validator(&self, schema: &Value) -> Arc<Validator> {
        let made = self.validators.lock().unwrap().get(&schema.to_string()).cloned();
        made.unwrap_or_else(|| {
            let mut root = schema.as_object().unwrap().clone();
            root.insert("components".into(), self.document["components"].clone());
            let validator = jsonschema::options().should_validate_formats(true).build(&Value::Object(root)).unwrap();
            let validator = Arc::new(validator);
            self.validators.lock().unwrap().insert(schema.to_string(), Arc::clone(&validator));
            validator
        })
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (mut template, mut path) = (template.split('/'), path.split('/'));
    loop {
        match (template.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(part)) if expected.starts_with('{') || expected == part => {}
            _ => return false,
        }
    }
}

/// Refuses fields that the document does not name: a schema by itself would let them pass.
fn close_schemas(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    let mut extended = Vec::new();
    visit(schemas, &mut |schema| {
        let parts = schema["allOf"].as_array().into_iter().flatten();
        extended.extend(parts.filter_map(|part| Some(part["$ref"].as_str()?.rsplit('/').next()?.to_owned())));
    });
    for (name, schema) in schemas.as_object_mut().unwrap() {
        // A schema that others extend can't be closed itself; those that extend it are.
        if !extended.contains(name) {
            close(schema);
        }
    }
}

fn close(schema: &mut Value) {
    let Some(object) = schema.as_object_mut() else { return };
    for choice in object.get_mut("oneOf").and_then(Value::as_array_mut).into_iter().flatten() {
        close(choice);
    }
    if is_closable(object) {
        object.insert("unevaluatedProperties".into(), json!(false));
    }
}

fn visit(schema: &Value, f: &mut impl FnMut(&Value)) {
    f(schema);
    match schema {
        Value::Object(members) => members.values().for_each(|member| visit(member, f)),
        Value::Array(items) => items.iter().for_each(|item| visit(item, f)),
        _ => {}
    }
}

fn is_closable(schema: &Map<String, Value>) -> bool {
    (schema.contains_key("properties") || schema.contains_key("allOf")) && !schema.contains_key("additionalProperties")
}
