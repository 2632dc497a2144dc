/** The rows of the timeline: node runs in the order in which they began, those of a loop below it. */
import type { ExecutionLog, NodeRun } from "../../live/execution_log";

export interface Row {
  run: NodeRun;
  depth: number;
  /** How many runs are below it; they may be folded. */
  inside: number;
  isOpen: boolean;
  /** The number of the item, of what is directly in a loop. */
  index: number | undefined;
}

/** More runs than this in a loop are folded at first. */
const FOLDED = 24;

/** The run of the loop that a run is in: `each[3]/inner[2]/x` is in `each[3]/inner`. */
function parentOf(address: string): string | undefined {
  const end = address.lastIndexOf("/");
  return end < 0 ? undefined : address.slice(0, address.lastIndexOf("[", end));
}

export function timelineRows(log: ExecutionLog, toggled: ReadonlySet<string>): Row[] {
  const inside = new Map<string, NodeRun[]>();
  const top: NodeRun[] = [];
  for (const run of log.runs.values()) {
    const parent = run.path === undefined ? undefined : parentOf(run.address);
    if (parent === undefined) {
      top.push(run);
    } else {
      const siblings = inside.get(parent);
      if (siblings) {
        siblings.push(run);
      } else {
        inside.set(parent, [run]);
      }
    }
  }
  const rows: Row[] = [];
  const add = (run: NodeRun, depth: number) => {
    const below = inside.get(run.address) ?? [];
    const isOpen = below.length > 0 && below.length <= FOLDED !== toggled.has(run.address);
    rows.push({ run, depth, inside: below.length, isOpen, index: run.path === undefined ? undefined : indexOf(run.path) });
    if (isOpen) {
      for (const each of below) {
        add(each, depth + 1);
      }
    }
  };
  for (const run of top) {
    // What was skipped with all behind it has no time.
    if (run.spans.length > 0 || run.status !== "skipped") {
      add(run, 0);
    }
  }
  return rows;
}

function indexOf(path: string): number | undefined {
  const match = /\[(\d+)\]\/[^/]*$/.exec(path);
  return match ? Number(match[1]) : undefined;
}
