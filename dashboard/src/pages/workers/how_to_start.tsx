/** How to start a worker: the whole page while there is none, below the others once there are. */
import { Accordion, Stack, Tabs, Text } from "@mantine/core";
import { Server } from "lucide-react";

import { usePlace } from "../../app/place";
import { Empty } from "../../ui/page";
import { Snippet } from "../../ui/snippet";
import { pythonWorker, shellWorker, typescriptWorker } from "./snippets";

/** `queue`: one that nobody takes from. */
export function HowToStart({ isOpen, queue = "invoices" }: { isOpen: boolean; queue: string | undefined }) {
  if (isOpen) {
    return (
      <>
        <Empty icon={Server} title="No worker has asked for work yet">
          Give a workflow a task node with a queue, and start a worker for that queue on any machine that reaches this server. It needs no address and no open port.
        </Empty>
        <Snippets queue={queue} />
      </>
    );
  }
  return (
    <Accordion variant="contained">
      <Accordion.Item value="how">
        <Accordion.Control>How to start a worker</Accordion.Control>
        <Accordion.Panel>
          <Snippets queue={queue} />
        </Accordion.Panel>
      </Accordion.Item>
    </Accordion>
  );
}

function Snippets({ queue }: { queue: string }) {
  const { workspaceId, podId } = usePlace();
  const where = { url: location.origin, workspaceId, podId, queue };
  return (
    <Stack gap="xs">
      <Tabs defaultValue="python" keepMounted={false}>
        <Tabs.List mb="sm">
          <Tabs.Tab value="python">Python</Tabs.Tab>
          <Tabs.Tab value="typescript">TypeScript</Tabs.Tab>
          <Tabs.Tab value="shell">curl</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="python">
          <Snippet text={pythonWorker(where)} label="A worker in Python" />
        </Tabs.Panel>
        <Tabs.Panel value="typescript">
          <Snippet text={typescriptWorker(where)} label="A worker in TypeScript" />
        </Tabs.Panel>
        <Tabs.Panel value="shell">
          <Snippet text={shellWorker(where)} label="A worker by hand" />
        </Tabs.Panel>
      </Tabs>
      <Text size="sm" className="dim">
        The key is one of the role editor: make it in the settings, under API keys.
      </Text>
    </Stack>
  );
}
