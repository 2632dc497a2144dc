/** Two executions side by side, node by node. */
import { Button, Group, SimpleGrid, Stack, Switch, Text, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { Comparison, Execution } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";
import { ArrowLeftRight, Check, Equal, GitCompareArrows, X } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Link, useLocation, useParams } from "wouter";

import { client, isRefusal } from "../../api/client";
import { NotFound } from "../../app/not_found";
import { usePlace } from "../../app/place";
import { isFinal } from "../../live/execution_log";
import { shortId } from "../../ui/copy";
import { Empty, Loading, Page } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { StatusBadge } from "../../ui/status";
import { Ago, formatDuration } from "../../ui/time";
import classes from "./compare.module.css";
import { CompareDialog } from "./compare_dialog";
import { CompareNodes } from "./compare_nodes";
import { CompareValues } from "./compare_values";
import { useSlimExecution } from "./related";
import { useInput, useWorkflow } from "./use_execution";

export default function ComparePage() {
  const { executionId = "", otherId = "" } = useParams();
  const place = usePlace();
  const [, navigate] = useLocation();
  const [isAll, setAll] = useState(false);
  const [isChoosing, { open, close }] = useDisclosure(false);
  const { data: left } = useSlimExecution(executionId);
  const { data: right } = useSlimExecution(otherId);
  const { data: workflow } = useWorkflow(left?.workflowId);
  const isOver = isFinal(left?.status) && isFinal(right?.status);
  const { data, error, refetch } = useQuery({
    queryKey: ["comparison", place.podId, executionId, otherId],
    queryFn: () => client.compare(place.workspaceId, place.podId, executionId, otherId),
    // What goes on changes, what is over never does.
    refetchInterval: isOver ? false : 3_000,
  });
  if (error && !data) {
    return isRefusal(error) && error.statusCode === 404 ? <NotFound what="execution" /> : <Problem error={error} retry={() => void refetch()} />;
  }
  // What was reused has made no attempt: that alone is no difference worth a line.
  const differing = data?.nodes.filter(({ differs }) => differs.some((what) => what !== "attempt")) ?? [];
  return (
    <Page
      title="Compare"
      above={[
        { title: "Executions", to: place.to("executions") },
        { title: workflow?.name ?? shortId(executionId), to: place.to("executions", executionId) },
      ]}
      actions={
        <>
          <Button size="xs" variant="default" leftSection={<ArrowLeftRight size={15} />} onClick={() => navigate(place.to("executions", otherId, "compare", executionId))}>
            Swap sides
          </Button>
          <Button size="xs" variant="default" leftSection={<GitCompareArrows size={15} />} onClick={open} disabled={!left}>
            Another one
          </Button>
        </>
      }
    >
      {data && left && right ? (
        <Stack gap="lg">
          <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
            <Side title="Left" execution={left} activeMs={data.left.activeMs} />
            <Side title="Right" execution={right} activeMs={data.right.activeMs} other={data.left.activeMs} />
          </SimpleGrid>
          <Sameness comparison={data} />
          {!data.sameInput && <Inputs leftId={executionId} rightId={otherId} />}
          {!data.sameOutput && (
            <Section title="Output">
              <CompareValues left={data.left.output} right={data.right.output} label="output" />
            </Section>
          )}
          <Section
            title="Nodes"
            aside={<Switch size="xs" label="Also what is the same" checked={isAll} onChange={(event) => setAll(event.currentTarget.checked)} />}
          >
            <Text size="sm" className="dim" mb={6} role="status">
              {differing.length === 0 ? "No node run differs" : `${differing.length.toLocaleString()} of ${data.nodes.length.toLocaleString()} node runs differ`}
            </Text>
            {differing.length === 0 && !isAll ? (
              <Empty icon={Equal} title="All node runs ended in the same way">
                Their outputs, ports and failures are the same. Durations are beside each node when all are shown.
              </Empty>
            ) : (
              <CompareNodes nodes={isAll ? data.nodes : differing} />
            )}
          </Section>
        </Stack>
      ) : (
        <Loading rows={8} />
      )}
      {isChoosing && left && <CompareDialog execution={left} onClose={close} />}
    </Page>
  );
}

function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section>
      <Group justify="space-between" mb={6}>
        <Title order={2} size="h5">
          {title}
        </Title>
        {aside}
      </Group>
      {children}
    </section>
  );
}

interface SideProps {
  title: string;
  execution: Execution;
  activeMs: number | null | undefined;
  /** How long the other one was at work. */
  other?: number | null | undefined;
}

function Side({ title, execution, activeMs, other }: SideProps) {
  const place = usePlace();
  const more = activeMs != null && other != null ? activeMs - other : undefined;
  return (
    <article className={`${classes["side"]} panel`}>
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm" className="dim">
          {title}
        </Text>
        <StatusBadge status={execution.status} />
      </Group>
      <Link href={place.to("executions", execution.id)} className="mono">
        {execution.id}
      </Link>
      <Text size="sm" className="dim">
        version {execution.workflowVersion}, <Ago at={execution.createdAt} />
        {execution.fromNodeId && (
          <>
            , replayed from <span className="mono">{execution.fromNodeId}</span>
          </>
        )}
      </Text>
      <Text size="sm" className="number">
        {activeMs != null ? `${formatDuration(activeMs)} at work` : "not at work yet"}
        {more !== undefined && more !== 0 && `, ${formatDuration(Math.abs(more))} ${more > 0 ? "longer" : "shorter"}`}
      </Text>
    </article>
  );
}

function Sameness({ comparison }: { comparison: Comparison }) {
  const facts = [
    { what: "definition", isSame: comparison.sameDefinition },
    { what: "input", isSame: comparison.sameInput },
    { what: "output", isSame: comparison.sameOutput },
  ];
  return (
    <ul className={classes["sameness"]}>
      {facts.map(({ what, isSame }) => (
        <li key={what} data-status={isSame ? "completed" : "suspended"}>
          {isSame ? <Check size={14} aria-hidden /> : <X size={14} aria-hidden />}
          {isSame ? `Same ${what}` : `Another ${what}`}
        </li>
      ))}
    </ul>
  );
}

function Inputs({ leftId, rightId }: { leftId: string; rightId: string }) {
  const { data: left } = useInput(leftId);
  const { data: right } = useInput(rightId);
  return <Section title="Input">{left && right ? <CompareValues left={left.input} right={right.input} label="input" /> : <Loading rows={2} />}</Section>;
}
