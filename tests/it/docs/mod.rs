//! The documentation: every block of the book is run, or checked as what it is, or in a list of those that can't be, with the reason.

mod blocks;
mod checks;
mod commands;
mod generated;
mod guides;
mod migrations;
mod page;
mod recipes;

use self::{
    blocks::{Block, blocks, pages},
    checks::check,
};

/// Chapters that a test of `guides` or `recipes` reads from beginning to end: there every block is run but those for people at a
/// console.
const READ: [&str; 11] = [
    "quick-start.md",
    "migrating/linea.md",
    "migrating/kodexa.md",
    "migrating/kinetic.md",
    "migrating/n8n.md",
    "webhooks.md",
    "recipes/approval-by-mail.md",
    "recipes/agent-with-a-person.md",
    "recipes/webhook-to-slack.md",
    "recipes/document-pipeline.md",
    "recipes/browser-agent.md",
];

/// Blocks of languages that chapters have beside what is checked here: chapter, how it begins, and who runs it or why nobody can.
const LISTED: [(&str, &str, &str); 29] = [
    ("quick-start.md", "cargo build --release", "builds the program that the tests are about"),
    ("quick-start.md", "sluicegate dev", "has no end; tests/it/cli/dev.rs pastes what it prints"),
    ("nodes.md", "{", "tests/it/http/node_examples.rs runs each, src/nodes/registry compiles the whole workflow"),
    ("expressions.md", "{", "src/expression/tests/document.rs evaluates everything over it"),
    ("conditions.md", "{\n  \"context\"", "src/condition/tests/document.rs evaluates everything over it"),
    ("compensation.md", "{", "tests/it/http/compensation.rs runs it"),
    (
        "agents.md",
        "sluicegate serve --mcp-command",
        "names programs that are nowhere; tests/it/http/mcp.rs starts such ones",
    ),
    ("documents.md", "PUT ", "calls and no commands; tests/it/http/documents.rs makes each of them"),
    ("runner.md", "$ export", "names images and programs that are nowhere; tests/it/runner starts real ones"),
    (
        "runner.md",
        "curl --unix-socket",
        "is typed inside of a sandbox; examples/agent.sh, which tests run, makes the same call",
    ),
    ("workers.md", "worker = client", "an excerpt of a file that the Python SDK's tests run; checked to be one"),
    ("workers.md", "const worker", "an excerpt of a file that the TypeScript SDK's tests run; checked to be one"),
    ("workers.md", "examples/worker.sh", "has no end; the Python SDK's tests run it"),
    (
        "stream-contract.md",
        "sluicegate conformance",
        "takes eleven minutes; tests/it/cli/conformance.rs runs it with shorter ones",
    ),
    ("operations.md", "CREATE ROLE", "tests/it/cli/row_security.rs has an administrator say it"),
    ("cli.md", "$ ID=$(sluicegate", "tests/it/cli/remote.rs runs these commands"),
    ("cli.md", "$ sluicegate validate", "tests/it/cli/files.rs runs these commands"),
    ("cli.md", "$ sluicegate run examples", "tests/it/cli/local.rs runs it"),
    ("cli.md", "$ sluicegate runner", "tests/it/runner runs these commands"),
    ("cli.md", "$ sluicegate backup", "tests/it/cli/upkeep.rs runs these commands"),
    ("benchmarks.md", "make bench", "builds a release and measures for minutes"),
    ("faults.md", "make faults", "does each fault for minutes; every run of the tests does it for seconds"),
    ("soak.md", "make soak", "lasts an hour"),
    ("scaling.md", "", "measures for minutes on a machine that does nothing else, and a model's formulas"),
    ("dashboard.md", "npm ", "scripts/build-dashboard.sh runs the same"),
    ("included/deploy.md", "", "scripts/check-deploy.sh checks what these commands are about"),
    ("included/sdk-typescript.md", "", "sdk/typescript/test/package.test.js runs them"),
    ("included/sdk-python.md", "", "sdk/python/tests/test_package.py runs them"),
    ("included/architecture.md", "", "drawings"),
];

fn listed(block: &Block) -> Option<usize> {
    LISTED.iter().position(|(page, begin, _)| block.page == *page && block.text.starts_with(begin))
}

/// The blocks of all chapters. A chapter that takes in a text from elsewhere has that text's.
fn all() -> Vec<Block> {
    pages().iter().flat_map(|page| blocks(page)).collect()
}

#[test]
fn every_block_is_run_or_checked_or_listed() {
    let (mut wrong, mut used) = (Vec::new(), [0; LISTED.len()]);
    let mut counts = [0; 3];
    for block in all() {
        let read = READ.contains(&block.page.as_str()) && block.language != "console";
        match listed(&block) {
            // The tests of these chapters fail on a block that they don't run.
            None if read => counts[0] += 1,
            None => match check(&block) {
                Ok(()) => counts[1] += 1,
                Err(why) => wrong.push(format!("{}: {why}", block.place())),
            },
            Some(_) if read => wrong.push(format!("{}: is run, and in the list of what is not", block.place())),
            Some(entry) => {
                used[entry] += 1;
                counts[2] += 1;
            }
        }
    }
    for ((page, begin, _), count) in LISTED.iter().zip(used) {
        if count == 0 {
            wrong.push(format!("docs/{page} has no block that begins with `{begin}`: take it off the list"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{} blocks are read, {} checked, {} run elsewhere or not at all", counts[0], counts[1], counts[2]);
}

#[test]
fn a_block_that_nobody_can_check_is_found() {
    let block = |language: &str, text: &str| Block {
        page: "some.md".to_owned(),
        line: 1,
        language: language.to_owned(),
        text: text.to_owned(),
    };
    for (language, text) in [
        ("", "anything"),
        ("rust", "fn main() {}"),
        ("json", "{\"what\": 1}"),
        ("json", "{\"id\": \"a\", \"type\": \"wait\", \"data\": {\"duration\": \"2 moons\"}}"),
        (
            "json",
            "{\"nodes\": [{\"id\": \"a\", \"type\": \"start\"}, {\"id\": \"a\", \"type\": \"end\"}], \"edges\": []}",
        ),
        ("toml", "listne = \"127.0.0.1:1\""),
        ("yaml", "- { id: a, type: task, data: {} }"),
        ("js", "export default 1;"),
        ("sh", "curl $POD/executions"),
    ] {
        assert!(check(&block(language, text)).is_err(), "{language}: {text}");
    }
}

/// What is shown of an example is in it.
#[test]
fn excerpts_are_in_their_files() {
    for (begin, file) in
        [("worker = client", "worker.py"), ("const worker", "worker.ts"), ("examples/worker.sh", "worker.sh")]
    {
        let block = blocks("workers.md").into_iter().find(|block| block.text.starts_with(begin)).unwrap();
        let path = format!("{}/examples/{file}", env!("CARGO_MANIFEST_DIR"));
        let whole = std::fs::read_to_string(&path).unwrap();
        let mut lines = whole.lines().map(|line| line.trim_start_matches("# ").trim());
        for line in block.text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            assert!(lines.any(|other| other == line), "{path} does not say, in this order: {line}");
        }
    }
}
