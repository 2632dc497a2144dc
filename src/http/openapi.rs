//! The OpenAPI document: what the handlers say of themselves, and what holds for all of them.
//!
//! Handlers describe their bodies and successes. Path parameters, credentials, the idempotency header, and the problems that
//! every operation of a kind can answer are added here once, from the same rules that the extractors follow.

use std::sync::OnceLock;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Components, ContentBuilder, Header, InfoBuilder, LicenseBuilder, ObjectBuilder, OpenApi, OpenApiBuilder, Ref,
        RefOr, Required, ResponseBuilder, Schema, SecurityRequirement, ServerBuilder,
        path::{Operation, ParameterBuilder, ParameterIn, PathItem},
        schema::{KnownFormat, SchemaFormat, SchemaType, Type},
        security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
        tag::TagBuilder,
    },
};

use super::{
    VERSION_PREFIX,
    error::{FieldError, PROBLEM_JSON, ProblemBody},
    face::Face,
    roles::lowest_role,
};

const DESCRIPTION: &str = "\
Sluicegate is a real-time streaming workflow server with suspend and resume.

Everything is under `/v1`; the same paths answer without it. Bodies are JSON in UTF-8 with camelCase names; times are RFC 3339 \
in UTC with milliseconds; ids are UUIDs of version 7. Unknown fields are refused, and so are unknown parameters of operations that take a query. Lists are bare arrays, \
newest first unless said otherwise; where there is more, the header `Link` has the address of the next page. Failures are \
problem documents (RFC 9457) with a stable `code` and the `requestId` of the server's log.";

/// What begins and ends sessions: the credential is in the body, or at a provider.
const SIGNS_IN: [&str; 5] =
    ["create_session", "delete_session", "get_sign_in_methods", "begin_oidc_sign_in", "finish_oidc_sign_in"];

/// Operations that store nothing, so that there is no reply to repeat, or that say it in their own way.
const NOTHING_STORED: &[&str] = &[
    "validate_workflow",
    "test_node",
    "create_session",
    "create_stream_token",
    "create_artifact_url",
    "redeliver_notification",
    "send_response_page",
    "receive_callback",
    "trigger_webhook",
    "lease_tasks",
    "heartbeat_task",
    "complete_task",
    "fail_task",
    "release_task",
    "send_results",
];

/// The groups of operations: name and what they are about.
const TAGS: &[(&str, &str)] = &[
    ("workspaces", "Workspaces are tenants: nothing in one is seen from another."),
    ("members", "People in a workspace, their roles, and how new ones come in."),
    ("api-keys", "Keys for programs, each for one workspace with one role."),
    ("pods", "Folders of workflows and executions."),
    ("secrets", "Values that workflows use and nobody reads back."),
    ("workflows", "Node graphs and their versions."),
    ("executions", "Runs of workflows."),
    ("tasks", "Work for workers: leased, reported on, done."),
    ("bulk", "Many executions cancelled, replayed or retried, at a measured pace."),
    ("artifacts", "Files that workers produce, and links to them."),
    ("events", "What has happened outside, and starts the workflows that subscribe to it."),
    ("subjects", "What executions are about: documents, orders, and what is known of them."),
    (
        "documents",
        "What workflows look things up in, and what they remember: values in collections, with full-text search.",
    ),
    ("schedules", "Workflows started by the clock, and the ledger of what became of each slot."),
    ("webhooks", "Workflows started by other programs, and the ledger of what became of each delivery."),
    ("suspensions", "Approvals and questions that wait for people."),
    ("streams", "Server-sent events, as they happen and after the fact."),
    ("node-types", "What graphs are made of."),
    ("server", "The server itself."),
];

