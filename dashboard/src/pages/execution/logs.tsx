/** What the nodes have written. */
import { Group, Select, Text, TextInput } from "@mantine/core";
import type { Definition, Schemas } from "@sluicegate/sdk";
import { ScrollText, Search } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";

import { nodeName } from "../../graph/node_card";
import { type EventOf, type ExecutionLog } from "../../live/execution_log";
import { Json } from "../../ui/json";
import { Empty } from "../../ui/page";
import { formatClock, formatInstant } from "../../ui/time";
import { VirtualRows } from "../../ui/virtual_rows";
import classes from "./events.module.css";
import { LevelMark } from "./level";
import type { Selection } from "./selection";

const LEVELS: readonly Schemas["LogLevel"][] = ["debug", "info", "warn", "error"];

export interface LogsProps {
  log: ExecutionLog;
  isLive: boolean;
  definition: Definition | undefined;
  selection: Selection;
}

export function Logs({ log, isLive, definition, selection }: LogsProps) {
  const [least, setLeast] = useState<Schemas["LogLevel"]>("debug");
  const [nodeId, setNodeId] = useState<string | null>(null);
  const [text, setText] = useState("");
  const wanted = useDeferredValue(text.trim().toLowerCase());
  const nodes = useMemo(() => {
    const names = new Map(definition?.nodes.map((node) => [node.id, nodeName(node)]));
    return [...new Set(log.logs.map(({ nodeId }) => nodeId))].map((id) => ({ value: id, label: names.get(id) ?? id }));
  }, [log, definition]);
  const lines = useMemo(
    () =>
      log.logs.filter(
        (line) =>
          LEVELS.indexOf(line.level) >= LEVELS.indexOf(least) &&
          (nodeId === null || line.nodeId === nodeId) &&
          (wanted === "" || line.message.toLowerCase().includes(wanted)),
      ),
    [log, least, nodeId, wanted],
  );
  if (log.logs.length === 0) {
    return (
      <Empty icon={ScrollText} title="Nothing was logged">
        Workers log while they do their tasks, and other nodes when something is worth a line. What happened is under Events.
      </Empty>
    );
  }
  return (
    <>
      <Group gap="xs" mb="xs">
        <Select
          size="xs"
          w={140}
          aria-label="Least level"
          allowDeselect={false}
          value={least}
          data={LEVELS.map((level) => ({ value: level, label: level === "debug" ? "All levels" : `From ${level}` }))}
          onChange={(level) => setLeast((level ?? "debug") as Schemas["LogLevel"])}
        />
        <Select size="xs" aria-label="Node" placeholder="All nodes" clearable searchable value={nodeId} data={nodes} onChange={setNodeId} />
        <TextInput
          size="xs"
          aria-label="Search the log"
          placeholder="Text"
          leftSection={<Search size={14} />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Text size="xs" className="dim number" role="status">
          {lines.length === log.logs.length ? "" : `${lines.length.toLocaleString()} of `}
          {log.logs.length.toLocaleString()} lines
        </Text>
      </Group>
      <div className={`${classes["list"]} panel`}>
        <VirtualRows
          count={lines.length}
          rowKey={(index) => lines[index]?.seq ?? index}
          height={29}
          label="Log"
          columns={["Time", "Level", "Node", "Line"]}
          template="96px 56px minmax(80px, 180px) minmax(160px, 1fr)"
          follow={isLive}
          row={(index) => {
            const line = lines[index];
            return line && <LineCells line={line} onSelect={() => selection.select(line.nodeId, line.path ?? undefined)} />;
          }}
        />
      </div>
    </>
  );
}

function LineCells({ line, onSelect }: { line: EventOf<"node_log">; onSelect: () => void }) {
  const hasData = line.data !== undefined && line.data !== null;
  return (
    <>
      <span role="cell" className="number dim" title={formatInstant(line.at)}>
        {formatClock(line.at, true)}
      </span>
      <span role="cell">
        <LevelMark level={line.level} />
      </span>
      <span role="cell">
        <button type="button" className={`${classes["node"]} mono`} onClick={onSelect} title={line.path ?? line.nodeId}>
          {line.path ?? line.nodeId}
        </button>
      </span>
      <div role="cell" className={classes["message"]}>
        {line.message}
        {hasData && <Json value={line.data} label="data of the line" open={0} />}
      </div>
    </>
  );
}
