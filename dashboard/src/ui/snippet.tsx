/** A command or a piece of code to carry elsewhere. */
import { ActionIcon, CopyButton, Tooltip } from "@mantine/core";
import { Check, Copy } from "lucide-react";

import classes from "./snippet.module.css";

export function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <div className={classes["frame"]}>
      {/* It can be scrolled, so it can be reached by keyboard. */}
      <pre className={classes["snippet"]} tabIndex={0} role="region" aria-label={label}>
        {text}
      </pre>
      <CopyButton value={text}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy"}>
            <ActionIcon className={classes["copy"]} size="sm" variant="default" onClick={copy} aria-label={`Copy ${label}`}>
              {copied ? <Check size={14} /> : <Copy size={14} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
    </div>
  );
}
