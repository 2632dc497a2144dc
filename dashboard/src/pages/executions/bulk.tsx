/** What can be done with the selected executions at once. */
import { Button, Group, Text, UnstyledButton } from "@mantine/core";
import type { BulkJob, BulkSelection, Execution, ExecutionStatus } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";
import { Ban, RefreshCw, RotateCcw } from "lucide-react";
import { useState } from "react";

import { client } from "../../api/client";
import { usePlace } from "../../app/place";
import { Confirm } from "../../ui/confirm";
import type { Counts } from "./counts";
import { isEnded, type PageFilter, queryOf, STATUSES } from "./filter";
import classes from "./page.module.css";
import type { Selection } from "./selection";

type Action = BulkJob["action"];

const ACTIONS: { action: Action; label: string; icon: typeof Ban; what: string; left: string }[] = [
  { action: "cancel", label: "Cancel", icon: Ban, what: "will be cancelled: nothing of them goes on.", left: "have ended already and stay as they are" },
  { action: "retry", label: "Retry", icon: RefreshCw, what: "will be run once more, from the beginning and with the same version.", left: "have not ended and are left alone" },
  { action: "replay", label: "Replay", icon: RotateCcw, what: "will be replayed: a new execution for each.", left: "have not ended and are left alone" },
];

/** A job has at most so many. */
const MOST = 10_000;

export interface BulkBarProps {
  selection: Selection;
  rows: readonly Execution[];
  hasMore: boolean;
  filter: PageFilter;
  counts: Counts | undefined;
  onJob: (job: BulkJob) => void;
}

export function BulkBar(props: BulkBarProps) {
  const { selection, rows, hasMore } = props;
  const isAllLoaded = selection.size >= rows.length && rows.length > 0;
  return (
    <div className={classes["selected"]} role="region" aria-label="Selected executions">
      <Text size="sm" fw={600} role="status">
        {selection.isAll ? "All that match the filter" : `${selection.size.toLocaleString()} selected`}
      </Text>
      {!selection.isAll && isAllLoaded && hasMore && (
        <Button size="compact-sm" variant="default" onClick={() => selection.selectMatching(rows)}>
          Select all that match the filter
        </Button>
      )}
      <Group gap={6} ml="auto">
        {ACTIONS.map((each) => (
          <ActionButton key={each.action} {...props} {...each} />
        ))}
        <UnstyledButton fz="sm" px={6} onClick={selection.clear}>
          Clear
        </UnstyledButton>
      </Group>
    </div>
  );
}

function fits(action: Action, status: ExecutionStatus): boolean {
  return isEnded(status) === (action !== "cancel");
}

function ActionButton(props: BulkBarProps & (typeof ACTIONS)[number]) {
  const { action, label, icon: Icon, what, left, selection, rows, filter, onJob } = props;
  const place = usePlace();
  const [all, setAll] = useState<number>();
  const statuses = STATUSES.filter((status) => fits(action, status) && (filter.status.length === 0 || filter.status.includes(status)));
  // What is selected and no longer loaded is the server's to judge.
  const unfit = new Set(rows.filter(({ status }) => !fits(action, status)).map(({ id }) => id));
  const ids = [...selection.ids].filter((id) => !unfit.has(id));
  const count = selection.isAll ? all : ids.length;
  const begin = async () => {
    const body: BulkSelection = selection.isAll ? { filter: bulkFilter(filter, statuses) } : { ids };
    const job =
      action === "replay"
        ? await client.bulkJobs.replay(place.workspaceId, place.podId, { ...body, version: "original" })
        : await client.bulkJobs[action](place.workspaceId, place.podId, body);
    selection.clear();
    onJob(job);
  };
  const isNothing = selection.isAll ? statuses.length === 0 : ids.length === 0;
  const number = count === undefined ? "" : `${count > MOST ? `more than ${MOST.toLocaleString()}` : count.toLocaleString()} `;
  return (
    <Confirm
      label={label}
      title={`${label} ${number}execution${count === 1 ? "" : "s"}?`}
      action={`${label} ${count === undefined ? "them" : count.toLocaleString()}`}
      onConfirm={begin}
      {...(action === "cancel" ? {} : { color: "water" })}
      button={{ size: "compact-sm", disabled: isNothing, leftSection: <Icon size={14} aria-hidden /> }}
    >
      {selection.isAll ? (
        <CountAll {...props} statuses={statuses} onCount={setAll} />
      ) : (
        <>
          <b>
            {ids.length.toLocaleString()} execution{ids.length === 1 ? "" : "s"}
          </b>{" "}
          {what}
          {selection.size > ids.length && ` The other ${selection.size - ids.length} ${left}.`}
        </>
      )}
    </Confirm>
  );
}

function bulkFilter(filter: PageFilter, status: ExecutionStatus[]): NonNullable<BulkSelection["filter"]> {
  const { filter: expressions, ...rest } = queryOf(filter);
  return { ...rest, status, ...(expressions?.[0] ? { filter: expressions[0] } : {}) };
}

/** How many match: from the counts, or where those end by going through the list. */
function CountAll({ action, what, filter, counts, statuses, onCount }: BulkBarProps & (typeof ACTIONS)[number] & { statuses: ExecutionStatus[]; onCount: (count: number) => void }) {
  const place = usePlace();
  const [soFar, setSoFar] = useState(0);
  const { data: count, error } = useQuery({
    queryKey: ["executions", place.podId, "matching", action, filter],
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async ({ signal }) => {
      let found = 0;
      if (counts && statuses.every((status) => (counts.counts[status] ?? 0) < counts.atMost)) {
        found = statuses.reduce((sum, status) => sum + (counts.counts[status] ?? 0), 0);
      } else {
        const list = client.listExecutions(place.workspaceId, place.podId, { ...queryOf(filter), status: statuses, limit: 200 }, { signal });
        for await (const { items } of list.pages()) {
          found += items.length;
          setSoFar(found);
          if (found > MOST) {
            break;
          }
        }
      }
      onCount(found);
      return found;
    },
  });
  if (error) {
    return <>They could not be counted. What matches when the job is made {what}</>;
  }
  if (count === undefined) {
    return <span role="status">Counting what matches … {soFar > 0 && soFar.toLocaleString()}</span>;
  }
  return count > MOST ? (
    <>More than {MOST.toLocaleString()} match, and a job takes no more than that. Narrow the filter, by time for example.</>
  ) : (
    <>
      <b>
        {count.toLocaleString()} execution{count === 1 ? "" : "s"}
      </b>{" "}
      that match{count === 1 ? "es" : ""} the filter and have {action === "cancel" ? "not ended" : "ended"} {what} What comes later is not part of it.
    </>
  );
}

