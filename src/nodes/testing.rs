//! What the tests of node types share: a bench on which one node runs, and random JSON.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Common, CompiledNode, CompiledWorkflow, Documents, Effect, EffectContext, Entry, NodeContext, Outcome, Question,
    Report, Role, Step, registry,
};
use crate::{
    clock::{Clock, Instant},
    domain::{
        definition::{Definition, Problem},
        document,
        failure::Failure,
        ids::{ExecutionId, WorkspaceId},
    },
    outbound::Client,
    sandbox::{Options, Sandbox},
    store::{Page, StoreError, documents},
};

/// The present of the tests: 2027-01-15T08:00:00Z.
pub(super) const NOW: Instant = Instant(1_800_000_000_000);

pub(super) fn definition(value: Value) -> Definition {
    serde_json::from_value(value).expect("a definition")
}

pub(super) fn paths(problems: &[Problem]) -> Vec<&str> {
    problems.iter().map(|problem| problem.path.as_str()).collect()
}

/// A definition around one node (`x`, at index 1; a `start` is itself at 0), with every required port wired.
pub(super) fn around(kind: &str, data: Value, body: bool) -> Definition {
    let mut nodes = vec![json!({ "id": "s", "type": "start" }), json!({ "id": "x", "type": kind, "data": data })];
    let mut edges = vec![json!({ "source": "s", "target": "x" })];
    match kind {
        "start" => {
            nodes.remove(0);
            edges.clear();
        }
        "note" => edges.clear(),
        "if-else" => {
            for port in ["if", "else"] {
                nodes.push(json!({ "id": port, "type": "end" }));
                edges.push(json!({ "source": "x", "target": port, "sourceHandle": port }));
            }
        }
        _ => {}
    }
    if body {
        nodes.push(json!({ "id": "inside", "type": "transform", "parentId": "x" }));
    }
    definition(json!({ "nodes": nodes, "edges": edges }))
}

/// What is wrong with a node of this type and data.
pub(super) fn problems_of(kind: &str, data: Value) -> Vec<Problem> {
    registry::validate(&around(kind, data, false))
}

/// One node of a type, and the values it will see.
pub(super) struct Bench {
    kind: String,
    data: Value,
    body: bool,
    scope: Map<String, Value>,
    last_output: Value,
    incoming: Vec<(&'static str, Arc<Value>)>,
    journal: Vec<Entry>,
}

/// How a node's start ended.
pub(super) struct Ran(pub(super) Outcome);

impl Bench {
    pub(super) fn new(kind: &str, data: Value) -> Self {
        let (scope, incoming, journal) = (Map::new(), Vec::new(), Vec::new());
        Self { kind: kind.to_owned(), data, body: false, scope, last_output: Value::Null, incoming, journal }
    }

    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        self.scope.insert(name.to_owned(), value);
        self
    }

    pub(super) fn with_body(mut self) -> Self {
        self.body = true;
        self
    }

    pub(super) fn with_last_output(mut self, value: Value) -> Self {
        self.last_output = value;
        self
    }

