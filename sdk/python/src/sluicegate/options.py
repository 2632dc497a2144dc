"""What methods take by name. Written by `tools/generate.py`; not to be edited.

The names are those of the API in snake_case. What is inside of a value (a definition, an input) is as in the API.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypedDict, Union

from .types import (
    BulkFilter,
    CatchUp,
    Debounce,
    Definition,
    ExecutionId,
    ExecutionStatus,
    LogLevel,
    NodeChoice,
    OldDecisions,
    Overlap,
    PodId,
    ResponseMode,
    Role,
    SuspensionId,
    SuspensionKind,
    SuspensionState,
    TriggeredBy,
    Verification,
    VersionChoice,
    WorkflowId,
)


class _CreateExecution(TypedDict):
    workflow_id: WorkflowId
    """The workflow to run."""


class CreateExecution(_CreateExecution, total=False):
    """A wish for an execution."""

    concurrency_key: Union[str, None]
    """Equal keys share a limit."""
    context: Union[dict[str, Any], None]
    """What expressions find under `context`."""
    debounce: Union[Debounce, None]
    """Of the triggers that come in a burst only the last one runs; in place of `runAt`."""
    dedupe_key: Union[str, None]
    """Equal keys are duplicates."""
    expires_in_ms: Union[int, None]
    """Not at all if it has not begun this long after it could, in milliseconds: it is cancelled then."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    input: Any
    """What it works on; checked against the workflow's `inputSchema`."""
    mocks: bool
    """Nodes with a `mock` take that instead of running, and so do those of its children."""
    priority: Union[int, None]
    """Higher first; the workflow's own, if missing."""
    run_at: Union[datetime | str, None]
    """Not before this instant."""
    subject: Union[str, None]
    """What it is about, to find it by."""
    version: Union[int, None]
    """The version to run; the latest, if missing."""


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
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    node_id: Union[str, None]
    """The node whose suspension is meant, in its place."""
    reason: Union[str, None]
    """Why."""
    suspension_id: Union[SuspensionId, None]
    """Which suspension; may be missing where one is open."""


class Answer(TypedDict, total=False):
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
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    reason: Union[str, None]
    """Why."""


class Approve(TypedDict, total=False):
    """A remark on an approval."""

    comment: Union[str, None]
    """A remark."""
    data: Any
    """The filled form."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    node_id: Union[str, None]
    """The node whose suspension is meant, in its place."""
    reason: Union[str, None]
    """Why."""
    suspension_id: Union[SuspensionId, None]
    """Which suspension; may be missing where one is open."""


class ReplayExecution(TypedDict, total=False):
    """A wish for a replay."""

    decisions: OldDecisions
    """Whether approvals and questions that run again ask again, or take over their old answers."""
    from_node_id: Union[str, None]
    """The node from which on everything runs again; the beginning, if missing. Inside the iteration of a loop or
    inside a child it is the node's path: `each[3]/fetch`, `call/fetch`.
    """
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    input: Any
    """Another input; only from the beginning."""
    mocks: Union[bool, None]
    """Nodes that run again and have a `mock` take that; as in the original, if missing."""
    nodes: dict[str, NodeChoice]
    """Per node: `"run"`, `"reuse"`, or `{"pin": value}`."""
    version: Union[VersionChoice, None]
    """`original` (the default), `latest`, or a version's number."""


class BulkSelection(TypedDict, total=False):
    """Which executions a job is about: `ids` or `filter`."""

    filter: Union[BulkFilter, None]
    """Those that a list with this filter shows now; up to 10000."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    ids: Union[list[ExecutionId], None]
    """These; up to 10000."""


class BulkReplay(TypedDict, total=False):
    """Which executions are replayed, and from where."""

    filter: Union[BulkFilter, None]
    """Those that a list with this filter shows now; up to 10000."""
    from_node_id: Union[str, None]
    """The node from which on everything runs again; the beginning, if missing."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    ids: Union[list[ExecutionId], None]
    """These; up to 10000."""
    version: Literal["original", "latest"]
    """The version of its workflow that each runs: its own, or the latest."""


