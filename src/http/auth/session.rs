//! Sessions of the dashboard: a cookie in place of a key, so that no script of a page ever holds a credential.
//!
//! A session is its own record, sealed with a key that all instances share; nothing is stored. It names the API key by its digest,
//! so it ends with the key, or the user of a token, and then it ends with the token. Browsers attach cookies by themselves;
//! that a request comes from the dashboard's own pages is therefore checked here, beside `SameSite=Strict` (which lets other ports
//! and subdomains of a site pass): by `Sec-Fetch-Site` (Fetch Metadata), else by `Origin` (RFC 6454).

use axum::http::{HeaderMap, HeaderValue, header, request::Parts, uri::Authority};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{challenge, seal::Seal};
use crate::{
    clock::{Clock, Instant},
    http::error::{Code, Problem},
};

/// The cookie.
const COOKIE: &str = "sluicegate_session";
/// How long a session lasts at most.
const LIFETIME_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Holder {
    /// The digest of an API key, base64url.
    #[serde(rename = "k")]
    Key(String),
    /// A user's id.
    #[serde(rename = "u")]
    User(String),
}

impl Holder {
    pub(super) fn of_key(digest: &[u8]) -> Self {
        Self::Key(URL_SAFE_NO_PAD.encode(digest))
    }
}

/// What a session says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Session {
    #[serde(rename = "h")]
    pub(super) holder: Holder,
    #[serde(rename = "e")]
    expires_at_ms: i64,
}

impl Session {
    /// The digest that a key's session names.
    pub(super) fn key_digest(digest: &str) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(digest).ok()
    }
}

/// Begins and reads sessions.
pub struct Sessions {
    seal: Seal,
    clock: Clock,
    public_url: Option<Url>,
}

impl Sessions {
    pub(super) fn new(key: &[u8; 32], clock: Clock, public_url: Option<&str>) -> Self {
        Self { seal: Seal::new(key, "session"), clock, public_url: public_url.and_then(|url| Url::parse(url).ok()) }
    }

    /// The cookie of a new session, and when it ends: with its credential, if that ends earlier.
    pub(super) fn begin(&self, holder: Holder, credential_ends_at: Option<Instant>) -> (HeaderValue, Instant) {
        let now = self.clock.now();
        let latest = now.plus_ms(LIFETIME_MS);
        let expires_at = credential_ends_at.map_or(latest, |end| end.min(latest));
        let text = self.seal.close(&Session { holder, expires_at_ms: expires_at.0 });
        (self.cookie(&text, expires_at.ms_since(now).max(0) / 1_000), expires_at)
    }

    /// The cookie that ends the session.
    pub fn end(&self) -> HeaderValue {
        self.cookie("", 0)
    }

    fn cookie(&self, text: &str, max_age_s: i64) -> HeaderValue {
        let secure = if self.public_url.as_ref().is_some_and(|url| url.scheme() == "https") { "; Secure" } else { "" };
        let cookie = format!("{COOKIE}={text}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
        HeaderValue::try_from(cookie).expect("a sealed text is base64url")
    }

    /// The session of a request, if it carries a cookie. One that does not count any more is refused.
    pub(super) fn of(&self, parts: &Parts) -> Result<Option<Session>, Problem> {
        let Some(text) = cookie(&parts.headers, COOKIE) else { return Ok(None) };
        let session: Option<Session> = self.seal.open(text);
        let session = session.filter(|session| self.clock.now() < Instant(session.expires_at_ms));
        let session =
            session.ok_or_else(|| challenge(Code::InvalidCredentials, "the session has ended: sign in again"))?;
        if !self.is_own_page(parts) {
            let detail =
                "a session counts for requests of the dashboard's own pages only: send an API key in `x-api-key`";
            return Err(Problem::new(Code::Forbidden, detail));
        }
        Ok(Some(session))
    }

    /// When the session of these headers ends.
    pub fn expires_at(&self, headers: &HeaderMap) -> Option<Instant> {
        self.seal.open::<Session>(cookie(headers, COOKIE)?).map(|session| Instant(session.expires_at_ms))
    }

    /// Whether a page of this server asks. What was typed into the address bar may read.
    fn is_own_page(&self, parts: &Parts) -> bool {
        let reads = parts.method.is_safe();
        let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
            (Some("same-origin"), _) => true,
            (Some("none"), _) | (None, None) => reads,
            (Some(_), _) => false,
            (None, Some(origin)) => {
                let of_host = parts.uri.authority().map(Authority::as_str).or_else(|| text("host"));
                let is_host = origin.split_once("://").is_some_and(|(_, host)| Some(host) == of_host);
                is_host || self.public_url.as_ref().is_some_and(|url| url.origin().ascii_serialization() == origin)
            }
        }
    }
}

