"""The activations of a worker: turns, loss, steps, and what is dropped."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import make_task
from scripted_engine import make_start

from durable_worker import WorkflowContext, _activations
from durable_worker._activations import Activations
from durable_worker._attempt import Handler
from durable_worker._bad_messages import BadMessages
from durable_worker._keys import Keys, Pace
from durable_worker._messages import Task
from durable_worker._replies import Replies
from durable_worker._runner import Runner
from durable_worker._turn_messages import Release, Settled, Turn
from durable_worker._watch import Watch
from durable_worker._workflow_definition import WorkflowDefinition

LOGGER = logging.getLogger("durable_worker")


class FakeReplies(Replies):
    """Keeps what would be sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.beats = 0

    async def send(self, reply_to: str, text: str, what: str) -> None:
        assert reply_to.startswith("durable:default:results:")
        self.sent.append(json.loads(text))

    def heartbeat(self, task: Task, progress: str | None) -> None:
        self.beats += 1


class FakeRunner(Runner):
    """Calls the handlers, and nothing else."""

    def __init__(self) -> None:
        self.running = 0
        self.outputs: list[Any] = []
        self.gate: asyncio.Event | None = None

    async def run_local(self, step: Handler, task: Task) -> None:
        from conftest import make_context

        self.running += 1
        if self.gate is not None:
            await self.gate.wait()
        try:
            self.outputs.append(await step.call(task.input, make_context()))
        except Exception as error:  # noqa: BLE001
            self.outputs.append(type(error).__name__)
        self.running -= 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Worker:
    """The part of a worker under test."""

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.replies = FakeReplies()
        self.runner = FakeRunner()
        self.bad = BadMessages(LOGGER)
        self.activations = Activations(
            {("w", "1"): WorkflowDefinition("w", "1", function)},
            worker="w-1",
            keys=Keys("durable", "default"),
            pace=Pace(0.02),
            replies=self.replies,
            runner=self.runner,
            bad=self.bad,
            logger=LOGGER,
            **{
                "concurrency": 2,
                "most": 10,
                "idle": 60.0,
                "max_message_bytes": 100_000,
                **options,
            },
        )

    async def take(self, *messages: Turn | Task | Release) -> list[Any]:
        """What is sent until nothing moves any more."""
        before = len(self.replies.sent)
        for message in messages:
            self.activations.take(message)
        for _ in range(100):
            await asyncio.sleep(0)
        return self.replies.sent[before:]


def turn(number: int = 1, activation: str = "a", **fields: Any) -> Turn:
    given: dict[str, Any] = {
        "activation": activation,
        "token": "t" * 32,
        "reply_to": "durable:default:results:e",
        "turn": number,
        "start": make_start() if number == 1 else None,
        "outcomes": [],
    }
    return Turn(**{**given, **fields})


def woke(position: int = 1, kind: Any = "sleep") -> Settled:
    return Settled(
        seq=position, at=1, position=position, kind=kind, name=kind, ok=True, payload="null"
    )


async def sleeps(ctx: WorkflowContext) -> str:
    await ctx.sleep(1)
    return "woke"


async def test_a_dialogue() -> None:
    worker = Worker(sleeps)
    (first,) = await worker.take(turn())
    assert (first["type"], first["turn"], first["token"]) == ("turnResult", 1, "t" * 32)
    assert first["asked"][0]["request"] == {"kind": "sleep", "durationMs": 1_000}
    (second,) = await worker.take(turn(2, outcomes=[woke()]))
    assert second["end"] == {"ok": True, "payload": '"woke"'}
    # Clean-up may come after the end: it is there until it is released.
    (third,) = await worker.take(turn(3))
    assert "end" not in third
    assert await worker.take(Release(activation="a")) == []
    (lost,) = await worker.take(turn(4))
    assert lost == {"v": 1, "type": "lost", "activation": "a", "token": "t" * 32}


async def test_what_was_run_is_ignored_and_what_is_too_early_is_a_loss() -> None:
    worker = Worker(sleeps)
    assert len(await worker.take(turn(), turn())) == 1
    assert await worker.take(turn()) == []
    assert [sent["type"] for sent in await worker.take(turn(3))] == ["lost"]
    assert [sent["type"] for sent in await worker.take(turn(2))] == ["lost"]


async def test_what_is_unknown_is_a_loss() -> None:
    worker = Worker(sleeps)
    other = make_start(workflow="other")
    task = make_task(activation="x", position=1)
    for message in (turn(2), turn(start=other), turn(start=None), task):
        assert [sent["type"] for sent in await worker.take(message)] == ["lost"]


async def test_what_a_forger_may_want_is_dropped() -> None:
    worker = Worker(sleeps)
    await worker.take(turn())
    elsewhere = make_start(namespace="other")
    for message in (
        turn(2, token="f" * 32),
        turn(activation="b", reply_to="durable:default:control"),
        turn(activation="b", start=elsewhere),
        make_task(activation="a", position=1, namespace="other"),
        make_task(position=1),
    ):
        assert await worker.take(message) == []
    assert sum(entry.count for entry in worker.bad.list()) == 5
    assert len(await worker.take(turn(2, outcomes=[woke()]))) == 1