class _PublishEvent(TypedDict):
    type: str
    """Its type: letters, digits, `_` and `-`, in parts between dots."""


class PublishEvent(_PublishEvent, total=False):
    """Something that has happened."""

    context: Union[dict[str, Any], None]
    """What expressions find under `context`, beside `context.event`."""
    data: Any
    """What happened; the input of the executions."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    subject: Union[str, None]
    """What it is about; the subject of the executions."""


class _CreateSchedule(TypedDict):
    cron_expression: str
    """When: five fields of cron, or six with seconds in front. `cronExpr` is taken as well."""
    name: str
    """Its name: 1 to 120 characters on one line."""
    workflow_id: WorkflowId
    """The workflow to start; in this pod. What is started is the version that is deployed at the time."""


class CreateSchedule(_CreateSchedule, total=False):
    """A new schedule."""

    catch_up: Literal["none", "last", "all"]
    """Which slots are made up for that came while no server ran."""
    enabled: bool
    """Whether slots start anything."""
    end_at: Union[datetime | str, None]
    """No slot is after this."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    input: Any
    """What the executions work on."""
    jitter_seconds: int
    """The widest that the runs are shifted behind their slots. Each schedule has its own shift in this, which
    stays.
    """
    overlap: Literal["allow", "skip", "queue", "cancel_previous"]
    """What happens at a slot while an execution of the schedule has not ended."""
    start_at: Union[datetime | str, None]
    """No slot is before this."""
    timezone: str
    """The time zone that the expression is read in, by its IANA name."""


class UpdateSchedule(TypedDict, total=False):
    """What changes about a schedule; what is missing stays."""

    catch_up: CatchUp
    """Which slots are made up for."""
    cron_expression: str
    """When. `cronExpr` is taken as well."""
    enabled: bool
    """Whether slots start anything."""
    end_at: Union[datetime | str, None]
    """No slot is after this; `null` takes the bound away."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    input: Any
    """What the executions work on."""
    jitter_seconds: int
    """The widest that the runs are shifted."""
    name: str
    """Its name."""
    overlap: Overlap
    """What happens while an execution of the schedule has not ended."""
    start_at: Union[datetime | str, None]
    """No slot is before this; `null` takes the bound away."""
    timezone: str
    """The time zone that the expression is read in."""
    workflow_id: WorkflowId
    """The workflow to start."""


class _CreateWebhook(TypedDict):
    workflow_id: WorkflowId
    """The workflow to start; in this pod. What is started is the version that is deployed at the time."""


class CreateWebhook(_CreateWebhook, total=False):
    """A new webhook."""

    dedupe_header: Union[str, None]
    """The header that tells deliveries apart, if it is another than that of the kind of verification."""
    enabled: bool
    """Whether deliveries are taken."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    name: str
    """Its name: 1 to 120 characters on one line."""
    rate_per_minute: int
    """How many deliveries a minute are taken; as many may come at once."""
    response: Literal["execution", "wait", "stream"]
    """What the sender is answered."""
    secret: str
    """What deliveries are verified with; one is made if the kind of verification needs it and none is given. For
    `standard` `whsec_` and 16 to 64 bytes in base64, for the others any text.
    """
    verification: Literal["hmac-sha256", "standard", "github", "stripe", "slack", "header", "none"]
    """How deliveries are verified."""
    wait_seconds: int
    """How long the sender waits for the output, with `response: wait`."""


