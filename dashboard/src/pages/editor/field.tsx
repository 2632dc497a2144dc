/** One member of a node's `data` as a field; lists and groups hold further ones. */
import { ActionIcon, Button, Group, MultiSelect, NumberInput, Paper, Select, Stack, Switch, TagsInput, Text, TextInput, Tooltip } from "@mantine/core";
import { ArrowUp, Plus, Trash2, X } from "lucide-react";
import type { ReactNode } from "react";

import { JsonField } from "./json_field";
import { isExpression, kindOf, labelOf, PLAIN, type Schema } from "./schema";
import { TextField } from "./text_field";

export interface FieldProps {
  name: string;
  schema: Schema;
  value: unknown;
  onChange: (value: unknown) => void;
  /** The server's sentences by JSON Pointer below `data`. */
  errors: ReadonlyMap<string, string>;
  /** Where this is, as a JSON Pointer below `data`. */
  path: string;
  required?: boolean;
  label?: ReactNode;
}

/** Sentences about a member, and about what is inside of it. */
function errorAt(errors: ReadonlyMap<string, string>, path: string, isDeep: boolean): string | undefined {
  const found = [...errors].filter(([at]) => at === path || (isDeep && at.startsWith(`${path}/`))).map(([, message]) => message);
  return found.length > 0 ? found.join("; ") : undefined;
}

export function Field({ name, schema, value, onChange, errors, path, required = false, label = labelOf(name) }: FieldProps) {
  const kind = kindOf(schema, value);
  const error = errorAt(errors, path, !["group", "list", "pairs"].includes(kind));
  const common = { label, description: schema.description, error, required, withAsterisk: required, size: "sm" as const };
  const hint = schema.default === undefined ? undefined : String(schema.default);
  switch (kind) {
    case "choice":
      return (
        <Select
          {...common}
          data={(schema.enum ?? []).map(String)}
          value={value === undefined ? null : String(value)}
          placeholder={hint ?? "Not set"}
          clearable={!required}
          onChange={(next) => onChange(next ?? undefined)}
        />
      );
    case "choices":
      return (
        <MultiSelect
          {...common}
          data={(schema.items?.enum ?? []).map(String)}
          value={Array.isArray(value) ? value.map(String) : []}
          placeholder="Not set"
          searchable
          clearable
          onChange={(next) => onChange(next.length > 0 ? next : undefined)}
        />
      );
    case "texts":
      return <TagsInput {...common} value={(value as string[] | undefined) ?? []} placeholder="Type, then Enter" onChange={(next) => onChange(next.length > 0 ? next : undefined)} />;
    case "switch":
      return (
        <Group gap="xs" wrap="nowrap" align="flex-start" justify="space-between">
          <Switch
            label={label}
            description={schema.description}
            error={error}
            size="sm"
            checked={(value ?? schema.default ?? false) === true}
            onChange={({ currentTarget }) => onChange(currentTarget.checked)}
          />
          {value !== undefined && <Clear label={`Clear ${name}`} onClick={() => onChange(undefined)} />}
        </Group>
      );
    case "number":
      return (
        <NumberInput
          {...common}
          value={typeof value === "number" ? value : ""}
          placeholder={hint ?? "Not set"}
          {...(schema.minimum === undefined ? {} : { min: schema.minimum })}
          {...(schema.maximum === undefined ? {} : { max: schema.maximum })}
          thousandSeparator=" "
          onChange={(next) => onChange(next === "" ? undefined : Number(next))}
        />
      );
    case "text":
      return (
        <TextField
          {...common}
          value={typeof value === "string" ? value : ""}
          kind={PLAIN.has(name) || path.startsWith("/mock/") ? "plain" : isExpression(name, schema) || /^An expression/.test(schema.description ?? "") ? "expression" : "template"}
          onChange={onChange}
        />
      );
    case "group":
      return <Members name={name} schema={schema} value={value} onChange={onChange} errors={errors} path={path} label={label} error={error} required={required} />;
    case "pairs":
    case "list":
      return <Items kind={kind} name={name} schema={schema} value={value} onChange={onChange} errors={errors} path={path} label={label} error={error} />;
    case "json":
      return <JsonField {...common} value={value} onChange={onChange} />;
  }
}

function Clear({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <Tooltip label="Take it out">
      <ActionIcon size="sm" variant="subtle" color="gray" aria-label={label} onClick={onClick}>
        <X size={14} />
      </ActionIcon>
    </Tooltip>
  );
}

type Nested = FieldProps & { error: string | undefined };

function Heading({ label, description, error, action }: { label: ReactNode; description: string | undefined; error: string | undefined; action: ReactNode }) {
  return (
    <div>
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text size="sm" fw={500}>
          {label}
        </Text>
        {action}
      </Group>
      {description && (
        <Text size="xs" className="dim">
          {description}
        </Text>
      )}
      {error && (
        <Text size="xs" c="var(--mantine-color-error)" role="alert">
          {error}
        </Text>
      )}
    </div>
  );
}

