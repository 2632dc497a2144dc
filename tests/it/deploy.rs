//! What is below `deploy/` asks for metrics by their names, and a wrong one is silent: the alert never fires, the panel stays
//! empty.
//!
//! What is exported is read from the source: each metric is written in a macro, with its kind and its labels. That this is what comes
//! out, with a word about each, is checked with a server that has worked.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use regex::Regex;
use serde_json::{Value, json};

use crate::support::{
    app::Backend,
    scene::{Scene, line, node},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Texts in which metrics are named as they are.
const TEXTS: [&str; 2] = ["deploy/prometheus/alerts.yml", "deploy/prometheus/alerts_test.yml"];
/// The dashboard, whose queries are JSON strings.
const DASHBOARD: &str = "deploy/grafana/sluicegate.json";
/// Labels that Prometheus gives every series.
const GIVEN: [&str; 2] = ["instance", "job"];

/// A metric, as the source writes it.
#[derive(Debug)]
struct Metric {
    /// As `/metrics` says after `# TYPE`.
    kind: &'static str,
    labels: BTreeSet<String>,
}

/// The metrics that the source writes, by name.
fn metrics() -> BTreeMap<String, Metric> {
    let mut sources = Vec::new();
    read_rust_files(&Path::new(ROOT).join("src"), &mut sources);
    let constant = Regex::new(r#"const ([A-Z_]+): &str = "(sluicegate_[a-z0-9_]+)";"#).unwrap();
    let constants: BTreeMap<String, String> = sources
        .iter()
        .flat_map(|source| constant.captures_iter(source))
        .map(|found| (found[1].to_owned(), found[2].to_owned()))
        .collect();
    let written =
        Regex::new(r#"metrics::(counter|gauge|histogram)!\(\s*(?:"([a-z0-9_]+)"|([A-Z_]+))([^;]*);"#).unwrap();
    let label = Regex::new(r#""([a-z_]+)"\s*=>"#).unwrap();
    let mut metrics: BTreeMap<String, Metric> = BTreeMap::new();
    for found in sources.iter().flat_map(|source| written.captures_iter(source)) {
        let name = match (found.get(2), found.get(3)) {
            (Some(name), _) => name.as_str().to_owned(),
            (None, Some(constant)) => constants[constant.as_str()].clone(),
            (None, None) => unreachable!("one of the two is there"),
        };
        let kind = match &found[1] {
            "counter" => "counter",
            "gauge" => "gauge",
            // `Metrics::install` gives buckets to what ends like this, and to nothing else.
            _ if name.ends_with("_seconds") || name.ends_with("_size") => "histogram",
            _ => "summary",
        };
        let metric = metrics.entry(name).or_insert_with(|| Metric { kind, labels: BTreeSet::new() });
        metric.labels.extend(label.captures_iter(&found[4]).map(|found| found[1].to_owned()));
    }
    metrics
}

fn read_rust_files(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_rust_files(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// The series that these metrics become, with the labels of each.
fn series(metrics: &BTreeMap<String, Metric>) -> BTreeMap<String, BTreeSet<String>> {
    let mut series = BTreeMap::new();
    for (name, Metric { kind, labels }) in metrics {
        let mut add = |suffix: &str, more: Option<&str>| {
            let given = GIVEN.into_iter().chain(more).map(str::to_owned);
            series.insert(format!("{name}{suffix}"), labels.iter().cloned().chain(given).collect());
        };
        match *kind {
            "histogram" => add("_bucket", Some("le")),
            "summary" => add("", Some("quantile")),
            _ => add("", None),
        }
        if matches!(*kind, "histogram" | "summary") {
            add("_sum", None);
            add("_count", None);
        }
    }
    series
}

/// What is wrong with the series that a text names.
fn wrongs(text: &str, series: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    // What stands between quotation marks may have braces of its own: routes do.
    let named = Regex::new(r#"\b(sluicegate_[a-z0-9_]+)(?:\{((?:"[^"]*"|[^"}])*)\})?"#).unwrap();
    let quoted = Regex::new(r#""[^"]*""#).unwrap();
    let label = Regex::new(r"([a-zA-Z_]+)\s*[=!]").unwrap();
    let mut wrongs = Vec::new();
    for found in named.captures_iter(text) {
        let name = &found[1];
        let Some(labels) = series.get(name) else {
            wrongs.push(format!("`{name}` is not exported"));
            continue;
        };
        let asked = found.get(2).map_or("", |labels| labels.as_str());
        for label in label.captures_iter(&quoted.replace_all(asked, "")) {
            if !labels.contains(&label[1]) {
                wrongs.push(format!("`{name}` has no label `{}`", &label[1]));
            }
        }
    }
    wrongs
}

/// How many series a text names.
fn count(text: &str) -> usize {
    text.matches("sluicegate_").count()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All strings of a document, a line each.
fn strings(value: &Value, text: &mut String) {
    match value {
        Value::String(string) => {
            text.push_str(string);
            text.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| strings(item, text)),
        Value::Object(members) => members.values().for_each(|member| strings(member, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn alerts_and_dashboard_ask_for_what_is_exported() {
    let series = series(&metrics());
    let mut dashboard = String::new();
    strings(&serde_json::from_str(&read(DASHBOARD)).unwrap(), &mut dashboard);
    let texts = TEXTS.iter().map(|path| (*path, read(path))).chain([(DASHBOARD, dashboard)]);
    for (path, text) in texts {
        assert!(count(&text) > 5, "{path} names no metrics: is it read rightly?");
        let wrongs = wrongs(&text, &series);
        assert!(wrongs.is_empty(), "{path}:\n{}", wrongs.join("\n"));
    }
}

#[test]
fn the_documents_name_what_is_exported() {
    let metrics = metrics();
    let mut named = series(&metrics);
    // To people a histogram is one thing.
    for name in metrics.keys() {
        named.entry(name.clone()).or_default();
    }
    let path = "docs/operations.md";
    let text = read(path);
    assert!(count(&text) > 5, "{path} names no metrics: is it read rightly?");
    let wrongs = wrongs(&text, &named);
    assert!(wrongs.is_empty(), "{path}:\n{}", wrongs.join("\n"));
}

#[test]
fn the_check_finds_what_is_not_exported() {
    let series = series(&metrics());
    for (text, wrong) in [
        ("rate(sluicegate_requests_total[5m])", "`sluicegate_requests_total` is not exported"),
        ("sluicegate_queue_depth_total > 1", "`sluicegate_queue_depth_total` is not exported"),
        ("sluicegate_flush_batch_size{quantile=\"0.5\"}", "`sluicegate_flush_batch_size` is not exported"),
        ("sluicegate_flush_seconds", "`sluicegate_flush_seconds` is not exported"),
        ("sluicegate_queue_depth{pod=\"a\"}", "`sluicegate_queue_depth` has no label `pod`"),
        (
            "sluicegate_http_requests_total{route=\"/pods/{podId}\", code!~\"5..\"}",
            "`sluicegate_http_requests_total` has no label `code`",
        ),
    ] {
        assert_eq!(wrongs(text, &series), [wrong], "{text}");
    }
    for text in [
        "up{job=\"sluicegate\"} == 0",
        "sum by (le) (rate(sluicegate_flush_seconds_bucket{job=\"a\", instance=~\"b\"}[5m]))",
        "sluicegate_http_request_seconds_bucket{method!=\"DELETE\", route!~\"/a/{b}|.*\", le=\"+Inf\"}",
        "sluicegate_flush_batch_size_bucket{le=\"1\"}",
    ] {
        assert!(wrongs(text, &series).is_empty(), "{text}");
    }
}

#[tokio::test]
async fn the_server_exports_what_its_source_says() {
    let scene = Scene::on(Backend::Sqlite).await;
    let run = scene.run(line([node("one", "transform", json!({"output": {"a": 1}}))]), json!(null)).await;
    run.end().await;
    let text = scene.app.anonymous().without_prefix().get("/metrics").await.text;
    let metrics = metrics();
    let (comments, samples): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    let mut seen = BTreeSet::new();
    for (name, kind) in
        comments.iter().filter_map(|line| line.strip_prefix("# TYPE ")).filter_map(|line| line.split_once(' '))
    {
        let metric = metrics.get(name).unwrap_or_else(|| panic!("{name} is not found in the source"));
        assert_eq!(metric.kind, kind, "{name}");
        seen.insert(name);
    }
    for name in [
        "sluicegate_flush_batch_size",
        "sluicegate_flush_seconds",
        "sluicegate_http_request_seconds",
        "sluicegate_http_requests_total",
        "sluicegate_queue_depth",
        "sluicegate_queue_held",
        "sluicegate_queue_oldest_age_seconds",
        "sluicegate_open_suspensions",
        "sluicegate_timers_late",
        "sluicegate_tasks_queued",
        "sluicegate_tasks_leased",
    ] {
        assert!(seen.contains(name), "{name} is missing:\n{text}");
    }
    let wrongs = wrongs(&samples.join("\n"), &series(&metrics));
    assert!(wrongs.is_empty(), "{}", wrongs.join("\n"));

    // Whoever asks for the growth of a counter needs its value from before the first increment.
    for (name, metric) in metrics.iter().filter(|(_, metric)| metric.kind == "counter") {
        assert!(
            samples.iter().any(|sample| sample.starts_with(name.as_str())),
            "{name} is missing: {:?}",
            metric.labels
        );
    }
    for name in metrics.keys() {
        let help = format!("# HELP {name} ");
        assert!(
            comments.iter().any(|line| line.starts_with(&help) && line.len() > help.len()),
            "{name} says nothing of itself"
        );
    }
}
