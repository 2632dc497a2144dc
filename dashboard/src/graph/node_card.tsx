/** The look of one node: what it is, and how it stands. Drawn on the graph of an execution and in the editor. */
import { VisuallyHidden } from "@mantine/core";
import { Bookmark, CopyCheck, FlaskConical, Repeat, RotateCw, TriangleAlert } from "lucide-react";
import { memo, type ReactNode } from "react";

import { StatusIcon, statusLabel } from "../ui/status";
import { Elapsed, formatDuration } from "../ui/time";
import classes from "./node_card.module.css";
import { NodeIcon } from "./node_icon";

/** How a node stands; the editor has it only while it shows a run. */
export interface NodeStanding {
  status: string;
  /** Missing while it is at work: the time since `startedAt` is shown then. */
  durationMs?: number | undefined;
  startedAt?: string | undefined;
  attempt?: number | undefined;
  /** Of a node in a loop: how many runs there are, and how many are over. */
  runs?: { total: number; done: number } | undefined;
  reused?: boolean | undefined;
  pinned?: boolean | undefined;
  mocked?: boolean | undefined;
  /** 0 to 1. */
  progress?: number | undefined;
}

export interface NodeCardProps {
  type: string;
  name: string;
  standing?: NodeStanding | undefined;
  isSelected?: boolean;
  /** What is wrong with its configuration. */
  problem?: string | undefined;
  /** In place of the type. */
  note?: ReactNode;
  /** In place of the status's sign. */
  sign?: ReactNode;
}

/** A name for people. */
export function nodeName(node: { id: string; name?: string | null; data?: Record<string, unknown> }): string {
  const label = node.data?.["label"];
  return node.name || (typeof label === "string" && label) || node.id;
}

/** A name for what draws a card without being a button around it. */
export function nodeLabel(name: string, type: string, standing: NodeStanding | undefined): string {
  const runs = standing?.runs && standing.runs.total > 1 ? `, ${standing.runs.done} of ${standing.runs.total} runs are over` : "";
  return `${name}, ${type}${standing ? `, ${statusLabel(standing.status)}${standing.reused ? ", reused" : ""}${standing.mocked ? ", mocked" : ""}${runs}` : ""}`;
}

export const NodeCard = memo(function NodeCard({ type, name, standing, isSelected, problem, note, sign }: NodeCardProps) {
  const status = standing?.status ?? "none";
  return (
    <div className={classes["card"]} data-status={status} data-selected={isSelected || undefined} data-problem={problem ? true : undefined}>
      <span className={classes["icon"]}>
        <NodeIcon type={type} size={17} />
      </span>
      <span className={classes["text"]}>
        <span className={classes["name"]} title={name}>
          {name}
        </span>
        <span className={classes["facts"]}>
          <span className="truncate">{note ?? type}</span>
          {standing && !note && <Facts standing={standing} />}
        </span>
      </span>
      {problem ? (
        <span className={classes["problem"]} role="img" aria-label={problem} title={problem}>
          <TriangleAlert size={16} aria-hidden />
        </span>
      ) : (
        (sign ?? (standing &&
          (standing.status === "idle" ? <VisuallyHidden>{statusLabel("idle")}</VisuallyHidden> : <StatusIcon status={standing.status} size={17} />)))
      )}
      {standing?.progress !== undefined && !standing.durationMs && (
        <span className={classes["progress"]} style={{ width: `${Math.min(100, Math.max(0, standing.progress * 100))}%` }} />
      )}
    </div>
  );
});

/** Duration, attempts, iterations and where the result is from. */
export function Facts({ standing }: { standing: NodeStanding }) {
  const { status, durationMs, startedAt, attempt = 0, runs, reused, pinned, mocked } = standing;
  const isAtWork = status === "running" || status === "suspended" || status === "retrying";
  return (
    <>
      {runs && runs.total > 1 && (
        <span className={classes["mark"]} title={`${runs.done} of ${runs.total} runs are over`}>
          <Repeat size={11} aria-hidden />
          {runs.done < runs.total ? `${runs.done}/${runs.total}` : runs.total}
          <VisuallyHidden> runs</VisuallyHidden>
        </span>
      )}
      {attempt > 1 && (
        <span className={classes["mark"]} title={`Attempt ${attempt}`}>
          <RotateCw size={11} aria-hidden />
          {attempt}
          <VisuallyHidden> attempts</VisuallyHidden>
        </span>
      )}
      {pinned ? (
        <span className={classes["mark"]} title="The result was given by who replayed">
          <Bookmark size={11} aria-hidden /> pinned
        </span>
      ) : (
        reused && (
          <span className={classes["mark"]} title="The result was taken over from the original">
            <CopyCheck size={11} aria-hidden /> reused
          </span>
        )
      )}
      {mocked && (
        <span className={classes["mark"]} title="The result is the node's mock">
          <FlaskConical size={11} aria-hidden /> mocked
        </span>
      )}
      {!reused && !pinned && !mocked && durationMs !== undefined && <span className="number">{formatDuration(durationMs)}</span>}
      {isAtWork && durationMs === undefined && startedAt && (!runs || runs.total <= 1) && <Elapsed from={startedAt} />}
    </>
  );
}
