"""The Python end of test/worker.redis.test.ts: what it does is the caller's to say.

Prints what happens, a line each; a line on the standard input lets a handler that holds go on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import time
from typing import Any

from pydantic import BaseModel, Field

from durable_worker import FatalError, RateLimit, RetryableError, StepContext, TaskQueue, Worker

options = json.loads(sys.argv[1])
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
worker = Worker(
    redis_url=options["url"],
    prefix=options["prefix"],
    lease=options["lease"],
    concurrency=options.get("concurrency", 100),
    redis_options=options.get("redisOptions"),
    shutdown_timeout=0.5,
    queues=[
        TaskQueue("values", ["values.*"]),
        TaskQueue("limited", ["rate.limited"], rate_limit=RateLimit(max=2, seconds=0.5)),
    ],
)
released = asyncio.Event()


def say(*words: object) -> None:
    """In one piece: handlers on several threads print at once."""
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


class Charge(BaseModel):
    order_id: str = Field(alias="orderId")
    amount_cents: int = Field(alias="amountCents")


class Charged(BaseModel):
    charge_id: str = Field(alias="chargeId")


@worker.step("payments.charge-card", input=Charge, output=Charged)
async def charge(given: Charge, step: StepContext) -> Any:
    say("began", given.order_id, step.attempt)
    if given.order_id.startswith("hold"):
        await released.wait()
    if given.order_id == "wrong":
        return {"chargeId": 7}
    return Charged(chargeId=f"ch-{given.order_id}")


@worker.step("values.echo")
def echo(given: Any) -> Any:
    return given


@worker.step("any name: 100 % é")
def odd_name(given: Any) -> Any:
    return given


class Strict(BaseModel):
    n: int


@worker.step("values.strict", input=Strict)
def strict(given: Strict) -> int:
    say("strict", given.n)
    return given.n


@worker.step("rate.limited")
async def limited(given: Any) -> Any:
    say("limited", round(time.time() * 1000))
    return given


class StolenCardError(FatalError):
    """A subclass of the application."""


@worker.step("errors.raise")
async def fail(given: dict[str, Any], step: StepContext) -> Any:
    say("raise", given["kind"], step.attempt)
    match given["kind"]:
        case "fatal":
            raise StolenCardError("stolen card", fields={"card": "4242"})
        case "retryable":
            if step.attempt == 1:
                raise RetryableError("later", retry_after=0.02)
        case "plain":
            try:
                raise KeyError("key")
            except KeyError as error:
                raise ValueError("no such order") from error
        case "output":
            return {"when": object()}
    return step.attempt


@worker.step("flow.wait")
def wait_for_cancel(given: str, step: StepContext) -> dict[str, Any]:
    say("waiting", given)
    was_cancelled = step.wait_cancelled(60)
    say("cancelled", given, was_cancelled)
    if given == "raise":
        step.raise_if_cancelled()
    return {"charged": True}


@worker.step("flow.progress")
async def progress(given: Any, step: StepContext) -> Any:
    if step.attempt == 1:
        step.heartbeat({"page": given})
        raise ValueError("again")
    return {"progress": step.progress, "key": step.idempotency_key}


@worker.step("flow.slow")
async def slow(given: Any, step: StepContext) -> Any:
    say("slow", step.attempt)
    await asyncio.sleep(60)


def listen(loop: asyncio.AbstractEventLoop) -> None:
    for _ in sys.stdin:
        loop.call_soon_threadsafe(released.set)


async def main() -> None:
    loop = asyncio.get_running_loop()
    threading.Thread(target=listen, args=[loop], daemon=True).start()
    serving = asyncio.ensure_future(worker.serve(handle_signals=True))
    await asyncio.sleep(0)
    say("ready")
    await serving
    dropped = sorted((entry.kind, entry.count) for entry in worker.dropped_messages)
    say("ended", json.dumps(dropped))


asyncio.run(main())
