"""Why nobody answered, where a socket of this machine cannot show it: other systems, and hostile certificates."""

from __future__ import annotations

import datetime
import errno
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import urllib3.exceptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ciam_desktop.core.certificates import Presented, presented
from ciam_desktop.core.network_causes import Asked, network_error
from tests.doubles.https_server import HttpsServer, ProxyServer, Reply

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def sound(_request: object) -> Reply:
    return Reply(body=b"{}")


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def refused(message: str, code: int | None) -> requests.exceptions.SSLError:
    """A certificate refused by truststore on Windows or macOS, as requests hands it on."""
    error = ssl.SSLCertVerificationError(message)
    if code is not None:
        error.verify_message, error.verify_code = message, code
    return requests.exceptions.SSLError(urllib3.exceptions.MaxRetryError(None, "/", urllib3.exceptions.SSLError(error)))  # type: ignore[arg-type]  # urllib3 itself has no pool here, either


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (0x800B0101, "certificate expired", "has expired"),
        (-67818, "certificate expired", "has expired"),
        (-67819, "certificate not yet valid", "is not valid yet"),
        (0x800B010F, "certificate of another", "is another server's"),
        (-67602, "certificate of another", "is another server's"),
        (0x80092010, "certificate revoked", "was revoked"),
        (-67820, "certificate revoked", "was revoked"),
        (0x800B0109, "certificate", "issued by somebody whom this computer does not trust"),
        (-67843, "certificate", "issued by somebody"),
        (None, "certificate", "issued by somebody"),
    ],
)
def test_a_certificate_is_told_by_the_numbers_of_other_systems_when_it_cannot_be_looked_at(
    closed: int, code: int | None, reason: str, words: str
) -> None:
    error = network_error(Asked("localhost", closed), refused("planted, in any language", code))
    assert error.reason == reason
    assert words in str(error)
    assert "planted" not in str(error)


def test_windows_number_for_both_kinds_of_wrong_days_is_told_apart_by_the_certificate() -> None:
    with HttpsServer(sound, not_before=NOW + DAY, not_after=NOW + 9 * DAY) as server:
        error = network_error(Asked("localhost", server.port), refused("expired", 0x800B0101))
    assert error.reason == "certificate not yet valid"
    assert f"{(NOW + DAY).astimezone():%Y-%m-%d}" in str(error)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EACCES, "planted"), "blocked"),
        (OSError(errno.EPERM, "planted"), "blocked"),
        (OSError(errno.EHOSTUNREACH, "planted"), "offline"),
        (OSError(errno.ENETDOWN, "planted"), "offline"),
        (OSError(errno.EADDRNOTAVAIL, "planted"), "offline"),
        (socket.gaierror(socket.EAI_AGAIN, "planted"), "dns"),
        (ConnectionResetError(errno.ECONNRESET, "planted"), "broken off"),
        (ssl.SSLError(1, "planted"), "tls"),
        (requests.exceptions.InvalidHeader("planted"), "connection"),
        (UnicodeError("planted"), "connection"),
    ],
)
def test_what_a_system_raises_is_told_without_its_own_words(error: Exception, reason: str) -> None:
    told = network_error(Asked("login.contoso.example", 443), error)
    assert told.reason == reason
    assert "planted" not in str(told)
    assert "login.contoso.example" in str(told)


def test_a_name_that_cannot_be_looked_up_now_is_not_called_unknown() -> None:
    asked = Asked("login.contoso.example", 443)
    unknown = str(network_error(asked, socket.gaierror(socket.EAI_NONAME, "x")))
    assert unknown == "The name login.contoso.example was not found."
    assert "seems to be offline" in str(network_error(asked, socket.gaierror(socket.EAI_AGAIN, "x")))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://user1:planted@proxy.contoso.example:3128", "proxy.contoso.example:3128"),
        ("http://user1:pl%40nted@[::1]:3128/", "[::1]:3128"),
        ("user1:planted@proxy.contoso.example:3128", "proxy.contoso.example:3128"),
        ("proxy.contoso.example", "proxy.contoso.example"),
        ("", ""),
    ],
)
def test_a_proxy_is_named_without_its_credentials(url: str, name: str) -> None:
    asked = Asked("login.contoso.example", 443, url)
    assert asked.proxy_name == name
    assert "planted" not in repr(asked)


