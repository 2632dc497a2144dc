/** When each node run was at work, and when it waited. */
import { ActionIcon, Group, Switch, Text } from "@mantine/core";
import type { Definition } from "@sluicegate/sdk";
import { useVirtualizer } from "@tanstack/react-virtual";
import { ChartGantt, ZoomIn, ZoomOut } from "lucide-react";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";

import { nodeName } from "../../graph/node_card";
import { type ExecutionLog, isFinal } from "../../live/execution_log";
import { Empty } from "../../ui/page";
import { formatDuration, formatInstant } from "../../ui/time";
import type { Selection } from "./selection";
import { longIdle, tickLabel, ticks, type TimeScale, timeScale, union } from "./time_scale";
import classes from "./timeline.module.css";
import { TimelineRow } from "./timeline_row";
import { timelineRows } from "./timeline_rows";

export interface TimelineProps {
  log: ExecutionLog;
  definition: Definition | undefined;
  selection: Selection;
}

const ROW = 32;
const ZOOM = 2;
const MOST_ZOOM = 64;

export function Timeline({ log, definition, selection }: TimelineProps) {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [zoom, setZoom] = useState(1);
  const [isWhole, setWhole] = useState(false);
  const isLive = log.runs.size > 0 && !isFinal(log.status);
  const now = useTick(isLive);
  const rows = useMemo(() => timelineRows(log, toggled), [log, toggled]);
  const names = useMemo(() => new Map(definition?.nodes.map((node) => [node.id, { name: nodeName(node), type: node.type ?? "" }])), [definition]);
  const { scale, hasIdle, end } = useScale(log, isLive ? now : undefined, isWhole);
  const frame = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: () => ROW,
    getItemKey: (index) => rows[index]?.run.address ?? index,
    overscan: 10,
    scrollMargin: 30,
  });
  if (rows.length === 0) {
    return <Empty icon={ChartGantt} title="No node has begun yet" />;
  }
  const toggle = (address: string) => setToggled((before) => (before.has(address) ? new Set([...before].filter((each) => each !== address)) : new Set([...before, address])));
  return (
    <>
      <Group gap="md" mb="xs" justify="space-between">
        <Legend />
        <Group gap="xs">
          {hasIdle && <Switch size="xs" label="Shorten long waits" checked={!isWhole} onChange={() => setWhole(!isWhole)} />}
          <ActionIcon variant="default" onClick={() => setZoom(Math.max(1, zoom / ZOOM))} disabled={zoom <= 1} aria-label="Show more time">
            <ZoomOut size={16} />
          </ActionIcon>
          <ActionIcon variant="default" onClick={() => setZoom(Math.min(MOST_ZOOM, zoom * ZOOM))} disabled={zoom >= MOST_ZOOM} aria-label="Show less time">
            <ZoomIn size={16} />
          </ActionIcon>
        </Group>
      </Group>
      {/* biome-ignore lint: whoever has no mouse scrolls it by the keys */}
      <div ref={frame} className={`${classes["frame"]} panel`} tabIndex={0} role="region" aria-label="Timeline">
        <div className={classes["content"]} style={{ width: zoom > 1 ? `${zoom * 100}%` : "100%", height: virtualizer.getTotalSize() + 30 }}>
          <Axis scale={scale} most={9 * zoom} begin={log.statuses[0]?.at} />
          <Breaks scale={scale} />
          <ul className={classes["rows"]}>
            {virtualizer.getVirtualItems().map((item) => {
              const row = rows[item.index];
              return (
                row && (
                  <li key={item.key} className={classes["place"]} style={{ transform: `translateY(${item.start}px)`, height: ROW }}>
                    <TimelineRow
                      row={row}
                      name={names.get(row.run.nodeId)?.name ?? row.run.nodeId}
                      type={names.get(row.run.nodeId)?.type ?? ""}
                      scale={scale}
                      now={end}
                      isSelected={selection.nodeId === row.run.nodeId && (selection.address ?? row.run.address) === row.run.address}
                      onSelect={() => selection.select(row.run.nodeId, row.run.path)}
                      onToggle={() => toggle(row.run.address)}
                    />
                  </li>
                )
              );
            })}
          </ul>
        </div>
      </div>
    </>
  );
}

/** Where the axis is broken, through all rows. */
function Breaks({ scale }: { scale: TimeScale }) {
  return (
    <div className={classes["breaks"]} aria-hidden>
      {scale.segments.map(
        (segment) =>
          segment.isBreak && <span key={segment.from} style={{ left: `${segment.left * 100}%`, width: `${(segment.right - segment.left) * 100}%` }} />,
      )}
    </div>
  );
}

/** The time, some times a second while something goes on. */
function useTick(isLive: boolean): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (isLive) {
      const timer = setInterval(() => setNow(Date.now()), 250);
      return () => clearInterval(timer);
    }
    return undefined;
  }, [isLive]);
  return now;
}

function useScale(log: ExecutionLog, now: number | undefined, isWhole: boolean): { scale: TimeScale; hasIdle: boolean; end: number } {
  const extent = useMemo(() => {
    const first = log.statuses[0] ?? log.events[0];
    let from = first ? Date.parse(first.at) : Number.POSITIVE_INFINITY;
    let to = log.terminal ? Date.parse(log.terminal.at) : 0;
    const work: { from: number; to: number | undefined }[] = [];
    for (const run of log.runs.values()) {
      for (const span of run.spans) {
        from = Math.min(from, span.from);
        to = Math.max(to, span.to ?? span.from);
        if (span.kind === "active" && (run.items === undefined || span.to === span.from)) {
          work.push({ from: span.from, to: span.to });
        }
      }
    }
    return { from, to, work };
  }, [log]);
  return useMemo(() => {
    const end = Math.max(extent.to, now ?? 0);
    const busy = union(extent.work.map((piece) => ({ from: piece.from, to: piece.to ?? end })));
    const idle = longIdle(busy, extent.from, end);
    return { scale: timeScale(extent.from, end, isWhole ? [] : idle), hasIdle: idle.length > 0, end };
  }, [extent, now, isWhole]);
}

function Axis({ scale, most, begin }: { scale: TimeScale; most: number; begin: string | undefined }) {
  return (
    <div className={classes["axis"]}>
      <span className={classes["corner"]} title={begin && formatInstant(begin)}>
        {begin ? formatInstant(begin) : ""}
      </span>
      <div className={classes["ticks"]} aria-hidden>
        {scale.segments
          .filter(({ isBreak }) => isBreak)
          .map((segment) => (
            <span key={segment.from} className={classes["break"]} style={{ left: `${segment.left * 100}%`, width: `${(segment.right - segment.left) * 100}%` }}>
              {formatDuration(segment.to - segment.from)}
            </span>
          ))}
        {ticks(scale, most).map((tick) => (
          <span key={tick.at} className={classes["tick"]} style={{ left: `${tick.at * 100}%` }}>
            {tick.at < 0.95 ? tickLabel(tick) : ""}
          </span>
        ))}
      </div>
    </div>
  );
}

function Legend(): ReactNode {
  return (
    <Text component="div" size="xs" className={`${classes["legend"]} dim`}>
      <span className={classes["key"]} data-kind="active" data-status="completed" /> at work
      <span className={classes["key"]} data-kind="waiting" data-status="suspended" /> waits
      <span className={classes["key"]} data-kind="retrying" data-status="idle" /> until the next attempt
      <span className={classes["key"]} data-kind="active" data-status="failed" /> failed
    </Text>
  );
}
