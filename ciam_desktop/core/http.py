"""Owns how this program talks HTTP: one session factory with trust, proxies, time-outs, limits and no redirects."""

from __future__ import annotations

import ipaddress
import json
import logging
import socket
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
import requests.adapters
import truststore
import urllib3.exceptions

from ciam_desktop.core.errors import NetworkError
from ciam_desktop.i18n import _

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
BODY_SECONDS = 300.0
MAX_BODY_BYTES = 256 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response, read to its end; header names are lower-case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is none."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None


class _Session(requests.Session):
    """Looks at no redirect: even with redirects off, requests would read such an answer whole, without any limit."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 -- the same for every answer
        return None


class _TrustAdapter(requests.adapters.HTTPAdapter):
    """Connects with one SSL context, whatever requests would load in its place."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()  # without retries: a POST is no safe thing to repeat, and urllib3 logs each with its URL

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)

    def cert_verify(self, conn: Any, *_told: Any) -> None:
        """Leave trust to the context: requests would add its own bundle of authorities here."""
        conn.cert_reqs = "CERT_REQUIRED"


def _context(ca_file: Path | None, *, only: bool) -> ssl.SSLContext:
    if ca_file is not None and only:
        return ssl.create_default_context(cafile=str(ca_file))
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if ca_file is not None:
        context.load_verify_locations(cafile=str(ca_file))
    return context


class HttpClient:
    """Sends requests that follow no redirect, keep no cookie, and end within their time-outs.

    A body may take `body_seconds` from its first byte to its last, however steadily it drips.

    `ca_file` is a PEM bundle trusted besides the operating system's authorities, or, with `only`, in their place.
    Proxies come from the system's settings and never apply to loopback.
    """

    def __init__(self, ca_file: Path | None = None, *, only: bool = False, body_seconds: float = BODY_SECONDS) -> None:
        self._body_seconds = body_seconds
        self._session = _Session()
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE and .netrc must not decide for us
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = "ciam-desktop"
        self._session.mount("https://", _TrustAdapter(_context(ca_file, only=only)))

    def close(self) -> None:
        """Close every kept-alive connection."""
        self._session.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: Any = None,
        params: Any = None,
        limit: int = MAX_BODY_BYTES,
        read_seconds: float = READ_SECONDS,
    ) -> Answer:
        """Send one request and read the answer, whatever its status.

        Raises NetworkError when nobody answers in time, TLS fails, or the answer is larger than `limit` bytes.
        """
        host = urlsplit(url).hostname or ""
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=data,
                params=params,
                timeout=(CONNECT_SECONDS, read_seconds),
                allow_redirects=False,
                stream=True,
                proxies=_proxies(host),
            ) as response:
                body = self._read(response, limit, host)
                lowered = {name.lower(): value for name, value in response.headers.items()}
                _log.debug(
                    "%s %s -> %s",
                    method,
                    urlsplit(url)._replace(query="", fragment="").geturl(),
                    response.status_code,
                )
                return Answer(response.status_code, lowered, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            # What requests raises names the whole URL; the chain would carry its query along.
            raise _network_error(host, error) from None

    def _read(self, response: requests.Response, limit: int, host: str) -> bytes:
        """The decoded body; `read1` hands over what is there, where iter_content waits for whole pieces."""
        deadline = time.monotonic() + self._body_seconds
        body = bytearray()
        while piece := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            body += piece
            if len(body) > limit:
                sentence = _("The answer of %(host)s is too large.")
                raise NetworkError(sentence % {"host": host}, host=host, reason="too large")
            if time.monotonic() > deadline:
                sentence = _("%(host)s did not answer in time.")
                raise NetworkError(sentence % {"host": host}, host=host, reason="timeout")
        return bytes(body)


def _proxies(host: str) -> dict[str, str]:
    if _is_loopback(host) or urllib.request.proxy_bypass(host):
        return {}
    return urllib.request.getproxies()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761 section 6.3


def _network_error(host: str, error: BaseException) -> NetworkError:
    causes = list(_causes(error))
    if certificate := next((c for c in causes if isinstance(c, ssl.SSLCertVerificationError)), None):
        why = certificate.verify_message or _("it is not trusted")
        sentence = _("The certificate of %(host)s was refused: %(why)s.")
        return NetworkError(sentence % {"host": host, "why": why}, host=host, reason="certificate")
    if any(isinstance(c, ssl.SSLError) for c in causes):
        return NetworkError(
            _("No secure connection to %(host)s could be made.") % {"host": host}, host=host, reason="tls"
        )
    if any(isinstance(c, requests.exceptions.ProxyError) for c in causes):
        return NetworkError(_("The proxy did not connect to %(host)s.") % {"host": host}, host=host, reason="proxy")
    if any(isinstance(c, socket.gaierror) for c in causes):
        return NetworkError(_("The name %(host)s was not found.") % {"host": host}, host=host, reason="dns")
    if any(isinstance(c, ConnectionRefusedError) for c in causes):
        return NetworkError(_("Nothing answers at %(host)s.") % {"host": host}, host=host, reason="refused")
    timeouts = [c for c in causes if isinstance(c, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError)]
    # urllib3 counts every connection that could not be made among its time-outs.
    if any(not isinstance(c, urllib3.exceptions.NewConnectionError) for c in timeouts):
        return NetworkError(_("%(host)s did not answer in time.") % {"host": host}, host=host, reason="timeout")
    return NetworkError(_("The connection to %(host)s failed.") % {"host": host}, host=host, reason="connection")


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
