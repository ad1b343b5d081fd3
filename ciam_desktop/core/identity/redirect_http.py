"""Owns what a request at the redirect URI is worth: bytes to one request, a request to a verdict; no socket.

Everything here is decided from bytes that anybody on the machine, and any web page in the browser, may have sent.
Only `state` tells who sent them, so nothing but an answer with the right `state` can end a wait. Requests, verdicts and
their parts print without their content.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from enum import Enum, auto
from http import HTTPStatus
from types import MappingProxyType
from typing import Self
from urllib.parse import parse_qsl

import h11

from ciam_desktop.core.errors import ListenerError, SignInError
from ciam_desktop.core.identity import pages
from ciam_desktop.i18n import _

HEAD_BYTES = 16 * 1024
BODY_BYTES = 64 * 1024
VALUE_CHARACTERS = 16 * 1024
FIELDS = 64

_SLICE_BYTES = 4 * 1024
_FORM = b"application/x-www-form-urlencoded"
_TLS_HANDSHAKE = b"\x16"  # RFC 8446 section 5.1; no HTTP method starts with it
_URI = re.compile(r"http://(?P<host>(?i:localhost)|127\.0\.0\.1|\[::1\])(?::(?P<port>[1-9]\d{0,4}))?"
                  r"(?P<path>(?:/[\w.~!$&'()*+,;=:@%/-]*)?)", re.ASCII)  # fmt: skip
_TARGET = re.compile(r"(?:(?i:http)://(?P<authority>[^/?#@]+))?(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?")
_VISIBLE = re.compile(r"[\x20-\x7e]+")  # VSCHAR, RFC 6749 appendix A


class Kind(Enum):
    """What is waited for."""

    SIGN_IN = auto()  # an authorization response, RFC 6749 section 4.1.2
    SIGN_OUT = auto()  # the return after a sign-out, OpenID Connect RP-Initiated Logout section 3


@dataclass(frozen=True, slots=True)
class Expected:
    """The one answer that is waited for.

    `state` is the value that was sent; it may be "" only when none was sent with a sign-out. `issuer` is the provider
    that was asked: an `iss` in the answer must equal it (RFC 9207 section 2.4), and must be there if `issuer_required`,
    which is what the provider's `authorization_response_iss_parameter_supported` says.
    """

    kind: Kind
    state: str = field(repr=False)
    issuer: str | None = None
    issuer_required: bool = True

    def __post_init__(self) -> None:
        if self.kind is Kind.SIGN_IN and not self.state:
            raise ValueError("a sign-in needs a state")


@dataclass(frozen=True, slots=True)
class RedirectUri:
    """A loopback redirect URI (RFC 8252 section 7.3), `host` and `path` kept exactly as they were written."""

    host: str
    port: int | None
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Split `http://host[:port][/path]`; anything else raises ListenerError."""
        match = _URI.fullmatch(text)
        port = int(match["port"]) if match and match["port"] else None
        if match is None or (port or 0) > 65535:
            raise ListenerError(
                _("The redirect URI must look like http://localhost:3000, without a query or a fragment.")
            )
        return cls(match["host"], port, match["path"])

    def at(self, port: int) -> Self:
        """The same redirect URI at another port."""
        return replace(self, port=port)

    @property
    def may_move(self) -> bool:
        """Whether the provider takes it at any port; Entra ignores the port of `localhost` only."""
        return self.host.lower() == "localhost"

    def is_here(self, authority: str) -> bool:
        """Whether a Host value names this listener; a rebound DNS name does not (RFC 9110 section 7.2)."""
        host, colon, port = authority.lower().rpartition(":")
        if self.port == 80 and (not colon or authority.endswith("]")):
            host, port = authority.lower(), "80"
        return host in {"localhost", "127.0.0.1", "[::1]"} and port == str(self.port)

    def __str__(self) -> str:
        return f"http://{self.host}{'' if self.port is None else f':{self.port}'}{self.path}"


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One whole request; `headers` are pairs with lower-case names, in the order of arrival."""

    method: bytes
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""

    def values(self, name: bytes) -> list[str]:
        """Every value of the header `name`."""
        return [value.decode("latin-1") for header, value in self.headers if header == name]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not the answer that is waited for: the sender gets `status`, the wait goes on."""

    status: int
    allow: str = ""


@dataclass(frozen=True, slots=True)
class Contradicted:
    """Sent by the provider, as `state` proves, but not usable: the wait ends with `error`."""

    error: SignInError


@dataclass(frozen=True, slots=True, repr=False)
class Accepted:
    """The answer that is waited for: a code or an error, or a sign-out that has come back."""

    parameters: Mapping[str, str]


class TlsHello:
    """The browser speaks https to a listener that has no certificate."""


