"""Serves the remote steps of durable workflows (nestjs-durable) from Python.

See docs/python.md.
"""

from ._bad_messages import DroppedMessages
from ._context import StepContext
from ._queue_plan import RateLimit, TaskQueue
from ._version import __version__
from .errors import (
    DurableError,
    FatalError,
    HeartbeatTimeoutError,
    PayloadTooLargeError,
    RemoteCrashError,
    RetryableError,
    SchemaValidationError,
    StepCancelledError,
    StepTimeoutError,
    UndecodableValueError,
    UnserializableValueError,
)
from .worker import Worker

__all__ = [
    "DroppedMessages",
    "DurableError",
    "FatalError",
    "HeartbeatTimeoutError",
    "PayloadTooLargeError",
    "RateLimit",
    "RemoteCrashError",
    "RetryableError",
    "SchemaValidationError",
    "StepCancelledError",
    "StepContext",
    "StepTimeoutError",
    "TaskQueue",
    "UndecodableValueError",
    "UnserializableValueError",
    "Worker",
    "__version__",
]
