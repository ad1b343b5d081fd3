"""Owns the faults of the answer: other statuses, other documents, other bytes."""

from __future__ import annotations

import base64
import json
import uuid
import zlib
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ciam_desktop.sandbox.control.fault import ANSWER, Answer, Fault, Keys, Replacement, limits
from ciam_desktop.sandbox.control.merge import merge_patch

_JSON = "application/json"
_HTML = "text/html; charset=utf-8"
_MB = 1024 * 1024
_PORTAL = (
    "<!doctype html><html><head><title>Welcome to the guest network</title></head>"
    '<body><h1>Welcome</h1><form action="/login"><button>Connect</button></form></body></html>'
)


@dataclass(frozen=True, kw_only=True)
class Status(Replacement):
    """A status with a body: `json` (any value), else `text` of the type `content_type`; `retry_after` in seconds."""

    status: int = field(metadata=limits(between=(200, 599)))
    json: Any = None
    text: str = "<!doctype html><title>Error</title><h1>Error</h1>"
    content_type: str = ""
    retry_after: int | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def made(self) -> Answer:
        """That answer."""
        body = self.text.encode() if self.json is None else json.dumps(self.json).encode()
        kind = self.content_type or (_HTML if self.json is None else _JSON)
        made = Answer(self.status, (("content-type", kind),), body)
        if self.retry_after is not None:
            made = made.with_header("retry-after", str(self.retry_after))
        for name, value in self.headers.items():
            made = made.with_header(name, value)
        return made


@dataclass(frozen=True, kw_only=True)
class OAuthError(Replacement):
    """A refusal as the tenant shapes it, with the AADSTS number `code` (RFC 6749 section 5.2)."""

    error: str = "invalid_grant"
    code: int = field(default=70000, metadata=limits(between=(0, 99_999_999)))
    description: str = "The request was refused."
    status: int = field(default=400, metadata=limits(between=(400, 599)))
    correlation_id: str = ""
    suberror: str = ""
    claims: str = ""

    def made(self) -> Answer:
        """That refusal."""
        correlation, trace = self.correlation_id or str(uuid.uuid4()), str(uuid.uuid4())
        stamp = "2026-01-01 00:00:00Z"
        body: dict[str, Any] = {
            "error": self.error,
            "error_description": (
                f"AADSTS{self.code}: {self.description} Trace ID: {trace} Correlation ID: {correlation} "
                f"Timestamp: {stamp}"
            ),
            "error_codes": [self.code],
            "timestamp": stamp,
            "trace_id": trace,
            "correlation_id": correlation,
        }
        body |= {name: value for name, value in (("suberror", self.suberror), ("claims", self.claims)) if value}
        return Answer(self.status, (("content-type", _JSON),), json.dumps(body).encode())


@dataclass(frozen=True, kw_only=True)
class Challenge(Replacement):
    """A claims challenge: 401 with WWW-Authenticate, `claims` in base64url (the platform's CAE form)."""

    claims: str = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
    error: str = "insufficient_claims"
    status: int = field(default=401, metadata=limits(between=(400, 499)))

    def made(self) -> Answer:
        """That challenge."""
        encoded = base64.urlsafe_b64encode(self.claims.encode()).rstrip(b"=").decode()
        value = f'Bearer realm="", error="{self.error}", claims="{encoded}"'
        made = Answer(self.status, (("content-type", _JSON),), b'{"error": "More is needed."}')
        return made.with_header("www-authenticate", value)


@dataclass(frozen=True, kw_only=True)
class CaptivePortal(Replacement):
    """What a guest network answers in everybody's name: its page, a redirect to it, or 511 (RFC 6585 section 6)."""

    how: str = field(default="page", metadata=limits(choices=("page", "redirect", "511")))
    to: str = "http://portal.example/login"

    def made(self) -> Answer:
        """That answer."""
        status = {"page": 200, "redirect": 302, "511": 511}[self.how]
        made = Answer(status, (("content-type", _HTML),), _PORTAL.encode())
        return made.with_header("location", self.to) if status == 302 else made


@dataclass(frozen=True, kw_only=True)
class Redirect(Replacement):
    """A redirect to another address."""

    to: str = "https://other.example/"
    status: int = field(default=302, metadata=limits(choices=(301, 302, 303, 307, 308)))

    def made(self) -> Answer:
        """That redirect."""
        return Answer(self.status, (("location", self.to),), b"")


@dataclass(frozen=True, kw_only=True)
class BigBody(Replacement):
    """A JSON object of `megabytes` MB; with `gzip` it is small on the wire (a bomb)."""

    megabytes: int = field(default=8, metadata=limits(between=(1, 512)))
    gzip: bool = False

    def made(self) -> Answer:
        """That body."""
        made = Answer(200, (("content-type", _JSON),), b"")
        pieces = [b'{"padding": "', *([b"x" * _MB] * self.megabytes), b'"}']
        if not self.gzip:
            return made.with_body(b"".join(pieces))
        packer = zlib.compressobj(level=1, wbits=31)
        packed = b"".join(packer.compress(piece) for piece in pieces) + packer.flush()
        return made.with_body(packed).with_header("content-encoding", "gzip")