class UpdateWebhook(TypedDict, total=False):
    """What changes about a webhook; what is missing stays."""

    dedupe_header: Union[str, None]
    """The header that tells deliveries apart; `null`: that of the kind of verification."""
    enabled: bool
    """Whether deliveries are taken."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    name: str
    """Its name."""
    rate_per_minute: int
    """How many deliveries a minute are taken."""
    response: ResponseMode
    """What the sender is answered."""
    secret: str
    """The secret, for a webhook that has none; one that is there is rotated."""
    verification: Verification
    """How deliveries are verified; with `none` the secret is forgotten."""
    wait_seconds: int
    """How long the sender waits for the output."""
    workflow_id: WorkflowId
    """The workflow to start."""


class RotateSecret(TypedDict, total=False):
    """Another secret."""

    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    overlap_seconds: int
    """How long the secret of before holds as well, in seconds: up to a week. 0: it ends at once."""
    secret: str
    """The secret; one is made, if missing."""


class _CreateWorkflow(TypedDict):
    definition: Definition
    """Its graph."""
    name: str
    """Its name: 1 to 120 characters on one line."""


class CreateWorkflow(_CreateWorkflow, total=False):
    """A new workflow."""

    description: str
    """What it is for."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""


class UpdateWorkflow(TypedDict, total=False):
    """What changes about a workflow; what is missing stays."""

    definition: Definition
    """Its graph. One that differs from the latest version makes a new version."""
    description: str
    """What it is for."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    name: str
    """Its name."""


class DuplicateWorkflow(TypedDict, total=False):
    """How a copy is called."""

    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    name: str
    """Its name; that of the original and `(copy)`, if missing."""


class Reassign(TypedDict, total=False):
    """Whom a suspension is put to."""

    groups: list[str]
    """Groups: their members at this moment."""
    idempotency_key: str
    """The same key with the same request is done once; a new key for each call, if missing."""
    reason: Union[str, None]
    """Why."""
    roles: list[Role]
    """Members with one of these roles, or a higher one. Only admins name roles."""
    users: list[str]
    """Members of the workspace."""


class ExecutionsQuery(TypedDict, total=False):
    """List executions"""

    created_after: datetime | str
    """Triggered after this instant."""
    created_before: datetime | str
    """Triggered before this instant."""
    cursor: str
    """Where to go on, from the `Link` header of the page before."""
    filter: list[str]
    """A filter, such as `status eq 'failed' and priority gt 3` or `status==failed;subject==order*`; may be
    repeated, all must hold. Up to 4096 characters and 100 comparisons. Fields: `id`, `workflowId`,
    `workflowVersion`, `status`, `triggeredBy`, `triggerId`, `subject`, `priority`, `dedupeKey`,
    `concurrencyKey`, `idempotencyKey`, `parentExecutionId`, `replayOf`, `fromNodeId`, `reprocessing`,
    `duplicateOf`, `createdBy`, `createdAt`, `queuedAt`, `startedAt`, `finishedAt`, `runAt`, `expiresAt`,
    `error.code`.
    """
    limit: int
    """How many rows."""
    parent_execution_id: ExecutionId
    """Children of this execution."""
    replay_of: ExecutionId
    """Replays and retries of this execution."""
    status: list[ExecutionStatus]
    """In one of these statuses; may be repeated."""
    subject: str
    """About this subject."""
    triggered_by: TriggeredBy
    """Started so."""
    workflow_id: WorkflowId
    """Of this workflow."""


class LogsQuery(TypedDict, total=False):
    """Read an execution's log"""

    after: int
    """After this position."""
    cursor: str
    """Where to go on, from the `Link` header of the page before."""
    level: LogLevel
    """Of this level or a higher one."""
    limit: int
    """How many lines."""
    node_id: str
    """Of this node."""


class SuspensionsQuery(TypedDict, total=False):
    """List suspensions"""

    cursor: str
    """Where to go on, from the `Link` header of the page before."""
    execution_id: ExecutionId
    """Of this execution."""
    kind: SuspensionKind
    """Of this kind."""
    limit: int
    """How many rows."""
    mine: bool
    """Only open ones that the caller may answer now."""
    pod_id: PodId
    """In this pod."""
    state: SuspensionState
    """In this state; any, if missing."""
    workflow_id: WorkflowId
    """Of this workflow."""


class WorkflowsQuery(TypedDict, total=False):
    """List workflows"""

    cursor: str
    """Where to go on, from the `Link` header of the page before."""
    limit: int
    """How many rows."""
    starred: bool
    """Only those that are starred."""
    trashed: bool
    """Those in the trash in place of the others."""
