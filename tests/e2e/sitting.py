"""Owns one long sitting at the real program beside a sandbox that misbehaves: what is pressed, what is told, tabs."""

from __future__ import annotations

import contextlib
import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import secretstorage
from jeepney.io.blocking import DBusConnection
from selenium.common.exceptions import NoSuchWindowException

from ciam_desktop import sandbox_process
from ciam_desktop.sandbox_process import SandboxInfo
from tests.doubles.sandbox_control import SandboxControl
from tests.e2e.atspi import Accessible, Gone
from tests.e2e.desktop import Desktop
from tests.e2e.program import Program
from tests.e2e.waiting import wait_until
from tests.sandbox.support import give_free_ports, is_served

MAIN = Path(__file__).parent.parent.parent / "main.py"
CLIENT = "{client_id}"
"""Stands for the program's client id in the arguments of a fault."""

START = 40.0  # seconds that the program, or the browser, may take to start
SOON = 15.0  # seconds that one thing may take on a busy machine
_OURS = {"application": "io.github.ciam-desktop"}
_SIGNED_IN = "Signed in as "
_T = TypeVar("_T")


class ProgramEnded(Exception):
    """The program under test has ended by itself: there is nothing to go on with."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault as the sandbox's control API takes it."""

    at: str
    kind: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What the banner shows: `step` is the words of its button, or empty; `details` are unfolded."""

    title: str
    text: str
    step: str
    details: str


class Sitting:
    """The program's window, the sandbox behind it and the person's browser, through many cases.

    `known` says whether the browser is signed in at the provider, `consented` whether the person has granted what the
    program asks for; with both the browser comes back untouched.
    """

    def __init__(
        self, desktop: Desktop, program: Program, info: SandboxInfo, opened: Path, bus: DBusConnection
    ) -> None:
        self.desktop = desktop
        self.info = info
        self.control = SandboxControl.of(info)
        self.known = False
        self.consented = False
        self._program = program
        self._opened = opened
        self._bus = bus  # one for all: the keyring's daemon has been seen to break when many come and go
        self._heard = 0
        self._tab = ""  # stays open, so that the browser does
        self._things: dict[tuple[str, str], Accessible] = {}
        self.window = desktop.screen.window("CIAM Desktop", START)
        self.window.button("Sign in", START)

    # Waiting

    def until(self, condition: Callable[[], _T], what: str, timeout: float = SOON) -> _T:
        """Wait for `condition`, as long as the program runs; raises ProgramEnded, NotInTime."""

        def looked() -> _T:
            if not self._program.running:
                raise ProgramEnded(self._program.output())
            return condition()

        return wait_until(looked, timeout, what, seen=self.desktop.screen.description)

    def listen(self) -> None:
        """What is announced from now on counts."""
        self._heard = len(self.desktop.screen.announcements())

    def has_spoken(self) -> bool:
        """Whether the window has announced something since `listen`, or since the last `outcome`."""
        return len(self.desktop.screen.announcements()) > self._heard

    def outcome(self, timeout: float = SOON) -> str:
        """Wait until the window says how it ended: the next announcement."""
        new = self.until(
            lambda: self.desktop.screen.announcements()[self._heard :], "the window to say something", timeout
        )
        self._heard += 1
        return new[0]

    def ended_badly(self) -> Told:
        """Wait until the window says that it did not work, aloud and in its banner."""
        said = self.outcome()
        assert not said.startswith(_SIGNED_IN), "it succeeded"
        told = self.told()
        assert said == f"{told.title}. {told.text}", f"aloud: {said}, in writing: {told}"
        return told

    # The window

    def thing(self, kind: str, name: str) -> Accessible:
        """A thing of the window that is showing; it is looked for once, since widgets stay."""
        kept = self._things.get((kind, name))
        if kept is None or not kept.is_there():
            kept = self._things[kind, name] = self.until(
                lambda: self.window.find_all(kind, name), f"the {kind} “{name}”"
            )[0]
        return kept

    def press(self, name: str) -> None:
        """Press the button that is called so, as soon as it is there."""
        self.thing("button", name).press()

    def told(self) -> Told:
        """What the banner shows now, read to its end."""
        banner = self._banner()
        self.until(banner.is_there, "a banner")
        details = ""
        buttons = [each for each in banner.children() if each.showing and each.matches("button", None)]
        words = [each for each in buttons if each.name not in {"Details", "Dismiss"}]
        labels = [each.name for each in self._labels(banner)]
        if fold := next((each for each in buttons if each.name == "Details"), None):
            fold.press()
            details = self.until(lambda: [each.name for each in self._labels(banner)][len(labels) :], "details")[0]
        return Told(labels[0], labels[1], words[0].name if words else "", details)

    def press_step(self) -> None:
        """Press the button of the banner that does the next step."""
        (step,) = [
            each
            for each in self._banner().children()
            if each.showing and each.matches("button", None) and each.name not in {"Details", "Dismiss"}
        ]
        step.press()

    def dismiss(self) -> None:
        """Take the banner away, if there is one, and those that waited behind it."""

        def gone() -> bool:
            for button in self._banner().find_all("button", "Dismiss"):
                button.press()
            return not self.banner_shows()

        self.until(gone, "the banner to go")

    def banner_shows(self) -> bool:
        """Whether there is a banner."""
        return self._banner().is_there()

    def _labels(self, banner: Accessible) -> list[Accessible]:
        return [each for each in banner.children() if each.showing and each.matches("label", None) and each.name]

    def _banner(self) -> Accessible:
        key = ("banner", "Message")
        if key not in self._things:
            found = list(_named(self.window, "Message"))
            assert len(found) == 1, self.window.description()
            self._things[key] = found[0]
        return self._things[key]

    # Signing in and out

    def to_new_tab(self, within: float = SOON) -> None:
        """Once the browser has opened a new tab, within so many seconds: go there."""
        browser = self.desktop.browser
        if browser.attached:
            browser.switch_to_newest_tab(within)
        else:
            browser.wait_opened(START)
            self._tab = browser.driver.current_window_handle

    def to_the_provider(self, within: float = SOON) -> None:
        """Once the browser has opened: go to its new tab, and do there what only a person can do, once."""
        self.to_new_tab(within)
        if not self.known:
            self.desktop.browser.press("Continue with the demo account", SOON)
            self.known = True
        if not self.consented:
            self.desktop.browser.press("Accept", SOON)
            self.consented = True

    def page(self, *words: str) -> None:
        """Wait until the page that the browser is at says all of these."""
        browser = self.desktop.browser

        def says() -> bool:
            text = _flat(browser.text())
            return all(_flat(each) in text for each in words)

        wait_until(says, SOON, f"a page that says {words}", seen=browser.text)

    def close_tabs(self) -> None:
        """Leave nothing open but one empty tab."""
        if not self.desktop.browser.attached:
            return
        driver = self.desktop.browser.driver
        for handle in driver.window_handles:
            if handle != self._tab:
                with contextlib.suppress(NoSuchWindowException):
                    driver.switch_to.window(handle)
                    driver.close()
        driver.switch_to.window(self._tab)

    def opened(self) -> list[str]:
        """The addresses that the program has opened in the browser so far, in order."""
        return self._opened.read_text().splitlines() if self._opened.exists() else []

    def stored(self) -> list[bytes]:
        """What the keyring holds for the program."""
        items = secretstorage.get_default_collection(self._bus).search_items(_OURS)
        return [item.get_secret() for item in items]

    def kept(self) -> list[str]:
        """The kinds of what the keyring holds of any account, and "people" where it knows some."""
        found = []
        for entry in map(json.loads, self.stored()):
            found += [
                kind
                for kind, tokens in entry["tokens"].items()
                for each in tokens.values()
                if "home_account_id" in each
            ]
            found += ["people"] if entry["people"] else []
        return found

    def sign_in(self, press: Callable[[], None] | None = None, *, within: float = SOON) -> None:
        """A true sign-in, by `press` or by the card's button, for which the browser opens in so many seconds."""
        self.listen()
        (press or (lambda: self.press("Sign in")))()
        self.to_the_provider(within)
        said = self.outcome()
        assert said.startswith(_SIGNED_IN), f"a true sign-in ended so: {said}"
        self.page("You are signed in")
        self.close_tabs()

    def sign_out(self) -> None:
        """Sign out of the account in use, here and in the browser."""
        account = self.until(self.account_buttons, "the account's button")[0]
        account.press()
        self.desktop.screen.menu_item("Sign out", SOON).press()
        self.to_new_tab()
        self.page("You are signed out")
        self.known = False
        self.thing("button", "Sign in")
        assert not self.kept(), f"kept after signing out: {self.kept()}"
        self.close_tabs()

    def account_buttons(self) -> list[Accessible]:
        """The button of the account in use, while somebody is signed in."""
        return [each for each in self.window.find_all("button") if each.name.startswith("Account: ")]

    def recover(self) -> None:
        """After a case that failed: nobody is signed in, nothing waits, no banner, no tab; keys are fetched anew."""
        self.give_up()
        self.control.rotate_keys()
        if self.account_buttons():
            self.sign_out()

    def give_up(self) -> None:
        """After a case that failed: nothing waits, no banner, no tab, and the provider is sound."""
        self.control.reset()
        for cancel in self.window.find_all("button", "Cancel"):
            if cancel.enabled:
                cancel.press()
        self.until(lambda: self.account_buttons() or self.window.find_all("button", "Sign in"), "an end")
        self.close_tabs()
        self.dismiss()

    # Faults

    def set(self, faults: Sequence[Fault]) -> list[str]:
        """Set faults; their ids."""
        return [self.control.fault(each.at, each.kind, **self._filled(each.arguments)) for each in faults]

    def _filled(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: self._filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        return value.replace(CLIENT, self.info.client_id) if isinstance(value, str) else value


@contextlib.contextmanager
def sitting(desktop: Desktop, main: Path = MAIN, *arguments: str) -> Iterator[Sitting]:
    """Start a sandbox that can be made to misbehave, and the real program, which joins it; end both."""
    data = Path(desktop.env["XDG_DATA_HOME"]) / "ciam-desktop"
    data.mkdir(parents=True, mode=0o700)
    give_free_ports(data / "sandbox")
    folder = Path(desktop.env["TMPDIR"])
    opened, browser = folder / "opened", folder / "open-browser"
    words = shlex.join([desktop.env["BROWSER"]])
    browser.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$1" >> {shlex.quote(str(opened))}\nexec {words} "$@"\n')
    browser.chmod(0o755)
    try:
        with (
            sandbox_process.join(data / "sandbox", control=True) as held,
            desktop.bus.connection() as bus,
            desktop.program(main, arguments, env={"BROWSER": str(browser)}) as program,
        ):
            at = Sitting(desktop, program, held.info, opened, bus)
            yield at
            at.control.reset()
            assert not desktop.browser.attached or len(desktop.browser.driver.window_handles) == 1, "tabs pile up"
            desktop.display.keys("ctrl+q")
            assert program.wait_for_exit(START) == 0, program.output()
    finally:
        wait_until(lambda: not is_served(data / "sandbox"), START, "the sandbox to end")


def _named(thing: Accessible, name: str) -> Iterator[Accessible]:
    """The things in `thing` that are called so, shown or not."""
    try:
        if thing.name == name:
            yield thing
        children = thing.children()
    except Gone:
        return
    for child in children:
        yield from _named(child, name)


def _flat(text: str) -> str:
    return " ".join(text.replace("\u2068", "").replace("\u2069", "").split())
