/** How a suspension ended: who decided what, when and why, and the receipt that proves it. */
import { Button, Group, Stack, Text, Title } from "@mantine/core";
import { FileBadge } from "lucide-react";

import { StatusIcon } from "../../ui/status";
import { Ago } from "../../ui/time";
import { Facts } from "./facts";
import classes from "./inbox.module.css";
import type { Suspension } from "./mailbox";
import { actionLabel, useNames } from "./who";

/** The colours and sign of an ending. */
export function endingStatus({ state, decision }: Suspension): string {
  return state !== "answered" ? (state === "expired" ? "pending" : "cancelled") : decision?.action === "rejected" ? "failed" : "completed";
}

/** "Approved by ann", "Expired: Rejected", "Cancelled with its execution". */
export function sayEnding(suspension: Suspension, name: (id?: string | null) => string): string {
  const { state, decision } = suspension;
  if (state === "cancelled") {
    return "Cancelled, because its execution ended";
  }
  const chosen = decision ? actionLabel(suspension, decision.action) : "";
  if (state === "expired") {
    return chosen && chosen !== "Expired" ? `Nobody answered in time: ${chosen}` : "Nobody answered in time";
  }
  return decision?.by ? `${chosen} by ${name(decision.by)}` : chosen || "Answered";
}

const SOURCES: Record<string, string> = { api: "by an API key", link: "by a link" };

export function Outcome({ suspension, isVote }: { suspension: Suspension; isVote?: boolean }) {
  const name = useNames();
  const { decision, closedAt } = suspension;
  const ending = endingStatus(suspension);
  const answer = decision?.data ?? decision?.answer;
  const source = decision?.source && SOURCES[decision.source];
  return (
    <section className={classes["outcome"]} data-status={ending} aria-label="Outcome">
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <StatusIcon status={ending} size={22} />
        <Stack gap={6} flex={1} miw={0}>
          <div role="status">
            <Title order={3} size="h5">
              {sayEnding(suspension, name)}
            </Title>
          </div>
          <Text size="sm" className="dim" component="div">
            {closedAt && <Ago at={closedAt} />}
            {source && ` · ${source}`}
          </Text>
          {[decision?.reason, decision?.comment].map((quote, place) => quote && (
            <blockquote key={place} className={classes["quote"]}>
              {quote}
            </blockquote>
          ))}
          {answer !== undefined && answer !== null && !isVote && (typeof answer === "string" ? <Text className={classes["message"]!}>{answer}</Text> : <Facts value={answer} label="answer" />)}
          <div>
            <Button
              component="a"
              size="xs"
              variant="default"
              leftSection={<FileBadge size={14} aria-hidden />}
              href={`/v1/workspaces/${suspension.workspaceId}/suspensions/${suspension.id}/receipt`}
              download={`receipt-${suspension.id}.json`}
            >
              Receipt
            </Button>
          </div>
        </Stack>
      </Group>
    </section>
  );
}
