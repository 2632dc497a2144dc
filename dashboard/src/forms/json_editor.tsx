/**
 * A JSON text to edit. The editor proper comes from a file of its own; until it is there, and where it can't be loaded, a plain text
 * field does the same.
 */
import { Box, Input, Textarea } from "@mantine/core";
import { type ComponentType, lazy, type ReactNode, Suspense, useId } from "react";

import { parseJson, sayProblem } from "./json_text";

export interface JsonEditorProps {
  value: string;
  onChange: (text: string) => void;
  label: string;
  description?: ReactNode;
  /** What is wrong with the value, if its text is JSON. */
  error?: ReactNode;
  required?: boolean;
  disabled?: boolean;
  /** Lines that are shown at least. */
  minRows?: number;
  maxRows?: number;
}

export interface EditorProps {
  value: string;
  onChange: (text: string) => void;
  label: string;
  describedBy: string | undefined;
  /** The line with this place is marked. */
  problemAt: number | undefined;
  isInvalid: boolean;
  disabled: boolean;
  minRows: number;
  maxRows: number;
}

const CodeEditor = lazy((): Promise<{ default: ComponentType<EditorProps> }> => import("./code_editor").catch(() => ({ default: PlainEditor })));

function PlainEditor({ value, onChange, label, describedBy, isInvalid, disabled, minRows, maxRows }: EditorProps) {
  return (
    <Textarea
      aria-label={label}
      aria-describedby={describedBy}
      aria-invalid={isInvalid}
      value={value}
      onChange={(event) => onChange(event.currentTarget.value)}
      disabled={disabled}
      autosize
      minRows={minRows}
      maxRows={maxRows}
      spellCheck={false}
      classNames={{ input: "mono" }}
    />
  );
}

export function JsonEditor(props: JsonEditorProps) {
  const { value, onChange, label, description, required = false, disabled = false, minRows = 5, maxRows = 24 } = props;
  const id = useId();
  const { problem } = parseJson(value);
  const error = problem ? sayProblem(problem) : props.error;
  const describedBy = [description && `${id}-description`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const editor = { value, onChange, label, describedBy, problemAt: problem?.offset, isInvalid: !!error, disabled, minRows, maxRows };
  return (
    <Box>
      {/* An editor is no field that a label can name: it has the name itself. */}
      <Input.Label component="div" required={required}>
        {label}
      </Input.Label>
      {description && (
        <Input.Description component="div" mb={5} id={`${id}-description`}>
          {description}
        </Input.Description>
      )}
      <Suspense fallback={<PlainEditor {...editor} />}>
        <CodeEditor {...editor} />
      </Suspense>
      {error && (
        <Input.Error component="div" mt={5} id={`${id}-error`} role="alert">
          {error}
        </Input.Error>
      )}
    </Box>
  );
}
