/** What can be done with an execution, by its state and by who looks at it. */
import { Button } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { Execution } from "@sluicegate/sdk";
import { useQueryClient } from "@tanstack/react-query";
import { Ban, GitCompareArrows, RotateCcw, RotateCw } from "lucide-react";
import { useLocation } from "wouter";

import { client } from "../../api/client";
import { usePlace } from "../../app/place";
import { isFinal } from "../../live/execution_log";
import { Confirm } from "../../ui/confirm";
import { notifyDone } from "../../ui/problem";
import { CompareDialog } from "./compare_dialog";
import { executionKey } from "./use_execution";

export interface ActionsProps {
  execution: Execution;
  status: string | undefined;
  onReplay: () => void;
}

export function Actions({ execution, status, onReplay }: ActionsProps) {
  const place = usePlace();
  const [, navigate] = useLocation();
  const queries = useQueryClient();
  const [isComparing, { open, close }] = useDisclosure(false);
  const { workspaceId, podId, id } = execution;
  const isOver = isFinal(status);
  const mayChange = place.can("editor");
  const retry = async () => {
    const { id: next } = await client.retry(workspaceId, podId, id);
    notifyDone("Another execution was started");
    navigate(place.to("executions", next));
  };
  const cancel = async () => {
    await client.cancel(workspaceId, podId, id);
    await queries.invalidateQueries({ queryKey: executionKey(podId, id) });
  };
  return (
    <>
      {mayChange && isOver && (
        <Button size="xs" leftSection={<RotateCcw size={15} />} onClick={onReplay}>
          Replay
        </Button>
      )}
      {mayChange && (
        <Confirm
          label={
            <>
              <RotateCw size={15} aria-hidden />
              &nbsp;Retry
            </>
          }
          title="Run it once more?"
          action="Retry"
          onConfirm={retry}
        >
          {isOver ? "An execution with the same input is started." : "This execution is cancelled, and one with the same input is started."}
        </Confirm>
      )}
      <Button size="xs" variant="default" leftSection={<GitCompareArrows size={15} />} onClick={open}>
        Compare
      </Button>
      {mayChange && !isOver && status !== "cancelling" && (
        <Confirm
          label={
            <>
              <Ban size={15} aria-hidden />
              &nbsp;Cancel
            </>
          }
          title="Cancel this execution?"
          action="Cancel the execution"
          onConfirm={cancel}
        >
          What runs is stopped, open questions are closed, and child executions are cancelled, too.
        </Confirm>
      )}
      {isComparing && <CompareDialog execution={execution} onClose={close} />}
    </>
  );
}
