//! The compiled graph: indices in place of names, scopes in place of `parentId`, and the structural laws checked.
//!
//! What a node type needs of its ports and configuration is the registry's knowledge (`nodes`); here is what holds for any graph:
//! ids are unique, edges join nodes of one scope, there is no cycle, one start, and everything is reached from it.

use std::collections::{HashMap, HashSet};

use petgraph::{algo::tarjan_scc, graph::DiGraph};
use serde_json::Value;

use super::definition::{Definition, NodeDefinition, Problem};

/// Index of a node in [`Graph::nodes`].
pub type NodeIndex = usize;
/// Index of an edge in [`Graph::edges`].
pub type EdgeIndex = usize;

/// The most nodes a definition may have.
pub const MAX_NODES: usize = 1_000;

/// A definition whose structure holds.
#[derive(Debug, Default)]
pub struct Graph {
    /// The nodes, in the order of the definition.
    pub nodes: Vec<GraphNode>,
    /// The edges, in the order of the definition.
    pub edges: Vec<GraphEdge>,
    /// The start node.
    pub start: NodeIndex,
    by_id: HashMap<String, NodeIndex>,
}

/// A node and its place in the graph.
#[derive(Debug)]
pub struct GraphNode {
    /// The node's id in the definition.
    pub id: String,
    /// The loop whose body it is in.
    pub parent: Option<NodeIndex>,
    /// The edges that enter it.
    pub incoming: Vec<EdgeIndex>,
    /// The edges that leave it.
    pub outgoing: Vec<EdgeIndex>,
    /// The nodes of its body, where it is a loop.
    pub body: Vec<NodeIndex>,
    /// Outside the flow, without edges: a note, which never runs, or a compensation.
    pub aside: bool,
    /// The node that it undoes, where it is a compensation.
    pub compensates: Option<NodeIndex>,
    /// The node that undoes it, if there is one.
    pub compensation: Option<NodeIndex>,
}

/// An edge between two nodes of one scope.
#[derive(Debug)]
pub struct GraphEdge {
    /// The edge's id.
    pub id: String,
    /// The node it leaves.
    pub source: NodeIndex,
    /// The node it enters.
    pub target: NodeIndex,
    /// The port it leaves by; none is the default port.
    pub port: Option<String>,
}

