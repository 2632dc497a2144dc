//! Answering: the first valid answer of an open suspension wins, by the same compare-and-set on the log as its expiry. Repeating
//! an answer gets the same reply; a different one is told who was faster. Where a quorum decides, an answer is a vote.

use crate::{
    clock::Instant,
    domain::{
        execution::Execution,
        ids::{ExecutionId, PodId, SuspensionId, WorkspaceId},
        suspension::{Actor, Decision, SuspensionState},
    },
    nodes::forms::{self, AnswerInput, DecisionParts},
    store::{StoreError, SuspensionFilter},
};

use super::{
    Engine, EngineError,
    cancel::TRIES,
    claims::{may_answer, may_vote},
    machine::{Command, state::OpenSuspension},
    trigger::ReplyFor,
};

/// An answer to a suspension.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The pod that the execution has to be in; any, if missing.
    pub pod_id: Option<PodId>,
    /// Which suspension; may be missing where only one is open.
    pub suspension_id: Option<SuspensionId>,
    /// The node whose suspension is meant, in its place.
    pub node_id: Option<String>,
    /// Who answers.
    pub actor: Actor,
    /// What.
    pub input: AnswerInput,
}

/// What became of an answer.
#[derive(Clone, Debug)]
pub enum Answered {
    /// It was accepted now.
    Now(Box<Execution>),
    /// The same person had given the same answer before.
    Before(Box<Execution>),
}

impl Answered {
    /// The execution.
    pub fn execution(&self) -> &Execution {
        match self {
            Self::Now(execution) | Self::Before(execution) => execution,
        }
    }
}

impl Engine {
    /// Answers an open suspension of an execution. Durable when this returns.
    pub async fn respond(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        answer: Answer,
        reply: ReplyFor,
    ) -> Result<Answered, EngineError> {
        for _ in 0..TRIES {
            let mut folded = self.load(workspace, id).await?;
            if answer.pod_id.is_some_and(|pod| pod != folded.origin.pod_id) {
                return Err(StoreError::NotFound("execution").into());
            }
            let now = self.0.clock.now();
            self.cancel_late_children(workspace, &folded.machine, now).await?;
            // What is due happens first: an answer after the expiry is late, whether or not a timer has noticed.
            folded.machine.decide(now, Command::Tick);
            let open = &folded.machine.state.open;
            let matching: Vec<_> = open
                .iter()
                .filter(|(id, _)| answer.suspension_id.is_none_or(|wanted| wanted == **id))
                .filter(|(_, open)| answer.node_id.as_ref().is_none_or(|node| *node == open.interrupt.node_id))
                .map(|(id, _)| *id)
                .collect();
            let [suspension_id] = matching.as_slice() else {
                // An expiry that only this look has found is recorded before anybody is told of it.
                if folded.machine.undelivered() > 0 {
                    match self.append_and_wake(folded, None).await {
                        Ok(_) | Err(EngineError::Conflict) => continue,
                        Err(error) => return Err(error),
                    }
                }
                let none_open = matching.is_empty();
                return self.not_answerable(workspace, id, &answer, none_open).await;
            };
            let OpenSuspension { interrupt, standing, .. } = &open[suspension_id];
            may_answer(&interrupt.policy, standing, &answer.actor)?;
            let parts = forms::check_answer(interrupt, &answer.input).map_err(EngineError::Answer)?;
            let decision = decision(parts, &answer.actor, now);
            let cast = standing.vote_of(&answer.actor.id);
            let repeated = cast.is_some_and(|cast| decision.as_vote().is_some_and(|vote| vote.says_the_same(cast)));
            if !repeated && interrupt.policy.quorum.is_some() {
                may_vote(standing, cast)?;
            }
            folded.machine.decide(now, Command::Answer { suspension_id: *suspension_id, decision });
            match self.append_and_wake(folded, reply.clone()).await {
                Ok(execution) if repeated => return Ok(Answered::Before(Box::new(execution))),
                Ok(execution) => return Ok(Answered::Now(Box::new(execution))),
                Err(EngineError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Err(EngineError::Conflict)
    }

    async fn not_answerable(
        &self,
        workspace: WorkspaceId,
        id: ExecutionId,
        answer: &Answer,
        none_open: bool,
    ) -> Result<Answered, EngineError> {
        let filter = SuspensionFilter { execution_id: Some(id), ..SuspensionFilter::default() };
        let known = self.0.store.suspensions(workspace, &filter, 200, None).await?.items;
        if !none_open {
            let open = known.into_iter().filter(|suspension| suspension.state == SuspensionState::Open).collect();
            return Err(EngineError::Ambiguous(open));
        }
        let meant = known.into_iter().find(|suspension| {
            answer.suspension_id.map_or(suspension.state != SuspensionState::Open, |wanted| wanted == suspension.id)
                && answer.node_id.as_ref().is_none_or(|node| *node == suspension.interrupt.node_id)
        });
        let Some(closed) = meant else {
            return Err(match answer.suspension_id {
                Some(_) => StoreError::NotFound("suspension").into(),
                None => EngineError::NotSuspended,
            });
        };
        if let (SuspensionState::Answered, Some(decision)) = (closed.state, &closed.decision)
            && let Ok(parts) = forms::check_answer(&closed.interrupt, &answer.input)
            && decision.holds(&self::decision(parts, &answer.actor, decision.at))
        {
            let execution = self.0.store.execution(workspace, id).await?;
            return Ok(Answered::Before(Box::new(execution)));
        }
        Err(EngineError::AlreadyClosed(Box::new(closed)))
    }
}

/// What somebody has decided with an answer that fits.
fn decision(parts: DecisionParts, actor: &Actor, at: Instant) -> Decision {
    let DecisionParts { action, reason, comment, answer, data } = parts;
    let (by, source) = (Some(actor.id.clone()), actor.source);
    Decision { action, by, at, source, reason, comment, answer, data, votes: Vec::new() }
}
