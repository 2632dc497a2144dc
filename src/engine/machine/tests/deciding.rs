//! Votes, claims, reassignments and timelines, case by case; and what must hold for all of them in any log.

use std::collections::{BTreeMap, BTreeSet};

use super::{super::state::State, Command, Run, decision, graph, question};
use crate::{
    clock::Instant,
    domain::{
        event::{Event, NodeStatus, StandingChange, SuspensionUpdateEvent},
        identity::Role,
        ids::SuspensionId,
        suspension::{
            Approvers, Decision, DecisionSource, OnExpiry, Policy, Quorum, Standing, SuspensionState, TimelineAction,
            TimelineStep,
        },
    },
    nodes::{Outcome, Question},
};

fn people(users: &[&str]) -> Approvers {
    Approvers { users: users.iter().map(|user| (*user).to_owned()).collect(), ..Approvers::default() }
}

fn policy(users: &[&str], required: u32, veto_on_reject: bool) -> Policy {
    let quorum = Some(Quorum { required, veto_on_reject });
    Policy { approvers: Some(people(users)), quorum, ..Policy::default() }
}

/// A question with these rules.
pub fn asking(policy: Policy, timeline: Vec<TimelineStep>, expires_at: Option<Instant>) -> Outcome {
    let Outcome::Suspend(plain) = question(expires_at, OnExpiry::Reject) else { unreachable!("it is a question") };
    Outcome::Suspend(Box::new(Question { policy, timeline, ..*plain }))
}

/// A run that waits at a gate of these rules, with an end behind each of its ports.
fn waiting(policy: Policy, timeline: Vec<TimelineStep>) -> (Run, SuspensionId) {
    let mut run = Run::new(&graph("s:start p:approval-gate e:end", "s>p p.approved>e p.rejected>e p.later>e"));
    run.pass("s", serde_json::json!(1));
    run.start_all();
    run.finish("p", asking(policy, timeline, None));
    let id = *run.machine.state.open.keys().next().unwrap();
    (run, id)
}

fn vote(run: &mut Run, suspension_id: SuspensionId, by: &str, action: &str) {
    let decision = Decision { by: Some(by.to_owned()), ..decision(action, run.now) };
    run.say(Command::Answer { suspension_id, decision });
    run.check_laws();
}

fn port(run: &Run) -> Option<&str> {
    run.machine.state.run("p").unwrap().port.as_deref()
}

fn standing(run: &Run, id: SuspensionId) -> &Standing {
    &run.machine.state.open[&id].standing
}

