"""Client of Sluicegate, the real-time streaming workflow server.

`Client` is the blocking one, `AsyncClient` the asynchronous one; both have the same methods.
"""

from .async_client import AsyncClient
from .async_transport import AsyncEvents, AsyncPage
from .client import Client
from .errors import (
    SluicegateApiError,
    SluicegateConnectionError,
    SluicegateError,
    SluicegateExecutionError,
    SluicegateTimeoutError,
)
from .request import VERSION as __version__
from .stream import END_TYPES, StreamTiming
from .transport import Events, Page

__all__ = [
    "END_TYPES",
    "AsyncClient",
    "AsyncEvents",
    "AsyncPage",
    "Client",
    "Events",
    "Page",
    "SluicegateApiError",
    "SluicegateConnectionError",
    "SluicegateError",
    "SluicegateExecutionError",
    "SluicegateTimeoutError",
    "StreamTiming",
    "__version__",
]
