/** Begins an execution: which workflow, then its input. */
import { Anchor, Button, Modal, ScrollArea, Stack, Text, TextInput, UnstyledButton } from "@mantine/core";
import type { Workflow } from "@sluicegate/sdk";
import { Play } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";

import { usePlace } from "../../app/place";
import { RunDialog } from "../../run/run_dialog";
import { Loading } from "../../ui/page";
import classes from "./page.module.css";

const SHOWN = 100;

export function RunButton({ workflows, chosenId, label = "Run workflow" }: { workflows: Workflow[] | undefined; /** The one that the filter names. */ chosenId?: string | undefined; label?: string }) {
  const place = usePlace();
  const [isPicking, setPicking] = useState(false);
  const [workflow, setWorkflow] = useState<Workflow>();
  const [isOpen, setOpen] = useState(false);
  if (!place.can("editor")) {
    return null;
  }
  const run = (chosen: Workflow) => {
    setPicking(false);
    setWorkflow(chosen);
    setOpen(true);
  };
  const begin = () => {
    const only = workflows?.find(({ id }) => id === chosenId) ?? (workflows?.length === 1 ? workflows[0] : undefined);
    if (only) {
      run(only);
    } else {
      setPicking(true);
    }
  };
  return (
    <>
      <Button leftSection={<Play size={15} aria-hidden />} onClick={begin}>
        {label}
      </Button>
      <Modal opened={isPicking} onClose={() => setPicking(false)} title="Run a workflow" centered>
        <Picker workflows={workflows} onPick={run} />
      </Modal>
      {workflow && <RunDialog key={workflow.id} workflow={workflow} opened={isOpen} onClose={() => setOpen(false)} />}
    </>
  );
}

function Picker({ workflows, onPick }: { workflows: Workflow[] | undefined; onPick: (workflow: Workflow) => void }) {
  const place = usePlace();
  const [text, setText] = useState("");
  if (!workflows) {
    return <Loading rows={3} />;
  }
  if (workflows.length === 0) {
    return (
      <Text size="sm">
        There is no workflow in this pod yet.{" "}
        <Anchor component={Link} href={place.to("workflows")}>
          Make one
        </Anchor>
      </Text>
    );
  }
  const found = workflows.filter(({ name }) => name.toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <Stack gap="xs">
      <TextInput
        aria-label="Find a workflow"
        placeholder="Find a workflow"
        data-autofocus
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && found[0]) {
            event.preventDefault();
            onPick(found[0]);
          }
        }}
      />
      <ScrollArea.Autosize mah={320}>
        {found.slice(0, SHOWN).map((workflow) => (
          <UnstyledButton key={workflow.id} className={classes["choice"]!} onClick={() => onPick(workflow)}>
            <span className="anywhere">{workflow.name}</span>
            <span className="dim number">v{workflow.version}</span>
          </UnstyledButton>
        ))}
        {found.length === 0 && (
          <Text size="sm" className="dim" p="xs">
            No workflow has this name.
          </Text>
        )}
        {found.length > SHOWN && (
          <Text size="sm" className="dim" p="xs">
            And {found.length - SHOWN} more.
          </Text>
        )}
      </ScrollArea.Autosize>
    </Stack>
  );
}
