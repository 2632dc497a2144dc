//! Claims, reassignments, reminders, escalations, and the inbox of one person.

use serde_json::{Value, json};
use sluicegate::clock::Instant;

use super::decisions::{Room, by, deciding};
use crate::support::{
    app::{Backend, Client, START, on_both},
    scene::{Run, Scene, error_paths, line, node},
};

on_both! {
    a_claim_keeps_others_away_until_it_is_released,
    of_many_claims_in_the_same_moment_one_is_heard,
    what_takes_several_votes_or_is_over_can_not_be_claimed,
    an_admin_reassigns_and_an_approver_delegates,
    a_reassignment_that_can_not_be_is_refused_at_its_field,
    a_vote_is_handed_to_one_other_person,
    reminders_and_escalations_come_in_their_time,
    what_came_due_during_a_downtime_happens_at_the_start,
    an_answer_takes_the_timeline_back,
    my_inbox_has_what_i_may_answer_now,
    nothing_of_another_workspace_is_reached,
}

const HOUR: i64 = 3_600_000;

struct Desk<'r> {
    room: &'r Room,
    path: String,
}

impl Desk<'_> {
    async fn act(&self, client: &Client, action: &str) -> crate::support::app::Reply {
        client.post(&format!("{}/{action}", self.path), json!({})).await
    }

    async fn reassign(&self, client: &Client, body: Value) -> crate::support::app::Reply {
        client.post(&format!("{}/reassign", self.path), body).await
    }

    async fn answer(&self, client: &Client) -> crate::support::app::Reply {
        client.post(&format!("{}/answer", self.path), json!({"approved": true})).await
    }

    async fn view(&self) -> Value {
        self.room.scene.ann.get(&self.path).await.expect(200)
    }
}

async fn desk(room: &Room, rules: Value) -> (Run, Desk<'_>) {
    let (run, id) = room.ask(rules).await;
    let path = format!("{}/{id}", room.suspensions());
    (run, Desk { room, path })
}

/// What happened to the suspension while it was open.
async fn changes(run: &Run) -> Vec<String> {
    let log = run.log().await;
    let updates = log.iter().filter(|event| event["type"] == "suspension_update");
    updates.filter_map(|event| event["change"].as_str().map(str::to_owned)).collect()
}

async fn a_claim_keeps_others_away_until_it_is_released(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, desk) = desk(&room, json!({"approvers": {"users": ["bo", "cat"]}})).await;
    let claimed = desk.act(&room.bo, "claim").await.expect(200);
    let at = Instant(START.0).to_string();
    assert_eq!((&claimed["claim"], &claimed["state"]), (&json!({"by": "bo", "at": at}), &json!("open")));
    // Mine already: the same again.
    assert_eq!(desk.act(&room.bo, "claim").await.expect(200), claimed);
    assert_eq!(desk.view().await, claimed);
    for refused in [
        desk.answer(&room.cat).await,
        by(&run, &room.cat).respond(json!({"approved": true})).await,
        desk.act(&room.cat, "claim").await,
        desk.act(&room.cat, "release").await,
    ] {
        let problem = refused.problem(409, "suspension_claimed");
        assert!(problem["detail"].as_str().unwrap().starts_with("bo has claimed it"), "{problem}");
    }
    // Who may not answer may not handle it either; an admin may give it free.
    desk.act(&room.dan, "claim").await.problem(403, "not_an_approver");
    let released = desk.act(&room.scene.ann, "release").await.expect(200);
    assert_eq!(released.get("claim"), None);
    desk.act(&room.cat, "release").await.expect(200);
    let keyed = room.cat.with("idempotency-key", "mine");
    let first = desk.act(&keyed, "claim").await;
    desk.act(&room.cat, "release").await.expect(200);
    let again = desk.act(&keyed, "claim").await;
    assert_eq!((again.header("idempotency-replayed"), again.expect(200)), (Some("true"), first.expect(200)));
    desk.act(&room.bo, "claim").await.expect(200);
    desk.answer(&room.bo).await.expect(200);
    assert_eq!(run.output().await, "approved");
    assert_eq!(changes(&run).await, ["claimed", "released", "claimed", "released", "claimed"]);
}

async fn of_many_claims_in_the_same_moment_one_is_heard(backend: Backend) {
    let room = Room::on(backend).await;
    for _ in 0..5 {
        let (run, desk) = desk(&room, json!({})).await;
        let (one, two, three) = tokio::join!(
            desk.act(&room.cat, "claim"),
            desk.act(&room.dan, "claim"),
            desk.act(&room.scene.ann, "claim")
        );
        let mut statuses = [one.status, two.status, three.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409, 409]);
        assert_eq!(changes(&run).await, ["claimed"]);
    }
}

