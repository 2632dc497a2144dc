/** The ledger of a webhook: all that came, and what became of it. */
import { Button, Text } from "@mantine/core";
import { MailQuestion } from "lucide-react";

import { client, type Schemas } from "../../api/client";
import { usePaged } from "../../api/paged";
import { usePlace } from "../../app/place";
import { ExecutionLink } from "../../run/started";
import { Empty, Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Cell, More, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";
import { formatBytes, VerdictMark } from "./words";

const COLUMNS = [{ title: "Came" }, { title: "Verdict" }, { title: "Reply", isNarrow: true }, { title: "Size", isNarrow: true }, { title: "Execution or reason" }, { title: "Details", isNarrow: true, isSilent: true }];

export function Deliveries({ webhook, onOpen }: { webhook: Schemas["Webhook"]; onOpen: (deliveryId: string) => void }) {
  const place = usePlace();
  const deliveries = usePaged(
    ["webhooks", place.podId, webhook.id, "deliveries"],
    (query) => client.webhooks.listDeliveries(place.workspaceId, place.podId, webhook.id, query),
    { every: 3_000 },
  );
  if (deliveries.error) {
    return <Problem error={deliveries.error} retry={deliveries.refetch} />;
  }
  if (!deliveries.items) {
    return <Loading rows={4} />;
  }
  if (deliveries.items.length === 0) {
    return (
      <Empty icon={MailQuestion} title="Nothing has come yet">
        Each delivery gets a row here, also those that were refused and why. The command above sends one.
      </Empty>
    );
  }
  return (
    <>
      <Table label="Deliveries" columns={COLUMNS}>
        {deliveries.items.map((delivery) => (
          <Row key={delivery.id}>
            <Cell label="Came">
              <Ago at={delivery.receivedAt} />
              {delivery.redeliveryOf && (
                <Text size="xs" className="dim">
                  by hand
                </Text>
              )}
            </Cell>
            <Cell label="Verdict">
              <VerdictMark verdict={delivery.verdict} />
            </Cell>
            <Cell label="Reply" isNarrow>
              <span className="number">{delivery.status ?? "–"}</span>
            </Cell>
            <Cell label="Size" isNarrow>
              <span className="number">{formatBytes(delivery.bodyBytes)}</span>
            </Cell>
            <Cell label="About">
              {delivery.executionId && <ExecutionLink id={delivery.executionId} />}
              {delivery.reason && (
                <Text size="sm" lineClamp={2}>
                  {delivery.reason}
                </Text>
              )}
            </Cell>
            <Cell isNarrow atEnd>
              <Button size="compact-xs" variant="default" onClick={() => onOpen(delivery.id)}>
                Details
              </Button>
            </Cell>
          </Row>
        ))}
      </Table>
      <More of={deliveries} what="deliveries" />
    </>
  );
}
