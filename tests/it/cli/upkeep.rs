//! What operators do: backup and restore, doctor, tokens, completions, help.

use serde_json::Value;

use super::{Shell, alone};
use crate::support::process::Site;

/// The file of a site's database.
fn database(site: &Site) -> &str {
    site.store.strip_prefix("sqlite:").unwrap()
}

#[tokio::test]
async fn a_backup_that_was_taken_beside_a_server_can_be_served() {
    let shell = Shell::new(&[]).await;
    shell.import("approval").await;
    let id = shell.run(&["trigger", "Approval with parallel branches"]).await.expect(0).to_owned();
    shell.until_suspended(&id).await;
    let store = shell.server.site.store.clone();
    let taken = shell.run(&["backup", "copy.db", "--store", &store, "--json"]).await.json(0);
    assert_eq!(taken["file"], "copy.db");
    let again = shell.run(&["backup", "copy.db", "--store", &store]).await;
    again.expect(1);
    assert!(again.stderr.contains("nothing is overwritten"), "{again:?}");

    // What happens after the backup is not in it.
    shell.run(&["approve", &id]).await.expect(0);
    let restored = format!("sqlite:{}", shell.folder.path().join("new/restored.db").display());
    shell.run(&["restore", "copy.db", "--store", &restored]).await.expect(0);
    let over = shell.run(&["restore", "copy.db", "--store", &restored]).await;
    over.expect(1);
    assert!(over.stderr.contains("nothing is overwritten"), "{over:?}");
    let files: Vec<_> =
        std::fs::read_dir(shell.folder.path().join("new")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(files, ["restored.db"], "nothing is left beside it");

    let (_, address) = serve(&restored).await;
    let mut command = shell.command(&["approve", &id, "--json"]);
    let approved = super::ran(command.env("SLUICEGATE_URL", &address.1)).await.json(0);
    assert_eq!(approved["id"], id.as_str());
}

/// A server on a database that no site has made; ends with what is given first.
async fn serve(store: &str) -> (u16, (tokio::process::Child, String)) {
    use tokio::io::AsyncBufReadExt;
    let mut child = super::binary()
        .args(["serve", "--listen", "127.0.0.1:0", "--store", store, "--log-format", "json"])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(child.stderr.take().unwrap()).lines();
    let address = loop {
        let line = tokio::time::timeout(super::PATIENCE, lines.next_line()).await.expect("it boots").unwrap().unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_default();
        if let Some(address) = said["fields"]["address"].as_str() {
            break address.to_owned();
        }
    };
    // Nobody reads on, and a full pipe would stop it.
    tokio_util::task::TaskTracker::new().spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    (port, (child, format!("http://{address}")))
}

#[tokio::test]
async fn what_is_no_backup_is_refused() {
    let site = Site::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let target = format!("sqlite:{}", folder.path().join("target.db").display());
    let text = super::write(&folder, "text.db", "no database");
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    let damaged = folder.path().join("damaged.db");
    let mut bytes = std::fs::read(database(&site)).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8_192].fill(0xAA);
    std::fs::write(&damaged, bytes).unwrap();
    for file in [&text, empty.to_str().unwrap(), damaged.to_str().unwrap(), "missing.db"] {
        alone(&["restore", file, "--store", &target]).await.expect(1);
    }
    assert!(!folder.path().join("target.db").exists());
    let foreign = alone(&["backup", "x.db", "--store", "postgres://localhost/none"]).await;
    foreign.expect(1);
    assert!(foreign.stderr.contains("pg_dump"), "{foreign:?}");
    alone(&["backup", "x.db", "--store", "sqlite:/nowhere/at/all.db"]).await.expect(1);
}

fn verdict<'a>(checks: &'a Value, name: &str) -> &'a str {
    let check = checks.as_array().unwrap().iter().find(|check| check["check"] == name);
    check.unwrap_or_else(|| panic!("no check `{name}`: {checks:#}"))["verdict"].as_str().unwrap()
}

