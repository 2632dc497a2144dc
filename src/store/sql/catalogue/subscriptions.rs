//! The types of events that deployed workflows subscribe to: written with every change of a workflow, so that they are always
//! those of the deployed version.

use std::collections::BTreeSet;

use crate::{
    domain::{
        definition::Definition,
        ids::{PodId, WorkflowId, WorkspaceId},
        subscription::MAX_SUBSCRIBERS,
        workflow::{Workflow, WorkflowState},
    },
    store::StoreError,
};

use super::super::{
    SqlStore,
    backend::{Backend, Columns, cells},
    batch::{Batch, Kind, Rows},
    run,
};

const FORGET: &str = "DELETE FROM subscriptions WHERE workspace_id = $1 AND workflow_id = $2";
const DEFINITION: &str = "SELECT definition FROM workflow_versions
     WHERE workspace_id = $1 AND workflow_id = $2 AND version = $3";

static SUBSCRIBE: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("pod_id", Kind::Id),
        ("event_type", Kind::Text),
        ("workflow_id", Kind::Id),
        ("version", Kind::Int),
    ],
    "INSERT INTO subscriptions (workspace_id, pod_id, event_type, workflow_id, version)
     SELECT workspace_id, pod_id, event_type, workflow_id, version FROM batch",
);

/// The limit is one more than [`MAX_SUBSCRIBERS`].
static SUBSCRIBERS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("pod_id", Kind::Id), ("event_type", Kind::Text)],
    "SELECT DISTINCT s.workflow_id, s.version FROM batch AS b JOIN subscriptions AS s
         ON s.workspace_id = b.workspace_id AND s.pod_id = b.pod_id AND s.event_type = b.event_type
     ORDER BY s.workflow_id LIMIT 201",
);

impl<B: Backend> SqlStore<B> {
    pub(in crate::store::sql) async fn subscribers(
        &self,
        workspace: WorkspaceId,
        pod: PodId,
        patterns: &[String],
    ) -> Result<Vec<(WorkflowId, i64)>, StoreError> {
        let mut wanted = Rows::default();
        for pattern in patterns {
            wanted.push(0, cells![workspace, pod, pattern]);
        }
        let rows = self.read_batch_of(workspace, &SUBSCRIBERS, &wanted).await?;
        let found = rows.iter().map(|row| {
            let mut columns = Columns::<B>::new(row);
            Ok((columns.id()?, columns.next()?))
        });
        let mut found: Vec<(WorkflowId, i64)> = found.collect::<Result<_, StoreError>>()?;
        // SQLite may have asked in parts.
        found.sort_unstable();
        found.dedup();
        found.truncate(MAX_SUBSCRIBERS + 1);
        Ok(found)
    }
}

/// Writes down what a workflow subscribes to from now on. `latest` is the definition of its latest version, if it is at hand.
pub(super) async fn subscribe<B: Backend>(
    connection: &mut B::Connection,
    workflow: &Workflow,
    latest: Option<&Definition>,
) -> Result<(), StoreError> {
    let Workflow { workspace_id, pod_id, id, .. } = *workflow;
    B::execute(connection, FORGET, cells![workspace_id, id]).await?;
    let (WorkflowState::Deployed, Some(version)) = (workflow.state, workflow.deployed_version) else { return Ok(()) };
    let stored: Option<Definition>;
    let definition = if let Some(latest) = latest.filter(|_| version == workflow.version) {
        Some(latest)
    } else {
        let rows = B::fetch(connection, DEFINITION, cells![workspace_id, id, version]).await?;
        stored = rows.first().map(|row| Columns::<B>::new(row).json("definition")).transpose()?;
        stored.as_ref()
    };
    let subscriptions = definition.into_iter().flat_map(|definition| &definition.settings.subscriptions);
    let types: BTreeSet<&str> = subscriptions.map(|subscription| subscription.event_type.as_str()).collect();
    let mut rows = Rows::default();
    for event_type in types {
        rows.push(0, cells![workspace_id, pod_id, event_type, id, version]);
    }
    run::<B>(connection, &SUBSCRIBE, &rows).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::sqlite::plan;

    /// An event looks up its types, however many workflows there are.
    #[tokio::test]
    async fn subscribers_are_found_by_an_index() {
        let sql = SUBSCRIBERS.sqlite(3).next().expect("a statement").sql;
        let steps = plan(sql).await;
        let found =
            "SEARCH s USING COVERING INDEX subscriptions_by_type (workspace_id=? AND pod_id=? AND event_type=?)";
        assert!(steps.iter().any(|step| step == found), "{steps:?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN s")), "{steps:?}");
        let steps = plan(FORGET).await;
        assert!(steps[0].ends_with("PRIMARY KEY (workspace_id=? AND workflow_id=?)"), "{steps:?}");
    }
}
