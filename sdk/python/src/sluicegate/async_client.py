"""The client: executions and their streams here, the other resources in fields of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .async_resources import AsyncBulkJobs, AsyncSchedules, AsyncSuspensions, AsyncWebhooks, AsyncWorkflows
from .async_transport import AsyncCallback, AsyncEvents, AsyncPage, AsyncStop, AsyncTransport
from .async_worker import AsyncWorker
from .errors import SluicegateExecutionError, SluicegateTimeoutError
from .request import Configuration, Request, Scope, raw, read, write
from .stream import END_TYPES, FeedOrder, LogOrder, StreamTiming
from .types import (
    CancelReport,
    Comparison,
    Execution,
    FeedStreamEvent,
    LogEntry,
    PublishedEvent,
    ReplayPlan,
    StreamEvent,
    StreamToken,
)

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from . import options


class AsyncClient:
    """A client of a Sluicegate server.

    Methods name their workspace and pod first; where they are None, `workspace_id` and `pod_id` of the client are
    taken. Requests that fail on the way are repeated (`retries` times at most): those that change something have an
    idempotency key, so they are done once.
    """

    suspensions: AsyncSuspensions
    """Questions that wait for an answer."""
    workflows: AsyncWorkflows
    """Graphs of nodes, and their versions."""
    schedules: AsyncSchedules
    """Workflows started by the clock."""
    webhooks: AsyncWebhooks
    """Workflows started by other programs."""
    bulk_jobs: AsyncBulkJobs
    """Many executions cancelled, replayed or retried at once."""

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        workspace_id: str | None = None,
        pod_id: str | None = None,
        timeout: float = 30.0,
        retries: int = 5,
        timing: StreamTiming | None = None,
        http_options: Mapping[str, Any] | None = None,
    ) -> None:
        """`api_key` is an API key or a JWT; `timeout` (seconds) is for requests, not for streams; `http_options` are
        arguments for the HTTP client of httpx, such as `proxy` or `verify`."""
        scope = Scope(workspace_id, pod_id)
        configuration = Configuration(
            api_key, base_url, scope, timeout, retries, timing or StreamTiming(), http_options or {}
        )
        self._scope = scope
        self._transport = AsyncTransport(configuration)
        self.suspensions = AsyncSuspensions(self._transport)
        self.workflows = AsyncWorkflows(self._transport)
        self.schedules = AsyncSchedules(self._transport)
        self.webhooks = AsyncWebhooks(self._transport)
        self.bulk_jobs = AsyncBulkJobs(self._transport)

    async def aclose(self) -> None:
        """Ends all streams, and closes all connections."""
        await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    # Executions

    async def trigger(
        self, *, workspace_id: str | None = None, pod_id: str | None = None, **options: Unpack[options.CreateExecution]
    ) -> Execution:
        """Starts an execution. It is durable once this returns."""
        path = self._scope.pod(workspace_id, pod_id, "executions")
        return await self._transport.call(write("POST", path, options))

    async def run(
        self,
        *,
        workspace_id: str | None = None,
        pod_id: str | None = None,
        timeout: float = 300.0,
        **options: Unpack[options.CreateExecution],
    ) -> Execution:
        """Starts an execution and waits for its end, as `wait_for_completion` does."""
        execution = await self.trigger(workspace_id=workspace_id, pod_id=pod_id, **options)
        return await self.wait_for_completion(workspace_id, pod_id, execution["id"], timeout=timeout)

    async def get_execution(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        *,
        include: Sequence[str] | None = None,
    ) -> Execution:
        """An execution with its node runs, suspensions, input and output, or only what is in `include`."""
        params = {"include": None if include is None else ",".join(include)}
        return await self._transport.call(read(self._execution(workspace_id, pod_id, execution_id), params))

    async def list_executions(
        self, workspace_id: str | None = None, pod_id: str | None = None, **query: Unpack[options.ExecutionsQuery]
    ) -> AsyncPage[Execution]:
        """A page of executions, newest first, without inputs, node runs and suspensions."""
        return await self._transport.page(read(self._scope.pod(workspace_id, pod_id, "executions"), query))

    async def wait_for_completion(
        self, workspace_id: str | None, pod_id: str | None, execution_id: str, *, timeout: float = 300.0
    ) -> Execution:
        """The execution once it has completed.

        Raises `SluicegateExecutionError` if it ends otherwise, and `SluicegateTimeoutError` if it has not ended after
        `timeout` seconds; the execution goes on then.
        """
        path = self._execution(workspace_id, pod_id, execution_id, "events")
        machine = self._transport.machine(LogOrder(0, END_TYPES))
        if not await self._transport.ended(path, machine, timeout):
            raise SluicegateTimeoutError(f"execution {execution_id}", timeout)
        execution = await self.get_execution(workspace_id, pod_id, execution_id)
        if execution["status"] != "completed":
            raise SluicegateExecutionError(execution)
        return execution

    async def respond(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        **answer: Unpack[options.Respond],
    ) -> Execution:
        """Answers what the execution waits for. `suspension_id` or `node_id` say which, where there are several."""
        return await self._act("PATCH", workspace_id, pod_id, execution_id, "respond", answer)

    async def approve(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        **remark: Unpack[options.Approve],
    ) -> Execution:
        """Approves what the execution waits for."""
        return await self._act("PATCH", workspace_id, pod_id, execution_id, "approve", remark)

    async def reject(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        **remark: Unpack[options.Approve],
    ) -> Execution:
        """Rejects what the execution waits for."""
        answer = {**remark, "approved": False}
        return await self._act("PATCH", workspace_id, pod_id, execution_id, "respond", answer)

    async def replay(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        **options: Unpack[options.ReplayExecution],
    ) -> Execution:
        """Starts an ended execution again as a new one, from a node or from the beginning."""
        return await self._act("POST", workspace_id, pod_id, execution_id, "replay", {**options, "dry_run": False})

    async def plan_replay(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        **options: Unpack[options.ReplayExecution],
    ) -> ReplayPlan:
        """What a replay would do with each node; nothing is started."""
        return await self._act("POST", workspace_id, pod_id, execution_id, "replay", {**options, "dry_run": True})

    async def retry(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        *,
        idempotency_key: str | None = None,
    ) -> Execution:
        """Starts an execution again with the same input, as a new one. If it has not ended, it is cancelled first."""
        body = {"idempotency_key": idempotency_key}
        return await self._act("POST", workspace_id, pod_id, execution_id, "retry", body)

    async def cancel(
        self, workspace_id: str | None, pod_id: str | None, execution_id: str, *, wait: int | None = None
    ) -> CancelReport:
        """Cancels an execution, and says what was stopped. With `wait` it returns once all has stopped, after so many
        seconds at the latest. One that has ended is refused (409)."""
        path = self._execution(workspace_id, pod_id, execution_id)
        params = {} if wait is None else {"wait": wait}
        prefer = {"prefer": "return=representation"}
        return await self._transport.call(Request("DELETE", path, params, prefer, timeout=wait))

    async def list_logs(
        self, workspace_id: str | None, pod_id: str | None, execution_id: str, **query: Unpack[options.LogsQuery]
    ) -> AsyncPage[LogEntry]:
        """What its nodes have logged, oldest first."""
        return await self._transport.page(read(self._execution(workspace_id, pod_id, execution_id, "logs"), query))

    async def compare(
        self, workspace_id: str | None, pod_id: str | None, execution_id: str, other_id: str
    ) -> Comparison:
        """What differs between two executions, node by node."""
        path = self._execution(workspace_id, pod_id, execution_id, "compare", other_id)
        return await self._transport.call(read(path))

    async def publish_event(
        self, workspace_id: str | None, pod_id: str | None, **event: Unpack[options.PublishEvent]
    ) -> PublishedEvent:
        """Says that something has happened; starts all deployed workflows that subscribe to it."""
        path = self._scope.pod(workspace_id, pod_id, "events")
        return await self._transport.call(write("POST", path, event))

    async def create_stream_token(self, workspace_id: str | None, path: str) -> StreamToken:
        """A token that opens one stream for five minutes, for a browser's own `EventSource`."""
        request = write("POST", self._scope.workspace(workspace_id, "stream-tokens"), {"path": path})
        return await self._transport.call(request)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """Any call of the API that has no method here: `request("GET", "/v1/node-types")`. Nothing is renamed."""
        return await self._transport.call(raw(method, path, params, body, idempotency_key))

    # Workers

    def worker(
        self,
        workspace_id: str | None = None,
        pod_id: str | None = None,
        *,
        concurrency: int = 1,
        worker_id: str | None = None,
        version: str | None = None,
        wait: int = 20,
        stop_grace: float = 20.0,
        cancel_grace: float = 5.0,
    ) -> AsyncWorker:
        """A worker for the task queues of a pod; `@worker.task(queue)` gives it handlers, `worker.run()` runs it.

        `concurrency` is how many tasks it does at a time; `worker_id` and `version` are for the list of workers. In
        seconds: `wait` is how long one request waits for a task (1 to 55), `stop_grace` how long tasks may go on after
        a stop, `cancel_grace` how long a handler keeps its place once its task is no longer this worker's.
        """
        path = self._scope.pod(workspace_id, pod_id, "tasks")
        options = {"concurrency": concurrency, "worker_id": worker_id, "version": version}
        graces = {"wait": wait, "stop_grace": stop_grace, "cancel_grace": cancel_grace}
        return AsyncWorker(self._transport.configuration, path, {**options, **graces})

    # Streams

    def events(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        *,
        after: int = 0,
        types: Sequence[str] = (),
        snapshot: bool = False,
    ) -> AsyncEvents[StreamEvent]:
        """The events of an execution, from its beginning or after a position, each once and in order, until it ends.

        Connections may break meanwhile, and servers restart: the stream goes on where it was. What asking again can't
        mend (no access, no such execution) is raised. With `snapshot` the execution as it is comes first.
        """
        path = self._execution(workspace_id, pod_id, execution_id, "events")
        machine = self._transport.machine(LogOrder(after, types), snapshot=snapshot)
        return self._transport.events(path, machine)

    def stream_events(
        self,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        on_event: AsyncCallback[StreamEvent],
        on_error: AsyncCallback[Exception] | None = None,
        *,
        after: int = 0,
        types: Sequence[str] = (),
        snapshot: bool = False,
    ) -> AsyncStop:
        """Calls `on_event` with the events that `events` gives, beside what your program does; the result stops that.

        `on_error` is called once if the stream can't go on, or if `on_event` raises.
        """
        path = self._execution(workspace_id, pod_id, execution_id, "events")
        machine = self._transport.machine(LogOrder(after, types), snapshot=snapshot)
        return self._transport.deliver(path, machine, on_event, on_error)

    def pod_events(
        self,
        workspace_id: str | None = None,
        pod_id: str | None = None,
        *,
        after: str | None = None,
        types: Sequence[str] = (),
        workflow_id: str | None = None,
        full: bool = False,
        snapshot: bool = False,
    ) -> AsyncEvents[FeedStreamEvent]:
        """Changes of status and suspensions of all executions of the pod, from now on and without end.

        With `snapshot` the newest executions come first, with `full` events have outputs and reports.
        """
        params = {"fields": "full" if full else "slim"}
        if workflow_id:
            params["workflowId"] = workflow_id
        machine = self._transport.machine(FeedOrder(after, types), params, snapshot=snapshot)
        return self._transport.events(self._scope.pod(workspace_id, pod_id, "events"), machine)

    def _execution(self, workspace_id: str | None, pod_id: str | None, execution_id: str, *parts: str) -> str:
        return self._scope.pod(workspace_id, pod_id, "executions", execution_id, *parts)

    async def _act(
        self,
        method: str,
        workspace_id: str | None,
        pod_id: str | None,
        execution_id: str,
        action: str,
        body: Mapping[str, Any],
    ) -> Any:
        path = self._execution(workspace_id, pod_id, execution_id, action)
        return await self._transport.call(write(method, path, body))
