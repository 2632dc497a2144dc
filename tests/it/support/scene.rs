//! A server with a workspace in which workflows are run, and what is often done with their executions.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sluicegate::config::Settings;

use super::{
    app::{Backend, Client, Place, Reply, TestApp},
    event_stream::{Frame, Sse, check_event},
    peer::Peer,
};

/// A node of a definition.
pub fn node(id: &str, kind: &str, data: Value) -> Value {
    json!({"id": id, "type": kind, "data": data})
}

/// A node in the body of a loop.
pub fn inner(parent: &str, id: &str, kind: &str, data: Value) -> Value {
    json!({"id": id, "type": kind, "parentId": parent, "data": data})
}

/// A definition of these nodes, with `begin` and, where an edge names it, `finish`. Edges are written `a>b`, or `a:port>b`.
pub fn graph(nodes: impl IntoIterator<Item = Value>, edges: &str) -> Value {
    let mut nodes: Vec<Value> = nodes.into_iter().collect();
    nodes.insert(0, node("begin", "start", json!({})));
    if edges.contains(">finish") {
        nodes.push(node("finish", "end", json!({})));
    }
    let edges: Vec<Value> = edges
        .split_whitespace()
        .enumerate()
        .map(|(i, edge)| {
            let (source, target) = edge.split_once('>').unwrap();
            match source.split_once(':') {
                Some((source, port)) => {
                    json!({"id": format!("e{i}"), "source": source, "sourceHandle": port, "target": target})
                }
                None => json!({"id": format!("e{i}"), "source": source, "target": target}),
            }
        })
        .collect();
    json!({"nodes": nodes, "edges": edges})
}

/// A definition of these nodes in a row, between `begin` and `finish`.
pub fn line(nodes: impl IntoIterator<Item = Value>) -> Value {
    let nodes: Vec<Value> = nodes.into_iter().collect();
    let ids = nodes.iter().map(|node| node["id"].as_str().unwrap());
    let ids: Vec<&str> = std::iter::once("begin").chain(ids).chain(["finish"]).collect();
    let edges: Vec<String> = ids.windows(2).map(|pair| format!("{}>{}", pair[0], pair[1])).collect();
    graph(nodes.clone(), &edges.join(" "))
}

/// An approval and nothing else.
pub fn gate() -> Value {
    line([node("gate", "approval-gate", json!({"message": "Go on?"}))])
}

/// A server, a workspace, and its owner Ann.
pub struct Scene {
    pub app: TestApp,
    pub place: Place,
    pub ann: Client,
}

impl Scene {
    pub async fn on(backend: Backend) -> Self {
        Self::with(backend, |_| {}).await
    }

    /// A server whose workflows may reach the local [`Peer`].
    pub async fn with(backend: Backend, change: impl FnOnce(&mut Settings)) -> Self {
        let app = TestApp::start_on(backend, |settings| {
            settings.outbound_networks = Some(vec!["127.0.0.0/8".into()]);
            change(settings);
        })
        .await;
        let place = app.workspace("ann").await;
        let ann = app.user("ann");
        Self { app, place, ann }
    }

    /// The server again, on the same database.
    pub async fn restart(&mut self) {
        self.app.restart().await;
        self.ann = self.app.user("ann");
    }

    /// The path of the executions.
    pub fn executions(&self) -> String {
        format!("{}/executions", self.place.pod())
    }

    /// Saves a workflow and tells its id.
    pub async fn workflow(&self, definition: Value) -> String {
        let body = json!({"name": "Flow", "definition": definition});
        let workflow = self.ann.post(&format!("{}/workflows", self.place.pod()), body).await.expect(201);
        workflow["id"].as_str().unwrap().to_owned()
    }

    /// Triggers an execution of a workflow.
    pub async fn trigger(&self, workflow: &str, input: Value) -> Run {
        self.run_of(&self.ann.post(&self.executions(), json!({"workflowId": workflow, "input": input})).await)
    }

    /// Saves a workflow and triggers it.
    pub async fn run(&self, definition: Value, input: Value) -> Run {
        let workflow = self.workflow(definition).await;
        self.trigger(&workflow, input).await
    }

    /// The execution that a reply has created.
    #[track_caller]
    pub fn run_of(&self, reply: &Reply) -> Run {
        let execution = reply.expect(201);
        let id = execution["id"].as_str().unwrap();
        assert_eq!(reply.header("location"), Some(format!("/v1{}/{id}", self.executions()).as_str()));
        self.run_at(id)
    }

    /// The execution of this id.
    pub fn run_at(&self, id: &str) -> Run {
        Run { id: id.to_owned(), path: format!("{}/{id}", self.executions()), client: self.ann.clone() }
    }
}

/// An execution, seen by Ann.
#[derive(Clone)]
pub struct Run {
    pub id: String,
    pub path: String,
    pub client: Client,
}

