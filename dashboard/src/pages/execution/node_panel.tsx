/** All about one node of the execution: its runs, and of the chosen one what it gave and what it took. */
import { ActionIcon, Anchor, Button, Group, Stack, Text, Title } from "@mantine/core";
import type { Definition } from "@sluicegate/sdk";
import { FlaskConical, ListTree, RotateCcw, X } from "lucide-react";
import { Link } from "wouter";

import { usePlace } from "../../app/place";
import { compensatedBy } from "../../graph/compensation";
import { nodeName } from "../../graph/node_card";
import { NodeIcon } from "../../graph/node_icon";
import { type ExecutionLog, isFinal, type NodeRun } from "../../live/execution_log";
import { shortId } from "../../ui/copy";
import { Json } from "../../ui/json";
import { Mark } from "../../ui/mark";
import { StatusBadge } from "../../ui/status";
import { Elapsed, formatClock, formatDuration, formatInstant } from "../../ui/time";
import { FailureView } from "./failure";
import { LogLines } from "./log_lines";
import classes from "./node_panel.module.css";
import { RunPicker } from "./run_picker";
import type { Selection } from "./selection";

export interface NodePanelProps {
  log: ExecutionLog;
  definition: Definition | undefined;
  selection: Selection;
  status: string | undefined;
  onReplay: (nodeId: string) => void;
}

export function NodePanel({ log, definition, selection, status, onReplay }: NodePanelProps) {
  const place = usePlace();
  const nodeId = selection.nodeId ?? "";
  const node = definition?.nodes.find(({ id }) => id === nodeId);
  const runs = log.nodes.get(nodeId);
  const chosen = selection.address ? log.runs.get(selection.address) : undefined;
  const run = chosen?.nodeId === nodeId ? chosen : runs?.latest;
  const name = node ? nodeName(node) : nodeId;
  const isReplayable = place.can("editor") && isFinal(status) && node && node.type !== "note" && !compensatedBy(node);
  // In a loop it is the chosen iteration that runs again, from this node on.
  const from = run?.path ?? topLevelOf(definition, nodeId);
  return (
    <Stack gap="sm">
      <Group justify="space-between" wrap="nowrap" align="flex-start">
        <Group gap="xs" wrap="nowrap" miw={0}>
          <NodeIcon type={node?.type ?? ""} size={20} />
          <div className={classes["name"]}>
            <Title order={2} size="h4" lineClamp={2}>
              {name}
            </Title>
            <Text size="xs" className="dim">
              {node?.type} <span className="mono">{nodeId}</span>
            </Text>
          </div>
        </Group>
        <ActionIcon variant="subtle" color="gray" onClick={() => selection.select(null)} aria-label="Close the node's panel">
          <X size={18} />
        </ActionIcon>
      </Group>
      {runs && runs.total > 1 && <RunPicker log={log} runs={runs} chosen={run} onChoose={(address) => selection.select(nodeId, address)} />}
      {run ? <RunView run={run} log={log} /> : <NotBegun status={status} undoes={definition?.nodes.find(({ id }) => id === compensatedBy(node))} />}
      {isReplayable && (
        <Button variant="light" leftSection={<RotateCcw size={15} />} onClick={() => onReplay(from)}>
          Replay from here
        </Button>
      )}
    </Stack>
  );
}

/** The node itself, or the outermost loop that it is in. */
export function topLevelOf(definition: Definition | undefined, nodeId: string): string {
  const parentId = definition?.nodes.find(({ id }) => id === nodeId)?.parentId;
  return parentId ? topLevelOf(definition, parentId) : nodeId;
}

function NotBegun({ status, undoes }: { status: string | undefined; undoes: Definition["nodes"][number] | undefined }) {
  if (undoes) {
    return (
      <Text size="sm" className="dim">
        It undoes {nodeName(undoes)}: it runs only where the execution fails or is cancelled after that.
      </Text>
    );
  }
  return (
    <Text size="sm" className="dim">
      {isFinal(status) ? "It never came to this node." : "It has not come to this node yet."}
    </Text>
  );
}

