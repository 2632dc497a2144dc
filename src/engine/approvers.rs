//! Whom a question is put to: when it opens, groups become the people who are in them then, and who triggered the execution is
//! written down. From then on nobody changes these rules but by an event of the log.

use crate::{
    domain::{
        execution::ExecutionOrigin,
        failure::{Failure, FailureCode},
        ids::WorkspaceId,
        suspension::Approvers,
    },
    nodes::Question,
    store::{Store, StoreError},
};

use super::{Engine, EngineError};

/// How many people one question may be put to by name.
pub const MAX_USERS: usize = 500;

impl Engine {
    /// Fills in what the node could not know. A question that nobody could ever answer is a failure at once.
    pub(super) async fn prepare_question(
        &self,
        origin: &ExecutionOrigin,
        question: &mut Question,
    ) -> Result<Result<(), Failure>, EngineError> {
        let policy = &mut question.policy;
        policy.requester.clone_from(&origin.created_by);
        let steps = question.timeline.iter_mut().filter_map(|step| step.to.as_mut());
        for approvers in policy.approvers.iter_mut().chain(steps) {
            if let Err(unknown) = expand(&*self.0.store, origin.workspace_id, approvers).await? {
                return Ok(Err(Failure::new(FailureCode::InvalidValue, unknown.to_string())));
            }
        }
        let Some(approvers) = policy.approvers.clone() else { return Ok(Ok(())) };
        let steps = question.timeline.iter().filter_map(|step| step.to.as_ref());
        let all = steps.fold(approvers, Approvers::and);
        let message = if all.users.len() > MAX_USERS {
            format!("a question can be put to {MAX_USERS} people by name, not {}", all.users.len())
        } else if !policy.is_reachable(&all) {
            format!(
                "it takes {} to decide, and {} may: nobody could ever answer",
                policy.required(),
                policy.voters(&all)
            )
        } else {
            return Ok(Ok(()));
        };
        Ok(Err(Failure::new(FailureCode::InvalidValue, message)))
    }
}

/// A group that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("there is no group `{name}`")]
pub struct UnknownGroup {
    /// Its place in the list of groups.
    pub index: usize,
    /// Its name.
    pub name: String,
}

/// Adds the members of the groups to the people.
pub async fn expand(
    store: &dyn Store,
    workspace: WorkspaceId,
    approvers: &mut Approvers,
) -> Result<Result<(), UnknownGroup>, StoreError> {
    for (index, name) in approvers.groups.iter().enumerate() {
        // PostgreSQL can't be asked for a text with a NUL.
        let found =
            if name.contains('\0') { Err(StoreError::NotFound("group")) } else { store.group(workspace, name).await };
        match found {
            Ok(group) => {
                for member in group.members {
                    if !approvers.users.contains(&member) {
                        approvers.users.push(member);
                    }
                }
            }
            Err(StoreError::NotFound(_)) => return Ok(Err(UnknownGroup { index, name: name.clone() })),
            Err(error) => return Err(error),
        }
    }
    Ok(Ok(()))
}
