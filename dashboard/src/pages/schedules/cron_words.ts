/** What a cron expression says, in words: "Monday to Friday at 09:00". */
import { type Cron, readCron } from "./cron";

const DAY_NAMES = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTH_NAMES = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const NTH = ["", "first", "second", "third", "fourth", "fifth", "last"];

function join(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? "") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

function ordinal(day: number): string {
  const ending = day % 100 > 10 && day % 100 < 14 ? "th" : (["th", "st", "nd", "rd"][day % 10] ?? "th");
  return `${day}${ending}`;
}

const two = (number: number) => String(number).padStart(2, "0");

/** The step, if the numbers go evenly through all of `size` from their first. */
function stepOf(numbers: readonly number[], size: number): number | undefined {
  const [first = 0, second] = numbers;
  const step = second === undefined ? size : second - first;
  const isEven = first < step && numbers.every((number, index) => number === first + index * step) && numbers.length === Math.ceil((size - first) / step);
  return isEven ? step : undefined;
}

/** Runs of neighbours as ranges: "Monday to Friday and Sunday". */
function ranges(numbers: readonly number[], name: (number: number) => string): string {
  const words: string[] = [];
  for (let at = 0; at < numbers.length; ) {
    let end = at;
    while (numbers[end + 1] === (numbers[end] ?? 0) + 1) {
      end++;
    }
    const [from, to] = [numbers[at] ?? 0, numbers[end] ?? 0];
    words.push(...(end - at >= 2 ? [`${name(from)} to ${name(to)}`] : numbers.slice(at, end + 1).map(name)));
    at = end + 1;
  }
  return join(words);
}

function timeWords({ seconds, minutes, hours }: Cron): { words: string; isRepeated: boolean } | undefined {
  const second = seconds.length === 1 ? seconds[0] : undefined;
  const ending = second === undefined || second === 0 ? "" : `:${two(second)}`;
  if (second === undefined) {
    const step = stepOf(seconds, 60);
    if (step === undefined || minutes.length < 60 || hours.length < 24) {
      return undefined;
    }
    return { words: step === 1 ? "Every second" : `Every ${step} seconds`, isRepeated: true };
  }
  const [minute] = minutes;
  if (minutes.length === 1 && minute !== undefined) {
    const step = hours.length >= 4 ? stepOf(hours, 24) : undefined;
    if (step === undefined && hours.length <= 6) {
      return { words: `at ${join(hours.map((hour) => `${two(hour)}:${two(minute)}${ending}`))}`, isRepeated: false };
    }
    const at = `at minute ${minute}`;
    if (step !== undefined) {
      return { words: step === 1 ? `Every hour ${at}` : `Every ${step} hours ${at}`, isRepeated: true };
    }
    return { words: `At minute ${minute} of the hours ${ranges(hours, (hour) => two(hour))}`, isRepeated: true };
  }
  const step = stepOf(minutes, 60);
  const often = step === 1 ? "Every minute" : step !== undefined ? `Every ${step} minutes` : `At the minutes ${ranges(minutes, String)}`;
  return { words: hours.length === 24 ? (step === undefined ? `${often} of every hour` : often) : `${often} in the hours ${ranges(hours, (hour) => two(hour))}`, isRepeated: true };
}

function dayWords({ days, weekdays, months, bothDays }: Cron): string[] {
  const ofMonth = days.isAny
    ? ""
    : `on the ${join([
        ...[...days.plain].sort((a, b) => a - b).map(ordinal),
        ...(days.last ? ["last day"] : []),
        ...days.near.map((near) => (near === 32 ? "last weekday" : `weekday nearest to the ${ordinal(near)}`)),
      ])}`;
  // Weeks begin on Monday where Sunday is only the end of a range.
  const plain = [...weekdays.plain].sort((a, b) => a - b);
  const fromMonday = plain.includes(0) && plain.length > 1 ? [...plain.filter((day) => day > 0), 7] : plain;
  const ofWeek = weekdays.isAny
    ? ""
    : join([...(plain.length > 0 ? [ranges(fromMonday, (day) => DAY_NAMES[day % 7] ?? "")] : []), ...weekdays.nth.map(({ day, nth }) => `the ${NTH[nth]} ${DAY_NAMES[day]} of the month`)]);
  const both = ofMonth && ofWeek ? [`${ofMonth} ${bothDays ? "if it is" : "and on"} ${ofWeek}`] : ofMonth ? [ofMonth] : ofWeek ? [ofWeek] : [];
  const inMonths = months.size === 12 ? [] : [`in ${ranges([...months].sort((a, b) => a - b), (month) => MONTH_NAMES[month - 1] ?? "")}`];
  return [...both, ...inMonths];
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Words for an expression; the expression itself if there are none for it. */
export function cronWords(expression: string): string {
  const cron = readCron(expression);
  const time = cron && timeWords(cron);
  if (!cron || !time) {
    return expression;
  }
  const days = dayWords(cron);
  if (time.isRepeated) {
    return capital([time.words, ...days].join(", "));
  }
  if (days.length === 0) {
    return `Every day ${time.words}`;
  }
  return capital(days[0]?.startsWith("in ") ? `every day ${days.join(" ")} ${time.words}` : `${days.join(" ")} ${time.words}`);
}
