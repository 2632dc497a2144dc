//! Edges and ports: every edge gets its canonical port, and the ports are there and wired that must be.

use std::collections::HashSet;

use crate::domain::{
    definition::{Definition, Problem},
    graph::Graph,
};

use super::{
    super::{OnError, config::Unnamed, schema::shorten},
    Draft,
};

/// Gives each edge of the graph its canonical port and notes what is wrong with it. The graph's edges and nodes are those
/// of the definition, in the same order.
pub(super) fn wire(
    definition: &Definition,
    mut graph: Graph,
    drafts: &[Option<Draft>],
    problems: &mut Vec<Problem>,
) -> Graph {
    let mut joined = HashSet::new();
    for (index, edge) in graph.edges.iter_mut().enumerate() {
        let Some(draft) = &drafts[edge.source] else { continue };
        match canonical(draft, edge.port.as_deref()) {
            Ok(port) => {
                edge.port = port;
                if !joined.insert((edge.source, edge.target, edge.port.clone())) {
                    let nodes = &definition.nodes;
                    let message = format!(
                        "`{}` and `{}` are joined twice by the same port",
                        nodes[edge.source].id, nodes[edge.target].id
                    );
                    problems.push(at_edge(index, "", &edge.id, message));
                }
            }
            Err(message) => problems.push(at_edge(index, "/sourceHandle", &edge.id, message)),
        }
    }
    for (index, draft) in drafts.iter().enumerate() {
        let Some(draft) = draft else { continue };
        let id = &definition.nodes[index].id;
        let mut report = |field: &str, message: String| {
            let path = format!("/nodes/{index}{field}");
            problems.push(Problem { path, message, node_id: Some(id.clone()), edge_id: None });
        };
        for port in draft.compiled.ports.required.iter().filter(|port| !graph.is_wired(index, port)) {
            report("", format!("no edge leaves `{id}` by its port `{port}`"));
        }
        let ports = &draft.compiled.ports;
        match draft.common.on_error {
            Some(OnError::Branch) if !ports.fails => {
                report("/data/onError", format!("a node of type `{}` can't fail", draft.kind.name));
            }
            Some(OnError::Branch) if !graph.is_wired(index, "error") => {
                report(
                    "/data/onError",
                    format!("`onError` is `branch`, but no edge leaves `{id}` by its port `error`"),
                );
            }
            Some(OnError::Continue) if ports.fails && ports.unnamed != Unnamed::Default => {
                report(
                    "/data/onError",
                    format!("a node of type `{}` has no default port to go on by", draft.kind.name),
                );
            }
            _ => {}
        }
    }
    graph
}

fn at_edge(index: usize, field: &str, id: &str, message: String) -> Problem {
    Problem { path: format!("/edges/{index}{field}"), message, node_id: None, edge_id: Some(id.to_owned()) }
}

/// The port that an edge leaves by; none is the default port.
fn canonical(draft: &Draft, port: Option<&str>) -> Result<Option<String>, String> {
    let ports = &draft.compiled.ports;
    let name = draft.kind.name;
    let Some(port) = port else {
        return match ports.unnamed {
            Unnamed::Default => Ok(None),
            Unnamed::Port(port) => Ok(Some(port.to_owned())),
            Unnamed::Refused if ports.named.is_empty() => Err(format!("no edge can leave a node of type `{name}`")),
            Unnamed::Refused => {
                let named = ports.named.join(", ");
                Err(format!("an edge that leaves a node of type `{name}` must name its port: {named}"))
            }
        };
    };
    let port = ports.aliases.iter().find(|(alias, _)| *alias == port).map_or(port, |(_, port)| port);
    let times_out = draft.common.timeout_ms.is_some();
    let exists = match port {
        "error" => ports.fails,
        "timeout" => ports.fails && times_out,
        port => ports.named.iter().any(|named| named == port),
    };
    if exists {
        let is_of_all = ports.at_once && ports.named.iter().any(|named| named == port);
        return Ok((!is_of_all).then(|| port.to_owned()));
    }
    if port == "timeout" && ports.fails {
        return Err("the port `timeout` exists where `timeoutMs` is set".to_owned());
    }
    let mut known: Vec<&str> = Vec::new();
    known.extend((ports.unnamed == Unnamed::Default).then_some("default"));
    known.extend(ports.named.iter().map(String::as_str));
    known.extend(ports.fails.then_some("error"));
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(format!("a node of type `{name}` has no port `{}`; its ports: {known}", shorten(port)))
}
