//! The chapters that a newcomer reads first, typed in from beginning to end.

use super::page::{Page, fits_json, fits_text};
use serde_json::json;

#[tokio::test]
async fn the_quick_start_is_read_to_its_end() {
    let mut page = Page::open("quick-start.md", &[]).await;
    for _ in ["validate and run", "import", "trigger"] {
        page.next().await;
    }
    let id = page.variable("ID").await;
    page.caller().until(&id, |execution| execution["status"] == "suspended").await;
    for _ in ["approve and follow", "stream", "resume", "replay"] {
        page.next().await;
    }
    let again = page.variable("AGAIN").await;
    page.caller().until(&again, |execution| execution["status"] == "suspended").await;
    page.rest().await;
}

#[tokio::test]
async fn the_commands_about_webhooks_are_read_to_their_end() {
    let mut page = Page::open("webhooks.md", &[]).await;
    page.type_in("sluicegate import examples/linear.yaml >/dev/null").await;
    page.next().await;
    // A server that was given no port can't know its address.
    page.type_in("export URL=${URL/http:\\/\\/127.0.0.1:0/$SLUICEGATE_URL}").await;
    let printed = page.next().await;
    let statuses: Vec<&str> = printed.split("HTTP/1.1 ").skip(1).map(|reply| reply.lines().next().unwrap()).collect();
    assert_eq!(statuses, ["201 Created", "201 Created", "401 Unauthorized"], "{printed}");
    let ledger = page.next().await;
    for verdict in ["started", "repeated", "unverified"] {
        assert!(ledger.contains(&format!("\"verdict\":\"{verdict}\"")), "{verdict}: {ledger}");
    }
    let replies = page.next().await;
    assert!(replies.contains("2 items for 7") && replies.contains("\"type\":\"execution_complete\""), "{replies}");
    page.rest().await;
}

#[test]
fn outputs_are_compared_with_what_is_told() {
    assert!(
        fits_text("a ...c", "a b\nc") && fits_text("...", "") && !fits_text("a", "a b") && !fits_text("a...c", "ab")
    );
    let found = json!({"id": "0190", "list": [{"a": 1, "b": 2}], "more": true});
    assert!(fits_json(&json!({"id": "...", "list": [{"a": 1}]}), &found));
    for wrong in
        [json!({"list": []}), json!({"list": [{"a": 2}]}), json!({"id": "1..."}), json!({"other": null}), json!([])]
    {
        assert!(!fits_json(&wrong, &found), "{wrong}");
    }
}
