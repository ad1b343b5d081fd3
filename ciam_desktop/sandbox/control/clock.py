"""Owns the sandbox's clock: the computer's, shifted by what a test asked for."""

from __future__ import annotations

import time


class Clock:
    """Seconds since 1970; `offset` in seconds is added to the computer's time."""

    def __init__(self) -> None:
        self.offset = 0

    def __call__(self) -> float:
        """The time now."""
        return time.time() + self.offset
