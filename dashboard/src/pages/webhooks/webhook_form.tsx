/** Making and changing a webhook. A secret of one's own is for senders that have made theirs, such as Stripe. */
import { Accordion, NumberInput, PasswordInput, Select, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { client, type Schemas } from "../../api/client";
import { useWorkflows } from "../../api/workflows";
import { usePlace } from "../../app/place";
import { useSubmit } from "../../forms/submit";
import { Dialog } from "../../ui/dialog";
import { RESPONSES, VERIFICATIONS } from "./words";

const PATHS = ["/name", "/workflowId", "/verification", "/secret", "/dedupeHeader", "/ratePerMinute", "/waitSeconds", "/response"];

interface Fields {
  name: string;
  workflowId: string | null;
  verification: Schemas["Verification"];
  secret: string;
  dedupeHeader: string;
  response: Schemas["ResponseMode"];
  waitSeconds: number;
  ratePerMinute: number;
}

function fieldsOf(webhook: Schemas["Webhook"] | undefined): Fields {
  return {
    name: webhook?.name ?? "",
    workflowId: webhook?.workflowId ?? null,
    verification: webhook?.verification ?? "hmac-sha256",
    secret: "",
    dedupeHeader: webhook?.dedupeHeader ?? "",
    response: webhook?.response ?? "execution",
    waitSeconds: webhook?.waitSeconds ?? 30,
    ratePerMinute: webhook?.ratePerMinute ?? 600,
  };
}

export interface WebhookFormProps {
  webhook?: Schemas["Webhook"];
  opened: boolean;
  onClose: () => void;
  /** A new one comes with its secret, this once. */
  onSaved: (webhook: Schemas["WebhookAndSecret"]) => void;
}

export function WebhookForm(props: WebhookFormProps) {
  return props.opened ? <Open {...props} /> : null;
}

function Open({ webhook, opened, onClose, onSaved }: WebhookFormProps) {
  const { workspaceId, podId, pod } = usePlace();
  const queries = useQueryClient();
  const submit = useSubmit(PATHS);
  const { data: workflows = [] } = useWorkflows(pod());
  const [fields, setFields] = useState(() => fieldsOf(webhook));
  const change = (changes: Partial<Fields>) => setFields((before) => ({ ...before, ...changes }));
  const workflow = workflows.find(({ id }) => id === fields.workflowId);
  // A secret that is there is changed by its rotation, which lets the old one hold for a while.
  const takesSecret = fields.verification !== "none" && (!webhook || webhook.verification === "none");

  const save = () =>
    void submit.run(async () => {
      const body = {
        name: fields.name.trim(),
        workflowId: fields.workflowId ?? "",
        verification: fields.verification,
        dedupeHeader: fields.dedupeHeader.trim() || null,
        response: fields.response,
        waitSeconds: fields.waitSeconds,
        ratePerMinute: fields.ratePerMinute,
        ...(takesSecret && fields.secret ? { secret: fields.secret } : {}),
      };
      const saved = webhook ? await client.webhooks.update(workspaceId, podId, webhook.id, body) : await client.webhooks.create(workspaceId, podId, body);
      await queries.invalidateQueries({ queryKey: ["webhooks", podId] });
      onSaved(saved);
    });

  return (
    <Dialog
      opened={opened}
      onClose={onClose}
      size="lg"
      title={webhook ? "Edit the webhook" : "New webhook"}
      action={webhook ? "Save" : "Create webhook"}
      submit={submit}
      onSubmit={save}
      canSubmit={fields.name.trim() !== "" && !!fields.workflowId}
    >
      <TextInput label="Name" required data-autofocus maxLength={120} value={fields.name} error={submit.at("/name")} onChange={(event) => change({ name: event.currentTarget.value })} />
      <Select
        label="Workflow"
        required
        searchable
        placeholder="Which one to start"
        nothingFoundMessage="No such workflow"
        description={workflow && workflow.state !== "deployed" ? "It is not deployed: deliveries are refused until it is." : "Its deployed version is started."}
        data={workflows.map(({ id, name }) => ({ value: id, label: name }))}
        value={fields.workflowId}
        error={submit.at("/workflowId")}
        onChange={(workflowId) => change({ workflowId })}
      />
      <Select
        label="What a sender has to prove"
        description={VERIFICATIONS[fields.verification][1]}
        allowDeselect={false}
        data={Object.entries(VERIFICATIONS).map(([value, [label]]) => ({ value, label }))}
        value={fields.verification}
        error={submit.at("/verification")}
        onChange={(verification) => verification && change({ verification: verification as Fields["verification"] })}
      />
      {takesSecret && (
        <PasswordInput
          label="Secret"
          description={webhook ? "It has none yet" : "One is made if you give none; it is shown once"}
          autoComplete="new-password"
          required={!!webhook}
          value={fields.secret}
          error={submit.at("/secret")}
          onChange={(event) => change({ secret: event.currentTarget.value })}
        />
      )}
      <Select
        label="What the sender is answered"
        description={RESPONSES[fields.response][1]}
        allowDeselect={false}
        data={Object.entries(RESPONSES).map(([value, [label]]) => ({ value, label }))}
        value={fields.response}
        onChange={(response) => response && change({ response: response as Fields["response"] })}
      />
      {fields.response === "wait" && (
        <NumberInput label="Waits at most (seconds)" min={1} max={300} allowDecimal={false} value={fields.waitSeconds} error={submit.at("/waitSeconds")} onChange={(value) => change({ waitSeconds: Number(value) || 1 })} />
      )}
      <Accordion variant="contained">
        <Accordion.Item value="more">
          <Accordion.Control>Telling deliveries apart, pace</Accordion.Control>
          <Accordion.Panel>
            <TextInput
              label="Header that tells deliveries apart"
              description="A delivery that comes again gets the first reply. Empty: what the kind of verification has for it"
              placeholder="X-Order"
              value={fields.dedupeHeader}
              error={submit.at("/dedupeHeader")}
              onChange={(event) => change({ dedupeHeader: event.currentTarget.value })}
            />
            <NumberInput mt="sm" label="Deliveries a minute, at most" min={1} max={60_000} allowDecimal={false} value={fields.ratePerMinute} error={submit.at("/ratePerMinute")} onChange={(value) => change({ ratePerMinute: Number(value) || 1 })} />
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Dialog>
  );
}
