/** One suspension: the question, who may answer, what happens while nobody does, and what was decided. */
import { Anchor, Button, Group, Text, Title } from "@mantine/core";
import type { Schemas } from "@sluicegate/sdk";
import { ArrowRight, Bell, Check, Clock, MessageSquare, Siren, UserCheck, Users } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { usePlace } from "../../app/place";
import type { SuspensionRecord } from "../../live/execution_log";
import { Json } from "../../ui/json";
import { StatusBadge } from "../../ui/status";
import { formatAgo, formatInstant, useNow } from "../../ui/time";
import { personName } from "./facts";
import type { Selection } from "./selection";
import classes from "./suspensions.module.css";

const KINDS = { approval: "Approval", tool_approval: "Call of a tool", ask_human: "Question", callback: "Callback" } as const;

export function SuspensionCard({ record, name, selection }: { record: SuspensionRecord; name: string; selection: Selection }) {
  const place = usePlace();
  const { interrupt, state, decision } = record;
  const hasContext = interrupt.context !== undefined && interrupt.context !== null;
  return (
    <article className={`${classes["card"]} panel`} data-status={state === "answered" ? "completed" : state === "open" ? "suspended" : "idle"}>
      <Group justify="space-between" gap="xs" wrap="nowrap" align="flex-start">
        <div className={classes["head"]}>
          <Title order={2} size="h5">
            {interrupt.title ?? KINDS[interrupt.type]}
          </Title>
          <Text size="xs" className="dim">
            {KINDS[interrupt.type]} of{" "}
            <button type="button" className={classes["link"]} onClick={() => selection.select(interrupt.nodeId, interrupt.path ?? undefined)}>
              {name}
            </button>
            {interrupt.path && <span className="mono"> {interrupt.path}</span>}
          </Text>
        </div>
        <StatusBadge status={state} />
      </Group>
      <Text className={classes["message"]}>{interrupt.message}</Text>
      {hasContext && <Json value={interrupt.context} label="what the reviewer sees" open={1} />}
      <Who interrupt={interrupt} />
      {decision && <DecisionView decision={decision} interrupt={interrupt} />}
      <History record={record} />
      {state === "open" && (
        <Group gap="xs">
          <Button component={Link} href={place.to("inbox", record.id)} size="xs" rightSection={<ArrowRight size={14} />}>
            Decide in the inbox
          </Button>
        </Group>
      )}
      {state !== "open" && (
        <Anchor component={Link} href={place.to("inbox", record.id)} size="xs">
          Show it in the inbox
        </Anchor>
      )}
    </article>
  );
}

function list(approvers: Schemas["Approvers"] | null | undefined): string | undefined {
  if (!approvers) {
    return undefined;
  }
  const { users = [], groups = [], roles = [] } = approvers;
  const parts = [...groups.map((group) => `group ${group}`), ...(groups.length === 0 ? users.map(personName) : []), ...roles.map((role) => `role ${role}`)];
  return parts.join(", ") || undefined;
}

function Who({ interrupt }: { interrupt: Schemas["Interrupt"] }) {
  const { policy } = interrupt;
  const quorum = policy?.quorum?.required ?? 1;
  return (
    <Text size="sm" className="dim">
      <Users size={14} aria-hidden className={classes["icon"]} /> {list(policy?.approvers) ?? "Editors and higher"} may answer
      {quorum > 1 && `, ${quorum} of them have to say the same`}
      {policy?.allowSelfApproval === false && ", but not who triggered it"}
    </Text>
  );
}

const SOURCES: Partial<Record<string, string>> = {
  link: "by a link",
  api: "by a program",
  default: "by the default, as nobody answered",
  expiry: "by the expiry, as nobody answered",
  cancel: "by a cancellation",
};

