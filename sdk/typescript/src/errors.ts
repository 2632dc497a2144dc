/** What can go wrong. Every error that this library throws by itself is a {@link SluicegateError}. */
import type { Execution, FieldError } from "./types.js";

/** The common class of all errors below. */
export class SluicegateError extends Error {
  override name = "SluicegateError";
}

/** The server refused a request, or could not answer it. */
export class SluicegateApiError extends SluicegateError {
  override name = "SluicegateApiError";
  /** The status of the response. */
  readonly statusCode: number;
  /** The kind of problem for programs, in snake_case; `http_<status>` where something else than Sluicegate answered. */
  readonly code: string;
  /** The request's id in the server's log. */
  readonly requestId: string | undefined;
  /** What is wrong, as a sentence for people. */
  readonly detail: string;
  /** The single things that are wrong, where they can be named. */
  readonly details: readonly FieldError[];
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(statusCode: number, headers: Headers, body: string) {
    const problem = readProblem(body);
    const code = typeof problem.code === "string" ? problem.code : `http_${statusCode}`;
    const detail = problem.detail ?? problem.title ?? "no details";
    super(`${code} (${statusCode}): ${detail}`);
    this.detail = detail;
    this.statusCode = statusCode;
    this.code = code;
    this.requestId = problem.requestId ?? headers.get("x-request-id") ?? undefined;
    this.details = Array.isArray(problem.errors) ? problem.errors : [];
    const seconds = Number(headers.get("retry-after") ?? Number.NaN);
    this.retryAfterMs = seconds >= 0 ? seconds * 1000 : undefined;
  }

  /** Whether asking again could help. */
  get isTransient(): boolean {
    return this.statusCode >= 500 || [408, 425, 429].includes(this.statusCode);
  }
}

/** The server could not be reached, or what came was no answer of it. `cause` says more. */
export class SluicegateConnectionError extends SluicegateError {
  override name = "SluicegateConnectionError";
}

/** An execution that was waited for ended, but did not complete: `execution.status` and `execution.error` say why. */
export class SluicegateExecutionError extends SluicegateError {
  override name = "SluicegateExecutionError";

  constructor(readonly execution: Execution) {
    const why = execution.error?.message;
    super(`execution ${execution.id} is ${execution.status}${why ? `: ${why}` : ""}`);
  }
}

/** Something took longer than allowed. An execution that was waited for goes on. */
export class SluicegateTimeoutError extends SluicegateError {
  override name = "SluicegateTimeoutError";

  constructor(
    what: string,
    readonly timeoutMs: number,
  ) {
    super(`${what} took longer than ${timeoutMs} ms`);
  }
}

/** As an error that nobody catches: the platform reports it. For what the caller's own functions throw. */
export function uncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** A problem document; a proxy between may have answered with anything. */
function readProblem(body: string): { code?: string; title?: string; detail?: string; requestId?: string; errors?: FieldError[] } {
  try {
    return Object(JSON.parse(body));
  } catch {
    return {};
  }
}
