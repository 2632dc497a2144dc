/** The workers: what each has in its hands, what it takes, and when it was heard of. */
import { Group, Stack, Text } from "@mantine/core";
import { PlugZap, Unplug } from "lucide-react";

import type { Schemas } from "../../api/client";
import { ExecutionLink } from "../../run/started";
import { Mark } from "../../ui/mark";
import { Ago, Elapsed } from "../../ui/time";
import classes from "./workers.module.css";

export function WorkerCards({ workers }: { workers: Schemas["WorkerView"][] }) {
  if (workers.length === 0) {
    return (
      <Text size="sm" className="dim">
        No worker was heard of in the last day: start one as it is shown below.
      </Text>
    );
  }
  // Those that are there first, then by name: cards do not jump while numbers change.
  const sorted = [...workers].sort((a, b) => Number(b.connected) - Number(a.connected) || a.workerId.localeCompare(b.workerId));
  return (
    <ul className={classes["cards"]} aria-label="Workers">
      {sorted.map((worker) => (
        <li key={worker.workerId} className={`panel ${classes["card"]}`} data-gone={worker.connected ? undefined : true}>
          <Card worker={worker} />
        </li>
      ))}
    </ul>
  );
}

function Card({ worker }: { worker: Schemas["WorkerView"] }) {
  return (
    <Stack gap={10}>
      <Group justify="space-between" wrap="nowrap" gap="sm">
        <span className={`truncate ${classes["name"]}`} title={worker.workerId}>
          {worker.workerId}
        </span>
        {worker.connected ? (
          <Mark tone="completed" icon={PlugZap}>
            Connected
          </Mark>
        ) : (
          <Mark tone="idle" icon={Unplug}>
            Vanished
          </Mark>
        )}
      </Group>
      <Text size="xs" className="dim">
        Heard of <Ago at={worker.lastSeenAt} />
        {worker.version && ` · version ${worker.version}`}
      </Text>
      <div className={classes["queues"]}>
        {worker.queues.map((queue) => (
          <span key={queue} className={classes["queue"]}>
            {queue}
          </span>
        ))}
      </div>
      {worker.leases.length > 0 ? (
        <ul className={classes["leases"]} aria-label={`What ${worker.workerId} runs`}>
          {worker.leases.map((lease) => (
            <li key={lease.taskId}>
              <span className="truncate">
                <span className="mono">{lease.nodeId}</span> <span className="dim">of</span> <ExecutionLink id={lease.executionId} />
              </span>
              <span className="dim">{lease.leasedAt && <Elapsed from={lease.leasedAt} />}</span>
            </li>
          ))}
        </ul>
      ) : (
        <Text size="sm" className="dim">
          Runs nothing now
        </Text>
      )}
    </Stack>
  );
}
