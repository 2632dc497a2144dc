//! Headers that every response carries unless its handler has said something else: what a browser must not make of it.

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::Response,
};

/// Nothing runs, nothing is loaded, and no page may frame it. Pages for people have a policy of their own.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// What is added. Nothing is kept by caches unless its handler says so: most replies are of one tenant.
const ADDED: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Adds the headers that are missing.
pub async fn protect(mut response: Response) -> Response {
    for (name, value) in ADDED {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}
