//! The bytes of artifacts, in a folder or in a bucket. What is known of an artifact beside its bytes is in the database: not
//! every object store keeps a content type.
//!
//! Objects are written whole or not at all: a body that breaks off, or is larger than the limit, leaves nothing behind. What a
//! crash leaves behind has a row in the database (`store/artifacts.rs`), by which it is removed. A key is made of ids alone; no
//! name that a user has chosen becomes a path.

mod open;
mod probe;

use std::{fmt::Display, ops::Range, path::PathBuf, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, WriteMultipart, local::LocalFileSystem, path::Path,
};
use sha2::{Digest, Sha256};
use tokio_util::task::TaskTracker;

use crate::domain::artifact::ObjectOf;
pub use open::OpenError;
pub use probe::Found;

/// What is gathered before it is sent: the least that S3 takes as a part.
const PART_BYTES: usize = 5 << 20;
/// How many parts of one upload are on their way at once; one more is being gathered.
const PARTS_AT_ONCE: usize = 2;
/// How long a body may send nothing.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// How long the rest of a body is read that is refused.
const HEARING: Duration = Duration::from_secs(2);
/// How many objects are removed at once.
const REMOVALS_AT_ONCE: usize = 16;

/// Where the bytes of artifacts are. Cheap to clone.
#[derive(Clone)]
pub struct Artifacts(Arc<Inner>);

struct Inner {
    place: Option<Place>,
    limit: u64,
    /// How long a body may send nothing.
    patience: Duration,
    tasks: TaskTracker,
}

struct Place {
    store: Arc<dyn ObjectStore>,
    /// What all keys begin with.
    prefix: Path,
    /// The folder, if it is one.
    folder: Option<(PathBuf, Arc<LocalFileSystem>)>,
    /// What it is called in messages.
    name: String,
}

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// How many bytes.
    pub size: u64,
    /// Their SHA-256 in lower-case hex.
    pub sha256: String,
}

/// The bytes of an object, piece by piece.
pub type Content = BoxStream<'static, Result<Bytes, ArtifactError>>;

/// Why bytes were not stored, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The server keeps no artifacts.
    #[error("the server keeps no artifacts: its setting `artifacts` names no folder and no bucket")]
    NoPlace,
    /// The body is larger than the limit, in bytes.
    #[error("the artifact is larger than {0} bytes")]
    TooLarge(u64),
    /// The body ended before it was complete.
    #[error("the body broke off: {0}")]
    Broken(String),
    /// The body sent nothing for too long.
    #[error("the body sent nothing for too long")]
    Stalled,
    /// There is no such object.
    #[error("the artifact's bytes are not there")]
    Missing,
    /// The object store failed; the text says how, without credentials.
    #[error("the object store: {0}")]
    Storage(String),
    /// The code failed: a bug, whose trace is on standard error.
    #[error("the upload panicked")]
    Panicked,
}

impl From<Error> for ArtifactError {
    fn from(error: Error) -> Self {
        match error {
            Error::NotFound { .. } if !probe::is_of_bucket(&error) => Self::Missing,
            error => Self::Storage(probe::told(&error)),
        }
    }
}

impl Artifacts {
    /// The largest artifact in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Stores a body of any length up to the limit, in bounded memory, and answers when it is durable. An object of before is
    /// replaced. A caller that goes away does not leave half an upload: the work ends by itself with the body.
    pub async fn put<E: Display>(
        &self,
        object: ObjectOf,
        body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
    ) -> Result<Stored, ArtifactError> {
        let inner = Arc::clone(&self.0);
        let body = body.map_err(|error| ArtifactError::Broken(error.to_string())).boxed();
        let writing = self.0.tasks.spawn(async move {
            let place = inner.place.as_ref().ok_or(ArtifactError::NoPlace)?;
            place.write(&place.key(object), Body::new(body, &inner)).await
        });
        writing.await.map_err(|_| ArtifactError::Panicked)?
    }

    /// The bytes of an object, or a range of them, which has to be inside.
    pub async fn get(&self, object: ObjectOf, range: Option<Range<u64>>) -> Result<Content, ArtifactError> {
        let place = self.place()?;
        let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
        let found = place.store.get_opts(&place.key(object), options).await?;
        Ok(found.into_stream().map_err(ArtifactError::from).boxed())
    }

