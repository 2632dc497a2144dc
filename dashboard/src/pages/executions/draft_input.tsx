/** A field that speaks when it is left or by Enter: each letter would be an address of its own in the history. */
import { CloseButton, TextInput, type TextInputProps } from "@mantine/core";
import { type Ref, useEffect, useState } from "react";

export interface DraftInputProps extends Omit<TextInputProps, "value" | "onChange" | "ref"> {
  value: string;
  onCommit: (value: string) => void;
  inputRef?: Ref<HTMLInputElement>;
}

export function DraftInput({ value, onCommit, inputRef, rightSection, ...rest }: DraftInputProps) {
  const [draft, setDraft] = useState(value);
  useEffect(() => setDraft(value), [value]);
  const commit = () => {
    if (draft.trim() !== value) {
      onCommit(draft.trim());
    }
  };
  const clear = draft ? (
    <CloseButton
      size="sm"
      aria-label={`Clear ${rest["aria-label"] ?? String(rest.label)}`}
      onClick={() => {
        setDraft("");
        onCommit("");
      }}
    />
  ) : (
    rightSection
  );
  return (
    <TextInput
      {...rest}
      {...(inputRef ? { ref: inputRef } : {})}
      value={draft}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") {
          commit();
        } else if (event.key === "Escape") {
          setDraft(value);
          event.currentTarget.blur();
        }
      }}
      rightSection={clear}
    />
  );
}
