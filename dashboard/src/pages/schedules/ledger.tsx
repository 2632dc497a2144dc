/** What became of the slots of a schedule. */
import { Text } from "@mantine/core";
import { ListChecks } from "lucide-react";

import { client, type Schemas } from "../../api/client";
import { usePaged } from "../../api/paged";
import { usePlace } from "../../app/place";
import { ExecutionLink } from "../../run/started";
import { Empty, Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Cell, More, Row, Table } from "../../ui/table";
import { Ago, formatDuration } from "../../ui/time";
import { OutcomeMark } from "./words";
import { formatInZone } from "./zone";

const SLOT_COLUMNS = [{ title: "Slot" }, { title: "Outcome" }, { title: "Late by", isNarrow: true }, { title: "Execution or reason" }];

export function SlotLedger({ schedule }: { schedule: Schemas["Schedule"] }) {
  const place = usePlace();
  const slots = usePaged(
    ["schedules", place.podId, schedule.id, "slots"],
    (query) => client.schedules.listSlots(place.workspaceId, place.podId, schedule.id, query),
    { every: 3_000 },
  );
  if (slots.error) {
    return <Problem error={slots.error} retry={slots.refetch} />;
  }
  if (!slots.items) {
    return <Loading rows={4} />;
  }
  if (slots.items.length === 0) {
    return (
      <Empty icon={ListChecks} title="No slot has come yet">
        Each slot gets a row here: started, or skipped and why.
      </Empty>
    );
  }
  return (
    <>
      <Table label="Ledger of slots" columns={SLOT_COLUMNS}>
        {slots.items.map((slot) => (
          <Row key={slot.slot}>
            <Cell label="Slot">
              <span className="number">{formatInZone(slot.slot, schedule.timezone)}</span>
              <Text size="xs" className="dim">
                <Ago at={slot.slot} />
              </Text>
            </Cell>
            <Cell label="Outcome">
              <OutcomeMark outcome={slot.outcome} />
            </Cell>
            <Cell label="Late by" isNarrow>
              <span className="number">{formatDuration(slot.lateMs)}</span>
            </Cell>
            <Cell label="About">
              {slot.executionId && <ExecutionLink id={slot.executionId} />}
              {slot.reason && <Text size="sm">{slot.reason}</Text>}
            </Cell>
          </Row>
        ))}
      </Table>
      <More of={slots} what="slots" />
    </>
  );
}
