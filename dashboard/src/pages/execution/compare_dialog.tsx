/** Chooses the execution to compare with: the original, replays, and the last ones of the workflow come first. */
import { Button, Group, Modal, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import type { Execution } from "@sluicegate/sdk";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";

import { usePlace } from "../../app/place";
import { shortId } from "../../ui/copy";
import { Loading } from "../../ui/page";
import { StatusBadge } from "../../ui/status";
import { Ago } from "../../ui/time";
import classes from "./compare.module.css";
import { useLatestOf, useReplays, useSlimExecution } from "./related";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/i;

export function CompareDialog({ execution, onClose }: { execution: Execution; onClose: () => void }) {
  const place = usePlace();
  const [, navigate] = useLocation();
  const [text, setText] = useState("");
  const { data: replays } = useReplays(execution.id);
  const { data: original } = useSlimExecution(execution.replayOf);
  const { data: latest } = useLatestOf(execution.workflowId, 12);
  const wanted = UUID.exec(text)?.[0];
  // The original is on the left, what came of it on the right.
  const go = (other: Execution | { id: string }) => {
    onClose();
    const isOriginal = other.id === execution.replayOf;
    navigate(isOriginal ? place.to("executions", other.id, "compare", execution.id) : place.to("executions", execution.id, "compare", other.id));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (wanted) {
      go({ id: wanted });
    }
  };
  const known = new Set([execution.id]);
  const groups = [
    { title: "The original", items: original ? [original] : [] },
    { title: "Its replays and retries", items: replays ?? [] },
    { title: "The last ones of this workflow", items: latest ?? [] },
  ].map(({ title, items }) => ({ title, items: items.filter(({ id }) => !known.has(id) && known.add(id)) }));
  return (
    <Modal opened onClose={onClose} title="Compare with" size="lg">
      <Stack gap="md">
        {!latest && <Loading rows={4} />}
        {groups.map(
          ({ title, items }) =>
            items.length > 0 && (
              <div key={title}>
                <Text size="sm" fw={600} mb={4}>
                  {title}
                </Text>
                <Stack gap={4}>
                  {items.slice(0, 10).map((item) => (
                    <UnstyledButton key={item.id} className={classes["choice"]} onClick={() => go(item)}>
                      <span className="mono">{shortId(item.id)}</span>
                      <StatusBadge status={item.status} />
                      <Text component="span" size="sm" className="dim">
                        version {item.workflowVersion}
                        {item.fromNodeId ? `, from ${item.fromNodeId}` : ""}
                      </Text>
                      <Text component="span" size="sm" ml="auto">
                        <Ago at={item.createdAt} />
                      </Text>
                    </UnstyledButton>
                  ))}
                </Stack>
              </div>
            ),
        )}
        {latest && groups.every(({ items }) => items.length === 0) && (
          <Text size="sm" className="dim">
            The workflow has no other execution yet. Replay this one, and compare what comes of it.
          </Text>
        )}
        <form onSubmit={submit}>
          <Group align="flex-end" gap="xs">
            <TextInput
              flex={1}
              label="Another one"
              placeholder="Its id, or the address of its page"
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
            />
            <Button type="submit" variant="default" disabled={!wanted}>
              Compare
            </Button>
          </Group>
        </form>
      </Stack>
    </Modal>
  );
}
