"""Owns what a server's refused certificate tells: who issued it, for whom, and when it is valid."""

from __future__ import annotations

import base64
import http.client
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

LOOK_SECONDS = 3.0
_NAMES_SHOWN = 2


@dataclass(frozen=True, slots=True)
class Presented:
    """A certificate as a server presented it. Nothing of it is proven; the names are fit to be shown, or empty."""

    issuer: str
    self_signed: bool
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime


def presented(host: str, port: int, proxy: str = "", seconds: float = LOOK_SECONDS) -> Presented | None:
    """The certificate that is presented at `host`, looked at without trusting it; None when it cannot be had.

    Python's ssl hands out no certificate that it has refused, so the handshake is made once more, and ended there: no
    request is ever sent over it. `proxy` is the URL of an HTTP proxy to go through, or empty. Takes `seconds` for each
    of connecting and the handshake.
    """
    from cryptography import x509  # after a refusal only: most runs never need it

    try:
        return _read(x509.load_der_x509_certificate(_fetched(host, port, proxy, seconds)))
    except (OSError, http.client.HTTPException, ValueError, TypeError, LookupError):
        return None
    except (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType):
        return None


def _fetched(host: str, port: int, proxy: str, seconds: float) -> bytes:
    way = http.client.HTTPConnection(host, port, timeout=seconds)
    if proxy:
        parts = urlsplit(proxy)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError("only a plain proxy can be gone through here")
        way = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=seconds)
        way.set_tunnel(host, port, _credentials(parts.username, parts.password))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # to look at it; whoever answers is sent nothing
    try:
        way.connect()
        with context.wrap_socket(way.sock, server_hostname=host) as secured:
            return secured.getpeercert(binary_form=True) or b""
    finally:
        way.close()


def _credentials(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    told = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(told).decode()}"}


def _read(certificate: Certificate) -> Presented:
    return Presented(
        issuer=_called(certificate.issuer),
        self_signed=certificate.issuer == certificate.subject,
        names=_names(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _called(name: Name) -> str:
    """A name's common name and organisation, as far as it has them."""
    from cryptography.x509.oid import NameOID

    def first(oid: object) -> str:
        return next((_shown(str(each.value)) for each in name if each.oid == oid), "")

    common, organisation = first(NameOID.COMMON_NAME), first(NameOID.ORGANIZATION_NAME)
    if common and organisation and organisation.lower() not in common.lower():
        return f"{common} ({organisation})"
    return common or organisation


def _names(certificate: Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    named = [*extension.value.get_values_for_type(x509.DNSName)]
    named += [str(each) for each in extension.value.get_values_for_type(x509.IPAddress)]
    return tuple(shown for shown in map(_shown, named[:_NAMES_SHOWN]) if shown)


def _shown(text: str) -> str:
    """`text` if it fits into a sentence: whoever made the certificate wrote there what they liked."""
    text = " ".join(text.split())
    return text if len(text) <= 80 and text.isprintable() else ""
