/** Time zones: their names, how far they are from UTC, and instants as their clocks show them. */

const ZONE_FORMATS = new Map<string, Intl.DateTimeFormat>();
const SHOWN = new Map<string, Intl.DateTimeFormat>();
const OFFSETS = new Map<string, number>();

/** No clock changes between quarters of an hour. */
const QUARTER = 900_000;

/** The names that this browser knows; `UTC` first. */
export function zoneNames(): string[] {
  const names = Intl.supportedValuesOf("timeZone").filter((name) => name !== "UTC");
  return ["UTC", ...names];
}

/** The zone of this browser. */
export function ownZone(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** How many milliseconds a zone's clock is ahead of UTC at an instant. */
export function offsetOf(at: number, zone: string): number {
  const key = `${zone} ${Math.floor(at / QUARTER)}`;
  const known = OFFSETS.get(key);
  if (known !== undefined) {
    return known;
  }
  let format = ZONE_FORMATS.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    ZONE_FORMATS.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const wall = Date.UTC(parts["year"] ?? 0, (parts["month"] ?? 1) - 1, parts["day"], parts["hour"], parts["minute"], parts["second"]);
  const offset = wall - Math.floor(at / 1_000) * 1_000;
  if (OFFSETS.size > 20_000) {
    OFFSETS.clear();
  }
  OFFSETS.set(key, offset);
  return offset;
}

/** An instant as the clock of a zone shows it: "Mon, 23 Nov, 09:00". The year is there if it is another one. */
export function formatInZone(at: string | number, zone: string): string {
  const date = new Date(at);
  const isOtherYear = date.getUTCFullYear() !== new Date().getUTCFullYear();
  const hasSeconds = date.getUTCSeconds() !== 0;
  const key = `${zone} ${isOtherYear} ${hasSeconds}`;
  let format = SHOWN.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(undefined, {
      timeZone: isZone(zone) ? zone : "UTC",
      weekday: "short",
      day: "numeric",
      month: "short",
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
      ...(isOtherYear ? { year: "numeric" } : {}),
      ...(hasSeconds ? { second: "2-digit" } : {}),
    });
    SHOWN.set(key, format);
  }
  return format.format(date);
}
