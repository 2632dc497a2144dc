//! Scripts that mean harm: each is stopped at its bound, and the next call finds nothing of it.

use std::time::{Duration, Instant};

use serde_json::json;
use sluicegate::sandbox::{Bound, MAX_LINES, MAX_LOG_BYTES, SandboxError};

use super::{call, error, output, run, sandbox, thrown};

/// How long any of them may take: its 400 ms of processor time, the grace, a start, and the patience of a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// Scripts that compute for ever, in every way that one could think to be overlooked.
const ENDLESS: &[&str] = &[
    "export default () => { while (true) {} }",
    "while (true) {}",
    "for (;;) { try { while (true) {} } catch {} finally { continue } }",
    "export default () => { for (;;) { try { for (;;) {} } catch (e) { } finally { } } }",
    "export default () => Promise.resolve().then(() => { while (true) {} })",
    "export default async () => { for (;;) await null }",
    "const again = () => Promise.resolve().then(again); export default again",
    "export default async () => { for (;;) { try { await (async () => { for (;;) {} })() } catch {} } }",
    "export default () => /^(a+)+$/.test('a'.repeat(40) + 'b')",
    "export default () => /(x+x+)+y/.test('x'.repeat(50))",
    "export default () => ({ get a() { for (;;) {} } })",
    "export default () => ({ toJSON() { for (;;) {} } })",
    "export default () => new Proxy({}, { ownKeys() { for (;;) {} } })",
    "class E extends Error { get message() { for (;;) {} } } export default () => { throw new E() }",
    "export default () => [3, 1, 2].sort(() => { for (;;) {} })",
    "export default () => eval('for (;;) {}')",
    "export default () => new Function('for (;;) {}')()",
    "export default () => { function* g() { for (;;) yield 1 } for (const _ of g()) {} }",
    "export default () => console.log({ toJSON() { for (;;) {} } })",
    // Built-in functions that never look at the interpreter's bounds.
    "export default () => (new Array(1e9) + '').length",
    "export default () => new Array(4e9).join('')",
    "export default () => { const a = []; a.length = 4294967295; return a.indexOf(1) }",
];

