//! What is read of subjects. They are written like the rest of the catalogue ([`super::catalogue::Change`]), so that the reply of
//! an idempotency key and the audit log are part of it; a label that an execution puts on its subject is part of the commit that
//! completes it ([`super::commit::Commit::label`]).

use async_trait::async_trait;

use super::{Page, StoreError};
use crate::domain::{
    ids::{PodId, SubjectId, WorkflowId, WorkspaceId},
    subject::Subject,
};

/// What `Refused` says of a subject that is not as its writer has seen it.
pub const SUBJECT_CHANGED: &str = "the subject has changed meanwhile";

/// Which subjects a list shows. `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubjectFilter {
    /// Their path begins with this.
    pub path_prefix: Option<String>,
    /// Their content lives here.
    pub store: Option<String>,
    /// They have this label.
    pub label: Option<String>,
}

/// The methods of the store about subjects.
#[async_trait]
pub trait Subjects {
    /// A subject.
    async fn subject(&self, workspace: WorkspaceId, id: SubjectId) -> Result<Subject, StoreError>;

    /// A page of a pod's subjects, newest first.
    async fn subjects(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        filter: &SubjectFilter,
        limit: i64,
        cursor: Option<&str>,
    ) -> Result<Page<Subject>, StoreError>;

    /// The same by number: up to `limit` subjects after the first `offset`, and how many there are. It reads past what it leaves
    /// out; [`Self::subjects`] is for lists that are long.
    async fn subject_page(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        filter: &SubjectFilter,
        offset: i64,
        limit: i64,
    ) -> Result<(Vec<Subject>, i64), StoreError>;

    /// Those of these subjects that are in the pod, in the order in which they are named, each once.
    async fn subjects_of(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        ids: &[SubjectId],
    ) -> Result<Vec<Subject>, StoreError>;

    /// The workflows of a pod that have executions about a subject, by id; at most `limit`.
    async fn workflows_about(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        subject: &str,
        limit: i64,
    ) -> Result<Vec<WorkflowId>, StoreError>;
}
