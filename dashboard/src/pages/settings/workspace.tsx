/** The workspace itself: its name, how much may run in it at a time, how long executions are kept. */
import { Button, NumberInput, Stack, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { call, type Schemas } from "../../api/client";
import { usePlace, useWorkspaces } from "../../app/place";
import { useSubmit } from "../../forms/submit";
import { Copyable } from "../../ui/copy";
import { Fact, Facts } from "../../ui/facts";
import { Loading } from "../../ui/page";
import { notifyDone, Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { formatInstant } from "../../ui/time";
import classes from "./settings.module.css";

export function Workspace() {
  const place = usePlace();
  const { data, error, refetch } = useWorkspaces();
  const workspace = data?.find(({ id }) => id === place.workspaceId);
  return (
    <Section title="Workspace">
      {error && !workspace && <Problem error={error} retry={() => void refetch()} />}
      {!error && !workspace && <Loading rows={2} height={90} />}
      {workspace && (
        <>
          <Facts>
            <Fact name="Name">{workspace.name}</Fact>
            <Fact name="Name in addresses">
              <span className="mono">{workspace.slug}</span>
            </Fact>
            <Fact name="May run at a time">{workspace.maxRunning ?? "No limit"}</Fact>
            <Fact name="Executions are kept">{workspace.retentionDays == null ? "For ever" : `${workspace.retentionDays} days after their end`}</Fact>
            <Fact name="Made">{formatInstant(workspace.createdAt)}</Fact>
            <Fact name="Id">
              <Copyable text={workspace.id} label="the workspace's id" />
            </Fact>
          </Facts>
          {place.can("admin") && <WorkspaceForm key={workspace.updatedAt} workspace={workspace} />}
        </>
      )}
    </Section>
  );
}

function WorkspaceForm({ workspace }: { workspace: Schemas["Workspace"] }) {
  const place = usePlace();
  const queries = useQueryClient();
  const submit = useSubmit(["/name", "/maxRunning", "/retentionDays"]);
  const [name, setName] = useState(workspace.name);
  const [maxRunning, setMaxRunning] = useState<number | string>(workspace.maxRunning ?? "");
  const [retentionDays, setRetentionDays] = useState<number | string>(workspace.retentionDays ?? "");
  const wanted = { name: name.trim(), maxRunning: numberOf(maxRunning), retentionDays: numberOf(retentionDays) };
  const isSame = name === workspace.name && wanted.maxRunning === (workspace.maxRunning ?? null) && wanted.retentionDays === (workspace.retentionDays ?? null);
  const save = () =>
    void submit.run(async () => {
      await call("PATCH", place.workspace(), { body: wanted });
      notifyDone("The workspace was changed");
      await queries.invalidateQueries({ queryKey: ["workspaces"] });
    });
  return (
    <form
      className={`panel ${classes["form"]}`}
      aria-label="Change the workspace"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Stack gap="sm">
        <TextInput label="Name" required maxLength={120} value={name} error={submit.at("/name")} onChange={(event) => setName(event.currentTarget.value)} />
        <NumberInput
          label="Executions that may run at a time"
          description="Suspended ones apart; empty is no limit"
          placeholder="No limit"
          min={1}
          allowDecimal={false}
          value={maxRunning}
          error={submit.at("/maxRunning")}
          onChange={setMaxRunning}
        />
        <NumberInput
          label="Days that executions are kept after their end"
          description="Then they are removed for good, unless their workflow says otherwise; empty is for ever"
          placeholder="For ever"
          min={1}
          max={36500}
          allowDecimal={false}
          value={retentionDays}
          error={submit.at("/retentionDays")}
          onChange={setRetentionDays}
        />
        {submit.problem !== undefined && <Problem error={submit.problem} />}
        <div>
          <Button type="submit" loading={submit.isBusy} disabled={name.trim() === "" || isSame}>
            Save
          </Button>
        </div>
      </Stack>
    </form>
  );
}

/** What a field for a number holds: nothing is no limit. */
function numberOf(value: number | string): number | null {
  return value === "" ? null : Number(value);
}
