"""Owns the making of JSON Web Signatures that a proper library would refuse to make (RFC 7515)."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
ALGORITHMS = ("none", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256")
# What a symmetric signature is made with: what an attacker knows of the public key.
SECRETS = ("pem", "modulus", "empty")


@dataclass(frozen=True, slots=True)
class Parts:
    """The three parts of a JWS."""

    header: dict[str, Any]
    payload: bytes
    signature: bytes

    @property
    def claims(self) -> dict[str, Any]:
        """The payload's JSON object."""
        return dict(json.loads(self.payload))


def parts(token: str) -> Parts:
    """The parts of a compact JWS, unchecked."""
    header, payload, signature = token.split(".")
    return Parts(json.loads(_decoded(header)), _decoded(payload), _decoded(signature))


def joined(header: dict[str, Any], payload: bytes, signature: bytes) -> str:
    """The compact form of the three parts."""
    return f"{_input(header, payload)}.{_encoded(signature)}"


def signed(header: dict[str, Any], payload: bytes, pem: str, *, alg: str = "RS256", secret: str = "") -> str:
    """A compact JWS; `alg` says how it is signed, whatever the header claims. `pem` is the RSA private key."""
    return f"{_input(header, payload)}.{_encoded(_signature(_input(header, payload).encode(), pem, alg, secret))}"


def new_rsa_pem() -> str:
    """A private RSA key that nobody published."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, plain).decode()


def _signature(content: bytes, pem: str, alg: str, secret: str) -> bytes:
    if alg == "none":
        return b""
    digest = _HASHES[alg[2:]]()
    if alg == "ES256":
        der = ec.generate_private_key(ec.SECP256R1()).sign(content, ec.ECDSA(digest))
        return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the tenant signs with RSA")
    if alg.startswith("HS"):
        return hmac.new(_symmetric(key.public_key(), secret), content, f"sha{alg[2:]}").digest()
    if alg.startswith("PS"):
        return key.sign(content, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    return key.sign(content, padding.PKCS1v15(), digest)


def _symmetric(public: rsa.RSAPublicKey, secret: str) -> bytes:
    if secret == "modulus":  # noqa: S105 -- the name of a choice
        return _encoded(public.public_numbers().n.to_bytes(256, "big")).encode()
    if secret == "pem":  # noqa: S105 -- the name of a choice
        return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b""


def _input(header: dict[str, Any], payload: bytes) -> str:
    return f"{_encoded(json.dumps(header).encode())}.{_encoded(payload)}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
