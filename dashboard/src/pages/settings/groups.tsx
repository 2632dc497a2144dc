/** Groups of members: workflows ask them by name. */
import { Button, Group as Buttons, MultiSelect, Text, TextInput } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Plus, UsersRound } from "lucide-react";
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
import { useMembers } from "./members";
import classes from "./settings.module.css";

type Group = Schemas["Group"];

const COLUMNS = [{ title: "Name" }, { title: "Members" }, { title: "Changed" }, { title: "Actions", isSilent: true, isNarrow: true }];

export function Groups() {
  const place = usePlace();
  const queries = useQueryClient();
  const queryKey = ["groups", place.workspaceId];
  const { data: groups, error, refetch } = useQuery({ queryKey, queryFn: () => listAll<Group>(place.workspace("groups")) });
  const [edited, setEdited] = useState<Group | "new">();
  const remove = async (name: string) => {
    await call("DELETE", place.workspace("groups", name));
    await queries.invalidateQueries({ queryKey });
  };
  return (
    <Section
      title="Groups"
      lead="Approvals and questions name groups; whoever is in one at that moment may answer."
      actions={
        place.can("admin") && (
          <Button size="xs" leftSection={<Plus size={14} />} onClick={() => setEdited("new")}>
            New group
          </Button>
        )
      }
    >
      {error && !groups && <Problem error={error} retry={() => void refetch()} />}
      {!error && !groups && <Loading rows={2} height={48} />}
      {groups?.length === 0 && (
        <Empty icon={UsersRound} title="There is no group yet">
          {place.can("admin") ? "Make one, such as finance, and name it in the approvers of a workflow." : "An admin can make groups."}
        </Empty>
      )}
      {groups && groups.length > 0 && (
        <Table label="Groups" columns={COLUMNS}>
          {groups.map((group) => (
            <Row key={group.name}>
              <Cell>
                <Text size="sm" fw={600}>
                  {group.name}
                </Text>
                {group.description && (
                  <Text size="xs" className="dim">
                    {group.description}
                  </Text>
                )}
              </Cell>
              <Cell label="Members">
                <div className={classes["pills"]}>
                  {group.members.map((member) => (
                    <span key={member} className={classes["pill"]}>
                      {member}
                    </span>
                  ))}
                  {group.members.length === 0 && <span className="dim">Nobody</span>}
                </div>
              </Cell>
              <Cell label="Changed">
                <Ago at={group.updatedAt} />
              </Cell>
              <Cell isNarrow atEnd>
                {place.can("admin") && (
                  <Buttons gap={6} wrap="nowrap" justify="flex-end">
                    <Button size="compact-xs" variant="default" onClick={() => setEdited(group)} aria-label={`Edit ${group.name}`}>
                      Edit
                    </Button>
                    <Confirm label="Delete" ariaLabel={`Delete ${group.name}`} button={{ size: "compact-xs" }} title="Delete this group?" action="Delete it" onConfirm={() => remove(group.name)}>
                      What is open keeps whom it has asked. A workflow that names the group fails from now on where it asks it.
                    </Confirm>
                  </Buttons>
                )}
              </Cell>
            </Row>
          ))}
        </Table>
      )}
      {edited && (
        <GroupForm
          group={edited === "new" ? undefined : edited}
          onClose={() => setEdited(undefined)}
          onSaved={() => {
            setEdited(undefined);
            void queries.invalidateQueries({ queryKey });
          }}
        />
      )}
    </Section>
  );
}

function GroupForm({ group, onClose, onSaved }: { group: Group | undefined; onClose: () => void; onSaved: () => void }) {
  const place = usePlace();
  const { data: known = [] } = useMembers();
  const submit = useSubmit(["/name", "/groupName", "/description", "/members"]);
  const [name, setName] = useState(group?.name ?? "");
  const [description, setDescription] = useState(group?.description ?? "");
  const [members, setMembers] = useState(group?.members ?? []);
  const people = [...new Set([...known.map(({ userId }) => userId), ...members])];
  const save = () =>
    void submit.run(async () => {
      await call("PUT", place.workspace("groups", name.trim()), { body: { members, description } });
      onSaved();
    });
  return (
    <Dialog opened onClose={onClose} title={group ? "Edit the group" : "New group"} action={group ? "Save" : "Create group"} submit={submit} onSubmit={save} canSubmit={name.trim() !== ""}>
      <TextInput
        label="Name"
        required
        description={group ? "A name stays: workflows mean the group by it" : undefined}
        data-autofocus={!group}
        disabled={!!group}
        value={name}
        error={submit.at("/name") ?? submit.at("/groupName")}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <TextInput label="What it is for" value={description} error={submit.at("/description")} onChange={(event) => setDescription(event.currentTarget.value)} />
      <MultiSelect label="Members" searchable data={people} value={members} error={submit.at("/members")} onChange={setMembers} />
    </Dialog>
  );
}
