"""Tests what a start costs, and the whole set-up with the real packages."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from ciam_desktop.bootstrap.tools import base_python
from tests import needs
from tests.setup.clone import ROOT, Clone, on_base_python

if TYPE_CHECKING:
    from pathlib import Path

ALLOWED = 0.030
"""Seconds that the set-up may add to a later start, a second interpreter's start aside."""


def _seconds(command: list[str], clone: Clone) -> float:
    started = time.perf_counter()
    subprocess.run(
        command, cwd=clone.root, env=clone.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    return time.perf_counter() - started


def test_a_later_start_costs_little_more_than_two_bare_interpreters(ready: Clone) -> None:
    ready.start()
    (ready.root / "ciam_desktop" / "__main__.py").write_text("def main(argv=None):\n    return 7\n")
    (ready.root / "nothing.py").write_text("")
    inside = str(ready.environment / "bin" / "python")
    floors, starts = [], []
    for _ in range(15):  # interleaved, so that a busy machine weighs on both
        floors.append(_seconds([base_python(), "nothing.py"], ready) + _seconds([inside, "nothing.py"], ready))
        starts.append(_seconds([base_python(), "main.py"], ready))
    assert statistics.median(starts) - statistics.median(floors) < ALLOWED


def test_a_start_loads_nothing_of_the_set_up(ready: Clone) -> None:
    ready.start()
    done = ready.start(python=str(ready.environment / "bin" / "python"), env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 7
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "ciam_desktop.bootstrap" in loaded
    for module in ("setup", "tools", "notice", "failures", "system_check"):
        assert f"ciam_desktop.bootstrap.{module}" not in loaded
    assert not {"pathlib", "subprocess", "hashlib", "tomllib"} & loaded - _loaded_anyway(ready)


def _loaded_anyway(clone: Clone) -> set[str]:
    """What an interpreter with the packages' .pth files loads by itself."""
    command = [str(clone.environment / "bin" / "python"), "-X", "importtime", "-c", "import json"]
    done = subprocess.run(command, env=clone.env, capture_output=True, text=True, check=True, timeout=20)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


@pytest.mark.network
def test_the_real_packages_are_set_up_in_a_fresh_copy(tmp_path: Path) -> None:
    """From nothing to `--version`, with pip configured as it is on this machine."""
    needs.condition(on_base_python(), "the tests run in no virtual environment, so every Python has the packages")
    root = tmp_path / "copy"
    for name in ("ciam_desktop", "resources"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("main.py", "pyproject.toml"):
        shutil.copy2(ROOT / name, root)
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [base_python(), "main.py", "--version"],
        cwd=root,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("CIAM Desktop ")
    assert list(root.glob(f".venv/lib/python*/site-packages/flask/__pycache__/app.{sys.implementation.cache_tag}.pyc"))
