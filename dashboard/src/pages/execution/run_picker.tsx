/** Chooses one of the many runs of a node in a loop. */
import { ActionIcon, Group, NumberInput, Text } from "@mantine/core";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useMemo } from "react";

import type { ExecutionLog, NodeRun, NodeRuns } from "../../live/execution_log";
import { StatusBadge, statusLabel } from "../../ui/status";
import classes from "./run_picker.module.css";

export interface RunPickerProps {
  log: ExecutionLog;
  runs: NodeRuns;
  chosen: NodeRun | undefined;
  onChoose: (address: string) => void;
}

const order = new Intl.Collator("en", { numeric: true });
/** In the order of the items: they may have begun in another one. */
const byItem = (a: NodeRun, b: NodeRun) => order.compare(a.address, b.address);

export function RunPicker({ log, runs, chosen, onChoose }: RunPickerProps) {
  const all = useMemo(() => [...log.runs.values()].filter(({ nodeId }) => nodeId === runs.nodeId).sort(byItem), [log, runs.nodeId]);
  const index = all.findIndex((run) => run.address === chosen?.address);
  const go = (to: number) => {
    const run = all[Math.min(all.length - 1, Math.max(0, to))];
    if (run) {
      onChoose(run.address);
    }
  };
  const firstFailed = all.find(({ status }) => status === "failed");
  return (
    <div className={classes["picker"]}>
      <Group gap={6}>
        {Object.entries(runs.counts).map(([status, count]) => count > 0 && <StatusBadge key={status} status={status} label={`${count} ${statusLabel(status).toLowerCase()}`} />)}
      </Group>
      <Group gap={6} mt={8} wrap="nowrap">
        <ActionIcon variant="default" onClick={() => go(index - 1)} disabled={index <= 0} aria-label="The run before">
          <ChevronLeft size={16} />
        </ActionIcon>
        <NumberInput
          size="xs"
          w={84}
          aria-label="Which run"
          value={index + 1}
          min={1}
          max={all.length}
          hideControls
          onChange={(value) => typeof value === "number" && value > 0 && go(value - 1)}
        />
        <Text size="sm" className="dim">
          of {all.length}
        </Text>
        <ActionIcon variant="default" onClick={() => go(index + 1)} disabled={index >= all.length - 1} aria-label="The next run">
          <ChevronRight size={16} />
        </ActionIcon>
        {firstFailed && (
          <button type="button" className={classes["link"]} onClick={() => onChoose(firstFailed.address)}>
            First failed
          </button>
        )}
      </Group>
    </div>
  );
}
