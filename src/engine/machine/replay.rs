//! Replay as a plan: per node of the top level run it again, reuse its old result, or pin a given value. Reused and pinned
//! results are part of the new execution's origin; a node takes its result when it is reached, so that the log of a replay reads
//! like any other and what runs again hands its values on as usual.
//!
//! A replay may begin inside an iteration of a loop. Then the loop runs again, but its other iterations, and what the chosen one
//! did before the place, take over their old results. What a compensation has undone has no result to take over.

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
    nodes::{CompiledWorkflow, Role},
};

use super::state::{Address, Run, State, address, is_inside, scope_of};

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
    /// Its address, where it is inside an iteration of a loop or a child: `each[3]/fetch`, `call/fetch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
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
    /// The place from which on everything runs again; none is the beginning.
    pub from: Option<Place>,
    /// Choices for single nodes of the top level.
    pub choices: Choices,
    /// What becomes of old answers.
    pub decisions: OldDecisions,
}

/// A place in an execution: a node of the top level, or one inside iterations of loops and children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From the top level inwards, the nodes on the way: loops, and last the node itself.
    pub way: Vec<Step>,
    /// The place inside the child that the last one started, if it goes on there.
    pub in_child: Option<String>,
}

/// A node on the way to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The scope it is in.
    pub scope: String,
    /// The node.
    pub node: NodeIndex,
}

impl Place {
    /// Reads `each[3]/fetch` and the like, in a workflow; otherwise what is wrong.
    pub fn parse(workflow: &CompiledWorkflow, text: &str) -> Result<Self, String> {
        let graph = &workflow.graph;
        let (mut way, mut scope, mut parent, mut rest) = (Vec::new(), String::new(), None, text);
        loop {
            let (segment, after) = rest.split_once('/').map_or((rest, None), |(segment, after)| (segment, Some(after)));
            let (id, index) = match segment.strip_suffix(']').and_then(|open| open.split_once('[')) {
                Some((id, index)) => (id, Some(index)),
                None => (segment, None),
            };
            let node = graph.index_of(id).filter(|&node| !graph.nodes[node].aside);
            let Some(node) = node else { return Err(format!("there is no node `{id}` to replay from")) };
            if graph.nodes[node].parent != parent {
                return Err(match graph.nodes[node].parent {
                    Some(around) if parent.is_none() => {
                        let around = &graph.nodes[around].id;
                        format!("`{id}` is in the body of a loop; name the iteration, as in `{around}[0]/{id}`")
                    }
                    _ => format!("`{id}` is not where `{text}` says"),
                });
            }
            way.push(Step { scope: scope.clone(), node });
            let role = &workflow.node(node).role;
            match (index, after) {
                (None, None) => return Ok(Self { way, in_child: None }),
                (None, Some(inside)) if workflow.node(node).kind == "subworkflow" => {
                    return Ok(Self { way, in_child: Some(inside.to_owned()) });
                }
                (None, Some(_)) if matches!(role, Role::Loop { .. }) => {
                    return Err(format!("`{id}` is a loop; name the iteration, as in `{id}[0]`"));
                }
                (None, Some(_)) => return Err(format!("there is nothing inside `{id}`")),
                (Some(_), None) => return Err(format!("name a node of the iteration, as in `{segment}/<node>`")),
                (Some(index), Some(inside)) => {
                    let index = index.parse::<usize>().ok().filter(|_| matches!(role, Role::Loop { .. }));
                    let Some(index) = index else { return Err(format!("`{segment}` is no iteration of a loop")) };
                    scope = format!("{}[{index}]", address(&scope, id));
                    (parent, rest) = (Some(node), inside);
                }
            }
        }
    }

    /// The address of the node, without what is inside its child.
    pub fn address(&self, workflow: &CompiledWorkflow) -> Address {
        let last = self.way.last().expect("a place has a node");
        address(&last.scope, &workflow.graph.nodes[last.node].id)
    }
}

/// A choice that can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanProblem {
    /// The node it is about.
    pub node_id: String,
    /// What is wrong.
    pub message: String,
}

