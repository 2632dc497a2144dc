/**
 * From instants to places on the timeline. Where nothing is at work for long, in an execution that waits for a person or a timer,
 * the axis is broken: days of waiting take a fixed width, so that milliseconds of work can still be seen.
 */

/** A piece of the axis; `isBreak` is one that does not tell lengths. */
export interface Segment {
  from: number;
  to: number;
  /** 0 to 1. */
  left: number;
  right: number;
  isBreak: boolean;
}

export interface TimeScale {
  segments: Segment[];
  from: number;
  to: number;
  at: (instant: number) => number;
}

export interface Busy {
  from: number;
  to: number;
}

/** The share of the axis that a broken piece takes, if there are not many. */
const BREAK = 0.1;

/** The union of pieces of time, in order. */
export function union(pieces: Iterable<Busy>): Busy[] {
  const sorted = [...pieces].sort((a, b) => a.from - b.from);
  const merged: Busy[] = [];
  for (const { from, to } of sorted) {
    const last = merged.at(-1);
    if (last && from <= last.to) {
      last.to = Math.max(last.to, to);
    } else {
      merged.push({ from, to });
    }
  }
  return merged;
}

/** Pieces of the whole in which nothing was at work, and which are long beside those in which something was. */
export function longIdle(busy: readonly Busy[], from: number, to: number): Busy[] {
  const work = busy.reduce((sum, piece) => sum + piece.to - piece.from, 0);
  // A wait of seconds is no nuisance unless it dwarfs all work.
  const least = Math.max(5_000, work / 2, (to - from) / 20);
  const idle: Busy[] = [];
  let at = from;
  for (const piece of [...busy, { from: to, to }]) {
    if (piece.from - at >= least) {
      idle.push({ from: at, to: piece.from });
    }
    at = Math.max(at, piece.to);
  }
  return idle;
}

/** A scale over `from` to `to` with these pieces broken. */
export function timeScale(from: number, to: number, breaks: readonly Busy[]): TimeScale {
  const share = breaks.length === 0 ? 0 : Math.min(BREAK, 0.4 / breaks.length);
  const pieces: (Busy & { isBreak: boolean })[] = [];
  let at = from;
  for (const piece of breaks) {
    if (piece.from > at) {
      pieces.push({ from: at, to: piece.from, isBreak: false });
    }
    pieces.push({ ...piece, isBreak: true });
    at = piece.to;
  }
  if (at < to || pieces.length === 0) {
    pieces.push({ from: at, to: Math.max(to, at + 1), isBreak: false });
  }
  const broken = pieces.filter(({ isBreak }) => isBreak).length;
  const told = pieces.reduce((sum, piece) => sum + (piece.isBreak ? 0 : piece.to - piece.from), 0);
  // Without anything to tell, the broken pieces are all there is.
  const breakWidth = told === 0 ? 1 / broken : share;
  const rest = 1 - broken * breakWidth;
  let left = 0;
  const segments = pieces.map((piece) => {
    const width = piece.isBreak ? breakWidth : ((piece.to - piece.from) / told) * rest;
    const segment = { ...piece, left, right: left + width };
    left += width;
    return segment;
  });
  const place = (instant: number) => {
    let low = 0;
    let high = segments.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (instant > (segments[middle] as Segment).to) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const segment = segments[low] as Segment;
    const share = segment.to > segment.from ? (instant - segment.from) / (segment.to - segment.from) : 0;
    return segment.left + Math.min(1, Math.max(0, share)) * (segment.right - segment.left);
  };
  return { segments, from, to, at: place };
}

const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000,
  7_200_000, 21_600_000, 43_200_000, 86_400_000, 172_800_000, 604_800_000, 1_209_600_000, 2_592_000_000,
];

export interface Tick {
  /** 0 to 1. */
  at: number;
  /** Milliseconds since the beginning, or since the break before it. */
  since: number;
  isAfterBreak: boolean;
}

/** Round lengths of time since the beginning, and after a break since its end: about `most` of them. */
export function ticks(scale: TimeScale, most: number): Tick[] {
  const told = scale.segments.reduce((sum, segment) => sum + (segment.isBreak ? 0 : segment.to - segment.from), 0);
  const step = STEPS.find((step) => told / step <= most) ?? Math.ceil(told / most / 2_592_000_000) * 2_592_000_000;
  const found: Tick[] = [];
  let base = scale.from;
  for (const segment of scale.segments) {
    if (segment.isBreak) {
      base = segment.to;
      continue;
    }
    for (let since = 0; base + since <= segment.to; since += step) {
      const at = scale.at(base + since);
      const last = found.at(-1);
      // Those beside a break would lie on each other.
      if (!last || at - last.at > 0.6 / most) {
        found.push({ at, since, isAfterBreak: base !== scale.from });
      }
    }
  }
  return found;
}

/** A round length of time, as short as it can be said. */
export function tickLabel({ since, isAfterBreak }: Tick): string {
  const units: [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ];
  const parts: string[] = [];
  let rest = since;
  for (const [length, name] of units) {
    const count = name === "s" && rest % length !== 0 && since >= 1_000 ? rest / length : Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) {
      parts.push(`${Number(count.toFixed(3))} ${name}`);
    }
  }
  if (rest >= 1 || parts.length === 0) {
    parts.push(`${Math.round(rest)} ms`);
  }
  return `${isAfterBreak ? "+" : ""}${since === 0 ? "0" : parts.slice(0, 2).join(" ")}`;
}
