/** Texts that people carry elsewhere: ids, keys, addresses. */
import { ActionIcon, CopyButton, Group, Tooltip } from "@mantine/core";
import { Check, Copy } from "lucide-react";

/** A short form of an id; the whole one is its title. */
export function shortId(id: string): string {
  return id.slice(-8);
}

/** A text in fixed width with a button that copies it. */
export function Copyable({ text, label, shown }: { text: string; label: string; shown?: string }) {
  return (
    <Group gap={4} wrap="nowrap" display="inline-flex" maw="100%">
      <span className="mono truncate" title={text}>
        {shown ?? text}
      </span>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : `Copy ${label}`}>
            <ActionIcon size="sm" variant="subtle" color="gray" onClick={copy} aria-label={`Copy ${label}`}>
              {copied ? <Check size={14} /> : <Copy size={14} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </Group>
  );
}