/// Plans the replay of an execution that ended at `original` (run under `old`) on `workflow`: the nodes of the top level, and
/// those of each iteration on the way to the place where it begins.
pub fn plan(
    workflow: &CompiledWorkflow,
    old: &CompiledWorkflow,
    original: &State,
    request: &ReplayRequest,
) -> Result<Vec<PlannedNode>, Vec<PlanProblem>> {
    let past = Past::new(workflow, old, original);
    let (mut nodes, mut problems) = (Vec::new(), Vec::new());
    let way = request.from.as_ref().map_or(&[][..], |place| &place.way);
    if way.is_empty() {
        past.plan_scope("", None, None, request, &mut nodes, &mut problems);
    }
    let mut parent = None;
    for (depth, step) in way.iter().enumerate() {
        let begins = Begins { node: step.node, inside: depth + 1 < way.len() };
        past.plan_scope(&step.scope, parent, Some(begins), request, &mut nodes, &mut problems);
        parent = Some(step.node);
    }
    if problems.is_empty() { Ok(nodes) } else { Err(problems) }
}

/// Where a replay begins in a scope.
#[derive(Clone, Copy)]
struct Begins {
    node: NodeIndex,
    /// Further in.
    inside: bool,
}

/// The execution that is replayed, seen from the workflow that runs now.
struct Past<'a> {
    workflow: &'a CompiledWorkflow,
    original: &'a State,
    /// Addresses of runs that compensations have undone.
    undone: HashSet<Address>,
}

impl<'a> Past<'a> {
    fn new(workflow: &'a CompiledWorkflow, old: &CompiledWorkflow, original: &'a State) -> Self {
        let undone = original.runs.iter().filter(|(_, run)| run.status == Some(NodeStatus::Completed));
        let undone = undone.filter_map(|(_, run)| {
            let node = old.graph.nodes[run.node].compensates?;
            Some(address(&run.scope, &old.graph.nodes[node].id))
        });
        Self { workflow, original, undone: undone.collect() }
    }

    /// Whether what a run did was undone, or some of what was done inside it.
    fn is_undone(&self, at: &str) -> bool {
        self.undone.iter().any(|undone| undone == at || is_inside(at, undone))
    }