function RunView({ run, log }: { run: NodeRun; log: ExecutionLog }) {
  const place = usePlace();
  const lines = log.logs.filter((line) => (line.path ?? line.nodeId) === run.address);
  const actions = log.actions.filter((action) => (action.path ?? action.nodeId) === run.address);
  return (
    <Stack gap="sm">
      <Group gap="xs">
        <StatusBadge status={run.status} />
        {run.reused && <StatusBadge status="idle" label={run.pinned ? "Pinned" : "Reused"} />}
        {run.mocked && (
          <Mark tone="queued" icon={FlaskConical} title="The result is the node's mock: nothing of it happened">
            Mocked
          </Mark>
        )}
        {run.path && <span className="mono">{run.path}</span>}
      </Group>
      <dl className={classes["facts"]}>
        {run.startedAt && (
          <>
            <dt>Began</dt>
            <dd title={formatInstant(run.startedAt)}>{formatClock(run.startedAt, true)}</dd>
            <dt>Took</dt>
            <dd>{isFinal(run.status) ? formatDuration(run.durationMs ?? 0) : <Elapsed from={run.startedAt} />}</dd>
          </>
        )}
        {run.attempt > 1 && (
          <>
            <dt>Attempts</dt>
            <dd>{run.attempt}</dd>
          </>
        )}
        {run.branch && (
          <>
            <dt>Went on by</dt>
            <dd className="mono">{run.branch}</dd>
          </>
        )}
        {run.reason && (
          <>
            <dt>Passed over</dt>
            <dd>{run.reason}</dd>
          </>
        )}
        {run.resumeAt && (
          <>
            <dt>Goes on at</dt>
            <dd>{formatInstant(run.resumeAt)}</dd>
          </>
        )}
        {run.retryAt && (
          <>
            <dt>Next attempt</dt>
            <dd>{formatInstant(run.retryAt)}</dd>
          </>
        )}
        {run.task && (
          <>
            <dt>Worker</dt>
            <dd>
              {run.task.state} in <span className="mono">{run.task.queue}</span>
              {run.task.workerId ? `, ${run.task.workerId}` : ""}
            </dd>
          </>
        )}
        {run.progress && (
          <>
            <dt>Progress</dt>
            <dd className="number">
              {run.progress.at}
              {run.progress.of ? ` of ${run.progress.of}` : ""} {run.progress.note}
            </dd>
          </>
        )}
        {run.childExecutionId && (
          <>
            <dt>Child</dt>
            <dd>
              <Anchor component={Link} href={place.to("executions", run.childExecutionId)} inherit>
                Execution <span className="mono">{shortId(run.childExecutionId)}</span>
              </Anchor>
            </dd>
          </>
        )}
      </dl>
      {run.error && <FailureView failure={run.error} />}
      {run.spans.length > 1 && <Attempts run={run} />}
      {(run.reasoning || run.tool || run.text) && (
        <section>
          <Heading>Text</Heading>
          {run.reasoning && <pre className={`${classes["text"]} dim`}>{run.reasoning}</pre>}
          {run.tool && <pre className={`${classes["text"]} dim`}>{run.tool}</pre>}
          {run.text && <pre className={classes["text"]}>{run.text}</pre>}
        </section>
      )}
      {run.status === "completed" && (
        <section>
          <Heading>Output</Heading>
          <Json value={run.output} label="output" />
        </section>
      )}
      {actions.length > 0 && (
        <section>
          <Heading>Actions</Heading>
          <ol className={classes["actions"]}>
            {actions.slice(-200).map((action) => (
              <li key={action.seq}>
                <ListTree size={13} aria-hidden /> {action.title} <span className="dim">{action.kind}</span>
              </li>
            ))}
          </ol>
        </section>
      )}
      {lines.length > 0 && (
        <section>
          <Heading>Log</Heading>
          <LogLines lines={lines.slice(-200)} />
        </section>
      )}
    </Stack>
  );
}

function Heading({ children }: { children: string }) {
  return (
    <Title order={3} size="h6" mb={4}>
      {children}
    </Title>
  );
}

const KINDS = { active: "at work", waiting: "waited", retrying: "until the next attempt" } as const;

function Attempts({ run }: { run: NodeRun }) {
  return (
    <section>
      <Heading>What it did with its time</Heading>
      <ol className={classes["spans"]}>
        {run.spans.map((span) => (
          <li key={`${span.from} ${span.kind}`} data-status={span.kind === "active" ? span.status : span.kind === "waiting" ? "suspended" : "idle"}>
            <span className="number dim">{formatClock(span.from, true)}</span>
            <span>
              {span.kind === "active" ? `Attempt ${span.attempt}` : KINDS[span.kind]}
              {span.kind === "active" && span.status === "failed" ? ", failed" : ""}
            </span>
            <span className="number">{span.to === undefined ? <Elapsed from={new Date(span.from).toISOString()} /> : formatDuration(span.to - span.from)}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}
