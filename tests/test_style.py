"""Proves that the code is written as agreed: ruff, mypy, the layers, a sentence on top of each module, no long file."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_papers import ROOT, tracked_files

LONGEST = 450
LONGEST_OF_TESTS = 600  # tables of cases are long, and read from top to bottom
MODULES = sorted(path for path in tracked_files() if path.suffix == ".py")


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_ruff_has_nothing_to_say() -> None:
    run("-m", "ruff", "check", "--output-format", "concise", ".")


def test_the_code_is_formatted() -> None:
    run("-m", "ruff", "format", "--check", ".")


@pytest.mark.timeout(300)
def test_the_types_fit() -> None:
    run("-m", "mypy")


def test_the_layers_hold() -> None:
    run("-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_a_sentence_and_is_no_book(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if text.strip():
        docstring = ast.get_docstring(ast.parse(text))
        assert docstring, "what does this module own?"
    limit = LONGEST_OF_TESTS if path.is_relative_to(ROOT / "tests") else LONGEST
    assert len(text.splitlines()) <= limit
