"""Owns one whole desktop for one test: screen, session, keyring, browser, home folder, and what is kept of them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from selenium.common.exceptions import WebDriverException

from tests.e2e.atspi import TIMEOUT, Gone, Screen
from tests.e2e.browser import Browser
from tests.e2e.display import Display
from tests.e2e.processes import Processes
from tests.e2e.program import ProcessWatch, Program
from tests.e2e.session import Keyring, SessionBus
from tests.e2e.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Desktop:
    """Everything that a person's desktop has, private to one test and gone with its context.

    `artifacts` keeps pictures and logs (emptied first). `home` and the other folders in `written` are where programs
    write; they are removed at the end. `env` is the whole environment of a program that is started here.
    """

    def __init__(self, artifacts: Path) -> None:
        self.artifacts = artifacts
        self._pictures = 0

    def __enter__(self) -> Self:
        shutil.rmtree(self.artifacts, ignore_errors=True)
        self.artifacts.mkdir(parents=True)
        with contextlib.ExitStack() as stack:
            # Not pytest's folder: the path of a socket has at most 107 bytes.
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ciam-", ignore_cleanup_errors=True)))
            self.home, self._temporary, runtime = root / "home", root / "tmp", root / "run"
            for folder in (self.home, self._temporary, runtime):
                folder.mkdir(mode=0o700)
            self.processes = stack.enter_context(Processes(self.artifacts / "logs"))
            self.display = stack.enter_context(Display(self.processes, root / "screen"))
            session = {
                "PATH": os.environ["PATH"],
                "LC_ALL": "C.UTF-8",
                "HOME": str(self.home),
                "XDG_CACHE_HOME": str(self.home / ".cache"),
                "XDG_CONFIG_HOME": str(self.home / ".config"),
                "XDG_DATA_HOME": str(self.home / ".local" / "share"),
                "XDG_STATE_HOME": str(self.home / ".local" / "state"),
                "TMPDIR": str(self._temporary),
                "GSETTINGS_BACKEND": "memory",
                "PYTHONDONTWRITEBYTECODE": "1",
                **self.display.env,
            }
            self.bus = stack.enter_context(SessionBus(self.processes, runtime, session))
            self._keyring_data = root / "keyring"
            self.keyring = stack.enter_context(Keyring(self.processes, self.bus, self._keyring_data))
            self.screen = stack.enter_context(Screen(self.bus.accessibility_bus()))
            self.browser = stack.enter_context(Browser(self.processes, root / "browser", session))
            self.watch = stack.enter_context(ProcessWatch(self.processes))
            self.env = {
                **session,
                **self.bus.env,
                **self.browser.env,
                "QT_QPA_PLATFORM": "xcb",
                "QT_ACCESSIBILITY": "1",
                "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
                "PYTHONUNBUFFERED": "1",
            }
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def written(self) -> list[Path]:
        """The folders that programs wrote to, and the artifacts; the browser's own profile is not among them."""
        return [self.home, self._temporary, self._keyring_data, self.artifacts]

    @contextlib.contextmanager
    def program(
        self, main: Path, arguments: Sequence[str] = (), *, env: Mapping[str, str] | None = None, name: str = "program"
    ) -> Iterator[Program]:
        """Run `python main arguments…` on this desktop, with `env` added to its environment, while the context lasts.

        When the context ends by an error, what was on the screen is kept as failed.png, failed.txt and failed-page.png.
        """
        with Program(self.processes, main, arguments, env={**self.env, **(env or {})}, name=name) as program:
            try:
                yield program
            except BaseException:
                self._keep_failure()
                raise

    def picture(self, name: str, *, page: bool = False) -> Path:
        """Keep a picture of the screen (or of the browser's page) as `NN-name.png`."""
        self._pictures += 1
        path = self.artifacts / f"{self._pictures:02}-{name}.png"
        return self.browser.screenshot(path) if page else self.display.screenshot(path)

    def choose(self, name: str, timeout: float = TIMEOUT) -> None:
        """Choose the item `name` of the open menu by the arrow keys and Enter, which closes the menu.

        (An item's own action, by `press`, is carried out too, but Qt leaves the menu open then.)
        """
        wanted = self.screen.menu_item(name, timeout)
        for _ in self.screen.menu_items():
            if wanted.focused:
                break
            at = [item.focused for item in self.screen.menu_items()]
            self.display.keys("Down")
            wait_until(partial(self._moved_on, at), timeout, "the next menu item", seen=self.screen.description)
        assert wanted.focused, self.screen.description()
        self.display.keys("Return")

    def _moved_on(self, at: list[bool]) -> bool:
        return [item.focused for item in self.screen.menu_items()] != at

    def _keep_failure(self) -> None:
        self.display.screenshot(self.artifacts / "failed.png")
        with contextlib.suppress(Gone, TimeoutError):
            (self.artifacts / "failed.txt").write_text(self.screen.description())
        if self.browser.attached:
            with contextlib.suppress(WebDriverException):
                self.browser.screenshot(self.artifacts / "failed-page.png")


def supported() -> bool:
    """Whether this system has the parts at all (X11, D-Bus and /proc: Linux)."""
    return sys.platform == "linux"
