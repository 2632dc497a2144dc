//! What can be done with an open suspension short of answering it: take it upon oneself, give it up, put it to others. By the
//! same compare-and-set on the log as answers.

use std::sync::Arc;

use crate::{
    domain::{
        definition::Problem,
        execution::Execution,
        identity::Role,
        ids::{SuspensionId, WorkspaceId},
        suspension::{Actor, Approvers, Policy, Standing, Suspension, SuspensionState, Vote},
    },
    store::{StoreError, catalogue::IdempotentReply},
};

use super::{
    Engine, EngineError,
    approvers::{MAX_USERS, expand},
    cancel::TRIES,
    machine::{Command, state::OpenSuspension},
    project::open_suspension,
};

/// How often an open suspension may be changed beside being answered: its log is bounded, too.
const MAX_CHANGES: usize = 1_000;

/// How many people may vote without deciding anything: their votes together are part of one event.
const MAX_VOTERS: usize = 200;

/// Makes the reply that is kept for an idempotency key.
pub type SuspensionReply = Option<Arc<dyn Fn(&Suspension) -> IdempotentReply + Send + Sync>>;

/// A wish about an open suspension.
#[derive(Clone, Debug)]
pub enum Handling {
    /// To take it upon oneself: until it is given up, nobody else answers it.
    Claim,
    /// To give it up, one's own or (admins) somebody else's.
    Release,
    /// To put it to others.
    Reassign {
        /// Whom: people, groups, roles.
        to: Approvers,
        /// Why.
        reason: Option<String>,
    },
}

impl Engine {
    /// Claims, releases or reassigns an open suspension. Durable when this returns; repeating it changes nothing.
    pub async fn handle(
        &self,
        workspace: WorkspaceId,
        id: SuspensionId,
        actor: &Actor,
        handling: Handling,
        reply: SuspensionReply,
    ) -> Result<Suspension, EngineError> {
        let handling = match handling {
            Handling::Reassign { to, reason } => Handling::Reassign { to: self.checked(workspace, to).await?, reason },
            other => other,
        };
        for _ in 0..TRIES {
            let stored = self.0.store.suspension(workspace, id).await?;
            if stored.state != SuspensionState::Open {
                return Err(EngineError::AlreadyClosed(Box::new(stored)));
            }
            let mut folded = self.load(workspace, stored.execution_id).await?;
            let now = self.0.clock.now();
            self.cancel_late_children(workspace, &folded.machine, now).await?;
            folded.machine.decide(now, Command::Tick);
            let state = &folded.machine.state;
            let suspension = if let Some(open) = state.open.get(&id) {
                if let Some(command) = command(open, actor, &handling)? {
                    folded.machine.decide(now, command);
                }
                let open = folded.machine.state.open.get(&id);
                open.map(|open| open_suspension(&folded.origin, &open.interrupt, &open.standing))
            } else {
                // Only this look has found that it is over, or another was faster: recorded first, then told.
                None
            };
            let kept = suspension.clone().zip(reply.clone());
            let reply = kept.map(|(suspension, reply)| -> Arc<dyn Fn(&Execution) -> IdempotentReply + Send + Sync> {
                Arc::new(move |_| reply(&suspension))
            });
            match (self.append_and_wake(folded, reply).await, suspension) {
                (Ok(_), Some(suspension)) => return Ok(suspension),
                (Ok(_) | Err(EngineError::Conflict), _) => {}
                (Err(error), _) => return Err(error),
            }
        }
        Err(EngineError::Conflict)
    }

