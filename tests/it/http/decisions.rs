//! Who may answer a suspension, and how many have to.

use serde_json::{Value, json};

use crate::support::{
    app::{Backend, Client, on_both},
    event_stream::Frame,
    scene::{Run, Scene, course, gate, graph, last_update, line, node},
};

on_both! {
    only_those_who_are_named_may_answer,
    without_approvers_editors_may_answer_and_viewers_may_not,
    a_role_is_looked_at_when_somebody_answers,
    who_triggered_it_may_not_decide_where_that_is_forbidden,
    a_quorum_counts_each_person_once_and_survives_a_restart,
    a_veto_rejects_at_once_and_without_one_it_takes_a_quorum,
    a_question_that_nobody_could_ever_answer_fails_at_once,
    who_leaves_the_workspace_may_not_answer_and_a_vote_of_theirs_stays,
    a_group_is_frozen_when_the_question_is_put,
    a_workflow_that_changes_or_goes_leaves_its_open_questions_alone,
    a_form_is_filled_with_each_vote,
}

/// A workspace with Ann, who owns it, and three more.
pub struct Room {
    pub scene: Scene,
    pub bo: Client,
    pub cat: Client,
    pub dan: Client,
}

impl Room {
    pub async fn on(backend: Backend) -> Self {
        let scene = Scene::on(backend).await;
        let mut joined = Vec::new();
        for (user, role) in [("bo", "viewer"), ("cat", "editor"), ("dan", "editor")] {
            joined.push(scene.app.join(&scene.place, "ann", user, role).await);
        }
        let [bo, cat, dan] = joined.try_into().ok().unwrap();
        Self { scene, bo, cat, dan }
    }

    /// An execution that waits at a gate of these rules, and its suspension's id.
    pub async fn ask(&self, rules: Value) -> (Run, String) {
        let run = self.scene.run(deciding(rules), json!(null)).await;
        let id = run.asked().await["suspensionId"].as_str().unwrap().to_owned();
        (run, id)
    }

    /// Where suspensions are.
    pub fn suspensions(&self) -> String {
        format!("{}/suspensions", self.scene.place.workspace())
    }

    pub async fn suspension(&self, id: &str) -> Value {
        self.scene.ann.get(&format!("{}/{id}", self.suspensions())).await.expect(200)
    }

    /// A key of Ann's that may do what editors may.
    pub async fn key(&self, role: &str) -> (String, Client) {
        let keys = format!("{}/api-keys", self.scene.place.workspace());
        let key = self.scene.ann.post(&keys, json!({"name": "robot", "role": role})).await.expect(201);
        let client = self.scene.app.anonymous().with("x-api-key", key["key"].as_str().unwrap());
        (format!("key:{}", key["id"].as_str().unwrap()), client)
    }
}

/// A gate of these rules, with the name of the port it was left by as the output.
pub fn deciding(mut rules: Value) -> Value {
    rules["message"] = json!("Ship it?");
    let ports = ["approved", "rejected"];
    let shown = ports.map(|id| node(id, "transform", json!({"transformScript": format!("\"{id}\"")})));
    let edges = "begin>gate gate:approved>approved gate:rejected>rejected approved>finish rejected>finish";
    graph(std::iter::once(node("gate", "approval-gate", rules)).chain(shown), edges)
}

/// The same execution, seen by somebody else.
pub fn by(run: &Run, client: &Client) -> Run {
    Run { client: client.clone(), ..run.clone() }
}

async fn approve(run: &Run, client: &Client) -> crate::support::app::Reply {
    by(run, client).respond(json!({"approved": true})).await
}

async fn reject(run: &Run, client: &Client) -> crate::support::app::Reply {
    by(run, client).respond(json!({"approved": false})).await
}

fn updates(log: &[Value]) -> Vec<&Value> {
    log.iter().filter(|event| event["type"] == "suspension_update").collect()
}

