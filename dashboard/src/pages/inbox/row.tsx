/** One line of the list: what is asked, by which workflow, since and until when, and how it stands. */
import { Hand, Hourglass } from "lucide-react";
import { Link } from "wouter";

import { StatusIcon } from "../../ui/status";
import { Ago, formatDuration, formatInstant, useNow } from "../../ui/time";
import classes from "./inbox.module.css";
import type { Suspension } from "./mailbox";
import { endingStatus, sayEnding } from "./outcome";
import { tally } from "./votes";
import { headingOf, useMe, useNames } from "./who";
import { useWorkflowName } from "./workflow_name";

/** An expiry that is nearer than this is told in a colour of its own. */
const SOON_MS = 3_600_000;

export function Row({ suspension, to, isSelected }: { suspension: Suspension; to: string; isSelected: boolean }) {
  const name = useNames();
  const me = useMe();
  const workflow = useWorkflowName(suspension.podId, suspension.workflowId);
  const { title, message } = headingOf(suspension);
  const { interrupt, state, claim, votes = [], closedAt, openedAt } = suspension;
  const { quorum, requester } = interrupt.policy ?? {};
  const isOpen = state === "open";
  const hasVoted = votes.some(({ by }) => by === me.id);
  return (
    <li>
      <Link href={to} className={classes["row"]!} data-row={suspension.id} aria-current={isSelected ? "true" : undefined}>
        <span className={classes["rowSign"]}>
          <StatusIcon status={isOpen ? "open" : endingStatus(suspension)} size={17} />
        </span>
        <span className={classes["rowText"]}>
          <span className={classes["rowTitle"]}>{title}</span>
          {message && <span className={classes["rowMessage"]}>{message}</span>}
          <span className={classes["rowFacts"]}>
            <span className="truncate">{workflow ?? interrupt.nodeId}</span>
            {requester && <span className="truncate">asked by {name(requester)}</span>}
            <span>{isOpen ? <Ago at={openedAt} /> : closedAt && <Ago at={closedAt} />}</span>
          </span>
          {isOpen ? (
            <span className={classes["marks"]}>
              {interrupt.expiresAt && <Expiry at={interrupt.expiresAt} />}
              {claim && (
                <span className={classes["mark"]} data-status="running">
                  <Hand size={12} aria-hidden /> {claim.by === me.id ? "Yours" : `Claimed by ${name(claim.by)}`}
                </span>
              )}
              {quorum && (
                <span className={classes["mark"]} data-status="queued">
                  {tally(suspension)[0]?.[1] ?? 0} of {quorum.required} votes{hasVoted && ", yours too"}
                </span>
              )}
            </span>
          ) : (
            <span className={classes["rowEnding"]}>{sayEnding(suspension, name)}</span>
          )}
        </span>
      </Link>
    </li>
  );
}

/** Until when an answer is waited for. */
export function Expiry({ at }: { at: string }) {
  const now = useNow();
  const left = Date.parse(at) - now;
  return (
    <span className={classes["mark"]} data-status={left < SOON_MS ? "failed" : "skipped"} title={formatInstant(at)}>
      <Hourglass size={12} aria-hidden /> {left <= 0 ? "Expiring now" : `Expires in ${formatDuration(left)}`}
    </span>
  );
}
