//! The methods of the store that no engine of the simulator calls. Each says so when it is called, so that a new use is seen at
//! once; a trait's methods that are simulated stand beside those that are not.

use std::collections::HashMap;

use async_trait::async_trait;
use sluicegate::{
    clock::Instant,
    domain::{
        artifact::{Artifact, ObjectOf},
        bulk::{BulkItem, BulkItemState, BulkJob},
        document::{Collection, Document, FoundDocument, Search},
        ids::{ArtifactId, BulkJobId, ExecutionId, PodId, ScheduleId, SubjectId, TaskId, WorkflowId, WorkspaceId},
        schedule::{Schedule, Slot},
        secret::{Envelope, SealedSecret, Secret},
        subject::Subject,
        task::{Lease, Task, Worker},
        workflow::Pod,
    },
    store::{
        ExecutionFilter, Page, StoreError,
        artifacts::Artifacts,
        bulk::{BulkJobs, ClaimedJob},
        documents::{Append, Documents},
        retention::{EndedBy, Removable, RetainedWorkflow, Retention, RetentionPlace, RetentionRound},
        schedules::{Schedules, Settlement},
        secrets::{SealedColumn, SealedText, Secrets},
        standings::{Standing, Standings, Tally},
        subjects::{SubjectFilter, Subjects},
        tasks::{QueueStanding, Tasks},
    },
};
use uuid::Uuid;

use super::handle::Handle;

/// Implements a trait of the store: some methods are written out, the others refuse.
macro_rules! simulated {
    ($trait:ident { $($written:tt)* } refuses { $(fn $name:ident($($type:ty),* $(,)?) -> $answer:ty;)* }) => {
        #[async_trait]
        impl $trait for Handle {
            $($written)*
            $(
                async fn $name(&self, $(_: $type),*) -> Result<$answer, StoreError> {
                    Err(StoreError::Refused(concat!("`", stringify!($name), "` is not simulated")))
                }
            )*
        }
    };
}
pub(super) use simulated;

simulated! {
    Tasks {
        // No simulated workflow has tasks yet: there are none.
        async fn queued_tasks(&self, _: WorkspaceId, _: PodId, _: &[String], _: i64) -> Result<Vec<Task>, StoreError> {
            Ok(Vec::new())
        }

        async fn expired_leases(&self, _: Instant, _: i64) -> Result<Vec<Task>, StoreError> {
            Ok(Vec::new())
        }

        async fn next_lease_end(&self) -> Result<Option<Instant>, StoreError> {
            Ok(None)
        }

        async fn tasks_of(&self, _: WorkspaceId, _: ExecutionId) -> Result<Vec<Task>, StoreError> {
            Ok(Vec::new())
        }
    } refuses {
        fn extend_lease(&Lease, Instant, Instant) -> bool;
        fn task(WorkspaceId, TaskId) -> Task;
        fn task_queues(WorkspaceId, PodId) -> Vec<QueueStanding>;
        fn leased_tasks(WorkspaceId, PodId, i64) -> Vec<Task>;
        fn note_worker(WorkspaceId, PodId, &Worker) -> ();
        fn workers(WorkspaceId, PodId, Instant) -> Vec<Worker>;
    }
}

simulated! {
    Documents {
        async fn forget_documents(&self, _: Instant, _: i64) -> Result<u64, StoreError> {
            Ok(0)
        }
    } refuses {
        fn collections(WorkspaceId, i64, Option<&str>) -> Page<Collection>;
        fn document(WorkspaceId, &str, &str, Instant) -> Document;
        fn documents(WorkspaceId, &str, &str, Instant, i64, Option<&str>) -> Page<Document>;
        fn search_documents(WorkspaceId, &str, &Search, Instant, i64) -> Vec<FoundDocument>;
        fn put_document(WorkspaceId, &Document) -> (Document, bool);
        fn append_to_document(WorkspaceId, &Append) -> Document;
        fn delete_document(WorkspaceId, &str, &str, Instant) -> bool;
    }
}

