/** For people who are known, and a member of nothing: who they are here, and how they come in. */
import { Button, Card, Center, Code, Stack, Text, TextInput, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

import { call } from "../api/client";
import { messageOf, notifyProblem } from "../ui/problem";
import { signOut, useSession } from "./session";

export function NoWorkspace() {
  const { data: session } = useSession();
  const queries = useQueryClient();
  const [token, setToken] = useState("");
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    document.title = "No workspace · Sluicegate";
  }, []);

  const accept = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await call("POST", `/invites/${encodeURIComponent(token.trim())}/accept`, { body: {} });
      await queries.invalidateQueries();
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Center mih="100vh" p="md" component="main">
      <Card withBorder radius="lg" p="xl" w="100%" maw={460} component="section">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void accept();
          }}
        >
          <Stack gap="md">
            <Title order={1} size="h3">
              You are in no workspace
            </Title>
            <Text size="sm">
              You are signed in as <Code>{session?.principalId ?? "…"}</Code>, who is a member of no workspace here. Ask an admin of one for an
              invite.
            </Text>
            <TextInput
              label="Invite"
              description="The token that the admin has given you."
              autoComplete="off"
              required
              value={token}
              error={error}
              onChange={(event) => setToken(event.currentTarget.value)}
            />
            <Button type="submit" loading={isBusy} disabled={token.trim() === ""}>
              Join
            </Button>
            <Button variant="default" onClick={() => void signOut().catch(notifyProblem)}>
              Sign out
            </Button>
          </Stack>
        </form>
      </Card>
    </Center>
  );
}
