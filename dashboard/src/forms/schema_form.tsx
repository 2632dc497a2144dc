/**
 * A form made from a JSON Schema. It shows what the server refused at the fields, and judges nothing itself. What has no control of
 * its own is written as JSON.
 */
import { Stack } from "@mantine/core";
import { useCallback, useEffect, useMemo, useRef } from "react";

import { Field } from "./field";
import { FormContext } from "./form_context";
import { asSchema } from "./schema";

export { initialValue } from "./schema";

export interface SchemaFormProps {
  schema: unknown;
  /** Begins with `initialValue(schema)`: defaults that nobody touched are sent as well. */
  value: unknown;
  onChange: (value: unknown) => void;
  /** What the server refused: `path` is a JSON Pointer into the value. */
  errors?: readonly { path: string; message: string }[];
  /** Is told whether something was written that is no value yet, such as half of a JSON text: there is nothing to send then. */
  onReadable?: (isReadable: boolean) => void;
  disabled?: boolean;
}

export function SchemaForm({ schema: written, value, onChange, errors = [], onReadable, disabled = false }: SchemaFormProps) {
  const root = asSchema(written);
  const unreadable = useRef(new Set<string>());
  const tell = useRef(onReadable);
  tell.current = onReadable;
  const mark = useCallback((field: string, isReadable: boolean) => {
    const had = unreadable.current.size;
    if (isReadable) {
      unreadable.current.delete(field);
    } else {
      unreadable.current.add(field);
    }
    if ((had === 0) !== (unreadable.current.size === 0)) {
      tell.current?.(unreadable.current.size === 0);
    }
  }, []);
  const form = useMemo(() => ({ root, errors, disabled, mark }), [written, errors, disabled, mark]);
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // Who has sent the form sees and hears at once what is wrong.
    if (errors.length > 0) {
      place.current?.querySelector<HTMLElement>('[aria-invalid="true"], [data-invalid="true"] input')?.focus();
    }
  }, [errors]);
  return (
    <FormContext value={form}>
      <Stack gap="md" ref={place}>
        <Field schema={root} value={value} onChange={onChange} path="" name="" isRequired depth={0} />
      </Stack>
    </FormContext>
  );
}