async fn what_takes_several_votes_or_is_over_can_not_be_claimed(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, desk) = desk(&room, json!({"quorum": {"required": 2}})).await;
    desk.act(&room.cat, "claim").await.problem(409, "conflict");
    desk.act(&room.cat, "release").await.expect(200);
    run.cancel().await.expect(204);
    for action in ["claim", "release", "reassign"] {
        let body = if action == "reassign" { json!({"users": ["bo"]}) } else { json!({}) };
        let refused = room.scene.ann.post(&format!("{}/{action}", desk.path), body).await;
        let problem = refused.problem(409, "suspension_closed");
        assert!(problem["detail"].as_str().unwrap().contains("cancelled"), "{problem}");
    }
}

async fn an_admin_reassigns_and_an_approver_delegates(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, desk) = desk(&room, json!({"approvers": {"users": ["bo"], "roles": ["owner"]}})).await;
    desk.act(&room.bo, "claim").await.expect(200);
    // Bo is away: dan, in his place. The owners stay, the claim does not.
    let delegated = desk.reassign(&room.bo, json!({"users": ["dan"], "reason": "away"})).await.expect(200);
    assert_eq!(delegated["approvers"], json!({"users": ["dan"], "roles": ["owner"]}));
    assert_eq!(
        (delegated.get("claim"), &delegated["interrupt"]["policy"]["approvers"]["users"]),
        (None, &json!(["bo"]))
    );
    desk.answer(&room.bo).await.problem(403, "not_an_approver");
    desk.reassign(&room.bo, json!({"users": ["cat"]})).await.problem(403, "forbidden");
    // An admin says who, wholly.
    let group = format!("{}/groups/desk", room.scene.place.workspace());
    room.scene.ann.json(reqwest::Method::PUT, &group, &json!({"members": ["bo", "cat"]})).await.expect(201);
    let to = json!({"groups": ["desk"], "reason": "holidays"});
    let reassigned = desk.reassign(&room.scene.ann, to.clone()).await.expect(200);
    assert_eq!(reassigned["approvers"], json!({"users": ["bo", "cat"], "groups": ["desk"]}));
    assert_eq!(desk.reassign(&room.scene.ann, to).await.expect(200), reassigned);
    desk.answer(&room.dan).await.problem(403, "not_an_approver");
    desk.answer(&room.scene.ann).await.problem(403, "not_an_approver");
    desk.answer(&room.cat).await.expect(200);
    assert_eq!(run.output().await, "approved");
    let log = run.log().await;
    let told: Vec<_> = log.iter().filter(|event| event["change"] == "reassigned").collect();
    assert_eq!(told.len(), 2);
    assert_eq!((&told[0]["by"], &told[0]["reason"]), (&json!("bo"), &json!("away")));
    assert_eq!(told[1]["approvers"], json!({"users": ["bo", "cat"], "groups": ["desk"]}));
}

async fn a_reassignment_that_can_not_be_is_refused_at_its_field(backend: Backend) {
    let room = Room::on(backend).await;
    let (_run, desk) = desk(&room, json!({"approvers": {"users": ["bo"]}, "allowSelfApproval": false})).await;
    let many: Vec<String> = (0..501).map(|n| format!("u{n}")).collect();
    for (body, path) in [
        (json!({}), "/users"),
        (json!({"users": ["cat", "stranger"]}), "/users/1"),
        (json!({"users": ["\u{0}"]}), "/users/0"),
        (json!({"users": many}), "/users"),
        (json!({"groups": ["unknown"]}), "/groups/0"),
        (json!({"groups": ["\u{0}"]}), "/groups/0"),
        (json!({"groups": vec!["x"; 21]}), "/groups"),
        // Ann triggered it.
        (json!({"users": ["ann"]}), "/users"),
        (json!({"users": ["cat"], "reason": "x".repeat(10_001)}), "/reason"),
    ] {
        let refused = desk.reassign(&room.scene.ann, body).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&refused), [path], "{refused}");
    }
    desk.reassign(&room.bo, json!({"roles": ["viewer"]})).await.problem(422, "invalid_value");
    desk.reassign(&room.scene.ann, json!({"roles": ["boss"]})).await.problem(400, "invalid_body");
    desk.reassign(&room.scene.ann, json!({"to": []})).await.problem(400, "invalid_body");
    desk.reassign(&room.cat, json!({"users": ["cat"]})).await.problem(403, "forbidden");
    desk.answer(&room.bo).await.expect(200);
}

