"""Owns single sign-on: who is signed in to the tenant in which browser, and what they allowed."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.sqlite import insert

from ciam_desktop.sandbox.tenant.schema import ACCOUNT, CONSENT, SSO_SESSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Engine

LIFETIME = 24 * 3600


@dataclass(frozen=True, slots=True)
class SsoSession:
    """One person signed in in one browser; `auth_time` in seconds since 1970."""

    sid: str
    oid: str
    email: str
    name: str
    login_hint: str
    auth_time: int


class SsoSessions:
    """The browsers' sessions; a browser is known by a cookie of which only the hash is kept."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, cookie: str) -> list[SsoSession]:
        """The people signed in in this browser, the latest first."""
        if not cookie:
            return []
        found = (
            select(SSO_SESSION.c.sid, *(ACCOUNT.c[each] for each in ("oid", "email", "name", "login_hint")))
            .add_columns(SSO_SESSION.c.auth_time)
            .join_from(SSO_SESSION, ACCOUNT, SSO_SESSION.c.oid == ACCOUNT.c.oid)
            .where(SSO_SESSION.c.browser == hashed(cookie), SSO_SESSION.c.ends_at > time.time())
            .order_by(SSO_SESSION.c.auth_time.desc())
        )
        with self._engine.connect() as connection:
            return [SsoSession(*row) for row in connection.execute(found)]

    def sign_in(self, cookie: str, oid: str) -> tuple[str, str]:
        """Sign the person in; the browser's new cookie (others in this browser stay) and the session's id."""
        now, sid, fresh = int(time.time()), str(uuid.uuid4()), secrets.token_urlsafe(32)
        with self._engine.begin() as connection:
            connection.execute(delete(SSO_SESSION).where(SSO_SESSION.c.ends_at <= now))
            if cookie:
                # A new value at each sign-in, so that a planted cookie is worth nothing afterwards.
                moved = update(SSO_SESSION).where(SSO_SESSION.c.browser == hashed(cookie))
                connection.execute(moved.values(browser=hashed(fresh)))
            row = {"sid": sid, "browser": hashed(fresh), "oid": oid, "auth_time": now, "ends_at": now + LIFETIME}
            statement = insert(SSO_SESSION).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["browser", "oid"], set_=row))
        return fresh, sid

    def sign_out(self, sids: Iterable[str]) -> None:
        """End these sessions."""
        with self._engine.begin() as connection:
            connection.execute(delete(SSO_SESSION).where(SSO_SESSION.c.sid.in_(list(sids))))

    def end_all(self, oid: str) -> None:
        """End this person's sessions in every browser."""
        with self._engine.begin() as connection:
            connection.execute(delete(SSO_SESSION).where(SSO_SESSION.c.oid == oid))


class Consents:
    """What each person allowed each client: short API names, and `openid` for knowing who they are."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, oid: str, client_id: str) -> dict[str, bool]:
        """Every answer given so far: True allowed, False declined."""
        asked = select(CONSENT.c.scope, CONSENT.c.granted).where(CONSENT.c.oid == oid, CONSENT.c.client_id == client_id)
        with self._engine.connect() as connection:
            return {scope: bool(granted) for scope, granted in connection.execute(asked)}

    def remember(self, oid: str, client_id: str, answers: dict[str, bool]) -> None:
        """Keep these answers in place of earlier ones."""
        rows = [
            {"oid": oid, "client_id": client_id, "scope": scope, "granted": int(granted)}
            for scope, granted in answers.items()
        ]
        statement = insert(CONSENT)
        statement = statement.on_conflict_do_update(
            index_elements=["oid", "client_id", "scope"], set_={"granted": statement.excluded["granted"]}
        )
        with self._engine.begin() as connection:
            connection.execute(statement, rows)


def hashed(secret: str) -> str:
    """How a random secret is kept (it has 256 bits, so a plain hash is enough)."""
    return hashlib.sha256(secret.encode()).hexdigest()
