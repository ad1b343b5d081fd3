"""Owns the parts of the control API and where they are fitted into the sandbox, by values and callables alone."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ciam_desktop.sandbox.control.api import ControlApi
from ciam_desktop.sandbox.control.clock import Clock
from ciam_desktop.sandbox.control.desk import Desk
from ciam_desktop.sandbox.control.fault import HANDSHAKE, RESPONSE, Signing
from ciam_desktop.sandbox.control.faults_handshake import Certificate, Forger
from ciam_desktop.sandbox.control.faults_response import Response, ResponseFault
from ciam_desktop.sandbox.control.places import TLS_SITES
from ciam_desktop.sandbox.control.site import FaultySite
from ciam_desktop.sandbox.control.wire import OpenProtocol
from ciam_desktop.sandbox.listening import listen_ipv4

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable
    from pathlib import Path

_TENANT_SECONDS = 60.0


class DevicePace(Protocol):
    """How fast a device may ask, and how long its code lasts; both in seconds."""

    interval: int
    expires_in: int


@dataclass(frozen=True, slots=True)
class TenantHandles:
    """What the tenant lets tests do; the two that answer False were asked about an unknown account."""

    signing_key: Callable[[], tuple[str, str]]
    rotate_keys: Callable[[], str]
    change_account: Callable[[str, str], bool]
    revoke_grants: Callable[[str | None], bool]
    device_pace: DevicePace


class Control:
    """The control API of one run; `own_agent` is the User-Agent of the sandbox's own requests, which no fault meets."""

    def __init__(self, ca_file: Path, bundle: Path, *, own_agent: str) -> None:
        self.clock = Clock()
        self.desk = Desk()
        self.ca_file = bundle
        self.listener: socket.socket = listen_ipv4(0)
        self._forger = Forger()
        self._forger.write_bundle(ca_file, bundle)
        self._own_agent = own_agent
        self._key = secrets.token_urlsafe(32)
        self._host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self._handles: Future[TenantHandles] = Future()
        self._servers: dict[str, Any] = {}
        self.application = ControlApi(self, self._host, self._key)

    @property
    def ready(self) -> dict[str, str]:
        """What a program that asked for control is told beside the rest."""
        return {"control_endpoint": f"http://{self._host}", "control_key": self._key}

    def meet(self, handles: TenantHandles) -> None:
        """Take the tenant's handles, once it is there."""
        self._handles.set_result(handles)

    async def tenant(self) -> TenantHandles:
        """The tenant's handles."""
        return await asyncio.wait_for(asyncio.wrap_future(self._handles), _TENANT_SECONDS)

    def around(self, site: str, application: Any) -> FaultySite:
        """The site's ASGI application with faults around it."""
        return FaultySite(site, application, self.desk, self.clock, self._signing, self._own_agent)

    def equip(self, site: str, server: Any) -> None:
        """Fit a uvicorn server, before it serves: its protocol, its Date, its TLS."""
        self._servers[site] = server
        config = server.config
        config.http = OpenProtocol
        config.date_header = False
        config.load()
        if site in TLS_SITES:
            config.ssl.sni_callback = lambda link, _name, _context: self._choose_certificate(site, link)

    def renew_connections(self, sites: set[str]) -> None:
        """Close the idle connections of these sites, so that the next request begins with a TLS handshake."""
        for site in sites:
            for protocol in list(self._servers[site].server_state.connections):
                protocol.shutdown()

    def reshape(self, uri: str, values: list[tuple[str, str]], mode: str) -> tuple[str, list[tuple[str, str]], str]:
        """An authorization response as it is sent: redirect URI, parameters, mode."""
        response = Response(uri, tuple(values), mode)
        for entry in self.desk.strike(RESPONSE, "authorize"):
            if isinstance(entry.fault, ResponseFault):
                response = entry.fault.reshape(response)
        return response.uri, list(response.values), response.mode

    def _signing(self) -> Signing:
        return Signing(*self._handles.result(_TENANT_SECONDS).signing_key())

    def _choose_certificate(self, site: str, link: ssl.SSLObject) -> int | None:
        for entry in self.desk.strike(HANDSHAKE, site):
            if isinstance(entry.fault, Certificate):
                if entry.fault.flaw == "no_handshake":
                    return _HANDSHAKE_FAILURE
                link.context = self._forger.context(entry.fault.flaw)
        return None


_HANDSHAKE_FAILURE = 40  # RFC 8446 section 6.2
