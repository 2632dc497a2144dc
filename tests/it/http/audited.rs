//! What the audit log tells of: every operation that changes something is in one of two lists, and what the first one says is there after
//! each operation was called.

use serde_json::Value;

use crate::support::{app::Client, contract::Contract};

/// What an operation writes into the audit log.
const AUDITED: &[(&str, &[&str])] = &[
    ("workspace.created", &["create_workspace"]),
    ("workspace.updated", &["update_workspace"]),
    ("member.set", &["update_member"]),
    ("member.removed", &["delete_member"]),
    ("group.set", &["put_group"]),
    ("group.deleted", &["delete_group"]),
    ("invite.created", &["create_invite"]),
    ("invite.withdrawn", &["delete_invite"]),
    ("invite.accepted", &["accept_invite"]),
    ("api_key.created", &["create_api_key"]),
    ("api_key.revoked", &["delete_api_key"]),
    ("secret.set", &["put_secret"]),
    ("secret.deleted", &["delete_secret"]),
    ("pod.created", &["create_pod"]),
    ("pod.updated", &["update_pod"]),
    ("pod.deleted", &["delete_pod"]),
    (
        "workflow.created",
        &[
            "create_workflow",
            "duplicate_workflow",
            "create_kinetic_workflow",
            "create_kodexa_assistant",
            "create_kodexa_project_assistant",
        ],
    ),
    (
        "workflow.updated",
        &[
            "update_workflow",
            "deploy_workflow",
            "undeploy_workflow",
            "star_workflow",
            "trash_workflow",
            "restore_workflow",
            "restore_workflow_version",
            "update_kinetic_workflow",
            "update_kodexa_assistant",
            "update_kodexa_project_assistant",
            "activate_kodexa_assistant",
            "activate_kodexa_project_assistant",
            "deactivate_kodexa_assistant",
            "deactivate_kodexa_project_assistant",
        ],
    ),
    (
        "workflow.deleted",
        &["delete_workflow", "delete_kinetic_workflow", "delete_kodexa_assistant", "delete_kodexa_project_assistant"],
    ),
    ("schedule.created", &["create_schedule"]),
    (
        "schedule.updated",
        &["update_schedule", "toggle_schedule", "schedule_kodexa_assistant", "schedule_kodexa_project_assistant"],
    ),
    ("schedule.deleted", &["delete_schedule"]),
    ("webhook.created", &["create_webhook"]),
    ("webhook.updated", &["update_webhook"]),
    ("webhook.secret_rotated", &["rotate_webhook_secret"]),
    ("webhook.deleted", &["delete_webhook"]),
    ("subject.created", &["create_subject", "create_kodexa_document_family"]),
    (
        "subject.updated",
        &[
            "update_subject",
            "update_kodexa_document_family",
            "set_kodexa_external_data",
            "lock_kodexa_document_family",
            "unlock_kodexa_document_family",
            "set_kodexa_document_family_status",
            "add_kodexa_label",
            "remove_kodexa_label",
        ],
    ),
    ("subject.deleted", &["delete_subject", "delete_kodexa_document_family"]),
    ("collection.deleted", &["delete_collection"]),
    ("bulk_job.created", &["cancel_executions", "replay_executions", "retry_executions"]),
    ("bulk_job.cancelled", &["cancel_bulk_job"]),
    ("execution.cancelled", &["cancel_execution", "cancel_kodexa_execution", "update_kodexa_execution"]),
    ("execution.deleted", &["delete_kodexa_execution", "remove_execution"]),
    (
        "suspension.answered",
        &["answer_suspension", "approve_execution", "respond_to_execution", "send_response_page", "receive_callback"],
    ),
    ("suspension.claimed", &["claim_suspension"]),
    ("suspension.released", &["release_suspension"]),
    ("suspension.reassigned", &["reassign_suspension"]),
];

/// What is not in the audit log, and where it is seen instead.
const ELSEWHERE: &[(&str, &[&str])] = &[
    ("the log goes with the workspace", &["delete_workspace"]),
    (
        "an execution has its own log, which says who began it",
        &[
            "create_execution",
            "replay_execution",
            "retry_execution",
            "publish_event",
            "run_schedule",
            "redeliver_webhook_delivery",
            "trigger_webhook",
            "reprocess_subject",
            "reprocess_subjects",
            "create_kodexa_execution",
            "send_kodexa_event",
            "send_kodexa_project_event",
            "reprocess_kodexa_document_family",
            "reprocess_kodexa_document_family_by",
            "reprocess_kodexa_store",
            "reprocess_kodexa_store_family",
            "execute_kinetic_workflow",
            "run_kinetic_workflow",
            "retry_kinetic_execution",
        ],
    ),
    (
        "what becomes of a task is in the log of its execution",
        &[
            "lease_tasks",
            "heartbeat_task",
            "complete_task",
            "fail_task",
            "release_task",
            "send_results",
            "put_task_artifact",
            "complete_kinetic_execution",
        ],
    ),
    ("documents are data, as many as there are lines in a file", &["put_document", "delete_document"]),
    ("its attempts are listed with the notification", &["redeliver_notification"]),
    (
        "nothing is stored",
        &[
            "create_session",
            "delete_session",
            "create_stream_token",
            "create_artifact_url",
            "test_node",
            "validate_workflow",
        ],
    ),
];

#[test]
fn every_change_is_audited_or_seen_elsewhere() {
    let listed: Vec<&str> = AUDITED.iter().chain(ELSEWHERE).flat_map(|(_, operations)| *operations).copied().collect();
    for operation in Contract::get().operations() {
        let times = listed.iter().filter(|id| **id == operation.id()).count();
        assert_eq!(times, usize::from(operation.method != "GET"), "{} is listed {times} times", operation.id());
    }
    assert_eq!(listed.len(), Contract::get().operations().iter().filter(|one| one.method != "GET").count());
}

/// Checks that the log has what the operations write, after each of them was called.
pub async fn check(admin: &Client, workspace: &str) {
    let export = admin.get(&format!("{workspace}/audit/export")).await;
    let told: Vec<Value> = export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (action, operations) in AUDITED {
        assert!(told.iter().any(|record| record["action"] == *action), "none of {operations:?} has written {action}");
    }
}
