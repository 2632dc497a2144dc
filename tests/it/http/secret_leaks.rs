//! A value that was used in every way is searched for wherever a server leaves something: its database, its log, its events, its
//! replies. The server is a process of its own that logs all it can.

use std::{path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::{
    peer::Peer,
    process::{Server, Site},
    scene::{line, node},
};

const VALUE: &str = "hunter2/+hunter3 \"hunter4\"";

/// What no place may hold: the value in every writing of it, and pieces that are long enough to be of use.
fn writings() -> Vec<String> {
    let mut writings: Vec<String> = ["hunter2", "hunter3", "hunter4", "hunter5", "hunter6"].map(str::to_owned).to_vec();
    for before in 0..3 {
        let whole = [&b"\0\0\0"[..before], VALUE.as_bytes()].concat();
        for engine in [&general_purpose::STANDARD_NO_PAD, &general_purpose::URL_SAFE_NO_PAD] {
            let text = engine.encode(&whole);
            writings.push(text[before + 2..text.len() - 2].to_owned());
        }
    }
    let digits: Vec<String> = VALUE.bytes().map(|byte| format!("{byte:02x}")).collect();
    writings.push(digits.concat());
    writings
}

#[track_caller]
fn search(place: &str, bytes: &[u8]) {
    for writing in writings() {
        let found = bytes.windows(writing.len()).position(|window| window == writing.as_bytes());
        if let Some(at) = found {
            let around = &bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())];
            panic!("{place} holds `{writing}`: {}", String::from_utf8_lossy(around));
        }
    }
}

/// Every table as text.
async fn dump(url: &str) -> String {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    assert!(tables.iter().any(|table| table == "secrets"));
    let mut dump = String::new();
    for table in tables {
        let rows = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM \"{table}\" AS t");
        let rows: String = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&mut connection).await.unwrap();
        // Bytes are shown in hex: searched as what they are, too.
        dump.push_str(&rows);
        for bytes in rows.split("\\x").skip(1) {
            let digits: Vec<u32> = bytes.chars().map_while(|digit| digit.to_digit(16)).collect();
            let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect();
            dump.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    dump
}

