"""Owns which public keys may prove an ID token: the algorithms, and how strong a key must be for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

MIN_RSA_BITS = 2048  # RFC 7518 sections 3.3 and 3.5
# Asymmetric signatures only: `none` and the HMAC family would let anyone who knows the client id sign (RFC 8725 3.1).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
# RFC 7518 section 3.4: each of these algorithms has one curve, here by its name in `cryptography`.
_CURVES = {"ES256": "secp256r1", "ES384": "secp384r1", "ES512": "secp521r1"}


def check_strength(key: object, algorithm: str) -> None:
    """Raise ValueError for a key that is no public one, too short, or on a curve that is not the algorithm's."""
    curve = _CURVES.get(algorithm)
    strong = (curve is None and isinstance(key, rsa.RSAPublicKey) and key.key_size >= MIN_RSA_BITS) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == curve
    )
    if not strong:
        raise ValueError


def can_prove(jwk: Mapping[str, Any]) -> bool:
    """Whether an ID token that is signed with this key (RFC 7517) could be proven by any of the algorithms."""
    return any(_fits(jwk, algorithm) for algorithm in ALGORITHMS if jwk.get("alg", algorithm) == algorithm)


def _fits(jwk: Mapping[str, Any], algorithm: str) -> bool:
    try:
        check_strength(jwt.PyJWK.from_dict(dict(jwk), algorithm=algorithm).key, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, RecursionError):
        return False
    return True
