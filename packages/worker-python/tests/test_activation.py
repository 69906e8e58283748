"""The code of workflows, turn by turn."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from scripted_engine import Engine, check_every_prefix, make_start, make_turn, replay

from durable_worker import (
    ChildFailedError,
    FatalError,
    RetryPolicy,
    SignalTimeoutError,
    StepFailedError,
    UnserializableValueError,
    WorkflowCancelledError,
    WorkflowContext,
    _json,
)
from durable_worker._turn_messages import Settled, TurnResult


class Order(BaseModel):
    id: str
    at: datetime | None = None


def pick(order_id: str) -> dict[str, str]:
    return {"shelf": f"shelf of {order_id}"}


def dump(answer: TurnResult) -> list[Any]:
    given: list[Any] = _json.parse(answer.text())["asked"]
    for asked in given:
        asked.pop("site", None)
    return given


def error_text(name: str, message: str = "m", **more: Any) -> dict[str, Any]:
    return {"$error": {"name": name, "message": message, **more}}


def error_of(engine: Engine) -> Any:
    assert engine.end is not None
    ok, content = engine.end
    assert not ok
    return content["$error"]


def test_a_run_of_steps() -> None:
    async def fulfil(ctx: WorkflowContext, order: Order) -> dict[str, Any]:
        shelf = await ctx.step("pick", pick, order.id)
        await ctx.sleep(5)
        return {"shelf": shelf, "id": ctx.run_id}

    engine = Engine(fulfil, {"id": "o-1"})
    assert dump(engine.begin()) == [
        {
            "ask": "operation",
            "cause": 0,
            "position": 1,
            "name": "pick",
            "request": {"kind": "step", "options": {}},
        }
    ]
    answer = engine.settle(1, {"shelf": "7"})
    assert (answer.next_position, answer.end) == (3, None)
    assert dump(answer)[0]["request"] == {"kind": "sleep", "durationMs": 5_000}
    assert dump(answer)[0]["cause"] == 1
    engine.settle(2, None)
    assert engine.end == (True, {"shelf": {"shelf": "7"}, "id": "r-1"})
    check_every_prefix(engine)


def test_every_verb_asks_as_the_protocol_says() -> None:
    async def everything(ctx: WorkflowContext) -> None:
        ctx.step(
            "pick",
            pick,
            "o",
            retries=3,
            timeout=30,
        )
        policy = RetryPolicy(initial_delay=0.1, factor=1.5, max_delay=1, jitter="none")
        ctx.remote("pay", Order(id="o"), retry=policy, heartbeat_timeout=timedelta(seconds=5))
        ctx.sleep_until(datetime(2026, 1, 1, tzinfo=UTC))
        ctx.wait_for_signal("approved:o", timeout=60)
        ctx.child(
            "refund",
            {"n": 1},
            version="1",
            run_id="refund-o",
            tags=["eu"],
            priority=-1,
            close_policy="abandon",
        )
        ctx.start_child("refund")

    answer = Engine(everything).begin()
    assert [(asked["position"], asked["name"], asked["request"]) for asked in dump(answer)] == [
        (1, "pick", {"kind": "step", "options": {"maxAttempts": 4, "timeoutMs": 30_000}}),
        (
            2,
            "pay",
            {
                "kind": "remote",
                "input": '{"id":"o","at":null}',
                "options": {
                    "initialDelayMs": 100,
                    "factor": 1.5,
                    "maxDelayMs": 1_000,
                    "jitter": "none",
                    "heartbeatTimeoutMs": 5_000,
                },
            },
        ),
        (3, "sleepUntil", {"kind": "sleep", "untilMs": 1_767_225_600_000}),
        (4, "approved:o", {"kind": "signal", "token": "approved:o", "timeoutMs": 60_000}),
        (
            5,
            "refund",
            {
                "kind": "child",
                "workflow": "refund",
                "version": "1",
                "runId": "refund-o",
                "input": '{"n":1}',
                "tags": ["eu"],
                "priority": -1,
                "closePolicy": "abandon",
            },
        ),
        (6, "refund", {"kind": "child", "workflow": "refund", "input": "null", "detached": True}),
    ]


def test_a_child_by_its_handle() -> None:
    async def parent(ctx: WorkflowContext) -> Any:
        handle = await ctx.start_child("refund", {}, output=Order)
        order: Order = await handle.result()
        return [handle.run_id, order.id]

    engine = Engine(parent)
    engine.begin()
    engine.settle(1, "child-1")
    assert engine.pending[2].request.model_dump(by_alias=True) == {
        "kind": "childResult",
        "runId": "child-1",
    }
    engine.settle(2, {"id": "o"})
    assert engine.end == (True, ["child-1", "o"])
    check_every_prefix(engine)


def test_errors_are_of_the_nearest_class_and_keep_what_was_recorded() -> None:
    seen: list[tuple[str, str, str]] = []

    async def fails(ctx: WorkflowContext) -> None:
        for kind in (StepFailedError, FatalError, SignalTimeoutError, ChildFailedError):
            try:
                await ctx.remote("pay")
            except kind as error:
                seen.append((type(error).__name__, error.name, str(error)))
                if isinstance(error, ChildFailedError):
                    assert error.child_run_id == "c"
                    assert isinstance(error.__cause__, StepFailedError)
                    assert error.__cause__.properties == {"code": 7}
                    raise

    engine = Engine(fails)
    engine.begin()
    engine.settle(1, error_text("CardDeclined", "stolen"))
    engine.settle(2, error_text("StolenCard", "no", **{"class": "durable/FatalError"}))
    engine.settle(3, error_text("X", "late", **{"class": "durable/SignalTimeoutError"}))
    last = error_text(
        "ChildFailedError",
        "it failed",
        **{
            "class": "durable/ChildFailedError",
            "stack": "of TypeScript",
            "cause": error_text("Deep", props={"code": 7, "at": {"$date": "x"}}),
            "props": {"code": "CHILD_FAILED", "fields": {"childRunId": "c", "workflow": "w"}},
        },
    )
    engine.settle(4, last)
    assert seen == [
        ("StepFailedError", "CardDeclined", "stolen"),
        ("FatalError", "StolenCard", "no"),
        ("SignalTimeoutError", "X", "late"),
        ("ChildFailedError", "ChildFailedError", "it failed"),
    ]
    assert {"$error": error_of(engine)} == last


def test_what_is_raised_from_a_recorded_error_has_it_as_cause() -> None:
    class NoMoneyError(FatalError):
        pass

    async def fails(ctx: WorkflowContext) -> None:
        try:
            await ctx.remote("pay")
        except StepFailedError as error:
            raise NoMoneyError("nothing left", fields={"n": 1}) from error

    engine = Engine(fails)
    engine.begin()
    engine.settle(1, error_text("CardDeclined", "stolen", props={"a": {"$bigint": "1"}}))
    content = error_of(engine)
    assert content["class"] == "durable/FatalError"
    assert content["name"] == "NoMoneyError"
    assert content["cause"] == error_text("CardDeclined", "stolen", props={"a": {"$bigint": "1"}})


def test_values_that_do_not_fit_are_errors_of_the_code() -> None:
    async def types(ctx: WorkflowContext) -> list[str]:
        found = []
        for wait in (
            ctx.wait_for_signal("a", type=bool),
            ctx.remote("b", output=Order),
            ctx.remote("c"),
        ):
            try:
                await wait
            except Exception as error:  # noqa: BLE001
                found.append(type(error).__name__)
        return found

    engine = Engine(types)
    engine.begin()
    engine.settle(1, "no bool")
    engine.settle(2, {"id": 7})
    engine.settle(3, {"$date": "2026-01-01T00:00:00.000Z"})
    names = ["SchemaValidationError", "SchemaValidationError", "UndecodableValueError"]
    assert engine.end == (True, names)


def test_an_input_and_an_output_that_do_not_fit_fail_the_run() -> None:
    async def typed(ctx: WorkflowContext, order: Order) -> int:
        return order.id  # type: ignore[return-value]

    engine = Engine(typed, {"id": 7})
    engine.begin()
    assert error_of(engine)["props"]["code"] == "INVALID_INPUT"
    engine = Engine(typed, {"id": "x"})
    engine.begin()
    assert error_of(engine)["props"]["code"] == "INVALID_OUTPUT"

    async def odd(ctx: WorkflowContext) -> Any:
        return {"a": [object()]}

    engine = Engine(odd)
    engine.begin()
    assert "$.a[0]" in error_of(engine)["message"]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
def test_whatever_is_raised_fails_the_run_and_nothing_else(kind: type[BaseException]) -> None:
    async def helper() -> None:
        raise kind("out")

    async def leaves(ctx: WorkflowContext) -> None:
        await asyncio.gather(helper(), ctx.sleep(1))

    async def leaves_itself(ctx: WorkflowContext) -> None:
        raise kind("out")

    for function in (leaves, leaves_itself):
        engine = Engine(function)
        engine.begin()
        assert error_of(engine)["name"] == kind.__name__


def test_a_cancel_is_told_and_settles_what_is_pending() -> None:
    async def careful(ctx: WorkflowContext) -> str:
        try:
            await asyncio.gather(ctx.sleep(60), ctx.wait_for_signal("never"))
        except WorkflowCancelledError:
            assert ctx.cancelled
            return str(await ctx.step("refund", pick, "o"))
        return "late"

    engine = Engine(careful)
    engine.begin()
    assert not engine.activation.is_cancelled
    engine.cancel()
    assert engine.names() == ["refund"]
    engine.settle(3, {"shelf": "x"})
    assert engine.end == (True, "{'shelf': 'x'}")
    check_every_prefix(engine)


def test_what_the_code_gives_up_is_withdrawn() -> None:
    async def impatient(ctx: WorkflowContext) -> list[Any]:
        signal = ctx.wait_for_signal("approved")
        timer = ctx.sleep(60)
        done, pending = await asyncio.wait({signal, timer}, return_when=asyncio.FIRST_COMPLETED)
        for future in pending:
            future.cancel()
        return [future.result() for future in done]

    engine = Engine(impatient)
    engine.begin()
    answer = engine.settle(1, "yes")
    assert dump(answer) == [{"ask": "withdraw", "cause": 1, "position": 2}]
    assert engine.end == (True, ["yes"])
    check_every_prefix(engine)


def test_timers_of_asyncio_are_durable() -> None:
    async def timed(ctx: WorkflowContext) -> list[Any]:
        found: list[Any] = []
        await asyncio.sleep(1.5)
        try:
            async with asyncio.timeout(10):
                await ctx.wait_for_signal("never")
        except TimeoutError:
            found.append("timeout")
        found.append(await asyncio.wait_for(ctx.wait_for_signal("soon"), 20))
        await asyncio.sleep(0)
        done, pending = await asyncio.wait([ctx.sleep(50)], timeout=30)
        found.append([len(done), len(pending)])
        return found

    engine = Engine(timed)
    assert dump(engine.begin())[0]["request"] == {"kind": "sleep", "durationMs": 1_500}
    answer = engine.settle(1)
    assert [asked["request"]["kind"] for asked in dump(answer)] == ["sleep", "signal"]
    answer = engine.settle(2)
    assert [asked["ask"] for asked in dump(answer)] == ["withdraw", "operation", "operation"]
    soon = next(asked.position for asked in engine.pending.values() if asked.name == "soon")
    engine.settle(soon, "now")
    durations = {
        getattr(asked.request, "duration_ms", None): asked.position
        for asked in engine.pending.values()
    }
    assert set(durations) == {50_000, 30_000}
    engine.settle(durations[30_000])
    assert engine.end == (True, ["timeout", "now", [0, 1]])
    check_every_prefix(engine)


def test_a_cancel_reaches_sleeps_of_asyncio_and_is_no_timeout() -> None:
    async def sleeps(ctx: WorkflowContext) -> str:
        try:
            async with asyncio.timeout(60):
                await asyncio.sleep(30)
        except WorkflowCancelledError:
            return "cancelled"
        return "slept"

    engine = Engine(sleeps)
    engine.begin()
    engine.cancel()
    assert engine.end == (True, "cancelled")
    check_every_prefix(engine)


def test_task_groups() -> None:
    async def branch(ctx: WorkflowContext, name: str) -> Any:
        try:
            return await ctx.remote(name)
        finally:
            await ctx.remote(f"after {name}")

    async def grouped(ctx: WorkflowContext) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                for name in "abc":
                    group.create_task(branch(ctx, name))
        except* StepFailedError as errors:
            found = str(errors.exceptions[0])
        return found

    engine = Engine(grouped)
    engine.begin()
    answer = engine.settle(2, error_text("Oops", "no b"))
    assert [item["name"] for item in dump(answer)] == ["after b"]
    answer = engine.settle(4)
    # The siblings are cancelled in the order in which they were made; they clean up.
    positions = [item["position"] for item in dump(answer) if item["ask"] == "withdraw"]
    assert positions == [1, 3]
    assert engine.names() == ["after a", "after c"]
    for position in sorted(engine.pending):
        engine.settle(position)
    assert engine.end == (True, "no b")
    check_every_prefix(engine)


def test_regions_are_reported() -> None:
    async def branch(ctx: WorkflowContext) -> Any:
        await ctx.remote("first")
        return await ctx.race("fast", ctx.remote("x"), ctx.remote("y"))

    async def regions(ctx: WorkflowContext) -> Any:
        early = ctx.remote("early")
        await ctx.sleep(1)
        a, b, c = await ctx.gather("both", ctx.remote("one"), branch(ctx), early)
        return [a, b, c]

    engine = Engine(regions)
    engine.begin()
    answer = engine.settle(2)
    assert [(asked["name"], asked.get("group")) for asked in dump(answer)] == [
        ("one", {"id": "1", "mode": "all", "name": "both", "branch": 0}),
        ("first", {"id": "1", "mode": "all", "name": "both", "branch": 1}),
    ]
    answer = engine.settle(4, 1)
    parent = {"id": "1", "branch": 1}
    assert [(asked["name"], asked.get("group")) for asked in dump(answer)] == [
        (name, {"id": "2", "mode": "race", "name": "fast", "branch": index, "parent": parent})
        for index, name in enumerate("xy")
    ]
    answer = engine.settle(6, "y wins")
    assert dump(answer) == [{"ask": "withdraw", "cause": 3, "position": 5}]
    engine.settle(1, "e")
    engine.settle(3, "o")
    assert engine.end == (True, ["o", "y wins", "e"])
    check_every_prefix(engine)


def test_time_random_and_uuid() -> None:
    async def draws(ctx: WorkflowContext) -> list[Any]:
        first = [ctx.now().isoformat(), ctx.random(), str(ctx.uuid())]
        await ctx.sleep(1)
        assert asyncio.get_running_loop().time() == ctx.now().timestamp()
        return [*first, ctx.now().isoformat(), ctx.random()]

    engine = Engine(draws)
    assert engine.begin().next_position == 4
    engine.settle(3)
    # What core's context draws with this seed, at these positions.
    assert engine.end == (
        True,
        [
            "2023-11-14T22:13:20+00:00",
            0.12301683601670277,
            "ebfeabd0-e901-492f-a77d-6811861e1a6a",
            "2023-11-14T22:13:21+00:00",
            0.9160456738363756,
        ],
    )
    check_every_prefix(engine)


def test_patches() -> None:
    async def patched(ctx: WorkflowContext) -> list[bool]:
        first = ctx.patched("a")
        await ctx.sleep(1)
        return [first, ctx.patched("a"), ctx.patched("b")]

    fresh = Engine(patched)
    assert dump(fresh.begin())[0] == {"ask": "patch", "cause": 0, "name": "a"}
    fresh.settle(1)
    assert fresh.end == (True, [True, True, True])
    check_every_prefix(fresh)

    async def before(ctx: WorkflowContext) -> None:
        await ctx.sleep(1)

    old = Engine(before)
    old.begin()
    old.settle(1)
    old.definition._function = patched
    answer = replay(old, 1)
    assert answer.end is not None
    # `a` lies before what history holds; `b` after it.
    assert _json.parse(answer.end.payload) == [False, False, True]
    answer = replay(old, 0)
    assert answer.asked[0].ask == "operation"


@pytest.mark.parametrize(
    ("position", "kind", "name", "asked"),
    [
        (1, "step", "sleep", {"kind": "sleep", "name": "sleep"}),
        (1, "sleep", "sleepUntil", {"kind": "sleep", "name": "sleep"}),
        (2, "step", "x", {"kind": "sideEffect", "name": "random"}),
        (3, "step", "x", None),
    ],
)
def test_an_outcome_that_does_not_fit_is_a_mismatch(
    position: int, kind: Any, name: str, asked: Any
) -> None:
    async def sleeps(ctx: WorkflowContext) -> str:
        sleep = ctx.sleep(1)
        ctx.random()
        await sleep
        return "woke"

    engine = Engine(sleeps)
    engine.begin()
    wrong = Settled(seq=1, at=0, position=position, kind=kind, name=name, ok=True, payload="null")
    right = Settled(seq=2, at=0, position=1, kind="sleep", name="sleep", ok=True, payload="null")
    answer = engine.turn(wrong, right)
    mismatch = _json.parse(answer.text())["mismatch"]
    assert mismatch == {"position": position, **({"asked": asked} if asked else {})}
    assert answer.end is None
    assert answer.asked == []


def test_steps_get_copies_and_the_context() -> None:
    async def steps(ctx: WorkflowContext) -> None:
        order = Order(id="before")
        ctx.step("a", lambda given, step: [given.id, step.attempt], order)
        order.id = "after"

        async def typed(order: Order) -> Order:
            order.id += "!"
            return order

        ctx.step("b", typed, Order(id="o"))
        ctx.step("c", lambda: typed(Order(id="p")), output=Order)

    engine = Engine(steps)
    engine.begin()

    async def attempts() -> None:
        assert await engine.attempt(1) == ["before", 1]
        for _ in range(2):
            assert await engine.attempt(2) == {"id": "o!", "at": None}
        assert await engine.attempt(3) == {"id": "p!", "at": None}

    asyncio.run(attempts())


def test_a_result_has_the_type_of_the_annotation() -> None:
    async def find() -> Order:
        raise NotImplementedError

    async def typed(ctx: WorkflowContext) -> str:
        found = await ctx.step("find", find)
        assert isinstance(found, Order)
        assert found.at is not None
        return found.at.isoformat()

    engine = Engine(typed)
    engine.begin()
    engine.settle(1, {"id": "o", "at": "2026-01-01T00:00:00Z"})
    assert engine.end == (True, "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize(
    "ask",
    [
        lambda ctx: ctx.step("", pick, "o"),
        lambda ctx: ctx.step(" x", pick, "o"),
        lambda ctx: ctx.step("x" * 256, pick, "o"),
        lambda ctx: ctx.step("x", pick),
        lambda ctx: ctx.step("x", "no function"),
        lambda ctx: ctx.step("x", pick, (item for item in "o")),
        lambda ctx: ctx.step("x", pick, "o", retries=-1),
        lambda ctx: ctx.step("x", pick, "o", timeout="5s"),
        lambda ctx: ctx.step("x", pick, "o", retry=RetryPolicy(factor=0.5)),
        lambda ctx: ctx.step("x", pick, "o", retry=RetryPolicy(max_attempts=0)),
        lambda ctx: ctx.remote("x", object()),
        lambda ctx: ctx.remote("x", float("nan")),
        lambda ctx: ctx.remote("x", output=object()),
        lambda ctx: ctx.sleep(-1),
        lambda ctx: ctx.sleep(float("nan")),
        lambda ctx: ctx.sleep(1e12),
        lambda ctx: ctx.sleep_until(datetime(2026, 1, 1)),
        lambda ctx: ctx.wait_for_signal(7),
        lambda ctx: ctx.wait_for_signal("a\nb"),
        lambda ctx: ctx.child("x", tags="eu"),
        lambda ctx: ctx.child("x", close_policy="later"),
        lambda ctx: ctx.child("x", priority=1.5),
        lambda ctx: ctx.patched(""),
        lambda ctx: ctx.race("x"),
    ],
)
def test_arguments_that_cannot_be_are_refused_at_the_call(ask: Any) -> None:
    async def asks(ctx: WorkflowContext) -> str:
        with pytest.raises((ValueError, TypeError, UnserializableValueError)):
            ask(ctx)
        return "refused"

    engine = Engine(asks)
    answer = engine.begin()
    assert engine.end == (True, "refused"), error_of(engine)
    assert (answer.next_position, answer.asked, answer.broken) == (1, [], None)


def test_logs_are_silent_while_the_code_runs_again(caplog: pytest.LogCaptureFixture) -> None:
    async def chatty(ctx: WorkflowContext) -> None:
        ctx.logger.info("begins")
        await ctx.sleep(1)
        ctx.logger.warning("woke")

    engine = Engine(chatty)
    engine.begin()
    engine.settle(1)
    assert [record.message for record in caplog.records] == ["begins", "woke"]
    assert caplog.records[0].durable_run == "r-1"  # type: ignore[attr-defined]
    caplog.clear()
    replay(engine, 0)
    replay(engine, 1)
    # The last outcome is known, and what comes after it may be new.
    assert [record.message for record in caplog.records] == ["woke"]


def test_the_run_is_known() -> None:
    async def looks(ctx: WorkflowContext) -> list[Any]:
        run = ctx.run
        return [ctx.run_id, run.workflow, run.version, list(run.tags), run.parent_run_id]

    engine = Engine(looks)
    start = make_start(tags=["eu"], parent_run_id="p")
    engine.activation = engine.new_activation(tags=["eu"], parent_run_id="p")
    for _ in engine.activation.windows(make_turn(1, [], start)):
        pass
    answer = engine.activation.answer(make_turn(1), "w")
    assert answer.end is not None
    assert _json.parse(answer.end.payload) == ["r-1", "w", "1", ["eu"], "p"]