impl Graph {
    /// Checks the structure of a definition and compiles it; otherwise every problem found.
    pub fn compile(definition: &Definition) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut graph = Self::build(definition, &mut problems);
        // The later checks read a graph whose ids and edges already hold.
        if problems.is_empty() {
            graph.check_starts(definition, &mut problems);
            graph.check_cycles(&mut problems);
        }
        if problems.is_empty() {
            graph.check_reachable(&mut problems);
        }
        if problems.is_empty() { Ok(graph) } else { Err(problems) }
    }

    /// The node with this id.
    pub fn index_of(&self, id: &str) -> Option<NodeIndex> {
        self.by_id.get(id).copied()
    }

    /// The nodes of a scope that the flow reaches (not notes and compensations): the body of `parent`, or the top level.
    pub fn scope(&self, parent: Option<NodeIndex>) -> impl Iterator<Item = NodeIndex> + '_ {
        (0..self.nodes.len()).filter(move |&n| self.nodes[n].parent == parent && !self.nodes[n].aside)
    }

    /// The nodes where a scope begins: those without incoming edges.
    pub fn entries(&self, parent: Option<NodeIndex>) -> impl Iterator<Item = NodeIndex> + '_ {
        self.scope(parent).filter(|&n| self.nodes[n].incoming.is_empty())
    }

    /// `from` and everything downstream of it in its scope.
    pub fn downstream(&self, from: NodeIndex) -> HashSet<NodeIndex> {
        let mut seen = HashSet::from([from]);
        let mut stack = vec![from];
        while let Some(node) = stack.pop() {
            for &edge in &self.nodes[node].outgoing {
                let target = self.edges[edge].target;
                if seen.insert(target) {
                    stack.push(target);
                }
            }
        }
        seen
    }

    /// Whether an edge leaves `node` by `port`.
    pub fn is_wired(&self, node: NodeIndex, port: &str) -> bool {
        self.nodes[node].outgoing.iter().any(|&e| self.edges[e].port.as_deref() == Some(port))
    }

    fn build(definition: &Definition, problems: &mut Vec<Problem>) -> Self {
        let mut graph = Self::default();
        if definition.nodes.len() > MAX_NODES {
            problems.push(problem("/nodes", format!("a definition has at most {MAX_NODES} nodes")));
            return graph;
        }
        for (i, node) in definition.nodes.iter().enumerate() {
            if !is_node_id(&node.id) {
                let message = format!("node id `{}` must be 1 to 64 letters, digits, `_` or `-`", shorten(&node.id));
                problems.push(problem(&format!("/nodes/{i}/id"), message));
            } else if graph.by_id.insert(node.id.clone(), i).is_some() {
                problems.push(at_node(
                    &format!("/nodes/{i}/id"),
                    &node.id,
                    format!("node id `{}` is used twice", node.id),
                ));
            }
            graph.nodes.push(GraphNode {
                id: node.id.clone(),
                parent: None,
                incoming: Vec::new(),
                outgoing: Vec::new(),
                body: Vec::new(),
                aside: node.type_name() == "note",
                compensates: None,
                compensation: None,
            });
        }
        for (i, node) in definition.nodes.iter().enumerate() {
            let Some(parent_id) = &node.parent_id else { continue };
            match graph.by_id.get(parent_id) {
                Some(&parent) if definition.nodes[parent].type_name() == "loop" && parent != i => {
                    graph.nodes[i].parent = Some(parent);
                    graph.nodes[parent].body.push(i);
                }
                Some(_) => {
                    let message = format!("parent `{parent_id}` of node `{}` is not a loop", node.id);
                    problems.push(at_node(&format!("/nodes/{i}/parentId"), &node.id, message));
                }
                None => {
                    let message = format!("parent `{}` of node `{}` does not exist", shorten(parent_id), node.id);
                    problems.push(at_node(&format!("/nodes/{i}/parentId"), &node.id, message));
                }
            }
        }
        graph.check_parents(problems);
        graph.build_compensations(definition, problems);
        graph.build_edges(definition, problems);
        graph
    }

    /// Joins compensations to what they undo. The types that may be one have the field; others are told so by their schema.
    fn build_compensations(&mut self, definition: &Definition, problems: &mut Vec<Problem>) {
        for (i, node) in definition.nodes.iter().enumerate() {
            let Some(target_id) = node.data.get("compensates").and_then(Value::as_str) else { continue };
            self.nodes[i].aside = true;
            let named = shorten(target_id);
            let message = match self.index_of(target_id) {
                None => format!("node `{named}` does not exist"),
                Some(target) if target == i => "a node can't undo itself".to_owned(),
                Some(target) if !can_be_undone(&definition.nodes[target]) => {
                    format!(
                        "there is nothing to undo in `{named}`, a node of type `{}`",
                        definition.nodes[target].type_name()
                    )
                }
                Some(target) if self.nodes[target].parent != self.nodes[i].parent => {
                    format!("`{named}` is not in the same scope: put the compensation beside what it undoes")
                }
                Some(target) => {
                    let Some(other) = self.nodes[target].compensation else {
                        self.nodes[target].compensation = Some(i);
                        self.nodes[i].compensates = Some(target);
                        continue;
                    };
                    format!("`{}` undoes `{named}` already", self.nodes[other].id)
                }
            };
            problems.push(at_node(&format!("/nodes/{i}/data/compensates"), &node.id, message));
        }
    }

    fn build_edges(&mut self, definition: &Definition, problems: &mut Vec<Problem>) {
        let mut ids = HashSet::new();
        let mut same = HashSet::new();
        for (i, edge) in definition.edges.iter().enumerate() {
            let id = if edge.id.is_empty() {
                let port = edge.source_handle.as_deref().map(|port| format!(":{port}")).unwrap_or_default();
                format!("{}{port}->{}", edge.source, edge.target)
            } else {
                edge.id.clone()
            };
            let path = format!("/edges/{i}");
            let mut report = |field: &str, message: String| {
                problems.push(Problem {
                    path: format!("{path}{field}"),
                    message,
                    node_id: None,
                    edge_id: Some(id.clone()),
                });
            };
            if !ids.insert(id.clone()) {
                report("/id", format!("edge id `{}` is used twice", shorten(&id)));
                continue;
            }
            let (source, target) = (self.index_of(&edge.source), self.index_of(&edge.target));
            if source.is_none() {
                report("/source", format!("node `{}` does not exist", shorten(&edge.source)));
            }
            if target.is_none() {
                report("/target", format!("node `{}` does not exist", shorten(&edge.target)));
            }
            let (Some(source), Some(target)) = (source, target) else { continue };
            if let Some(end) = [source, target].into_iter().find(|&end| self.nodes[end].aside) {
                let what = if definition.nodes[end].type_name() == "note" { "note" } else { "compensation" };
                report("", format!("a {what} has no edges"));
            } else if self.nodes[source].parent != self.nodes[target].parent {
                report("", format!("edge from `{}` to `{}` crosses the border of a loop", edge.source, edge.target));
            } else if !same.insert((source, target, edge.source_handle.clone())) {
                report("", format!("`{}` and `{}` are joined twice by the same port", edge.source, edge.target));
            } else {
                let index = self.edges.len();
                self.nodes[source].outgoing.push(index);
                self.nodes[target].incoming.push(index);
                // Editors write the default handle as `source` or an empty text; both mean no named port.
                let port =
                    edge.source_handle.clone().filter(|port| !port.is_empty() && port != "source" && port != "default");
                self.edges.push(GraphEdge { id, source, target, port });
            }
        }
    }

    /// A loop inside itself would have no outermost scope.
    fn check_parents(&mut self, problems: &mut Vec<Problem>) {
        for node in 0..self.nodes.len() {
            let mut above = self.nodes[node].parent;
            let mut depth = 0;
            while let Some(parent) = above {
                depth += 1;
                if parent == node || depth > 8 {
                    let id = &self.nodes[node].id;
                    let message = if parent == node { "is inside itself" } else { "is nested more than 8 loops deep" };
                    problems.push(at_node(&format!("/nodes/{node}/parentId"), id, format!("node `{id}` {message}")));
                    break;
                }
                above = self.nodes[parent].parent;
            }
        }
    }

    fn check_starts(&mut self, definition: &Definition, problems: &mut Vec<Problem>) {
        let starts: Vec<_> = (0..self.nodes.len()).filter(|&n| definition.nodes[n].type_name() == "start").collect();
        match starts.as_slice() {
            [] => problems.push(problem("/nodes", "there is no `start` node".into())),
            [start] => self.start = *start,
            [_, more @ ..] => {
                for &n in more {
                    let id = &self.nodes[n].id;
                    problems.push(at_node(&format!("/nodes/{n}"), id, format!("`{id}` is a second `start` node")));
                }
            }
        }
        for (n, node) in self.nodes.iter().enumerate() {
            let kind = definition.nodes[n].type_name();
            if kind == "start" && !node.incoming.is_empty() {
                problems.push(at_node(&format!("/nodes/{n}"), &node.id, "an edge enters the `start` node".into()));
            }
            if node.parent.is_some() && matches!(kind, "start" | "end") {
                let message = format!("a `{kind}` node can't be in the body of a loop");
                problems.push(at_node(&format!("/nodes/{n}/parentId"), &node.id, message));
            }
        }
    }

    fn check_cycles(&self, problems: &mut Vec<Problem>) {
        let mut directed = DiGraph::<(), ()>::new();
        let indices: Vec<_> = self.nodes.iter().map(|_| directed.add_node(())).collect();
        for edge in &self.edges {
            directed.add_edge(indices[edge.source], indices[edge.target], ());
        }
        for component in tarjan_scc(&directed) {
            let first = component[0].index();
            let loops_to_itself = self.edges.iter().any(|edge| edge.source == first && edge.target == first);
            if component.len() > 1 || loops_to_itself {
                let mut names: Vec<_> = component.iter().map(|n| self.nodes[n.index()].id.as_str()).collect();
                names.sort_unstable();
                let message = format!("the edges form a cycle through {}", names.join(", "));
                let first = component.iter().map(|n| n.index()).min().unwrap_or(first);
                problems.push(at_node(&format!("/nodes/{first}"), &self.nodes[first].id, message));
            }
        }
    }

    /// At the top level only the start begins; a body begins at each node without incoming edges. Without cycles, a node
    /// that has an incoming edge is reached from some entry, so unreached nodes are named by their first one.
    fn check_reachable(&self, problems: &mut Vec<Problem>) {
        let reached = self.downstream(self.start);
        for n in self.scope(None).filter(|n| !reached.contains(n)) {
            let id = &self.nodes[n].id;
            problems.push(at_node(&format!("/nodes/{n}"), id, format!("node `{id}` can't be reached from the start")));
        }
        for (n, node) in self.nodes.iter().enumerate() {
            if !node.body.is_empty() && self.scope(Some(n)).next().is_none() {
                problems.push(at_node(
                    &format!("/nodes/{n}"),
                    &node.id,
                    format!("the body of loop `{}` has no node that runs", node.id),
                ));
            }
        }
    }
}

/// Whether a node does anything that another one could undo.
fn can_be_undone(node: &NodeDefinition) -> bool {
    !matches!(node.type_name(), "start" | "end" | "note") && !node.data.contains_key("compensates")
}

fn is_node_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Foreign text in a message is bounded.
fn shorten(text: &str) -> &str {
    text.char_indices().nth(64).map_or(text, |(end, _)| &text[..end])
}

fn problem(path: &str, message: String) -> Problem {
    Problem { path: path.to_owned(), message, node_id: None, edge_id: None }
}

fn at_node(path: &str, node_id: &str, message: String) -> Problem {
    Problem { node_id: Some(node_id.to_owned()), ..problem(path, message) }
}
