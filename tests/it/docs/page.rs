//! A chapter that is run from its beginning to its end, as a reader would: one shell in one folder, with the program in its path and
//! the variables that `sluicegate dev` prints.
//!
//! - `sh` blocks are typed in, one after another; a command that fails fails the test.
//! - `text` and `json` blocks behind one are what it prints: `...` stands for anything, and JSON may have more members.
//! - A block whose first line is a comment with the name of a file is that file.
//! - `toml` is in the server's settings.
//!
//! What the chapter names outside is replaced by what the test puts there.

use std::{collections::VecDeque, process::Stdio, sync::Arc};

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::{
    blocks::{Block, blocks},
    checks::check,
};
use crate::support::process::{Caller, PATIENCE, Server, Site};

/// What ends the output of a block.
const END: &str = "--- the end of the block ---";

/// What a chapter names, and what stands in for it.
pub type StandIns<'a> = &'a [(&'a str, &'a str)];

/// The shell with all that it has started. What a chapter leaves running ends with this value, also where a test fails.
struct Group(u32);

impl Drop for Group {
    fn drop(&mut self) {
        // It fails where all of it has ended.
        let mut kill = std::process::Command::new("kill");
        _ = kill.args(["-KILL", "--", &format!("-{}", self.0)]).stderr(Stdio::null()).status();
    }
}

pub struct Page {
    name: &'static str,
    blocks: VecDeque<Block>,
    replaced: Vec<(String, String)>,
    pub server: Server,
    folder: TempDir,
    shell: Child,
    _group: Group,
    keys: ChildStdin,
    out: Lines<BufReader<ChildStdout>>,
}

impl Page {
    /// A chapter in front of a server of its own.
    pub async fn open(name: &'static str, stand_ins: StandIns<'_>) -> Self {
        Self::with(name, blocks(name), stand_ins).await
    }

    /// The commands of a chapter alone, those that `wanted` says.
    pub async fn commands(name: &'static str, wanted: fn(&Block) -> bool, stand_ins: StandIns<'_>) -> Self {
        let mut blocks = blocks(name);
        blocks.retain(|block| matches!(block.language.as_str(), "sh" | "") && wanted(block));
        for block in &mut blocks {
            "sh".clone_into(&mut block.language);
        }
        Self::with(name, blocks, stand_ins).await
    }

    async fn with(name: &'static str, blocks: Vec<Block>, stand_ins: StandIns<'_>) -> Self {
        let replaced: Vec<(String, String)> =
            stand_ins.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        let mut blocks = VecDeque::from(blocks);
        assert!(!blocks.is_empty(), "docs/{name} has no blocks");
        let text = blocks.iter().map(|block| block.text.as_str()).collect::<String>();
        for (from, _) in &replaced {
            assert!(text.contains(from), "docs/{name} does not name {from}");
        }
        let folder = tempfile::Builder::new().prefix("docs-").tempdir().unwrap();
        let settings = folder.path().join("settings.toml");
        let written = blocks.iter().filter(|block| block.language == "toml");
        let written: String = written.map(|block| replace(&block.text, &replaced)).collect();
        std::fs::write(&settings, written).unwrap();
        for block in &blocks {
            if let Some(file) = block.file() {
                std::fs::write(folder.path().join(file), replace(&block.text, &replaced)).unwrap();
            }
        }
        blocks.retain(|block| block.file().is_none() && !["toml", "console"].contains(&block.language.as_str()));
        let settings = settings.to_str().unwrap();
        // The stand-ins are on this machine.
        let server = Server::start(
            &Site::sqlite().await,
            &["--config", settings, "--outbound-networks", "127.0.0.0/8", "--schedule-min-interval", "1s"],
        )
        .await;
        let site = Arc::clone(&server.site);
        // As in a checkout, where some chapters begin; and the program as it would be installed.
        let root = env!("CARGO_MANIFEST_DIR");
        std::os::unix::fs::symlink(format!("{root}/examples"), folder.path().join("examples")).unwrap();
        let programs = folder.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_sluicegate"), programs.join("sluicegate")).unwrap();
        let mut shell = Command::new("bash");
        shell
            .args(["-s"])
            .current_dir(folder.path())
            .env("SLUICEGATE_URL", server.address())
            .env("SLUICEGATE_API_KEY", &site.key)
            .env("SLUICEGATE_WORKSPACE", &site.workspace)
            .env("SLUICEGATE_POD", &site.pod)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut shell = shell.spawn().unwrap();
        let group = Group(shell.id().unwrap());
        let keys = shell.stdin.take().unwrap();
        let out = BufReader::new(shell.stdout.take().unwrap()).lines();
        let mut page = Self { name, blocks, replaced, server, folder, shell, _group: group, keys, out };
        // Reports go beside what the chapter prints, and what still runs at the end goes with the shell.
        page.type_in("PATH=$PWD/bin:$PATH; set -euo pipefail; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT").await;
        page
    }

