/** The node runs of two executions, one line for each address. */
import type { Schemas } from "@sluicegate/sdk";
import { ChevronDown, ChevronRight } from "lucide-react";
import { useState } from "react";

import { StatusBadge } from "../../ui/status";
import { formatDuration } from "../../ui/time";
import { VirtualRows } from "../../ui/virtual_rows";
import classes from "./compare.module.css";
import { CompareValues } from "./compare_values";

type Node = Schemas["ComparedNode"];

const WORDS: Record<string, string> = { missing: "only on one side", attempt: "attempts", branch: "port", error: "failure" };

export function CompareNodes({ nodes }: { nodes: readonly Node[] }) {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const toggle = (address: string) => setOpen((before) => (before.has(address) ? new Set([...before].filter((each) => each !== address)) : new Set([...before, address])));
  return (
    <div className={`${classes["nodes"]} panel`} style={{ height: Math.min(640, 110 + nodes.length * 38 + open.size * 320) }}>
      <VirtualRows
        count={nodes.length}
        rowKey={(index) => nodes[index]?.address ?? index}
        height={38}
        label="Node runs"
        columns={["Node", "Left", "Right", "Differs in", "Right took"]}
        template="minmax(110px, 1fr) 118px 118px minmax(90px, 1fr) 120px"
        row={(index) => {
          const node = nodes[index];
          return node && <NodeCells node={node} isOpen={open.has(node.address)} onToggle={() => toggle(node.address)} />;
        }}
      />
    </div>
  );
}

function NodeCells({ node, isOpen, onToggle }: { node: Node; isOpen: boolean; onToggle: () => void }) {
  const { address, differs, leftStatus, rightStatus, durationDifferenceMs: more } = node;
  const hasValues = differs.includes("output");
  return (
    <>
      <span role="cell" className="mono truncate" title={address}>
        {hasValues ? (
          <button type="button" className={classes["fold"]} aria-expanded={isOpen} onClick={onToggle}>
            {isOpen ? <ChevronDown size={13} aria-hidden /> : <ChevronRight size={13} aria-hidden />}
            {address}
          </button>
        ) : (
          <span className={classes["plain"]}>{address}</span>
        )}
      </span>
      <span role="cell">{leftStatus ? <StatusBadge status={leftStatus} /> : <span className="dim">none</span>}</span>
      <span role="cell">{rightStatus ? <StatusBadge status={rightStatus} /> : <span className="dim">none</span>}</span>
      <span role="cell">{differs.length === 0 ? <span className="dim">nothing</span> : differs.map((word) => WORDS[word] ?? word).join(", ")}</span>
      <span role="cell" className="number">
        {more == null ? "" : more === 0 ? <span className="dim">as long</span> : `${formatDuration(Math.abs(more))} ${more > 0 ? "longer" : "shorter"}`}
      </span>
      {isOpen && (
        <div role="cell" className={classes["whole"]}>
          <CompareValues left={node.leftOutput} right={node.rightOutput} label={`output of ${address}`} />
        </div>
      )}
    </>
  );
}