async fn only_those_who_are_named_may_answer(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, id) = room.ask(json!({"approvers": {"users": ["bo", "{{ 'd' + 'an' }}"]}})).await;
    let answer = format!("{}/{id}/answer", room.suspensions());
    // Neither a role nor a key opens it, not even the owner's.
    let (_, key) = room.key("owner").await;
    for client in [&room.scene.ann, &room.cat, &key] {
        for refused in [
            approve(&run, client).await,
            by(&run, client).client.patch(&format!("{}/approve", run.path), json!({})).await,
            client.post(&answer, json!({"approved": true})).await,
            client.post(&format!("{}/{id}/claim", room.suspensions()), json!({})).await,
        ] {
            let problem = refused.problem(403, "not_an_approver");
            assert!(problem["detail"].as_str().unwrap().ends_with("answers are taken from: bo, dan"), "{problem}");
        }
    }
    room.scene.app.user("stranger").post(&answer, json!({"approved": true})).await.problem(404, "not_found");
    assert_eq!(run.status().await, "suspended");
    // A viewer who is named may; a form that does not fit is told to those who may only.
    by(&run, &room.bo).respond(json!({"answer": 1})).await.problem(422, "invalid_answer");
    room.cat.post(&answer, json!({"answer": 1})).await.problem(403, "not_an_approver");
    room.bo.post(&answer, json!({"approved": true, "comment": "fine"})).await.expect(200);
    assert_eq!(run.output().await, "approved");
    let closed = room.suspension(&id).await;
    assert_eq!((&closed["decision"]["by"], &closed["decision"]["source"]), (&json!("bo"), &json!("person")));
    // Who may not answer learns no less afterwards.
    let late = approve(&run, &room.cat).await.problem(409, "suspension_closed");
    assert!(late["detail"].as_str().unwrap().contains("bo"), "{late}");
}

async fn without_approvers_editors_may_answer_and_viewers_may_not(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, id) = room.ask(json!({})).await;
    let refused = approve(&run, &room.bo).await.problem(403, "not_an_approver");
    let who = "members with the role `editor` or a higher one";
    assert!(refused["detail"].as_str().unwrap().ends_with(who), "{refused}");
    let (key_id, key) = room.key("editor").await;
    approve(&run, &key).await.expect(200);
    let decision = &room.suspension(&id).await["decision"];
    assert_eq!((&decision["by"], &decision["source"]), (&json!(key_id), &json!("api")));
    assert_eq!(room.suspension(&id).await["interrupt"]["policy"]["requester"], "ann");
}

async fn a_role_is_looked_at_when_somebody_answers(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, _) = room.ask(json!({"approvers": {"roles": ["admin"]}})).await;
    approve(&run, &room.cat).await.problem(403, "not_an_approver");
    let cat = format!("{}/members/cat", room.scene.place.workspace());
    room.scene.ann.patch(&cat, json!({"role": "admin"})).await.expect(200);
    approve(&run, &room.cat).await.expect(200);
    // An owner has every role.
    let (run, _) = room.ask(json!({"approvers": {"roles": ["admin"]}})).await;
    room.scene.ann.patch(&cat, json!({"role": "editor"})).await.expect(200);
    approve(&run, &room.cat).await.problem(403, "not_an_approver");
    approve(&run, &room.scene.ann).await.expect(200);
}

async fn who_triggered_it_may_not_decide_where_that_is_forbidden(backend: Backend) {
    let room = Room::on(backend).await;
    let ann = &room.scene.ann;
    let (robot, key) = room.key("editor").await;
    for (rules, key_may) in [
        (json!({"allowSelfApproval": false}), false),
        (json!({"allowSelfApproval": false, "approvers": {"users": ["ann", "cat"]}}), false),
        (json!({"allowSelfApproval": false, "approvers": {"users": ["ann", robot]}}), true),
    ] {
        let (run, _) = room.ask(rules).await;
        approve(&run, ann).await.problem(403, "own_request");
        // A key could be anybody's, the requester's too, unless it is named.
        if key_may {
            approve(&run, &key).await.expect(200);
        } else {
            approve(&run, &key).await.problem(403, "not_an_approver");
            approve(&run, &room.cat).await.expect(200);
        }
        assert_eq!(run.output().await, "approved");
    }
    // A retry is somebody's own request as well.
    let (run, _) = room.ask(json!({"allowSelfApproval": false})).await;
    approve(&run, &room.cat).await.expect(200);
    run.output().await;
    let again = room.scene.run_of(&by(&run, &room.cat).post("retry", json!({})).await);
    again.asked().await;
    approve(&again, &room.cat).await.problem(403, "own_request");
    approve(&again, ann).await.expect(200);
}

