"""Owns what a sandbox chooses once and keeps for good: its ports, its tenant, its registrations."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import uuid
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from ciam_desktop.i18n import _
from ciam_desktop.sandbox import database
from ciam_desktop.sandbox.listening import PortTaken, choose, listen
from ciam_desktop.sandbox.problems import CannotStart

if TYPE_CHECKING:
    import socket
    from pathlib import Path

FILE_NAME = "choices.sqlite3"
STEPS = ("CREATE TABLE choice (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",)

TENANT_DOMAIN = "contoso.onmicrosoft.com"
USUAL_PORTS = {"tenant_port": 44350, "pages_port": 44352, "api_port": 44351}


@dataclass(frozen=True, slots=True)
class Choices:
    """The kept choices; ports as numbers, ids as lower-case GUIDs."""

    tenant_port: int
    pages_port: int
    api_port: int
    tenant_id: str
    client_id: str
    daemon_client_id: str
    daemon_client_secret: str = field(repr=False)
    api_app_id: str
    demo_oid: str

    @property
    def tenant_base(self) -> str:
        """Where discovery, keys and tokens are, over TLS."""
        return f"https://localhost:{self.tenant_port}"

    @property
    def pages_base(self) -> str:
        """Where a browser's pages are, in plain HTTP."""
        return f"http://localhost:{self.pages_port}"

    @property
    def authority(self) -> str:
        """The authority in its GUID form, equal to the issuer (OIDC Discovery 1.0 section 4.3)."""
        return f"{self.tenant_base}/{self.tenant_id}/v2.0"

    @property
    def application_id_uri(self) -> str:
        """The ToDo API's application id URI."""
        return f"api://{self.api_app_id}"

    @property
    def api_endpoint(self) -> str:
        """The ToDo API's base."""
        return f"https://localhost:{self.api_port}/api/todolist"


Listeners = dict[str, "list[socket.socket]"]


def load(data_dir: Path) -> tuple[Choices, Listeners]:
    """The kept choices and their listening sockets by port name; chosen now when there are none.

    Raises CannotStart when a kept port is taken by another program.
    """
    path = data_dir / FILE_NAME
    database.prepare(path, STEPS)
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
        kept = dict(connection.execute("SELECT name, value FROM choice"))
        listeners: Listeners = {}
        try:
            for name, usual in USUAL_PORTS.items():
                listeners[name] = listen(int(kept[name])) if name in kept else choose(usual, avoid=_numbers(listeners))
        except PortTaken as error:
            _close(listeners)
            raise CannotStart(
                _("Port %(port)s is used by another program; close that program and try again.")
                % {"port": error.args[0]}
            ) from error
        chosen = {name: str(sockets[0].getsockname()[1]) for name, sockets in listeners.items()}
        chosen |= {name: str(uuid.uuid4()) for name in _guid_names()}
        chosen["daemon_client_secret"] = secrets.token_urlsafe(30)
        values = chosen | kept
        with connection:
            connection.executemany("INSERT OR IGNORE INTO choice VALUES (?, ?)", values.items())
    ports = {name: int(values[name]) for name in USUAL_PORTS}
    texts = {item.name: values[item.name] for item in fields(Choices) if item.name not in ports}
    return Choices(**ports, **texts), listeners  # type: ignore[arg-type] # the fields' types are checked above


def _guid_names() -> list[str]:
    return ["tenant_id", "client_id", "daemon_client_id", "api_app_id", "demo_oid"]


def _numbers(listeners: Listeners) -> set[int]:
    return {sockets[0].getsockname()[1] for sockets in listeners.values()}


def _close(listeners: Listeners) -> None:
    for sockets in listeners.values():
        for listener in sockets:
            listener.close()
