//! A whole server on a port of its own, and clients that check every response against the OpenAPI document.

use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use sluicegate::{
    app::App,
    clock::{Clock, Instant},
    config::{Secret, Settings},
    facade::router,
    http::{AppState, serve},
    store::sql::{self, Options, RowSecurity},
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{contract::Contract, event_stream::Sse, postgres};

/// When the manual clock starts.
pub const START: Instant = Instant(1_800_000_000_000);
/// The secret of the tokens that [`token_of`] makes.
pub const JWT_SECRET: &str = "a secret of the tests, long enough";
/// Definition with a start and an end.
pub fn small_definition() -> Value {
    json!({
        "nodes": [{"id": "begin", "type": "start"}, {"id": "finish", "type": "end"}],
        "edges": [{"id": "e1", "source": "begin", "target": "finish"}],
    })
}

/// Which database a server is tested on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Where the rows are; dropped with the test.
pub enum Database {
    Sqlite(TempDir),
    Postgres(postgres::Database),
}

impl Database {
    async fn new(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite(tempfile::tempdir().unwrap()),
            Backend::Postgres => {
                let options = Options { row_security: RowSecurity::Required, ..Options::default() };
                let migrate = async |url: &str| sql::open(url, options).await.unwrap().close().await;
                Self::Postgres(postgres::database("store", migrate).await)
            }
        }
    }

    /// One with nothing in it.
    pub async fn empty(backend: Backend) -> Self {
        match backend {
            Backend::Sqlite => Self::Sqlite(tempfile::tempdir().unwrap()),
            Backend::Postgres => Self::Postgres(postgres::empty_database().await),
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(directory) => format!("sqlite:{}", directory.path().join("test.db").display()),
            Self::Postgres(database) => database.url.clone(),
        }
    }
}

/// Runs each of these tests, functions of a [`Backend`], on both databases.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {$(
        mod $test {
            use crate::support::app::Backend;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$test(Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                super::$test(Backend::Postgres).await;
            }
        }
    )+};
}
pub(crate) use on_both;

/// A running server with a database of its own.
pub struct TestApp {
    pub clock: Clock,
    pub state: AppState,
    pub shutdown: serve::Shutdown,
    address: String,
    http: reqwest::Client,
    tasks: TaskTracker,
    settings: Settings,
    /// Last, because it goes after everything that is connected to it.
    database: Database,
}

