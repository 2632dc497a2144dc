/** Bulk jobs that go on, or have just ended: how far they are, and how to stop them. */
import { ActionIcon, Button, Group, Progress, Text } from "@mantine/core";
import type { BulkJob } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { useState } from "react";

import { client } from "../../api/client";
import { queryClient } from "../../api/query";
import { usePlace } from "../../app/place";
import { notifyProblem } from "../../ui/problem";
import classes from "./page.module.css";

const POLL_MS = 1_000;
const WORDS = { cancel: "Cancelling", retry: "Retrying", replay: "Replaying" } as const;
const isUnderWay = ({ state }: BulkJob) => state === "running" || state === "cancelling";

/** The jobs to show: those begun here, and what is still under way from before. */
export function useJobs(): [BulkJob[], (job: BulkJob) => void, (id: string) => void] {
  const { workspaceId, podId, can } = usePlace();
  const [begun, setBegun] = useState<BulkJob[]>([]);
  const [hidden, setHidden] = useState<readonly string[]>([]);
  const { data: before = [] } = useQuery({
    queryKey: ["bulk-jobs", podId, "under-way"],
    queryFn: async () => (await client.bulkJobs.list(workspaceId, podId, { limit: 10 })).items.filter(isUnderWay),
    enabled: can("editor"),
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  const jobs = [...begun, ...before.filter(({ id }) => !begun.some((job) => job.id === id))].filter(({ id }) => !hidden.includes(id));
  return [jobs, (job) => setBegun((jobs) => [job, ...jobs]), (id) => setHidden((ids) => [...ids, id])];
}

export function JobProgress({ job: first, onClose }: { job: BulkJob; onClose: () => void }) {
  const { workspaceId, podId } = usePlace();
  const key = ["bulk-job", first.id];
  const { data: job = first } = useQuery({
    queryKey: key,
    queryFn: () => client.bulkJobs.get(workspaceId, podId, first.id),
    initialData: first,
    refetchInterval: ({ state }) => (state.data && isUnderWay(state.data) ? POLL_MS : false),
  });
  const { total, done, failed, skipped } = job.counts;
  const percent = (count: number) => (total === 0 ? 0 : (100 * count) / total);
  const stop = () => client.bulkJobs.stop(workspaceId, podId, job.id).then((stopped) => queryClient.setQueryData(key, stopped), notifyProblem);
  const title =
    job.state === "finished" ? `${WORDS[job.action]} is done` : job.state === "cancelled" ? `${WORDS[job.action]} was stopped` : job.state === "cancelling" ? "Stopping" : WORDS[job.action];
  return (
    <section className={`panel ${classes["job"]}`} aria-label="Bulk job" data-state={job.state}>
      <Group justify="space-between" gap="xs">
        <Text size="sm" role="status">
          <b>{title}</b>: {done.toLocaleString()} of {total.toLocaleString()} done
          {failed > 0 && `, ${failed.toLocaleString()} failed`}
          {skipped > 0 && `, ${skipped.toLocaleString()} left as they were`}
        </Text>
        {job.state === "running" ? (
          <Button size="compact-xs" variant="default" onClick={() => void stop()}>
            Stop
          </Button>
        ) : (
          !isUnderWay(job) && (
            <ActionIcon size="sm" variant="subtle" color="gray" aria-label="Close" onClick={onClose}>
              <X size={15} />
            </ActionIcon>
          )
        )}
      </Group>
      <Progress.Root size="sm" mt={6}>
        <Progress.Section value={percent(done)} color="var(--sg-ok)" aria-label="Done" />
        <Progress.Section value={percent(failed)} color="var(--sg-fail)" aria-label="Failed" />
        <Progress.Section value={percent(skipped)} color="var(--sg-stop)" aria-label="Left as they were" />
      </Progress.Root>
    </section>
  );
}