    pub(super) fn with_incoming(mut self, outputs: &[(&'static str, Value)]) -> Self {
        self.incoming = outputs.iter().map(|(id, output)| (*id, Arc::new(output.clone()))).collect();
        self
    }

    /// A run in several parts that has done this.
    pub(super) fn with_journal(mut self, entries: &[(&str, Value)]) -> Self {
        let entry =
            |(kind, detail): &(&str, Value)| Entry { kind: (*kind).to_owned(), detail: Arc::new(detail.clone()) };
        self.journal = entries.iter().map(entry).collect();
        self
    }

    fn workflow(&self) -> CompiledWorkflow {
        match registry::compile(&around(&self.kind, self.data.clone(), self.body)) {
            Ok(workflow) => workflow,
            Err(problems) => panic!("{problems:#?}"),
        }
    }

    pub(super) fn with_node<T>(&self, see: impl FnOnce(&CompiledNode) -> T) -> T {
        let workflow = self.workflow();
        see(workflow.node(workflow.graph.index_of("x").expect("the node is there")))
    }

    pub(super) fn role(&self) -> Role {
        self.with_node(|node| node.role.clone())
    }

    pub(super) fn common(&self) -> Common {
        self.with_node(|node| node.common.clone())
    }

    fn step(&self) -> Step {
        let last_output = Arc::new(self.last_output.clone());
        self.with_node(|node| {
            node.node.start(&NodeContext {
                scope: &self.scope,
                now: NOW,
                last_output: &last_output,
                incoming: &self.incoming,
                idempotency_key: "execution/x".to_owned(),
                attempt: 1,
                journal: &self.journal,
            })
        })
    }

    /// Starts the node, which must be a pure one.
    pub(super) fn run(self) -> Ran {
        match self.step() {
            Step::Done(outcome) => Ran(outcome),
            Step::Effect(_) => panic!("an effect"),
        }
    }

    /// Starts the node, which must have an effect.
    pub(super) fn effect(self) -> Box<dyn Effect> {
        match self.step() {
            Step::Effect(effect) => effect,
            Step::Done(outcome) => panic!("no effect: {outcome:?}"),
        }
    }
}

impl Ran {
    pub(super) fn output(self) -> Value {
        match self.0 {
            Outcome::Complete(done) => Value::clone(&done.output),
            other => panic!("not complete: {other:?}"),
        }
    }

    pub(super) fn failure(self) -> Failure {
        match self.0 {
            Outcome::Fail(failure) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }

    pub(super) fn question(self) -> Question {
        match self.0 {
            Outcome::Suspend(question) => *question,
            other => panic!("not suspended: {other:?}"),
        }
    }
}

/// What an effect may use in these tests.
pub(super) fn effect_context(outbound: Client, reports: mpsc::Sender<Report>) -> EffectContext {
    EffectContext {
        outbound,
        documents: no_documents(),
        sandbox: Sandbox::new(Options { processes: 1, ..Options::default() }),
        reports,
        cancelled: CancellationToken::new(),
        execution_id: ExecutionId(Uuid::nil()),
        workspace_id: WorkspaceId(Uuid::nil()),
    }
}

/// JSON of any shape, with the words of node configurations in it more often than chance would have it.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        proptest::sample::select(vec![
            "",
            "a",
            "{{ input }}",
            "{{",
            "approved",
            "rejected",
            "error",
            "none",
            "$ref",
            "#",
            "type",
            "object",
            "string",
            "properties",
            "items",
            "id",
            "label",
            "condition",
            "default",
            "port",
            "pattern",
            "allOf",
            "1s",
            "2xx",
            "if",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-5_i64..5).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Documents for effects that have nothing to do with them: each call fails.
fn no_documents() -> Documents {
    Documents::new(Arc::new(NoStore), WorkspaceId(uuid::Uuid::nil()), Clock::system())
}

struct NoStore;

fn refused<T>() -> Result<T, StoreError> {
    Err(StoreError::Refused("these tests have no documents"))
}

#[async_trait]
impl documents::Documents for NoStore {
    async fn collections(
        &self,
        _: WorkspaceId,
        _: i64,
        _: Option<&str>,
    ) -> Result<Page<document::Collection>, StoreError> {
        refused()
    }

    async fn document(&self, _: WorkspaceId, _: &str, _: &str, _: Instant) -> Result<document::Document, StoreError> {
        refused()
    }

    async fn documents(
        &self,
        _: WorkspaceId,
        _: &str,
        _: &str,
        _: Instant,
        _: i64,
        _: Option<&str>,
    ) -> Result<Page<document::Document>, StoreError> {
        refused()
    }

    async fn search_documents(
        &self,
        _: WorkspaceId,
        _: &str,
        _: &document::Search,
        _: Instant,
        _: i64,
    ) -> Result<Vec<document::FoundDocument>, StoreError> {
        refused()
    }

    async fn put_document(
        &self,
        _: WorkspaceId,
        _: &document::Document,
    ) -> Result<(document::Document, bool), StoreError> {
        refused()
    }

    async fn append_to_document(
        &self,
        _: WorkspaceId,
        _: &documents::Append,
    ) -> Result<document::Document, StoreError> {
        refused()
    }

    async fn delete_document(&self, _: WorkspaceId, _: &str, _: &str, _: Instant) -> Result<bool, StoreError> {
        refused()
    }

    async fn forget_documents(&self, _: Instant, _: i64) -> Result<u64, StoreError> {
        refused()
    }
}
