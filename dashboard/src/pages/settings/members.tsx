/** The people of the workspace, and invites to others. */
import { Select, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";

import { call, listAll, type Schemas } from "../../api/client";
import { type Role, usePlace } from "../../app/place";
import { useSession } from "../../app/session";
import { Confirm } from "../../ui/confirm";
import { Loading } from "../../ui/page";
import { notifyDone, notifyProblem, Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { Cell, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";
import { Invites } from "./invites";
import { roleMeaning, rolesFor } from "./roles";

type Member = Schemas["Member"];

const COLUMNS = [{ title: "Person" }, { title: "Role" }, { title: "Joined" }, { title: "Actions", isSilent: true, isNarrow: true }];

/** The members of the workspace, oldest first. */
export function useMembers() {
  const place = usePlace();
  return useQuery({ queryKey: ["members", place.workspaceId], queryFn: () => listAll<Member>(place.workspace("members")) });
}

export function Members() {
  const place = usePlace();
  const { data: session } = useSession();
  const { data: members, error, refetch } = useMembers();
  const owners = members?.filter(({ role }) => role === "owner").length ?? 0;
  return (
    <>
      <Section title="Members" lead="People of the workspace, as their tokens name them. What an API key may do is its own role.">
        {error && !members && <Problem error={error} retry={() => void refetch()} />}
        {!error && !members && <Loading rows={2} height={48} />}
        {members && (
          <Table label="Members" columns={COLUMNS}>
            {members.map((member) => (
              <MemberRow key={member.userId} member={member} isLastOwner={member.role === "owner" && owners === 1} isMe={member.userId === session?.principalId} />
            ))}
          </Table>
        )}
      </Section>
      {place.can("admin") && <Invites />}
    </>
  );
}

function MemberRow({ member, isLastOwner, isMe }: { member: Member; isLastOwner: boolean; isMe: boolean }) {
  const place = usePlace();
  const queries = useQueryClient();
  const mayChange = place.can("admin") && place.can(member.role) && !isLastOwner;
  const path = place.workspace("members", member.userId);
  const refresh = () => Promise.all([queries.invalidateQueries({ queryKey: ["members", place.workspaceId] }), queries.invalidateQueries({ queryKey: ["role"] })]);
  const change = async (role: Role) => {
    try {
      await call("PATCH", path, { body: { role } });
      notifyDone(`${member.userId} is now ${role}`);
    } catch (error) {
      notifyProblem(error);
    } finally {
      await refresh();
    }
  };
  const remove = async () => {
    await call("DELETE", path);
    await refresh();
  };
  return (
    <Row>
      <Cell>
        <Text size="sm" fw={600}>
          {member.userId}
          {isMe && <span className="dim"> · you</span>}
        </Text>
      </Cell>
      <Cell label="Role">
        {mayChange ? (
          <Select size="xs" w={120} aria-label={`Role of ${member.userId}`} allowDeselect={false} data={rolesFor(place)} value={member.role} onChange={(role) => role && void change(role as Role)} />
        ) : (
          member.role
        )}
        <Text size="xs" className="dim">
          {isLastOwner ? "The last owner stays" : roleMeaning(member.role)}
        </Text>
      </Cell>
      <Cell label="Joined">
        <Ago at={member.createdAt} />
      </Cell>
      <Cell isNarrow atEnd>
        {mayChange && (
          <Confirm label="Remove" ariaLabel={`Remove ${member.userId}`} button={{ size: "compact-xs" }} title="Remove this member?" action="Remove them" onConfirm={remove}>
            They leave the workspace and its groups. API keys that they have made stay.
          </Confirm>
        )}
      </Cell>
    </Row>
  );
}
