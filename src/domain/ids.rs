//! Ids: one newtype per thing, so that a pod's id can't be passed for a workflow's. All are UUIDs of version 7.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

ids! {
    /// The tenant: every row carries it, every query names it.
    WorkspaceId,
    /// A folder of workflows and their executions inside a workspace.
    PodId,
    /// A workflow; its definitions are its numbered versions.
    WorkflowId,
    /// One run of a workflow's graph.
    ExecutionId,
    /// One question that waits for an answer.
    SuspensionId,
    /// An API key (its public row, not its secret).
    ApiKeyId,
    /// An invitation to a workspace.
    InviteId,
    /// A schedule.
    ScheduleId,
    /// An event from outside.
    EventId,
    /// A thing that executions are about.
    SubjectId,
    /// A bulk job.
    BulkJobId,
    /// A webhook; it is its public address.
    WebhookId,
    /// One delivery to a webhook.
    DeliveryId,
    /// A message that something waits for an answer.
    NotificationId,
    /// A link by which somebody answers.
    LinkId,
    /// Work that a worker takes over.
    TaskId,
    /// A file that a worker has left.
    ArtifactId,
    /// One boot of one server process.
    InstanceId,
}
