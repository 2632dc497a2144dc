/** Making and changing a schedule, with the slots to come in view while it is written. */
import { Accordion, Group, JsonInput, NumberInput, Select, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";

import { client, type Schemas } from "../../api/client";
import { useWorkflows } from "../../api/workflows";
import { usePlace } from "../../app/place";
import { useSubmit } from "../../forms/submit";
import { Dialog } from "../../ui/dialog";
import { Preview } from "./coming";
import { bodyOf, fieldsOf, readJson, type ScheduleFields } from "./form";
import { RhythmFields } from "./rhythm_fields";
import { CATCH_UPS, OVERLAPS } from "./words";
import { ownZone, zoneNames } from "./zone";

const PATHS = ["/name", "/workflowId", "/cronExpression", "/timezone", "/jitterSeconds", "/startAt", "/endAt", "/input"];

export interface ScheduleFormProps {
  /** The schedule to change; none: a new one. */
  schedule?: Schemas["Schedule"];
  opened: boolean;
  onClose: () => void;
  onSaved: (schedule: Schemas["Schedule"]) => void;
}

export function ScheduleForm(props: ScheduleFormProps) {
  // What was typed is forgotten when it is closed.
  return props.opened ? <Open {...props} /> : null;
}

function Open({ schedule, opened, onClose, onSaved }: ScheduleFormProps) {
  const { workspaceId, podId, pod } = usePlace();
  const queries = useQueryClient();
  const submit = useSubmit(PATHS);
  const { data: workflows = [] } = useWorkflows(pod());
  const [fields, setFields] = useState<ScheduleFields>(() => fieldsOf(schedule, ownZone()));
  const change = (changes: Partial<ScheduleFields>) => setFields((before) => ({ ...before, ...changes }));
  const zones = useMemo(() => {
    const names = zoneNames();
    return names.includes(fields.timezone) ? names : [fields.timezone, ...names];
  }, [fields.timezone]);
  const json = readJson(fields.input);
  const workflow = workflows.find(({ id }) => id === fields.workflowId);

  const save = () =>
    void submit.run(async () => {
      const body = bodyOf(fields, schedule);
      const saved = schedule ? await client.schedules.update(workspaceId, podId, schedule.id, body) : await client.schedules.create(workspaceId, podId, body);
      await queries.invalidateQueries({ queryKey: ["schedules", podId] });
      onSaved(saved);
    });

  return (
    <Dialog
      opened={opened}
      onClose={onClose}
      size="lg"
      title={schedule ? "Edit the schedule" : "New schedule"}
      action={schedule ? "Save" : "Create schedule"}
      submit={submit}
      onSubmit={save}
      canSubmit={fields.name.trim() !== "" && !!fields.workflowId && !!json}
    >
      <TextInput label="Name" required data-autofocus maxLength={120} value={fields.name} error={submit.at("/name")} onChange={(event) => change({ name: event.currentTarget.value })} />
      <Select
        label="Workflow"
        required
        searchable
        placeholder="Which one to start"
        nothingFoundMessage="No such workflow"
        description={workflow && workflow.state !== "deployed" ? "It is not deployed: slots fail until it is." : "Its deployed version is started."}
        data={workflows.map(({ id, name }) => ({ value: id, label: name }))}
        value={fields.workflowId}
        error={submit.at("/workflowId")}
        onChange={(workflowId) => change({ workflowId })}
      />
      <RhythmFields expression={fields.cronExpression} error={submit.at("/cronExpression")} onChange={(cronExpression) => change({ cronExpression })} />
      <Select label="Time zone" searchable allowDeselect={false} limit={100} data={zones} value={fields.timezone} error={submit.at("/timezone")} onChange={(timezone) => timezone && change({ timezone })} />
      <Preview expression={fields.cronExpression} zone={fields.timezone} startAt={fields.startAt} endAt={fields.endAt} />
      <Select
        label="While an earlier execution has not ended"
        description={OVERLAPS[fields.overlap][1]}
        allowDeselect={false}
        data={Object.entries(OVERLAPS).map(([value, [label]]) => ({ value, label }))}
        value={fields.overlap}
        onChange={(overlap) => overlap && change({ overlap: overlap as ScheduleFields["overlap"] })}
      />
      <JsonInput label="Input" description="JSON that each execution works on" placeholder="{}" autosize minRows={2} maxRows={12} value={fields.input} error={submit.at("/input") ?? (json ? undefined : "This is no JSON")} onChange={(input) => change({ input })} />
      <Accordion variant="contained">
        <Accordion.Item value="more">
          <Accordion.Control>Catching up, spreading, first and last day</Accordion.Control>
          <Accordion.Panel>
            <Group align="flex-start" grow preventGrowOverflow={false} gap="sm">
              <Select
                label="Slots to make up for"
                description={CATCH_UPS[fields.catchUp][1]}
                allowDeselect={false}
                miw={200}
                data={Object.entries(CATCH_UPS).map(([value, [label]]) => ({ value, label }))}
                value={fields.catchUp}
                onChange={(catchUp) => catchUp && change({ catchUp: catchUp as ScheduleFields["catchUp"] })}
              />
              <NumberInput
                label="Spread over (seconds)"
                description="Each schedule is shifted by a fixed part of this"
                min={0}
                max={3600}
                allowDecimal={false}
                miw={200}
                value={fields.jitterSeconds}
                error={submit.at("/jitterSeconds")}
                onChange={(value) => change({ jitterSeconds: Number(value) || 0 })}
              />
              <TextInput type="datetime-local" step={1} label="Not before" description="By the clock of this browser" miw={200} value={fields.startAt} error={submit.at("/startAt")} onChange={(event) => change({ startAt: event.currentTarget.value })} />
              <TextInput type="datetime-local" step={1} label="Not after" description="By the clock of this browser" miw={200} value={fields.endAt} error={submit.at("/endAt")} onChange={(event) => change({ endAt: event.currentTarget.value })} />
            </Group>
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Dialog>
  );
}