@dataclass(frozen=True, kw_only=True)
class DeepJson(Replacement):
    """JSON lists in lists, `levels` deep."""

    levels: int = field(default=100_000, metadata=limits(between=(1, 1_000_000)))

    def made(self) -> Answer:
        """That document."""
        return Answer(200, (("content-type", _JSON),), b"[" * self.levels + b"]" * self.levels)


@dataclass(frozen=True)
class _Edit(Fault):
    """What changes the application's own answer, whose body is not empty."""

    stage: ClassVar[str] = ANSWER

    def applies(self, answer: Answer) -> bool:
        """Where there is a body."""
        return bool(answer.body)

    def change(self, answer: Answer, keys: Keys) -> Answer:  # noqa: ARG002 -- nothing is signed by most kinds
        """The answer as the kind edits it."""
        return self.edited(answer)

    def edited(self, answer: Answer) -> Answer:
        """The answer instead."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class ContentType(_Edit):
    """The answer under another Content-Type."""

    value: str = "text/html"

    def edited(self, answer: Answer) -> Answer:
        """With that header."""
        return answer.with_header("content-type", self.value)


@dataclass(frozen=True, kw_only=True)
class Headers(_Edit):
    """The answer with these headers beside its own, or in their place."""

    headers: dict[str, str]

    def edited(self, answer: Answer) -> Answer:
        """With those headers."""
        for name, value in self.headers.items():
            answer = answer.with_header(name, value)
        return answer


@dataclass(frozen=True, kw_only=True)
class Truncated(_Edit):
    """The first half of the body, sent as if it were all."""

    def edited(self, answer: Answer) -> Answer:
        """Half of it."""
        return answer.with_body(answer.body[: len(answer.body) // 2])


@dataclass(frozen=True, kw_only=True)
class Encoding(_Edit):
    """The body in another character encoding (it is UTF-8 otherwise)."""

    charset: str = field(
        default="utf-16", metadata=limits(choices=("utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig"))
    )
    declared: bool = True

    def edited(self, answer: Answer) -> Answer:
        """Encoded anew; the header says so when `declared`."""
        made = answer.with_body(answer.body.decode("utf-8", "replace").encode(self.charset))
        kind = answer.header("content-type").partition(";")[0]
        return made.with_header("content-type", f"{kind}; charset={self.charset}") if self.declared else made


@dataclass(frozen=True)
class _DocumentEdit(_Edit):
    """What changes the JSON object of a successful answer."""

    def applies(self, answer: Answer) -> bool:
        """Where there is such an object."""
        return answer.status < 300 and answer.document is not None


@dataclass(frozen=True, kw_only=True)
class MergePatch(_DocumentEdit):
    """The answer's document with a JSON merge patch (RFC 7386)."""

    patch: Any

    def edited(self, answer: Answer) -> Answer:
        """Patched."""
        return answer.with_document(merge_patch(answer.document, self.patch))


@dataclass(frozen=True, kw_only=True)
class DuplicateMember(_DocumentEdit):
    """The document with a member twice: the one more has `value` and comes `first` or last."""

    name: str
    value: Any
    first: bool = False

    def edited(self, answer: Answer) -> Answer:
        """With the second member."""
        more, own = json.dumps({self.name: self.value})[1:-1], json.dumps(answer.document)[1:-1]
        text = f"{{{more}, {own}}}" if self.first else f"{{{own}, {more}}}"
        return answer.with_body(text.encode())


@dataclass(frozen=True)
class _KeysEdit(_DocumentEdit):
    """What changes the list of published keys."""

    places: ClassVar[tuple[str, ...]] = ("keys",)

    def applies(self, answer: Answer) -> bool:
        """Where there is such a list."""
        return super().applies(answer) and bool((answer.document or {}).get("keys"))


@dataclass(frozen=True, kw_only=True)
class KeyPatch(_KeysEdit):
    """A JSON merge patch of every published key (`use` to `enc`, `kid` to null, ...)."""

    patch: dict[str, Any]

    def edited(self, answer: Answer) -> Answer:
        """Each key patched."""
        document = answer.document or {}
        patched = [merge_patch(each, self.patch) for each in document["keys"]]
        return answer.with_document(document | {"keys": patched})


@dataclass(frozen=True, kw_only=True)
class TwinKey(_KeysEdit):
    """Beside the signing key another one with the same kid, before it (`first`) or after it."""

    first: bool = True

    def change(self, answer: Answer, keys: Keys) -> Answer:
        """With that key."""
        from joserfc.jwk import RSAKey

        document = answer.document or {}
        twin = RSAKey.generate_key(2048, {"kid": keys().kid, "use": "sig", "alg": "RS256"}).as_dict(private=False)
        own = document["keys"]
        return answer.with_document(document | {"keys": [twin, *own] if self.first else [*own, twin]})
