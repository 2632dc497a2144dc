/** What went in and what came out. */
import { SimpleGrid, Stack, Text, Title } from "@mantine/core";
import type { Execution } from "@sluicegate/sdk";
import type { ReactNode } from "react";

import { type ExecutionLog, isFinal } from "../../live/execution_log";
import { Json } from "../../ui/json";
import { Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { useInput } from "./use_execution";

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <Title order={2} size="h6" mb={6}>
        {title}
      </Title>
      {children}
    </section>
  );
}

export function DataTab({ execution, log, status }: { execution: Execution; log: ExecutionLog; status: string | undefined }) {
  const { data, error } = useInput(execution.id);
  if (!data) {
    return error ? <Problem error={error} /> : <Loading rows={3} />;
  }
  const { input, context } = data;
  const output = log.terminal?.type === "execution_complete" ? log.output : execution.output;
  const hasContext = !!context && Object.keys(context as object).length > 0;
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
      <Stack gap="md">
        <Section title="Input">
          <Json value={input} label="input" open={3} />
        </Section>
        {hasContext && (
          <Section title="Context">
            <Json value={context} label="context" open={2} />
          </Section>
        )}
      </Stack>
      <Section title="Output">
        {status === "completed" ? (
          <Json value={output} label="output" open={3} />
        ) : (
          <Text size="sm" className="dim">
            {isFinal(status) ? "It gave no output." : "It is not over yet."}
          </Text>
        )}
      </Section>
    </SimpleGrid>
  );
}
