//! What a definition says beside its graph: settings and metadata, checked and compiled.

use serde_json::{Map, Value};

use crate::{
    domain::{
        admission::Concurrency,
        definition::{MAX_RETENTION_DAYS, Problem, Retention, Settings},
    },
    expression::Template,
    nodes::{
        CompiledConcurrency, common,
        config::{no_secrets_here, reads_secrets},
        schema,
    },
};

const MAX_PRIORITY: i32 = 100;
const MAX_CONCURRENCY: i64 = 10_000;
const MAX_METADATA_BYTES: usize = 512 * 1024;

pub(super) fn check_settings(settings: &Settings, problems: &mut Vec<Problem>) {
    let mut report = |field: &str, message: String| {
        problems.push(Problem { path: format!("/settings/{field}"), message, node_id: None, edge_id: None });
    };
    let longest = common::MAX_TIMEOUT_MS;
    if settings.timeout_ms.is_some_and(|ms| !(1..=longest).contains(&ms)) {
        report("timeoutMs", format!("`timeoutMs` must be between 1 and {longest} (30 days)"));
    }
    if settings.priority.is_some_and(|priority| !(-MAX_PRIORITY..=MAX_PRIORITY).contains(&priority)) {
        report("priority", format!("`priority` must be between -{MAX_PRIORITY} and {MAX_PRIORITY}"));
    }
    if settings.concurrency.as_ref().is_some_and(|concurrency| !(1..=MAX_CONCURRENCY).contains(&concurrency.limit)) {
        report("concurrency/limit", format!("`limit` must be between 1 and {MAX_CONCURRENCY}"));
    }
    if settings.dedupe.is_some_and(|dedupe| !(1_000..=longest).contains(&dedupe.window_ms)) {
        report("dedupe/windowMs", format!("`windowMs` must be between 1000 and {longest} (30 days)"));
    }
    if let Some(Retention { days: Some(days) }) = settings.retention
        && !(1..=MAX_RETENTION_DAYS).contains(&days)
    {
        report("retention/days", format!("`days` must be between 1 and {MAX_RETENTION_DAYS}, or null for ever"));
    }
}

pub(super) fn check_metadata(metadata: &Map<String, Value>, problems: &mut Vec<Problem>) {
    let mut report = |message: String| {
        problems.push(Problem { path: "/metadata".to_owned(), message, node_id: None, edge_id: None });
    };
    if !metadata.values().all(|value| schema::fits_depth(value, schema::MAX_VALUE_DEPTH)) {
        report(format!("`metadata` nests deeper than {} levels", schema::MAX_VALUE_DEPTH));
    } else if serde_json::to_string(metadata).map_or(0, |text| text.len()) > MAX_METADATA_BYTES {
        report(format!("`metadata` is larger than {MAX_METADATA_BYTES} bytes"));
    }
}

pub(super) fn compile_concurrency(
    settings: Option<&Concurrency>,
    problems: &mut Vec<Problem>,
) -> Option<CompiledConcurrency> {
    let Concurrency { limit, key, on_limit } = settings?;
    let mut report = |message: String| {
        problems.push(Problem { path: "/settings/concurrency/key".to_owned(), message, node_id: None, edge_id: None });
    };
    let key = key.as_deref().map(Template::compile).transpose();
    let key = key.map_err(|error| report(format!("`key` is no template: {error}"))).ok()?;
    if key.as_ref().is_some_and(|key| reads_secrets(key.all_paths())) {
        report(no_secrets_here());
        return None;
    }
    Some(CompiledConcurrency { limit: *limit, key, on_limit: *on_limit })
}
