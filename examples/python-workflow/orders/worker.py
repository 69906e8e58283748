"""The workflow `order`, from top to bottom, and the steps of it that are made in Python.

The run belongs to Nest: this process may be killed anywhere, and another goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from durable_worker import FatalError, SignalTimeoutError, StepContext, Worker, WorkflowContext

PACKING_SECONDS = float(os.environ.get("PACKING_SECONDS", "1"))

worker = Worker(
    redis_url=os.environ.get("REDIS_URL", "redis://localhost:6379"),
    # The engine in Nest has the same.
    lease=float(os.environ.get("LEASE_SECONDS", "30")),
)


class Json(BaseModel):
    """JSON has camelCase, Python has snake_case."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class Order(Json):
    id: str
    amount_cents: int
    items: list[str]
    address: str
    approval_seconds: float = 86_400


class Delivered(Json):
    tracking_code: str


class Result(Json):
    status: str
    tracking_code: str | None = None
    reason: str | None = None


class NotApprovedError(FatalError):
    """Nobody wants this order."""


@worker.workflow("order", version="1")
async def handle_order(ctx: WorkflowContext, order: Order) -> Result:
    undo: list[Callable[[], Awaitable[object]]] = []
    try:
        # First how to undo it: of a call that fails nobody knows whether it did something.
        undo.append(lambda: ctx.remote("stock.release", {"orderId": order.id}, retries=1_000))
        reservation = {"orderId": order.id, "items": order.items}
        await ctx.remote("stock.reserve", reservation, retries=3)

        undo.append(lambda: ctx.step("refund", refund, order.id, retries=1_000))
        await ctx.step("charge-card", charge_card, order, retries=3)

        # Second thoughts.
        await ctx.sleep(0.5)
        await approval(ctx, order)

        parcel_id = await ctx.step("pack", pack, order.id)
        parcel = {"parcelId": parcel_id, "address": order.address}
        child_id = f"delivery-{order.id}"
        delivered = await ctx.child("delivery", parcel, run_id=child_id, output=Delivered)
    except Exception as error:
        # Whatever it was, also a cancel of the run: the last comes first.
        for compensate in reversed(undo):
            await compensate()
        if not isinstance(error, NotApprovedError):
            raise
        return Result(status="refunded", reason=str(error))

    await ctx.gather(
        "goodbye",
        ctx.remote("mail.send", {"orderId": order.id, "subject": "Your invoice"}, retries=10),
        ctx.step("start-survey", start_survey, order.id, retries=10),
    )
    return Result(status="delivered", tracking_code=delivered.tracking_code)


async def approval(ctx: WorkflowContext, order: Order) -> None:
    """A part of the workflow is a function like any other."""
    token = f"approve:{order.id}"
    try:
        approved = await ctx.wait_for_signal(token, timeout=order.approval_seconds, type=bool)
    except SignalTimeoutError:
        raise NotApprovedError("nobody has approved it in time") from None
    if not approved:
        raise NotApprovedError("it was rejected")


@worker.workflow("survey", version="1")
async def survey(ctx: WorkflowContext, order_id: str) -> None:
    """A run of its own: nobody waits for it."""
    await ctx.sleep(0.5)
    await ctx.remote("mail.send", {"orderId": order_id, "subject": "How was it?"}, retries=10)


# Steps. Give step.idempotency_key to what you call: a step may run again after a crash.


async def charge_card(order: Order, step: StepContext) -> str:
    step.logger.info("charging %s cents, key %s", order.amount_cents, step.idempotency_key)
    return f"charge-of-{order.id}"


def refund(order_id: str, step: StepContext) -> None:
    """A plain function runs in a thread. An order without a charge has nothing to refund."""
    step.logger.info("refunding what %s has paid, key %s", order_id, step.idempotency_key)


async def pack(order_id: str, step: StepContext) -> str:
    step.logger.info("packing %s, key %s", order_id, step.idempotency_key)
    await step.cancellable(asyncio.sleep(PACKING_SECONDS))
    return f"parcel-of-{order_id}"


async def start_survey(order_id: str, step: StepContext) -> bool:
    """Again after a crash it finds the run, and starts no other."""
    step.logger.info("starting a survey, key %s", step.idempotency_key)
    run = await worker.client.start("survey", order_id, run_id=f"survey-{order_id}")
    return run.created


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    worker.run()
