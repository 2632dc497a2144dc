/** What can be done with one workflow of the list. */
import { ActionIcon, Button, Group, Menu, Modal, Text, Tooltip } from "@mantine/core";
import type { Workflow } from "@sluicegate/sdk";
import { ArchiveRestore, Copy, EllipsisVertical, History, Play, Rocket, Star, Trash2, Undo2 } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";

import { client } from "../../api/client";
import { queryClient } from "../../api/query";
import { type Place, usePlace } from "../../app/place";
import { notifyDone, notifyProblem } from "../../ui/problem";
import classes from "./workflows.module.css";

export async function refreshWorkflows({ workspaceId, podId }: Place): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ["workflows", workspaceId, podId] });
}

/** Does something, says so, and reads the list again. */
function useAct() {
  const place = usePlace();
  const [isBusy, setBusy] = useState(false);
  const act = async (what: () => Promise<unknown>, done?: string) => {
    setBusy(true);
    try {
      await what();
      await refreshWorkflows(place);
      if (done) {
        notifyDone(done);
      }
    } catch (error) {
      notifyProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return { place, isBusy, act };
}

export function StarButton({ workflow }: { workflow: Workflow }) {
  const { place, isBusy, act } = useAct();
  const { id, name, starred } = workflow;
  return (
    <Tooltip label={starred ? "Take the star away" : "Mark with a star"}>
      <ActionIcon
        className={classes["star"]}
        data-on={starred}
        variant="subtle"
        color="gray"
        aria-label={`Star ${name}`}
        aria-pressed={starred}
        disabled={!place.can("editor") || workflow.state === "trashed"}
        loading={isBusy}
        onClick={() => void act(() => client.workflows.star(place.workspaceId, place.podId, id, !starred))}
      >
        <Star size={16} color={starred ? "var(--sg-wait)" : "currentColor"} />
      </ActionIcon>
    </Tooltip>
  );
}

export function RowActions({ workflow, onRun }: { workflow: Workflow; onRun: () => void }) {
  const { place, isBusy, act } = useAct();
  const [, navigate] = useLocation();
  const [isDeleting, setDeleting] = useState(false);
  const { workspaceId, podId } = place;
  const { id, name, state, version, deployedVersion } = workflow;
  const { workflows } = client;
  const isTrashed = state === "trashed";
  return (
    <Group gap={4} wrap="nowrap" justify="flex-end">
      {place.can("editor") && !isTrashed && (
        <Tooltip label="Run">
          <ActionIcon variant="default" aria-label={`Run ${name}`} onClick={onRun}>
            <Play size={15} />
          </ActionIcon>
        </Tooltip>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`More about ${name}`} loading={isBusy}>
            <EllipsisVertical size={16} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<History size={15} />} onClick={() => navigate(place.to("workflows", id, "versions"))}>
            Versions
          </Menu.Item>
          {place.can("editor") && !isTrashed && (
            <Menu.Item leftSection={<Copy size={15} />} onClick={() => void act(() => workflows.duplicate(workspaceId, podId, id), `${name} was duplicated`)}>
              Duplicate
            </Menu.Item>
          )}
          {place.can("admin") && !isTrashed && deployedVersion !== version && (
            <Menu.Item leftSection={<Rocket size={15} />} onClick={() => void act(() => workflows.deploy(workspaceId, podId, id), `Version ${version} is deployed`)}>
              Deploy version {version}
            </Menu.Item>
          )}
          {place.can("admin") && state === "deployed" && (
            <Menu.Item leftSection={<Undo2 size={15} />} onClick={() => void act(() => workflows.undeploy(workspaceId, podId, id), "Only calls start it now")}>
              Undeploy
            </Menu.Item>
          )}
          {place.can("editor") && <Menu.Divider />}
          {place.can("editor") && !isTrashed && (
            <Menu.Item leftSection={<Trash2 size={15} />} onClick={() => void act(() => workflows.trash(workspaceId, podId, id), `${name} is in the trash`)}>
              Move to the trash
            </Menu.Item>
          )}
          {place.can("editor") && isTrashed && (
            <>
              <Menu.Item leftSection={<ArchiveRestore size={15} />} onClick={() => void act(() => workflows.restore(workspaceId, podId, id), `${name} is back`)}>
                Take out of the trash
              </Menu.Item>
              <Menu.Item leftSection={<Trash2 size={15} />} onClick={() => setDeleting(true)}>
                Delete for good …
              </Menu.Item>
            </>
          )}
        </Menu.Dropdown>
      </Menu>
      <Modal opened={isDeleting} onClose={() => setDeleting(false)} title="Delete this workflow for good?" centered>
        <Text size="sm">All versions and executions of {name} go with it. That can't be taken back.</Text>
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button variant="default" onClick={() => setDeleting(false)} data-autofocus>
            Back
          </Button>
          <Button
            color="red"
            onClick={() => {
              setDeleting(false);
              void act(() => workflows.delete(workspaceId, podId, id), `${name} was deleted`);
            }}
          >
            Delete
          </Button>
        </Group>
      </Modal>
    </Group>
  );
}
