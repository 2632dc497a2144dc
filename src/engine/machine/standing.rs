//! How an open suspension stands: claims, reassignments, the steps of its timeline, and the fold of all of them.

use crate::{
    clock::Instant,
    domain::{
        event::{Event, StandingChange, SuspensionUpdateEvent},
        identity::Role,
        ids::SuspensionId,
        suspension::{Approvers, Claim, Policy, Standing, SuspensionState, TimelineAction, Vote},
    },
};

use super::{Machine, state::OpenSuspension, votes::with_vote};

impl Machine {
    /// Somebody takes a suspension upon themself, if nobody has. A quorum is many people's, so there is nothing to claim.
    pub(super) fn claim(&mut self, now: Instant, id: SuspensionId, by: String) {
        let Some(open) = self.state.open.get(&id) else { return };
        if open.standing.claim.is_none() && open.interrupt.policy.quorum.is_none() {
            self.emit_change(now, id, StandingChange::Claimed, |event| event.by = Some(by));
        }
    }

    /// A claim is given up.
    pub(super) fn release(&mut self, now: Instant, id: SuspensionId, by: String) {
        if self.state.open.get(&id).is_some_and(|open| open.standing.claim.is_some()) {
            self.emit_change(now, id, StandingChange::Released, |event| event.by = Some(by));
        }
    }

    /// Others may answer in place of those who could.
    pub(super) fn reassign(
        &mut self,
        now: Instant,
        id: SuspensionId,
        by: String,
        approvers: Approvers,
        reason: Option<String>,
    ) {
        let Some(OpenSuspension { interrupt, standing, .. }) = self.state.open.get(&id) else { return };
        if interrupt.policy.approvers_now(standing) == Some(&approvers) {
            return;
        }
        let votes = interrupt.policy.quorum.map(|_| {
            Standing { votes: votes_kept(&interrupt.policy, standing, &approvers), ..Standing::default() }.tally()
        });
        self.emit_change(now, id, StandingChange::Reassigned, |event| {
            (event.by, event.reason, event.approvers, event.votes) = (Some(by), reason, Some(approvers), votes);
        });
    }

    /// The steps of timelines that are due. Where the server slept through several reminders, the last one is enough.
    pub(super) fn take_steps(&mut self, now: Instant) {
        let due: Vec<_> =
            self.state.open.iter().flat_map(|(id, open)| steps_due(open, now).map(|step| (*id, step))).collect();
        for (id, step) in due {
            let Some(OpenSuspension { interrupt, standing, .. }) = self.state.open.get(&id) else { continue };
            let approvers = interrupt.timeline[step].to.as_ref().map(|to| escalated(&interrupt.policy, standing, to));
            let change = if approvers.is_some() { StandingChange::Escalated } else { StandingChange::Reminded };
            self.emit_change(now, id, change, |event| (event.step, event.approvers) = (Some(step), approvers));
        }
    }

    fn emit_change(
        &mut self,
        now: Instant,
        id: SuspensionId,
        change: StandingChange,
        fill: impl FnOnce(&mut SuspensionUpdateEvent),
    ) {
        let mut event = SuspensionUpdateEvent::new(self.next_seq(), now, id, SuspensionState::Open);
        event.change = Some(change);
        fill(&mut event);
        self.emit(Event::SuspensionUpdate(event));
    }
}

/// When the next step of a timeline is due.
pub(super) fn next_step(open: &OpenSuspension) -> Option<Instant> {
    open.interrupt.timeline.get(open.standing.steps_done).map(|step| step.at)
}

fn steps_due(open: &OpenSuspension, now: Instant) -> impl Iterator<Item = usize> {
    let timeline = &open.interrupt.timeline;
    let expired = open.interrupt.expires_at.is_some_and(|at| at <= now);
    let ahead = timeline.iter().enumerate().skip(open.standing.steps_done);
    let due = ahead.take_while(move |(_, step)| step.at <= now && !expired && step.action != TimelineAction::Expire);
    let last_reminder =
        due.clone().filter(|(_, step)| step.action == TimelineAction::Remind).last().map(|(index, _)| index);
    due.filter(move |(index, step)| step.action == TimelineAction::Escalate || Some(*index) == last_reminder)
        .map(|(index, _)| index)
}

/// Folds a change of a suspension that stays open.
pub(super) fn fold(open: &mut OpenSuspension, event: &SuspensionUpdateEvent) {
    let OpenSuspension { interrupt, standing, .. } = open;
    standing.changes += 1;
    match event.change {
        Some(StandingChange::Voted) => {
            if let Some(vote) = &event.vote {
                *standing = with_vote(standing, vote);
            }
        }
        Some(StandingChange::Claimed) => {
            standing.claim = event.by.clone().map(|by| Claim { by, at: event.at });
        }
        Some(StandingChange::Released) => standing.claim = None,
        Some(StandingChange::Reassigned) => {
            if let Some(approvers) = &event.approvers {
                standing.votes = votes_kept(&interrupt.policy, standing, approvers);
                replace(standing, approvers);
            }
        }
        Some(StandingChange::Reminded | StandingChange::Escalated) => {
            standing.steps_done = event.step.map_or(standing.steps_done, |step| step + 1);
            if let Some(approvers) = &event.approvers {
                replace(standing, approvers);
            }
        }
        None => {}
    }
}

/// New approvers: a claim of before would shut them out.
fn replace(standing: &mut Standing, approvers: &Approvers) {
    standing.approvers = Some(approvers.clone());
    standing.claim = None;
}

/// The votes that still count under other approvers: of those who are named now; and of those who never were, and voted by
/// their role, as long as the roles stay the same.
fn votes_kept(policy: &Policy, standing: &Standing, approvers: &Approvers) -> Vec<Vote> {
    let before = policy.approvers_now(standing);
    let roles_stay = before.is_some_and(|before| before.roles == approvers.roles);
    let was_named = |by: &String| before.is_some_and(|before| before.users.contains(by));
    let counts = |by: &String| approvers.users.contains(by) || (roles_stay && !was_named(by));
    standing.votes.iter().filter(|vote| counts(&vote.by)).cloned().collect()
}

/// Those who may answer after an escalation: the same as before, and more.
fn escalated(policy: &Policy, standing: &Standing, to: &Approvers) -> Approvers {
    match policy.approvers_now(standing) {
        Some(approvers) => approvers.clone().and(to),
        // Nobody was named: editors and higher may answer, and go on to.
        None => Approvers { roles: vec![Role::Editor], ..Approvers::default() }.and(to),
    }
}
