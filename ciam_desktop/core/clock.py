"""Owns how far this computer's clock is from a server's, and the words for a length of time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from ciam_desktop.i18n import _, ngettext

FINE_CLOCK_SECONDS = 60
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_SECONDS = re.compile(r"[0-9]{1,9}")


def slowness(headers: Mapping[str, str], asked: float, came: float) -> float | None:
    """By how many seconds this computer's clock is slow; negative when it is fast, None when the answer does not tell.

    `headers` are those of an answer, lower-case; `asked` and `came` are this computer's clock, in seconds since 1970,
    when the question was sent and when the answer was there. The server's whole second lies somewhere between.
    """
    theirs = _their_time(headers)
    if theirs is None:
        return None
    behind, ahead = theirs - came, asked - (theirs + 1)
    return behind if behind > 0 else -max(ahead, 0.0)


def wrong_clock(slow: float) -> str:
    """A sentence on a clock that is `slow` by so many seconds (negative: fast); "" when it goes well enough."""
    if abs(slow) < FINE_CLOCK_SECONDS:
        return ""
    told = (
        _("This computer's clock is %(how_long)s slow.")
        if slow > 0
        else _("This computer's clock is %(how_long)s fast.")
    )
    return told % {"how_long": how_long(int(abs(slow)))}


def how_long(n: int) -> str:
    """`n` seconds in words, in the largest unit of which there are at least two."""
    if n < 2 * _MINUTE:
        return ngettext("%(n)d second", "%(n)d seconds", n) % {"n": n}
    if n < 2 * _HOUR:
        return ngettext("%(n)d minute", "%(n)d minutes", n // _MINUTE) % {"n": n // _MINUTE}
    if n < 2 * _DAY:
        return ngettext("%(n)d hour", "%(n)d hours", n // _HOUR) % {"n": n // _HOUR}
    return ngettext("%(n)d day", "%(n)d days", n // _DAY) % {"n": n // _DAY}


def pause_wanted(headers: Mapping[str, str], now: float) -> int:
    """How many seconds a busy server wants to be left alone (RFC 9110 section 10.2.3), or 0 when it does not say."""
    wanted = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(wanted):
        return int(wanted)
    until = _moment(wanted)
    sent = _moment(headers.get("date", ""))  # by the same clock, which need not be this computer's
    return 0 if until is None else max(0, int(until - (now if sent is None else sent)))


def _their_time(headers: Mapping[str, str]) -> float | None:
    """When an answer was sent by its server's clock, in seconds since 1970 (RFC 9110 section 6.6.1), or None."""
    sent = _moment(headers.get("date", ""))
    age = headers.get("age", "")  # of an answer from a cache (RFC 9111 section 5.1)
    return sent if sent is None else sent + (int(age) if _SECONDS.fullmatch(age) else 0)


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
