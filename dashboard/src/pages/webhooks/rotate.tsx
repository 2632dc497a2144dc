/** Another secret for a webhook; the one before holds for a while, so that the sender can be changed without losing a delivery. */
import { Button, PasswordInput, Select } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useState } from "react";

import { client, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { useSubmit } from "../../forms/submit";
import { Dialog } from "../../ui/dialog";
import { WebhookSecret } from "./secret";

const OVERLAPS = [
  { value: "0", label: "Not at all" },
  { value: "3600", label: "One hour" },
  { value: "86400", label: "One day" },
  { value: "604800", label: "One week" },
];

export function Rotate({ webhook }: { webhook: Schemas["Webhook"] }) {
  const { workspaceId, podId } = usePlace();
  const queries = useQueryClient();
  const submit = useSubmit(["/secret"]);
  const [isOpen, setOpen] = useState(false);
  const [overlap, setOverlap] = useState("86400");
  const [secret, setSecret] = useState("");
  const [rotated, setRotated] = useState<Schemas["WebhookAndSecret"]>();
  const rotate = () =>
    void submit.run(async () => {
      const wanted = { overlapSeconds: Number(overlap), ...(secret ? { secret } : {}) };
      setRotated(await client.webhooks.rotateSecret(workspaceId, podId, webhook.id, wanted));
      setOpen(false);
      setSecret("");
      await queries.invalidateQueries({ queryKey: ["webhooks", podId] });
    });
  return (
    <>
      <Button size="xs" variant="default" leftSection={<KeyRound size={14} />} onClick={() => setOpen(true)}>
        Rotate secret
      </Button>
      <Dialog opened={isOpen} onClose={() => setOpen(false)} title="Rotate the secret" action="Rotate" submit={submit} onSubmit={rotate}>
        <Select label="The secret of before holds for" allowDeselect={false} data={OVERLAPS} value={overlap} onChange={(value) => value && setOverlap(value)} />
        <PasswordInput label="New secret" description="One is made if you give none" autoComplete="new-password" value={secret} error={submit.at("/secret")} onChange={(event) => setSecret(event.currentTarget.value)} />
      </Dialog>
      <WebhookSecret webhook={rotated} title="The secret was rotated" onClose={() => setRotated(undefined)} />
    </>
  );
}
