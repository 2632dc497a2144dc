/** A node's edges as lists: connected without a mouse. */
import { ActionIcon, Group, Select, Stack, Text } from "@mantine/core";
import { X } from "lucide-react";

import { connect, type Draft, edgeKeys, mayConnect, remove } from "./model";
import { type NodeDefinition, type NodeType, portOf, portsOf, titleOf, typeOf } from "./ports";

export interface ConnectionsProps {
  draft: Draft;
  node: NodeDefinition;
  types: ReadonlyMap<string, NodeType>;
  change: (to: (draft: Draft) => Draft, mark?: string) => void;
}

export function Connections({ draft: { definition }, node, types, change }: ConnectionsProps) {
  const type = types.get(typeOf(node));
  const edges = definition.edges ?? [];
  const keys = edgeKeys(edges);
  const byId = new Map(definition.nodes.map((other) => [other.id, other]));
  const out = edges.map((edge, index) => ({ edge, key: keys[index] ?? "" })).filter(({ edge }) => edge.source === node.id);
  const wired = new Set(out.map(({ edge }) => portOf(edge, node, type)));
  const ports = portsOf(node, type, wired);
  const nameOf = (id: string) => {
    const other = byId.get(id);
    const title = other && titleOf(other, types.get(typeOf(other)));
    return title && title !== id ? `${title} (${id})` : id;
  };
  const incoming = [...new Set(edges.filter((edge) => edge.target === node.id).map((edge) => edge.source))];
  const cut = (key: string) => change((draft) => ({ ...draft, definition: remove(draft.definition, { nodes: new Set(), edges: new Set([key]) }) }));
  const targets = definition.nodes.filter((other) => mayConnect(definition, node.id, other.id));
  return (
    <Stack gap="sm">
      {ports.map((port) => {
        const taken = out.filter(({ edge }) => portOf(edge, node, type) === port.id);
        const free = targets.filter((other) => !taken.some(({ edge }) => edge.target === other.id));
        return (
          <div key={port.id}>
            <Text size="xs" fw={650}>
              {port.label}
              {port.isRequired && " *"}
              <Text span size="xs" className="dim" fw={400}>
                {" "}
                {port.description}
              </Text>
            </Text>
            {taken.map(({ edge, key }) => (
              <Group key={key} gap={4} wrap="nowrap" justify="space-between">
                <Text size="sm" className="truncate">
                  → {nameOf(edge.target)}
                </Text>
                <ActionIcon size="sm" variant="subtle" color="gray" aria-label={`Remove the edge by ${port.label} to ${edge.target}`} onClick={() => cut(key)}>
                  <X size={14} />
                </ActionIcon>
              </Group>
            ))}
            {free.length > 0 && (
              <Select
                size="xs"
                mt={4}
                aria-label={`Connect ${port.label} to`}
                placeholder="Connect to …"
                searchable
                value={null}
                data={free.map(({ id }) => ({ value: id, label: nameOf(id) }))}
                onChange={(target) => {
                  if (target) {
                    change((draft) => ({ ...draft, definition: connect(draft.definition, node.id, port.id, target) }));
                  }
                }}
              />
            )}
          </div>
        );
      })}
      <Text size="xs" className="dim">
        {incoming.length > 0 ? `Comes after ${incoming.map(nameOf).join(", ")}.` : "No edge leads here."}
      </Text>
    </Stack>
  );
}
