/** What can be done with a suspension short of deciding it: take care of it, give it back, put it to others. */
import { Button, Group, Modal, MultiSelect, Stack, TagsInput, Textarea } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { Hand, UserRoundCog } from "lucide-react";
import { useState } from "react";

import { client, isRefusal, listAll, type Schemas } from "../../api/client";
import { type Role, usePlace } from "../../app/place";
import { fieldErrorsOf, notifyDone, notifyProblem, Problem } from "../../ui/problem";
import type { Suspension } from "./mailbox";
import { approversOf, refusalOf, useMe, useNames } from "./who";

export interface HandlingProps {
  suspension: Suspension;
  /** As it is afterwards. */
  onChanged: (suspension: Suspension) => void;
  onStale: () => void;
}

export function Handling({ suspension, onChanged, onStale }: HandlingProps) {
  const { can } = usePlace();
  const me = useMe();
  const name = useNames();
  const [isOpen, { open, close }] = useDisclosure(false);
  const [isBusy, setBusy] = useState(false);
  const { id, workspaceId, claim, interrupt, state } = suspension;
  if (state !== "open") {
    return null;
  }
  const isOwn = claim?.by === me.id;
  const canClaim = !claim && !interrupt.policy?.quorum && refusalOf(suspension, me) === null;
  const canReassign = can("admin") || approversOf(suspension)?.users?.includes(me.id);
  const act = async (call: () => Promise<Suspension>, done: string) => {
    setBusy(true);
    try {
      onChanged(await call());
      notifyDone(done);
    } catch (error) {
      notifyProblem(error, isRefusal(error) && error.statusCode === 409 ? "Somebody was faster" : undefined);
      onStale();
    } finally {
      setBusy(false);
    }
  };
  return (
    <Group gap="xs">
      {canClaim && (
        <Button size="xs" variant="default" leftSection={<Hand size={14} aria-hidden />} loading={isBusy} onClick={() => void act(() => client.suspensions.claim(workspaceId, id), "It is yours: nobody else can answer until you release it")}>
          Claim
        </Button>
      )}
      {claim && (isOwn || can("admin")) && (
        <Button size="xs" variant="default" loading={isBusy} onClick={() => void act(() => client.suspensions.release(workspaceId, id), "Released: others can answer")}>
          {isOwn ? "Release" : `Release for ${name(claim.by)}`}
        </Button>
      )}
      {canReassign && (
        <Button size="xs" variant="default" leftSection={<UserRoundCog size={14} aria-hidden />} onClick={open}>
          Reassign
        </Button>
      )}
      <Modal opened={isOpen} onClose={close} title="Put it to others" closeButtonProps={{ "aria-label": "Close" }} centered>
        <ReassignForm
          suspension={suspension}
          onDone={(changed) => {
            close();
            onChanged(changed);
            notifyDone("It is put to others");
          }}
          onStale={onStale}
        />
      </Modal>
    </Group>
  );
}

function ReassignForm({ suspension, onDone, onStale }: { suspension: Suspension; onDone: (changed: Suspension) => void; onStale: () => void }) {
  const { workspace, can } = usePlace();
  const isAdmin = can("admin");
  const [users, setUsers] = useState<string[]>([]);
  const [groups, setGroups] = useState<string[]>([]);
  const [roles, setRoles] = useState<string[]>([]);
  const [reason, setReason] = useState("");
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  // Whoever may not list them writes names down.
  const members = useQuery({ queryKey: ["members", suspension.workspaceId], queryFn: () => listAll<Schemas["Member"]>(workspace("members")), staleTime: 60_000, retry: false });
  const known = useQuery({ queryKey: ["groups", suspension.workspaceId], queryFn: () => listAll<Schemas["Group"]>(workspace("groups")), staleTime: 60_000, retry: false });
  const at = (field: string) => fieldErrorsOf(error).filter(({ path }) => path === `/${field}` || path.startsWith(`/${field}/`)).map(({ message }) => message).join(" ") || undefined;
  const isAtFields = ["users", "groups", "roles", "reason"].some((field) => at(field));
  const send = async () => {
    setBusy(true);
    setError(undefined);
    try {
      const wanted = { users, groups, ...(isAdmin ? { roles: roles as Role[] } : {}), ...(reason.trim() ? { reason: reason.trim() } : {}) };
      onDone(await client.suspensions.reassign(suspension.workspaceId, suspension.id, wanted));
    } catch (failure) {
      setError(failure);
      if (isRefusal(failure) && failure.statusCode === 409) {
        onStale();
      }
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <Stack gap="sm">
        <TagsInput
          label="People"
          description={isAdmin ? "They alone may answer from now on. A claim ends." : "They answer in your place. A claim ends."}
          placeholder="Ids of members"
          data={members.data?.map(({ userId }) => userId) ?? []}
          value={users}
          onChange={setUsers}
          acceptValueOnBlur
          error={at("users")}
          data-autofocus
        />
        <TagsInput label="Groups" data={known.data?.map(({ name }) => name) ?? []} value={groups} onChange={setGroups} acceptValueOnBlur error={at("groups")} />
        {isAdmin && (
          <MultiSelect label="Roles" description="Members with such a role or a higher one." data={["viewer", "editor", "admin", "owner"]} value={roles} onChange={setRoles} error={at("roles")} />
        )}
        <Textarea label="Why" autosize minRows={1} maxRows={6} value={reason} onChange={(event) => setReason(event.currentTarget.value)} error={at("reason")} />
        {error !== undefined && !isAtFields && <Problem error={error} />}
        <Group justify="flex-end">
          <Button type="submit" loading={isBusy} disabled={users.length + groups.length + roles.length === 0}>
            Reassign
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
