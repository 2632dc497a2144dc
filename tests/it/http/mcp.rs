//! Tools of a real Model Context Protocol server (the protocol's own reference server), over streamable HTTP and, in a sandbox, over its
//! standard input and output: as a node, and as tools of an agent.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::support::{
    app::{Backend, on_both},
    model::{Model, Says, says},
    scene::{Scene, line, node},
};

on_both! {
    a_tool_is_called,
    what_goes_wrong_is_told,
    an_agent_has_the_tools_of_a_server,
    a_program_of_the_operators_is_called,
    a_program_reaches_nothing_else,
}

/// The server; it ends with this value.
pub(super) struct Everything {
    pub(super) url: String,
    _child: Child,
}

/// Where the server's program is.
fn everything() -> PathBuf {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/mcp/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    assert!(program.exists(), "scripts/install-test-tools.sh installs {}", program.display());
    program
}

impl Everything {
    pub(super) async fn start() -> Self {
        let program = everything();
        // Free a moment ago; the server takes a number only.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("node")
            .arg(program)
            .arg("streamableHttp")
            .env("PORT", port.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let listens = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), listens).await.expect("the server starts");
        Self { url: format!("http://127.0.0.1:{port}/mcp"), _child: child }
    }
}

fn call(server: &Everything, tool: &str, arguments: Value) -> Value {
    node("call", "mcp", json!({"url": server.url, "tool": tool, "arguments": arguments}))
}

async fn a_tool_is_called(backend: Backend) {
    let scene = Scene::on(backend).await;
    let server = Everything::start().await;
    let run =
        scene.run(line([call(&server, "echo", json!({"message": "{{ input.say }}"}))]), json!({"say": "hä"})).await;
    let output = run.output().await;
    assert_eq!((&output["text"], &output["content"][0]["type"]), (&json!("Echo: hä"), &json!("text")));
    let run = scene.run(line([call(&server, "get-sum", json!({"a": 2, "b": 40}))]), json!(null)).await;
    assert!(run.output().await["text"].as_str().unwrap().contains("42"));
    let run =
        scene.run(line([call(&server, "get-structured-content", json!({"location": "Chicago"}))]), json!(null)).await;
    assert!(run.output().await["structured"].is_object());
}

async fn what_goes_wrong_is_told(backend: Backend) {
    let scene = Scene::on(backend).await;
    let server = Everything::start().await;
    for (tool, arguments) in [("no-such-tool", json!({})), ("get-sum", json!({"a": "x"}))] {
        let failure = scene.run(line([call(&server, tool, arguments)]), json!(null)).await.failure().await;
        assert_eq!((&failure["code"], &failure["retryable"]), (&json!("mcp_failed"), &json!(false)), "{failure}");
    }
    // Nobody listens; a page that is no such server; an address that may not be called.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for url in [format!("http://{closed}/mcp"), server.url.replace("/mcp", "/nothing")] {
        let data = json!({"url": url, "tool": "echo"});
        let failure = scene.run(line([node("call", "mcp", data)]), json!(null)).await.failure().await;
        assert_eq!(failure["code"], "mcp_failed", "{failure}");
    }
    let guarded = Scene::with(backend, |settings| settings.outbound_networks = None).await;
    for url in [server.url.clone(), server.url.replace("127.0.0.1", "localhost")] {
        let data = json!({"url": url, "tool": "echo", "arguments": {"message": "x"}});
        let failure = guarded.run(line([node("call", "mcp", data)]), json!(null)).await.failure().await;
        assert_eq!(failure["code"], "address_refused", "{failure}");
        assert!(failure["message"].as_str().unwrap().contains("may not be called"), "{failure}");
    }
}