async fn a_quorum_counts_each_person_once_and_survives_a_restart(backend: Backend) {
    let mut room = Room::on(backend).await;
    let rules = json!({"approvers": {"users": ["bo", "cat", "dan"]}, "quorum": {"required": 2, "vetoOnReject": false}});
    let (run, id) = room.ask(rules).await;
    let mut stream = room.scene.ann.stream(&format!("{}/events?snapshot=true", room.suspensions())).await;
    let first = approve(&run, &room.bo).await.expect(200);
    assert_eq!(first["status"], "suspended");
    let progress = stream.until(|frame| frame.kind() == "suspension_update").await.pop().unwrap();
    let Frame { event, .. } = progress;
    let told = [&event["state"], &event["change"], &event["by"], &event["action"], &event["votes"]];
    assert_eq!(told, [&json!("open"), &json!("voted"), &json!("bo"), &json!("approved"), &json!({"approved": 1})]);
    // The same vote again is the same vote; another one takes its place.
    approve(&run, &room.bo).await.expect(200);
    let keyed = by(&run, &room.bo.with("idempotency-key", "change"));
    for _ in 0..2 {
        keyed.respond(json!({"approved": false, "reason": "no stock"})).await.expect(200);
    }
    let repeated = by(&run, &room.bo.with("idempotency-key", "the-same-again"));
    for _ in 0..2 {
        repeated.respond(json!({"approved": false, "reason": "no stock"})).await.expect(200);
    }
    approve(&run, &room.scene.ann).await.problem(403, "not_an_approver");
    let standing = room.suspension(&id).await;
    assert_eq!(
        (&standing["votes"].as_array().unwrap().len(), &standing["votes"][0]["reason"]),
        (&1, &json!("no stock"))
    );
    assert_eq!(updates(&run.log().await).len(), 2);

    room.scene.restart().await;
    let [bo, cat, dan] = ["bo", "cat", "dan"].map(|user| room.scene.app.user(user));
    let run = room.scene.run_at(&run.id);
    approve(&run, &cat).await.expect(200);
    assert_eq!(run.status().await, "suspended");
    let done = by(&run, &dan).respond(json!({"approved": true, "comment": "go"})).await.expect(200);
    assert_ne!(done["status"], "suspended");
    assert_eq!(run.output().await, "approved");
    let closed = room.suspension(&id).await;
    let votes = closed["decision"]["votes"].as_array().unwrap();
    let cast: Vec<_> =
        votes.iter().map(|vote| (vote["by"].as_str().unwrap(), vote["action"].as_str().unwrap())).collect();
    assert_eq!(cast, [("bo", "rejected"), ("cat", "approved"), ("dan", "approved")]);
    assert_eq!((&closed["decision"]["by"], &closed["votes"]), (&json!("dan"), &closed["decision"]["votes"]));
    // What they said before they may say again; nothing else.
    approve(&run, &cat).await.expect(200);
    by(&run, &bo).respond(json!({"approved": false, "reason": "no stock"})).await.expect(200);
    approve(&run, &bo).await.problem(409, "suspension_closed");
    let log = run.log().await;
    let gate = &last_update(&log, "gate")["output"];
    assert_eq!((&gate["approved"], gate["votes"].as_array().unwrap().len()), (&json!(true), 3));
}

