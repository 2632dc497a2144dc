/** One delivery beside the ledger: what was sent, whether it proved who sent it, what it was answered. */
import { Button, Drawer, Group, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { RotateCw } from "lucide-react";
import { useState } from "react";

import { client, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { ExecutionLink } from "../../run/started";
import { Copyable, shortId } from "../../ui/copy";
import { Fact, Facts } from "../../ui/facts";
import { Json } from "../../ui/json";
import { Loading } from "../../ui/page";
import { notifyDone, notifyProblem, Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { formatInstant } from "../../ui/time";
import { formatBytes, signatureWords, VerdictMark } from "./words";

/** Verdicts of deliveries that can be delivered again: they were verified and kept whole. */
const REDELIVERED: readonly string[] = ["started", "repeated", "rate_limited", "refused"];

export function DeliveryDrawer({ webhook, deliveryId, onClose }: { webhook: Schemas["Webhook"]; deliveryId: string | undefined; onClose: () => void }) {
  return (
    <Drawer opened={deliveryId !== undefined} onClose={onClose} position="right" size="lg" title="Delivery" closeButtonProps={{ "aria-label": "Close" }}>
      {deliveryId && <Delivery webhook={webhook} deliveryId={deliveryId} onDone={onClose} />}
    </Drawer>
  );
}

function Delivery({ webhook, deliveryId, onDone }: { webhook: Schemas["Webhook"]; deliveryId: string; onDone: () => void }) {
  const place = usePlace();
  const queries = useQueryClient();
  const [isBusy, setBusy] = useState(false);
  const { data: delivery, error } = useQuery({
    queryKey: ["webhooks", place.podId, webhook.id, "delivery", deliveryId],
    queryFn: () => client.webhooks.getDelivery(place.workspaceId, place.podId, webhook.id, deliveryId),
  });
  if (!delivery) {
    return error ? <Problem error={error} /> : <Loading rows={5} />;
  }
  const redeliver = async () => {
    setBusy(true);
    try {
      await client.webhooks.redeliver(place.workspaceId, place.podId, webhook.id, delivery.id);
      notifyDone("It was delivered again");
      await queries.invalidateQueries({ queryKey: ["webhooks", place.podId, webhook.id] });
      onDone();
    } catch (failure) {
      notifyProblem(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Stack gap="md">
      <Group justify="space-between">
        <VerdictMark verdict={delivery.verdict} />
        {place.can("editor") && REDELIVERED.includes(delivery.verdict) && delivery.bodyIsWhole && (
          <Button size="xs" variant="default" leftSection={<RotateCw size={14} />} loading={isBusy} onClick={() => void redeliver()}>
            Deliver again
          </Button>
        )}
      </Group>
      {delivery.reason && <Text size="sm">{delivery.reason}</Text>}
      <Facts>
        <Fact name="Came">{formatInstant(delivery.receivedAt)}</Fact>
        <Fact name="Signature">{delivery.redeliveryOf ? "Verified when it first came" : signatureWords(delivery.verdict, webhook.verification)}</Fact>
        <Fact name="Replied">{delivery.status ?? "The sender did not wait"}</Fact>
        <Fact name="Execution">{delivery.executionId ? <ExecutionLink id={delivery.executionId} /> : "None was started"}</Fact>
        {delivery.dedupeKey && (
          <Fact name="Told apart by">
            <span className="mono">{delivery.dedupeKey}</span>
          </Fact>
        )}
        {delivery.redeliveryOf && (
          <Fact name="Again by hand, of">
            <Copyable text={delivery.redeliveryOf} shown={shortId(delivery.redeliveryOf)} label="the first delivery's id" />
          </Fact>
        )}
        {delivery.query && (
          <Fact name="Query">
            <span className="mono">{delivery.query}</span>
          </Fact>
        )}
        <Fact name="Id">
          <Copyable text={delivery.id} shown={shortId(delivery.id)} label="the delivery's id" />
        </Fact>
      </Facts>
      <Section title="Body" lead={bodyLead(delivery)}>
        {delivery.body != null && <Json value={bodyValue(delivery)} label="Body" open={4} />}
      </Section>
      <Section title="Headers" lead="Without those that sound like credentials.">
        <Json value={delivery.headers} label="Headers" />
      </Section>
    </Stack>
  );
}

function bodyLead(delivery: Schemas["WebhookDeliveryDetail"]): string {
  const size = formatBytes(delivery.bodyBytes);
  if (delivery.body == null) {
    return delivery.bodyBytes === 0 ? "It had none." : `${size}, not kept.`;
  }
  return delivery.bodyIsWhole ? `${size}${delivery.bodyEncoding ? `, in ${delivery.bodyEncoding}` : ""}` : `The beginning of ${size}: the rest was not kept.`;
}

/** JSON unfolds; anything else is the text that came. */
function bodyValue({ body, bodyIsWhole, bodyEncoding }: Schemas["WebhookDeliveryDetail"]): unknown {
  if (bodyIsWhole && !bodyEncoding && body) {
    try {
      return JSON.parse(body) as unknown;
    } catch {
      return body;
    }
  }
  return body;
}
