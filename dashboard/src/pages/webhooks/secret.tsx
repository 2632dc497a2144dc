/** What a new or rotated webhook shows once: its address, its secret, and a command that uses both. */
import { Text } from "@mantine/core";

import type { Schemas } from "../../api/client";
import { CopyField, SecretDialog } from "../../ui/secret";
import { Snippet } from "../../ui/snippet";
import { curlOf } from "./curl";

export function WebhookSecret({ webhook, title, onClose }: { webhook: Schemas["WebhookAndSecret"] | undefined; title: string; onClose: () => void }) {
  if (!webhook) {
    return null;
  }
  return (
    <SecretDialog opened title={title} onClose={onClose}>
      <CopyField label="Address" text={webhook.url} />
      {webhook.secret && <CopyField label="Secret" text={webhook.secret} />}
      <div>
        <Text size="sm" fw={500} mb={4}>
          Try it in a terminal
        </Text>
        <Snippet text={curlOf(webhook, webhook.secret)} label="Command" />
      </div>
    </SecretDialog>
  );
}
