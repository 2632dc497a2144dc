//! The reviewer's page, as a browser without scripts sees it.

use serde_json::{Value, json};

use super::decisions::Room;
use crate::support::{
    app::{Backend, Client, Reply, on_both},
    peer::Peer,
    scene::{Run, line, node},
};

on_both! {
    looking_changes_nothing,
    the_form_decides_once,
    what_does_not_fit_is_told_at_its_field_and_kept,
    a_question_is_answered,
    a_link_answers_as_whom_it_names,
    who_holds_an_unnamed_link_answers_where_anybody_may,
    votes_by_links_are_counted_and_can_be_changed,
    a_link_ends_with_its_suspension,
    unknown_links_are_told_apart_by_nobody,
}

/// A room whose gates tell a peer of themselves.
pub struct Desk {
    pub room: Room,
    pub peer: Peer,
}

/// A question that waits, and the links to it, by the order of their targets.
pub struct Asked {
    pub run: Run,
    pub links: Vec<String>,
}

impl Desk {
    pub async fn on(backend: Backend) -> Self {
        Self { room: Room::on(backend).await, peer: Peer::start().await }
    }

    /// A gate (or a question) of these rules that sends one link for each user, and for nobody in particular where that is null.
    pub async fn ask(&self, kind: &str, mut rules: Value, users: &[Option<&str>]) -> Asked {
        let place = |index: usize| format!("/{}/{index}", self.peer.hits("/count"));
        let targets = users.iter().enumerate().map(|(index, user)| {
            let mut target = json!({"type": "webhook", "url": self.peer.url(&place(index))});
            if let Some(user) = user {
                target["user"] = json!(user);
            }
            target
        });
        rules["notify"] = targets.collect();
        let run = self.room.scene.run(line([node("gate", kind, rules)]), json!(null)).await;
        run.asked().await;
        let mut links = Vec::new();
        for index in 0..users.len() {
            self.peer.arrived(&place(index), 1).await;
            let request = self.peer.requests(&place(index)).pop().unwrap();
            let sent: Value = serde_json::from_str(request["body"].as_str().unwrap()).unwrap();
            links.push(url::Url::parse(sent["data"]["link"].as_str().unwrap()).unwrap().path().to_owned());
        }
        // The next question has other places.
        reqwest::get(self.peer.url("/count")).await.unwrap();
        Asked { run, links }
    }

    pub fn visitor(&self) -> Client {
        self.room.scene.app.anonymous().without_prefix()
    }

    pub async fn see(&self, link: &str) -> Reply {
        self.visitor().get(link).await
    }

    pub async fn send(&self, link: &str, form: &str) -> Reply {
        let client = self.visitor().with("content-type", "application/x-www-form-urlencoded");
        client.send(reqwest::Method::POST, link, Some(form.to_owned())).await
    }
}

#[track_caller]
fn shows(reply: &Reply, status: u16, texts: &[&str]) {
    assert_eq!(reply.status, status, "{}", reply.text);
    for text in texts {
        assert!(reply.text.contains(text), "no `{text}` in {}", reply.text);
    }
}

async fn looking_changes_nothing(backend: Backend) {
    let desk = Desk::on(backend).await;
    let rules = json!({
        "title": "<b>Pay</b>?",
        "message": "To <script>alert(1)</script>",
        "context": {"orderId": 7, "lines": [{"article": "<img src=x>", "price": 1.5}]},
        "expiresIn": "2d",
    });
    let asked = desk.ask("approval-gate", rules, &[Some("cat"), None]).await;
    let (log, suspensions) =
        (asked.run.log().await, desk.room.scene.ann.get(&desk.room.suspensions()).await.expect(200));
    for link in &asked.links {
        for _ in 0..3 {
            let page = desk.see(link).await;
            shows(
                &page,
                200,
                &["&lt;b&gt;Pay", "&lt;script&gt;", "Order id", "&lt;img src=x&gt;", "in 2 days", "Approve", "Reject"],
            );
            assert!(!page.text.contains("<script") && !page.text.contains("<img"), "{}", page.text);
            let policy = page.header("content-security-policy").unwrap();
            assert!(
                policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("form-action 'self'")
            );
            for (name, value) in [
                ("cache-control", "no-store"),
                ("referrer-policy", "no-referrer"),
                ("x-robots-tag", "noindex, nofollow"),
                ("x-content-type-options", "nosniff"),
            ] {
                assert_eq!(page.header(name), Some(value));
            }
        }
        let client = reqwest::Client::builder().build().unwrap();
        let head = client.head(format!("{}{link}", desk.room.scene.app.address())).send().await.unwrap();
        assert_eq!(head.status(), 200);
        let wrong = desk.visitor().json(reqwest::Method::POST, link, &json!({"action": "approved"})).await;
        wrong.problem(415, "unsupported_media_type");
    }
    assert_eq!(asked.run.log().await, log);
    assert_eq!(desk.room.scene.ann.get(&desk.room.suspensions()).await.expect(200), suspensions);
}

