"""Owns the way in: that every package is importable before anything imports one; standard library only.

Every start of the program passes through `enter`, so this file imports nothing that Python has not loaded already;
what takes longer (`setup`, `notice`, `system_check`) is loaded when it is needed.
"""

# pathlib alone would cost 5 ms of each start:
# ruff: noqa: PTH113, PTH118, PTH119, PTH123

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

# The top-level module of each requirement in pyproject.toml, by extra ("" is the program itself).
MODULES: dict[str, tuple[str, ...]] = {
    "": (
        *("PySide6", "msal", "msal_extensions", "requests", "jwt", "portalocker", "platformdirs", "dotenv"),
        *("truststore", "h11", "authlib", "flask", "uvicorn", "a2wsgi", "joserfc", "trustme", "sqlalchemy", "idna"),
        *("cryptography", "urllib3", "segno", *(("secretstorage",) if sys.platform == "linux" else ())),
    ),
    "test": (
        *("babel", "hatchling", "hypothesis", "importlinter", "mypy", "pytest", "pytestqt", "pytest_timeout"),
        *("ruff", "selenium"),
    ),
}

ENVIRONMENT = ".venv"
PREVIOUS = ".venv.old"
STAMP = "ciam-desktop-stamp"
STAMP_FORMAT = "1"
_HANDED_OVER = "CIAM_DESKTOP_HANDED_OVER"


def enter(root: str, *extras: str) -> None:
    """Return where every package is importable; elsewhere go on in `root`/.venv, which is set up first if need be.

    `root` is the clone's folder, `extras` are the extras of pyproject.toml that are wanted besides the program.
    When this process cannot go on itself, it is replaced by the same command line in the environment (on Windows:
    waits for it and exits with its code), or exits with a code other than 0 after one sentence on what is wrong.
    """
    tries = int(os.environ.pop(_HANDED_OVER, "0"))
    if not any(missing_modules(extras)):
        return
    if tries == 0 and fits(root, extras):
        try:
            hand_over(root, tries=1)
        except OSError:  # the environment's Python cannot be started: set up anew below
            tries = 1
    from ciam_desktop.bootstrap import setup

    setup.run(root, extras, tries)


def missing_modules(extras: Iterable[str] = ()) -> Iterable[str]:
    """The top-level modules that this interpreter cannot find, one by one, without importing any."""
    for extra in ("", *extras):
        for name in MODULES[extra]:
            specs = (finder.find_spec(name, None) for finder in sys.meta_path)
            if not any(spec and spec.origin for spec in specs):  # no origin: only an empty folder of that name
                yield name


def python_of(environment: str) -> str:
    """The interpreter inside the virtual environment at the path `environment`."""
    if os.name != "nt":
        return os.path.join(environment, "bin", "python")
    windowless = os.path.basename(sys.executable).lower().startswith("pythonw")
    return os.path.join(environment, "Scripts", "pythonw.exe" if windowless else "python.exe")


def fingerprint(root: str) -> str:
    """A short print of the bytes of the two files that say what is installed; "" when one cannot be read."""
    from zlib import crc32

    print_ = 0
    try:
        for path in (os.path.join(root, "pyproject.toml"), os.path.join(root, "resources", "constraints.txt")):
            with open(path, "rb") as file:
                print_ = crc32(file.read(), print_)
    except OSError:
        return ""
    return f"{print_:08x}"


def read_stamp(environment: str) -> dict[str, str]:
    """What the finished environment at the path `environment` holds; {} when it is not one, or unfinished.

    Keys: `sources` (`fingerprint`), `meaning` (a hash of the requirements and pins), `extras`, `python` (the real
    path of its interpreter), `place` (the path that its scripts name).
    """
    try:
        with open(os.path.join(environment, STAMP), encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    stamp = dict(line.partition(" ")[::2] for line in lines)
    return stamp if stamp.get("format") == STAMP_FORMAT and "end" in stamp else {}


def sound(environment: str, stamp: dict[str, str]) -> bool:
    """Whether the interpreter that the environment was made with is still there."""
    python = stamp.get("python", "")
    same = os.name == "nt" or os.path.realpath(python_of(environment)) == python
    return same and os.path.isfile(python)


def fits(root: str, extras: Iterable[str]) -> bool:
    """Whether `root`/.venv is finished and still what the clone asks for; costs a millisecond."""
    environment = os.path.join(root, ENVIRONMENT)
    stamp = read_stamp(environment)
    return (
        bool(stamp)
        and stamp.get("sources") == fingerprint(root)
        and stamp.get("place") == environment
        and set(extras) <= set(stamp.get("extras", "").split())
        and sound(environment, stamp)
        and not os.path.lexists(os.path.join(root, PREVIOUS))  # an interrupted exchange still to be cleared away
    )


def hand_over(root: str, tries: int) -> NoReturn:
    """Go on with the same command line in `root`/.venv; raises OSError when its Python cannot be started."""
    python = python_of(os.path.join(root, ENVIRONMENT))
    arguments = [python, *sys.orig_argv[1:]]
    os.environ[_HANDED_OVER] = str(tries)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    if os.name != "nt":
        os.execv(python, arguments)  # noqa: S606 -- no shell is meant
    import subprocess

    with subprocess.Popen(arguments) as process:
        while True:
            try:
                sys.exit(process.wait())
            except KeyboardInterrupt:  # it was sent to both; the program decides when it ends
                continue


def tell(sentence: str) -> None:
    """Show one sentence: on stderr, or by the desktop's means to who started the program by double click."""
    from ciam_desktop.bootstrap import notice

    notice.tell(sentence)


def no_display() -> str | None:
    """The sentence for a start without a display, or None when there is one."""
    from ciam_desktop.bootstrap import system_check

    return system_check.no_display()


def missing_qt_library() -> str | None:
    """The sentence that names the system libraries which Qt lacks and the command that installs them, or None."""
    from ciam_desktop.bootstrap import system_check

    return system_check.missing_qt_library()