async fn a_vote_is_handed_to_one_other_person(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, desk) = desk(&room, json!({"approvers": {"users": ["bo", "cat"]}, "quorum": {"required": 2}})).await;
    desk.answer(&room.bo).await.expect(200);
    // One voice stays one voice.
    for body in [json!({"users": ["dan", "ann"]}), json!({"users": ["cat"]})] {
        let refused = desk.reassign(&room.bo, body).await.problem(422, "invalid_value");
        assert_eq!(error_paths(&refused), ["/users"]);
    }
    let handed = desk.reassign(&room.bo, json!({"users": ["dan"]})).await.expect(200);
    assert_eq!(handed.get("votes"), None, "the vote went with it");
    desk.answer(&room.bo).await.problem(403, "not_an_approver");
    desk.answer(&room.cat).await.expect(200);
    assert_eq!(run.status().await, "suspended");
    desk.answer(&room.dan).await.expect(200);
    assert_eq!(run.output().await, "approved");
}

fn rules_with_a_timeline() -> Value {
    json!({
        "approvers": {"users": ["bo"]},
        "reminders": [{"after": "1h"}, {"after": "3h"}],
        "escalation": [{"after": "2h", "to": {"users": ["dan"]}}],
        "expiresIn": "4h",
        "onExpiry": "reject",
    })
}

async fn reminders_and_escalations_come_in_their_time(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, desk) = desk(&room, rules_with_a_timeline()).await;
    let at = |hours: i64| START.plus_ms(hours * HOUR).to_string();
    let to = json!({"users": ["dan"]});
    assert_eq!(
        desk.view().await["interrupt"]["timeline"],
        json!([
            {"at": at(1), "action": "remind"},
            {"at": at(2), "action": "escalate", "to": to},
            {"at": at(3), "action": "remind"},
            {"at": at(4), "action": "expire"},
        ])
    );
    desk.act(&room.bo, "claim").await.expect(200);
    desk.answer(&room.dan).await.problem(403, "not_an_approver");
    room.scene.app.clock.advance_ms(HOUR);
    let reminded = run.until(|frame| frame.event["change"] == "reminded").await.pop().unwrap();
    assert_eq!((&reminded["step"], &reminded["at"], &reminded["state"]), (&json!(0), &json!(at(1)), &json!("open")));
    assert_eq!(desk.view().await["claim"]["by"], "bo");
    // Everybody, without a wait for any timer, sees what the time is.
    room.scene.app.clock.advance_ms(HOUR);
    let escalated = run.until(|frame| frame.event["change"] == "escalated").await.pop().unwrap();
    assert_eq!((&escalated["step"], &escalated["approvers"]), (&json!(1), &json!({"users": ["bo", "dan"]})));
    let standing = desk.view().await;
    assert_eq!((&standing["approvers"], standing.get("claim")), (&json!({"users": ["bo", "dan"]}), None));
    assert_eq!(standing["stepsDone"], 2);
    desk.answer(&room.dan).await.expect(200);
    assert_eq!(run.output().await, "approved");
    assert_eq!(changes(&run).await, ["claimed", "reminded", "escalated"]);
    // A wait is no work: the execution was active for no time at all.
    assert_eq!(run.view().await["waitingMs"], 2 * HOUR);
}

async fn what_came_due_during_a_downtime_happens_at_the_start(backend: Backend) {
    let mut room = Room::on(backend).await;
    let run = room.scene.run(deciding(rules_with_a_timeline()), json!(null)).await;
    run.asked().await;
    room.scene.app.stop().await;
    room.scene.app.clock.advance_ms(3 * HOUR);
    room.scene.restart().await;
    let run = room.scene.run_at(&run.id);
    run.until(|frame| frame.event["step"] == 2).await;
    // Of the two reminders that were due the later one is enough.
    assert_eq!(changes(&run).await, ["escalated", "reminded"]);
    room.scene.app.clock.advance_ms(HOUR);
    assert_eq!(run.output().await, "rejected");
    let closed = &run.view().await["suspensions"][0];
    assert_eq!((&closed["state"], &closed["decision"]["source"]), (&json!("expired"), &json!("expiry")));
}

