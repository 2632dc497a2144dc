/** The workflows of a pod: found, made, copied, starred, deployed, thrown away. */
import { Anchor, Button, Group, SegmentedControl, Table, Text, TextInput } from "@mantine/core";
import type { Workflow } from "@sluicegate/sdk";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Plus, Search, SearchX, Trash2, Workflow as WorkflowIcon } from "lucide-react";
import { useMemo, useState } from "react";
import { Link, useSearchParams } from "wouter";

import { listAll, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { RunDialog } from "../../run/run_dialog";
import { Empty, Loading, Page } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { StatusIcon } from "../../ui/status";
import { Ago } from "../../ui/time";
import { CreateDialog } from "./create_dialog";
import { RowActions, StarButton } from "./row_actions";
import { StateBadge } from "./state_badge";
import classes from "./workflows.module.css";

const SHOWN = ["all", "starred", "trashed"] as const;
type Shown = (typeof SHOWN)[number];
/** Rows at first, and with each further click. */
const STEP = 100;
const RUNS = 5;

function useWorkflows(shown: Shown) {
  const { workspaceId, podId, pod } = usePlace();
  return useQuery({
    queryKey: ["workflows", workspaceId, podId, shown],
    queryFn: () => listAll<Workflow>(pod("workflows"), shown === "all" ? {} : { [shown]: true }, 2_000),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}

/** The last runs of each, from one page of the pod's newest executions: cheap, and all that a glance needs. */
function useLastRuns(): ReadonlyMap<string, Schemas["Execution"][]> {
  const { workspaceId, podId, pod } = usePlace();
  const { data } = useQuery({
    queryKey: ["workflows-runs", workspaceId, podId],
    queryFn: () => listAll<Schemas["Execution"]>(pod("executions"), { limit: 200 }, 200),
    refetchInterval: 10_000,
  });
  return useMemo(() => {
    const byWorkflow = new Map<string, Schemas["Execution"][]>();
    for (const execution of data ?? []) {
      const runs = byWorkflow.get(execution.workflowId) ?? [];
      byWorkflow.set(execution.workflowId, runs);
      if (runs.length < RUNS) {
        runs.push(execution);
      }
    }
    return byWorkflow;
  }, [data]);
}

export default function Workflows() {
  const place = usePlace();
  const [params, setParams] = useSearchParams();
  const wanted = params.get("show");
  const shown: Shown = SHOWN.find((name) => name === wanted) ?? "all";
  const query = params.get("q") ?? "";
  const { data, error, refetch } = useWorkflows(shown);
  const runs = useLastRuns();
  const [most, setMost] = useState(STEP);
  const [isCreating, setCreating] = useState(false);
  const [running, setRunning] = useState<Workflow | null>(null);

  const set = (name: string, value: string) =>
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        value ? next.set(name, value) : next.delete(name);
        return next;
      },
      { replace: true },
    );
  const found = useMemo(() => {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    return (data ?? []).filter(({ name, description, id }) => {
      const text = `${name} ${description} ${id}`.toLowerCase();
      return words.every((word) => text.includes(word));
    });
  }, [data, query]);
  const create = place.can("editor") && (
    <Button leftSection={<Plus size={16} />} onClick={() => setCreating(true)}>
      New workflow
    </Button>
  );

  return (
    <Page title="Workflows" mark={data && <Text className="dim number">{found.length}</Text>} actions={create}>
      <Group gap="sm">
        <TextInput
          flex={1}
          miw={180}
          maw={420}
          aria-label="Search workflows"
          placeholder="Search by name or description"
          leftSection={<Search size={15} aria-hidden />}
          value={query}
          onChange={({ currentTarget }) => set("q", currentTarget.value)}
        />
        <SegmentedControl
          aria-label="Which workflows"
          value={shown}
          onChange={(value) => set("show", value === "all" ? "" : value)}
          data={[
            { value: "all", label: "All" },
            { value: "starred", label: "Starred" },
            { value: "trashed", label: "Trash" },
          ]}
        />
      </Group>
      {error && !data ? (
        <Problem error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Loading />
      ) : found.length === 0 ? (
        <Nothing shown={shown} isSearch={query !== ""} />
      ) : (
        <div className={`panel ${classes["table"]}`}>
          <Table verticalSpacing="sm" highlightOnHover aria-label="Workflows">
            <Table.Thead>
              <Table.Tr>
                <Table.Th w={44}>
                  <span className={classes["hidden"]}>Star</span>
                </Table.Th>
                <Table.Th>Name</Table.Th>
                <Table.Th visibleFrom="sm">State</Table.Th>
                <Table.Th visibleFrom="md">Version</Table.Th>
                <Table.Th visibleFrom="sm">Last runs</Table.Th>
                <Table.Th visibleFrom="md">Changed</Table.Th>
                <Table.Th>
                  <span className={classes["hidden"]}>Actions</span>
                </Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.slice(0, most).map((workflow) => (
                <Row key={workflow.id} workflow={workflow} runs={runs.get(workflow.id) ?? []} onRun={() => setRunning(workflow)} />
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
      {found.length > most && (
        <Button variant="default" onClick={() => setMost(most + STEP)}>
          Show {Math.min(STEP, found.length - most)} more of {found.length - most}
        </Button>
      )}
      <CreateDialog opened={isCreating} onClose={() => setCreating(false)} />
      {running && <RunDialog workflow={running} opened onClose={() => setRunning(null)} />}
    </Page>
  );
}

function Row({ workflow, runs, onRun }: { workflow: Workflow; runs: Schemas["Execution"][]; onRun: () => void }) {
  const place = usePlace();
  return (
    <Table.Tr>
      <Table.Td>
        <StarButton workflow={workflow} />
      </Table.Td>
      <Table.Td className={classes["name"]}>
        <Anchor component={Link} href={place.to("workflows", workflow.id)}>
          {workflow.name}
        </Anchor>
        {workflow.description && <span className={classes["about"]}>{workflow.description}</span>}
        <Group gap={8} mt={4} hiddenFrom="sm">
          <StateBadge workflow={workflow} />
          <Runs runs={runs.slice(0, 3)} />
        </Group>
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <StateBadge workflow={workflow} />
      </Table.Td>
      <Table.Td visibleFrom="md" className="number">
        {workflow.version}
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Runs runs={runs} />
      </Table.Td>
      <Table.Td visibleFrom="md">
        <Text size="sm" className="dim" component="span">
          <Ago at={workflow.updatedAt} />
        </Text>
      </Table.Td>
      <Table.Td>
        <RowActions workflow={workflow} onRun={onRun} />
      </Table.Td>
    </Table.Tr>
  );
}

function Runs({ runs }: { runs: Schemas["Execution"][] }) {
  const place = usePlace();
  return runs.length === 0 ? (
    <Text size="sm" className={`dim ${classes["none"]}`} component="span">
      None lately
    </Text>
  ) : (
    <span className={classes["runs"]}>
      {[...runs].reverse().map((execution) => (
        <Link key={execution.id} href={place.to("executions", execution.id)}>
          <StatusIcon status={execution.status} />
        </Link>
      ))}
    </span>
  );
}

function Nothing({ shown, isSearch }: { shown: Shown; isSearch: boolean }) {
  if (isSearch) {
    return (
      <Empty icon={SearchX} title="Nothing is called or described so">
        Try fewer letters, or look among {shown === "trashed" ? "those that are not in the trash" : "those in the trash"}.
      </Empty>
    );
  }
  if (shown === "trashed") {
    return (
      <Empty icon={Trash2} title="The trash is empty">
        Workflows that are thrown away come here, and can be taken out again.
      </Empty>
    );
  }
  return (
    <Empty icon={WorkflowIcon} title={shown === "starred" ? "No workflow has a star" : "There is no workflow yet"}>
      {shown === "starred" ? "Stars mark those that you need often." : "Make one: from an example, from a JSON file, or from nothing but a start."}
    </Empty>
  );
}
