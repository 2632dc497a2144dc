/** The fields of an answer that come from no schema: choices, free text, a callback's JSON, a comment. */
import { Button, Radio, Select, Stack, Text, Textarea } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type Ref, useState } from "react";

import { call, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { JsonEditor } from "../../forms/json_editor";
import { parseJson } from "../../forms/json_text";
import { Copyable } from "../../ui/copy";
import { Problem } from "../../ui/problem";
import classes from "./inbox.module.css";
import type { Suspension } from "./mailbox";

/** More choices than this are looked for in a list. */
const FEW = 10;

interface QuestionAnswerProps {
  interrupt: Schemas["Interrupt"];
  value: unknown;
  onChange: (value: unknown) => void;
  error: string | undefined;
}

export function QuestionAnswer({ interrupt: { choices = [] }, value, onChange, error }: QuestionAnswerProps) {
  const chosen = typeof value === "string" ? value : "";
  if (choices.length === 0) {
    return (
      <Textarea
        label="Your answer"
        withAsterisk
        autosize
        minRows={3}
        maxRows={14}
        error={error}
        value={chosen}
        onChange={(event) => onChange(event.currentTarget.value)}
        data-first
      />
    );
  }
  if (choices.length > FEW) {
    return <Select label="Your answer" withAsterisk searchable placeholder="Choose" error={error} data={[...new Set(choices)]} value={chosen || null} onChange={(choice) => onChange(choice ?? undefined)} data-first />;
  }
  return (
    <Radio.Group label="Your answer" withAsterisk error={error} value={chosen} onChange={onChange}>
      <Stack gap={8} mt={6}>
        {choices.map((choice, place) => (
          <label key={place} className={classes["choice"]} data-chosen={choice === chosen || undefined}>
            <Radio value={choice} aria-label={choice} data-first={place === 0 || undefined} />
            <span>{choice}</span>
          </label>
        ))}
      </Stack>
    </Radio.Group>
  );
}

interface CallbackAnswerProps {
  suspension: Suspension;
  onChange: (value: unknown) => void;
  onReadable: (isReadable: boolean) => void;
  error: string | undefined;
}

/** A program answers; a person may in its place. */
export function CallbackAnswer({ suspension, onChange, onReadable, error }: CallbackAnswerProps) {
  const { workspace, can } = usePlace();
  const [text, setText] = useState("");
  const [isAsked, setAsked] = useState(false);
  const address = useQuery({
    queryKey: ["callback", suspension.id],
    queryFn: () => call<Schemas["CallbackAddress"]>("GET", workspace("suspensions", suspension.id, "callback")),
    enabled: isAsked,
  });
  const change = (written: string) => {
    setText(written);
    const parsed = parseJson(written);
    onReadable(!parsed.problem);
    if (!parsed.problem) {
      onChange(parsed.value);
    }
  };
  return (
    <Stack gap="sm">
      <Text size="sm">A program answers this by posting JSON to its address. You may answer in its place.</Text>
      {can("editor") &&
        (address.data ? (
          <Copyable text={address.data.url} label="address" />
        ) : (
          <div>
            <Button size="xs" variant="default" loading={address.isFetching} onClick={() => setAsked(true)}>
              Show the address
            </Button>
          </div>
        ))}
      {address.error && <Problem error={address.error} />}
      <JsonEditor label="JSON to answer with" value={text} onChange={change} error={error} minRows={4} required />
    </Stack>
  );
}

interface RemarkProps {
  ref: Ref<HTMLTextAreaElement>;
  value: string;
  onChange: (text: string) => void;
  label: string;
  hint: string | undefined;
  error: string | undefined;
}

export function Remark({ ref, value, onChange, label, hint, error }: RemarkProps) {
  return (
    <Textarea
      ref={ref}
      label={label}
      description={hint}
      error={error}
      autosize
      minRows={1}
      maxRows={10}
      maxLength={10_000}
      value={value}
      data-reason
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  );
}
