//! The API reference for people (`/docs`), and the document for programs (`/openapi.yaml`).
//!
//! The reference is written on the server from the document, without scripts and without anything from elsewhere.

mod page;

use std::sync::Arc;

use axum::{
    Extension,
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{openapi::ApiDocument, state::AppState};
pub(super) use page::render;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_openapi)).routes(routes!(get_docs))
}

/// Nothing on these pages runs or comes from elsewhere, and no other page may frame them.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");

/// This description
///
/// The document that this reference is made from, in OpenAPI 3.1.
#[utoipa::path(
    get, path = "/openapi.yaml", tag = "server",
    responses((status = 200, description = "The document", body = Object, content_type = "application/yaml")),
)]
async fn get_openapi(Extension(document): Extension<Arc<ApiDocument>>) -> Response {
    let media_type = HeaderValue::from_static("application/yaml");
    ([(header::CONTENT_TYPE, media_type)], document.yaml().to_owned()).into_response()
}

/// API reference
///
/// This page.
#[utoipa::path(
    get, path = "/docs", tag = "server",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
async fn get_docs(Extension(document): Extension<Arc<ApiDocument>>) -> Response {
    html(document.page())
}

fn html(page: &str) -> Response {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page.to_owned())).into_response()
}
