//! `sluicegate run` in a terminal: a live view, and questions put to the person who sits there.

use std::process::Command;

use tempfile::TempDir;

use super::{example, write};
use crate::support::terminal::Terminal;

const FORM: &str = "nodes:
  - { id: start, type: start }
  - id: ask
    type: approval-gate
    data:
      title: Payment
      message: Pay {{ input.to }}?
      context: { account: { iban: DE00 }, amount: 12 }
      requireReason: true
      form:
        type: object
        required: [limit, speed]
        properties:
          limit: { type: integer, title: Limit, minimum: 10 }
          speed: { enum: [slow, fast] }
          urgent: { type: boolean, default: true }
          note: { type: string, maxLength: 5 }
  - { id: no, type: end, data: { output: { reason: \"{{ ask.reason }}\" } } }
  - { id: end, type: end, data: { output: \"{{ ask.data }}\" } }
edges:
  - { source: start, target: ask }
  - { source: ask, target: end, sourceHandle: approved }
  - { source: ask, target: no, sourceHandle: rejected }
";

fn start(arguments: &[&str]) -> (Terminal, TempDir) {
    let temporary = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluicegate"));
    command.arg("run").args(arguments).env("TMPDIR", temporary.path()).env_remove("NO_COLOR");
    (Terminal::start(command), temporary)
}

fn nothing_left(temporary: &TempDir) {
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn the_example_asks_and_goes_on() {
    let (mut terminal, temporary) =
        start(&[&example("approval"), "--follow", "--input", r#"{"order":"A-1","amount":250}"#]);
    let before = terminal.until("Your decision: ");
    assert!(before.contains("── Order A-1 ──") && before.contains("Release 250 EUR for order A-1?"), "{before}");
    assert!(before.contains("Amount: 250") && before.contains("(expires in 7 days)"), "the context is shown: {before}");
    assert!(before.contains("\u{1b}[32m✓ check"), "what is done stands above, in colour: {before}");
    terminal.send("perhaps");
    terminal.until("! answer with a number");
    terminal.until("Your decision: ");
    terminal.send("1");
    let (code, after) = terminal.end();
    assert_eq!(code, 0, "{after}");
    assert!(after.contains("✓ execution completed") && after.contains("\"shipped\": true"), "{after}");
    nothing_left(&temporary);
}

#[test]
fn a_form_is_asked_field_by_field_until_it_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "form.yaml", FORM);
    let (mut terminal, temporary) = start(&[&path, "--input", r#"{"to":"Bob \u001b[31m"}"#]);
    let asked = terminal.until("Your decision: ");
    assert!(asked.contains("Pay Bob \u{fffd}[31m?"), "what comes from outside can't paint: {asked}");
    assert!(asked.contains("Iban: DE00"), "{asked}");
    terminal.send("approve");
    terminal.until("Limit (At least 10.): ");
    terminal.send("");
    terminal.until("! this is needed");
    terminal.until("Limit (At least 10.): ");
    terminal.send("many");
    terminal.until("  ! ");
    terminal.until("Limit (At least 10.): ");
    terminal.send("5");
    terminal.until("  ! ");
    terminal.until("Limit (At least 10.): ");
    terminal.send("50");
    terminal.until("Your choice: ");
    terminal.send("fa");
    terminal.until("Note (At most 5 characters.) [none]: ");
    terminal.send("too long");
    terminal.until("  ! ");
    terminal.until("Note (At most 5 characters.) [none]: ");
    terminal.send("");
    terminal.until("Urgent [Y/n]: ");
    terminal.send("n");
    let (code, after) = terminal.end();
    assert_eq!(code, 0, "{after}");
    let json = after[after.find('{').unwrap()..].replace("\r\n", "\n");
    let output: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(output, serde_json::json!({"limit": 50, "speed": "fast", "urgent": false}));
    nothing_left(&temporary);
}

#[test]
fn a_rejection_needs_its_reason_and_no_form() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "form.yaml", FORM);
    let (mut terminal, _temporary) = start(&[&path, "--input", r#"{"to":"Bob"}"#]);
    terminal.until("Your decision: ");
    terminal.send("2");
    terminal.until("Reason (Needed to reject.)");
    terminal.send("");
    terminal.until("  ! ");
    terminal.until("Reason (Needed to reject.)");
    terminal.send("not him");
    let (code, after) = terminal.end();
    assert_eq!(code, 0, "{after}");
    assert!(after.contains("\"reason\": \"not him\""), "{after}");
}

#[test]
fn questions_of_branches_come_one_after_another() {
    let folder = tempfile::tempdir().unwrap();
    let text = "nodes:
  - { id: start, type: start }
  - { id: a, type: ask-human, data: { question: First?, choices: [red, blue] } }
  - { id: b, type: ask-human, data: { question: Second? } }
  - { id: all, type: merge }
  - { id: end, type: end, data: { output: \"{{ a.answer }} {{ b.answer }}\" } }
edges:
  - { source: start, target: a }
  - { source: start, target: b }
  - { source: a, target: all }
  - { source: b, target: all }
  - { source: all, target: end }
";
    let path = write(&folder, "two.yaml", text);
    let (mut terminal, _temporary) = start(&[&path, "--follow", "--no-color"]);
    terminal.until("First?");
    terminal.until("Your choice: ");
    terminal.send("blue");
    terminal.until("Second?");
    terminal.until("Your answer: ");
    terminal.send("indeed");
    let (code, after) = terminal.end();
    assert_eq!(code, 0, "{after}");
    assert!(after.contains("\"blue indeed\""), "{after}");
    assert!(!after.contains("\u{1b}[32m"), "no colours: {after}");
}

#[test]
fn an_expiry_ends_a_question_that_nobody_answers() {
    let folder = tempfile::tempdir().unwrap();
    let text = "nodes:
  - { id: start, type: start }
  - { id: a, type: ask-human, data: { question: Well?, expiresIn: 1s, onExpiry: default, defaultAnswer: silence } }
  - { id: end, type: end, data: { output: \"{{ a.answer }}\" } }
edges: [{ source: start, target: a }, { source: a, target: end }]
";
    let path = write(&folder, "late.yaml", text);
    let (mut terminal, _temporary) = start(&[&path, "--follow"]);
    terminal.until("Your answer: ");
    let (code, after) = terminal.end();
    assert_eq!(code, 0, "{after}");
    assert!(after.contains("the question is expired") && after.contains("\"silence\""), "{after}");
}

#[test]
fn the_end_of_the_input_leaves_nobody_to_answer() {
    let (mut terminal, temporary) = start(&[&example("approval"), "--follow", "--input", "{}"]);
    terminal.until("Your decision: ");
    terminal.end_input();
    let (code, after) = terminal.end();
    assert_eq!(code, 5, "{after}");
    assert!(after.contains("--answer review=approved"), "{after}");
    nothing_left(&temporary);
}

#[test]
fn an_interrupt_cancels_the_execution() {
    let (mut terminal, temporary) = start(&[&example("approval"), "--follow", "--input", "{}"]);
    terminal.until("Your decision: ");
    let pid = terminal.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    terminal.until("cancelling");
    let (code, after) = terminal.end();
    assert_eq!(code, 4, "{after}");
    assert!(after.contains("execution cancelled"), "{after}");
    nothing_left(&temporary);
}
