"""JSON as JavaScript has it: Python's parser takes more."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def parse(text: str) -> Any:
    """The value of a JSON text.

    Raises ValueError for what is none, which does not quote the text: it may be secret.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    except ValueError:
        raise ValueError(f"it is no JSON ({len(text)} characters)") from None


def write(value: Any) -> str:
    """The text of a value that is known to be JSON; any UTF-8 encoder takes it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A lone surrogate has no UTF-8; JSON's escape of it is fine.
    return text if _is_utf8(text) else json.dumps(value, separators=(",", ":"), allow_nan=False)


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
