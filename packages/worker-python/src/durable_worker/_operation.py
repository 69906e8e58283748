"""What workflow code awaits: one durable operation, a future of its loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ._recorded_error import decode_error
from ._turn_messages import Settled
from ._workflow_loop import Timer, WorkflowFuture
from .errors import StepFailedError

if TYPE_CHECKING:
    from ._activation import Activation

T = TypeVar("T")


class Pending(Protocol):
    """An operation without an outcome."""

    @property
    def kind(self) -> str:
        """As outcomes name it."""

    @property
    def name(self) -> str: ...

    def settle(self, outcome: Settled) -> None:
        """Within a window. Must not raise."""


class Operation(WorkflowFuture[T]):
    """Pending until its outcome comes. Cancelling it, as asyncio does, withdraws it."""

    def __init__(
        self,
        activation: Activation,
        *,
        position: int,
        kind: str,
        name: str,
        read: Callable[[str], Any],
    ) -> None:
        super().__init__(loop=activation.loop)
        self.position = position
        self.kind = kind
        self.name = name
        self._read = read
        self._activation = activation

    def settle(self, outcome: Settled) -> None:
        if self.done():
            return  # By the code itself, which may do so with any future.
        if not outcome.ok:
            self.set_exception(decode_error(outcome.payload, StepFailedError))
            return
        try:
            value = self._read(outcome.payload)
        except Exception as error:  # noqa: BLE001 - what cannot be read is the code's to handle.
            self.set_exception(error)
        else:
            self.set_result(value)

    def cancel(self, msg: Any = None) -> bool:
        """Withdraws it: the engine gives it up, and it will have no outcome."""
        is_cancelled = super().cancel(msg)
        if is_cancelled:
            self._activation.withdraw(self.position)
        return is_cancelled


class TimerOperation:
    """A timer that asyncio has asked for."""

    kind = "sleep"
    name = "sleep"

    def __init__(self, timer: Timer) -> None:
        self._timer = timer

    def settle(self, outcome: Settled) -> None:
        error = None if outcome.ok else decode_error(outcome.payload, StepFailedError)
        self._timer.due(error)
