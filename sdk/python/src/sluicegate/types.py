"""The shapes of the API and of the streams. Written by `tools/generate.py`; not to be edited.

Dictionaries as the server sends them: nothing is renamed or converted. Programs must be prepared for members and values
that are not listed here; a newer server may send them.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypedDict, Union

ApiKeyId: TypeAlias = str
"""An API key (its public row, not its secret)."""
ArtifactId: TypeAlias = str
"""A file that a worker has left."""
ArtifactKind: TypeAlias = Literal["output", "video", "screenshot", "log", "file"]
"""What an artifact is to whoever looks at the execution."""
BulkAction: TypeAlias = Literal["cancel", "replay", "retry"]
"""What is done with each execution."""
BulkItemState: TypeAlias = Literal["pending", "done", "failed", "skipped"]
"""How an item stands."""
BulkJobId: TypeAlias = str
"""A bulk job."""
BulkState: TypeAlias = Literal["running", "cancelling", "finished", "cancelled"]
"""Where a job is."""
BulkVersion: TypeAlias = Literal["original", "latest"]
"""The version of its workflow that a replay runs."""
CatchUp: TypeAlias = Literal["none", "last", "all"]
"""Which slots are made up for that came while no server ran."""
Channel: TypeAlias = Literal["webhook", "slack", "email"]
"""How a notification is sent."""
ClosingReason: TypeAlias = Literal["max_duration", "shutdown"]
"""Why a stream is closed. Not for being read slowly: such a client reads the stored log at its own pace."""
DecisionSource: TypeAlias = Literal["person", "api", "link", "default", "expiry", "cancel"]
"""How a decision, or a vote, came about."""
DedupeMode: TypeAlias = Literal["skip", "join"]
"""What becomes of a duplicate."""
DeliveryId: TypeAlias = str
"""One delivery to a webhook."""
DeltaChannel: TypeAlias = Literal["text", "reasoning", "tool", "progress"]
"""What a `NodeDeltaEvent` is a piece of."""
Event: TypeAlias = Union[
    "StatusEvent",
    "NodeUpdateEvent",
    "NodeDeltaEvent",
    "NodeLogEvent",
    "NodeActionEvent",
    "NodeArtifactEvent",
    "TaskUpdateEvent",
    "SuspendedEvent",
    "SuspensionUpdateEvent",
    "CompleteEvent",
    "FailedEvent",
    "CancelledEvent",
    "SkippedEvent",
]
"""One event of an execution's log."""
EventId: TypeAlias = str
"""An event from outside."""
ExecutionId: TypeAlias = str
"""One run of a workflow's graph."""
ExecutionStatus: TypeAlias = Literal[
    "pending", "queued", "running", "suspended", "cancelling", "completed", "failed", "cancelled", "skipped"
]
"""Where an execution is in its life."""
FailureCode: TypeAlias = Literal[
    "expression_failed",
    "invalid_value",
    "http_failed",
    "http_status",
    "address_refused",
    "timeout",
    "execution_timeout",
    "rejected",
    "suspension_expired",
    "interrupted",
    "child_failed",
    "task_failed",
    "worker_lost",
    "model_failed",
    "mcp_failed",
    "code_failed",
    "item_failed",
    "limit_exceeded",
    "concurrency_limit",
    "workflow_unavailable",
    "secret_missing",
    "secret_unreadable",
    "internal",
]
"""The closed list of failure codes."""
Instant: TypeAlias = str
InviteId: TypeAlias = str
"""An invitation to a workspace."""
LogLevel: TypeAlias = Literal["debug", "info", "warn", "error"]
"""How much a log line matters."""
NamedVersion: TypeAlias = Literal["original", "latest"]
"""A version by what it is."""
NoBody: TypeAlias = dict[str, Any]
"""The body of an action that has no fields: nothing, or `{}`."""
NodeChoice: TypeAlias = Union[Literal["run", "reuse"], dict[str, Any]]
"""What a replay does with one node."""
NodeStatus: TypeAlias = Literal["running", "suspended", "retrying", "completed", "failed", "skipped", "cancelled"]
"""What became of a node run."""
NotificationId: TypeAlias = str
"""A message that something waits for an answer."""
NotificationState: TypeAlias = Literal["pending", "delivered", "failed", "cancelled"]
"""What has become of a notification."""
Occasion: TypeAlias = Literal["opened", "reminder", "escalation"]
"""Why a notification is sent."""
OldDecisions: TypeAlias = Literal["ask", "reuse"]
"""What becomes of answers that were given in the original."""
OnExpiry: TypeAlias = Union[Literal["reject", "approve", "fail", "cancel", "default"], dict[str, Any]]
"""What happens when nobody answers in time."""
OnLimit: TypeAlias = Literal["queue", "skip", "cancel_oldest", "fail"]
"""What becomes of an execution for which there is no room. One that has begun already always waits."""
Overlap: TypeAlias = Literal["allow", "skip", "queue", "cancel_previous"]
"""What happens at a slot while an execution of the schedule has not ended."""
PlannedAction: TypeAlias = Literal["run", "reuse", "pin"]
"""What a planned node does."""
PodId: TypeAlias = str
"""A folder of workflows and their executions inside a workspace."""
Reprocessing: TypeAlias = Literal["pending", "done"]
"""How far those have come that an execution was asked for again as."""
ResponseMode: TypeAlias = Literal["execution", "wait", "stream"]
"""What the sender of a delivery is answered."""
Role: TypeAlias = Literal["viewer", "editor", "admin", "owner"]
"""What a member or key may do; each role includes the ones before it."""
ScheduleId: TypeAlias = str
"""A schedule."""
SentResult: TypeAlias = Union["TaskOutcome", dict[str, Any]]
"""What became of a result."""
SlotOutcome: TypeAlias = Literal["started", "skipped_overlap", "skipped_disabled", "missed", "failed"]
"""What became of a slot."""
StandingChange: TypeAlias = Literal["voted", "claimed", "released", "reassigned", "reminded", "escalated"]
"""What changed about a suspension that stays open."""
StreamFrame: TypeAlias = Union["StreamClosing", "StreamGap", "StreamSnapshot"]
"""A frame of a stream that is no event of a log."""
SubjectId: TypeAlias = str
"""A thing that executions are about."""
SuspensionId: TypeAlias = str
"""One question that waits for an answer."""
SuspensionKind: TypeAlias = Literal["approval", "tool_approval", "ask_human", "callback"]
"""What kind of answer is waited for."""
SuspensionState: TypeAlias = Literal["open", "answered", "expired", "cancelled"]
"""Where a suspension is in its life. All but `open` are final."""
TaskId: TypeAlias = str
"""Work that a worker takes over."""
TaskState: TypeAlias = Literal["queued", "leased", "completed", "failed", "withdrawn"]
"""Where a task is in its life. All but `queued` and `leased` are final."""
TestStatus: TypeAlias = Literal["completed", "failed", "skipped", "suspended", "waiting", "child", "task", "iterates"]
"""How the test of a node ended, or what the node would do next."""
TimelineAction: TypeAlias = Literal["remind", "escalate", "expire"]
"""What a step of the timeline does."""
TriggeredBy: TypeAlias = Literal["manual", "sdk", "schedule", "webhook", "event", "replay", "retry", "subworkflow"]
"""What started an execution."""
Verdict: TypeAlias = Literal[
    "started", "repeated", "challenged", "unverified", "disabled", "too_large", "rate_limited", "refused"
]
"""What became of a delivery."""
Verification: TypeAlias = Literal["hmac-sha256", "standard", "github", "stripe", "slack", "header", "none"]
"""How a sender proves that a delivery is its own. What is verified are the bytes of the body as they came."""
VersionChoice: TypeAlias = Union["NamedVersion", int]
"""Which version of the workflow a replay runs."""
WebhookId: TypeAlias = str
"""A webhook; it is its public address."""
WorkflowId: TypeAlias = str
"""A workflow; its definitions are its numbered versions."""
WorkflowState: TypeAlias = Literal["draft", "deployed", "trashed"]
"""Where a workflow is in its life."""
WorkspaceId: TypeAlias = str
"""The tenant: every row carries it, every query names it."""
StreamEvent: TypeAlias = Union["Event", "StreamGap", "StreamSnapshot"]
"""What the stream of an execution gives. A gap (events that are no longer stored) is followed by a snapshot."""
FeedStreamEvent: TypeAlias = Union["FeedEvent", "StreamGap", "StreamSnapshot"]
"""What the stream of a pod or of the inbox gives."""


class _Action(TypedDict):
    id: str
    """The port."""
    label: str
    """The button's text."""


class Action(_Action, total=False):
    """One way to answer an approval; each is a port of its node."""

    style: Union[str, None]
    """How the button looks: `primary`, `danger` or `default`."""


class _ApiKey(TypedDict):
    createdAt: Instant
    """When it was made."""
    createdBy: str
    """Who made it."""
    id: ApiKeyId
    """Its id."""
    name: str
    """What it is for."""
    prefix: str
    """The first characters of the key, to recognise it by."""
    role: Role
    """What it may do."""
    workspaceId: WorkspaceId
    """The workspace it opens."""


class ApiKey(_ApiKey, total=False):
    """An API key without its secret."""

    expiresAt: Union[Instant, None]
    """When it stops working; never, if missing."""
    lastUsedAt: Union[Instant, None]
    """When it was last used, to the minute."""


class Approve(TypedDict, total=False):
    """A remark on an approval."""

    comment: Union[str, None]
    """A remark."""
    data: Any
    """The filled form."""
    nodeId: Union[str, None]
    """The node whose suspension is meant, in its place."""
    reason: Union[str, None]
    """Why."""
    suspensionId: Union[SuspensionId, None]
    """Which suspension; may be missing where one is open."""


class Approvers(TypedDict, total=False):
    """People who may answer. Nobody else may, whatever their role."""

    groups: list[str]
    """The groups that were named, for display: their members are among `users`."""
    roles: list[Role]
    """Members with one of these roles, or a higher one, at the moment they answer."""
    users: list[str]
    """Their ids: those that were named, and the members of the groups as they were when the suspension opened."""


class _Artifact(TypedDict):
    contentType: str
    """Its media type, as the worker gave it."""
    createdAt: Instant
    """When it was complete."""
    executionId: ExecutionId
    """The execution it belongs to."""
    id: ArtifactId
    """Its id."""
    kind: ArtifactKind
    """What it is."""
    name: str
    """The file's name, as the worker gave it."""
    nodeId: str
    """The node whose run produced it."""
    sha256: str
    """The SHA-256 of its bytes, in lower-case hex."""
    size: int
    """Its length in bytes."""


class Artifact(_Artifact, total=False):
    """A file that a worker has produced."""

    path: Union[str, None]
    """The run's address inside loops, such as `each[3]/fetch`; missing at the top level."""
    taskId: Union[TaskId, None]
    """The task whose worker sent it."""


class ArtifactUrl(TypedDict):
    """A link to an artifact."""

    expiresAt: Instant
    """Until when."""
    url: str
    """The address. Whoever has it can fetch the file, without any other credential."""


class _Attempt(TypedDict):
    at: Instant
    """When."""


class Attempt(_Attempt, total=False):
    """One try to deliver a notification."""

    error: Union[str, None]
    """Why it failed; missing where it did not."""
    status: Union[int, None]
    """The status of the reply, where there was one."""


class AuditRecord(TypedDict):
    """A record of the audit log."""

    action: str
    """What: `suspension.answered`, `member.set`, ..."""
    actor: str
    """Who: a user's id, `key:<id>`, `link:<id>`, `operator` (the command line) or `system`."""
    at: Instant
    """When."""
    detail: dict[str, Any]
    """More about it."""
    hash: str
    """SHA-256 over all the others, in hexadecimal."""
    previousHash: str
    """The hash of the record before; empty for the first."""
    seq: int
    """Its place: 1, 2, 3, ..."""
    subject: str
    """To what: an id."""
    workspaceId: WorkspaceId
    """Where."""


