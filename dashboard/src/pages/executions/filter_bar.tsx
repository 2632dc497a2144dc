/** What chooses the rows: an expression, the usual choices beside it, and what is chosen as marks that can be taken away. */
import { Anchor, Button, FocusTrap, Group, Kbd, Popover, Select, Stack, UnstyledButton } from "@mantine/core";
import { SlidersHorizontal, X } from "lucide-react";
import type { RefObject } from "react";

import { fieldErrorsOf } from "../../ui/problem";
import { shortId } from "../../ui/copy";
import { formatInstant } from "../../ui/time";
import { DraftInput } from "./draft_input";
import { type PageFilter, type Single, TRIGGERS } from "./filter";
import classes from "./page.module.css";
import type { WorkflowNames } from "./workflow_names";

export interface FilterBarProps {
  filter: PageFilter;
  onChange: (changes: Partial<PageFilter>) => void;
  onClear: () => void;
  names: WorkflowNames;
  isNarrow: boolean;
  error: unknown;
  inputRef: RefObject<HTMLInputElement | null>;
}

export function FilterBar(props: FilterBarProps) {
  const { filter, onChange, isNarrow, error, inputRef } = props;
  const problem = filter.filter ? fieldErrorsOf(error).find(({ path }) => path === "filter")?.message : undefined;
  return (
    <Stack gap={8}>
      <div className={classes["bar"]}>
        <div className={classes["expression"]}>
          <DraftInput
            inputRef={inputRef}
            aria-label="Filter"
            placeholder={isNarrow ? "status eq 'failed'" : "status eq 'failed' and subject like 'order*'"}
            value={filter.filter ?? ""}
            onCommit={(text) => onChange({ filter: text })}
            error={problem}
            spellCheck={false}
            autoCapitalize="off"
            autoComplete="off"
            maxLength={4096}
            rightSection={isNarrow ? undefined : <Kbd size="xs">/</Kbd>}
          />
          {problem && filter.filter && <Place text={filter.filter} message={problem} />}
        </div>
        {!isNarrow && <Choices {...props} />}
        <More {...props} />
      </div>
      <Chosen {...props} />
    </Stack>
  );
}

