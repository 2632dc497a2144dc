//! Suspensions of a batch: they open, stand differently, close; and the people who may answer them by name.

use crate::{
    domain::{identity::Role, ids::WorkspaceId, suspension::Suspension},
    store::commit::SuspensionChange,
};

use super::{
    super::{
        backend::{Cell, cells},
        batch::{Batch, Kind},
    },
    rows::Tables,
};

/// One that is open, or opens and closes at once.
pub static OPEN_SUSPENSIONS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("pod_id", Kind::Id),
        ("workflow_id", Kind::Id),
        ("execution_id", Kind::Id),
        ("state", Kind::Text),
        ("kind", Kind::Text),
        ("opened_at", Kind::Int),
        ("closed_at", Kind::Int),
        ("interrupt", Kind::Text),
        ("decision", Kind::Text),
        ("standing", Kind::Text),
        ("answer_role", Kind::Text),
        ("people_only", Kind::Int),
        ("not_by", Kind::Text),
        ("claimed_by", Kind::Text),
    ],
    "INSERT INTO suspensions (workspace_id, id, pod_id, workflow_id, execution_id, state, kind, opened_at, closed_at,
         interrupt, decision, standing, answer_role, people_only, not_by, claimed_by)
     SELECT workspace_id, id, pod_id, workflow_id, execution_id, state, kind, opened_at, closed_at, interrupt, decision,
         standing, answer_role, people_only, not_by, claimed_by
     FROM batch",
);

/// One that stays open.
pub static UPDATE_SUSPENSIONS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("standing", Kind::Text),
        ("answer_role", Kind::Text),
        ("claimed_by", Kind::Text),
    ],
    "UPDATE suspensions AS s SET standing = b.standing, answer_role = b.answer_role, claimed_by = b.claimed_by
     FROM batch AS b WHERE s.workspace_id = b.workspace_id AND s.id = b.id AND s.state = 'open'",
);

/// One that closes.
pub static CLOSE_SUSPENSIONS: Batch = Batch::new(
    &[
        ("workspace_id", Kind::Id),
        ("id", Kind::Id),
        ("state", Kind::Text),
        ("closed_at", Kind::Int),
        ("decision", Kind::Text),
    ],
    "UPDATE suspensions AS s SET state = b.state, closed_at = b.closed_at, decision = b.decision
     FROM batch AS b WHERE s.workspace_id = b.workspace_id AND s.id = b.id AND s.state = 'open'",
);

/// Nobody may answer by name any more.
pub static DROP_APPROVERS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("suspension_id", Kind::Id)],
    "DELETE FROM suspension_approvers
     WHERE (workspace_id, suspension_id) IN (SELECT workspace_id, suspension_id FROM batch)",
);

/// These may.
pub static ADD_APPROVERS: Batch = Batch::new(
    &[("workspace_id", Kind::Id), ("user_id", Kind::Text), ("suspension_id", Kind::Id)],
    "INSERT INTO suspension_approvers (workspace_id, user_id, suspension_id)
     SELECT workspace_id, user_id, suspension_id FROM batch WHERE true
     ON CONFLICT (workspace_id, user_id, suspension_id) DO NOTHING",
);

impl Tables {
    /// Adds the rows of one change.
    pub fn add_suspension(&mut self, member: usize, workspace: WorkspaceId, change: &SuspensionChange) {
        match change {
            SuspensionChange::Open(opened) => self.add_opened(member, opened),
            SuspensionChange::Update { id, standing, role, users } => {
                let claimed_by = standing.claim.as_ref().map(|claim| claim.by.as_str());
                let role = role.map(Role::as_str);
                self.updated.push(member, cells![workspace, *id, Cell::json(standing), role, claimed_by]);
                if let Some(users) = users {
                    self.approvers_gone.push(member, cells![workspace, *id]);
                    for user in users {
                        self.approvers.push(member, cells![workspace, user, *id]);
                    }
                }
            }
            SuspensionChange::Close { id, state, decision, closed_at } => {
                let decision = decision.as_ref().map_or(Cell::Text(None), Cell::json);
                self.closed.push(member, cells![workspace, *id, state.as_str(), *closed_at, decision]);
                self.approvers_gone.push(member, cells![workspace, *id]);
            }
        }
    }

    fn add_opened(&mut self, member: usize, opened: &Suspension) {
        let policy = &opened.interrupt.policy;
        let (role, users) = policy.answerers(&opened.standing);
        self.opened.push(
            member,
            cells![
                opened.workspace_id,
                opened.id,
                opened.pod_id,
                opened.workflow_id,
                opened.execution_id,
                opened.state.as_str(),
                Cell::name(&opened.interrupt.kind),
                opened.opened_at,
                opened.closed_at,
                Cell::json(&opened.interrupt),
                opened.decision.as_ref().map_or(Cell::Text(None), Cell::json),
                Cell::json(&opened.standing),
                role.map(Role::as_str),
                i64::from(policy.counts_people()),
                Some(policy.requester.as_str()).filter(|_| !policy.allow_self_approval),
                opened.standing.claim.as_ref().map(|claim| claim.by.as_str()),
            ],
        );
        if opened.closed_at.is_none() {
            for user in users {
                self.approvers.push(member, cells![opened.workspace_id, user, opened.id]);
            }
        }
    }
}
