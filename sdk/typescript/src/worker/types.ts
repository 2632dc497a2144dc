/** The shapes of tasks and artifacts. */
import type { components } from "../generated/schemas.js";

/** A task as it was leased. */
export type LeasedTask = components["schemas"]["LeasedTask"];

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
