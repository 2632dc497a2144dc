//! Schedules, as people make and change them.

use crate::{
    domain::{
        ids::{ScheduleId, WorkspaceId},
        schedule::{Schedule, Slot},
    },
    store::{
        StoreError,
        catalogue::SCHEDULE_CHANGED,
        schedules::{SeenSchedule, Settlement},
    },
};

use super::{
    super::{
        backend::{Backend, cells},
        schedules::{schedule_row, settle},
    },
    change_one, exists, write_row,
};

const CREATE: &str = "INSERT INTO schedules (workspace_id, id, pod_id, workflow_id, name, cron_expression, timezone,
         input, enabled, overlap, catch_up, jitter_seconds, start_at, end_at, created_by, created_at, updated_at,
         settled_until, due_at, waiting_slot, last_run_at, last_error)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)";
const UPDATE: &str =
    "UPDATE schedules SET pod_id = $3, workflow_id = $4, name = $5, cron_expression = $6, timezone = $7,
         input = $8, enabled = $9, overlap = $10, catch_up = $11, jitter_seconds = $12, start_at = $13, end_at = $14,
         created_by = $15, created_at = $16, updated_at = $17, settled_until = $18, due_at = $19, waiting_slot = $20,
         last_run_at = $21, last_error = $22
     WHERE workspace_id = $1 AND id = $2";
const EXISTS: &str = "SELECT 1 FROM schedules WHERE workspace_id = $1 AND id = $2";
/// The ledger goes with it by foreign key.
const DELETE: &str = "DELETE FROM schedules WHERE workspace_id = $1 AND id = $2";

pub(super) async fn create_schedule<B: Backend>(
    connection: &mut B::Connection,
    schedule: &Schedule,
) -> Result<(), StoreError> {
    write_row::<B>(connection, "schedule", "workflow", CREATE, schedule_row(schedule)).await.map(drop)
}

pub(super) async fn update_schedule<B: Backend>(
    connection: &mut B::Connection,
    schedule: &Schedule,
    seen: &SeenSchedule,
    dropped: &[Slot],
) -> Result<(), StoreError> {
    let settlement = Settlement {
        workspace_id: schedule.workspace_id,
        schedule_id: schedule.id,
        seen: *seen,
        slots: dropped.to_vec(),
        then: schedule.progress.clone(),
    };
    if settle::<B>(connection, &settlement).await? {
        return write_row::<B>(connection, "schedule", "workflow", UPDATE, schedule_row(schedule)).await.map(drop);
    }
    let there = exists::<B>(connection, EXISTS, cells![schedule.workspace_id, schedule.id]).await?;
    Err(if there { StoreError::Refused(SCHEDULE_CHANGED) } else { StoreError::NotFound("schedule") })
}

pub(super) async fn delete_schedule<B: Backend>(
    connection: &mut B::Connection,
    workspace: WorkspaceId,
    id: ScheduleId,
) -> Result<(), StoreError> {
    change_one::<B>(connection, "schedule", DELETE, cells![workspace, id]).await
}
