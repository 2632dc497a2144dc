/** Invites: whoever presents the token within seven days becomes a member. The server sends no mail. */
import { Button, Select, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { UserPlus } from "lucide-react";
import { useState } from "react";

import { call, listAll, type Schemas } from "../../api/client";
import { type Role, usePlace } from "../../app/place";
import { useSubmit } from "../../forms/submit";
import { Confirm } from "../../ui/confirm";
import { Dialog } from "../../ui/dialog";
import { Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { CopyField, SecretDialog } from "../../ui/secret";
import { Section } from "../../ui/section";
import { Snippet } from "../../ui/snippet";
import { Cell, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";
import { roleMeaning, rolesFor } from "./roles";

const COLUMNS = [{ title: "For" }, { title: "Role" }, { title: "Sent by" }, { title: "Ends" }, { title: "Actions", isSilent: true, isNarrow: true }];

export function Invites() {
  const place = usePlace();
  const queries = useQueryClient();
  const queryKey = ["invites", place.workspaceId];
  const { data: invites, error, refetch } = useQuery({ queryKey, queryFn: () => listAll<Schemas["Invite"]>(place.workspace("invites")) });
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState<Schemas["CreatedInvite"]>();
  const withdraw = async (id: string) => {
    await call("DELETE", place.workspace("invites", id));
    await queries.invalidateQueries({ queryKey });
  };
  return (
    <div style={{ marginTop: 28 }}>
      <Section
        title="Invites"
        lead="Open ones. Hand the token over yourself: the server sends no mail."
        actions={
          <Button size="xs" leftSection={<UserPlus size={14} />} onClick={() => setNew(true)}>
            Invite
          </Button>
        }
      >
        {error && !invites && <Problem error={error} retry={() => void refetch()} />}
        {!error && !invites && <Loading rows={1} height={48} />}
        {invites?.length === 0 && (
          <Text size="sm" className="dim">
            No invite is open.
          </Text>
        )}
        {invites && invites.length > 0 && (
          <Table label="Invites" columns={COLUMNS}>
            {invites.map((invite) => (
              <Row key={invite.id}>
                <Cell>
                  <Text size="sm" fw={600}>
                    {invite.email}
                  </Text>
                </Cell>
                <Cell label="Role">{invite.role}</Cell>
                <Cell label="Sent by">{invite.createdBy}</Cell>
                <Cell label="Ends">
                  <Ago at={invite.expiresAt} />
                </Cell>
                <Cell isNarrow atEnd>
                  <Confirm label="Withdraw" ariaLabel={`Withdraw the invite of ${invite.email}`} button={{ size: "compact-xs" }} title="Withdraw this invite?" action="Withdraw it" onConfirm={() => withdraw(invite.id)}>
                    Its token is worth nothing from then on.
                  </Confirm>
                </Cell>
              </Row>
            ))}
          </Table>
        )}
      </Section>
      {isNew && (
        <InviteForm
          onClose={() => setNew(false)}
          onMade={(invite) => {
            setNew(false);
            setMade(invite);
            void queries.invalidateQueries({ queryKey });
          }}
        />
      )}
      {made && (
        <SecretDialog opened title={`Invite for ${made.email}`} onClose={() => setMade(undefined)}>
          <CopyField label="Token" text={made.token ?? ""} />
          <div>
            <Text size="sm" fw={500} mb={4}>
              Who has it joins with a token of their own
            </Text>
            <Snippet label="Command" text={`curl -X POST ${location.origin}/v1/invites/${made.token ?? ""}/accept \\\n  -H "authorization: Bearer $TOKEN"`} />
          </div>
        </SecretDialog>
      )}
    </div>
  );
}

function InviteForm({ onClose, onMade }: { onClose: () => void; onMade: (invite: Schemas["CreatedInvite"]) => void }) {
  const place = usePlace();
  const submit = useSubmit(["/email", "/role"]);
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("editor");
  const save = () => void submit.run(async () => onMade(await call<Schemas["CreatedInvite"]>("POST", place.workspace("invites"), { body: { email: email.trim(), role } })));
  return (
    <Dialog opened onClose={onClose} title="Invite somebody" action="Create invite" submit={submit} onSubmit={save} canSubmit={email.trim() !== ""}>
      <TextInput type="email" label="Address" required data-autofocus autoComplete="off" value={email} error={submit.at("/email")} onChange={(event) => setEmail(event.currentTarget.value)} />
      <Select label="Role" description={roleMeaning(role)} allowDeselect={false} data={rolesFor(place)} value={role} error={submit.at("/role")} onChange={(value) => value && setRole(value as Role)} />
    </Dialog>
  );
}
