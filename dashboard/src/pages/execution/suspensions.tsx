/** What the execution has asked, and what became of it. */
import type { Definition } from "@sluicegate/sdk";
import { Inbox } from "lucide-react";

import { nodeName } from "../../graph/node_card";
import type { ExecutionLog } from "../../live/execution_log";
import { Empty } from "../../ui/page";
import type { Selection } from "./selection";
import { SuspensionCard } from "./suspension_card";
import classes from "./suspensions.module.css";

export interface SuspensionsProps {
  log: ExecutionLog;
  definition: Definition | undefined;
  selection: Selection;
}

export function Suspensions({ log, definition, selection }: SuspensionsProps) {
  const records = [...log.suspensions.values()];
  if (records.length === 0) {
    return (
      <Empty icon={Inbox} title="It has asked nothing">
        Approvals, questions and callbacks of this execution are listed here, with who decided and when.
      </Empty>
    );
  }
  // What is open comes first, and else what was asked last.
  const ordered = [...records.filter(({ state }) => state === "open"), ...records.filter(({ state }) => state !== "open").reverse()];
  return (
    <div className={classes["list"]}>
      {ordered.slice(0, 100).map((record) => {
        const node = definition?.nodes.find(({ id }) => id === record.interrupt.nodeId);
        return <SuspensionCard key={record.id} record={record} name={node ? nodeName(node) : record.interrupt.nodeId} selection={selection} />;
      })}
    </div>
  );
}
