//! `sluicegate conformance`: passes against this server, and names what is broken about others.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    Shell, alone,
    broken::{Broken, Fault, POD, WORKSPACE},
};
use crate::support::process::Site;

/// The outcome per rule.
fn outcomes(report: &Value) -> BTreeMap<&str, &str> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| (finding["rule"].as_str().unwrap(), finding["outcome"].as_str().unwrap())).collect()
}

fn rules() -> Vec<&'static str> {
    sluicegate::conformance::RULES.iter().map(|rule| rule.id).collect()
}

async fn passes(shell: &Shell) {
    let arguments = [
        "conformance",
        "--heartbeat",
        "1s",
        "--wait-close",
        "20s",
        "--patience",
        "15s",
        "--seed",
        "11",
        "--cuts",
        "4",
        "--json",
    ];
    let report = shell.run(&arguments).await.json(0);
    assert_eq!((&report["passed"], &report["seed"]), (&true.into(), &11.into()));
    let told: Vec<&str> = report["findings"].as_array().unwrap().iter().map(|f| f["rule"].as_str().unwrap()).collect();
    assert_eq!(told, rules(), "every rule, in the order of the document");
    assert!(outcomes(&report).values().all(|outcome| *outcome == "passed"), "{report:#}");
    let waiting = shell.run(&["executions", "--status", "suspended,running,queued", "--json"]).await.json(0);
    assert_eq!(waiting, Value::Array(Vec::new()), "nothing stays behind");
}

const SHORT: [&str; 4] = ["--stream-heartbeat", "1s", "--stream-max-duration", "3s"];

#[tokio::test]
async fn this_server_keeps_the_contract_on_sqlite() {
    let shell = Shell::at(&Site::sqlite().await, &SHORT).await;
    passes(&shell).await;
    // The second time it finds its workflow.
    let again = shell.run(&["conformance", "--heartbeat", "1s", "--patience", "15s", "--cuts", "1"]).await;
    let out = again.expect(0);
    assert!(out.contains("24 passed, 0 failed, 1 skipped"), "{out}");
    assert!(out.contains("skipped  announced-close") && out.contains("--wait-close"), "{out}");
    let list = shell.run(&["executions", "--workflow", "Stream conformance", "--json"]).await.json(0);
    assert_eq!(list.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn this_server_keeps_the_contract_on_postgres() {
    passes(&Shell::at(&Site::postgres().await, &SHORT).await).await;
}

#[tokio::test]
async fn broken_servers_are_told_what_they_break() {
    // The small server has no streams of pods and of the inbox.
    const MISSING: [&str; 2] = ["inbox-stream", "pod-stream"];
    let faults: [(Fault, &[&str]); 18] = [
        (Fault::None, &[]),
        (Fault::LeavesOneOut, &["dense"]),
        (Fault::SendsOneTwice, &["once"]),
        (Fault::SwapsTwo, &["order"]),
        (Fault::NeverSaysTheEnd, &["one-end", "dense", "live"]),
        (Fault::ClosesWithoutAWord, &["announced-close", "open-while-suspended"]),
        (Fault::HoldsBack, &["first-bytes"]),
        (Fault::WritesOtherBytes, &["same-bytes"]),
        (Fault::NamesTheEvent, &["framing"]),
        (Fault::NeverBeats, &["heartbeat"]),
        (Fault::ForgetsAHeader, &["headers"]),
        (Fault::ForgetsTheCursor, &["resume-header", "resume-query"]),
        (Fault::NumbersFiltered, &["types"]),
        (Fault::StartsAgainAtTheEnd, &["after-end"]),
        (Fault::TakesAnyCursor, &["beyond-end"]),
        (Fault::LetsAnybodyIn, &["refusals"]),
        (Fault::EndsAtTheGate, &["open-while-suspended", "announced-close"]),
        (Fault::IsLate, &["live"]),
    ];
    let mut checks = JoinSet::new();
    for (fault, expected) in faults {
        checks.spawn(async move {
            let server = Broken::start(fault).await;
            // Nobody knows how busy the machine is: what is in order may take its time.
            let patience = if fault == Fault::None { "10s" } else { "1s" };
            let ran = alone(&[
                "conformance",
                "--url",
                &server.url,
                "--key",
                "any",
                "--workspace",
                WORKSPACE,
                "--pod",
                POD,
                "--heartbeat",
                "200ms",
                "--wait-close",
                "5s",
                "--patience",
                patience,
                "--cuts",
                "1",
                "--seed",
                "3",
                "--json",
            ])
            .await;
            let report = ran.json(1);
            let failed: Vec<&str> = outcomes(&report)
                .into_iter()
                .filter(|(_, outcome)| *outcome == "failed")
                .map(|(rule, _)| rule)
                .collect();
            for rule in expected.iter().chain(&MISSING) {
                assert!(failed.contains(rule), "{fault:?} has to fail {rule}: {report:#}");
            }
            if fault == Fault::None {
                assert_eq!(failed, MISSING, "{report:#}");
            }
        });
    }
    while let Some(checked) = checks.join_next().await {
        checked.unwrap();
    }
}

#[tokio::test]
async fn what_fails_is_told_with_its_evidence_and_its_rule() {
    let server = Broken::start(Fault::LeavesOneOut).await;
    let ran = alone(&[
        "conformance",
        "--url",
        &server.url,
        "--key",
        "any",
        "--workspace",
        WORKSPACE,
        "--pod",
        POD,
        "--heartbeat",
        "200ms",
        "--patience",
        "2s",
        "--cuts",
        "0",
    ])
    .await;
    let out = ran.expect(1);
    assert!(out.contains("failed   dense: the log has 14 events, and these did not come: [4]"), "{out}");
    assert!(out.contains("Positions have no gaps (docs/stream-contract.md#dense)"), "{out}");
    let nobody = alone(&["conformance", "--url", "http://127.0.0.1:9", "--workspace", WORKSPACE, "--pod", POD]).await;
    nobody.expect(1);
    assert!(nobody.stderr.contains("can't be reached"), "{nobody:?}");
}
