/** A difference as lists: one line per node or edge, and below it what of it has changed. */
import { Badge, Group, Stack, Text } from "@mantine/core";
import { Minus, Pencil, Plus } from "lucide-react";

import type { Change, Difference, FieldChange, Kind } from "./diff";
import { isSame } from "./diff";
import classes from "./difference.module.css";

const SIGNS = { added: Plus, removed: Minus, changed: Pencil } as const;
const NAMES: Record<Kind, string> = { added: "Added", removed: "Removed", changed: "Changed" };

export function DifferenceList({ difference }: { difference: Difference }) {
  const { nodes, edges, settings, moved } = difference;
  if (isSame(difference)) {
    return (
      <Text size="sm" className="dim">
        Both are the same.
      </Text>
    );
  }
  return (
    <Stack gap="md">
      <Changes title="Nodes" changes={nodes} />
      <Changes title="Edges" changes={edges} />
      {settings.length > 0 && (
        <section aria-label="Settings">
          <Text fw={650} size="sm" mb={6}>
            Settings
          </Text>
          <Fields fields={settings} />
        </section>
      )}
      {moved > 0 && (
        <Text size="sm" className="dim">
          {moved === 1 ? "One node is" : `${moved} nodes are`} drawn elsewhere; that changes nothing else.
        </Text>
      )}
    </Stack>
  );
}

function Changes({ title, changes }: { title: string; changes: Change[] }) {
  if (changes.length === 0) {
    return null;
  }
  return (
    <section aria-label={title}>
      <Group gap={8} mb={6}>
        <Text fw={650} size="sm">
          {title}
        </Text>
        <Badge variant="default" size="sm">
          {changes.length}
        </Badge>
      </Group>
      <ul className={classes["list"]}>
        {changes.map((change) => {
          const Sign = SIGNS[change.kind];
          return (
            <li key={change.id} className={classes["change"]} data-kind={change.kind}>
              <Group gap={8} wrap="nowrap">
                <span className={classes["kind"]}>
                  <Sign size={12} aria-hidden /> {NAMES[change.kind]}
                </span>
                <Text size="sm" fw={600} className={classes["title"]}>
                  {change.title}
                </Text>
                {change.title !== change.id && <span className="mono dim truncate">{change.id}</span>}
              </Group>
              {change.fields.length > 0 && <Fields fields={change.fields} />}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Fields({ fields }: { fields: FieldChange[] }) {
  return (
    <dl className={classes["fields"]}>
      {fields.map(({ path, before, after }) => (
        <div key={path}>
          <dt className="mono">{path}</dt>
          {before !== undefined && (
            <dd className={classes["before"]}>
              <span className={classes["hidden"]}>Before: </span>
              {show(before)}
            </dd>
          )}
          {after !== undefined && (
            <dd className={classes["after"]}>
              <span className={classes["hidden"]}>Now: </span>
              {show(after)}
            </dd>
          )}
        </div>
      ))}
    </dl>
  );
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}
