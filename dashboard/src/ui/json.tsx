/** A JSON value to look at: foldable, long texts cut, everything as text (nothing in it is ever markup). */
import { ActionIcon, Box, CopyButton, Tooltip } from "@mantine/core";
import { Check, Copy } from "lucide-react";
import { type ReactNode, useState } from "react";

import classes from "./json.module.css";

/** More members than this are shown on demand. */
const FIRST = 100;
const LONG_TEXT = 400;

export function Json({ value, label = "value", open = 2 }: { value: unknown; label?: string; /** How many levels are unfolded. */ open?: number }) {
  return (
    <Box className={classes["root"]} tabIndex={0} role="region" aria-label={label}>
      <CopyButton value={JSON.stringify(value, null, 2) ?? "null"}>
        {({ copied, copy }) => (
          <Tooltip label={copied ? "Copied" : "Copy"}>
            <ActionIcon className={classes["copy"]} size="sm" variant="default" onClick={copy} aria-label={`Copy ${label}`}>
              {copied ? <Check size={14} /> : <Copy size={14} />}
            </ActionIcon>
          </Tooltip>
        )}
      </CopyButton>
      <Value value={value} open={open} />
    </Box>
  );
}

function Value({ value, open }: { value: unknown; open: number }) {
  if (value === null || value === undefined) {
    return <span className={classes["null"]}>null</span>;
  }
  switch (typeof value) {
    case "string":
      return <Text text={value} />;
    case "number":
    case "boolean":
      return <span className={classes["number"]}>{String(value)}</span>;
    default:
      return <Members value={value as object} open={open} />;
  }
}

function Text({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole || text.length <= LONG_TEXT ? text : text.slice(0, LONG_TEXT);
  return (
    <span className={classes["string"]}>
      {JSON.stringify(shown).slice(0, -1)}
      {shown.length < text.length && (
        <button type="button" className={classes["more"]} onClick={() => setWhole(true)}>
          … {text.length - LONG_TEXT} more characters
        </button>
      )}
      &quot;
    </span>
  );
}

function Members({ value, open }: { value: object; open: number }) {
  const isArray = Array.isArray(value);
  const entries = Object.entries(value);
  const [isOpen, setOpen] = useState(open > 0 && entries.length <= 50);
  const [shown, setShown] = useState(FIRST);
  const [begin, end] = isArray ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) {
    return <span>{begin + end}</span>;
  }
  if (!isOpen) {
    const what = `${entries.length} ${isArray ? "item" : "member"}${entries.length === 1 ? "" : "s"}`;
    return (
      <button type="button" className={classes["fold"]} onClick={() => setOpen(true)} aria-expanded={false}>
        {begin} {what} {end}
      </button>
    );
  }
  const rows: ReactNode[] = entries.slice(0, shown).map(([name, member], index) => (
    <div key={name} className={classes["row"]}>
      {!isArray && <span className={classes["name"]}>{name}: </span>}
      <Value value={member} open={open - 1} />
      {index < entries.length - 1 && ","}
    </div>
  ));
  return (
    <>
      <button type="button" className={classes["fold"]} onClick={() => setOpen(false)} aria-expanded aria-label="Fold">
        {begin}
      </button>
      <div className={classes["inner"]}>
        {rows}
        {entries.length > shown && (
          <button type="button" className={classes["more"]} onClick={() => setShown(shown + 10 * FIRST)}>
            {entries.length - shown} more
          </button>
        )}
      </div>
      {end}
    </>
  );
}
