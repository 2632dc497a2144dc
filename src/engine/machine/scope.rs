//! What a node's expressions see: the names of the language, answered from the state by reference.

use std::{borrow::Cow, cmp::Reverse, sync::Arc};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::{
    clock::Instant,
    domain::{event::NodeStatus, execution::ExecutionOrigin, graph::NodeIndex},
    expression::{PathSegment, Scope},
    secrets::Opened,
};

use super::{
    Machine,
    state::{Run, address, iteration},
};

/// The values of one run's expressions.
pub struct RunScope<'m> {
    machine: &'m Machine,
    origin: &'m ExecutionOrigin,
    scope: &'m str,
    now: Instant,
    /// What the run was handed.
    pub last_output: Arc<Value>,
    index: Option<Value>,
    secrets: Option<&'m Opened>,
}

impl<'m> RunScope<'m> {
    /// The values that the run at `at` sees when it starts at `now`.
    pub fn new(machine: &'m Machine, origin: &'m ExecutionOrigin, at: &'m str, now: Instant) -> Self {
        let scope = machine.state.runs.get(at).map_or("", |run| run.scope.as_str());
        let index = machine.item_of(scope).map(|(_, index)| json!(index));
        Self { machine, origin, scope, now, last_output: machine.handed_to(at), index, secrets: None }
    }

    /// The same values, and these secrets: for the node itself, never for a condition in front of it.
    #[must_use]
    pub fn with_secrets(self, secrets: Option<&'m Opened>) -> Self {
        Self { secrets, ..self }
    }

    /// The outputs of the taken predecessors of the run at `at`, in the order of its edges.
    pub fn incoming(&self, at: &str) -> Vec<(&'m str, Arc<Value>)> {
        let Some(run) = self.machine.state.runs.get(at) else { return Vec::new() };
        let graph = &self.machine.workflow.graph;
        let edges = graph.nodes[run.node].incoming.iter().map(|&edge| &graph.edges[edge]);
        let taken = edges.filter(|edge| run.taken.contains(&edge.source));
        taken
            .map(|edge| {
                let source = &graph.nodes[edge.source].id;
                let output =
                    self.machine.state.runs.get(&address(&run.scope, source)).and_then(|run| run.output.clone());
                (source.as_str(), output.unwrap_or_default())
            })
            .collect()
    }

    /// The run of a node that is in sight from here: in this scope, or in one around it.
    fn run_in_sight(&self, node: NodeIndex) -> Option<&'m Run> {
        let state = &self.machine.state;
        let graph = &self.machine.workflow.graph;
        let mut scope = self.scope;
        loop {
            let around = iteration(scope).and_then(|(loop_at, _)| state.runs.get(loop_at));
            if graph.nodes[node].parent == around.map(|run| run.node) {
                return state.runs.get(&address(scope, &graph.nodes[node].id));
            }
            scope = &around?.scope;
        }
    }

    fn node_results(&self, path: &[PathSegment<'_>]) -> (Cow<'_, Value>, usize) {
        let workflow = &self.machine.workflow;
        let Some(PathSegment::Key(name)) = path.get(1) else {
            let all = workflow.graph.nodes.iter().enumerate();
            let all = all.filter_map(|(node, of)| Some((of.id.clone(), result(self.run_in_sight(node)?))));
            return (Cow::Owned(Value::Object(all.collect())), 1);
        };
        let Some(run) = workflow.find(name).and_then(|node| self.run_in_sight(node)) else {
            return (Cow::Owned(Value::Null), 2);
        };
        match (path.get(2), &run.output) {
            (Some(PathSegment::Key("output")), Some(output)) => (Cow::Borrowed(output), 3),
            _ => (Cow::Owned(result(run)), 2),
        }
    }

    /// What has been assigned to variables by nodes in sight, the latest first; what they are at first comes last.
    fn assignments(&self) -> impl Iterator<Item = &'m Map<String, Value>> {
        let variables = &self.machine.workflow.variables;
        let runs = variables.nodes.iter().filter_map(|&node| self.run_in_sight(node));
        let mut runs: Vec<&Run> = runs.filter(|run| run.status == Some(NodeStatus::Completed)).collect();
        runs.sort_by_key(|run| Reverse(run.finished_seq));
        let assigned = runs.into_iter().filter_map(|run| run.output.as_deref()?.as_object());
        assigned.chain([&variables.initial])
    }

    fn variables(&self, path: &[PathSegment<'_>]) -> (Cow<'_, Value>, usize) {
        if let Some(PathSegment::Key(name)) = path.get(1) {
            let value = self.assignments().find_map(|assigned| assigned.get(*name));
            return (value.map_or(Cow::Owned(Value::Null), Cow::Borrowed), 2);
        }
        let mut all = Map::new();
        for (name, value) in self.assignments().flatten() {
            all.entry(name.as_str()).or_insert_with(|| value.clone());
        }
        (Cow::Owned(Value::Object(all)), 1)
    }
}

fn result(run: &Run) -> Value {
    json!({ "output": run.output, "status": run.status, "error": run.error })
}

impl Scope for RunScope<'_> {
    fn resolve<'s>(&'s self, path: &[PathSegment<'_>]) -> Option<(Cow<'s, Value>, usize)> {
        let PathSegment::Key(name) = path.first()? else { return None };
        let value: Cow<'s, Value> = match *name {
            "input" => Cow::Borrowed(&self.machine.input),
            "lastOutput" => Cow::Borrowed(&self.last_output),
            "context" => Cow::Borrowed(&self.origin.context),
            "nodeResults" => return Some(self.node_results(path)),
            "variables" => return Some(self.variables(path)),
            // Without any, and for one that it was not given, the node sees nothing of that name: not even another node's output.
            "secrets" => {
                let Some(PathSegment::Key(name)) = path.get(1) else { return None };
                return Some((Cow::Borrowed(self.secrets?.get(name)?), 2));
            }
            "item" if self.index.is_some() => Cow::Borrowed(self.machine.item_of(self.scope)?.0),
            "index" if self.index.is_some() => Cow::Borrowed(self.index.as_ref()?),
            "execution" => Cow::Owned(json!({
                "id": self.origin.id,
                "workspaceId": self.origin.workspace_id,
                "podId": self.origin.pod_id,
                "workflowId": self.origin.workflow_id,
                "workflowVersion": self.origin.workflow_version,
                "createdAt": self.origin.created_at,
                "createdBy": self.origin.created_by,
                "subject": self.origin.subject,
                "priority": self.origin.priority,
                "triggeredBy": self.origin.triggered_by,
            })),
            name => {
                let node = self.machine.workflow.find(name)?;
                Cow::Borrowed(self.run_in_sight(node)?.output.as_deref()?)
            }
        };
        Some((value, 1))
    }

    fn now(&self) -> DateTime<Utc> {
        self.now.to_datetime()
    }
}