    /// Somebody who calls the same server.
    pub fn caller(&self) -> Caller {
        self.server.caller()
    }

    /// Types a line in that is not in the chapter; what it prints.
    pub async fn type_in(&mut self, text: &str) -> String {
        self.keys.write_all(format!("{{ {text}\n}} </dev/null; echo; echo '{END}'\n").as_bytes()).await.unwrap();
        let mut printed = String::new();
        loop {
            let line = tokio::time::timeout(PATIENCE, self.out.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("docs/{}: this never ends: {text}\n{printed}", self.name));
            match line.unwrap() {
                Some(line) if line == END => return printed.trim().to_owned(),
                Some(line) => {
                    printed.push_str(&line);
                    printed.push('\n');
                }
                None => {
                    let log = self.server.site.log();
                    panic!("docs/{}: this fails: {text}\nprinted: {printed}\nthe server's log: {log}", self.name)
                }
            }
        }
    }

    /// The value of a variable of the shell.
    pub async fn variable(&mut self, name: &str) -> String {
        self.type_in(&format!("printf %s \"${name}\"")).await
    }

    /// Runs the next block with commands, compares what it prints with what the chapter says that it does, and gives it.
    pub async fn next(&mut self) -> String {
        self.check_shown();
        let block = self.blocks.pop_front().unwrap_or_else(|| panic!("docs/{} has no further block", self.name));
        assert_eq!(block.language, "sh", "{}: nobody knows what to do with this block", block.place());
        let printed = self.type_in(&replace(&block.text, &self.replaced)).await;
        if let Some(told) = self.blocks.pop_front_if(|next| next.language == "text" || next.language == "json") {
            let expected = replace(&told.text, &self.replaced);
            let fits = if told.language == "json" {
                let found = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));
                fits_json(&serde_json::from_str(&expected).unwrap(), &found)
            } else {
                fits_text(&expected, &printed)
            };
            assert!(fits, "{}: what is printed is this:\n{printed}", told.place());
        }
        printed
    }

    /// Checks what is only shown: no output, since no command is in front of it.
    fn check_shown(&mut self) {
        while let Some(block) = self.blocks.pop_front_if(|next| next.language == "json") {
            check(&block).unwrap_or_else(|why| panic!("{}: {why}", block.place()));
        }
    }

    /// Runs the blocks that are left. No chapter ends before its end: a test that forgets some would check nothing of them.
    pub async fn rest(mut self) {
        self.check_shown();
        while !self.blocks.is_empty() {
            self.next().await;
            self.check_shown();
        }
        self.close().await;
    }

    /// The end of a chapter.
    pub async fn close(mut self) {
        assert!(self.blocks.is_empty(), "docs/{}: these are not run: {:#?}", self.name, self.blocks);
        drop(self.keys);
        let status = tokio::time::timeout(PATIENCE, self.shell.wait()).await.expect("the shell ends").unwrap();
        assert!(status.success(), "docs/{}: {status}", self.name);
        self.folder.close().unwrap();
    }
}

fn replace(text: &str, replaced: &[(String, String)]) -> String {
    replaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Whether a text is another one, in which `...` stands for anything.
pub fn fits_text(expected: &str, found: &str) -> bool {
    let parts: Vec<String> = expected.trim().split("...").map(regex::escape).collect();
    Regex::new(&format!("(?s)^{}$", parts.join(".*?"))).unwrap().is_match(found.trim())
}

/// Whether a value has at least what another one has.
pub fn fits_json(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().all(|(name, value)| found.get(name).is_some_and(|found| fits_json(value, found)))
        }
        (Value::Array(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(one, other)| fits_json(one, other))
        }
        (Value::String(expected), Value::String(found)) => fits_text(expected, found),
        (expected, found) => expected == found,
    }
}