/// What path parameters are: name, format, description. Every parameter of every route is here.
const PATH_PARAMETERS: &[(&str, Option<KnownFormat>, &str)] = &[
    ("workspaceId", Some(KnownFormat::Uuid), "The workspace"),
    ("podId", Some(KnownFormat::Uuid), "The pod"),
    ("workflowId", Some(KnownFormat::Uuid), "The workflow"),
    ("executionId", Some(KnownFormat::Uuid), "The execution"),
    ("otherId", Some(KnownFormat::Uuid), "The execution to compare with"),
    ("suspensionId", Some(KnownFormat::Uuid), "The suspension"),
    ("notificationId", Some(KnownFormat::Uuid), "The notification"),
    ("scheduleId", Some(KnownFormat::Uuid), "The schedule"),
    ("taskId", Some(KnownFormat::Uuid), "The task"),
    ("bulkJobId", Some(KnownFormat::Uuid), "The bulk job"),
    ("subjectId", Some(KnownFormat::Uuid), "The subject"),
    ("webhookId", Some(KnownFormat::Uuid), "The webhook"),
    ("deliveryId", Some(KnownFormat::Uuid), "The delivery"),
    ("artifactId", Some(KnownFormat::Uuid), "The artifact"),
    ("fileName", None, "The file's name, for those who save it"),
    ("apiKeyId", Some(KnownFormat::Uuid), "The API key"),
    ("inviteId", Some(KnownFormat::Uuid), "The invite"),
    ("userId", None, "The user, as the `sub` of their tokens says"),
    ("secretName", None, "The secret's name: letters, digits and `_`, not beginning with a digit"),
    ("groupName", None, "The group's name: `a` to `z`, digits and single hyphens inside"),
    (
        "collectionName",
        None,
        "The collection's name: up to 200 letters, digits and `_.:/@~+=-`, with `/` written as `%2F`",
    ),
    ("documentKey", None, "The document's key: up to 200 letters, digits and `_.:/@~+=-`, with `/` written as `%2F`"),
    ("token", None, "The secret token"),
    ("version", None, "The version's number"),
];

/// The description of the API with these faces.
pub fn api_document(faces: &[Face]) -> OpenApi {
    super::described(faces).1
}

/// The document of a server, and what is made from it when it is first asked for.
pub struct ApiDocument {
    document: OpenApi,
    yaml: OnceLock<String>,
    page: OnceLock<String>,
}

impl ApiDocument {
    /// Of this document.
    pub fn new(document: OpenApi) -> Self {
        Self { document, yaml: OnceLock::new(), page: OnceLock::new() }
    }

    /// The document as YAML, as it is committed and served.
    pub fn yaml(&self) -> &str {
        self.yaml.get_or_init(|| {
            let yaml = serde_saphyr::to_string(&self.document).expect("a document can be written as YAML");
            format!(
                "# Written from the handlers; not to be edited. `tests/it/http/openapi.rs` checks that it is fresh.\n{yaml}"
            )
        })
    }

    /// The reference for people.
    pub(super) fn page(&self) -> &str {
        self.page
            .get_or_init(|| super::docs::render(&serde_json::to_value(&self.document).expect("a document is JSON")))
    }
}

/// What the document begins with, before the routes.
pub(super) fn base() -> OpenApi {
    let mut components = Components::new();
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    components.schemas.insert(FieldError::name().into_owned(), FieldError::schema());
    let key = "An API key, `slg_...`, which belongs to one workspace";
    components.add_security_scheme(
        "apiKey",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("x-api-key", key))),
    );
    let bearer =
        Http::builder().scheme(HttpAuthScheme::Bearer).description(Some("A token (JWT) of a person, or an API key"));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    let session = "The dashboard's session, which `POST /v1/session` gives; for requests of this server's own pages";
    components.add_security_scheme(
        "session",
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description("sluicegate_session", session))),
    );
    let token = "For streams alone: a token that opens one stream for five minutes";
    components.add_security_scheme(
        "streamToken",
        SecurityScheme::ApiKey(ApiKey::Query(ApiKeyValue::with_description("token", token))),
    );
    let lease =
        "For the doors of one task alone: the token of its lease, which may also come as `leaseToken` or as a bearer";
    components.add_security_scheme(
        "leaseToken",
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("x-lease-token", lease))),
    );
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Sluicegate")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()))
                .build(),
        )
        .servers(Some([ServerBuilder::new().url("/").description(Some("This server")).build()]))
        .tags(Some(TAGS.iter().map(|(name, text)| TagBuilder::new().name(*name).description(Some(*text)).build())))
        .components(Some(components))
        .build()
}

