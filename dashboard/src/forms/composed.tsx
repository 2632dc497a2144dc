/** Values made of others: the members of an object, the items of a list. */
import { ActionIcon, Button, Fieldset, Group, Input, Stack, Text } from "@mantine/core";
import { Plus, X } from "lucide-react";
import { useRef } from "react";

import classes from "./composed.module.css";
import { type ControlProps, Field } from "./field";
import { useForm } from "./form_context";
import { beginning, isObject, segment } from "./schema";

/** The latest value, for changes that come before the form was drawn with the last one. */
function useLatest<Value>(value: Value) {
  const latest = useRef(value);
  latest.current = value;
  return latest;
}

export function Members({ control, value, onChange, path, label, description, error, isRequired, depth }: ControlProps<"object">) {
  const { errors } = useForm();
  const members = useLatest(isObject(value) ? value : {});
  const change = (name: string, member: unknown) => {
    const { [name]: _, ...others } = members.current;
    // What the schema does not name stays as it is.
    const next = member === undefined ? others : { ...others, [name]: member };
    members.current = next;
    onChange(Object.keys(next).length === 0 && !isRequired ? undefined : next);
  };
  const fields = control.properties.map(({ name, schema, isRequired }) => (
    <Field
      key={name}
      schema={schema}
      value={members.current[name]}
      onChange={(member) => change(name, member)}
      path={path + segment(name)}
      name={name}
      isRequired={isRequired}
      depth={depth + 1}
    />
  ));
  // Members that have no field have nowhere else to be told of.
  const known = control.properties.map(({ name }) => path + segment(name));
  const isUnknown = (at: string) => at.startsWith(`${path}/`) && !known.some((each) => at === each || at.startsWith(`${each}/`));
  const messages = [error, ...errors.filter((each) => isUnknown(each.path)).map(({ message }) => message)].filter(Boolean);
  const problem = messages.length > 0 && (
    <Input.Error component="p" role="alert" m={0}>
      {messages.join(" ")}
    </Input.Error>
  );
  if (path === "") {
    return (
      <Stack gap="md">
        {description && (
          <Text size="sm" className="dim">
            {description}
          </Text>
        )}
        {fields}
        {problem}
      </Stack>
    );
  }
  return (
    <Fieldset legend={isRequired ? label : `${label} (optional)`} className={classes["group"]!}>
      <Stack gap="sm">
        {description && (
          <Text size="xs" className="dim">
            {description}
          </Text>
        )}
        {fields}
        {problem}
      </Stack>
    </Fieldset>
  );
}

export function List({ control, value, onChange, path, label, description, error, isRequired, depth, disabled }: ControlProps<"list">) {
  const { root } = useForm();
  const items = useLatest(Array.isArray(value) ? (value as unknown[]) : []);
  const group = useRef<HTMLDivElement>(null);
  const change = (next: unknown[]) => {
    items.current = next;
    onChange(next.length === 0 && !isRequired ? undefined : next);
  };
  const add = () => {
    const item = beginning(root, control.items, true, depth + 1);
    // Nothing is an item as well: an empty text until something is written.
    change([...items.current, item === undefined ? null : item]);
    setTimeout(() => {
      const rows = group.current?.querySelectorAll("[data-item]");
      rows?.[rows.length - 1]?.querySelector<HTMLElement>("input, textarea, [contenteditable]")?.focus();
    });
  };
  return (
    <Fieldset legend={isRequired ? label : `${label} (optional)`} className={classes["group"]!}>
      <Stack gap="xs" ref={group}>
        {description && (
          <Text size="xs" className="dim">
            {description}
          </Text>
        )}
        {items.current.map((item, place) => (
          <Group key={place} data-item gap="xs" align="flex-start" wrap="nowrap">
            <div className={classes["item"]}>
              <Field
                schema={control.items}
                value={item ?? undefined}
                onChange={(next) => change(items.current.map((each, at) => (at === place ? (next ?? null) : each)))}
                path={path + segment(place)}
                name={String(place + 1)}
                label={`${label} ${place + 1}`}
                isRequired
                depth={depth + 1}
              />
            </div>
            <ActionIcon
              mt={28}
              variant="default"
              disabled={disabled}
              aria-label={`Remove ${label} ${place + 1}`}
              onClick={() => change(items.current.filter((_, at) => at !== place))}
            >
              <X size={15} />
            </ActionIcon>
          </Group>
        ))}
        <div>
          <Button size="xs" variant="default" leftSection={<Plus size={14} aria-hidden />} disabled={disabled} onClick={add}>
            Add {label.charAt(0).toLowerCase() + label.slice(1)}
          </Button>
        </div>
        {error && (
          <Input.Error component="p" role="alert" m={0}>
            {error}
          </Input.Error>
        )}
      </Stack>
    </Fieldset>
  );
}
