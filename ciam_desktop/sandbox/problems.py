"""Owns the one way in which the sandbox says why it cannot start."""

from __future__ import annotations


class CannotStart(Exception):
    """The sandbox cannot start; `str(error)` is one sentence for people."""
