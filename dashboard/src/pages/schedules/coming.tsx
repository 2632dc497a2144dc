/** The slots to come: those that the server names, or, of what is not saved yet, those that follow from the expression. */
import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";

import { client, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { formatAgo, formatDuration, formatInstant, useNow } from "../../ui/time";
import { readCron } from "./cron";
import { comingSlots } from "./cron_slots";
import { cronWords } from "./cron_words";
import classes from "./slots.module.css";
import { formatInZone, isZone } from "./zone";

function SlotList({ slots, zone, label }: { slots: { slot: string | number; runAt?: string }[]; zone: string; label: string }) {
  const now = useNow();
  return (
    <ol className={classes["slots"]} aria-label={label}>
      {slots.map(({ slot, runAt }) => {
        const at = runAt ?? slot;
        const shift = new Date(at).getTime() - new Date(slot).getTime();
        return (
          <li key={slot} className={classes["slot"]}>
            <time dateTime={new Date(slot).toISOString()} title={formatInstant(slot)} className="number">
              {formatInZone(slot, zone)}
              {shift > 0 && <span className="dim"> + {formatDuration(shift)}</span>}
            </time>
            <span className="dim number">{formatAgo(at, now)}</span>
          </li>
        );
      })}
    </ol>
  );
}

/** The next slots of a schedule, as the server has them. */
export function ComingSlots({ schedule }: { schedule: Schemas["Schedule"] }) {
  const { workspaceId, podId } = usePlace();
  const { data, error } = useQuery({
    // Another definition has other slots.
    queryKey: ["schedules", podId, schedule.id, "preview", schedule.updatedAt, schedule.nextRunAt ?? ""],
    queryFn: () => client.schedules.preview(workspaceId, podId, schedule.id, 8),
    refetchInterval: 10_000,
  });
  if (error && !data) {
    return <Problem error={error} />;
  }
  if (!data) {
    return <Loading rows={5} height={24} />;
  }
  if (data.length === 0) {
    return (
      <Text size="sm" className="dim">
        No slot is to come: the schedule has ended.
      </Text>
    );
  }
  return <SlotList slots={data} zone={schedule.timezone} label="Next slots" />;
}

export interface PreviewProps {
  expression: string;
  zone: string;
  startAt: string;
  endAt: string;
}

/** What an expression would mean, while it is written. */
export function Preview({ expression, zone, startAt, endAt }: PreviewProps) {
  const now = useNow();
  const minute = Math.floor(now / 10_000) * 10_000;
  const slots = useMemo(() => {
    const cron = readCron(expression);
    if (!cron || !isZone(zone)) {
      return undefined;
    }
    const start = startAt ? Date.parse(startAt) - 1 : 0;
    const end = endAt ? Date.parse(endAt) : Number.POSITIVE_INFINITY;
    return comingSlots(cron, zone, Math.max(minute, start || 0), 5).filter((slot) => slot <= end);
  }, [expression, zone, startAt, endAt, minute]);
  const coming = slots?.filter((slot) => slot > now);
  return (
    <div className={`panel ${classes["box"]}`} role="region" aria-label="Preview">
      {coming ? (
        <>
          <Text size="sm" fw={600} mb={4}>
            {cronWords(expression)}
          </Text>
          {coming.length > 0 ? (
            <SlotList slots={coming.map((slot) => ({ slot }))} zone={zone} label="Next slots" />
          ) : (
            <Text size="sm" className="dim">
              No slot will ever come.
            </Text>
          )}
        </>
      ) : (
        <Text size="sm" className="dim">
          The next slots are shown here once the expression can be read.
        </Text>
      )}
    </div>
  );
}
