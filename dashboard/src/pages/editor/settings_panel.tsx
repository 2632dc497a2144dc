/** The workflow itself: its name, and the settings of all its executions. */
import { Code, List, NumberInput, Stack, Text, TextInput, Textarea } from "@mantine/core";
import type { Definition, Schemas } from "@sluicegate/sdk";

import { JsonField } from "./json_field";
import type { Draft } from "./model";
import type { PlacedProblem } from "./problems";

type Settings = Schemas["Settings"];

export interface SettingsPanelProps {
  draft: Draft;
  problems: readonly PlacedProblem[];
  change: (to: (draft: Draft) => Draft, mark?: string) => void;
}

export function SettingsPanel({ draft, problems, change }: SettingsPanelProps) {
  const settings: Settings = draft.definition.settings ?? {};
  const set = (name: keyof Settings, value: unknown) =>
    change((draft) => {
      const { [name]: _, ...rest } = draft.definition.settings ?? {};
      const next = (value === undefined ? rest : { ...rest, [name]: value }) as Settings;
      return { ...draft, definition: { ...draft.definition, settings: next } };
    }, `settings ${name}`);
  const errorOf = (name: string) =>
    problems
      .filter(({ path }) => path === `/settings/${name}` || path.startsWith(`/settings/${name}/`))
      .map(({ message }) => message)
      .join("; ") || undefined;
  return (
    <Stack gap="md" p="sm">
      <TextInput
        label="Name"
        required
        value={draft.name}
        maxLength={120}
        error={draft.name.trim() === "" ? "A workflow needs a name" : undefined}
        onChange={({ currentTarget }) => change((draft) => ({ ...draft, name: currentTarget.value }), "workflow name")}
      />
      <Textarea
        label="Description"
        description="What it is for"
        value={draft.description}
        autosize
        minRows={2}
        onChange={({ currentTarget }) => change((draft) => ({ ...draft, description: currentTarget.value }), "workflow description")}
      />
      <NumberInput
        label="Time limit (ms)"
        description="How long an execution may be active; waiting for people and timers does not count."
        value={settings.timeoutMs ?? ""}
        min={1}
        thousandSeparator=" "
        placeholder="No limit"
        error={errorOf("timeoutMs")}
        onChange={(value) => set("timeoutMs", value === "" ? undefined : Number(value))}
      />
      <NumberInput
        label="Priority"
        description="-100 to 100, higher first"
        value={settings.priority ?? ""}
        min={-100}
        max={100}
        placeholder="0"
        error={errorOf("priority")}
        onChange={(value) => set("priority", value === "" ? undefined : Number(value))}
      />
      <JsonField
        label="Concurrency"
        description="How many executions with the same key run at a time"
        value={settings.concurrency ?? undefined}
        placeholder={'{ "limit": 1, "key": "{{ input.customer }}" }'}
        error={errorOf("concurrency")}
        onChange={(value) => set("concurrency", value)}
      />
      <JsonField
        label="Duplicates"
        description="What becomes of a trigger whose key was there a moment ago"
        value={settings.dedupe ?? undefined}
        error={errorOf("dedupe")}
        onChange={(value) => set("dedupe", value)}
      />
      <JsonField
        label="Subscriptions"
        description="Events that start the workflow, once it is deployed: a list"
        value={settings.subscriptions?.length ? settings.subscriptions : undefined}
        error={errorOf("subscriptions")}
        onChange={(value) => set("subscriptions", value)}
      />
      <JsonField
        label="Metadata"
        description="Kept with the version; no effect at run time"
        value={draft.definition.metadata}
        onChange={(value) =>
          change((draft) => {
            const { metadata: _, ...rest } = draft.definition;
            return { ...draft, definition: (value === undefined ? rest : { ...rest, metadata: value }) as Definition };
          }, "metadata")
        }
      />
    </Stack>
  );
}

const KEYS: [string, string][] = [
  ["Ctrl S", "Save"],
  ["Ctrl Z", "Undo"],
  ["Ctrl Shift Z or Ctrl Y", "Redo"],
  ["Ctrl C, X, V", "Copy, cut and paste nodes; between tabs, too"],
  ["Ctrl D", "Duplicate"],
  ["Ctrl A", "Select everything"],
  ["Delete or Backspace", "Remove what is selected"],
  ["Arrows", "Move the selected nodes"],
  ["Tab, Enter", "Go through nodes and edges, and select one"],
  ["Shift and drag", "Select by a frame"],
  ["N", "Add a node: type what it is, then Enter"],
  ["E", "Go to the fields of the selected node"],
  ["L", "Arrange all nodes"],
  ["F", "Show everything"],
  ["+ and -", "Zoom"],
  ["Escape", "Select nothing, close the panel"],
  ["?", "This help"],
];

export function Help() {
  return (
    <>
      <Text size="sm" className="dim" mb="sm">
        Keys without Ctrl count while the canvas has the focus. On a Mac use the command key.
      </Text>
      <List listStyleType="none" spacing={6} size="sm">
        {KEYS.map(([keys, what]) => (
          <List.Item key={keys}>
            <Code>{keys}</Code> {what}
          </List.Item>
        ))}
      </List>
    </>
  );
}
