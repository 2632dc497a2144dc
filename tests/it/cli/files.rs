//! Workflows as files: `validate`, `export`, `import`.

use serde_json::Value;

use super::{Shell, alone, example, write};

const WRONG: &str = "name: Wrong
nodes:
  - id: start
    type: start
  - id: choose
    type: if-else
    data: { condition: \"input.total >\" }
  - id: lost
    type: end
edges:
  - { source: start, target: choose }
  - { source: choose, target: nowhere, sourceHandle: if }
";

#[tokio::test]
async fn validate_tells_everything_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(&folder, "wrong.yaml", WRONG);
    let ran = alone(&["validate", &path]).await;
    let told = ran.expect(1);
    for (line, what) in [(7, "condition"), (12, "nowhere")] {
        let found = told.lines().any(|told| told.contains(&format!("wrong.yaml:{line}: ")) && told.contains(what));
        assert!(found, "line {line}, {what}: {told}");
    }
    let json = alone(&["validate", "--json", &path, &example("linear")]).await.json(1);
    assert_eq!(json["valid"], false);
    let findings = json["findings"].as_array().unwrap();
    assert_eq!(findings.len(), told.lines().count());
    assert!(findings.iter().all(|finding| finding["file"] == path.as_str()));
    assert!(findings.iter().any(|finding| finding["nodeId"] == "choose" && finding["line"] == 7), "{json:#}");

    let all = ["linear", "approval", "http"].map(example);
    assert_eq!(alone(&["validate", &all[0], &all[1], &all[2]]).await.expect(0), "3 files, all valid");
    alone(&["validate", "missing.yaml"]).await.expect(1);
}

/// What is told is what the server tells.
#[tokio::test]
async fn validate_agrees_with_the_server() {
    let shell = Shell::new(&[]).await;
    let path = shell.file("wrong.yaml", WRONG);
    let told = alone(&["validate", "--json", &path]).await.json(1);
    let mut definition: Value = serde_saphyr::from_str(WRONG).unwrap();
    definition.as_object_mut().unwrap().remove("name");
    let caller = shell.server.caller();
    let problems = caller.expect(reqwest::Method::POST, "/workflows/validate", Some(definition), 200).await;
    let of = |list: &Value| -> Vec<(String, String)> {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        list.as_array().unwrap().iter().map(|row| (text(row, "path"), text(row, "message"))).collect()
    };
    assert_eq!(of(&told["findings"]), of(&problems));
}

#[tokio::test]
async fn what_is_exported_is_imported_again() {
    let shell = Shell::new(&[]).await;
    let files = ["linear", "approval", "http"].map(example);
    let created = shell.run(&["import", &files[0], &files[1], &files[2]]).await;
    assert_eq!(created.expect(0).lines().filter(|line| line.starts_with("created  ")).count(), 3);
    let exported = shell.run(&["export", "--output", "flows"]).await;
    assert_eq!(
        exported.expect(0),
        "flows/linear.yaml\nflows/approval-with-parallel-branches.yaml\nflows/http-with-an-error-path.yaml"
    );
    let paths: Vec<&str> = exported.stdout.lines().collect();
    let same = shell.run(&["import", paths[0], paths[1], paths[2]]).await;
    assert!(same.expect(0).lines().all(|line| line.starts_with("unchanged")), "{same:?}");
    shell.run(&["export", "--output", "flows"]).await.expect(1);
    shell.run(&["export", "--output", "flows", "--force"]).await.expect(0);
    let many = shell.run(&["export"]).await;
    many.expect(1);
    assert!(many.stderr.contains("--output"), "{many:?}");

    // Printed alone, and the same text as in the file.
    let text = shell.run(&["export", "Linear"]).await.expect(0).to_owned();
    assert_eq!(text, std::fs::read_to_string(shell.folder.path().join(paths[0])).unwrap().trim_end());

    let changed = shell.file("changed.yaml", &text.replace("Write a line", "Say it"));
    let dry = shell.run(&["import", &changed, "--dry-run"]).await;
    assert!(dry.expect(0).starts_with("change  Linear") && dry.stdout.contains("~ node greeting: name"), "{dry:?}");
    assert_eq!(shell.run(&["export", "Linear"]).await.expect(0), text, "a dry run changes nothing");
    let told = shell.run(&["import", &changed, "--deploy", "--json"]).await.json(0);
    assert_eq!((&told["change"], &told["deployed"]), (&"changed".into(), &true.into()));
    assert!(shell.run(&["export", "Linear"]).await.expect(0).contains("Say it"));
}

/// One file that is wrong keeps all from being changed.
#[tokio::test]
async fn import_checks_everything_first() {
    let shell = Shell::new(&[]).await;
    let wrong = shell.file("wrong.yaml", WRONG);
    let ran = shell.run(&["import", &example("linear"), &wrong]).await;
    assert!(ran.expect(1).contains("wrong.yaml:12: "), "{ran:?}");
    assert!(ran.stderr.contains("nothing was changed"));
    let none = shell.run(&["export", "--output", "flows"]).await;
    none.expect(1);
    let twice = shell.run(&["import", &example("linear"), &example("linear")]).await;
    twice.expect(1);
    assert!(twice.stderr.contains("both called `Linear`"), "{twice:?}");
}
