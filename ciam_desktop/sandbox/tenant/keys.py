"""Owns the tenant's signing keys: kept, published, rotated; one key signs."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import func, insert, select

from ciam_desktop.sandbox.tenant.schema import SIGNING_KEY

if TYPE_CHECKING:
    from sqlalchemy import Engine

ALGORITHM = "RS256"
_BITS = 2048
_PUBLISHED = 3


class SigningKeys:
    """The RSA keys in the tenant's database; the newest signs, the newest three are published."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._parsed: dict[str, RSAKey] = {}
        self._lock = threading.Lock()
        if not self._rows():
            self.rotate()

    def rotate(self) -> str:
        """Make a new key, which signs from now on; its kid."""
        kid = secrets.token_urlsafe(20)
        key = RSAKey.generate_key(_BITS, private=True)
        pem = key.as_pem(private=True).decode()
        with self._engine.begin() as connection:
            number = select(func.coalesce(func.max(SIGNING_KEY.c.number), 0) + 1).scalar_subquery()
            connection.execute(insert(SIGNING_KEY).values(kid=kid, pem=pem, number=number))
        return kid

    def current(self) -> tuple[str, str]:
        """The kid of the key that signs, and its private key as PEM."""
        return self._rows()[0]

    def sign(self, claims: dict[str, Any]) -> str:
        """`claims` as a compact JWS (RFC 7515)."""
        key = self._keys()[0]
        return jwt.encode({"alg": ALGORITHM, "typ": "JWT", "kid": key.kid}, claims, key, algorithms=[ALGORITHM])

    def published(self) -> dict[str, Any]:
        """The public keys as a JWK set (RFC 7517 section 5)."""
        return {"keys": [key.as_dict(private=False) for key in self._keys()]}

    def _keys(self) -> list[RSAKey]:
        keys = []
        for kid, pem in self._rows():
            with self._lock:
                if kid not in self._parsed:
                    self._parsed[kid] = RSAKey.import_key(pem, {"kid": kid, "use": "sig", "alg": ALGORITHM})
                keys.append(self._parsed[kid])
        return keys

    def _rows(self) -> list[tuple[str, str]]:
        newest = select(SIGNING_KEY.c.kid, SIGNING_KEY.c.pem).order_by(SIGNING_KEY.c.number.desc())
        with self._engine.connect() as connection:
            return [(kid, pem) for kid, pem in connection.execute(newest.limit(_PUBLISHED))]
