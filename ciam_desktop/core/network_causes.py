"""Owns why nobody answered: what the network, TLS or a proxy raised becomes one sentence and a short reason."""

from __future__ import annotations

import errno
import http.client
import re
import socket
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from ciam_desktop.core.certificates import Presented, presented
from ciam_desktop.core.errors import NetworkError
from ciam_desktop.i18n import _

_Cause = TypeVar("_Cause", bound=BaseException)
_TUNNEL = re.compile(r"Tunnel connection failed: ([0-9]{3})")
_OFFLINE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL})
_ADDRESS = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)
# What refused certificates are numbered: OpenSSL's x509_vfy.h, Windows' winerror.h, macOS' SecBase.h, as truststore
# hands them on. Windows has one number for too early and too late.
_EXPIRED = frozenset({10, 0x800B0101, -67818})
_TOO_EARLY = frozenset({9, -67819})
_OTHER_NAME = frozenset({62, 64, 0x800B010F, -67602})
_REVOKED = frozenset({23, 0x80092010, 0x800B010C, -67820})


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a request was meant for, and the URL of the proxy that it goes through, or ""."""

    host: str
    port: int
    proxy: str = field(default="", repr=False)

    @property
    def proxy_name(self) -> str:
        """The proxy's host and port, without the credentials that its URL may hold."""
        return urlsplit(self.proxy if "://" in self.proxy else f"//{self.proxy}").netloc.rpartition("@")[2]


def network_error(asked: Asked, error: BaseException) -> NetworkError:
    """What to say about `error`, which requests, urllib3 or a socket raised when `asked` was asked.

    A refused certificate is looked at once more, which takes some seconds at most (see `certificates.presented`).
    """
    causes = _causes(error)
    told = (
        _of_proxy(asked, causes)
        or _of_certificate(asked, causes)
        or _of_tls(causes)
        or _of_connection(causes)
        or (_("The connection to %(host)s failed."), "connection")
    )
    sentence, reason = told
    return NetworkError(sentence % {"host": asked.host, "proxy": asked.proxy_name}, host=asked.host, reason=reason)


Told = tuple[str, str] | None  # a sentence with places for the host and the proxy, and the reason


