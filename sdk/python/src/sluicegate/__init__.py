"""Client of Sluicegate, the real-time streaming workflow server.

`Client` is the blocking one, `AsyncClient` the asynchronous one; both have the same methods.
"""

from .async_client import AsyncClient
from .async_transport import AsyncEvents, AsyncPage
from .async_worker import AsyncWorker
from .client import Client
from .errors import (
    SluicegateApiError,
    SluicegateConnectionError,
    SluicegateError,
    SluicegateExecutionError,
    SluicegateTimeoutError,
    TaskError,
    TaskOverError,
)
from .request import VERSION as __version__
from .stream import END_TYPES, StreamTiming
from .task import AsyncTask, Task
from .transport import Events, Page
from .worker import Worker

__all__ = [
    "END_TYPES",
    "AsyncClient",
    "AsyncEvents",
    "AsyncPage",
    "AsyncTask",
    "AsyncWorker",
    "Client",
    "Events",
    "Page",
    "SluicegateApiError",
    "SluicegateConnectionError",
    "SluicegateError",
    "SluicegateExecutionError",
    "SluicegateTimeoutError",
    "StreamTiming",
    "Task",
    "TaskError",
    "TaskOverError",
    "Worker",
    "__version__",
]
