"""Owns the faults of TLS: certificates that a client must not accept."""

from __future__ import annotations

import datetime
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ciam_desktop.sandbox.control.fault import HANDSHAKE, Fault, limits
from ciam_desktop.sandbox.control.places import TLS_SITES

if TYPE_CHECKING:
    from pathlib import Path

FLAWS = ("expired", "not_yet_valid", "other_host", "unknown_ca", "self_signed", "no_handshake")
_HOSTS = ("localhost", "127.0.0.1", "::1")
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Certificate(Fault):
    """Another certificate for every new TLS connection to the site; `no_handshake` breaks the handshake off.

    What is expired, not yet valid or for another host is signed by a CA in the sandbox's CA file, so that nothing else
    is wrong with it.
    """

    stage: ClassVar[str] = HANDSHAKE
    places: ClassVar[tuple[str, ...]] = TLS_SITES
    flaw: str = field(metadata=limits(choices=FLAWS))


class Forger:
    """Makes the flawed certificates; its CA lives in memory and ends with the sandbox."""

    def __init__(self) -> None:
        self._ca = trustme.CA(organization_name="CIAM Desktop", organization_unit_name="Sandbox under test")
        self._made: dict[str, ssl.SSLContext] = {}

    def write_bundle(self, ca_file: Path, bundle: Path) -> None:
        """Write the CA file for programs under test: the sandbox's CA and this one."""
        bundle.write_bytes(ca_file.read_bytes() + self._ca.cert_pem.bytes())

    def context(self, flaw: str) -> ssl.SSLContext:
        """A server's side of TLS with this flaw."""
        if flaw not in self._made:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if flaw == "self_signed":
                with trustme.Blob(_self_signed()).tempfile() as path:
                    context.load_cert_chain(path)
            else:
                self._issue(flaw).configure_cert(context)
            self._made[flaw] = context
        return self._made[flaw]

    def _issue(self, flaw: str) -> trustme.LeafCert:
        now = datetime.datetime.now(datetime.UTC)
        if flaw == "expired":
            return self._ca.issue_cert(*_HOSTS, not_before=now - 30 * _DAY, not_after=now - _DAY)
        if flaw == "not_yet_valid":
            return self._ca.issue_cert(*_HOSTS, not_before=now + _DAY, not_after=now + 30 * _DAY)
        if flaw == "other_host":
            return self._ca.issue_cert("other.example")
        return trustme.CA(organization_name="A stranger").issue_cert(*_HOSTS)


def _self_signed() -> bytes:
    """A certificate for localhost that vouches for itself, and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + 30 * _DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return pem + certificate.public_bytes(serialization.Encoding.PEM)