simulated! {
    Retention {
        // Nobody has said that executions are removed: there never is a round.
        async fn claim_round(&self, _: Instant, _: i64) -> Result<Option<RetentionRound>, StoreError> {
            Ok(None)
        }
    } refuses {
        fn end_round(&RetentionRound, Instant, &RetentionPlace) -> ();
        fn retained_workflows((WorkspaceId, WorkflowId), i64) -> Vec<RetainedWorkflow>;
        fn removable((WorkspaceId, WorkflowId), EndedBy, Option<(Instant, ExecutionId)>, i64) -> Removable;
        fn remove_executions(WorkspaceId, &[ExecutionId], EndedBy) -> u64;
        fn clear_removed() -> bool;
    }
}

simulated! {
    Schedules {} refuses {
        fn due_schedules(Instant, i64) -> Vec<Schedule>;
        fn next_due_slot() -> Option<Instant>;
        fn ready_schedules(i64) -> Vec<Schedule>;
        fn schedules_after(Option<(WorkspaceId, ScheduleId)>, i64) -> Vec<Schedule>;
        fn settle(&Settlement) -> bool;
        fn live_executions_of(WorkspaceId, &str, i64) -> Vec<ExecutionId>;
        fn schedule(WorkspaceId, ScheduleId) -> Schedule;
        fn schedules(WorkspaceId, PodId, i64, Option<&str>) -> Page<Schedule>;
        fn slots(WorkspaceId, ScheduleId, i64, Option<&str>) -> Page<Slot>;
    }
}

simulated! {
    BulkJobs {} refuses {
        fn claim_bulk_job(Instant, i64) -> Option<ClaimedJob>;
        fn next_bulk_job() -> Option<Instant>;
        fn pending_bulk_items(WorkspaceId, BulkJobId, i64) -> Vec<BulkItem>;
        fn settle_bulk_items(&ClaimedJob, &[BulkItem], Instant, Instant) -> ();
        fn end_bulk_job(&ClaimedJob, Instant) -> ();
        fn bulk_job(WorkspaceId, BulkJobId) -> BulkJob;
        fn bulk_jobs(WorkspaceId, PodId, i64, Option<&str>) -> Page<BulkJob>;
        fn bulk_items(WorkspaceId, BulkJobId, Option<BulkItemState>, i64, Option<&str>) -> Page<BulkItem>;
        fn waiting_executions(WorkspaceId, i64) -> i64;
        fn execution_ids(WorkspaceId, &ExecutionFilter, i64) -> Vec<ExecutionId>;
    }
}

simulated! {
    Artifacts {} refuses {
        fn begin_upload(ObjectOf, Instant) -> ();
        fn give_up_upload(ObjectOf) -> ();
        fn artifact(WorkspaceId, ArtifactId) -> Artifact;
        fn artifacts(WorkspaceId, ExecutionId, i64, Option<&str>) -> Page<Artifact>;
        fn artifact_of_task(WorkspaceId, ExecutionId, TaskId, &str, &str) -> Option<Artifact>;
        fn claim_removals(Instant, i64, i64) -> Vec<ObjectOf>;
        fn forget_removals(&[ObjectOf]) -> ();
    }
}

simulated! {
    Standings {} refuses {
        fn standings(WorkspaceId, &[ExecutionId]) -> HashMap<ExecutionId, Standing>;
        fn tally(WorkspaceId, WorkflowId) -> Tally;
        fn oldest_pod(WorkspaceId) -> Option<Pod>;
    }
}

simulated! {
    Subjects {} refuses {
        fn subject(WorkspaceId, SubjectId) -> Subject;
        fn subjects(WorkspaceId, PodId, &SubjectFilter, i64, Option<&str>) -> Page<Subject>;
        fn subject_page(WorkspaceId, PodId, &SubjectFilter, i64, i64) -> (Vec<Subject>, i64);
        fn subjects_of(WorkspaceId, PodId, &[SubjectId]) -> Vec<Subject>;
        fn workflows_about(WorkspaceId, PodId, &str, i64) -> Vec<WorkflowId>;
    }
}

simulated! {
    Secrets {} refuses {
        fn secret(WorkspaceId, &str) -> SealedSecret;
        fn secrets(WorkspaceId) -> Vec<Secret>;
        fn secrets_under_others(&str, (WorkspaceId, &str), i64) -> Vec<SealedSecret>;
        fn rewrap_secret(&SealedSecret, &Envelope) -> bool;
        fn sealed_texts(SealedColumn, (WorkspaceId, Uuid), i64) -> Vec<SealedText>;
        fn replace_sealed_text(SealedColumn, &SealedText, &str) -> bool;
    }
}
