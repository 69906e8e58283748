from __future__ import annotations

import tomllib
from pathlib import Path

import durable_worker

PACKAGE = Path(__file__).parents[1]


def test_the_version_is_that_of_the_manifest() -> None:
    manifest = tomllib.loads((PACKAGE / "pyproject.toml").read_text("utf-8"))
    assert durable_worker.__version__ == manifest["project"]["version"]


def test_all_is_sorted_and_complete() -> None:
    names = durable_worker.__all__
    assert names == sorted(names)
    public = {name for name in vars(durable_worker) if not name.startswith("_")}
    modules = {"errors", "worker"}
    assert public - modules == set(names) - {"__version__"}
