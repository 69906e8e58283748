"""The version of this package, as workers announce it. A test compares it with pyproject.toml."""

from typing import Final

__version__: Final = "0.1.0"
