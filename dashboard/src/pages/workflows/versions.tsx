/** The versions of a workflow: who made them, what is different between two, and the way back. */
import { ActionIcon, Badge, Button, Group, Menu, Select, Stack, Text } from "@mantine/core";
import type { WorkflowVersion } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";
import { ArrowLeftRight, EllipsisVertical, PencilLine, Rocket, Undo2 } from "lucide-react";
import { lazy, Suspense, useMemo, useState } from "react";
import { Link, useParams, useSearchParams } from "wouter";

import { client, isRefusal, listAll } from "../../api/client";
import { queryClient } from "../../api/query";
import { NotFound } from "../../app/not_found";
import { usePlace } from "../../app/place";
import { Confirm } from "../../ui/confirm";
import { Loading, Page } from "../../ui/page";
import { notifyDone, notifyProblem, Problem } from "../../ui/problem";
import { Ago } from "../../ui/time";
import { difference } from "./diff";
import { DifferenceList } from "./difference_list";
import { StateBadge } from "./state_badge";
import classes from "./workflows.module.css";

const DifferenceGraph = lazy(() => import("./difference_graph"));

export default function Versions() {
  const place = usePlace();
  const { workspaceId, podId } = place;
  const { workflowId = "" } = useParams<{ workflowId: string }>();
  const [params, setParams] = useSearchParams();
  const [isBusy, setBusy] = useState(false);
  const workflow = useQuery({ queryKey: ["workflow", workspaceId, podId, workflowId], queryFn: () => client.workflows.get(workspaceId, podId, workflowId) });
  const versions = useQuery({
    queryKey: ["workflow-versions", workspaceId, podId, workflowId],
    queryFn: () => listAll<WorkflowVersion>(place.pod("workflows", workflowId, "versions"), { limit: 100 }, 500),
  });
  const list = useMemo(() => versions.data ?? [], [versions.data]);
  const error = workflow.error ?? versions.error;
  if (error && isRefusal(error) && (error.statusCode === 404 || error.statusCode === 400)) {
    return <NotFound what="workflow" />;
  }
  if (!workflow.data || !versions.data) {
    return <Page title="Versions">{error ? <Problem error={error} retry={() => void Promise.all([workflow.refetch(), versions.refetch()])} /> : <Loading />}</Page>;
  }
  const { name, state, deployedVersion, version: newest } = workflow.data;
  const number = (name: string) => list.find(({ version }) => String(version) === params.get(name))?.version;
  const to = number("to") ?? list[0]?.version ?? 1;
  const from = number("from") ?? list.find(({ version }) => version < to)?.version ?? to;
  const choose = (next: { from?: number; to?: number }) =>
    setParams({ from: String(next.from ?? from), to: String(next.to ?? to) }, { replace: true });

  const act = async (what: () => Promise<unknown>, done: string) => {
    setBusy(true);
    try {
      await what();
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: ["workflow", workspaceId, podId, workflowId] }),
        queryClient.invalidateQueries({ queryKey: ["workflow-versions", workspaceId, podId, workflowId] }),
        queryClient.invalidateQueries({ queryKey: ["workflows", workspaceId, podId] }),
      ]);
      notifyDone(done);
    } finally {
      setBusy(false);
    }
  };
  const isEditable = state !== "trashed";
  return (
    <Page
      title={`Versions of ${name}`}
      above={[
        { title: "Workflows", to: place.to("workflows") },
        { title: name, to: place.to("workflows", workflowId) },
      ]}
      mark={<StateBadge workflow={workflow.data} />}
      actions={
        <Button variant="default" component={Link} href={place.to("workflows", workflowId)} leftSection={<PencilLine size={15} />}>
          Editor
        </Button>
      }
    >
      <div className={classes["versions"]}>
        <section className="panel" aria-label="Versions">
          {list.map((each, index) => (
            <div key={each.version} className={classes["version"]} data-chosen={each.version === to}>
              <Group justify="space-between" wrap="nowrap" gap="xs">
                <div style={{ minWidth: 0 }}>
                  <Group gap={6}>
                    <Text fw={650} size="sm">
                      Version {each.version}
                    </Text>
                    {each.version === newest && <Badge size="sm" variant="default" tt="none">Latest</Badge>}
                    {each.version === deployedVersion && <Badge size="sm" variant="default" tt="none" leftSection={<Rocket size={10} />}>Deployed</Badge>}
                  </Group>
                  <Text size="xs" className="dim truncate" title={each.createdBy}>
                    <Ago at={each.createdAt} /> by {each.createdBy}
                  </Text>
                </div>
                <Group gap={4} wrap="nowrap">
                  <Button size="compact-xs" variant="default" onClick={() => choose({ to: each.version, from: list[index + 1]?.version ?? each.version })}>
                    Changes
                  </Button>
                  {isEditable && place.can("admin") && each.version !== deployedVersion && (
                    <Menu position="bottom-end">
                      <Menu.Target>
                        <ActionIcon variant="subtle" color="gray" aria-label={`More about version ${each.version}`} loading={isBusy}>
                          <EllipsisVertical size={15} />
                        </ActionIcon>
                      </Menu.Target>
                      <Menu.Dropdown>
                        <Menu.Item
                          leftSection={<Rocket size={15} />}
                          onClick={() => void act(() => client.workflows.deploy(workspaceId, podId, workflowId, each.version), `Version ${each.version} is deployed`).catch(notifyProblem)}
                        >
                          Deploy version {each.version}
                        </Menu.Item>
                      </Menu.Dropdown>
                    </Menu>
                  )}
                  {isEditable && place.can("editor") && each.version !== newest && (
                    <Confirm
                      label="Restore"
                      ariaLabel={`Restore version ${each.version}`}
                      button={{ size: "compact-xs", leftSection: <Undo2 size={12} /> }}
                      title={`Restore version ${each.version}?`}
                      action="Restore"
                      onConfirm={() => act(() => client.workflows.restoreVersion(workspaceId, podId, workflowId, each.version), `Version ${each.version} is the newest again`)}
                    >
                      Its definition becomes version {newest + 1}. Nothing is lost: version {newest} stays in this list.
                    </Confirm>
                  )}
                </Group>
              </Group>
            </div>
          ))}
        </section>
        <Stack gap="md" miw={0}>
          <Group gap="xs" align="flex-end">
            <Select
              label="From"
              w={150}
              allowDeselect={false}
              data={list.map(({ version }) => ({ value: String(version), label: `Version ${version}` }))}
              value={String(from)}
              onChange={(value) => value && choose({ from: Number(value) })}
            />
            <ActionIcon variant="default" size={36} aria-label="Swap the versions" onClick={() => choose({ from: to, to: from })}>
              <ArrowLeftRight size={15} />
            </ActionIcon>
            <Select
              label="To"
              w={150}
              allowDeselect={false}
              data={list.map(({ version }) => ({ value: String(version), label: `Version ${version}` }))}
              value={String(to)}
              onChange={(value) => value && choose({ to: Number(value) })}
            />
          </Group>
          <Compared before={list.find(({ version }) => version === from)} after={list.find(({ version }) => version === to)} />
        </Stack>
      </div>
    </Page>
  );
}

function Compared({ before, after }: { before: WorkflowVersion | undefined; after: WorkflowVersion | undefined }) {
  const found = useMemo(() => before && after && difference(before.definition, after.definition), [before, after]);
  if (!before || !after || !found) {
    return null;
  }
  return (
    <>
      <div className={`panel ${classes["compare"]}`}>
        <Suspense fallback={<Loading rows={3} height={80} />}>
          <DifferenceGraph key={`${before.version} ${after.version}`} before={before.definition} after={after.definition} difference={found} />
        </Suspense>
      </div>
      {before.version === after.version ? (
        <Text size="sm" className="dim">
          There is no older version to compare with.
        </Text>
      ) : (
        <DifferenceList difference={found} />
      )}
    </>
  );
}
