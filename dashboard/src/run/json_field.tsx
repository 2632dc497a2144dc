/** JSON as a person writes it: what does not parse is said at once, with its place. */
import { Group, Textarea, UnstyledButton } from "@mantine/core";

import classes from "./run.module.css";

/** The value of a text, or why it has none. No text is no input. */
export function readJson(text: string): { value: unknown } | { problem: string } {
  if (text.trim() === "") {
    return { value: null };
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return { problem: `This is not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

export interface JsonFieldProps {
  text: string;
  onChange: (text: string) => void;
  problem?: string | undefined;
  description?: string | undefined;
}

export function JsonField({ text, onChange, problem, description }: JsonFieldProps) {
  const tidy = () => {
    const read = readJson(text);
    if ("value" in read) {
      onChange(JSON.stringify(read.value, null, 2));
    }
  };
  return (
    <div>
      <Textarea
        label="Input (JSON)"
        description={description}
        value={text}
        onChange={(event) => onChange(event.currentTarget.value)}
        error={problem || undefined}
        autosize
        minRows={6}
        maxRows={18}
        spellCheck={false}
        autoCapitalize="off"
        data-autofocus
        classNames={{ input: classes["code"]!, error: "anywhere", description: "anywhere" }}
      />
      <Group justify="flex-end" mt={4}>
        <UnstyledButton className={classes["tidy"]} onClick={tidy} disabled={"problem" in readJson(text)}>
          Tidy up
        </UnstyledButton>
      </Group>
    </div>
  );
}
