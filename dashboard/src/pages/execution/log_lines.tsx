/** A few log lines, oldest first. */
import type { EventOf } from "../../live/execution_log";
import { formatClock } from "../../ui/time";
import { LevelMark } from "./level";
import classes from "./node_panel.module.css";

export function LogLines({ lines }: { lines: readonly EventOf<"node_log">[] }) {
  return (
    <ol className={classes["lines"]}>
      {lines.map((line) => (
        <li key={line.seq} className={classes["line"]}>
          <span className="number dim">{formatClock(line.at, true)}</span>
          <LevelMark level={line.level} />
          <span>{line.message}</span>
        </li>
      ))}
    </ol>
  );
}
