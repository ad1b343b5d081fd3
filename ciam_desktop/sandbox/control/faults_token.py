"""Owns the faults of tokens: what the tenant says in them, and how it signs that."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ciam_desktop.sandbox.control import jws
from ciam_desktop.sandbox.control.fault import ANSWER, Answer, Fault, Keys, limits
from ciam_desktop.sandbox.control.merge import merge_patch

TOKENS = ("id_token", "access_token")


@dataclass(frozen=True, kw_only=True)
class _TokenFault(Fault):
    """What changes one token of a successful token answer; `token` names its member."""

    stage: ClassVar[str] = ANSWER
    places: ClassVar[tuple[str, ...]] = ("token",)
    token: str = field(default="id_token", metadata=limits(choices=TOKENS))

    def applies(self, answer: Answer) -> bool:
        """Where there is such a token."""
        return answer.status == 200 and (answer.document or {}).get(self.token, "").count(".") == 2

    def change(self, answer: Answer, keys: Keys) -> Answer:
        """With the other token."""
        document = answer.document or {}
        return answer.with_document(document | {self.token: self.remade(jws.parts(document[self.token]), keys)})

    def remade(self, own: jws.Parts, keys: Keys) -> str:
        """The token instead."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class TokenClaims(_TokenFault):
    """Other claims, properly signed: a merge patch, and `shift` in seconds for claims that are times."""

    patch: dict[str, Any] = field(default_factory=dict)
    shift: dict[str, int] = field(default_factory=dict)

    def remade(self, own: jws.Parts, keys: Keys) -> str:
        """Signed anew by the tenant's key."""
        claims = own.claims
        moved = {name: claims[name] + seconds for name, seconds in self.shift.items() if name in claims}
        changed = merge_patch(claims | moved, self.patch)
        return jws.signed(own.header, json.dumps(changed).encode(), keys().pem)


@dataclass(frozen=True, kw_only=True)
class OtherPerson(_TokenFault):
    """Another person's token, properly signed: other `sub`, `oid` and names."""

    def remade(self, own: jws.Parts, keys: Keys) -> str:
        """Signed anew by the tenant's key."""
        other = {"sub": "another-subject", "oid": str(uuid.UUID(int=7, version=4)), "name": "Another person"}
        other |= {"preferred_username": "user2@contoso.example", "email": "user2@contoso.example"}
        return jws.signed(own.header, json.dumps(own.claims | other).encode(), keys().pem)


@dataclass(frozen=True, kw_only=True)
class TokenHeader(_TokenFault):
    """Another header (a merge patch of it), signed with RS256 by the tenant's key whatever the header says."""

    patch: dict[str, Any]

    def remade(self, own: jws.Parts, keys: Keys) -> str:
        """Signed anew by the tenant's key."""
        return jws.signed(merge_patch(own.header, self.patch), own.payload, keys().pem)


@dataclass(frozen=True, kw_only=True)
class TokenAlgorithm(_TokenFault):
    """Signed by another algorithm, which the header names; symmetric ones with what is public of the key."""

    alg: str = field(metadata=limits(choices=jws.ALGORITHMS))
    secret: str = field(default="pem", metadata=limits(choices=jws.SECRETS))

    def remade(self, own: jws.Parts, keys: Keys) -> str:
        """Signed that way."""
        return jws.signed(own.header | {"alg": self.alg}, own.payload, keys().pem, alg=self.alg, secret=self.secret)


@dataclass(frozen=True, kw_only=True)
class TokenSignature(_TokenFault):
    """A signature that is not the tenant's: `broken`, `empty`, or by `another_key` under the known kid."""

    how: str = field(default="broken", metadata=limits(choices=("broken", "empty", "another_key")))

    def remade(self, own: jws.Parts, keys: Keys) -> str:  # noqa: ARG002 -- not the tenant's
        """With that signature."""
        if self.how == "another_key":
            return jws.signed(own.header, own.payload, jws.new_rsa_pem())
        broken = bytes([own.signature[0] ^ 1]) + own.signature[1:]
        return jws.joined(own.header, own.payload, b"" if self.how == "empty" else broken)


@dataclass(frozen=True, kw_only=True)
class TokenPayload(_TokenFault):
    """A payload that is `text` (no JSON), properly signed."""

    text: str = "this is no JSON"

    def remade(self, own: jws.Parts, keys: Keys) -> str:
        """Signed by the tenant's key."""
        return jws.signed(own.header, self.text.encode(), keys().pem)


@dataclass(frozen=True, kw_only=True)
class TokenText(_TokenFault):
    """No token at all but this `text` in its place."""

    text: str = "this is no token"

    def remade(self, own: jws.Parts, keys: Keys) -> str:  # noqa: ARG002 -- nothing is signed
        """The text."""
        return self.text


@dataclass(frozen=True, kw_only=True)
class OtherClientInfo(Fault):
    """Another person's `client_info`, or text that is none (`uid` empty)."""

    stage: ClassVar[str] = ANSWER
    places: ClassVar[tuple[str, ...]] = ("token",)
    uid: str = "00000000-0000-4000-8000-000000000007"
    utid: str = "00000000-0000-4000-8000-000000000008"

    def applies(self, answer: Answer) -> bool:
        """Where there is one."""
        return answer.status == 200 and "client_info" in (answer.document or {})

    def change(self, answer: Answer, keys: Keys) -> Answer:  # noqa: ARG002 -- nothing is signed
        """With the other one."""
        text = json.dumps({"uid": self.uid, "utid": self.utid}).encode() if self.uid else b"no JSON"
        other = base64.urlsafe_b64encode(text).rstrip(b"=").decode()
        return answer.with_document((answer.document or {}) | {"client_info": other})
