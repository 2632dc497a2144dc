//! What can go wrong between a client and a server.

use serde::Deserialize;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("`{0}` is not the address of a server, such as http://127.0.0.1:8080")]
    Address(String),
    /// The key can't be sent.
    #[error("the API key is not one: it holds characters that no key has")]
    Key,
    /// The server was not reached, or it hung up.
    #[error("{url} can't be reached: {reason}")]
    Unreachable {
        /// What was called.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The server refused.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server answered something else than this API does.
    #[error("{url} does not answer as a Sluicegate server does: {reason}")]
    Unexpected {
        /// What was called.
        url: String,
        /// What is wrong with the reply.
        reason: String,
    },
    /// The stream breaks its contract again and again at the same place.
    #[error("the event stream can't be followed after event {after}: {reason}")]
    Stream {
        /// The last event that was received.
        after: i64,
        /// What is wrong.
        reason: String,
    },
}

impl ClientError {
    /// The status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }

    /// The stable code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused(refusal) => Some(&refusal.code),
            _ => None,
        }
    }
}

/// A refusal as the server told it: its problem document.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: String,
    /// One sentence for people.
    pub detail: String,
    /// The request's id, to be found in the server's log.
    pub request_id: String,
    /// What is wrong with single fields.
    pub errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FieldError {
    /// A JSON pointer into the body, or a parameter's name.
    pub path: String,
    /// One sentence for people.
    pub message: String,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, code, detail, request_id, errors } = self;
        write!(f, "{detail} ({status} {code}")?;
        if !request_id.is_empty() {
            write!(f, ", request {request_id}")?;
        }
        f.write_str(")")?;
        // A single error mostly is the detail itself.
        for error in errors.iter().filter(|error| errors.len() > 1 || error.message != *detail) {
            write!(f, "\n  {}: {}", error.path, error.message)?;
        }
        match status {
            401 => f.write_str("\n  name a key with --key or SLUICEGATE_API_KEY"),
            _ => Ok(()),
        }
    }
}
