"""Owns the forms' tickets: signed proof that this browser was shown this form for this request."""

from __future__ import annotations

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeTimedSerializer

from ciam_desktop.sandbox.tenant.sessions import hashed

MINUTES = 60


@dataclass(frozen=True, slots=True)
class Tickets:
    """Issues and checks tickets; they are the protection against forged forms, bound to a cookie."""

    _serializer: URLSafeTimedSerializer

    def __init__(self, key: str) -> None:
        object.__setattr__(self, "_serializer", URLSafeTimedSerializer(key, salt="ticket"))

    def issue(self, browser: str, request: str, sid: str = "") -> str:
        """A ticket for this browser's cookie, this request and, after sign-in, this session."""
        return str(self._serializer.dumps([hashed(browser), hashed(request), sid]))

    def check(self, ticket: str, browser: str, request: str) -> str | None:
        """The session's id (or ""), None when the ticket is forged, another's or over an hour old."""
        try:
            owner, about, sid = self._serializer.loads(ticket, max_age=MINUTES * 60)
        except (BadData, ValueError):
            return None
        good = browser != "" and owner == hashed(browser) and about == hashed(request)
        return str(sid) if good else None
