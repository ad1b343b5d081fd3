"""Owns the proof of an ID token: signature, issuer, audience, times and nonce give a verdict or name the failure."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from typing import Any

import jwt
from jwt.types import Options

from ciam_desktop.core.errors import TokenNotProven
from ciam_desktop.core.identity.person import LATEST, Verdict
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.identity.signing_keys import ALGORITHMS, check_strength
from ciam_desktop.i18n import _

LEEWAY_SECONDS = 120
WRONG_CLOCK_SECONDS = 600
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXTERNAL_ISSUER = re.compile(r"https://([^/:]+)\.ciamlogin\.com/.*")

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


def nonce_on_the_wire(nonce: str) -> str:
    """What MSAL sends, and so what the token must hold, for the nonce that it keeps."""
    return hashlib.sha256(nonce.encode("ascii")).hexdigest()


def prove(
    raw: str,
    provider: Provider,
    client_id: str,
    *,
    nonce: str = "",
    before: Verdict | None = None,
    now: float | None = None,
) -> Verdict:
    """Prove `raw` (a JWT) by the rules of OpenID Connect Core 1.0 section 3.1.3.7.

    `nonce` is what the sign-in sent, and the token must hold it, or none when none was sent. `before` makes it a
    refresh (section 12.2): the token must be about the person of that verdict, and holds the sign-in's nonce or none.
    Raises TokenNotProven naming the failing check, NetworkError when the keys cannot be fetched.
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
    if "crit" in header:
        raise _demanding()
    key_id = str(header.get("kid", ""))
    jwk = provider.key(key_id)
    if jwk is None:
        raise TokenNotProven(_("The ID token is signed by a key that the provider does not publish."), check="key")
    claims = _signed(raw, jwk, algorithm)
    if claims is None:  # the key may have been kept damaged, or been replaced under its id
        jwk = provider.key(key_id, failed=jwk)
        claims = None if jwk is None else _signed(raw, jwk, algorithm)
    if claims is None:
        raise TokenNotProven(_("The signature of the ID token is not the provider's."), check="signature")
    _check_parties(claims, discovery.issuer, discovery.tenant_id, client_id)
    issued_at, expires_at = _check_times(claims, now, provider.wrong_clock())
    _check_nonce(claims, nonce, may_lack=before is not None)
    if before is not None:
        _check_same(claims, before, client_id)
    return Verdict(discovery.issuer, client_id, key_id, algorithm, issued_at, expires_at, int(now), dict(claims))


def _header(raw: str) -> Mapping[str, Any]:
    try:
        return jwt.get_unverified_header(raw)
    except jwt.DecodeError:
        pass
    except jwt.InvalidTokenError as error:  # PyJWT looks at what is critical itself, and knows one such thing
        if "crit" in str(error).lower():
            raise _demanding() from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        pass
    raise TokenNotProven(_("What came as ID token is none."), check="format")


def _demanding() -> TokenNotProven:
    """Nothing that may be critical is understood here (RFC 7515 section 4.1.11)."""
    return TokenNotProven(_("The ID token demands something that this program does not know."), check="crit")


def _signed(raw: str, jwk: Mapping[str, Any], algorithm: str) -> dict[str, Any] | None:
    """The claims of `raw` if its signature is by this key, else None."""
    try:
        if jwk.get("alg", algorithm) != algorithm:  # a key serves one algorithm (RFC 8725 section 3.1)
            return None
        signing_key = jwt.PyJWK.from_dict(dict(jwk), algorithm=algorithm)
        check_strength(signing_key.key, algorithm)
        return jwt.decode(raw, signing_key, algorithms=[algorithm], options=_SIGNATURE_ONLY)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        return None


def _check_parties(claims: Mapping[str, Any], issuer: str, tenant_id: str, client_id: str) -> None:
    if claims.get("iss") != issuer:
        raise TokenNotProven(_("The ID token comes from another issuer."), check="iss")
    if not _tenant_fits(claims.get("tid"), issuer, tenant_id):
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


def _check_times(claims: Mapping[str, Any], now: float, wrong_clock: str | None) -> tuple[int, int]:
    """When the token was made and when it ends; `wrong_clock` is what `Provider` says of it."""
    times = {name: claims.get(name) for name in ("iat", "exp", "nbf")}
    for name, value in times.items():
        missing_is_fine = name == "nbf" and value is None
        if not missing_is_fine and (
            isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST
        ):
            raise TokenNotProven(_("The ID token's times cannot be read."), check=name)
    issued_at, expires_at = int(times["iat"] or 0), int(times["exp"] or 0)
    starts = max(int(times["nbf"] if times["nbf"] is not None else issued_at), issued_at)
    if starts > now + LEEWAY_SECONDS:
        sentence = _("The ID token is not valid yet.")
        if starts - now > WRONG_CLOCK_SECONDS and wrong_clock is None:
            sentence = _("The ID token is not valid yet; the clock of this computer seems to be slow.")
        raise TokenNotProven(f"{sentence} {wrong_clock or ''}".rstrip(), check="nbf")
    if expires_at < now - LEEWAY_SECONDS:
        sentence = _("The ID token has expired.")
        if now - expires_at > WRONG_CLOCK_SECONDS and wrong_clock is None:
            sentence = _("The ID token has expired; the clock of this computer seems to be fast.")
        raise TokenNotProven(f"{sentence} {wrong_clock or ''}".rstrip(), check="exp")
    return issued_at, expires_at


def _tenant_fits(tid: object, issuer: str, tenant_id: str) -> bool:
    """Whether `tid` is the tenant that the issuer names by its id, or some tenant where it names one without."""
    external = _EXTERNAL_ISSUER.fullmatch(issuer)
    if not tenant_id and external and _GUID.fullmatch(external[1].lower()):
        tenant_id = external[1]
    if not tenant_id and not external:
        return True
    stated = tid.lower() if isinstance(tid, str) else ""
    return stated == tenant_id.lower() if tenant_id else _GUID.fullmatch(stated) is not None


def _check_nonce(claims: Mapping[str, Any], nonce: str, *, may_lack: bool) -> None:
    held = claims.get("nonce")
    fits = bool(nonce) and isinstance(held, str) and held.isascii() and hmac.compare_digest(held, nonce)
    if not fits and not (held is None and (may_lack or not nonce)):
        raise TokenNotProven(_("The ID token does not belong to this sign-in."), check="nonce")


def _check_same(claims: Mapping[str, Any], before: Verdict, client_id: str) -> None:
    """Raise TokenNotProven unless a refreshed token is about what the earlier one was about."""
    earlier = {**before.claims, "iss": before.issuer}
    for name in ("iss", "sub", "tid"):
        then, now = (str(each.get(name, "")).lower() if name == "tid" else each.get(name) for each in (earlier, claims))
        if then != now:
            raise TokenNotProven(_("The renewed ID token is about somebody else."), check=name)
    if before.audience != client_id:
        raise TokenNotProven(_("The ID token was made for another app."), check="aud")
