"""Owns where the faults strike requests: between a site's web server and its application."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from ciam_desktop.sandbox.control.desk import GRANTS, Arrival
from ciam_desktop.sandbox.control.fault import ANSWER, ARRIVAL, Answer
from ciam_desktop.sandbox.control.places import place_of
from ciam_desktop.sandbox.control.wire import Wire

if TYPE_CHECKING:
    from ciam_desktop.sandbox.control.clock import Clock
    from ciam_desktop.sandbox.control.desk import Desk
    from ciam_desktop.sandbox.control.fault import Keys

_NOTHING = Answer(200, (), b"")


class FaultySite:
    """An ASGI application around a site's own one, which reads and answers whole bodies."""

    def __init__(self, site: str, application: Any, desk: Desk, clock: Clock, keys: Keys, own_agent: str) -> None:
        """Requests whose User-Agent is `own_agent` are the sandbox's own and meet no fault."""
        self._site = site
        self._application = application
        self._desk = desk
        self._clock = clock
        self._keys = keys
        self._own_agent = own_agent.encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body: bytes = (await receive())["body"]
        wire = Wire(scope, receive, send, self._clock)
        place = "" if self._is_own(scope) else place_of(self._site, scope["method"], scope["path"])
        if not place:
            await wire.send_whole(await self._ask(scope, body))
            return
        grant = _grant(body) if place == "token" else ""
        arrival = Arrival(scope["method"], place, grant, time.time())
        self._desk.arrived(arrival)
        struck = self._desk.strike(ARRIVAL, place, grant=grant)
        for entry in struck:
            if not entry.fault.waits_after:
                await entry.fault.hold(wire, entry.cleared)
        if wire.is_gone:
            return
        answer = await self._ask(scope, body) if all(each.fault.carries_out for each in struck) else _NOTHING
        for entry in struck:
            if entry.fault.waits_after:
                await entry.fault.hold(wire, entry.cleared)
        for entry in struck:
            # On a thread, because some kinds compute for long, and the other sites share this loop.
            answer = await asyncio.to_thread(entry.fault.change, answer, self._keys)
        for entry in self._desk.strike(ANSWER, place, grant=grant, answer=answer):
            answer = await asyncio.to_thread(entry.fault.change, answer, self._keys)
        ways = [entry.fault for entry in struck if entry.fault.delivers]
        if not ways:
            arrival.status = answer.status  # before it is sent, so that a client who has it finds it written down
            await wire.send_whole(answer)
            return
        await ways[0].deliver(answer, wire)

    async def _ask(self, scope: Any, body: bytes) -> Answer:
        status, content = 500, bytearray()
        headers: tuple[tuple[str, str], ...] = ()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = tuple(
                    (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in message["headers"]
                )
            else:
                content.extend(message.get("body", b""))

        await self._application(scope, receive, send)
        kept = tuple(pair for pair in headers if pair[0] not in ("content-length", "date"))
        return Answer(status, kept, bytes(content))

    def _is_own(self, scope: Any) -> bool:
        return any(name == b"user-agent" and value == self._own_agent for name, value in scope["headers"])


def _grant(body: bytes) -> str:
    """The grant of a token request, in its short form; empty for one that the tenant does not know."""
    given = parse_qs(body.decode("latin-1")).get("grant_type", [""])[0].rpartition(":")[2]
    return given if given in GRANTS else ""
