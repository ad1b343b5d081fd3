"""Owns how this program talks HTTP: one session factory with trust, proxies, time-outs, limits and no redirects."""

from __future__ import annotations

import ipaddress
import json
import logging
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
import requests.utils
import truststore
import urllib3.exceptions

from ciam_desktop.core.errors import NetworkError
from ciam_desktop.core.network_causes import Asked, network_error
from ciam_desktop.core.open_sockets import OpenSockets
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


class _Adapter(requests.adapters.HTTPAdapter):
    """Connects with one SSL context, whatever requests would load in its place, and lets its sockets be known."""

    def __init__(self, context: ssl.SSLContext, sockets: OpenSockets) -> None:
        self._context = context
        self._sockets = sockets
        super().__init__()  # without retries: a POST is no safe thing to repeat, and urllib3 logs each with its URL

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)
        self.poolmanager.pool_classes_by_scheme = self._sockets.pools()

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if urlsplit(proxy).scheme.lower().startswith("socks"):  # else it would depend on what else is installed
            raise requests.exceptions.InvalidSchema("SOCKS")
        manager = super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)
        manager.pool_classes_by_scheme = self._sockets.pools()
        return manager

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

    A connection may take `connect_seconds` to be made to each address of a host, and a body `body_seconds` from its
    first byte to its last, however steadily it drips.

    `ca_file` is a PEM bundle trusted besides the operating system's authorities, or, with `only`, in their place.
    Proxies come from the system's settings and never apply to loopback.
    """

    def __init__(
        self,
        ca_file: Path | None = None,
        *,
        only: bool = False,
        connect_seconds: float = CONNECT_SECONDS,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self._connect_seconds = connect_seconds
        self._body_seconds = body_seconds
        self._session = _Session()
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE and .netrc must not decide for us
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers["User-Agent"] = "ciam-desktop"
        self._sockets = OpenSockets()
        adapter = _Adapter(_context(ca_file, only=only), self._sockets)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)

    def interrupt(self) -> None:
        """End every request that is under way with a NetworkError, at once; may be called from any thread.

        Only what is still being connected goes on, TLS included, for `connect_seconds` at most.
        """
        self._sockets.shut()

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
        proxies = _proxies(host)
        try:
            with self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=data,
                params=params,
                timeout=(self._connect_seconds, read_seconds),
                allow_redirects=False,
                stream=True,
                proxies=proxies,
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
            raise network_error(_asked(url, proxies), error) from None

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


def _asked(url: str, proxies: dict[str, str]) -> Asked:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:  # which is then what is wrong
        port = None
    proxy = requests.utils.select_proxy(url, proxies) or ""
    return Asked(parts.hostname or "", port or (80 if parts.scheme == "http" else 443), proxy)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761 section 6.3
