"""Owns the control API's calls: JSON in, JSON out, for a program that has the key and for no web page."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ciam_desktop.sandbox.control.desk import concerns_tls
from ciam_desktop.sandbox.control.fault import BadArguments

if TYPE_CHECKING:
    from ciam_desktop.sandbox.control.control import Control

STATES = ("active", "locked", "disabled", "password_expired", "mfa", "deleted")
_FARTHEST = 20 * 365 * 24 * 3600
_LONGEST_WAIT = 24 * 3600
_USUAL_PACE = (5, 900)  # seconds, as below
_LEAST = {"interval": 0, "expires_in": 1}  # seconds, of the device code's pace

Call = Callable[[str, dict[str, Any]], Awaitable[Any]]


class Refused(Exception):
    """A call that is answered with `status` and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class ControlApi:
    """An ASGI application; the body of a request has been read whole before it comes here."""

    def __init__(self, control: Control, host: str, key: str) -> None:
        """`host` is the one Host that is answered; `key` the bearer key of this run."""
        self._control = control
        self._host = host.encode()
        self._authorization = f"Bearer {key}".encode()
        self._calls: tuple[tuple[str, re.Pattern[str], Call], ...] = tuple(
            (method, re.compile(path), call)
            for method, path, call in (
                ("POST", "/faults", self._set_fault),
                ("GET", "/faults", self._list_faults),
                ("DELETE", "/faults(?:/([0-9]+))?", self._clear_faults),
                ("GET", "/requests", self._list_requests),
                ("DELETE", "/requests", self._forget_requests),
                ("POST", "/keys/rotate", self._rotate_keys),
                ("POST", "/accounts/([^/]+)", self._change_account),
                ("POST", "/grants/revoke", self._revoke_grants),
                ("POST", "/clock", self._set_clock),
                ("POST", "/device", self._set_device),
                ("POST", "/reset", self._reset),
            )
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body: bytes = (await receive())["body"]
        try:
            self._admit(scope, body)
            status, answer = 200, await self._answer(scope["method"], scope["path"], body)
        except Refused as refused:
            status, answer = refused.status, {"error": str(refused)}
        except BadArguments as mistake:
            status, answer = 400, {"error": str(mistake)}
        content = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        headers += [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _admit(self, scope: Any, body: bytes) -> None:
        """Refuse whatever could come from a web page, or from a program without the key."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if headers.get(b"host", b"").lower() != self._host:
            raise Refused(421, "This host name does not lead here.")
        if b"origin" in headers or b"sec-fetch-site" in headers:
            raise Refused(403, "A browser has no business here.")
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._authorization):
            raise Refused(401, "The key of this run is needed.")
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if (body or scope["method"] == "POST") and kind != b"application/json":
            raise Refused(415, "The body must be JSON and say so.")

    async def _answer(self, method: str, path: str, body: bytes) -> Any:
        fitting = [(each, call, found) for each, shape, call in self._calls if (found := shape.fullmatch(path))]
        if not fitting:
            raise Refused(404, "There is no such call.")
        for each, call, found in fitting:
            if each == method:
                return await call(unquote(found.group(1) or "") if found.re.groups else "", _object(body))
        raise Refused(405, "The call has other methods.")

    async def _set_fault(self, _name: str, given: dict[str, Any]) -> Any:
        entry = self._control.desk.add(given)
        self._control.renew_connections(concerns_tls([entry]))
        return {"id": entry.id}

    async def _list_faults(self, _name: str, _given: dict[str, Any]) -> Any:
        return {"faults": self._control.desk.faults()}

    async def _clear_faults(self, number: str, _given: dict[str, Any]) -> Any:
        gone = self._control.desk.clear(number or None)
        if number and not gone:
            raise Refused(404, "There is no such fault.")
        self._control.renew_connections(concerns_tls(gone))
        return {"cleared": [entry.id for entry in gone]}

    async def _list_requests(self, _name: str, _given: dict[str, Any]) -> Any:
        return self._control.desk.requests()

    async def _forget_requests(self, _name: str, _given: dict[str, Any]) -> Any:
        self._control.desk.forget()
        return {}

    async def _rotate_keys(self, _name: str, given: dict[str, Any]) -> Any:
        _only(given)
        return {"kid": await asyncio.to_thread((await self._control.tenant()).rotate_keys)}

    async def _change_account(self, email: str, given: dict[str, Any]) -> Any:
        _only(given, "state")
        state = given.get("state")
        if state not in STATES:
            raise BadArguments(f"The state must be one of {', '.join(STATES)}.")
        _known(await asyncio.to_thread((await self._control.tenant()).change_account, email, str(state)))
        return {"state": state}

    async def _revoke_grants(self, _name: str, given: dict[str, Any]) -> Any:
        _only(given, "email")
        email = given.get("email")
        if email is not None and not isinstance(email, str):
            raise BadArguments("The email must be text.")
        _known(await asyncio.to_thread((await self._control.tenant()).revoke_grants, email))
        return {}

    async def _set_clock(self, _name: str, given: dict[str, Any]) -> Any:
        _only(given, "offset_seconds")
        self._control.clock.offset = _whole(given, "offset_seconds", -_FARTHEST, _FARTHEST)
        return {"offset_seconds": self._control.clock.offset}

    async def _reset(self, _name: str, given: dict[str, Any]) -> Any:
        """Everything that passes, as it was at the start; accounts, keys and grants stay as they are."""
        _only(given)
        self._control.renew_connections(concerns_tls(self._control.desk.clear()))
        self._control.desk.forget()
        self._control.clock.offset = 0
        pace = (await self._control.tenant()).device_pace
        pace.interval, pace.expires_in = _USUAL_PACE
        return {}

    async def _set_device(self, _name: str, given: dict[str, Any]) -> Any:
        _only(given, "interval", "expires_in")
        pace = (await self._control.tenant()).device_pace
        changes = {name: _whole(given, name, low, _LONGEST_WAIT) for name, low in _LEAST.items() if name in given}
        for name, value in changes.items():
            setattr(pace, name, value)
        return {name: getattr(pace, name) for name in _LEAST}


def _known(found: bool) -> None:
    if not found:
        raise BadArguments("There is no account with this address.")


def _only(given: dict[str, Any], *names: str) -> None:
    """BadArguments when there is a member that the call does not have."""
    for each in given:
        if each not in names:
            raise BadArguments(f"The call has no member {each}.")


def _whole(given: dict[str, Any], name: str, low: int, high: int) -> int:
    value = given.get(name)
    if type(value) is not int or not low <= value <= high:
        raise BadArguments(f"The member {name} must be a whole number from {low} to {high}.")
    return value


def _object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadArguments("The body is no JSON.") from error
    if not isinstance(found, dict):
        raise BadArguments("The body must be a JSON object.")
    return found