    /// Removes objects; answers those that are not there any more, and the first failure.
    pub async fn delete(&self, objects: &[ObjectOf]) -> (Vec<ObjectOf>, Option<ArtifactError>) {
        let place = match self.place() {
            Ok(place) => place,
            Err(error) => return (Vec::new(), Some(error)),
        };
        let (mut removed, mut failure) = (Vec::new(), None);
        let mut removing = futures_util::stream::iter(objects.to_vec())
            .map(|object| async move { (object, place.remove(&place.key(object)).await) })
            .buffer_unordered(REMOVALS_AT_ONCE);
        while let Some((object, outcome)) = removing.next().await {
            match outcome {
                Ok(()) => removed.push(object),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        (removed, failure)
    }

    fn place(&self) -> Result<&Place, ArtifactError> {
        self.0.place.as_ref().ok_or(ArtifactError::NoPlace)
    }
}

impl Place {
    fn key(&self, object: ObjectOf) -> Path {
        let ObjectOf { workspace_id, execution_id, artifact_id } = object;
        let parts = [workspace_id.to_string(), execution_id.to_string(), artifact_id.to_string()];
        parts.into_iter().fold(self.prefix.clone(), Path::join)
    }

    async fn write(&self, key: &Path, mut body: Body) -> Result<Stored, ArtifactError> {
        let first = body.part().await?;
        if first.len() < PART_BYTES {
            self.store.put(key, first.into()).await?;
            return Ok(body.stored());
        }
        let mut upload = WriteMultipart::new_with_chunk_size(self.store.put_multipart(key).await?, PART_BYTES);
        if let Err(error) = send(&mut upload, first, &mut body).await {
            // Parts on their way arrive first: one that the storage finishes after the abort would stay there for ever.
            // Each error takes one of them away, so this ends.
            while upload.wait_for_capacity(0).await.is_err() {}
            if let Err(error) = upload.abort().await {
                tracing::warn!(key = %key, error = %probe::told(&error), "an upload could not be taken back");
            }
            return Err(error);
        }
        upload.finish().await?;
        Ok(body.stored())
    }

    async fn remove(&self, key: &Path) -> Result<(), ArtifactError> {
        match self.store.delete(key).await.map_err(ArtifactError::from) {
            Ok(()) | Err(ArtifactError::Missing) => {}
            Err(error) => return Err(error),
        }
        let Some((folder, files)) = &self.folder else { return Ok(()) };
        let (folder, file) = (folder.clone(), files.path_to_filesystem(key)?);
        let tidied = tokio::task::spawn_blocking(move || tidy(&folder, &file)).await;
        tidied.map_err(|_| ArtifactError::Panicked)?.map_err(|error| ArtifactError::Storage(error.to_string()))
    }
}

/// Sends a body part by part.
async fn send(upload: &mut WriteMultipart, first: Bytes, body: &mut Body) -> Result<(), ArtifactError> {
    let mut part = first;
    while !part.is_empty() {
        upload.wait_for_capacity(PARTS_AT_ONCE).await?;
        upload.put(part);
        part = body.part().await?;
    }
    Ok(())
}

/// Removes what a crash has left of an upload to a file, and folders that are empty now. Uploads go to files beside it, whose
/// names end in `#1`, `#2`, and so on.
fn tidy(folder: &std::path::Path, file: &std::path::Path) -> std::io::Result<()> {
    for number in 1.. {
        let mut staged = file.as_os_str().to_owned();
        staged.push(format!("#{number}"));
        match std::fs::remove_file(&staged) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    // A folder with something in it stays.
    for parent in file.ancestors().skip(1).take_while(|parent| *parent != folder && parent.starts_with(folder)) {
        if std::fs::remove_dir(parent).is_err() {
            break;
        }
    }
    Ok(())
}

/// A body as it comes in: gathered into parts, counted and digested.
struct Body {
    pieces: BoxStream<'static, Result<Bytes, ArtifactError>>,
    /// What did not fit into the last part.
    rest: Bytes,
    size: u64,
    limit: u64,
    patience: Duration,
    digest: Sha256,
}

impl Body {
    fn new(pieces: BoxStream<'static, Result<Bytes, ArtifactError>>, inner: &Inner) -> Self {
        let Inner { limit, patience, .. } = *inner;
        Self { pieces, rest: Bytes::new(), size: 0, limit, patience, digest: Sha256::new() }
    }

    /// The next part; a shorter one is the last, and after that they are empty.
    async fn part(&mut self) -> Result<Bytes, ArtifactError> {
        let mut part = BytesMut::new();
        loop {
            let fits = self.rest.len().min(PART_BYTES - part.len());
            part.extend_from_slice(&self.rest.split_to(fits));
            if part.len() == PART_BYTES {
                return Ok(part.freeze());
            }
            match tokio::time::timeout(self.patience, self.pieces.next()).await {
                Err(_) => return Err(ArtifactError::Stalled),
                Ok(None) => return Ok(part.freeze()),
                Ok(Some(piece)) => self.rest = piece?,
            }
            self.size += self.rest.len() as u64;
            if self.size > self.limit {
                hear_out(&mut self.pieces).await;
                return Err(ArtifactError::TooLarge(self.limit));
            }
            self.digest.update(&self.rest);
        }
    }

    fn stored(self) -> Stored {
        Stored { size: self.size, sha256: hex(&self.digest.finalize()) }
    }
}

/// Reads the rest of a body that is refused, for a moment: a client that is still sending does not look for the reply.
pub async fn hear_out<E>(body: &mut (impl Stream<Item = Result<Bytes, E>> + Unpin)) {
    let rest = async { while let Some(Ok(_)) = body.next().await {} };
    _ = tokio::time::timeout(HEARING, rest).await;
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests;