async fn an_answer_takes_the_timeline_back(backend: Backend) {
    let room = Room::on(backend).await;
    let asked = node("gate", "approval-gate", {
        let mut rules = rules_with_a_timeline();
        rules["message"] = json!("Go on?");
        rules
    });
    let run = room.scene.run(line([asked, node("nap", "wait", json!({"duration": "9h"}))]), json!(null)).await;
    run.asked().await;
    by(&run, &room.bo).respond(json!({"approved": true})).await.expect(200);
    run.until(|frame| frame.event["nodeId"] == "nap" && frame.event["status"] == "suspended").await;
    room.scene.app.clock.advance_ms(9 * HOUR);
    run.output().await;
    assert_eq!(changes(&run).await, [""; 0]);
}

async fn inbox(scene: &Scene, client: &Client, query: &str) -> Vec<String> {
    let path = format!("{}/suspensions?mine=true{query}", scene.place.workspace());
    let list = client.get(&path).await.expect(200);
    list.as_array().unwrap().iter().map(|item| item["executionId"].as_str().unwrap().to_owned()).collect()
}

async fn my_inbox_has_what_i_may_answer_now(backend: Backend) {
    let room = Room::on(backend).await;
    let (scene, [bo, cat, dan]) = (&room.scene, [&room.bo, &room.cat, &room.dan]);
    let (open, _) = desk(&room, json!({})).await;
    let (for_bo, of_bo) = desk(&room, json!({"approvers": {"users": ["bo"]}})).await;
    let (not_own, _) =
        desk(&room, json!({"allowSelfApproval": false, "approvers": {"roles": ["editor"], "users": ["cat"]}})).await;
    let (claimed, of_cat) = desk(&room, json!({"approvers": {"users": ["cat", "dan"]}})).await;
    let (_, key) = room.key("owner").await;
    for (client, expected) in [
        (&scene.ann, vec![&open]),
        (bo, vec![&for_bo]),
        (cat, vec![&claimed, &not_own, &open]),
        (dan, vec![&claimed, &not_own, &open]),
        (&key, vec![&open]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|run| run.id.clone()).collect();
        assert_eq!(inbox(scene, client, "").await, expected);
    }
    of_cat.act(cat, "claim").await.expect(200);
    assert_eq!(inbox(scene, dan, "").await, [not_own.id.as_str(), &open.id]);
    assert_eq!(inbox(scene, cat, "&state=open&limit=2").await, [claimed.id.as_str(), &not_own.id]);
    of_bo.reassign(&scene.ann, json!({"users": ["dan"]})).await.expect(200);
    assert_eq!(inbox(scene, bo, "").await, [""; 0]);
    assert_eq!(inbox(scene, dan, "").await, [not_own.id.as_str(), &for_bo.id, &open.id]);
    by(&open, dan).respond(json!({"approved": true})).await.expect(200);
    assert_eq!(inbox(scene, dan, &format!("&podId={}", scene.place.pod_id)).await, [not_own.id.as_str(), &for_bo.id]);
    let in_pod = dan.get(&format!("{}/suspensions?mine=true", scene.place.pod())).await.expect(200);
    assert_eq!(in_pod.as_array().unwrap().len(), 2);
    // Another role, another inbox.
    let member = format!("{}/members/dan", scene.place.workspace());
    scene.ann.patch(&member, json!({"role": "viewer"})).await.expect(200);
    assert_eq!(inbox(scene, dan, "").await, [for_bo.id.as_str()]);
    let path = format!("{}?mine=true&state=answered", room.suspensions());
    assert_eq!(error_paths(&scene.ann.get(&path).await.problem(400, "invalid_query")), ["state"]);
    let path = format!("{}?mine=yes", room.suspensions());
    assert_eq!(error_paths(&scene.ann.get(&path).await.problem(400, "invalid_query")), ["mine"]);
}

async fn nothing_of_another_workspace_is_reached(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, desk) = desk(&room, json!({})).await;
    let id = desk.path.rsplit('/').next().unwrap();
    let eve = room.scene.app.workspace("eve").await;
    let eve_client = room.scene.app.user("eve");
    for action in ["claim", "release", "reassign", "answer"] {
        let body = match action {
            "reassign" => json!({"users": ["eve"]}),
            "answer" => json!({"approved": true}),
            _ => json!({}),
        };
        let foreign = format!("{}/suspensions/{id}/{action}", eve.workspace());
        eve_client.post(&foreign, body.clone()).await.problem(404, "not_found");
        eve_client.post(&format!("{}/{action}", desk.path), body).await.problem(404, "not_found");
    }
    let mine = format!("{}/suspensions?mine=true", eve.workspace());
    assert_eq!(eve_client.get(&mine).await.expect(200), json!([]));
    assert_eq!(run.status().await, "suspended");
}
