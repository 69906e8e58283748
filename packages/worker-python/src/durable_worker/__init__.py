"""Serves steps and whole workflows of nestjs-durable from Python, and starts and signals runs.

See docs/python.md.
"""

from ._bad_messages import DroppedMessages
from ._client import Client, StartedRun
from ._context import StepContext
from ._queue_plan import RateLimit, TaskQueue
from ._version import __version__
from ._workflow_context import ChildHandle, RunInfo, WorkflowContext
from ._workflow_options import Duration, RetryPolicy
from .errors import (
    CallTimeoutError,
    ChildFailedError,
    DurableError,
    FatalError,
    ForeignAwaitError,
    HeartbeatTimeoutError,
    PayloadTooLargeError,
    RemoteCrashError,
    RetryableError,
    RunConflictError,
    SchemaValidationError,
    SignalTimeoutError,
    StepCancelledError,
    StepFailedError,
    StepTimeoutError,
    UndecodableValueError,
    UnknownWorkflowError,
    UnserializableValueError,
    WorkflowCancelledError,
)
from .worker import Worker

__all__ = [
    "CallTimeoutError",
    "ChildFailedError",
    "ChildHandle",
    "Client",
    "DroppedMessages",
    "DurableError",
    "Duration",
    "FatalError",
    "ForeignAwaitError",
    "HeartbeatTimeoutError",
    "PayloadTooLargeError",
    "RateLimit",
    "RemoteCrashError",
    "RetryPolicy",
    "RetryableError",
    "RunConflictError",
    "RunInfo",
    "SchemaValidationError",
    "SignalTimeoutError",
    "StartedRun",
    "StepCancelledError",
    "StepContext",
    "StepFailedError",
    "StepTimeoutError",
    "TaskQueue",
    "UndecodableValueError",
    "UnknownWorkflowError",
    "UnserializableValueError",
    "Worker",
    "WorkflowCancelledError",
    "WorkflowContext",
    "__version__",
]
