/** The node types to choose from: dragged onto the canvas, or added by a click or a key. */
import { ScrollArea, Stack, Text, TextInput, Tooltip, UnstyledButton } from "@mantine/core";
import { Search } from "lucide-react";
import { useState } from "react";

import { NodeIcon } from "../../graph/node_icon";
import { DRAGGED } from "./canvas";
import card from "./card.module.css";
import classes from "./editor.module.css";
import type { NodeType } from "./ports";

const CATEGORIES: Record<string, string> = { flow: "Flow", data: "Data", network: "Network", people: "People" };

export interface PaletteProps {
  types: readonly NodeType[];
  onAdd: (type: string) => void;
  /** There is one of these already, and one is enough. */
  hasStart: boolean;
}

export function Palette({ types, onAdd, hasStart }: PaletteProps) {
  const [query, setQuery] = useState("");
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = types.filter(({ type, title, description }) => {
    const text = `${type} ${title} ${description}`.toLowerCase();
    return !(hasStart && type === "start") && words.every((word) => text.includes(word));
  });
  const byName = [...found].sort((left, right) => rank(right, words) - rank(left, words));
  const categories = [...new Set(types.map(({ category }) => category))];
  return (
    <div className={classes["palette"]} role="region" aria-label="Node types">
      <TextInput
        m="xs"
        mb={4}
        size="xs"
        aria-label="Search node types"
        placeholder="Search node types"
        leftSection={<Search size={14} aria-hidden />}
        value={query}
        onChange={({ currentTarget }) => setQuery(currentTarget.value)}
        onKeyDown={(event) => {
          const [first] = byName;
          if (event.key === "Enter" && first && words.length > 0) {
            onAdd(first.type);
          }
        }}
        data-palette-search
      />
      <ScrollArea flex={1} mih={0} type="auto" scrollbarSize={6}>
        <Stack gap={10} p="xs" pt={4}>
          {categories.map((category) => {
            const here = byName.filter((type) => type.category === category);
            return (
              here.length > 0 && (
                <div key={category} role="group" aria-label={CATEGORIES[category] ?? category}>
                  <Text size="xs" fw={650} className="dim" mb={2} px={6}>
                    {CATEGORIES[category] ?? category}
                  </Text>
                  {here.map((type) => (
                    <Tooltip key={type.type} label={type.description} position="right" multiline w={260} openDelay={500} withinPortal>
                      <UnstyledButton
                        className={classes["choice"]}
                        draggable
                        onDragStart={(event) => {
                          event.dataTransfer.setData(DRAGGED, type.type);
                          event.dataTransfer.effectAllowed = "copy";
                        }}
                        onClick={() => onAdd(type.type)}
                        aria-label={`Add ${type.title}`}
                      >
                        <span className={`${card["swatch"]} ${classes["swatch"]}`} data-category={type.category}>
                          <NodeIcon type={type.type} size={15} />
                        </span>
                        {type.title}
                      </UnstyledButton>
                    </Tooltip>
                  ))}
                </div>
              )
            );
          })}
          {found.length === 0 && (
            <Text size="sm" className="dim" ta="center" py="md">
              No node type is called or does that.
            </Text>
          )}
        </Stack>
      </ScrollArea>
    </div>
  );
}

/** What is called so comes before what only mentions it. */
function rank({ title, type }: NodeType, words: string[]): number {
  const name = `${title} ${type}`.toLowerCase();
  return words.filter((word) => name.includes(word)).length;
}
