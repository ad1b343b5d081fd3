"""Owns the API's own judgement of bearer tokens, by keys that it fetches from the tenant."""

from __future__ import annotations

import json
import ssl
import threading
import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LEEWAY_SECONDS = 60
_KEYS_SECONDS = 24 * 3600
_FETCH_SECONDS = 10.0
_MAX_DOCUMENT = 256 * 1024


class BadToken(Exception):
    """The token is not one that this API takes; `str(error)` says why, without any of the token."""


class NoKeys(Exception):
    """The tenant's keys could not be fetched."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: `owner` is the person's oid, None for an application, which sees everything."""

    owner: str | None
    permissions: frozenset[str]


class TenantKeys:
    """The tenant's keys, fetched by discovery over HTTPS, kept for a day, fetched again for an unknown kid."""

    def __init__(self, authority: str, ca_file: Path, agent: str, *, pause: float) -> None:
        """`agent` is its User-Agent; `pause` the least time in seconds between two fetches for an unknown kid."""
        self._authority = authority
        self._ca_file = ca_file
        self._agent = agent
        self._pause = pause
        self._lock = threading.Lock()
        self._keys: dict[str, Any] = {}
        self._fetched = float("-inf")

    def key(self, kid: str) -> Any:
        """The key; BadToken when the tenant has none of this name, NoKeys when it cannot be asked."""
        with self._lock:
            age = time.monotonic() - self._fetched
            if age > _KEYS_SECONDS or (kid not in self._keys and age > self._pause):
                self._keys = self._fetch()
                self._fetched = time.monotonic()
            if kid not in self._keys:
                raise BadToken("The token was signed with an unknown key")
            return self._keys[kid]

    def _fetch(self) -> dict[str, Any]:
        try:
            metadata = self._get(f"{self._authority}/.well-known/openid-configuration")
            if metadata["issuer"] != self._authority:
                raise NoKeys("The tenant's metadata names another issuer")
            keys = KeySet.import_key_set(self._get(str(metadata["jwks_uri"]))).keys
        except (OSError, ValueError, KeyError, TypeError, JoseError) as error:
            raise NoKeys("The tenant's keys cannot be fetched") from error
        return {str(key.kid): key for key in keys if key.key_type == "RSA"}

    def _get(self, url: str) -> Any:
        if not url.startswith("https://"):
            raise NoKeys("The tenant's keys are not on HTTPS")
        context = ssl.create_default_context(cafile=str(self._ca_file))
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=context), urllib.request.ProxyHandler({}), _NoRedirect()
        )
        opener.addheaders = [("User-Agent", self._agent)]
        with opener.open(url, timeout=_FETCH_SECONDS) as answer:
            return json.loads(answer.read(_MAX_DOCUMENT))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        """Keys come from where discovery says, from nowhere else."""


class BearerJudge:
    """Tells who calls from an access token (RFC 9068 in spirit, Entra's version 2 claims in letter)."""

    def __init__(self, keys: TenantKeys, issuer: str, audience: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    def caller(self, token: str) -> Caller:
        """The caller; BadToken when the token is not good for this API."""
        try:
            decoded = jwt.decode(token, lambda message: self._keys.key(_kid(message.headers())), algorithms=["RS256"])
        except (JoseError, ValueError, TypeError, KeyError, UnicodeError) as error:
            raise BadToken("The token's form or signature is not valid") from error
        claims = decoded.claims
        self._check(claims)
        roles, scopes = claims.get("roles", []), claims.get("scp")
        if claims.get("idtyp") == "app" or (roles and not scopes):
            return Caller(None, _names(roles))
        oid = claims.get("oid")
        if not isinstance(oid, str) or not oid:
            raise BadToken("The token names no person")
        return Caller(oid.lower(), _names(str(scopes or "").split()))

    def _check(self, claims: dict[str, Any]) -> None:
        now = self._clock()
        if claims.get("iss") != self._issuer:
            raise BadToken("The token is another issuer's")
        if claims.get("aud") != self._audience:
            raise BadToken("The token is for another API")
        if claims.get("ver") != "2.0":
            raise BadToken("The token's version is not 2.0")
        if not _is_time(claims.get("exp")) or claims["exp"] <= now - _LEEWAY_SECONDS:
            raise BadToken("The token has expired")
        if not _is_time(claims.get("nbf")) or claims["nbf"] > now + _LEEWAY_SECONDS:
            raise BadToken("The token is not valid yet")


def _kid(headers: dict[str, Any]) -> str:
    kid = headers.get("kid")
    if not isinstance(kid, str):
        raise BadToken("The token names no key")
    return kid


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _names(values: object) -> frozenset[str]:
    return frozenset(each for each in values if isinstance(each, str)) if isinstance(values, list) else frozenset()