class RequestReader:
    """Turns the bytes of one connection into its first request (RFC 9112), within the limits above."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._head: h11.Request | None = None
        self._body = bytearray()
        self._begun = False

    def feed(self, data: bytes) -> Request | Refused | TlsHello | None:
        """Take bytes as they come; None asks for more. Not to be called again once it has answered."""
        if not self._begun and data.startswith(_TLS_HANDSHAKE):
            return TlsHello()
        self._begun = True
        try:
            # h11 measures a head only while it is incomplete, so one that comes in one piece must not be given whole.
            for start in range(0, len(data), _SLICE_BYTES):
                self._http.receive_data(data[start : start + _SLICE_BYTES])
                if found := self._next():
                    return found
        except h11.RemoteProtocolError as error:
            return Refused(error.error_status_hint)
        return None

    def _next(self) -> Request | Refused | None:
        while True:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._head = event
                if refused := _refuse_head(event):
                    return refused
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > BODY_BYTES:
                    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            elif isinstance(event, h11.EndOfMessage) and self._head is not None:
                head = self._head
                return Request(head.method, head.target, tuple(head.headers), bytes(self._body))
            else:
                return None


def _refuse_head(head: h11.Request) -> Refused | None:
    if head.http_version not in {b"1.0", b"1.1"}:
        return Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    framing = {name: value for name, value in head.headers if name in {b"content-length", b"transfer-encoding"}}
    if len(framing) > 1:  # two lengths for one body, RFC 9112 section 6.3
        return Refused(HTTPStatus.BAD_REQUEST)
    if int(framing.get(b"content-length", 0)) > BODY_BYTES:
        return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return None


def judge(request: Request, uri: RedirectUri, expected: Expected | None) -> Refused | Contradicted | Accepted:
    """Say what `request` is worth to the wait for `expected` at `uri`; with nothing expected, nothing is accepted."""
    target = _TARGET.fullmatch(request.target.decode("latin-1"))
    authorities = request.values(b"host")
    if target and target["authority"]:
        authorities.append(target["authority"])
    if not authorities or not all(map(uri.is_here, authorities)):
        return Refused(HTTPStatus.BAD_REQUEST)
    if target is None or (target["path"] or (target["authority"] and "/")) != (uri.path or "/"):
        return Refused(HTTPStatus.NOT_FOUND)
    if expected is None:
        return Refused(HTTPStatus.BAD_REQUEST)
    methods = [b"GET"] if expected.kind is Kind.SIGN_OUT else [b"GET", b"POST"]
    if request.method not in methods:
        return Refused(HTTPStatus.METHOD_NOT_ALLOWED, allow=b", ".join(methods).decode())
    if request.method == b"GET":
        text, elsewhere = target["query"] or "", request.body.decode("latin-1")
    else:
        text, elsewhere = request.body.decode("latin-1"), target["query"] or ""
        kinds = [value.partition(";")[0].strip().lower() for value in request.values(b"content-type")]
        if kinds != [_FORM.decode()]:
            return Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if elsewhere or not text.isascii():
        return Refused(HTTPStatus.BAD_REQUEST)
    try:
        fields = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError:  # more fields than any provider sends, or not UTF-8
        return Refused(HTTPStatus.BAD_REQUEST)
    return _judge_fields(fields, expected, visited=_is_visit(request))


def _is_visit(request: Request) -> bool:
    """Whether a tab goes to this address, as far as the browser tells (Fetch Metadata, W3C)."""
    wanted = ((b"sec-fetch-mode", "navigate"), (b"sec-fetch-dest", "document"))
    return all(value == want for name, want in wanted for value in request.values(name))


def _judge_fields(
    fields: list[tuple[str, str]], expected: Expected, *, visited: bool
) -> Refused | Contradicted | Accepted:
    states = [value for name, value in fields if name == "state"]
    ours = all(hmac.compare_digest(value.encode(), expected.state.encode()) for value in states)
    # Some providers do not echo the state of a sign-out. Then any page could end this wait with an image or a frame, so
    # that the person is told too early that the browser is signed out; it must be a tab that goes here. A page can make
    # one do so, but in plain sight, and all it gets is that sentence: nothing is taken from the answer. Browsers that
    # do not send these headers are believed, and `state`, where it is echoed, needs no such help.
    if not ours or not (states or (expected.kind is Kind.SIGN_OUT and visited)):
        return Refused(HTTPStatus.BAD_REQUEST)
    parameters = dict(fields)
    if len(parameters) < len(fields) or any(len(value) > VALUE_CHARACTERS for value in parameters.values()):
        return _contradicted()  # nothing may come twice, RFC 6749 section 3.1
    if expected.kind is Kind.SIGN_IN:
        outcomes = [parameters[name] for name in ("code", "error") if name in parameters]
        if len(outcomes) != 1 or not _VISIBLE.fullmatch(outcomes[0]):
            return _contradicted()
        issuer = parameters.get("iss", None if expected.issuer_required else expected.issuer)
        if expected.issuer is not None and issuer != expected.issuer:
            return _mixed_up()
    return Accepted(MappingProxyType(parameters))


def _contradicted() -> Contradicted:
    return Contradicted(
        SignInError(_("The answer of the identity provider is malformed and was not used; please try again."))
    )


def _mixed_up() -> Contradicted:
    return Contradicted(
        SignInError(_("The answer came from another identity provider than the one that was asked, and was not used."))
    )


def response(status: int, page: bytes, *, allow: str = "", with_body: bool = True) -> bytes:
    """A whole answer with `page` (UTF-8 HTML), to be kept by nobody, framed by nobody and run by nobody.

    An unknown `status` raises ValueError.
    """
    head = [
        f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}",
        f"Date: {formatdate(usegmt=True)}",
        "Content-Type: text/html; charset=utf-8",
        f"Content-Length: {len(page)}",
        "Connection: close",
        "Cache-Control: no-store",
        "Pragma: no-cache",
        "Referrer-Policy: no-referrer",
        f"Content-Security-Policy: {pages.security_policy()}",
        "X-Content-Type-Options: nosniff",
        "X-Frame-Options: DENY",
        "Cross-Origin-Resource-Policy: same-origin",
        *([f"Allow: {allow}"] if allow else []),
    ]
    return "\r\n".join([*head, "", ""]).encode("ascii") + (page if with_body else b"")


class Redirect:
    """The one redirect, handed over once; the browser's tab waits for `answer`."""

    def __init__(self, parameters: Mapping[str, str], send: Callable[[bytes], object]) -> None:
        self.parameters = parameters
        self._send = send

    def answer(self, page: bytes, *, status: int = 200) -> None:
        """Show `page` in the browser; from any thread, returns at once, and only the first call counts."""
        self._send(response(status, page))
