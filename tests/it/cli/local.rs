//! `sluicegate run`, through pipes: plain lines, no prompts, documented exit codes, and nothing left behind.

use serde_json::Value;
use tempfile::TempDir;

use super::{Ran, binary, example, ran, write};

const ORDER: &str = r#"{"order":"A-1","amount":250}"#;

/// Runs in a folder for temporary files of its own, which has to be empty afterwards.
async fn run(arguments: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let ran = ran(binary().arg("run").args(arguments).env("TMPDIR", folder.path())).await;
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
    ran
}

fn file(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "flow.yaml", text);
    (folder, path)
}

#[tokio::test]
async fn a_pipe_gets_plain_lines_and_no_prompt() {
    let ran = run(&[&example("approval"), "--follow", "--input", ORDER]).await;
    let out = ran.expect(5);
    assert!(out.contains("review  asks: Release 250 EUR for order A-1?"), "{out}");
    assert!(out.contains("--answer review=approved") && out.contains("--wait"), "it says how to answer: {out}");
    assert!(!out.contains('\u{1b}') && !out.contains("Your decision"), "{out}");
    assert_eq!(ran.stderr, "");
}

#[tokio::test]
async fn answers_may_be_given_in_advance() {
    let file = example("approval");
    for (answer, expected) in [
        ("review=approved", "\"approvedBy\": \"operator\""),
        (r#"review={"approved":false,"reason":"no"}"#, "\"reason\": \"no\""),
    ] {
        let ran = run(&[&file, "--input", ORDER, "--answer", answer]).await;
        assert!(ran.expect(0).contains(expected), "{ran:?}");
        assert!(!ran.stdout.contains("asks"), "without --follow there is the output and nothing else");
    }
    let wrong = run(&[&file, "--input", ORDER, "--answer", "review=perhaps"]).await;
    wrong.expect(5);
    assert!(wrong.stderr.contains("there is no action `perhaps`"), "{wrong:?}");
    run(&[&file, "--answer", "review"]).await.expect(1);
}

/// The program has triggered it, and the person decides.
#[tokio::test]
async fn a_block_of_self_approval_does_not_shut_out_the_person() {
    let (_folder, own) = file(
        "nodes:\n  - { id: start, type: start }\n  - { id: gate, type: approval-gate, data: { message: Go?, allowSelfApproval: false } }\n  - { id: end, type: end, data: { output: \"{{ gate.by }}\" } }\nedges: [{ source: start, target: gate }, { source: gate, target: end, sourceHandle: approved }]\n",
    );
    assert_eq!(run(&[&own, "--answer", "gate=approved"]).await.expect(0), "\"operator\"");
}

#[tokio::test]
async fn json_is_events_and_nothing_else() {
    let ran = run(&[&example("approval"), "--json", "--input", ORDER]).await;
    let events: Vec<Value> = ran.expect(5).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(events.iter().any(|event| event["interrupt"]["nodeId"] == "review"));
    assert!(ran.stderr.contains("--answer review=approved"), "{ran:?}");
    let ran = run(&[&example("linear"), "--json"]).await;
    let last: Value = serde_json::from_str(ran.expect(0).lines().last().unwrap()).unwrap();
    assert_eq!(last["type"], "execution_complete");
}

#[tokio::test]
async fn what_ends_otherwise_has_a_code_of_its_own() {
    let (_folder, failing) = file(
        "nodes:\n  - { id: start, type: start }\n  - { id: bad, type: transform, data: { transformScript: \"1 / 0\" } }\n  - { id: end, type: end }\nedges: [{ source: start, target: bad }, { source: bad, target: end }]\n",
    );
    let failed = run(&[&failing]).await;
    failed.expect(3);
    assert!(failed.stderr.contains("the execution failed"), "{failed:?}");
    let (_folder, waiting) = file(
        "nodes:\n  - { id: start, type: start }\n  - { id: rest, type: wait, data: { duration: 1h } }\n  - { id: end, type: end }\nedges: [{ source: start, target: rest }, { source: rest, target: end }]\n",
    );
    let late = run(&[&waiting, "--follow", "--timeout", "500ms"]).await;
    assert!(late.expect(6).contains("rest  suspended until"), "{late:?}");
    let (_folder, wrong) = file("nodes:\n  - { id: start, type: start }\n  - { id: x, type: nonsense }\nedges: []\n");
    let wrong = run(&[&wrong]).await;
    wrong.expect(1);
    assert!(wrong.stderr.contains("flow.yaml:3: ") && wrong.stderr.contains("nonsense"), "{wrong:?}");
    run(&["missing.yaml"]).await.expect(1);
    run(&[]).await.expect(2);
}

/// Nobody answers, and a timer of another branch and the expiry are still to come.
#[tokio::test]
async fn it_waits_for_what_comes_by_itself() {
    let text = |expiry: &str| {
        format!(
            "nodes:
  - {{ id: start, type: start }}
  - {{ id: ask, type: ask-human, data: {{ question: Well?, expiresIn: 1s, onExpiry: default, defaultAnswer: fine }} }}
  - {{ id: rest, type: wait, data: {{ duration: {expiry} }} }}
  - {{ id: all, type: merge }}
  - {{ id: end, type: end, data: {{ output: \"{{{{ ask.answer }}}}\" }} }}
edges:
  - {{ source: start, target: ask }}
  - {{ source: start, target: rest }}
  - {{ source: ask, target: all }}
  - {{ source: rest, target: all }}
  - {{ source: all, target: end }}
"
        )
    };
    let (_folder, path) = file(&text("100ms"));
    let waited = run(&[&path, "--wait"]).await;
    assert_eq!(waited.expect(0), "\"fine\"");
    assert!(waited.stderr.contains("export SLUICEGATE_URL=http://127.0.0.1:"), "it says where to answer: {waited:?}");
    let (_folder, path) = file(&text("2s"));
    let waited = run(&[&path]).await;
    assert_eq!(waited.expect(0), "\"fine\"", "while a timer runs it is not stuck");
}
