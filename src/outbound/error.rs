//! What can go wrong with an outbound request, in words for whoever wrote the URL.

use std::{error::Error, io, net::IpAddr, time::Duration};

/// Why a request got no usable reply. Messages name hosts and addresses, never a whole URL: it may hold a secret.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The text is no absolute URL.
    #[error("the URL is not valid: {reason}")]
    InvalidUrl {
        /// What the parser says.
        reason: String,
    },
    /// Neither http nor https.
    #[error("the URL's scheme is `{scheme}`, only http and https can be called")]
    Scheme {
        /// The scheme of the URL or of the redirect.
        scheme: String,
    },
    /// No HTTP method, or one that makes no request to the URL.
    #[error("`{method}` is not a method that can be sent")]
    InvalidMethod {
        /// As given.
        method: String,
    },
    /// A request header that cannot be sent.
    #[error("the header `{name}` cannot be sent: {reason}")]
    InvalidHeader {
        /// As given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The host is, or its name resolves to, an address that may not be reached.
    #[error("`{host}` is at {address}, which may not be called ({reason}); the operator can allow its network")]
    Refused {
        /// The host in the URL or in the redirect.
        host: String,
        /// The address that is blocked.
        address: IpAddr,
        /// The kind of address.
        reason: &'static str,
    },
    /// The workspace has named the hosts that may be called, and this is none of them.
    #[error("`{host}` is none of the hosts that the workspace may call; its setting `outboundHosts` names them")]
    HostRefused {
        /// The host in the URL or in the redirect.
        host: String,
    },
    /// The name has no address, or the lookup failed.
    #[error("`{host}` could not be resolved: {reason}")]
    Dns {
        /// The name.
        host: String,
        /// What the resolver says.
        reason: String,
    },
    /// No connection, in time or at all.
    #[error("no connection to `{host}`: {reason}")]
    Connect {
        /// The host.
        host: String,
        /// What the network says.
        reason: String,
    },
    /// A connection, but no secure one: wrong certificate, or no TLS on that port.
    #[error("no secure connection to `{host}`: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// What the TLS library says.
        reason: String,
    },
    /// No complete reply in the time of the whole request, redirects included.
    #[error("no complete reply within {} ms", limit.as_millis())]
    Timeout {
        /// The time allowed.
        limit: Duration,
    },
    /// The body is longer than allowed.
    #[error("the reply's body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The size allowed.
        limit: usize,
    },
    /// The headers are longer than allowed.
    #[error("the reply's headers are larger than {limit} bytes")]
    HeadersTooLarge {
        /// The size allowed.
        limit: usize,
    },
    /// More redirects than allowed.
    #[error("more than {limit} redirects")]
    TooManyRedirects {
        /// The number allowed.
        limit: usize,
    },
    /// The connection broke, or what came back is no HTTP.
    #[error("the exchange with `{host}` failed: {reason}")]
    Protocol {
        /// The host.
        host: String,
        /// What the HTTP library says.
        reason: String,
    },
}

impl OutboundError {
    /// A stable name of the kind of failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidUrl { .. } => "invalid_url",
            Self::Scheme { .. } => "unsupported_scheme",
            Self::InvalidMethod { .. } => "invalid_method",
            Self::InvalidHeader { .. } => "invalid_header",
            Self::Refused { .. } => "address_refused",
            Self::HostRefused { .. } => "host_refused",
            Self::Dns { .. } => "dns_failed",
            Self::Connect { .. } => "connect_failed",
            Self::Tls { .. } => "tls_failed",
            Self::Timeout { .. } => "timeout",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::HeadersTooLarge { .. } => "headers_too_large",
            Self::TooManyRedirects { .. } => "too_many_redirects",
            Self::Protocol { .. } => "protocol_error",
        }
    }

    /// Whether the same request may work later. It says nothing about whether the other side has acted on it already.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Dns { .. } | Self::Connect { .. } | Self::Timeout { .. } | Self::Protocol { .. })
    }

    /// What the guard of names has said, where that is behind the error of a client that uses the guarded connections by itself.
    pub fn of_guard(host: &str, error: &(dyn Error + 'static)) -> Option<Self> {
        let mut behind = Some(error);
        while let Some(error) = behind {
            let host = host.to_owned();
            match error.downcast_ref() {
                Some(Resolution::Refused { address, reason }) => {
                    return Some(Self::Refused { host, address: *address, reason });
                }
                Some(Resolution::Failed { reason }) => return Some(Self::Dns { host, reason: reason.clone() }),
                None => behind = cause(error),
            }
        }
        None
    }

    /// From the library's error about a request to `host`.
    pub(super) fn classify(host: &str, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let host = host.to_owned();
        let mut tls = false;
        let mut innermost: &(dyn Error + 'static) = &error;
        while let Some(cause) = cause(innermost) {
            innermost = cause;
            match innermost.downcast_ref() {
                Some(Resolution::Refused { address, reason }) => {
                    return Self::Refused { host, address: *address, reason };
                }
                Some(Resolution::Failed { reason }) => return Self::Dns { host, reason: reason.clone() },
                None => {}
            }
            // The TLS library reports every broken handshake as invalid data in the stream.
            tls |= innermost.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::InvalidData);
        }
        // The outer layers only say that a request was being sent.
        let reason = innermost.to_string();
        match error {
            error if error.is_connect() && tls => Self::Tls { host, reason },
            error if error.is_connect() => Self::Connect { host, reason },
            _ => Self::Protocol { host, reason },
        }
    }
}

/// The next error inside `error`. An I/O error's `source` skips the error that it wraps.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// What the resolver reports through the library's opaque errors.
#[derive(Debug, thiserror::Error)]
pub(super) enum Resolution {
    #[error("{address} may not be called ({reason})")]
    Refused { address: IpAddr, reason: &'static str },
    #[error("{reason}")]
    Failed { reason: String },
}
