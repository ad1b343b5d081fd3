"""Owns the search for secrets in everything that a test left behind: files, logs and command lines."""

from __future__ import annotations

import base64
import re
import stat
import urllib.parse
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

PIECE = 24
"""Bytes of a secret that give it away; a longer one is also found when a file holds it in several places."""

_DEPTH = 3
"""How often something encoded may be encoded again."""

_LARGEST = 64 * 1024 * 1024
"""Bytes that are read out of one compressed stream."""

_SHAPES = {
    # RFC 7519: a JOSE header is a JSON object, so its base64url begins with eyJ.
    "a JWT": re.compile(rb"eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}\.?[A-Za-z0-9_-]*"),
    "a refresh token of Entra's form": re.compile(rb"(?<![A-Za-z0-9_.-])[01]\.A[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_.-]{40,}"),
    "a token or code by its parameter": re.compile(
        rb"(?i)(?:refresh_token|access_token|id_token|client_secret|client_assertion|code_verifier|device_code)"
        rb"[\"']?\s*(?:=|:)\s*[\"']?[A-Za-z0-9._~+/%-]{12,}"
    ),
    "a bearer token": re.compile(rb"(?i)bearer\s+[A-Za-z0-9._~+/-]{16,}"),
}
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{32,}={0,2}")
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}")
_GZIP = b"\x1f\x8b\x08"


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret where none may be: `what` names it without telling it, `how` is the way from raw bytes to it."""

    where: str
    what: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.how})" if self.how else "")


class SecretScan:
    """Looks for token-shaped text and for the values of `secrets` (name to value).

    A value is found raw or as UTF-16, percent-encoded, in base64 or base64url at any alignment, within gzip and zlib
    streams, in pieces of PIECE bytes, and in any of these within another up to three times.
    """

    def __init__(self, secrets: Mapping[str, str] | None = None) -> None:
        self._needles = {needle: name for name, value in (secrets or {}).items() for needle in _needles(value)}

    def paths(self, paths: Iterable[Path]) -> list[Finding]:
        """Look into files, and into folders with everything below; what vanishes meanwhile is left out."""
        findings = []
        for path in paths:
            for file in [path] if path.is_file() else sorted(path.rglob("*")):
                try:
                    if stat.S_ISREG(file.lstat().st_mode):
                        findings += self.data(file.read_bytes(), str(file))
                except FileNotFoundError:
                    continue
                findings += self.data(file.name.encode(), f"the name of {file}")
        return findings

    def command_lines(self, lines: Iterable[str]) -> list[Finding]:
        """Look into command lines; a finding tells the program's first word only."""
        return [finding for line in lines for finding in self.data(line.encode(), f"arguments of {line.split()[:1]}")]

    def data(self, data: bytes, where: str) -> list[Finding]:
        """Look into `data`, which came from `where`."""
        found = {
            what: Finding(where, what, how)
            for how, form in reversed(list(_unwrapped(data, "", _DEPTH)))
            for what in self._whats(form)
        }
        return list(found.values())

    def _whats(self, data: bytes) -> Iterator[str]:
        for what, shape in _SHAPES.items():
            if shape.search(data):
                yield what
        yield from {name for needle, name in self._needles.items() if needle in data}


def _needles(value: str) -> set[bytes]:
    raw = value.encode()
    if not raw:
        raise ValueError("An empty secret would be found everywhere")
    pieces = {raw} if len(raw) <= PIECE else {raw[:PIECE], raw[-PIECE:], raw[len(raw) // 2 :][:PIECE]}
    wide = {value.encode("utf-16-le"), value.encode("utf-16-be")}
    encoded = {urllib.parse.quote(value, safe="").encode(), urllib.parse.quote_plus(value).encode()}
    shifted = set()
    for piece in pieces:
        for shift in range(3):
            # Only the groups of four characters that neither neighbour touches are sure.
            whole = base64.b64encode(b"\0" * shift + piece)[4 if shift else 0 :]
            whole = whole[: len(whole) - 4] if (shift + len(piece)) % 3 else whole
            if len(whole) >= 8:
                shifted |= {whole, whole.translate(bytes.maketrans(b"+/", b"-_"))}
    return pieces | wide | encoded | shifted


def _unwrapped(data: bytes, how: str, depth: int) -> Iterator[tuple[str, bytes]]:
    """`data` and what it decodes to, each with the way there."""
    yield how, data
    if depth == 0:
        return
    forms: list[tuple[str, bytes]] = []
    if _PERCENT.search(data):
        forms.append(("percent-encoded", urllib.parse.unquote_to_bytes(data)))
    if b"\0" in data:
        forms.append(("UTF-16", data.replace(b"\0", b"")))
    forms += [("base64", decoded) for run in _BASE64.finditer(data) if (decoded := _base64(run.group()))]
    at = data.find(_GZIP)
    while at >= 0:
        if inflated := _inflate(data[at:]):
            forms.append(("gzip", inflated))
        at = data.find(_GZIP, at + 1)
    if data[:1] == b"\x78" and (inflated := _inflate(data)):
        forms.append(("zlib", inflated))
    for name, form in forms:
        if form != data:
            yield from _unwrapped(form, f"{how}, {name}" if how else name, depth - 1)


def _base64(run: bytes) -> bytes:
    text = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    text = text[: len(text) - (len(text) % 4 == 1)]
    return base64.b64decode(text + b"=" * (-len(text) % 4))


def _inflate(data: bytes) -> bytes:
    """What a gzip or zlib stream at the start of `data` holds, as far as it can be read."""
    stream = zlib.decompressobj(wbits=47)
    whole = b""
    try:
        for at in range(0, len(data), 16):  # small bites, for what comes out before a damaged place
            whole += stream.decompress(data[at : at + 16])
            if stream.eof or len(whole) > _LARGEST:
                break
    except zlib.error:
        pass
    return whole