    /// The old result of a run, if there is one to take over.
    fn result(&self, at: &str) -> Option<&'a Run> {
        let run = self.original.run(at)?;
        let has_result = match run.status {
            Some(NodeStatus::Completed | NodeStatus::Skipped) => true,
            Some(NodeStatus::Failed) => run.port.is_some(),
            _ => false,
        };
        (has_result && !self.is_undone(at)).then_some(run)
    }

    /// The nodes of a scope that run again because of others: those where it begins, what was undone, and all downstream.
    fn rerun(&self, scope: &str, parent: Option<NodeIndex>, from: Option<NodeIndex>) -> HashSet<NodeIndex> {
        let graph = &self.workflow.graph;
        let undone = graph.scope(parent).filter(|&node| self.is_undone(&address(scope, &graph.nodes[node].id)));
        undone.chain(from).flat_map(|node| graph.downstream(node)).collect()
    }

    fn plan_scope(
        &self,
        scope: &str,
        parent: Option<NodeIndex>,
        begins: Option<Begins>,
        request: &ReplayRequest,
        nodes: &mut Vec<PlannedNode>,
        problems: &mut Vec<PlanProblem>,
    ) {
        let graph = &self.workflow.graph;
        let mut rerun = match begins {
            Some(begins) => self.rerun(scope, parent, Some(begins.node)),
            None => graph.scope(parent).collect(),
        };
        let choices = if scope.is_empty() { Some(&request.choices) } else { None };
        for (&node, choice) in choices.into_iter().flatten() {
            if *choice == NodeChoice::Run {
                rerun.extend(graph.downstream(node));
            }
        }
        for node in graph.scope(parent) {
            let id = &graph.nodes[node].id;
            let at = address(scope, id);
            let was = self.original.run(&at).and_then(|run| run.status);
            let reusable = self.result(&at).is_some();
            let undone = self.is_undone(&at);
            let asks = matches!(self.workflow.node(node).kind, "approval-gate" | "ask-human");
            let answered = asks && was == Some(NodeStatus::Completed);
            let begins = begins.filter(|begins| begins.node == node);
            let choice = choices.and_then(|choices| choices.get(&node));
            let (action, reason) = match choice {
                Some(NodeChoice::Pin(_)) => (PlannedAction::Pin, "its value is given"),
                Some(NodeChoice::Reuse) if !reusable => {
                    let why =
                        if undone { "was undone: its result does not hold any more" } else { "has no result to reuse" };
                    problems.push(PlanProblem { node_id: id.clone(), message: format!("`{id}` {why}") });
                    continue;
                }
                Some(NodeChoice::Reuse) => (PlannedAction::Reuse, "asked for"),
                Some(NodeChoice::Run) => (PlannedAction::Run, "asked for"),
                None if rerun.contains(&node) && answered && request.decisions == OldDecisions::Reuse && reusable => {
                    (PlannedAction::Reuse, "its old answer is taken over")
                }
                None if begins.is_some_and(|begins| begins.inside) => {
                    (PlannedAction::Run, "the replay begins inside it")
                }
                None if begins.is_some() => (PlannedAction::Run, "the replay begins here"),
                None if undone => (PlannedAction::Run, "was undone"),
                None if rerun.contains(&node) => (PlannedAction::Run, "downstream of what runs again"),
                None if reusable => (PlannedAction::Reuse, "not downstream of what runs again"),
                None => (PlannedAction::Run, "has no result to reuse"),
            };
            let fate = if action == PlannedAction::Reuse { OldDecisions::Reuse } else { OldDecisions::Ask };
            let decision = answered.then_some(fate);
            let path = (!scope.is_empty()).then_some(at);
            nodes.push(PlannedNode { node_id: id.clone(), path, action, was, reason: reason.to_owned(), decision });
        }
    }

    /// The results of the iterations that the place where the replay begins is not in, of the loops on the way to it.
    fn other_iterations(&self, place: &Place, presets: &mut Presets) {
        let graph = &self.workflow.graph;
        for pair in place.way.windows(2) {
            let (around, chosen) = (&pair[0], &pair[1].scope);
            let loop_at = address(&around.scope, &graph.nodes[around.node].id);
            let mut again: HashMap<&str, HashSet<NodeIndex>> = HashMap::new();
            for (at, run) in self.original.runs.iter().filter(|(at, _)| is_inside(&loop_at, at)) {
                let scope = scope_of(at);
                let is_direct = !scope[loop_at.len()..].contains('/');
                let Some(node) = graph.index_of(&at[scope.len() + 1..]).filter(|_| is_direct && scope != chosen) else {
                    continue;
                };
                let again = again.entry(scope).or_insert_with(|| self.rerun(scope, Some(around.node), None));
                if !again.contains(&node)
                    && let Some(preset) = self.result(at).and_then(taken_over)
                {
                    debug_assert_eq!(run.scope, scope);
                    presets.insert(at.clone(), preset);
                }
            }
        }
    }
}

/// The results that the nodes of a plan take when they are reached, by their addresses.
pub fn presets(
    workflow: &CompiledWorkflow,
    old: &CompiledWorkflow,
    plan: &[PlannedNode],
    original: &State,
    request: &ReplayRequest,
) -> Presets {
    let mut presets = Presets::new();
    for planned in plan.iter().filter(|node| node.action != PlannedAction::Run) {
        let id = &planned.node_id;
        let Some(node) = workflow.graph.index_of(id) else { continue };
        let at = planned.path.as_ref().unwrap_or(id);
        let choice = request.choices.get(&node).filter(|_| planned.path.is_none());
        let preset = if let Some(NodeChoice::Pin(value)) = choice {
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
            let Some(preset) = original.run(at).and_then(taken_over) else { continue };
            preset
        };
        presets.insert(at.clone(), preset);
    }
    if let Some(place) = &request.from {
        Past::new(workflow, old, original).other_iterations(place, &mut presets);
    }
    presets
}

/// The old result of a run as the new one takes it. What no edge led to is skipped again by its edges; what was passed over is passed
/// over again.
fn taken_over(run: &Run) -> Option<Preset> {
    let is_skipped = run.status == Some(NodeStatus::Skipped);
    (!is_skipped || run.transparent).then(|| Preset {
        output: run.output.as_deref().cloned(),
        error: run.error.clone(),
        branch: run.port.clone(),
        transparent: run.transparent,
        pinned: false,
        passed_over: run.reason.clone().filter(|_| is_skipped),
    })
}

fn canonical(kind: &str, port: &str) -> String {
    match (kind, port) {
        ("if-else", "true") => "if".to_owned(),
        ("if-else", "false") => "else".to_owned(),
        _ => port.to_owned(),
    }
}
