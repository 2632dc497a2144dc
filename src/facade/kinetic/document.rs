//! What the OpenAPI document says of this face beside what its handlers say: credentials, parameters, failures, its group.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder, SecurityRequirement,
        header::HeaderBuilder,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::{KnownFormat, SchemaFormat, Type},
        security::{ApiKey, ApiKeyValue, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::scope::{API_KEY, POD, WORKER_KEY};
use crate::http::openapi::{operations, without_null};

/// A failure: one sentence, or the list of what is wrong with the request (status 422).
#[derive(Debug, ToSchema)]
#[schema(as = KineticError)]
#[expect(dead_code, reason = "the shape alone is wanted; `errors` writes it")]
pub struct ErrorBody {
    /// A sentence, or a list of `{loc, msg, type}`.
    detail: Detail,
}

/// What went wrong.
#[derive(Debug, ToSchema)]
#[schema(as = KineticDetail)]
#[serde(untagged)]
#[expect(dead_code, reason = "the shape alone is wanted")]
pub enum Detail {
    /// One sentence.
    Sentence(String),
    /// What is wrong with the request, by its places.
    Places(Vec<Place>),
}

/// One thing that is wrong with a request.
#[derive(Debug, ToSchema)]
#[schema(as = KineticPlace)]
#[expect(dead_code, reason = "the shape alone is wanted")]
pub struct Place {
    /// Where: `body`, `query` or `header`, then names and indices.
    #[schema(value_type = Vec<Value>)]
    loc: Vec<serde_json::Value>,
    /// One sentence for people.
    msg: String,
    /// What kind of mistake: `missing`, `type_error`, `value_error` or `json_invalid`.
    #[schema(rename = "type")]
    kind: String,
}

/// Describes the face.
pub fn describe(document: &mut OpenApi) {
    let text = "The face for clients of Kinetic, below `/kinetic`. Bodies may have unknown fields and queries unknown parameters, \
                which are left aside; failures are `{detail}`.";
    document.tags.get_or_insert_default().push(TagBuilder::new().name("kinetic").description(Some(text)).build());
    let components = document.components.get_or_insert_default();
    for (name, schema) in
        [(ErrorBody::name(), ErrorBody::schema()), (Detail::name(), Detail::schema()), (Place::name(), Place::schema())]
    {
        components.schemas.insert(name.into_owned(), schema);
    }
    for (name, header, text) in [
        ("kineticApiKey", API_KEY, "For the Kinetic face: an API key of this server"),
        (
            "kineticWorkerKey",
            WORKER_KEY,
            "For the Kinetic face: an API key of this server; the callback of a worker needs it here",
        ),
    ] {
        let scheme = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(header, text)));
        components.add_security_scheme(name, scheme);
    }
    for (path, item) in &mut document.paths.paths {
        if let Some(path) = path.strip_prefix(super::PREFIX) {
            for (method, operation) in operations(item) {
                complete(path, method, operation);
            }
        }
    }
}

fn complete(path: &str, method: &str, operation: &mut Operation) {
    let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Parameter> = named.map(in_path).collect();
    parameters.extend(operation.parameters.take().unwrap_or_default().into_iter().map(|mut parameter| {
        parameter.schema = parameter.schema.map(without_null);
        parameter
    }));
    parameters.push(
        ParameterBuilder::new()
            .name(POD)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The pod, by its id or slug; the workspace's oldest, if missing"))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build(),
    );
    operation.parameters = Some(parameters);
    let schemes: &[&str] = if path.ends_with("/complete") {
        &["kineticWorkerKey"]
    } else {
        &["bearer", "kineticApiKey", "kineticWorkerKey"]
    };
    operation.security =
        Some(schemes.iter().map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(*scheme, [])).collect());
    let mut failures = vec![
        ("401", "No API key, or one that is not valid"),
        ("403", "The key's role is too low"),
        ("422", "The request can't be read, or a value of it can't be taken"),
        ("default", "Another failure"),
    ];
    if path.contains('{') {
        failures.push(("404", "It does not exist, or not in this pod"));
    }
    if method == "DELETE" {
        failures.retain(|(status, _)| *status != "422");
    }
    for (status, text) in failures {
        let response = ResponseBuilder::new().description(text).build();
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| response.into());
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if (status.starts_with('4') || status == "default") && response.content.is_empty() {
            let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
            response.content.insert("application/json".to_owned(), content);
        }
        if status == "201" {
            let text = ObjectBuilder::new().schema_type(Type::String);
            let header = HeaderBuilder::new().schema(text).description(Some("Where the new thing is")).build();
            response.headers.insert("Location".to_owned(), header);
        }
    }
}

fn in_path(name: &str) -> Parameter {
    let (text, format) = match name {
        "workflowId" => ("The workflow", Some(KnownFormat::Uuid)),
        "executionId" => ("The execution", Some(KnownFormat::Uuid)),
        "version" => ("The version's id, or its number", None),
        other => (other, None),
    };
    let schema = ObjectBuilder::new().schema_type(Type::String).format(format.map(SchemaFormat::KnownFormat));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(text))
        .schema(Some(schema))
        .build()
}
