"""One activation of a workflow: its code, from the start to the present moment.

A1  What the code asks for takes the next position, at the call. Nothing is remembered of it but
    what the next answer needs: history is the engine's.
A2  Outcomes are given to the code one at a time, each in a window of its own.
A3  Code that cannot be trusted any more (an outcome that does not fit, something that would not
    replay) goes no further: what it still asks for stays pending, and its end is ignored.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ._error_text import encode_error
from ._local_steps import LocalStep
from ._message_parts import MAX_ITEMS
from ._operation import Operation, Pending, TimerOperation
from ._parking import let_go
from ._turn_messages import (
    Asked,
    AskedOperation,
    AskedPatch,
    AskedWithdraw,
    CancelRequested,
    End,
    Group,
    Label,
    Mismatch,
    Request,
    Settled,
    SleepRequest,
    Start,
    Turn,
    TurnResult,
)
from ._workflow_context import WorkflowContext
from ._workflow_definition import WorkflowDefinition
from ._workflow_loop import Timer, WorkflowLoop
from ._workflow_options import milliseconds
from .errors import ForeignAwaitError

if TYPE_CHECKING:
    import logging

_MAX_BROKEN: Final = 4_000
_HERE: Final = __name__.rpartition(".")[0]
#: What asyncio says when code awaits what is not of its loop.
_FOREIGN: Final = ("attached to a different loop", "Task got bad yield")


class Activation:
    """See the top of the file. Knows no host: `windows` are run by whoever has it."""

    def __init__(
        self, definition: WorkflowDefinition, start: Start, logger: logging.Logger
    ) -> None:
        self.start = start
        self.loop: WorkflowLoop = WorkflowLoop(self)  # type: ignore[abstract]
        #: Functions of pending steps, by position.
        self.steps: dict[int, LocalStep] = {}
        self.time_ms = start.started_at
        self.is_cancelled = False
        self._definition = definition
        self._logger = logger
        self._context = WorkflowContext(self, logger)
        self._pending: dict[int, Pending] = {}
        self._labels: dict[int, tuple[str, str]] = {}
        self._patches: dict[str, bool] = {}
        self._asked: list[Asked] = []
        self._asked_at: dict[int, int] = {}
        self._next = 1
        self._seq = 0
        self._end: End | None = None
        self._is_end_told = False
        self._mismatch: Mismatch | None = None
        self._broken: str | None = None

    # What its host calls.

    def windows(self, turn: Turn) -> Iterator[None]:
        """Runs the windows of a turn; gives way after each."""
        if turn.start is not None:
            self.loop.run_window(self._begin)
            yield
        for outcome in turn.outcomes:
            if self._is_stuck:
                return
            self.loop.run_window(partial(self._deliver, outcome))
            yield

    def answer(self, turn: Turn, worker: str) -> TurnResult:
        """What the code did since the last answer."""
        asked, self._asked, self._asked_at = self._asked, [], {}
        if len(asked) > MAX_ITEMS:
            what = f"The code asks for {len(asked)} things in one turn, and {MAX_ITEMS} may be"
            self.break_with(ForeignAwaitError(f"{what}. Ask for less at once."))
        end = None if self._is_end_told or self._is_stuck else self._end
        self._is_end_told = self._is_end_told or end is not None
        return TurnResult(
            activation=turn.activation,
            token=turn.token,
            turn=turn.turn,
            worker=worker,
            asked=[] if self._is_stuck else asked,
            next_position=self._next,
            end=end,
            mismatch=self._mismatch,
            broken=None if self._mismatch else self._broken,
        )

    def forget(self) -> None:
        """It goes on no more here, and perhaps elsewhere: nothing of its code runs for that."""
        let_go([*self.loop.abandon(), *self._pending.values()], self._logger)
        self._pending = {}
        self.steps = {}

    def label_at(self, position: int) -> str | None:
        """Name of what the code has asked for there."""
        return self._labels.get(position, (None, None))[1]

    # What `ctx` calls.

    @property
    def is_replaying(self) -> bool:
        """Whether history holds something that the code has not reached yet."""
        return self._seq < self.start.last_seq or self._next <= self.start.max_position

    def ask(
        self,
        name: str,
        request: Request,
        read: Callable[[str], Any],
        *,
        group: Group | None = None,
        step: LocalStep | None = None,
    ) -> Operation[Any]:
        """An operation: takes its position now, and settles in a later window."""
        self.require_inside(f"{request.kind} '{name}'")
        kind = "child" if request.kind == "childResult" else request.kind
        position = self._next
        operation: Operation[Any] = Operation(
            self, position=position, kind=kind, name=name, read=read
        )
        if self._is_stuck:
            return operation
        self._note(position, name, kind, request, group)
        self._pending[position] = operation
        if step is not None:
            self.steps[position] = step
        return operation

    def derive(self, name: str) -> bytes:
        """Bytes that the run's seed and the position decide: nothing has to be recorded."""
        self.require_inside(f"ctx.{name}()")
        position = self._take("sideEffect", name)
        key, text = self.start.seed.encode(), f"{name}:{position}".encode()
        return hmac.new(key, text, hashlib.sha256).digest()

    def patched(self, patch: str) -> bool:
        """Decided once per run."""
        self.require_inside(f"ctx.patched('{patch}')")
        decided = self._patches.get(patch)
        if decided is None:
            is_marked = patch in self.start.patches
            decided = self._patches[patch] = is_marked or not self.is_replaying
            if decided and not is_marked and not self._is_stuck:
                self._asked.append(AskedPatch(cause=self._seq, name=patch))
        return decided

    def withdraw(self, position: int) -> None:
        """Gives a pending operation up."""
        if self._is_stuck or self._pending.pop(position, None) is None:
            return
        self.steps.pop(position, None)
        self._asked.append(AskedWithdraw(cause=self._seq, position=position))

    def put_in(self, group: Group, operation: Operation[Any], around: Group | None) -> None:
        """Says that an operation belongs to a region, if this window asked for it around it."""
        index = self._asked_at.get(operation.position)
        asked = None if index is None else self._asked[index]
        if index is None or not isinstance(asked, AskedOperation) or asked.group != around:
            return
        if asked.cause == self._seq:
            self._asked[index] = asked.model_copy(update={"group": group})

    def require_inside(self, what: str) -> None:
        """Raises ForeignAwaitError where `ctx` is used outside of the workflow's code."""
        if self.loop.is_current:
            return
        raise ForeignAwaitError(
            f"{what} was asked for outside of workflow '{self.start.workflow}': by a step, another "
            "task, or another run. Ask for it in the workflow, and pass on what comes of it."
        )

    # What the loop calls.

    def start_timer(self, delay: float, timer: Timer) -> None:
        duration_ms = milliseconds(max(0.0, delay), "delay")
        if self._is_stuck:
            return
        position = self._next
        self._note(position, "sleep", "sleep", SleepRequest(duration_ms=duration_ms), None)
        self._pending[position] = TimerOperation(timer)
        timer.position = position

    def withdraw_timer(self, timer: Timer) -> None:
        if timer.position is not None:
            self.withdraw(timer.position)

    def break_with(self, error: ForeignAwaitError) -> None:
        if self._broken is None:
            self._broken = error.message[:_MAX_BROKEN]

    # What it does in windows.

    @property
    def _is_stuck(self) -> bool:
        return self._broken is not None or self._mismatch is not None

    def _begin(self) -> None:
        self.loop.create_task(self._run(), name="workflow", context=Context())

    async def _run(self) -> None:
        try:
            payload = await self._definition.call(self._context, self.start.input)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the run's end.
            if _is_foreign(error):
                text = f"The code awaits what is no operation of ctx: {error}"
                self.break_with(ForeignAwaitError(text))
            self._end = End(ok=False, payload=encode_error(error))
        else:
            self._end = End(ok=True, payload=payload)

    def _deliver(self, outcome: Settled | CancelRequested) -> None:
        self._seq = outcome.seq
        self.time_ms = max(self.time_ms, outcome.at)
        if isinstance(outcome, CancelRequested):
            self.is_cancelled = True
            return
        position = outcome.position
        pending = self._pending.get(position)
        if pending is None or (pending.kind, pending.name) != (outcome.kind, outcome.name):
            label = self._labels.get(position)
            asked = None if label is None else Label(kind=label[0], name=label[1])
            self._mismatch = Mismatch(position=position, asked=asked)
            return
        del self._pending[position]
        self.steps.pop(position, None)
        pending.settle(outcome)

    def _note(
        self, position: int, name: str, kind: str, request: Request, group: Group | None
    ) -> None:
        self._take(kind, name)
        self._asked_at[position] = len(self._asked)
        self._asked.append(
            AskedOperation(
                cause=self._seq,
                position=position,
                name=name,
                request=request,
                group=group,
                site=None if self.is_replaying else _site(),
            )
        )

    def _take(self, kind: str, name: str) -> int:
        position = self._next
        if not self._is_stuck:
            self._next += 1
            self._labels[position] = (kind, name)
        return position


def _is_foreign(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _FOREIGN)


def _site() -> str | None:
    """`file:line` of the code that asks."""
    frame = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in (_HERE, "asyncio"):
            return f"{os.path.basename(frame.f_code.co_filename)[-200:]}:{frame.f_lineno}"
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None
