"""Owns how venv, pip and compileall are called, what is shown of them and where their output is kept."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ciam_desktop.bootstrap.failures import no_venv_module, tool_failure
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ciam_desktop.bootstrap.notice import Progress

_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+@")  # up to the last @, which a password may hold as well
_LOOKED_UP = re.compile(r"^(?:Collecting|Requirement already satisfied:) ([A-Za-z0-9._-]+)")
_FETCHED = re.compile(
    r"^\s*(?:Downloading|Using cached|Processing) (?:\S*[/\\])?([A-Za-z0-9._]+?)-\d[^/\\\s]*?\.(?:whl|tar\.gz|zip)"
    r"(?: \(([^)]+B)\))?(?:\s|$)"
)
_INSTALLING = re.compile(r"^Installing collected packages: ")
_PIN = re.compile(r"^[A-Za-z0-9._-]+==[^;]+(?:; sys_platform == \"(\w+)\")?$")
_SECTION = re.compile(r"^# Needed by the extra (\w+):")
# Without it, Python imports from the folder that the person happens to be in, such as one that others write to.
_SAFELY = ("-P",)
# These would send the packages elsewhere than into the environment, or hide the lines that are read here.
_UNFITTING = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_QUIET")


def count_pins(constraints: str, extras: Sequence[str]) -> int:
    """How many packages the pins in the text `constraints` name for this platform, the program and `extras`."""
    section, count = "", 0
    for line in constraints.splitlines():
        if heading := _SECTION.match(line):
            section = heading.group(1)
        elif pin := _PIN.match(line):
            count += section in ("", *extras) and pin.group(1) in (None, sys.platform)
    return count


def base_python() -> str:
    """The path of the Python that this one is, or whose virtual environment this one is."""
    return str(getattr(sys, "_base_executable", sys.executable))


class Tools:
    """Runs the tools of one set-up; all they print goes to the file `log`, without the credentials in addresses."""

    def __init__(self, log: Path, lock: int, progress: Progress) -> None:
        self._log = log
        self._lock = lock
        self._progress = progress
        log.write_text("", "utf-8")

    def create(self, environment: Path) -> None:
        """Make an empty environment with pip in it; raises SetupFailed."""
        self._progress.step(_("Making a place for the packages"))
        try:
            parts = [importlib.util.find_spec(name) for name in ("venv", "ensurepip")]
        except ImportError:
            parts = [None]
        if None in parts:
            raise no_venv_module()
        self._run(
            [base_python(), *_SAFELY, "-m", "venv", "--prompt", "ciam-desktop", os.fspath(environment)],
            dict(os.environ),
        )

    def install(self, python: str, requirements: Sequence[str], constraints: Path, extras: Sequence[str]) -> None:
        """Install `requirements` (PEP 508) at the versions in the file `constraints`, compiled; raises SetupFailed.

        pip's own configuration counts (index, proxy, certificates), except for what would install elsewhere.
        """
        total = count_pins(constraints.read_text("utf-8"), extras)
        environ = {name: value for name, value in os.environ.items() if name not in _UNFITTING}
        arguments = [python, *_SAFELY, "-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--no-user"]
        arguments += ["--compile", "--progress-bar", "off", "-c", os.fspath(constraints), *requirements]
        self._run(arguments, environ, _PipReader(self._progress, total).read)

    def compile(self, python: str, package: Path) -> None:
        """Compile `package`, also where PYTHONDONTWRITEBYTECODE keeps Python from doing it; it works without, too."""
        self._progress.step(_("Finishing"))
        subprocess.run(
            [python, *_SAFELY, "-m", "compileall", "-q", os.fspath(package)],
            capture_output=True,
            check=False,
            timeout=600,
        )

    @staticmethod
    def finds_modules(python: str, root: Path, extras: Sequence[str]) -> bool:
        """Whether the interpreter `python` finds every top-level module that the program and `extras` need."""
        question = (
            "import sys; sys.path.insert(0, sys.argv[1]); from ciam_desktop import bootstrap; "
            "sys.exit(any(bootstrap.missing_modules(sys.argv[2:])))"
        )
        try:
            answer = subprocess.run(
                [python, *_SAFELY, "-c", question, os.fspath(root), *extras],
                capture_output=True,
                check=False,
                timeout=60,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return answer.returncode == 0

    def _run(self, arguments: list[str], environ: dict[str, str], read: Callable[[str], None] | None = None) -> None:
        inherited = () if os.name == "nt" else (self._lock,)
        tail: list[str] = []
        with (
            self._log.open("a", encoding="utf-8", errors="replace") as log,
            subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=environ | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
                pass_fds=inherited,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            ) as process,
        ):
            try:
                for line in process.stdout or ():
                    shown = _CREDENTIALS.sub("***@", line)
                    tail.append(shown)
                    log.write(shown)
                    log.flush()
                    if read is not None:
                        read(shown)
            except BaseException:
                process.terminate()
                raise
        if process.returncode != 0:
            raise tool_failure("".join(tail), self._log.parent.parent, self._log)


class _PipReader:
    """Reads pip's lines and says how far it is."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._looked_up: set[str] = set()
        self._fetched: set[str] = set()

    def read(self, line: str) -> None:
        """Take one line of pip's output."""
        if match := _LOOKED_UP.match(line):
            self._looked_up.add(_canonical(match.group(1)))
            if "already satisfied" in line:
                self._fetched.add(_canonical(match.group(1)))
            else:
                self._step(_("Looking up %(package)s (%(number)d of %(total)d)"), match.group(1), self._looked_up)
        elif match := _FETCHED.match(line):
            self._fetched.add(_canonical(match.group(1)))
            if match.group(2):
                sentence = _("Downloading %(package)s, %(size)s (%(number)d of %(total)d)")
            else:
                sentence = _("Fetching %(package)s (%(number)d of %(total)d)")
            self._step(sentence, match.group(1), self._fetched, match.group(2))
        elif _INSTALLING.match(line):
            self._progress.step(_("Installing the packages"), 0.9)

    def _step(self, sentence: str, package: str, seen: set[str], size: str | None = None) -> None:
        total = max(self._total, len(seen))
        words = {"package": package, "number": len(seen), "total": total, "size": size}
        self._progress.step(sentence % words, 0.1 + 0.8 * len(self._fetched) / total)


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
