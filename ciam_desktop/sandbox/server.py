"""Owns the sandbox process from the lock to the end: what is started, in which order, and what ends it."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import stat
import sys
import threading
import time
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Any

from ciam_desktop.i18n import _
from ciam_desktop.sandbox import certificates, choices, database
from ciam_desktop.sandbox.lease import LeaseDesk
from ciam_desktop.sandbox.problems import CannotStart
from ciam_desktop.sandbox.tenant.migrations import STEPS as TENANT_STEPS
from ciam_desktop.sandbox.todo_api.migrations import STEPS as TODO_STEPS
from ciam_desktop.sandbox.web import HostGuard, LateApplication, Site, WebThread

if TYPE_CHECKING:
    from pathlib import Path

    from ciam_desktop.sandbox.choices import Choices, Listeners
    from ciam_desktop.sandbox.control.control import Control
    from ciam_desktop.sandbox.tenant.services import Services

LOCK_FILE = "sandbox.lock"
LOG_FILE = "sandbox.log"
TENANT_FILE = "tenant.sqlite3"
TODOS_FILE = "todos.sqlite3"
TEST_CA_FILE = "ca-under-test.pem"
KEY_FETCHER = "sandbox-todo-api"  # the User-Agent of the API's own requests to the tenant
_LOG_BYTES = 256 * 1024
_KEYS_PAUSE_SECONDS = 10.0
_FIRST_LEASE_SECONDS = 30.0
_STOP_SECONDS = 0.8
_END_SECONDS = 3.0

_log = logging.getLogger(__name__)


def run(data_dir: Path, *, control: bool = False) -> int:
    """Serve the sandbox of `data_dir` until its last user is gone, with the control API for tests or without it.

    The value is the process's exit code.

    One JSON line goes to standard output: `{"ready": true}`; `{"running": true}` when another process serves this
    folder; `{"error": sentence}` when it cannot start.
    """
    os.umask(0o077)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(data_dir)
    except OSError as error:
        _say({"error": _("%(path)s cannot be used: %(reason)s.") % {"path": data_dir, "reason": error.strerror}})
        return 1
    _detach()
    lock = _lock(data_dir)
    if lock is None:
        _say({"running": True})
        return 0
    try:
        return _serve(data_dir, with_control=control)
    except CannotStart as error:
        _say({"error": str(error)})
        return 1
    except Exception as error:  # noqa: BLE001 -- the starter must be told, whatever it was
        _log.exception("The sandbox cannot start")
        _say({"error": _("The sandbox cannot start: %(reason)s.") % {"reason": type(error).__name__}})
        return 1
    finally:
        lock.release()


def _serve(data_dir: Path, *, with_control: bool) -> int:
    _keep_log(data_dir)
    database.prepare(data_dir / TENANT_FILE, TENANT_STEPS)
    database.prepare(data_dir / TODOS_FILE, TODO_STEPS)
    chosen, listeners = choices.load(data_dir)
    pair = certificates.load(data_dir)
    control = _control(data_dir, pair.ca_file) if with_control else None
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    desk = LeaseDesk(
        data_dir,
        ready_line(chosen, data_dir, pair.ca_file if control is None else control.ca_file),
        first_wait=_FIRST_LEASE_SECONDS,
        ended=stop,
        control=None if control is None else control.ready,
    )
    web, late = _web(listeners, pair.server_file, stop, control)
    desk.open()
    # Connections wait in the sockets' queues while the applications are imported, so this is true already.
    _say({"ready": True})
    web.start()
    threading.Thread(
        target=_build, args=(late, chosen, data_dir, pair.ca_file, stop, control), name="build", daemon=True
    ).start()
    while not stop.wait(0.5):  # a time-out, because a bare wait hides signals on Windows
        pass
    desk.close()
    web.stop(_STOP_SECONDS)
    # Python waits for every worker at its end, for ever if need be; this process has nothing to lose by then.
    last = threading.Timer(_END_SECONDS, os._exit, (0,))
    last.daemon = True
    last.start()
    return 0


def ready_line(chosen: Choices, data_dir: Path, ca_file: Path) -> dict[str, Any]:
    """What a program needs in order to use the sandbox."""
    return {
        "authority": chosen.authority,
        "tenant_id": chosen.tenant_id,
        "client_id": chosen.client_id,
        "daemon_client_id": chosen.daemon_client_id,
        "daemon_client_secret": chosen.daemon_client_secret,
        "application_id_uri": chosen.application_id_uri,
        "read_scope": f"{chosen.application_id_uri}/ToDoList.Read",
        "readwrite_scope": f"{chosen.application_id_uri}/ToDoList.ReadWrite",
        "api_endpoint": chosen.api_endpoint,
        "ca_file": os.fspath(ca_file.absolute()),
        "data_dir": os.fspath(data_dir.absolute()),
        "pid": os.getpid(),
    }


def _control(data_dir: Path, ca_file: Path) -> Control:
    # Only when it is asked for: it costs a start more time than all the rest.
    from ciam_desktop.sandbox.control.control import Control

    return Control(ca_file, data_dir / TEST_CA_FILE, own_agent=KEY_FETCHER)


def _web(
    listeners: Listeners, server_file: Path, stop: threading.Event, control: Control | None
) -> tuple[WebThread, dict[str, LateApplication]]:
    sites, late = [], {}
    for name, sockets in listeners.items():
        late[name] = LateApplication()
        port = sockets[0].getsockname()[1]
        plain = name == "pages_port"  # a browser must never meet the private certificate
        site = name.removesuffix("_port")
        sites.append(Site(site, sockets, HostGuard(late[name], port), None if plain else server_file))
    return WebThread(sites, stop.set, control), late


def _build(
    late: dict[str, LateApplication],
    chosen: Choices,
    data_dir: Path,
    ca_file: Path,
    stop: threading.Event,
    control: Control | None,
) -> None:
    """Import and wire the applications; the tenant and the API meet here by values only."""
    try:
        from ciam_desktop.sandbox.tenant import app as tenant
        from ciam_desktop.sandbox.tenant.registration import Registration

        registration = Registration(
            tenant_id=chosen.tenant_id,
            tenant_domain=choices.TENANT_DOMAIN,
            tenant_base=chosen.tenant_base,
            pages_base=chosen.pages_base,
            client_id=chosen.client_id,
            daemon_client_id=chosen.daemon_client_id,
            daemon_client_secret=chosen.daemon_client_secret,
            api_app_id=chosen.api_app_id,
            demo_oid=chosen.demo_oid,
        )
        clock = time.time if control is None else control.clock
        services = tenant.open_services(registration, data_dir / TENANT_FILE, clock)
        late["tenant_port"].build(lambda: tenant.provider_app(services))
        late["pages_port"].build(lambda: tenant.pages_app(services, None if control is None else control.reshape))
        if control is not None:
            _introduce(control, services)

        from ciam_desktop.sandbox.todo_api import app as todo_api

        late["api_port"].build(
            lambda: todo_api.create_app(
                data_dir / TODOS_FILE,
                authority=chosen.authority,
                audience=chosen.api_app_id,
                ca_file=ca_file,
                first_owner=chosen.demo_oid,
                agent=KEY_FETCHER,
                clock=clock,
                pause=_KEYS_PAUSE_SECONDS if control is None else 0.0,  # tests rotate keys more often
            )
        )
    except BaseException:
        stop.set()  # what went wrong is written down by the thread's own hook
        raise


def _introduce(control: Control, services: Services) -> None:
    """Let the control API reach the tenant."""
    from ciam_desktop.sandbox.control.control import TenantHandles

    handles = TenantHandles(
        signing_key=services.keys.current,
        rotate_keys=services.keys.rotate,
        change_account=services.change_account,
        revoke_grants=services.revoke_grants,
        device_pace=services.device_codes.pace,
    )
    control.meet(handles)


def _make_private(data_dir: Path) -> None:
    """Close the folder to others; PermissionError when others could have put something into it already."""
    if sys.platform != "win32":
        found = data_dir.stat()
        if found.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, _("it belongs to another user of this computer"))
        if found.st_mode & stat.S_ISVTX and found.st_mode & stat.S_IWOTH:
            raise PermissionError(errno.EPERM, _("it is shared by all users of this computer"))
    data_dir.chmod(0o700)


def _detach() -> None:
    """Leave the starter's session, and its list of children (a starter need not wait for this process)."""
    if sys.platform != "win32":
        if os.fork() > 0:
            os._exit(0)
        os.setsid()


def _lock(data_dir: Path) -> Any:
    import portalocker

    lock = portalocker.Lock(
        data_dir / LOCK_FILE, "a", flags=portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    )
    try:
        lock.acquire(timeout=0, fail_when_locked=True)
    except portalocker.exceptions.LockException:
        return None
    return lock


def _keep_log(data_dir: Path) -> None:
    """Warnings and errors go to a file of bounded size; nothing below, where libraries write tokens."""
    handler = RotatingFileHandler(data_dir / LOG_FILE, maxBytes=_LOG_BYTES, backupCount=1, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    threading.excepthook = lambda args: _log.error(
        "A thread ended by an error", exc_info=(args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback)
    )


def _say(message: dict[str, Any]) -> None:
    """Write the one line, then let go of the pipe to the starter."""
    try:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()
    except OSError:
        return  # the starter is gone; another one may still join
    finally:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (1, 2):
            os.dup2(nowhere, number)
        os.close(nowhere)