impl TestApp {
    /// A server with the settings of tests.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::start_routing(change, router).await
    }

    /// A server with other routes.
    pub async fn start_routing(
        change: impl FnOnce(&mut Settings),
        router: impl FnOnce(AppState) -> axum::Router,
    ) -> Self {
        Self::boot(Backend::Sqlite, change, router).await
    }

    /// A server on one of the databases.
    pub async fn start_on(backend: Backend, change: impl FnOnce(&mut Settings)) -> Self {
        Self::boot(backend, change, router).await
    }

    /// A server on a database that was made ready for it.
    pub async fn start_at(database: Database, change: impl FnOnce(&mut Settings)) -> Self {
        Self::boot_at(database, change, router).await
    }

    async fn boot(
        backend: Backend,
        change: impl FnOnce(&mut Settings),
        router: impl FnOnce(AppState) -> axum::Router,
    ) -> Self {
        Self::boot_at(Database::new(backend).await, change, router).await
    }

    async fn boot_at(
        database: Database,
        change: impl FnOnce(&mut Settings),
        router: impl FnOnce(AppState) -> axum::Router,
    ) -> Self {
        let clock = Clock::manual(START);
        let mut settings = Settings {
            store: Some(Secret::new(database.url())),
            jwt_secret: Some(vec![Secret::new(JWT_SECRET)]),
            // Without it these tests would still pass.
            row_security: matches!(database, Database::Postgres(_)).then_some(RowSecurity::Required),
            ..Settings::default()
        };
        change(&mut settings);
        let (app, address, tasks) = serve_at(&settings, &clock, router).await;
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20));
        // A redirect is a reply like others.
        let http = http.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let App { state, shutdown, .. } = app;
        Self { clock, state, shutdown, address, http, tasks, settings, database }
    }

    /// Stops the server and starts another one on the same database. Clients of before call into the void.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.state.engine.stop(&CancellationToken::new()).await;
        self.state.store.close().await;
        let (app, address, tasks) = serve_at(&self.settings, &self.clock, router).await;
        (self.state, self.shutdown, self.address, self.tasks) = (app.state, app.shutdown, address, tasks);
    }

    /// Changes the settings of the next [`Self::restart`].
    pub fn change_settings(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
    }

    /// Where the database is.
    pub fn store_url(&self) -> String {
        self.database.url()
    }

    /// Where the server is: `http://127.0.0.1:...`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client { address: self.address.clone(), http: self.http.clone(), headers: HeaderMap::new(), prefix: "/v1" }
    }

    /// A person, by a token.
    pub fn user(&self, id: &str) -> Client {
        // Longer than any test moves the clock.
        let claims = json!({"sub": id, "exp": self.clock.now().0 / 1_000 + 100 * 86_400});
        self.anonymous().with("authorization", &format!("Bearer {}", token_of(&claims, self.clock.now())))
    }

    /// A workspace, and the ids of it and of a pod in it. `owner` owns it.
    pub async fn workspace(&self, owner: &str) -> Place {
        let owner = self.user(owner);
        let workspace = owner.post("/workspaces", json!({"name": "Home"})).await.expect(201);
        let workspace_id = workspace["id"].as_str().unwrap().to_owned();
        let pod = owner.post(&format!("/workspaces/{workspace_id}/pods"), json!({"name": "Pod"})).await.expect(201);
        Place { workspace_id, pod_id: pod["id"].as_str().unwrap().to_owned() }
    }

    /// Makes `user` a member of the workspace, invited by `admin`.
    pub async fn join(&self, place: &Place, admin: &str, user: &str, role: &str) -> Client {
        let invites = format!("{}/invites", place.workspace());
        let invite = self.user(admin).post(&invites, json!({"email": "x@example.com", "role": role})).await.expect(201);
        let accept = format!("/invites/{}/accept", invite["token"].as_str().unwrap());
        self.user(user).post(&accept, json!({})).await.expect(200);
        self.user(user)
    }

    /// Stops the server softly and waits for its end.
    pub async fn stop(&self) {
        self.shutdown.soft.cancel();
        self.tasks.wait().await;
    }
}

/// Boots a server and serves it on a port of its own.
async fn serve_at(
    settings: &Settings,
    clock: &Clock,
    router: impl FnOnce(AppState) -> axum::Router,
) -> (App, String, TaskTracker) {
    let mut config = settings.clone().into_config().unwrap();
    config.code.program = Some(env!("CARGO_BIN_EXE_sluicegate").into());
    let app = App::boot(config, clock.clone()).await.unwrap();
    app.state.readiness.set_ready();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let tasks = TaskTracker::new();
    tasks.spawn(serve::run(listener, router(app.state.clone()), app.shutdown.clone()));
    tasks.close();
    (app, address, tasks)
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.hard.cancel();
    }
}

/// A workspace and a pod in it.
#[derive(Clone, Debug)]
pub struct Place {
    pub workspace_id: String,
    pub pod_id: String,
}

impl Place {
    pub fn workspace(&self) -> String {
        format!("/workspaces/{}", self.workspace_id)
    }

    pub fn pod(&self) -> String {
        format!("/workspaces/{}/pods/{}", self.workspace_id, self.pod_id)
    }
}

/// A token of these claims, signed as the server expects; `exp` is an hour from `now` unless given.
pub fn token_of(claims: &Value, now: Instant) -> String {
    let mut claims = claims.clone();
    if claims.get("exp").is_none() {
        claims["exp"] = json!(now.0 / 1_000 + 3_600);
    }
    jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(JWT_SECRET.as_bytes())).unwrap()
}

