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

use super::scope::{ACCESS_TOKEN, API_KEY};
use crate::http::openapi::{operations, without_null};

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
    let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Parameter> = named.map(in_path).collect();
    parameters.extend(operation.parameters.take().unwrap_or_default().into_iter().map(|mut parameter| {
        parameter.schema = parameter.schema.map(without_null);
        parameter
    }));
    operation.parameters = (!parameters.is_empty()).then_some(parameters);
    let schemes = ["bearer", "kodexaApiKey", "kodexaAccessToken"];
    operation.security =
        Some(schemes.iter().map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(*scheme, [])).collect());
    let mut failures = vec![
        ("401", "No API key, or one that is not valid"),
        ("403", "The key's role is too low"),
        ("400", "The request can't be read, or a value of it can't be taken"),
        ("default", "Another failure"),
    ];
    if path.contains('{') {
        failures.push(("404", "It does not exist, or not in this organization"));
    }
    if method == "DELETE" {
        failures.retain(|(status, _)| *status != "400");
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
