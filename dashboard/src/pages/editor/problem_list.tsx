/** The problems in a row; a click goes to where one is. */
import { Alert, Stack, Text, UnstyledButton } from "@mantine/core";
import { CircleCheck } from "lucide-react";

import { messageOf } from "../../ui/problem";
import classes from "./editor.module.css";
import type { PlacedProblem, Problems } from "./problems";

export function ProblemList({ problems, onGo }: { problems: Problems; onGo: (problem: PlacedProblem) => void }) {
  if (problems.error) {
    return <Alert color="red" title="The workflow could not be checked">{messageOf(problems.error)}</Alert>;
  }
  if (problems.list.length === 0) {
    return (
      <Stack align="center" gap={6} py="xl" className="dim">
        <CircleCheck size={28} aria-hidden color="var(--sg-ok)" />
        <Text size="sm">{problems.isCurrent ? "No problems: this can be saved and run." : "Checking …"}</Text>
      </Stack>
    );
  }
  return (
    <Stack gap={6} component="ul" p={0} m={0} style={{ listStyle: "none" }}>
      {problems.list.map((problem) => (
        <li key={`${problem.path} ${problem.message}`}>
          <UnstyledButton className={classes["problem"]} onClick={() => onGo(problem)} disabled={!problem.nodeId && !problem.edgeKey}>
            {(problem.nodeId ?? problem.edgeKey) && (
              <Text size="xs" className="mono truncate" fw={650}>
                {problem.nodeId ?? problem.edgeKey}
                {problem.field && problem.field !== "/" ? ` · ${problem.field.slice(1)}` : ""}
              </Text>
            )}
            {problem.message}
          </UnstyledButton>
        </li>
      ))}
    </Stack>
  );
}
