"""Owns the screen of an end-to-end test: an Xvfb display, its window manager, and pictures of it."""

from __future__ import annotations

import contextlib
import os
import struct
import subprocess
import zlib
from typing import TYPE_CHECKING, Self

from tests import needs
from tests.e2e.waiting import NotInTime, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.processes import Processes

START = 20
"""Seconds that the server and the window manager may each take to start."""

_XWD_WORDS = 25
"""32-bit words in the head of an X window dump, version 7 (X11/XWDFile.h)."""


class Display:
    """A virtual screen of `size` pixels, 24 bits deep, with openbox unless `window_manager` is false.

    `folder` is where the server keeps its picture while it runs; `env` is what a program needs to open windows there.
    """

    def __init__(
        self,
        processes: Processes,
        folder: Path,
        *,
        size: tuple[int, int] = (1280, 800),
        window_manager: bool = True,
    ) -> None:
        self._processes = processes
        self._folder = folder
        self._size = size
        self._window_manager = window_manager
        self.env: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        width, height = self._size
        options = ["-screen", "0", f"{width}x{height}x24", "-fbdir", str(self._folder), "-nolisten", "tcp", "-noreset"]
        server = needs.program("Xvfb")
        self._server, number = self._processes.start_announcing(
            "xvfb",
            lambda descriptor: [server, "-displayfd", str(descriptor), *options],
            {"PATH": os.environ["PATH"], "HOME": str(self._folder)},
            START,
        )
        self.env = {"DISPLAY": f":{number}"}
        if self._window_manager:
            self._start_window_manager()
        return self

    def __exit__(self, *_: object) -> None:
        self._processes.end(self._server)

    def _start_window_manager(self) -> None:
        ready = self._folder / "window-manager-ready"
        self._processes.start(
            "openbox",
            [needs.program("openbox"), "--sm-disable", "--startup", f"touch {ready}"],
            {**self.env, "PATH": os.environ["PATH"], "HOME": str(self._folder)},
        )
        wait_until(ready.exists, START, "the window manager to start")

    def keys(self, *names: str) -> None:
        """Press keys or chords in order in the window that has the focus, such as `keys("ctrl+n", "Return")`."""
        self._xdotool("key", "--clearmodifiers", *names)

    def type(self, text: str) -> None:
        """Type `text` into the window that has the focus: ASCII, since other letters need a key remapped in a race."""
        assert text.isascii(), text
        self._xdotool("type", "--clearmodifiers", "--delay", "4", "--", text)

    def _xdotool(self, *arguments: str) -> None:
        env = {**os.environ, **self.env}
        subprocess.run([needs.program("xdotool"), *arguments], env=env, check=True, timeout=20)

    def screenshot(self, path: Path, *, settle: float = 1) -> Path:
        """Write what is on the screen to `path` as PNG and return it.

        A change may be told before it is painted, so this waits up to `settle` seconds for two looks to be the same.
        """
        dump = b""

        def still() -> bool:
            nonlocal dump
            before, dump = dump, (self._folder / "Xvfb_screen0").read_bytes()
            return before == dump

        with contextlib.suppress(NotInTime):
            wait_until(still, settle, "the screen to be still")
        head = struct.unpack(f">{_XWD_WORDS}I", dump[: 4 * _XWD_WORDS])
        head_size, version, width, height, byte_order = head[0], head[1], head[4], head[5], head[7]
        bits_per_pixel, bytes_per_line, colours = head[11], head[12], head[19]
        if (version, byte_order, bits_per_pixel, bytes_per_line) != (7, 0, 32, 4 * width):
            raise AssertionError(f"Xvfb keeps its picture in a form that is not known here: {head}")
        start = head_size + 12 * colours
        pixels = dump[start : start + 4 * width * height]
        rgb = bytearray(3 * width * height)
        rgb[0::3], rgb[1::3], rgb[2::3] = pixels[2::4], pixels[1::4], pixels[0::4]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_png(width, height, bytes(rgb)))
        return path


def _png(width: int, height: int, rgb: bytes) -> bytes:
    """A PNG file of 8-bit RGB pixels (PNG specification, sections 5 and 11)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    line = 3 * width
    rows = b"".join(b"\0" + rgb[row * line : (row + 1) * line] for row in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
