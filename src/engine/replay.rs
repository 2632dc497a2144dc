//! Replay and retry: a new execution that takes over what it may from an old one.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    domain::{
        definition::Problem,
        execution::{Execution, ExecutionOrigin, Presets, TriggeredBy},
        failure::{Failure, FailureCode},
        ids::{ExecutionId, WorkspaceId},
        trace::Trace,
        workflow::WorkflowState,
    },
    nodes::CompiledWorkflow,
    store::StoreError,
};

use super::{
    CancelRequest, Engine, EngineError, Trigger,
    driver::Folded,
    machine::{
        json_size,
        replay::{self, Choices, NodeChoice, OldDecisions, Place, PlanProblem, PlannedNode, ReplayRequest},
        state::Run,
    },
    trigger::ReplyFor,
};

/// The most bytes of results that a replay takes over: they are kept with the new execution.
const MAX_PRESETS_BYTES: usize = 32 << 20;

/// A wish for a replay.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    /// The node from which on everything runs again, or its address inside loops and children; none is the beginning.
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
    /// The trace that it is asked for in.
    pub trace: Option<Trace>,
    /// Who asks.
    pub by: String,
}

/// What a child takes over from the one that it replays.
pub(super) struct ChildReplay {
    /// Which.
    pub of: ExecutionId,
    /// The place where it begins.
    pub from: String,
    /// The results.
    pub presets: Presets,
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
        let place = request.from_node_id.as_deref().map(|place| Place::parse(&workflow, place));
        let from = place.transpose().unwrap_or_else(|message| {
            problems.push(problem("/fromNodeId", message, request.from_node_id.as_deref()));
            None
        });
        let mut choices = Choices::new();
        for (id, choice) in &request.nodes {
            let path = format!("/nodes/{}", id.replace('~', "~0").replace('/', "~1"));
            match workflow.graph.index_of(id).map(|node| (node, &workflow.graph.nodes[node])) {
                Some((node, of)) if of.parent.is_none() && !of.aside => _ = choices.insert(node, choice.clone()),
                Some((_, of)) => {
                    let why =
                        if of.aside { "is no step of the flow" } else { "is in the body of a loop; choose the loop" };
                    problems.push(problem(&path, format!("`{id}` {why}"), Some(id)));
                }
                None => problems.push(problem(&path, format!("version {version} has no node `{id}`"), Some(id))),
            }
        }
        if !problems.is_empty() {
            return Err(EngineError::Plan(problems));
        }
        if request.input.is_some() && from.is_some() {
            let message = "a new input needs a replay from the beginning".to_owned();
            return Err(EngineError::Plan(vec![problem("/input", message, None)]));
        }
        let wanted = ReplayRequest { from, choices, decisions: request.decisions };
        let (old, state) = (&original.machine.workflow, &original.machine.state);
        let mut plan = replay::plan(&workflow, old, state, &wanted).map_err(|problems| {
            let named = |p: PlanProblem| problem(&format!("/nodes/{}", p.node_id), p.message, Some(&p.node_id));
            EngineError::Plan(problems.into_iter().map(named).collect())
        })?;
        if let Some(place) = &wanted.from {
            let told =
                |message| EngineError::Plan(vec![problem("/fromNodeId", message, request.from_node_id.as_deref())]);
            let at = place.address(&workflow);
            if state.run(&at).is_none_or(|run| run.status.is_none()) && place.way.len() > 1 {
                return Err(told(format!("`{at}` did not run in the original")));
            }
            if let Some(inside) = &place.in_child {
                plan.extend(self.plan_child(&original, &at, inside).await?.map_err(told)?);
            }
        }
        if request.dry_run {
            return Ok(Replayed::Plan { workflow_version: version, nodes: plan });
        }
        let presets = replay::presets(&workflow, old, &plan, state, &wanted);
        let size: usize = presets.values().filter_map(|preset| preset.output.as_ref()).map(json_size).sum();
        if size > MAX_PRESETS_BYTES {
            let message = format!(
                "the results that would be taken over have {size} bytes; at most {MAX_PRESETS_BYTES} are possible. Begin earlier"
            );
            return Err(EngineError::Plan(vec![problem("/fromNodeId", message, None)]));
        }
        let trigger = Trigger {
            version: Some(version),
            triggered_by: TriggeredBy::Replay,
            input: request.input.unwrap_or_else(|| origin.input.clone()),
            from_node_id: request.from_node_id,
            presets,
            mocks: request.mocks.unwrap_or(origin.mocks),
            idempotency_key: request.idempotency_key,
            trace: request.trace,
            created_by: request.by,
            ..again(origin)
        };
        Ok(Replayed::Execution(Box::new(self.trigger(trigger, reply).await?)))
    }

    /// The plan of the child that a run of an execution started, for a replay that begins inside it; otherwise why there is none.
    async fn plan_child(
        &self,
        parent: &Folded,
        at: &str,
        inside: &str,
    ) -> Result<Result<Vec<PlannedNode>, String>, EngineError> {
        let workspace = parent.origin.workspace_id;
        let Some(child) = parent.machine.state.run(at).and_then(child_of) else {
            return Ok(Err(format!("`{at}` has no child execution that it waited for")));
        };
        let child = match self.load(workspace, child).await {
            Ok(child) => child,
            Err(EngineError::Store(StoreError::NotFound(_))) => {
                return Ok(Err(format!("the child execution of `{at}` no longer exists")));
            }
            Err(error) => return Err(error),
        };
        let workflow = Arc::clone(&child.machine.workflow);
        let place = match Place::parse(&workflow, inside) {
            Ok(place) => place,
            Err(message) => return Ok(Err(format!("in the child of `{at}`: {message}"))),
        };
        let (further, place_at) = (place.in_child.clone(), place.address(&workflow));
        let wanted = ReplayRequest { from: Some(place), ..ReplayRequest::default() };
        let Ok(mut plan) = replay::plan(&workflow, &workflow, &child.machine.state, &wanted) else {
            return Ok(Err(format!("the child of `{at}` can't be replayed")));
        };
        if let Some(further) = further {
            match Box::pin(self.plan_child(&child, &place_at, &further)).await? {
                Ok(inner) => plan.extend(inner),
                Err(message) => return Ok(Err(message)),
            }
        }
        for node in &mut plan {
            node.path = Some(format!("{at}/{}", node.path.as_ref().unwrap_or(&node.node_id)));
        }
        Ok(Ok(plan))
    }

    /// What a child takes over, where the run at `at` starts it for a replay that begins inside it: the child of the original, the
    /// place, and the results. The failure says why that can't be.
    pub(super) async fn child_of_replay(
        &self,
        parent: &ExecutionOrigin,
        parent_workflow: &CompiledWorkflow,
        at: &str,
        workflow: &CompiledWorkflow,
    ) -> Result<Result<Option<ChildReplay>, Failure>, EngineError> {
        let (Some(original), Some(from)) = (parent.replay_of, &parent.from_node_id) else { return Ok(Ok(None)) };
        let Ok(Place { in_child: Some(inside), way }) = Place::parse(parent_workflow, from) else {
            return Ok(Ok(None));
        };
        let place = Place { in_child: None, way };
        if place.address(parent_workflow) != at {
            return Ok(Ok(None));
        }
        let refused = |message: String| Ok(Err(Failure::new(FailureCode::WorkflowUnavailable, message)));
        let gone = |error: &EngineError| matches!(error, EngineError::Store(StoreError::NotFound(_)));
        let old_parent = match self.load(parent.workspace_id, original).await {
            Err(error) if gone(&error) => return refused(format!("execution {original} no longer exists")),
            other => other?,
        };
        let Some(child) = old_parent.machine.state.run(at).and_then(child_of) else {
            return refused(format!("`{at}` of execution {original} has no child to replay"));
        };
        let old = match self.load(parent.workspace_id, child).await {
            Err(error) if gone(&error) => return refused(format!("execution {child} no longer exists")),
            other => other?,
        };
        let place = match Place::parse(workflow, &inside) {
            Ok(place) => place,
            Err(message) => return refused(message),
        };
        let wanted = ReplayRequest { from: Some(place), ..ReplayRequest::default() };
        let (old_workflow, state) = (&old.machine.workflow, &old.machine.state);
        let Ok(plan) = replay::plan(workflow, old_workflow, state, &wanted) else {
            return refused(format!("execution {child} can't be replayed from `{inside}`"));
        };
        let presets = replay::presets(workflow, old_workflow, &plan, state, &wanted);
        Ok(Ok(Some(ChildReplay { of: child, from: inside, presets })))
    }

    /// Runs an execution again from the beginning with the same input and version; one that has not ended is cancelled first.
    pub async fn retry(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        by: String,
        trace: Option<Trace>,
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
        let trigger = Trigger {
            triggered_by: TriggeredBy::Retry,
            created_by: by,
            trace,
            idempotency_key,
            ..again(&original.origin)
        };
        self.trigger(trigger, reply).await
    }
}

/// The child execution that a run waited for.
fn child_of(run: &Run) -> Option<ExecutionId> {
    let failed_by = || run.error.as_ref()?.details.as_ref()?.get("executionId")?.as_str()?.parse().ok();
    run.child.or(run.stopped.child).or_else(failed_by)
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
        trace: None,
        created_by: origin.created_by.clone(),
        slot: None,
    }
}
