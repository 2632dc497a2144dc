/** How much a log line matters, by word and colour. */
import type { Schemas } from "@sluicegate/sdk";

import classes from "./level.module.css";

const STATUS: Record<Schemas["LogLevel"], string> = { debug: "idle", info: "running", warn: "suspended", error: "failed" };

export function LevelMark({ level }: { level: Schemas["LogLevel"] }) {
  return (
    <span className={classes["level"]} data-status={STATUS[level] ?? "idle"}>
      {level}
    </span>
  );
}
