"""What workflow code gets as `ctx`: each call is one operation. Holds no state of its own."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, overload

from ._local_steps import LocalStep
from ._regions import Regions
from ._turn_messages import (
    ChildRequest,
    ChildResultRequest,
    ClosePolicy,
    RemoteRequest,
    Request,
    SignalRequest,
    SleepRequest,
    StepRequest,
)
from ._typed import TypedValue, plain
from ._values import encode
from ._workflow_options import (
    Duration,
    RetryPolicy,
    epoch_milliseconds,
    milliseconds,
    optional_milliseconds,
    require_name,
    step_options,
)

if TYPE_CHECKING:
    from ._activation import Activation

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


@dataclass(frozen=True)
class RunInfo:
    """The run that the code is of."""

    workflow: str
    version: str
    #: When the code first ran, by the database's clock.
    started_at: datetime
    tags: tuple[str, ...]
    #: None where it is no child.
    parent_run_id: str | None


class ChildHandle(Generic[T]):
    """A child run that was started."""

    def __init__(self, run_id: str, result: Callable[[], asyncio.Future[T]]) -> None:
        self.run_id = run_id
        self._result = result

    def result(self) -> asyncio.Future[T]:
        """Waits for its end. May be called again. Raises ChildFailedError."""
        return self._result()


class WorkflowContext:
    """What workflow code may do. Times are seconds, or timedeltas.

    What returns a future is one durable operation. It is asked for at the call, not at the await;
    its outcome is recorded once, and is the same on every replay. Nothing else may be awaited
    outside of a step, but for what asyncio builds from such futures.

    A failed operation raises a DurableError; StepFailedError where it is of no class of this
    package. When the run is cancelled, what is pending raises WorkflowCancelledError.
    """

    def __init__(self, activation: Activation, logger: logging.Logger) -> None:
        start = activation.start
        #: The run's id.
        self.run_id: str = start.run_id
        self.run = RunInfo(
            workflow=start.workflow,
            version=start.version,
            started_at=_time(start.started_at),
            tags=tuple(start.tags),
            parent_run_id=start.parent_run_id,
        )
        #: Silent while the code runs again; records have `durable_workflow` and `durable_run`.
        self.logger = WorkflowLogger(logger, activation)
        self._activation = activation
        self._regions = Regions(activation)

    @property
    def cancelled(self) -> bool:
        """Whether a cancel has been requested. Recorded, so that it replays."""
        return self._activation.is_cancelled

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., Coroutine[Any, Any, T]],
        /,
        *arguments: Any,
        output: Any = None,
        retries: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
    ) -> asyncio.Future[T]: ...

    @overload
    def step(
        self,
        name: str,
        function: Callable[..., T],
        /,
        *arguments: Any,
        output: Any = None,
        retries: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
    ) -> asyncio.Future[T]: ...

    def step(
        self,
        name: str,
        function: Callable[..., Any],
        /,
        *arguments: Any,
        output: Any = None,
        retries: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
    ) -> asyncio.Future[Any]:
        """Runs `function(*arguments)` in this process, and records its result.

        The arguments are copied at the call. A parameter named `step` that they leave free gets the
        StepContext of the attempt. A synchronous function runs in a thread. The result has the type
        that the function is annotated with, or `output`; without one it is plain JSON.

        `retries` come after the first attempt (default 2). `timeout` and `heartbeat_timeout` are
        for one attempt (default none).
        """
        require_name(name, "name")
        options = step_options(retries, retry, timeout, heartbeat_timeout)
        step = LocalStep(name, function, arguments, output)
        return self._ask(name, StepRequest(options=options), step.output.read, step)

    @overload
    def remote(
        self,
        contract: str,
        input: Any = None,
        *,
        output: type[T],
        retries: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
    ) -> asyncio.Future[T]: ...

    @overload
    def remote(
        self,
        contract: str,
        input: Any = None,
        *,
        output: Any = None,
        retries: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
    ) -> asyncio.Future[Any]: ...

    def remote(
        self,
        contract: str,
        input: Any = None,
        *,
        output: Any = None,
        retries: int | None = None,
        retry: RetryPolicy | None = None,
        timeout: Duration | None = None,
        heartbeat_timeout: Duration | None = None,
    ) -> asyncio.Future[Any]:
        """Runs a remote step, wherever it is served, and in whatever language.

        `input` is plain JSON, or has pydantic models in it. `output` is a type that pydantic knows;
        an output that does not fit it raises SchemaValidationError.
        """
        require_name(contract, "contract")
        request = RemoteRequest(
            input=_text(input, f"The input of remote step '{contract}'"),
            options=step_options(retries, retry, timeout, heartbeat_timeout),
        )
        typed = TypedValue(output, "output", f"remote step '{contract}'")
        return self._ask(contract, request, typed.read)

    def sleep(self, duration: Duration) -> asyncio.Future[None]:
        """Until a time has passed, by the database's clock. At most 100 years."""
        request = SleepRequest(duration_ms=milliseconds(duration, "duration"))
        return self._ask("sleep", request, _nothing)

    def sleep_until(self, when: datetime) -> asyncio.Future[None]:
        """Until a time, which has to have a time zone. One in the past ends at once."""
        request = SleepRequest(until_ms=epoch_milliseconds(when, "when"))
        return self._ask("sleepUntil", request, _nothing)

    @overload
    def wait_for_signal(
        self, token: str, *, timeout: Duration | None = None, type: type[T]
    ) -> asyncio.Future[T]: ...

    @overload
    def wait_for_signal(
        self, token: str, *, timeout: Duration | None = None, type: Any = None
    ) -> asyncio.Future[Any]: ...

    def wait_for_signal(
        self, token: str, *, timeout: Duration | None = None, type: Any = None
    ) -> asyncio.Future[Any]:
        """The next payload that is sent to a token, or was sent before. Each goes to one wait.

        Raises SignalTimeoutError after `timeout` (default none). A second wait of the run on the
        same token takes the place of the first, which stays pending for ever.
        """
        request = SignalRequest(
            token=require_name(token, "token"), timeout_ms=optional_milliseconds(timeout, "timeout")
        )
        return self._ask(token, request, TypedValue(type, "payload", f"signal '{token}'").read)

    @overload
    def child(
        self,
        workflow: str,
        input: Any = None,
        *,
        output: type[T],
        version: str | None = None,
        run_id: str | None = None,
        tags: Sequence[str] = (),
        priority: int | None = None,
        close_policy: ClosePolicy | None = None,
    ) -> asyncio.Future[T]: ...

    @overload
    def child(
        self,
        workflow: str,
        input: Any = None,
        *,
        output: Any = None,
        version: str | None = None,
        run_id: str | None = None,
        tags: Sequence[str] = (),
        priority: int | None = None,
        close_policy: ClosePolicy | None = None,
    ) -> asyncio.Future[Any]: ...

    def child(
        self,
        workflow: str,
        input: Any = None,
        *,
        output: Any = None,
        version: str | None = None,
        run_id: str | None = None,
        tags: Sequence[str] = (),
        priority: int | None = None,
        close_policy: ClosePolicy | None = None,
    ) -> asyncio.Future[Any]:
        """Starts a run of another workflow, in whatever language, and waits for its output.

        Raises ChildFailedError. `close_policy` says what becomes of the child when this run ends
        first (default `cancel`). Without a `run_id` the engine makes one.
        """
        request = _child(workflow, input, version, run_id, tags, priority, close_policy, False)
        return self._ask(workflow, request, _child_output(workflow, output).read)

    def start_child(
        self,
        workflow: str,
        input: Any = None,
        *,
        output: Any = None,
        version: str | None = None,
        run_id: str | None = None,
        tags: Sequence[str] = (),
        priority: int | None = None,
        close_policy: ClosePolicy | None = None,
    ) -> asyncio.Future[ChildHandle[Any]]:
        """As `child`, but goes on when the run exists: `handle.run_id`, `await handle.result()`."""
        request = _child(workflow, input, version, run_id, tags, priority, close_policy, True)
        read_id = TypedValue(str, "output", "a detached child").read
        read = _child_output(workflow, output).read

        def handle(text: str) -> ChildHandle[Any]:
            child = read_id(text)
            result = ChildResultRequest(run_id=child)
            return ChildHandle(child, lambda: self._ask(workflow, result, read))

        return self._ask(workflow, request, handle)

    @overload
    def gather(self, name: str, a: Awaitable[A], /) -> asyncio.Future[tuple[A]]: ...

    @overload
    def gather(
        self, name: str, a: Awaitable[A], b: Awaitable[B], /
    ) -> asyncio.Future[tuple[A, B]]: ...

    @overload
    def gather(
        self, name: str, a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], /
    ) -> asyncio.Future[tuple[A, B, C]]: ...

    @overload
    def gather(
        self, name: str, a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], d: Awaitable[D], /
    ) -> asyncio.Future[tuple[A, B, C, D]]: ...

    @overload
    def gather(self, name: str, /, *branches: Awaitable[T]) -> asyncio.Future[tuple[T, ...]]: ...

    def gather(self, name: str, /, *branches: Awaitable[Any]) -> asyncio.Future[Any]:
        """`asyncio.gather` with a name for the run's graph: all branches, or the first failure."""
        self._activation.require_inside("ctx.gather()")
        return self._regions.gather(require_name(name, "name"), branches)

    def race(self, name: str, /, *branches: Awaitable[T]) -> asyncio.Future[T]:
        """The outcome of the branch that ends first. The others are cancelled, and so withdrawn."""
        self._activation.require_inside("ctx.race()")
        return self._regions.race(require_name(name, "name"), branches)

    def now(self) -> datetime:
        """Database time of what the code has seen last, in UTC; never goes back within a run."""
        return _time(self._activation.time_ms)

    def random(self) -> float:
        """In [0, 1), the same on every replay. No secret."""
        return int.from_bytes(self._activation.derive("random")[:6], "big") / 2**48

    def uuid(self) -> uuid.UUID:
        """A version 4 UUID, the same on every replay. No secret."""
        return uuid.UUID(bytes=self._activation.derive("uuid")[:16], version=4)

    def patched(self, patch: str) -> bool:
        """Whether the run has come to this point after the change `patch` was deployed."""
        return self._activation.patched(require_name(patch, "patch"))

    def _ask(
        self,
        name: str,
        request: Request,
        read: Callable[[str], Any],
        step: LocalStep | None = None,
    ) -> asyncio.Future[Any]:
        group = self._regions.current()
        return self._activation.ask(name, request, read, group=group, step=step)


