//! Other faces: the ways in which programs written for other APIs speak to this server. A face has routes below a prefix of its own,
//! says failures in its own shape, and describes itself in the one document. What a face does, the floors below do.

use serde_json::Value;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use super::{error::Problem, state::AppState};
use axum::http::StatusCode;

/// A face of the API.
#[derive(Clone, Copy)]
pub struct Face {
    /// What its paths begin with, such as `/kinetic`: everything below belongs to it, unknown paths too.
    pub prefix: &'static str,
    /// The headers beside the usual ones that browsers may send to it.
    pub headers: &'static [&'static str],
    /// Makes its routes, without the prefix. Their descriptions are megabytes, which nobody keeps.
    pub routes: fn() -> OpenApiRouter<AppState>,
    /// How it says that something failed: the status and the body, which is JSON.
    pub show: fn(&Problem) -> (StatusCode, Value),
    /// Adds to the document what its handlers do not say of themselves: credentials, failures, its group.
    pub describe: fn(&mut OpenApi),
}

impl Face {
    /// Whether a path belongs to it.
    pub fn has(&self, path: &str) -> bool {
        path.strip_prefix(self.prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_has_what_is_below_its_prefix() {
        let show = |_: &Problem| (StatusCode::OK, Value::Null);
        let face = Face { prefix: "/other", headers: &[], routes: OpenApiRouter::new, show, describe: |_| {} };
        for (path, expected) in [("/other", true), ("/other/a", true), ("/others", false), ("/v1/other", false)] {
            assert_eq!(face.has(path), expected, "{path}");
        }
    }
}
