/** API keys: each has a role and perhaps an end; the key itself is shown once, when it is made. */
import { Button, Select, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { KeyRound, Plus } from "lucide-react";
import { useState } from "react";

import { call, listAll, type Schemas } from "../../api/client";
import { type Role, usePlace } from "../../app/place";
import { useSession } from "../../app/session";
import { useSubmit } from "../../forms/submit";
import { Confirm } from "../../ui/confirm";
import { Dialog } from "../../ui/dialog";
import { Empty, Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { CopyField, SecretDialog } from "../../ui/secret";
import { Section } from "../../ui/section";
import { Cell, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";
import { roleMeaning, rolesFor } from "./roles";

type ApiKey = Schemas["ApiKey"];

const COLUMNS = [{ title: "Name" }, { title: "Role" }, { title: "Made" }, { title: "Last used" }, { title: "Ends" }, { title: "Actions", isSilent: true, isNarrow: true }];

const DAY_MS = 86_400_000;
const ENDS = [
  { value: "7", label: "In 7 days" },
  { value: "30", label: "In 30 days" },
  { value: "90", label: "In 90 days" },
  { value: "365", label: "In a year" },
  { value: "never", label: "Never" },
];

export function ApiKeys() {
  const place = usePlace();
  const queries = useQueryClient();
  const queryKey = ["api-keys", place.workspaceId];
  const { data: session } = useSession();
  const { data: keys, error, refetch } = useQuery({ queryKey, queryFn: () => listAll<ApiKey>(place.workspace("api-keys")) });
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState<Schemas["CreatedApiKey"]>();
  const revoke = async (id: string) => {
    await call("DELETE", place.workspace("api-keys", id));
    await queries.invalidateQueries({ queryKey });
    // It may have been one's own.
    await queries.invalidateQueries({ queryKey: ["session"] });
  };
  return (
    <Section
      title="API keys"
      lead="For programs and workers. A key that is revoked stops working at once."
      actions={
        <Button size="xs" leftSection={<Plus size={14} />} onClick={() => setNew(true)}>
          New key
        </Button>
      }
    >
      {error && !keys && <Problem error={error} retry={() => void refetch()} />}
      {!error && !keys && <Loading rows={2} height={48} />}
      {keys?.length === 0 && <Empty icon={KeyRound} title="There is no API key" />}
      {keys && keys.length > 0 && (
        <Table label="API keys" columns={COLUMNS}>
          {keys.map((key) => {
            const isOwn = session?.principalId === `key:${key.id}`;
            return (
              <Row key={key.id}>
                <Cell>
                  <Text size="sm" fw={600}>
                    {key.name}
                    {isOwn && <span className="dim"> · you</span>}
                  </Text>
                  <Text size="xs" className="dim mono">
                    {key.prefix}…
                  </Text>
                </Cell>
                <Cell label="Role">{key.role}</Cell>
                <Cell label="Made">
                  <Ago at={key.createdAt} />
                </Cell>
                <Cell label="Last used">{key.lastUsedAt ? <Ago at={key.lastUsedAt} /> : <span className="dim">Never</span>}</Cell>
                <Cell label="Ends">{key.expiresAt ? <Ago at={key.expiresAt} /> : <span className="dim">Never</span>}</Cell>
                <Cell isNarrow atEnd>
                  {place.can(key.role) && (
                    <Confirm label="Revoke" ariaLabel={`Revoke ${key.name}`} button={{ size: "compact-xs" }} title="Revoke this key?" action="Revoke it" onConfirm={() => revoke(key.id)}>
                      {isOwn ? "It is the key that you have signed in with: you will be signed out." : "Whoever uses it is turned away from now on, and signed out here."}
                    </Confirm>
                  )}
                </Cell>
              </Row>
            );
          })}
        </Table>
      )}
      {isNew && (
        <KeyForm
          onClose={() => setNew(false)}
          onMade={(key) => {
            setNew(false);
            setMade(key);
            void queries.invalidateQueries({ queryKey });
          }}
        />
      )}
      {made && (
        <SecretDialog opened title={`The key “${made.name}”`} onClose={() => setMade(undefined)}>
          <CopyField label="API key" text={made.key ?? ""} description={`Role ${made.role}; goes into the header x-api-key`} />
        </SecretDialog>
      )}
    </Section>
  );
}

function KeyForm({ onClose, onMade }: { onClose: () => void; onMade: (key: Schemas["CreatedApiKey"]) => void }) {
  const place = usePlace();
  const submit = useSubmit(["/name", "/role", "/expiresAt"]);
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("editor");
  const [ends, setEnds] = useState("90");
  const save = () =>
    void submit.run(async () => {
      const expiry = ends === "never" ? {} : { expiresAt: new Date(Date.now() + Number(ends) * DAY_MS).toISOString() };
      onMade(await call<Schemas["CreatedApiKey"]>("POST", place.workspace("api-keys"), { body: { name: name.trim(), role, ...expiry } }));
    });
  return (
    <Dialog opened onClose={onClose} title="New API key" action="Create key" submit={submit} onSubmit={save} canSubmit={name.trim() !== ""}>
      <TextInput label="Name" description="What it is for" required data-autofocus maxLength={120} value={name} error={submit.at("/name")} onChange={(event) => setName(event.currentTarget.value)} />
      <Select label="Role" description={roleMeaning(role)} allowDeselect={false} data={rolesFor(place)} value={role} error={submit.at("/role")} onChange={(value) => value && setRole(value as Role)} />
      <Select label="Ends" allowDeselect={false} data={ENDS} value={ends} error={submit.at("/expiresAt")} onChange={(value) => value && setEnds(value)} />
    </Dialog>
  );
}
