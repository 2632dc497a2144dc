/** One webhook: its settings, a command that delivers to it, and the ledger of deliveries. */
import { Anchor, Button, Tabs } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Pencil } from "lucide-react";
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
import { Loading, Page } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { CopyField } from "../../ui/secret";
import { Section } from "../../ui/section";
import { Snippet } from "../../ui/snippet";
import { Ago, formatInstant } from "../../ui/time";
import { curlOf } from "./curl";
import { Deliveries } from "./deliveries";
import { DeliveryDrawer } from "./delivery";
import { Rotate } from "./rotate";
import { WebhookForm } from "./webhook_form";
import { EnabledSwitch } from "./webhooks";
import { RESPONSES, VERIFICATIONS } from "./words";

export default function WebhookPage() {
  const { webhookId = "" } = useParams<{ webhookId: string }>();
  const place = usePlace();
  const { data: webhook, error, refetch } = useQuery({
    queryKey: ["webhooks", place.podId, webhookId],
    queryFn: () => client.webhooks.get(place.workspaceId, place.podId, webhookId),
    refetchInterval: 10_000,
  });
  if (isRefusal(error) && (error.statusCode === 404 || error.statusCode === 400)) {
    return <NotFound what="webhook" />;
  }
  if (webhook) {
    return <Known webhook={webhook} />;
  }
  return (
    <Page title="Webhook" above={[{ title: "Webhooks", to: place.to("webhooks") }]}>
      {error ? <Problem error={error} retry={() => void refetch()} /> : <Loading />}
    </Page>
  );
}

function Known({ webhook }: { webhook: Schemas["Webhook"] }) {
  const place = usePlace();
  const { data: workflows } = useWorkflows(place.pod());
  const workflow = workflows?.find(({ id }) => id === webhook.workflowId);
  const [deliveryId, setDeliveryId] = useState<string>();
  return (
    <Page title={webhook.name} above={[{ title: "Webhooks", to: place.to("webhooks") }]} mark={<EnabledSwitch webhook={webhook} />} actions={place.can("admin") && <Actions webhook={webhook} />}>
      <Facts>
        <Fact name="Workflow">
          <Anchor component={Link} href={place.to("workflows", webhook.workflowId)} size="sm">
            {workflow?.name ?? shortId(webhook.workflowId)}
          </Anchor>
          {workflow && workflow.state !== "deployed" && " · not deployed"}
        </Fact>
        <Fact name="Verification">{VERIFICATIONS[webhook.verification]?.[0] ?? webhook.verification}</Fact>
        <Fact name="Answers">
          {RESPONSES[webhook.response][0]}
          {webhook.response === "wait" && `, for ${webhook.waitSeconds} s at most`}
        </Fact>
        <Fact name="Told apart by">{webhook.dedupeHeader ? <span className="mono">{webhook.dedupeHeader}</span> : "What its kind has for it"}</Fact>
        <Fact name="Pace">{webhook.ratePerMinute} a minute at most</Fact>
        {webhook.previousSecretUntil && <Fact name="Secret of before holds until">{formatInstant(webhook.previousSecretUntil)}</Fact>}
        <Fact name="Id">
          <Copyable text={webhook.id} shown={shortId(webhook.id)} label="the webhook's id" />
        </Fact>
        <Fact name="Made">
          <Ago at={webhook.createdAt} />
        </Fact>
      </Facts>
      <Section title="Deliver to it">
        <CopyField label="Address" text={webhook.url} />
        <Snippet text={curlOf(webhook)} label="Command" />
      </Section>
      <Tabs defaultValue="deliveries" keepMounted={false}>
        <Tabs.List mb="sm">
          <Tabs.Tab value="deliveries">Deliveries</Tabs.Tab>
          <Tabs.Tab value="executions">Executions</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="deliveries">
          <Deliveries webhook={webhook} onOpen={setDeliveryId} />
        </Tabs.Panel>
        <Tabs.Panel value="executions">
          <StartedExecutions triggerId={webhook.id} byHand={({ createdBy }) => !createdBy.startsWith("webhook:")} />
        </Tabs.Panel>
      </Tabs>
      <DeliveryDrawer webhook={webhook} deliveryId={deliveryId} onClose={() => setDeliveryId(undefined)} />
    </Page>
  );
}

function Actions({ webhook }: { webhook: Schemas["Webhook"] }) {
  const place = usePlace();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [isEdited, setEdited] = useState(false);
  const remove = async () => {
    await client.webhooks.delete(place.workspaceId, place.podId, webhook.id);
    navigate(place.to("webhooks"));
    queries.removeQueries({ queryKey: ["webhooks", place.podId, webhook.id] });
    await queries.invalidateQueries({ queryKey: ["webhooks", place.podId, "pages"] });
  };
  return (
    <>
      {webhook.verification !== "none" && <Rotate webhook={webhook} />}
      <Button size="xs" variant="default" leftSection={<Pencil size={14} />} onClick={() => setEdited(true)}>
        Edit
      </Button>
      <Confirm label="Delete" title="Delete this webhook?" action="Delete it" onConfirm={remove}>
        Its address stops working and its deliveries go with it. What it has started stays.
      </Confirm>
      <WebhookForm
        webhook={webhook}
        opened={isEdited}
        onClose={() => setEdited(false)}
        onSaved={(saved) => {
          const { secret: _, ...rest } = saved;
          queries.setQueryData(["webhooks", place.podId, webhook.id], rest);
          setEdited(false);
        }}
      />
    </>
  );
}
