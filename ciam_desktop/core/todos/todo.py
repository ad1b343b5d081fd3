"""Owns what a to-do is, as a plain value. Loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Todo:
    """One to-do as the API has it; `id` is text whatever the API sends, `owner` is an `oid` or empty."""

    id: str
    description: str = field(repr=False)
    owner: str = field(default="", repr=False)
