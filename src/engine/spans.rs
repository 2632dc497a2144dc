//! From events to spans. What is needed of an attempt or an execution is in the event that records its end, so a server that has seen
//! nothing else of it can tell: nothing is kept for spans, and waiting costs none.

use crate::domain::{
    event::{Event, NodeStatus, NodeUpdateEvent},
    execution::ExecutionOrigin,
    failure::Failure,
    span::{Attribute, Span, SpanKind},
    trace::{SpanId, Trace, attempt_span, execution_span},
};

use super::machine::{
    Machine,
    state::{iteration, scope_of},
};

/// The spans that end with these events, which the machine has folded.
pub(super) fn spans(machine: &Machine, origin: &ExecutionOrigin, events: &[Event]) -> Vec<Span> {
    let Some(trace) = machine.state.trace.as_ref().filter(|trace| trace.sampled) else { return Vec::new() };
    events.iter().filter_map(|event| span(machine, origin, trace, event)).collect()
}

fn span(machine: &Machine, origin: &ExecutionOrigin, trace: &Trace, event: &Event) -> Option<Span> {
    let (status, failure) = match event {
        Event::NodeUpdate(update) => return attempt(machine, origin, trace, update),
        Event::ExecutionComplete(_) => ("completed", None),
        Event::ExecutionFailed(event) => ("failed", Some(&event.error)),
        Event::ExecutionCancelled(_) => ("cancelled", None),
        _ => return None,
    };
    let mut attributes = place(origin);
    attributes.extend([
        ("sluicegate.execution.status", Attribute::Text(status.to_owned())),
        ("sluicegate.execution.triggered_by", Attribute::Text(origin.triggered_by.as_str().to_owned())),
    ]);
    Some(Span {
        trace_id: trace.trace_id,
        span_id: execution_span(origin.id),
        parent_span_id: trace.parent_span_id,
        trace_state: trace.trace_state.clone(),
        kind: SpanKind::Execution,
        name: "execution".to_owned(),
        started_at: origin.created_at,
        ended_at: event.at(),
        failure: failure.map(code),
        attributes,
    })
}

/// The span of an attempt that is over. A result that was taken over or given is none of this execution's.
fn attempt(machine: &Machine, origin: &ExecutionOrigin, trace: &Trace, update: &NodeUpdateEvent) -> Option<Span> {
    let status = match update.status {
        NodeStatus::Completed => "completed",
        NodeStatus::Failed => "failed",
        NodeStatus::Retrying => "retrying",
        NodeStatus::Cancelled => "cancelled",
        NodeStatus::Running | NodeStatus::Suspended | NodeStatus::Skipped => return None,
    };
    let took_ms = update.duration_ms.filter(|_| update.attempt > 0 && !update.reused && !update.pinned)?;
    let address = update.path.as_deref().unwrap_or(&update.node_id);
    let kind = machine.workflow.node(machine.state.run(address)?.node).kind;
    let mut attributes = place(origin);
    attributes.extend([
        ("sluicegate.node.id", Attribute::Text(update.node_id.clone())),
        ("sluicegate.node.type", Attribute::Text(kind.to_owned())),
        ("sluicegate.node.status", Attribute::Text(status.to_owned())),
        ("sluicegate.node.attempt", Attribute::Number(update.attempt)),
    ]);
    if let Some(path) = &update.path {
        attributes.push(("sluicegate.node.path", Attribute::Text(path.clone())));
    }
    Some(Span {
        trace_id: trace.trace_id,
        span_id: attempt_span(origin.id, address, update.attempt),
        parent_span_id: Some(above(machine, origin, address)),
        trace_state: trace.trace_state.clone(),
        kind: SpanKind::Attempt,
        name: format!("{kind} {}", update.node_id),
        started_at: update.at.plus_ms(-took_ms.max(0)),
        ended_at: update.at,
        failure: update.error.as_ref().map(code),
        attributes,
    })
}

/// The attempt of the loop that an iteration belongs to; at the top level, the execution.
fn above(machine: &Machine, origin: &ExecutionOrigin, address: &str) -> SpanId {
    let around = iteration(scope_of(address)).map(|(loop_at, _)| loop_at);
    let run = around.and_then(|loop_at| Some((loop_at, machine.state.run(loop_at)?.attempt)));
    run.map_or_else(|| execution_span(origin.id), |(loop_at, attempt)| attempt_span(origin.id, loop_at, attempt))
}

fn place(origin: &ExecutionOrigin) -> Vec<(&'static str, Attribute)> {
    vec![
        ("sluicegate.workspace.id", Attribute::Text(origin.workspace_id.to_string())),
        ("sluicegate.pod.id", Attribute::Text(origin.pod_id.to_string())),
        ("sluicegate.workflow.id", Attribute::Text(origin.workflow_id.to_string())),
        ("sluicegate.workflow.version", Attribute::Number(origin.workflow_version)),
        ("sluicegate.execution.id", Attribute::Text(origin.id.to_string())),
    ]
}

fn code(failure: &Failure) -> String {
    failure.code.as_str().to_owned()
}
