/** A secret that the server shows once: to be copied now or never. */
import { Alert, Button, CopyButton, Group, Modal, Stack, Text, TextInput } from "@mantine/core";
import { Check, Copy, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

/** A text that is there to be copied. */
export function CopyField({ label, text, description }: { label: string; text: string; description?: string }) {
  return (
    <Group gap="xs" align="flex-end" wrap="nowrap">
      <TextInput
        label={label}
        description={description}
        value={text}
        readOnly
        flex={1}
        miw={0}
        styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
        onFocus={(event) => event.currentTarget.select()}
      />
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Button variant="default" onClick={copy} px="sm" aria-label={`Copy ${label.toLowerCase()}`} leftSection={copied ? <Check size={15} /> : <Copy size={15} />}>
            {copied ? "Copied" : "Copy"}
          </Button>
        )}
      </CopyButton>
    </Group>
  );
}

export interface SecretDialogProps {
  opened: boolean;
  title: string;
  onClose: () => void;
  /** `CopyField`s and what to do with them. */
  children: ReactNode;
}

/** Closes only by its button: a click beside it would lose the secret. */
export function SecretDialog({ opened, title, onClose, children }: SecretDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={title} size="lg" centered closeOnClickOutside={false} closeOnEscape={false} withCloseButton={false} styles={{ title: { fontWeight: 650 } }}>
      <Stack gap="md">
        <Alert color="yellow" icon={<TriangleAlert size={18} />} variant="default">
          <Text size="sm" fw={600}>
            Copy it now: it is not shown again.
          </Text>
        </Alert>
        {children}
        <Group justify="flex-end">
          <Button onClick={onClose}>I have copied it</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
