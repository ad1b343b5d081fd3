"""Owns codes and refresh tokens: kept as hashes, each redeemable once, however many ask at the same time."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from ciam_desktop.sandbox.tenant.schema import CODE, FAMILY, REFRESH_TOKEN
from ciam_desktop.sandbox.tenant.sessions import hashed

if TYPE_CHECKING:
    from sqlalchemy import Engine

CODE_SECONDS = 600
REFRESH_SECONDS = 90 * 24 * 3600
_KEEP_CODES = 24 * 3600


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person's sign-in gave a client; `scope` as the request spelled it, `auth_time` since 1970."""

    client_id: str
    oid: str
    sid: str
    scope: str
    auth_time: int


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code's data; has what Authlib asks of it."""

    grant: Grant
    redirect_uri: str
    nonce: str
    code_challenge: str
    expires_at: int
    code_challenge_method: str = "S256"

    def get_redirect_uri(self) -> str:
        """The redirect URI that the redemption must repeat (RFC 6749 section 4.1.3)."""
        return self.redirect_uri

    def get_scope(self) -> str:
        """The granted scope."""
        return self.grant.scope


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token's data."""

    grant: Grant
    hash: str
    family: str
    expires_at: int
    used: bool
    revoked: bool

    def get_scope(self) -> str:
        """The scope of the first grant, which a refresh without `scope` serves."""
        return self.grant.scope


class GrantStore:
    """Codes and refresh tokens in the tenant's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def save_code(self, code: str, grant: Grant, redirect_uri: str, nonce: str, challenge: str) -> None:
        """Keep a new code for ten minutes."""
        now = int(time.time())
        with self._engine.begin() as connection:
            connection.execute(delete(CODE).where(CODE.c.expires_at < now - _KEEP_CODES))
            connection.execute(
                insert(CODE).values(
                    hash=hashed(code),
                    redirect_uri=redirect_uri,
                    nonce=nonce,
                    challenge=challenge,
                    expires_at=now + CODE_SECONDS,
                    redeemed=0,
                    **_columns(grant),
                )
            )

    def take_code(self, code: str) -> Code | None:
        """The code's data for the first who asks, None for everybody after: whatever follows, it is spent."""
        claim = update(CODE).where(CODE.c.hash == hashed(code), CODE.c.redeemed == 0).values(redeemed=1)
        with self._engine.begin() as connection:
            row = connection.execute(claim.returning(*CODE.c)).mappings().first()
        if row is None:
            return None
        grant = Grant(row["client_id"], row["oid"], row["sid"], row["scope"], row["auth_time"])
        return Code(grant, row["redirect_uri"], row["nonce"], row["challenge"], row["expires_at"])

    def is_spent(self, code: str) -> bool:
        """Whether this code was redeemed or burnt before."""
        with self._engine.connect() as connection:
            return connection.execute(select(CODE.c.hash).where(CODE.c.hash == hashed(code))).first() is not None

    def new_family(self, grant: Grant) -> str:
        """Begin a line of refresh tokens; its id."""
        family = str(uuid.uuid4())
        with self._engine.begin() as connection:
            connection.execute(insert(FAMILY).values(id=family, revoked=0, **_columns(grant)))
        return family

    def new_refresh_token(self, family: str) -> str:
        """A new refresh token of this line, good for 90 days."""
        token, now = secrets.token_urlsafe(48), int(time.time())
        with self._engine.begin() as connection:
            connection.execute(delete(REFRESH_TOKEN).where(REFRESH_TOKEN.c.expires_at < now - REFRESH_SECONDS))
            connection.execute(
                insert(REFRESH_TOKEN).values(
                    hash=hashed(token), family=family, expires_at=now + REFRESH_SECONDS, used=0
                )
            )
        return token

    def find_refresh_token(self, token: str) -> RefreshToken | None:
        """The token's data, spent or not."""
        found = (
            select(REFRESH_TOKEN, FAMILY)
            .join_from(REFRESH_TOKEN, FAMILY, REFRESH_TOKEN.c.family == FAMILY.c.id)
            .where(REFRESH_TOKEN.c.hash == hashed(token))
        )
        with self._engine.connect() as connection:
            row = connection.execute(found).mappings().first()
        if row is None:
            return None
        return RefreshToken(
            Grant(row["client_id"], row["oid"], row["sid"], row["scope"], row["auth_time"]),
            row["hash"],
            row["family"],
            row["expires_at"],
            bool(row["used"]),
            bool(row["revoked"]),
        )

    def spend_refresh_token(self, token: RefreshToken) -> bool:
        """Spend it; False when somebody else just did."""
        mine = REFRESH_TOKEN.c.hash == token.hash
        claim = update(REFRESH_TOKEN).where(mine, REFRESH_TOKEN.c.used == 0).values(used=1)
        with self._engine.begin() as connection:
            return connection.execute(claim.returning(REFRESH_TOKEN.c.hash)).first() is not None

    def revoke_family(self, family: str) -> None:
        """End every refresh token of this line, present and to come (RFC 9700 section 4.14.2)."""
        with self._engine.begin() as connection:
            connection.execute(update(FAMILY).where(FAMILY.c.id == family).values(revoked=1))

    def revoke_all(self, oid: str | None) -> None:
        """End every line of refresh tokens: this person's, or everybody's."""
        mine = () if oid is None else (FAMILY.c.oid == oid,)
        with self._engine.begin() as connection:
            connection.execute(update(FAMILY).where(*mine).values(revoked=1))


def _columns(grant: Grant) -> dict[str, str | int]:
    return {
        "client_id": grant.client_id,
        "oid": grant.oid,
        "sid": grant.sid,
        "scope": grant.scope,
        "auth_time": grant.auth_time,
    }
