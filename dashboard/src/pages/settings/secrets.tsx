/** Secrets: their names, when they were set and by whom. A value goes to the server and never comes back, so it is kept no longer than it is typed. */
import { Button, PasswordInput, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { LockKeyhole, Plus } from "lucide-react";
import { useState } from "react";

import { call, listAll, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { useSubmit } from "../../forms/submit";
import { Confirm } from "../../ui/confirm";
import { Dialog } from "../../ui/dialog";
import { Empty, Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { Cell, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";

type Secret = Schemas["Secret"];

const COLUMNS = [{ title: "Name" }, { title: "Set" }, { title: "By" }, { title: "First set" }, { title: "Actions", isSilent: true, isNarrow: true }];
/** What expressions can name. */
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

export function Secrets() {
  const place = usePlace();
  const queries = useQueryClient();
  const queryKey = ["secrets", place.workspaceId];
  const { data: secrets, error, refetch } = useQuery({ queryKey, queryFn: () => listAll<Secret>(place.workspace("secrets")) });
  // The name of the secret to be replaced; empty for a new one.
  const [setting, set] = useState<string>();
  const remove = async (name: string) => {
    await call("DELETE", place.workspace("secrets", name));
    await queries.invalidateQueries({ queryKey });
  };
  return (
    <Section
      title="Secrets"
      lead="Workflows use them in fields marked secret; nobody reads them back."
      actions={
        <Button size="xs" leftSection={<Plus size={14} />} onClick={() => set("")}>
          New secret
        </Button>
      }
    >
      {error && !secrets && <Problem error={error} retry={() => void refetch()} />}
      {!error && !secrets && <Loading rows={2} height={48} />}
      {secrets?.length === 0 && (
        <Empty icon={LockKeyhole} title="There is no secret">
          A node reads one as <code>{"{{ secrets.name }}"}</code>, in its address, headers, token, query or body.
        </Empty>
      )}
      {secrets && secrets.length > 0 && (
        <Table label="Secrets" columns={COLUMNS}>
          {secrets.map((secret) => (
            <Row key={secret.name}>
              <Cell>
                <Text size="sm" fw={600} className="mono">
                  {secret.name}
                </Text>
              </Cell>
              <Cell label="Set">
                <Ago at={secret.updatedAt} />
              </Cell>
              <Cell label="By">{secret.updatedBy}</Cell>
              <Cell label="First set">
                <Ago at={secret.createdAt} />
              </Cell>
              <Cell isNarrow atEnd>
                <Button variant="default" size="compact-xs" aria-label={`Replace ${secret.name}`} onClick={() => set(secret.name)}>
                  Replace
                </Button>{" "}
                <Confirm label="Delete" ariaLabel={`Delete ${secret.name}`} button={{ size: "compact-xs" }} title="Delete this secret?" action="Delete it" onConfirm={() => remove(secret.name)}>
                  Nodes that read <code>secrets.{secret.name}</code> fail from now on.
                </Confirm>
              </Cell>
            </Row>
          ))}
        </Table>
      )}
      {setting !== undefined && (
        <SecretForm
          known={setting}
          onClose={() => set(undefined)}
          onSet={() => {
            set(undefined);
            void queries.invalidateQueries({ queryKey });
          }}
        />
      )}
    </Section>
  );
}

/** The form is gone once the value is sent, and the value with it. */
function SecretForm({ known, onClose, onSet }: { known: string; onClose: () => void; onSet: () => void }) {
  const place = usePlace();
  const submit = useSubmit(["secretName", "/value"]);
  const [name, setName] = useState(known);
  const [value, setValue] = useState("");
  const save = () =>
    void submit.run(async () => {
      await call("PUT", place.workspace("secrets", name), { body: { value } });
      setValue("");
      onSet();
    });
  return (
    <Dialog
      opened
      onClose={onClose}
      title={known === "" ? "New secret" : `Replace “${known}”`}
      action={known === "" ? "Set secret" : "Replace it"}
      submit={submit}
      onSubmit={save}
      canSubmit={NAME.test(name) && value !== ""}
    >
      {known === "" && (
        <TextInput
          label="Name"
          description="Letters, digits and _; it does not begin with a digit"
          required
          data-autofocus
          maxLength={64}
          autoComplete="off"
          spellCheck={false}
          value={name}
          error={submit.at("secretName")}
          onChange={(event) => setName(event.currentTarget.value)}
        />
      )}
      <PasswordInput
        label="Value"
        description="It is sealed, and shown to nobody again"
        required
        data-autofocus={known !== "" || undefined}
        autoComplete="new-password"
        value={value}
        error={submit.at("/value")}
        onChange={(event) => setValue(event.currentTarget.value)}
      />
    </Dialog>
  );
}
