/** One suspension: what is asked and what to see for it, the form that decides, and its course. */
import { Anchor, Button, Group, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { ArrowLeft, ArrowRight, ExternalLink } from "lucide-react";
import { useEffect, useRef } from "react";
import { Link } from "wouter";

import { client, isRefusal } from "../../api/client";
import { placeOf, usePlace, usePods } from "../../app/place";
import { NotFound } from "../../app/not_found";
import { Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { StatusBadge } from "../../ui/status";
import { Ago } from "../../ui/time";
import { Course } from "./course";
import { DecisionForm } from "./decision_form";
import { Facts } from "./facts";
import { Handling } from "./handling";
import classes from "./inbox.module.css";
import type { Suspension } from "./mailbox";
import { Outcome } from "./outcome";
import { Expiry } from "./row";
import { Section } from "./section";
import { Told } from "./told";
import type { Inbox } from "./use_inbox";
import { Votes } from "./votes";
import { approversOf, headingOf, sayApprovers, useNames } from "./who";
import { useWorkflowName } from "./workflow_name";

export interface DetailProps {
  id: string;
  inbox: Inbox;
  /** It fills the screen: of a phone. */
  isAlone: boolean;
  /** The list it came from. */
  back: string;
  /** What to look at when this is done. */
  next: { to: string; title: string } | undefined;
  onVoted: () => void;
}

export function Detail(props: DetailProps) {
  const { id, inbox } = props;
  const { workspaceId } = usePlace();
  const known = inbox.shown.get(id);
  const { error, refetch } = useQuery({
    queryKey: ["suspensions", workspaceId, "one", id],
    queryFn: async () => {
      const read = await client.suspensions.get(workspaceId, id);
      inbox.merge(read);
      return read;
    },
  });
  if (known) {
    return <Known {...props} suspension={known} />;
  }
  if (error) {
    return isRefusal(error) ? <NotFound what="suspension" /> : <Problem error={error} retry={() => void refetch()} />;
  }
  return <Loading rows={4} height={56} />;
}

function Known({ suspension, inbox, isAlone, back, next, onVoted }: DetailProps & { suspension: Suspension }) {
  const place = usePlace();
  const name = useNames();
  const { data: pods = [] } = usePods(place.workspaceId);
  const workflow = useWorkflowName(suspension.podId, suspension.workflowId);
  const { id, interrupt, state, executionId, podId, openedAt } = suspension;
  const { title, message } = headingOf(suspension);
  const there = placeOf(place.workspaceId, podId, place.role);
  const pod = pods.length > 1 ? pods.find((pod) => pod.id === podId)?.name : undefined;
  const isOpen = state === "open";
  const refresh = () => void inbox.refresh(id).catch(() => undefined);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // Whoever opens it goes on reading and filling in here, not at the row.
    if (document.activeElement?.matches("[data-row], [data-next], body")) {
      heading.current?.focus({ preventScroll: true });
    }
  }, [id]);
  useEffect(() => {
    if (isAlone) {
      document.title = `${title} · Sluicegate`;
    }
  }, [isAlone, title]);
  const hasContext = interrupt.context !== undefined && interrupt.context !== null;
  const { policy } = interrupt;
  const handling = <Handling suspension={suspension} onChanged={inbox.merge} onStale={refresh} />;
  return (
    <article className={classes["detail"]} aria-label={title}>
      {isAlone && (
        <Anchor component={Link} href={back} size="sm" className={classes["back"]!}>
          <ArrowLeft size={15} aria-hidden /> Inbox
        </Anchor>
      )}
      <Stack gap="md">
        <header>
          <Group gap="xs" mb={6} justify="space-between">
            <Group gap="xs">
              <StatusBadge status={state} label={isOpen ? "Waiting" : undefined!} />
              {isOpen && interrupt.expiresAt && <Expiry at={interrupt.expiresAt} />}
            </Group>
            {!isAlone && handling}
          </Group>
          <Title order={isAlone ? 1 : 2} size="h3" ref={heading} tabIndex={-1} className={classes["title"]!}>
            {title}
          </Title>
          <Text size="sm" className="dim" component="div">
            {workflow ?? "A workflow"}, step <span className="mono">{interrupt.path ?? interrupt.nodeId}</span>
            {pod && ` · ${pod}`}
            {policy?.requester && <> · asked by {name(policy.requester)}</>} · <Ago at={openedAt} /> ·{" "}
            <Anchor component={Link} href={there.to("executions", executionId)} size="sm" className={classes["inline"]!}>
              Execution <ExternalLink size={12} aria-hidden />
            </Anchor>
          </Text>
        </header>
        {message && <p className={classes["message"]}>{message}</p>}
        {hasContext && <Facts value={interrupt.context} label="What to see" />}
        <Votes suspension={suspension} />
        {isOpen ? (
          <DecisionForm
            suspension={suspension}
            onStale={refresh}
            onDecided={() => {
              if (policy?.quorum) {
                onVoted();
              }
              refresh();
            }}
          />
        ) : (
          <>
            <Outcome suspension={suspension} />
            <Group gap="xs">
              {next && (
                <Button component={Link} href={next.to} data-next rightSection={<ArrowRight size={16} aria-hidden />} classNames={{ root: classes["action"]!, label: classes["actionLabel"]! }}>
                  Next: {next.title.length > 80 ? `${next.title.slice(0, 80)}…` : next.title}
                </Button>
              )}
              {(isAlone || !next) && (
                <Button component={Link} href={back} variant="default">
                  Back to the inbox
                </Button>
              )}
            </Group>
          </>
        )}
        {isAlone && handling}
        <Section title={isOpen ? "What has happened, and what will" : "What has happened"}>
          <Course suspension={suspension} />
        </Section>
        <Section title={isOpen ? "Who may answer" : "Who could answer"}>
          <Text size="sm">
            {sayApprovers(approversOf(suspension), name).replace(/^./, (letter) => letter.toUpperCase())}
            {policy?.quorum ? `; ${policy.quorum.required} have to say the same` : "; one answer decides"}
            {policy?.allowSelfApproval === false && ", and not who has asked for it"}.
          </Text>
        </Section>
        <Told suspension={suspension} />
      </Stack>
    </article>
  );
}
