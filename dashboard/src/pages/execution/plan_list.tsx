/** The plan of a replay node by node, each of which may be decided otherwise. */
import { NativeSelect, Text } from "@mantine/core";
import type { Definition, ReplayPlan, Schemas } from "@sluicegate/sdk";
import { Bookmark, CopyCheck, Play } from "lucide-react";

import { JsonEditor } from "../../forms/json_editor";
import { writeJson } from "../../forms/json_text";
import { nodeName } from "../../graph/node_card";
import { NodeIcon } from "../../graph/node_icon";
import type { ExecutionLog } from "../../live/execution_log";
import { statusLabel } from "../../ui/status";
import classes from "./replay.module.css";
import { ACTIONS, type ChangeWish, type Choice, isInChild, plannable, type Wish } from "./replay_plan";

const ICONS = { run: Play, reuse: CopyCheck, pin: Bookmark } as const;

export function ActionSign({ action, size = 14 }: { action: Schemas["PlannedAction"]; size?: number }) {
  const Icon = ICONS[action];
  return (
    <span className={classes["sign"]} data-status={ACTIONS[action].status}>
      <Icon size={size} aria-hidden />
    </span>
  );
}

export interface PlanListProps {
  plan: ReplayPlan;
  definition: Definition;
  wish: Wish;
  onChange: ChangeWish;
  log: ExecutionLog;
}

export function PlanList({ plan, definition, wish, onChange, log }: PlanListProps) {
  const planned = new Map(plan.nodes.filter((node) => !node.path).map((node) => [node.nodeId, node]));
  const choose = (nodeId: string, choice: Choice | undefined) => {
    const { [nodeId]: _, ...others } = wish.choices;
    onChange({ choices: choice === undefined ? others : { ...others, [nodeId]: choice } });
  };
  return (
    <ul className={classes["plan"]} aria-label="Plan">
      {plannable(definition).map((node) => {
        const step = planned.get(node.id);
        return (
          step && (
            <PlanRow
              key={node.id}
              name={nodeName(node)}
              type={node.type}
              step={step}
              choice={wish.choices[node.id]}
              oldOutput={log.runs.get(node.id)?.output}
              isFrom={wish.fromNodeId === node.id}
              onChoose={(choice) => choose(node.id, choice)}
            />
          )
        );
      })}
      {plan.nodes.map(
        (step) =>
          step.path && (
            <PlanRow
              key={step.path}
              name={step.path}
              type={isInChild(step.path) ? undefined : definition.nodes.find(({ id }) => id === step.nodeId)?.type}
              step={step}
              isFrom={wish.fromNodeId === step.path}
            />
          ),
      )}
    </ul>
  );
}

interface PlanRowProps {
  name: string;
  type: string | undefined;
  step: Schemas["PlannedNode"];
  choice?: Choice | undefined;
  oldOutput?: unknown;
  isFrom: boolean;
  /** What to do with it otherwise; inside loops and children that can't be chosen. */
  onChoose?: (choice: Choice | undefined) => void;
}

function PlanRow({ name, type, step, choice, oldOutput, isFrom, onChoose }: PlanRowProps) {
  const pinned = typeof choice === "object" ? choice.pin : undefined;
  const change = (value: string) =>
    onChoose?.(value === "plan" ? undefined : value === "pin" ? { pin: writeJson(oldOutput === undefined ? null : oldOutput) } : (value as "run" | "reuse"));
  return (
    <li className={classes["step"]} data-action={step.action} data-from={isFrom || undefined}>
      <div className={classes["line"]}>
        <NodeIcon type={type ?? ""} size={16} />
        <div className={classes["what"]}>
          <span className={classes["name"]}>{name}</span>
          <Text size="xs" className="dim">
            {step.reason}
            {step.was && `; it was ${statusLabel(step.was).toLowerCase()}`}
            {step.decision === "ask" && "; it will ask again"}
          </Text>
        </div>
        <span className={classes["action"]} data-status={ACTIONS[step.action].status}>
          <ActionSign action={step.action} />
          {ACTIONS[step.action].label}
        </span>
        {onChoose && (
          <NativeSelect
            size="xs"
            className={classes["choose"] ?? ""}
            aria-label={`What to do with ${name}`}
            value={choice === undefined ? "plan" : typeof choice === "string" ? choice : "pin"}
            data={[
              { value: "plan", label: "As planned" },
              { value: "run", label: "Run again" },
              { value: "reuse", label: "Reuse" },
              { value: "pin", label: "Pin a value …" },
            ]}
            onChange={(event) => change(event.currentTarget.value)}
          />
        )}
      </div>
      {onChoose && pinned !== undefined && (
        <div className={classes["pin"]}>
          <JsonEditor label={`The output of ${name}`} value={pinned} onChange={(pin) => onChoose({ pin })} minRows={3} maxRows={12} />
        </div>
      )}
    </li>
  );
}
