//! Bytes of a file as a response: whole, in part, or "you have it already", with headers that keep a file that somebody has sent
//! from acting in the name of this server.
//!
//! A file never changes, so its digest is a strong `ETag`. One range is served; a request for several gets the whole, as
//! RFC 9110 allows.

use std::{fmt::Write, ops::Range};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::TryStreamExt;

use super::error::{Code, Problem};
use crate::{
    artifacts::{ArtifactError, Artifacts},
    domain::{
        artifact::{Artifact, ObjectOf, essence},
        ids::WorkspaceId,
    },
};

/// Which bytes a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    Part(Range<u64>),
    /// A range that lies outside.
    Outside,
}

/// The answer to a request for an artifact's bytes.
pub async fn respond(
    artifacts: &Artifacts,
    workspace_id: WorkspaceId,
    artifact: &Artifact,
    method: &Method,
    asked: &HeaderMap,
) -> Result<Response, Problem> {
    let size = artifact.size.unsigned_abs();
    let etag = format!("\"{}\"", artifact.sha256);
    if names(asked, &header::IF_NONE_MATCH, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers_of(artifact, &etag)).into_response());
    }
    let wanted = if method == Method::GET { wanted(asked, size, &etag) } else { Wanted::Whole };
    let (status, range) = match wanted {
        Wanted::Whole => (StatusCode::OK, None),
        Wanted::Part(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Wanted::Outside => {
            let text = format!("the artifact has {size} bytes, and the range is outside of them");
            let problem = Problem::new(Code::RangeNotSatisfiable, text);
            return Err(problem.with_header(header::CONTENT_RANGE, value(format!("bytes */{size}"))));
        }
    };
    let mut headers = headers_of(artifact, &etag);
    let length = range.as_ref().map_or(size, |range| range.end - range.start);
    headers.insert(header::CONTENT_LENGTH, length.into());
    if let Some(Range { start, end }) = range {
        headers.insert(header::CONTENT_RANGE, value(format!("bytes {start}-{}/{size}", end - 1)));
    }
    // HEAD is answered by the same handler; nothing is opened for it.
    let body = if method == Method::GET {
        let object = ObjectOf { workspace_id, execution_id: artifact.execution_id, artifact_id: artifact.id };
        let bytes = artifacts.get(object, range).await?;
        let id = artifact.id;
        Body::from_stream(bytes.inspect_err(move |error| {
            tracing::warn!(artifact_id = %id, %error, "the bytes of an artifact broke off");
        }))
    } else {
        Body::empty()
    };
    Ok((status, headers, body).into_response())
}

impl From<ArtifactError> for Problem {
    fn from(error: ArtifactError) -> Self {
        let text = error.to_string();
        match error {
            ArtifactError::NoPlace => Self::new(Code::ArtifactsUnavailable, text),
            ArtifactError::TooLarge(_) => Self::new(Code::BodyTooLarge, text),
            ArtifactError::Broken(_) => Self::new(Code::BadRequest, "the body broke off before its end"),
            ArtifactError::Stalled => Self::new(Code::RequestTimeout, text),
            ArtifactError::Missing => Self::new(Code::NotFound, text),
            ArtifactError::Storage(_) => {
                let detail = "the place where artifacts are kept does not answer as it should";
                Self::new(Code::ArtifactsUnavailable, detail).retry_after_s(5).caused_by(text)
            }
            ArtifactError::Panicked => Self::internal(text),
        }
    }
}

fn headers_of(artifact: &Artifact, etag: &str) -> HeaderMap {
    let fixed = HeaderValue::from_static;
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, value(&artifact.content_type)),
        (header::CONTENT_DISPOSITION, value(disposition(artifact))),
        (header::ETAG, value(etag)),
        (header::ACCEPT_RANGES, fixed("bytes")),
        // It never changes, but who may see it does: asked for again, it costs a 304.
        (header::CACHE_CONTROL, fixed("private, no-cache")),
        // A page that a worker has sent runs no script and has no origin; a file is what its type says and nothing else.
        (header::CONTENT_SECURITY_POLICY, fixed("sandbox")),
        (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        (header::REFERRER_POLICY, fixed("no-referrer")),
    ])
}

fn value(text: impl AsRef<str>) -> HeaderValue {
    HeaderValue::from_str(text.as_ref()).unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"))
}

/// Pictures, films and plain text are shown, everything else is saved, under the name that it was sent with.
fn disposition(artifact: &Artifact) -> String {
    let kind = essence(&artifact.content_type);
    let is_shown = kind == "text/plain"
        || kind != "image/svg+xml" && ["image/", "video/", "audio/"].iter().any(|family| kind.starts_with(family));
    let how = if is_shown { "inline" } else { "attachment" };
    let plain: String = artifact
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || " ._-()".contains(c) { c } else { '_' })
        .collect();
    let mut text = format!("{how}; filename=\"{plain}\"");
    if plain != artifact.name {
        text.push_str("; filename*=UTF-8''");
        for byte in artifact.name.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => text.push(byte.into()),
                _ => write!(text, "%{byte:02X}").expect("writing to a string"),
            }
        }
    }
    text
}

