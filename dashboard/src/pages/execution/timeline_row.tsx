/** One node run on the timeline. */
import { VisuallyHidden } from "@mantine/core";
import { ChevronDown, ChevronRight } from "lucide-react";
import { memo } from "react";

import { NodeIcon } from "../../graph/node_icon";
import { StatusIcon, statusLabel } from "../../ui/status";
import { formatDuration } from "../../ui/time";
import type { TimeScale } from "./time_scale";
import classes from "./timeline.module.css";
import type { Row } from "./timeline_rows";

export interface TimelineRowProps {
  row: Row;
  name: string;
  type: string;
  scale: TimeScale;
  now: number;
  isSelected: boolean;
  onSelect: () => void;
  onToggle: () => void;
}

export const TimelineRow = memo(function TimelineRow({ row, name, type, scale, now, isSelected, onSelect, onToggle }: TimelineRowProps) {
  const { run, depth, inside, isOpen, index } = row;
  const last = run.spans.at(-1);
  const took = run.spans.length > 0 ? (last?.to ?? now) - (run.spans[0]?.from ?? now) : undefined;
  const end = last ? scale.at(last.to ?? now) : 0;
  const begin = scale.at(run.spans[0]?.from ?? now);
  const side = end <= 0.85 ? "right" : begin > 0.15 ? "left" : "inside";
  const what = index === undefined ? name : `${name} ${index}`;
  return (
    <div className={classes["row"]} data-selected={isSelected || undefined}>
      <div className={classes["label"]} style={{ paddingLeft: 8 + depth * 16 }}>
        {inside > 0 ? (
          <button type="button" className={classes["fold"]} onClick={onToggle} aria-expanded={isOpen} aria-label={`${inside} runs inside ${what}`}>
            {isOpen ? <ChevronDown size={14} aria-hidden /> : <ChevronRight size={14} aria-hidden />}
          </button>
        ) : (
          <span className={classes["fold"]} />
        )}
        <button
          type="button"
          className={classes["name"]}
          onClick={onSelect}
          aria-pressed={isSelected}
          title={run.path ?? name}
        >
          <NodeIcon type={type} size={14} />
          <span className="truncate">{what}</span>
          {inside > 0 && <span className="dim number">×{inside}</span>}
          <VisuallyHidden>
            {statusLabel(run.status)} {took === undefined ? "" : formatDuration(took)}
          </VisuallyHidden>
        </button>
        <StatusIcon status={run.status} size={14} />
      </div>
      {/* The name beside says the same; here it is drawn. */}
      <div className={classes["bars"]} onClick={onSelect} aria-hidden>
        {run.spans.map((span) => {
          const left = scale.at(span.from);
          const right = scale.at(span.to ?? now);
          const status = span.kind === "waiting" ? "suspended" : span.kind === "retrying" ? "idle" : span.status === "suspended" || span.status === "retrying" ? "completed" : span.status;
          return (
            <span
              key={`${span.from} ${span.kind} ${span.attempt}`}
              className={classes["bar"]}
              data-kind={span.kind}
              data-status={status}
              data-reused={run.reused || undefined}
              data-group={inside > 0 || undefined}
              style={{ left: `${left * 100}%`, width: `max(3px, ${(right - left) * 100}%)` }}
            />
          );
        })}
        {took !== undefined && (
          <span className={classes["took"]} data-side={side} style={side === "right" ? { left: `${end * 100}%` } : { right: `${(1 - (side === "inside" ? end : begin)) * 100}%` }}>
            {run.reused ? (run.pinned ? "pinned" : "reused") : run.mocked ? "mocked" : formatDuration(took)}
          </span>
        )}
      </div>
    </div>
  );
});
