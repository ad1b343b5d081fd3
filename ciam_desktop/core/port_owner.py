"""Owns who listens on a port of this computer: a process's name and id, where the system tells."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_LISTENING = "0A"  # TCP_LISTEN in Linux's tcp_states.h


@dataclass(frozen=True, slots=True)
class PortOwner:
    """The process that listens on a port; `is_us` when that is this very process."""

    name: str
    pid: int
    is_us: bool


def owner_of(port: int) -> PortOwner | None:
    """Who listens on the TCP port; None when nobody does, or the system does not say.

    Linux alone says so without a tool, and about other people's processes only to an administrator (proc_pid_fd(5)).
    """
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    with contextlib.suppress(OSError):
        for process in _PROC.iterdir():
            if process.name.isdecimal() and _holds(process, sockets):
                return _described(process)
    return None


def holder(port: int) -> str:
    """Who listens on the TCP port, in words for a sentence; "" when the system does not say."""
    owner = owner_of(port)
    if owner is None:
        return ""
    if owner.is_us:
        return _("a sign-in of this program that waits")
    return _("%(program)s (process %(pid)d)") % {"program": owner.name, "pid": owner.pid}


def _listening_inodes(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on `port` (the table's columns stand in proc_pid_net(5))."""
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "self" / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except (OSError, UnicodeError):  # another system, or a kernel without IPv6
            continue
        for columns in map(str.split, lines):
            if len(columns) > 9 and columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if os.readlink(descriptor) in sockets:  # noqa: PTH115 -- "socket:[1]" is no path
                    return True
    except OSError:  # another person's process, or one that has ended
        pass
    return False


def _described(process: Path) -> PortOwner | None:
    try:
        name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
    # A process names itself as it likes; nothing in it may reach a terminal as a command.
    shown = "".join(character if character.isprintable() else "?" for character in name)
    pid = int(process.name)
    return PortOwner(shown, pid, pid == os.getpid())
