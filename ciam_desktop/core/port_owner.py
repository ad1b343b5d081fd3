"""Owns who listens on a port of this computer: a process's name and id, where the system tells."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROC = Path("/proc")
_LISTENING = "0A"  # TCP_LISTEN in Linux's tcp_states.h
# Of a row in Windows' tables of listeners: its length, where its local port begins, and where its process (tcpmib.h,
# MIB_TCPROW_OWNER_PID and MIB_TCP6ROW_OWNER_PID). The keys are AF_INET and AF_INET6 as Windows has them.
_ROWS = {2: (24, 8, 20), 23: (56, 20, 52)}


@dataclass(frozen=True, slots=True)
class PortOwner:
    """The process that listens on a port; `is_us` when that is this very process."""

    name: str
    pid: int
    is_us: bool


def owner_of(port: int) -> PortOwner | None:
    """Who listens on the TCP port; None when nobody does, or the system does not say.

    Linux and Windows say so without a tool; Linux only to an administrator about other people's processes
    (proc_pid_fd(5)), and Windows then leaves out the name.
    """
    if sys.platform == "win32":
        return _windows_owner(port)
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
    return _owner(name, int(process.name))


def _owner(name: str, pid: int) -> PortOwner:
    # A process names itself as it likes; nothing in it may reach a terminal as a command.
    shown = "".join(character if character.isprintable() else "?" for character in name)
    return PortOwner(shown, pid, pid == os.getpid())


def listeners_in(table: bytes, family: int) -> dict[int, int]:
    """Which process (its id) listens on which port, in a table of Windows' of this address family: a count, then rows.

    A port is in network order, all else in this computer's, which is little-endian wherever Windows runs.
    """
    length, port_at, process_at = _ROWS[family]
    count = int.from_bytes(table[:4], "little")
    rows = [table[start : start + length] for start in range(4, 4 + count * length, length)]
    return {
        int.from_bytes(row[port_at : port_at + 2], "big"): int.from_bytes(row[process_at : process_at + 4], "little")
        for row in rows
        if len(row) == length
    }


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes
    from pathlib import PureWindowsPath

    _LISTENERS_WITH_PROCESS = 3  # TCP_TABLE_OWNER_PID_LISTENER
    _TOO_SMALL = 122  # ERROR_INSUFFICIENT_BUFFER
    _MAY_ASK_ITS_NAME = 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION

    def _windows_owner(port: int) -> PortOwner | None:
        for family in _ROWS:
            pid = listeners_in(_windows_table(family), family).get(port)
            if pid is not None:
                return _owner(_windows_name(pid) or _("another program"), pid)
        return None

    def _windows_table(family: int) -> bytes:
        """GetExtendedTcpTable of the IP Helper API; empty when it does not tell."""
        size = wintypes.DWORD(0)
        for _each in range(5):  # it may grow between two calls
            buffer = ctypes.create_string_buffer(max(4, size.value))
            ask = ctypes.windll.iphlpapi.GetExtendedTcpTable
            status = ask(buffer, ctypes.byref(size), False, family, _LISTENERS_WITH_PROCESS, 0)
            if status != _TOO_SMALL:
                return b"" if status else buffer.raw
        return b""

    def _windows_name(pid: int) -> str:
        """The name of its program's file, "" when that is not told."""
        kernel = ctypes.WinDLL("kernel32")
        kernel.OpenProcess.restype = wintypes.HANDLE
        kernel.QueryFullProcessImageNameW.argtypes = [
            wintypes.HANDLE,
            wintypes.DWORD,
            wintypes.LPWSTR,
            wintypes.LPDWORD,
        ]
        kernel.CloseHandle.argtypes = [wintypes.HANDLE]
        process = kernel.OpenProcess(_MAY_ASK_ITS_NAME, False, pid)
        if not process:
            return ""
        try:
            size = wintypes.DWORD(32768)
            path = ctypes.create_unicode_buffer(size.value)
            told = kernel.QueryFullProcessImageNameW(process, 0, path, ctypes.byref(size))
            return PureWindowsPath(path.value).name if told else ""
        finally:
            kernel.CloseHandle(process)