#[tokio::test]
async fn the_doctor_looks_at_everything() {
    for site in [Site::sqlite().await, Site::postgres().await] {
        let shell = Shell::at(&site, &[]).await;
        let url = shell.server.address();
        let arguments =
            ["doctor", "--thorough", "--json", "--store", &site.store, "--url", &url, "--listen", "127.0.0.1:0"];
        let checks = alone(&arguments).await.json(0);
        for name in ["settings", "store", "migrations", "address", "open files", "server", "server's clock"] {
            assert!(["ok", "warn"].contains(&verdict(&checks, name)), "{checks:#}");
        }
        assert_eq!((verdict(&checks, "store"), verdict(&checks, "migrations")), ("ok", "ok"));
        if site.store.starts_with("sqlite:") {
            assert_eq!((verdict(&checks, "integrity"), verdict(&checks, "disk")), ("ok", "ok"));
        } else {
            assert_eq!((verdict(&checks, "clock"), verdict(&checks, "row security")), ("ok", "ok"));
        }
    }
}

#[tokio::test]
async fn the_doctor_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let text = super::write(&folder, "text.db", "no database");
    for (arguments, told) in [
        (vec!["--store".to_owned(), format!("sqlite:{text}")], "fail  store: "),
        (vec!["--store".to_owned(), "postgres://127.0.0.1:9/none".to_owned()], "fail  store: "),
        (vec!["--instance-lease".to_owned(), "0s".to_owned()], "fail  settings: setting `instance-lease`"),
        (vec!["--url".to_owned(), "http://127.0.0.1:9".to_owned()], "fail  server: "),
    ] {
        let mut all = vec!["doctor", "--listen", "127.0.0.1:0"];
        all.extend(arguments.iter().map(String::as_str));
        let ran = super::ran(super::binary().args(&all).current_dir(folder.path())).await;
        let out = ran.expect(1);
        assert!(out.contains(told), "{out}");
        let advice = out.lines().skip_while(|line| !line.starts_with("fail")).nth(1).unwrap();
        assert!(advice.starts_with("      "), "an advice follows: {out}");
    }
    assert!(!folder.path().join(".sluicegate").exists(), "looking makes nothing");
    let exposed =
        super::ran(super::binary().args(["doctor", "--listen", "0.0.0.0:0"]).current_dir(folder.path())).await;
    let out = exposed.expect(0);
    assert!(
        out.contains("warn  public-url")
            && out.contains("warn  metrics")
            && out.contains("warn  store: there is no database"),
        "{out}"
    );
}

#[tokio::test]
async fn what_the_doctor_finds_of_a_key_and_of_a_server_that_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let key = super::write(&folder, "keys", "no key at all");
    let doctor = |more: &[&str]| {
        let mut command = super::binary();
        command.args(["doctor", "--listen", "127.0.0.1:0"]).args(more).current_dir(folder.path());
        command
    };
    let ran = super::ran(&mut doctor(&["--secrets-key-file", &key])).await;
    assert!(ran.expect(1).contains("fail  secrets key: key file") && !ran.stdout.contains("no key at all"), "{ran:?}");
    super::write(&folder, "keys", "k3Jm0vQxZ7TnqfLw9sRb2YpGdHuEaCi5AAAAAAAAAAA=");
    let ran = super::ran(&mut doctor(&["--secrets-key-file", &key])).await;
    assert!(ran.expect(0).contains("secrets key: 1 in "), "{ran:?}");
    let ran = super::ran(&mut doctor(&["--store", "postgres://127.0.0.1:9/none"])).await;
    assert!(ran.expect(1).contains("warn  secrets key: there is none"), "{ran:?}");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let busy = axum::Router::new().fallback(async || axum::http::StatusCode::SERVICE_UNAVAILABLE);
    let serving = tokio_util::task::TaskTracker::new().spawn(async move { axum::serve(listener, busy).await.unwrap() });
    let ran = super::ran(&mut doctor(&["--url", &url])).await;
    assert!(ran.expect(1).contains("fail  server: ") && ran.stdout.contains("takes no requests"), "{ran:?}");
    serving.abort();
}