#[test]
fn the_vote_that_completes_the_quorum_decides_and_the_decision_has_all_of_them() {
    let (mut run, id) = waiting(policy(&["a", "b", "c", "d"], 3, true), Vec::new());
    for by in ["a", "b"] {
        vote(&mut run, id, by, "approved");
    }
    assert_eq!(run.status("p"), Some(NodeStatus::Suspended));
    vote(&mut run, id, "c", "approved");
    assert_eq!((run.status("p"), port(&run)), (Some(NodeStatus::Completed), Some("approved")));
    let closing = run.log.iter().rev().find_map(|event| match event {
        Event::SuspensionUpdate(update) => update.decision.clone(),
        _ => None,
    });
    let closing = closing.unwrap();
    assert_eq!(closing.by.as_deref(), Some("c"));
    assert_eq!(closing.votes.iter().map(|vote| vote.by.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
}

#[test]
fn a_vote_may_be_changed_and_the_newest_counts() {
    let (mut run, id) = waiting(policy(&["a", "b"], 2, false), Vec::new());
    vote(&mut run, id, "a", "later");
    vote(&mut run, id, "b", "approved");
    assert_eq!(standing(&run, id).tally(), BTreeMap::from([("approved".to_owned(), 1), ("later".to_owned(), 1)]));
    let events = run.log.len();
    vote(&mut run, id, "b", "approved");
    assert_eq!(run.log.len(), events, "the same vote again is none");
    vote(&mut run, id, "a", "approved");
    assert_eq!(port(&run), Some("approved"));
}

#[test]
fn one_rejection_rejects_where_it_is_a_veto() {
    let (mut run, id) = waiting(policy(&["a", "b", "c"], 2, true), Vec::new());
    vote(&mut run, id, "a", "approved");
    vote(&mut run, id, "b", "rejected");
    assert_eq!(port(&run), Some("rejected"));
}

#[test]
fn without_a_veto_a_rejection_takes_the_quorum_or_makes_the_rest_too_few() {
    // Two of five reject: three are left, which is what it takes.
    let (mut run, id) = waiting(policy(&["a", "b", "c", "d", "e"], 3, false), Vec::new());
    for by in ["a", "b"] {
        vote(&mut run, id, by, "rejected");
    }
    assert_eq!(run.status("p"), Some(NodeStatus::Suspended));
    vote(&mut run, id, "c", "approved");
    vote(&mut run, id, "d", "later");
    assert_eq!(run.status("p"), Some(NodeStatus::Suspended), "votes can still be changed");
    vote(&mut run, id, "e", "rejected");
    assert_eq!(port(&run), Some("rejected"));

    let (mut run, id) = waiting(policy(&["a", "b", "c"], 2, false), Vec::new());
    vote(&mut run, id, "a", "rejected");
    assert_eq!(run.status("p"), Some(NodeStatus::Suspended));
    vote(&mut run, id, "b", "later");
    vote(&mut run, id, "a", "approved");
    vote(&mut run, id, "a", "rejected");
    // b and c could still agree on `later`.
    assert_eq!(run.status("p"), Some(NodeStatus::Suspended));
    vote(&mut run, id, "c", "rejected");
    assert_eq!(port(&run), Some("rejected"));

    // The requester has no vote, so that one rejection of two leaves nobody to agree with.
    let own = Policy { allow_self_approval: false, requester: "c".to_owned(), ..policy(&["a", "b", "c"], 2, false) };
    let (mut run, id) = waiting(own, Vec::new());
    vote(&mut run, id, "a", "rejected");
    assert_eq!(port(&run), Some("rejected"));

    // Where members vote by their role, nobody knows how many there are.
    let mut open = policy(&["a"], 2, false);
    open.approvers.as_mut().unwrap().roles.push(Role::Editor);
    let (mut run, id) = waiting(open, Vec::new());
    vote(&mut run, id, "a", "rejected");
    assert_eq!(run.status("p"), Some(NodeStatus::Suspended));
}

#[test]
fn a_claim_is_one_persons_until_it_is_released_or_others_are_asked() {
    let rules = Policy { approvers: Some(people(&["a", "b"])), ..Policy::default() };
    let (mut run, id) = waiting(rules, Vec::new());
    run.say(Command::Claim { suspension_id: id, by: "a".to_owned() });
    run.say(Command::Claim { suspension_id: id, by: "b".to_owned() });
    assert_eq!(standing(&run, id).claim.as_ref().unwrap().by, "a");
    run.say(Command::Release { suspension_id: id, by: "a".to_owned() });
    assert_eq!(standing(&run, id).claim, None);
    let events = run.log.len();
    run.say(Command::Release { suspension_id: id, by: "a".to_owned() });
    assert_eq!(run.log.len(), events);
    run.say(Command::Claim { suspension_id: id, by: "b".to_owned() });
    let reassign = |approvers| Command::Reassign { suspension_id: id, by: "boss".to_owned(), approvers, reason: None };
    run.say(reassign(people(&["c"])));
    assert_eq!((&standing(&run, id).claim, &standing(&run, id).approvers), (&None, &Some(people(&["c"]))));
    let events = run.log.len();
    run.say(reassign(people(&["c"])));
    assert_eq!(run.log.len(), events, "the same again is none");
    run.check_laws();

    let (mut run, id) = waiting(policy(&["a", "b"], 2, true), Vec::new());
    run.say(Command::Claim { suspension_id: id, by: "a".to_owned() });
    assert_eq!(standing(&run, id).claim, None, "a quorum is nobody's own");
}

#[test]
fn a_reassignment_keeps_the_votes_of_those_who_may_still_vote() {
    let mut rules = policy(&["a", "b"], 3, true);
    rules.approvers.as_mut().unwrap().roles.push(Role::Admin);
    let (mut run, id) = waiting(rules, Vec::new());
    for by in ["a", "by-role"] {
        vote(&mut run, id, by, "approved");
    }
    let voters = |run: &Run| standing(run, id).votes.iter().map(|vote| vote.by.clone()).collect::<Vec<_>>();
    // `a` hands the vote on.
    let handed =
        Approvers { users: vec!["b".to_owned(), "c".to_owned()], groups: Vec::new(), roles: vec![Role::Admin] };
    run.say(Command::Reassign { suspension_id: id, by: "a".to_owned(), approvers: handed, reason: None });
    assert_eq!(voters(&run), ["by-role"]);
    vote(&mut run, id, "c", "approved");
    // An admin asks others: who was let in by a role that is not asked for any more has no vote.
    run.say(Command::Reassign {
        suspension_id: id,
        by: "x".to_owned(),
        approvers: people(&["c", "d", "e"]),
        reason: None,
    });
    assert_eq!(voters(&run), ["c"]);
    run.check_laws();
}

#[test]
fn a_timeline_reminds_and_escalates_and_is_what_is_due_next() {
    let step = |at, action, to: Option<&[&str]>| TimelineStep { at: Instant(at), action, to: to.map(people) };
    let timeline = vec![
        step(2_000, TimelineAction::Remind, None),
        step(3_000, TimelineAction::Remind, None),
        step(4_000, TimelineAction::Escalate, Some(&["b"])),
        step(5_000, TimelineAction::Remind, None),
    ];
    let (mut run, id) = waiting(Policy { approvers: Some(people(&["a"])), ..Policy::default() }, timeline.clone());
    assert_eq!(run.machine.next_due(), Some(Instant(2_000)));
    run.say(Command::Claim { suspension_id: id, by: "a".to_owned() });
    let changes = |run: &Run| {
        let updates = run.log.iter().filter_map(|event| match event {
            Event::SuspensionUpdate(update) => update.change.zip(update.step),
            _ => None,
        });
        updates.collect::<Vec<_>>()
    };
    run.now = Instant(2_000);
    run.say(Command::Tick);
    run.say(Command::Tick);
    assert_eq!(changes(&run), [(StandingChange::Reminded, 0)]);
    assert_eq!(run.machine.next_due(), Some(Instant(3_000)));
    // The server sleeps: of two reminders the later one is enough, an escalation is not left out.
    run.now = Instant(6_000);
    run.say(Command::Tick);
    let expected = [(StandingChange::Reminded, 0), (StandingChange::Escalated, 2), (StandingChange::Reminded, 3)];
    assert_eq!(changes(&run), expected);
    assert_eq!((&standing(&run, id).approvers, &standing(&run, id).claim), (&Some(people(&["a", "b"])), &None));
    assert_eq!(run.machine.next_due(), None);
    assert_eq!(run.status("p"), Some(NodeStatus::Suspended));
    run.check_laws();

    // Where editors may answer, they still may after an escalation.
    let (mut run, id) = waiting(Policy::default(), timeline);
    run.now = Instant(4_000);
    run.say(Command::Tick);
    let expected = Approvers { roles: vec![Role::Editor], ..people(&["b"]) };
    assert_eq!(standing(&run, id).approvers, Some(expected));
}

#[test]
fn what_expires_is_not_reminded_of_any_more_and_the_votes_so_far_are_told() {
    let remind = TimelineStep { at: Instant(2_000), action: TimelineAction::Remind, to: None };
    let expire = TimelineStep { at: Instant(3_000), action: TimelineAction::Expire, to: None };
    let mut run = Run::new(&graph("s:start p:approval-gate e:end", "s>p p.approved>e p.rejected>e"));
    run.pass("s", serde_json::json!(1));
    run.start_all();
    run.finish("p", asking(policy(&["a", "b"], 2, true), vec![remind, expire], Some(Instant(3_000))));
    let id = *run.machine.state.open.keys().next().unwrap();
    vote(&mut run, id, "a", "approved");
    run.now = Instant(3_000);
    run.say(Command::Tick);
    run.check_laws();
    let updates: Vec<_> = updates_of(&run.log).filter(|update| update.vote.is_none()).collect();
    let [update] = updates.as_slice() else { panic!("{updates:?}") };
    assert_eq!(update.state, SuspensionState::Expired);
    assert_eq!(update.decision.as_ref().unwrap().votes.len(), 1);
}

#[test]
fn a_log_of_before_there_were_policies_still_folds() {
    let (mut run, id) = waiting(Policy::default(), Vec::new());
    let opened = run.log.iter().position(|event| matches!(event, Event::ExecutionSuspended(_))).unwrap();
    let mut body: serde_json::Value = serde_json::from_str(&run.log[opened].to_body()).unwrap();
    for member in ["policy", "timeline"] {
        body["interrupt"].as_object_mut().unwrap().remove(member);
    }
    run.log[opened] = serde_json::from_value(body).unwrap();
    run.check_laws();
    let mut state: serde_json::Value = serde_json::to_value(&run.machine.state).unwrap();
    state["open"][id.to_string()].as_object_mut().unwrap().remove("standing").unwrap();
    let read: State = serde_json::from_value(state).unwrap();
    assert_eq!(read, run.machine.state, "and so does a snapshot");
    let old = r#"{"action":"approved","by":"ada","at":"2027-01-15T08:00:00.000Z"}"#;
    let old: Decision = serde_json::from_str(old).unwrap();
    assert_eq!((old.source, old.votes.len()), (DecisionSource::Person, 0));
}

fn updates_of(log: &[Event]) -> impl Iterator<Item = &SuspensionUpdateEvent> {
    log.iter().filter_map(|event| match event {
        Event::SuspensionUpdate(update) => Some(update),
        _ => None,
    })
}

/// What holds for the suspensions of any log.
pub fn check_standing(log: &[Event]) {
    for interrupt in log.iter().filter_map(|event| match event {
        Event::ExecutionSuspended(suspended) => Some(&suspended.interrupt),
        _ => None,
    }) {
        let policy = &interrupt.policy;
        let (mut closed, mut step, mut claim, mut approvers) = (false, None, None, policy.approvers.clone());
        let mut votes: BTreeMap<&str, &str> = BTreeMap::new();
        for update in updates_of(log).filter(|update| update.suspension_id == interrupt.suspension_id) {
            assert!(!closed, "nothing follows the end of a suspension");
            closed = update.state != SuspensionState::Open;
            assert_eq!(update.change.is_none(), closed, "what stays open says what changed: {update:?}");
            if let Some(vote) = &update.vote {
                votes.insert(&vote.by, &vote.action);
                let tally: u32 = update.votes.as_ref().unwrap().values().sum();
                assert!(tally as usize <= votes.len(), "one vote each");
            }
            match update.change {
                Some(StandingChange::Claimed) => {
                    assert!(claim.is_none() && policy.quorum.is_none());
                    claim.clone_from(&update.by);
                }
                Some(StandingChange::Released) => assert!(claim.take().is_some()),
                Some(StandingChange::Reminded | StandingChange::Escalated) => {
                    assert!(update.step > step, "steps are taken in order, each once");
                    step = update.step;
                    assert!(interrupt.timeline[step.unwrap()].at <= update.at);
                    assert!(interrupt.expires_at.is_none_or(|at| at > update.at));
                }
                _ => {}
            }
            if let Some(now) = &update.approvers {
                if update.change == Some(StandingChange::Escalated) {
                    let before = approvers.iter().flat_map(|before| &before.users);
                    assert!(before.clone().all(|user| now.users.contains(user)), "an escalation only adds");
                }
                approvers = Some(now.clone());
                claim = None;
            }
            let Some((decision, quorum)) = update.decision.as_ref().zip(policy.quorum) else { continue };
            let voters: BTreeSet<_> = decision.votes.iter().map(|vote| &vote.by).collect();
            assert_eq!(voters.len(), decision.votes.len(), "one vote each");
            if update.state == SuspensionState::Answered {
                let cast = decision.votes.iter().filter(|vote| vote.action == decision.action).count();
                let enough = cast >= quorum.required as usize;
                assert!(enough || decision.action == "rejected", "only a rejection takes fewer: {decision:?}");
            }
        }
    }
}
