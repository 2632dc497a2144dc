/** The panel beside the canvas: the selected node, the problems, or the workflow's settings. */
import { ActionIcon, CloseButton, Drawer, Group, ScrollArea, Text, Tooltip } from "@mantine/core";
import { CopyPlus, Trash2 } from "lucide-react";
import type { ReactNode } from "react";

import type { Commands } from "./commands";
import classes from "./editor.module.css";
import { Inspector } from "./inspector";
import type { Draft } from "./model";
import { type NodeDefinition, type NodeType, titleOf, typeOf } from "./ports";
import { ProblemList } from "./problem_list";
import type { PlacedProblem, Problems } from "./problems";
import type { Trials } from "./trial";
import { SettingsPanel } from "./settings_panel";

export type PanelName = "node" | "problems" | "settings";

export interface PanelProps {
  name: PanelName;
  node: NodeDefinition | undefined;
  draft: Draft;
  types: ReadonlyMap<string, NodeType>;
  problems: Problems;
  isEditable: boolean;
  trials: Trials;
  change: (to: (draft: Draft) => Draft, mark?: string) => void;
  commands: Commands;
  onGo: (problem: PlacedProblem) => void;
  onSelect: (id: string) => void;
  onAddInside: (loopId: string, type: string) => void;
  onClose: () => void;
}

export function Panel({ name, node, draft, types, problems, isEditable, trials, change, commands, onGo, onSelect, onAddInside, onClose }: PanelProps) {
  const title = name === "problems" ? "Problems" : name === "settings" ? "Workflow settings" : node ? titleOf(node, types.get(typeOf(node))) : "";
  return (
    <>
      <div className={classes["sideHead"]}>
        <Text component="h2" fw={650} size="sm" className="truncate" title={title}>
          {title}
        </Text>
        <Group gap={2} wrap="nowrap">
          {name === "node" && isEditable && (
            <>
              <Tooltip label="Duplicate">
                <ActionIcon variant="subtle" color="gray" aria-label="Duplicate this node" onClick={commands.duplicate}>
                  <CopyPlus size={16} />
                </ActionIcon>
              </Tooltip>
              <Tooltip label="Delete">
                <ActionIcon variant="subtle" color="gray" aria-label="Delete this node" onClick={commands.remove}>
                  <Trash2 size={16} />
                </ActionIcon>
              </Tooltip>
            </>
          )}
          <CloseButton aria-label="Close the panel" onClick={onClose} />
        </Group>
      </div>
      <ScrollArea className={classes["sideBody"]} type="auto" scrollbarSize={8} viewportProps={{ tabIndex: 0, "aria-label": title, role: "group" }}>
        {name === "problems" && (
          <div style={{ padding: 12 }}>
            <ProblemList problems={problems} onGo={onGo} />
          </div>
        )}
        {/* Who may only look sees the fields, and can't change them. */}
        <fieldset disabled={!isEditable} style={{ all: "unset", display: "block" }}>
          {name === "settings" && <SettingsPanel draft={draft} problems={problems.list} change={change} />}
          {name === "node" && node && (
            <Inspector
              key={node.id}
              draft={draft}
              node={node}
              types={types}
              problems={problems.list}
              change={change}
              trials={isEditable ? trials : undefined}
              onRenamed={onSelect}
              onAddInside={(type) => onAddInside(node.id, type)}
            />
          )}
        </fieldset>
      </ScrollArea>
    </>
  );
}

/** The panel where there is no room beside the canvas. */
export function SidePanel({ children, onClose }: { children: ReactNode; onClose: () => void }) {
  return (
    <Drawer.Root opened onClose={onClose} position="bottom" size="70%" padding={0}>
      <Drawer.Overlay />
      <Drawer.Content aria-label="Details">
        <div className={classes["inDrawer"]}>{children}</div>
      </Drawer.Content>
    </Drawer.Root>
  );
}