class BulkCounts(TypedDict):
    """How many items of a job stand how."""

    done: int
    """Done."""
    failed: int
    """Could not be done."""
    pending: int
    """Not settled yet."""
    skipped: int
    """Needed nothing, or were left out."""
    total: int
    """All."""


class BulkFilter(TypedDict, total=False):
    """The filter of the list of executions. What is missing fits any."""

    createdAfter: Union[Instant, None]
    """Triggered after this instant."""
    createdBefore: Union[Instant, None]
    """Triggered before this instant."""
    filter: Union[str, None]
    """As the parameter of the list of the same name."""
    parentExecutionId: Union[ExecutionId, None]
    """Children of this execution."""
    replayOf: Union[ExecutionId, None]
    """Replays and retries of this execution."""
    status: list[ExecutionStatus]
    """In one of these statuses. If missing: for a cancellation those that have not ended, else those that have."""
    subject: Union[str, None]
    """About this subject."""
    triggeredBy: Union[TriggeredBy, None]
    """Started so."""
    workflowId: Union[WorkflowId, None]
    """Of this workflow."""


class _BulkItem(TypedDict):
    executionId: ExecutionId
    """The execution."""
    position: int
    """Its place in the job, from 1."""
    state: BulkItemState
    """How it stands."""


class BulkItem(_BulkItem, total=False):
    """What became of one execution of a job."""

    newExecutionId: Union[ExecutionId, None]
    """The execution that a replay or retry has created."""
    reason: Union[str, None]
    """Why it failed or was skipped."""
    settledAt: Union[Instant, None]
    """When it was settled."""


class _BulkJob(TypedDict):
    action: BulkAction
    """What is done with each."""
    counts: BulkCounts
    """How its items stand."""
    createdAt: Instant
    """When."""
    createdBy: str
    """Who asked for it."""
    id: BulkJobId
    """Its id."""
    podId: PodId
    """The pod whose executions it is about."""
    state: BulkState
    """Where it is."""
    updatedAt: Instant
    """When an item was last settled, or the job changed otherwise."""
    version: BulkVersion
    """The version that replays run."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class BulkJob(_BulkJob, total=False):
    """A bulk job."""

    finishedAt: Union[Instant, None]
    """When it ended."""
    fromNodeId: Union[str, None]
    """The node that replays begin at."""


class BulkReplay(TypedDict, total=False):
    """Which executions are replayed, and from where."""

    filter: Union[BulkFilter, None]
    """Those that a list with this filter shows now; up to 10000."""
    fromNodeId: Union[str, None]
    """The node from which on everything runs again; the beginning, if missing."""
    ids: Union[list[ExecutionId], None]
    """These; up to 10000."""
    version: Literal["original", "latest"]
    """The version of its workflow that each runs: its own, or the latest."""


class BulkSelection(TypedDict, total=False):
    """Which executions a job is about: `ids` or `filter`."""

    filter: Union[BulkFilter, None]
    """Those that a list with this filter shows now; up to 10000."""
    ids: Union[list[ExecutionId], None]
    """These; up to 10000."""


class _CallbackAddress(TypedDict):
    url: str
    """The address to post JSON to. Whoever knows it can answer."""


class CallbackAddress(_CallbackAddress, total=False):
    """Where a callback is to be called."""

    expiresAt: Union[Instant, None]
    """Until when it takes an answer; without end, if missing."""


class CallbackTaken(TypedDict):
    """A callback that was taken."""

    suspensionId: SuspensionId
    """What has waited for it."""


class _CancelReport(TypedDict):
    children: list[ExecutionId]
    """Child executions that were cancelled."""
    nodes: list[str]
    """Addresses of the node runs that were stopped."""
    suspensions: list[SuspensionId]
    """Suspensions that were closed."""
    timers: int
    """Timers that were taken back."""


class CancelReport(_CancelReport, total=False):
    """What a cancellation stopped."""

    by: Union[str, None]
    """Who asked for it."""
    reason: Union[str, None]
    """Why."""
    tasks: list[TaskId]
    """Tasks that were withdrawn."""


class _CancelledEvent(TypedDict):
    at: Instant
    """When."""
    nodes: list[NodeState]
    """The final state of each node of the top level."""
    report: CancelReport
    """What the cancellation stopped."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_cancelled"]


class CancelledEvent(_CancelledEvent, total=False):
    """`execution_cancelled`"""

    compensation: Union[Compensation, None]
    """What was undone, where there was something to undo."""


class Claim(TypedDict):
    """Somebody has taken a suspension upon themself: others leave it to them."""

    at: Instant
    """Since when."""
    by: str
    """Who."""


class Collection(TypedDict):
    """A collection that has documents."""

    documents: int
    """How many documents it holds. One that has expired may be counted until it is removed."""
    name: str
    """Its name."""


class ComingSlot(TypedDict):
    """A slot that is to come."""

    runAt: Instant
    """When an execution is started for it: the slot and the schedule's shift."""
    slot: Instant
    """The instant on the schedule's grid."""


class _ComparedExecution(TypedDict):
    id: ExecutionId
    """The execution."""
    status: ExecutionStatus
    """Where it is in its life."""
    workflowVersion: int
    """The version it ran."""


class ComparedExecution(_ComparedExecution, total=False):
    """One side of a comparison."""

    activeMs: Union[int, None]
    """Milliseconds in which something ran."""
    output: Any
    """Its output."""


class _ComparedNode(TypedDict):
    address: str
    """The run's address."""
    differs: list[str]
    """What differs: any of `status`, `branch`, `output`, `error`, `attempt`, `missing`."""


class ComparedNode(_ComparedNode, total=False):
    """A node run on both sides."""

    durationDifferenceMs: Union[int, None]
    """How much longer the second took, in milliseconds."""
    leftOutput: Any
    """Its output in the first, where it differs."""
    leftStatus: Union[NodeStatus, None]
    """Its status in the first."""
    rightOutput: Any
    """Its output in the second, where it differs."""
    rightStatus: Union[NodeStatus, None]
    """Its status in the second."""


class Comparison(TypedDict):
    """Two executions side by side."""

    left: ComparedExecution
    """The first."""
    nodes: list[ComparedNode]
    """The node runs of either."""
    right: ComparedExecution
    """The second."""
    sameDefinition: bool
    """Whether both ran the same definition."""
    sameInput: bool
    """Whether both had the same input."""
    sameOutput: bool
    """Whether both gave the same output."""


class Compensation(TypedDict):
    """What the compensations of an execution that failed or was cancelled have come to, by their addresses."""

    done: list[str]
    """Those that completed, in that order."""
    failed: list[str]
    """Those that failed or were given up: what they were to undo still stands."""


class CompleteEvent(TypedDict):
    """`execution_complete`"""

    at: Instant
    """When."""
    nodes: list[NodeState]
    """The final state of each node of the top level."""
    output: Any
    """The execution's output."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_complete"]


class CompleteTask(TypedDict, total=False):
    """A worker's result."""

    leaseToken: Union[str, None]
    """The token, if it is in no header."""
    output: Any
    """The node's output."""
    stats: Union[TaskStats, None]
    """The worker's own counts, in place of what was counted from its reports."""


class _Concurrency(TypedDict):
    limit: int
    """How many: 1 to 10,000."""


class Concurrency(_Concurrency, total=False):
    """How many executions of a workflow may run at a time. One that is suspended does not count."""

    key: Union[str, None]
    """A template over `input`, `context` and `subject`: executions with the same result share the limit, others
    have their own. A trigger's `concurrencyKey` takes its place.
    """
    onLimit: OnLimit
    """What becomes of an execution for which there is no room."""


class _CreateApiKey(TypedDict):
    name: str
    """What it is for."""
    role: Role
    """What it may do."""


class CreateApiKey(_CreateApiKey, total=False):
    """A new API key."""

    expiresAt: Instant
    """When it stops working; never, if missing."""


class CreateArtifactUrl(TypedDict, total=False):
    """How long a link to an artifact shall hold."""

    expiresIn: Union[int, None]
    """In seconds: 1 to 604800 (seven days), 3600 (an hour) unless said otherwise."""


class _CreateExecution(TypedDict):
    workflowId: WorkflowId
    """The workflow to run."""


class CreateExecution(_CreateExecution, total=False):
    """A wish for an execution."""

    concurrencyKey: Union[str, None]
    """Equal keys share a limit."""
    context: Union[dict[str, Any], None]
    """What expressions find under `context`."""
    debounce: Union[Debounce, None]
    """Of the triggers that come in a burst only the last one runs; in place of `runAt`."""
    dedupeKey: Union[str, None]
    """Equal keys are duplicates."""
    expiresInMs: Union[int, None]
    """Not at all if it has not begun this long after it could, in milliseconds: it is cancelled then."""
    input: Any
    """What it works on; checked against the workflow's `inputSchema`."""
    mocks: bool
    """Nodes with a `mock` take that instead of running, and so do those of its children."""
    priority: Union[int, None]
    """Higher first; the workflow's own, if missing."""
    runAt: Union[Instant, None]
    """Not before this instant."""
    subject: Union[str, None]
    """What it is about, to find it by."""
    version: Union[int, None]
    """The version to run; the latest, if missing."""


class CreateInvite(TypedDict):
    """A new invite."""

    email: str
    """Whom it is for."""
    role: Role
    """The role they will have."""


class _CreatePod(TypedDict):
    name: str
    """Its name: 1 to 120 characters on one line. The slug is made from it."""


class CreatePod(_CreatePod, total=False):
    """A new pod."""

    description: str
    """What it is for."""


class _CreateSchedule(TypedDict):
    cronExpression: str
    """When: five fields of cron, or six with seconds in front. `cronExpr` is taken as well."""
    name: str
    """Its name: 1 to 120 characters on one line."""
    workflowId: WorkflowId
    """The workflow to start; in this pod. What is started is the version that is deployed at the time."""


class CreateSchedule(_CreateSchedule, total=False):
    """A new schedule."""

    catchUp: Literal["none", "last", "all"]
    """Which slots are made up for that came while no server ran."""
    enabled: bool
    """Whether slots start anything."""
    endAt: Union[Instant, None]
    """No slot is after this."""
    input: Any
    """What the executions work on."""
    jitterSeconds: int
    """The widest that the runs are shifted behind their slots. Each schedule has its own shift in this, which
    stays.
    """
    overlap: Literal["allow", "skip", "queue", "cancel_previous"]
    """What happens at a slot while an execution of the schedule has not ended."""
    startAt: Union[Instant, None]
    """No slot is before this."""
    timezone: str
    """The time zone that the expression is read in, by its IANA name."""


class CreateSession(TypedDict):
    """What a browser signs in with."""

    credential: str
    """An API key (`slg_...`) or a JWT. It is not kept."""


class CreateStreamToken(TypedDict):
    """Which stream a token shall open."""

    path: str
    """The stream's path, with or without `/v1`, without a query: that of an execution's events, of a pod's
    events, or of the workspace's suspensions.
    """


class _CreateSubject(TypedDict):
    path: str
    """What it is called, such as a file's path; once per store in the pod."""


class CreateSubject(_CreateSubject, total=False):
    """A new subject."""

    externalData: dict[str, Any]
    """What others know of it, by whom; up to 262144 bytes of JSON."""
    labels: list[str]
    """Its labels, of 1 to 255 characters each."""
    locked: bool
    """A mark that it should be left alone; the server refuses nothing because of it."""
    metadata: dict[str, Any]
    """What is known of it; up to 262144 bytes of JSON."""
    status: Union[str, None]
    """Where it stands, in words of the pod's own."""
    store: Union[str, None]
    """Where its content lives."""


class _CreateWebhook(TypedDict):
    workflowId: WorkflowId
    """The workflow to start; in this pod. What is started is the version that is deployed at the time."""


