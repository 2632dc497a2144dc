//! The reviewer's page in a real browser with scripts switched off, on the screen of a phone.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::respond::Desk;
use crate::support::app::Backend;

const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser, driven by the WebDriver protocol. It ends with this value.
struct Browser {
    session: String,
    http: reqwest::Client,
    _driver: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    async fn start(dark: bool) -> Self {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is there: scripts/install-test-tools.sh installs it");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next_line().await.unwrap().expect("chromedriver says where it listens");
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        let http = reqwest::Client::builder().timeout(Duration::from_mins(1)).build().unwrap();
        let profile = tempfile::tempdir().unwrap();
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--force-device-scale-factor=1".to_owned(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if dark {
            arguments.push("--blink-settings=preferredColorScheme=0".to_owned());
        }
        let options = json!({
            "args": arguments,
            "prefs": {"profile.managed_default_content_settings.javascript": 2},
            "mobileEmulation": {"deviceMetrics": {"width": 390, "height": 844, "pixelRatio": 1.0, "touch": false}},
        });
        let wanted = json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "timeouts": {"implicit": 10_000}, "goog:chromeOptions": options}}});
        let base = format!("http://127.0.0.1:{port}/session");
        let created: Value = http.post(&base).json(&wanted).send().await.unwrap().json().await.unwrap();
        let id = created["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {created}"));
        Self { session: format!("{base}/{id}"), http, _driver: driver, _profile: profile }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let mut reply: Value =
            self.http.post(format!("{}/{path}", self.session)).json(&body).send().await.unwrap().json().await.unwrap();
        assert!(reply["value"].get("error").is_none(), "{path} {body}: {reply}");
        reply["value"].take()
    }

    async fn get(&self, path: &str) -> Value {
        let mut reply: Value =
            self.http.get(format!("{}/{path}", self.session)).send().await.unwrap().json().await.unwrap();
        assert!(reply["value"].get("error").is_none(), "{path}: {reply}");
        reply["value"].take()
    }

    async fn open(&self, url: &str) {
        self.post("url", json!({"url": url})).await;
    }

    async fn element(&self, css: &str) -> String {
        let found = self.post("element", json!({"using": "css selector", "value": css})).await;
        format!("element/{}", found[ELEMENT].as_str().unwrap())
    }

    /// Waits for the page with this heading: a click may be over before the next page is there.
    async fn arrives_at(&self, heading: &str) {
        let xpath = format!("//h1[normalize-space()='{heading}']");
        self.post("element", json!({"using": "xpath", "value": xpath})).await;
    }

    async fn write(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.post(&format!("{element}/clear"), json!({})).await;
        self.post(&format!("{element}/value"), json!({"text": text})).await;
    }

    async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.post(&format!("{element}/click"), json!({})).await;
    }

    async fn text(&self, css: &str) -> String {
        let element = self.element(css).await;
        self.get(&format!("{element}/text")).await.as_str().unwrap().to_owned()
    }

    async fn property(&self, css: &str, name: &str) -> Value {
        let element = self.element(css).await;
        self.get(&format!("{element}/property/{name}")).await
    }

    /// Whether the page is wider than the screen.
    async fn is_too_wide(&self) -> bool {
        let width = self.property("html", "scrollWidth").await.as_i64().unwrap();
        width > self.property("html", "clientWidth").await.as_i64().unwrap()
    }

    /// Keeps a picture of the whole page where `SLUICEGATE_TEST_SHOTS` names a folder.
    #[expect(clippy::disallowed_methods, reason = "where pictures are kept is no setting of the server")]
    async fn shoot(&self, name: &str) {
        assert!(!self.is_too_wide().await, "{name} is wider than the screen");
        let Ok(folder) = std::env::var("SLUICEGATE_TEST_SHOTS") else { return };
        let picture = json!({"cmd": "Page.captureScreenshot", "params": {"captureBeyondViewport": true}});
        let taken = self.post("goog/cdp/execute", picture).await;
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, taken["data"].as_str().unwrap());
        std::fs::write(format!("{folder}/{name}.png"), bytes.unwrap()).unwrap();
    }

    async fn close(self) {
        _ = self.http.delete(&self.session).send().await;
    }
}

