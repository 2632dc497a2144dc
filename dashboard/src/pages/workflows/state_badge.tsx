/** Whether a workflow is a draft, deployed or in the trash, and which version is. */
import type { Workflow } from "@sluicegate/sdk";
import { PencilLine, Rocket, Trash2 } from "lucide-react";

import classes from "./workflows.module.css";

const SIGNS = { draft: PencilLine, deployed: Rocket, trashed: Trash2 } as const;

export function StateBadge({ workflow }: { workflow: Workflow }) {
  const Icon = SIGNS[workflow.state];
  const isBehind = workflow.state === "deployed" && workflow.deployedVersion != null && workflow.deployedVersion < workflow.version;
  const label = workflow.state === "draft" ? "Draft" : workflow.state === "trashed" ? "In the trash" : isBehind ? `v${workflow.deployedVersion} deployed` : "Deployed";
  return (
    <span className={classes["state"]} data-state={workflow.state} title={isBehind ? `The latest version is ${workflow.version}` : undefined}>
      <Icon size={13} aria-hidden />
      {label}
    </span>
  );
}
