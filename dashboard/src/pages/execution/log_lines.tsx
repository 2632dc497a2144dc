/** A few log lines, oldest first. */
import type { Schemas } from "@sluicegate/sdk";

import { Json } from "../../ui/json";
import { formatClock } from "../../ui/time";
import { LevelMark } from "./level";
import classes from "./node_panel.module.css";

export interface LogLine {
  level: Schemas["LogLevel"];
  message: string;
  data?: unknown;
  /** Lines of a test have neither. */
  at?: string;
  seq?: number;
}

export function LogLines({ lines }: { lines: readonly LogLine[] }) {
  return (
    <ol className={classes["lines"]}>
      {lines.map((line, index) => (
        <li key={line.seq ?? index} className={classes["line"]}>
          {line.at && <span className="number dim">{formatClock(line.at, true)}</span>}
          <LevelMark level={line.level} />
          <div>
            {line.message}
            {line.data != null && <Json value={line.data} label="data of the line" open={0} />}
          </div>
        </li>
      ))}
    </ol>
  );
}
