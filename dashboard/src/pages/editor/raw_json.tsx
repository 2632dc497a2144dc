/** The whole definition as JSON, to read, to edit, to carry elsewhere. */
import { Button, CopyButton, Group, Modal, Text } from "@mantine/core";
import type { Definition } from "@sluicegate/sdk";
import { useState } from "react";

import { JsonEditor } from "../../forms/json_editor";
import { readFile } from "../workflows/import";

export interface RawJsonProps {
  definition: Definition;
  opened: boolean;
  onClose: () => void;
  /** Without it the text can only be read. */
  onApply?: ((definition: Definition) => void) | undefined;
}

export function RawJson({ opened, onClose, ...rest }: RawJsonProps) {
  return (
    <Modal opened={opened} onClose={onClose} size="min(1000px, 94vw)" title="The definition as JSON" centered>
      {opened && <Editor onClose={onClose} {...rest} />}
    </Modal>
  );
}

function Editor({ definition, onClose, onApply }: Omit<RawJsonProps, "opened">) {
  const [text, setText] = useState(() => JSON.stringify(definition, null, 2));
  const read = readFile(text);
  return (
    <>
      <JsonEditor
        label="Definition"
        value={text}
        onChange={setText}
        disabled={!onApply}
        minRows={18}
        maxRows={30}
        error={"problem" in read && read.problem !== "This is no JSON." ? read.problem : undefined}
      />
      <Group justify="space-between" mt="md">
        <CopyButton value={text}>{({ copied, copy }) => <Button variant="default" onClick={copy}>{copied ? "Copied" : "Copy"}</Button>}</CopyButton>
        {onApply ? (
          <Group gap="xs">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            <Button
              disabled={"problem" in read}
              onClick={() => {
                if ("definition" in read) {
                  onApply(read.definition);
                  onClose();
                }
              }}
            >
              Apply to the draft
            </Button>
          </Group>
        ) : (
          <Text size="sm" className="dim">
            Editors may change it.
          </Text>
        )}
      </Group>
    </>
  );
}
