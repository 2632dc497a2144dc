/** A failure in the words of the engine. */
import { Alert, Text } from "@mantine/core";
import type { Schemas } from "@sluicegate/sdk";
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { Json } from "../../ui/json";

export interface FailureViewProps {
  failure: Schemas["Failure"];
  /** Without its details. */
  isShort?: boolean;
  children?: ReactNode;
}

export function FailureView({ failure, isShort = false, children }: FailureViewProps) {
  return (
    <div role="group" aria-label="Failure">
      <Alert color="red" icon={<CircleAlert size={18} />} title={failure.message} role="presentation">
        <Text size="xs" className="dim">
          <span className="mono">{failure.code}</span>
          {failure.retryable && ", another attempt could succeed"}
        </Text>
        {!isShort && failure.details !== undefined && failure.details !== null && (
          <div>
            <Json value={failure.details} label="details of the failure" open={1} />
          </div>
        )}
        {children}
      </Alert>
    </div>
  );
}
