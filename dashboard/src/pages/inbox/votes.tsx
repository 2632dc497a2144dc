/** The votes so far, where several people have to say the same. */
import { Progress, Text } from "@mantine/core";

import { Ago } from "../../ui/time";
import classes from "./inbox.module.css";
import type { Suspension } from "./mailbox";
import { actionLabel, useNames } from "./who";

/** How many votes each action has, the most first. */
export function tally({ votes = [] }: Suspension): [action: string, count: number][] {
  const counts = new Map<string, number>();
  for (const { action } of votes) {
    counts.set(action, (counts.get(action) ?? 0) + 1);
  }
  return [...counts].sort(([, one], [, other]) => other - one);
}

export function Votes({ suspension }: { suspension: Suspension }) {
  const name = useNames();
  const { quorum } = suspension.interrupt.policy ?? {};
  const votes = suspension.votes ?? [];
  if (!quorum) {
    return null;
  }
  const most = tally(suspension)[0]?.[1] ?? 0;
  return (
    <section className={classes["votes"]} aria-label="Votes">
      <Text size="sm" fw={600}>
        {votes.length === 0 ? `It takes ${quorum.required} votes` : `${most} of ${quorum.required} votes`}
        {quorum.vetoOnReject && (
          <Text span size="sm" className="dim" fw={400}>
            {" "}
            · one rejection rejects
          </Text>
        )}
      </Text>
      <Progress.Root size="sm" mt={6} mb={votes.length > 0 ? 8 : 0}>
        <Progress.Section value={(100 * most) / quorum.required} aria-label="Votes" aria-valuetext={`${most} of ${quorum.required}`} />
      </Progress.Root>
      {votes.map((vote) => (
        <Text key={vote.by} size="sm" component="div">
          <b>{name(vote.by)}</b>: {actionLabel(suspension, vote.action)}{" "}
          <span className="dim">
            · <Ago at={vote.at} />
          </span>
          {(vote.reason || vote.comment) && <blockquote className={classes["quote"]}>{vote.reason || vote.comment}</blockquote>}
        </Text>
      ))}
    </section>
  );
}
