/** Instants and durations as people read them. */
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;

/** The time, told anew every second while somebody looks. Replies carry no clock of the server: this is the browser's. */
export function useNow(): number {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      timer ??= setInterval(() => {
        now = Date.now();
        for (const each of listeners) {
          each();
        }
      }, 1_000);
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      };
    },
    () => (timer === undefined ? (now = Date.now()) - (now % 1_000) : now - (now % 1_000)),
  );
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** A whole instant: "22 Nov 2026, 14:03:09". */
export function formatInstant(at: string | number): string {
  return full.format(new Date(at));
}

/** The time of day, with milliseconds if asked: "14:03:09.120". */
export function formatClock(at: string | number, withMs = false): string {
  return (withMs ? exact : clock).format(new Date(at));
}

/** A length of time, two units at most: "812 ms", "4.2 s", "3 min 5 s", "2 d 4 h". */
export function formatDuration(ms: number): string {
  if (ms < 0) {
    return "0 ms";
  }
  if (ms < 1_000) {
    return `${Math.round(ms)} ms`;
  }
  if (ms < 60_000) {
    return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  }
  const units: [number, string][] = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
    [1_000, "s"],
  ];
  const first = units.findIndex(([length]) => ms >= length);
  const parts: string[] = [];
  let rest = ms;
  for (const [length, name] of units.slice(first, first + 2)) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) {
      parts.push(`${count} ${name}`);
    }
  }
  return parts.join(" ");
}

/** How long ago, or until when: "just now", "5 min ago", "in 2 h". */
export function formatAgo(at: string | number, now: number): string {
  const ms = now - new Date(at).getTime();
  const rounded = Math.abs(ms);
  if (rounded < 5_000) {
    return "just now";
  }
  const text =
    rounded < 60_000
      ? `${Math.floor(rounded / 1_000)} s`
      : rounded < 3_600_000
        ? `${Math.floor(rounded / 60_000)} min`
        : rounded < 86_400_000
          ? `${Math.floor(rounded / 3_600_000)} h`
          : rounded < 30 * 86_400_000
            ? `${Math.floor(rounded / 86_400_000)} d`
            : day.format(new Date(at));
  return rounded >= 30 * 86_400_000 ? text : ms >= 0 ? `${text} ago` : `in ${text}`;
}

/** How long ago something was; the whole instant is its title. */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={formatInstant(at)} className="number">
      {formatAgo(at, now)}
    </time>
  );
}

/** How long something took, or has taken until now if it has no end. */
export function Elapsed({ from, to }: { from: string; to?: string | null | undefined }) {
  const now = useNow();
  const end = to ? new Date(to).getTime() : now;
  return <span className="number">{formatDuration(Math.max(0, end - new Date(from).getTime()))}</span>;
}