class CreateWebhook(_CreateWebhook, total=False):
    """A new webhook."""

    dedupeHeader: Union[str, None]
    """The header that tells deliveries apart, if it is another than that of the kind of verification."""
    enabled: bool
    """Whether deliveries are taken."""
    name: str
    """Its name: 1 to 120 characters on one line."""
    ratePerMinute: int
    """How many deliveries a minute are taken; as many may come at once."""
    response: Literal["execution", "wait", "stream"]
    """What the sender is answered."""
    secret: str
    """What deliveries are verified with; one is made if the kind of verification needs it and none is given. For
    `standard` `whsec_` and 16 to 64 bytes in base64, for the others any text.
    """
    verification: Literal["hmac-sha256", "standard", "github", "stripe", "slack", "header", "none"]
    """How deliveries are verified."""
    waitSeconds: int
    """How long the sender waits for the output, with `response: wait`."""


class _CreateWorkflow(TypedDict):
    definition: Definition
    """Its graph."""
    name: str
    """Its name: 1 to 120 characters on one line."""


class CreateWorkflow(_CreateWorkflow, total=False):
    """A new workflow."""

    description: str
    """What it is for."""


class _CreateWorkspace(TypedDict):
    name: str
    """Its name: 1 to 120 characters on one line."""


class CreateWorkspace(_CreateWorkspace, total=False):
    """A new workspace."""

    slug: str
    """Its name in addresses, unique on the server; made from `name` if missing."""


class _CreatedApiKey(TypedDict):
    createdAt: Instant
    """When it was made."""
    createdBy: str
    """Who made it."""
    id: ApiKeyId
    """Its id."""
    name: str
    """What it is for."""
    prefix: str
    """The first characters of the key, to recognise it by."""
    role: Role
    """What it may do."""
    workspaceId: WorkspaceId
    """The workspace it opens."""


class CreatedApiKey(_CreatedApiKey, total=False):
    """An API key as its maker sees it."""

    expiresAt: Union[Instant, None]
    """When it stops working; never, if missing."""
    key: str
    """The key itself, for `x-api-key`. Shown this once: a reply repeated for its idempotency key is without it."""
    lastUsedAt: Union[Instant, None]
    """When it was last used, to the minute."""


class _CreatedInvite(TypedDict):
    createdAt: Instant
    """When it was made."""
    createdBy: str
    """Who sent it."""
    email: str
    """Whom it is for."""
    expiresAt: Instant
    """When it stops working."""
    id: InviteId
    """Its id."""
    role: Role
    """The role they will have."""
    workspaceId: WorkspaceId
    """The workspace it opens."""


class CreatedInvite(_CreatedInvite, total=False):
    """An invite as its maker sees it."""

    acceptedAt: Union[Instant, None]
    """When it was accepted."""
    token: str
    """The secret for `POST /v1/invites/{token}/accept`. Shown this once: a reply repeated for its idempotency
    key is without it.
    """


class _Debounce(TypedDict):
    key: str
    """Equal keys of one workflow are one burst: 1 to 255 bytes."""
    quietMs: int
    """How long it has to be quiet, in milliseconds: 1 to 7 days."""


class Debounce(_Debounce, total=False):
    """Triggers that come in bursts: the last one of a burst runs, when it has been quiet for a while."""

    maxMs: Union[int, None]
    """The longest that the first one of a burst is put off, in milliseconds; none is no limit."""


class _Decision(TypedDict):
    action: str
    """The port that was chosen; for a question `answered`."""
    at: Instant
    """When."""


class Decision(_Decision, total=False):
    """An answer as it was accepted, or the outcome of an expiry."""

    answer: Any
    """The answer to a question."""
    by: Union[str, None]
    """Who decided; missing for an expiry."""
    comment: Union[str, None]
    """A remark."""
    data: Any
    """The filled form."""
    reason: Union[str, None]
    """Why."""
    source: DecisionSource
    """How it came about."""
    votes: list[Vote]
    """The votes, where a quorum was asked for."""


class Dedupe(TypedDict, total=False):
    """What becomes of triggers with the same `dedupeKey`."""

    mode: DedupeMode
    """What becomes of the duplicate."""
    untilEnd: bool
    """Whether a key stands for its execution only until that has ended, though no longer than `windowMs`."""
    windowMs: int
    """For how long a key stands for its execution, in milliseconds: 1 second to 30 days."""


class _Definition(TypedDict):
    nodes: list[NodeDefinition]
    """The nodes, in any order."""


class Definition(_Definition, total=False):
    """A node graph as a client sends it."""

    edges: list[EdgeDefinition]
    """The edges between them."""
    metadata: dict[str, Any]
    """What whoever has written it wants to find again: kept with the version, no effect at run time. A name of
    its own for each program keeps them apart.
    """
    settings: Settings
    """Settings of every execution of this workflow."""


class _DefinitionProblem(TypedDict):
    message: str
    """One sentence for people."""
    path: str
    """A JSON pointer into the definition, such as `/nodes/3/data/condition`."""


class DefinitionProblem(_DefinitionProblem, total=False):
    """What is wrong with a definition, and where."""

    edgeId: Union[str, None]
    """The edge it is about."""
    nodeId: Union[str, None]
    """The node it is about."""


class DeployWorkflow(TypedDict, total=False):
    """What is deployed."""

    version: int
    """The version to deploy; the latest, if missing."""


class _Document(TypedDict):
    collection: str
    """The collection it is in."""
    createdAt: Instant
    """When it was made."""
    key: str
    """Its key, once per collection."""
    text: str
    """What is searched."""
    updatedAt: Instant
    """When it was written last."""
    value: Any
    """What it holds: any JSON."""


class Document(_Document, total=False):
    """A document."""

    expiresAt: Union[Instant, None]
    """From when on it is gone; never, if null."""


class DuplicateWorkflow(TypedDict, total=False):
    """How a copy is called."""

    name: str
    """Its name; that of the original and `(copy)`, if missing."""


class _EdgeDefinition(TypedDict):
    source: str
    """The node it leaves."""
    target: str
    """The node it enters."""


class EdgeDefinition(_EdgeDefinition, total=False):
    """One edge: taken when its source finishes through the port `sourceHandle`."""

    id: str
    """Unique in the definition; made from source, port and target where it is missing."""
    label: Union[str, None]
    """A label for people."""
    sourceHandle: Union[str, None]
    """The port it leaves by; none means the default port."""


class _Execution(TypedDict):
    createdAt: Instant
    """When it was triggered."""
    createdBy: str
    """Who triggered it."""
    id: ExecutionId
    """Its id."""
    lastSeq: int
    """The position of its last event."""
    podId: PodId
    """The pod it is in."""
    priority: int
    """-100 to 100, higher first."""
    stats: ExecutionStats
    """Counts."""
    status: ExecutionStatus
    """Where it is in its life."""
    triggeredBy: TriggeredBy
    """What started it."""
    waitingMs: int
    """The part of `durationMs` in which every live branch waited."""
    workflowId: WorkflowId
    """The workflow it runs."""
    workflowVersion: int
    """The version of the workflow it runs, to its end."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class Execution(_Execution, total=False):
    """An execution as the API shows it."""

    activeMs: Union[int, None]
    """The part of `durationMs` in which something ran."""
    concurrencyKey: Union[str, None]
    """Equal keys share a limit."""
    context: Any
    """What the trigger adds beside the input. Left out of lists."""
    dedupeKey: Union[str, None]
    """Equal keys are duplicates."""
    duplicateOf: Union[ExecutionId, None]
    """The execution that it was skipped for: the first one with the same key, or the last one of a burst."""
    durationMs: Union[int, None]
    """Milliseconds from start to end, or to now while it runs."""
    error: Union[Failure, None]
    """Why it failed."""
    expiresAt: Union[Instant, None]
    """Not at all if it has not begun by this instant."""
    finishedAt: Union[Instant, None]
    """When it ended."""
    fromNodeId: Union[str, None]
    """The node it was replayed from."""
    idempotencyKey: Union[str, None]
    """The key of the request that triggered it."""
    input: Any
    """What it works on. Left out of lists."""
    mocks: bool
    """Nodes with a `mock` took that instead of running."""
    nodes: Union[list[NodeState], None]
    """Per node: state, timing, output, error. Left out of lists."""
    output: Any
    """What it gave back (completed)."""
    parentExecutionId: Union[ExecutionId, None]
    """The execution whose node started it."""
    queuedAt: Union[Instant, None]
    """When it was admitted to the queue."""
    replayOf: Union[ExecutionId, None]
    """The execution that this one replays or retries."""
    reprocessing: Union[Reprocessing, None]
    """How far its replays and retries have come; none if there are none."""
    runAt: Union[Instant, None]
    """Not before this instant."""
    startedAt: Union[Instant, None]
    """When its first node began; set once."""
    subject: Union[str, None]
    """What it is about, to find it by."""
    suspensions: Union[list[Suspension], None]
    """Its suspensions, open and closed. Left out of lists."""
    triggerId: Union[str, None]
    """The schedule, webhook or event that started it."""


class ExecutionCounts(TypedDict):
    """How many executions there are."""

    atMost: int
    """No count is higher: one that is equal means "so many or more"."""
    counts: dict[str, int]
    """By status; every status is there."""


class _ExecutionStats(TypedDict):
    agentActions: int
    """Actions of agents."""
    completed: int
    """Node runs that completed."""
    failed: int
    """Node runs that failed."""
    nodes: int
    """Node runs, skipped ones apart."""
    screenshots: int
    """Screenshots of agents."""
    tokens: int
    """Tokens of language models."""


class ExecutionStats(_ExecutionStats, total=False):
    """Counts of an execution."""

    leases: int
    """Leases that workers got of its tasks."""
    steps: int
    """Steps that workers took."""


class _FailTask(TypedDict):
    error: TaskError
    """Why."""


class FailTask(_FailTask, total=False):
    """That a worker could not do it."""

    leaseToken: Union[str, None]
    """The token, if it is in no header."""
    stats: Union[TaskStats, None]
    """The worker's own counts, in place of what was counted from its reports."""


class _FailedEvent(TypedDict):
    at: Instant
    """When."""
    error: Failure
    """Why."""
    nodes: list[NodeState]
    """The final state of each node of the top level."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_failed"]


class FailedEvent(_FailedEvent, total=False):
    """`execution_failed`"""

    compensation: Union[Compensation, None]
    """What was undone, where there was something to undo."""


class _Failure(TypedDict):
    code: FailureCode
    """What kind of failure it is."""
    message: str
    """One sentence for people."""
    retryable: bool
    """Whether another attempt could succeed."""


class Failure(_Failure, total=False):
    """A failure value."""

    details: Any
    """More about it, by code."""
    nodeId: Union[str, None]
    """The node that failed, where there is one."""


class _FeedCancelledEvent(TypedDict):
    at: Instant
    """When."""
    executionId: str
    """The execution."""
    podId: str
    """The pod it is in."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_cancelled"]
    workflowId: str
    """The workflow it runs."""


class FeedCancelledEvent(_FeedCancelledEvent, total=False):
    """`execution_cancelled`"""

    compensation: Union[Compensation, None]
    """What was undone, where there was something to undo."""
    nodes: list[NodeState]
    """The final state of each node of the top level."""
    report: CancelReport
    """What the cancellation stopped."""


class _FeedCompleteEvent(TypedDict):
    at: Instant
    """When."""
    executionId: str
    """The execution."""
    podId: str
    """The pod it is in."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_complete"]
    workflowId: str
    """The workflow it runs."""


class FeedCompleteEvent(_FeedCompleteEvent, total=False):
    """`execution_complete`"""

    nodes: list[NodeState]
    """The final state of each node of the top level."""
    output: Any
    """The execution's output."""


class FeedEvent(TypedDict):
    """An event on the stream of a pod or of the inbox; a slim one lacks outputs, reports and lists of nodes."""

    executionId: str
    """The execution."""
    podId: str
    """The pod it is in."""
    workflowId: str
    """The workflow it runs."""


