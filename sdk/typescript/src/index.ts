/** The client of Sluicegate, the real-time streaming workflow server. */
export { SluicegateClient, type TriggerOptions, type WaitOptions } from "./client.js";
export {
  SluicegateApiError,
  SluicegateConnectionError,
  SluicegateError,
  SluicegateExecutionError,
  SluicegateTimeoutError,
} from "./errors.js";
export type { StreamOptions, StreamState } from "./follower.js";
export type { List, Page } from "./list.js";
export type { BulkJobs, Schedules, Suspensions, Webhooks, Workflows } from "./resources.js";
export type { EventsOptions, FeedOptions, OnError, OnEvent } from "./streams.js";
export type { CallOptions, ClientOptions, Place, QueryValue, RequestOptions } from "./transport.js";
export type * from "./types.js";
