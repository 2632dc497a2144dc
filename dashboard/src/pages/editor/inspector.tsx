/** The selected node: its name and place, its fields, its ports, what its type is for. */
import { Accordion, Alert, Button, Divider, Group, List, Select, Stack, Text, TextInput } from "@mantine/core";
import { Sparkles } from "lucide-react";
import { useMemo, useState } from "react";

import { compensatedBy } from "../../graph/compensation";
import { NodeIcon } from "../../graph/node_icon";
import { Json } from "../../ui/json";
import { Connections } from "./connections";
import { Field } from "./field";
import { JsonField } from "./json_field";
import { before, compensable, compensate, type Draft, mapNode, moveInto, rename, setData, withBodies } from "./model";
import { type NodeDefinition, type NodeType, portsOf, titleOf, typeOf } from "./ports";
import type { PlacedProblem } from "./problems";
import { arrange, mockSchema, type Schema } from "./schema";
import { TestSection } from "./test_section";
import { NamesContext, TextField } from "./text_field";
import { refusals, type Trial, type Trials } from "./trial";

export interface InspectorProps {
  draft: Draft;
  node: NodeDefinition;
  types: ReadonlyMap<string, NodeType>;
  problems: readonly PlacedProblem[];
  change: (to: (draft: Draft) => Draft, mark?: string) => void;
  /** The node has another id now. */
  onRenamed: (id: string) => void;
  onAddInside: (type: string) => void;
  /** Tests of nodes; who may not test has none. */
  trials: Trials | undefined;
}

