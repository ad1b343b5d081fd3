"""Owns how the window tells a moment and a span: as short as it can be and still be true."""

from __future__ import annotations

from datetime import datetime


def moment(seconds: float) -> str:
    """The local time of `seconds` since 1970; with its date unless that is today."""
    then = datetime.fromtimestamp(seconds).astimezone()
    today = then.date() == datetime.now().astimezone().date()
    return then.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")


def countdown(seconds: float) -> str:
    """A span of `seconds` in minutes and seconds, `14:05`; nothing is left of one that is over."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
