/** The executions that a trigger has started: a schedule, a webhook. */
import { Anchor, Text } from "@mantine/core";
import { Play } from "lucide-react";
import { Link } from "wouter";

import { client, type Schemas } from "../api/client";
import { usePaged } from "../api/paged";
import { usePlace } from "../app/place";
import { shortId } from "../ui/copy";
import { Empty, Loading } from "../ui/page";
import { Problem } from "../ui/problem";
import { StatusBadge } from "../ui/status";
import { Cell, More, Row, Table } from "../ui/table";
import { Ago, formatDuration } from "../ui/time";

/** The way to an execution, by the end of its id. */
export function ExecutionLink({ id }: { id: string }) {
  const place = usePlace();
  return (
    <Anchor component={Link} href={place.to("executions", id)} className="mono" title={id}>
      {shortId(id)}
    </Anchor>
  );
}

const RUN_COLUMNS = [{ title: "Execution" }, { title: "Status" }, { title: "Started by" }, { title: "Took", isNarrow: true }];

/** The executions whose trigger this is (a schedule or a webhook), newest first. */
export function StartedExecutions({ triggerId, byHand }: { triggerId: string; /** Whether one was started by hand. */ byHand?: (execution: Schemas["Execution"]) => boolean }) {
  const place = usePlace();
  const runs = usePaged(
    ["executions", place.podId, "triggered-by", triggerId],
    (query) => client.listExecutions(place.workspaceId, place.podId, { ...query, filter: [`triggerId eq '${triggerId}'`] }),
    { every: 3_000 },
  );
  if (runs.error) {
    return <Problem error={runs.error} retry={runs.refetch} />;
  }
  if (!runs.items) {
    return <Loading rows={4} />;
  }
  if (runs.items.length === 0) {
    return <Empty icon={Play} title="It has started no execution yet" />;
  }
  return (
    <>
      <Table label="Executions" columns={RUN_COLUMNS}>
        {runs.items.map((execution) => (
          <Row key={execution.id}>
            <Cell label="Execution">
              <ExecutionLink id={execution.id} />{" "}
              <Text component="span" size="xs" className="dim">
                <Ago at={execution.createdAt} />
              </Text>
            </Cell>
            <Cell label="Status">
              <StatusBadge status={execution.status} />
            </Cell>
            <Cell label="Started by">
              <Text size="sm" lineClamp={1}>
                {byHand?.(execution) ? `By hand · ${execution.createdBy}` : execution.createdBy}
              </Text>
            </Cell>
            <Cell label="Took" isNarrow>
              <span className="number">{execution.durationMs == null ? "" : formatDuration(execution.durationMs)}</span>
            </Cell>
          </Row>
        ))}
      </Table>
      <More of={runs} what="executions" />
    </>
  );
}