async fn a_veto_rejects_at_once_and_without_one_it_takes_a_quorum(backend: Backend) {
    let room = Room::on(backend).await;
    let approvers = json!({"users": ["bo", "cat", "dan"]});
    let (run, _) = room.ask(json!({"approvers": approvers, "quorum": {"required": 3}})).await;
    approve(&run, &room.bo).await.expect(200);
    reject(&run, &room.cat).await.expect(200);
    assert_eq!(run.output().await, "rejected");
    // Without a veto the third is enough only because two of three can't be had any more.
    let (run, id) = room.ask(json!({"approvers": approvers, "quorum": {"required": 2, "vetoOnReject": false}})).await;
    reject(&run, &room.bo).await.expect(200);
    approve(&run, &room.cat).await.expect(200);
    assert_eq!(run.status().await, "suspended");
    reject(&run, &room.dan).await.expect(200);
    assert_eq!(run.output().await, "rejected");
    assert_eq!(room.suspension(&id).await["decision"]["by"], "dan");
    // Editors without names: nobody knows how many there are, programs are not among them.
    let (run, _) = room.ask(json!({"quorum": {"required": 2}})).await;
    let (_, key) = room.key("admin").await;
    approve(&run, &key).await.problem(403, "not_an_approver");
    approve(&run, &room.cat).await.expect(200);
    approve(&run, &room.scene.ann).await.expect(200);
    assert_eq!(run.output().await, "approved");
}

async fn a_question_that_nobody_could_ever_answer_fails_at_once(backend: Backend) {
    let room = Room::on(backend).await;
    let groups = format!("{}/groups", room.scene.place.workspace());
    room.scene.ann.json(reqwest::Method::PUT, &format!("{groups}/empty"), &json!({"members": []})).await.expect(201);
    for (rules, said) in [
        (
            json!({"approvers": {"users": "{{ input.who }}"}, "quorum": {"required": 3}}),
            "it takes 3 to decide, and 2 may",
        ),
        (json!({"approvers": {"users": ["ann"]}, "allowSelfApproval": false}), "it takes 1 to decide, and 0 may"),
        (json!({"approvers": {"groups": ["empty"]}}), "it takes 1 to decide, and 0 may"),
        (json!({"approvers": {"groups": ["unknown"]}}), "there is no group `unknown`"),
        (json!({"escalation": [{"after": "1h", "to": {"groups": ["gone"]}}]}), "there is no group `gone`"),
        (json!({"approvers": {"users": "{{ input.none }}"}}), "`approvers`"),
        (json!({"approvers": {"roles": ["{{ input.who[0] }}"]}}), "`approvers/roles/0`"),
    ] {
        let run = room.scene.run(deciding(rules.clone()), json!({"who": ["bo", "cat"]})).await;
        let failure = run.failure().await;
        assert_eq!((&failure["code"], &failure["nodeId"]), (&json!("invalid_value"), &json!("gate")), "{rules}");
        assert!(failure["message"].as_str().unwrap().starts_with(said), "{failure}");
        assert_eq!(updates(&run.log().await).len(), 0);
    }
    // An escalation that brings enough people makes it possible.
    let rules = json!({
        "approvers": {"users": ["bo"]},
        "quorum": {"required": 2},
        "escalation": [{"after": "1h", "to": {"users": ["cat"]}}],
    });
    room.ask(rules).await;
}

async fn who_leaves_the_workspace_may_not_answer_and_a_vote_of_theirs_stays(backend: Backend) {
    let room = Room::on(backend).await;
    let (run, id) = room.ask(json!({"approvers": {"users": ["bo", "cat", "dan"]}, "quorum": {"required": 2}})).await;
    approve(&run, &room.bo).await.expect(200);
    let members = format!("{}/members", room.scene.place.workspace());
    for user in ["bo", "dan"] {
        room.scene.ann.delete(&format!("{members}/{user}")).await.expect(204);
    }
    for gone in [&room.bo, &room.dan] {
        approve(&run, gone).await.problem(404, "not_found");
        gone.post(&format!("{}/{id}/answer", room.suspensions()), json!({"approved": false}))
            .await
            .problem(404, "not_found");
    }
    approve(&run, &room.cat).await.expect(200);
    assert_eq!(run.output().await, "approved");
}

