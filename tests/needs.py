"""Owns what a test does on a machine that lacks something: it is skipped and says why; where CI=true it fails."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """The path of the program `name` (or of that very file); skips, or fails in CI, when it is not installed."""
    path = shutil.which(name)
    condition(path is not None, f"the program {name} is not installed")
    return path or ""


def condition(met: bool, reason: str) -> None:
    """Go on when `met`; else skip, or fail in CI, with `reason`."""
    if met:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"This cannot be tested here: {reason}.", pytrace=False)
    pytest.skip(reason)
