"""Errors of this package.

    DurableError
    ├── FatalError                throw it: no attempt can mend this
    ├── RetryableError            throw it: try again after a time of your own
    ├── StepCancelledError        the run was cancelled, and the handler obeys
    ├── StepTimeoutError          the attempt took too long
    ├── HeartbeatTimeoutError     the handler reported nothing for too long
    ├── RemoteCrashError          the processes of the attempt have died too often
    ├── SchemaValidationError     an input or an output does not fit its type
    ├── UnserializableValueError  a value is no JSON
    ├── UndecodableValueError     a text is no value that Python has
    ├── PayloadTooLargeError      an answer is too large to be sent
    ├── StepFailedError           an operation of a workflow has failed: its last error
    ├── SignalTimeoutError        no signal came in time
    ├── ChildFailedError          a child run ended failed or cancelled
    ├── WorkflowCancelledError    the run is being cancelled: what was pending raises it
    ├── ForeignAwaitError         workflow code did what only a step may do
    ├── UnknownWorkflowError      a call: nobody has announced this workflow
    ├── RunConflictError          a call: another run has this id
    └── CallTimeoutError          a call: no engine has answered in time

`name` and `code` are those that the engine knows; `fields` are facts for programs.

What comes back from an engine is revived as the nearest class of these. It keeps the `name`,
message and properties that were recorded, and raising it onward hands on what was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar


class DurableError(Exception):
    """Base of all errors of this package."""

    #: Name of the class on the engine's side.
    wire_name: ClassVar[str] = "DurableError"
    #: Stable identifier; messages may change.
    code: ClassVar[str] = "DURABLE"

    #: What an engine has sent, for errors that came from there.
    _recorded: ClassVar[Mapping[str, Any] | None] = None

    def __init__(self, message: str, *, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.fields: dict[str, Any] = dict(fields or {})

    @property
    def name(self) -> str:
        """Name of the error as it was recorded, such as `CardDeclined`, else that of its class."""
        recorded = self._recorded
        return type(self).__name__ if recorded is None else str(recorded.get("name"))

    @property
    def properties(self) -> Mapping[str, Any]:
        """Further properties that were recorded, by name; those that are no JSON are left out."""
        return getattr(self, "_properties", {})


class FatalError(DurableError):
    """Raise it to fail the step for good: it is never retried, whatever the contract says."""

    wire_name = "FatalError"
    code = "FATAL"


class RetryableError(DurableError):
    """Raise it to set the time before the next attempt. It adds no attempts to the contract's."""

    wire_name = "RetryableError"
    code = "RETRYABLE"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | timedelta | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        """`retry_after` is a time, or a number of seconds; without it the contract decides."""
        super().__init__(message, fields=fields)
        seconds = retry_after.total_seconds() if isinstance(retry_after, timedelta) else retry_after
        if seconds is not None and not 0 <= seconds < 1e11:
            raise ValueError(f"retry_after has to be 0 seconds or more, not {retry_after!r}")
        #: Seconds from the failure; None where the contract decides.
        self.retry_after: float | None = seconds


class StepCancelledError(DurableError):
    """The run is being cancelled. `StepContext.raise_if_cancelled` raises it."""

    wire_name = "CancelledError"
    code = "CANCELLED"

    def __init__(self, run_id: str, reason: str | None = None) -> None:
        because = "" if not reason else f": {reason}"
        message = f'Run "{run_id}" is being cancelled{because}.'
        super().__init__(message, fields={"runId": run_id, "reason": reason})


class StepTimeoutError(DurableError):
    """An attempt took longer than its timeout."""

    wire_name = "StepTimeoutError"
    code = "STEP_TIMEOUT"

    def __init__(self, step: str, timeout_ms: int, attempt: int) -> None:
        super().__init__(
            f'Attempt {attempt} of step "{step}" took longer than its timeout of {timeout_ms} ms.',
            fields={"step": step, "timeoutMs": timeout_ms, "attempt": attempt},
        )


class HeartbeatTimeoutError(DurableError):
    """An attempt was silent for longer than its heartbeat timeout."""

    wire_name = "HeartbeatTimeoutError"
    code = "HEARTBEAT_TIMEOUT"

    def __init__(self, step: str, timeout_ms: int, attempt: int) -> None:
        super().__init__(
            f'Attempt {attempt} of step "{step}" sent no heartbeat for {timeout_ms} ms. '
            "Call step.heartbeat() more often, or raise heartbeatTimeout.",
            fields={"step": step, "timeoutMs": timeout_ms, "attempt": attempt},
        )


class RemoteCrashError(DurableError):
    """The process of an attempt has died, or stood still for too long, as often as it may."""

    wire_name = "RemoteCrashError"
    code = "REMOTE_CRASH"

    def __init__(self, step: str, attempt: int, crashes: int) -> None:
        super().__init__(
            f'Attempt {attempt} of remote step "{step}" was begun {crashes} times, and each time '
            "its process died or stood still before there was a result. Find out what kills it.",
            fields={"step": step, "attempt": attempt, "crashes": crashes},
        )


