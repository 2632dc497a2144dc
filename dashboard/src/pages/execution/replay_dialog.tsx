/** Prepares a replay: from where, with what, and what each node would do, before anything starts. */
import { Button, Checkbox, Group, Modal, SegmentedControl, Select, Stack, Text } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import type { Definition, Execution } from "@sluicegate/sdk";
import { RotateCcw } from "lucide-react";
import { useMemo, useState } from "react";
import { useLocation } from "wouter";

import { client } from "../../api/client";
import { usePlace } from "../../app/place";
import { JsonEditor } from "../../forms/json_editor";
import { writeJson } from "../../forms/json_text";
import { Flow, type NodeNote } from "../../graph/flow";
import { nodeName } from "../../graph/node_card";
import type { ExecutionLog } from "../../live/execution_log";
import { Loading } from "../../ui/page";
import { notifyProblem, Problem } from "../../ui/problem";
import { topLevelOf } from "./node_panel";
import { ActionSign, PlanList } from "./plan_list";
import classes from "./replay.module.css";
import { ACTIONS, type ChangeWish, isInChild, plannable, summaryOf, usePlan, useWish, type Wish } from "./replay_plan";
import { useDefinition, useInput } from "./use_execution";

export interface ReplayDialogProps {
  execution: Execution;
  /** What the original ran. */
  definition: Definition;
  fromNodeId: string | null;
  log: ExecutionLog;
  onClose: () => void;
}

export default function ReplayDialog({ execution, definition: original, fromNodeId, log, onClose }: ReplayDialogProps) {
  const place = usePlace();
  const [, navigate] = useLocation();
  const [wish, change] = useWish(fromNodeId);
  const [isStarting, setStarting] = useState(false);
  const isNarrow = useMediaQuery("(max-width: 62em)");
  const { data: plan, error, body, isPlaceholderData } = usePlan(execution, wish);
  const { data: planned } = useDefinition(execution.workflowId, plan?.workflowVersion);
  const definition = planned ?? original;
  const notes = useMemo(
    () =>
      new Map<string, NodeNote>(
        plan?.nodes.filter(({ path }) => !isInChild(path)).map(({ nodeId, action }) => [
          nodeId,
          { text: ACTIONS[action].label, sign: <ActionSign action={action} size={16} />, status: ACTIONS[action].status === "running" ? "retrying" : ACTIONS[action].status },
        ]),
      ),
    [plan],
  );
  const start = async () => {
    if (!body) {
      return;
    }
    setStarting(true);
    try {
      const { id } = await client.replay(execution.workspaceId, execution.podId, execution.id, { ...body, dryRun: false });
      onClose();
      navigate(place.to("executions", id));
    } catch (error) {
      notifyProblem(error, "The replay did not start");
      setStarting(false);
    }
  };
  const isReady = !!body && !!plan && !error && !isPlaceholderData;
  return (
    <Modal opened onClose={onClose} title="Replay" size="72rem" fullScreen={!!isNarrow} classNames={{ title: classes["title"] ?? "" }}>
      <div className={classes["columns"]}>
        <Stack gap="md" className={classes["wish"] ?? ""}>
          <WishForm execution={execution} definition={definition} wish={wish} onChange={change} />
        </Stack>
        <div className={classes["preview"]}>
          {!isNarrow && (
            <div className={`${classes["graph"]} panel`}>
              <Flow
                definition={definition}
                notes={notes}
                selected={wish.fromNodeId?.split("/").at(-1) ?? null}
                onSelect={(nodeId) => change({ fromNodeId: topLevelOf(definition, nodeId) })}
                label="Pick the node to replay from"
              />
            </div>
          )}
          {error && !isPlaceholderData ? (
            <Problem error={error} />
          ) : plan ? (
            <>
              <Text size="sm" fw={600} role="status">
                {summaryOf(plan)}, in version {plan.workflowVersion}
              </Text>
              <PlanList plan={plan} definition={definition} wish={wish} onChange={change} log={log} />
            </>
          ) : (
            <Loading rows={5} />
          )}
        </div>
      </div>
      <Group justify="flex-end" gap="xs" className={classes["foot"] ?? ""}>
        <Button variant="default" onClick={onClose}>
          Back
        </Button>
        <Button leftSection={<RotateCcw size={15} />} onClick={() => void start()} loading={isStarting} disabled={!isReady}>
          Start the replay
        </Button>
      </Group>
    </Modal>
  );
}

const BEGINNING = "";

interface WishFormProps {
  execution: Execution;
  definition: Definition;
  wish: Wish;
  onChange: ChangeWish;
}

function WishForm({ execution, definition, wish, onChange }: WishFormProps) {
  const { data } = useInput(execution.id);
  const asks = definition.nodes.some((node) => node.type === "approval-gate" || node.type === "ask-human");
  const places = plannable(definition).map((node) => ({ value: node.id, label: nodeName(node) }));
  if (wish.fromNodeId?.includes("/")) {
    places.unshift({ value: wish.fromNodeId, label: wish.fromNodeId });
  }
  return (
    <>
      <Select
        label="From"
        description={wish.fromNodeId ? "This node and what follows it run again" : "Everything runs again"}
        searchable
        allowDeselect={false}
        value={wish.fromNodeId ?? BEGINNING}
        data={[{ value: BEGINNING, label: "The beginning" }, ...places]}
        onChange={(value) => onChange({ fromNodeId: value || null })}
        openOnFocus={false}
        data-autofocus
      />
      <Choice
        label="Version of the workflow"
        value={wish.version}
        data={[
          { value: "original", label: `As it was (${execution.workflowVersion})` },
          { value: "latest", label: "Latest" },
        ]}
        onChange={(version) => onChange({ version: version as Wish["version"] })}
      />
      {asks && (
        <Choice
          label="Old answers of people"
          value={wish.decisions}
          data={[
            { value: "ask", label: "Ask again" },
            { value: "reuse", label: "Take them over" },
          ]}
          onChange={(decisions) => onChange({ decisions: decisions as Wish["decisions"] })}
        />
      )}
      {wish.fromNodeId === null && (
        <div>
          <Checkbox
            label="With another input"
            checked={wish.input !== null}
            onChange={(event) => onChange({ input: event.currentTarget.checked ? writeJson(data?.input ?? null) : null })}
            disabled={!data}
          />
          {wish.input !== null && (
            <div className={classes["input"]}>
              <JsonEditor label="Input" value={wish.input} onChange={(input) => onChange({ input })} maxRows={16} />
            </div>
          )}
        </div>
      )}
      <Text size="xs" className="dim">
        To give a node another result, pin a value for it in the plan. The original stays as it is.
      </Text>
    </>
  );
}

interface ChoiceProps {
  label: string;
  value: string;
  data: { value: string; label: string }[];
  onChange: (value: string) => void;
}

function Choice({ label, value, data, onChange }: ChoiceProps) {
  return (
    <div>
      <Text size="sm" fw={500} mb={4}>
        {label}
      </Text>
      <SegmentedControl size="xs" fullWidth aria-label={label} value={value} data={data} onChange={onChange} />
    </div>
  );
}
