/** Runs a workflow by hand. The form comes with the first dialog that is opened: most visits need none. */
import { Modal } from "@mantine/core";
import type { Workflow } from "@sluicegate/sdk";
import { lazy, Suspense } from "react";

import { usePlace } from "../app/place";
import { Loading } from "../ui/page";

const RunForm = lazy(async () => ({ default: (await import("./run_form")).RunForm }));

export interface RunDialogProps {
  workflow: Workflow;
  opened: boolean;
  onClose: () => void;
  /** The execution that was begun; without it the dialog goes to its page. */
  onStarted?: (executionId: string) => void;
  /** The input to begin with, in place of the last one: that of an execution, say. */
  input?: unknown;
  /** The version to begin with, in place of the latest. */
  version?: number;
}

export function RunDialog({ workflow, opened, onClose, ...rest }: RunDialogProps) {
  const place = usePlace();
  return (
    <Modal opened={opened && place.can("editor")} onClose={onClose} title={<span className="anywhere">Run {workflow.name}</span>} size="lg" centered>
      <Suspense fallback={<Loading rows={4} />}>
        <RunForm workflow={workflow} onClose={onClose} {...rest} />
      </Suspense>
    </Modal>
  );
}