/// Adds to each operation what follows from its path and method.
pub(super) fn complete(document: &mut OpenApi, faces: &[Face]) {
    let schemas = document.components.as_ref().map(|components| components.schemas.clone()).unwrap_or_default();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            if !faces.iter().any(|face| face.has(path)) {
                complete_operation(path, method, operation);
            }
            if let Some(body) = &mut operation.request_body {
                // An empty body counts as `{}`.
                let may_be_empty = body.content.values().all(|content| match &content.schema {
                    Some(RefOr::Ref(reference)) => {
                        let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                        matches!(schemas.get(name), Some(RefOr::T(Schema::Object(object))) if object.required.is_empty())
                    }
                    _ => false,
                });
                body.required = Some(if may_be_empty { Required::False } else { Required::True });
            }
        }
    }
    for face in faces {
        (face.describe)(document);
    }
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations(item) {
            if let Some(role) = operation.operation_id.as_deref().and_then(lowest_role) {
                let said = [("x-role", role.as_str())];
                operation.extensions.get_or_insert_default().merge(said.into_iter().collect());
            }
        }
    }
    let used: Vec<String> = document
        .paths
        .paths
        .values_mut()
        .flat_map(|item| {
            operations(item).into_iter().flat_map(|(_, operation)| operation.tags.clone().unwrap_or_default())
        })
        .collect();
    if let Some(tags) = &mut document.tags {
        tags.retain(|tag| used.contains(&tag.name));
    }
}

/// The operations of a path, with their methods.
pub fn operations(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("PUT", &mut item.put),
        ("POST", &mut item.post),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
    .collect()
}

fn complete_operation(path: &str, method: &str, operation: &mut Operation) {
    let named: Vec<&str> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
    let is_resource = path.starts_with(VERSION_PREFIX);
    // A secret address is a credential of its own; a webhook says what it takes for one.
    let is_secret =
        path.ends_with("/{token}") || path.contains("/artifacts/{token}/") || path.ends_with("/{webhookId}/trigger");
    let takes_body = operation.request_body.is_some();
    let id = operation.operation_id.clone().unwrap_or_default();
    let mut parameters: Vec<_> = named.iter().map(|name| path_parameter(name)).collect();
    parameters.extend(operation.parameters.take().unwrap_or_default().into_iter().map(|mut parameter| {
        parameter.schema = parameter.schema.map(without_null);
        parameter
    }));
    let has_query = parameters.iter().any(|parameter| parameter.parameter_in == ParameterIn::Query);
    if is_resource && matches!(method, "POST" | "PATCH") && !NOTHING_STORED.contains(&id.as_str()) {
        parameters.push(idempotency_parameter());
    }
    operation.parameters = (!parameters.is_empty()).then_some(parameters);

    if operation.security.is_none() {
        let is_stream = operation.responses.responses.values().any(
            |response| matches!(response, RefOr::T(response) if response.content.contains_key("text/event-stream")),
        );
        let is_open = is_secret || !is_resource || SIGNS_IN.contains(&id.as_str());
        let schemes: &[&str] = match (is_open, is_stream) {
            (true, _) => &[],
            (false, true) => &["apiKey", "bearer", "session", "streamToken"],
            (false, false) => &["apiKey", "bearer", "session"],
        };
        let of = |scheme: &&str| SecurityRequirement::new::<_, [&str; 0], &str>(*scheme, []);
        // Without a requirement: an empty list says that everybody may call it.
        operation.security = Some(schemes.iter().map(of).collect());
    }
    if is_secret {
        problem(operation, "default", "Another problem; `code` says which");
    } else if is_resource {
        if takes_body || has_query {
            problem(operation, "400", "The body, a parameter or a header can't be read");
        }
        problem(operation, "401", "No credentials, or invalid ones");
        problem(operation, "403", "The role is too low, or an API key can't do this");
        if !named.is_empty() {
            problem(
                operation,
                "404",
                "It does not exist, not in this workspace or pod, or in a workspace that you are not a member of",
            );
        }
        if takes_body {
            problem(operation, "422", "A value that can't be taken, or an idempotency key used for another request");
        }
        problem(operation, "default", "Another problem; `code` says which");
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        // A handler names its conflicts; their body is always a problem.
        if status.starts_with('4') && response.content.is_empty() {
            response.content.insert(PROBLEM_JSON.to_owned(), problem_content());
        }
        if status == "201" && id != "create_stream_token" {
            response.headers.insert("Location".to_owned(), header("Where the new thing is"));
        }
    }
}

