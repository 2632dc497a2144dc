/** A run that was begun here: how its nodes stand, on the canvas, and where the whole of it is. */
import { Anchor, CloseButton, Text } from "@mantine/core";
import { useMemo, useRef } from "react";
import { Link } from "wouter";

import { usePlace } from "../../app/place";
import { standingOf } from "../../graph/flow_node";
import type { NodeStanding } from "../../graph/node_card";
import { useExecutionLog } from "../../live/execution_log";
import { StatusBadge } from "../../ui/status";
import classes from "./editor.module.css";

export interface LiveRun {
  status: string | undefined;
  message: string | undefined;
  standings: ReadonlyMap<string, NodeStanding> | undefined;
}

export function useLiveRun(executionId: string | null): LiveRun {
  const log = useExecutionLog(executionId);
  // A record stays the same object until it changes; so does what is drawn from it.
  const known = useRef(new WeakMap<object, NodeStanding>());
  const standings = useMemo(() => {
    if (executionId === null) {
      return undefined;
    }
    const all = new Map<string, NodeStanding>();
    for (const [id, runs] of log.nodes) {
      const standing = known.current.get(runs) ?? standingOf(runs);
      known.current.set(runs, standing);
      all.set(id, standing);
    }
    return all;
  }, [executionId, log]);
  return { status: log.status, message: log.error?.message, standings };
}

export function RunBar({ executionId, run, onClose }: { executionId: string; run: LiveRun; onClose: () => void }) {
  const place = usePlace();
  return (
    <div className={classes["run"]} role="status" aria-label="Run">
      <StatusBadge status={run.status ?? "pending"} />
      {run.message && (
        <Text size="sm" className="truncate" maw={420} title={run.message}>
          {run.message}
        </Text>
      )}
      <Anchor component={Link} href={place.to("executions", executionId)} size="sm">
        Open the execution
      </Anchor>
      <span className={classes["grow"]} />
      <CloseButton size="sm" onClick={onClose} aria-label="Stop showing this run" />
    </div>
  );
}
