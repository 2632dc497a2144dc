/**
 * Signing in: by API key or JWT, or at the provider that the server knows. A credential goes to the server once, which answers with a
 * cookie that no script can read.
 */
import { Alert, Button, Card, Center, Code, Divider, Image, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useLocation, useSearch } from "wouter";

import { call, type Schemas } from "../api/client";
import { messageOf } from "../ui/problem";
import { signIn } from "./session";

/** What `sluicegate dev` prints brings the key behind `#`: browsers do not send that to servers. */
function takeFromAddress(): string {
  const credential = decodeURIComponent(location.hash.slice(1));
  if (credential) {
    history.replaceState(null, "", location.pathname + location.search);
  }
  return credential;
}

/** What the provider's answer came down to: the server names it, the words are here. */
const FAILURES: Record<string, string> = {
  denied: "The provider did not let you in, or you declined.",
  stale: "That took too long, or was begun in another tab or browser. Please try again.",
  provider: "The sign-in provider can't be reached or gave an answer that can't be trusted. The server's log says more.",
  identity: "The provider did not tell who you are in the way this server asks for, such as by a verified address of mail.",
};

function useMethods() {
  return useQuery({ queryKey: ["session", "methods"], queryFn: () => call<Schemas["SignInMethods"]>("GET", "/session/methods"), staleTime: 60_000 });
}

export function SignIn({ next }: { next: string | undefined }) {
  const [, navigate] = useLocation();
  const failure = new URLSearchParams(useSearch()).get("failure");
  const { data: methods } = useMethods();
  const [credential, setCredential] = useState("");
  const [error, setError] = useState<string | undefined>(failure === null ? undefined : (FAILURES[failure] ?? "Signing in failed."));
  const [isBusy, setBusy] = useState(false);

  const submit = async (credential: string) => {
    setBusy(true);
    setError(undefined);
    try {
      await signIn(credential.trim());
      navigate(next ?? "/", { replace: true });
    } catch (failure) {
      setError(messageOf(failure));
      setBusy(false);
    }
  };
  useEffect(() => {
    document.title = "Sign in · Sluicegate";
    const brought = takeFromAddress();
    if (brought) {
      void submit(brought);
    }
    // Once: the address has it once.
  }, []);

  return (
    <Center mih="100vh" p="md" component="main">
      <Card withBorder radius="lg" p="xl" w="100%" maw={420} component="section">
        <form
          onSubmit={(event) => {
            event.preventDefault();
            void submit(credential);
          }}
        >
          <Stack gap="md">
            <Image src="/icon.svg" w={44} h={44} alt="" />
            <Title order={1} size="h3">
              Sign in to Sluicegate
            </Title>
            {error && (
              <Alert color="red" role="alert" title="That did not work">
                {error}
              </Alert>
            )}
            {methods?.oidc && (
              <>
                <Button component="a" href={`/v1/session/oidc${next ? `?return=${encodeURIComponent(next)}` : ""}`}>
                  {methods.oidc.label}
                </Button>
                <Divider label="or" />
              </>
            )}
            <PasswordInput
              label="API key or token"
              description="It is exchanged for a session and not kept."
              placeholder="slg_…"
              autoComplete="current-password"
              required
              data-autofocus
              value={credential}
              onChange={(event) => setCredential(event.currentTarget.value)}
            />
            <Button type="submit" variant={methods?.oidc ? "default" : "filled"} loading={isBusy} disabled={credential.trim() === ""}>
              Sign in
            </Button>
            <Text size="sm" className="dim">
              <Code>sluicegate dev</Code> prints a link that signs you in; on other servers <Code>sluicegate init</Code> prints the
              first key.
            </Text>
          </Stack>
        </form>
      </Card>
    </Center>
  );
}
