/** The frame of every page: its title, where it belongs, what can be done; and what stands in for content that is not there. */
import { Anchor, Box, Breadcrumbs, Group, Skeleton, Stack, Text, Title } from "@mantine/core";
import type { LucideIcon } from "lucide-react";
import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";

export interface PageProps {
  title: string;
  /** Beside the title: a status, a count. */
  mark?: ReactNode;
  /** The pages above this one. */
  above?: { title: string; to: string }[];
  /** Buttons. */
  actions?: ReactNode;
  /** Below the title: a sentence or facts. */
  lead?: ReactNode;
  children: ReactNode;
}

export function Page({ title, mark, above = [], actions, lead, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · Sluicegate`;
  }, [title]);
  return (
    <Stack gap="md">
      <Box>
        {above.length > 0 && (
          <Breadcrumbs mb={4} separatorMargin={6}>
            {above.map(({ title, to }) => (
              <Anchor key={to} component={Link} href={to} size="sm">
                {title}
              </Anchor>
            ))}
          </Breadcrumbs>
        )}
        <Group justify="space-between" align="center" gap="sm">
          <Group gap="sm" miw={0} wrap="nowrap">
            <Title order={1} size="h3" lineClamp={2}>
              {title}
            </Title>
            {mark}
          </Group>
          {actions && <Group gap="xs">{actions}</Group>}
        </Group>
        {lead && (
          <Text component="div" size="sm" className="dim" mt={4}>
            {lead}
          </Text>
        )}
      </Box>
      {children}
    </Stack>
  );
}

/** Nothing is here, and what to do about it. */
export function Empty({ icon: Icon, title, children }: { icon: LucideIcon; title: string; children?: ReactNode }) {
  return (
    <Stack align="center" gap={6} py={48} px="md" className="panel">
      <Icon size={32} aria-hidden color="var(--sg-dim)" />
      <Text fw={600}>{title}</Text>
      {children && (
        <Text component="div" size="sm" className="dim" ta="center" maw={460}>
          {children}
        </Text>
      )}
    </Stack>
  );
}

/** Rows that are on their way. */
export function Loading({ rows = 6, height = 40 }: { rows?: number; height?: number }) {
  return (
    <Stack gap={8} role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} height={height} radius="md" />
      ))}
    </Stack>
  );
}
