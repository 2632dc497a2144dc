//! The API reference for people (`/docs`), the document for programs (`/openapi.yaml`), and a page at `/`.
//!
//! The reference is written on the server from the document, without scripts and without anything from elsewhere.

mod page;

use std::sync::LazyLock;

use axum::{
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{openapi, state::AppState};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_openapi)).routes(routes!(get_docs)).routes(routes!(get_index))
}

/// Nothing on these pages runs or comes from elsewhere, and no other page may frame them.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");

/// This description
///
/// The document that this reference is made from, in OpenAPI 3.1.
#[utoipa::path(
    get, path = "/openapi.yaml", tag = "server",
    responses((status = 200, description = "The document", body = String, content_type = "application/yaml")),
)]
async fn get_openapi() -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/yaml"))], openapi::openapi_yaml()).into_response()
}

/// API reference
///
/// This page.
#[utoipa::path(
    get, path = "/docs", tag = "server",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
async fn get_docs() -> Response {
    static PAGE: LazyLock<String> =
        LazyLock::new(|| page::render(&serde_json::to_value(openapi::api_document()).expect("a document is JSON")));
    html(&PAGE)
}

/// Start page
#[utoipa::path(
    get, path = "/", tag = "server",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
async fn get_index() -> Response {
    html(page::INDEX)
}

fn html(page: &'static str) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page)).into_response()
}
