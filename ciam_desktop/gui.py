"""Owns the window program behind its frame: builds the objects, wires them, and takes them apart."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier
from PySide6.QtWidgets import QApplication, QDialog

from ciam_desktop import paths
from ciam_desktop.core import config, logs
from ciam_desktop.core.config import Program, Settings, Tenant
from ciam_desktop.core.crash import CrashReports
from ciam_desktop.core.errors import SandboxError, SettingsError, StoredFormatError
from ciam_desktop.core.findings import Finding, Outcome
from ciam_desktop.core.trouble import NextStep, Trouble
from ciam_desktop.i18n import _
from ciam_desktop.qt.backend import Backend
from ciam_desktop.qt.check_controller import CheckController
from ciam_desktop.qt.identity_controller import IdentityController
from ciam_desktop.qt.lanes import Lane, Relay
from ciam_desktop.qt.network import Reconnector
from ciam_desktop.qt.style import Style
from ciam_desktop.qt.todos_controller import TodosController
from ciam_desktop.qt.views.frame import Frame
from ciam_desktop.qt.views.main_window import MainWindow
from ciam_desktop.qt.window_state import WindowState
from ciam_desktop.qt.wiring import wire

if TYPE_CHECKING:
    from ciam_desktop.sandbox_process import Sandbox, SandboxInfo

SANDBOX_FOLDER = "sandbox"


def connect(settings: Settings) -> Backend:
    """Build the services of one profile; starts or joins the sandbox when there is no tenant. Not for the UI thread.

    Raises SandboxError, SettingsError.
    """
    # Together they cost 150 ms; here that is the worker's time and not the window's.
    from ciam_desktop.core.http import HttpClient
    from ciam_desktop.core.identity.people import People
    from ciam_desktop.core.identity.provider import Provider
    from ciam_desktop.core.identity.vault import open_vault
    from ciam_desktop.core.todos.client import TodoClient

    tenant, lease = settings.tenant, SandboxLease(paths.data_dir() / SANDBOX_FOLDER)
    if tenant is None:
        info = lease.take()
        tenant = Tenant(info.authority, info.client_id, info.read_scope, info.readwrite_scope, "", info.api_endpoint)
        new_client = partial(HttpClient, info.ca_file, only=True)
    else:
        new_client = partial(HttpClient, settings.ca_bundle)
    vault = open_vault(settings.profile, paths.data_dir())
    # One each, since a cancelled sign-in interrupts what its own is doing.
    for_people, for_todos = new_client(), new_client()
    people = People(tenant.client_id, Provider(tenant.authority, for_people), vault, for_people)

    def close() -> None:
        for each in (for_people, for_todos):
            each.close()
        lease.close()

    todos = TodoClient(tenant.api_endpoint, for_todos)
    return Backend(tenant, people, todos, vault.reason, lease.renew, close)


def check_setup(settings: Settings) -> Iterator[Finding]:
    """The setup check, also when nobody could be signed in; not for the UI thread."""
    from ciam_desktop.setup_check import findings  # loads what `connect` does

    try:
        yield from findings(settings)
    except SandboxError as error:
        yield Finding(_("Sandbox"), Outcome.WRONG, str(error))


class SandboxLease:
    """This program's hold on its sandbox, which may have to be started again. `take` and `renew` are for one thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: Sandbox | None = None
        self._closed = False
        self._gate = threading.Lock()  # guards the two above: the window may close while the sandbox starts

    def take(self) -> SandboxInfo:
        """Start the sandbox, or join the one that runs; raises SandboxError."""
        from ciam_desktop import sandbox_process

        sandbox = sandbox_process.join(self._folder)
        with self._gate:
            old, self._held, too_late = self._held, sandbox, self._closed
        if old is not None:
            old.close()
        if too_late:
            sandbox.close()
        return sandbox.info

    def renew(self) -> None:
        """Take the sandbox anew if it has ended; it keeps its ports and its CA, so nothing else changes."""
        with self._gate:
            ended = self._held is not None and not self._closed and self._held.ended()
        if ended:
            self.take()

    def close(self) -> None:
        """Let go; may be called from any thread."""
        with self._gate:
            self._closed = True
            if self._held is not None:
                self._held.close()