async fn the_form_decides_once(backend: Backend) {
    let desk = Desk::on(backend).await;
    let asked = desk.ask("approval-gate", json!({"message": "Pay?"}), &[Some("cat"), Some("dan")]).await;
    let [cats, dans] = &asked.links[..] else { panic!() };
    let sent = desk.send(cats, "action=approved&reason=fine+%26+good&comment=").await;
    assert_eq!((sent.status, sent.header("location")), (303, cats.rsplit('/').next()));
    let output = asked.run.output().await;
    assert_eq!((&output, asked.run.status().await.as_str()), (&json!(null), "completed"));
    shows(&desk.see(cats).await, 200, &["Decided: Approved", "<strong>you</strong>", "fine &amp; good"]);
    shows(&desk.see(dans).await, 200, &["Decided: Approved", "<strong>cat</strong>"]);
    // The same again is the same; anything else is told who was faster.
    assert_eq!(desk.send(cats, "action=approved&reason=fine+%26+good").await.status, 303);
    for (link, form) in [(dans, "action=approved"), (dans, "action=rejected"), (cats, "action=rejected")] {
        shows(&desk.send(link, form).await, 409, &["Decided: Approved"]);
    }
    let closed = &desk.room.scene.ann.get(&desk.room.suspensions()).await.expect(200)[0];
    let decision = &closed["decision"];
    assert_eq!(
        (&decision["by"], &decision["source"], &decision["action"]),
        (&json!("cat"), &json!("link"), &json!("approved"))
    );
}

async fn what_does_not_fit_is_told_at_its_field_and_kept(backend: Backend) {
    let desk = Desk::on(backend).await;
    let form = json!({
        "type": "object",
        "required": ["amount", "address"],
        "properties": {
            "amount": {"type": "integer", "minimum": 1, "maximum": 10},
            "address": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string", "minLength": 2}}},
            "extra": {},
        },
    });
    let rules = json!({"message": "Pay?", "form": form, "requireReason": true});
    let asked = desk.ask("approval-gate", rules, &[Some("cat")]).await;
    let link = &asked.links[0];
    let before = asked.run.log().await;
    let page = desk.send(link, "action=approved&data/amount=%22%3E%3Cb%3E&data/address/city=L&data/extra=%7B").await;
    shows(
        &page,
        422,
        &[
            "Please check",
            "value=\"&quot;&gt;&lt;b&gt;\"",
            "value=\"L\"",
            "href=\"#f-data_amount\"",
            "id=\"f-data_amount-error\"",
            "href=\"#f-data_address_city\"",
            "href=\"#f-data_extra\"",
        ],
    );
    assert!(!page.text.contains("<b>"), "{}", page.text);
    shows(
        &desk.send(link, "action=approved").await,
        422,
        &["href=\"#f-data_amount\"", "href=\"#f-data_address_city\""],
    );
    shows(&desk.send(link, "action=rejected&reason=+").await, 422, &["href=\"#f-reason\""]);
    shows(&desk.send(link, "").await, 422, &["Please check"]);
    shows(&desk.send(link, "action=other").await, 422, &["Please check"]);
    assert_eq!(asked.run.log().await, before);
    let sent = desk.send(link, "action=approved&data/amount=3&data/address/city=Lyon&data/extra=%5B1%5D").await;
    assert_eq!(sent.status, 303);
    let closed = &desk.room.scene.ann.get(&desk.room.suspensions()).await.expect(200)[0];
    assert_eq!(closed["decision"]["data"], json!({"amount": 3, "address": {"city": "Lyon"}, "extra": [1]}));
}

async fn a_question_is_answered(backend: Backend) {
    let desk = Desk::on(backend).await;
    let asked = desk.ask("ask-human", json!({"question": "Which?", "choices": ["red", "green"]}), &[None]).await;
    shows(&desk.see(&asked.links[0]).await, 200, &["type=\"radio\"", "green", "Send answer"]);
    shows(&desk.send(&asked.links[0], "action=").await, 422, &["href=\"#f-answer\""]);
    assert_eq!(desk.send(&asked.links[0], "answer=1&action=").await.status, 303);
    assert_eq!(asked.run.output().await["answer"], "green");
    let asked = desk.ask("ask-human", json!({"question": "Why?"}), &[None]).await;
    assert_eq!(desk.send(&asked.links[0], "answer=a%0D%0Ab&action=").await.status, 303);
    assert_eq!(asked.run.output().await["answer"], "a\nb");
    shows(&desk.see(&asked.links[0]).await, 200, &["This has been answered"]);
}