class _FeedFailedEvent(TypedDict):
    at: Instant
    """When."""
    error: Failure
    """Why."""
    executionId: str
    """The execution."""
    podId: str
    """The pod it is in."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_failed"]
    workflowId: str
    """The workflow it runs."""


class FeedFailedEvent(_FeedFailedEvent, total=False):
    """`execution_failed`"""

    compensation: Union[Compensation, None]
    """What was undone, where there was something to undo."""
    nodes: list[NodeState]
    """The final state of each node of the top level."""


class _FeedSkippedEvent(TypedDict):
    at: Instant
    """When."""
    executionId: str
    """The execution."""
    podId: str
    """The pod it is in."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_skipped"]
    workflowId: str
    """The workflow it runs."""


class FeedSkippedEvent(_FeedSkippedEvent, total=False):
    """`execution_skipped`"""

    duplicateOf: Union[ExecutionId, None]
    """The execution that this one duplicates, or that runs in its place."""
    nodes: list[NodeState]
    """The final state of each node of the top level."""
    reason: Union[str, None]
    """Why: `duplicate`, `debounced` or `concurrency_limit`."""


class _FeedStatusEvent(TypedDict):
    at: Instant
    """When."""
    executionId: str
    """The execution."""
    podId: str
    """The pod it is in."""
    seq: int
    """Position in the execution's log: 1, 2, 3, ... without gaps."""
    status: ExecutionStatus
    """The new status."""
    type: Literal["execution_status"]
    workflowId: str
    """The workflow it runs."""


class FeedStatusEvent(_FeedStatusEvent, total=False):
    """`execution_status`"""

    by: Union[str, None]
    """Who asked for it (cancelling)."""
    error: Union[Failure, None]
    """With `cancelling` because of a failure: that failure."""
    reason: Union[str, None]
    """Why."""
    trace: Union[Trace, None]
    """With the first event: the trace that the execution is part of, if it is part of one."""


class FeedSuspendedEvent(TypedDict):
    """`execution_suspended`"""

    at: Instant
    """When."""
    executionId: str
    """The execution."""
    interrupt: Interrupt
    """What is asked."""
    podId: str
    """The pod it is in."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_suspended"]
    workflowId: str
    """The workflow it runs."""


class _FeedSuspensionUpdateEvent(TypedDict):
    at: Instant
    """When."""
    executionId: str
    """The execution."""
    podId: str
    """The pod it is in."""
    seq: int
    """Position in the execution's log."""
    state: SuspensionState
    """Its state from now on."""
    suspensionId: SuspensionId
    """The suspension."""
    type: Literal["suspension_update"]
    workflowId: str
    """The workflow it runs."""


class FeedSuspensionUpdateEvent(_FeedSuspensionUpdateEvent, total=False):
    """`suspension_update`"""

    action: Union[str, None]
    """The port that was chosen."""
    approvers: Union[Approvers, None]
    """Who may answer from now on (reassigned, escalated)."""
    by: Union[str, None]
    """Who did it."""
    change: Union[StandingChange, None]
    """What changed, where it stays open."""
    decision: Union[Decision, None]
    """The whole decision, where there is one."""
    reason: Union[str, None]
    """Why."""
    step: Union[int, None]
    """Which step of the timeline was due, from 0 (reminded, escalated)."""
    vote: Union[Vote, None]
    """The vote (voted)."""
    votes: Union[dict[str, int], None]
    """How many votes each action has from now on (voted, reassigned)."""


class FieldError(TypedDict):
    """One thing that is wrong with a request."""

    message: str
    """One sentence for people."""
    path: str
    """JSON pointer into the body (`/definition/nodes/0/id`), or the name of a query parameter."""


class Group(TypedDict):
    """Members of a workspace under one name, to be asked together."""

    createdAt: Instant
    """When it was made."""
    description: str
    """What it is for."""
    members: list[str]
    """The ids of its members, in order."""
    name: str
    """Its name, by which workflows mean it."""
    updatedAt: Instant
    """When it was last changed."""
    workspaceId: WorkspaceId
    """The workspace."""


class Health(TypedDict):
    """How the server is."""

    status: str
    """`ok`."""
    version: str
    """The server's version."""


class Heartbeat(TypedDict, total=False):
    """A sign of life, and what there is to tell."""

    actions: list[TaskAction]
    """Things that were done."""
    deltas: list[TaskDelta]
    """Pieces of text."""
    leaseToken: Union[str, None]
    """The token, if it is in no header."""
    logs: list[TaskLog]
    """Log lines."""
    message: Union[str, None]
    """What it is at, for people."""
    progress: Union[float, None]
    """How far the work has come."""
    progressMax: Union[float, None]
    """How far it goes."""


class HeartbeatReply(TypedDict):
    """What a worker hears when it gives a sign of life."""

    cancelled: bool
    """The task is not wanted any more: stop, and tell nothing further."""
    leaseUntil: Instant
    """When the lease runs out now."""


class _Interrupt(TypedDict):
    message: str
    """The message or question."""
    nodeId: str
    """The node that asks."""
    openedAt: Instant
    """When it was asked."""
    suspensionId: SuspensionId
    """The suspension's id, to be named in the answer."""
    type: SuspensionKind
    """What kind of answer is waited for."""


class Interrupt(_Interrupt, total=False):
    """What is asked: everything that a foreign reviewer's page needs. Frozen when the suspension opens."""

    actions: list[Action]
    """The actions to choose from (approvals)."""
    choices: list[str]
    """The answers to choose from (questions)."""
    context: Any
    """What the reviewer should see to decide."""
    defaultAnswer: Any
    """The answer that `onExpiry: default` gives."""
    expiresAt: Union[Instant, None]
    """When it expires; never, if missing."""
    form: Any
    """JSON Schema of the answer's `data`."""
    onExpiry: OnExpiry
    """What happens then."""
    path: Union[str, None]
    """The node's address inside loops, such as `each[3]/review`."""
    policy: Policy
    """Who may answer, and how many have to."""
    requireReason: bool
    """Whether a rejection must come with a reason."""
    timeline: list[TimelineStep]
    """What happens while nobody answers, in this order."""
    title: Union[str, None]
    """A heading."""


class _Invite(TypedDict):
    createdAt: Instant
    """When it was made."""
    createdBy: str
    """Who sent it."""
    email: str
    """Whom it is for."""
    expiresAt: Instant
    """When it stops working."""
    id: InviteId
    """Its id."""
    role: Role
    """The role they will have."""
    workspaceId: WorkspaceId
    """The workspace it opens."""


class Invite(_Invite, total=False):
    """An invitation to a workspace."""

    acceptedAt: Union[Instant, None]
    """When it was accepted."""


class _JsonWebKey(TypedDict):
    kty: str
    """`OKP`."""


class JsonWebKey(_JsonWebKey, total=False):
    """A public key."""

    alg: str
    """`EdDSA`."""
    crv: str
    """`Ed25519`."""
    kid: str
    """Its thumbprint (RFC 7638), which signatures name."""
    use: str
    """`sig`."""
    x: str
    """The key, base64url."""


class JsonWebKeySet(TypedDict):
    """Public keys that signatures can be checked with."""

    keys: list[JsonWebKey]
    """The keys."""


class _LeaseTasks(TypedDict):
    queues: list[str]
    """The queues to take tasks from."""
    workerId: str
    """What the worker calls itself: shown with its tasks, and in the list of workers."""


class LeaseTasks(_LeaseTasks, total=False):
    """A worker's wish for tasks."""

    max: int
    """How many tasks at most."""
    version: Union[str, None]
    """The version it is."""
    waitSeconds: int
    """How many seconds to wait for the first one."""


class _LeasedTask(TypedDict):
    attempt: int
    """The attempt: 1, 2, 3, ..."""
    context: Any
    """The context of the execution."""
    executionId: ExecutionId
    """The execution it is a part of."""
    fence: int
    """The number of the lease: one higher than that of the lease before."""
    idempotencyKey: str
    """The same for every attempt: what the work is to be known by outside, so that it is not done twice."""
    input: Any
    """What there is to do."""
    leaseSeconds: int
    """How long a lease lasts without one."""
    leaseToken: str
    """The credential of this lease: all that the doors of the task need."""
    leaseUntil: Instant
    """When the lease runs out without a heartbeat."""
    nodeId: str
    """The node."""
    queue: str
    """The queue it was in."""
    queuedAt: Instant
    """Since when it waited."""
    taskId: TaskId
    """The task."""
    workflowId: WorkflowId
    """The workflow."""


class LeasedTask(_LeasedTask, total=False):
    """A task in the hands of a worker."""

    deadline: Union[Instant, None]
    """When the attempt has taken too long, whatever the worker tells."""
    path: Union[str, None]
    """The run's address inside loops."""
    trace: Union[TraceHeaders, None]
    """What to send along with what the work calls, where the execution is part of a trace."""


class LeasedTasks(TypedDict):
    """Tasks that were leased."""

    tasks: list[LeasedTask]
    """The tasks; none when nothing came in time."""


class _ListedDocument(TypedDict):
    collection: str
    """The collection it is in."""
    createdAt: Instant
    """When it was made."""
    key: str
    """Its key, once per collection."""
    text: str
    """What is searched."""
    updatedAt: Instant
    """When it was written last."""
    value: Any
    """What it holds: any JSON."""


class ListedDocument(_ListedDocument, total=False):
    """A document in a list."""

    expiresAt: Union[Instant, None]
    """From when on it is gone; never, if null."""
    score: Union[float, None]
    """With `q`: how well it fits, in proportion to the one that fits best, whose score is 1."""
    snippet: Union[str, None]
    """With `q`: the part of its text with the most of what was looked for."""


class _LogEntry(TypedDict):
    attempt: int
    """The attempt."""
    executionId: ExecutionId
    """The execution."""
    id: str
    """The execution's id and the position."""
    level: LogLevel
    """How much it matters."""
    message: str
    """The line."""
    nodeId: str
    """The node."""
    seq: int
    """The event's position in the execution's log."""
    timestamp: Instant
    """When."""


class LogEntry(_LogEntry, total=False):
    """One line of an execution's log."""

    data: Any
    """More about it."""
    durationMs: Union[int, None]
    """How long the attempt took, on its last line."""
    path: Union[str, None]
    """The run's address inside loops."""


class Member(TypedDict):
    """A person in a workspace."""

    createdAt: Instant
    """When they joined."""
    role: Role
    """What they may do."""
    userId: str
    """The person, as the `sub` of their tokens says."""
    workspaceId: WorkspaceId
    """The workspace."""


class _NodeActionEvent(TypedDict):
    at: Instant
    """When."""
    attempt: int
    """The attempt that did it."""
    kind: str
    """What kind of action: `action`, `screenshot`, `thought`, or the worker's own word. Of an agent: `model`,
    `tool`, `child`.
    """
    nodeId: str
    """The node."""
    seq: int
    """Position in the execution's log."""
    title: str
    """One line for people."""
    type: Literal["node_action"]


class NodeActionEvent(_NodeActionEvent, total=False):
    """`node_action`"""

    artifactId: Union[ArtifactId, None]
    """The artifact that shows it."""
    detail: Any
    """More about it."""
    path: Union[str, None]
    """The run's address inside loops."""


class _NodeArtifactEvent(TypedDict):
    artifact: Artifact
    """The file; its bytes are there for whoever reads this."""
    at: Instant
    """When."""
    attempt: int
    """The attempt that produced it."""
    nodeId: str
    """The node."""
    seq: int
    """Position in the execution's log."""
    type: Literal["node_artifact"]


class NodeArtifactEvent(_NodeArtifactEvent, total=False):
    """`node_artifact`"""

    path: Union[str, None]
    """The run's address inside loops."""


class _NodeDefinition(TypedDict):
    id: str
    """Unique in the definition: letters, digits, `_` and `-`, 1 to 64 characters."""


