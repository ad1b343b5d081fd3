"""Owns the desktop session of an end-to-end test: a private D-Bus with accessibility, and a real Secret Service."""

from __future__ import annotations

import contextlib
import os
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import secretstorage
from jeepney import DBusAddress, Properties, new_method_call
from jeepney.io.blocking import open_dbus_connection
from jeepney.wrappers import unwrap_msg

from tests import needs
from tests.e2e.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jeepney.io.blocking import DBusConnection

    from tests.e2e.processes import Processes

ANSWER = 10
"""Seconds that a service on the bus may take to answer."""

_BUS = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
_A11Y = DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus")
_SECRETS = "org.freedesktop.secrets"

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_SERVICE = "[D-BUS Service]\nName=org.a11y.Bus\nExec={launcher}\n"


class SessionBus:
    """A private session bus on which nothing but the accessibility bus is started by being asked for.

    So a Secret Service is there only while a Keyring is. `runtime` becomes XDG_RUNTIME_DIR: an empty folder with a
    short path (a socket's path has at most 107 bytes). `env` goes to every program of the session.
    """

    def __init__(self, processes: Processes, runtime: Path, env: Mapping[str, str]) -> None:
        self._processes = processes
        self._runtime = runtime
        self._outer = dict(env)
        self.address = f"unix:path={runtime / 'bus'}"
        self.env = {"XDG_RUNTIME_DIR": str(runtime), "DBUS_SESSION_BUS_ADDRESS": self.address}

    def __enter__(self) -> Self:
        services = self._runtime / "services"
        services.mkdir()
        launcher = needs.program("/usr/libexec/at-spi-bus-launcher")
        (services / "org.a11y.Bus.service").write_text(_SERVICE.format(launcher=launcher))
        config = self._runtime / "bus.conf"
        config.write_text(_CONFIG.format(socket=self._runtime / "bus", services=services))
        daemon = [needs.program("dbus-daemon"), "--nofork", "--nopidfile", "--nosyslog", f"--config-file={config}"]
        self._daemon, _ = self._processes.start_announcing(
            "dbus",
            lambda descriptor: [*daemon, f"--print-address={descriptor}"],
            {**self._outer, **self.env},
            ANSWER,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end(self._daemon)

    @contextlib.contextmanager
    def connection(self) -> Iterator[DBusConnection]:
        """A connection of its own to the bus."""
        with open_dbus_connection(self.address) as connection:
            yield connection

    def call(self, address: DBusAddress, method: str, signature: str = "", body: tuple[Any, ...] = ()) -> Any:
        """Call a method and return its answer's body; a refusal raises jeepney's DBusErrorResponse."""
        with self.connection() as connection:
            message = new_method_call(address, method, signature, body)
            return unwrap_msg(connection.send_and_get_reply(message, timeout=ANSWER))

    def has_owner(self, name: str) -> bool:
        """Whether somebody owns `name` on the bus."""
        return bool(self.call(_BUS, "NameHasOwner", "s", (name,))[0])

    def accessibility_bus(self) -> str:
        """Turn assistive technology on and return the address of its bus (AT-SPI, org.a11y.Bus.GetAddress)."""
        address = str(self.call(_A11Y, "GetAddress")[0])
        status = _A11Y.with_interface("org.a11y.Status")
        with self.connection() as connection:
            message = Properties(status).set("IsEnabled", "b", True)
            unwrap_msg(connection.send_and_get_reply(message, timeout=ANSWER))
        return address


class Keyring:
    """gnome-keyring as the session's Secret Service, its login keyring opened with a password of its own.

    What it keeps lies below `data` (XDG_DATA_HOME) and outlives a `kill` and `start`.
    """

    def __init__(self, processes: Processes, bus: SessionBus, data: Path) -> None:
        self._processes = processes
        self._bus = bus
        self._data = data
        self._password = str(uuid.uuid4())
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the daemon unlocked, and prove it by keeping a secret and reading it back."""
        self._data.mkdir(parents=True, exist_ok=True)
        control = Path(self._bus.env["XDG_RUNTIME_DIR"]) / "keyring"
        daemon = needs.program("gnome-keyring-daemon")
        self._daemon = self._processes.start(
            "keyring",
            [daemon, "--foreground", "--components=secrets", "--unlock", f"--control-directory={control}"],
            {"PATH": os.environ["PATH"], "HOME": str(self._data), "XDG_DATA_HOME": str(self._data), **self._bus.env},
            stdin=subprocess.PIPE,
        )
        assert self._daemon.stdin is not None
        self._daemon.stdin.write(self._password.encode())
        self._daemon.stdin.close()
        wait_until(lambda: self._bus.has_owner(_SECRETS), 20, "the Secret Service to appear on the bus")
        with self._collection() as collection:
            item = collection.create_item("self-test", {"purpose": "self-test"}, b"kept")
            assert item.get_secret() == b"kept"
            item.delete()

    def kill(self) -> None:
        """End the daemon: from now on there is no Secret Service."""
        if self._daemon is not None:
            self._processes.end(self._daemon)
            self._daemon = None

    def lock(self) -> None:
        """Lock the default keyring; nobody is there to answer the prompt that unlocking would show."""
        with self._collection() as collection:
            collection.lock()
            assert collection.is_locked()

    def unlock(self) -> None:
        """Open the default keyring again with its password, as the log-in would, without a prompt."""
        with self._bus.connection() as connection:
            service = DBusAddress("/org/freedesktop/secrets", _SECRETS, "org.freedesktop.Secret.Service")
            opened = connection.send_and_get_reply(
                new_method_call(service, "OpenSession", "sv", ("plain", ("s", ""))), timeout=ANSWER
            )
            session = unwrap_msg(opened)[1]
            secret = (session, b"", self._password.encode(), "text/plain")
            internal = service.with_interface("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface")
            path = secretstorage.get_default_collection(connection).collection_path
            message = new_method_call(internal, "UnlockWithMasterPassword", "o(oayays)", (path, secret))
            unwrap_msg(connection.send_and_get_reply(message, timeout=ANSWER))

    def items(self) -> list[tuple[str, dict[str, str], bytes]]:
        """What the default keyring holds: label, attributes and secret of each item."""
        with self._collection() as collection:
            return [
                (item.get_label(), dict(item.get_attributes()), item.get_secret())
                for item in collection.get_all_items()
            ]

    @contextlib.contextmanager
    def _collection(self) -> Iterator[Any]:
        with self._bus.connection() as connection:
            yield secretstorage.get_default_collection(connection)
