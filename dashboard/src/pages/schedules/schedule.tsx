/** One schedule: its definition, the slots to come, and the ledger of those that came. */
import { Alert, Anchor, Button, Stack, Tabs } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil, Play, TriangleAlert } from "lucide-react";
import { useState } from "react";
import { Link, useLocation, useParams } from "wouter";

import { client, isRefusal, type Schemas } from "../../api/client";
import { useWorkflows } from "../../api/workflows";
import { NotFound } from "../../app/not_found";
import { usePlace } from "../../app/place";
import { StartedExecutions } from "../../run/started";
import { Confirm } from "../../ui/confirm";
import { Copyable, shortId } from "../../ui/copy";
import { Fact, Facts } from "../../ui/facts";
import { Json } from "../../ui/json";
import { Loading, Page } from "../../ui/page";
import { notifyDone, notifyProblem, Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { Ago, formatDuration, formatInstant } from "../../ui/time";
import { ComingSlots } from "./coming";
import { cronWords } from "./cron_words";
import { SlotLedger } from "./ledger";
import { ScheduleForm } from "./schedule_form";
import { EnabledSwitch } from "./schedules";
import classes from "./slots.module.css";
import { CATCH_UPS, OVERLAPS } from "./words";

export default function SchedulePage() {
  const { scheduleId = "" } = useParams<{ scheduleId: string }>();
  const place = usePlace();
  const { data: schedule, error, refetch } = useQuery({
    queryKey: ["schedules", place.podId, scheduleId],
    queryFn: () => client.schedules.get(place.workspaceId, place.podId, scheduleId),
    refetchInterval: 5_000,
  });
  if (isRefusal(error) && (error.statusCode === 404 || error.statusCode === 400)) {
    return <NotFound what="schedule" />;
  }
  if (schedule) {
    return <Known schedule={schedule} />;
  }
  return (
    <Page title="Schedule" above={[{ title: "Schedules", to: place.to("schedules") }]}>
      {error ? <Problem error={error} retry={() => void refetch()} /> : <Loading />}
    </Page>
  );
}

function Known({ schedule }: { schedule: Schemas["Schedule"] }) {
  const place = usePlace();
  const { data: workflows } = useWorkflows(place.pod());
  const workflow = workflows?.find(({ id }) => id === schedule.workflowId);
  const [tab, setTab] = useState<string | null>("slots");
  return (
    <Page
      title={schedule.name}
      above={[{ title: "Schedules", to: place.to("schedules") }]}
      mark={<EnabledSwitch schedule={schedule} />}
      lead={`${cronWords(schedule.cronExpression)} · ${schedule.timezone}`}
      actions={<Actions schedule={schedule} onRun={() => setTab("executions")} />}
    >
      {schedule.lastError && (
        <Alert color="red" variant="default" icon={<TriangleAlert size={18} />} title="The last slot could not be started">
          {schedule.lastError}
        </Alert>
      )}
      <div className={classes["grid"]}>
        <Stack gap="md">
          <Facts>
            <Fact name="Workflow">
              <Anchor component={Link} href={place.to("workflows", schedule.workflowId)} size="sm">
                {workflow?.name ?? shortId(schedule.workflowId)}
              </Anchor>
              {workflow && workflow.state !== "deployed" && " · not deployed"}
            </Fact>
            <Fact name="Cron expression">
              <span className="mono">{schedule.cronExpression}</span>
            </Fact>
            <Fact name="Last run">{schedule.lastRunAt ? <Ago at={schedule.lastRunAt} /> : "Never"}</Fact>
            <Fact name="While one has not ended">{OVERLAPS[schedule.overlap][0]}</Fact>
            <Fact name="Slots to make up for">{CATCH_UPS[schedule.catchUp][0]}</Fact>
            {schedule.jitterSeconds > 0 && <Fact name="Spread over">{formatDuration(schedule.jitterSeconds * 1_000)}</Fact>}
            {schedule.startAt && <Fact name="Not before">{formatInstant(schedule.startAt)}</Fact>}
            {schedule.endAt && <Fact name="Not after">{formatInstant(schedule.endAt)}</Fact>}
            {schedule.waitingSlot && (
              <Fact name="Slot that waits">
                <Ago at={schedule.waitingSlot} />
              </Fact>
            )}
            <Fact name="Id">
              <Copyable text={schedule.id} shown={shortId(schedule.id)} label="the schedule's id" />
            </Fact>
            <Fact name="Made">
              <Ago at={schedule.createdAt} />
            </Fact>
          </Facts>
          {schedule.input != null && (
            <Section title="Input">
              <Json value={schedule.input} label="Input" open={4} />
            </Section>
          )}
        </Stack>
        <div className={`panel ${classes["box"]}`}>
          <Section title={schedule.enabled ? "Next slots" : "Slots it would have"}>
            <ComingSlots schedule={schedule} />
          </Section>
        </div>
      </div>
      <Tabs value={tab} onChange={setTab} keepMounted={false}>
        <Tabs.List mb="sm">
          <Tabs.Tab value="slots">Ledger of slots</Tabs.Tab>
          <Tabs.Tab value="executions">Executions</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="slots">
          <SlotLedger schedule={schedule} />
        </Tabs.Panel>
        <Tabs.Panel value="executions">
          <StartedExecutions triggerId={schedule.id} byHand={({ createdBy }) => !createdBy.startsWith("schedule:")} />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function Actions({ schedule, onRun }: { schedule: Schemas["Schedule"]; onRun: () => void }) {
  const place = usePlace();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [isEdited, setEdited] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      await client.schedules.run(place.workspaceId, place.podId, schedule.id);
      notifyDone("An execution was started");
      onRun();
      await queries.invalidateQueries({ queryKey: ["executions", place.podId] });
    } catch (error) {
      notifyProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const remove = async () => {
    await client.schedules.delete(place.workspaceId, place.podId, schedule.id);
    navigate(place.to("schedules"));
    queries.removeQueries({ queryKey: ["schedules", place.podId, schedule.id] });
    await queries.invalidateQueries({ queryKey: ["schedules", place.podId, "pages"] });
  };
  return (
    <>
      {place.can("editor") && (
        <Button size="xs" leftSection={<Play size={14} />} loading={isBusy} onClick={() => void run()}>
          Run now
        </Button>
      )}
      {place.can("admin") && (
        <>
          <Button size="xs" variant="default" leftSection={<Pencil size={14} />} onClick={() => setEdited(true)}>
            Edit
          </Button>
          <Confirm label="Delete" title="Delete this schedule?" action="Delete it" onConfirm={remove}>
            Its ledger goes with it. What it has started stays.
          </Confirm>
          <ScheduleForm
            schedule={schedule}
            opened={isEdited}
            onClose={() => setEdited(false)}
            onSaved={(saved) => {
              queries.setQueryData(["schedules", place.podId, schedule.id], saved);
              setEdited(false);
            }}
          />
        </>
      )}
    </>
  );
}