#[tokio::test]
async fn endless_scripts_are_stopped_and_the_next_call_works() {
    let sandbox = sandbox(1);
    for source in ENDLESS {
        let begun = Instant::now();
        let ended = error(&sandbox, source).await;
        // Some run into the memory first.
        let stopped = matches!(ended, SandboxError::Exceeded(Bound::Cpu | Bound::Memory));
        assert!(stopped, "{source}: {ended:?}");
        assert!(begun.elapsed() < PATIENCE, "{source}: {:?}", begun.elapsed());
        assert_eq!(output(&sandbox, "export default (input) => input", json!(1)).await, 1, "after {source}");
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    let sandbox = sandbox(1);
    for source in [
        "export default () => { const all = []; for (;;) all.push(new Array(1000).fill(1)) }",
        "export default () => { let s = 'x'; for (;;) s += s + 'y'.repeat(1000) }",
        "export default () => { const all = []; for (;;) all.push(new Uint8Array(1 << 20)) }",
        "export default () => new ArrayBuffer(2 ** 31 - 1)",
        "export default () => { let n = 2n; for (;;) n = n * n }",
        "export default () => 'x'.repeat(2 ** 29)",
        "export default () => { const m = new Map(); for (let i = 0; ; i++) m.set(i, { i }) }",
        "export default () => { const a = []; a.length = 2 ** 32 - 1; return a.fill(0) }",
    ] {
        let begun = Instant::now();
        match error(&sandbox, source).await {
            SandboxError::Exceeded(Bound::Memory | Bound::Cpu) => {}
            // What can't be had at all is an exception of the language.
            SandboxError::Thrown { message, .. } => {
                let known = message.starts_with("RangeError") || message == "InternalError: string too long";
                assert!(known, "{source}: {message}");
            }
            other => panic!("{source}: {other:?}"),
        }
        assert!(begun.elapsed() < PATIENCE, "{source}: {:?}", begun.elapsed());
        assert_eq!(output(&sandbox, "export default (input) => input", json!(1)).await, 1, "after {source}");
    }
    // The bound is the one of the call.
    let small = "export default () => new Uint8Array(8 << 20).length";
    let mut bounded = call(small, json!(null));
    bounded.memory_bytes = 4 << 20;
    assert_eq!(run(&sandbox, &bounded).await.0, Err(SandboxError::Exceeded(Bound::Memory)));
    assert_eq!(output(&sandbox, small, json!(null)).await, 8 << 20);
    // The largest that a node may ask for can be had.
    let mut large = call("export default () => new Uint8Array(100 << 20).fill(1).length", json!(null));
    large.memory_bytes = 128 << 20;
    large.cpu = Duration::from_secs(10);
    assert_eq!(run(&sandbox, &large).await.0, Ok(json!(100 << 20)));
}

#[tokio::test]
async fn recursion_ends_in_an_exception() {
    let sandbox = sandbox(1);
    for source in [
        "const f = () => f() + 1; export default f",
        "export default () => { const o = { get a() { return this.a } }; return o.a }",
        "export default () => { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return JSON.stringify(a) }",
        "export default () => new RegExp('('.repeat(1e5) + ')'.repeat(1e5)).test('')",
        "export default () => eval('('.repeat(1e5))",
        "export default () => { const p = new Proxy({}, { get: (_, k, r) => r[k] }); return p.x }",
    ] {
        let (message, _) = thrown(&sandbox, source).await;
        assert!(message.contains("Error"), "{source}: {message}");
        assert_eq!(output(&sandbox, "export default (input) => input", json!(1)).await, 1, "after {source}");
    }
}

#[tokio::test]
async fn what_a_script_poisons_is_its_own() {
    let sandbox = sandbox(1);
    for source in [
        "Object.prototype.toJSON = () => ({ stolen: 1 }); export default () => 1",
        "Promise.prototype.then = () => { throw 1 }; export default async () => { await null; return 1 }",
        "Promise.resolve = null; globalThis.Promise = null; export default async () => 1",
        "Array.prototype[Symbol.iterator] = null; export default () => 1",
        "Object.defineProperty(Object.prototype, 'length', { get() { throw 1 } }); export default () => 1",
        "Function.prototype.call = Function.prototype.apply = null; export default () => 1",
        "JSON.parse = JSON.stringify = () => { throw 1 }; export default () => 1",
        "String.prototype.toString = Error.prototype.toString = null; export default () => 1",
        "Object.setPrototypeOf(globalThis, null); delete globalThis.console; export default () => 1",
        "globalThis.left = 'behind'; Array.prototype.left = 'behind'; export default () => 1",
    ] {
        assert_eq!(output(&sandbox, source, json!({})).await, 1, "{source}");
        let clean = "export default (input) => [typeof globalThis.left, typeof [].left, JSON.stringify(input), \
                     typeof console.log, [...'ab'].length, await_works]; const await_works = await Promise.resolve(true);";
        let expected = json!(["undefined", "undefined", "{\"a\":1}", "function", 2, true]);
        assert_eq!(output(&sandbox, clean, json!({"a": 1})).await, expected, "after {source}");
    }
    // Its own output is what its own poison makes of it.
    let own = "Object.prototype.toJSON = () => ({ mine: 1 }); export default () => ({})";
    assert_eq!(output(&sandbox, own, json!({})).await, json!({"mine": 1}));
}

#[tokio::test]
async fn there_is_no_way_out() {
    let sandbox = sandbox(1);
    for name in
        ["os", "std", "process", "require", "Deno", "fetch", "XMLHttpRequest", "WebAssembly", "Worker", "load", "print"]
    {
        let source = format!("export default () => typeof globalThis[{name:?}]");
        assert_eq!(output(&sandbox, &source, json!(null)).await, "undefined", "{name}");
    }
    for specifier in ["os", "std", "fs", "./other.js", "/etc/passwd", "https://example.com/a.js", "qjs:os", "code.js?"]
    {
        for source in [
            format!("import x from {specifier:?}; export default () => 1"),
            format!("export default async () => typeof await import({specifier:?})"),
        ] {
            let (message, _) = thrown(&sandbox, &source).await;
            assert!(message.starts_with("ReferenceError") || message.starts_with("TypeError"), "{source}: {message}");
        }
    }
    // What is made from text stays inside, too.
    let inside = "export default () => [eval('typeof os'), new Function('return typeof std')(), \
                  (() => 1).constructor.constructor === Function]";
    assert_eq!(output(&sandbox, inside, json!(null)).await, json!(["undefined", "undefined", true]));
}

#[tokio::test]
async fn a_log_is_cut_where_it_gets_too_long() {
    let sandbox = sandbox(1);
    let many = "export default () => { for (let i = 0; i < 5000; i++) console.log(i); return 1 }";
    let (ended, lines) = run(&sandbox, &call(many, json!(null))).await;
    assert_eq!((ended, lines.len()), (Ok(json!(1)), MAX_LINES + 1));
    assert!(lines[MAX_LINES].message.starts_with("the log is cut here"), "{:?}", lines[MAX_LINES]);
    let long = "export default () => { for (let i = 0; i < 100; i++) console.log('ä'.repeat(3000)); return 1 }";
    let (ended, lines) = run(&sandbox, &call(long, json!(null))).await;
    assert_eq!(ended, Ok(json!(1)));
    let bytes: usize = lines.iter().map(|line| line.message.len()).sum();
    assert!(lines.len() > 5 && bytes <= MAX_LOG_BYTES + 200, "{} lines, {bytes} bytes", lines.len());
    let huge = "export default () => { console.log('x'.repeat(1e7)); console.log({ a: 'x'.repeat(1e6) }); return 1 }";
    let (ended, lines) = run(&sandbox, &call(huge, json!(null))).await;
    assert_eq!((ended, lines.len()), (Ok(json!(1)), 2));
    assert!(lines.iter().all(|line| line.message.len() < 9_000));
    // A script that logs for ever is stopped like any other.
    assert_eq!(
        error(&sandbox, "export default () => { for (;;) console.log(1) }").await,
        SandboxError::Exceeded(Bound::Cpu)
    );
}
