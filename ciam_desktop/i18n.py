"""Owns the words: every sentence that a person reads passes through here (gettext, one catalogue)."""

from __future__ import annotations

import gettext
import os

from ciam_desktop.resources import resource

DOMAIN = "ciam_desktop"

_translations: gettext.NullTranslations = gettext.NullTranslations()


def install(languages: list[str] | None = None) -> None:
    """Choose the catalogue for `languages` (such as `["de", "en"]`); by default the environment's choice.

    A language without a catalogue falls back to the English in the source.
    """
    global _translations  # noqa: PLW0603 -- the one process-wide choice, made once at start
    _translations = gettext.translation(DOMAIN, os.fspath(resource("locale")), languages, fallback=True)


def use(translations: gettext.NullTranslations) -> None:
    """Use a ready catalogue (tests hand in one that marks every sentence)."""
    global _translations  # noqa: PLW0603 -- see install
    _translations = translations


def _(message: str) -> str:
    """Translate `message` now, in the language chosen at start."""
    return _translations.gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """Translate the form that fits `n`."""
    return _translations.ngettext(singular, plural, n)


def N_(message: str) -> str:  # noqa: N802 -- the name that gettext's extractors know
    """Mark a constant for extraction; pass it through `_` where it is shown."""
    return message
