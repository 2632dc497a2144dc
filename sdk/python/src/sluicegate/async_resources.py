"""The resources of a client: suspensions, workflows, schedules, webhooks, bulk jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .async_transport import AsyncEvents, AsyncPage, AsyncTransport
from .request import delete, read, write
from .stream import FeedOrder
from .types import (
    BulkItem,
    BulkJob,
    ComingSlot,
    Definition,
    DefinitionProblem,
    Execution,
    FeedStreamEvent,
    Schedule,
    SignedReceipt,
    Slot,
    Suspension,
    Webhook,
    WebhookAndSecret,
    WebhookDelivery,
    WebhookDeliveryDetail,
    Workflow,
    WorkflowVersion,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from . import options


class AsyncSuspensions:
    """Questions that wait for an answer."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._scope = transport.scope

    async def list(
        self, workspace_id: str | None = None, **query: Unpack[options.SuspensionsQuery]
    ) -> AsyncPage[Suspension]:
        """The suspensions of the workspace, newest first. Those that you may answer now: `mine=True`."""
        return await self._transport.page(read(self._scope.workspace(workspace_id, "suspensions"), query))

    async def get(self, workspace_id: str | None, suspension_id: str) -> Suspension:
        """A suspension."""
        return await self._transport.call(read(self._scope.workspace(workspace_id, "suspensions", suspension_id)))

    async def answer(self, workspace_id: str | None, suspension_id: str, **answer: Unpack[options.Answer]) -> Execution:
        """Answers it. The first answer wins; the same one again gets the same reply, another one is refused (409)."""
        return await self._act("POST", workspace_id, suspension_id, "answer", answer)

    async def claim(self, workspace_id: str | None, suspension_id: str) -> Suspension:
        """Takes it upon yourself, so that others leave it to you."""
        return await self._act("POST", workspace_id, suspension_id, "claim")

    async def release(self, workspace_id: str | None, suspension_id: str) -> Suspension:
        """Gives a claim back."""
        return await self._act("POST", workspace_id, suspension_id, "release")

    async def reassign(
        self, workspace_id: str | None, suspension_id: str, **to: Unpack[options.Reassign]
    ) -> Suspension:
        """Asks others instead."""
        return await self._act("POST", workspace_id, suspension_id, "reassign", to)

    async def receipt(self, workspace_id: str | None, suspension_id: str) -> SignedReceipt:
        """The signed proof of what was decided."""
        path = self._scope.workspace(workspace_id, "suspensions", suspension_id, "receipt")
        return await self._transport.call(read(path))

    def watch(
        self,
        workspace_id: str | None = None,
        *,
        after: str | None = None,
        types: Sequence[str] = (),
        workflow_id: str | None = None,
        snapshot: bool = False,
    ) -> AsyncEvents[FeedStreamEvent]:
        """Suspensions as they open and change, without end. With `snapshot` those that are open now come first."""
        path = self._scope.workspace(workspace_id, "suspensions", "events")
        params = {"workflowId": workflow_id} if workflow_id else {}
        machine = self._transport.machine(FeedOrder(after, types), params, snapshot=snapshot)
        return self._transport.events(path, machine)

    async def _act(
        self, method: str, workspace_id: str | None, suspension_id: str, action: str, body: Any = None
    ) -> Any:
        path = self._scope.workspace(workspace_id, "suspensions", suspension_id, action)
        return await self._transport.call(write(method, path, body or {}))


