"""Owns how a person is told something before there is a window: on stderr, by the desktop's means, or in a log.

Nothing is ever written to stdout, which belongs to the program. The desktop's means are used only when nobody can read
stderr: no stream is a terminal, and neither stdout nor stderr goes anywhere but to nothing or to a session's journal.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType
    from typing import TextIO

_TITLE = "CIAM Desktop"
_PLAIN_INTERVAL = 5.0  # seconds between lines where nobody watches a terminal


def tell(sentence: str) -> None:
    """Show `sentence`; with a desktop only, returns when the person has dismissed it."""
    if not on_desktop():
        _write(sentence + "\n")
        if _console_closes_with_us():
            _message_box(sentence)
        return
    _append_to_log(sentence)
    if sys.platform == "win32":
        _message_box(sentence)
    elif (window := _message_command(sentence)) is not None:
        import subprocess

        with suppress(OSError):
            subprocess.run(window, stdin=subprocess.DEVNULL, check=False)


def warn(sentence: str) -> None:
    """Say `sentence` in passing: a line on stderr, or in the log."""
    if on_desktop():
        _append_to_log(sentence)
    else:
        _write(sentence + "\n")


class Progress:
    """Shows how far something is, from `with` to its end; appears at the first step.

    A terminal gets one line that changes, a captured stderr a plain line every 5 seconds, a desktop a small window.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._last = ""
        self._shown_at = float("-inf")
        self._width = 0
        self._window: subprocess.Popen[str] | None = None
        self._desktop = on_desktop()
        self._terminal = _kind(sys.stderr) == "terminal"

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._terminal and self._width:
            _write("\r" + " " * self._width + "\r")
        if self._window is not None:
            with suppress(OSError):
                self._window.communicate(timeout=5)
            self._window = None

    def step(self, sentence: str, share: float = 0.0) -> None:
        """Say what is done now; `share` is how much of the whole is done, 0 to 1."""
        if sentence == self._last:
            return
        first, self._last = not self._last, sentence
        if self._desktop:
            if first:
                _append_to_log(self._title)
                self._window = _open_window(self._title)
            self._feed_window(f"{round(share * 100)}\n# {sentence}\n")
        elif self._terminal:
            columns = shutil.get_terminal_size().columns - 1
            line = f"{self._title}: {sentence}"[:columns]
            _write("\r" + line.ljust(self._width))
            self._width = len(line)
        elif time.monotonic() - self._shown_at >= _PLAIN_INTERVAL:
            self._shown_at = time.monotonic()
            _write(f"{self._title}: {sentence}\n")

    def _feed_window(self, lines: str) -> None:
        if self._window is None or self._window.stdin is None:
            return
        with suppress(OSError):  # the person closed it; the work goes on
            self._window.stdin.write(lines)
            self._window.stdin.flush()


def on_desktop() -> bool:
    """Whether the program was started where only a desktop can show something."""
    if "CI" in os.environ or _kind(sys.stdin) == "terminal":
        return False
    return _kind(sys.stdout) == "nowhere" and _kind(sys.stderr) == "nowhere"


def log_file() -> Path:
    """The file that keeps what was told to a desktop."""
    if sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "ciam-desktop" / "Logs"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Logs" / "ciam-desktop"
    else:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        folder = Path(state) / "ciam-desktop" / "log"
    return folder / "set-up.log"


def _kind(stream: TextIO | None) -> str:
    """ "terminal", "nowhere" (closed, the null device, a session's journal) or "captured"."""
    if stream is None:
        return "nowhere"
    try:
        descriptor = stream.fileno()
        if os.isatty(descriptor):
            return "terminal"
        status = os.fstat(descriptor)
        if stat.S_ISCHR(status.st_mode):
            if sys.platform == "win32":
                return "nowhere"
            return "nowhere" if status.st_rdev == Path(os.devnull).stat().st_rdev else "captured"
    except (OSError, ValueError):
        return "captured"
    if stat.S_ISSOCK(status.st_mode):  # systemd connects what a desktop starts to its journal
        return "nowhere"
    if sys.platform == "linux" and stat.S_ISREG(status.st_mode):
        with suppress(OSError):
            return "nowhere" if "xsession-errors" in Path(f"/proc/self/fd/{descriptor}").readlink().name else "captured"
    return "captured"


def _write(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


def _append_to_log(sentence: str) -> None:
    path = log_file()
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # the program's own log is kept there as well
        with open(path, "a", encoding="utf-8", opener=_private) as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {sentence}\n")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _has_display() -> bool:
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _tk_window(mode: str, text: str) -> list[str] | None:
    import importlib.util

    if importlib.util.find_spec("_tkinter") is None or importlib.util.find_spec("tkinter") is None:
        return None
    if sys.platform == "linux" and not os.environ.get("DISPLAY"):  # Tk speaks X11 only
        return None
    return [sys.executable, os.fspath(Path(__file__).with_name("tk_window.py")), mode, _TITLE, text]


def _message_command(sentence: str) -> list[str] | None:
    """The command that shows `sentence` in a window until it is dismissed, or None."""
    if not _has_display():
        return None
    if sys.platform == "darwin":
        script = "on run argv\ndisplay alert (item 1 of argv) message (item 2 of argv)\nend run"
        return ["osascript", "-e", script, _TITLE, sentence]
    if (zenity := shutil.which("zenity")) is not None:
        return [zenity, "--error", "--no-markup", "--width=480", f"--title={_TITLE}", f"--text={sentence}"]
    return _tk_window("message", sentence)


def _open_window(title: str) -> subprocess.Popen[str] | None:
    """A window that follows the lines it reads: a number is the percentage, what comes after "# " the text."""
    import subprocess

    arguments = None
    if _has_display():
        if (zenity := shutil.which("zenity")) is not None:
            arguments = [zenity, "--progress", "--auto-close", "--no-cancel", "--width=480"]
            arguments += [f"--title={_TITLE}", f"--text={title}"]
        else:
            arguments = _tk_window("progress", title)
    if arguments is None:
        return None
    try:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
    except OSError:
        return None


def _console_closes_with_us() -> bool:
    """Whether the console was opened for this program alone (a double click on Windows) and vanishes with it."""
    if sys.platform == "win32" and not {"CI", "PROMPT"} & os.environ.keys() and _kind(sys.stdin) == "terminal":
        import ctypes

        # The Python launcher is attached as well, so two processes are a double click, too.
        attached: int = ctypes.windll.kernel32.GetConsoleProcessList((ctypes.c_uint * 4)(), 4)
        return 0 < attached <= 2
    return False


def _message_box(sentence: str) -> None:
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.user32.MessageBoxW(None, sentence, _TITLE, 0x10)
