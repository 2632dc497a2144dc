/** The choices that schedules have and the outcomes of their slots, in words and signs. */
import { Ban, CircleSlash, Clock4, Play, X } from "lucide-react";

import type { Schemas } from "../../api/client";
import { Mark } from "../../ui/mark";

export const OVERLAPS: Record<Schemas["Overlap"], [label: string, meaning: string]> = {
  allow: ["Start another one", "Executions may run side by side."],
  skip: ["Skip the slot", "The ledger says which execution was in the way."],
  queue: ["Wait for the end", "One slot waits at most; those after it are skipped."],
  cancel_previous: ["Cancel the earlier one", "The new one is started, then the others are cancelled."],
};

export const CATCH_UPS: Record<Schemas["CatchUp"], [label: string, meaning: string]> = {
  none: ["None", "Slots that came while no server ran are missed."],
  last: ["The last one", "The last slot is started late, the others are missed."],
  all: ["All of them", "The last 100 slots are started in their order."],
};

const OUTCOMES = {
  started: ["completed", Play, "Started"],
  skipped_overlap: ["skipped", CircleSlash, "Skipped: still running"],
  skipped_disabled: ["skipped", Ban, "Skipped: disabled"],
  missed: ["suspended", Clock4, "Missed"],
  failed: ["failed", X, "Failed"],
} as const;

export function OutcomeMark({ outcome }: { outcome: Schemas["SlotOutcome"] }) {
  const [tone, icon, label] = OUTCOMES[outcome] ?? ["skipped", CircleSlash, outcome];
  return (
    <Mark tone={tone} icon={icon}>
      {label}
    </Mark>
  );
}
