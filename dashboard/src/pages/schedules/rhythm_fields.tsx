/** When a schedule runs: an everyday rhythm, or any cron expression. The expression is what counts; the rhythm is read from it. */
import { Chip, Group, NumberInput, Select, Stack, Text, TextInput } from "@mantine/core";
import { useState } from "react";

import { cronOf, firstRhythm, HOURS, MINUTES, readRhythm, type Rhythm } from "./timing";

type Kind = Rhythm["kind"] | "cron";

const KINDS: { value: Kind; label: string }[] = [
  { value: "minutes", label: "Every few minutes" },
  { value: "hours", label: "Every few hours" },
  { value: "daily", label: "Every day" },
  { value: "weekly", label: "On days of the week" },
  { value: "monthly", label: "On a day of the month" },
  { value: "cron", label: "Cron expression" },
];

const WEEKDAYS: [day: number, short: string, name: string][] = [
  [1, "Mon", "Monday"],
  [2, "Tue", "Tuesday"],
  [3, "Wed", "Wednesday"],
  [4, "Thu", "Thursday"],
  [5, "Fri", "Friday"],
  [6, "Sat", "Saturday"],
  [0, "Sun", "Sunday"],
];

export interface RhythmFieldsProps {
  expression: string;
  onChange: (expression: string) => void;
  /** What the server said about the expression. */
  error: string | undefined;
}

export function RhythmFields({ expression, onChange, error }: RhythmFieldsProps) {
  const rhythm = readRhythm(expression);
  const [isCron, setCron] = useState(!rhythm);
  const kind: Kind = isCron || !rhythm ? "cron" : rhythm.kind;
  const choose = (chosen: Kind) => {
    setCron(chosen === "cron");
    if (chosen !== "cron") {
      onChange(cronOf(firstRhythm(chosen, rhythm)));
    }
  };
  return (
    <Stack gap="xs">
      <Group gap="sm" align="flex-end" grow preventGrowOverflow={false}>
        <Select label="Repeats" data={KINDS} value={kind} allowDeselect={false} miw={180} onChange={(chosen) => chosen && choose(chosen as Kind)} />
        {kind === "cron" ? (
          <TextInput
            label="Cron expression"
            value={expression}
            spellCheck={false}
            autoComplete="off"
            miw={180}
            styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
            onChange={(event) => onChange(event.currentTarget.value)}
          />
        ) : (
          rhythm && <Details rhythm={rhythm} onChange={(next) => onChange(cronOf(next))} />
        )}
      </Group>
      {kind === "cron" && (
        <Text size="xs" className="dim">
          Minute, hour, day of month, month, day of week; with six fields seconds come first. Names, lists, ranges, steps,{" "}
          <span className="mono">L</span>, <span className="mono">15W</span> and <span className="mono">MON#2</span> are known.
        </Text>
      )}
      {kind === "weekly" && rhythm?.kind === "weekly" && <WeekdayChips rhythm={rhythm} onChange={(next) => onChange(cronOf(next))} />}
      {error && (
        <Text size="sm" role="alert" data-status="failed" c="var(--status)">
          {error}
        </Text>
      )}
    </Stack>
  );
}

function Details({ rhythm, onChange }: { rhythm: Rhythm; onChange: (rhythm: Rhythm) => void }) {
  switch (rhythm.kind) {
    case "minutes":
      return <Step label="Minutes" steps={MINUTES} value={rhythm.every} onChange={(every) => onChange({ ...rhythm, every })} />;
    case "hours":
      return (
        <>
          <Step label="Hours" steps={HOURS} value={rhythm.every} onChange={(every) => onChange({ ...rhythm, every })} />
          <NumberInput label="At minute" min={0} max={59} clampBehavior="strict" allowDecimal={false} value={rhythm.minute} onChange={(minute) => onChange({ ...rhythm, minute: Number(minute) || 0 })} miw={90} />
        </>
      );
    case "monthly":
      return (
        <>
          <Select
            label="Day"
            allowDeselect={false}
            searchable
            miw={110}
            data={[...Array.from({ length: 31 }, (_, index) => String(index + 1)), { value: "L", label: "Last day" }]}
            value={rhythm.day}
            onChange={(day) => day && onChange({ ...rhythm, day })}
          />
          <Time rhythm={rhythm} onChange={onChange} />
        </>
      );
    default:
      return <Time rhythm={rhythm} onChange={onChange} />;
  }
}

function Step({ label, steps, value, onChange }: { label: string; steps: number[]; value: number; onChange: (value: number) => void }) {
  return <Select label={label} miw={90} allowDeselect={false} data={steps.map(String)} value={String(value)} onChange={(chosen) => chosen && onChange(Number(chosen))} />;
}

function Time({ rhythm, onChange }: { rhythm: Extract<Rhythm, { time: string }>; onChange: (rhythm: Rhythm) => void }) {
  return <TextInput type="time" label="At" miw={110} value={rhythm.time} onChange={(event) => event.currentTarget.value && onChange({ ...rhythm, time: event.currentTarget.value })} />;
}

function WeekdayChips({ rhythm, onChange }: { rhythm: Extract<Rhythm, { kind: "weekly" }>; onChange: (rhythm: Rhythm) => void }) {
  return (
    <Group gap={6} role="group" aria-label="Days of the week">
      {WEEKDAYS.map(([day, short, name]) => (
        <Chip
          key={day}
          size="xs"
          variant="outline"
          checked={rhythm.days.includes(day)}
          aria-label={name}
          onChange={(isChosen) => {
            const days = isChosen ? [...rhythm.days, day] : rhythm.days.filter((other) => other !== day);
            if (days.length > 0) {
              onChange({ ...rhythm, days });
            }
          }}
        >
          {short}
        </Chip>
      ))}
    </Group>
  );
}