/** An object with members of its own. It is there once something has been put into it. */
function Members({ name, schema, value, onChange, errors, path, label, error, required }: Nested) {
  const members = (value ?? {}) as Record<string, unknown>;
  const isThere = value !== undefined || required;
  return (
    <Stack gap="xs" role="group" aria-label={name}>
      <Heading
        label={label}
        description={schema.description}
        error={error}
        action={
          value === undefined ? (
            <Button size="compact-xs" variant="default" leftSection={<Plus size={12} />} onClick={() => onChange({})} aria-label={`Set ${name}`}>
              Set
            </Button>
          ) : (
            <Clear label={`Clear ${name}`} onClick={() => onChange(undefined)} />
          )
        }
      />
      {isThere && (
        <Paper withBorder p="sm" bg="transparent">
          <Stack gap="sm">
            {Object.entries(schema.properties ?? {}).map(([member, inner]) => (
              <Field
                key={member}
                name={member}
                schema={inner}
                value={members[member]}
                required={schema.required?.includes(member) ?? false}
                errors={errors}
                path={`${path}/${member}`}
                onChange={(next) => onChange(put(members, member, next))}
              />
            ))}
          </Stack>
        </Paper>
      )}
    </Stack>
  );
}

function put(members: Record<string, unknown>, name: string, value: unknown): Record<string, unknown> {
  const { [name]: _, ...rest } = members;
  return value === undefined ? rest : { ...members, [name]: value };
}

/** A list of objects: routes, actions, headers. */
function Items({ kind, name, schema, value, onChange, errors, path, label, error }: Nested & { kind: "pairs" | "list" }) {
  const items = (Array.isArray(value) ? value : []) as Record<string, unknown>[];
  const set = (next: Record<string, unknown>[]) => onChange(next.length > 0 ? next : undefined);
  const change = (index: number, item: Record<string, unknown>) => set(items.map((old, at) => (at === index ? item : old)));
  const one = labelOf(name).replace(/s$/, "").toLowerCase();
  const inner = schema.items?.properties ?? {};
  const up = (index: number) => set(items.flatMap((item, at) => (at === index - 1 ? [items[index] as typeof item, item] : at === index ? [] : [item])));
  const remove = (index: number) => set(items.filter((_, at) => at !== index));
  return (
    <Stack gap="xs" role="group" aria-label={name}>
      <Heading
        label={label}
        description={schema.description}
        error={error}
        action={
          <Button size="compact-xs" variant="default" leftSection={<Plus size={12} />} onClick={() => set([...items, {}])}>
            Add {one}
          </Button>
        }
      />
      {items.map((item, index) =>
        kind === "pairs" ? (
          <Group key={index} gap={6} wrap="nowrap" align="flex-start">
            <TextInput
              flex={2}
              size="sm"
              aria-label={`Name of ${one} ${index + 1}`}
              placeholder="Name"
              value={String(item["key"] ?? "")}
              error={errorAt(errors, `${path}/${index}/key`, true)}
              onChange={({ currentTarget }) => change(index, { ...item, key: currentTarget.value })}
            />
            <TextInput
              flex={3}
              size="sm"
              aria-label={`Value of ${one} ${index + 1}`}
              placeholder="Value"
              classNames={{ input: "mono" }}
              value={String(item["value"] ?? "")}
              error={errorAt(errors, `${path}/${index}/value`, true)}
              onChange={({ currentTarget }) => change(index, { ...item, value: currentTarget.value })}
            />
            <ActionIcon mt={5} variant="subtle" color="gray" aria-label={`Remove ${one} ${index + 1}`} onClick={() => remove(index)}>
              <Trash2 size={15} />
            </ActionIcon>
          </Group>
        ) : (
          <Paper key={index} withBorder p="sm" bg="transparent">
            <Stack gap="xs">
              <Group justify="space-between">
                <Text size="xs" fw={600} className="dim">
                  {labelOf(name).replace(/s$/, "")} {index + 1}
                </Text>
                <Group gap={2}>
                  <ActionIcon size="sm" variant="subtle" color="gray" disabled={index === 0} aria-label={`Move ${one} ${index + 1} up`} onClick={() => up(index)}>
                    <ArrowUp size={14} />
                  </ActionIcon>
                  <ActionIcon size="sm" variant="subtle" color="gray" aria-label={`Remove ${one} ${index + 1}`} onClick={() => remove(index)}>
                    <Trash2 size={14} />
                  </ActionIcon>
                </Group>
              </Group>
              {Object.entries(inner).map(([member, innerSchema]) => (
                <Field
                  key={member}
                  name={member}
                  schema={innerSchema}
                  value={item[member]}
                  required={schema.items?.required?.includes(member) ?? false}
                  errors={errors}
                  path={`${path}/${index}/${member}`}
                  onChange={(next) => change(index, put(item, member, next))}
                />
              ))}
            </Stack>
          </Paper>
        ),
      )}
    </Stack>
  );
}
