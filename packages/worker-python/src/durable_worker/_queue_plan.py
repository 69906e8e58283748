"""Which queues a worker opens for its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class RateLimit:
    """At most `max` tasks in any `seconds`, over all workers of a queue together."""

    max: int
    seconds: float


@dataclass(frozen=True)
class TaskQueue:
    """A queue of several steps. All its workers, in any language, should serve the same ones."""

    name: str
    #: Names of steps, or beginnings of names with `*` at the end.
    steps: Sequence[str]
    #: Tasks that run at once in this process; None for the worker's.
    concurrency: int | None = None
    rate_limit: RateLimit | None = None

    def has(self, step: str) -> bool:
        return any(
            step.startswith(pattern[:-1]) if pattern.endswith("*") else step == pattern
            for pattern in self.steps
        )


@dataclass(frozen=True)
class QueuePlan:
    queue: str
    steps: tuple[str, ...]
    concurrency: int
    rate_limit: RateLimit | None


def plan_queues(
    steps: Sequence[str], queues: Sequence[TaskQueue], concurrency: int
) -> list[QueuePlan]:
    """The first queue that names a step has it, else one of the step's own name."""
    own = {queue.name: queue for queue in queues}
    groups: dict[str, list[str]] = {}
    for step in steps:
        name = next((queue.name for queue in queues if queue.has(step)), step)
        groups.setdefault(name, []).append(step)
    return [
        QueuePlan(
            queue=name,
            steps=tuple(of_queue),
            concurrency=(own[name].concurrency if name in own else None) or concurrency,
            rate_limit=own[name].rate_limit if name in own else None,
        )
        for name, of_queue in groups.items()
    ]
