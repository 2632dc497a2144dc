/** The webhooks of the pod: addresses at which other programs start workflows. */
import { Anchor, Button, Switch, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Plus, Webhook as WebhookIcon } from "lucide-react";
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { client, type Schemas } from "../../api/client";
import { usePaged } from "../../api/paged";
import { useWorkflows } from "../../api/workflows";
import { usePlace } from "../../app/place";
import { Copyable } from "../../ui/copy";
import { Empty, Loading, Page } from "../../ui/page";
import { notifyProblem, Problem } from "../../ui/problem";
import { Cell, More, Row, Table } from "../../ui/table";
import { WebhookSecret } from "./secret";
import { WebhookForm } from "./webhook_form";
import { VERIFICATIONS } from "./words";

const COLUMNS = [{ title: "Name" }, { title: "Verification" }, { title: "Address" }, { title: "Enabled", isNarrow: true }];

export default function Webhooks() {
  const place = usePlace();
  const [, navigate] = useLocation();
  const [isNew, setNew] = useState(false);
  const [made, setMade] = useState<Schemas["WebhookAndSecret"]>();
  const webhooks = usePaged(["webhooks", place.podId], (query) => client.webhooks.list(place.workspaceId, place.podId, query), { every: 5_000 });
  const { data: workflows } = useWorkflows(place.pod());
  return (
    <Page
      title="Webhooks"
      lead="Addresses at which other programs start the deployed version of a workflow."
      actions={
        place.can("admin") && (
          <Button leftSection={<Plus size={16} />} onClick={() => setNew(true)}>
            New webhook
          </Button>
        )
      }
    >
      {webhooks.error && <Problem error={webhooks.error} retry={webhooks.refetch} />}
      {!webhooks.items && !webhooks.error && <Loading height={56} />}
      {webhooks.items?.length === 0 && (
        <Empty icon={WebhookIcon} title="There is no webhook yet">
          {place.can("admin") ? "Make one for each sender: it gets an address and a secret to sign with, and a ledger of all that came." : "An admin can make webhooks."}
        </Empty>
      )}
      {webhooks.items && webhooks.items.length > 0 && (
        <Table label="Webhooks" columns={COLUMNS}>
          {webhooks.items.map((webhook) => {
            const workflow = workflows?.find(({ id }) => id === webhook.workflowId);
            return (
              <Row key={webhook.id}>
                <Cell>
                  <Anchor component={Link} href={place.to("webhooks", webhook.id)} fw={600} size="sm">
                    {webhook.name}
                  </Anchor>
                  <Text size="xs" className="dim">
                    {workflow?.name ?? "…"}
                    {workflow && workflow.state !== "deployed" && " · not deployed"}
                  </Text>
                </Cell>
                <Cell label="Verification">{VERIFICATIONS[webhook.verification]?.[0] ?? webhook.verification}</Cell>
                <Cell label="Address">
                  <Copyable text={webhook.url} shown={`…/${webhook.id.slice(-8)}/trigger`} label={`the address of ${webhook.name}`} />
                </Cell>
                <Cell label="Enabled" isNarrow>
                  <EnabledSwitch webhook={webhook} />
                </Cell>
              </Row>
            );
          })}
        </Table>
      )}
      <More of={webhooks} what="webhooks" />
      <WebhookForm
        opened={isNew}
        onClose={() => setNew(false)}
        onSaved={(webhook) => {
          setNew(false);
          setMade(webhook);
        }}
      />
      <WebhookSecret
        webhook={made}
        title="The webhook is ready"
        onClose={() => {
          setMade(undefined);
          if (made) {
            navigate(place.to("webhooks", made.id));
          }
        }}
      />
    </Page>
  );
}

/** Takes deliveries or turns them away; who may not change it sees what it is. */
export function EnabledSwitch({ webhook }: { webhook: Schemas["Webhook"] }) {
  const { workspaceId, podId, can } = usePlace();
  const queries = useQueryClient();
  const [wanted, setWanted] = useState<boolean>();
  const toggle = async (enabled: boolean) => {
    setWanted(enabled);
    try {
      await client.webhooks.update(workspaceId, podId, webhook.id, { enabled });
      await queries.invalidateQueries({ queryKey: ["webhooks", podId] });
    } catch (error) {
      notifyProblem(error);
    } finally {
      setWanted(undefined);
    }
  };
  if (!can("admin")) {
    return <>{webhook.enabled ? "On" : "Off"}</>;
  }
  return <Switch checked={wanted ?? webhook.enabled} disabled={wanted !== undefined} aria-label={`${webhook.name} is enabled`} onChange={(event) => void toggle(event.currentTarget.checked)} />;
}
