/** The row above the canvas: undo, arrange, find, problems, settings. */
import { ActionIcon, Alert, Button, Group, Select, Text, Tooltip } from "@mantine/core";
import type { Definition, Workflow } from "@sluicegate/sdk";
import { Braces, CircleCheck, CircleHelp, LayoutDashboard, type LucideIcon, Plus, Redo2, Settings2, TriangleAlert, Undo2 } from "lucide-react";

import type { Commands } from "./commands";
import classes from "./editor.module.css";
import type { History } from "./history";
import type { Draft, Selection } from "./model";
import type { PanelName } from "./panel";
import { type NodeType, titleOf, typeOf } from "./ports";
import type { Problems } from "./problems";

export interface ToolsProps {
  history: History<Draft>;
  commands: Commands;
  problems: Problems;
  panel: PanelName | null;
  onPanel: (name: PanelName) => void;
  onJson: () => void;
  onHelp: () => void;
  onFind: (nodeId: string) => void;
  /** Where the palette is not beside the canvas. */
  onAdd?: () => void;
  isEditable: boolean;
  selection: Selection;
  definition: Definition;
  types: ReadonlyMap<string, NodeType>;
}

function Tool({ icon: Icon, label, onClick, disabled = false, pressed }: { icon: LucideIcon; label: string; onClick: () => void; disabled?: boolean; pressed?: boolean }) {
  return (
    <Tooltip label={label}>
      <ActionIcon className={classes["tool"]} variant={pressed ? "light" : "subtle"} color={pressed ? "water" : "gray"} size="lg" aria-label={label} aria-pressed={pressed} onClick={onClick} disabled={disabled}>
        <Icon size={17} />
      </ActionIcon>
    </Tooltip>
  );
}

export function Tools(props: ToolsProps) {
  const { history, commands, problems, panel, onPanel, onJson, onHelp, onFind, onAdd, isEditable, selection, definition, types } = props;
  const count = problems.list.length;
  return (
    <div className={classes["tools"]} role="toolbar" aria-label="Editing">
      {onAdd && (
        <Button size="xs" variant="default" leftSection={<Plus size={14} />} onClick={onAdd}>
          Add
        </Button>
      )}
      {isEditable && (
        <Group gap={0} wrap="nowrap">
          <Tool icon={Undo2} label="Undo" onClick={history.undo} disabled={!history.canUndo} />
          <Tool icon={Redo2} label="Redo" onClick={history.redo} disabled={!history.canRedo} />
          <Tool icon={LayoutDashboard} label="Arrange all nodes" onClick={commands.arrange} />
        </Group>
      )}
      <Select
        size="xs"
        w={132}
        aria-label="Find a node"
        placeholder="Find a node"
        searchable
        value={null}
        limit={50}
        data={definition.nodes.filter((node, index, all) => all.findIndex(({ id }) => id === node.id) === index).map((node) => ({ value: node.id, label: `${titleOf(node, types.get(typeOf(node)))} (${node.id})` }))}
        onChange={(id) => id && onFind(id)}
      />
      {selection.nodes.size > 1 && (
        <Text size="xs" className="dim">
          {selection.nodes.size} selected
        </Text>
      )}
      <span className={classes["grow"]} />
      {isEditable && (
        <Button
          size="xs"
          variant="default"
          aria-pressed={panel === "problems"}
          leftSection={count > 0 ? <TriangleAlert size={14} color="var(--sg-fail)" /> : <CircleCheck size={14} color="var(--sg-ok)" />}
          onClick={() => onPanel("problems")}
        >
          {count === 0 ? (problems.isCurrent ? "No problems" : "Checking …") : count === 1 ? "1 problem" : `${count} problems`}
        </Button>
      )}
      <Group gap={0} wrap="nowrap">
        <Tool icon={Settings2} label="Workflow settings" onClick={() => onPanel("settings")} pressed={panel === "settings"} />
        <Tool icon={Braces} label="The definition as JSON" onClick={onJson} />
        <Tool icon={CircleHelp} label="Keys" onClick={onHelp} />
      </Group>
    </div>
  );
}

/** Somebody else has saved while this is open. */
export function Newer({ latest, isDirty, onTake }: { latest: Workflow; isDirty: boolean; onTake: () => void }) {
  return (
    <Alert color="blue" p="xs" role="status">
      <Group justify="space-between" gap="xs">
        <Text size="sm">Version {latest.version} has been saved meanwhile. {isDirty ? "You have changes of your own: saving asks what to do." : "You see an older one."}</Text>
        {!isDirty && (
          <Button size="compact-sm" variant="default" onClick={onTake}>
            Show version {latest.version}
          </Button>
        )}
      </Group>
    </Alert>
  );
}
