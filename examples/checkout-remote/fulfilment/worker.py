"""Packs and ships: the steps `fulfilment.*` of src/contracts.ts, in Python."""

from __future__ import annotations

import logging
import os

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from durable_worker import FatalError, StepContext, Worker

OUT_OF_STOCK = {"unicorn"}

worker = Worker(redis_url=os.environ.get("REDIS_URL", "redis://localhost:6379"))


class Contract(BaseModel):
    """Contracts have camelCase, Python has snake_case."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)


class Order(Contract):
    order_id: str
    items: list[str]


class Packed(Contract):
    parcel_id: str


class Parcel(Contract):
    parcel_id: str
    address: str


class Shipped(Contract):
    tracking_code: str


class OutOfStockError(FatalError):
    """No retry brings it back: the workflow is told at once."""


@worker.step("fulfilment.pack", input=Order, output=Packed)
async def pack(order: Order, step: StepContext) -> Packed:
    for number, item in enumerate(order.items, start=1):
        if item in OUT_OF_STOCK:
            raise OutOfStockError(f"there is no {item} left")
        step.heartbeat({"packed": number})
    return Packed(parcel_id=f"parcel-of-{order.order_id}")


@worker.step("fulfilment.ship", input=Parcel, output=Shipped)
def ship(parcel: Parcel, step: StepContext) -> Shipped:
    """A plain function: it may block, and runs in a thread."""
    step.logger.info("to %s", parcel.address)
    return Shipped(tracking_code=f"tracking-of-{parcel.parcel_id}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    worker.run()
