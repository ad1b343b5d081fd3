"""Owns the proof of an ID token: signature, issuer, audience, times and nonce give a verdict or name the failure."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.types import Options

from ciam_desktop.core.errors import TokenNotProven
from ciam_desktop.core.identity.person import Verdict
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.i18n import _

LEEWAY_SECONDS = 120
WRONG_CLOCK_SECONDS = 600
# Asymmetric signatures only: `none` and the HMAC family would let anyone who knows the client id sign (RFC 8725 3.1).
MIN_RSA_BITS = 2048  # RFC 7518 sections 3.3 and 3.5
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")

# The claims are judged below, where each failure gets its own name.
_SIGNATURE_ONLY = Options(
    verify_signature=True,
    verify_exp=False,
    verify_nbf=False,
    verify_iat=False,
    verify_aud=False,
    verify_iss=False,
    verify_sub=False,
    verify_jti=False,
)


@dataclass(frozen=True, slots=True)
class Before:
    """Who a refreshed token must still be about (OpenID Connect Core 1.0 section 12.2)."""

    issuer: str
    subject: str = field(repr=False)


def nonce_on_the_wire(nonce: str) -> str:
    """What MSAL sends, and so what the token must hold, for the nonce that it keeps."""
    return hashlib.sha256(nonce.encode("ascii")).hexdigest()


def prove(
    raw: str,
    provider: Provider,
    client_id: str,
    *,
    nonce: str | None = None,
    before: Before | None = None,
    now: float | None = None,
) -> Verdict:
    """Prove `raw` (a JWT) by the rules of OpenID Connect Core 1.0 section 3.1.3.7.

    `nonce` is the value that the token must hold; None leaves it unchecked (a refresh). `before` binds a refreshed
    token to the person of the earlier one. Raises TokenNotProven naming the failing check, NetworkError when the keys
    cannot be fetched.
    """
    discovery = provider.discovery()
    now = time.time() if now is None else now
    header = _header(raw)
    algorithm = str(header.get("alg", ""))
    if algorithm not in ALGORITHMS:
        raise TokenNotProven(
            _("The provider signed the ID token in a way that proves nothing (%(alg)s).")
            % {"alg": algorithm[:16] or "none"},
            check="alg",
        )
    if "crit" in header:  # nothing that may stand there is understood here (RFC 7515 section 4.1.11)
        raise TokenNotProven(_("The ID token demands something that this program does not know."), check="crit")
    key_id = str(header.get("kid", ""))
    jwk = provider.key(key_id)
    if jwk is None:
        raise TokenNotProven(_("The ID token is signed by a key that the provider does not publish."), check="key")
    try:
        if jwk.get("alg", algorithm) != algorithm:  # a key serves one algorithm (RFC 8725 section 3.1)
            raise ValueError
        signing_key = jwt.PyJWK.from_dict(dict(jwk), algorithm=algorithm)
        _check_strength(signing_key.key, algorithm)
        claims = jwt.decode(
            raw,
            signing_key,
            algorithms=[algorithm],
            options=_SIGNATURE_ONLY,
        )
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        raise TokenNotProven(_("The signature of the ID token is not the provider's."), check="signature") from None
    _check_parties(claims, discovery.issuer, discovery.tenant_id, client_id)
    issued_at, expires_at = _check_times(claims, now)
    _check_binding(claims, nonce, before)
    return Verdict(discovery.issuer, client_id, key_id, algorithm, issued_at, expires_at, int(now), dict(claims))


def _header(raw: str) -> Mapping[str, Any]:
    try:
        return jwt.get_unverified_header(raw)
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenNotProven(_("What came as ID token is none."), check="format") from None


def _check_strength(key: object, algorithm: str) -> None:
    """Raise ValueError for a key that is no public one, too short, or on a curve that is not the algorithm's."""
    curve = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}.get(algorithm)
    strong = (curve is None and isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == curve
    )
    if not strong:
        raise ValueError


def _check_parties(claims: Mapping[str, Any], issuer: str, tenant_id: str, client_id: str) -> None:
    if claims.get("iss") != issuer:
        raise TokenNotProven(_("The ID token comes from another issuer."), check="iss")
    if tenant_id and str(claims.get("tid", tenant_id)).lower() != tenant_id.lower():
        raise TokenNotProven(_("The ID token comes from another tenant."), check="tid")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise TokenNotProven(_("The ID token was made for another app."), check="aud")
    authorized = claims.get("azp")
    if (len(audiences) > 1 and authorized is None) or (authorized is not None and authorized != client_id):
        raise TokenNotProven(_("The ID token was made for another app."), check="azp")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise TokenNotProven(_("The ID token does not say who signed in."), check="sub")


def _check_times(claims: Mapping[str, Any], now: float) -> tuple[int, int]:
    times = {name: claims.get(name) for name in ("iat", "exp", "nbf")}
    for name, value in times.items():
        missing_is_fine = name == "nbf" and value is None
        if not missing_is_fine and (
            isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12
        ):
            raise TokenNotProven(_("The ID token's times cannot be read."), check=name)
    issued_at, expires_at = int(times["iat"] or 0), int(times["exp"] or 0)
    starts = int(times["nbf"] if times["nbf"] is not None else issued_at)
    if max(starts, issued_at) > now + LEEWAY_SECONDS:
        off = max(starts, issued_at) - now
        sentence = _("The ID token is not valid yet.")
        if off > WRONG_CLOCK_SECONDS:
            sentence = _("The ID token is not valid yet; the clock of this computer seems to be slow.")
        raise TokenNotProven(sentence, check="nbf")
    if expires_at < now - LEEWAY_SECONDS:
        sentence = _("The ID token has expired.")
        if now - expires_at > WRONG_CLOCK_SECONDS:
            sentence = _("The ID token has expired; the clock of this computer seems to be fast.")
        raise TokenNotProven(sentence, check="exp")
    return issued_at, expires_at


def _check_binding(claims: Mapping[str, Any], nonce: str | None, before: Before | None) -> None:
    held = claims.get("nonce")
    fits = isinstance(held, str) and held.isascii() and hmac.compare_digest(held, nonce or "")
    if nonce is not None and not fits:
        raise TokenNotProven(_("The ID token does not belong to this sign-in."), check="nonce")
    if before is not None and (claims.get("iss"), claims.get("sub")) != (before.issuer, before.subject):
        raise TokenNotProven(_("The renewed ID token is about somebody else."), check="sub")
