/** What a handler says meanwhile: collected here, and handed out in batches that a heartbeat takes along. */

/** How much one heartbeat takes along: so many reports, and so many characters of them. */
const BATCH_REPORTS = 100;
const BATCH_LENGTH = 128 * 1024;
/** How much is kept while the server can't be reached. */
const KEPT_REPORTS = 2000;
const KEPT_LENGTH = 4 * 1024 * 1024;
/** Texts of one channel are joined up to this length. */
const DELTA_LENGTH = 16 * 1024;

/** The order in which the server takes the kinds of one heartbeat. */
const KINDS = ["actions", "deltas", "logs"] as const;
/** With more reports than these, only those of the same kind arrive in their order: it would take too many heartbeats. */
const ORDERED_REPORTS = 50;

/** A report: its place in a heartbeat, and its JSON as it was when it was made. */
export interface Report {
  readonly kind: (typeof KINDS)[number];
  readonly json: string;
  /** About how many characters it has. */
  readonly length: number;
}

export interface Progress {
  progress?: number;
  progressMax?: number;
  message?: string;
}

/** What one heartbeat takes along. */
export interface Batch {
  progress: Progress | undefined;
  reports: Report[];
}

/** Reports in their order. A heartbeat takes no more than keeps it. */
export class Reports {
  #progress: Progress | undefined;
  #reports: Report[] = [];
  #length = 0;
  #dropped = 0;

  /** Nothing is to be sent. */
  get isEmpty(): boolean {
    return this.#progress === undefined && this.#reports.length === 0 && this.#dropped === 0;
  }

  /** How far the task has come. Only the newest is sent. */
  progress(progress: Progress): void {
    this.#progress = { ...this.#progress, ...progress };
  }

  /** A log entry or an action. What is no JSON throws here, in the handler that said it. */
  add(kind: "logs" | "actions", value: object): void {
    const json = JSON.stringify(value);
    this.#keep({ kind, json, length: json.length });
  }

  /** Some text that goes to a channel of the stream. */
  delta(channel: string, text: string): void {
    const last = this.#reports.at(-1);
    if (last instanceof Delta && last.channel === channel && last.text.length + text.length <= DELTA_LENGTH && !this.#isFull(text.length)) {
      last.text += text;
      this.#length += text.length;
      return;
    }
    for (const part of parts(text, DELTA_LENGTH)) {
      this.#keep(new Delta(channel, part));
    }
  }

  /** The next batch, oldest first. */
  take(): Batch {
    if (this.#dropped > 0 && this.#reports.length === 0) {
      const message = `${this.#dropped} reports were dropped: more came than could be sent`;
      this.#dropped = 0;
      this.add("logs", { level: "warn", message });
    }
    let length = 0;
    let count = 0;
    let rank = 0;
    const isOrdered = this.#reports.length <= ORDERED_REPORTS;
    for (const report of this.#reports.slice(0, BATCH_REPORTS)) {
      const before = rank;
      rank = KINDS.indexOf(report.kind);
      if (count > 0 && (length + report.length > BATCH_LENGTH || (isOrdered && rank < before))) {
        break;
      }
      length += report.length;
      count += 1;
    }
    this.#length -= length;
    const reports = this.#reports.splice(0, count);
    const progress = this.#progress;
    this.#progress = undefined;
    return { progress, reports };
  }

  #keep(report: Report): void {
    if (this.#isFull(report.length)) {
      this.#dropped += 1;
      return;
    }
    this.#reports.push(report);
    this.#length += report.length;
  }

  #isFull(more: number): boolean {
    return this.#dropped > 0 || this.#reports.length >= KEPT_REPORTS || this.#length + more > KEPT_LENGTH;
  }
}

/** Text that grows until it is sent. */
class Delta implements Report {
  readonly kind = "deltas";

  constructor(
    readonly channel: string,
    public text: string,
  ) {}

  get length(): number {
    return this.text.length;
  }

  get json(): string {
    return JSON.stringify({ channel: this.channel, delta: this.text });
  }
}

/** The JSON of a heartbeat. */
export function heartbeat(leaseToken: string, { progress, reports }: Batch): string {
  const members = [JSON.stringify({ leaseToken, ...progress }).slice(1, -1)];
  for (const kind of KINDS) {
    const some = reports.filter((report) => report.kind === kind).map((report) => report.json);
    if (some.length > 0) {
      members.push(`"${kind}":[${some.join(",")}]`);
    }
  }
  return `{${members.join(",")}}`;
}

/** A text in parts of a length at most; no character is cut in two. */
function* parts(text: string, length: number): Generator<string> {
  for (let from = 0; from < text.length; ) {
    let to = Math.min(from + length, text.length);
    const last = text.charCodeAt(to - 1);
    if (to < text.length && last >= 0xd800 && last < 0xdc00) {
      to -= 1;
    }
    yield text.slice(from, to);
    from = to;
  }
}
