/** What the execution waits for people for, where nobody can overlook it. */
import { Button } from "@mantine/core";
import type { Definition } from "@sluicegate/sdk";
import { ArrowRight, Pause } from "lucide-react";
import { Link } from "wouter";

import { usePlace } from "../../app/place";
import { nodeName } from "../../graph/node_card";
import type { ExecutionLog } from "../../live/execution_log";
import classes from "./execution.module.css";

/** More than these are listed in their own tab. */
const MOST = 2;

export function Waiting({ log, definition }: { log: ExecutionLog; definition: Definition | undefined }) {
  const place = usePlace();
  const open = [...log.suspensions.values()].filter(({ state, interrupt }) => state === "open" && interrupt.type !== "callback");
  return open.slice(0, MOST).map(({ id, interrupt }) => {
    const node = definition?.nodes.find((node) => node.id === interrupt.nodeId);
    return (
      <div key={id} className={classes["waiting"]} role="group" aria-label="It waits for an answer">
        <Pause size={18} aria-hidden />
        <span className={classes["question"]}>
          <strong>{node ? nodeName(node) : interrupt.nodeId}</strong>: {interrupt.message}
        </span>
        <Button component={Link} href={place.to("inbox", id)} size="xs" rightSection={<ArrowRight size={14} />}>
          Decide
        </Button>
      </div>
    );
  });
}