class SchemaValidationError(DurableError):
    """A value does not fit its type. As an input it is fatal; an output fails its attempt."""

    wire_name = "SchemaValidationError"

    def __init__(self, side: str, name: str, issues: Sequence[Mapping[str, str]]) -> None:
        shown = [f"{issue['path'] or 'value'}: {issue['message']}" for issue in issues[:5]]
        more = f" (and {len(issues) - 5} more)" if len(issues) > 5 else ""
        super().__init__(
            f"The {side} of {name} does not fit its schema: {'; '.join(shown)}{more}.",
            fields={"side": side, "name": name, "issues": [dict(issue) for issue in issues]},
        )
        # The class variable of the others: here it depends on the side.
        self.code = "INVALID_INPUT" if side == "input" else "INVALID_OUTPUT"  # type: ignore[misc]


class UnserializableValueError(DurableError):
    """A value is no JSON. `fields["path"]` says where it is."""

    wire_name = "UnserializableValueError"
    code = "UNSERIALIZABLE_VALUE"

    def __init__(self, field: str, path: str, problem: str, todo: str) -> None:
        message = f"{field} cannot be sent: {path} {problem}. {todo}"
        super().__init__(message, fields={"field": field, "path": path})


class UndecodableValueError(DurableError):
    """What came is no value that Python has. The contract has to be one of plain JSON."""

    wire_name = "CodecError"
    code = "UNDECODABLE"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The value cannot be read: {problem}.", fields={"problem": problem})


class PayloadTooLargeError(DurableError):
    """An answer is above the size limit."""

    wire_name = "PayloadTooLargeError"
    code = "PAYLOAD_TOO_LARGE"

    def __init__(self, field: str, size: int, limit: int) -> None:
        super().__init__(
            f"{field} takes {size} bytes, and the limit is {limit}. "
            "Store it elsewhere and return a reference.",
            fields={"field": field, "bytes": size, "limit": limit},
        )


class StepFailedError(DurableError):
    """A step, remote or not, has failed; it has the name and message of the last attempt's error.

    Those that failed with a class of this package are revived as that class instead: FatalError,
    StepTimeoutError, SchemaValidationError and so on. `except DurableError` catches them all.
    """

    wire_name = "StepFailedError"
    code = "STEP_FAILED"


class SignalTimeoutError(DurableError):
    """`ctx.wait_for_signal` saw no payload in time. A later one stays for the next wait."""

    wire_name = "SignalTimeoutError"
    code = "SIGNAL_TIMEOUT"

    def __init__(self, token: str, timeout_ms: int) -> None:
        message = f'No signal came for "{token}" within {timeout_ms} ms.'
        super().__init__(message, fields={"token": token, "timeoutMs": timeout_ms})

    @property
    def token(self) -> str:
        return str(self.fields.get("token", ""))


class ChildFailedError(DurableError):
    """A child run ended failed or cancelled; its error is `__cause__`."""

    wire_name = "ChildFailedError"
    code = "CHILD_FAILED"

    @property
    def child_run_id(self) -> str:
        return str(self.fields.get("childRunId", ""))

    @property
    def workflow(self) -> str:
        return str(self.fields.get("workflow", ""))


class WorkflowCancelledError(DurableError):
    """The run is being cancelled: its pending operations raise this. Catch it only to clean up.

    An `Exception`, as in TypeScript, so that clean-up in `except Exception` happens for a cancel
    too. A loop that swallows it goes on until the engine's deadline: look at `ctx.cancelled`.
    It has nothing to do with asyncio.CancelledError.
    """

    wire_name = "CancelledError"
    code = "CANCELLED"

    @property
    def reason(self) -> str | None:
        reason = self.fields.get("reason")
        return None if reason is None else str(reason)


class ForeignAwaitError(DurableError):
    """Workflow code did what is not replayed: I/O, threads, or a `ctx` used outside of its run.

    In workflow code it blocks the run until the code is repaired, whether it is caught or not.
    """

    wire_name = "ForeignAwaitError"
    code = "FOREIGN_AWAIT"


class UnknownWorkflowError(DurableError):
    """No process has ever announced a workflow of this name and version."""

    wire_name = "UnknownWorkflowError"
    code = "UNKNOWN_WORKFLOW"


class RunConflictError(DurableError):
    """A run with this id exists with another workflow, version or input."""

    wire_name = "RunConflictError"
    code = "RUN_CONFLICT"


class CallTimeoutError(DurableError):
    """No engine has answered in time. It may have been done: repeat it with the same id.

    `fields` has the `runId` of a start, the `id` of a signal.
    """

    wire_name = "CallTimeoutError"
    code = "CALL_TIMEOUT"
