/** The schedules of the pod: what they start, when next, and how it went last. */
import { Anchor, Button, Switch, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { CalendarClock, Plus } from "lucide-react";
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { client, type Schemas } from "../../api/client";
import { usePaged } from "../../api/paged";
import { useWorkflows } from "../../api/workflows";
import { usePlace } from "../../app/place";
import { Empty, Loading, Page } from "../../ui/page";
import { notifyProblem, Problem } from "../../ui/problem";
import { Cell, More, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";
import { cronWords } from "./cron_words";
import { ScheduleForm } from "./schedule_form";
import { OutcomeMark } from "./words";
import { formatInZone } from "./zone";

const COLUMNS = [{ title: "Name" }, { title: "When" }, { title: "Next slot" }, { title: "Last outcome" }, { title: "Enabled", isNarrow: true }];

export default function Schedules() {
  const place = usePlace();
  const [, navigate] = useLocation();
  const [isNew, setNew] = useState(false);
  const schedules = usePaged(["schedules", place.podId], (query) => client.schedules.list(place.workspaceId, place.podId, query), { every: 5_000 });
  const { data: workflows } = useWorkflows(place.pod());
  const create = place.can("admin") && (
    <Button leftSection={<Plus size={16} />} onClick={() => setNew(true)}>
      New schedule
    </Button>
  );
  return (
    <Page title="Schedules" lead="They start the deployed version of a workflow by the clock." actions={create}>
      {schedules.error && <Problem error={schedules.error} retry={schedules.refetch} />}
      {!schedules.items && !schedules.error && <Loading height={56} />}
      {schedules.items?.length === 0 && (
        <Empty icon={CalendarClock} title="Nothing is scheduled yet">
          {place.can("admin") ? "Make a schedule: choose a workflow and when it starts, and see the next slots before you save it." : "An admin can make schedules."}
        </Empty>
      )}
      {schedules.items && schedules.items.length > 0 && (
        <Table label="Schedules" columns={COLUMNS}>
          {schedules.items.map((schedule) => (
            <ScheduleRow key={schedule.id} schedule={schedule} workflow={workflows?.find(({ id }) => id === schedule.workflowId)} />
          ))}
        </Table>
      )}
      <More of={schedules} what="schedules" />
      <ScheduleForm opened={isNew} onClose={() => setNew(false)} onSaved={({ id }) => navigate(place.to("schedules", id))} />
    </Page>
  );
}

function ScheduleRow({ schedule, workflow }: { schedule: Schemas["Schedule"]; workflow: Schemas["Workflow"] | undefined }) {
  const place = usePlace();
  return (
    <Row>
      <Cell>
        <Anchor component={Link} href={place.to("schedules", schedule.id)} fw={600} size="sm">
          {schedule.name}
        </Anchor>
        <Text size="xs" className="dim">
          {workflow?.name ?? "…"}
          {workflow && workflow.state !== "deployed" && " · not deployed"}
        </Text>
      </Cell>
      <Cell label="When">
        {cronWords(schedule.cronExpression)}
        <Text size="xs" className="dim">
          {schedule.timezone}
        </Text>
      </Cell>
      <Cell label="Next slot">
        {!schedule.enabled ? (
          <span className="dim">None while it is off</span>
        ) : schedule.nextRunAt ? (
          <>
            <Ago at={schedule.nextRunAt} />
            <Text size="xs" className="dim">
              {formatInZone(schedule.nextRunAt, schedule.timezone)}
            </Text>
          </>
        ) : (
          <span className="dim">No more</span>
        )}
      </Cell>
      <Cell label="Last outcome">
        <LastOutcome schedule={schedule} />
      </Cell>
      <Cell label="Enabled" isNarrow>
        <EnabledSwitch schedule={schedule} />
      </Cell>
    </Row>
  );
}

/** The newest row of the ledger. */
function LastOutcome({ schedule }: { schedule: Schemas["Schedule"] }) {
  const { workspaceId, podId } = usePlace();
  const { data } = useQuery({
    queryKey: ["schedules", podId, schedule.id, "last-slot", schedule.nextRunAt ?? "", schedule.lastRunAt ?? ""],
    queryFn: async () => (await client.schedules.listSlots(workspaceId, podId, schedule.id, { limit: 1 })).items,
    placeholderData: (before) => before,
    staleTime: 30_000,
  });
  const slot = data?.[0];
  if (!slot) {
    return <span className="dim">{data ? "No slot has come yet" : "…"}</span>;
  }
  return (
    <>
      <OutcomeMark outcome={slot.outcome} />{" "}
      <Text component="span" size="xs" className="dim">
        <Ago at={slot.slot} />
      </Text>
    </>
  );
}

/** Turns a schedule on and off; who may not sees what it is. */
export function EnabledSwitch({ schedule }: { schedule: Schemas["Schedule"] }) {
  const { workspaceId, podId, can } = usePlace();
  const queries = useQueryClient();
  const [wanted, setWanted] = useState<boolean>();
  const toggle = async (enabled: boolean) => {
    setWanted(enabled);
    try {
      await client.schedules.toggle(workspaceId, podId, schedule.id, enabled);
      await queries.invalidateQueries({ queryKey: ["schedules", podId] });
    } catch (error) {
      notifyProblem(error);
    } finally {
      setWanted(undefined);
    }
  };
  if (!can("admin")) {
    return <>{schedule.enabled ? "On" : "Off"}</>;
  }
  return (
    <Switch
      checked={wanted ?? schedule.enabled}
      disabled={wanted !== undefined}
      aria-label={`${schedule.name} is enabled`}
      onChange={(event) => void toggle(event.currentTarget.checked)}
    />
  );
}
