/** The shapes of tasks and artifacts. */
import type { components } from "../generated/schemas.js";

/** A task as it was leased. */
export type LeasedTask = components["schemas"]["LeasedTask"];

export type ArtifactKind = components["schemas"]["ArtifactKind"];

/** A file of an execution. */
export type Artifact = components["schemas"]["Artifact"];

/** Where a worker tells its operator what happens; `console` is one. */
export interface Logger {
  info(message: string): void;
  warn(message: string): void;
  error(message: string, error?: unknown): void;
}
