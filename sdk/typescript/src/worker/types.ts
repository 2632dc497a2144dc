/** The shapes of tasks and artifacts. */

/** A task as it was leased. */
export interface LeasedTask {
  taskId: string;
  /** Good for this lease of this task only. */
  leaseToken: string;
  /** Grows with each lease of the task: who holds an older one can't change anything. */
  fence: number;
  queue: string;
  executionId: string;
  workflowId: string;
  nodeId: string;
  /** The branch or the turn of a loop that the node runs in. */
  path?: string;
  attempt: number;
  input: unknown;
  context: unknown;
  queuedAt: string;
  leaseUntil: string;
  leaseSeconds: number;
  /** When the task is withdrawn at the latest. */
  deadline?: string;
}

export type ArtifactKind = "output" | "video" | "screenshot" | "log" | "file";

/** A file of an execution. */
export interface Artifact {
  id: string;
  executionId: string;
  nodeId: string;
  path?: string;
  taskId?: string;
  name: string;
  kind: ArtifactKind;
  contentType: string;
  /** In bytes. */
  size: number;
  /** In hexadecimal digits. */
  sha256: string;
  createdAt: string;
}

/** Where a worker tells its operator what happens; `console` is one. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string, error?: unknown): void;
}