/** The expression with the character that the server stopped at. */
function Place({ text, message }: { text: string; message: string }) {
  const at = Number(/^at character (\d+)/.exec(message)?.[1] ?? Number.NaN);
  if (Number.isNaN(at)) {
    return null;
  }
  const characters = Array.from(text);
  const rest = characters.slice(at);
  const word = /^[\w.'"]+/.exec(rest.join(""))?.[0] ?? rest[0] ?? "";
  return (
    <pre className={classes["shown"]} aria-label="Where it is wrong">
      {characters.slice(0, at).join("")}
      <mark>{word || " "}</mark>
      {rest.join("").slice(word.length)}
    </pre>
  );
}

function Choices({ filter, onChange, names, isNarrow }: FilterBarProps) {
  const width = isNarrow ? "100%" : 190;
  const { workflows = [] } = names;
  const data = workflows.map(({ id, name }) => ({ value: id, label: name }));
  if (filter.workflowId && !workflows.some(({ id }) => id === filter.workflowId)) {
    data.push({ value: filter.workflowId, label: names.nameOf(filter.workflowId) });
  }
  return (
    <>
      <Select
        w={width}
        aria-label="Workflow"
        placeholder="Any workflow"
        searchable
        clearable
        clearButtonProps={{ "aria-label": "Any workflow" }}
        limit={200}
        nothingFoundMessage="No such workflow"
        value={filter.workflowId ?? null}
        data={data}
        onChange={(workflowId) => onChange({ workflowId: workflowId ?? "" })}
        comboboxProps={{ withinPortal: !isNarrow }}
      />
      <Select
        w={isNarrow ? "100%" : 150}
        aria-label="Triggered by"
        placeholder="Any trigger"
        clearable
        clearButtonProps={{ "aria-label": "Any trigger" }}
        value={filter.triggeredBy ?? null}
        data={Object.entries(TRIGGERS).map(([value, label]) => ({ value, label }))}
        onChange={(triggeredBy) => onChange({ triggeredBy: triggeredBy ?? "" })}
        comboboxProps={{ withinPortal: !isNarrow }}
      />
    </>
  );
}

const SPANS: [label: string, ms: number][] = [
  ["Last hour", 3_600_000],
  ["24 hours", 86_400_000],
  ["7 days", 7 * 86_400_000],
];

function More(props: FilterBarProps) {
  const { filter, onChange, isNarrow } = props;
  const time = (name: "createdAfter" | "createdBefore", label: string) => (
    <DraftInput
      label={label}
      type="datetime-local"
      step={1}
      value={toLocal(filter[name])}
      onCommit={(text) => onChange({ [name]: fromLocal(text) })}
    />
  );
  return (
    <Popover position="bottom-end" width={isNarrow ? 320 : 300} trapFocus shadow="md">
      <Popover.Target>
        <Button variant="default" leftSection={<SlidersHorizontal size={15} aria-hidden />}>
          {isNarrow ? "Filters" : "More"}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="sm">
          {/* The first field would open its list over the others. */}
          {isNarrow && <FocusTrap.InitialFocus />}
          {isNarrow && <Choices {...props} />}
          <DraftInput label="Subject" value={filter.subject ?? ""} onCommit={(subject) => onChange({ subject })} />
          {time("createdAfter", "Created after")}
          {time("createdBefore", "Created before")}
          <Group gap={6}>
            {SPANS.map(([label, ms]) => (
              <Button
                key={label}
                size="compact-xs"
                variant="default"
                onClick={() => onChange({ createdAfter: new Date(Date.now() - ms).toISOString(), createdBefore: "" })}
              >
                {label}
              </Button>
            ))}
          </Group>
          <Anchor href="/docs" size="xs" target="_blank" rel="noopener">
            What filters can say
          </Anchor>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  );
}

/** Chosen values that no field shows. */
function Chosen({ filter, onChange, onClear, names, isNarrow }: FilterBarProps) {
  const marks: [Single, string | undefined][] = [
    ["workflowId", isNarrow && filter.workflowId ? names.nameOf(filter.workflowId) : undefined],
    ["triggeredBy", isNarrow && filter.triggeredBy ? `By ${(TRIGGERS as Record<string, string>)[filter.triggeredBy] ?? filter.triggeredBy}` : undefined],
    ["subject", filter.subject && `Subject ${filter.subject}`],
    ["createdAfter", filter.createdAfter && `After ${instantText(filter.createdAfter)}`],
    ["createdBefore", filter.createdBefore && `Before ${instantText(filter.createdBefore)}`],
    ["replayOf", filter.replayOf && `Again of ${shortId(filter.replayOf)}`],
    ["parentExecutionId", filter.parentExecutionId && `Started by ${shortId(filter.parentExecutionId)}`],
  ];
  const shown = marks.filter(([, text]) => text);
  if (shown.length === 0) {
    return null;
  }
  return (
    <Group gap={6}>
      {shown.map(([name, text]) => (
        <span key={name} className={classes["pill"]}>
          <span title={text}>{text}</span>
          <UnstyledButton aria-label={`Remove: ${text}`} onClick={() => onChange({ [name]: "" })}>
            <X size={13} aria-hidden />
          </UnstyledButton>
        </span>
      ))}
      <Button size="compact-xs" variant="subtle" onClick={onClear}>
        Clear all
      </Button>
    </Group>
  );
}

const instantText = (text: string) => (Number.isNaN(Date.parse(text)) ? text : formatInstant(text));

/** An instant as the field for local times has it, and back. */
function toLocal(instant: string | undefined): string {
  const at = instant ? new Date(instant) : undefined;
  if (!at || Number.isNaN(at.getTime())) {
    return "";
  }
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function fromLocal(text: string): string {
  const at = new Date(text);
  return text === "" || Number.isNaN(at.getTime()) ? "" : at.toISOString();
}
