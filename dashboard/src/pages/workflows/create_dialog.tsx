/** Makes a workflow: from an example, or from a definition as JSON. */
import { Button, FileButton, Group, Modal, Radio, Stack, Tabs, Text, Textarea, TextInput } from "@mantine/core";
import type { Definition } from "@sluicegate/sdk";
import { FileUp } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";

import { client } from "../../api/client";
import { usePlace } from "../../app/place";
import { fieldErrorsOf, Problem } from "../../ui/problem";
import { EXAMPLES } from "./examples";
import { readFile } from "./import";
import { refreshWorkflows } from "./row_actions";

export function CreateDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="New workflow" size="lg" centered>
      {opened && <Form onClose={onClose} />}
    </Modal>
  );
}

function Form({ onClose }: { onClose: () => void }) {
  const place = usePlace();
  const [, navigate] = useLocation();
  const [from, setFrom] = useState<string | null>("example");
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [example, setExample] = useState(EXAMPLES[0]?.id ?? "");
  const [text, setText] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const read = text.trim() === "" ? undefined : readFile(text);
  const problem = read && "problem" in read ? read.problem : undefined;
  const nameError = fieldErrorsOf(error).find(({ path }) => path === "/name")?.message;

  const take = (next: string) => {
    setText(next);
    const found = readFile(next);
    if (!("problem" in found)) {
      setName((old) => old || (found.name ?? ""));
      setDescription((old) => old || (found.description ?? ""));
    }
  };
  const create = async (event: FormEvent) => {
    event.preventDefault();
    const definition: Definition | undefined =
      from === "example" ? EXAMPLES.find(({ id }) => id === example)?.definition : read && "definition" in read ? read.definition : undefined;
    if (!definition) {
      return;
    }
    setBusy(true);
    setError(undefined);
    try {
      const workflow = await client.workflows.create(place.workspaceId, place.podId, { name: name.trim(), definition, ...(description ? { description } : {}) });
      void refreshWorkflows(place);
      onClose();
      navigate(place.to("workflows", workflow.id));
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  };
  return (
    <form onSubmit={(event) => void create(event)}>
      <Stack gap="md">
        <TextInput label="Name" required maxLength={120} value={name} error={nameError} onChange={({ currentTarget }) => setName(currentTarget.value)} data-autofocus />
        <TextInput label="Description" value={description} onChange={({ currentTarget }) => setDescription(currentTarget.value)} />
        <Tabs value={from} onChange={setFrom}>
          <Tabs.List>
            <Tabs.Tab value="example">Begin with</Tabs.Tab>
            <Tabs.Tab value="json">Import JSON</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="example" pt="md">
            <Radio.Group value={example} onChange={setExample} aria-label="Begin with">
              <Stack gap="xs">
                {EXAMPLES.map(({ id, title, about }) => (
                  <Radio.Card key={id} value={id} p="sm" radius="md">
                    <Group wrap="nowrap" align="flex-start" gap="sm">
                      <Radio.Indicator />
                      <div>
                        <Text size="sm" fw={600}>
                          {title}
                        </Text>
                        <Text size="sm" className="dim">
                          {about}
                        </Text>
                      </div>
                    </Group>
                  </Radio.Card>
                ))}
              </Stack>
            </Radio.Group>
          </Tabs.Panel>
          <Tabs.Panel value="json" pt="md">
            <Stack gap="xs">
              <Group justify="space-between">
                <Text size="sm" className="dim" flex={1}>
                  A definition, or a file of one with its name. YAML is for the command line: <span className="mono">sluicegate import</span>.
                </Text>
                <FileButton accept="application/json,.json" onChange={(file) => void file?.text().then(take)}>
                  {(props) => (
                    <Button {...props} size="xs" variant="default" leftSection={<FileUp size={14} />}>
                      Choose a file
                    </Button>
                  )}
                </FileButton>
              </Group>
              <Textarea aria-label="Definition as JSON" autosize minRows={8} maxRows={16} spellCheck={false} classNames={{ input: "mono" }} value={text} error={problem} onChange={({ currentTarget }) => take(currentTarget.value)} />
            </Stack>
          </Tabs.Panel>
        </Tabs>
        {error !== undefined && !nameError && <Problem error={error} />}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Back
          </Button>
          <Button type="submit" loading={isBusy} disabled={name.trim() === "" || (from === "json" && (!read || problem !== undefined))}>
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
