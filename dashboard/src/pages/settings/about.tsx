/** Which server this is, and who looks at it. */
import { Anchor, Group } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import type { Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { useSession } from "../../app/session";
import { Copyable, shortId } from "../../ui/copy";
import { Fact, Facts } from "../../ui/facts";
import { Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { formatInstant } from "../../ui/time";

async function readHealth(): Promise<Schemas["Health"]> {
  // Beside the API, which has no path for it.
  const response = await fetch("/healthz");
  if (!response.ok) {
    throw new Error(`the server answered ${response.status}`);
  }
  return (await response.json()) as Schemas["Health"];
}

export function About() {
  const place = usePlace();
  const { data: session } = useSession();
  const { data: health, error, refetch } = useQuery({ queryKey: ["health"], queryFn: readHealth });
  return (
    <Section title="About" lead="Sluicegate, the real-time streaming workflow server.">
      {error && !health && <Problem error={error} retry={() => void refetch()} />}
      {!error && !health && <Loading rows={1} height={90} />}
      {health && (
        <Facts>
          <Fact name="Version">{health.version}</Fact>
          <Fact name="Address">
            <Copyable text={location.origin} label="the address" />
          </Fact>
          <Fact name="Signed in as">
            {session?.name ?? session?.principalId} ({place.role})
          </Fact>
          {session?.expiresAt && <Fact name="Signed in until">{formatInstant(session.expiresAt)}</Fact>}
          <Fact name="Workspace">
            <Copyable text={place.workspaceId} shown={shortId(place.workspaceId)} label="the workspace's id" />
          </Fact>
          <Fact name="Pod">
            <Copyable text={place.podId} shown={shortId(place.podId)} label="the pod's id" />
          </Fact>
        </Facts>
      )}
      <Group gap="md">
        <Anchor href="/docs" size="sm">
          API reference
        </Anchor>
        <Anchor href="/openapi.yaml" size="sm">
          Description of the API (OpenAPI)
        </Anchor>
      </Group>
    </Section>
  );
}
