"""What a text may be before anybody parses it: parsing is what a hostile text attacks."""

from __future__ import annotations

import re

#: UTF-8 bytes of a message.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
#: Arrays and objects of a message inside one another, the outermost included.
MAX_MESSAGE_DEPTH = 32
#: The same of a value. Python's parser and pydantic go no deeper than a few hundred.
MAX_VALUE_DEPTH = 200

# A string, also one that does not end, or a bracket. Possessive, and never without a match: linear.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


def is_too_large(text: str, max_bytes: int) -> bool:
    """Whether a text takes more than a number of bytes in UTF-8."""
    if len(text) > max_bytes:
        return True
    # A character takes at most four bytes.
    return len(text) * 4 > max_bytes and byte_length(text) > max_bytes


def byte_length(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def is_too_deep(text: str, max_depth: int) -> bool:
    """Whether arrays and objects of a JSON text lie deeper than allowed.

    Ends at the first bracket that is too deep; of a text that is no JSON the answer means nothing.
    """
    if text.count("{") + text.count("[") <= max_depth:
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > max_depth:
                return True
        elif first in "]}":
            depth -= 1
    return False
