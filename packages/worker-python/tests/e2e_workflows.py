"""The Python end of test/workflow.redis.test.ts: workflows whose code is here.

Prints what happens, a line each; a line on the standard input lets a step that holds go on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, Field

from durable_worker import (
    ChildFailedError,
    FatalError,
    RetryPolicy,
    SignalTimeoutError,
    StepContext,
    StepFailedError,
    Worker,
    WorkflowCancelledError,
    WorkflowContext,
)

options = json.loads(sys.argv[1])
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
logging.getLogger("durable_worker").setLevel(logging.DEBUG)
worker = Worker(
    redis_url=options["url"],
    redis_options=options.get("redisOptions"),
    prefix=options["prefix"],
    lease=options["lease"],
    shutdown_timeout=0.5,
    resident_idle=options.get("residentIdle", 300),
)
released = asyncio.Event()
SOON = RetryPolicy(initial_delay=0.001, jitter="none")


def say(*words: object) -> None:
    """In one piece: handlers on several threads print at once."""
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


class Order(BaseModel):
    order_id: str = Field(alias="orderId")
    cents: int = 0


class Shipped(BaseModel):
    shelf: str
    charge_id: str = Field(alias="chargeId")


async def pick(order_id: str, step: StepContext) -> str:
    say("pick", order_id, step.attempt, step.idempotency_key)
    if order_id.startswith("hold"):
        await released.wait()
    return f"shelf of {order_id}"


def wrap(order: Order, step: StepContext) -> Order:
    """In a thread."""
    return order.model_copy(update={"cents": order.cents + 1})


@worker.workflow("fulfilment", version="2")
async def fulfil(ctx: WorkflowContext, order: Order) -> Shipped:
    ctx.logger.info("fulfilling %s", order.order_id)
    shelf = await ctx.step("pick", pick, order.order_id, retry=SOON)
    order = await ctx.step("wrap", wrap, order)
    given = {"orderId": order.order_id, "amountCents": order.cents}
    paid = await ctx.remote("payments.charge-card", given, output=dict[str, str])
    await ctx.sleep(timedelta(milliseconds=20))
    await ctx.sleep_until(ctx.now())
    return Shipped(shelf=shelf, chargeId=paid["chargeId"])


@worker.workflow("approve", version="1")
async def approve(ctx: WorkflowContext, order_id: str) -> Any:
    async with asyncio.timeout(60):
        first = await ctx.wait_for_signal(f"approved:{order_id}", type=bool)
    try:
        await ctx.wait_for_signal(f"never:{order_id}", timeout=0.02)
    except SignalTimeoutError as error:
        return [first, error.token]


@worker.workflow("parent", version="1")
async def parent(ctx: WorkflowContext, workflow: str) -> Any:
    handle = await ctx.start_child(workflow, "detached", tags=["eu"])
    direct, detached = await ctx.gather(
        "children", ctx.child(workflow, "direct", run_id=f"{ctx.run_id}-child"), handle.result()
    )
    try:
        await ctx.child(workflow, "fail")
    except ChildFailedError as error:
        cause = error.__cause__
        return [direct, detached, str(cause), getattr(cause, "name", None)]


@worker.workflow("py-child", version="1")
async def child(ctx: WorkflowContext, given: str) -> str:
    if given == "fail":
        raise FatalError("the child fails", fields={"given": given})
    return f"{given} of {ctx.run.parent_run_id is not None}"


@worker.workflow("hold", version="1")
async def hold(ctx: WorkflowContext, order_id: str) -> Any:
    before = await ctx.step("before", pick, "before")
    held = await ctx.step("pick", pick, f"hold {order_id}")
    return [before, held, await ctx.step("after", pick, "after")]


@worker.workflow("waits", version="1")
async def waits(ctx: WorkflowContext, token: str) -> Any:
    say("runs", ctx.run_id)
    numbers = [ctx.random(), str(ctx.uuid())]
    first = await ctx.step("first", pick, "first")
    value = await ctx.wait_for_signal(token)
    if options.get("code") == "other":
        await ctx.sleep(0)
    return [first, value, await ctx.step("last", pick, "last"), numbers]


@worker.workflow("changed", version="1")
async def changed(ctx: WorkflowContext, token: str) -> Any:
    found = []
    if options.get("code") == "other" and ctx.patched("insure"):
        found.append(await ctx.step("insure", pick, "insured"))
    if options.get("code") == "breaking":
        await ctx.step("something else", pick, "else")
    await ctx.step("ship", pick, "ship")
    found.append(await ctx.wait_for_signal(token))
    if options.get("code") == "other" and ctx.patched("bill"):
        found.append("billed")
    return found


@worker.workflow("cancelled", version="1")
async def cancelled(ctx: WorkflowContext) -> Any:
    try:
        await asyncio.gather(ctx.sleep(3_600), ctx.wait_for_signal("never"), asyncio.sleep(60))
    except WorkflowCancelledError:
        say("cancelled", ctx.cancelled)
        await ctx.step("refund", pick, "refund")
        say("refunded")
        raise
    finally:
        say("finally")


@worker.workflow("cancelled-step", version="1")
async def cancelled_step(ctx: WorkflowContext) -> Any:
    async def obeys(step: StepContext) -> None:
        say("obeys", step.attempt)
        await step.cancellable(asyncio.sleep(60))

    await ctx.step("obeys", obeys)


@worker.workflow("race", version="1")
async def race(ctx: WorkflowContext) -> Any:
    async def slow(step: StepContext) -> str:
        say("slow began")
        try:
            await step.cancellable(asyncio.sleep(60))
        finally:
            say("slow cancelled", step.cancelled)
        return "slow"

    async def quick() -> str:
        return "quick"

    winner = await ctx.race("fast", ctx.step("slow", slow), ctx.step("quick", quick))
    futures: list[asyncio.Future[Any]] = [ctx.sleep(3_600), ctx.step("quick", quick)]
    done, pending = await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    for future in pending:
        future.cancel()
    return [winner, [future.result() for future in done]]


@worker.workflow("errors", version="1")
async def errors(ctx: WorkflowContext, kind: str) -> Any:
    async def fails(step: StepContext) -> None:
        say("fails", step.attempt)
        if kind == "fatal":
            raise FatalError("no", fields={"card": 1})
        raise ValueError("no such order")

    try:
        await ctx.step("fails", fails, retries=1, retry=SOON)
    except StepFailedError as error:
        if kind == "caught":
            return [error.name, str(error)]
        raise


@worker.workflow("broken", version="1")
async def broken(ctx: WorkflowContext) -> Any:
    await ctx.step("first", pick, "first")
    await asyncio.to_thread(print)


@worker.workflow("stalled", version="1")
async def stalled(ctx: WorkflowContext) -> Any:
    await asyncio.Event().wait()


@worker.workflow("exits", version="1")
async def exits(ctx: WorkflowContext) -> Any:
    raise SystemExit(3)


@worker.workflow("long", version="1")
async def long(ctx: WorkflowContext, steps: int) -> int:
    def add(total: int) -> int:
        return total + 1

    total = 0
    for _ in range(steps // 10):
        totals = await asyncio.gather(*(ctx.step("add", add, total + n) for n in range(10)))
        total = max(totals)
    await ctx.wait_for_signal("enough")
    return total


@worker.workflow("wide", version="1")
async def wide(ctx: WorkflowContext, width: int) -> int:
    return sum(await asyncio.gather(*(ctx.step("one", lambda: 1) for _ in range(width))))


@worker.step("values.echo")
def echo(given: Any) -> Any:
    return given


async def call(words: list[str]) -> None:
    """What a line on the standard input asks of the client."""
    try:
        if words[0] == "start":
            made = await worker.client.start(words[1], json.loads(words[2]), run_id=words[3])
            say("started", made.run_id, made.created)
        else:
            accepted = await worker.client.signal(words[1], json.loads(words[2]), id=words[3])
            say("accepted", accepted)
    except Exception as error:  # noqa: BLE001
        say("refused", type(error).__name__)


def listen(loop: asyncio.AbstractEventLoop) -> None:
    for line in sys.stdin:
        words = line.split()
        if words == ["go"]:
            loop.call_soon_threadsafe(released.set)
        else:
            asyncio.run_coroutine_threadsafe(call(words), loop)


async def main() -> None:
    loop = asyncio.get_running_loop()
    threading.Thread(target=listen, args=[loop], daemon=True).start()
    serving = asyncio.ensure_future(worker.serve(handle_signals=True))
    await asyncio.sleep(0)
    say("ready")
    await serving
    say("ended")


asyncio.run(main())
