"""A system of which one call goes wrong, and vaults with one bug each that the series about them must find."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

from ciam_desktop.core.identity.secret_service import SecretServicePersistence
from ciam_desktop.core.identity.vault import EncryptedVault, Entry
from ciam_desktop.core.identity.vault_file import ProtectedFile
from tests.doubles.vaults import DataProtectionDouble

ENDED = 9
"""The exit code of a process that this system ended."""


class FaultySystem:
    """Counts the calls by which files are found, opened, written, synced, named and closed; the n-th goes wrong.

    `fault` is one of FAULTS: an OSError in place of the call or after it, or the end of the process (no clean-up runs)
    before the call, in the middle of a write, or after the call. Installed in the process for good: fork first.
    """

    FAULTS = ("refused", "done and refused", "ended before", "ended in the middle", "ended after")
    CALLS = (
        "open", "close", "fsync", "replace", "rename", "unlink", "mkdir", "chmod", "fchmod", "utime", "stat", "lstat",
        "fstat", "scandir",
    )  # fmt: skip

    def __init__(self, number: int, fault: str) -> None:
        self.calls: list[str] = []
        self._number = number
        self._fault = fault

    def install(self) -> None:
        for name in self.CALLS:
            setattr(os, name, partial(self.call, name, getattr(os, name), None))
        fdopen = os.fdopen

        def opened(handle: int, mode: str = "r", *more: Any, **options: Any) -> Any:
            if mode == "wb":
                return io.BufferedWriter(CountedFile(handle, self))
            return fdopen(handle, mode, *more, **options)

        os.fdopen = opened  # type: ignore[assignment]  # fewer overloads than the real one

    def call(
        self, name: str, real: Callable[..., Any], half: Callable[[], object] | None, *args: Any, **more: Any
    ) -> Any:
        """Make the call `real`, unless it is its turn to go wrong; `half` does half of it, where there is one."""
        self.calls.append(name)
        if len(self.calls) != self._number:
            return real(*args, **more)
        if self._fault == "refused":
            raise OSError(errno.EIO, "Input/output error")
        if self._fault == "ended in the middle" and half is not None:
            half()
        elif self._fault in ("done and refused", "ended after"):
            real(*args, **more)
        if self._fault == "done and refused":
            raise OSError(errno.EIO, "Input/output error")
        os._exit(ENDED)


class CountedFile(io.FileIO):
    """A file, written without a buffer of its own, whose writes and close are calls of a FaultySystem."""

    def __init__(self, handle: int, system: FaultySystem) -> None:
        super().__init__(handle, "wb")
        self._system = system

    def write(self, data: Any) -> int:
        half = partial(super().write, bytes(data)[: len(data) // 2])
        return int(self._system.call("write", super().write, half, data))

    def close(self) -> None:
        if not self.closed:
            self._system.call("close", super().close, None)


class InPlaceFile(ProtectedFile):
    """The planted bug: the file is truncated and written in place, piece by piece."""

    def save(self, content: str) -> None:
        handle = os.open(self.get_location(), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as stream:
            data = self._agent.protect(content)
            for start in range(0, len(data), 32768):
                stream.write(data[start : start + 32768])
                stream.flush()
                os.fsync(handle)


class DeletingPersistence(SecretServicePersistence):
    """The planted bug: the item is deleted, and then created anew."""

    def save(self, content: str) -> None:
        with self._collection() as collection:
            for item in list(collection.search_items(self._attributes())):
                item.delete()
        Event().wait(0.05)
        super().save(content)


class UnlockedVault(EncryptedVault):
    """The planted bug: nobody waits for another program."""

    @contextmanager
    def _held(self) -> Iterator[None]:
        yield

    def _sound(self) -> Entry:
        entry = super()._sound()
        Event().wait(0.005)
        return entry


def file_vault(folder: Path, kind: str) -> EncryptedVault:
    """A vault on the DPAPI double; `kind` is "sound", or which bug is planted: "in place", "unlocked"."""
    store = (InPlaceFile if kind == "in place" else ProtectedFile)(folder / "work.vault", DataProtectionDouble())
    return (UnlockedVault if kind == "unlocked" else EncryptedVault)(store, folder / "work.lock")


def keyring_vault(folder: Path, kind: str) -> EncryptedVault:
    """A vault on the session's keyring; `kind` is "sound", or which bug is planted: "deleting", "unlocked"."""
    kept = DeletingPersistence if kind == "deleting" else SecretServicePersistence
    store = kept("work", folder / "work.vault")
    return (UnlockedVault if kind == "unlocked" else EncryptedVault)(store, folder / "work.lock")
