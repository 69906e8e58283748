"""Letting go of code that has not ended, without running any more of it.

Python closes a suspended coroutine when nothing refers to it: its `finally` blocks run then. For a
workflow that is only forgotten they must not: it goes on elsewhere. An object that has been
finalized once is not finalized again (PEP 442), so coroutines are marked as if they had been, and
their frames are freed in silence.

CPython has no function for that mark. It is the lowest bit of the word before the object, in all
releases from 3.8 on that have the global lock; `gc.is_finalized` reads it. Where a trial shows that
this does not hold, forgotten coroutines are kept in memory for ever instead.
docs/decisions/0014-forgotten-coroutines-are-not-closed.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

_WORD: Final = ctypes.sizeof(ctypes.c_size_t)
_FINALIZED: Final = 1
#: A run holds few objects that lead to coroutines; this bounds a mistake.
_MAX_SEEN: Final = 100_000

_SUSPENDABLE: Final = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)
#: Through what a frame may hold another: nothing that leads out of the run, such as functions.
_FOLLOWED: Final = (
    *_SUSPENDABLE,
    asyncio.Future,
    list,
    tuple,
    dict,
    set,
    frozenset,
    deque,
    types.CellType,
    types.MethodType,
)
_FOLLOWED_NAMES: Final = frozenset(
    {"async_generator_asend", "async_generator_athrow", "coroutine_wrapper", "anext_awaitable"}
)
_FOLLOWED_MODULES: Final = frozenset({contextlib.__name__, asyncio.taskgroups.__name__})

#: Where the interpreter is another one than expected.
_kept_for_ever: Final[list[object]] = []


def let_go(roots: Iterable[object], logger: logging.Logger) -> None:
    """Marks all suspended code that the objects lead to: it ends in silence.

    To be called when it can go on no more, and before the references are dropped.
    """
    found = list(_suspended(roots))
    if can_mark():
        for suspended in found:
            _mark(suspended)
    elif found:
        if not _kept_for_ever:
            logger.warning(
                "This Python closes coroutines that are forgotten; they stay in memory instead."
            )
        _kept_for_ever.extend(found)


@cache
def can_mark() -> bool:
    """Whether the mark is where it is expected, by a trial."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    ran: list[int] = []

    def suspended() -> Any:
        try:
            yield
        finally:
            ran.append(1)

    trial = suspended()
    next(trial)
    if gc.is_finalized(trial):
        return False
    _mark(trial)
    if not gc.is_finalized(trial):
        return False
    del trial
    return not ran


def _mark(suspended: object) -> None:
    # One expression without a call between read and write: no collection and no other thread then.
    cell = ctypes.c_size_t.from_address(id(suspended) - _WORD)
    cell.value |= _FINALIZED


def _suspended(roots: Iterable[object]) -> Iterable[object]:
    seen: set[int] = set()
    todo = list(roots)
    while todo and len(seen) < _MAX_SEEN:
        value = todo.pop()
        if id(value) in seen or not _is_followed(value):
            continue
        seen.add(id(value))
        if isinstance(value, _SUSPENDABLE):
            yield value
        todo.extend(gc.get_referents(value))


def _is_followed(value: object) -> bool:
    if isinstance(value, _FOLLOWED):
        return True
    kind = type(value)
    return kind.__module__ in _FOLLOWED_MODULES or kind.__name__ in _FOLLOWED_NAMES
