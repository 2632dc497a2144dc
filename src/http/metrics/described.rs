//! What each metric says, and the counters that are there from the start.
//!
//! A counter that appears with its first increment hides that increment: whoever asks for the growth of a series sees none before its
//! second value. So counters begin at zero, with each value of their one label.

use metrics::Unit;

use super::{REQUEST_SECONDS, REQUESTS};
use crate::domain::{schedule::SlotOutcome, webhook::Verdict};

const GAUGES: [(&str, &str); 9] = [
    ("sluicegate_queue_depth", "Executions that wait in the queue, in all workspaces"),
    ("sluicegate_queue_held", "Executions among them that wait for room under a limit"),
    ("sluicegate_queue_oldest_age_seconds", "How long the oldest of them has waited"),
    ("sluicegate_open_suspensions", "Questions that wait for an answer"),
    ("sluicegate_timers_late", "Timers whose instant is past"),
    ("sluicegate_tasks_queued", "Tasks that wait for a worker"),
    ("sluicegate_tasks_leased", "Tasks that a worker has"),
    (
        "sluicegate_retention_behind_seconds",
        "How long ago the next execution to be removed should have been, where this server removes",
    ),
    ("sluicegate_open_streams", "Event streams that are open at this server"),
];

const COUNTERS: [(&str, &str); 9] = [
    ("sluicegate_flush_failures_total", "Batches that the database did not take"),
    (
        "sluicegate_instance_leases_lost_total",
        "How often this server was silent for so long that it was taken for dead",
    ),
    ("sluicegate_task_leases_expired_total", "Leases of tasks that ran out, because a worker was not heard of"),
    ("sluicegate_taken_over_total", "Executions taken over from servers that are gone"),
    ("sluicegate_repairs_total", "Executions that nothing would have woken, found by the reconciler"),
    ("sluicegate_executions_removed_total", "Executions removed because they were kept for long enough"),
    ("sluicegate_schedule_repairs_total", "Schedules whose next slot was not what their definition says"),
    ("sluicegate_spans_sent_total", "Spans that the collector of traces has taken"),
    ("sluicegate_spans_dropped_total", "Spans that it has not, or for which there was no room"),
];

const RESULTS: [&str; 3] = ["delivered", "retried", "failed"];
const OUTCOMES: [&str; 3] = ["done", "failed", "skipped"];

/// Tells the recorder, once.
pub(super) fn describe() {
    metrics::describe_counter!(REQUESTS, "Requests by method, route and status");
    metrics::describe_histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "Seconds until the head of the response, event streams apart"
    );
    metrics::describe_histogram!("sluicegate_flush_seconds", Unit::Seconds, "How long the database took for a batch");
    metrics::describe_histogram!("sluicegate_flush_batch_size", "Commits in a batch");
    for (name, meaning) in GAUGES {
        metrics::describe_gauge!(name, meaning);
        metrics::gauge!(name).set(0.0);
    }
    for (name, meaning) in COUNTERS {
        metrics::describe_counter!(name, meaning);
        metrics::counter!(name).absolute(0);
    }
    labelled("sluicegate_notifications_total", "Attempts to send a message", "result", &RESULTS);
    labelled("sluicegate_bulk_items_total", "Items of bulk jobs that were settled", "outcome", &OUTCOMES);
    let outcomes = SlotOutcome::ALL.map(SlotOutcome::as_str);
    labelled("sluicegate_schedule_slots_total", "Slots of schedules that were settled", "outcome", &outcomes);
    let verdicts = Verdict::ALL.map(Verdict::as_str);
    labelled("sluicegate_webhook_deliveries_total", "Deliveries to webhooks", "verdict", &verdicts);
}

fn labelled(name: &'static str, meaning: &'static str, label: &'static str, values: &[&'static str]) {
    metrics::describe_counter!(name, meaning);
    for value in values {
        metrics::counter!(name, label => *value).absolute(0);
    }
}
