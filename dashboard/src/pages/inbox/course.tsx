/** The course of a suspension: what has happened to it, and what is going to happen if nobody answers, on one line of time. */
import { useQuery } from "@tanstack/react-query";
import { ArrowUpRight, Ban, BellRing, Check, Circle, Clock, Hand, HandMetal, type LucideIcon, MessageCircleQuestion, UserRoundCog, Vote, X } from "lucide-react";
import type { ReactNode } from "react";

import { listAll, type Schemas } from "../../api/client";
import { formatAgo, formatInstant, useNow } from "../../ui/time";
import classes from "./inbox.module.css";
import type { Suspension } from "./mailbox";
import { actionLabel, sayApprovers, useNames } from "./who";

type Update = Extract<Schemas["Event"], { type: "suspension_update" }>;

const moment = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

interface Step {
  key: string;
  at: string;
  icon: LucideIcon;
  text: ReactNode;
  /** In somebody's own words. */
  quote?: string | null | undefined;
}

export function Course({ suspension }: { suspension: Suspension }) {
  const name = useNames();
  const now = useNow();
  const { id, workspaceId, podId, executionId, changes, state, interrupt, stepsDone = 0 } = suspension;
  const { data: updates = [] } = useQuery({
    // The log only grows: it is read again when something was changed.
    queryKey: ["suspensions", workspaceId, "updates", id, changes, state],
    queryFn: async () => {
      const path = `/workspaces/${workspaceId}/pods/${podId}/executions/${executionId}/events`;
      const events = await listAll<Update>(path, { types: "suspension_update", limit: 1_000 }, 5_000);
      return events.filter(({ suspensionId }) => suspensionId === id);
    },
    placeholderData: (before) => before,
  });
  const asked: Step = { key: "asked", at: suspension.openedAt, icon: MessageCircleQuestion, text: <>Asked, by a run that {name(interrupt.policy?.requester)} began</> };
  const past = [asked, ...updates.map((update) => stepOf(update, suspension, name))];
  const ahead = state === "open" ? (interrupt.timeline ?? []).slice(stepsDone).map((step, place) => aheadOf(step, place, suspension, name)) : [];
  return (
    <ol className={classes["course"]}>
      {past.map((step) => (
        <Line key={step.key} step={step} now={now} />
      ))}
      {ahead.map((step) => (
        <Line key={step.key} step={step} now={now} isAhead />
      ))}
      {state === "open" && !interrupt.expiresAt && ahead.length === 0 && (
        <li className={classes["step"]} data-ahead>
          <Circle size={15} aria-hidden />
          <span>It waits until somebody answers: it has no expiry.</span>
        </li>
      )}
    </ol>
  );
}

function Line({ step: { at, icon: Icon, text, quote }, now, isAhead }: { step: Step; now: number; isAhead?: boolean }) {
  return (
    <li className={classes["step"]} data-ahead={isAhead || undefined}>
      <Icon size={15} aria-hidden />
      <div>
        {text}{" "}
        <time dateTime={at} title={formatInstant(at)} className="dim number">
          · {isAhead ? `${moment.format(new Date(at))} (${formatAgo(at, now)})` : formatAgo(at, now)}
        </time>
        {quote && <blockquote className={classes["quote"]}>{quote}</blockquote>}
      </div>
    </li>
  );
}

function stepOf(update: Update, suspension: Suspension, name: (id?: string | null) => string): Step {
  const who = name(update.by);
  const begin = who.charAt(0).toUpperCase() + who.slice(1);
  const step = { key: String(update.seq), at: update.at };
  switch (update.change) {
    case "voted":
      return { ...step, icon: Vote, text: <>{begin} voted: {actionLabel(suspension, update.vote?.action ?? update.action ?? "")}</>, quote: update.vote?.reason ?? update.vote?.comment };
    case "claimed":
      return { ...step, icon: Hand, text: <>{begin} took care of it</> };
    case "released":
      return { ...step, icon: HandMetal, text: <>{begin} released it</> };
    case "reassigned":
      return { ...step, icon: UserRoundCog, text: <>{begin} put it to {sayApprovers(update.approvers, name)}</>, quote: update.reason };
    case "reminded":
      return { ...step, icon: BellRing, text: "A reminder was due" };
    case "escalated":
      return { ...step, icon: ArrowUpRight, text: <>More may answer: {sayApprovers(update.approvers, name)}</> };
    default:
      return endOf(update, step, suspension, begin);
  }
}

function endOf({ state, decision, action, by }: Update, step: { key: string; at: string }, suspension: Suspension, begin: string): Step {
  const chosen = actionLabel(suspension, decision?.action ?? action ?? "");
  const quote = decision?.reason ?? decision?.comment;
  if (state === "cancelled") {
    return { ...step, icon: Ban, text: "Cancelled: the execution ended" };
  }
  if (state === "expired") {
    return { ...step, icon: Clock, text: chosen ? <>Expired: {chosen}</> : "Expired" };
  }
  return { ...step, icon: decision?.action === "rejected" ? X : Check, text: by ? <>{begin} decided: {chosen}</> : chosen, quote };
}

function aheadOf(step: Schemas["TimelineStep"], place: number, suspension: Suspension, name: (id?: string | null) => string): Step {
  const common = { key: `ahead ${place}`, at: step.at };
  switch (step.action) {
    case "remind":
      return { ...common, icon: BellRing, text: "Everybody is told again" };
    case "escalate":
      return { ...common, icon: ArrowUpRight, text: <>It is also put to {sayApprovers(step.to, name)}</> };
    default:
      return { ...common, icon: Clock, text: <>Nobody has answered: {expiryOf(suspension)}</> };
  }
}

/** What happens when nobody answers in time. */
export function expiryOf({ interrupt: { onExpiry, defaultAnswer } }: Suspension): string {
  if (typeof onExpiry === "object" && onExpiry !== null) {
    return `it goes on by “${onExpiry.port}”`;
  }
  switch (onExpiry) {
    case "reject":
      return "it is rejected";
    case "approve":
      return "it is approved";
    case "cancel":
      return "the execution is cancelled";
    case "default":
      return typeof defaultAnswer === "string" ? `“${defaultAnswer}” is taken as the answer` : "the default answer is taken";
    default:
      return "the step fails";
  }
}
