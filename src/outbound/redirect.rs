//! What a redirect changes about a request: the method and body by the status, the credentials by the target.

use reqwest::{
    Method, StatusCode, Url,
    header::{self, HeaderMap, HeaderName},
};

use super::OutboundError;

/// Parts of the names of headers that carry a credential: the standard ones, and what people call their own.
const CREDENTIALS: &[&str] = &[
    "access-key",
    "api-key",
    "apikey",
    "auth",
    "cookie",
    "credential",
    "functions-key",
    "password",
    "secret",
    "session",
    "signature",
    "subscription-key",
    "token",
];
/// Headers that describe a body, and make no sense without it.
const ABOUT_THE_BODY: &[&str] =
    &["content-type", "content-encoding", "content-language", "content-location", "content-disposition"];

/// The next hop's URL, or `None` when the reply is no redirect. A 3xx without `Location` is a reply like any other.
pub(super) fn target(from: &Url, status: StatusCode, headers: &HeaderMap) -> Result<Option<Url>, OutboundError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(header::LOCATION) else { return Ok(None) };
    let invalid = |reason: String| OutboundError::InvalidUrl { reason: format!("in a redirect: {reason}") };
    let location = std::str::from_utf8(location.as_bytes()).map_err(|e| invalid(e.to_string()))?;
    from.join(location).map(Some).map_err(|e| invalid(e.to_string()))
}

/// Rewrites the request for the next hop. What is dropped once stays dropped, even if a later hop leads back.
pub(super) fn rewrite(
    (from, to): (&Url, &Url),
    status: StatusCode,
    method: &mut Method,
    headers: &mut HeaderMap,
    body: &mut Option<Vec<u8>>,
) {
    let becomes_get = match status {
        StatusCode::SEE_OTHER => !matches!(*method, Method::GET | Method::HEAD),
        // History: every client turns a POST into a GET here, so servers count on it.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => *method == Method::POST,
        _ => false,
    };
    if becomes_get {
        *method = Method::GET;
        *body = None;
        for name in ABOUT_THE_BODY {
            headers.remove(*name);
        }
    }
    if from.origin() != to.origin() {
        let credentials: Vec<HeaderName> = headers.keys().filter(|name| is_credential(name)).cloned().collect();
        for name in credentials {
            headers.remove(name);
        }
    }
}

fn is_credential(name: &HeaderName) -> bool {
    CREDENTIALS.iter().any(|word| name.as_str().contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn status_decides_about_method_and_body() {
        for (status, method, becomes) in [
            (301, Method::POST, Method::GET),
            (302, Method::POST, Method::GET),
            (303, Method::POST, Method::GET),
            (303, Method::PUT, Method::GET),
            (303, Method::HEAD, Method::HEAD),
            (301, Method::PUT, Method::PUT),
            (302, Method::DELETE, Method::DELETE),
            (307, Method::POST, Method::POST),
            (308, Method::POST, Method::POST),
        ] {
            let (mut now, mut body) = (method.clone(), Some(b"{}".to_vec()));
            let mut headers = HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json".parse().unwrap())]);
            let hop = (&url("http://a.test/x"), &url("http://a.test/y"));
            rewrite(hop, StatusCode::from_u16(status).unwrap(), &mut now, &mut headers, &mut body);
            assert_eq!(now, becomes, "{status} {method}");
            assert_eq!(body.is_some(), now == method, "{status} {method}");
            assert_eq!(headers.is_empty(), body.is_none(), "{status} {method}");
        }
    }

    #[test]
    fn credentials_stay_with_the_origin() {
        let secret =
            ["authorization", "cookie", "x-api-key", "api-key", "x-auth-token", "private-token", "x-my-secret"];
        let harmless = ["accept", "content-type", "x-request-id", "idempotency-key"];
        for (to, keeps) in [
            ("http://a.test/y", true),
            ("http://a.test:80/y", true),
            ("http://a.test:81/x", false),
            ("https://a.test/x", false),
            ("http://b.test/x", false),
            ("http://a.test.evil.test/x", false),
        ] {
            let mut headers = HeaderMap::new();
            for name in secret.iter().chain(&harmless) {
                headers.insert(HeaderName::from_static(name), "1".parse().unwrap());
            }
            let hop = (&url("http://a.test/x"), &url(to));
            rewrite(hop, StatusCode::FOUND, &mut Method::GET.clone(), &mut headers, &mut None);
            for name in secret {
                assert_eq!(headers.contains_key(name), keeps, "{name} to {to}");
            }
            for name in harmless {
                assert!(headers.contains_key(name), "{name} to {to}");
            }
        }
    }

    #[test]
    fn only_a_redirect_with_a_location_has_a_target() {
        let from = url("http://a.test/x/y?q=1");
        let target = |status: u16, location: Option<&[u8]>| {
            let mut headers = HeaderMap::new();
            if let Some(location) = location {
                headers.insert(header::LOCATION, header::HeaderValue::from_bytes(location).unwrap());
            }
            super::target(&from, StatusCode::from_u16(status).unwrap(), &headers)
        };
        assert_eq!(target(302, Some(b"z")).unwrap(), Some(url("http://a.test/x/z")));
        assert_eq!(target(308, Some(b"//b.test")).unwrap(), Some(url("http://b.test/")));
        assert_eq!(target(302, None).unwrap(), None);
        for status in [200, 201, 300, 304, 404] {
            assert_eq!(target(status, Some(b"z")).unwrap(), None);
        }
        assert_eq!(target(302, Some(b"http://[")).unwrap_err().code(), "invalid_url");
        assert_eq!(target(302, Some(b"\xff")).unwrap_err().code(), "invalid_url");
    }
}
