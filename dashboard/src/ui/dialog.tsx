/** A dialog with a form: all of a phone's screen, the middle of a larger one. */
import { Button, Group, Modal, Stack } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import type { ReactNode } from "react";

import type { Submit } from "../forms/submit";
import { Problem } from "./problem";

export interface DialogProps {
  opened: boolean;
  onClose: () => void;
  title: string;
  /** The text of the button that does it. */
  action: string;
  submit: Submit;
  onSubmit: () => void;
  canSubmit?: boolean;
  size?: string;
  children: ReactNode;
}

export function Dialog({ opened, onClose, title, action, submit, onSubmit, canSubmit = true, size = "md", children }: DialogProps) {
  const isPhone = useMediaQuery("(max-width: 36em)");
  return (
    <Modal opened={opened} onClose={onClose} title={title} size={size} fullScreen={!!isPhone} centered={!isPhone} closeButtonProps={{ "aria-label": "Close" }} styles={{ title: { fontWeight: 650 } }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          onSubmit();
        }}
      >
        <Stack gap="md">
          {children}
          {submit.problem !== undefined && <Problem error={submit.problem} />}
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Back
            </Button>
            <Button type="submit" loading={submit.isBusy} disabled={!canSubmit}>
              {action}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