export function Inspector(props: InspectorProps) {
  const { draft, node, types, problems, change, trials } = props;
  const type = types.get(typeOf(node));
  const schema = (type?.schema ?? {}) as Schema;
  const data = node.data ?? {};
  // What is shown at once stays while somebody types.
  const groups = useMemo(() => arrange(schema, data, type?.example ?? {}), [node.id, type]);
  const [trial, setTrial] = useState<Trial | undefined>(() => trials?.byNode.get(node.id));
  const onTrial = (next: Trial) => {
    trials?.byNode.set(node.id, next);
    setTrial(next);
  };
  const found = problems.filter((problem) => problem.nodeId === node.id);
  // What a test was refused for is most often known already.
  const mine = [...found, ...refusals(trial, node).filter(({ field, message }) => !found.some((known) => known.field === field && known.message === message))];
  const errors = useMemo(() => {
    const byField = new Map<string, string>();
    for (const { field, message } of mine) {
      if (field !== undefined && field !== "/") {
        byField.set(field, byField.has(field) ? `${byField.get(field)}; ${message}` : message);
      }
    }
    return byField;
  }, [problems, node, trial]);
  // What no field shows.
  const general = mine.filter(({ field }) => field === undefined || !(field.split("/")[1] as string in (schema.properties ?? {})));
  const names = useMemo(
    () => [
      { name: "input", about: "the trigger's input" },
      { name: "lastOutput", about: "the node before" },
      { name: "variables", about: "what was assigned" },
      ...(node.parentId ? [{ name: "item", about: "of the loop" }, { name: "index", about: "of the loop" }] : []),
      ...before(draft.definition, node.id).flatMap((id) => {
        const other = draft.definition.nodes.find((each) => each.id === id);
        return other && /^[A-Za-z_]\w*$/.test(id) ? [{ name: id, about: titleOf(other, types.get(typeOf(other))) }] : [];
      }),
    ],
    [draft.definition, node.id, node.parentId, types],
  );
  const set = (name: string, value: unknown) =>
    change((draft) => ({ ...draft, definition: setData(draft.definition, node.id, name, value) }), `data ${node.id} ${name}`);
  const ports = portsOf(node, type).filter(({ isFailure }) => !isFailure).map(({ id }) => id);
  const field = (name: string) => {
    const written = schema.properties?.[name];
    const inner = name === "mock" && written ? mockSchema(written, ports, (data["mock"] as { branch?: unknown } | null | undefined)?.branch) : written;
    return (
      inner && (
        <Field
          key={`${node.id} ${name}`}
          name={name}
          schema={inner}
          value={data[name]}
          required={schema.required?.includes(name) ?? false}
          errors={errors}
          path={`/${name}`}
          onChange={(value) => set(name, value)}
        />
      )
    );
  };
  const hasMore = groups.more.some((name) => [...errors.keys()].some((at) => at.split("/")[1] === name));
  const hasCommon = groups.common.some((name) => data[name] !== undefined || [...errors.keys()].some((at) => at.split("/")[1] === name));
  const hasTest = trial !== undefined || data["mock"] !== undefined;
  const [open, setOpen] = useState<string[]>(() => [...(hasMore ? ["more"] : []), ...(hasCommon ? ["common"] : []), ...(hasTest ? ["test"] : [])]);
  const mock = schema.properties?.["mock"];
  const isWired = (draft.definition.edges ?? []).some(({ source, target }) => source === node.id || target === node.id);

  return (
    <NamesContext value={names}>
      <Stack gap="md" p="sm">
        {general.length > 0 && (
          <Alert color="red" p="xs">
            <List size="sm">
              {general.map(({ message, path }) => (
                <List.Item key={path + message}>{message}</List.Item>
              ))}
            </List>
          </Alert>
        )}
        <Names {...props} type={type} undoError={errors.get("/compensates")} />
        {type?.example && Object.keys(data).length === 0 && groups.first.length > 0 && typeOf(node) !== "start" && typeOf(node) !== "end" && (
          <Button
            variant="default"
            size="xs"
            leftSection={<Sparkles size={14} />}
            onClick={() => change((draft) => ({ ...draft, definition: mapNode(draft.definition, node.id, (old) => ({ ...old, data: type.example })) }))}
          >
            Begin with an example
          </Button>
        )}
        {groups.first.map(field)}
        {!type && <JsonField label="Data" value={data} onChange={(value) => change((draft) => ({ ...draft, definition: mapNode(draft.definition, node.id, (old) => ({ ...old, data: (value ?? {}) as Record<string, unknown> })) }))} />}
        <Accordion multiple variant="separated" chevronPosition="left" value={open} onChange={setOpen} styles={{ content: { paddingTop: 4 } }}>
          {groups.more.length > 0 && (
            <Accordion.Item value="more">
              <Accordion.Control>More options</Accordion.Control>
              <Accordion.Panel>{open.includes("more") && <Stack gap="md">{groups.more.map(field)}</Stack>}</Accordion.Panel>
            </Accordion.Item>
          )}
          {groups.common.length > 0 && (
            <Accordion.Item value="common">
              <Accordion.Control>Running, retries, failures</Accordion.Control>
              <Accordion.Panel>{open.includes("common") && <Stack gap="md">{groups.common.map(field)}</Stack>}</Accordion.Panel>
            </Accordion.Item>
          )}
          {typeOf(node) !== "note" && (trials || mock) && (
            <Accordion.Item value="test">
              <Accordion.Control>{mock ? "Test and mock" : "Test"}</Accordion.Control>
              <Accordion.Panel>
                {open.includes("test") && (
                  <Stack gap="md">
                    {trials && (
                      <TestSection
                        definition={draft.definition}
                        node={node}
                        trials={trials}
                        trial={trial}
                        onTrial={onTrial}
                        onMock={mock && ((next) => set("mock", next))}
                      />
                    )}
                    {mock && <Divider />}
                    {mock && field("mock")}
                  </Stack>
                )}
              </Accordion.Panel>
            </Accordion.Item>
          )}
          {typeOf(node) !== "note" && (compensatedBy(node) === undefined || isWired) && (
            <Accordion.Item value="ports">
              <Accordion.Control>Connections</Accordion.Control>
              <Accordion.Panel>{open.includes("ports") && <Connections draft={draft} node={node} types={types} change={change} />}</Accordion.Panel>
            </Accordion.Item>
          )}
          <Accordion.Item value="about">
            <Accordion.Control>About {type?.title ?? "this type"}</Accordion.Control>
            <Accordion.Panel>{open.includes("about") && <About type={type} />}</Accordion.Panel>
          </Accordion.Item>
        </Accordion>
      </Stack>
    </NamesContext>
  );
}

const ID = /^[A-Za-z0-9_-]{1,64}$/;

