//! `sluicegate dev`: what it prints for people can be pasted as it is.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use super::{PATIENCE, binary, ran};

#[tokio::test]
async fn the_commands_that_it_prints_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let mut dev = binary()
        .args(["dev", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(dev.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    while printed.last().is_none_or(|line: &String| !line.starts_with("Ctrl-C")) {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it gets ready").unwrap();
        printed.push(line.expect("it says that it is ready"));
    }
    // Those that follow what waits have no end; without `curl` there is one thing less to be installed.
    let endless = |line: &str| line == "sluicegate follow $ID" || line.ends_with("--from review --follow");
    let pasted: Vec<&str> = printed
        .iter()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| ["alias ", "export ", "sluicegate ", "ID="].iter().any(|begin| line.starts_with(begin)))
        .filter(|line| !endless(line))
        .collect();
    assert!(pasted.len() > 8, "{printed:#?}");
    // Approving too soon is refused: a person sees the gate first.
    let gate = "until sluicegate executions --status suspended | grep -q $ID; do :; done";
    let script: Vec<&str> = pasted
        .iter()
        .flat_map(|line| if line.starts_with("sluicegate approve") { vec![gate, *line] } else { vec![*line] })
        .collect();
    // Aliases hold from the next line on, and in scripts only on demand.
    let script = format!("shopt -s expand_aliases\nset -euo pipefail\n{}\n", script.join("\n"));
    let pasted = ran(Command::new("bash").args(["-c", &script]).current_dir(folder.path()).kill_on_drop(true)).await;
    let out = pasted.expect(0);
    assert!(out.contains("answered; the execution is") && out.contains("PLAN"), "{out}");
    assert!(out.contains("\"2 items for 7\"") && out.contains("\"reached\": true"), "{out}");
}
