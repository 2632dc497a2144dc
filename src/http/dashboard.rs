//! The dashboard: pages, scripts and styles that were built into the program (`build.rs` says from where).
//!
//! Its pages have addresses of their own, `/w/...` and `/sign-in`, which all give the one page: what is on it is the script's
//! matter. Nothing else falls back to it, so that a wrong path of the API stays a failure that programs understand.

use axum::{
    Router,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    auth::api_key,
    error::{Code, Problem},
    state::AppState,
};

/// A file of the dashboard.
struct File {
    /// Below `/`, such as `assets/index-4f1c.js`.
    path: &'static str,
    bytes: &'static [u8],
}

// `FILES`.
include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// Stands in the page where the nonce of its styles belongs.
const NONCE_PLACE: &str = "__STYLE_NONCE__";
/// Built files carry their digest in their names.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The route that is described.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_dashboard))
}

/// The pages and files behind it.
pub fn files() -> Router<AppState> {
    Router::new()
        .route("/sign-in", get(page))
        .route("/w/{*page}", get(page))
        .route("/icon.svg", get(async || file("icon.svg")))
        .route("/assets/{*path}", get(async |Path(path): Path<String>| file(&format!("assets/{path}"))))
}

/// Dashboard
///
/// Executions, inbox, workflows and settings, for people. It uses this API and nothing else.
#[utoipa::path(
    get, path = "/", tag = "server",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
async fn get_dashboard() -> Response {
    page().await
}

async fn page() -> Response {
    let Some(index) = FILES.iter().find(|file| file.path == "index.html") else {
        return Problem::internal("the dashboard has no index.html").into_response();
    };
    // Styles that components make while they run carry this; nothing that is injected can know it.
    let nonce = STANDARD.encode(api_key::random::<18>());
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self'; media-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let text = String::from_utf8_lossy(index.bytes).replace(NONCE_PLACE, &nonce);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).expect("a nonce is base64")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    (headers, text).into_response()
}

fn file(path: &str) -> Response {
    let Some(file) = FILES.iter().find(|file| file.path == path) else {
        return Problem::new(Code::UnknownPath, "the dashboard has no such file").into_response();
    };
    let media_type = match path.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let cache = if path.starts_with("assets/") { FOREVER } else { ASK_AGAIN };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, cache),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (StatusCode::OK, headers, file.bytes).into_response()
}