/// The text of a cookie. An empty one is none.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, text)| (name == wanted && !text.is_empty()).then_some(text))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/v1/session");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn sessions(public_url: Option<&str>) -> Sessions {
        Sessions::new(&[3; 32], Clock::system(), public_url)
    }

    fn sent(cookie: &HeaderValue) -> String {
        cookie.to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_session_counts_until_it_ends_and_for_nobody_elses_server() {
        let sessions = sessions(None);
        let (cookie, _) = sessions.begin(Holder::User("ann".into()), None);
        let line = cookie.to_str().unwrap();
        assert!(line.contains("HttpOnly; SameSite=Strict") && !line.contains("Secure"), "{line}");
        let own = parts("GET", &[("cookie", &format!("theme=dark; {}", sent(&cookie)))]);
        assert_eq!(sessions.of(&own).unwrap().unwrap().holder, Holder::User("ann".into()));
        assert!(Sessions::new(&[4; 32], Clock::system(), None).of(&own).is_err());

        let (over, at) = sessions.begin(Holder::User("ann".into()), Some(Clock::system().now()));
        assert!(at <= Clock::system().now());
        assert!(sessions.of(&parts("GET", &[("cookie", &sent(&over))])).is_err());
        assert!(sessions.of(&parts("GET", &[("cookie", &sent(&sessions.end()))])).unwrap().is_none());
        assert!(sessions.of(&parts("GET", &[])).unwrap().is_none());
        assert!(sessions.of(&parts("GET", &[("cookie", "sluicegate_session=a.b")])).is_err());
    }

    #[test]
    fn only_own_pages_may_use_it() {
        let sessions = sessions(Some("https://flows.example"));
        let (cookie, _) = sessions.begin(Holder::of_key(&[7; 32]), None);
        assert!(cookie.to_str().unwrap().ends_with("; Secure"));
        let sent = sent(&cookie);
        for (method, headers, counts) in [
            ("POST", &[("sec-fetch-site", "same-origin")][..], true),
            ("POST", &[("sec-fetch-site", "same-site"), ("origin", "https://flows.example")], false),
            ("GET", &[("sec-fetch-site", "cross-site")], false),
            ("GET", &[("sec-fetch-site", "none")], true),
            ("POST", &[("sec-fetch-site", "none")], false),
            ("POST", &[("origin", "http://10.1.1.1:8080"), ("host", "10.1.1.1:8080")], true),
            ("POST", &[("origin", "http://10.1.1.1:3000"), ("host", "10.1.1.1:8080")], false),
            ("POST", &[("origin", "null"), ("host", "10.1.1.1:8080")], false),
            ("DELETE", &[("origin", "https://flows.example"), ("host", "internal:8080")], true),
            ("GET", &[("host", "10.1.1.1:8080")], true),
            ("PATCH", &[("host", "10.1.1.1:8080")], false),
        ] {
            let all: Vec<_> = headers.iter().copied().chain([("cookie", sent.as_str())]).collect();
            assert_eq!(sessions.of(&parts(method, &all)).is_ok(), counts, "{method} {headers:?}");
        }
    }
}
