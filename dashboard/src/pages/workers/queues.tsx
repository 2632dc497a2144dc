/** What waits in each queue, and whether anybody takes from it. */
import { Text } from "@mantine/core";
import { CircleCheck, CircleDashed, CircleDot, TriangleAlert } from "lucide-react";

import type { Schemas } from "../../api/client";
import { Mark } from "../../ui/mark";
import { Cell, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";
import classes from "./workers.module.css";

const COLUMNS = [{ title: "Queue" }, { title: "Waiting" }, { title: "Oldest" }, { title: "Running", isNarrow: true }, { title: "Workers" }, { title: "State" }];

export function Queues({ queues, workers }: { queues: Schemas["TaskQueue"][]; workers: Schemas["WorkerView"][] }) {
  if (queues.length === 0) {
    return (
      <Text size="sm" className="dim">
        Nothing waits, and no worker asks for work.
      </Text>
    );
  }
  const most = Math.max(1, ...queues.map(({ queued }) => queued));
  const sorted = [...queues].sort((a, b) => b.queued - a.queued || a.queue.localeCompare(b.queue));
  return (
    <Table label="Queues" columns={COLUMNS}>
      {sorted.map((queue) => {
        const serving = workers.filter(({ connected, queues: names }) => connected && names.includes(queue.queue)).length;
        return (
          <Row key={queue.queue}>
            <Cell>
              <Text size="sm" fw={600}>
                {queue.queue}
              </Text>
            </Cell>
            <Cell label="Waiting">
              <span className="number">{queue.queued}</span>
              <span className={classes["bar"]} aria-hidden>
                <span className={classes["fill"]} style={{ width: `${(100 * queue.queued) / most}%` }} />
              </span>
            </Cell>
            <Cell label="Oldest">{queue.oldestQueuedAt ? <Ago at={queue.oldestQueuedAt} /> : <span className="dim">–</span>}</Cell>
            <Cell label="Running" isNarrow>
              <span className="number">{queue.leased}</span>
            </Cell>
            <Cell label="Workers">
              <span className="number">{serving}</span>
              {queue.workersWaiting > 0 && <span className="dim"> · {queue.workersWaiting} ready</span>}
            </Cell>
            <Cell label="State">
              <QueueMark queue={queue} serving={serving} />
            </Cell>
          </Row>
        );
      })}
    </Table>
  );
}

function QueueMark({ queue, serving }: { queue: Schemas["TaskQueue"]; serving: number }) {
  if (queue.queued > 0 && serving + queue.workersWaiting === 0) {
    return (
      <Mark tone="suspended" icon={TriangleAlert} title="Tasks wait, and no worker asks for them">
        No worker
      </Mark>
    );
  }
  if (queue.queued > 0) {
    return (
      <Mark tone="queued" icon={CircleDashed}>
        All busy
      </Mark>
    );
  }
  return queue.leased > 0 ? (
    <Mark tone="running" icon={CircleDot}>
      Working
    </Mark>
  ) : (
    <Mark tone="completed" icon={CircleCheck}>
      Ready
    </Mark>
  );
}