async fn nothing_of_a_secret_is_left_anywhere(site: Arc<Site>) {
    let peer = Peer::start().await;
    let key = general_purpose::STANDARD.encode([5; 32]);
    let settings = ["--secrets-key", &key, "--outbound-networks", "127.0.0.0/8", "--log", "trace"];
    let mut server = Server::start(&site, &settings).await;
    let caller = server.caller();
    let http = reqwest::Client::builder().build().unwrap();
    let get = async |path: &str| {
        let url = format!("{}{path}", server.address());
        http.get(url).header("x-api-key", &site.key).send().await.unwrap().text().await.unwrap()
    };
    let secrets = format!("/v1/workspaces/{}/secrets", site.workspace);
    // An address is another text once it is normalised.
    let address = format!("{}?own=hunter6-own", peer.url("").replace("http", "HTTP"));
    for (name, value) in [("token", VALUE), ("host", "hunter5.invalid"), ("address", &address)] {
        let put = http.put(format!("{}{secrets}/{name}", server.address())).header("x-api-key", &site.key);
        let put = put.header("content-type", "application/json").header("idempotency-key", name);
        let put = put.body(json!({"value": value}).to_string()).send().await.unwrap();
        assert_eq!(put.status(), 201);
        search("the reply", put.text().await.unwrap().as_bytes());
    }

    let call = |id: &str, path: &str| {
        node(
            id,
            "http",
            json!({
                "httpMethod": "POST",
                "httpUrl": format!("{}?in={{{{ secrets.token }}}}", peer.url(path)),
                "httpHeaders": [{"key": "x-token", "value": "{{ secrets.token }}"}],
                "httpAuthType": "basic",
                "httpAuthToken": "ann:{{ secrets.token }}",
                "query": {"more": "{{ secrets.token }}"},
                "httpBody": {"deep": "{{ secrets.token }}"},
                "onError": "continue",
            }),
        )
    };
    let mut unreachable = call("unreachable", "/x");
    unreachable["data"]["httpUrl"] = json!("http://{{ secrets.host }}/");
    let mut address = call("address", "/x");
    address["data"]["httpUrl"] = json!("{{ secrets.address }}");
    let mut raw = call("raw", "/echo/200");
    raw["data"]["responseType"] = json!("base64");
    let mut text = call("text", "/echo/200");
    text["data"]["responseType"] = json!("text");
    let gate = node(
        "gate",
        "approval-gate",
        json!({
            "message": "Go on?",
            "notify": [{"type": "webhook", "url": peer.url("/told?key={{ secrets.token }}"), "secret": "{{ secrets.token }}"}],
        }),
    );
    let echo = node("after", "transform", json!({"output": {"seen": "{{ nodeResults }}"}}));
    let nodes = [call("good", "/echo/200"), call("bad", "/echo/500"), unreachable, address, raw, text, echo, gate];
    let workflow = caller.workflow(line(nodes)).await;
    let id = caller.trigger(&workflow, Value::Null).await;
    caller.until_open(&id, 1).await;
    peer.arrived("/told", 1).await;
    assert_eq!(peer.requests("/echo/200").len(), 3);
    assert_eq!(peer.requests("/echo/200")[0]["headers"]["x-token"], VALUE);
    assert!(peer.requests("/")[0]["query"].as_str().unwrap().starts_with("own=hunter6-own"));
    assert!(peer.requests("/told")[0]["query"].as_str().unwrap().contains("hunter2"));

    let pod = format!("/v1/workspaces/{}/pods/{}", site.workspace, site.pod);
    let suspensions = format!("/v1/workspaces/{}/suspensions", site.workspace);
    let open: Value = serde_json::from_str(&get(&suspensions).await).unwrap();
    let notifications = format!("{suspensions}/{}/notifications", open[0]["id"].as_str().unwrap());
    let approved = json!({"approved": true});
    caller.expect(Method::PATCH, &format!("/executions/{id}/respond"), Some(approved), 200).await;
    assert_eq!(caller.until_ended(&id).await["status"], "completed");
    for path in [
        format!("{pod}/executions/{id}?include=input,nodes,suspensions"),
        format!("{pod}/executions/{id}/events?limit=1000"),
        format!("{pod}/executions/{id}/logs"),
        format!("{pod}/executions"),
        format!("{pod}/workflows/{workflow}"),
        format!("/v1/workspaces/{}/audit", site.workspace),
        secrets.clone(),
        format!("{secrets}/token"),
        suspensions,
        notifications,
        "/metrics".to_owned(),
    ] {
        let reply = get(&path).await;
        assert!(reply.len() > 2, "{path}: {reply}");
        search(&path, reply.as_bytes());
    }
    let told = get(&format!("{pod}/executions/{id}/events?limit=1000")).await;
    assert!(told.contains("[secret token]"), "{told}");

    // What the database has on its disk while the server is up, and what it leaves behind.
    for _ in 0..2 {
        if let Some(path) = site.store.strip_prefix("sqlite:") {
            let files: Vec<_> = std::fs::read_dir(Path::new(path).parent().unwrap()).unwrap().collect();
            assert!(files.len() > 1);
            for file in files
                .into_iter()
                .map(|file| file.unwrap().path())
                .filter(|file| file.is_file() && !file.ends_with("server.log"))
            {
                search(&file.display().to_string(), &std::fs::read(&file).unwrap());
            }
        } else {
            search("the database", dump(&site.store).await.as_bytes());
        }
        let log = site.log();
        assert!(log.contains("\"level\":\"TRACE\"") || log.contains("\"level\":\"DEBUG\""), "it logs all it can");
        // Whoever logs each step of a connection sees which hosts are called.
        search("the log", log.replace("hunter5.invalid", "").as_bytes());
        if server.is_up() {
            server.kill().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_secret_is_left_on_sqlite() {
    nothing_of_a_secret_is_left_anywhere(Site::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_secret_is_left_on_postgres() {
    nothing_of_a_secret_is_left_anywhere(Site::postgres().await).await;
}
