"""Says so when workflow code keeps the loop busy: all else of the process stands still then."""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from types import TracebackType
from typing import Any, Final

_LIMIT: Final = 1.0
_LOOK: Final = 0.25


class Watch:
    """A context manager around a piece of work of the loop's thread. Cheap to enter."""

    def __init__(self, logger: logging.Logger, limit: float = _LIMIT) -> None:
        """`limit` in seconds."""
        self._logger = logger
        self._limit = limit
        self._thread: threading.Thread | None = None
        self._work: tuple[str, float, int] | None = None
        self._told: tuple[str, float, int] | None = None
        self._ended = threading.Event()

    def over(self, what: str) -> Watch:
        """Names the work that is entered next."""
        self._what = what
        return self

    def __enter__(self) -> None:
        if self._thread is None:
            name = "durable-workflow-watch"
            self._thread = threading.Thread(target=self._look, name=name, daemon=True)
            self._thread.start()
        self._work = (self._what, time.monotonic(), threading.get_ident())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        work, self._work = self._work, None
        if work is not None and work is not self._told and self._is_long(work):
            # It has kept the watching thread from running as well.
            self._tell(work, "")

    def close(self) -> None:
        self._ended.set()

    def _look(self) -> None:
        while not self._ended.wait(min(_LOOK, self._limit)):
            work = self._work
            if work is None or work is self._told or not self._is_long(work):
                continue
            frame: Any = sys._current_frames().get(work[2])
            if self._work is work:
                self._told = work
                self._tell(work, "".join(traceback.format_stack(frame)[-6:]) if frame else "")

    def _is_long(self, work: tuple[str, float, int]) -> bool:
        return time.monotonic() - work[1] > self._limit

    def _tell(self, work: tuple[str, float, int], where: str) -> None:
        self._logger.warning(
            "%s has computed for more than %s s without a pause: nothing else of this process "
            "goes on meanwhile. Put it into ctx.step(…) with a plain `def`.\n%s",
            work[0],
            self._limit,
            where,
        )
