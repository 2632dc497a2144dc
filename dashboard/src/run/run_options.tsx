/** What a trigger may say beside its input: rarely needed, so it is folded away until something in it is refused. */
import { Box, Checkbox, Collapse, NumberInput, Select, SimpleGrid, TextInput, UnstyledButton } from "@mantine/core";
import type { CreateExecution, Definition, Workflow } from "@sluicegate/sdk";
import { ChevronRight } from "lucide-react";
import { useEffect, useId, useState } from "react";

import { nodeName } from "../graph/node_card";
import classes from "./run.module.css";

/** The fields as they were typed. */
export interface Choices {
  subject: string;
  priority: string | number;
  dedupeKey: string;
  concurrencyKey: string;
  runAt: string;
  mocks: boolean;
}

export const NO_CHOICES: Choices = { subject: "", priority: "", dedupeKey: "", concurrencyKey: "", runAt: "", mocks: false };

/** What of it goes into the request, and what can't. */
export function readChoices({ subject, priority, dedupeKey, concurrencyKey, runAt, mocks }: Choices): {
  wish: Partial<CreateExecution>;
  mistakes: Record<string, string>;
} {
  const at = runAt === "" ? undefined : new Date(runAt);
  if (at && Number.isNaN(at.getTime())) {
    return { wish: {}, mistakes: { runAt: "Give a day and a time." } };
  }
  return {
    wish: {
      ...(subject && { subject }),
      ...(priority !== "" && { priority: Number(priority) }),
      ...(dedupeKey && { dedupeKey }),
      ...(concurrencyKey && { concurrencyKey }),
      ...(at && { runAt: at.toISOString() }),
      ...(mocks && { mocks }),
    },
    mistakes: {},
  };
}

export interface RunOptionsProps {
  workflow: Workflow;
  choices: Choices;
  onChange: (choices: Choices) => void;
  mistakes: Record<string, string>;
  version: number | undefined;
  onVersion: (version: number | undefined) => void;
}

/** In plain sight, unlike the options: what runs on mocks is another thing. Offered where a node has one. */
export function UseMocks({ definition, choices, onChange }: Pick<RunOptionsProps, "choices" | "onChange"> & { definition: Definition | null }) {
  const mocked = definition?.nodes.filter((node) => node.data?.["mock"] != null).map(nodeName) ?? [];
  return mocked.length === 0 ? null : (
    <Checkbox
      label="Use mocks"
      description={`In place of running: ${mocked.slice(0, NAMED).join(", ")}${mocked.length > NAMED ? ` and ${mocked.length - NAMED} more` : ""}`}
      checked={choices.mocks}
      onChange={(event) => onChange({ ...choices, mocks: event.currentTarget.checked })}
    />
  );
}

/** How many nodes with a mock are named. */
const NAMED = 5;
/** The newest versions are offered; older ones are run from the page of versions. */
const OFFERED = 100;

export function RunOptions({ workflow, choices, onChange, mistakes, version, onVersion }: RunOptionsProps) {
  const [isOpen, setOpen] = useState(version !== undefined);
  const id = useId();
  const isRefused = [...Object.keys(choices), "version"].some((name) => mistakes[name]);
  useEffect(() => {
    if (isRefused) {
      setOpen(true);
    }
  }, [isRefused]);
  const text = (name: "subject" | "dedupeKey" | "concurrencyKey", label: string, description: string) => (
    <TextInput
      label={label}
      description={description}
      maxLength={255}
      value={choices[name]}
      onChange={(event) => onChange({ ...choices, [name]: event.currentTarget.value })}
      error={mistakes[name]}
    />
  );
  const latest = workflow.version;
  const numbers = Array.from({ length: Math.min(latest, OFFERED) }, (_, index) => latest - index);
  return (
    <Box>
      <UnstyledButton className={classes["fold"]} aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)}>
        <ChevronRight size={15} aria-hidden /> Options
      </UnstyledButton>
      <Collapse expanded={isOpen} id={id}>
        <SimpleGrid cols={{ base: 1, xs: 2 }} mt="xs" spacing="sm" verticalSpacing="sm">
          {text("subject", "Subject", "What it is about, to find it by")}
          <Select
            label="Version"
            description="The latest unless chosen"
            value={String(version ?? "")}
            allowDeselect={false}
            data={[{ value: "", label: `Latest (${latest})` }, ...numbers.map((number) => ({ value: String(number), label: `Version ${number}` }))]}
            onChange={(chosen) => onVersion(chosen ? Number(chosen) : undefined)}
            error={mistakes["version"]}
          />
          <NumberInput
            label="Priority"
            description="-100 to 100, higher first"
            min={-100}
            max={100}
            allowDecimal={false}
            value={choices.priority}
            onChange={(priority) => onChange({ ...choices, priority })}
            error={mistakes["priority"]}
          />
          <TextInput
            label="Not before"
            description="Waits until then"
            type="datetime-local"
            step={1}
            value={choices.runAt}
            onChange={(event) => onChange({ ...choices, runAt: event.currentTarget.value })}
            error={mistakes["runAt"]}
          />
          {text("dedupeKey", "Dedupe key", "Equal keys are duplicates")}
          {text("concurrencyKey", "Concurrency key", "Equal keys share a limit")}
        </SimpleGrid>
      </Collapse>
    </Box>
  );
}
