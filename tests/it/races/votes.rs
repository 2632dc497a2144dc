//! Votes and claims at the same instant.

use serde_json::{Value, json};

use super::rounds;
use crate::{
    http::decisions::{Room, by},
    support::{
        app::{Backend, Client, on_both},
        scene::Run,
    },
};

on_both! {
    the_last_two_votes_of_a_quorum_both_count,
    one_vote_too_many_is_told_that_it_is_decided,
    a_veto_and_the_last_vote_have_one_winner,
    a_claim_and_an_answer_of_another_have_one_winner,
}

async fn vote(run: &Run, client: &Client, approved: bool) -> u16 {
    by(run, client).respond(json!({"approved": approved})).await.status
}

fn ends(log: &[Value]) -> Vec<&Value> {
    log.iter().filter(|event| event["type"] == "suspension_update" && event["state"] != "open").collect()
}

async fn the_last_two_votes_of_a_quorum_both_count(backend: Backend) {
    let room = Room::on(backend).await;
    for _ in 0..rounds() / 4 {
        let rules = json!({"approvers": {"users": ["bo", "cat", "dan"]}, "quorum": {"required": 3}});
        let (run, _) = room.ask(rules).await;
        assert_eq!(vote(&run, &room.dan, true).await, 200);
        let statuses = tokio::join!(vote(&run, &room.bo, true), vote(&run, &room.cat, true));
        assert_eq!(statuses, (200, 200));
        assert_eq!(run.output().await, "approved");
        let log = run.log().await;
        let [end] = ends(&log)[..] else { panic!("{log:#?}") };
        let mut voters: Vec<_> = end["decision"]["votes"].as_array().unwrap().iter().map(|vote| &vote["by"]).collect();
        voters.sort_unstable_by_key(|by| by.as_str());
        assert_eq!(voters, ["bo", "cat", "dan"]);
    }
}

async fn one_vote_too_many_is_told_that_it_is_decided(backend: Backend) {
    let room = Room::on(backend).await;
    for _ in 0..rounds() / 4 {
        let rules = json!({"approvers": {"users": ["bo", "cat", "dan"]}, "quorum": {"required": 2}});
        let (run, _) = room.ask(rules).await;
        assert_eq!(vote(&run, &room.dan, true).await, 200);
        let (bo, cat) = tokio::join!(vote(&run, &room.bo, true), vote(&run, &room.cat, true));
        let last = match (bo, cat) {
            (200, 409) => "bo",
            (409, 200) => "cat",
            other => panic!("{other:?}"),
        };
        let log = run.log().await;
        let [end] = ends(&log)[..] else { panic!("{log:#?}") };
        assert_eq!((&end["by"], end["decision"]["votes"].as_array().unwrap().len()), (&json!(last), 2));
    }
}

async fn a_veto_and_the_last_vote_have_one_winner(backend: Backend) {
    let room = Room::on(backend).await;
    for _ in 0..rounds() / 4 {
        let rules = json!({"approvers": {"users": ["bo", "cat", "dan"]}, "quorum": {"required": 2}});
        let (run, _) = room.ask(rules).await;
        assert_eq!(vote(&run, &room.dan, true).await, 200);
        let outcome = match tokio::join!(vote(&run, &room.bo, true), vote(&run, &room.cat, false)) {
            (200, 409) => "approved",
            (409, 200) => "rejected",
            other => panic!("{other:?}"),
        };
        assert_eq!(run.output().await, outcome);
        assert_eq!(ends(&run.log().await).len(), 1);
    }
}

async fn a_claim_and_an_answer_of_another_have_one_winner(backend: Backend) {
    let room = Room::on(backend).await;
    for _ in 0..rounds() / 4 {
        let (run, id) = room.ask(json!({})).await;
        let claim = format!("{}/{id}/claim", room.suspensions());
        let (answered, claimed) = tokio::join!(vote(&run, &room.cat, true), room.dan.post(&claim, json!({})));
        let log = run.log().await;
        match (answered, claimed.status) {
            (200, 409) => assert_eq!(ends(&log).len(), 1),
            (409, 200) => assert_eq!(ends(&log).len(), 0),
            other => panic!("{other:?}"),
        }
    }
}
