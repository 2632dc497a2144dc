//! Scripts in the true sandbox: what they can do, what stops them, and what becomes of the processes.

mod hostile;
mod processes;

use std::time::Duration;

use serde_json::{Value, json};
use sluicegate::{
    domain::ids::WorkspaceId,
    sandbox::{Bound, Call, Line, Options, Sandbox, SandboxError},
};
use tokio::sync::mpsc;
use uuid::Uuid;

/// A sandbox of so many processes.
fn sandbox(processes: usize) -> Sandbox {
    Sandbox::new(Options { processes, program: Some(env!("CARGO_BIN_EXE_sluicegate").into()), ..Options::default() })
}

fn call(source: &str, input: Value) -> Call {
    Call {
        source: source.into(),
        input,
        context: json!({ "now": "2027-01-15T08:00:00Z" }),
        memory_bytes: 64 << 20,
        cpu: Duration::from_millis(400),
    }
}

/// Runs a call; its result and its lines.
async fn run(sandbox: &Sandbox, call: &Call) -> (Result<Value, SandboxError>, Vec<Line>) {
    let (lines, mut logged) = mpsc::channel(4);
    let reading = async {
        let mut all = Vec::new();
        while let Some(line) = logged.recv().await {
            all.push(line);
        }
        all
    };
    tokio::join!(sandbox.run(WorkspaceId(Uuid::nil()), call, lines), reading)
}

/// The output of a script.
async fn output(sandbox: &Sandbox, source: &str, input: Value) -> Value {
    run(sandbox, &call(source, input)).await.0.unwrap_or_else(|error| panic!("{source}: {error:?}"))
}

/// Why a script has no output.
async fn error(sandbox: &Sandbox, source: &str) -> SandboxError {
    match run(sandbox, &call(source, json!({}))).await.0 {
        Ok(output) => panic!("{source}: gave {output}"),
        Err(error) => error,
    }
}

/// What a script threw.
async fn thrown(sandbox: &Sandbox, source: &str) -> (String, String) {
    match error(sandbox, source).await {
        SandboxError::Thrown { message, stack } => (message, stack.unwrap_or_default()),
        other => panic!("{source}: {other:?}"),
    }
}

