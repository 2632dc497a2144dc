//! Commands that call a server.

use serde_json::Value;

use super::{Shell, alone};

const ORDER: &str = r#"{"order":"A-1","amount":250}"#;
const APPROVAL: &str = "Approval with parallel branches";

#[tokio::test]
async fn an_execution_is_triggered_followed_approved_replayed_and_cancelled() {
    let shell = Shell::new(&[]).await;
    shell.import("approval").await;
    let id = shell.run(&["trigger", APPROVAL, "--input", ORDER]).await.expect(0).to_owned();
    shell.until_suspended(&id).await;

    let list = shell.run(&["executions", "--status", "suspended"]).await;
    assert!(list.expect(0).contains(&id) && list.stdout.contains(APPROVAL), "{list:?}");
    let left = shell.run(&["follow", &id, "--timeout", "300ms"]).await;
    assert!(left.expect(6).contains("review  asks: Release 250 EUR for order A-1?"), "{left:?}");
    assert!(left.stdout.contains(&format!("sluicegate approve {id} --node review")), "it says how to answer");
    assert!(!left.stdout.contains('\u{1b}'), "no escape codes in a pipe");

    shell.run(&["approve", &id, "--reason", "in stock"]).await.expect(0);
    let followed = shell.run(&["follow", &id]).await;
    assert!(followed.expect(0).contains("execution completed"), "{followed:?}");
    assert!(followed.stdout.contains("\"shipped\": true"), "the output comes last");
    let late = shell.run(&["reject", &id, "--reason", "too late"]).await;
    late.expect(1);
    assert!(late.stderr.contains("409"), "{late:?}");

    let plan = shell.run(&["replay", &id, "--from", "review", "--dry-run"]).await;
    let row = |node: &str| plan.stdout.lines().find(|line| line.starts_with(node)).unwrap_or_default().to_owned();
    assert!(
        plan.expect(0).contains("WHY") && row("check").contains("reuse") && row("review").contains("run"),
        "{plan:?}"
    );
    let again = shell.run(&["replay", &id, "--from", "review"]).await.expect(0).to_owned();
    shell.until_suspended(&again).await;
    let cancelled = shell.run(&["cancel", &again]).await;
    assert!(cancelled.expect(0).contains("the execution is cancelled"), "{cancelled:?}");
    assert!(cancelled.stdout.contains("stopped: node review"), "{cancelled:?}");
    shell.run(&["follow", &again]).await.expect(4);

    let retried = shell.run(&["retry", &id, "--json"]).await.json(0);
    let id = retried["id"].as_str().unwrap().to_owned();
    shell.until_suspended(&id).await;
    shell.run(&["reject", &id, "--node", "review", "--reason", "no"]).await.expect(0);
    let followed = shell.run(&["follow", &id]).await;
    assert!(followed.expect(0).contains("\"reason\": \"no\""), "{followed:?}");
    let pinned =
        shell.run(&["replay", &id, "--pin", r#"review={"reason":"pinned"}"#, "--dry-run", "--json"]).await.json(0);
    let node = pinned["nodes"].as_array().unwrap().iter().find(|node| node["nodeId"] == "review").unwrap();
    assert!(node["action"].as_str().unwrap().contains("pin"), "{node}");
}

#[tokio::test]
async fn json_is_what_the_server_says() {
    let shell = Shell::new(&[]).await;
    shell.import("linear").await;
    let input = shell.file("input.json", r#"{"items":[{"price":3},{"price":4}]}"#);
    let followed = shell.run(&["trigger", "linear", "--input", &format!("@{input}"), "--follow", "--json"]).await;
    let events: Vec<Value> = followed.expect(0).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seqs: Vec<i64> = events.iter().map(|event| event["seq"].as_i64().unwrap()).collect();
    assert_eq!(seqs, (1..=events.len() as i64).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap()["output"]["text"], "2 items for 7");

    let list = shell.run(&["executions", "--workflow", "Linear", "--json"]).await.json(0);
    assert_eq!(list.as_array().unwrap().len(), 1);
    let id = list[0]["id"].as_str().unwrap();
    let late = shell.run(&["follow", id, "--after", "2", "--types", "node_update", "--json"]).await;
    let late: Vec<Value> = late.expect(0).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wanted: Vec<&Value> = events
        .iter()
        .filter(|event| {
            event["seq"].as_i64() > Some(2) && (event["type"] == "node_update" || event["type"] == "execution_complete")
        })
        .collect();
    assert_eq!(late.iter().collect::<Vec<_>>(), wanted);
    let last = events.len().to_string();
    let nothing = shell.run(&["follow", id, "--after", &last]).await;
    assert!(nothing.expect(0).contains("2 items for 7"), "who comes after the end gets the output");
}

#[tokio::test]
async fn exit_codes_tell_how_an_execution_ended() {
    let shell = Shell::new(&[]).await;
    let failing = shell.file(
        "failing.yaml",
        "nodes:\n  - { id: start, type: start }\n  - { id: bad, type: transform, data: { transformScript: \"1 / 0\" } }\n  - { id: end, type: end }\nedges:\n  - { source: start, target: bad }\n  - { source: bad, target: end }\n",
    );
    shell.run(&["import", &failing]).await.expect(0);
    let failed = shell.run(&["trigger", "failing", "--follow"]).await;
    assert!(failed.expect(3).contains("execution failed"), "{failed:?}");
    shell.import("linear").await;
    shell.run(&["trigger", "Linear", "--dedupe-key", "a", "--follow"]).await.expect(0);
    let skipped = shell.run(&["trigger", "Linear", "--dedupe-key", "a", "--follow"]).await;
    assert!(skipped.expect(7).contains("execution skipped"), "{skipped:?}");
}

#[tokio::test]
async fn mistakes_are_told_with_what_to_do() {
    let shell = Shell::new(&[]).await;
    shell.import("linear").await;
    for (arguments, code, told) in [
        (&["trigger", "nothing"][..], 1, "there is no workflow `nothing` in this pod; there are: `Linear`"),
        (&["trigger", "Linear", "--input", "{"], 1, "`{` is no JSON"),
        (&["trigger", "Linear", "--input", "@missing.json"], 1, "missing.json"),
        (&["trigger"], 2, "<WORKFLOW>"),
        (&["follow", "abc"], 1, "`abc` is no execution's id"),
        (&["follow", "00000000-0000-7000-8000-000000000000"], 1, "404 not_found"),
        (&["executions", "--pod", "other"], 1, "there is no pod `other`; there are: main"),
        (&["executions", "--key", "slg_wrong"], 1, "name a key with --key or SLUICEGATE_API_KEY"),
        (&["executions", "--url", "nonsense"], 1, "is not the address of a server"),
        (&["executions", "--sideways"], 2, "--sideways"),
    ] {
        let ran = shell.run(arguments).await;
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.stderr.contains(told), "{arguments:?}: {ran:?}");
    }
    let missing = shell.command(&["executions"]).env_remove("SLUICEGATE_API_KEY").output().await.unwrap();
    assert!(String::from_utf8_lossy(&missing.stderr).contains("401"), "{missing:?}");
    // Nobody listens at the port of discarded things.
    let away = alone(&["executions", "--url", "http://127.0.0.1:9"]).await;
    away.expect(1);
    assert!(away.stderr.contains("can't be reached"), "{away:?}");
}

#[tokio::test]
async fn several_questions_are_told_apart() {
    let shell = Shell::new(&[]).await;
    let two = shell.file(
        "two.yaml",
        "nodes:
  - { id: start, type: start }
  - { id: a, type: ask-human, data: { question: Which? } }
  - { id: b, type: approval-gate, data: { message: Go on?, actions: [{ id: go, label: Go }, { id: wait, label: Wait }] } }
  - { id: c, type: ask-human, data: { question: How many?, form: { type: object, required: [n], properties: { n: { type: integer } } } } }
  - { id: all, type: merge }
  - { id: end, type: end, data: { output: { a: \"{{ a.answer }}\", b: \"{{ b.action }}\", c: \"{{ c.data.n }}\" } } }
edges:
  - { source: start, target: a }
  - { source: start, target: b }
  - { source: start, target: c }
  - { source: a, target: all }
  - { source: b, target: all, sourceHandle: go }
  - { source: b, target: all, sourceHandle: wait }
  - { source: c, target: all }
  - { source: all, target: end }
",
    );
    shell.run(&["import", &two]).await.expect(0);
    let id = shell.run(&["trigger", "two"]).await.expect(0).to_owned();
    shell.until_suspended(&id).await;
    let ambiguous = shell.run(&["approve", &id]).await;
    ambiguous.expect(1);
    assert!(ambiguous.stderr.contains("--suspension") && ambiguous.stderr.contains("a: Which?"), "{ambiguous:?}");
    shell.run(&["answer", &id, "the red one", "--node", "a"]).await.expect(0);
    shell.run(&["answer", &id, "--action", "wait", "--node", "b"]).await.expect(0);
    let wrong = shell.run(&["answer", &id, "--data", r#"{"n":"x"}"#, "--node", "c"]).await;
    wrong.expect(1);
    assert!(wrong.stderr.contains("/data/n"), "{wrong:?}");
    shell.run(&["answer", &id]).await.expect(1);
    let answered = shell.run(&["answer", &id, "--data", r#"{"n":3}"#, "--json"]).await.json(0);
    assert_eq!(answered["id"], id.as_str());
    let followed = shell.run(&["follow", &id, "--json"]).await;
    let last: Value = serde_json::from_str(followed.expect(0).lines().last().unwrap()).unwrap();
    assert_eq!(last["output"], serde_json::json!({"a": "the red one", "b": "wait", "c": 3}));
}

/// A reader that goes away is no failure to be told of.
#[tokio::test]
async fn a_closed_pipe_ends_the_command_quietly() {
    let shell = Shell::new(&[]).await;
    shell.import("approval").await;
    let script = "set -o pipefail; \"$0\" follow \"$1\" --json | head -n 1 >/dev/null; echo \"${PIPESTATUS[0]}\"";
    let id = shell.run(&["trigger", APPROVAL, "--input", ORDER]).await.expect(0).to_owned();
    shell.until_suspended(&id).await;
    let mut bash = tokio::process::Command::new("bash");
    bash.args(["-c", script, env!("CARGO_BIN_EXE_sluicegate"), &id])
        .env("SLUICEGATE_URL", shell.server.address())
        .env("SLUICEGATE_API_KEY", &shell.server.site.key)
        .kill_on_drop(true)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let running = bash.spawn().unwrap();
    // The first events are written at once; those after the answer find nobody.
    shell.run(&["approve", &id]).await.expect(0);
    let output = tokio::time::timeout(super::PATIENCE, running.wait_with_output()).await.expect("it ends").unwrap();
    let (code, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(["0", "141"].contains(&code.trim()) && told.is_empty(), "{code} {told}");
}
