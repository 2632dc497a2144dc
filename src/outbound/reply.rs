//! A reply whose body is read while it comes: streams of language models, and of servers that push.

use std::time::Duration;

use bytes::Bytes;
use chrono::DateTime;

use super::OutboundError;

/// A reply, its headers read, its body coming. Dropping it closes the connection.
#[derive(Debug)]
pub struct Reply {
    inner: reqwest::Response,
    host: String,
    idle: Duration,
    left: usize,
    limit: usize,
}

impl Reply {
    pub(super) fn new(inner: reqwest::Response, host: String, idle: Duration, limit: usize) -> Self {
        Self { inner, host, idle, left: limit, limit }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// A header's value, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The next piece of the body; none at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, OutboundError> {
        let waited = tokio::time::timeout(self.idle, self.inner.chunk()).await;
        let chunk = waited.map_err(|_| OutboundError::Timeout { limit: self.idle })?;
        let chunk = chunk.map_err(|error| OutboundError::classify(&self.host, error))?;
        if let Some(chunk) = &chunk {
            self.left = self.left.checked_sub(chunk.len()).ok_or(OutboundError::BodyTooLarge { limit: self.limit })?;
        }
        Ok(chunk)
    }

    /// The rest of the body, at most so many bytes of it.
    pub async fn rest(mut self, most: usize) -> Result<Vec<u8>, OutboundError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.next().await? {
            let room = most - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        Ok(body)
    }
}

/// The longest wait that a server's `Retry-After` is followed for.
const MAX_RETRY_AFTER_MS: i64 = 60 * 60 * 1_000;

/// How long to wait by `Retry-After` (RFC 9110, section 10.2.3): seconds, or an instant, which is told by the clock that `Date` is
/// told by.
pub fn retry_after_ms(retry_after: Option<&str>, date: Option<&str>) -> Option<i64> {
    let text = retry_after?.trim();
    let ms = if let Ok(seconds) = text.parse::<i64>() {
        seconds.saturating_mul(1_000)
    } else {
        let [until, from] = [text, date?].map(|text| DateTime::parse_from_rfc2822(text.trim()).ok());
        until?.signed_duration_since(from?).num_milliseconds()
    };
    Some(ms.clamp(0, MAX_RETRY_AFTER_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_when_to_come_again() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        for (text, date, ms) in [
            ("3", None, Some(3_000)),
            (" 0 ", date, Some(0)),
            ("-1", None, Some(0)),
            ("99999999999999", None, Some(MAX_RETRY_AFTER_MS)),
            ("Sun, 06 Nov 1994 08:49:40 GMT", date, Some(3_000)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", date, Some(0)),
            ("Sun, 06 Nov 1994 08:49:40 GMT", None, None),
            ("soon", date, None),
        ] {
            assert_eq!(retry_after_ms(Some(text), date), ms, "{text}");
        }
        assert_eq!(retry_after_ms(None, date), None);
    }
}
