/** What the test of a node gave, or what the node would do next. */
import { Badge, Button, Group, Stack, Text, Title } from "@mantine/core";
import type { Schemas } from "@sluicegate/sdk";
import { FlaskConical } from "lucide-react";
import type { ReactNode } from "react";

import { initialValue, SchemaForm } from "../../forms/schema_form";
import { Json } from "../../ui/json";
import { StatusBadge } from "../../ui/status";
import { formatDuration, formatInstant } from "../../ui/time";
import { FailureView } from "../execution/failure";
import { LogLines } from "../execution/log_lines";
import { sayApprovers } from "../inbox/who";
import classes from "./editor.module.css";
import { mockOf, type Tested } from "./trial";

const SAYS: Record<Schemas["TestStatus"], { status: string; label?: string }> = {
  completed: { status: "completed" },
  failed: { status: "failed" },
  skipped: { status: "skipped" },
  suspended: { status: "suspended", label: "Would ask" },
  waiting: { status: "suspended", label: "Would wait" },
  child: { status: "queued", label: "Would start an execution" },
  task: { status: "queued", label: "Would queue a task" },
  iterates: { status: "queued", label: "Would run its body" },
};

export function TestResult({ tested, onMock }: { tested: Tested; onMock: ((mock: object) => void) | undefined }) {
  const { status, output, branch, reason, resumeAt, question, child, task, items, error, logs, durationMs } = tested;
  const mock = mockOf(tested);
  return (
    <Stack gap="sm" component="section" aria-label="Result of the test">
      <Group gap="xs" role="status">
        <StatusBadge {...SAYS[status]} />
        <Text size="xs" className="dim number">
          {formatDuration(durationMs)}
        </Text>
      </Group>
      <dl className={classes["facts"]}>
        {branch && <Fact name="Goes on by">{<span className="mono">{branch}</span>}</Fact>}
        {reason && <Fact name="Passed over">{reason}</Fact>}
        {resumeAt && <Fact name="Goes on at">{formatInstant(resumeAt)}</Fact>}
        {child && (
          <>
            <Fact name="Workflow">
              <span className="mono">{child.workflowId}</span>
            </Fact>
            <Fact name="Version">{child.version ?? "latest"}</Fact>
            <Fact name="Waits for it">{child.wait ? "yes" : "no"}</Fact>
          </>
        )}
        {task && (
          <Fact name="Queue">
            <span className="mono">{task.queue}</span>
          </Fact>
        )}
        {items && <Fact name="Items">{items.length.toLocaleString()}</Fact>}
      </dl>
      {error && <FailureView failure={error} />}
      {question && <Question question={question} />}
      {status === "completed" && <Value name="Output" value={output} />}
      {(child ?? task) && <Value name="Input" value={(child ?? task)?.input} />}
      {items && <Value name="Items" value={items} />}
      {logs.length > 0 && (
        <div>
          <Heading>Log</Heading>
          <LogLines lines={logs} />
        </div>
      )}
      {mock && onMock && (
        <Group>
          <Button size="xs" variant="default" leftSection={<FlaskConical size={14} aria-hidden />} onClick={() => onMock(mock)}>
            Use as mock
          </Button>
        </Group>
      )}
    </Stack>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Heading({ children }: { children: string }) {
  return (
    <Title order={3} size="h6" mb={4}>
      {children}
    </Title>
  );
}

function Value({ name, value }: { name: string; value: unknown }) {
  return (
    <div>
      <Heading>{name}</Heading>
      <Json value={value} label={`${name.toLowerCase()} of the test`} />
    </div>
  );
}

/** What people would see, and who of them. Nobody is asked. */
function Question({ question }: { question: Schemas["TestedQuestion"] }) {
  const { title, message, context, form, choices, actions, expiresAt, onExpiry, policy } = question;
  const answers = actions.length > 0 ? actions.map(({ label }) => label) : choices;
  return (
    <Stack gap="xs" role="group" aria-label="What it would ask">
      {title && (
        <Text size="sm" fw={650} className="anywhere">
          {title}
        </Text>
      )}
      <Text size="sm" className="anywhere" style={{ whiteSpace: "pre-wrap" }}>
        {message}
      </Text>
      {context !== undefined && context !== null && <Json value={context} label="context of the question" />}
      {form && <SchemaForm schema={form} value={initialValue(form)} onChange={() => undefined} disabled />}
      {answers.length > 0 && (
        <Group gap={6}>
          {answers.map((answer) => (
            <Badge key={answer} variant="default" tt="none">
              {answer}
            </Badge>
          ))}
        </Group>
      )}
      <dl className={classes["facts"]}>
        <Fact name="May answer">{sayApprovers(policy.approvers, (id) => id)}</Fact>
        {policy.quorum && <Fact name="Have to agree">{policy.quorum.required}</Fact>}
        {expiresAt && (
          <>
            <Fact name="Expires">{formatInstant(expiresAt)}</Fact>
            <Fact name="Then">{typeof onExpiry === "string" ? onExpiry : `goes on by ${onExpiry.port}`}</Fact>
          </>
        )}
      </dl>
    </Stack>
  );
}