/// Whether a header lists this tag, or `*`.
fn names(headers: &HeaderMap, header: &HeaderName, etag: &str) -> bool {
    let listed = headers.get_all(header).iter().filter_map(|value| value.to_str().ok());
    listed.flat_map(|value| value.split(',')).map(str::trim).any(|tag| {
        // Two tags that are equal but for their weakness are of the same bytes.
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    })
}

/// What `Range` asks for. One that is malformed, or of a file that has changed since, is as good as none.
fn wanted(headers: &HeaderMap, size: u64, etag: &str) -> Wanted {
    let mut ranges = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Wanted::Whole };
    // A date tells nothing here; only the tag does.
    if headers.get(header::IF_RANGE).is_some_and(|tag| tag.as_bytes() != etag.as_bytes()) {
        return Wanted::Whole;
    }
    let Some((unit, set)) = range.to_str().ok().and_then(|range| range.split_once('=')) else { return Wanted::Whole };
    let Some((first, last)) = set.trim().split_once('-') else { return Wanted::Whole };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    // Only digits: a number's own reader would take a sign.
    let number = |text: &str| {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (start, end) = match (first, number(first), number(last)) {
        (_, Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        (_, Some(first), None) if last.is_empty() => (first, size),
        ("", None, Some(length)) => (size.saturating_sub(length), size),
        _ => return Wanted::Whole,
    };
    if start < end { Wanted::Part(start..end) } else { Wanted::Outside }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{clock::Instant, domain::artifact::ArtifactKind};

    fn artifact(name: &str, content_type: &str) -> Artifact {
        Artifact {
            id: Uuid::nil().into(),
            execution_id: Uuid::nil().into(),
            node_id: "n".to_owned(),
            path: None,
            task_id: None,
            name: name.to_owned(),
            kind: ArtifactKind::File,
            content_type: content_type.to_owned(),
            size: 1,
            sha256: "ab".to_owned(),
            created_at: Instant(0),
        }
    }

    fn asked(range: &str, if_range: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_str(range).unwrap())]);
        headers.extend(if_range.map(|tag| (header::IF_RANGE, HeaderValue::from_static(tag))));
        headers
    }

    #[test]
    fn one_range_is_understood() {
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-4", Wanted::Part(2..5)),
            ("Bytes = 2-4", Wanted::Part(2..5)),
            ("bytes=8-", Wanted::Part(8..10)),
            ("bytes=0-99999999999999999999999", Wanted::Part(0..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=10-", Wanted::Outside),
            ("bytes=10-12", Wanted::Outside),
            ("bytes=99999999999999999999999-", Wanted::Outside),
            ("bytes=-0", Wanted::Outside),
            ("bytes=4-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=1--2", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("lines=1-2", Wanted::Whole),
        ] {
            assert_eq!(wanted(&asked(range, None), 10, "\"t\""), expected, "{range}");
        }
        assert_eq!(wanted(&asked("bytes=-3", None), 0, "\"t\""), Wanted::Outside);
        assert_eq!(wanted(&HeaderMap::new(), 10, "\"t\""), Wanted::Whole);
        assert_eq!(wanted(&asked("bytes=2-4", Some("\"t\"")), 10, "\"t\""), Wanted::Part(2..5));
        for changed in ["\"u\"", "W/\"t\"", "Tue, 01 Jan 2030 00:00:00 GMT"] {
            assert_eq!(wanted(&asked("bytes=2-4", Some(changed)), 10, "\"t\""), Wanted::Whole, "{changed}");
        }
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        let with = |text: &'static str| HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(text))]);
        for text in ["*", "\"t\"", "W/\"t\"", "\"a\", \"t\""] {
            assert!(names(&with(text), &header::IF_NONE_MATCH, "\"t\""), "{text}");
        }
        for text in ["", "t", "\"tt\"", "\"a\""] {
            assert!(!names(&with(text), &header::IF_NONE_MATCH, "\"t\""), "{text}");
        }
    }

    #[test]
    fn names_are_safe_in_a_header() {
        let of = |name: &str, content_type: &str| disposition(&artifact(name, content_type));
        assert_eq!(of("a b.png", "image/png"), "inline; filename=\"a b.png\"");
        assert_eq!(of("a.mp4", "VIDEO/mp4"), "inline; filename=\"a.mp4\"");
        for saved in ["text/html", "image/svg+xml", "application/pdf", "text/html; x=image/png"] {
            assert!(of("a", saved).starts_with("attachment;"), "{saved}");
        }
        assert_eq!(
            of("ü\"; filename=x.exe", "a/b"),
            "attachment; filename=\"___ filename_x.exe\"; filename*=UTF-8''%C3%BC%22%3B%20filename%3Dx.exe"
        );
    }
}
