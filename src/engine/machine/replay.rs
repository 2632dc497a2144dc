//! Replay as a plan: per node of the top level run it again, reuse its old result, or pin a given value. Reused and pinned
//! results are part of the new execution's origin; a node takes its result when it is reached, so that the log of a replay reads
//! like any other and what runs again hands its values on as usual.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{
    domain::{
        event::NodeStatus,
        execution::{Preset, Presets},
        graph::NodeIndex,
    },
    nodes::CompiledWorkflow,
};

use super::state::{Run, State};

/// What a replay does with one node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeChoice {
    /// It runs again, and everything downstream of it.
    Run,
    /// Its old result is taken over.
    Reuse,
    /// This value is its result.
    #[schema(value_type = Value)]
    Pin(Value),
}

/// What becomes of answers that were given in the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OldDecisions {
    /// Approvals and questions that run again ask again.
    #[default]
    Ask,
    /// Their old answers are taken over.
    Reuse,
}

/// What a planned node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    /// Runs again if it is reached.
    Run,
    /// Takes over its old result.
    Reuse,
    /// Takes the given value.
    Pin,
}

/// One node of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedNode {
    /// The node.
    pub node_id: String,
    /// What it does.
    pub action: PlannedAction,
    /// What it did in the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<NodeStatus>,
    /// Why it does so.
    pub reason: String,
    /// The answer that is taken over or will be asked for again, where the node asked for one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<OldDecisions>,
}

/// Choices by node.
pub type Choices = HashMap<NodeIndex, NodeChoice>;

/// What is asked of a replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayRequest {
    /// The node from which on everything runs again; none is the beginning.
    pub from: Option<NodeIndex>,
    /// Choices for single nodes.
    pub choices: Choices,
    /// What becomes of old answers.
    pub decisions: OldDecisions,
}

/// A choice that can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanProblem {
    /// The node it is about.
    pub node_id: String,
    /// What is wrong.
    pub message: String,
}

/// Plans the replay of an execution that ended at `original` (run under `old`) on `workflow`.
pub fn plan(
    workflow: &CompiledWorkflow,
    old: &CompiledWorkflow,
    original: &State,
    request: &ReplayRequest,
) -> Result<Vec<PlannedNode>, Vec<PlanProblem>> {
    let graph = &workflow.graph;
    let mut problems = Vec::new();
    let mut rerun: HashSet<NodeIndex> = match request.from {
        Some(from) => graph.downstream(from),
        None => graph.scope(None).collect(),
    };
    for (&node, choice) in &request.choices {
        if *choice == NodeChoice::Run {
            rerun.extend(graph.downstream(node));
        }
    }
    let mut nodes = Vec::new();
    for node in graph.scope(None) {
        let id = &graph.nodes[node].id;
        let run = old.graph.index_of(id).and_then(|_| original.run(id)).filter(|run| run.scope.is_empty());
        let was = run.and_then(|run| run.status);
        let reusable = run.is_some_and(|run| match run.status {
            Some(NodeStatus::Completed | NodeStatus::Skipped) => true,
            Some(NodeStatus::Failed) => run.port.is_some(),
            _ => false,
        });
        let asks = matches!(workflow.node(node).kind, "approval-gate" | "ask-human");
        let answered = asks && was == Some(NodeStatus::Completed);
        let choice = request.choices.get(&node);
        let (action, reason) = match choice {
            Some(NodeChoice::Pin(_)) => (PlannedAction::Pin, "its value is given"),
            Some(NodeChoice::Reuse) if !reusable => {
                let message = format!("`{id}` has no result to reuse");
                problems.push(PlanProblem { node_id: id.clone(), message });
                continue;
            }
            Some(NodeChoice::Reuse) => (PlannedAction::Reuse, "asked for"),
            Some(NodeChoice::Run) => (PlannedAction::Run, "asked for"),
            None if rerun.contains(&node) && answered && request.decisions == OldDecisions::Reuse => {
                (PlannedAction::Reuse, "its old answer is taken over")
            }
            None if rerun.contains(&node) && request.from == Some(node) => {
                (PlannedAction::Run, "the replay begins here")
            }
            None if rerun.contains(&node) => (PlannedAction::Run, "downstream of what runs again"),
            None if reusable => (PlannedAction::Reuse, "not downstream of what runs again"),
            None => (PlannedAction::Run, "has no result to reuse"),
        };
        let fate = if action == PlannedAction::Reuse { OldDecisions::Reuse } else { OldDecisions::Ask };
        let decision = answered.then_some(fate);
        nodes.push(PlannedNode { node_id: id.clone(), action, was, reason: reason.to_owned(), decision });
    }
    if problems.is_empty() { Ok(nodes) } else { Err(problems) }
}

/// The results that the nodes of a plan take when they are reached, by node id.
pub fn presets(workflow: &CompiledWorkflow, plan: &[PlannedNode], original: &State, choices: &Choices) -> Presets {
    let mut presets = Presets::new();
    for planned in plan.iter().filter(|node| node.action != PlannedAction::Run) {
        let id = &planned.node_id;
        let Some(node) = workflow.graph.index_of(id) else { continue };
        let preset = if let Some(NodeChoice::Pin(value)) = choices.get(&node) {
            let kind = workflow.node(node).kind;
            let branches = matches!(kind, "if-else" | "router" | "approval-gate");
            let named = value.get("branch").or_else(|| value.get("action")).and_then(Value::as_str);
            let branch = named.filter(|_| branches).map(|port| canonical(kind, port));
            Preset {
                output: Some(value.clone()),
                error: None,
                branch,
                transparent: false,
                pinned: true,
                passed_over: None,
            }
        } else {
            // What no edge led to is skipped again by its edges; what was passed over is passed over again.
            let reached = |run: &&Run| run.status != Some(NodeStatus::Skipped) || run.transparent;
            let Some(run) = original.run(id).filter(reached) else { continue };
            Preset {
                output: run.output.as_deref().cloned(),
                error: run.error.clone(),
                branch: run.port.clone(),
                transparent: run.transparent,
                pinned: false,
                passed_over: run.reason.clone().filter(|_| run.status == Some(NodeStatus::Skipped)),
            }
        };
        presets.insert(id.clone(), preset);
    }
    presets
}

fn canonical(kind: &str, port: &str) -> String {
    match (kind, port) {
        ("if-else", "true") => "if".to_owned(),
        ("if-else", "false") => "else".to_owned(),
        _ => port.to_owned(),
    }
}
