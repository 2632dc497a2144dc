//! Children of the execution being driven: told to stop with their nodes, heard when they have ended.

use super::{Command, Driver, EngineError, ExecutionId, Failure, FailureCode};
use crate::domain::execution::ExecutionStatus;

impl Driver {
    /// Cancels children of what is being stopped.
    pub(super) async fn cancel_children(&self) -> Result<(), EngineError> {
        for child in self.machine.children_to_cancel() {
            let reason = format!("execution {} is being stopped", self.origin.id);
            match self.engine.cancel_child(self.origin.workspace_id, child, reason).await {
                Ok(()) | Err(EngineError::Ended) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Tells the machine of children that have ended.
    pub(super) async fn look_at_children(&mut self) -> Result<(), EngineError> {
        let children: Vec<_> = self.machine.state.children().map(|(address, child)| (address.clone(), child)).collect();
        for (address, child) in children {
            // A child that was decided on and not yet written does not exist.
            let execution = match self.engine.0.store.execution(self.origin.workspace_id, child).await {
                Ok(execution) => execution,
                Err(crate::store::StoreError::NotFound(_)) if self.is_new_child(child) => continue,
                Err(crate::store::StoreError::NotFound(_)) => {
                    let failure = Failure::new(FailureCode::ChildFailed, "the child execution no longer exists");
                    self.say(Command::ChildEnded { address, child, result: Err(failure) });
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let result = match execution.progress.status {
                ExecutionStatus::Completed => Ok(execution.progress.output.unwrap_or_default()),
                ExecutionStatus::Failed => Err(execution
                    .progress
                    .error
                    .unwrap_or_else(|| Failure::new(FailureCode::ChildFailed, "the child execution failed"))),
                status if status.is_terminal() => {
                    Err(Failure::new(FailureCode::ChildFailed, format!("the child execution was {}", status.as_str())))
                }
                _ => continue,
            };
            self.say(Command::ChildEnded { address, child, result });
        }
        Ok(())
    }

    pub(super) fn is_new_child(&self, child: ExecutionId) -> bool {
        self.children.iter().any(|new| new.execution.origin.id == child)
    }
}