def _of_proxy(asked: Asked, causes: list[BaseException]) -> Told:
    if asked.proxy and urlsplit(asked.proxy).scheme.lower().startswith("socks") and _first(causes, *_ADDRESS):
        return _("This program cannot use a SOCKS proxy (%(proxy)s); give it an HTTP proxy."), "proxy"
    if _first(causes, requests.exceptions.InvalidProxyURL):
        return _("The proxy in this computer's network settings has no usable address."), "proxy"
    if not asked.proxy or not _first(causes, requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
        return None
    tunnels = (_TUNNEL.search(str(cause)) for cause in causes)
    match next((found.group(1) for found in tunnels if found), ""):
        case "407":
            return _(
                "The proxy %(proxy)s wants a user name and password before it connects to %(host)s."
            ), "proxy sign-in"
        case "403":
            return _("The proxy %(proxy)s does not allow connections to %(host)s."), "proxy refuses"
        case "":
            pass
        case _:
            return _("The proxy %(proxy)s could not connect to %(host)s."), "proxy answers"
    if _first(causes, socket.gaierror):
        return _("The name of the proxy %(proxy)s was not found; check this computer's proxy settings."), "proxy"
    if _first(causes, ssl.SSLError):
        return _("No secure connection to the proxy %(proxy)s could be made."), "proxy"
    if _first(causes, TimeoutError, requests.Timeout, urllib3.exceptions.ReadTimeoutError):
        return _("The proxy %(proxy)s did not answer in time; check this computer's proxy settings."), "proxy"
    return _("Nothing answers at the proxy %(proxy)s; check this computer's proxy settings."), "proxy"


def _of_certificate(asked: Asked, causes: list[BaseException]) -> Told:
    refused = _first(causes, ssl.SSLCertVerificationError)
    if refused is None:
        return None
    shown = presented(asked.host, asked.port, asked.proxy)
    code, now = getattr(refused, "verify_code", 0), datetime.now(UTC)
    known = code in _EXPIRED | _TOO_EARLY | _OTHER_NAME | _REVOKED
    late, early = (shown.not_after < now, shown.not_before > now) if shown else (False, False)
    if code in _TOO_EARLY or (early and (code in _EXPIRED or not known)):
        return _too_early(shown if early else None, now)
    if code in _EXPIRED:
        return _too_late(shown if late else None, now)
    if code in _OTHER_NAME:
        return _of_another(shown)
    if code in _REVOKED:
        return _("The certificate of %(host)s was revoked by who issued it."), "certificate revoked"
    return _untrusted(shown)


def _too_early(shown: Presented | None, now: datetime) -> Told:
    if shown is None:
        sentence = _(
            "The certificate of %(host)s is not valid yet, and this computer believes that today is %(today)s: its "
            "clock is probably wrong. Have it set its date and time by the network."
        )
        return _with(sentence, today=_day(now)), "certificate not yet valid"
    sentence = _(
        "The certificate of %(host)s is valid from %(day)s on, and this computer believes that today is %(today)s: its "
        "clock is probably slow. Have it set its date and time by the network."
    )
    return _with(sentence, today=_day(now), day=_day(shown.not_before)), "certificate not yet valid"


def _too_late(shown: Presented | None, now: datetime) -> Told:
    if shown is None:
        sentence = _(
            "The certificate of %(host)s has expired. This computer believes that today is %(today)s; if that is "
            "wrong, set its clock, else the server's owner must renew the certificate."
        )
        return _with(sentence, today=_day(now)), "certificate expired"
    sentence = _(
        "The certificate of %(host)s expired on %(day)s. This computer believes that today is %(today)s; if that is "
        "wrong, set its clock, else the server's owner must renew the certificate."
    )
    return _with(sentence, today=_day(now), day=_day(shown.not_after)), "certificate expired"


def _of_another(shown: Presented | None) -> Told:
    if shown is None or not shown.names:
        sentence = _(
            "The certificate that came from %(host)s is another server's; a network's sign-in page may answer."
        )
        return sentence, "certificate of another"
    sentence = _("The certificate that came from %(host)s is that of %(names)s; a network's sign-in page may answer.")
    return _with(sentence, names=", ".join(shown.names)), "certificate of another"


def _untrusted(shown: Presented | None) -> Told:
    if shown is not None and shown.self_signed:
        sentence = _(
            "The certificate of %(host)s is signed by itself alone, which this computer does not trust. If the server "
            "is yours, give its certificate as CA_BUNDLE."
        )
        return sentence, "certificate"
    if shown is None or not shown.issuer:
        sentence = _(
            "The certificate of %(host)s was issued by somebody whom this computer does not trust; a company proxy or "
            "antivirus may be looking into the connection. Give its certificate as CA_BUNDLE."
        )
        return sentence, "certificate"
    sentence = _(
        "The certificate of %(host)s was issued by %(issuer)s, which this computer does not trust; a company proxy or "
        "antivirus may be looking into the connection. Give its certificate as CA_BUNDLE."
    )
    return _with(sentence, issuer=shown.issuer), "certificate"


def _of_tls(causes: list[BaseException]) -> Told:
    error = _first(causes, ssl.SSLError)
    if error is None:
        return None
    why = str(getattr(error, "reason", "") or "")
    if isinstance(error, ssl.SSLEOFError):
        return _("%(host)s hung up while the connection was being secured; a firewall may be in the way."), "tls"
    if why in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return _("%(host)s does not speak https at this port; check the address in the settings."), "tls"
    if why in {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION"}:
        return _("%(host)s only knows ways to secure a connection that are no longer safe."), "tls"
    return _("No secure connection to %(host)s could be made."), "tls"


def _of_connection(causes: list[BaseException]) -> Told:
    if name := _first(causes, socket.gaierror):
        if name.errno == socket.EAI_AGAIN:
            return _("The name %(host)s could not be looked up; this computer seems to be offline."), "dns"
        return _("The name %(host)s was not found."), "dns"
    if _first(causes, *_ADDRESS, urllib3.exceptions.LocationParseError):
        return _("%(host)s is no address that can be asked; check it in the settings."), "address"
    if _first(causes, ConnectionRefusedError):
        return _("Nothing answers at %(host)s."), "refused"
    numbers = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if numbers & _OFFLINE:
        return _("There is no way to %(host)s; this computer seems to be offline."), "offline"
    if numbers & {errno.EACCES, errno.EPERM}:
        return _("This computer does not let this program connect to %(host)s; its firewall may be set so."), "blocked"
    # urllib3 counts every connection that could not be made among its time-outs.
    slow = [cause for cause in causes if not isinstance(cause, urllib3.exceptions.NewConnectionError)]
    if _first(slow, urllib3.exceptions.ConnectTimeoutError, requests.ConnectTimeout):
        return _("%(host)s cannot be reached in time; a firewall may be in the way."), "no connection in time"
    if _first(slow, TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError):
        return _("%(host)s did not answer in time."), "timeout"
    if _first(
        causes, ConnectionResetError, BrokenPipeError, ConnectionAbortedError, http.client.RemoteDisconnected
    ) or any(type(cause) in (http.client.IncompleteRead, urllib3.exceptions.IncompleteRead) for cause in causes):
        return _("%(host)s broke the connection off before its answer was complete."), "broken off"
    if _first(causes, http.client.HTTPException, urllib3.exceptions.DecodeError):
        return _("%(host)s answered with something that is not HTTP."), "protocol"
    return None


def _first(causes: list[BaseException], *kinds: type[_Cause]) -> _Cause | None:
    return next((cause for cause in causes if isinstance(cause, kinds)), None)


def _with(sentence: str, **words: str) -> str:
    """`sentence` with its other places filled in and those of `network_error` left open."""
    escaped = {name: word.replace("%", "%%") for name, word in words.items()}
    return sentence % {"host": "%(host)s", "proxy": "%(proxy)s", **escaped}


def _day(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d}"


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that it was made from: requests and urllib3 keep the cause in `args`, not in the chain."""
    found: list[BaseException] = []
    pending: list[object] = [error]
    while pending:
        current = pending.pop()
        if not isinstance(current, BaseException) or current in found:
            continue
        found.append(current)
        pending += [current.__cause__, current.__context__, *current.args, getattr(current, "reason", None)]
    return found
