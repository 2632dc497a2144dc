/** What the form of a schedule holds, and what it sends. */
import type { Schemas } from "../../api/client";

export interface ScheduleFields {
  name: string;
  workflowId: string | null;
  cronExpression: string;
  timezone: string;
  overlap: Schemas["Overlap"];
  catchUp: Schemas["CatchUp"];
  jitterSeconds: number;
  /** Of the clock of the browser, as `datetime-local` has it; empty: none. */
  startAt: string;
  endAt: string;
  /** JSON. */
  input: string;
}

/** An instant as `datetime-local` wants it. */
function localOf(at: string | null | undefined): string {
  if (!at) {
    return "";
  }
  const date = new Date(at);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

export function fieldsOf(schedule: Schemas["Schedule"] | undefined, zone: string): ScheduleFields {
  return {
    name: schedule?.name ?? "",
    workflowId: schedule?.workflowId ?? null,
    cronExpression: schedule?.cronExpression ?? "0 9 * * *",
    timezone: schedule?.timezone ?? zone,
    overlap: schedule?.overlap ?? "skip",
    catchUp: schedule?.catchUp ?? "last",
    jitterSeconds: schedule?.jitterSeconds ?? 0,
    startAt: localOf(schedule?.startAt),
    endAt: localOf(schedule?.endAt),
    input: schedule?.input === undefined || schedule.input === null ? "" : JSON.stringify(schedule.input, null, 2),
  };
}

/** The JSON of a text; undefined if it is none. An empty text is `null`. */
export function readJson(text: string): { value: unknown } | undefined {
  if (text.trim() === "") {
    return { value: null };
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

export function bodyOf(fields: ScheduleFields, before: Schemas["Schedule"] | undefined): Schemas["CreateSchedule"] {
  // A bound that was not touched keeps its milliseconds.
  const instant = (local: string, old: string | null | undefined) => (local === localOf(old) ? (old ?? null) : local ? new Date(local).toISOString() : null);
  return {
    name: fields.name.trim(),
    workflowId: fields.workflowId ?? "",
    cronExpression: fields.cronExpression.trim(),
    timezone: fields.timezone,
    overlap: fields.overlap,
    catchUp: fields.catchUp,
    jitterSeconds: fields.jitterSeconds,
    startAt: instant(fields.startAt, before?.startAt),
    endAt: instant(fields.endAt, before?.endAt),
    input: readJson(fields.input)?.value ?? null,
  };
}
