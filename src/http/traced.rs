//! The trace that a request is part of, as its headers say (W3C Trace Context).

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};

use crate::domain::trace::Trace;

/// The trace of a request, if it is part of one. Headers that are not as they should be are none: they refuse nothing.
pub struct Traced(pub Option<Trace>);

impl<S: Sync> FromRequestParts<S> for Traced {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(trace_of(&parts.headers)))
    }
}

fn trace_of(headers: &HeaderMap) -> Option<Trace> {
    let mut parents = headers.get_all("traceparent").iter();
    let parent = parents.next()?.to_str().ok()?;
    if parents.next().is_some() {
        return None;
    }
    // Several lines of it are one list.
    let states: Option<Vec<&str>> = headers.get_all("tracestate").iter().map(|line| line.to_str().ok()).collect();
    let state = states.filter(|lines| !lines.is_empty()).map(|lines| lines.join(","));
    Trace::parse(parent, state.as_deref())
}
