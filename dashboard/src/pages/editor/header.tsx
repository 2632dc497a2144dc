/** The editor's title row: how the workflow stands, and what can be done with it as a whole. */
import { Badge, Button, Group, Tooltip } from "@mantine/core";
import type { Workflow } from "@sluicegate/sdk";
import { History, Play, Rocket, Save } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";

import { client } from "../../api/client";
import { queryClient } from "../../api/query";
import { usePlace } from "../../app/place";
import { notifyDone, notifyProblem } from "../../ui/problem";
import { StateBadge } from "../workflows/state_badge";

export function HeaderMark({ latest, version, isDirty }: { latest: Workflow; version: number; isDirty: boolean }) {
  return (
    <Group gap={6} wrap="nowrap">
      <StateBadge workflow={latest} />
      <Badge variant="default" tt="none" title="The version that is shown">
        v{version}
      </Badge>
      {isDirty && (
        <Badge variant="default" tt="none" role="status">
          Not saved
        </Badge>
      )}
    </Group>
  );
}

export interface HeaderActionsProps {
  /** As the server has it. */
  latest: Workflow;
  /** What is edited. */
  base: Workflow;
  isDirty: boolean;
  isEditable: boolean;
  isSaving: boolean;
  onSave: () => void;
  onRun: () => void;
}

export function HeaderActions({ latest, base, isDirty, isEditable, isSaving, onSave, onRun }: HeaderActionsProps) {
  const place = usePlace();
  const [isDeploying, setDeploying] = useState(false);
  const isDeployed = latest.state === "deployed" && latest.deployedVersion === base.version;
  const deploy = async () => {
    setDeploying(true);
    try {
      const workflow = await client.workflows.deploy(place.workspaceId, place.podId, base.id, base.version);
      queryClient.setQueryData(["workflow", place.workspaceId, place.podId, base.id], (old: Workflow | undefined) => ({ ...old, ...workflow, definition: workflow.definition ?? old?.definition }));
      notifyDone(`Version ${base.version} is deployed`);
    } catch (error) {
      notifyProblem(error, "It was not deployed");
    } finally {
      setDeploying(false);
    }
  };
  return (
    <>
      <Button variant="default" size="xs" component={Link} href={place.to("workflows", base.id, "versions")} leftSection={<History size={15} />}>
        Versions
      </Button>
      {place.can("admin") && isEditable && (
        <Tooltip label={isDirty ? "Save first: versions are what is deployed" : isDeployed ? `Version ${base.version} is what triggers start` : `Schedules, webhooks and events will start version ${base.version}`}>
          <Button variant="default" size="xs" loading={isDeploying} data-disabled={isDirty || isDeployed} aria-disabled={isDirty || isDeployed} leftSection={<Rocket size={15} />} onClick={() => !isDirty && !isDeployed && void deploy()}>
            {isDeployed ? "Deployed" : "Deploy"}
          </Button>
        </Tooltip>
      )}
      {isEditable && (
        <>
          <Button variant={isDirty ? "filled" : "default"} size="xs" loading={isSaving} disabled={!isDirty} leftSection={<Save size={15} />} onClick={onSave}>
            Save
          </Button>
          <Button variant={isDirty ? "default" : "filled"} size="xs" leftSection={<Play size={15} />} onClick={onRun}>
            {isDirty ? "Save and run" : "Run"}
          </Button>
        </>
      )}
    </>
  );
}
