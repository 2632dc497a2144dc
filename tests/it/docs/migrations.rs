//! The ways here from elsewhere, walked.

use super::page::Page;

#[tokio::test]
async fn from_linea() {
    let mut page = Page::open("migrating/linea.md", &[]).await;
    page.next().await;
    let id = page.variable("ID").await;
    page.caller().until(&id, |execution| execution["status"] == "suspended").await;
    page.rest().await;
}

#[tokio::test]
async fn from_kodexa() {
    Page::open("migrating/kodexa.md", &[]).await.rest().await;
}

#[tokio::test]
async fn from_kinetic() {
    Page::open("migrating/kinetic.md", &[]).await.rest().await;
}

#[tokio::test]
async fn from_n8n() {
    Page::open("migrating/n8n.md", &[]).await.rest().await;
}
