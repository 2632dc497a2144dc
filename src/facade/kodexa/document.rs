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

use super::scope::{ACCESS_TOKEN, API_KEY};
use crate::{
    facade::description::{Manner, add_replies, name_parameters, need_one_of},
    http::openapi::operations,
};

const MANNER: Manner =
    Manner { refused: "400", missing: "It does not exist, or not in this organization", error: "KodexaError" };

/// A failure.
#[derive(Debug, ToSchema)]
#[schema(as = KodexaError)]
#[expect(dead_code, reason = "the shape alone is wanted; `errors` writes it")]
pub struct ErrorBody {
    /// The status of the response.
    status: u16,
    /// The same in words.
    error: String,
    /// One sentence for people.
    message: String,
    /// What is wrong with the request (status 400): a sentence per field, such as `options.pipeline.steps[0].ref` or `filter`.
    #[schema(value_type = Option<Object>, required = false)]
    errors: Option<serde_json::Value>,
}

/// Describes the face.
pub fn describe(document: &mut OpenApi) {
    let text = "The face for clients of Kodexa, below `/kodexa`. Bodies may have unknown fields and queries unknown parameters, \
                which are left aside; failures are `{status, error, message, errors?}`.";
    document.tags.get_or_insert_default().push(TagBuilder::new().name("kodexa").description(Some(text)).build());
    let components = document.components.get_or_insert_default();
    components.schemas.insert(ErrorBody::name().into_owned(), ErrorBody::schema());
    for (name, header, text) in [
        ("kodexaApiKey", API_KEY, "For the Kodexa face: an API key of this server"),
        (
            "kodexaAccessToken",
            ACCESS_TOKEN,
            "For the Kodexa face: an API key of this server in the older header; not looked at where `x-api-key` is there",
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
    need_one_of(operation, &["bearer", "kodexaApiKey", "kodexaAccessToken"]);
    add_replies(path, method, operation, &MANNER);
}

fn in_path(name: &str) -> Parameter {
    let uuid = Some(KnownFormat::Uuid);
    let (text, format) = match name {
        "executionId" => ("The execution", uuid),
        "assistantId" => ("The assistant", uuid),
        "projectId" => ("The project", uuid),
        "organizationId" => ("The organization", uuid),
        "familyId" => ("The document family", uuid),
        "organizationSlug" => ("The organization in the store's name", None),
        "storeSlug" => ("The store's own name", None),
        "version" => ("The store's version", None),
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
