"""Owns the programs' side of the sandbox: start it or join the one that runs, and hold it while it is used."""

from __future__ import annotations

import argparse
import errno
import hmac
import json
import os
import queue
import secrets
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from ciam_desktop import i18n, paths
from ciam_desktop.core.errors import CiamError, SandboxError
from ciam_desktop.core.setting_specs import SETTINGS
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from types import TracebackType

_STATE_FILE = "state.json"
_STATE_VERSION = 1
_LOG_FILE = "sandbox.log"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5
_HANDSHAKE_SECONDS = 3.0
_LONGEST_LINE = 65536


@dataclass(frozen=True, slots=True)
class SandboxInfo:
    """What a program needs to know of the sandbox that it holds.

    `control_endpoint` and `control_key` are empty unless the program asked for the control API for tests.
    """

    authority: str
    tenant_id: str
    client_id: str
    daemon_client_id: str
    daemon_client_secret: str = field(repr=False)
    application_id_uri: str
    read_scope: str
    readwrite_scope: str
    api_endpoint: str
    ca_file: Path
    data_dir: Path
    pid: int
    control_endpoint: str = ""
    control_key: str = field(default="", repr=False)


class Sandbox:
    """A held lease: the sandbox runs at least until `close`, or until this process ends, however it ends."""

    def __init__(self, info: SandboxInfo, connection: socket.socket) -> None:
        self.info = info
        self._connection = connection

    def ended(self) -> bool:
        """Whether the sandbox has let go of this lease, as it does when it ends or is killed; asks without waiting."""
        try:
            self._connection.setblocking(False)
            return not self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:  # reset, or closed here
            return True

    def close(self) -> None:
        """Let go; the sandbox ends by itself when nobody holds it. May be called twice."""
        self._connection.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def default_data_dir() -> Path:
    """Where the sandbox of this user keeps its things."""
    return paths.data_dir() / "sandbox"


def join(data_dir: Path | None = None, *, timeout: float = 30.0, control: bool = False) -> Sandbox:
    """Join the sandbox of `data_dir`, starting it when none runs; `timeout` in seconds.

    `control` asks for the control API, by which tests make the sandbox misbehave. Raises SandboxError with one sentence
    when it does not answer in time, says why it cannot start, or runs already without the control that is asked for.
    """
    folder = (data_dir or default_data_dir()).absolute()
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while (sandbox := _take_lease(folder, deadline, control=control)) is None:
        # Nobody answers: start one. When another process is starting or ending just now, the new one leaves again
        # and the state file is read once more.
        if time.monotonic() > deadline:
            raise _too_slow(folder)
        if not _start(folder, deadline, control=control):
            threading.Event().wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
    return sandbox