class Desktop(QObject):
    """One window with its controllers and lanes, made anew when other settings are chosen."""

    def __init__(self, application: QApplication, style: Style, beside: Path | None) -> None:
        super().__init__(application)
        self._application = application
        self._style = style
        self._beside = beside
        self._crashes = Relay(self)
        self._crashes.arrived.connect(self._on_crash)
        self._options: Mapping[str, str] = {}
        self._frame: Frame | None = None
        self._window: MainWindow | None = None
        self._lanes: tuple[Lane, ...] = ()
        self._identity: IdentityController | None = None
        self._reconnector: Reconnector | None = None
        _end_on_signals(application)

    def open(self, frame: Frame, options: Mapping[str, str]) -> None:
        """Read the settings, fill `frame` with what they ask for, and start; what was wrong is told in a banner."""
        self._options = options
        settings, *troubles = read_settings(options, self._beside)
        logs.set_up(settings.log_level, paths.log_dir())
        CrashReports(paths.log_dir(), self._crashes.send).install()
        identity_lane, sync_lane, check_lane = Lane("identity", self), Lane("sync", self), Lane("check", self)
        identity = IdentityController(settings, lambda: connect(settings), identity_lane, self)
        todos = TodosController(sync_lane, identity_lane, self)
        reconnector = Reconnector(self)
        wire(identity, todos, reconnector)
        checks = CheckController(check_lane, lambda: check_setup(settings), self)
        window = MainWindow(frame, settings, identity, todos, checks, self._style)
        frame.closed.connect(self._on_closed)
        window.connect_wanted.connect(self._on_connect_wanted)
        window.sandbox_wanted.connect(self._on_sandbox_wanted)
        self._lanes = (check_lane, sync_lane, identity_lane)
        self._identity, self._window, self._frame, self._reconnector = identity, window, frame, reconnector
        notices = [Trouble(_("About your settings"), notice, calm=True) for notice in settings.notices]
        for trouble in (*troubles, *notices):
            window.tell(trouble)
        identity.start()

    def close(self) -> None:
        """End every wait and both lanes; no thread is left."""
        if self._reconnector is not None:
            self._reconnector.stop()
        if self._identity is not None:
            self._identity.close()
        for lane in self._lanes:
            lane.close()
        self._lanes = ()

    def _on_closed(self) -> None:
        self.close()
        self._application.quit()

    def _on_crash(self, error: BaseException) -> None:
        if self._window is not None:
            text = _("Something unexpected happened; a report without secrets was written on this computer.")
            details = _("Report in: %(folder)s") % {"folder": paths.log_dir()}
            self._window.tell(Trouble(type(error).__name__, text, NextStep.NONE, details))

    def _on_connect_wanted(self) -> None:
        from ciam_desktop.qt.dialogs.connect_tenant import PROFILE, ConnectTenant  # seldom wanted

        if ConnectTenant(paths.config_dir(), self._frame).exec() == QDialog.DialogCode.Accepted:
            self._open_anew(PROFILE)

    def _on_sandbox_wanted(self) -> None:
        self._open_anew(config.SANDBOX)

    def _open_anew(self, profile: str) -> None:
        """Open another profile, whatever set the start came with; the other options stay as they were given."""
        in_set = {spec.name for spec in config.SETTINGS if spec.in_set}
        options = {name: value for name, value in self._options.items() if name not in in_set} | {"profile": profile}
        old = self._frame
        if old is not None:
            old.closed.disconnect(self._on_closed)
            if not old.close():
                old.closed.connect(self._on_closed)
                return
            self.close()
            old.deleteLater()
        frame = Frame(self._style, WindowState(paths.config_dir() / "window.ini"))
        frame.show()
        self.open(frame, options)


def read_settings(options: Mapping[str, str], beside: Path | None) -> tuple[Settings, *tuple[Trouble, ...]]:
    """The settings to run with; settings that cannot be used are told, and the sandbox takes their place."""
    given = {name: value for name, value in options.items() if name not in {"env_file", "profile"}}
    env_file = options.get("env_file")
    try:
        settings = config.load(
            Program.WINDOW,
            command_line=given,
            environment=os.environ,
            env_file=Path(env_file) if env_file else None,
            beside=beside,
            profile_name=options.get("profile"),
            config_dir=paths.config_dir(),
        )
    except (SettingsError, StoredFormatError) as error:
        fallback = config.load(
            Program.WINDOW,
            command_line={},
            environment={},
            env_file=None,
            beside=None,
            profile_name=config.SANDBOX,
            config_dir=paths.config_dir(),
        )
        return fallback, Trouble(_("These settings cannot be used; the sandbox is open instead"), str(error))
    return (settings,)


def _end_on_signals(application: QApplication) -> None:
    """Let SIGINT and SIGTERM close the window; Qt's loop would not let Python see them."""
    receiver, sender = socket.socketpair()
    for end in (receiver, sender):
        end.setblocking(False)
    signal.set_wakeup_fd(sender.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: application.closeAllWindows())
    notifier = QSocketNotifier(receiver.fileno(), QSocketNotifier.Type.Read, application)
    notifier.activated.connect(lambda: receiver.recv(64))

    def stop() -> None:
        notifier.setEnabled(False)  # else a signal on its way would still be read
        signal.set_wakeup_fd(-1)
        receiver.close()
        sender.close()

    application.aboutToQuit.connect(stop)
