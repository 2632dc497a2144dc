/** Where the execution comes from and what came of it. */
import { Anchor, Stack, Table, Text, Title } from "@mantine/core";
import type { Execution } from "@sluicegate/sdk";
import { useEffect } from "react";
import { Link } from "wouter";

import { usePlace } from "../../app/place";
import { type ExecutionLog, isFinal } from "../../live/execution_log";
import { shortId } from "../../ui/copy";
import { Loading } from "../../ui/page";
import { StatusBadge } from "../../ui/status";
import { Ago, formatDuration } from "../../ui/time";
import { MOST, useChildren, useReplays, useSlimExecution } from "./related";
import { useWorkflow } from "./use_execution";

export function Lineage({ execution, log }: { execution: Execution; log: ExecutionLog }) {
  const { data: parent } = useSlimExecution(execution.parentExecutionId);
  const { data: original } = useSlimExecution(execution.replayOf);
  const { data: twin } = useSlimExecution(execution.duplicateOf);
  const { data: children, refetch } = useChildren(execution.id);
  const { data: replays } = useReplays(execution.id);
  // A node that has a child says so when it begins.
  const childCount = [...log.runs.values()].filter(({ childExecutionId }) => childExecutionId).length;
  const isOver = isFinal(log.status);
  useEffect(() => void refetch(), [refetch, childCount, isOver]);
  if (!children || !replays) {
    return <Loading rows={4} />;
  }
  const isAlone = !execution.parentExecutionId && !execution.replayOf && !execution.duplicateOf && children.length === 0 && replays.length === 0;
  return (
    <Stack gap="lg">
      {isAlone && (
        <Text size="sm" className="dim">
          It stands alone: nothing else has started it, and it has started nothing. Its replays and child executions will be listed here.
        </Text>
      )}
      {parent && <Family title="Started by" executions={[parent]} />}
      {original && <Family title={execution.triggeredBy === "retry" ? "Repeats" : "Replays"} executions={[original]} compareWith={execution} note={execution.fromNodeId} />}
      {twin && <Family title="Skipped as a duplicate of" executions={[twin]} />}
      {children.length > 0 && <Family title="Started these" executions={children} />}
      {replays.length > 0 && <Family title="Was replayed as" executions={replays} compareWith={execution} />}
    </Stack>
  );
}

interface FamilyProps {
  title: string;
  executions: Execution[];
  /** Offers to look at both side by side. */
  compareWith?: Execution;
  /** The node from which it was replayed. */
  note?: string | null | undefined;
}

function Family({ title, executions, compareWith, note }: FamilyProps) {
  const place = usePlace();
  return (
    <section>
      <Title order={2} size="h6" mb={6}>
        {title}
      </Title>
      <Table.ScrollContainer minWidth={560} className="panel" type="native">
        <Table verticalSpacing={6} aria-label={title}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Execution</Table.Th>
              <Table.Th>Workflow</Table.Th>
              <Table.Th>Status</Table.Th>
              <Table.Th>From</Table.Th>
              <Table.Th>Took</Table.Th>
              <Table.Th>Triggered</Table.Th>
              {compareWith && <Table.Th />}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {executions.map((each) => (
              <Table.Tr key={each.id}>
                <Table.Td>
                  <Anchor component={Link} href={place.to("executions", each.id)} className="mono" size="sm">
                    {shortId(each.id)}
                  </Anchor>
                </Table.Td>
                <Table.Td>
                  <WorkflowName workflowId={each.workflowId} /> <span className="dim">version {each.workflowVersion}</span>
                </Table.Td>
                <Table.Td>
                  <StatusBadge status={each.status} />
                </Table.Td>
                <Table.Td className="mono">{each.fromNodeId ?? note ?? ""}</Table.Td>
                <Table.Td className="number">{each.durationMs != null ? formatDuration(each.durationMs) : ""}</Table.Td>
                <Table.Td>
                  <Ago at={each.createdAt} />
                </Table.Td>
                {compareWith && (
                  <Table.Td>
                    <Anchor
                      component={Link}
                      size="sm"
                      href={
                        compareWith.replayOf === each.id
                          ? place.to("executions", each.id, "compare", compareWith.id)
                          : place.to("executions", compareWith.id, "compare", each.id)
                      }
                    >
                      Compare
                    </Anchor>
                  </Table.Td>
                )}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {executions.length >= MOST && (
        <Text size="xs" className="dim">
          These are the newest {MOST}.
        </Text>
      )}
    </section>
  );
}

function WorkflowName({ workflowId }: { workflowId: string }) {
  const { data } = useWorkflow(workflowId);
  return <>{data?.name ?? <span className="mono">{shortId(workflowId)}</span>}</>;
}