/// Somebody who calls. Paths are without `/v1`, which the client puts in front.
#[derive(Clone)]
pub struct Client {
    address: String,
    http: reqwest::Client,
    headers: HeaderMap,
    prefix: &'static str,
}

impl Client {
    /// The same client with one more header.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
        client
    }

    /// The same client on paths without `/v1`.
    pub fn without_prefix(&self) -> Self {
        self.below("")
    }

    /// The same client on paths with another prefix.
    pub fn below(&self, prefix: &'static str) -> Self {
        Self { prefix, ..self.clone() }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.json(Method::POST, path, &body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        self.json(Method::PATCH, path, &body).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, None).await
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Reply {
        self.with("content-type", "application/json").send(method, path, Some(body.to_string())).await
    }

    /// Opens an event stream.
    pub async fn stream(&self, path: &str) -> Sse {
        let client = self.with("accept", "text/event-stream");
        let path = format!("{}{path}", self.prefix);
        // A stream lasts as long as its test.
        let request = self.http.get(format!("{}{path}", self.address)).timeout(Duration::from_mins(5));
        let response = request.headers(client.headers).send().await.unwrap();
        let status = response.status().as_u16();
        if status != 200 {
            let text = response.text().await.unwrap();
            panic!("{path} answers {status}: {text}");
        }
        let media_type = response.headers()["content-type"].to_str().unwrap();
        Contract::get().check("GET", &path, status, Some(media_type), "");
        Sse::new(response)
    }

    /// Sends this, and opens the event stream that is the answer.
    pub async fn post_stream(&self, path: &str, body: &str) -> Sse {
        let path = format!("{}{path}", self.prefix);
        let request = self.http.post(format!("{}{path}", self.address)).headers(self.headers.clone());
        let response = request.body(body.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        Contract::get().check("POST", &path, 200, response.headers()["content-type"].to_str().ok(), "");
        Sse::new(response)
    }

    /// Sends exactly this and checks the response against the document.
    pub async fn send(&self, method: Method, path: &str, body: Option<String>) -> Reply {
        self.send_bytes(method, path, body.map(String::into_bytes)).await
    }

    /// As [`Self::send`], for a body that is no text.
    pub async fn send_bytes(&self, method: Method, path: &str, body: Option<Vec<u8>>) -> Reply {
        self.send_body(method, path, body.map_or_else(reqwest::Body::default, reqwest::Body::from)).await
    }

    /// Puts these bytes there.
    pub async fn put(&self, path: &str, bytes: &[u8]) -> Reply {
        self.send_bytes(Method::PUT, path, Some(bytes.to_vec())).await
    }

    /// As [`Self::send`], for a body that comes in pieces.
    pub async fn send_body(&self, method: Method, path: &str, body: reqwest::Body) -> Reply {
        let path = format!("{}{path}", self.prefix);
        let url = format!("{}{path}", self.address);
        let request = self.http.request(method.clone(), url).headers(self.headers.clone()).body(body);
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        let reply = Reply { status, headers, text };
        Contract::get().check(method.as_str(), &path, status, reply.header("content-type"), &reply.text);
        // Another face says failures in its own way, which the document describes.
        if !["/kinetic", "/kodexa"].iter().any(|face| path.starts_with(face)) {
            reply.check_problem();
        }
        reply
    }
}

/// What the server answered.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The body as JSON (null if there is none), after checking the status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The problem, after checking its status and code.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        let problem = self.expect(status);
        assert_eq!(problem["code"], code, "{}", self.text);
        problem
    }

    /// What holds for every failure.
    #[track_caller]
    fn check_problem(&self) {
        if self.status < 400 || self.text.is_empty() {
            assert!(self.status < 400, "a failure without a body: {self:?}");
            return;
        }
        // Pages for people say it in their own way.
        if self.header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
            return;
        }
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["requestId"].as_str(), self.header("x-request-id"));
        assert_eq!(problem["type"], format!("urn:sluicegate:problem:{}", problem["code"].as_str().unwrap()));
        assert!(!problem["detail"].as_str().unwrap().is_empty());
    }
}
