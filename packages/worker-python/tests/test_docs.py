"""The Python of pages and examples: it has the right types, and what it registers can be served."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from durable_worker import Worker

PACKAGE = Path(__file__).parents[1]
ROOT = PACKAGE.parents[1]
PAGES = [ROOT / "docs" / "python.md", ROOT / "docs" / "redis.md"]
EXAMPLES = [
    ROOT / "examples" / "checkout-remote" / "fulfilment" / "worker.py",
    ROOT / "examples" / "python-workflow" / "orders" / "worker.py",
]
FENCE = re.compile(r"^```python(?: file=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks_of(page: Path) -> dict[str, str]:
    found = FENCE.findall(page.read_text("utf-8"))
    return {name or f"block_{index}.py": text for index, (name, text) in enumerate(found)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("docs")
    for page in PAGES:
        for name, text in blocks_of(page).items():
            (made / name).write_text(text, "utf-8")
    (made / "readme.py").write_text(blocks_of(PACKAGE / "README.md")["block_0.py"], "utf-8")
    for example in EXAMPLES:
        name = f"example_{example.parent.name}.py"
        (made / name).write_text(example.read_text("utf-8"), "utf-8")
    return made


def test_blocks_have_the_right_types(folder: Path) -> None:
    files = [str(path) for path in folder.glob("*.py")]
    assert len(files) >= 6
    config = ["--config-file", "pyproject.toml", "--cache-dir", str(folder / ".cache")]
    done = subprocess.run(  # noqa: S603 - our own arguments.
        [sys.executable, "-m", "mypy", *config, *files],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_blocks_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Worker] = []
    monkeypatch.setattr(Worker, "run", lambda worker: ran.append(worker))
    for path in folder.glob("*.py"):
        runpy.run_path(str(path), run_name="__main__")
    assert len(ran) == 5
