/** What has to be known of an execution before anything else is believed: that it ran on mocks, and what of it was undone. */
import type { Definition } from "@sluicegate/sdk";
import { FlaskConical, Undo2 } from "lucide-react";
import type { ReactNode } from "react";

import { nodeName } from "../../graph/node_card";
import type { ExecutionLog } from "../../live/execution_log";
import classes from "./execution.module.css";
import type { Selection } from "./selection";

export interface RemarksProps {
  hasMocks: boolean;
  log: ExecutionLog;
  definition: Definition | undefined;
  selection: Selection;
}

export function Remarks({ hasMocks, log, definition, selection }: RemarksProps) {
  const { done = [], failed = [] } = log.compensation ?? {};
  const list = (addresses: readonly string[]) =>
    addresses.map((address, index) => {
      // Inside loops the address ends with the node's id.
      const nodeId = address.split("/").at(-1) ?? address;
      const node = definition?.nodes.find(({ id }) => id === nodeId);
      return (
        <span key={address}>
          {index > 0 && ", "}
          <button type="button" className={classes["link"]} onClick={() => selection.select(nodeId, address)}>
            {node && address === nodeId ? nodeName(node) : address}
          </button>
        </span>
      );
    });
  return (
    <>
      {hasMocks && (
        <Remark label="Mocks" status="queued" sign={<FlaskConical size={18} aria-hidden />}>
          It was started with mocks: nodes that have one took it in place of running.
        </Remark>
      )}
      {done.length + failed.length > 0 && (
        <Remark label="What was undone" status={failed.length > 0 ? "failed" : "idle"} sign={<Undo2 size={18} aria-hidden />}>
          {done.length > 0 && <>Undone: {list(done)}.</>}
          {done.length > 0 && failed.length > 0 && " "}
          {failed.length > 0 && <>Not undone: {list(failed)}.</>}
        </Remark>
      )}
    </>
  );
}

function Remark({ label, status, sign, children }: { label: string; status: string; sign: ReactNode; children: ReactNode }) {
  return (
    <div className={classes["remark"]} role="group" aria-label={label} data-status={status}>
      {sign}
      <span className={classes["question"]}>{children}</span>
    </div>
  );
}
