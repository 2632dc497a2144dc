//! Successful replies: a status, perhaps a `Location`, a JSON body; and pages of lists with their `Link`.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::error::Problem;
use crate::store::{Page, StoreError, catalogue::IdempotentReply};

/// Says on a reply that it was given before, to the same idempotency key.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A reply that can be stored for its idempotency key: the body is exact text.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: StatusCode,
    pub(super) location: Option<String>,
    pub(super) body: String,
    pub(super) replayed: bool,
}

impl Reply {
    /// 200 with this body.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::new(StatusCode::OK, None, body)
    }

    /// 201 with this body, and where the new thing is.
    pub fn created(location: String, body: &impl Serialize) -> Self {
        Self::new(StatusCode::CREATED, Some(location), body)
    }

    /// Any status with this body.
    pub fn new(status: StatusCode, location: Option<String>, body: &impl Serialize) -> Self {
        let body = serde_json::to_string(body).expect("resources have string keys and finite numbers");
        Self { status, location, body, replayed: false }
    }
}

impl Reply {
    /// A reply that was given before.
    pub fn stored(stored: IdempotentReply) -> Result<Self, Problem> {
        Ok(Self {
            status: StatusCode::from_u16(stored.status).map_err(Problem::internal)?,
            location: stored.location,
            body: stored.body,
            replayed: true,
        })
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Resources are a caller's own: no shared cache may keep them.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(location) = self.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if self.replayed {
            headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// A page of a list: a bare array, with the next page in `Link`.
#[derive(Debug)]
pub struct List {
    reply: Reply,
    link: Option<HeaderValue>,
}

impl List {
    /// A page of the list that was asked for under `uri`.
    pub fn new<T: Serialize>(uri: &Uri, page: &Page<T>) -> Result<Self, Problem> {
        let link = page.next.as_deref().map(|cursor| HeaderValue::try_from(next_link(uri, cursor))).transpose();
        Ok(Self { reply: Reply::ok(&page.items), link: link.map_err(Problem::internal)? })
    }
}

impl IntoResponse for List {
    fn into_response(self) -> Response {
        let mut response = self.reply.into_response();
        if let Some(link) = self.link {
            response.headers_mut().insert(header::LINK, link);
        }
        response
    }
}

/// The same request with another cursor.
fn next_link(uri: &Uri, cursor: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != "cursor" {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair("cursor", cursor);
    format!("<{}?{}>; rel=\"next\"", uri.path(), query.finish())
}

/// A page of a list that is short enough to be read whole; the cursor is the key of the page's last item.
pub fn page_of<T>(
    mut items: Vec<T>,
    limit: i64,
    cursor: Option<&str>,
    key: impl Fn(&T) -> String,
) -> Result<Page<T>, StoreError> {
    if let Some(cursor) = cursor {
        let last = items.iter().position(|item| key(item) == cursor).ok_or(StoreError::ForeignCursor)?;
        items.drain(..=last);
    }
    let limit = usize::try_from(limit).unwrap_or_default();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(key) } else { None };
    Ok(Page { items, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let all: Vec<i64> = (0..7).collect();
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let page = page_of(all.clone(), 3, cursor.as_deref(), ToString::to_string).unwrap();
            seen.extend(page.items);
            match page.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, all);
        assert!(page_of(all.clone(), 7, None, ToString::to_string).unwrap().next.is_none());
        let gone = page_of(all, 3, Some("gone"), ToString::to_string).unwrap_err();
        assert!(matches!(gone, StoreError::ForeignCursor));
    }

    #[test]
    fn the_link_keeps_the_filter_and_replaces_the_cursor() {
        let uri: Uri = "/v1/x?status=failed&cursor=old&status=a%20b&limit=2".parse().unwrap();
        assert_eq!(
            next_link(&uri, "n/w=="),
            "</v1/x?status=failed&status=a+b&limit=2&cursor=n%2Fw%3D%3D>; rel=\"next\""
        );
    }
}
