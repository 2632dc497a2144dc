/**
 * A JSON text to edit. The editor proper comes from a file of its own; until it is there, and where it can't be loaded, a plain text
 * field does the same.
 */
import { Box, Input, Textarea } from "@mantine/core";
import { Component, lazy, type ReactNode, Suspense, useId } from "react";

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

const Code = lazy(() => import("./code_editor"));

export function JsonEditor(props: JsonEditorProps) {
  const { value, onChange, label, description, required = false, disabled = false, minRows = 5, maxRows = 24 } = props;
  const id = useId();
  const { problem } = parseJson(value);
  const error = problem ? sayProblem(problem) : props.error;
  const described = [description && `${id}-description`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const plain = (
    <Textarea
      aria-label={label}
      aria-describedby={described}
      aria-invalid={!!error}
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
      <Otherwise fallback={plain}>
        <Suspense fallback={plain}>
          <Code value={value} onChange={onChange} label={label} describedBy={described} problemAt={problem?.offset} isInvalid={!!error} disabled={disabled} minRows={minRows} maxRows={maxRows} />
        </Suspense>
      </Otherwise>
      {error && (
        <Input.Error component="div" mt={5} id={`${id}-error`} role="alert">
          {error}
        </Input.Error>
      )}
    </Box>
  );
}

/** Shows something else where the editor can't be loaded. */
class Otherwise extends Component<{ fallback: ReactNode; children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };
  static getDerivedStateFromError() {
    return { hasFailed: true };
  }
  override render() {
    return this.state.hasFailed ? this.props.fallback : this.props.children;
  }
}
