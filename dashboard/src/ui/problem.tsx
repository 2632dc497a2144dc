/** Failures, in the words of the server: what is wrong, where, and which request it was. */
import { Alert, Button, List, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { CircleAlert } from "lucide-react";

import { SluicegateApiError } from "../api/client";

/** One sentence for a failure. */
export function messageOf(error: unknown): string {
  if (error instanceof SluicegateApiError) {
    return error.detail;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Which fields were refused, and why: `{path, message}` each. */
export function fieldErrorsOf(error: unknown): readonly { path: string; message: string }[] {
  return error instanceof SluicegateApiError ? error.details : [];
}

/** A failure where what failed would have been. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const fields = fieldErrorsOf(error);
  return (
    <Alert color="red" icon={<CircleAlert size={18} />} title={messageOf(error)} role="alert">
      {fields.length > 0 && (
        <List size="sm">
          {fields.map((field) => (
            <List.Item key={`${field.path} ${field.message}`}>
              <span className="mono">{field.path}</span>: {field.message}
            </List.Item>
          ))}
        </List>
      )}
      {error instanceof SluicegateApiError && error.requestId && (
        <Text size="xs" className="dim">
          Request <span className="mono">{error.requestId}</span>
        </Text>
      )}
      {retry && (
        <Button size="xs" variant="default" mt="xs" onClick={retry}>
          Try again
        </Button>
      )}
    </Alert>
  );
}

const CLOSE = { "aria-label": "Close" };

/** Tells of a failure of something that was asked for by a button. */
export function notifyProblem(error: unknown, title = "That did not work"): void {
  const fields = fieldErrorsOf(error).map((field) => `${field.path}: ${field.message}`);
  notifications.show({ color: "red", title, message: [messageOf(error), ...fields].join(" · "), autoClose: 10_000, closeButtonProps: CLOSE });
}

/** Tells that something was done. */
export function notifyDone(message: string): void {
  notifications.show({ message, autoClose: 3_500, closeButtonProps: CLOSE });
}
