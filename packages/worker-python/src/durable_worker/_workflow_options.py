"""Options of what workflow code asks for, checked at the call."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from ._turn_messages import Options

#: A time: a number of seconds, or a timedelta.
Duration = float | timedelta

_LONGEST: Final = timedelta(days=36_525)
_MAX_NAME: Final = 255
#: Control characters, and halves of surrogate pairs.
_ODD: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
#: What JavaScript's `trim` removes.
_SPACE: Final = " \t\n\v\f\r\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)


@dataclass(frozen=True)
class RetryPolicy:
    """How failed attempts of a step are repeated. What is None is the contract's, or the engine's.

    Delays are seconds, or timedeltas. The engine's defaults: 3 attempts, 1 second, doubling, up to
    5 minutes, full jitter.
    """

    #: Attempts in all, the first included.
    max_attempts: int | None = None
    #: Before the second attempt.
    initial_delay: Duration | None = None
    #: Between two delays; 1 or more.
    factor: float | None = None
    max_delay: Duration | None = None
    #: `full`: a delay drawn evenly from 0 to the computed one; `none`: the computed one.
    jitter: Literal["full", "none"] | None = None


def step_options(
    retries: int | None,
    retry: RetryPolicy | None,
    timeout: Duration | None,
    heartbeat_timeout: Duration | None,
) -> Options:
    """`retries` wins over `retry.max_attempts`. Raises ValueError, TypeError."""
    policy = retry or RetryPolicy()
    attempts = policy.max_attempts
    if retries is not None:
        attempts = _whole(retries, "retries", 0) + 1
    elif attempts is not None:
        _whole(attempts, "retry.max_attempts", 1)
    factor = policy.factor
    if factor is not None and not (math.isfinite(factor) and factor >= 1):
        raise ValueError(f"retry.factor has to be a number of 1 or more, not {factor!r}.")
    if policy.jitter not in (None, "full", "none"):
        raise ValueError(f"retry.jitter has to be 'full' or 'none', not {policy.jitter!r}.")
    return Options(
        max_attempts=attempts,
        initial_delay_ms=optional_milliseconds(policy.initial_delay, "retry.initial_delay"),
        factor=factor,
        max_delay_ms=optional_milliseconds(policy.max_delay, "retry.max_delay"),
        jitter=policy.jitter,
        timeout_ms=optional_milliseconds(timeout, "timeout"),
        heartbeat_timeout_ms=optional_milliseconds(heartbeat_timeout, "heartbeat_timeout"),
    )


def milliseconds(duration: Duration, field: str) -> int:
    """Raises ValueError for what is below 0, above 100 years, or no time; TypeError."""
    if isinstance(duration, bool) or not isinstance(duration, int | float | timedelta):
        raise TypeError(f"{field} has to be seconds or a timedelta, not {duration!r}.")
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if not 0 <= seconds <= _LONGEST.total_seconds():
        raise ValueError(f"{field} has to be a time of 0 to 100 years, not {duration!r}.")
    return round(seconds * 1000)


def optional_milliseconds(duration: Duration | None, field: str) -> int | None:
    return None if duration is None else milliseconds(duration, field)


def epoch_milliseconds(when: datetime, field: str) -> int:
    """Raises ValueError for a time without a time zone: it is another one on each machine."""
    if not isinstance(when, datetime):
        raise TypeError(f"{field} has to be a datetime, not {when!r}.")
    if when.utcoffset() is None:
        raise ValueError(f"{field} has to have a time zone, as in datetime(…, tzinfo=UTC).")
    return max(0, round(when.timestamp() * 1000))


def require_name(value: object, field: str) -> str:
    """The engine's rule for names, tokens and ids. Raises ValueError, TypeError."""
    if not isinstance(value, str):
        raise TypeError(f"{field} has to be a str, not {value!r:.80}.")
    units = len(value) + sum(character > "\uffff" for character in value)
    if not 0 < units <= _MAX_NAME:
        raise ValueError(f"{field} has to have 1 to {_MAX_NAME} characters, not {units}.")
    if value.strip(_SPACE) != value:
        raise ValueError(f"{field} must not have white space at its start or end: {value!r:.80}.")
    if _ODD.search(value):
        raise ValueError(f"{field} must not have control characters: {value!r:.80}.")
    return value


def _whole(value: int, field: str, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**53 - 1:
        raise ValueError(f"{field} has to be a whole number of {least} or more, not {value!r}.")
    return value
