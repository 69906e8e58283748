"""What workflow code must not do, and what becomes of it."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
from conftest import make_context
from scripted_engine import Engine, check_every_prefix

from durable_worker import ForeignAwaitError, WorkflowContext, _workflow_loop
from durable_worker._parking import can_mark


def broken_of(work: Callable[[WorkflowContext], Awaitable[Any]]) -> str:
    async def foreign(ctx: WorkflowContext) -> None:
        await ctx.sleep(1)
        with suppress(ForeignAwaitError):
            await work(ctx)
        await ctx.sleep(2)

    engine = Engine(foreign)
    engine.begin()
    answer = engine.settle(1)
    assert answer.broken is not None
    assert answer.end is None
    assert answer.asked == []
    return answer.broken


@pytest.mark.parametrize(
    "work",
    [
        lambda ctx: asyncio.to_thread(time.sleep, 0),
        lambda ctx: asyncio.get_running_loop().run_in_executor(None, time.sleep, 0),
        lambda ctx: asyncio.open_connection("localhost", 1),
        lambda ctx: asyncio.get_running_loop().getaddrinfo("localhost", 1),
        lambda ctx: asyncio.create_subprocess_exec("true"),
        lambda ctx: asyncio.get_running_loop().sock_recv(None, 1),  # type: ignore[arg-type]
        lambda ctx: asyncio.get_running_loop().add_reader(0, print),
    ],
)
def test_io_threads_and_processes_are_refused(
    work: Callable[[WorkflowContext], Awaitable[Any]],
) -> None:
    text = broken_of(work)
    assert "Workflow code has no loop." in text
    assert "ctx.step(" in text


def test_as_completed_of_coroutines_is_refused_and_of_futures_is_fine() -> None:
    async def ask(ctx: WorkflowContext, name: str) -> Any:
        return await ctx.remote(name)

    async def first(ctx: WorkflowContext) -> Any:
        for done in asyncio.as_completed([ask(ctx, "a"), ask(ctx, "b")]):
            return await done
        return None

    async def fine(ctx: WorkflowContext) -> list[Any]:
        found = []
        for done in asyncio.as_completed([ctx.remote("a"), ctx.remote("b")], timeout=60):
            found.append(await done)
        return found

    with pytest.warns(RuntimeWarning, match="never awaited"):
        text = broken_of(first)
    assert "as_completed" in text
    engine = Engine(fine)
    engine.begin()
    engine.settle(2, "b")
    engine.settle(1, "a")
    assert engine.end == (True, ["b", "a"])
    check_every_prefix(engine)


async def test_a_future_of_another_loop_is_refused() -> None:
    elsewhere = asyncio.get_running_loop().create_future()

    async def waits(ctx: WorkflowContext) -> None:
        await elsewhere

    answer = Engine(waits).begin()
    assert answer.broken is not None
    assert "attached to a different loop" in answer.broken
    assert answer.end is None


def test_what_is_no_awaitable_of_asyncio_is_refused() -> None:
    class Odd:
        def __await__(self) -> Iterator[Any]:
            yield "trio"

    async def waits(ctx: WorkflowContext) -> None:
        await Odd()  # type: ignore[misc]

    assert "Task got bad yield" in (Engine(waits).begin().broken or "")


def test_code_that_goes_on_by_itself_is_broken() -> None:
    futures: list[asyncio.Future[None]] = []

    async def waits(ctx: WorkflowContext) -> None:
        futures.append(asyncio.get_running_loop().create_future())
        await asyncio.gather(futures[-1], ctx.sleep(1))

    engine = Engine(waits)
    engine.begin()
    futures[0].set_result(None)
    assert "no operation of ctx" in (engine.settle(1).broken or "")

    engine = Engine(waits)
    engine.begin()
    loop = futures[1].get_loop()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(futures[1].set_result, None))
    thread.start()
    thread.join()
    assert "another thread" in (engine.settle(1).broken or "")


def test_another_run_cannot_wake_it() -> None:
    events: list[asyncio.Event] = []

    async def waits(ctx: WorkflowContext) -> None:
        events.append(asyncio.Event())
        await events[0].wait()

    async def sets(ctx: WorkflowContext) -> str:
        events[0].set()
        return "fine"

    waiting = Engine(waits)
    waiting.begin()
    other = Engine(sets)
    other.begin()
    assert other.end == (True, "fine")
    assert waiting.turn().broken is not None


async def test_a_step_cannot_use_ctx() -> None:
    async def asks(ctx: WorkflowContext) -> None:
        async def step() -> None:
            await ctx.sleep(1)

        def blocking() -> str:
            return str(ctx.uuid())

        ctx.step("a", step)
        ctx.step("b", blocking)

    engine = Engine(asks)
    answer = engine.begin()
    for position in (1, 2):
        with pytest.raises(ForeignAwaitError, match="outside of workflow"):
            await engine.activation.steps[position].call("null", make_context())
    assert answer.next_position == 3
    assert engine.turn().broken is None


def test_code_that_never_rests_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workflow_loop, "MAX_CALLBACKS", 1_000)

    async def spins(ctx: WorkflowContext) -> None:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)

    assert "goes on and on" in (Engine(spins).begin().broken or "")


async def test_the_loop_around_is_there_again_after_a_window() -> None:
    here, task = asyncio.get_running_loop(), asyncio.current_task()

    async def looks(ctx: WorkflowContext) -> bool:
        assert asyncio.get_running_loop() is not here
        assert asyncio.current_task() is not task
        await asyncio.sleep(0)
        assert asyncio.current_task() is not None
        return True

    engine = Engine(looks)
    engine.begin()
    assert engine.end == (True, True)
    assert asyncio.get_running_loop() is here
    assert asyncio.current_task() is task
    await asyncio.sleep(0)


class Token:
    """What a frame holds."""


def test_code_that_is_forgotten_runs_no_more_and_is_freed(  # noqa: C901
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert can_mark()
    unraisable: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", unraisable.append)
    ran: list[str] = []
    held: list[weakref.ref[Token]] = []

    def hold() -> Token:
        token = Token()
        held.append(weakref.ref(token))
        return token

    @contextmanager
    def manager() -> Iterator[None]:
        token = hold()
        try:
            yield
        finally:
            ran.append(f"manager {token}")

    @asynccontextmanager
    async def async_manager(ctx: WorkflowContext) -> AsyncIterator[None]:
        token = hold()
        try:
            yield
        finally:
            ran.append(f"async manager {token}")
            await ctx.sleep(1)

    async def items(ctx: WorkflowContext) -> AsyncIterator[int]:
        token = hold()
        try:
            yield 1
            await inner(ctx)
            yield 2
        finally:
            ran.append(f"items {token}")

    def numbers() -> Iterator[int]:
        token = hold()
        try:
            yield 1
        finally:
            ran.append(f"numbers {token}")

    async def inner(ctx: WorkflowContext) -> None:
        token = hold()
        try:
            await ctx.wait_for_signal("never")
        except BaseException:
            ran.append(f"except {token}")
            raise
        finally:
            ran.append(f"inner {token}")
            await ctx.step("clean up", lambda: None)

    async def branches(ctx: WorkflowContext) -> None:
        started = numbers()
        next(started)
        async with AsyncExitStack() as stack:
            stack.enter_context(manager())
            await stack.enter_async_context(async_manager(ctx))
            with manager():
                async with asyncio.TaskGroup() as group:
                    group.create_task(inner(ctx))
                    async for _ in items(ctx):
                        pass

    async def left(ctx: WorkflowContext) -> None:
        async for _ in items(ctx):
            break

    async def program(ctx: WorkflowContext) -> None:
        # One that nobody refers to, and one that is in a cycle.
        asyncio.get_running_loop().create_task(inner(ctx))
        me = asyncio.current_task()
        token = hold()
        try:
            await left(ctx)
            gc.collect()
            await asyncio.gather(branches(ctx), ctx.race("r", inner(ctx), inner(ctx)))
        finally:
            ran.append(f"program {token} {me}")

    engine = Engine(program)
    answer = engine.begin()
    assert answer.broken is None
    assert len(answer.asked) >= 4
    assert len(held) > 8
    activation = engine.activation
    engine.activation = engine.new_activation()
    activation.forget()
    gone = weakref.ref(activation)
    del activation
    from scripted_engine import activations

    activations.clear()
    gc.collect()
    assert ran == []
    assert unraisable == []
    assert gone() is None
    assert [ref for ref in held if ref() is not None] == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_thousand_forgotten_runs_leave_nothing() -> None:
    async def waits(ctx: WorkflowContext) -> None:
        with suppress(ValueError):
            await asyncio.gather(ctx.wait_for_signal("a"), ctx.sleep(1))

    gc.collect()
    from scripted_engine import activations

    def count() -> int:
        return sum(type(item).__name__ in ("Operation", "coroutine") for item in gc.get_objects())

    before = count()
    for _ in range(1_000):
        engine = Engine(waits)
        engine.begin()
        engine.activation.forget()
    del engine
    activations.clear()
    gc.collect()
    assert count() <= before + 20


def test_random_is_the_runs_own() -> None:
    async def draws(ctx: WorkflowContext) -> float:
        return ctx.random()

    ends = set()
    for _ in range(3):
        random.seed()
        engine = Engine(draws)
        engine.begin()
        assert engine.end is not None
        ends.add(engine.end[1])
    assert len(ends) == 1
