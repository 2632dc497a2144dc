//! Whether a place can keep artifacts, and if not, what is wrong with it: for `doctor`, which only looks, and for the start of
//! a server, which writes an object and removes it.

use std::{path::Path as File, time::Duration};

use futures_util::StreamExt;
use object_store::{Error, ObjectStoreExt, PutPayload, path::Path};

use super::{Artifacts, Place};
use crate::config::{ArtifactsConfig, ArtifactsPlace};

/// How long a place may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a foreign text in a message may be.
const MAX_TOLD_CHARS: usize = 300;

/// What a look at a place has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    Good(String),
    /// There is none.
    Nowhere,
    /// It can't be reached at the moment; later it may.
    Away(String),
    /// It is there, and of no use as it is set up: what is wrong, and what to do about it.
    Wrong(String, &'static str),
}

const FOLDER_ADVICE: &str = "let this user write the folder, or name another one with --artifacts";
const BUCKET_ADVICE: &str =
    "make the bucket, or name another one with --artifacts; check --s3-endpoint and --s3-region";
const KEY_ADVICE: &str = "check --s3-access-key-id and --s3-secret-access-key, and the clock of this machine";
const RIGHT_ADVICE: &str =
    "let these credentials get, put and delete objects under the prefix, and make multipart uploads";
const REGION_ADVICE: &str = "set --s3-region to the region of the bucket";

impl Artifacts {
    /// Looks at the place that the settings name; changes nothing.
    pub async fn look(config: &ArtifactsConfig) -> Found {
        match &config.place {
            None => Found::Nowhere,
            Some(ArtifactsPlace::Folder(folder)) => look_at_folder(folder),
            Some(ArtifactsPlace::S3(_)) => match Self::open(config) {
                Err(error) => Found::Wrong(error.to_string(), "correct the settings that begin with --s3"),
                Ok(artifacts) => artifacts.try_out(Place::read).await,
            },
        }
    }

    /// Writes an object and removes it.
    pub async fn probe(&self) -> Found {
        self.try_out(Place::write_and_remove).await
    }

    async fn try_out(&self, attempt: impl AsyncFnOnce(&Place) -> Result<(), Error>) -> Found {
        let Some(place) = &self.0.place else { return Found::Nowhere };
        match tokio::time::timeout(PATIENCE, attempt(place)).await {
            Err(_) => Found::Away(format!("{} does not answer within {} s", place.name, PATIENCE.as_secs())),
            Ok(Ok(())) => Found::Good(format!("{} is there", place.name)),
            Ok(Err(error)) => place.diagnose(&error),
        }
    }
}

impl Place {
    fn probe_key(&self) -> Path {
        self.prefix.clone().join("probe")
    }

    /// Asks what is there. Credentials that may read and write need not be those that may list, and these are known at least.
    async fn read(&self) -> Result<(), Error> {
        match self.store.list(Some(&self.prefix)).next().await {
            Some(Err(error)) if code(&error).as_deref() != Some("AccessDenied") => Err(error),
            _ => Ok(()),
        }
    }

    async fn write_and_remove(&self) -> Result<(), Error> {
        let key = self.probe_key();
        self.store.put(&key, PutPayload::from_static(b"probe")).await?;
        match self.store.delete(&key).await {
            // Another server that starts has removed it.
            Err(Error::NotFound { .. }) => Ok(()),
            removed => removed,
        }
    }

    /// What an error says about the place.
    fn diagnose(&self, error: &Error) -> Found {
        let (name, told) = (&self.name, told(error));
        if self.folder.is_some() {
            return Found::Wrong(format!("{name} can't be written: {told}"), FOLDER_ADVICE);
        }
        match code(error).as_deref() {
            Some("NoSuchBucket") => Found::Wrong(format!("{name}: there is no such bucket"), BUCKET_ADVICE),
            Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken" | "AuthFailure") => {
                Found::Wrong(format!("{name}: the credentials are refused: {told}"), KEY_ADVICE)
            }
            Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException") => {
                Found::Wrong(format!("{name}: the bucket is in another region: {told}"), REGION_ADVICE)
            }
            _ => match error {
                Error::PermissionDenied { .. } => {
                    Found::Wrong(format!("{name}: the credentials do not suffice: {told}"), RIGHT_ADVICE)
                }
                Error::Unauthenticated { .. } => {
                    Found::Wrong(format!("{name}: the credentials are refused: {told}"), KEY_ADVICE)
                }
                Error::NotFound { .. } => {
                    Found::Wrong(format!("{name}: the server does not know it: {told}"), BUCKET_ADVICE)
                }
                _ => Found::Away(format!("{name}: {told}")),
            },
        }
    }
}

/// The folder itself, or the one that it would be made in.
fn look_at_folder(folder: &File) -> Found {
    let name = folder.display();
    if folder.exists() && !folder.is_dir() {
        return Found::Wrong(format!("{name} is no folder"), "name a folder with --artifacts");
    }
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let existing = absolute.ancestors().find(|folder| folder.exists()).unwrap_or(File::new("/"));
    if let Err(error) = rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        return Found::Wrong(format!("{} can't be written: {error}", existing.display()), FOLDER_ADVICE);
    }
    let how = if existing == absolute { "there" } else { "not there yet; the server makes it" };
    Found::Good(format!("{name} is {how}"))
}

/// Whether it is the bucket that was not found, and not the object.
pub(super) fn is_of_bucket(error: &Error) -> bool {
    code(error).as_deref() == Some("NoSuchBucket")
}

/// The code of a server's error document.
fn code(error: &Error) -> Option<String> {
    element(&chain(error), "Code")
}

/// An error for people: what the server's error document says, else the chain of causes. Never a request, which is signed, nor
/// a whole document, which may name keys.
pub(super) fn told(error: &Error) -> String {
    let chain = chain(error);
    let text = match (element(&chain, "Code"), element(&chain, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code,
        // A document of another kind is not quoted.
        (None, _) => chain.split('<').next().unwrap_or_default().trim_end_matches([' ', ':']).to_owned(),
    };
    match text.char_indices().nth(MAX_TOLD_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The text of the first XML element of this name.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = after.split_once('<')?;
    Some(inside.trim().to_owned())
}

/// An error with its causes, as far as they say anything new.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> Error {
        Error::Generic { store: "S3", source: format!("status 403: {body}").into() }
    }

    #[test]
    fn a_server_s_error_is_told_without_its_document() {
        let body = "<?xml?><Error><Code>InvalidAccessKeyId</Code><Message>No such key.</Message>\
                    <AWSAccessKeyId>AKIA-of-somebody</AWSAccessKeyId></Error>";
        let error = refused(body);
        assert_eq!(told(&error), "InvalidAccessKeyId: No such key.");
        assert_eq!(code(&error).as_deref(), Some("InvalidAccessKeyId"));
        let page = refused("<html>AKIA-of-somebody</html>");
        assert_eq!(told(&page), "Generic S3 error: status 403");
        assert!(told(&refused(&"x".repeat(1_000))).chars().count() <= MAX_TOLD_CHARS + 1);
    }

    #[test]
    fn a_missing_bucket_is_no_missing_object() {
        let not_found = |code: &str| Error::NotFound {
            path: "a/b".to_owned(),
            source: format!("<Error><Code>{code}</Code></Error>").into(),
        };
        assert!(is_of_bucket(&not_found("NoSuchBucket")));
        assert!(!is_of_bucket(&not_found("NoSuchKey")));
    }
}