fn order() -> Value {
    json!({
        "title": "Release payment to Nordwind GmbH",
        "message": "The invoice matches the order, but it is over the limit for automatic payment.\nPlease check the amount and the delivery address.",
        "context": {
            "orderId": "NW-20417",
            "customer": {"name": "Nordwind GmbH", "since": "2019-04-02", "vip": true},
            "lines": [
                {"article": "Pump P-200", "quantity": 2, "price": 1840.5},
                {"article": "Seal kit", "quantity": 12, "price": 19.9},
            ],
            "tags": ["over limit", "new address"],
        },
        "form": {
            "type": "object",
            "required": ["amount", "account"],
            "properties": {
                "amount": {"type": "number", "title": "Amount in €", "minimum": 1, "maximum": 5000},
                "account": {"enum": ["Main account", "Reserve"], "title": "Pay from"},
                "due": {"type": "string", "format": "date", "title": "Pay on"},
                "address": {
                    "type": "object",
                    "title": "Delivery address",
                    "required": ["city"],
                    "properties": {"city": {"type": "string", "minLength": 2}, "note": {"type": "string", "maxLength": 500}},
                },
                "urgent": {"type": "boolean", "title": "Send as an urgent transfer", "description": "Costs 5 € more."},
                "copies": {"type": "array", "items": {"type": "string", "format": "email"}, "title": "Copies to"},
            },
        },
        "requireReason": true,
        "expiresIn": "2d",
        "onExpiry": "reject",
        "reminders": [{"after": "1d"}],
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reviewer_decides_on_a_phone_without_scripts() {
    let desk = Desk::on(Backend::Sqlite).await;
    let browser = Browser::start(false).await;
    browser.open("data:text/html,<p id=p>off</p><script>document.getElementById('p').textContent='on'</script>").await;
    assert_eq!(browser.text("#p").await, "off", "scripts are switched off");

    let asked = desk.ask("approval-gate", order(), &[Some("cat"), Some("dan")]).await;
    let url = |link: &str| format!("{}{link}", desk.room.scene.app.address());
    browser.open(&url(&asked.links[0])).await;
    browser.arrives_at("Release payment to Nordwind GmbH").await;
    browser.shoot("open-light").await;

    browser.write("#f-data_amount", "many").await;
    browser.write("#f-data_address_note", "ring twice").await;
    browser.click("button[value=approved]").await;
    assert!(browser.text("[role=alert]").await.contains("Amount in €"), "{}", browser.text("[role=alert]").await);
    assert!(!browser.text("#f-data_amount-error").await.is_empty());
    assert_eq!(browser.property("#f-data_amount", "value").await, "many");
    assert_eq!(browser.property("#f-data_address_note", "value").await, "ring twice");
    browser.shoot("errors-light").await;

    browser.write("#f-data_amount", "3919.8").await;
    browser.write("#f-data_address_city", "Lübeck").await;
    browser.click("#f-data_account label:nth-of-type(2)").await;
    browser.click("#f-data_urgent").await;
    browser.write("#f-data_copies", "ann@example.com\nbo@example.com").await;
    browser.click("button[value=approved]").await;
    browser.arrives_at("Decided: Approved").await;
    browser.shoot("decided-light").await;
    asked.run.output().await;
    let closed = &desk.room.scene.ann.get(&desk.room.suspensions()).await.expect(200)[0];
    assert_eq!(
        closed["decision"]["data"],
        json!({
            "amount": 3919.8, "account": "Reserve", "address": {"city": "Lübeck", "note": "ring twice"}, "urgent": true,
            "copies": ["ann@example.com", "bo@example.com"],
        })
    );
    browser.open(&url(&asked.links[1])).await;
    assert!(browser.text("[role=status]").await.contains("Decided by cat"));
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_fit_a_phone_in_the_dark() {
    let desk = Desk::on(Backend::Sqlite).await;
    let url = |link: &str| format!("{}{link}", desk.room.scene.app.address());
    let browser = Browser::start(true).await;
    let asked = desk.ask("approval-gate", order(), &[Some("cat")]).await;
    browser.open(&url(&asked.links[0])).await;
    browser.shoot("open-dark").await;
    browser.click("button[value=rejected]").await;
    assert!(browser.text("[role=alert]").await.contains("Reason"));
    browser.shoot("errors-dark").await;
    browser.write("#f-reason", "The address is not in our books.").await;
    browser.click("button[value=rejected]").await;
    browser.arrives_at("Decided: Rejected").await;
    browser.shoot("rejected-dark").await;

    let rules = json!({
        "message": "Open the sluice at Weir 3 for the spring flood?",
        "quorum": {"required": 3},
        "actions": [
            {"id": "approved", "label": "Open it", "style": "primary"},
            {"id": "half", "label": "Open it by half"},
            {"id": "rejected", "label": "Keep it shut", "style": "danger"},
        ],
    });
    let asked = desk.ask("approval-gate", rules, &[Some("cat"), Some("dan")]).await;
    browser.open(&url(&asked.links[0])).await;
    browser.click("button[value=approved]").await;
    assert!(browser.text("[role=status]").await.contains("Your vote is counted"));
    browser.shoot("quorum-dark").await;
    browser.open(&url(&asked.links[1])).await;
    assert!(browser.text("section.card h2").await.contains("1 of 3"));

    let rules = json!({"question": "Which warehouse ships order NW-20417?", "choices": ["Hamburg", "Lyon", "Gdańsk"], "expiresIn": "1h"});
    let asked = desk.ask("ask-human", rules, &[None]).await;
    browser.open(&url(&asked.links[0])).await;
    browser.shoot("question-dark").await;
    desk.room.scene.app.clock.advance_ms(3_600_000);
    browser.click("label.pick:nth-of-type(2)").await;
    browser.click("button").await;
    browser.arrives_at("This has expired").await;
    browser.shoot("expired-dark").await;
    browser.open(&url("/respond/unknown")).await;
    browser.shoot("unknown-dark").await;
    browser.close().await;
}
