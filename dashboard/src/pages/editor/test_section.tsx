/** The inspector's test of a node: values to give it, a button, and what came of it. */
import { Alert, Button, Group, Select, Stack, Text } from "@mantine/core";
import type { Definition } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";
import { FlaskConical, Square } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";

import { client } from "../../api/client";
import { usePlace } from "../../app/place";
import { useSession } from "../../app/session";
import { JsonEditor } from "../../forms/json_editor";
import { parseJson } from "../../forms/json_text";
import { beginning } from "../../run/example";
import { recallInput } from "../../run/remembered";
import { shortId } from "../../ui/copy";
import { fieldErrorsOf, messageOf, notifyProblem, Problem } from "../../ui/problem";
import { statusLabel } from "../../ui/status";
import { Elapsed, formatInstant } from "../../ui/time";
import type { NodeDefinition } from "./ports";
import { TestResult } from "./test_result";
import { fromExecution, fromTrials, isCurrent, read, refusals, testNode, type Trial, type Trials, type ValueName, valuesOf } from "./trial";

const FIELDS: Record<ValueName, { label: string; description: string }> = {
  input: { label: "Input", description: "The trigger's input" },
  lastOutput: { label: "Last output", description: "What the node is handed; the input, if empty" },
  nodes: { label: "Outputs of other nodes", description: "By node id" },
  item: { label: "Item", description: "Of the loop around it" },
  index: { label: "Index", description: "Of the item, from 0" },
  variables: { label: "Variables", description: "By name" },
  context: { label: "Context", description: "The trigger's context" },
};

export interface TestSectionProps {
  definition: Definition;
  node: NodeDefinition;
  trials: Trials;
  trial: Trial | undefined;
  onTrial: (trial: Trial) => void;
  /** Where nodes of this type may have a mock: makes one of a result. */
  onMock: ((mock: object) => void) | undefined;
}

export function TestSection({ definition, node, trials, trial, onTrial, onMock }: TestSectionProps) {
  const place = usePlace();
  const principalId = useSession().data?.principalId ?? "";
  const first = useMemo(() => fromTrials(definition, node, trials, recallInput(principalId, trials.workflowId) ?? beginning(definition)), []);
  const [running, setRunning] = useState<{ since: string; stop: AbortController }>();
  const stop = useRef<AbortController>(undefined);
  // Who looks at another node waits for this one no more.
  useEffect(() => () => stop.current?.abort(), []);

  const texts = trial?.texts ?? first;
  const outcome = trial?.outcome;
  const shown = valuesOf(definition, node);
  const { body, mistakes } = read(texts, shown, node);
  const run = async () => {
    if (!body || running) {
      return;
    }
    const controller = new AbortController();
    stop.current = controller;
    const { data } = node;
    setRunning({ since: new Date().toISOString(), stop: controller });
    onTrial({ texts });
    try {
      const tested = await testNode(place.pod("nodes", "test"), body, controller.signal);
      onTrial({ texts, outcome: { data, tested } });
    } catch (failure) {
      if (!controller.signal.aborted) {
        onTrial({ texts, outcome: { data, failure } });
      }
    } finally {
      setRunning(undefined);
    }
  };
  return (
    <Stack gap="sm">
      <Text size="xs" className="dim">
        Runs this node once, by itself, as it is drawn here. Nothing is recorded; what it does outside, such as an HTTP call, does happen.
      </Text>
      <FillIn definition={definition} node={node} workflowId={trials.workflowId} onFill={(texts) => onTrial({ texts, outcome })} onAnew={() => onTrial({ texts: fromTrials(definition, node, trials, parseInput(texts.input)), outcome })} />
      {shown.map((name) => (
        <JsonEditor
          key={name}
          {...FIELDS[name]}
          value={texts[name]}
          onChange={(text) => onTrial({ texts: { ...texts, [name]: text }, outcome })}
          error={mistakes[name]}
          disabled={running !== undefined}
          minRows={name === "index" || name === "lastOutput" ? 1 : 2}
          maxRows={14}
        />
      ))}
      <Group gap="xs">
        <Button size="xs" leftSection={<FlaskConical size={14} aria-hidden />} loading={running !== undefined} disabled={!body} onClick={() => void run()}>
          Test this node
        </Button>
        {running && (
          <>
            <Button size="xs" variant="default" leftSection={<Square size={13} aria-hidden />} onClick={() => running.stop.abort()}>
              Cancel
            </Button>
            <Text size="xs" className="dim">
              <span role="status">At work</span>, <Elapsed from={running.since} />
            </Text>
          </>
        )}
      </Group>
      {outcome && !running && (
        <>
          {!isCurrent(outcome, node) && (
            <Text size="xs" className="dim">
              The node was changed since: test it again to see what it gives now.
            </Text>
          )}
          {"tested" in outcome ? (
            <TestResult tested={outcome.tested} onMock={onMock} />
          ) : (
            <Refused failure={outcome.failure} isPlaced={refusals(trial, node).some(({ field }) => field !== undefined)} />
          )}
        </>
      )}
    </Stack>
  );
}

function parseInput(text: string): unknown {
  const parsed = parseJson(text);
  return parsed.problem ? {} : parsed.value;
}

/** The server has not even begun. */
function Refused({ failure, isPlaced }: { failure: unknown; isPlaced: boolean }) {
  const fields = fieldErrorsOf(failure);
  if (!isPlaced || fields.some(({ path }) => !path.startsWith("/node/data/"))) {
    return <Problem error={failure} />;
  }
  return (
    <Alert color="red" p="xs" role="alert" title={messageOf(failure)}>
      Nothing was run. What is wrong is shown at its field: mend it, then test again.
    </Alert>
  );
}

interface FillInProps {
  definition: Definition;
  node: NodeDefinition;
  workflowId: string;
  onFill: (texts: Trial["texts"]) => void;
  onAnew: () => void;
}

const ANEW = "";

/** Takes the values from somewhere else than the keyboard. */
function FillIn({ definition, node, workflowId, onFill, onAnew }: FillInProps) {
  const { workspaceId, podId } = usePlace();
  const [isWanted, setWanted] = useState(false);
  const { data, isFetching } = useQuery({
    queryKey: ["executions", podId, "of-workflow", workflowId],
    queryFn: async () => await client.listExecutions(workspaceId, podId, { filter: [`workflowId eq '${workflowId}'`], limit: 20 }),
    enabled: isWanted,
  });
  const fill = async (id: string) => {
    try {
      onFill(fromExecution(definition, node, await client.getExecution(workspaceId, podId, id, { include: ["input", "nodes"] })));
    } catch (error) {
      notifyProblem(error, "The values were not taken over");
    }
  };
  const executions = data?.items ?? [];
  return (
    <Select
      label="Fill in"
      placeholder={isFetching ? "Loading …" : "From mocks or an execution"}
      value={null}
      data={[
        { value: ANEW, label: "From mocks and tests of other nodes" },
        ...executions.map(({ id, status, createdAt }) => ({ value: id, label: `${statusLabel(status)}, ${formatInstant(createdAt)}, …${shortId(id)}` })),
      ]}
      onDropdownOpen={() => setWanted(true)}
      onChange={(id) => (id === ANEW ? onAnew() : id !== null && void fill(id))}
    />
  );
}
