/** Runs a workflow by hand. */
import type { Workflow } from "@sluicegate/sdk";

export interface RunDialogProps {
  workflow: Workflow;
  opened: boolean;
  onClose: () => void;
  /** The execution that was begun; without it the dialog goes to its page. */
  onStarted?: (executionId: string) => void;
}

export function RunDialog(_: RunDialogProps) {
  return null;
}
