"""Owns the words: every sentence that a person reads passes through here (gettext, one catalogue)."""

from __future__ import annotations

import gettext
import os
import sys

from ciam_desktop.resources import resource

DOMAIN = "ciam_desktop"
_IN_THE_SOURCE = ("en", "c.", "c_", "posix")

_translations: gettext.NullTranslations = gettext.NullTranslations()


def install(languages: list[str] | None = None) -> None:
    """Choose the catalogue for `languages` (such as `["de", "en"]`); by default the person's choice.

    A language without a catalogue falls back to the next, and to the English in the source.
    """
    global _translations  # noqa: PLW0603 -- the one process-wide choice, made once at start
    wanted: list[str] = []
    for language in _preferred() if languages is None else languages:
        if language.lower().startswith(_IN_THE_SOURCE):
            break  # English has no catalogue, and gettext would go on to what the person wants less
        wanted.append(language.replace("-", "_"))
    folder = os.fspath(resource("locale"))
    _translations = gettext.translation(DOMAIN, folder, wanted, fallback=True)
    if wanted:  # argparse looks its own words up in the process's domain (gettext's documented default)
        gettext.bindtextdomain(DOMAIN, folder)
        gettext.textdomain(DOMAIN)


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


def _preferred() -> list[str]:
    """The person's languages, best first: of the environment, else (as POSIX knows no other) of Windows or macOS."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value.split(":")
    if sys.platform == "win32":
        import ctypes
        import locale

        language = locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage())
        return [language] if language else []
    if sys.platform == "darwin":
        return _of_macos()
    return []


def _of_macos() -> list[str]:
    """The preferred languages in the system's settings (Core Foundation, CFLocale)."""
    import ctypes

    cf = ctypes.CDLL("/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation")
    cf.CFLocaleCopyPreferredLanguages.restype = ctypes.c_void_p
    cf.CFArrayGetCount.argtypes, cf.CFArrayGetCount.restype = [ctypes.c_void_p], ctypes.c_long
    cf.CFArrayGetValueAtIndex.argtypes = [ctypes.c_void_p, ctypes.c_long]
    cf.CFArrayGetValueAtIndex.restype = ctypes.c_void_p
    cf.CFStringGetCString.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_long, ctypes.c_uint32]
    cf.CFRelease.argtypes, cf.CFRelease.restype = [ctypes.c_void_p], None
    utf8, text = 0x08000100, ctypes.create_string_buffer(64)
    languages = cf.CFLocaleCopyPreferredLanguages()
    found = [
        text.value.decode()
        for number in range(cf.CFArrayGetCount(languages))
        if cf.CFStringGetCString(cf.CFArrayGetValueAtIndex(languages, number), text, len(text), utf8)
    ]
    cf.CFRelease(languages)
    return found


OF_ARGPARSE = (
    N_("usage: "),
    N_("options"),
    N_("show this help message and exit"),
    N_("show program's version number and exit"),
    N_("%(prog)s: error: %(message)s\n"),
    N_("argument %(argument_name)s: %(message)s"),
    N_("the following arguments are required: %s"),
    N_("unrecognized arguments: %s"),
    N_("invalid choice: %(value)r (choose from %(choices)s)"),
    N_("expected one argument"),
    N_("ambiguous option: %(option)s could match %(matches)s"),
)
"""What argparse says by itself, so that it stands in the catalogue beside what we say."""
