//! Chapters that show a command here and there: the commands are run against a server, and each of its requests has to succeed.

use super::{blocks::Block, page::Page};

/// The chapters, and what their reader has done before: `$KEY` and `$POD` are what the quick start makes of the server's variables.
const CHAPTERS: [&str; 9] = [
    "admission.md",
    "approvals.md",
    "artifacts.md",
    "bulk.md",
    "events.md",
    "filters.md",
    "schedules.md",
    "secrets.md",
    "subjects.md",
];

/// Whether the commands of a block are run here.
pub fn runs(block: &Block) -> bool {
    CHAPTERS.contains(&block.page.as_str())
        && ["curl", "export", "printf"].iter().any(|begin| block.text.starts_with(begin))
}

/// What chapters take as given.
const GIVEN: &str = r#"
KEY=$SLUICEGATE_API_KEY
BASE=$SLUICEGATE_URL URL=$SLUICEGATE_URL
WORKSPACE=$SLUICEGATE_WORKSPACE
POD=$BASE/v1/workspaces/$WORKSPACE/pods/$SLUICEGATE_POD
curl() { command curl --silent --show-error --fail-with-body "$@"; }
sluicegate import --deploy examples/linear.yaml examples/approval.yaml >/dev/null
WORKFLOW=$(curl "$POD/workflows" -H "x-api-key: $KEY" | grep -o '"id":"[^"]*","workspaceId":"[^"]*","podId":"[^"]*","name":"Linear' | cut -d'"' -f4)
ID=$(sluicegate trigger "Approval with parallel branches" --input '{"order":"A-1","amount":250}')
"#;

async fn run(name: &'static str, stand_ins: &[(&str, &str)]) {
    let mut page = Page::commands(name, runs, stand_ins).await;
    page.type_in(GIVEN).await;
    let id = page.variable("ID").await;
    page.caller().until(&id, |execution| execution["status"] == "suspended").await;
    let decided = "sluicegate approve $ID >/dev/null\nSUSPENSION=$(curl \"$BASE/v1/workspaces/$WORKSPACE/suspensions?executionId=$ID\" -H \"x-api-key: $KEY\" | grep -o '\"id\":\"[^\"]*\"' | head -1 | cut -d'\"' -f4)";
    page.type_in(decided).await;
    page.rest().await;
}

/// What stands for an id in commands.
const AN_ID: (&str, &str) = (r#""workflowId": "...""#, r#""workflowId": "'$WORKFLOW'""#);

#[tokio::test]
async fn the_commands_about_admission_are_run() {
    run("admission.md", &[AN_ID]).await;
}

#[tokio::test]
async fn the_commands_about_decisions_are_run() {
    run("approvals.md", &[]).await;
}

#[tokio::test]
async fn the_commands_about_artifacts_are_run() {
    run("artifacts.md", &[]).await;
}

#[tokio::test]
async fn the_commands_about_bulk_jobs_are_run() {
    // The example's node is one of the reader's own.
    run("bulk.md", &[AN_ID, (r#""fromNodeId": "charge""#, r#""fromNodeId": "total""#)]).await;
}

#[tokio::test]
async fn the_commands_about_events_are_run() {
    run("events.md", &[]).await;
}

#[tokio::test]
async fn the_commands_about_filters_are_run() {
    run("filters.md", &[]).await;
}

#[tokio::test]
async fn the_commands_about_schedules_are_run() {
    run("schedules.md", &[AN_ID]).await;
}

#[tokio::test]
async fn the_commands_about_secrets_are_run() {
    run("secrets.md", &[]).await;
}

#[tokio::test]
async fn the_commands_about_subjects_are_run() {
    run("subjects.md", &[]).await;
}
