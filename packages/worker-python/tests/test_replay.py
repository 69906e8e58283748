"""Programs drawn at random: every prefix of their histories replays exactly.

What the code does is drawn by a generator of its own, from the seed of the program; which outcome
comes next is drawn by the engine.
"""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from scripted_engine import Engine, activations, check_every_prefix, drive, replay

from durable_worker import DurableError, WorkflowContext

# A branch that is cancelled before it has begun was never awaited.
pytestmark = pytest.mark.filterwarnings(
    "ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)

Work = Callable[[WorkflowContext], Awaitable[Any]]


def nothing() -> None:
    """The function of a step; the engine of the tests makes up its result."""


class Programs:
    """Draws programs: nested work over operations."""

    def __init__(self, seed: int) -> None:
        self.choice = random.Random(seed)
        self.names = 0

    def name(self) -> str:
        self.names += 1
        return f"op {self.names}"

    def work(self, depth: int) -> Work:
        leaves = [self.step, self.sleep, self.signal, self.asyncio_sleep, self.draw, self.hop]
        inner = [
            self.gather,
            self.region,
            self.race,
            self.wait,
            self.attempt,
            self.sequence,
            self.timeout,
            self.group,
            self.background,
            self.decide,
            self.queue,
        ]
        kinds = leaves if depth == 0 or self.choice.random() < 0.1 else inner
        return self.choice.choice(kinds)(depth - 1)

    def several(self, depth: int) -> list[Work]:
        return [self.work(depth) for _ in range(self.choice.randint(1, 3))]

    def step(self, _: int) -> Work:
        name = self.name()
        return lambda ctx: ctx.step(name, nothing, output=object)

    def sleep(self, _: int) -> Work:
        return lambda ctx: ctx.sleep(1)

    def signal(self, _: int) -> Work:
        name = self.name()
        return lambda ctx: ctx.wait_for_signal(name)

    def asyncio_sleep(self, _: int) -> Work:
        return lambda ctx: asyncio.sleep(2)

    def draw(self, _: int) -> Work:
        async def draw(ctx: WorkflowContext) -> Any:
            return [ctx.random(), str(ctx.uuid()), ctx.now().isoformat()]

        return draw

    def hop(self, _: int) -> Work:
        async def hop(ctx: WorkflowContext) -> None:
            for _ in range(3):
                await asyncio.sleep(0)

        return hop

    def sequence(self, depth: int) -> Work:
        parts = self.several(depth)

        async def sequence(ctx: WorkflowContext) -> list[Any]:
            return [await part(ctx) for part in parts]

        return sequence

    def gather(self, depth: int) -> Work:
        parts, lenient = self.several(depth), self.choice.random() < 0.5

        async def gather(ctx: WorkflowContext) -> Any:
            work = [part(ctx) for part in parts]
            return [text(item) for item in await asyncio.gather(*work, return_exceptions=lenient)]

        return gather

    def region(self, depth: int) -> Work:
        parts = self.several(depth)
        return lambda ctx: ctx.gather("region", *[part(ctx) for part in parts])

    def race(self, depth: int) -> Work:
        parts = self.several(depth)
        return lambda ctx: ctx.race("race", *[part(ctx) for part in parts])

    def wait(self, depth: int) -> Work:
        parts, gives_up = self.several(depth), self.choice.random() < 0.5

        async def wait(ctx: WorkflowContext) -> Any:
            tasks = {asyncio.ensure_future(part(ctx)) for part in parts}
            done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if gives_up:
                for task in pending:
                    task.cancel()
            else:
                done |= (await asyncio.wait(tasks))[0]
            return [
                text(task.exception() or task.result()) for task in done if not task.cancelled()
            ]

        return wait

    def attempt(self, depth: int) -> Work:
        body, catch, last = self.work(depth), self.work(depth), self.work(depth)

        async def attempt(ctx: WorkflowContext) -> Any:
            try:
                return await body(ctx)
            except DurableError as error:
                return [error.name, await catch(ctx)]
            finally:
                await last(ctx)

        return attempt

    def timeout(self, depth: int) -> Work:
        body, waits = self.work(depth), self.choice.random() < 0.5

        async def timeout(ctx: WorkflowContext) -> Any:
            try:
                if waits:
                    return await asyncio.wait_for(body(ctx), 5)
                async with asyncio.timeout(5):
                    return await body(ctx)
            except TimeoutError:
                return "late"

        return timeout

    def group(self, depth: int) -> Work:
        parts = self.several(depth)

        async def group(ctx: WorkflowContext) -> Any:
            found: list[str] = []
            try:
                async with asyncio.TaskGroup() as tasks:
                    started = [tasks.create_task(awaited(part(ctx))) for part in parts]
                found += [text(task.result()) for task in started]
            except* DurableError as errors:
                found += [str(error) for error in errors.exceptions]
            return found

        return group

    def background(self, depth: int) -> Work:
        beside, body = self.work(depth), self.work(depth)

        async def background(ctx: WorkflowContext) -> Any:
            task = asyncio.create_task(awaited(beside(ctx)))
            value = await body(ctx)
            if task.done():
                return [text(value), "done before"]
            task.cancel()
            return text(value)

        return background

    def decide(self, depth: int) -> Work:
        name, even, odd = self.name(), self.work(depth), self.work(depth)

        async def decide(ctx: WorkflowContext) -> Any:
            value = await ctx.remote(name)
            return await (even if value % 2 == 0 else odd)(ctx)

        return decide

    def queue(self, depth: int) -> Work:
        parts = self.several(depth)

        async def queue(ctx: WorkflowContext) -> Any:
            lock, items = asyncio.Semaphore(2), asyncio.Queue[str]()

            async def put(part: Work) -> None:
                async with lock:
                    await items.put(text(await part(ctx)))

            await asyncio.gather(*(put(part) for part in parts))
            return [items.get_nowait() for _ in parts]

        return queue


async def awaited(work: Awaitable[Any]) -> Any:
    return await work


def text(value: Any) -> str:
    return str(value)


def forget() -> None:
    """While the warnings of this module are ignored."""
    while activations:
        activations.pop().forget()
    gc.collect()


def program_of(seed: int) -> Engine:
    work = Programs(seed).work(4)

    async def program(ctx: WorkflowContext) -> str:
        return text(await work(ctx))

    return Engine(program)


@pytest.mark.parametrize("block", range(10))
def test_every_prefix_replays(block: int) -> None:
    ended = operations = 0
    for seed in range(block * 30, block * 30 + 30):
        choice = random.Random(~seed)
        engine = program_of(seed)
        drive(engine, choice, cancel_at=choice.choice([None, None, 0, 1, 3]))
        ended += engine.end is not None
        operations += len(engine.asked)
        check_every_prefix(engine)
    forget()
    # The rest awaits itself, or what it has given up.
    assert ended >= 25
    assert operations > 150


def test_other_code_is_noticed() -> None:
    """One outcome of another kind, name or position is refused, wherever it stands."""
    noticed = 0
    for seed in range(60):
        choice = random.Random(seed)
        engine = program_of(seed)
        drive(engine, choice)
        settled = [item for item in engine.history if item.outcome == "settled"]
        if not settled:
            continue
        victim = choice.choice(settled)
        change: Any = choice.choice([{"name": "another"}, {"position": 9_999}])
        at = engine.history.index(victim)
        engine.history[at] = victim.model_copy(update=change)
        answer = replay(engine, len(engine.history), chunks=1)
        assert answer.mismatch is not None
        assert answer.mismatch.position in (victim.position, 9_999)
        noticed += 1
    forget()
    assert noticed > 40
