"""Owns what an answer means that is not the asked server's own: a network's sign-in page, or a server out of order."""

from __future__ import annotations

import re
import time
from urllib.parse import urljoin, urlsplit

from ciam_desktop.core.clock import how_long, pause_wanted
from ciam_desktop.core.errors import NetworkError
from ciam_desktop.core.http import Answer
from ciam_desktop.i18n import _

_HOST = re.compile(r"[a-z0-9.:-]{1,100}")
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml"})


def in_the_way(answer: Answer, url: str) -> NetworkError | None:
    """What stands between this program and the server of `url`, which was asked for JSON; None when nothing does.

    A web page in place of the JSON, a redirect to another host, and the status 511 (RFC 6585 section 6) are what a
    network answers that wants a person to sign in to it. 429 and 5xx are the server's own trouble.
    """
    host = urlsplit(url).hostname or ""
    if other := _other_host(answer, url, host):
        sentence = _(
            "The way to %(host)s leads to %(other)s: the network (of a hotel or a train, perhaps) may want you to sign "
            "in to it. Open any page in your browser, then try again."
        )
        return NetworkError(sentence % {"host": host, "other": other}, host=host, reason="captive portal")
    if answer.status == 511 or (answer.status == 200 and is_page(answer)):
        sentence = _(
            "A web page came in place of the answer of %(host)s: the network (of a hotel or a train, perhaps) may want "
            "you to sign in to it. Open any page in your browser, then try again."
        )
        return NetworkError(sentence % {"host": host}, host=host, reason="captive portal")
    if answer.status == 429 or answer.status >= 500:
        return _out_of_order(answer, host)
    return None


def is_page(answer: Answer) -> bool:
    """Whether the body is a web page: some servers declare JSON as one, and some pages are declared as JSON."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    begins = answer.body[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return begins.startswith((b"<!doctype html", b"<html")) or (kind in _PAGE_TYPES and begins.startswith(b"<"))


def _out_of_order(answer: Answer, host: str) -> NetworkError:
    pause = pause_wanted(answer.headers, time.time())
    if answer.status in {429, 503} and pause:
        sentence = _("%(host)s is busy; try again in %(how_long)s.")
        minute = 60
        pause = pause if pause < 2 * minute else pause + minute - 1  # never too early
        return NetworkError(sentence % {"host": host, "how_long": how_long(pause)}, host=host, reason="busy")
    if answer.status == 429:
        sentence = _("%(host)s was asked too often; wait a while, then try again.")
        return NetworkError(sentence % {"host": host}, host=host, reason="busy")
    sentence = _("%(host)s is out of order at the moment (%(status)d).")
    return NetworkError(sentence % {"host": host, "status": answer.status}, host=host, reason=str(answer.status))


def _other_host(answer: Answer, url: str, host: str) -> str:
    """The other host that a redirect points to, in a form that can be shown, or nothing."""
    location = answer.headers.get("location", "")
    if not 300 <= answer.status < 400 or not location:
        return ""
    try:
        other = urlsplit(urljoin(url, location)).hostname or ""
    except ValueError:
        return ""
    return other if other != host and _HOST.fullmatch(other) else ""
