//! What the descriptions of the faces' operations have in common: parameters of the path, credentials, and the replies beside the one
//! that a handler names.

use utoipa::openapi::{
    ContentBuilder, ObjectBuilder, Ref, RefOr, ResponseBuilder, SecurityRequirement,
    header::HeaderBuilder,
    path::{Operation, Parameter},
    schema::Type,
};

use crate::http::openapi::without_null;

/// What a face says in its own way.
pub struct Manner {
    /// The status of a request that can't be taken.
    pub refused: &'static str,
    /// Why something named in the path is not found.
    pub missing: &'static str,
    /// The name of the schema of failures.
    pub error: &'static str,
}

/// Gives an operation the parameters of its path, before those that its handler names.
pub fn name_parameters(path: &str, operation: &mut Operation, in_path: fn(&str) -> Parameter) {
    let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Parameter> = named.map(in_path).collect();
    parameters.extend(operation.parameters.take().unwrap_or_default().into_iter().map(|mut parameter| {
        parameter.schema = parameter.schema.map(without_null);
        parameter
    }));
    operation.parameters = (!parameters.is_empty()).then_some(parameters);
}

/// Says that one of these credentials is needed.
pub fn need_one_of(operation: &mut Operation, schemes: &[&str]) {
    let requirements = schemes.iter().map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(*scheme, []));
    operation.security = Some(requirements.collect());
}

/// Adds the failures that the operation may answer with, and where the new thing is.
pub fn add_replies(path: &str, method: &str, operation: &mut Operation, manner: &Manner) {
    let mut failures = vec![
        ("401", "No API key, or one that is not valid"),
        ("403", "The key's role is too low"),
        (manner.refused, "The request can't be read, or a value of it can't be taken"),
        ("default", "Another failure"),
    ];
    if path.contains('{') {
        failures.push(("404", manner.missing));
    }
    if method == "DELETE" {
        failures.retain(|(status, _)| *status != manner.refused);
    }
    for (status, text) in failures {
        let response = ResponseBuilder::new().description(text).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if (status.starts_with('4') || status == "default") && response.content.is_empty() {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(manner.error))).build();
            response.content.insert("application/json".to_owned(), content);
        }
        if status == "201" {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let header = HeaderBuilder::new().schema(text).description(Some("Where the new thing is")).build();
            response.headers.insert("Location".to_owned(), header);
        }
    }
}