class NodeDefinition(_NodeDefinition, total=False):
    """One node."""

    data: dict[str, Any]
    """The node's configuration, by the JSON Schema of its type."""
    name: Union[str, None]
    """A name for people; expressions may use it too."""
    parentId: Union[str, None]
    """The loop whose body this node is in."""
    position: Union[Position, None]
    """Where the editor draws it; no effect at run time."""
    type: str
    """The node's type, one of `GET /v1/node-types`. `data.nodeType` is accepted in its place."""


class _NodeDeltaEvent(TypedDict):
    at: Instant
    """When."""
    channel: DeltaChannel
    """What this is a piece of."""
    delta: str
    """The piece."""
    nodeId: str
    """The node."""
    seq: int
    """Position in the execution's log."""
    type: Literal["node_delta"]


class NodeDeltaEvent(_NodeDeltaEvent, total=False):
    """`node_delta`"""

    path: Union[str, None]
    """The run's address inside loops."""
    progress: Union[float, None]
    """How far the work has come (progress)."""
    progressMax: Union[float, None]
    """How far it goes (progress)."""


class _NodeLogEvent(TypedDict):
    at: Instant
    """When."""
    attempt: int
    """The attempt that wrote it."""
    level: LogLevel
    """How much it matters."""
    message: str
    """The line."""
    nodeId: str
    """The node."""
    seq: int
    """Position in the execution's log."""
    type: Literal["node_log"]


class NodeLogEvent(_NodeLogEvent, total=False):
    """`node_log`"""

    data: Any
    """More about it."""
    path: Union[str, None]
    """The run's address inside loops."""


class _NodeState(TypedDict):
    attempt: int
    """The latest attempt; 0 for a run that never began."""
    nodeId: str
    """The node."""
    status: NodeStatus
    """What became of it."""


class NodeState(_NodeState, total=False):
    """The state of one node run."""

    branch: Union[str, None]
    """The port it finished through, if not the default one."""
    childExecutionId: Union[ExecutionId, None]
    """The child execution that the node started."""
    durationMs: Union[int, None]
    """How long the latest attempt took."""
    error: Union[Failure, None]
    """What went wrong."""
    finishedAt: Union[Instant, None]
    """When it finished."""
    output: Any
    """Its output. Left out of terminal events: the node's own event has it."""
    path: Union[str, None]
    """The run's address inside loops."""
    reason: Union[str, None]
    """Why it was passed over (skipped, by the condition in front of it)."""
    reused: bool
    """The result was taken over from the execution that this one replays."""
    startedAt: Union[Instant, None]
    """When the latest attempt began."""
    task: Union[TaskStanding, None]
    """The task that a worker has, or that waits for one."""


class _NodeToTest(TypedDict):
    type: str
    """Its type."""


class NodeToTest(_NodeToTest, total=False):
    """A node without a workflow around it."""

    data: dict[str, Any]
    """Its configuration."""
    name: Union[str, None]
    """Its name."""


class NodeType(TypedDict):
    """A node type, as the API shows it."""

    category: str
    """What it belongs to: `flow`, `data`, `network`, `ai` or `people`."""
    description: str
    """What it does."""
    example: dict[str, Any]
    """An example of a node's `data`."""
    ports: list[Port]
    """The ports."""
    result: str
    """What its output is."""
    schema: dict[str, Any]
    """JSON Schema (2020-12) of a node's `data`."""
    title: str
    """The name for people."""
    type: str
    """The name to use as a node's `type`."""


class _NodeUpdateEvent(TypedDict):
    at: Instant
    """When."""
    attempt: int
    """1, 2, 3, ...; 0 for a run that never began."""
    nodeId: str
    """The node."""
    seq: int
    """Position in the execution's log."""
    status: NodeStatus
    """The new status."""
    type: Literal["node_update"]


class NodeUpdateEvent(_NodeUpdateEvent, total=False):
    """`node_update`"""

    branch: Union[str, None]
    """The port it finished through, if not the default one."""
    childExecutionId: Union[ExecutionId, None]
    """The child execution that the node started (running)."""
    durationMs: Union[int, None]
    """How long the attempt took."""
    error: Union[Failure, None]
    """What went wrong (failed, retrying)."""
    items: Union[list[Any], None]
    """The items of a loop that begins (running)."""
    mocked: bool
    """The result is the node's mock: the execution was started with `mocks`."""
    output: Any
    """The node's output (completed)."""
    path: Union[str, None]
    """The run's address inside loops, such as `each[3]/fetch`; missing at the top level."""
    pinned: bool
    """The result was given by the caller of the replay."""
    reason: Union[str, None]
    """Why it was passed over (skipped, by the condition in front of it)."""
    resumeAt: Union[Instant, None]
    """When the wait ends (suspended)."""
    retryAt: Union[Instant, None]
    """When the next attempt begins (retrying)."""
    reused: bool
    """The result was taken over from the execution that this one replays."""
    transparent: bool
    """The node hands on what it was handed (`lastOutput`), not its output (completed), or was passed over
    (skipped).
    """


class NotBegun(TypedDict):
    """A workflow that could not be begun about a subject."""

    code: str
    """Why, for programs: a code of problems."""
    message: str
    """Why, for people."""
    retryable: bool
    """Whether the same may work later."""
    subjectId: SubjectId
    """The subject."""
    workflowId: WorkflowId
    """The workflow."""


class NotStarted(TypedDict):
    """A workflow that an event could not start."""

    code: str
    """Why, for programs: a code of problems, or `expression_failed` for a condition that has no truth."""
    message: str
    """Why, for people."""
    retryable: bool
    """Whether the same may work later."""
    workflowId: WorkflowId
    """The workflow."""
    workflowVersion: int
    """Its version."""


class _NotificationView(TypedDict):
    attempts: list[Attempt]
    """What became of each try, oldest first."""
    dueAt: Instant
    """When it was to be sent."""
    id: NotificationId
    """Its id; receivers see it with every attempt, so that they can drop repeats."""
    occasion: Occasion
    """Why."""
    state: NotificationState
    """What has become of it."""
    suspensionId: SuspensionId
    """What waits for an answer."""
    to: str
    """Whereto: a mailbox, or of a URL scheme and host (the rest may be secret)."""
    type: Channel
    """How it is sent."""


class NotificationView(_NotificationView, total=False):
    """A notification as the API shows it."""

    nextAttemptAt: Union[Instant, None]
    """When it is tried next."""
    user: Union[str, None]
    """Who answers by the link it carries; missing: whoever holds it."""


class OidcMethod(TypedDict):
    """Signing in at an OpenID Connect provider."""

    label: str
    """What is on the button."""


class _PlannedNode(TypedDict):
    action: PlannedAction
    """What it does."""
    nodeId: str
    """The node."""
    reason: str
    """Why it does so."""


class PlannedNode(_PlannedNode, total=False):
    """One node of a plan."""

    decision: Union[OldDecisions, None]
    """The answer that is taken over or will be asked for again, where the node asked for one."""
    path: Union[str, None]
    """Its address, where it is inside an iteration of a loop or a child: `each[3]/fetch`, `call/fetch`."""
    was: Union[NodeStatus, None]
    """What it did in the original."""


class _Pod(TypedDict):
    createdAt: Instant
    """When it was made."""
    description: str
    """What it is for."""
    id: PodId
    """Its id."""
    name: str
    """Its name."""
    slug: str
    """Its name in addresses, made from `name`, unique in the workspace."""
    updatedAt: Instant
    """When it last changed."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class Pod(_Pod, total=False):
    """A folder of workflows inside a workspace."""

    maxRunning: Union[int, None]
    """How many of its executions may run at a time, suspended ones apart; none is no limit."""


class Policy(TypedDict, total=False):
    """Who may answer a suspension, and how many have to."""

    allowSelfApproval: bool
    """Whether who triggered the execution may decide about it."""
    approvers: Union[Approvers, None]
    """Who may answer; without it editors and higher."""
    quorum: Union[Quorum, None]
    """How many have to; without it the first valid answer decides."""
    requester: str
    """Who triggered the execution."""


class Port(TypedDict):
    """A port, as the table describes it."""

    description: str
    """When the node finishes through it."""
    id: str
    """The port's id: what an edge has as its `sourceHandle`. An id in angle brackets stands for ids of the
    configuration.
    """
    required: bool
    """Whether an edge must leave by it."""


class Position(TypedDict):
    """A place on the editor's canvas."""

    x: float
    """To the right."""
    y: float
    """Downwards."""


class Problem(TypedDict):
    """A problem document (RFC 9457)."""

    code: str
    """The kind of problem for programs; stable."""
    detail: str
    """This case, for people."""
    errors: list[FieldError]
    """The single things that are wrong, where they can be named."""
    requestId: str
    """The request's id: the response's `X-Request-Id`, and the one in the server's log."""
    status: int
    """The response's status."""
    title: str
    """The kind of problem for people; the same for each code."""
    type: str
    """The kind of problem as a URI: `urn:sluicegate:problem:` and the code."""


class _PublishEvent(TypedDict):
    type: str
    """Its type: letters, digits, `_` and `-`, in parts between dots."""


class PublishEvent(_PublishEvent, total=False):
    """Something that has happened."""

    context: Union[dict[str, Any], None]
    """What expressions find under `context`, beside `context.event`."""
    data: Any
    """What happened; the input of the executions."""
    subject: Union[str, None]
    """What it is about; the subject of the executions."""


class _PublishedEvent(TypedDict):
    at: Instant
    """When it was taken."""
    executions: list[StartedByEvent]
    """What it has started."""
    failed: list[NotStarted]
    """Workflows that subscribe to it and could not be started."""
    id: EventId
    """Its id: the `triggerId` of the executions."""
    type: str
    """Its type."""
    unmatched: list[WorkflowId]
    """Workflows that subscribe to its type, with a condition that is not true of it."""


class PublishedEvent(_PublishedEvent, total=False):
    """An event that was taken, and what it has started."""

    subject: Union[str, None]
    """What it is about."""


class _PutDocument(TypedDict):
    value: Any
    """What it holds: any JSON, up to 262144 bytes."""


class PutDocument(_PutDocument, total=False):
    """A document as it is to be."""

    expiresAt: Union[Instant, None]
    """From when on it is gone; never, if missing."""
    text: Union[str, None]
    """What is searched, up to 262144 bytes; the texts in `value`, if missing."""


class _PutGroup(TypedDict):
    members: list[str]
    """The ids of its members, who are members of the workspace."""


class PutGroup(_PutGroup, total=False):
    """A group as it is to be."""

    description: str
    """What it is for."""


class PutSecret(TypedDict):
    """The value of a secret."""

    value: str
    """A text of 1 byte to 64 KiB. It is sealed before it is stored, and no reply shows it again."""


class Quorum(TypedDict):
    """How many must say the same before it counts."""

    required: int
    """How many votes decide: 1 to 100."""
    vetoOnReject: bool
    """Whether a single rejection rejects."""


class Reassign(TypedDict, total=False):
    """Whom a suspension is put to."""

    groups: list[str]
    """Groups: their members at this moment."""
    reason: Union[str, None]
    """Why."""
    roles: list[Role]
    """Members with one of these roles, or a higher one. Only admins name roles."""
    users: list[str]
    """Members of the workspace."""


class _Receipt(TypedDict):
    closedAt: Instant
    """When it ended."""
    executionId: ExecutionId
    """The execution that waited."""
    kind: SuspensionKind
    """What kind of answer was asked for."""
    nodeId: str
    """The node that asked."""
    openedAt: Instant
    """When it was asked."""
    podId: PodId
    """The pod."""
    policy: Policy
    """Who was allowed to decide, as it was when it was asked."""
    question: str
    """The message or question."""
    shownSha256: str
    """SHA-256 over everything that was shown: see `shown_sha256`."""
    source: DecisionSource
    """How the decision came about: `person` (signed in), `api` (an API key), `link`, `default`, `expiry`,
    `cancel`.
    """
    state: SuspensionState
    """How it ended."""
    suspensionId: SuspensionId
    """The suspension."""
    version: int
    """The form of this document: 1."""
    workflowId: WorkflowId
    """The workflow."""
    workflowVersion: int
    """Its version."""
    workspaceId: WorkspaceId
    """The workspace."""


