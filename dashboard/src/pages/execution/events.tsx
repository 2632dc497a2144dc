/** The raw log: every event as it was told, by type, and whole when it is unfolded. */
import { Group, MultiSelect, Text, TextInput } from "@mantine/core";
import type { ExecutionEvent } from "@sluicegate/sdk";
import { ChevronDown, ChevronRight, Radio, Search } from "lucide-react";
import { useDeferredValue, useMemo, useState } from "react";

import { type ExecutionLog } from "../../live/execution_log";
import { Json } from "../../ui/json";
import { Empty } from "../../ui/page";
import { formatClock, formatInstant } from "../../ui/time";
import { VirtualRows } from "../../ui/virtual_rows";
import { addressOf, statusOf, textOf } from "./event_text";
import classes from "./events.module.css";

export function Events({ log, isLive }: { log: ExecutionLog; isLive: boolean }) {
  const [types, setTypes] = useState<string[]>([]);
  const [text, setText] = useState("");
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const wanted = useDeferredValue(text.trim().toLowerCase());
  const known = useMemo(() => [...new Set(log.events.map(({ type }) => type))].sort(), [log]);
  const events = useMemo(() => {
    const isWanted = (event: ExecutionEvent) =>
      (types.length === 0 || types.includes(event.type)) &&
      (wanted === "" || `${event.type} ${addressOf(event) ?? ""} ${textOf(event)}`.toLowerCase().includes(wanted));
    return types.length === 0 && wanted === "" ? log.events : log.events.filter(isWanted);
  }, [log, types, wanted]);
  const toggle = (seq: number) => setOpen((before) => (before.has(seq) ? new Set([...before].filter((each) => each !== seq)) : new Set([...before, seq])));
  if (log.events.length === 0) {
    return <Empty icon={Radio} title="No event has come yet" />;
  }
  return (
    <>
      <Group gap="xs" mb="xs">
        <MultiSelect size="xs" aria-label="Types of events" placeholder={types.length === 0 ? "All types" : ""} data={known} value={types} onChange={setTypes} clearable miw={180} />
        <TextInput
          size="xs"
          aria-label="Search the events"
          placeholder="Node or text"
          leftSection={<Search size={14} />}
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        <Text size="xs" className="dim number" role="status">
          {events.length === log.events.length ? "" : `${events.length.toLocaleString()} of `}
          {log.events.length.toLocaleString()} events
          {log.gap && `, ${log.gap.from} to ${log.gap.to} are no longer kept`}
        </Text>
      </Group>
      <div className={`${classes["list"]} panel`}>
        <VirtualRows
          count={events.length}
          rowKey={(index) => events[index]?.seq ?? index}
          height={29}
          label="Events"
          columns={["No.", "Time", "Type", "Node", "What"]}
          template="52px 96px 150px minmax(80px, 220px) minmax(140px, 1fr)"
          follow={isLive}
          row={(index) => {
            const event = events[index];
            return event && <EventCells event={event} isOpen={open.has(event.seq)} onToggle={() => toggle(event.seq)} />;
          }}
        />
      </div>
    </>
  );
}

function EventCells({ event, isOpen, onToggle }: { event: ExecutionEvent; isOpen: boolean; onToggle: () => void }) {
  return (
    <>
      <span role="cell">
        <button type="button" className={classes["seq"]} aria-expanded={isOpen} aria-label={`Event ${event.seq}`} onClick={onToggle}>
          {isOpen ? <ChevronDown size={12} aria-hidden /> : <ChevronRight size={12} aria-hidden />}
          <span className="number">{event.seq}</span>
        </button>
      </span>
      <span role="cell" className="number dim" title={formatInstant(event.at)}>
        {formatClock(event.at, true)}
      </span>
      <span role="cell" className="mono truncate">
        {event.type}
      </span>
      <span role="cell" className="mono truncate" title={addressOf(event)}>
        {addressOf(event)}
      </span>
      <span role="cell" className={`${classes["what"]} truncate`} data-status={statusOf(event)}>
        {textOf(event)}
      </span>
      {isOpen && (
        <div role="cell" className={classes["whole"]}>
          <Json value={event} label={`event ${event.seq}`} open={3} />
        </div>
      )}
    </>
  );
}
