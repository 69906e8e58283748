"""The event loop of one workflow: it goes on only in windows, and knows no clock, socket or thread.

L1  Nothing runs while no window is open. Who schedules something then has done it from outside, and
    what the code does would not replay: the loop is broken for good.
L2  A window ends when nothing is ready any more. What is ready runs in the order in which it was
    scheduled, as in every loop of asyncio.
L3  Timers are durable: `call_later` asks the workflow's owner for one. So `asyncio.sleep`,
    `asyncio.timeout` and `asyncio.wait_for` are exact on replay.
L4  Tasks and futures hash by the order in which they were made, so that the sets which
    `asyncio.wait` gives, and that of a TaskGroup, have the same order on replay.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from asyncio import events, tasks
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol, TypeVar

from .errors import ForeignAwaitError

T = TypeVar("T")

#: Callbacks of one window. Code that needs more awaits in a loop what is there already.
MAX_CALLBACKS: Final = 1_000_000

_TASK_IS_OF_THREAD: Final = sys.version_info >= (3, 14)

_INSTEAD: Final = "Put it into ctx.step(…), and wait with ctx.sleep(…) or ctx.wait_for_signal(…)."


class LoopOwner(Protocol):
    """Whom the loop belongs to."""

    @property
    def time_ms(self) -> int: ...

    def start_timer(self, delay: float, timer: Timer) -> None:
        """Settles or ignores `timer` in a later window."""

    def withdraw_timer(self, timer: Timer) -> None: ...

    def break_with(self, error: ForeignAwaitError) -> None:
        """The code can go on no more. On any thread."""


class WorkflowFuture(asyncio.Future[T]):
    """L4. Asking for an operation gives one."""

    def __init__(self, *, loop: WorkflowLoop) -> None:
        super().__init__(loop=loop)
        self._number = loop.next_number()

    def __hash__(self) -> int:
        return self._number


class WorkflowTask(asyncio.Task[T]):
    """L4."""

    def __init__(self, coro: Coroutine[Any, Any, T], *, loop: WorkflowLoop, **options: Any) -> None:
        self._number = loop.next_number()
        name = options.pop("name", None)
        name = f"workflow-task-{self._number}" if name is None else name
        super().__init__(coro, loop=loop, name=name, **options)

    def __hash__(self) -> int:
        return self._number


class Timer(asyncio.TimerHandle):
    """A durable timer that asyncio takes for one of its own."""

    #: Of the operation; None before it has one.
    position: int | None = None

    def due(self, error: BaseException | None) -> None:
        """Within a window. An error: the run is being cancelled, and the timer ends nothing."""
        if self.cancelled():
            return
        waiting = self._args[0] if self._args else None
        if error is None:
            self._run()
        elif isinstance(waiting, asyncio.Future) and self._is_sleep and not waiting.done():
            waiting.set_exception(error)

    @property
    def _is_sleep(self) -> bool:
        """`asyncio.sleep`, which raises the error. Of a timeout the body has errors of its own."""
        name = getattr(self._callback, "__name__", "")  # type: ignore[attr-defined]
        return bool(name == "_set_result_unless_cancelled")


class WorkflowLoop(asyncio.AbstractEventLoop):
    """See the top of the file."""

    def __init__(self, owner: LoopOwner) -> None:
        self._owner = owner
        self._ready: deque[asyncio.Handle] = deque()
        self._tasks: list[WorkflowTask[Any]] = []
        self._pruned_at = 64
        self._numbers = 0
        self._is_open = False

    def run_window(self, begin: Callable[[], None]) -> None:
        """Calls it, and runs what follows until nothing is ready any more."""
        outer_loop = events._get_running_loop()
        outer_hooks = sys.get_asyncgen_hooks()
        events._set_running_loop(self)
        outer_task = _swap_task(self, None)
        # A generator that is left early does not go on when it is collected: that may be any time.
        sys.set_asyncgen_hooks(firstiter=None, finalizer=_leave)
        self._is_open = True
        try:
            begin()
            self._drain()
        finally:
            self._is_open = False
            sys.set_asyncgen_hooks(*outer_hooks)
            _swap_task(self, outer_task)
            events._set_running_loop(outer_loop)
        self._prune()

    @property
    def is_current(self) -> bool:
        """Whether the code that runs now is this loop's, in a window."""
        return self._is_open and events._get_running_loop() is self

    def next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def abandon(self) -> list[WorkflowTask[Any]]:
        """Nothing goes on any more. The tasks that have not ended."""
        self._ready.clear()
        left = [task for task in self._tasks if not task.done()]
        self._tasks = []
        return left

    def _drain(self) -> None:
        ready = self._ready
        for _ in range(MAX_CALLBACKS):
            if not ready:
                return
            handle = ready.popleft()
            if handle.cancelled():
                continue
            try:
                handle._run()
            except (SystemExit, KeyboardInterrupt):
                continue  # The task that has raised it has ended with it.
        self.refusal("The code goes on and on without a pending operation")

    def _prune(self) -> None:
        """Tasks that have not ended are kept: asyncio lets one vanish that nobody refers to."""
        if len(self._tasks) < self._pruned_at:
            return
        self._tasks = [task for task in self._tasks if not task.done()]
        self._pruned_at = 2 * len(self._tasks) + 64

    def refusal(self, what: str) -> ForeignAwaitError:
        """Breaks the loop; the error that says so."""
        error = ForeignAwaitError(f"{what}. {_INSTEAD}")
        self._owner.break_with(error)
        return error

    # What asyncio's own code calls.

    def call_soon(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if self.is_current:
            self._ready.append(handle)
        else:
            self.refusal("The code was to go on by something that is no operation of ctx")
        return handle

    def call_soon_threadsafe(  # type: ignore[override]
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        self.refusal("The code was to go on by another thread, or by I/O")
        return asyncio.Handle(callback, args, self, context)

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = Timer(self.time() + delay, callback, args, self, context)
        self._owner.start_timer(delay, timer)
        return timer

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_later(max(0.0, when - self.time()), callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        if isinstance(handle, Timer):
            self._owner.withdraw_timer(handle)

    def time(self) -> float:
        """The code's time, in seconds since 1970."""
        return self._owner.time_ms / 1000

    def create_future(self) -> asyncio.Future[Any]:
        return WorkflowFuture(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], **options: Any
    ) -> asyncio.Task[T]:
        if _is_as_completed(sys._getframe(1)):
            coro.close()
            raise self.refusal(
                "asyncio.as_completed starts coroutines in an order that does not replay: give it "
                "tasks, or the futures of ctx"
            )
        task = WorkflowTask(coro, loop=self, **options)
        self._tasks.append(task)
        return task

    def get_task_factory(self) -> None:
        return None

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._is_open

    def is_closed(self) -> bool:
        return False

    def get_exception_handler(self) -> None:
        return None

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Nothing: an error that nobody awaits stands in history, and ends nothing."""


def _leave(generator: object) -> None:
    """Called in place of closing an asynchronous generator."""


def _swap_task(loop: WorkflowLoop, task: asyncio.Task[Any] | None) -> asyncio.Task[Any] | None:
    """Before Python 3.14 the current task is kept for each loop: there is nothing to swap."""
    if not _TASK_IS_OF_THREAD:
        return None
    swap: Any = vars(tasks)["_swap_current_task"]
    outer: asyncio.Task[Any] | None = swap(loop, task)
    return outer


def _is_as_completed(frame: Any) -> bool:
    """Whether asyncio.as_completed makes a task: it takes coroutines out of a set."""
    for _ in range(5):
        if frame is None or frame.f_globals is not vars(tasks):
            return False
        if "as_completed" in frame.f_code.co_qualname or "AsCompleted" in frame.f_code.co_qualname:
            return True
        frame = frame.f_back
    return False


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(loop: WorkflowLoop, *_: Any, **__: Any) -> Any:
        raise loop.refusal(f"Workflow code has no loop.{name}: no I/O, no threads, no processes")

    refuse.__name__ = name
    return refuse


for _name in dir(asyncio.AbstractEventLoop):
    if not _name.startswith("_") and _name not in vars(WorkflowLoop):
        setattr(WorkflowLoop, _name, _refusal(_name))
