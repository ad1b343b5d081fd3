"""Vaults and vault systems that stand in for others: one that remembers, Windows' data protection, a Mac's keychain."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Self

from ciam_desktop.core.identity import keychain
from ciam_desktop.core.identity.vault import Entry, MemoryVault


class WatchedVault(MemoryVault):
    """Counts writes; `before_change` runs once between a grant and its write, as another program would."""

    def __init__(self) -> None:
        super().__init__("a test")
        self.writes = 0
        self.before_change: Callable[[], object] | None = None

    def change(self, change: Callable[[Entry], Entry]) -> Entry:
        meanwhile, self.before_change = self.before_change, None
        if meanwhile is not None:
            meanwhile()
        self.writes += 1
        return super().change(change)


class DataProtectionError(OSError):
    """An OSError as Windows has it; `winerror` is signed, as GetLastError comes through ctypes."""

    def __init__(self, winerror: int) -> None:
        super().__init__(None, "planted")
        self.winerror = winerror


class DataProtectionDouble:
    """A double of Windows' data protection (DPAPI): reversible and NO encryption, but it refuses what DPAPI refuses.

    `key` stands for what the user's password opens. A blob of another one is refused as after a password reset, and
    anything that is no whole blob as invalid data; `away` refuses all, as when the domain controller is not reached.
    """

    _HIDING = bytes(each ^ 0x5A for each in range(256))

    def __init__(self, key: bytes = b"first---") -> None:
        self.key = key
        self.away = False

    def protect(self, message: str) -> bytes:
        self._reach()
        return self.blob(message.encode())

    def blob(self, clear: bytes) -> bytes:
        """What protecting any bytes comes to."""
        return b"DPAPI" + self.key + hashlib.sha256(clear).digest() + clear.translate(self._HIDING)

    def unprotect(self, cipher_text: bytes) -> str:
        self._reach()
        head, key, digest, hidden = cipher_text[:5], cipher_text[5:13], cipher_text[13:45], cipher_text[45:]
        clear = hidden.translate(self._HIDING)
        if head != b"DPAPI" or digest != hashlib.sha256(clear).digest():
            raise DataProtectionError(13)
        if key != self.key:
            raise DataProtectionError(-2146893813)
        return clear.decode()

    def _reach(self) -> None:
        if self.away:
            raise DataProtectionError(-2146892987)


class KeychainDoubleError(OSError):
    """What msal-extensions raises for an OSStatus."""

    def __init__(self, exit_status: int) -> None:
        super().__init__()
        self.exit_status = exit_status


class KeychainDouble:
    """A double of msal-extensions' Keychain: passwords in memory; `refuses` is the OSStatus of every call, or 0.

    `missing` stands for a computer without a default keychain, which shows when it is opened. `writes_left` lets so
    many more writes through and then ends the program (KeyboardInterrupt stands for that).
    """

    def __init__(self) -> None:
        self.passwords: dict[tuple[str, str], bytes] = {}
        self.refuses = 0
        self.missing = False
        self.writes_left: int | None = None

    def __call__(self) -> Self:
        return self

    def __enter__(self) -> Self:
        if self.missing:
            raise OSError(keychain.NO_DEFAULT_KEYCHAIN)
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def get_generic_password(self, service: str, account_name: str) -> str:
        self._answer()
        if (service, account_name) not in self.passwords:
            raise KeychainDoubleError(keychain.ITEM_NOT_FOUND)
        return self.passwords[service, account_name].decode()

    def set_generic_password(self, service: str, account_name: str, value: str) -> None:
        self._answer()
        if self.writes_left is not None:
            if self.writes_left == 0:
                raise KeyboardInterrupt
            self.writes_left -= 1
        self.passwords[service, account_name] = value.encode()

    def _answer(self) -> None:
        if self.refuses:
            raise KeychainDoubleError(self.refuses)