class WorkflowLogger(logging.LoggerAdapter[logging.Logger]):
    """Log lines of code that runs again would repeat what was logged the first time."""

    def __init__(self, logger: logging.Logger, activation: Activation) -> None:
        start = activation.start
        super().__init__(logger, {"durable_workflow": start.workflow, "durable_run": start.run_id})
        self._activation = activation

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name.
        return not self._activation.is_replaying and super().isEnabledFor(level)

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        given = kwargs.get("extra") or {}
        return msg, {**kwargs, "extra": {**(self.extra or {}), **given}}


def _child(
    workflow: str,
    input: Any,
    version: str | None,
    run_id: str | None,
    tags: Sequence[str],
    priority: int | None,
    close_policy: ClosePolicy | None,
    detached: bool,
) -> ChildRequest:
    if close_policy not in (None, *get_args(ClosePolicy)):
        known = ", ".join(get_args(ClosePolicy))
        raise ValueError(f"close_policy has to be one of {known}, not {close_policy!r}.")
    if isinstance(tags, str):
        raise TypeError("tags has to be a list of names, not one str.")
    if priority is not None and (isinstance(priority, bool) or not isinstance(priority, int)):
        raise TypeError(f"priority has to be an int, not {priority!r}.")
    return ChildRequest(
        workflow=require_name(workflow, "workflow"),
        version=None if version is None else require_name(version, "version"),
        run_id=None if run_id is None else require_name(run_id, "run_id"),
        input=_text(input, f"The input of child '{workflow}'"),
        tags=[require_name(tag, "tags") for tag in tags] or None,
        priority=priority,
        close_policy=close_policy,
        detached=True if detached else None,
    )


def _child_output(workflow: str, output: Any) -> TypedValue:
    return TypedValue(output, "output", f"child '{workflow}'")


def _text(value: Any, field: str) -> str:
    return encode(plain(value), field)


def _nothing(_: str) -> None:
    """What a sleep gives."""


def _time(epoch_ms: int) -> datetime:
    return datetime.fromtimestamp(epoch_ms / 1000, UTC)