class Receipt(_Receipt, total=False):
    """What a receipt says."""

    decision: Union[Decision, None]
    """What was decided; missing if the execution ended before."""
    expiresAt: Union[Instant, None]
    """When it would have expired."""
    path: Union[str, None]
    """The node's address inside loops."""
    votes: list[Vote]
    """The votes as they stood (quorum)."""


class ReleaseTask(TypedDict, total=False):
    """A task that is given back."""

    leaseToken: Union[str, None]
    """The token, if it is in no header."""


class RemovedExecution(TypedDict):
    """An execution that has been removed."""

    id: ExecutionId
    """Its id, by which nothing is found any more."""


class ReplayExecution(TypedDict, total=False):
    """A wish for a replay."""

    decisions: OldDecisions
    """Whether approvals and questions that run again ask again, or take over their old answers."""
    dryRun: bool
    """Only plan; nothing is started."""
    fromNodeId: Union[str, None]
    """The node from which on everything runs again; the beginning, if missing. Inside the iteration of a loop or
    inside a child it is the node's path: `each[3]/fetch`, `call/fetch`.
    """
    input: Any
    """Another input; only from the beginning."""
    mocks: Union[bool, None]
    """Nodes that run again and have a `mock` take that; as in the original, if missing."""
    nodes: dict[str, NodeChoice]
    """Per node: `"run"`, `"reuse"`, or `{"pin": value}`."""
    version: Union[VersionChoice, None]
    """`original` (the default), `latest`, or a version's number."""


class ReplayPlan(TypedDict):
    """What a replay would do."""

    nodes: list[PlannedNode]
    """Per node of the top level, and of what is around the place where it begins."""
    workflowVersion: int
    """The version that would run."""


class ReprocessSubject(TypedDict, total=False):
    """What is done again about one subject."""

    workflowIds: list[WorkflowId]
    """By these workflows; by all that have executions about it, if missing or empty."""


class ReprocessSubjects(TypedDict, total=False):
    """What is done again about many subjects."""

    filter: Union[SubjectSelection, None]
    """Those that a list with this filter shows now; `{}` for all of the pod."""
    perSecond: int
    """How many executions become ready in a second."""
    subjectIds: Union[list[SubjectId], None]
    """These; up to 10000."""
    workflowIds: list[WorkflowId]
    """By these workflows; each subject by all that have executions about it, if missing or empty."""


class ReprocessedSubject(TypedDict):
    """What was begun."""

    executions: list[Execution]
    """The new executions, one per workflow."""
    failed: list[NotBegun]
    """What could not be begun."""


class ReprocessedSubjects(TypedDict):
    """What was asked for."""

    executionIds: list[ExecutionId]
    """The new executions, in the order in which they become ready."""
    failed: list[NotBegun]
    """What could not be asked for."""


class Respond(TypedDict, total=False):
    """An answer to what an execution asks."""

    action: Union[str, None]
    """One of an approval's actions, in place of `approved`."""
    answer: Any
    """The answer to a question."""
    approved: Union[bool, None]
    """An approval: yes or no."""
    comment: Union[str, None]
    """A remark."""
    data: Any
    """The filled form."""
    nodeId: Union[str, None]
    """The node whose suspension is meant, in its place."""
    reason: Union[str, None]
    """Why."""
    suspensionId: Union[SuspensionId, None]
    """Which suspension; may be missing where one is open."""


class ResultOfNode(TypedDict, total=False):
    """The result that another node is said to have."""

    output: Any
    """Its output."""


class Retention(TypedDict):
    """How long executions are kept after their end."""

    days: Union[int, None]
    """After how many days they are removed; `null` keeps them for ever, whatever the workspace says."""


class RotateSecret(TypedDict, total=False):
    """Another secret."""

    overlapSeconds: int
    """How long the secret of before holds as well, in seconds: up to a week. 0: it ends at once."""
    secret: str
    """The secret; one is made, if missing."""


class _Schedule(TypedDict):
    catchUp: CatchUp
    """Which slots are made up for after a pause of the server."""
    createdAt: Instant
    """When it was made."""
    createdBy: str
    """Who made it."""
    cronExpression: str
    """When: five fields of cron, or six with seconds in front."""
    enabled: bool
    """Whether slots start anything."""
    id: ScheduleId
    """Its id."""
    jitterSeconds: int
    """The widest that the runs are shifted behind their slots; each schedule has its own shift, which stays."""
    name: str
    """Its name."""
    overlap: Overlap
    """What happens while an execution of it has not ended."""
    podId: PodId
    """The pod it is in."""
    timezone: str
    """The time zone that the expression is read in, by its IANA name."""
    updatedAt: Instant
    """When somebody last changed it."""
    workflowId: WorkflowId
    """The workflow it starts."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class Schedule(_Schedule, total=False):
    """A schedule as the API shows it."""

    endAt: Union[Instant, None]
    """No slot is after this."""
    input: Any
    """What the executions work on."""
    lastError: Union[str, None]
    """Why the last slot could not start an execution; none once one could."""
    lastRunAt: Union[Instant, None]
    """When a slot last started an execution."""
    nextRunAt: Union[Instant, None]
    """When the next slot starts one; none while it is disabled, or when there is no slot left."""
    startAt: Union[Instant, None]
    """No slot is before this."""
    waitingSlot: Union[Instant, None]
    """The slot that waits for an execution of the schedule to end (`overlap: queue`)."""


class Secret(TypedDict):
    """A secret as the API shows it: never its value."""

    createdAt: Instant
    """When there first was one of this name."""
    name: str
    """Its name: what workflows write after `secrets.`."""
    updatedAt: Instant
    """When its value was last set."""
    updatedBy: str
    """Who set it."""


class SendResults(TypedDict):
    """Results of several tasks."""

    results: list[TaskResult]
    """The results, each of another task."""


class SentResults(TypedDict):
    """What became of results."""

    results: list[SentResult]
    """One for each result, in their order."""


class _SessionView(TypedDict):
    kind: Literal["user", "api_key"]
    """A person or a program."""
    principalId: str
    """The user's id, or `key:<id>`: what `createdBy` and the like hold."""


class SessionView(_SessionView, total=False):
    """Who the caller is."""

    expiresAt: Union[Instant, None]
    """When the session ends; missing where the caller sent a credential."""
    name: Union[str, None]
    """The name of an API key."""
    role: Union[Role, None]
    """The role of an API key."""
    workspaceId: Union[WorkspaceId, None]
    """The workspace that an API key opens. A person may be a member of several."""


class Settings(TypedDict, total=False):
    """Settings of every execution of a workflow."""

    concurrency: Union[Concurrency, None]
    """How many executions may run at a time."""
    dedupe: Union[Dedupe, None]
    """What becomes of triggers with the same `dedupeKey`; 24 hours and `skip`, if missing."""
    priority: Union[int, None]
    """The priority of executions that name none: -100 to 100, higher first."""
    retention: Union[Retention, None]
    """How long executions are kept after their end; as the workspace says, if missing. That of the latest
    version counts, for all executions of the workflow and for their children.
    """
    subscriptions: list[Subscription]
    """Events that start the workflow, once it is deployed."""
    timeoutMs: Union[int, None]
    """How long an execution may be active, in milliseconds; waiting for people and timers does not count."""
    variables: dict[str, Any]
    """What the variables are at first: any values, by name. Nodes of type `variables` assign others, expressions
    read `variables.<name>`.
    """


class SignInMethods(TypedDict, total=False):
    """How people sign in, beside keys and tokens."""

    oidc: Union[OidcMethod, None]
    """At an OpenID Connect provider; missing where none is set up."""


class SignedReceipt(TypedDict):
    """A receipt, signed."""

    jws: str
    """The same as a JSON Web Signature in its compact form, by the key at `/.well-known/jwks.json`."""
    receipt: Receipt
    """What it says, for reading. Believe the signature."""


