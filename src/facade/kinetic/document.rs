//! What the OpenAPI document says of this face beside what its handlers say: credentials, parameters, failures, its group.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, OpenApi, Required,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::{KnownFormat, SchemaFormat, Type},
        security::{ApiKey, ApiKeyValue, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::scope::{API_KEY, POD, WORKER_KEY};
use crate::{
    facade::description::{Manner, add_replies, name_parameters, need_one_of},
    http::openapi::operations,
};

const MANNER: Manner =
    Manner { refused: "422", missing: "It does not exist, or not in this pod", error: "KineticError" };

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
    name_parameters(path, operation, in_path);
    operation.parameters.get_or_insert_default().push(
        ParameterBuilder::new()
            .name(POD)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some("The pod, by its id or slug; the workspace's oldest, if missing"))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build(),
    );
    let schemes: &[&str] = if path.ends_with("/complete") {
        &["kineticWorkerKey"]
    } else {
        &["bearer", "kineticApiKey", "kineticWorkerKey"]
    };
    need_one_of(operation, schemes);
    add_replies(path, method, operation, &MANNER);
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