def _take_lease(folder: Path, deadline: float, *, control: bool) -> Sandbox | None:
    """One try at the sandbox that the state file names; None when there is none or it is ending."""
    try:
        state = json.loads(_own_bytes(folder / _STATE_FILE))
        if state["version"] != _STATE_VERSION:
            raise SandboxError(
                _("The sandbox in %(path)s runs in another version of this program; end that program first.")
                % {"path": folder}
            )
        port, key = int(state["lease_port"]), bytes.fromhex(state["lease_key"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    wait = max(0.1, min(_HANDSHAKE_SECONDS, deadline - time.monotonic()))
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=wait)
    except OSError:
        return None
    try:
        info = _shake_hands(connection, key, time.monotonic() + wait, control=control)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        connection.close()
        return None
    if control and not info.control_endpoint:
        connection.close()
        raise SandboxError(
            _("The sandbox in %(path)s runs without its control API; end the programs that use it first.")
            % {"path": folder}
        )
    connection.settimeout(None)
    return Sandbox(info, connection)


def _own_bytes(path: Path) -> bytes:
    """The whole of a file of this user's; OSError when it is another's, a link or no file.

    Who writes the state file says which sandbox is believed, so a folder that others write to must not matter.
    """
    if sys.platform == "win32":
        return path.read_bytes()
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        found = os.fstat(file.fileno())
        if found.st_uid != os.geteuid() or not stat.S_ISREG(found.st_mode):
            raise PermissionError(errno.EPERM, "not this user's file")
        return file.read()


def _shake_hands(connection: socket.socket, key: bytes, deadline: float, *, control: bool) -> SandboxInfo:
    """Both sides prove that they know this run's key, then the sandbox says what it is."""
    nonce = secrets.token_hex(16)
    hello = {"nonce": nonce, "proof": _proof(key, "user", nonce), "control": control}
    connection.sendall(json.dumps(hello).encode() + b"\n")
    answer = json.loads(_line(connection, deadline))
    if not hmac.compare_digest(_proof(key, "sandbox", nonce), str(answer["proof"])):
        raise ValueError
    ready = answer["ready"]
    return SandboxInfo(**ready | {"ca_file": Path(ready["ca_file"]), "data_dir": Path(ready["data_dir"])})


def _line(connection: socket.socket, deadline: float) -> bytes:
    """The one line that the other side says, all of it before the deadline, however slowly the bytes come."""
    line = bytearray()
    while not line.endswith(b"\n"):
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        connection.settimeout(remaining)
        piece = connection.recv(_LONGEST_LINE)
        line += piece
        if not piece or len(line) > _LONGEST_LINE:
            raise ValueError
    return bytes(line)


def _proof(key: bytes, side: str, nonce: str) -> str:
    return hmac.new(key, f"{side}:{nonce}".encode(), "sha256").hexdigest()


def _start(folder: Path, deadline: float, *, control: bool) -> bool:
    """Start a server process; True when it serves, False when another one does. SandboxError when it cannot."""
    secret = {setting.name for setting in SETTINGS if setting.secret}  # nothing that the sandbox needs, and it lives on
    environment = {name: value for name, value in os.environ.items() if name not in secret}
    environment["PYTHONPATH"] = os.pathsep.join(_import_paths())
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
    command = [sys.executable, "-P", "-m", "ciam_desktop.sandbox", "--serve", "--data-dir", os.fspath(folder)]
    process = subprocess.Popen(
        [*command, "--control"] if control else command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        close_fds=True,
        cwd=Path.home() if Path.home().is_dir() else None,
        env=environment,
        **options,
    )
    answers: queue.SimpleQueue[tuple[bytes, str]] = queue.SimpleQueue()
    reader = threading.Thread(target=lambda: answers.put(_listen(process)), name="sandbox-start", daemon=True)
    reader.start()
    try:
        line, reason = answers.get(timeout=max(0.1, deadline - time.monotonic()))
    except queue.Empty:
        # The thread tidies up when the server speaks after all; unheld, that one ends by itself.
        raise _too_slow(folder) from None
    reader.join()
    try:
        answer = json.loads(line)
    except ValueError:
        raise SandboxError(
            _("The sandbox ended before it was ready: %(reason)s") % {"reason": reason[:200] or _("no reason given")}
        ) from None
    if "error" in answer:
        raise SandboxError(answer["error"])
    return "ready" in answer


def _listen(process: subprocess.Popen[bytes]) -> tuple[bytes, str]:
    """The server's one line, and the last of what it complained about."""
    with cast("IO[bytes]", process.stdout) as said, cast("IO[bytes]", process.stderr) as complaint:
        line = said.readline()
        # Both pipes end now: the server lets go of them after its line, and without a line it has ended.
        reason = complaint.read().decode(errors="replace").strip().rpartition("\n")[2]
    if sys.platform == "win32":
        process.returncode = 0  # it lives on by itself; nobody waits for it here
    else:
        process.wait()  # it has left for a session of its own; what ends here is only the starter
    return line, reason


def _import_paths() -> list[str]:
    root = os.fspath(Path(__file__).resolve().parent.parent)
    others = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return [root, *(os.fspath(Path(each).absolute()) for each in others)]


def _too_slow(folder: Path) -> SandboxError:
    return SandboxError(_("The sandbox did not start in time; its log is %(path)s.") % {"path": folder / _LOG_FILE})


def main(argv: list[str]) -> int:
    """`python -m ciam_desktop.sandbox`: hold the sandbox until SIGINT or SIGTERM; the exit code.

    Prints one JSON line when it is ready. The daemon's client secret is in it with `--show-secret` only, the control
    API's address and key with `--control` only.
    """
    i18n.install()
    parser = argparse.ArgumentParser(
        prog="python -m ciam_desktop.sandbox", description=_("Start the sandbox on this computer, or join it.")
    )
    parser.add_argument("--data-dir", type=Path, help=_("where it keeps its things"))
    parser.add_argument("--show-secret", action="store_true", help=_("print the daemon's client secret too"))
    parser.add_argument("--control", action="store_true", help=_("let tests make it misbehave, with a key of this run"))
    options = parser.parse_args(argv)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_args: stop.set())
    try:
        sandbox = join(options.data_dir, control=options.control)
    except CiamError as error:  # also a data folder that cannot be made
        sys.stderr.write(f"{error}\n")
        return 1
    with sandbox:
        line = asdict(sandbox.info) | {
            "ca_file": os.fspath(sandbox.info.ca_file),
            "data_dir": os.fspath(sandbox.info.data_dir),
        }
        if not options.show_secret:
            del line["daemon_client_secret"]
        if not options.control:
            del line["control_endpoint"], line["control_key"]
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        while not stop.wait(0.5):  # a time-out, because a bare wait hides signals on Windows
            pass
    return 0
