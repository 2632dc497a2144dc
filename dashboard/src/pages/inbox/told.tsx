/** Whom a suspension was told to: each message with what became of it. */
import { Button, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Mail, MessageSquare, RotateCw, Webhook } from "lucide-react";

import { call, listAll, type Schemas } from "../../api/client";
import { usePlace } from "../../app/place";
import { notifyProblem, Problem } from "../../ui/problem";
import { StatusBadge } from "../../ui/status";
import { Ago, useNow } from "../../ui/time";
import classes from "./inbox.module.css";
import { Section } from "./section";
import type { Suspension } from "./mailbox";

type Notification = Schemas["NotificationView"];
const ICONS = { email: Mail, slack: MessageSquare, webhook: Webhook };
const STATUS = { pending: "pending", delivered: "completed", failed: "failed", cancelled: "cancelled" };
const LABELS = { pending: "On its way", delivered: "Delivered", failed: "Failed", cancelled: "Not sent" };
const OCCASIONS = { opened: "when it was asked", reminder: "as a reminder", escalation: "when more may answer" };

export function Told({ suspension: { id, state, stepsDone } }: { suspension: Suspension }) {
  const { workspace, can } = usePlace();
  const now = useNow();
  const path = workspace("suspensions", id, "notifications");
  const { data, error, refetch } = useQuery({
    queryKey: ["notifications", id, state, stepsDone],
    queryFn: () => listAll<Notification>(path, {}, 200),
    placeholderData: (before) => before,
    // Until nothing is on its way any more; what is planned for later is not.
    refetchInterval: ({ state }) => (state.data?.some((each) => each.state === "pending" && Date.parse(each.dueAt) <= Date.now()) ? 5_000 : false),
  });
  if (error) {
    return <Problem error={error} />;
  }
  if (!data || data.length === 0) {
    return null;
  }
  const again = async (notification: Notification) => {
    try {
      await call("POST", `${path}/${notification.id}/redeliver`);
      await refetch();
    } catch (failure) {
      notifyProblem(failure);
    }
  };
  return (
    <Section title={`Notifications (${data.length})`}>
      <ul className={classes["told"]}>
        {data.map((notification) => {
          const Icon = ICONS[notification.type];
          const last = notification.attempts[notification.attempts.length - 1];
          const isPlanned = notification.state === "pending" && !last && Date.parse(notification.dueAt) > now;
          return (
            <li key={notification.id}>
              <Group gap="xs" wrap="nowrap" justify="space-between">
                <Group gap={8} wrap="nowrap" miw={0}>
                  <Icon size={15} aria-label={notification.type} />
                  <Text size="sm" className="truncate" title={notification.to}>
                    {notification.to}
                  </Text>
                </Group>
                <StatusBadge status={STATUS[notification.state]} label={isPlanned ? "Planned" : LABELS[notification.state]} />
              </Group>
              <Text size="xs" className="dim" component="div">
                {OCCASIONS[notification.occasion]}
                {isPlanned && (
                  <>
                    {" · "}
                    <Ago at={notification.dueAt} />
                  </>
                )}
                {last && (
                  <>
                    {" · "}
                    {notification.attempts.length > 1 && `${notification.attempts.length} attempts, the last `}
                    <Ago at={last.at} />
                  </>
                )}
                {last?.error && ` · ${last.error}`}
              </Text>
              {can("editor") && notification.state !== "pending" && (
                <Button size="compact-xs" variant="default" mt={4} leftSection={<RotateCw size={12} aria-hidden />} onClick={() => void again(notification)} aria-label={`Send again to ${notification.to}`}>
                  Send again
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
