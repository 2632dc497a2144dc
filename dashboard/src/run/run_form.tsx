/** What the run dialog holds: the input as a form or as JSON, and what else a trigger may say. */
import { Alert, Button, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import type { Definition, Workflow } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";
import { Play } from "lucide-react";
import { type FormEvent, useMemo, useState } from "react";
import { useLocation } from "wouter";

import { client } from "../api/client";
import { queryClient } from "../api/query";
import { usePlace } from "../app/place";
import { useSession } from "../app/session";
import { JsonEditor } from "../forms/json_editor";
import { parseJson } from "../forms/json_text";
import { initialValue, SchemaForm } from "../forms/schema_form";
import { Loading } from "../ui/page";
import { fieldErrorsOf, messageOf, Problem } from "../ui/problem";
import { beginning, inputSchemaOf, membersRead } from "./example";
import { recallInput, rememberInput } from "./remembered";
import { type Choices, NO_CHOICES, RunOptions, readChoices, UseMocks } from "./run_options";

export interface RunFormProps {
  workflow: Workflow;
  onClose: () => void;
  onStarted?: (executionId: string) => void;
  input?: unknown;
  version?: number;
}

/** The definition of the version that is going to run. */
function useDefinition({ workspaceId, podId, id, version, definition }: Workflow, wanted: number | undefined) {
  const number = wanted ?? version;
  return useQuery({
    queryKey: ["workflow-version", workspaceId, podId, id, number],
    queryFn: async (): Promise<Definition | null> => (await client.workflows.getVersion(workspaceId, podId, id, number)).definition ?? null,
    ...(definition && number === version ? { initialData: definition } : {}),
    // A version never changes.
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function RunForm(props: RunFormProps) {
  const [version, setVersion] = useState(props.version);
  const { data: definition, error, refetch } = useDefinition(props.workflow, version);
  if (error) {
    return <Problem error={error} retry={() => void refetch()} />;
  }
  if (definition === undefined) {
    return <Loading rows={4} />;
  }
  return <Filled key={version ?? "latest"} {...props} definition={definition} version={version} onVersion={setVersion} />;
}

interface FilledProps extends Omit<RunFormProps, "version"> {
  definition: Definition | null;
  version: number | undefined;
  onVersion: (version: number | undefined) => void;
}

function Filled({ workflow, definition, version, onVersion, input: given, onClose, onStarted }: FilledProps) {
  const place = usePlace();
  const [, navigate] = useLocation();
  const principalId = useSession().data?.principalId ?? "";
  const schema = useMemo(() => inputSchemaOf(definition), [definition]);
  const first = useMemo(() => given ?? recallInput(principalId, workflow.id), [given, principalId, workflow.id]);

  const [mode, setMode] = useState(schema ? "form" : "json");
  const [value, setValue] = useState<unknown>(() => first ?? (schema ? initialValue(schema) : {}));
  const [text, setText] = useState(() => JSON.stringify(first ?? beginning(definition), null, 2));
  const [choices, setChoices] = useState<Choices>(NO_CHOICES);
  const [failure, setFailure] = useState<unknown>();
  const [mistakes, setMistakes] = useState<Record<string, string>>({});
  const [isBusy, setBusy] = useState(false);
  const [isReadable, setReadable] = useState(true);
  const canSend = mode === "json" ? !parseJson(text).problem : isReadable;

  const switchTo = (next: string) => {
    setFailure(undefined);
    if (next === "json") {
      setText(JSON.stringify(value ?? {}, null, 2));
    } else {
      const read = parseJson(text);
      if (read.problem) {
        // The editor says what is wrong; a form can't show it.
        return;
      }
      setValue(read.value);
    }
    setMistakes({});
    setReadable(true);
    setMode(next);
  };

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    // A form in a dialog is inside the page's in React's eyes.
    event.stopPropagation();
    const input = mode === "json" ? parseJson(text) : { value };
    const more = readChoices(choices);
    setMistakes(more.mistakes);
    setFailure(undefined);
    if (input.problem || Object.keys(more.mistakes).length > 0) {
      return;
    }
    setBusy(true);
    try {
      const { workspaceId, podId } = place;
      const execution = await client.trigger({ workspaceId, podId, workflowId: workflow.id, input: input.value, ...(version ? { version } : {}), ...more.wish });
      rememberInput(principalId, workflow.id, input.value);
      void queryClient.invalidateQueries({ queryKey: ["executions"] });
      onClose();
      if (onStarted) {
        onStarted(execution.id);
      } else {
        navigate(place.to("executions", execution.id));
      }
    } catch (refusal) {
      setFailure(refusal);
      const byField = fieldErrorsOf(refusal).filter(({ path }) => !isOfInput(path));
      setMistakes(Object.fromEntries(byField.map(({ path, message }) => [path.replace(/^\//, ""), message])));
    } finally {
      setBusy(false);
    }
  };

  const inputErrors = useMemo(
    () =>
      fieldErrorsOf(failure)
        .filter(({ path }) => isOfInput(path))
        .map(({ path, message }) => ({ path: path.replace(/^\/?input/, ""), message })),
    [failure],
  );
  const reads = membersRead(definition);
  return (
    <form onSubmit={(event) => void submit(event)} noValidate>
      <Stack gap="md">
        {failure !== undefined && (
          <Alert color="red" role="alert" title={messageOf(failure)}>
            {fieldErrorsOf(failure).length > 0 ? "What is wrong is shown at its field." : "Nothing was started."}
          </Alert>
        )}
        {schema && (
          <SegmentedControl
            aria-label="How to give the input"
            value={mode}
            onChange={switchTo}
            data={[
              { value: "form", label: "Form" },
              { value: "json", label: "JSON" },
            ]}
          />
        )}
        {mode === "form" && schema ? (
          <SchemaForm schema={schema} value={value} onChange={setValue} errors={inputErrors} onReadable={setReadable} />
        ) : (
          <JsonEditor
            label="Input"
            value={text}
            onChange={setText}
            maxRows={18}
            description={!schema && reads.length > 0 ? `JSON. This workflow reads ${reads.map((name) => `input.${name}`).join(", ")}.` : "JSON"}
            error={inputErrors.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; ") || undefined}
          />
        )}
        <UseMocks definition={definition} choices={choices} onChange={setChoices} />
        <RunOptions workflow={workflow} choices={choices} onChange={setChoices} mistakes={mistakes} version={version} onVersion={onVersion} />
        <Group justify="space-between" gap="xs">
          <Text size="sm" className="dim">
            {workflow.state === "deployed" ? "" : "Not deployed: nothing else starts it yet."}
          </Text>
          <Group gap="xs">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            <Button type="submit" loading={isBusy} disabled={!canSend} leftSection={<Play size={15} aria-hidden />}>
              Run
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  );
}

const isOfInput = (path: string) => path === "" || /^\/?input(\/|$)/.test(path);
