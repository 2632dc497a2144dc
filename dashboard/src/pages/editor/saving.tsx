/** Saving: never silently over what somebody else has saved meanwhile. */
import { Button, Group, Modal, Text } from "@mantine/core";
import type { Workflow } from "@sluicegate/sdk";
import { useQuery } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";

import { client } from "../../api/client";
import { queryClient } from "../../api/query";
import { usePlace } from "../../app/place";
import { notifyDone, notifyProblem } from "../../ui/problem";
import { formatInstant } from "../../ui/time";
import { difference } from "../workflows/diff";
import { DifferenceList } from "../workflows/difference_list";
import type { Draft } from "./model";

/** A workflow as a draft of it begins. */
export function draftOf(workflow: Workflow): Draft {
  return { name: workflow.name, description: workflow.description, definition: workflow.definition ?? { nodes: [], edges: [] } };
}

export function isSameDraft(left: Draft, right: Draft): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right);
}

export interface Saving {
  /** What the draft began from, or was saved as. */
  base: { workflow: Workflow; draft: Draft };
  isSaving: boolean;
  /** What somebody else has saved since. */
  conflict: Workflow | null;
  dismiss: () => void;
  /** Gives the saved workflow; null where it was not saved. */
  save: (draft: Draft, over?: Workflow) => Promise<Workflow | null>;
  /** Begins again from what is on the server. */
  take: (workflow: Workflow) => void;
}

export function useSaving(loaded: Workflow): Saving {
  const { workspaceId, podId } = usePlace();
  const [base, setBase] = useState(() => ({ workflow: loaded, draft: draftOf(loaded) }));
  const [conflict, setConflict] = useState<Workflow | null>(null);
  const [isSaving, setSaving] = useState(false);
  const isBusy = useRef(false);

  const save = useCallback(
    async (draft: Draft, over?: Workflow): Promise<Workflow | null> => {
      if (isBusy.current) {
        return null;
      }
      isBusy.current = true;
      setSaving(true);
      try {
        const now = await client.workflows.get(workspaceId, podId, base.workflow.id);
        const known = over ?? base.workflow;
        if (now.version !== known.version || now.name !== known.name || now.description !== known.description) {
          setConflict(now);
          return null;
        }
        const saved = await client.workflows.update(workspaceId, podId, base.workflow.id, {
          definition: draft.definition,
          ...(draft.name === now.name ? {} : { name: draft.name }),
          ...(draft.description === now.description ? {} : { description: draft.description }),
        });
        setConflict(null);
        // Between the look and the save somebody may have been faster: their version is in the list, and is told of.
        if (saved.version > now.version + 1) {
          notifyProblem(new Error(`Version ${saved.version - 1} was saved by somebody else at the same moment; yours is version ${saved.version}. Compare them among the versions.`), "Two people have saved at once");
        } else {
          notifyDone(saved.version === now.version ? "Saved" : `Saved as version ${saved.version}`);
        }
        setBase({ workflow: saved, draft });
        queryClient.setQueryData(["workflow", workspaceId, podId, saved.id], saved);
        void queryClient.invalidateQueries({ queryKey: ["workflow-versions", workspaceId, podId, saved.id] });
        void queryClient.invalidateQueries({ queryKey: ["workflows", workspaceId, podId] });
        return saved;
      } catch (error) {
        notifyProblem(error, "It was not saved");
        return null;
      } finally {
        isBusy.current = false;
        setSaving(false);
      }
    },
    [workspaceId, podId, base],
  );
  const take = useCallback((workflow: Workflow) => {
    setConflict(null);
    setBase({ workflow, draft: draftOf(workflow) });
  }, []);
  return { base, isSaving, conflict, dismiss: useCallback(() => setConflict(null), []), save, take };
}

/** Somebody else has saved: look at what is different, and decide. */
export function ConflictDialog({ saving, draft, onTake }: { saving: Saving; draft: Draft; onTake: (workflow: Workflow) => void }) {
  const { workspaceId, podId } = usePlace();
  const { conflict, base } = saving;
  const { data: version } = useQuery({
    queryKey: ["workflow-version", workspaceId, podId, conflict?.id, conflict?.version, "who"],
    queryFn: () => client.workflows.getVersion(workspaceId, podId, conflict?.id ?? "", conflict?.version ?? 0),
    enabled: conflict !== null,
  });
  return (
    <Modal opened={conflict !== null} onClose={saving.dismiss} size="lg" centered title="Somebody else has saved this workflow">
      {conflict && (
        <>
          <Text size="sm">
            You began from version {base.workflow.version}. {version ? `${version.createdBy} saved version ${version.version} on ${formatInstant(version.createdAt)}.` : `Now it is at version ${conflict.version}.`}{" "}
            Nothing of yours is lost, and nothing was saved.
          </Text>
          {conflict.name !== base.workflow.name && (
            <Text size="sm" mt="xs">
              Its name is now {conflict.name}.
            </Text>
          )}
          <Text fw={600} mt="md" mb="xs" size="sm">
            From theirs to yours
          </Text>
          <DifferenceList difference={difference(conflict.definition ?? { nodes: [] }, draft.definition)} />
          <Group justify="flex-end" mt="lg" gap="xs">
            <Button variant="default" onClick={saving.dismiss} data-autofocus>
              Keep editing
            </Button>
            <Button variant="default" onClick={() => onTake(conflict)}>
              Take theirs, drop mine
            </Button>
            <Button color="red" loading={saving.isSaving} onClick={() => void saving.save(draft, conflict)}>
              Save mine over it
            </Button>
          </Group>
        </>
      )}
    </Modal>
  );
}
