/** Task queues and the workers that take from them, read every few seconds while somebody looks. */
import { useQuery } from "@tanstack/react-query";

import { call, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { Loading, Page } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { Ago } from "../../ui/time";
import { HowToStart } from "./how_to_start";
import { Queues } from "./queues";
import { WorkerCards } from "./worker_cards";
import classes from "./workers.module.css";

const EVERY_MS = 2_500;

export default function Workers() {
  const place = usePlace();
  const queues = useQuery({
    queryKey: ["task-queues", place.podId],
    queryFn: () => call<Schemas["TaskQueue"][]>("GET", place.pod("task-queues")),
    refetchInterval: EVERY_MS,
  });
  const workers = useQuery({
    queryKey: ["workers", place.podId],
    queryFn: () => call<Schemas["WorkerView"][]>("GET", place.pod("workers")),
    refetchInterval: EVERY_MS,
  });
  const error = firstOf(queues.error, workers.error);
  const isEmpty = queues.data?.length === 0 && workers.data?.length === 0;
  return (
    <Page title="Workers and queues" lead="A task node hands its work to a worker: any program that asks this server for it.">
      {error && !(queues.data && workers.data) && <Problem error={error} retry={() => void Promise.all([queues.refetch(), workers.refetch()])} />}
      {!(queues.data && workers.data) && !error && <Loading height={72} rows={4} />}
      {queues.data && workers.data && !isEmpty && (
        <>
          <Numbers queues={queues.data} workers={workers.data} />
          <Section title="Queues">
            <Queues queues={queues.data} workers={workers.data} />
          </Section>
          <Section title="Workers" lead="Those that were heard of in the last day.">
            <WorkerCards workers={workers.data} />
          </Section>
        </>
      )}
      {queues.data && workers.data && <HowToStart isOpen={isEmpty} queue={queues.data.find(({ workersWaiting, leased }) => workersWaiting + leased === 0)?.queue} />}
    </Page>
  );
}

const firstOf = (...errors: (Error | null)[]) => errors.find((error) => error !== null);

function Numbers({ queues, workers }: { queues: Schemas["TaskQueue"][]; workers: Schemas["WorkerView"][] }) {
  const waiting = queues.reduce((sum, { queued }) => sum + queued, 0);
  const running = queues.reduce((sum, { leased }) => sum + leased, 0);
  const oldest = queues.flatMap(({ oldestQueuedAt }) => oldestQueuedAt ?? []).sort()[0];
  return (
    <dl className={classes["numbers"]} style={{ margin: 0 }} aria-label="Now">
      <Figure name="Waiting tasks">{waiting}</Figure>
      <Figure name="Running tasks">{running}</Figure>
      <Figure name="Oldest waits since">{oldest ? <Ago at={oldest} /> : "–"}</Figure>
      <Figure name="Connected workers">{workers.filter(({ connected }) => connected).length}</Figure>
    </dl>
  );
}

function Figure({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div className={`panel ${classes["figure"]}`}>
      <dt>{name}</dt>
      <dd className="number">{children}</dd>
    </div>
  );
}
