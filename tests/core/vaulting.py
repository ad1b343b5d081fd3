"""Owns what the vault's tests share: a log-in session with a real keyring, and entries to keep in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ciam_desktop.core.identity import vault as vault_module
from ciam_desktop.core.identity.person import Verdict, facts
from ciam_desktop.core.identity.vault import Entry, Vault
from tests.e2e.processes import Processes
from tests.e2e.session import Keyring, SessionBus

PLANTED = "planted-refresh-token"
ALICE, BOB = "oid-1.tenant", "oid-2.tenant"
ROOT = Path(__file__).resolve().parents[2]


class Machine:
    """A log-in session with a keyring, and a folder for what the program writes beside it."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        home, runtime = root / "home", root / "run"
        for folder in (home, runtime):
            folder.mkdir(mode=0o700)
        processes = stack.enter_context(Processes(root / "logs"))
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}
        self.root = root
        self.bus = SessionBus(processes, runtime, env)
        self._in_bus = stack.enter_context(ExitStack())
        self._in_bus.enter_context(self.bus)
        self.keyring = self._in_bus.enter_context(Keyring(processes, self.bus, root / "keyring"))
        self.processes = processes

    def end_session(self) -> None:
        """The bus and the keyring go."""
        self._in_bus.close()

    def signal_keyring(self, number: signal.Signals) -> None:
        """Kill the keyring's daemon without a warning, stop it, or let it go on."""
        daemon = self.keyring._daemon
        assert daemon is not None
        os.kill(daemon.pid, number)

    def secrets(self) -> list[bytes]:
        return [secret for _label, _attributes, secret in self.keyring.items()]


@contextmanager
def new_machine() -> Iterator[Machine]:
    """A machine in a folder of its own, and not in pytest's: the path of a socket has at most 107 bytes."""
    with ExitStack() as stack:
        root = stack.enter_context(tempfile.TemporaryDirectory(prefix="ciam-", ignore_cleanup_errors=True))
        yield Machine(Path(root), stack)


def facts_of(account: str, *scopes: str) -> dict[str, Any]:
    """What the program keeps about somebody who signed in."""
    claims = {"sub": account, "name": "User One"}
    return facts(Verdict("https://idp.example", "client", "key", "RS256", 1, 2, 1, claims), frozenset(scopes))


def tokens_of(account: str, secret: str = PLANTED) -> dict[str, Any]:
    entry = {"home_account_id": account, "secret": f"{secret} of {account}"}
    return {"RefreshToken": {f"rt-{account}": entry}, "AppMetadata": {"app": {"client_id": "x"}}}


def signed_in(vault: Vault, account: str = ALICE) -> Entry:
    return vault.change(lambda kept: kept.with_account(account, tokens_of(account), facts_of(account, account)))


def store(profile: str, folder: Path, text: str) -> None:
    """Put `text` into the keyring as an earlier or later program would have."""
    vault_module._persistence(profile, folder / f"{profile}.vault").save(text)


def stored(profile: str, folder: Path) -> str:
    return str(vault_module._persistence(profile, folder / f"{profile}.vault").load())


def start_program(module: str, *arguments: object) -> subprocess.Popen[str]:
    """Run one of the tests' own programs; what it prints is read from its `stdout`."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *(str(each) for each in arguments)],
        env=os.environ | {"PYTHONPATH": os.fspath(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
