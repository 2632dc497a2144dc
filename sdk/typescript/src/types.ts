/** The shapes that the API takes and gives, under short names. They are generated; see src/generated/. */
import type { components, operations } from "./generated/schemas.js";

/** Every shape of the API, by its name in the API's description. */
export type Schemas = components["schemas"];
type Query<Operation extends keyof operations> = operations[Operation] extends { parameters: { query?: infer Of } }
  ? NonNullable<Of>
  : never;

export type Execution = Schemas["Execution"];
export type ExecutionStatus = Schemas["ExecutionStatus"];
export type CreateExecution = Schemas["CreateExecution"];
export type Respond = Schemas["Respond"];
export type Approve = Schemas["Approve"];
export type ReplayPlan = Schemas["ReplayPlan"];
export type Comparison = Schemas["Comparison"];
export type LogEntry = Schemas["LogEntry"];
export type Suspension = Schemas["Suspension"];
export type Reassign = Schemas["Reassign"];
export type Workflow = Schemas["Workflow"];
export type WorkflowVersion = Schemas["WorkflowVersion"];
export type Definition = Schemas["Definition"];
export type DefinitionProblem = Schemas["DefinitionProblem"];
export type CreateWorkflow = Schemas["CreateWorkflow"];
export type UpdateWorkflow = Schemas["UpdateWorkflow"];
export type DuplicateWorkflow = Partial<Schemas["DuplicateWorkflow"]>;
export type Schedule = Schemas["Schedule"];
export type CreateSchedule = Schemas["CreateSchedule"];
export type UpdateSchedule = Schemas["UpdateSchedule"];
export type ComingSlot = Schemas["ComingSlot"];
export type Slot = Schemas["Slot"];
export type Webhook = Schemas["Webhook"];
export type WebhookAndSecret = Schemas["WebhookAndSecret"];
export type CreateWebhook = Schemas["CreateWebhook"];
export type UpdateWebhook = Schemas["UpdateWebhook"];
export type RotateSecret = Schemas["RotateSecret"];
export type WebhookDelivery = Schemas["WebhookDelivery"];
export type WebhookDeliveryDetail = Schemas["WebhookDeliveryDetail"];
export type PublishEvent = Schemas["PublishEvent"];
export type PublishedEvent = Schemas["PublishedEvent"];
export type BulkSelection = Schemas["BulkSelection"];
export type BulkReplay = Schemas["BulkReplay"];
export type BulkJob = Schemas["BulkJob"];
export type BulkItem = Schemas["BulkItem"];
export type StreamToken = Schemas["StreamToken"];
export type FieldError = Schemas["FieldError"];

/** A wish for a replay. What may be left out may be left out. */
export type ReplayExecution = Partial<Schemas["ReplayExecution"]>;

/** How many rows, and where to go on. */
export type PageQuery = Query<"list_schedules">;
export type ExecutionsQuery = Query<"list_executions">;
export type LogsQuery = Query<"list_execution_logs">;
export type SuspensionsQuery = Query<"list_suspensions">;
export type WorkflowsQuery = Query<"list_workflows">;
export type BulkItemsQuery = Query<"list_bulk_job_items">;

/** An event of an execution's log. */
export type ExecutionEvent = Schemas["Event"];
/** An event of a pod's stream or of the inbox: it names its execution. */
export type FeedEvent = Schemas["FeedEvent"];
/** Events were removed by retention; what is there now follows as a snapshot. */
export type StreamGap = Extract<Schemas["StreamFrame"], { type: "stream_gap" }>;
/** What a stream is about, as it was when its connection began. */
export type StreamSnapshot = Extract<Schemas["StreamFrame"], { type: "stream_snapshot" }>;
/** What the stream of one execution delivers. */
export type StreamEvent = ExecutionEvent | StreamGap | StreamSnapshot;
/** What the stream of a pod or of the inbox delivers. */
export type FeedStreamEvent = FeedEvent | StreamGap | StreamSnapshot;
/** The question that an `execution_suspended` event puts. */
export type Interrupt = Schemas["Interrupt"];