    /// The approvers of a reassignment with the members of its groups; everybody must be a member of the workspace.
    async fn checked(&self, workspace: WorkspaceId, mut to: Approvers) -> Result<Approvers, EngineError> {
        let store = &*self.0.store;
        let problem = |path: String, message: String| {
            EngineError::Reassignment(vec![Problem { path, message, node_id: None, edge_id: None }])
        };
        if to.users.is_empty() && to.groups.is_empty() && to.roles.is_empty() {
            return Err(problem("/users".to_owned(), "name `users`, `groups` or `roles`".to_owned()));
        }
        for (index, user) in to.users.iter().enumerate() {
            // PostgreSQL can't be asked for a text with a NUL.
            let found = if user.contains('\0') {
                Err(StoreError::NotFound("member"))
            } else {
                store.member(workspace, user).await
            };
            match found {
                Ok(_) => {}
                Err(StoreError::NotFound(_)) => {
                    let message = "this user is no member of the workspace".to_owned();
                    return Err(problem(format!("/users/{index}"), message));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if let Err(unknown) = expand(store, workspace, &mut to).await? {
            return Err(problem(format!("/groups/{}", unknown.index), unknown.to_string()));
        }
        if to.users.len() > MAX_USERS {
            let message = format!("a question can be put to {MAX_USERS} people by name, not {}", to.users.len());
            return Err(problem("/users".to_owned(), message));
        }
        Ok(to)
    }
}

/// The command that carries out a wish; none if it is carried out already.
fn command(open: &OpenSuspension, actor: &Actor, handling: &Handling) -> Result<Option<Command>, EngineError> {
    let OpenSuspension { interrupt, standing, .. } = open;
    let (policy, suspension_id, by) = (&interrupt.policy, interrupt.suspension_id, actor.id.clone());
    let own = standing.claim.as_ref().is_some_and(|claim| claim.by == actor.id);
    let command = match handling {
        Handling::Claim => {
            may_answer(policy, standing, actor)?;
            if policy.quorum.is_some() {
                return Err(EngineError::NotClaimable);
            }
            (!own).then_some(Command::Claim { suspension_id, by })
        }
        Handling::Release if own || actor.is_at_least(Role::Admin) => {
            standing.claim.is_some().then_some(Command::Release { suspension_id, by })
        }
        Handling::Release => {
            if let Some(claim) = &standing.claim {
                return Err(EngineError::Claimed(Box::new(claim.clone())));
            }
            may_answer(policy, standing, actor)?;
            None
        }
        Handling::Reassign { to, reason } => {
            let approvers = reassigned(policy, standing, actor, to)?;
            let same = policy.approvers_now(standing) == Some(&approvers);
            (!same).then(|| Command::Reassign { suspension_id, by, approvers, reason: reason.clone() })
        }
    };
    if command.is_some() {
        may_change(standing)?;
    }
    Ok(command)
}

/// Who may answer after a reassignment: an admin says who; somebody who is named puts others in their own place.
fn reassigned(policy: &Policy, standing: &Standing, actor: &Actor, to: &Approvers) -> Result<Approvers, EngineError> {
    let refused = |path: &str, message: &str| {
        let (path, message) = (path.to_owned(), message.to_owned());
        Err(EngineError::Reassignment(vec![Problem { path, message, node_id: None, edge_id: None }]))
    };
    let approvers = if actor.is_at_least(Role::Admin) {
        to.clone()
    } else {
        let before = policy.approvers_now(standing).filter(|approvers| approvers.users.contains(&actor.id));
        let Some(before) = before else { return Err(EngineError::ReassignForbidden) };
        if !to.roles.is_empty() {
            return refused("/roles", "only an admin can put it to roles");
        }
        let new = to.users.iter().filter(|user| !before.users.contains(user)).count();
        if policy.required() > 1 && (to.users.len() != 1 || new != 1) {
            return refused("/users", "a vote can be handed to one person who has none");
        }
        let mut rest = before.clone();
        rest.users.retain(|user| *user != actor.id);
        rest.and(to)
    };
    if policy.is_reachable(&approvers) {
        return Ok(approvers);
    }
    refused("/users", "so few could never decide it")
}

/// Whether somebody may answer at this moment.
pub(super) fn may_answer(policy: &Policy, standing: &Standing, actor: &Actor) -> Result<(), EngineError> {
    policy.may_answer(standing, actor).map_err(|refusal| EngineError::refused(refusal, policy, standing))
}

/// Whether a suspension may be changed once more beside being answered.
fn may_change(standing: &Standing) -> Result<(), EngineError> {
    if standing.changes < MAX_CHANGES { Ok(()) } else { Err(EngineError::ChangedTooOften) }
}

/// Whether this vote may be cast: one of somebody who has none, or in place of `cast`.
pub(super) fn may_vote(standing: &Standing, cast: Option<&Vote>) -> Result<(), EngineError> {
    match cast {
        Some(_) => may_change(standing),
        None if standing.votes.len() < MAX_VOTERS => Ok(()),
        None => Err(EngineError::ChangedTooOften),
    }
}
