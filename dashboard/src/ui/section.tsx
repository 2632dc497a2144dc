/** A part of a page with a heading of its own. */
import { Box, Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

export interface SectionProps {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Section({ title, lead, actions, children }: SectionProps) {
  return (
    <Stack component="section" gap="sm" aria-label={title}>
      <Group justify="space-between" align="flex-end" gap="sm">
        <Box maw={720}>
          <Title order={2} size="h5">
            {title}
          </Title>
          {lead && (
            <Text component="div" size="sm" className="dim" mt={2}>
              {lead}
            </Text>
          )}
        </Box>
        {actions && <Group gap="xs">{actions}</Group>}
      </Group>
      {children}
    </Stack>
  );
}