async def test_steps_run_a_few_at_a_time_and_give_signs_of_life() -> None:
    async def steps(ctx: WorkflowContext) -> None:
        for number in range(3):
            ctx.step("n", lambda number=number: number)

    worker = Worker(steps)
    worker.runner.gate = asyncio.Event()
    await worker.take(turn())
    tasks = [make_task(activation="a", position=n, token=f"k{n}") for n in (1, 2, 3)]
    await worker.take(*tasks)
    assert worker.runner.running == 2
    await until(lambda: worker.replies.beats >= 2)
    worker.runner.gate.set()
    await until(lambda: len(worker.runner.outputs) == 3)
    assert sorted(worker.runner.outputs) == ["0", "1", "2"]


async def test_a_step_that_was_given_up_is_not_called() -> None:
    async def gives_up(ctx: WorkflowContext) -> None:
        ctx.step("n", lambda: 1).cancel()
        await ctx.sleep(1)

    worker = Worker(gives_up)
    await worker.take(turn())
    await worker.take(make_task(activation="a", position=1))
    assert worker.runner.outputs == ["StepCancelledError"]


async def test_idle_ones_are_forgotten_the_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(_activations, "time", SimpleNamespace(monotonic=lambda: now[0]))
    worker = Worker(sleeps, most=2)
    for name in "abc":
        now[0] += 1
        await worker.take(turn(activation=name))
    # Too many, but none has been idle for long.
    worker.activations.sweep()
    assert [sent["type"] for sent in await worker.take(turn(2, "a", outcomes=[woke()]))] == [
        "turnResult"
    ]
    now[0] += 10
    worker.activations.sweep()
    # `b` was the one that nobody has used for the longest time.
    found = [(await worker.take(turn(2, name, outcomes=[woke()])))[0]["type"] for name in "bc"]
    assert found == ["lost", "turnResult"]
    now[0] += 61
    worker.activations.sweep()
    assert [sent["type"] for sent in await worker.take(turn(3, "c"))] == ["lost"]
    # The task's own token would not be believed.
    (lost,) = await worker.take(make_task(activation="c", position=1))
    assert lost["token"] == "t" * 32


async def test_what_is_in_use_is_kept() -> None:
    async def steps(ctx: WorkflowContext) -> None:
        await ctx.step("n", lambda: 1)

    worker = Worker(steps, idle=0.0)
    worker.runner.gate = asyncio.Event()
    await worker.take(turn())
    await worker.take(make_task(activation="a", position=1))
    worker.activations.sweep()
    # Released, it goes on to the end of its steps.
    await worker.take(Release(activation="a"))
    worker.runner.gate.set()
    await worker.take()
    assert worker.runner.outputs == ["1"]
    assert [sent["type"] for sent in await worker.take(turn(2))] == ["lost"]


async def test_the_end_of_the_worker_is_told() -> None:
    worker = Worker(sleeps)
    await worker.take(turn(activation="a"), turn(activation="b"))
    worker.activations.refuse_new()
    assert [sent["type"] for sent in await worker.take(turn(activation="c"))] == ["lost"]
    assert len(await worker.take(turn(2, "a", outcomes=[woke()]))) == 1
    before = len(worker.replies.sent)
    await worker.activations.close()
    told = worker.replies.sent[before:]
    assert sorted(sent["activation"] for sent in told) == ["a", "b"]
    assert {sent["type"] for sent in told} == {"lost"}


async def test_answers_are_of_bounded_size() -> None:
    async def asks_much(ctx: WorkflowContext) -> None:
        await ctx.remote("x", "x" * 200_000)

    async def asks_often(ctx: WorkflowContext) -> None:
        for _ in range(10_001):
            ctx.sleep(1)
        await ctx.sleep(1)

    async def returns_much(ctx: WorkflowContext) -> str:
        return "x" * 200_000

    (much,) = await Worker(asks_much).take(turn())
    assert "max_message_bytes is 100000" in much["broken"]
    (often,) = await Worker(asks_often).take(turn())
    assert "10002 things" in often["broken"]
    (output,) = await Worker(returns_much).take(turn())
    assert json.loads(output["end"]["payload"])["$error"]["name"] == "PayloadTooLargeError"


async def test_a_fault_of_ours_is_the_end_of_one_activation(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(sleeps)
    await worker.take(turn(activation="a"), turn(activation="b"))
    from durable_worker._activation import Activation

    with monkeypatch.context() as patch:
        patch.setattr(Activation, "answer", lambda *_: 1 / 0)
        assert [sent["type"] for sent in await worker.take(turn(2, "a"))] == ["lost"]
    assert "was given up here" in caplog.text
    assert [sent["type"] for sent in await worker.take(turn(2, "b"))] == ["turnResult"]


async def test_other_work_goes_on_during_a_long_replay() -> None:
    async def slow(ctx: WorkflowContext) -> None:
        for _ in range(20):
            time.sleep(0.005)  # noqa: ASYNC251
            await ctx.sleep(1)

    worker = Worker(slow)
    outcomes = [woke(position) for position in range(1, 20)]
    worker.activations.take(turn(outcomes=outcomes))
    rounds = 0
    async with asyncio.timeout(10):
        while not worker.replies.sent:
            rounds += 1
            await asyncio.sleep(0)
    assert rounds >= 4


def test_code_that_computes_for_long_is_named(caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch(LOGGER, limit=0.05)
    with watch.over("Workflow 'slow'"):
        deadline = time.monotonic() + 10
        while "slow" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
    assert "test_code_that_computes_for_long_is_named" in caplog.text
    assert caplog.text.count("has computed for more than") == 1
    with watch.over("Workflow 'quick'"):
        pass
    watch.close()
    assert "quick" not in caplog.text