function Names({ draft, node, types, type, change, onRenamed, onAddInside, undoError }: InspectorProps & { type: NodeType | undefined; undoError: string | undefined }) {
  const [id, setId] = useState(node.id);
  const isTaken = id !== node.id && draft.definition.nodes.some((other) => other.id === id);
  const idError = !ID.test(id) ? "Letters, digits, _ and -, up to 64" : isTaken ? "Another node is called so" : undefined;
  const setName = (name: string) =>
    change(
      (draft) => ({
        ...draft,
        definition: mapNode(draft.definition, node.id, ({ name: _, ...rest }) => (name === "" ? rest : { ...rest, name })),
      }),
      `name ${node.id}`,
    );
  const applyId = () => {
    if (!idError && id !== node.id) {
      change((draft) => ({ ...draft, definition: rename(draft.definition, node.id, id) }));
      onRenamed(id);
    }
  };
  const inside = withBodies(draft.definition, new Set([node.id]));
  const loops = draft.definition.nodes.filter((other) => typeOf(other) === "loop" && !inside.has(other.id));
  const undone = compensatedBy(node);
  const choices = compensable(draft.definition, node).map(({ id }) => id);
  // A node that is not there any more is shown, too: it is what has to be mended.
  const undoable = undone === undefined || choices.includes(undone) ? choices : [...choices, undone];
  const nameOf = (id: string) => {
    const other = draft.definition.nodes.find((each) => each.id === id);
    return other ? `${titleOf(other, types.get(typeOf(other)))} (${id})` : `${id}, which is not here`;
  };
  const isInner = !["start", "end"].includes(typeOf(node));
  const description = node.data?.["description"];
  return (
    <>
      <TextInput
        label="Name"
        placeholder={type?.title ?? node.id}
        value={node.name ?? ""}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
        data-node-name
      />
      <TextInput
        label="Id"
        description="What expressions and the log call it"
        value={id}
        error={idError}
        onChange={({ currentTarget }) => setId(currentTarget.value)}
        onBlur={applyId}
        onKeyDown={(event) => event.key === "Enter" && applyId()}
        classNames={{ input: "mono" }}
      />
      {(type?.schema as Schema | undefined)?.properties?.["description"] && (
        <TextField
          label="Description"
          kind="plain"
          value={typeof description === "string" ? description : ""}
          onChange={(value) => change((draft) => ({ ...draft, definition: setData(draft.definition, node.id, "description", value) }), `description ${node.id}`)}
        />
      )}
      {isInner && loops.length > 0 && (
        <Select
          label="Inside of"
          data={loops.map((loop) => ({ value: loop.id, label: `Loop ${titleOf(loop, types.get("loop"))} (${loop.id})` }))}
          value={node.parentId ?? null}
          placeholder="The workflow itself"
          clearable
          onChange={(parent) => change((draft) => ({ ...draft, definition: moveInto(draft.definition, node.id, parent) }))}
        />
      )}
      {(type?.schema as Schema | undefined)?.properties?.["compensates"] && (
        <Select
          label="Undoes"
          description={undone ? "Runs only where the execution fails or is cancelled after that node completed" : "Another node, where the execution fails or is cancelled; such a node has no edges"}
          data={undoable.map((id) => ({ value: id, label: nameOf(id) }))}
          value={undone ?? null}
          placeholder="Nothing: an ordinary node"
          error={undoError}
          clearable
          onChange={(compensated) => change((draft) => ({ ...draft, definition: compensate(draft.definition, node.id, compensated) }))}
        />
      )}
      {typeOf(node) === "loop" && (
        <Select
          label="Add to the body"
          description="The body's nodes run once for each item."
          placeholder="Choose a node type"
          searchable
          value={null}
          data={[...types.values()].filter((each) => !["start", "end"].includes(each.type)).map((each) => ({ value: each.type, label: each.title }))}
          onChange={(added) => added && onAddInside(added)}
        />
      )}
    </>
  );
}

function About({ type }: { type: NodeType | undefined }) {
  if (!type) {
    return <Text size="sm">The server knows no such node type.</Text>;
  }
  return (
    <Stack gap="xs">
      <Group gap="xs">
        <NodeIcon type={type.type} />
        <span className="mono">{type.type}</span>
      </Group>
      <Text size="sm">{type.description}</Text>
      <Text size="sm">
        <b>Result:</b> {type.result}
      </Text>
      {type.ports.length > 0 && (
        <List size="sm">
          {type.ports.map((port) => (
            <List.Item key={port.id}>
              <span className="mono">{port.id}</span>: {port.description}
            </List.Item>
          ))}
        </List>
      )}
      <Text size="sm" fw={600}>
        Example
      </Text>
      <Json value={type.example} label="example" open={3} />
    </Stack>
  );
}
