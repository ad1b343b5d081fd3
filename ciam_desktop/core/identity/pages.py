"""Owns the pages that the browser shows when it comes back: one calm page, filled with an outcome and two sentences.

Self-contained: one inline style (allowed by its hash), one inline icon, no script, nothing loaded, and nothing of the
request that it answers.
"""

from __future__ import annotations

import base64
import hashlib
import html
import unicodedata
from enum import Enum
from functools import cache
from string import Template

from ciam_desktop.i18n import _
from ciam_desktop.resources import resource

_ISOLATE = "\u2068%s\u2069"  # keeps a right-to-left name from reordering the sentence around it
_REORDERING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


class Outcome(Enum):
    """How it ended; the value is the name of the icon's file and of the page's colour."""

    SUCCESS = "success"
    PROBLEM = "problem"
    SIGNED_OUT = "signed-out"


def result_page(outcome: Outcome, title: str, text: str) -> bytes:
    """The page as UTF-8 HTML; `title` and `text` are plain text and may hold anything."""
    page = Template(_read("result.html")).substitute(
        # Translators: the language tag of this catalogue (BCP 47), such as "de" or "pt-BR".
        language=html.escape(_("en")),
        outcome=outcome.value,
        icon=_read(f"{outcome.value}.svg").strip(),
        title=html.escape(title),
        text=html.escape(text),
        hint=html.escape(_("You can close this tab.")),
    )
    return page.encode("utf-8", "replace")  # a claim may hold half a surrogate pair


def load() -> None:
    """Read the files now; later, in a flood of connections, there may be no file descriptor left to do so."""
    for name in ("result.html", *(f"{outcome.value}.svg" for outcome in Outcome)):
        _read(name)


def security_policy() -> str:
    """The Content-Security-Policy (CSP 3) that these pages need, and not a source more."""
    style = _read("result.html").partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )


def signed_in(name: str | None) -> bytes:
    """The sign-in is proven and kept; `name` is how the account calls itself, if it does."""
    name = _plain(name or "")
    return result_page(
        Outcome.SUCCESS,
        _("You are signed in"),
        _("CIAM Desktop is signed in as %(name)s.") % {"name": _ISOLATE % name}
        if name
        else _("You can go back to CIAM Desktop."),
    )


def signed_out(name: str | None) -> bytes:
    """The provider has ended its session; `name` as in `signed_in`."""
    name = _plain(name or "")
    return result_page(
        Outcome.SIGNED_OUT,
        _("You are signed out"),
        _("%(name)s is signed out of CIAM Desktop and of this browser.") % {"name": _ISOLATE % name}
        if name
        else _("You are signed out of CIAM Desktop and of this browser."),
    )


def failed(title: str, text: str) -> bytes:
    """It did not work: `title` says what, `text` what to do."""
    return result_page(Outcome.PROBLEM, title, text)


def not_ours() -> bytes:
    """What arrived belongs to no running sign-in."""
    return failed(
        _("This page does not belong to a running sign-in"),
        _("Nothing was changed. If you wanted to sign in, start again in CIAM Desktop."),
    )


def already_answered() -> bytes:
    """The one answer was already taken: this is a reload, or a second tab."""
    return failed(
        _("This has already been answered"),
        _("CIAM Desktop took the first answer of the browser and needs nothing more from this page."),
    )


def no_answer() -> bytes:
    """The answer arrived, but the program never said how it ended."""
    return failed(
        _("CIAM Desktop did not answer"),
        _("The browser did its part. Look at the window of CIAM Desktop to see how it ended, or sign in again there."),
    )


def _plain(name: str) -> str:
    """`name` on one line, without characters that turn the writing direction around."""
    return " ".join("".join(c for c in name if unicodedata.bidirectional(c) not in _REORDERING).split())


@cache
def _read(name: str) -> str:
    return resource("pages", name).read_text(encoding="utf-8")
