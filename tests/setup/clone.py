"""Owns a small clone to set up: the real main.py and bootstrap, with packages of a few lines in a local folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ciam_desktop import bootstrap
from ciam_desktop.bootstrap.tools import base_python

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 60.0
"""Seconds that a set-up with the small packages may take."""

_PROGRAM = """
from __future__ import annotations

import json
import sys


def main(argv: list[str] | None = None) -> int:
    import parts
    print(json.dumps({"prefix": sys.prefix, "arguments": sys.argv, "parts": parts.VERSION}))
    return 7
"""

_PYPROJECT = """
[project]
name = "small"
dependencies = ["parts>={least}; python_version >= '3.11'"]

[project.optional-dependencies]
test = ["test-parts"]
"""


class Clone:
    """A folder with a small project in it, the environment of a newcomer, and the starts of its program.

    The package `parts` stands for all that the program needs: it brings every top-level module that `bootstrap` asks
    for, and `test-parts` those of the tests. Ends what it started when the `with` block ends.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "the clone"
        self.wheels = folder / "wheels"
        self.home = folder / "home"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.wheels.as_uri(),
        }
        self._started: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # with the pip that a killed start left behind
            process.communicate(timeout=10)

    def lay(self) -> Self:
        """Write the clone's files, and the wheels of the small packages in two versions."""
        for folder in (self.root / "resources", self.home, self.wheels):
            folder.mkdir(parents=True)
        shutil.copy2(ROOT / "main.py", self.root)
        shutil.copytree(
            ROOT / "ciam_desktop",
            self.root / "ciam_desktop",
            ignore=lambda folder, names: (
                [name for name in names if name not in ("__init__.py", "bootstrap", "i18n.py", "resources.py")]
                if Path(folder) == ROOT / "ciam_desktop"
                else ["__pycache__"]
            ),
        )
        (self.root / "ciam_desktop" / "__main__.py").write_text(_PROGRAM)
        for version in ("1.0", "2.0"):
            self._write_wheel("parts", version, bootstrap.MODULES[""])
            self._write_wheel("test_parts", version, bootstrap.MODULES["test"])
        self.pin("1.0")
        self.require("1")
        return self

    def copy_to(self, folder: Path) -> Clone:
        """A copy of all this, as it is now, in another folder."""
        shutil.copytree(self.root.parent, folder, symlinks=True, dirs_exist_ok=True)
        return Clone(folder)

    def pin(self, version: str) -> None:
        """Pin the small packages at `version`."""
        pins = f"parts=={version}\n# Needed by the extra test:\ntest-parts=={version}\n"
        (self.root / "resources" / "constraints.txt").write_text(pins)

    def require(self, least: str) -> None:
        """Require the version `least` of the program's package, or newer."""
        (self.root / "pyproject.toml").write_text(_PYPROJECT.format(least=least))

    @staticmethod
    def no_network() -> dict[str, str]:
        """Settings of pip with which its index is at an address where nobody answers."""
        return {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}

    def add_test_command(self) -> None:
        """Put in a `python -m tests` that enters as the real one does."""
        (self.root / "tests").mkdir()
        (self.root / "tests" / "__init__.py").touch()
        (self.root / "tests" / "__main__.py").write_text(
            "import os, sys\nfrom ciam_desktop import bootstrap\nbootstrap.enter(os.getcwd(), 'test')\n"
            "import pytest\nprint('tests run', sys.argv[1:])\n"
        )

    def popen(self, *arguments: str, env: dict[str, str] | None = None, python: str = "") -> subprocess.Popen[str]:
        """Start `python main.py arguments…` (or what `arguments` says after "-m"), its streams captured."""
        words = arguments if arguments[:1] == ("-m",) else ("main.py", *arguments)
        process = subprocess.Popen(
            [python or base_python(), *words],
            cwd=self.root,
            env=self.env | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def start(
        self, *arguments: str, env: dict[str, str] | None = None, python: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Start it and wait for its end."""
        process = self.popen(*arguments, env=env, python=python)
        out, err = process.communicate(timeout=LONGEST)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @property
    def environment(self) -> Path:
        """Where the environment is made."""
        return self.root / bootstrap.ENVIRONMENT

    def _write_wheel(self, name: str, version: str, modules: Iterable[str]) -> None:
        """A wheel (PEP 427) of empty modules, one `name` with VERSION in it, and a console script `name`-say."""
        info = f"{name}-{version}.dist-info"
        files = {f"{module}.py": "" for module in modules}
        files[f"{name}.py"] = f"VERSION = {version!r}\n\ndef say() -> None:\n    print('said by', VERSION)\n"
        files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        files[f"{info}/entry_points.txt"] = f"[console_scripts]\n{name}-say = {name}:say\n"
        record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        with zipfile.ZipFile(self.wheels / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            for path, text in (files | {f"{info}/RECORD": record}).items():
                wheel.writestr(path, text)


def one_sentence(text: str) -> str:
    """What a failed start said last on stderr, after making sure that there is no traceback."""
    assert "Traceback" not in text, text
    lines = text.strip().splitlines()
    assert lines, "nothing was said"
    return lines[-1]


def on_base_python() -> bool:
    """Whether these tests run in an environment, so that the Python below it has no packages."""
    return sys.prefix != sys.base_prefix