async fn a_link_answers_as_whom_it_names(backend: Backend) {
    let desk = Desk::on(backend).await;
    let rules = json!({"message": "Pay?", "approvers": {"users": ["bo"]}});
    let asked = desk.ask("approval-gate", rules, &[Some("bo"), Some("dan"), Some("stranger"), None]).await;
    let [bos, dans, strangers, unnamed] = &asked.links[..] else { panic!() };
    for (link, text) in [(dans, "You are none of those"), (unnamed, "does not say who you are")] {
        shows(&desk.see(link).await, 200, &[text]);
        shows(&desk.send(link, "action=approved").await, 403, &[text]);
    }
    for reply in [desk.see(strangers).await, desk.send(strangers, "action=approved").await] {
        shows(&reply, 403, &["not a member"]);
        assert!(!reply.text.contains("Pay?"));
    }
    // A viewer who is named may; who has left may not.
    let member = format!("{}/members/bo", desk.room.scene.place.workspace());
    desk.room.scene.ann.delete(&member).await.expect(204);
    shows(&desk.send(bos, "action=approved").await, 403, &["not a member"]);
    desk.room.scene.app.join(&desk.room.scene.place, "ann", "bo", "viewer").await;
    assert_eq!(desk.send(bos, "action=approved").await.status, 303);
    asked.run.output().await;
}

async fn who_holds_an_unnamed_link_answers_where_anybody_may(backend: Backend) {
    let desk = Desk::on(backend).await;
    for rules in [
        json!({"message": "Pay?", "quorum": {"required": 2}}),
        json!({"message": "Pay?", "allowSelfApproval": false}),
        json!({"message": "Pay?", "approvers": {"roles": ["viewer"]}}),
    ] {
        let asked = desk.ask("approval-gate", rules, &[None]).await;
        shows(&desk.send(&asked.links[0], "action=approved").await, 403, &["Sign in"]);
    }
    let asked = desk.ask("approval-gate", json!({"message": "Pay?"}), &[None]).await;
    assert_eq!(desk.send(&asked.links[0], "action=approved").await.status, 303);
    asked.run.output().await;
    let closed = &desk.room.scene.ann.get(&desk.room.suspensions()).await.expect(200)[0];
    assert!(closed["decision"]["by"].as_str().unwrap().starts_with("link:"), "{closed}");
}

async fn votes_by_links_are_counted_and_can_be_changed(backend: Backend) {
    let desk = Desk::on(backend).await;
    let rules = json!({"message": "Pay?", "quorum": {"required": 2, "vetoOnReject": false}});
    let asked = desk.ask("approval-gate", rules, &[Some("cat"), Some("dan"), Some("ann")]).await;
    let [cats, dans, anns] = &asked.links[..] else { panic!() };
    assert_eq!(desk.send(cats, "action=rejected").await.status, 303);
    shows(&desk.see(cats).await, 200, &["Your vote is counted: Rejected", "0 of 2"]);
    assert_eq!(desk.send(cats, "action=approved").await.status, 303);
    shows(&desk.see(dans).await, 200, &["1 of 2", "cat"]);
    assert_eq!(desk.send(dans, "action=approved").await.status, 303);
    asked.run.output().await;
    shows(&desk.see(anns).await, 200, &["Decided: Approved", "2 of 2", "<strong>dan</strong>"]);
}

async fn a_link_ends_with_its_suspension(backend: Backend) {
    let desk = Desk::on(backend).await;
    let rules = json!({"message": "Pay?", "context": {"iban": "XX12"}, "expiresIn": "1h", "onExpiry": "reject"});
    let asked = desk.ask("approval-gate", rules, &[Some("cat")]).await;
    desk.room.scene.app.clock.advance_ms(3_600_000);
    for reply in [desk.see(&asked.links[0]).await, desk.send(&asked.links[0], "action=approved").await] {
        shows(&reply, 410, &["This has expired", "counts as rejected"]);
        assert!(!reply.text.contains("XX12") && !reply.text.contains("<form"));
    }
    asked.run.failure().await;
    shows(&desk.see(&asked.links[0]).await, 410, &["This has expired"]);

    let asked = desk.ask("approval-gate", json!({"message": "Pay?"}), &[Some("cat")]).await;
    asked.run.cancel().await.expect(204);
    asked.run.end().await;
    shows(&desk.see(&asked.links[0]).await, 200, &["no longer needed"]);
    shows(&desk.send(&asked.links[0], "action=approved").await, 409, &["no longer needed"]);
}

async fn unknown_links_are_told_apart_by_nobody(backend: Backend) {
    let desk = Desk::on(backend).await;
    let asked = desk.ask("approval-gate", json!({"message": "Pay?"}), &[Some("cat")]).await;
    let link = &asked.links[0];
    let changed = format!("{}{}", &link[..link.len() - 2], "xx");
    let callback = link.replace("/respond/", "/v1/callbacks/");
    desk.visitor().post(&callback, json!(1)).await.problem(404, "not_found");
    let mut pages = Vec::new();
    for link in [changed.as_str(), "/respond/x", "/respond/%00", &format!("/respond/{}", "A".repeat(64))] {
        for reply in [desk.see(link).await, desk.send(link, "action=approved").await] {
            shows(&reply, 404, &["leads nowhere"]);
            pages.push(reply.text);
        }
    }
    pages.dedup();
    assert_eq!(pages.len(), 1);
}
