"""Owns the faults of the authorization response: what the browser takes back to the application."""

from __future__ import annotations

import http.client
import secrets
import threading
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlencode, urlsplit

from ciam_desktop.sandbox.control.fault import RESPONSE, Fault, limits

_SEND_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Response:
    """An authorization response: the redirect URI, the parameters in order, `query` or `form_post`."""

    uri: str
    values: tuple[tuple[str, str], ...]
    mode: str

    def without(self, name: str) -> tuple[tuple[str, str], ...]:
        """The parameters without those of this name."""
        return tuple(pair for pair in self.values if pair[0] != name)

    def value(self, name: str) -> str:
        """The parameter's first value, or nothing."""
        return next((value for each, value in self.values if each == name), "")


@dataclass(frozen=True)
class ResponseFault(Fault):
    """What changes an authorization response on its way."""

    stage: ClassVar[str] = RESPONSE
    places: ClassVar[tuple[str, ...]] = ("authorize",)

    def reshape(self, response: Response) -> Response:
        """The response instead."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ResponseParameter(ResponseFault):
    """A parameter set to `value` (added when it is not there), or dropped when that is null."""

    name: str
    value: str | None = None

    def reshape(self, response: Response) -> Response:
        """With it or without."""
        more = () if self.value is None else ((self.name, self.value),)
        return Response(response.uri, (*response.without(self.name), *more), response.mode)


@dataclass(frozen=True, kw_only=True)
class ResponseDuplicate(ResponseFault):
    """A parameter twice: once more with `value`, or with its own value when that is null."""

    name: str
    value: str | None = None
    first: bool = False

    def reshape(self, response: Response) -> Response:
        """With the second one."""
        more = (self.name, response.value(self.name) if self.value is None else self.value)
        pairs = (more, *response.values) if self.first else (*response.values, more)
        return Response(response.uri, pairs, response.mode)


@dataclass(frozen=True, kw_only=True)
class ResponseError(ResponseFault):
    """An error response (RFC 6749 section 4.1.2.1) with the AADSTS number `code`, instead of the code or beside it."""

    error: str = "access_denied"
    code: int = field(default=65004, metadata=limits(between=(0, 99_999_999)))
    description: str = "The user declined to consent to access the app."
    beside: bool = False

    def reshape(self, response: Response) -> Response:
        """With the error."""
        kept = response.values if self.beside else response.without("code")
        told = (("error", self.error), ("error_description", f"AADSTS{self.code}: {self.description}"))
        return Response(response.uri, (*told, *kept), response.mode)


@dataclass(frozen=True, kw_only=True)
class CodeOfNobody(ResponseFault):
    """A code that the tenant never issued."""

    def reshape(self, response: Response) -> Response:
        """With that code."""
        values = (("code", secrets.token_urlsafe(32)), *response.without("code"))
        return Response(response.uri, values, response.mode)


@dataclass(frozen=True, kw_only=True)
class ResponseMode(ResponseFault):
    """The response in another mode than the one that was asked for."""

    mode: str = field(default="query", metadata=limits(choices=("query", "form_post", "fragment")))

    def reshape(self, response: Response) -> Response:
        """In that mode."""
        return Response(response.uri, response.values, self.mode)


@dataclass(frozen=True, kw_only=True)
class ResponsePath(ResponseFault):
    """The response to another path at the same address."""

    path: str = "/somewhere/else"

    def reshape(self, response: Response) -> Response:
        """To that path."""
        return Response(urlsplit(response.uri)._replace(path=self.path).geturl(), response.values, response.mode)


@dataclass(frozen=True, kw_only=True)
class ResponseTwice(ResponseFault):
    """The response twice: the sandbox itself sends it once, and the browser once more."""

    def reshape(self, response: Response) -> Response:
        """The same, and on its way already."""
        on_its_way = threading.Event()
        threading.Thread(target=_send, args=(response, on_its_way), name="second response", daemon=True).start()
        on_its_way.wait(_SEND_SECONDS)
        return response


def _send(response: Response, on_its_way: threading.Event) -> None:
    parts = urlsplit(response.uri)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_SEND_SECONDS)
    values = urlencode(response.values)
    try:
        if response.mode == "form_post":
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            connection.request("POST", parts.path or "/", values, kind)
        else:
            connection.request("GET", f"{parts.path or '/'}?{values}")
        on_its_way.set()
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        on_its_way.set()  # nobody listens there any more: then the browser's is the only one
    finally:
        connection.close()