/// The schema of an optional parameter, which is left out, not null.
pub fn without_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            if let SchemaType::Array(types) = &object.schema_type
                && let Some(only) = types.iter().find(|kind| **kind != Type::Null)
            {
                object.schema_type = SchemaType::Type(only.clone());
            }
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::OneOf(mut one_of)) if one_of.items.len() == 2 => {
            let is_null = |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
            match one_of.items.iter().position(|item| !is_null(item)) {
                Some(at) => one_of.items.swap_remove(at),
                None => RefOr::T(Schema::OneOf(one_of)),
            }
        }
        other => other,
    }
}

fn path_parameter(name: &str) -> utoipa::openapi::path::Parameter {
    let known = PATH_PARAMETERS.iter().find(|(known, ..)| *known == name);
    let (_, format, text) = known.cloned().unwrap_or((name, None, name));
    let kind = if name == "version" { Type::Integer } else { Type::String };
    let schema = ObjectBuilder::new().schema_type(kind).format(format.map(SchemaFormat::KnownFormat));
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(text))
        .schema(Some(schema))
        .build()
}

fn idempotency_parameter() -> utoipa::openapi::path::Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "1 to 255 visible ASCII characters. The same key with the same request gets the same reply for 24 hours, with the \
             header `Idempotency-Replayed: true`; with another request it is refused (422).",
        ))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255))))
        .build()
}

fn problem(operation: &mut Operation, status: &str, description: &str) {
    operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
        ResponseBuilder::new().description(description).content(PROBLEM_JSON, problem_content()).build().into()
    });
}

fn problem_content() -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name()))).build()
}

fn header(description: &str) -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String));
    header.description = Some(description.to_owned());
    header
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn operations_are_named_described_and_grouped() {
        let mut document = api_document(&[]);
        let mut ids = HashSet::new();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                let id = operation.operation_id.clone().unwrap_or_default();
                assert!(id.contains('_') || id.starts_with("get"), "{method} {path}: {id}");
                assert!(ids.insert(id.clone()), "{id} is there twice");
                assert!(operation.summary.as_ref().is_some_and(|text| !text.is_empty()), "{id} has no summary");
                let tags = operation.tags.clone().unwrap_or_default();
                assert!(
                    tags.iter().all(|tag| TAGS.iter().any(|(name, _)| name == tag)) && tags.len() == 1,
                    "{id}: {tags:?}"
                );
                for parameter in operation.parameters.iter().flatten() {
                    assert!(parameter.description.as_ref().is_some_and(|text| *text != parameter.name), "{id}");
                }
            }
        }
        assert!(ids.len() > 30, "{}", ids.len());
    }

    #[test]
    fn the_yaml_says_the_same_as_the_document() {
        let document = ApiDocument::new(api_document(&[]));
        let read: serde_json::Value = serde_saphyr::from_str(document.yaml()).unwrap();
        assert_eq!(read, serde_json::to_value(&document.document).unwrap());
    }

    #[test]
    fn every_reference_has_its_target() {
        let document = serde_json::to_value(api_document(&[])).unwrap();
        let mut stack = vec![&document];
        let mut count = 0;
        while let Some(value) = stack.pop() {
            match value {
                serde_json::Value::Object(fields) => {
                    if let Some(reference) = fields.get("$ref").and_then(serde_json::Value::as_str) {
                        let pointer = reference.strip_prefix('#').unwrap();
                        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                        count += 1;
                    }
                    stack.extend(fields.values());
                }
                serde_json::Value::Array(items) => stack.extend(items),
                _ => {}
            }
        }
        assert!(count > 50);
    }
}