# A certificate that nobody vouches for.


@contextmanager
def presenting(folder: Path, common: str, organisation: str = "", names: tuple[str, ...] = ()) -> Iterator[int]:
    """A TLS server with a certificate that says whatever its maker liked."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    parts += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(x509.Name(parts))
    builder = builder.public_key(key.public_key()).serial_number(1).not_valid_before(NOW).not_valid_after(NOW + DAY)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), False)
    made = builder.sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    form, lock = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "server.pem").write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, lock))
    with HttpsServer(sound) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        server._server.context = context
        yield server.port
        assert server.requests == [], "it is looked at, and no more"


@pytest.mark.parametrize(
    ("common", "organisation", "issuer"),
    [
        ("Contoso Proxy CA", "", "Contoso Proxy CA"),
        ("Contoso Proxy CA", "Contoso", "Contoso Proxy CA"),
        ("Inspection CA 7", "Contoso Proxy Company", "Inspection CA 7 (Contoso Proxy Company)"),
        ("", "Contoso Proxy Company", "Contoso Proxy Company"),
        ("two\nlines", "", "two lines"),
        ("a\x1b[31mb", "", ""),
        ("\u202ereversed", "", ""),
        ("100 %(host)s %d", "", "100 %(host)s %d"),
    ],
)
def test_the_issuer_is_named_as_far_as_its_name_is_fit_to_be_shown(
    tmp_path: Path, common: str, organisation: str, issuer: str
) -> None:
    with presenting(tmp_path, common, organisation) as port:
        shown = presented("localhost", port)
        error = network_error(Asked("localhost", port), refused("untrusted", 20))
    assert isinstance(shown, Presented)
    assert (shown.issuer, shown.self_signed, shown.names) == (issuer, issuer == "" == common, ())
    assert f"The certificate of localhost was issued by {issuer or 'somebody'}" in str(error)


def test_the_names_of_a_certificate_are_the_first_that_can_be_shown(tmp_path: Path) -> None:
    names = ("portal.hotel.example", "*.hotel.example", "third.example")
    with presenting(tmp_path, "A CA", names=names) as port:
        error = network_error(Asked("localhost", port), refused("name", 62))
    assert "is that of portal.hotel.example, *.hotel.example; " in str(error)
    with presenting(tmp_path, "A CA", names=("x" * 90,)) as port:
        assert "is another server's" in str(network_error(Asked("localhost", port), refused("name", 62)))


def test_looking_at_a_certificate_ends_in_time_and_says_nothing_when_there_is_none(closed: int) -> None:
    assert presented("localhost", closed) is None
    assert presented("no-such-host.invalid", 443) is None
    assert presented("localhost", closed, "https://127.0.0.1:1") is None
    with HttpsServer(sound, tls=False) as server:
        assert presented("localhost", server.port) is None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        assert presented("127.0.0.1", silent.getsockname()[1], seconds=0.2) is None
        assert time.monotonic() - begun < 5


def test_a_certificate_is_looked_at_through_the_proxy_with_its_credentials() -> None:
    with HttpsServer(sound, host="api.contoso.example") as server, ProxyServer(server.port) as proxy:
        with_user = proxy.url.replace("http://", "http://user1:pl%40nted@")
        shown = presented("api.contoso.example", 443, with_user)
        assert threading.active_count() > 1
    assert shown is not None
    assert shown.names == ("api.contoso.example",)
    (head,) = proxy.heads
    assert head.startswith("CONNECT api.contoso.example:443 ")
    assert "Basic dXNlcjE6cGxAbnRlZA==" in head
    assert server.requests == []
