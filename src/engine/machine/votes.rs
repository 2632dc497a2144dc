//! Answers and votes. Without a quorum the first answer decides. With one, an answer is a vote: each person has one, the newest
//! counts, and the vote that completes the quorum (or makes it impossible) closes the suspension in the same event.

use crate::{
    clock::Instant,
    domain::{
        event::{Event, StandingChange, SuspensionUpdateEvent},
        ids::SuspensionId,
        suspension::{Decision, Interrupt, Quorum, Standing, SuspensionState, Vote},
    },
    nodes::forms::REJECTED,
};

use super::Machine;

impl Machine {
    /// Takes an answer that fits, of somebody who may give it.
    pub(super) fn answer(&mut self, now: Instant, id: SuspensionId, mut decision: Decision) {
        let Some(open) = self.state.open.get(&id) else { return };
        if let Some(quorum) = open.interrupt.policy.quorum {
            let Some(vote) = decision.as_vote() else { return };
            if open.standing.vote_of(&vote.by).is_some_and(|cast| cast.says_the_same(&vote)) {
                return;
            }
            let standing = with_vote(&open.standing, &vote);
            if !decides(quorum, &open.interrupt, &standing, &vote) {
                let event = SuspensionUpdateEvent {
                    change: Some(StandingChange::Voted),
                    by: Some(vote.by.clone()),
                    action: Some(vote.action.clone()),
                    reason: vote.reason.clone(),
                    vote: Some(vote),
                    votes: Some(standing.tally()),
                    ..SuspensionUpdateEvent::new(self.next_seq(), now, id, SuspensionState::Open)
                };
                return self.emit(Event::SuspensionUpdate(event));
            }
            decision.votes = standing.votes;
        }
        let address = open.address.clone();
        self.close_suspension(now, id, SuspensionState::Answered, Some(&decision));
        self.carry_out(now, &address, decision);
    }
}

/// The votes with one more, in place of what the same person said before.
pub(super) fn with_vote(standing: &Standing, vote: &Vote) -> Standing {
    let mut standing = standing.clone();
    standing.votes.retain(|cast| cast.by != vote.by);
    standing.votes.push(vote.clone());
    standing
}

/// Whether the newest vote, which is counted already, is the last one that is needed.
fn decides(quorum: Quorum, interrupt: &Interrupt, standing: &Standing, vote: &Vote) -> bool {
    let required = quorum.required as usize;
    let cast = |action: &str| standing.votes.iter().filter(|vote| vote.action == action).count();
    if cast(&vote.action) >= required {
        return true;
    }
    if vote.action != REJECTED {
        return false;
    }
    if quorum.veto_on_reject {
        return true;
    }
    // Where only people vote who are named, their number bounds what any other action can still come to.
    let policy = &interrupt.policy;
    let Some(approvers) = policy.approvers_now(standing).filter(|approvers| approvers.roles.is_empty()) else {
        return false;
    };
    let silent = policy.voters(approvers).saturating_sub(standing.votes.len());
    let others = standing.votes.iter().filter(|vote| vote.action != REJECTED);
    others.map(|vote| cast(&vote.action)).max().unwrap_or_default() + silent < required
}
