/** A form made from a JSON Schema. */
import { JsonInput } from "@mantine/core";

export interface SchemaFormProps {
  schema: unknown;
  value: unknown;
  onChange: (value: unknown) => void;
  /** What the server refused: `path` is a JSON Pointer into the value. */
  errors?: readonly { path: string; message: string }[];
}

export function SchemaForm({ value, onChange }: SchemaFormProps) {
  return <JsonInput label="Input" defaultValue={JSON.stringify(value)} onChange={(text) => onChange(JSON.parse(text))} />;
}
