//! Tests of the agent without a model: what it does next by its journal, and what is checked when it is saved.

use serde_json::{Value, json};

use crate::{
    domain::{failure::FailureCode, suspension::SuspensionKind},
    nodes::{
        Entry, Outcome, Role,
        testing::{Bench, paths, problems_of},
    },
};

use super::unfenced;

fn data(more: Value) -> Value {
    let mut data = json!({ "baseUrl": "https://models.example.com/v1", "model": "m", "instructions": "Do it" });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    data
}

fn tool(name: &str, kind: &str, data: Value) -> Value {
    json!({ "name": name, "type": kind, "data": data })
}

fn turn(text: &str, calls: &[(&str, &str, &str)]) -> Value {
    let call = |(id, name, arguments): &(&str, &str, &str)| json!({ "id": id, "name": name, "arguments": arguments });
    let calls: Vec<Value> = calls.iter().map(call).collect();
    json!({ "turn": { "text": text, "calls": calls, "finishReason": "stop" }, "prompt": [] })
}

#[test]
fn is_a_run_in_several_parts_that_begins_with_the_model() {
    let bench = Bench::new("agent", data(json!({})));
    assert_eq!(bench.role(), Role::Stepwise);
    assert_eq!(bench.common().retry, Some(super::retry()));
    bench.effect();
}

#[test]
fn ends_with_a_turn_without_calls() {
    let output = Bench::new("agent", data(json!({}))).with_journal(&[("model", turn("Hi", &[]))]).run().output();
    assert_eq!((&output["text"], &output["steps"]), (&json!("Hi"), &json!(1)));
    assert_eq!(output.get("data"), None);
}

#[test]
fn goes_on_where_its_journal_ends() {
    let tools = json!([
        tool("add", "transform", json!({ "transformScript": "1" })),
        tool("ask", "ask-human", json!({ "question": "?" })),
        tool("pay", "transform", json!({ "transformScript": "2" })),
    ]);
    let calls = [("1", "ask", "{}"), ("2", "pay", "{}"), ("3", "add", "{}")];
    let mut journal = vec![("model", turn("", &calls))];
    let bench = |journal: &[(&str, Value)]| {
        Bench::new("agent", data(json!({ "tools": tools, "toolApprovals": ["pay"] }))).with_journal(journal)
    };
    // What needs nobody.
    bench(&journal).effect();
    journal.push(("tool", json!({ "toolCallId": "3", "output": 1 })));
    // Then the question, then the approval.
    assert_eq!(bench(&journal).run().question().kind, SuspensionKind::AskHuman);
    journal.push((Entry::ANSWER, json!({ "context": null, "decision": { "action": "answered", "answer": "yes" } })));
    let question = bench(&journal).run().question();
    assert_eq!(
        (question.kind, question.message.as_str()),
        (SuspensionKind::ToolApproval, "The agent wants to call `pay`")
    );
    let decided = |action: &str| {
        let decision = json!({ "action": action, "by": "ann", "reason": "no" });
        [&journal[..], &[(Entry::ANSWER, json!({ "context": question.context, "decision": decision }))]].concat()
    };
    // Approved: the call is made. Rejected: the model is told.
    bench(&decided("approved")).effect();
    bench(&decided("rejected")).effect();
    let mut done = decided("approved");
    done.push(("tool", json!({ "toolCallId": "2", "error": { "message": "no money" } })));
    bench(&done).effect();
    done.push(("model", turn("Over", &[])));
    assert_eq!(bench(&done).run().output()["toolCalls"], 3);
}

#[test]
fn a_journal_is_believed_before_templates() {
    // The prompt of the first turn stays, whatever the instructions would give now.
    let bench = Bench::new("agent", data(json!({ "instructions": "{{ input.missing }}", "maxSteps": 1 })));
    let calls = [("1", "nothing", "{}")];
    let journal = [("model", turn("", &calls)), ("tool", json!({ "toolCallId": "1", "output": null }))];
    let failure = bench.with_journal(&journal).run().failure();
    assert_eq!(failure.code, FailureCode::LimitExceeded);
    let failure = Bench::new("agent", data(json!({ "instructions": "{{ input.missing }}" }))).run().failure();
    assert_eq!(failure.code, FailureCode::InvalidValue);
}

#[test]
fn the_fence_around_json_is_taken_off() {
    for (text, json) in [("{}", "{}"), (" ```json\n{}\n``` ", "{}"), ("```\n[1]```", "[1]"), ("```", "```")] {
        assert_eq!(unfenced(text), json, "{text}");
    }
}

#[test]
fn is_checked_when_saved() {
    let schema = json!({ "type": "nonsense" });
    for (more, path) in [
        (json!({ "model": null }), "model"),
        (json!({ "baseUrl": "{{" }), "baseUrl"),
        (json!({ "tools": [{ "type": "http" }] }), "tools/0/name"),
        (json!({ "tools": [tool("a b", "transform", json!({}))] }), "tools/0/name"),
        (json!({ "tools": [tool("a", "end", json!({}))] }), "tools/0/type"),
        (json!({ "tools": [tool("a", "http", json!({}))] }), "tools/0/data/httpUrl"),
        (json!({ "tools": [tool("a", "http", json!({ "httpUrl": "{{" }))] }), "tools/0/data/httpUrl"),
        (json!({ "tools": [tool("a", "transform", json!({ "retry": { "maxAttempts": 2 } }))] }), "tools/0/data/retry"),
        (json!({ "tools": [tool("a", "transform", json!({})), tool("a", "transform", json!({}))] }), "tools/1/name"),
        (json!({ "tools": [{ "name": "a", "type": "transform", "parameters": schema }] }), "tools/0/parameters/type"),
        (json!({ "toolApprovals": ["a"] }), "toolApprovals/0"),
        (json!({ "approval": { "onExpiry": "reject" } }), "approval/onExpiry"),
        (json!({ "approval": { "expiresIn": "1h", "onExpiry": { "port": "expired" } } }), "approval/onExpiry"),
        (json!({ "outputSchema": schema }), "outputSchema/type"),
        (json!({ "options": { "messages": [] } }), "options/messages"),
        (json!({ "maxSteps": 0 }), "maxSteps"),
        (json!({ "temperature": 3 }), "temperature"),
    ] {
        assert_eq!(paths(&problems_of("agent", data(more.clone()))), [format!("/nodes/1/data/{path}")], "{more}");
    }
}

#[test]
fn an_outcome_of_a_tool_that_waits_is_the_agents() {
    let id = "01900000-0000-7000-8000-000000000001";
    let tools = json!([tool("sub", "subworkflow", json!({ "workflowId": id, "input": "{{ args.x }}" }))]);
    let journal = [("model", turn("", &[("1", "sub", "{\"x\": 7}")]))];
    let ran = Bench::new("agent", data(json!({ "tools": tools }))).with_journal(&journal).run();
    let Outcome::Child(request) = ran.0 else { panic!("no child") };
    assert_eq!(request.input, 7);
    let mut journal = journal.to_vec();
    journal.push((Entry::CHILD, json!({ "executionId": id, "output": 49 })));
    Bench::new("agent", data(json!({ "tools": tools }))).with_journal(&journal).effect();
}
