/** Workers: programs that lease tasks of workflows and do them. */
export type { Content } from "./worker/content.js";
export { type TaskEnd, TaskError, TaskOverError } from "./worker/errors.js";
export type { ArtifactOptions, Task } from "./worker/task.js";
export type { Artifact, ArtifactKind, Logger } from "./worker/types.js";
export { type Handler, Worker, type WorkerOptions } from "./worker/worker.js";
