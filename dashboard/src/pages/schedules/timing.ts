/** The everyday rhythms that the form offers, as the cron expressions that they stand for. */

export type Rhythm =
  | { kind: "minutes"; every: number }
  | { kind: "hours"; every: number; minute: number }
  | { kind: "daily"; time: string }
  | { kind: "weekly"; time: string; days: number[] }
  | { kind: "monthly"; time: string; day: string };

/** What divides an hour and a day evenly: other numbers would not be intervals. */
export const MINUTES = [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30];
export const HOURS = [1, 2, 3, 4, 6, 8, 12];

const two = (text: string | number | undefined) => String(text).padStart(2, "0");

/** The rhythm that an expression stands for, if it is one of them. */
export function readRhythm(expression: string): Rhythm | undefined {
  const [minute = "", hour = "", day = "", month = "", weekday = "", ...more] = expression.trim().split(/\s+/);
  if (more.length > 0 || month !== "*") {
    return undefined;
  }
  const everyMinutes = minute === "*" ? "1" : /^\*\/(\d+)$/.exec(minute)?.[1];
  if (everyMinutes && MINUTES.includes(Number(everyMinutes)) && hour === "*" && day === "*" && weekday === "*") {
    return { kind: "minutes", every: Number(everyMinutes) };
  }
  if (!/^[0-5]?\d$/.test(minute)) {
    return undefined;
  }
  const everyHours = hour === "*" ? "1" : /^\*\/(\d+)$/.exec(hour)?.[1];
  if (everyHours && HOURS.includes(Number(everyHours)) && day === "*" && weekday === "*") {
    return { kind: "hours", every: Number(everyHours), minute: Number(minute) };
  }
  if (!/^\d\d?$/.test(hour) || Number(hour) > 23) {
    return undefined;
  }
  const time = `${two(hour)}:${two(minute)}`;
  if (day === "*" && weekday === "*") {
    return { kind: "daily", time };
  }
  if (day === "*") {
    const days = weekday === "1-5" ? [1, 2, 3, 4, 5] : /^[0-6](,[0-6])*$/.test(weekday) ? weekday.split(",").map(Number) : undefined;
    return days && { kind: "weekly", time, days };
  }
  return weekday === "*" && (/^([1-9]|[12]\d|3[01])$/.test(day) || day === "L") ? { kind: "monthly", time, day } : undefined;
}

/** The expression of a rhythm. */
export function cronOf(rhythm: Rhythm): string {
  if (rhythm.kind === "minutes") {
    return rhythm.every === 1 ? "* * * * *" : `*/${rhythm.every} * * * *`;
  }
  if (rhythm.kind === "hours") {
    return `${rhythm.minute} ${rhythm.every === 1 ? "*" : `*/${rhythm.every}`} * * *`;
  }
  const [hour, minute] = rhythm.time.split(":").map(Number);
  const time = `${minute || 0} ${hour || 0}`;
  switch (rhythm.kind) {
    case "daily":
      return `${time} * * *`;
    case "weekly": {
      const days = [...rhythm.days].sort((a, b) => a - b).join(",");
      return `${time} * * ${days === "1,2,3,4,5" ? "1-5" : days || "1"}`;
    }
    case "monthly":
      return `${time} ${rhythm.day} * *`;
  }
}

/** A rhythm to begin with when another kind is chosen: the time of day stays. */
export function firstRhythm(kind: Rhythm["kind"], before: Rhythm | undefined): Rhythm {
  const time = before && "time" in before ? before.time : "09:00";
  switch (kind) {
    case "minutes":
      return { kind, every: 15 };
    case "hours":
      return { kind, every: 1, minute: 0 };
    case "daily":
      return { kind, time };
    case "weekly":
      return { kind, time, days: [1, 2, 3, 4, 5] };
    case "monthly":
      return { kind, time, day: "1" };
  }
}
