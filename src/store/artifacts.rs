//! What is kept of artifacts beside their bytes, and which objects are to be removed.
//!
//! An object never is without a row that speaks of it. Before the first byte of an upload there is a row that has the object
//! removed later; the commit that makes an artifact of it takes that row away. What deletes an artifact's row writes such a row
//! in the same transaction. So a crash at any point leaves nothing behind that nobody knows of.

use async_trait::async_trait;

use super::{Page, StoreError};
use crate::{
    clock::Instant,
    domain::{
        artifact::{Artifact, ObjectOf},
        ids::{ArtifactId, ExecutionId, TaskId, WorkspaceId},
    },
};

/// The methods of the store about artifacts. They come to be in commits ([`super::commit::Commit::artifacts`]), and go with
/// their execution.
#[async_trait]
pub trait Artifacts {
    /// Writes down that an object is about to be uploaded: from `remove_at` on it is removed, and no commit can make an
    /// artifact of it any more.
    async fn begin_upload(&self, object: ObjectOf, remove_at: Instant) -> Result<(), StoreError>;

    /// Has the object of an upload removed at once. Nothing happens to one that a commit has made an artifact of: so this may be
    /// called when it is not known whether a commit was written.
    async fn give_up_upload(&self, object: ObjectOf) -> Result<(), StoreError>;

    /// An artifact.
    async fn artifact(&self, workspace: WorkspaceId, id: ArtifactId) -> Result<Artifact, StoreError>;

    /// A page of an execution's artifacts, oldest first.
    async fn artifacts(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Artifact>, StoreError>;

    /// The first artifact of a task with this name and these bytes.
    async fn artifact_of_task(
        &self,
        workspace: WorkspaceId,
        execution: ExecutionId,
        task: TaskId,
        name: &str,
        sha256: &str,
    ) -> Result<Option<Artifact>, StoreError>;

    /// Takes up to `limit` objects that are to be removed at `now`, each for `lease_ms`: whoever asks after that gets it again.
    async fn claim_removals(&self, now: Instant, lease_ms: i64, limit: i64) -> Result<Vec<ObjectOf>, StoreError>;

    /// Forgets objects that are removed.
    async fn forget_removals(&self, removed: &[ObjectOf]) -> Result<(), StoreError>;
}
