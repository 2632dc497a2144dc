/** A node on the editor's canvas: what it is, whether something is wrong with it, and a handle for each of its ports. */
import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { TriangleAlert } from "lucide-react";
import { memo } from "react";

import { UNDO_IN, UNDO_OUT } from "../../graph/compensation";
import { NODE } from "../../graph/layout";
import { NodeCard, type NodeStanding } from "../../graph/node_card";
import classes from "./card.module.css";
import type { PortView } from "./ports";

const ROW = 22;
/** The name of the handle where edges enter. */
export const ENTRY = "in";

export interface CardData extends Record<string, unknown> {
  title: string;
  type: string;
  typeTitle: string;
  category: string;
  text: string;
  ports: PortView[];
  wired: ReadonlySet<string>;
  hasEntry: boolean;
  /** The node that it undoes; empty for an ordinary one. */
  undoes: string;
  isLoop: boolean;
  problems: string;
  standing: NodeStanding | undefined;
  /** How it differs from another version. */
  mark: "added" | "removed" | "changed" | undefined;
}

export type CardNode = Node<CardData, "card">;

/** Ports that have a row with their name; a single way on needs none. */
export function rowsOf(ports: readonly PortView[]): PortView[] {
  const flow = ports.filter(({ isFailure }) => !isFailure);
  return flow.length === 1 && flow[0]?.id === "default" ? [] : flow;
}

export function heightOf(type: string, ports: readonly PortView[]): number {
  const rows = rowsOf(ports).length;
  return type === "note" ? 96 : NODE.height + (rows > 0 ? rows * ROW + 6 : 0);
}

const MARKS = { added: "Added", removed: "Removed", changed: "Changed" } as const;

export const Card = memo(function Card({ data, selected }: NodeProps<CardNode>) {
  if (data.type === "note") {
    return (
      <div className={classes["note"]} data-selected={selected}>
        {data.text || "An empty note"}
      </div>
    );
  }
  const rows = rowsOf(data.ports);
  const failures = data.ports.filter(({ isFailure }) => isFailure);
  const hasDefault = rows.length === 0 && data.ports.some(({ id }) => id === "default");
  return (
    <div
      className={data.isLoop ? `${classes["card"]} ${classes["loop"]}` : classes["card"]}
      data-category={data.category}
      data-selected={selected}
      data-problem={data.problems !== ""}
      data-status={data.standing?.status}
      data-mark={data.mark}
      data-undoes={data.undoes !== ""}
    >
      {data.hasEntry && <Handle className={`${classes["handle"]} ${classes["entry"]}`} type="target" id={ENTRY} position={Position.Left} style={{ top: data.isLoop ? 20 : 29 }} />}
      {/* Always there: React Flow looks for handles once. */}
      <Handle className={classes["undo"]} type="target" id={UNDO_IN} position={Position.Top} isConnectable={false} />
      <Handle className={classes["undo"]} type="source" id={UNDO_OUT} position={Position.Bottom} isConnectable={false} />
      <div className={classes["head"]}>
        <NodeCard type={data.type} name={data.title} note={data.typeTitle} standing={data.standing} />
      </div>
      {hasDefault && <Handle className={classes["handle"]} type="source" id="default" position={Position.Right} style={{ top: data.isLoop ? 20 : 29 }} />}
      {rows.map((port) => (
        <div key={port.id} className={classes["port"]} title={port.description}>
          <span>{port.label}</span>
          <Handle className={classes["handle"]} type="source" id={port.id} position={Position.Right} />
        </div>
      ))}
      {failures.map((port, index) => {
        const left = NODE.width - 34 - index * 74;
        const isWired = data.wired.has(port.id);
        return (
          <span key={port.id}>
            <Handle
              className={`${classes["handle"]} ${classes["failure"]}`}
              type="source"
              id={port.id}
              position={Position.Bottom}
              style={{ left }}
              data-wired={isWired}
              title={`${port.id}: ${port.description}`}
            />
            {isWired && (
              <span className={classes["failureName"]} style={{ left }}>
                {port.id}
              </span>
            )}
          </span>
        );
      })}
      {data.mark ? (
        <span className={classes["badge"]}>{MARKS[data.mark]}</span>
      ) : (
        data.problems !== "" && (
          <span className={classes["badge"]} title={data.problems}>
            <TriangleAlert size={11} aria-hidden />
            {data.problems.split("\n").length === 1 ? "1 problem" : `${data.problems.split("\n").length} problems`}
          </span>
        )
      )}
    </div>
  );
});
