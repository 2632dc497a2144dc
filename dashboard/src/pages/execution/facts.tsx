/** What there is to know about an execution at a glance. */
import { Anchor } from "@mantine/core";
import type { Execution } from "@sluicegate/sdk";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { usePlace } from "../../app/place";
import type { ExecutionLog } from "../../live/execution_log";
import { isFinal } from "../../live/execution_log";
import { Copyable, shortId } from "../../ui/copy";
import { Ago, formatDuration, formatInstant, useNow } from "../../ui/time";
import classes from "./execution.module.css";

const TRIGGERS: Record<string, string> = {
  manual: "By hand",
  sdk: "By a program",
  schedule: "By a schedule",
  webhook: "By a webhook",
  event: "By an event",
  replay: "By a replay",
  retry: "By a retry",
  subworkflow: "By another workflow",
};

/** A person, or a key by the end of its id. */
export function personName(id: string): string {
  return id.startsWith("key:") ? `API key …${shortId(id)}` : id;
}

function Fact({ name, children, title }: { name: string; children: ReactNode; title?: string }) {
  return (
    <div className={classes["fact"]} title={title}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Facts({ execution, log, status }: { execution: Execution; log: ExecutionLog; status: string | undefined }) {
  const place = usePlace();
  const { triggeredBy, triggerId, subject, concurrencyKey, dedupeKey, priority, runAt, reprocessing } = execution;
  return (
    <dl className={classes["facts"]}>
      <Fact name="Execution">
        <Copyable text={execution.id} label="the execution's id" shown={shortId(execution.id)} />
      </Fact>
      <Fact name="Triggered" title={`${personName(execution.createdBy)}, ${formatInstant(execution.createdAt)}`}>
        <Ago at={execution.createdAt} />
      </Fact>
      <Fact name="How" title={personName(execution.createdBy)}>
        {triggeredBy === "schedule" && triggerId ? (
          <Anchor component={Link} href={place.to("schedules", triggerId)} inherit>
            {TRIGGERS[triggeredBy]}
          </Anchor>
        ) : (
          (TRIGGERS[triggeredBy] ?? triggeredBy)
        )}
        , {personName(execution.createdBy)}
      </Fact>
      <Fact name="Version">
        <Anchor component={Link} href={place.to("workflows", execution.workflowId, "versions")} inherit>
          {execution.workflowVersion}
        </Anchor>
      </Fact>
      <Durations execution={execution} log={log} status={status} />
      {subject && <Fact name="Subject">{subject}</Fact>}
      {priority !== 0 && <Fact name="Priority">{priority}</Fact>}
      {runAt && <Fact name="Runs at">{formatInstant(runAt)}</Fact>}
      {concurrencyKey && <Fact name="Concurrency key">{concurrencyKey}</Fact>}
      {dedupeKey && <Fact name="Dedupe key">{dedupeKey}</Fact>}
      {reprocessing && <Fact name="Reprocessing">{typeof reprocessing === "string" ? reprocessing : JSON.stringify(reprocessing)}</Fact>}
    </dl>
  );
}

/** How long it has taken, and how much of that it has worked. */
function Durations({ execution, log, status }: { execution: Execution; log: ExecutionLog; status: string | undefined }) {
  const now = useNow();
  const times = isFinal(status) && execution.durationMs != null && isFinal(execution.status) ? execution : timesOf(log, now);
  if (times?.durationMs == null) {
    return <Fact name="Duration">{status === "skipped" ? "never begun" : "not begun"}</Fact>;
  }
  return (
    <>
      <Fact name="Duration">
        <span className="number">{formatDuration(times.durationMs)}</span>
      </Fact>
      {times.waitingMs > 0 && (
        <Fact name="At work, waiting">
          <span className="number">
            {formatDuration(times.activeMs ?? 0)}, {formatDuration(times.waitingMs)}
          </span>
        </Fact>
      )}
    </>
  );
}

/** The same times of an execution that goes on, from its changes of status. */
function timesOf(log: ExecutionLog, now: number): { durationMs: number; activeMs: number; waitingMs: number } | undefined {
  const begin = log.statuses.find(({ status }) => status === "running");
  if (!begin) {
    return undefined;
  }
  const from = Date.parse(begin.at);
  const end = log.terminal ? Date.parse(log.terminal.at) : Math.max(now, from);
  let waitingMs = 0;
  log.statuses.forEach((each, index) => {
    if (each.status === "suspended") {
      const next = log.statuses[index + 1];
      waitingMs += Math.max(0, (next ? Date.parse(next.at) : end) - Date.parse(each.at));
    }
  });
  const durationMs = end - from;
  return { durationMs, waitingMs, activeMs: Math.max(0, durationMs - waitingMs) };
}
