/** The slots to come of an expression that is not saved yet, by the rules of the server's grid (docs/schedules.md). */
import type { Cron } from "./cron";
import { offsetOf } from "./zone";

const DAY = 86_400_000;
const HOUR = 3_600_000;
/** The rarest of days comes within this many days. */
const HORIZON_DAYS = 41 * 366;

function daysInMonth(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** The weekday (Monday to Friday) that is nearest to a day and in the same month. */
function nearestWeekday(year: number, month: number, day: number): number {
  const most = daysInMonth(year, month);
  const wanted = Math.min(day, most);
  const weekday = new Date(Date.UTC(year, month - 1, wanted)).getUTCDay();
  if (weekday === 6) {
    return wanted > 1 ? wanted - 1 : wanted + 2;
  }
  return weekday === 0 ? (wanted < most ? wanted + 1 : wanted - 2) : wanted;
}

function fitsDay(cron: Cron, date: Date): boolean {
  const [year, month, day, weekday] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCDay()];
  if (!cron.months.has(month)) {
    return false;
  }
  const { days, weekdays } = cron;
  const ofMonth =
    days.plain.has(day) || (days.last && day === daysInMonth(year, month)) || days.near.some((near) => nearestWeekday(year, month, near) === day);
  const ofWeek =
    weekdays.plain.has(weekday) ||
    weekdays.nth.some(({ day: wanted, nth }) => wanted === weekday && (nth === 6 ? day + 7 > daysInMonth(year, month) : Math.ceil(day / 7) === nth));
  return days.isAny || weekdays.isAny || cron.bothDays ? (days.isAny || ofMonth) && (weekdays.isAny || ofWeek) : ofMonth || ofWeek;
}

/** The instants at which a clock shows this time: none in a gap, two where it is put back. */
function instantsOf(wall: number, zone: string): number[] {
  const offsets = new Set([offsetOf(wall - DAY, zone), offsetOf(wall + DAY, zone)]);
  return [...offsets]
    .map((offset) => wall - offset)
    .filter((at) => at + offsetOf(at, zone) === wall)
    .sort((a, b) => a - b);
}

/** The first instant at which the clock shows more than a time that it skips. */
function afterGap(wall: number, zone: string): number {
  let [no, yes] = [wall - 15 * HOUR, wall + 15 * HOUR];
  while (yes - no > 1_000) {
    const middle = no + Math.floor((yes - no) / 2_000) * 1_000;
    if (middle + offsetOf(middle, zone) > wall) {
      yes = middle;
    } else {
      no = middle;
    }
  }
  return yes;
}

/** The next slots after an instant (in milliseconds), at most `count`; fewer if no more come. */
export function comingSlots(cron: Cron, zone: string, after: number, count: number): number[] {
  const everyHour = cron.hours.length === 24;
  const begin = after + Math.min(offsetOf(after, zone), offsetOf(after + 4 * HOUR, zone));
  const midnight = Math.floor(begin / DAY) * DAY;
  const slots = new Set<number>();
  // A clock that is put back mixes the order: some hours more are looked at than are needed.
  let enoughAt = Number.POSITIVE_INFINITY;
  for (let day = 0; day < HORIZON_DAYS; day++) {
    const date = midnight + day * DAY;
    if (date > enoughAt) {
      break;
    }
    if (!fitsDay(cron, new Date(date))) {
      continue;
    }
    for (const hour of cron.hours) {
      for (const minute of cron.minutes) {
        for (const second of cron.seconds) {
          const wall = date + ((hour * 60 + minute) * 60 + second) * 1_000;
          if (wall < begin || wall > enoughAt) {
            continue;
          }
          const instants = instantsOf(wall, zone);
          const some = instants.length === 0 ? [afterGap(wall, zone)] : everyHour ? instants : instants.slice(0, 1);
          for (const at of some) {
            if (at > after) {
              slots.add(at);
            }
          }
          if (slots.size >= count && enoughAt === Number.POSITIVE_INFINITY) {
            enoughAt = wall + 3 * HOUR;
          }
        }
      }
    }
  }
  return [...slots].sort((a, b) => a - b).slice(0, count);
}
