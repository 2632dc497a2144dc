/** A button that asks before it does what can't be taken back. */
import { Button, type ButtonProps, Group, Modal, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { type ReactNode, useState } from "react";

import { notifyProblem } from "./problem";

export interface ConfirmProps {
  /** The text of the button. */
  label: ReactNode;
  /** The question, such as "Cancel this execution?". */
  title: string;
  /** What will happen. */
  children: ReactNode;
  /** The text of the button that does it. */
  action: string;
  onConfirm: () => Promise<unknown>;
  button?: ButtonProps;
  ariaLabel?: string;
  /** Of the button that does it: red, because what it does can't be taken back, unless said otherwise. */
  color?: string;
}

export function Confirm({ label, title, children, action, onConfirm, button, ariaLabel, color = "red" }: ConfirmProps) {
  const [isOpen, { open, close }] = useDisclosure(false);
  const [isBusy, setBusy] = useState(false);
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
      close();
    } catch (error) {
      notifyProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <Button variant="default" size="xs" {...button} onClick={open} aria-label={ariaLabel}>
        {label}
      </Button>
      <Modal opened={isOpen} onClose={close} title={title} centered>
        <Text component="div" size="sm">
          {children}
        </Text>
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button variant="default" onClick={close}>
            Back
          </Button>
          <Button color={color} loading={isBusy} onClick={() => void confirm()} data-autofocus>
            {action}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