#[tokio::test]
async fn a_variable_that_is_set_to_nothing_is_not_set() {
    let folder = tempfile::tempdir().unwrap();
    let doctor = |store: &str| {
        let mut command = super::binary();
        command
            .arg("doctor")
            .env("SLUICEGATE_STORE", store)
            .env("SLUICEGATE_LISTEN", "")
            .env("SLUICEGATE_MAX_RUNNING", "");
        command.current_dir(folder.path());
        command
    };
    let ran = super::ran(&mut doctor("")).await;
    assert!(ran.expect(0).contains("there is no database at .sluicegate/sluicegate.db yet"), "{ran:?}");
    let ran = super::ran(&mut doctor("nonsense")).await;
    assert!(ran.expect(1).contains("setting `store`"), "{ran:?}");
}

#[tokio::test]
async fn a_token_opens_the_server_that_has_its_secret() {
    const SECRET: &str = "a secret of the tests that is long enough";
    let shell = Shell::new(&["--jwt-secret", SECRET, "--jwt-issuer", "tests", "--jwt-audience", "gate"]).await;
    let settings = ["--jwt-secret", SECRET, "--jwt-issuer", "tests", "--jwt-audience", "gate"];
    let token = alone(&[&["token", "ann"], &settings[..]].concat()).await.expect(0).to_owned();
    let http = reqwest::Client::builder().build().unwrap();
    let call = |token: String| http.get(format!("{}/v1/workspaces", shell.server.address())).bearer_auth(token).send();
    assert_eq!(call(token).await.unwrap().status(), 200);
    let other = alone(&["token", "ann", "--jwt-secret", "another secret of the tests that is longer"])
        .await
        .expect(0)
        .to_owned();
    assert_eq!(call(other).await.unwrap().status(), 401);
    let json = alone(&[&["token", "ann", "--expires-in", "5m", "--json"], &settings[..]].concat()).await.json(0);
    assert!(json["token"].is_string() && json["expiresAt"].is_string());
    alone(&["token", "ann"]).await.expect(1);
    alone(&["token", "key:1", "--jwt-secret", SECRET]).await.expect(1);
}

#[tokio::test]
async fn shells_and_people_are_told_what_there_is() {
    for shell in ["bash", "zsh", "fish"] {
        let script = alone(&["completions", shell]).await;
        assert!(script.expect(0).contains("conformance"), "{shell}");
    }
    let page = alone(&["man"]).await;
    assert!(page.expect(0).contains(".TH sluicegate 1") && page.stdout.contains("real\\-time streaming"), "{page:?}");
    let folder = tempfile::tempdir().unwrap();
    alone(&["man", "--output", folder.path().to_str().unwrap()]).await.expect(0);
    let help = alone(&["--help"]).await;
    let out = help.expect(0);
    let documented = include_str!("../../../docs/cli.md");
    for (code, what) in [
        (2, "the command line was not understood"),
        (3, "the execution failed"),
        (4, "the execution was cancelled"),
        (5, "the execution waits for an answer that nobody here can give"),
        (6, "it took longer than --timeout"),
        (7, "the execution was skipped"),
    ] {
        assert!(out.contains(&format!("{code}  {what}")), "{out}");
        assert!(documented.contains(&format!("| {code} | {what}")), "docs/cli.md tells of {code}");
    }
    // Every command is described.
    let commands = out.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names: Vec<&str> = commands
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.len() > 25, "{names:?}");
    for name in names.iter().filter(|name| **name != "help") {
        let page = std::fs::read_to_string(folder.path().join(format!("sluicegate-{name}.1")));
        assert!(page.is_ok_and(|page| page.contains(".SH SYNOPSIS")), "{name} has its manual page");
        assert!(documented.contains(&format!("`{name}")), "docs/cli.md tells of {name}");
    }
}
