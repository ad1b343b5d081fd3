"""Owns who is signed in, as plain values: the proven verdict and what was granted. Loads nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

NO_PERSON = (LookupError, TypeError, AttributeError, ValueError)
"""What `person_from` raises for facts that are none."""
LATEST = 253_370_764_800
"""The year 9999 (seconds since 1970): no later time can be told."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was proven about one ID token. Times are seconds since 1970 (NumericDate, RFC 7519 section 2)."""

    issuer: str
    audience: str
    key_id: str
    algorithm: str
    issued_at: int
    expires_at: int
    proven_at: int
    claims: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in: a home account id, how to call them, the proven claims and what was granted."""

    account_id: str = field(repr=False)
    name: str = field(repr=False)
    address: str = field(repr=False)
    login_hint: str = field(repr=False)
    verdict: Verdict
    scopes: frozenset[str]


def facts(verdict: Verdict, granted: frozenset[str], nonce: str = "") -> dict[str, Any]:
    """What the vault keeps about a person, as JSON can hold it; `person_from` reads it.

    `nonce` is what the ID token of the sign-in itself held ("" for none): a renewed one may have no other
    (OpenID Connect Core 1.0 section 12.2).
    """
    return {"verdict": asdict(verdict), "scopes": sorted(granted), "nonce": nonce}


def nonce_of(kept: Mapping[str, Any]) -> str:
    """The nonce of the sign-in that `facts` were kept of; earlier versions kept it among the claims only."""
    nonce = kept["nonce"] if "nonce" in kept else kept["verdict"]["claims"].get("nonce")
    return nonce if isinstance(nonce, str) else ""


def person_from(account_id: str, kept: Mapping[str, Any]) -> Person:
    """The person that `facts` were kept of; raises one of NO_PERSON."""
    verdict, scopes = Verdict(**kept["verdict"]), kept["scopes"]
    texts = (verdict.issuer, verdict.audience, verdict.key_id, verdict.algorithm, verdict.claims["sub"], *scopes)
    times = (verdict.issued_at, verdict.expires_at, verdict.proven_at)
    if not isinstance(scopes, list) or not all(isinstance(each, str) for each in texts):
        raise TypeError
    if not all(type(each) is int and 0 <= each < LATEST for each in times):  # bool is an int to isinstance
        raise ValueError
    claims = verdict.claims
    address = str(claims.get("preferred_username") or claims.get("email") or "")
    name = str(claims.get("name") or address or claims["sub"])
    hint = str(claims.get("login_hint") or "")
    return Person(account_id, name, address, hint, verdict, frozenset(scopes))
