"""Names in Redis, and how fast things go: the "Keys" and "A worker's life" of docs/protocol.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The field of a stream's entry that holds the message.
MESSAGE_FIELD: Final = "m"

_MAX_LIVENESS: Final = 5.0
_LIVENESS_SHARE: Final = 0.25


def escape_part(part: str) -> str:
    """`:` separates parts, and BullMQ refuses it in names of queues."""
    return part.replace("%", "%25").replace(":", "%3A")


@dataclass(frozen=True)
class Keys:
    """The keys of a namespace under a prefix."""

    prefix: str
    namespace: str

    @property
    def _base(self) -> str:
        return f"{self.prefix}:{escape_part(self.namespace)}"

    @property
    def tasks(self) -> str:
        """BullMQ's prefix of the task queues."""
        return f"{self._base}:task"

    @property
    def control(self) -> str:
        return f"{self._base}:control"

    @property
    def wanted(self) -> str:
        return f"{self._base}:wanted"

    @property
    def workers(self) -> str:
        return f"{self._base}:workers"

    @property
    def results_of_all(self) -> str:
        """What starts the key of every results stream."""
        return f"{self._base}:results:"

    @property
    def engines(self) -> str:
        return f"{self._base}:engines"

    def engine(self, engine_id: str) -> str:
        return f"{self._base}:engine:{engine_id}"

    def inbox(self, reader: str) -> str:
        """The stream of what is sent to one process."""
        return f"{self._base}:inbox:{reader}"

    def worker(self, worker_id: str) -> str:
        return f"{self._base}:worker:{worker_id}"


@dataclass(frozen=True)
class Pace:
    """How fast things go, all from the engine's lease. In seconds."""

    #: Longest time between two signs of life of a running attempt.
    liveness: float

    @classmethod
    def of_lease(cls, lease: float) -> Pace:
        return cls(min(_MAX_LIVENESS, lease * _LIVENESS_SHARE))

    @property
    def beat(self) -> float:
        """How often the worker says that it is there."""
        return max(0.05, self.liveness / 2)

    @property
    def presence(self) -> float:
        """After how long a silent worker counts as gone."""
        return self.beat * 3

    @property
    def lock(self) -> float:
        """How long a silent worker keeps a job."""
        return self.liveness * 6

    @property
    def stalled(self) -> float:
        """How often workers look for jobs of workers that are gone."""
        return self.liveness * 2
