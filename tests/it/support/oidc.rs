//! A real OpenID Connect provider, and people who sign in there.

use std::{collections::BTreeMap, path::Path, process::Stdio};

use reqwest::{
    Url,
    header::{COOKIE, LOCATION, SET_COOKIE},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{app::START, process::PATIENCE};

/// Where the server is, as the provider knows it.
pub const PUBLIC_URL: &str = "https://flows.example";
/// The server's client id and secret; another client is registered as `other` with the same secret.
pub const CLIENT: (&str, &str) = ("sluicegate:1", "a secret: of the client & long");

/// The provider; it ends with this value.
pub struct IdentityProvider {
    pub issuer: String,
    http: reqwest::Client,
    _child: Child,
}

impl IdentityProvider {
    /// One that says these claims of everybody.
    pub async fn start(claims: Value) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oidc");
        assert!(root.join("node_modules/oidc-provider").exists(), "scripts/install-test-tools.sh installs it");
        let client = |id: &str| json!({"client_id": id, "client_secret": CLIENT.1, "redirect_uris": [format!("{PUBLIC_URL}/v1/session/oidc/callback")]});
        let settings = json!({"clients": [client(CLIENT.0), client("other")], "now": START.0, "claims": claims});
        let mut child = Command::new("node")
            .args([root.join("provider.mjs").to_str().unwrap(), &settings.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("the provider starts");
        let issuer = first.unwrap().expect("the provider tells where it is");
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { issuer, http, _child: child }
    }

    /// Makes the next ID token say this.
    pub async fn lie(&self, claims: Value) {
        let reply = self.http.post(format!("{}/test/lie", self.issuer)).body(claims.to_string()).send().await;
        assert!(reply.unwrap().status().is_success());
    }

    /// Makes it sign with another key.
    pub async fn rotate(&self) {
        let reply = self.http.post(format!("{}/test/rotate", self.issuer)).send().await;
        assert!(reply.unwrap().status().is_success());
    }

    /// Signs in as this person in a browser without a past: where the provider sends it back to.
    pub async fn sign_in(&self, address: &str, person: &str) -> Url {
        let mut jar = BTreeMap::new();
        let mut next = self.http.get(address);
        // To the form, and back; the same for what the person consents to.
        for _ in 0..12 {
            let cookies: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let reply = next.header(COOKIE, cookies.join("; ")).send().await.unwrap();
            for line in reply.headers().get_all(SET_COOKIE) {
                let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                jar.insert(name.to_owned(), value.to_owned());
            }
            let here = reply.url().clone();
            if let Some(location) = reply.headers().get(LOCATION) {
                let location = here.join(location.to_str().unwrap()).unwrap();
                if location.as_str().starts_with(PUBLIC_URL) {
                    return location;
                }
                next = self.http.get(location);
                continue;
            }
            let status = reply.status();
            let page = reply.text().await.unwrap();
            assert!(status.is_success(), "{here} answers {status}: {page}");
            let quoted = |before: &str| page.split(before).nth(1).and_then(|rest| rest.split('"').next());
            let action = here.join(quoted("action=\"").expect("the page has a form")).unwrap();
            let prompt = quoted("name=\"prompt\" value=\"").expect("the form says what it is");
            let form = [("prompt", prompt), ("login", person), ("password", "any")];
            let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
            next = self.http.post(action).header("content-type", "application/x-www-form-urlencoded").body(body);
        }
        panic!("the provider never sends the browser back");
    }
}