function DecisionView({ decision, interrupt }: { decision: Schemas["Decision"]; interrupt: Schemas["Interrupt"] }) {
  const label = interrupt.actions?.find(({ id }) => id === decision.action)?.label ?? decision.action;
  const hasAnswer = decision.answer !== undefined && decision.answer !== null;
  const hasData = decision.data !== undefined && decision.data !== null;
  return (
    <div className={classes["decision"]}>
      <Text size="sm">
        <UserCheck size={15} aria-hidden className={classes["icon"]} /> <strong>{label}</strong>
        {decision.by && <> by {personName(decision.by)}</>}
        {decision.source && SOURCES[decision.source] && `, ${SOURCES[decision.source]}`}, <time dateTime={decision.at}>{formatInstant(decision.at)}</time>
      </Text>
      {(decision.reason || decision.comment) && (
        <Text size="sm" className={classes["message"]}>
          <MessageSquare size={13} aria-hidden className={classes["icon"]} /> {[decision.reason, decision.comment].filter(Boolean).join(" · ")}
        </Text>
      )}
      {hasAnswer && <Json value={decision.answer} label="answer" />}
      {hasData && <Json value={decision.data} label="data of the answer" />}
    </div>
  );
}

interface Moment {
  at: string;
  icon: ReactNode;
  text: string;
  isComing: boolean;
}

const COMING = { remind: "Those who may answer are reminded", escalate: "More people may answer", expire: "It expires" } as const;
const ENDS: Record<string, string> = { fail: "the node fails", reject: "it counts as rejected", approve: "it counts as approved", cancel: "the execution is cancelled", default: "the default counts" };

/** What happened, and below it what is going to happen if nobody answers. */
function History({ record }: { record: SuspensionRecord }) {
  const now = useNow();
  const { interrupt, updates, state } = record;
  const moments: Moment[] = [{ at: interrupt.openedAt, icon: <Clock size={14} />, text: "Asked", isComing: false }];
  for (const update of updates) {
    moments.push({ at: update.at, icon: <Check size={14} />, text: textOf(update), isComing: false });
  }
  if (state === "open") {
    const done = new Set(updates.map(({ step }) => step).filter((step) => step != null));
    interrupt.timeline?.forEach((step, index) => {
      if (!done.has(index)) {
        const end = step.action === "expire" && typeof interrupt.onExpiry === "string" ? `: ${ENDS[interrupt.onExpiry] ?? interrupt.onExpiry}` : "";
        const icon = step.action === "remind" ? <Bell size={14} /> : step.action === "escalate" ? <Siren size={14} /> : <Clock size={14} />;
        const to = step.action === "escalate" && list(step.to);
        moments.push({ at: step.at, icon, text: `${COMING[step.action]}${end}${to ? `: ${to}` : ""}`, isComing: true });
      }
    });
  }
  return (
    <ol className={classes["history"]} aria-label="History">
      {moments.map((moment, index) => (
        <li key={`${moment.at} ${index}`} data-coming={moment.isComing || undefined}>
          <span aria-hidden>{moment.icon}</span>
          <span>{moment.text}</span>
          <time dateTime={moment.at} title={formatInstant(moment.at)} className="dim">
            {formatAgo(moment.at, now)}
          </time>
        </li>
      ))}
    </ol>
  );
}

function textOf(update: Schemas["SuspensionUpdateEvent"]): string {
  const by = update.by ? ` by ${personName(update.by)}` : "";
  const why = update.reason ? `: ${update.reason}` : "";
  if (update.change === "voted") {
    const tally = Object.entries(update.votes ?? {}).map(([action, count]) => `${count} ${action}`);
    return `Vote for ${update.action ?? update.vote?.action ?? "?"}${by}${tally.length > 0 ? ` (${tally.join(", ")})` : ""}${why}`;
  }
  const what = update.change ?? update.state;
  const to = update.change === "reassigned" || update.change === "escalated" ? list(update.approvers) : undefined;
  return `${what.charAt(0).toUpperCase()}${what.slice(1)}${update.state !== "open" && update.action ? ` (${update.action})` : ""}${by}${to ? ` to ${to}` : ""}${why}`;
}
