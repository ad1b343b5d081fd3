"""Owns what is said about a saved sign-in that cannot be read: whether it was left, or set aside and where."""

from __future__ import annotations

from ciam_desktop.core.errors import StoredFormatError
from ciam_desktop.i18n import _


class Unreadable(StoredFormatError):
    """What is kept is damaged, another program's, or cannot be decrypted any more; nothing of it was changed.

    `why` is a sentence. What a newer version of this program wrote is not unreadable, nor is what is merely locked.
    """

    def __init__(self, why: str = "") -> None:
        self.why = why or _("The saved sign-in cannot be read.")
        super().__init__(_("%(why)s It was left as it is.") % {"why": self.why})


class SetAside(StoredFormatError):
    """What could not be read was set aside whole, and nothing is kept now; raised once, by the use that found it.

    `why` and `where` are sentences; `where` names the place at which a person finds it.
    """

    def __init__(self, why: str, where: str) -> None:
        super().__init__(_("%(why)s %(where)s Sign in again.") % {"why": why, "where": where})
