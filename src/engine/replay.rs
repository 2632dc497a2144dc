//! Replay and retry: a new execution that takes over what it may from an old one.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::{
    domain::{
        definition::Problem,
        execution::{Execution, ExecutionOrigin, Presets, TriggeredBy},
        ids::{ExecutionId, WorkspaceId},
        workflow::WorkflowState,
    },
    store::StoreError,
};

use super::{
    CancelRequest, Engine, EngineError, Trigger,
    machine::replay::{self, NodeChoice, OldDecisions, PlannedNode, ReplayRequest},
    trigger::ReplyFor,
};

/// A wish for a replay.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// The node from which on everything runs again; none is the beginning.
    pub from_node_id: Option<String>,
    /// Another input; none is the original's.
    pub input: Option<Value>,
    /// The workflow version; none is the original's.
    pub version: Option<ReplayVersion>,
    /// Choices for single nodes.
    pub nodes: BTreeMap<String, NodeChoice>,
    /// What becomes of old answers.
    pub decisions: OldDecisions,
    /// Whether nodes with a mock take that; none is as the original did.
    pub mocks: Option<bool>,
    /// Only plan.
    pub dry_run: bool,
    /// The key of the request.
    pub idempotency_key: Option<String>,
    /// Who asks.
    pub by: String,
}

/// Which version of the workflow a replay runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplayVersion {
    /// The latest.
    Latest,
    /// This one.
    Number(i64),
}

/// What a replay gave.
#[derive(Clone, Debug)]
pub enum Replayed {
    /// The plan (dry run).
    Plan {
        /// The version that would run.
        workflow_version: i64,
        /// Per node.
        nodes: Vec<PlannedNode>,
    },
    /// The new execution.
    Execution(Box<Execution>),
}

impl Engine {
    /// Replays an execution that has ended.
    pub async fn replay(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        request: Replay,
        reply: ReplyFor,
    ) -> Result<Replayed, EngineError> {
        let original = self.load(workspace, id).await?;
        if !original.machine.state.status.is_terminal() {
            return Err(EngineError::NotEnded);
        }
        let origin = &original.origin;
        let version = match request.version {
            None => origin.workflow_version,
            Some(ReplayVersion::Number(version)) => version,
            Some(ReplayVersion::Latest) => self.0.store.workflow(workspace, origin.workflow_id).await?.version,
        };
        let workflow = match self.0.workflows.compiled(workspace, origin.workflow_id, version).await {
            Err(EngineError::Store(StoreError::NotFound(_))) => {
                return Err(EngineError::Plan(vec![problem(
                    "/version",
                    format!("there is no version {version}"),
                    None,
                )]));
            }
            other => other?,
        };
        let mut problems = Vec::new();
        let mut find = |id: &String, path: String| {
            let node = workflow.graph.index_of(id);
            match node {
                Some(node) if workflow.graph.nodes[node].parent.is_none() && !workflow.graph.nodes[node].inert => {
                    Some(node)
                }
                Some(_) => {
                    let message = format!("`{id}` is in the body of a loop; replay from the loop instead");
                    problems.push(problem(&path, message, Some(id)));
                    None
                }
                None => {
                    problems.push(problem(&path, format!("version {version} has no node `{id}`"), Some(id)));
                    None
                }
            }
        };
        let from = request.from_node_id.as_ref().and_then(|id| find(id, "/fromNodeId".to_owned()));
        let choices: HashMap<_, _> = request
            .nodes
            .iter()
            .filter_map(|(id, choice)| Some((find(id, format!("/nodes/{id}"))?, choice.clone())))
            .collect();
        if !problems.is_empty() {
            return Err(EngineError::Plan(problems));
        }
        if request.input.is_some() && from.is_some() {
            let message = "a new input needs a replay from the beginning".to_owned();
            return Err(EngineError::Plan(vec![problem("/input", message, None)]));
        }
        let wanted = ReplayRequest { from, choices, decisions: request.decisions };
        let state = &original.machine.state;
        let plan = replay::plan(&workflow, &original.machine.workflow, state, &wanted).map_err(|problems| {
            let named = |p: replay::PlanProblem| problem(&format!("/nodes/{}", p.node_id), p.message, Some(&p.node_id));
            EngineError::Plan(problems.into_iter().map(named).collect())
        })?;
        if request.dry_run {
            return Ok(Replayed::Plan { workflow_version: version, nodes: plan });
        }
        let presets = replay::presets(&workflow, &plan, state, &wanted.choices);
        let trigger = Trigger {
            version: Some(version),
            triggered_by: TriggeredBy::Replay,
            input: request.input.unwrap_or_else(|| origin.input.clone()),
            from_node_id: request.from_node_id,
            presets,
            mocks: request.mocks.unwrap_or(origin.mocks),
            idempotency_key: request.idempotency_key,
            created_by: request.by,
            ..again(origin)
        };
        Ok(Replayed::Execution(Box::new(self.trigger(trigger, reply).await?)))
    }

    /// Runs an execution again from the beginning with the same input and version; one that has not ended is cancelled first.
    pub async fn retry(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        by: String,
        idempotency_key: Option<String>,
        reply: ReplyFor,
    ) -> Result<Execution, EngineError> {
        let original = self.0.store.execution(workspace, id).await?;
        // What would refuse the new execution must not cost the old one.
        if self.0.soft.is_cancelled() {
            return Err(EngineError::Stopping);
        }
        if self.0.store.workflow(workspace, original.origin.workflow_id).await?.state == WorkflowState::Trashed {
            return Err(EngineError::Trashed);
        }
        let reason = Some("retried".to_owned());
        match self.cancel(workspace, id, CancelRequest { by: Some(by.clone()), reason }).await {
            Ok(_) | Err(EngineError::Ended) => {}
            Err(error) => return Err(error),
        }
        let trigger =
            Trigger { triggered_by: TriggeredBy::Retry, created_by: by, idempotency_key, ..again(&original.origin) };
        self.trigger(trigger, reply).await
    }
}

fn problem(path: &str, message: String, node_id: Option<&str>) -> Problem {
    Problem { path: path.to_owned(), message, node_id: node_id.map(str::to_owned), edge_id: None }
}

/// The trigger of the same execution again.
fn again(origin: &ExecutionOrigin) -> Trigger {
    Trigger {
        workspace_id: origin.workspace_id,
        pod_id: origin.pod_id,
        workflow_id: origin.workflow_id,
        version: Some(origin.workflow_version),
        triggered_by: TriggeredBy::Replay,
        trigger_id: None,
        input: origin.input.clone(),
        context: origin.context.clone(),
        subject: origin.subject.clone(),
        priority: Some(origin.priority),
        dedupe_key: None,
        concurrency_key: origin.concurrency_key.clone(),
        idempotency_key: None,
        replay_of: Some(origin.id),
        from_node_id: None,
        presets: Presets::new(),
        mocks: origin.mocks,
        run_at: None,
        expires_in_ms: None,
        debounce: None,
        created_by: origin.created_by.clone(),
        slot: None,
    }
}
