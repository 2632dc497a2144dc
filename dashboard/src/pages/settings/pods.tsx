/** The pods of the workspace: each holds workflows, triggers and executions of its own. */
import { Anchor, Button, Group, NumberInput, Text, Textarea, TextInput } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { Boxes, Plus } from "lucide-react";
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { call, type Schemas } from "../../api/client";
import { usePlace, usePods } from "../../app/place";
import { useSubmit } from "../../forms/submit";
import { Confirm } from "../../ui/confirm";
import { Dialog } from "../../ui/dialog";
import { Empty, Loading } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Section } from "../../ui/section";
import { Cell, Row, Table } from "../../ui/table";
import { Ago } from "../../ui/time";

type Pod = Schemas["Pod"];

const COLUMNS = [{ title: "Name" }, { title: "May run at a time" }, { title: "Made" }, { title: "Actions", isSilent: true, isNarrow: true }];

export function Pods() {
  const place = usePlace();
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const { data: pods, error, refetch } = usePods(place.workspaceId);
  const [edited, setEdited] = useState<Pod | "new">();
  const remove = async (pod: Pod) => {
    await call("DELETE", place.workspace("pods", pod.id));
    await queries.invalidateQueries({ queryKey: ["pods", place.workspaceId] });
    if (pod.id === place.podId) {
      navigate(`/w/${place.workspaceId}`);
    }
  };
  return (
    <Section
      title="Pods"
      lead="Each has workflows, schedules, webhooks and executions of its own."
      actions={
        place.can("editor") && (
          <Button size="xs" leftSection={<Plus size={14} />} onClick={() => setEdited("new")}>
            New pod
          </Button>
        )
      }
    >
      {error && !pods && <Problem error={error} retry={() => void refetch()} />}
      {!error && !pods && <Loading rows={2} height={56} />}
      {pods?.length === 0 && <Empty icon={Boxes} title="There is no pod" />}
      {pods && pods.length > 0 && (
        <Table label="Pods" columns={COLUMNS}>
          {pods.map((pod) => (
            <Row key={pod.id}>
              <Cell>
                <Anchor component={Link} href={`/w/${place.workspaceId}/p/${pod.id}/executions`} fw={600} size="sm">
                  {pod.name}
                </Anchor>
                {pod.id === place.podId && (
                  <Text component="span" size="xs" className="dim">
                    {" "}
                    · this one
                  </Text>
                )}
                {pod.description && (
                  <Text size="xs" className="dim">
                    {pod.description}
                  </Text>
                )}
              </Cell>
              <Cell label="May run">{pod.maxRunning ?? <span className="dim">No limit</span>}</Cell>
              <Cell label="Made">
                <Ago at={pod.createdAt} />
              </Cell>
              <Cell isNarrow atEnd>
                <Group gap={6} wrap="nowrap" justify="flex-end">
                  {place.can("editor") && (
                    <Button size="compact-xs" variant="default" onClick={() => setEdited(pod)} aria-label={`Edit ${pod.name}`}>
                      Edit
                    </Button>
                  )}
                  {place.can("admin") && (
                    <Confirm label="Delete" ariaLabel={`Delete ${pod.name}`} button={{ size: "compact-xs" }} title="Delete this pod?" action="Delete it" onConfirm={() => remove(pod)}>
                      Everything in it goes with it for good: workflows, triggers and executions. It is refused while an execution in it is live.
                    </Confirm>
                  )}
                </Group>
              </Cell>
            </Row>
          ))}
        </Table>
      )}
      {edited && <PodForm pod={edited === "new" ? undefined : edited} onClose={() => setEdited(undefined)} />}
    </Section>
  );
}

function PodForm({ pod, onClose }: { pod: Pod | undefined; onClose: () => void }) {
  const place = usePlace();
  const queries = useQueryClient();
  const submit = useSubmit(["/name", "/description", "/maxRunning"]);
  const [name, setName] = useState(pod?.name ?? "");
  const [description, setDescription] = useState(pod?.description ?? "");
  const [maxRunning, setMaxRunning] = useState<number | string>(pod?.maxRunning ?? "");
  const save = () =>
    void submit.run(async () => {
      const body = { name: name.trim(), description };
      // The limit is for admins: others leave it as it is.
      const limit = pod && place.can("admin") ? { maxRunning: maxRunning === "" ? null : Number(maxRunning) } : {};
      await call(pod ? "PATCH" : "POST", pod ? place.workspace("pods", pod.id) : place.workspace("pods"), { body: { ...body, ...limit } });
      await queries.invalidateQueries({ queryKey: ["pods", place.workspaceId] });
      onClose();
    });
  return (
    <Dialog opened onClose={onClose} title={pod ? "Edit the pod" : "New pod"} action={pod ? "Save" : "Create pod"} submit={submit} onSubmit={save} canSubmit={name.trim() !== ""}>
      <TextInput label="Name" required data-autofocus maxLength={120} value={name} error={submit.at("/name")} onChange={(event) => setName(event.currentTarget.value)} />
      <Textarea label="What it is for" autosize minRows={2} value={description} error={submit.at("/description")} onChange={(event) => setDescription(event.currentTarget.value)} />
      {pod && place.can("admin") && (
        <NumberInput label="Executions that may run at a time" description="Suspended ones apart; empty is no limit" placeholder="No limit" min={1} allowDecimal={false} value={maxRunning} error={submit.at("/maxRunning")} onChange={setMaxRunning} />
      )}
    </Dialog>
  );
}
