/** One value of a form with its label, hint and error: the control that its schema asks for. */
import { Checkbox, Input, MultiSelect, PasswordInput, Radio, Select, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";

import { List, Members } from "./composed";
import { errorAt, useForm } from "./form_context";
import { JsonEditor } from "./json_editor";
import { parseJson, writeJson } from "./json_text";
import { type Control, controlOf, hintOf, humanized, type Option, plain, resolve, type Schema, text } from "./schema";

export interface FieldProps {
  schema: Schema;
  value: unknown;
  /** `undefined`: left out. */
  onChange: (value: unknown) => void;
  /** The JSON Pointer of the value. */
  path: string;
  /** The member's name; empty for the whole. */
  name: string;
  /** In place of the schema's title. */
  label?: string;
  isRequired: boolean;
  depth: number;
}

/** What every control is told. */
export interface ControlProps<Kind extends Control["kind"] = Control["kind"]> extends FieldProps {
  control: Extract<Control, { kind: Kind }>;
  label: string;
  description: ReactNode;
  error: string | undefined;
  disabled: boolean;
}

export function Field(props: FieldProps) {
  const form = useForm();
  const schema = resolve(form.root, props.schema);
  const control = controlOf(form.root, schema, props.depth);
  const isWhole = props.path === "";
  const label = props.label ?? text(schema["title"]) ?? (isWhole ? "Your input" : humanized(props.name));
  const description = [text(schema["description"]), hintOf(schema, control)].filter(Boolean).join(" ") || undefined;
  const isDeep = control.kind !== "object" && control.kind !== "list";
  const error = errorAt(form, props.path, isDeep, control.kind === "choice" || control.kind === "choices");
  const disabled = form.disabled || schema["readOnly"] === true;
  const told = { ...props, schema, label, description, error, disabled };
  switch (control.kind) {
    case "text":
      return <TextField {...told} control={control} />;
    case "number":
      return <NumberField {...told} control={control} />;
    case "boolean":
      return <FlagField {...told} control={control} />;
    case "constant":
      return <ConstantField {...told} control={control} />;
    case "choice":
      return <ChoiceField {...told} control={control} />;
    case "choices":
      return <ChoicesField {...told} control={control} />;
    case "object":
      return <Members {...told} control={control} />;
    case "list":
      return <List {...told} control={control} />;
    case "json":
      return <JsonField {...told} control={control} />;
  }
}

/** An empty field is left out; the server says so where it may not be. */
const orNothing = (value: string) => (value === "" ? undefined : value);

function TextField({ control, value, onChange, label, description, error, disabled, isRequired, schema }: ControlProps<"text">) {
  const common = { label, description, error, disabled, withAsterisk: isRequired, placeholder: exampleOf(schema) };
  if (control.input === "password") {
    return <PasswordInput {...common} autoComplete="off" value={plainText(value)} onChange={(event) => onChange(orNothing(event.currentTarget.value))} />;
  }
  if (control.isLong) {
    return (
      <Textarea {...common} autosize minRows={3} maxRows={14} value={plainText(value)} onChange={(event) => onChange(orNothing(event.currentTarget.value))} />
    );
  }
  return (
    <TextInput
      {...common}
      type={control.input}
      // Seconds are shown where there are some.
      step={control.input === "time" ? 1 : undefined}
      value={shown(control.input, plainText(value))}
      onChange={(event) => onChange(orNothing(stored(control.input, event.currentTarget.value)))}
    />
  );
}

function plainText(value: unknown): string {
  return value === undefined || value === null ? "" : plain(value);
}

function exampleOf(schema: Schema): string {
  const examples = schema["examples"];
  return Array.isArray(examples) && examples.length > 0 ? plain(examples[0]) : "";
}

/** An instant is picked in the browser's time zone, and kept in UTC. */
function shown(input: string, value: string): string {
  if (input === "datetime-local" && value) {
    const at = new Date(value);
    return Number.isNaN(at.getTime()) ? value : new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
  }
  return input === "time" ? value.replace(/(\.\d+)?(Z|[+-]\d\d:\d\d)$/, "") : value;
}

function stored(input: string, value: string): string {
  if (input === "datetime-local" && value) {
    const at = new Date(value);
    return Number.isNaN(at.getTime()) ? value : at.toISOString().replace(".000Z", "Z");
  }
  return input === "time" && value ? `${value.length === 5 ? `${value}:00` : value}Z` : value;
}

function NumberField({ control, value, onChange, label, description, error, disabled, isRequired, schema, path }: ControlProps<"number">) {
  const { mark } = useForm();
  const [written, setWritten] = useState(() => plainText(value));
  const [isNumber, setNumber] = useState(true);
  useEffect(() => {
    // Another value came from outside: "1." and "1" are the same while somebody writes.
    if (toNumber(written) !== value) {
      setWritten(plainText(value));
      setNumber(true);
    }
  }, [value]);
  useEffect(() => {
    mark(path, isNumber);
    return () => mark(path, true);
  }, [mark, path, isNumber]);
  const change = (text: string) => {
    setWritten(text);
    const number = toNumber(text);
    setNumber(number !== null);
    if (number !== null) {
      onChange(number);
    }
  };
  return (
    <TextInput
      label={label}
      description={description}
      error={isNumber ? error : control.isInteger ? "Write a whole number, such as 12." : "Write a number, such as 12 or 12.5."}
      disabled={disabled}
      withAsterisk={isRequired}
      placeholder={exampleOf(schema)}
      inputMode={control.isInteger && typeof schema["minimum"] === "number" && schema["minimum"] >= 0 ? "numeric" : "decimal"}
      autoComplete="off"
      value={written}
      onChange={(event) => change(event.currentTarget.value)}
    />
  );
}

/** The number of a text; null where it is none, undefined where there is none. */
function toNumber(text: string): number | undefined | null {
  const trimmed = text.trim().replace(/^([+-]?\d+),(\d+)$/, "$1.$2");
  if (trimmed === "") {
    return undefined;
  }
  const number = Number(trimmed);
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed) && Number.isFinite(number) ? number : null;
}