class _SkippedEvent(TypedDict):
    at: Instant
    """When."""
    nodes: list[NodeState]
    """The final state of each node of the top level."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_skipped"]


class SkippedEvent(_SkippedEvent, total=False):
    """`execution_skipped`"""

    duplicateOf: Union[ExecutionId, None]
    """The execution that this one duplicates, or that runs in its place."""
    reason: Union[str, None]
    """Why: `duplicate`, `debounced` or `concurrency_limit`."""


class _Slot(TypedDict):
    lateMs: int
    """How many milliseconds after the slot (and the schedule's shift) this was decided."""
    outcome: SlotOutcome
    """What became of it."""
    scheduleId: ScheduleId
    """The schedule."""
    settledAt: Instant
    """When it was decided."""
    slot: Instant
    """The instant on the schedule's grid."""


class Slot(_Slot, total=False):
    """A row of the ledger: one slot of a schedule, and what became of it."""

    executionId: Union[ExecutionId, None]
    """The execution that was started."""
    reason: Union[str, None]
    """Why nothing was started."""


class Standing(TypedDict, total=False):
    """How an open suspension stands; of a closed one, how it stood when it was closed."""

    approvers: Union[Approvers, None]
    """Who may answer now, where that is no longer what the policy says: after an escalation or a reassignment."""
    changes: int
    """How often all of this has changed."""
    claim: Union[Claim, None]
    """Who has taken it upon themself."""
    stepsDone: int
    """How many steps of the timeline are over."""
    votes: list[Vote]
    """The votes so far, one of each person, oldest first (quorum)."""


class StarWorkflow(TypedDict, total=False):
    """Whether a workflow is marked."""

    starred: bool
    """`false` takes the mark away."""


class StartedByEvent(TypedDict):
    """An execution that an event has started."""

    executionId: ExecutionId
    """The execution."""
    workflowId: WorkflowId
    """The workflow."""
    workflowVersion: int
    """Its version."""


class _StatusEvent(TypedDict):
    at: Instant
    """When."""
    seq: int
    """Position in the execution's log: 1, 2, 3, ... without gaps."""
    status: ExecutionStatus
    """The new status."""
    type: Literal["execution_status"]


class StatusEvent(_StatusEvent, total=False):
    """`execution_status`"""

    by: Union[str, None]
    """Who asked for it (cancelling)."""
    error: Union[Failure, None]
    """With `cancelling` because of a failure: that failure."""
    reason: Union[str, None]
    """Why."""
    trace: Union[Trace, None]
    """With the first event: the trace that the execution is part of, if it is part of one."""


class StreamClosing(TypedDict):
    """The server is about to close the stream. No `id`."""

    after: str
    """Where to go on: the cursor of the last event that was sent."""
    reason: ClosingReason
    """Why."""
    retryMs: int
    """How long to wait before coming again, in milliseconds."""
    type: Literal["stream_closing"]


StreamGap = TypedDict("StreamGap", {"type": 'Literal["stream_gap"]', "from": "int", "reason": "str", "to": "int"})
"""Events before `to` are no longer stored; a snapshot follows. No `id`."""


class _StreamSnapshot(TypedDict):
    type: Literal["stream_snapshot"]


class StreamSnapshot(_StreamSnapshot, total=False):
    """What the stream is about, as it was when the stream began. No `id`."""

    execution: Union[Execution, None]
    """The execution (streams of one)."""
    executions: Union[list[Execution], None]
    """The newest executions (streams of a pod)."""
    suspensions: Union[list[Suspension], None]
    """The open suspensions (the inbox)."""


class StreamToken(TypedDict):
    """A token for one stream."""

    expiresAt: Instant
    """Until when a stream can be opened with it. A stream that is open stays open."""
    token: str
    """For `?token=` of the stream's address."""


class _Subject(TypedDict):
    changeSequence: int
    """1, and one more with each change."""
    createdAt: Instant
    """When."""
    createdBy: str
    """Who has created it."""
    externalData: dict[str, Any]
    """What others know of it, by whom."""
    id: SubjectId
    """Its id: what executions about it have as their `subject`."""
    labels: list[str]
    """Its labels, sorted."""
    locked: bool
    """A mark that it should be left alone. It is for people and programs; the server refuses nothing because of
    it.
    """
    metadata: dict[str, Any]
    """What is known of it."""
    path: str
    """What it is called, such as a file's path; once per store in a pod."""
    podId: PodId
    """The pod it is in."""
    updatedAt: Instant
    """When it was changed last."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class Subject(_Subject, total=False):
    """A thing that executions are about."""

    status: Union[str, None]
    """Where it stands, in words of the pod's own."""
    store: Union[str, None]
    """Where its content lives."""


class SubjectSelection(TypedDict, total=False):
    """The filter of the list of subjects. What is missing fits any."""

    label: Union[str, None]
    """Those with this label."""
    path: Union[str, None]
    """Those whose path begins with this."""
    store: Union[str, None]
    """Those whose content lives here."""


class _Subscription(TypedDict):
    type: str
    """The type: exact (`order.created`), all below a name (`order.*`), or all (`*`)."""


class Subscription(_Subscription, total=False):
    """Events that start a workflow, once it is deployed."""

    context: dict[str, Any]
    """What it adds to the context of what it starts: any JSON, with templates over `event` in its texts."""
    dedupeKey: Union[str, None]
    """A template over `event` that makes the `dedupeKey` of what it starts; an empty text is none."""
    priority: Union[int, None]
    """The priority of what it starts: -100 to 100, higher first. It comes before that of the workflow."""
    when: Union[str, None]
    """An expression over `event`; only events for which it is true start the workflow."""


class SuspendedEvent(TypedDict):
    """`execution_suspended`"""

    at: Instant
    """When."""
    interrupt: Interrupt
    """What is asked."""
    seq: int
    """Position in the execution's log."""
    type: Literal["execution_suspended"]


class _Suspension(TypedDict):
    executionId: ExecutionId
    """The execution that waits."""
    id: SuspensionId
    """Its id."""
    interrupt: Interrupt
    """What is asked."""
    openedAt: Instant
    """When it was asked."""
    podId: PodId
    """The pod it is in."""
    state: SuspensionState
    """Open, answered, expired or cancelled."""
    workflowId: WorkflowId
    """The workflow that asks."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class Suspension(_Suspension, total=False):
    """A suspension as it is stored and listed."""

    approvers: Union[Approvers, None]
    """Who may answer now, where that is no longer what the policy says: after an escalation or a reassignment."""
    changes: int
    """How often all of this has changed."""
    claim: Union[Claim, None]
    """Who has taken it upon themself."""
    closedAt: Union[Instant, None]
    """When it was closed."""
    decision: Union[Decision, None]
    """What was decided."""
    stepsDone: int
    """How many steps of the timeline are over."""
    votes: list[Vote]
    """The votes so far, one of each person, oldest first (quorum)."""


class _SuspensionUpdateEvent(TypedDict):
    at: Instant
    """When."""
    seq: int
    """Position in the execution's log."""
    state: SuspensionState
    """Its state from now on."""
    suspensionId: SuspensionId
    """The suspension."""
    type: Literal["suspension_update"]


class SuspensionUpdateEvent(_SuspensionUpdateEvent, total=False):
    """`suspension_update`"""

    action: Union[str, None]
    """The port that was chosen."""
    approvers: Union[Approvers, None]
    """Who may answer from now on (reassigned, escalated)."""
    by: Union[str, None]
    """Who did it."""
    change: Union[StandingChange, None]
    """What changed, where it stays open."""
    decision: Union[Decision, None]
    """The whole decision, where there is one."""
    reason: Union[str, None]
    """Why."""
    step: Union[int, None]
    """Which step of the timeline was due, from 0 (reminded, escalated)."""
    vote: Union[Vote, None]
    """The vote (voted)."""
    votes: Union[dict[str, int], None]
    """How many votes each action has from now on (voted, reassigned)."""


class _TaskAction(TypedDict):
    kind: str
    """`action`, `step`, `screenshot`, `thought`, or a word of its own. Steps, screenshots, and everything else
    are counted apart.
    """
    title: str
    """One line for people."""


class TaskAction(_TaskAction, total=False):
    """Something that a worker did."""

    artifactId: Union[ArtifactId, None]
    """The artifact that shows it."""
    detail: Any
    """More about it."""


class TaskDelta(TypedDict):
    """A piece of text from a worker."""

    channel: DeltaChannel
    """Of what."""
    delta: str
    """The piece."""


class _TaskError(TypedDict):
    message: str
    """One sentence for people."""


class TaskError(_TaskError, total=False):
    """Why a worker could not do its task."""

    code: Union[str, None]
    """The worker's own code for it."""
    details: Any
    """More about it."""
    retryable: bool
    """Whether another attempt may succeed; the node's `retry` says how many there are."""


class _TaskLog(TypedDict):
    message: str
    """The line."""


class TaskLog(_TaskLog, total=False):
    """A log line of a worker."""

    data: Any
    """More about it."""
    level: Union[LogLevel, None]
    """How much it matters; `info`, if missing."""


class TaskOutcome(TypedDict):
    """How the execution of a task stands after a worker's word."""

    executionId: ExecutionId
    """The execution."""
    status: ExecutionStatus
    """Its status now."""
    taskId: TaskId
    """The task."""


class _TaskQueue(TypedDict):
    leased: int
    """Tasks that a worker has."""
    queue: str
    """Its name."""
    queued: int
    """Tasks that wait for a worker."""
    workersWaiting: int
    """Workers that wait for a task of it, on the server that answers."""


class TaskQueue(_TaskQueue, total=False):
    """A queue of tasks."""

    oldestQueuedAt: Union[Instant, None]
    """Since when the one waits that has waited for longest."""


class _TaskResult(TypedDict):
    leaseToken: str
    """The token of the lease, which says whose result it is."""


class TaskResult(_TaskResult, total=False):
    """The result of one of several tasks: an output, or an error."""

    error: Union[TaskError, None]
    """Why there is no output."""
    output: Any
    """The node's output; null, if missing."""
    stats: Union[TaskStats, None]
    """The worker's own counts, in place of what was counted from its reports."""


class _TaskStanding(TypedDict):
    fence: int
    """The number of its latest lease; 0 before the first."""
    lost: int
    """How many leases ran out."""
    queue: str
    """The queue it is in."""
    since: Instant
    """When the present state began."""
    state: TaskState
    """`queued` or `leased`."""
    taskId: TaskId
    """The task."""


class TaskStanding(_TaskStanding, total=False):
    """How a task of a node run stands."""

    workerId: Union[str, None]
    """Who has it."""


class TaskStats(TypedDict, total=False):
    """Counts that a worker tells with its result, in place of what was counted from its reports."""

    agentActions: Union[int, None]
    """Actions of its agent."""
    screenshots: Union[int, None]
    """Screenshots it took."""
    steps: Union[int, None]
    """Steps it took."""


class _TaskUpdateEvent(TypedDict):
    at: Instant
    """When."""
    attempt: int
    """The attempt of the node run."""
    fence: int
    """The number of its latest lease; 0 before the first."""
    nodeId: str
    """The node."""
    queue: str
    """The queue it is in."""
    seq: int
    """Position in the execution's log."""
    state: TaskState
    """Its state from now on."""
    taskId: TaskId
    """The task."""
    type: Literal["task_update"]


class TaskUpdateEvent(_TaskUpdateEvent, total=False):
    """`task_update`"""

    path: Union[str, None]
    """The run's address inside loops."""
    reason: Union[str, None]
    """Why: `released` or `lease_lost` (back in the queue), `cancelled`, `timeout` or `lease_lost` (over)."""
    stats: Union[TaskStats, None]
    """Counts that the worker told with its result."""
    workerId: Union[str, None]
    """Who has it, or had it."""


class _TestNode(TypedDict):
    node: NodeToTest
    """The node."""


class TestNode(_TestNode, total=False):
    """A node to test, and the values that it sees."""

    context: Union[dict[str, Any], None]
    """What expressions find under `context`."""
    index: Union[int, None]
    """Its index; 0, if only `item` is given."""
    input: Any
    """The input of the execution, as expressions see it."""
    item: Any
    """The item, as in the body of a loop."""
    lastOutput: Any
    """What the node is handed; the input, if missing."""
    nodeResults: dict[str, ResultOfNode]
    """Results of other nodes, by id. Their outputs come in by the node's edges, too, in the order of the ids."""
    variables: Union[dict[str, Any], None]
    """What expressions find under `variables`."""


class _TestedChild(TypedDict):
    input: Any
    """Its input."""
    wait: bool
    """Whether the node would wait for its end."""
    workflowId: WorkflowId
    """The workflow."""


class TestedChild(_TestedChild, total=False):
    """The child execution that a tested node would start."""

    version: Union[int, None]
    """Its version; missing is the latest."""


class _TestedLine(TypedDict):
    level: LogLevel
    """How much it matters."""
    message: str
    """The line."""


class TestedLine(_TestedLine, total=False):
    """A line that a tested node has logged."""

    data: Any
    """More about it."""


class _TestedNode(TypedDict):
    durationMs: int
    """How long it took."""
    logs: list[TestedLine]
    """What it logged: 1000 lines at most."""
    status: TestStatus
    """How it ended."""


class TestedNode(_TestedNode, total=False):
    """What the test of a node gave."""

    branch: Union[str, None]
    """The port it finishes through, if not the default one."""
    child: Union[TestedChild, None]
    """What it would start (child)."""
    error: Union[Failure, None]
    """What went wrong (failed)."""
    items: Union[list[Any], None]
    """What its body would run for (iterates)."""
    output: Any
    """The output (completed)."""
    question: Union[TestedQuestion, None]
    """What it would ask (suspended)."""
    reason: Union[str, None]
    """Why it is passed over (skipped)."""
    resumeAt: Union[Instant, None]
    """When the wait would end (waiting)."""
    task: Union[TestedTask, None]
    """What it would queue (task)."""


class _TestedQuestion(TypedDict):
    actions: list[Action]
    """Actions to choose from."""
    choices: list[str]
    """Answers to choose from."""
    kind: SuspensionKind
    """Approval or question."""
    message: str
    """The message or question."""
    onExpiry: OnExpiry
    """What would happen then."""
    policy: Policy
    """Who might answer, and how many would have to; groups as they are written."""
    requireReason: bool
    """Whether a rejection would need a reason."""


class TestedQuestion(_TestedQuestion, total=False):
    """What a tested node would ask. Whom it would tell is left out: that may hold secrets."""

    context: Any
    """What the reviewer would see."""
    expiresAt: Union[Instant, None]
    """When it would expire."""
    form: Union[dict[str, Any], None]
    """JSON Schema of the answer's `data`."""
    title: Union[str, None]
    """A heading."""


class TestedTask(TypedDict):
    """The task that a tested node would queue."""

    input: Any
    """What there would be to do."""
    leaseMs: int
    """How long a lease would last without a sign of life."""
    queue: str
    """The queue."""


class _TimelineStep(TypedDict):
    action: TimelineAction
    """What."""
    at: Instant
    """When."""


class TimelineStep(_TimelineStep, total=False):
    """What is going to happen if nobody answers, told in advance."""

    to: Union[Approvers, None]
    """Who may answer from then on as well (escalations)."""


class ToggleSchedule(TypedDict, total=False):
    """Whether a schedule is to be enabled."""

    enabled: bool
    """Enabled or not; the other of what it is, if missing."""


class _Trace(TypedDict):
    sampled: bool
    """Whether whoever began the trace records it."""
    traceId: str
    """The trace."""


class Trace(_Trace, total=False):
    """The trace that an execution is part of."""

    parentSpanId: Union[str, None]
    """The span that the execution is below; missing where the trace begins with it."""
    traceState: Union[str, None]
    """What others have to say of the trace, as it came."""


class _TraceHeaders(TypedDict):
    traceparent: str
    """The trace and the span that calls, as the header `traceparent` of W3C Trace Context."""


class TraceHeaders(_TraceHeaders, total=False):
    """What goes out with a call."""

    tracestate: Union[str, None]
    """What others have to say of the trace, as the header `tracestate`."""


class UpdateMember(TypedDict):
    """What changes about a member."""

    role: Role
    """What they may do from now on."""


class UpdatePod(TypedDict, total=False):
    """What changes about a pod; what is missing stays."""

    description: str
    """What it is for."""
    maxRunning: Union[int, None]
    """How many of its executions may run at a time, suspended ones apart; `null` is no limit. Admins and owners."""
    name: str
    """Its name."""


class UpdateSchedule(TypedDict, total=False):
    """What changes about a schedule; what is missing stays."""

    catchUp: CatchUp
    """Which slots are made up for."""
    cronExpression: str
    """When. `cronExpr` is taken as well."""
    enabled: bool
    """Whether slots start anything."""
    endAt: Union[Instant, None]
    """No slot is after this; `null` takes the bound away."""
    input: Any
    """What the executions work on."""
    jitterSeconds: int
    """The widest that the runs are shifted."""
    name: str
    """Its name."""
    overlap: Overlap
    """What happens while an execution of the schedule has not ended."""
    startAt: Union[Instant, None]
    """No slot is before this; `null` takes the bound away."""
    timezone: str
    """The time zone that the expression is read in."""
    workflowId: WorkflowId
    """The workflow to start."""


class UpdateSubject(TypedDict, total=False):
    """What changes about a subject; what is missing stays."""

    addLabels: list[str]
    """Labels that it gets beside those it has."""
    changeSequence: int
    """Only if the subject's `changeSequence` is still this one; else 409."""
    externalData: dict[str, Any]
    """Merged in the same way into what others know of it."""
    labels: list[str]
    """All of its labels from now on."""
    locked: bool
    """A mark that it should be left alone."""
    metadata: dict[str, Any]
    """Merged into what is known of it: objects are merged, `null` removes a member, anything else replaces it."""
    path: str
    """What it is called."""
    removeLabels: list[str]
    """Labels that are taken from it."""
    status: Union[str, None]
    """Where it stands; `null` for nowhere."""
    store: Union[str, None]
    """Where its content lives; `null` for nowhere."""


class UpdateWebhook(TypedDict, total=False):
    """What changes about a webhook; what is missing stays."""

    dedupeHeader: Union[str, None]
    """The header that tells deliveries apart; `null`: that of the kind of verification."""
    enabled: bool
    """Whether deliveries are taken."""
    name: str
    """Its name."""
    ratePerMinute: int
    """How many deliveries a minute are taken."""
    response: ResponseMode
    """What the sender is answered."""
    secret: str
    """The secret, for a webhook that has none; one that is there is rotated."""
    verification: Verification
    """How deliveries are verified; with `none` the secret is forgotten."""
    waitSeconds: int
    """How long the sender waits for the output."""
    workflowId: WorkflowId
    """The workflow to start."""


class UpdateWorkflow(TypedDict, total=False):
    """What changes about a workflow; what is missing stays."""

    definition: Definition
    """Its graph. One that differs from the latest version makes a new version."""
    description: str
    """What it is for."""
    name: str
    """Its name."""


class UpdateWorkspace(TypedDict, total=False):
    """What changes about a workspace; what is missing stays."""

    maxRunning: Union[int, None]
    """How many of its executions may run at a time, suspended ones apart; `null` is no limit."""
    name: str
    """Its name."""
    outboundHosts: Union[list[str], None]
    """The hosts that its nodes and notifications may call: names such as `api.example.org`, addresses, or
    `*.example.org` for all below a name; also after redirects. `null` is any public host, an empty list none.
    """
    retentionDays: Union[int, None]
    """After how many days executions that have ended are removed, with everything that belongs to them, unless
    their workflow says otherwise; `null` keeps them for ever. It holds for executions of before, too.
    """
    slug: str
    """Its name in addresses."""


class _Vote(TypedDict):
    action: str
    """For what."""
    at: Instant
    """When."""
    by: str
    """Who."""


class Vote(_Vote, total=False):
    """One person's vote."""

    comment: Union[str, None]
    """A remark."""
    data: Any
    """The filled form."""
    reason: Union[str, None]
    """Why."""
    source: DecisionSource
    """How."""


class _Webhook(TypedDict):
    createdAt: Instant
    """When it was made."""
    createdBy: str
    """Who made it."""
    enabled: bool
    """Whether deliveries are taken."""
    id: WebhookId
    """Its id."""
    name: str
    """Its name."""
    podId: PodId
    """The pod it is in."""
    ratePerMinute: int
    """How many deliveries a minute are taken; as many may come at once."""
    response: ResponseMode
    """What the sender is answered."""
    updatedAt: Instant
    """When somebody last changed it."""
    url: str
    """The address that deliveries are sent to."""
    verification: Verification
    """How deliveries are verified."""
    waitSeconds: int
    """How long a sender waits for the output (`response: wait`), in seconds."""
    workflowId: WorkflowId
    """The workflow it starts."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class Webhook(_Webhook, total=False):
    """A webhook as the API shows it."""

    dedupeHeader: Union[str, None]
    """The header that tells deliveries apart, in lower case; none: what the kind of verification has for it."""
    previousSecretUntil: Union[Instant, None]
    """Until when the secret of before holds as well; none if there is none."""


class _WebhookAndSecret(TypedDict):
    createdAt: Instant
    """When it was made."""
    createdBy: str
    """Who made it."""
    enabled: bool
    """Whether deliveries are taken."""
    id: WebhookId
    """Its id."""
    name: str
    """Its name."""
    podId: PodId
    """The pod it is in."""
    ratePerMinute: int
    """How many deliveries a minute are taken; as many may come at once."""
    response: ResponseMode
    """What the sender is answered."""
    updatedAt: Instant
    """When somebody last changed it."""
    url: str
    """The address that deliveries are sent to."""
    verification: Verification
    """How deliveries are verified."""
    waitSeconds: int
    """How long a sender waits for the output (`response: wait`), in seconds."""
    workflowId: WorkflowId
    """The workflow it starts."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class WebhookAndSecret(_WebhookAndSecret, total=False):
    """A webhook as the one sees it who made its secret."""

    dedupeHeader: Union[str, None]
    """The header that tells deliveries apart, in lower case; none: what the kind of verification has for it."""
    previousSecretUntil: Union[Instant, None]
    """Until when the secret of before holds as well; none if there is none."""
    secret: str
    """The secret. Shown this once: a reply repeated for its idempotency key is without it."""


class _WebhookDelivery(TypedDict):
    bodyBytes: int
    """How large its body was; of one that was not read what was announced."""
    id: DeliveryId
    """Its id."""
    receivedAt: Instant
    """When it came."""
    verdict: Verdict
    """What became of it."""
    webhookId: WebhookId
    """The webhook."""


class WebhookDelivery(_WebhookDelivery, total=False):
    """A delivery, and what became of it."""

    dedupeKey: Union[str, None]
    """What tells it from other deliveries: the name of a header or field, a colon, and what that said."""
    executionId: Union[ExecutionId, None]
    """The execution that it started; of a repeated one that of the first time."""
    reason: Union[str, None]
    """Why nothing was started."""
    redeliveryOf: Union[DeliveryId, None]
    """The delivery that it repeats by hand."""
    status: Union[int, None]
    """The HTTP status of the reply; none if there was none, because the sender did not wait for it."""


class _WebhookDeliveryDetail(TypedDict):
    bodyBytes: int
    """How large its body was; of one that was not read what was announced."""
    bodyIsWhole: bool
    """Whether the body is all of it."""
    headers: dict[str, str]
    """Its headers without credentials, by their names in lower case."""
    id: DeliveryId
    """Its id."""
    receivedAt: Instant
    """When it came."""
    verdict: Verdict
    """What became of it."""
    webhookId: WebhookId
    """The webhook."""


class WebhookDeliveryDetail(_WebhookDeliveryDetail, total=False):
    """A delivery with what came."""

    body: Union[str, None]
    """Its body, or the first 4 KiB of it if it did not prove who sent it; none if it was not kept."""
    bodyEncoding: Union[str, None]
    """`base64`, if the body is no text."""
    dedupeKey: Union[str, None]
    """What tells it from other deliveries: the name of a header or field, a colon, and what that said."""
    executionId: Union[ExecutionId, None]
    """The execution that it started; of a repeated one that of the first time."""
    query: Union[str, None]
    """Its query."""
    reason: Union[str, None]
    """Why nothing was started."""
    redeliveryOf: Union[DeliveryId, None]
    """The delivery that it repeats by hand."""
    status: Union[int, None]
    """The HTTP status of the reply; none if there was none, because the sender did not wait for it."""


class _WorkerLease(TypedDict):
    executionId: ExecutionId
    """The execution."""
    nodeId: str
    """The node."""
    queue: str
    """The queue it came from."""
    taskId: TaskId
    """The task."""


class WorkerLease(_WorkerLease, total=False):
    """A task in a worker's hands."""

    leaseUntil: Union[Instant, None]
    """When the lease runs out without a sign of life."""
    leasedAt: Union[Instant, None]
    """Since when."""


class _WorkerView(TypedDict):
    connected: bool
    """Whether it was heard of lately, or has a lease that has not run out."""
    lastSeenAt: Instant
    """When it was heard of last."""
    leases: list[WorkerLease]
    """What it has in its hands."""
    queues: list[str]
    """The queues it took tasks from when it asked last."""
    workerId: str
    """What it calls itself."""


class WorkerView(_WorkerView, total=False):
    """A worker."""

    version: Union[str, None]
    """The version it says it is."""


class _Workflow(TypedDict):
    createdAt: Instant
    """When it was made."""
    description: str
    """What it is for."""
    id: WorkflowId
    """Its id."""
    name: str
    """Its name."""
    podId: PodId
    """The pod it is in."""
    starred: bool
    """Marked by a person."""
    state: WorkflowState
    """Draft, deployed or trashed."""
    updatedAt: Instant
    """When it last changed."""
    version: int
    """The number of the latest version."""
    workspaceId: WorkspaceId
    """The workspace it is in."""


class Workflow(_Workflow, total=False):
    """A workflow; the definition is that of its latest version."""

    definition: Union[Definition, None]
    """The latest version's graph. Left out of lists."""
    deployedVersion: Union[int, None]
    """The version that was deployed last; none while it isn't deployed."""


class WorkflowVersion(TypedDict):
    """One immutable version of a workflow's definition."""

    createdAt: Instant
    """When it was made."""
    createdBy: str
    """Who made this version."""
    definition: Definition
    """The graph."""
    version: int
    """1, 2, 3, ..."""
    workflowId: WorkflowId
    """The workflow."""


class _Workspace(TypedDict):
    createdAt: Instant
    """When it was made."""
    id: WorkspaceId
    """Its id."""
    name: str
    """Its name."""
    slug: str
    """Its name in addresses, unique on the server."""
    updatedAt: Instant
    """When it last changed."""


class Workspace(_Workspace, total=False):
    """The tenant."""

    maxRunning: Union[int, None]
    """How many of its executions may run at a time, suspended ones apart; none is no limit."""
    outboundHosts: Union[list[str], None]
    """The hosts that its nodes and notifications may call: names, or `*.example.org` for all below a name. None
    is any public host.
    """
    retentionDays: Union[int, None]
    """After how many days executions that have ended are removed, unless their workflow says otherwise; none
    keeps them for ever.
    """