class AsyncWorkflows:
    """Graphs of nodes, and their versions."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._scope = transport.scope

    async def create(
        self, workspace_id: str | None, pod_id: str | None, **workflow: Unpack[options.CreateWorkflow]
    ) -> Workflow:
        """Makes a workflow; a draft until it is deployed."""
        path = self._scope.pod(workspace_id, pod_id, "workflows")
        return await self._transport.call(write("POST", path, workflow))

    async def list(
        self, workspace_id: str | None = None, pod_id: str | None = None, **query: Unpack[options.WorkflowsQuery]
    ) -> AsyncPage[Workflow]:
        """The workflows of the pod, newest first."""
        return await self._transport.page(read(self._scope.pod(workspace_id, pod_id, "workflows"), query))

    async def get(self, workspace_id: str | None, pod_id: str | None, workflow_id: str) -> Workflow:
        """A workflow with its definition."""
        return await self._transport.call(read(self._scope.pod(workspace_id, pod_id, "workflows", workflow_id)))

    async def update(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        workflow_id: str,
        **changes: Unpack[options.UpdateWorkflow],
    ) -> Workflow:
        """Changes a workflow; another definition is another version."""
        path = self._scope.pod(workspace_id, pod_id, "workflows", workflow_id)
        return await self._transport.call(write("PATCH", path, changes))

    async def delete(self, workspace_id: str | None, pod_id: str | None, workflow_id: str) -> None:
        """Deletes a workflow for good."""
        await self._transport.call(delete(self._scope.pod(workspace_id, pod_id, "workflows", workflow_id)))

    async def validate(
        self, workspace_id: str | None, pod_id: str | None, definition: Definition
    ) -> Sequence[DefinitionProblem]:
        """What is wrong with a definition; nothing is saved."""
        path = self._scope.pod(workspace_id, pod_id, "workflows", "validate")
        return await self._transport.call(write("POST", path, definition))

    async def deploy(
        self, workspace_id: str | None, pod_id: str | None, workflow_id: str, *, version: int | None = None
    ) -> Workflow:
        """Lets schedules, webhooks and events start it: the latest version, or this one."""
        body = {} if version is None else {"version": version}
        return await self._act("POST", workspace_id, pod_id, workflow_id, "deploy", body)

    async def undeploy(self, workspace_id: str | None, pod_id: str | None, workflow_id: str) -> Workflow:
        """Makes it a draft again."""
        return await self._act("POST", workspace_id, pod_id, workflow_id, "undeploy")

    async def duplicate(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        workflow_id: str,
        **copy: Unpack[options.DuplicateWorkflow],
    ) -> Workflow:
        """A copy of it, as a draft."""
        return await self._act("POST", workspace_id, pod_id, workflow_id, "duplicate", copy)

    async def star(
        self, workspace_id: str | None, pod_id: str | None, workflow_id: str, *, starred: bool = True
    ) -> Workflow:
        """Marks it, or takes the mark away."""
        return await self._act("PATCH", workspace_id, pod_id, workflow_id, "star", {"starred": starred})

    async def trash(self, workspace_id: str | None, pod_id: str | None, workflow_id: str) -> Workflow:
        """Puts it away."""
        return await self._act("PATCH", workspace_id, pod_id, workflow_id, "trash")

    async def restore(self, workspace_id: str | None, pod_id: str | None, workflow_id: str) -> Workflow:
        """Takes it back from the trash."""
        return await self._act("PATCH", workspace_id, pod_id, workflow_id, "restore")

    async def versions(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        workflow_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPage[WorkflowVersion]:
        """Its versions, newest first."""
        path = self._scope.pod(workspace_id, pod_id, "workflows", workflow_id, "versions")
        return await self._transport.page(read(path, {"limit": limit, "cursor": cursor}))

    async def get_version(
        self, workspace_id: str | None, pod_id: str | None, workflow_id: str, version: int
    ) -> WorkflowVersion:
        """One version with its definition."""
        path = self._scope.pod(workspace_id, pod_id, "workflows", workflow_id, "versions", version)
        return await self._transport.call(read(path))

    async def restore_version(
        self, workspace_id: str | None, pod_id: str | None, workflow_id: str, version: int
    ) -> Workflow:
        """Makes an old version the latest again."""
        path = self._scope.pod(workspace_id, pod_id, "workflows", workflow_id, "versions", version, "restore")
        return await self._transport.call(write("POST", path, {}))

    async def _act(
        self,
        method: str,
        workspace_id: str | None,
        pod_id: str | None,
        workflow_id: str,
        action: str,
        body: Any = None,
    ) -> Workflow:
        path = self._scope.pod(workspace_id, pod_id, "workflows", workflow_id, action)
        return await self._transport.call(write(method, path, body or {}))


class AsyncSchedules:
    """Workflows started by the clock."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._scope = transport.scope

    async def create(
        self, workspace_id: str | None, pod_id: str | None, **schedule: Unpack[options.CreateSchedule]
    ) -> Schedule:
        """Makes a schedule."""
        path = self._scope.pod(workspace_id, pod_id, "schedules")
        return await self._transport.call(write("POST", path, schedule))

    async def list(
        self,
        workspace_id: str | None = None,
        pod_id: str | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPage[Schedule]:
        """The schedules of the pod, newest first."""
        path = self._scope.pod(workspace_id, pod_id, "schedules")
        return await self._transport.page(read(path, {"limit": limit, "cursor": cursor}))

    async def get(self, workspace_id: str | None, pod_id: str | None, schedule_id: str) -> Schedule:
        """A schedule."""
        return await self._transport.call(read(self._scope.pod(workspace_id, pod_id, "schedules", schedule_id)))

    async def update(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        schedule_id: str,
        **changes: Unpack[options.UpdateSchedule],
    ) -> Schedule:
        """Changes a schedule."""
        path = self._scope.pod(workspace_id, pod_id, "schedules", schedule_id)
        return await self._transport.call(write("PATCH", path, changes))

    async def delete(self, workspace_id: str | None, pod_id: str | None, schedule_id: str) -> None:
        """Deletes a schedule."""
        await self._transport.call(delete(self._scope.pod(workspace_id, pod_id, "schedules", schedule_id)))

    async def toggle(
        self, workspace_id: str | None, pod_id: str | None, schedule_id: str, *, enabled: bool
    ) -> Schedule:
        """Switches it on or off."""
        path = self._scope.pod(workspace_id, pod_id, "schedules", schedule_id, "toggle")
        return await self._transport.call(write("PATCH", path, {"enabled": enabled}))

    async def run(self, workspace_id: str | None, pod_id: str | None, schedule_id: str) -> Execution:
        """Starts its workflow now, beside its slots."""
        path = self._scope.pod(workspace_id, pod_id, "schedules", schedule_id, "run")
        return await self._transport.call(write("POST", path, {}))

    async def preview(
        self, workspace_id: str | None, pod_id: str | None, schedule_id: str, *, n: int | None = None
    ) -> Sequence[ComingSlot]:
        """Its next slots."""
        path = self._scope.pod(workspace_id, pod_id, "schedules", schedule_id, "preview")
        return await self._transport.call(read(path, {"n": n}))

    async def slots(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        schedule_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPage[Slot]:
        """What became of its slots, newest first."""
        path = self._scope.pod(workspace_id, pod_id, "schedules", schedule_id, "slots")
        return await self._transport.page(read(path, {"limit": limit, "cursor": cursor}))


class AsyncWebhooks:
    """Workflows started by other programs."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._scope = transport.scope

    async def create(
        self, workspace_id: str | None, pod_id: str | None, **webhook: Unpack[options.CreateWebhook]
    ) -> WebhookAndSecret:
        """Makes a webhook. Its secret is shown this once."""
        path = self._scope.pod(workspace_id, pod_id, "webhooks")
        return await self._transport.call(write("POST", path, webhook))

    async def list(
        self,
        workspace_id: str | None = None,
        pod_id: str | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPage[Webhook]:
        """The webhooks of the pod, newest first."""
        path = self._scope.pod(workspace_id, pod_id, "webhooks")
        return await self._transport.page(read(path, {"limit": limit, "cursor": cursor}))

    async def get(self, workspace_id: str | None, pod_id: str | None, webhook_id: str) -> Webhook:
        """A webhook."""
        return await self._transport.call(read(self._scope.pod(workspace_id, pod_id, "webhooks", webhook_id)))

    async def update(
        self, workspace_id: str | None, pod_id: str | None, webhook_id: str, **changes: Unpack[options.UpdateWebhook]
    ) -> Webhook:
        """Changes a webhook."""
        path = self._scope.pod(workspace_id, pod_id, "webhooks", webhook_id)
        return await self._transport.call(write("PATCH", path, changes))

    async def delete(self, workspace_id: str | None, pod_id: str | None, webhook_id: str) -> None:
        """Deletes a webhook."""
        await self._transport.call(delete(self._scope.pod(workspace_id, pod_id, "webhooks", webhook_id)))

    async def rotate(
        self, workspace_id: str | None, pod_id: str | None, webhook_id: str, **secret: Unpack[options.RotateSecret]
    ) -> WebhookAndSecret:
        """Gives it another secret, which is shown this once."""
        path = self._scope.pod(workspace_id, pod_id, "webhooks", webhook_id, "rotate")
        return await self._transport.call(write("POST", path, secret))

    async def deliveries(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        webhook_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPage[WebhookDelivery]:
        """What was delivered to it, newest first."""
        path = self._scope.pod(workspace_id, pod_id, "webhooks", webhook_id, "deliveries")
        return await self._transport.page(read(path, {"limit": limit, "cursor": cursor}))

    async def get_delivery(
        self, workspace_id: str | None, pod_id: str | None, webhook_id: str, delivery_id: str
    ) -> WebhookDeliveryDetail:
        """One delivery with all that was sent."""
        path = self._scope.pod(workspace_id, pod_id, "webhooks", webhook_id, "deliveries", delivery_id)
        return await self._transport.call(read(path))

    async def redeliver(
        self, workspace_id: str | None, pod_id: str | None, webhook_id: str, delivery_id: str
    ) -> Execution:
        """Takes a delivery a second time."""
        path = self._scope.pod(workspace_id, pod_id, "webhooks", webhook_id, "deliveries", delivery_id, "redeliver")
        return await self._transport.call(write("POST", path, {}))


class AsyncBulkJobs:
    """Many executions cancelled, replayed or retried at once."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport
        self._scope = transport.scope

    async def cancel_executions(
        self, workspace_id: str | None, pod_id: str | None, **selection: Unpack[options.BulkSelection]
    ) -> BulkJob:
        """Cancels those with these `ids`, or those that a list with this `filter` shows."""
        return await self._start(workspace_id, pod_id, "cancel", selection)

    async def retry_executions(
        self, workspace_id: str | None, pod_id: str | None, **selection: Unpack[options.BulkSelection]
    ) -> BulkJob:
        """Starts each of them again with the same input."""
        return await self._start(workspace_id, pod_id, "retry", selection)

    async def replay_executions(
        self, workspace_id: str | None, pod_id: str | None, **selection: Unpack[options.BulkReplay]
    ) -> BulkJob:
        """Replays each of them."""
        return await self._start(workspace_id, pod_id, "replay", selection)

    async def list(
        self,
        workspace_id: str | None = None,
        pod_id: str | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPage[BulkJob]:
        """The bulk jobs of the pod, newest first."""
        path = self._scope.pod(workspace_id, pod_id, "bulk-jobs")
        return await self._transport.page(read(path, {"limit": limit, "cursor": cursor}))

    async def get(self, workspace_id: str | None, pod_id: str | None, bulk_job_id: str) -> BulkJob:
        """A bulk job with its counts."""
        return await self._transport.call(read(self._scope.pod(workspace_id, pod_id, "bulk-jobs", bulk_job_id)))

    async def items(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        bulk_job_id: str,
        *,
        state: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> AsyncPage[BulkItem]:
        """What became of each execution."""
        path = self._scope.pod(workspace_id, pod_id, "bulk-jobs", bulk_job_id, "items")
        return await self._transport.page(read(path, {"state": state, "limit": limit, "cursor": cursor}))

    async def cancel(self, workspace_id: str | None, pod_id: str | None, bulk_job_id: str) -> BulkJob:
        """Stops a job; what it has done stays done."""
        path = self._scope.pod(workspace_id, pod_id, "bulk-jobs", bulk_job_id, "cancel")
        return await self._transport.call(write("POST", path, {}))

    async def _start(self, workspace_id: str | None, pod_id: str | None, action: str, body: Any) -> BulkJob:
        path = self._scope.pod(workspace_id, pod_id, "executions", "bulk", action)
        return await self._transport.call(write("POST", path, body))
