/** The workspace itself: its name, and how much may run in it at a time. */
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
  const submit = useSubmit(["/name", "/maxRunning"]);
  const [name, setName] = useState(workspace.name);
  const [maxRunning, setMaxRunning] = useState<number | string>(workspace.maxRunning ?? "");
  const save = () =>
    void submit.run(async () => {
      await call("PATCH", place.workspace(), { body: { name: name.trim(), maxRunning: maxRunning === "" ? null : Number(maxRunning) } });
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
        {submit.problem !== undefined && <Problem error={submit.problem} />}
        <div>
          <Button type="submit" loading={submit.isBusy} disabled={name.trim() === "" || (name === workspace.name && (maxRunning === "" ? null : Number(maxRunning)) === (workspace.maxRunning ?? null))}>
            Save
          </Button>
        </div>
      </Stack>
    </form>
  );
}
