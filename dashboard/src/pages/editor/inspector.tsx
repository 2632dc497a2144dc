/** The selected node: its name and place, its fields, its ports, what its type is for. */
import { Accordion, Alert, Button, Group, List, Select, Stack, Text, TextInput } from "@mantine/core";
import { Sparkles } from "lucide-react";
import { useMemo, useState } from "react";

import { NodeIcon } from "../../graph/node_icon";
import { Json } from "../../ui/json";
import { Connections } from "./connections";
import { Field } from "./field";
import { JsonField } from "./json_field";
import { before, type Draft, mapNode, moveInto, rename, setData, withBodies } from "./model";
import { type NodeDefinition, type NodeType, titleOf, typeOf } from "./ports";
import type { PlacedProblem } from "./problems";
import { arrange, type Schema } from "./schema";
import { NamesContext, TextField } from "./text_field";

export interface InspectorProps {
  draft: Draft;
  node: NodeDefinition;
  types: ReadonlyMap<string, NodeType>;
  problems: readonly PlacedProblem[];
  change: (to: (draft: Draft) => Draft, mark?: string) => void;
  /** The node has another id now. */
  onRenamed: (id: string) => void;
  onAddInside: (type: string) => void;
}

export function Inspector(props: InspectorProps) {
  const { draft, node, types, problems, change } = props;
  const type = types.get(typeOf(node));
  const schema = (type?.schema ?? {}) as Schema;
  const data = node.data ?? {};
  // What is shown at once stays while somebody types.
  const groups = useMemo(() => arrange(schema, data, type?.example ?? {}), [node.id, type]);
  const mine = problems.filter((problem) => problem.nodeId === node.id);
  const errors = useMemo(() => {
    const byField = new Map<string, string>();
    for (const { field, message } of mine) {
      if (field !== undefined && field !== "/") {
        byField.set(field, byField.has(field) ? `${byField.get(field)}; ${message}` : message);
      }
    }
    return byField;
  }, [problems, node.id]);
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
  const field = (name: string) => {
    const inner = schema.properties?.[name];
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
  const [open, setOpen] = useState<string[]>(() => [...(hasMore ? ["more"] : []), ...(hasCommon ? ["common"] : [])]);

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
        <Names {...props} type={type} />
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
          {typeOf(node) !== "note" && (
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

function Names({ draft, node, types, type, change, onRenamed, onAddInside }: InspectorProps & { type: NodeType | undefined }) {
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
