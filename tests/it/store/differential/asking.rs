//! Suspensions with random rules, changed at random; and who may answer them.

use rand::RngExt;
use sluicegate::{
    domain::{
        identity::Role,
        ids::WorkspaceId,
        suspension::{Actor, Approvers, Claim, DecisionSource, Policy, Quorum, Standing, Suspension},
    },
    store::{Store, SuspensionFilter, commit::SuspensionChange},
};

use super::{
    super::{fixture::update, oracle::Oracle},
    Run,
};

const USERS: [&str; 4] = ["ada", "bea", "eve", "key:1"];

impl Run {
    pub(super) fn a_policy(&mut self) -> Policy {
        let approvers = self.chance(60).then(|| self.some_approvers());
        let quorum = self.chance(30).then(|| Quorum { required: self.random.random_range(1..4), veto_on_reject: true });
        let requester = USERS[self.random.random_range(0..4)].to_owned();
        Policy { approvers, quorum, allow_self_approval: self.chance(70), requester }
    }

    fn some_approvers(&mut self) -> Approvers {
        let users =
            USERS.iter().filter(|_| self.random.random_range(0..2) == 0).map(|user| (*user).to_owned()).collect();
        let roles = Role::ALL.into_iter().filter(|_| self.random.random_range(0..4) == 0).collect();
        Approvers { users, groups: Vec::new(), roles }
    }

    /// A change of a suspension that stays open.
    pub(super) fn a_change_of(&mut self, asked: &Suspension) -> SuspensionChange {
        let mut changed = asked.clone();
        let Standing { approvers, claim, steps_done, .. } = &mut changed.standing;
        match self.random.random_range(0..3) {
            0 => *approvers = Some(self.some_approvers()),
            1 => *claim = Some(Claim { by: USERS[self.random.random_range(0..4)].to_owned(), at: self.now }),
            _ => (*claim, *steps_done) = (None, *steps_done + 1),
        }
        self.saw("suspension changed");
        update(&changed, changed.standing.approvers != asked.standing.approvers)
    }
}

/// For everybody, what they may answer is what the rules say.
pub async fn same_inboxes(name: &str, store: &dyn Store, oracle: &Oracle, workspace: WorkspaceId) {
    for id in USERS {
        for role in Role::ALL {
            let source = if id.starts_with("key:") { DecisionSource::Api } else { DecisionSource::Person };
            let actor = Actor { id: id.to_owned(), source, role: Some(role) };
            let may = |asked: &&Suspension| asked.interrupt.policy.may_answer(&asked.standing, &actor).is_ok();
            let expected: Vec<_> = oracle.open_suspensions().filter(may).map(|asked| asked.id).collect();
            let filter = SuspensionFilter { answerable_by: Some(actor.clone()), ..SuspensionFilter::default() };
            let found = store.suspensions(workspace, &filter, 100_000, None).await.unwrap().items;
            let found: Vec<_> = found.iter().rev().map(|asked| asked.id).collect();
            assert_eq!(found, expected, "{name}: {actor:?}");
        }
    }
}