impl Run {
    /// As it is.
    pub async fn view(&self) -> Value {
        self.client.get(&self.path).await.expect(200)
    }

    pub async fn status(&self) -> String {
        self.view().await["status"].as_str().unwrap().to_owned()
    }

    /// The live stream; `query` with its question mark.
    pub async fn stream(&self, query: &str) -> Sse {
        self.client.stream(&format!("{}/events{query}", self.path)).await
    }

    /// The stored log by pages of JSON.
    pub async fn log(&self) -> Vec<Value> {
        let path = format!("{}/events?limit=1000", self.path);
        let reply = self.client.with("accept", "application/json").get(&path).await;
        let events = reply.expect(200).as_array().unwrap().clone();
        for (i, event) in events.iter().enumerate() {
            check_event(event);
            assert_eq!(event["seq"], i + 1, "positions are dense");
        }
        events
    }

    /// Follows from the beginning until an event fits.
    pub async fn until(&self, fits: impl FnMut(&Frame) -> bool) -> Vec<Value> {
        let mut stream = self.stream("").await;
        let frames = stream.until(fits).await;
        for (i, frame) in frames.iter().enumerate() {
            assert_eq!((frame.id.as_deref(), &frame.event["seq"]), (Some(&*(i + 1).to_string()), &json!(i + 1)));
        }
        frames.into_iter().map(|frame| frame.event).collect()
    }

    /// Follows until the execution is in this status, which is not a final one.
    pub async fn until_status(&self, status: &str) {
        self.until(|frame| frame.kind() == "execution_status" && frame.event["status"] == status).await;
    }

    /// Follows to the end, and gives the last event.
    pub async fn end(&self) -> Value {
        self.until(Frame::is_end).await.pop().unwrap()
    }

    /// Follows to the end, which is a good one, and gives the output.
    pub async fn output(&self) -> Value {
        let end = self.end().await;
        assert_eq!(end["type"], "execution_complete", "{end:#}");
        end["output"].clone()
    }

    /// Follows to the end, which is a failure, and gives that.
    pub async fn failure(&self) -> Value {
        let end = self.end().await;
        assert_eq!(end["type"], "execution_failed", "{end:#}");
        end["error"].clone()
    }

    /// Follows until so many suspensions are open, and gives their interrupts in the order of their opening.
    pub async fn open(&self, count: usize) -> Vec<Value> {
        let mut open = BTreeMap::new();
        self.until(|frame| {
            let event = &frame.event;
            match frame.kind() {
                "execution_suspended" => {
                    let id = event["interrupt"]["suspensionId"].as_str().unwrap().to_owned();
                    open.insert(id, (event["seq"].as_i64(), event["interrupt"].clone()));
                }
                "suspension_update" if event["state"] != "open" => {
                    _ = open.remove(event["suspensionId"].as_str().unwrap());
                }
                _ => {}
            }
            open.len() == count
        })
        .await;
        let mut open: Vec<_> = open.into_values().collect();
        open.sort_by_key(|(seq, _)| *seq);
        open.into_iter().map(|(_, interrupt)| interrupt).collect()
    }

    /// The one open suspension.
    pub async fn asked(&self) -> Value {
        self.open(1).await.pop().unwrap()
    }

    /// What this node asks, once it does.
    pub async fn asked_by(&self, node: &str) -> Value {
        let mut events = self.until(|frame| frame.event["interrupt"]["nodeId"] == node).await;
        events.pop().unwrap()["interrupt"].take()
    }

    pub async fn respond(&self, body: Value) -> Reply {
        self.client.patch(&format!("{}/respond", self.path), body).await
    }

    pub async fn post(&self, action: &str, body: Value) -> Reply {
        self.client.post(&format!("{}/{action}", self.path), body).await
    }

    pub async fn cancel(&self) -> Reply {
        self.client.delete(&self.path).await
    }
}

/// What the log says about a node: `status` per update.
pub fn course(events: &[Value], node: &str) -> Vec<String> {
    let of_node = events.iter().filter(|event| event["type"] == "node_update" && event["nodeId"] == node);
    of_node.map(|event| event["status"].as_str().unwrap().to_owned()).collect()
}

/// The last update of a node.
pub fn last_update<'a>(events: &'a [Value], node: &str) -> &'a Value {
    let mut of_node = events.iter().rev().filter(|event| event["type"] == "node_update" && event["nodeId"] == node);
    of_node.next().unwrap_or_else(|| panic!("nothing about {node} in {events:#?}"))
}

/// A call to the peer.
pub fn call(id: &str, peer: &Peer, path: &str) -> Value {
    node(id, "http", json!({"httpUrl": peer.url(path)}))
}

/// The paths of a problem's errors.
pub fn error_paths(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["path"].as_str().unwrap()).collect()
}
