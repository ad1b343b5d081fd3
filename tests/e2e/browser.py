"""Owns the browser of an end-to-end test: a real Chromium that the program opens itself, and the person in it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By

from tests import needs
from tests.e2e import browser_launcher
from tests.e2e.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selenium.webdriver.remote.webelement import WebElement

    from tests.e2e.processes import Processes

TIMEOUT = 20
"""Seconds that a page may take to show something, unless the caller says more."""

_FIELD = (
    "//*[self::input or self::textarea or self::select]"
    "[@aria-label={words} or @placeholder={words} or @id=//label[normalize-space()={words}]/@for"
    " or ancestor::label[starts-with(normalize-space(), {words})]]"
)
_PRESSABLE = (
    "//*[self::button or self::a or @role='button'][normalize-space()={words} or @aria-label={words}]"
    " | //input[(@type='submit' or @type='button') and @value={words}]"
)


class Browser:
    """Chromium without a window, opened by the program through `env` (BROWSER) and then worked with like a person.

    Its cookies last as long as the context. `folder` takes its profile (`profile`, with whatever it stores) and log.
    """

    def __init__(self, processes: Processes, folder: Path, env: Mapping[str, str]) -> None:
        self._processes = processes
        self._folder = folder
        self._outer = dict(env)
        self.profile = folder / "profile"
        self._seen: set[str] = set()
        self._driver: webdriver.Chrome | None = None
        self.env = {"BROWSER": str(folder / "open-browser")}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        launcher = Path(self.env["BROWSER"])
        words = [sys.executable, browser_launcher.__file__, str(self.profile), needs.program("chromium")]
        launcher.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        launcher.chmod(0o755)
        return self

    def __exit__(self, *_: object) -> None:
        if self._driver is not None:
            self._driver.quit()
            self._driver = None

    @property
    def attached(self) -> bool:
        """Whether the browser was opened and there is a driver to it."""
        return self._driver is not None

    @property
    def driver(self) -> webdriver.Chrome:
        """Selenium's driver of the open browser, for what is not offered here."""
        if self._driver is None:
            raise AssertionError("Nothing has opened the browser yet; wait_opened() first")
        return self._driver

    def wait_opened(self, timeout: float = TIMEOUT) -> None:
        """Wait until the program has opened a page that was not there before, and go to it."""
        if self._driver is None:
            port = wait_until(
                lambda: browser_launcher.debugging_port(self.profile), timeout, "the program to open the browser"
            )
            self._driver = self._attach(port or 0)
        self.switch_to_newest_tab(timeout)

    def switch_to_newest_tab(self, timeout: float = TIMEOUT) -> None:
        """Go to the tab that was opened since the last call; waits for it."""

        def fresh() -> list[str]:
            return [handle for handle in self.driver.window_handles if handle not in self._seen]

        new = wait_until(fresh, timeout, "a new browser tab", seen=self.text)
        self._seen.update(new)
        self.driver.switch_to.window(new[-1])

    def _attach(self, port: int) -> webdriver.Chrome:
        options = webdriver.ChromeOptions()
        options.debugger_address = f"127.0.0.1:{port}"
        service = webdriver.ChromeService(
            executable_path=needs.program("chromedriver"),
            log_output=str(self._folder / "chromedriver.log"),
            env={**self._outer, **self._processes.mark, "SE_AVOID_STATS": "true", "SE_OFFLINE": "true"},
        )
        return webdriver.Chrome(options=options, service=service)

    # What a person does

    def fill(self, label: str, text: str, timeout: float = TIMEOUT) -> None:
        """Replace what the field called `label` (its label, accessible name or placeholder) holds."""

        def put(field: WebElement) -> None:
            field.clear()
            field.send_keys(text)

        self._do(_FIELD, label, "field", put, timeout)

    def press(self, words: str, timeout: float = TIMEOUT) -> None:
        """Press the button or link that says `words`."""
        self._do(_PRESSABLE, words, "button or link", lambda element: element.click(), timeout)

    def text(self) -> str:
        """What the page says, as it is shown."""
        try:
            body = self.driver.find_element(By.TAG_NAME, "body").text
            return f"{self.driver.title}\n{body}"
        except (NoSuchElementException, StaleElementReferenceException):
            return ""  # between two pages
        except WebDriverException as error:
            return f"(no page: {error.msg})"

    def wait_text(self, words: str, timeout: float = TIMEOUT) -> None:
        """Wait until the page says `words`."""
        wait_until(lambda: words in self.text(), timeout, f"a page that says “{words}”", seen=self.text)

    def screenshot(self, path: Path) -> Path:
        """Write the page as it looks now to `path` as PNG and return it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.driver.get_screenshot_as_png())
        return path

    def _do(self, xpath: str, words: str, kind: str, act: Callable[[WebElement], None], timeout: float) -> None:
        where = xpath.replace("{words}", _literal(words))

        def attempt() -> bool:
            try:
                shown = [each for each in self.driver.find_elements(By.XPATH, where) if each.is_displayed()]
                if not shown or not shown[0].is_enabled():
                    return False
                act(shown[0])
            except StaleElementReferenceException:
                return False
            return True

        wait_until(attempt, timeout, f"the {kind} “{words}”", seen=self.text)


def _literal(words: str) -> str:
    """`words` as an XPath 1.0 string, which knows no escapes."""
    if '"' not in words:
        return f'"{words}"'
    return "concat(" + ", '\"', ".join(f'"{part}"' for part in words.split('"')) + ")"
