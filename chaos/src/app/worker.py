"""A worker in Python, as a user would write it, and its lines in the ledger (`ledger.ts`).

What to do is in `CHAOS_PROCESS`. Its standard input ends with the driver, and it with that.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
import uuid
from typing import Any

from pydantic import BaseModel

from durable_worker import StepContext, Worker

STALL_SECONDS = 0.5
TICK_SECONDS = 0.1

options = json.loads(os.environ["CHAOS_PROCESS"])
ledger = os.open(options["ledger"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note(**fact: Any) -> None:
    """On the disk before the process goes on."""
    entry = {**fact, "at": time.time() * 1_000, "app": options["app"], "pid": os.getpid()}
    os.write(ledger, f"{json.dumps(entry)}\n".encode())
    os.fsync(ledger)


class Work(BaseModel):
    run: str
    key: str
    ms: float
    failures: int


class Result(BaseModel):
    key: str
    attempt: int
    token: str


worker = Worker(
    redis_url=options["redisUrl"],
    lease=options["leaseMs"] / 1_000,
    shutdown_timeout=options["shutdownMs"] / 1_000,
)


@worker.step("chaos.any", input=Work, output=Result)
@worker.step("chaos.python", input=Work, output=Result)
async def work(given: Work, step: StepContext) -> Result:
    call = str(uuid.uuid4())
    note(what="begin", call=call, run=given.run, key=given.key, attempt=step.attempt)
    token: str | None = None
    try:
        await step.cancellable(asyncio.sleep(given.ms / 1_000))
        if step.attempt <= given.failures:
            raise ValueError(f"attempt {step.attempt} is meant to fail")
        token = str(uuid.uuid4())
    finally:
        note(what="end", call=call, token=token)
    return Result(key=given.key, attempt=step.attempt, token=token)


def end_with_the_driver() -> None:
    sys.stdin.read()
    os._exit(1)


async def watch_event_loop() -> None:
    last = time.monotonic()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        now = time.monotonic()
        stalled = now - last - TICK_SECONDS
        last = now
        if stalled >= STALL_SECONDS:
            note(what="stalled", ms=round(stalled * 1_000))


async def main() -> None:
    watching = asyncio.ensure_future(watch_event_loop())
    threading.Thread(target=end_with_the_driver, daemon=True).start()
    serving = asyncio.ensure_future(worker.serve(handle_signals=True))
    await asyncio.sleep(0)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await serving
    watching.cancel()


logging.addLevelName(logging.WARNING, "WARN")
logging.basicConfig(
    level=logging.WARNING,
    stream=sys.stderr,
    format="%(asctime)s %(levelname)s %(message)s",
)
asyncio.run(main())