#[tokio::test]
async fn scripts_compute() {
    let sandbox = sandbox(1);
    for (source, input, expected) in [
        ("export default (input) => input.a + 1", json!({"a": 1}), json!(2)),
        ("export default async (input) => { await null; return input }", json!([1, "ä", null]), json!([1, "ä", null])),
        (
            "const twice = (x) => 2 * x; export default function (input) { return twice(input) }",
            json!(2.25),
            json!(4.5),
        ),
        ("export default () => {}", json!(null), json!(null)),
        ("const base = await Promise.resolve(40); export default () => base + 2", json!(null), json!(42)),
        ("export default (_, ctx) => ctx.now", json!(null), json!("2027-01-15T08:00:00Z")),
        ("export default () => ({ then: (done) => done(7) })", json!(null), json!(7)),
        (
            "export default () => [undefined, NaN, -0, 3e9, 1e21, 0.1, new Date(0), new Map([[1, 2]]), { a: undefined, b: 1 }]",
            json!(null),
            json!([null, null, 0, 3_000_000_000_i64, 1e21, 0.1, "1970-01-01T00:00:00.000Z", {}, {"b": 1}]),
        ),
        ("export default (input) => Object.keys(input)", json!({"__proto__": 1, "b": 2}), json!(["__proto__", "b"])),
        ("export default () => 'x'.repeat(1_000_000).length", json!(null), json!(1_000_000)),
    ] {
        assert_eq!(output(&sandbox, source, input).await, expected, "{source}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_script_is_told_with_its_place() {
    let sandbox = sandbox(1);
    let (message, stack) = thrown(
        &sandbox,
        "const a = 1;\nfunction inner() {\n  throw new TypeError('no way');\n}\nexport default () => inner()",
    )
    .await;
    assert_eq!(message, "TypeError: no way");
    assert!(stack.starts_with("at inner (code.js:3:") && stack.contains("\nat default (code.js:5:"), "{stack}");
    assert_eq!(stack.lines().count(), 2, "nothing but the script's own: {stack}");
    let (message, stack) = thrown(&sandbox, "export default () => {\n  return (;\n}").await;
    assert!(message.starts_with("SyntaxError: ") && stack.contains("code.js:2"), "{message} {stack}");
    for (source, part) in [
        ("const a = 1", "no function as its default export"),
        ("export default 5", "no function as its default export"),
        ("export default async () => { throw { why: 'so' } }", "{\"why\":\"so\"} was thrown"),
        ("export default () => { throw null }", "null was thrown"),
        ("export default () => Promise.reject(new Error('later'))", "Error: later"),
        ("export default () => new Promise(() => {})", "a promise that nothing settles"),
        ("export default () => require('fs')", "ReferenceError: require is not defined"),
        ("export default () => setTimeout(() => {}, 1)", "ReferenceError: setTimeout is not defined"),
        (
            "export default () => { throw { toString() { for (;;) {} }, get message() { for (;;) {} } } }",
            "object was thrown",
        ),
        ("export default () => { throw new Proxy(new Error('x'), { get() { throw 1 } }) }", "was thrown"),
    ] {
        let (message, _) = thrown(&sandbox, source).await;
        assert!(message.contains(part), "{source}: {message}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_refused_with_its_place() {
    let sandbox = sandbox(1);
    for (source, expected) in [
        ("export default () => () => 1", "the output is a function"),
        ("export default () => ({ a: [1, { b() {} }] })", "the output at `/a/1/b` is a function"),
        ("export default () => [10n]", "the output at `/0` is a BigInt, which JSON does not have"),
        ("export default () => ({ s: Symbol('x') })", "the output at `/s` is a symbol"),
        (
            "export default () => { const a = {}; a.me = a; return a }",
            "the output at `/me/me/me/me/me/me/me/me/...` is nested too deeply, or contains itself",
        ),
        ("export default () => '\\ud800'", "the output is a text with half a character (a lone surrogate)"),
    ] {
        assert_eq!(error(&sandbox, source).await, SandboxError::Output(expected.to_owned()), "{source}");
    }
    let (message, _) = thrown(&sandbox, "export default () => ({ get a() { throw new Error('in a getter') } })").await;
    assert_eq!(message, "Error: in a getter");
}

#[tokio::test]
async fn the_console_is_told_line_by_line() {
    let sandbox = sandbox(1);
    let source = "export default () => { console.log('a', 1, { b: [null] }); console.warn(undefined, new Error('e')); \
                  console.debug(() => 1); console.error(5n); console.info() }";
    let (ended, lines) = run(&sandbox, &call(source, json!(null))).await;
    assert_eq!(ended, Ok(Value::Null));
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("{}: {}", serde_json::to_value(line.level).unwrap().as_str().unwrap(), line.message))
        .collect();
    assert_eq!(
        lines,
        ["info: a 1 {\"b\":[null]}", "warn: undefined Error: e", "debug: (function)", "error: (big_int)", "info: "]
    );
}

#[tokio::test]
async fn inputs_and_outputs_have_their_bounds() {
    let sandbox = sandbox(1);
    let large = call("export default () => 1", json!("x".repeat(5 << 20)));
    assert_eq!(run(&sandbox, &large).await.0, Err(SandboxError::Exceeded(Bound::Input)));
    let fits = output(&sandbox, "export default (input) => input.length", json!("x".repeat(4_000_000))).await;
    assert_eq!(fits, 4_000_000);
    let fits = output(&sandbox, "export default () => 'x'.repeat(1048574)", json!(null)).await;
    assert_eq!(fits.as_str().unwrap().len(), 1_048_574);
    for source in [
        "export default () => 'x'.repeat(1048575)",
        "export default () => new Array(1e6).fill(0)",
        "export default () => new Array(4294967295)",
        "export default () => ({ toJSON: () => new Array(1e9) })",
    ] {
        let mut large = call(source, json!(null));
        large.cpu = Duration::from_secs(20);
        assert_eq!(run(&sandbox, &large).await.0, Err(SandboxError::Exceeded(Bound::Output)), "{source}");
    }
}
