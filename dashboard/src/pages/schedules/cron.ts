/**
 * Cron expressions as the server reads them, for what is not saved yet: words, and the slots to come. Whether an expression is taken is the
 * server's to say; what is not understood here is simply not shown.
 */

/** Which days of a month fit; plain days, and those that depend on the month. */
export interface Days {
  plain: ReadonlySet<number>;
  /** The last day. */
  last: boolean;
  /** The weekday nearest to a day (`15W`); 32 stands for the last weekday (`LW`). */
  near: readonly number[];
  isAny: boolean;
}

/** Which days of a week fit, 0 is Sunday. */
export interface Weekdays {
  plain: ReadonlySet<number>;
  /** `MON#2`: the second Monday; 6 stands for the last one (`FRIL`). */
  nth: readonly { day: number; nth: number }[];
  isAny: boolean;
}

export interface Cron {
  seconds: number[];
  minutes: number[];
  hours: number[];
  days: Days;
  months: ReadonlySet<number>;
  weekdays: Weekdays;
  /** `+` in front of the day of week or month: both days have to fit, not either one. */
  bothDays: boolean;
}

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

function numberOf(text: string, first: number, last: number, names: readonly string[]): number | undefined {
  const named = names.indexOf(text.toLowerCase());
  const number = named >= 0 ? named + (names === MONTHS ? 1 : 0) : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return number >= first && number <= last ? number : undefined;
}

/** The numbers of one part of a list: `*`, `5`, `1-5`, `*\/15`, `10-40/10`. */
function part(text: string, first: number, last: number, names: readonly string[] = []): number[] | undefined {
  const [range = "", step, ...rest] = text.split("/");
  const by = step === undefined ? 1 : /^\d+$/.test(step) ? Number(step) : 0;
  if (rest.length > 0 || by < 1) {
    return undefined;
  }
  const [from, to, ...more] = range === "*" || range === "?" ? [String(first), String(last)] : range.split("-");
  const start = numberOf(from ?? "", first, last, range === "*" || range === "?" ? [] : names);
  const end = to === undefined ? (step === undefined ? start : last) : numberOf(to, first, last, range === "*" || range === "?" ? [] : names);
  if (start === undefined || end === undefined || more.length > 0 || end < start) {
    return undefined;
  }
  const numbers: number[] = [];
  for (let number = start; number <= end; number += by) {
    numbers.push(number);
  }
  return numbers;
}

function list(text: string, first: number, last: number, names: readonly string[] = []): number[] | undefined {
  const numbers = new Set<number>();
  for (const each of text.split(",")) {
    const some = part(each, first, last, names);
    if (!some) {
      return undefined;
    }
    some.forEach((number) => numbers.add(number));
  }
  return [...numbers].sort((a, b) => a - b);
}

const isAny = (text: string) => text === "*" || text === "?";

function readDays(text: string): Days | undefined {
  const plain = new Set<number>();
  const near: number[] = [];
  let last = false;
  for (const each of text.toUpperCase().split(",")) {
    const nearest = /^(\d{1,2}|L)W$/.exec(each)?.[1];
    if (nearest !== undefined) {
      near.push(nearest === "L" ? 32 : Number(nearest));
    } else if (each === "L") {
      last = true;
    } else {
      const some = part(each, 1, 31);
      if (!some) {
        return undefined;
      }
      some.forEach((day) => plain.add(day));
    }
  }
  return { plain, last, near, isAny: isAny(text) };
}

function readWeekdays(text: string): Weekdays | undefined {
  const plain = new Set<number>();
  const nth: { day: number; nth: number }[] = [];
  for (const each of text.toUpperCase().split(",")) {
    const special = /^(\w+?)(?:#([1-5L])|(L))$/.exec(each);
    if (special?.[1] !== undefined) {
      const day = numberOf(special[1], 0, 7, WEEKDAYS);
      if (day === undefined) {
        return undefined;
      }
      nth.push({ day: day % 7, nth: special[2] === undefined || special[2] === "L" ? 6 : Number(special[2]) });
    } else {
      const some = part(each, 0, isAny(each) ? 6 : 7, WEEKDAYS);
      if (!some) {
        return undefined;
      }
      some.forEach((day) => plain.add(day % 7));
    }
  }
  return { plain, nth, isAny: isAny(text) };
}

/** What an expression means; undefined if it is not understood. */
export function readCron(expression: string): Cron | undefined {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) {
    return undefined;
  }
  const [second, minute, hour, day, month, weekday] = (fields.length === 5 ? ["0", ...fields] : fields) as [string, string, string, string, string, string];
  const bothDays = day.startsWith("+") || weekday.startsWith("+");
  const seconds = list(second, 0, 59);
  const minutes = list(minute, 0, 59);
  const hours = list(hour, 0, 23);
  const months = list(month, 1, 12, MONTHS);
  const days = readDays(day.replace(/^\+/, ""));
  const weekdays = readWeekdays(weekday.replace(/^\+/, ""));
  if (!seconds || !minutes || !hours || !months || !days || !weekdays) {
    return undefined;
  }
  return { seconds, minutes, hours, days, months: new Set(months), weekdays, bothDays };
}
