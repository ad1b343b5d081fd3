"""Owns the tests' way to the sandbox's control API: one small client."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import requests

if TYPE_CHECKING:
    from ciam_desktop.sandbox_process import SandboxInfo

_SECONDS = 30.0


class ControlRefused(Exception):
    """The control API refused a call; `status` and its one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(f"{status}: {sentence}")
        self.status = status


@dataclass(frozen=True, slots=True)
class SandboxControl:
    """Makes a sandbox misbehave that was joined with `control=True`; every call raises ControlRefused when mistaken."""

    endpoint: str
    key: str = field(repr=False)

    @classmethod
    def of(cls, info: SandboxInfo) -> Self:
        """The control of this sandbox."""
        return cls(info.control_endpoint, info.control_key)

    def fault(
        self, at: str, fault: str, *, times: int | None = None, after: int = 0, grant: str = "", **arguments: Any
    ) -> str:
        """Set a fault; its id. `times` None means until it is cleared, `grant` narrows the place `token`."""
        call = {"at": at, "fault": fault, "times": times, "after": after, "grant": grant}
        return str(self.call("POST", "/faults", call | arguments)["id"])

    def clear(self, fault: str = "") -> None:
        """Take this fault away, or all of them."""
        self.call("DELETE", f"/faults/{fault}" if fault else "/faults")

    def faults(self) -> list[dict[str, Any]]:
        """The faults that are set: id, at, fault, times, after, grant, arguments, how many were `met`, `struck`."""
        return list(self.call("GET", "/faults")["faults"])

    def struck(self, fault: str) -> int:
        """How often this fault has struck."""
        return int(next(each["struck"] for each in self.faults() if each["id"] == fault))

    def requests(self) -> list[dict[str, Any]]:
        """The last 500 requests: method, place, grant, status (0: no answer), at (since 1970)."""
        return list(self.call("GET", "/requests")["last"])

    def count(self, place: str) -> int:
        """How many requests came to this place since the last `forget`."""
        return int(self.call("GET", "/requests")["counts"].get(place, 0))

    def forget(self) -> None:
        """Forget the requests so far."""
        self.call("DELETE", "/requests")

    def rotate_keys(self) -> str:
        """Sign with a new key from now on; its kid."""
        return str(self.call("POST", "/keys/rotate", {})["kid"])

    def account(self, email: str, state: str) -> None:
        """Give an account the state active, locked, disabled, password_expired, mfa or deleted."""
        self.call("POST", f"/accounts/{quote(email, safe='')}", {"state": state})

    def revoke(self, email: str | None = None) -> None:
        """Revoke the refresh tokens of this account, or all."""
        self.call("POST", "/grants/revoke", {} if email is None else {"email": email})

    def clock(self, offset_seconds: int) -> None:
        """Let the sandbox's clock go wrong: tokens, Date headers, the API's judgement."""
        self.call("POST", "/clock", {"offset_seconds": offset_seconds})

    def device(self, *, interval: int | None = None, expires_in: int | None = None) -> None:
        """The pace of device codes that are issued from now on, in seconds."""
        given = {"interval": interval, "expires_in": expires_in}
        self.call("POST", "/device", {name: value for name, value in given.items() if value is not None})

    def reset(self) -> None:
        """Faults, requests, clock and pace as at the start; accounts, keys and grants stay as they are."""
        self.call("POST", "/reset", {})

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Any call; the answer's document."""
        headers = {"Authorization": f"Bearer {self.key}", "Connection": "close"}
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, f"{self.endpoint}{path}", json=body, headers=headers, timeout=_SECONDS, allow_redirects=False
            )
        document = answer.json()
        if answer.status_code != 200:
            raise ControlRefused(answer.status_code, document["error"])
        return document
