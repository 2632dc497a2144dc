/** Any JSON, as text. What is no JSON yet stays in the field; what is goes on at once. */
import { Textarea } from "@mantine/core";
import { type ReactNode, useState } from "react";

/** A template alone needs no quotes. */
function read(text: string): { value: unknown } | undefined {
  if (text.trim() === "") {
    return { value: undefined };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    return /^\s*\{\{[\s\S]*\}\}\s*$/.test(text) ? { value: text.trim() } : undefined;
  }
}

function write(value: unknown): string {
  if (typeof value === "string" && /^\{\{[\s\S]*\}\}$/.test(value)) {
    return value;
  }
  return value === undefined ? "" : JSON.stringify(value, null, 2);
}

export interface JsonFieldProps {
  label: ReactNode;
  description?: ReactNode;
  value: unknown;
  onChange: (value: unknown) => void;
  error?: ReactNode;
  required?: boolean;
  placeholder?: string;
  minRows?: number;
  readOnly?: boolean;
}

export function JsonField({ label, description, value, onChange, error, required = false, placeholder, minRows = 2, readOnly = false }: JsonFieldProps) {
  const [draft, setDraft] = useState<{ text: string; of: unknown }>(() => ({ text: write(value), of: value }));
  // Another value from outside, as after an undo, replaces what was typed.
  const text = JSON.stringify(draft.of) === JSON.stringify(value) ? draft.text : write(value);
  const isWrong = read(text) === undefined;
  return (
    <Textarea
      label={label}
      description={description}
      value={text}
      autosize
      minRows={minRows}
      maxRows={18}
      size="sm"
      spellCheck={false}
      required={required}
      withAsterisk={required}
      readOnly={readOnly}
      placeholder={placeholder ?? "JSON"}
      classNames={{ input: "mono" }}
      error={isWrong ? "This is no JSON yet" : error}
      onChange={({ currentTarget }) => {
        const next = read(currentTarget.value);
        setDraft({ text: currentTarget.value, of: next ? next.value : value });
        if (next) {
          onChange(next.value);
        }
      }}
      onBlur={() => {
        if (!isWrong) {
          setDraft({ text: write(value), of: value });
        }
      }}
    />
  );
}