async fn a_group_is_frozen_when_the_question_is_put(backend: Backend) {
    let room = Room::on(backend).await;
    let group = format!("{}/groups/shippers", room.scene.place.workspace());
    let put =
        async |members: Value| room.scene.ann.json(reqwest::Method::PUT, &group, &json!({"members": members})).await;
    put(json!(["bo"])).await.expect(201);
    let rules = json!({"approvers": {"groups": ["shippers"], "users": ["dan"]}});
    let workflow = room.scene.workflow(deciding(rules)).await;
    let run = room.scene.trigger(&workflow, json!(null)).await;
    let asked = run.asked().await;
    assert_eq!(asked["policy"]["approvers"], json!({"users": ["dan", "bo"], "groups": ["shippers"]}));
    put(json!(["cat"])).await.expect(200);
    approve(&run, &room.cat).await.problem(403, "not_an_approver");
    room.scene.ann.delete(&group).await.expect(204);
    approve(&run, &room.bo).await.expect(200);
    assert_eq!(run.output().await, "approved");
    // The next one is put to whom it is by then.
    put(json!(["cat"])).await.expect(201);
    let next = room.scene.trigger(&workflow, json!(null)).await;
    next.asked().await;
    approve(&next, &room.bo).await.problem(403, "not_an_approver");
    approve(&next, &room.cat).await.expect(200);
}

async fn a_workflow_that_changes_or_goes_leaves_its_open_questions_alone(backend: Backend) {
    let room = Room::on(backend).await;
    let ann = &room.scene.ann;
    let workflow = room.scene.workflow(deciding(json!({"approvers": {"users": ["bo"]}}))).await;
    let path = format!("{}/workflows/{workflow}", room.scene.place.pod());
    ann.post(&format!("{path}/deploy"), json!({})).await.expect(200);
    let run = room.scene.trigger(&workflow, json!(null)).await;
    let id = run.asked().await["suspensionId"].as_str().unwrap().to_owned();
    ann.patch(&path, json!({"definition": gate()})).await.expect(200);
    ann.post(&format!("{path}/undeploy"), json!({})).await.expect(200);
    ann.patch(&format!("{path}/trash"), json!({})).await.expect(200);
    // It can't be deleted for good while it waits.
    ann.delete(&path).await.problem(409, "conflict");
    approve(&run, &room.cat).await.problem(403, "not_an_approver");
    approve(&run, &room.bo).await.expect(200);
    assert_eq!(run.output().await, "approved");
    assert_eq!(room.suspension(&id).await["state"], "answered");
    ann.delete(&path).await.expect(204);
}

async fn a_form_is_filled_with_each_vote(backend: Backend) {
    let room = Room::on(backend).await;
    let form = json!({"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]});
    let ask = json!({"form": form, "approvers": {"users": ["bo", "cat"]}, "quorum": {"required": 2}});
    let run = room
        .scene
        .run(
            line([node("gate", "approval-gate", {
                let mut ask = ask;
                ask["message"] = json!("How much?");
                ask
            })]),
            json!(null),
        )
        .await;
    run.asked().await;
    let vote =
        async |client: &Client, data: Value| by(&run, client).respond(json!({"approved": true, "data": data})).await;
    vote(&room.bo, json!({"amount": 5})).await.expect(200);
    vote(&room.cat, json!({"amount": "much"})).await.problem(422, "invalid_answer");
    // Another amount is another vote.
    vote(&room.bo, json!({"amount": 6})).await.expect(200);
    vote(&room.cat, json!({"amount": 7})).await.expect(200);
    run.end().await;
    let decision = &run.view().await["suspensions"][0]["decision"];
    assert_eq!(decision["data"], json!({"amount": 7}));
    let filled: Vec<_> = decision["votes"].as_array().unwrap().iter().map(|vote| &vote["data"]["amount"]).collect();
    assert_eq!(filled, [&json!(6), &json!(7)]);
    assert_eq!(course(&run.log().await, "gate"), ["running", "suspended", "completed"]);
}
