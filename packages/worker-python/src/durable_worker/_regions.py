"""Named regions of workflow code, `ctx.gather` and `ctx.race`: asyncio over operations.

Which branch an operation belongs to is carried along by its task's context.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from ._operation import Operation
from ._turn_messages import Group, Parent

if TYPE_CHECKING:
    from ._activation import Activation

_group: contextvars.ContextVar[Group | None] = contextvars.ContextVar("durable_group", default=None)


class Regions:
    """The regions of one activation."""

    def __init__(self, activation: Activation) -> None:
        self._activation = activation
        self._entered = 0

    def current(self) -> Group | None:
        """The innermost branch that the code which asks now is in."""
        return _group.get() if self._entered > 0 else None

    def gather(self, name: str, branches: Sequence[Awaitable[Any]]) -> asyncio.Future[Any]:
        futures = self._enter(name, "all", branches)
        return self._activation.loop.create_task(_all(futures))

    def race(self, name: str, branches: Sequence[Awaitable[Any]]) -> asyncio.Future[Any]:
        if not branches:
            raise ValueError("ctx.race needs at least one branch: a race of none never ends.")
        futures = self._enter(name, "race", branches)
        return self._activation.loop.create_task(_first(futures))

    def _enter(
        self, name: str, mode: Literal["all", "race"], branches: Sequence[Awaitable[Any]]
    ) -> list[asyncio.Future[Any]]:
        # Numbered in the order in which the code enters them, which replays.
        self._entered += 1
        around = _group.get()
        parent = None if around is None else Parent(id=around.id, branch=around.branch)
        groups = (
            Group(id=str(self._entered), mode=mode, name=name, branch=index, parent=parent)
            for index in range(len(branches))
        )
        return [self._branch(group, work) for group, work in zip(groups, branches, strict=True)]

    def _branch(self, group: Group, work: Awaitable[Any]) -> asyncio.Future[Any]:
        if isinstance(work, Operation):
            # It was asked for a moment ago, as an argument.
            self._activation.put_in(group, work, _group.get())
            return work
        if isinstance(work, asyncio.Future):
            return work
        context = contextvars.copy_context()
        context.run(_group.set, group)
        return self._activation.loop.create_task(_awaited(work), context=context)


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


async def _all(futures: Sequence[asyncio.Future[Any]]) -> tuple[Any, ...]:
    return tuple(await asyncio.gather(*futures))


async def _first(futures: Sequence[asyncio.Future[Any]]) -> Any:
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        return await next(future for future in futures if future.done())
    finally:
        for future in futures:
            future.cancel()