async fn an_agent_has_the_tools_of_a_server(backend: Backend) {
    let scene = Scene::on(backend).await;
    let server = Everything::start().await;
    let calls = vec![("every_get-sum", json!({"a": 20, "b": 22})), ("every_echo", json!({"message": "me"}))];
    let model = Model::start([Says::Calls(calls), says("42.")]).await;
    let servers = json!([{"name": "every", "url": server.url, "tools": ["get-sum", "echo"]}]);
    let data = json!({"baseUrl": model.url(), "model": "test", "instructions": "Add.", "mcpServers": servers});
    let run = scene.run(line([node("agent", "agent", data)]), json!(null)).await;
    assert_eq!(run.output().await["text"], "42.");
    let offered: Vec<String> = model.asked()[0]["body"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(offered, ["every_echo", "every_get-sum"]);
    let told = model.messages(1);
    let results: String = told[2..].iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert!(results.contains("42") && results.contains("Echo: me"), "{results}");
    // Such a call must not be made twice: that it begins is written down first.
    let kinds: Vec<Value> = run
        .log()
        .await
        .into_iter()
        .filter(|event| event["type"] == "node_action")
        .map(|event| event["kind"].clone())
        .collect();
    assert_eq!(kinds, ["tools", "model", "call", "call", "tool", "tool", "model"]);
}

/// A server whose operator has named these programs; they may read the tests' own, and Node where that is not the system's.
async fn with_programs(backend: Backend, programs: Vec<String>) -> Scene {
    let mut readable = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp")];
    readable.extend(node_home().filter(|home| !home.starts_with("/usr") && !home.starts_with("/bin")));
    Scene::with(backend, |settings| {
        settings.mcp_command = Some(programs);
        settings.mcp_read_only = Some(readable);
    })
    .await
}

/// The program that `node` is.
fn node_program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("node")).find(|path| path.exists());
    found.expect("node is installed").canonicalize().unwrap()
}

fn node_home() -> Option<PathBuf> {
    Some(node_program().parent()?.parent()?.to_owned())
}

async fn a_program_of_the_operators_is_called(backend: Backend) {
    let program = format!("everything={} {} stdio", node_program().display(), everything().display());
    let scene = with_programs(backend, vec![program]).await;
    let call = |tool: &str, arguments: Value| {
        node("call", "mcp", json!({"command": "everything", "tool": tool, "arguments": arguments}))
    };
    let run = scene.run(line([call("echo", json!({"message": "{{ input }}"}))]), json!("hä")).await;
    assert_eq!(run.output().await["text"], "Echo: hä");
    let failure = scene.run(line([call("no-such-tool", json!({}))]), json!(null)).await.failure().await;
    assert_eq!((&failure["code"], &failure["retryable"]), (&json!("mcp_failed"), &json!(false)), "{failure}");

    let calls = vec![("everything_echo", json!({"message": "from inside"}))];
    let model = Model::start([Says::Calls(calls), says("done")]).await;
    let servers = json!([{"name": "everything", "command": "everything", "tools": ["echo"]}]);
    let agent = json!({"baseUrl": model.url(), "model": "m", "instructions": "Say it.", "mcpServers": servers});
    let run = scene.run(line([node("agent", "agent", agent)]), json!(null)).await;
    run.output().await;
    let told = Value::from(model.messages(1)).to_string();
    assert!(told.contains("Echo: from inside"), "{told}");
}

async fn a_program_reaches_nothing_else(backend: Backend) {
    // What it finds of network, files, environment and processes goes to standard error, which the failure tells.
    let look = "require('net').connect(80,'127.0.0.1').on('error',e=>{console.error('net',e.code);\
                try{require('fs').writeFileSync('/usr/x','')}catch(e){console.error('write',e.code)};\
                console.error('home',require('fs').existsSync('/root'),require('fs').existsSync('/home'));\
                console.error('env',Object.keys(process.env).sort().join());\
                console.error('pids',require('fs').readdirSync('/proc').filter(n=>+n).length<9);process.exit(3)})";
    let look: String = look.split_whitespace().collect::<Vec<_>>().join("");
    let programs = vec![format!("look={} -e {look}", node_program().display()), "time=date".to_owned()];
    let scene = with_programs(backend, programs).await;
    let call = |command: &str| node("call", "mcp", json!({"command": command, "tool": "t"}));
    let failure = scene.run(line([call("look")]), json!(null)).await.failure().await;
    assert_eq!(failure["code"], "mcp_failed");
    let message = failure["message"].as_str().unwrap();
    for part in ["net ECONNREFUSED", "write EROFS", "home false false", "env HOME,LANG,PATH", "pids true"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let failure = scene.run(line([call("other")]), json!(null)).await.failure().await;
    let message = failure["message"].as_str().unwrap();
    assert!(message.contains("no command is named `other`") && message.contains("look, time"), "{message}");
}