function FlagField({ value, onChange, label, description, error, disabled }: ControlProps<"boolean">) {
  return (
    <Checkbox label={label} description={description} error={error} disabled={disabled} checked={value === true} onChange={(event) => onChange(event.currentTarget.checked)} />
  );
}

function ConstantField({ control, label, description, value, onChange, isRequired }: ControlProps<"constant">) {
  useEffect(() => {
    if (isRequired && value === undefined) {
      onChange(control.value);
    }
  }, []);
  return (
    <Input.Wrapper label={label} description={description} labelElement="div">
      <Text size="sm" className="mono">
        {plain(control.value)}
      </Text>
    </Input.Wrapper>
  );
}

const same = (one: unknown, other: unknown) => one === other || JSON.stringify(one) === JSON.stringify(other);
/** Values of any kind have their place among the options as a text. */
const placeOf = (options: Option[], value: unknown) => options.findIndex((option) => same(option.value, value));
const toData = (options: Option[]) => options.map(({ label }, place) => ({ value: String(place), label }));
/** So many are seen at once; more are looked for. */
const FEW = 6;

function ChoiceField({ control: { options }, value, onChange, label, description, error, disabled, isRequired }: ControlProps<"choice">) {
  const place = value === undefined ? -1 : placeOf(options, value);
  const common = { label, description, error, withAsterisk: isRequired };
  if (options.length <= FEW) {
    return (
      <Radio.Group {...common} value={place < 0 ? "" : String(place)} onChange={(at) => onChange(options[Number(at)]?.value)} disabled={disabled}>
        <Stack gap={8} mt={6} data-invalid={!!error}>
          {options.map(({ label, description }, at) => (
            <Radio key={at} value={String(at)} label={label} description={description} />
          ))}
        </Stack>
      </Radio.Group>
    );
  }
  return (
    <Select
      {...common}
      disabled={disabled}
      placeholder="Choose"
      searchable={options.length > 12}
      clearable={!isRequired}
      allowDeselect={!isRequired}
      nothingFoundMessage="Nothing like that"
      data={toData(options)}
      value={place < 0 ? null : String(place)}
      onChange={(at) => onChange(at === null ? undefined : options[Number(at)]?.value)}
    />
  );
}

function ChoicesField({ control: { options }, value, onChange, label, description, error, disabled, isRequired }: ControlProps<"choices">) {
  const places = (Array.isArray(value) ? value : []).map((each) => placeOf(options, each)).filter((place) => place >= 0).map(String);
  const common = {
    label,
    description,
    error,
    withAsterisk: isRequired,
    value: places,
    disabled,
    onChange: (chosen: string[]) => onChange(chosen.length === 0 && !isRequired ? undefined : chosen.map(Number).sort((a, b) => a - b).map((at) => options[at]?.value)),
  };
  if (options.length <= FEW) {
    return (
      <Checkbox.Group {...common}>
        <Stack gap={8} mt={6} data-invalid={!!error}>
          {options.map(({ label, description }, at) => (
            <Checkbox key={at} value={String(at)} label={label} description={description} />
          ))}
        </Stack>
      </Checkbox.Group>
    );
  }
  return <MultiSelect {...common} searchable placeholder={places.length === 0 ? "Choose" : ""} nothingFoundMessage="Nothing like that" data={toData(options)} />;
}

function JsonField({ value, onChange, label, description, error, disabled, isRequired, path }: ControlProps<"json">) {
  const { mark } = useForm();
  const [written, setWritten] = useState(() => writeJson(value));
  useEffect(() => {
    const parsed = parseJson(written);
    // Another value came from outside.
    if (!parsed.problem && !same(parsed.value, value)) {
      setWritten(writeJson(value));
    }
  }, [value]);
  useEffect(() => () => mark(path, true), [mark, path]);
  const change = (text: string) => {
    setWritten(text);
    const parsed = parseJson(text);
    mark(path, !parsed.problem);
    if (!parsed.problem) {
      onChange(parsed.value);
    }
  };
  return <JsonEditor label={label} description={description} error={error} required={isRequired} disabled={disabled} value={written} onChange={change} minRows={4} />;
}
