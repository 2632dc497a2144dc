//! The recipes, followed to their ends. What they name outside (a mail server, a channel of Slack, a model, a shop) stands here.

use axum::{Router, response::Html, routing::get};
use serde_json::{Value, json};
use tokio_util::task::TaskTracker;

use super::page::Page;
use crate::support::{
    mailbox::Mailbox,
    model::{Model, Says, says},
    peer::Peer,
};

async fn until_suspended(page: &mut Page) -> Value {
    let id = page.variable("ID").await;
    page.caller().until(&id, |execution| execution["status"] == "suspended").await
}

/// Somebody with nothing but a link.
fn browser() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[tokio::test]
async fn an_approval_by_mail() {
    let mailbox = Mailbox::start(0).await;
    let mut page =
        Page::open("recipes/approval-by-mail.md", &[("smtps://user:password@smtp.example.com", &mailbox.url)]).await;
    page.next().await;
    until_suspended(&mut page).await;
    let letter = mailbox.letters(1).await.remove(0);
    let text = letter.text.replace("=\n", "").replace("=3D", "=");
    assert_eq!(letter.to, "bo@example.com");
    assert!(text.contains("Subject: Invoice R-17") && text.contains("Pay 250 EUR to Ink & Co?"), "{text}");
    let (_, rest) = text.split_once("https://gate.example.com/respond/").unwrap();
    let token: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    let link = format!("{}/respond/{token}", page.server.address());
    let form = browser().get(&link).send().await.unwrap().text().await.unwrap();
    assert!(form.contains("Account to book it on") && form.contains("rent"), "{form}");
    // A rejection without a reason and an approval without an account are asked for again.
    for (answer, status) in
        [("action=rejected", 422), ("action=approved", 422), ("action=approved&data/account=0", 303)]
    {
        let sent = browser().post(&link).header("content-type", "application/x-www-form-urlencoded").body(answer);
        assert_eq!(sent.send().await.unwrap().status().as_u16(), status, "{answer}");
    }
    page.rest().await;
}

#[tokio::test]
async fn an_agent_with_a_person_in_the_loop() {
    let (shop, model) = (
        Peer::start().await,
        Model::start([
            Says::Calls(vec![("find_order", json!({"number": "1001"}))]),
            Says::Calls(vec![("refund", json!({"number": "1001", "amount": 25}))]),
            says("Your 20 EUR are on their way."),
        ])
        .await,
    );
    let stand_ins = [("https://api.openai.com/v1", model.url()), ("https://shop.example.com", &shop.url(""))];
    let mut page = Page::open("recipes/agent-with-a-person.md", &stand_ins).await;
    page.next().await;
    page.next().await;
    until_suspended(&mut page).await;
    assert_eq!(
        (shop.hits("/orders/1001"), shop.hits("/orders/1001/refunds")),
        (1, 0),
        "nothing is paid before it is approved"
    );
    page.next().await;
    page.next().await;
    let paid: Value = serde_json::from_str(shop.requests("/orders/1001/refunds")[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(paid, json!({"amount": 20}));
    assert_eq!(model.asked()[0]["headers"]["authorization"], "Bearer sk-...");
    page.rest().await;
}

#[tokio::test]
async fn a_webhook_that_tells_slack() {
    let slack = Peer::start().await;
    let place = "/services/T000/B000/XXXX";
    let stand_ins = [("https://hooks.slack.com", slack.url(""))];
    let stand_ins = stand_ins.each_ref().map(|(from, to)| (*from, to.as_str()));
    let mut page = Page::open("recipes/webhook-to-slack.md", &stand_ins).await;
    page.next().await;
    page.next().await;
    // A server that was given no port can't know its address.
    page.type_in("URL=${URL/http:\\/\\/127.0.0.1:0/$SLUICEGATE_URL}").await;
    page.rest().await;
    let told = slack.requests(place);
    assert_eq!(told.len(), 1, "{told:?}");
    let text: Value = serde_json::from_str(told[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(text, json!({"text": "Order A-7 over 4000 EUR, from shop"}));
}

#[tokio::test]
async fn a_document_pipeline() {
    let mut page = Page::open("recipes/document-pipeline.md", &[]).await;
    for _ in ["import", "worker", "document"] {
        page.next().await;
    }
    let execution = until_suspended(&mut page).await;
    let asked = &execution["suspensions"][0]["interrupt"];
    assert_eq!((&asked["title"], &asked["message"]), (&json!("invoices/17.pdf"), &json!("Is 60 EUR right?")));
    page.rest().await;
}

const SHOP: &str = "<html><head><title>A shop with pumps</title></head><body><h1>Pumps</h1></body></html>";

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_browser_agent() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let shop = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", get(async || Html(SHOP)));
    let serving = TaskTracker::new().spawn(async move { axum::serve(listener, router).await.unwrap() });
    let page = Page::open("recipes/browser-agent.md", &[("https://shop.example.com", &shop)]).await;
    page.rest().await;
    serving.abort();
}
