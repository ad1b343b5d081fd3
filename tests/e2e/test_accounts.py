"""Several accounts, another device, and days without a network: what people do besides the plain sign-in."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ciam_desktop import sandbox_process
from tests.doubles.sandbox_control import SandboxControl
from tests.e2e.test_when_it_is_not_plain import sign_in
from tests.e2e.test_whole_way import MAIN, OTHER, PASSWORD, SLOW, add, secrets_in_vault
from tests.e2e.waiting import wait_until
from tests.sandbox.support import give_free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.atspi import Accessible
    from tests.e2e.desktop import Desktop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

ANY_TITLE = re.compile("CIAM Desktop$")


@pytest.fixture
def control(desktop: Desktop) -> Iterator[SandboxControl]:
    """The sandbox that the program is going to join, under control; with ports of its own."""
    folder = Path(desktop.env["XDG_DATA_HOME"]) / "ciam-desktop" / "sandbox"
    folder.parent.mkdir(parents=True)
    give_free_ports(folder)
    with sandbox_process.join(folder, control=True) as held:
        yield SandboxControl.of(held.info)


def choose(desktop: Desktop, window: Accessible, words: str | re.Pattern[str]) -> None:
    window.button(re.compile("^Account: "), SLOW).press()
    desktop.screen.menu_item(words, SLOW).press()


def texts(window: Accessible) -> list[str]:
    return [row[0] for row in window.table("To-dos", SLOW).rows()]


def listed(window: Accessible, text: str) -> None:
    window.table("To-dos", SLOW).wait_until(
        lambda each: text in [row[0] for row in each.rows()], f"“{text}” in the list", SLOW
    )


def test_two_people_share_the_window_and_neither_sees_the_others_to_dos(desktop: Desktop) -> None:
    browser = desktop.browser
    with desktop.program(MAIN, name="first") as program:
        window = desktop.screen.window(ANY_TITLE, SLOW)
        sign_in(desktop, window)
        add(desktop, window, "Only for the demo account")
        choose(desktop, window, "Create an account…")
        browser.switch_to_newest_tab(SLOW)
        browser.fill("E-mail address", OTHER)
        browser.fill("Display name", "Zoë Müller-Ōta")
        browser.fill("Password", PASSWORD)
        browser.press("Create the account")
        browser.wait_text("Allow CIAM Desktop", SLOW)
        browser.press("Accept")
        browser.wait_text("You are signed in", SLOW)
        window.label("Nothing to do. Type above to add your first to-do.", SLOW)
        add(desktop, window, "Only for Zoë")
        assert texts(window) == ["Only for Zoë"]
        window.button(re.compile("^Account: ")).press()
        desktop.screen.menu_item("Sign out of all accounts", SLOW)
        desktop.picture("two-accounts")
        desktop.screen.menu_item(re.compile("Demo"), SLOW).press()
        listed(window, "Only for the demo account")
        assert "Only for Zoë" not in texts(window)
        desktop.picture("the-other-account")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()

    with desktop.program(MAIN, name="second") as program:
        window = desktop.screen.window(ANY_TITLE, SLOW)
        listed(window, "Only for the demo account")  # who was in use still is
        choose(desktop, window, re.compile(re.escape(OTHER)))
        listed(window, "Only for Zoë")
        choose(desktop, window, "Sign out")
        browser.switch_to_newest_tab(SLOW)
        browser.wait_text("You are signed out", SLOW)
        listed(window, "Only for the demo account")  # the other one stays signed in
        choose(desktop, window, "Sign out")
        browser.switch_to_newest_tab(SLOW)
        browser.wait_text("You are signed out", SLOW)
        window.button("Sign in", SLOW)
        assert not secrets_in_vault(desktop)
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()


def test_a_person_signs_in_on_another_device(desktop: Desktop, control: SandboxControl) -> None:
    control.device(interval=1, expires_in=300)
    with desktop.program(MAIN) as program:
        window = desktop.screen.window(ANY_TITLE, SLOW)
        window.button("Sign in on another device", SLOW).press()
        window.button("Copy code", SLOW)
        code = wait_until(
            lambda: [each.name for each in window.find_all("label", re.compile("^[A-Z0-9]{6,12}$"))],
            SLOW,
            "the code",
            seen=desktop.screen.description,
        )[0]
        desktop.picture("code")
        # The other device is the same browser here; the button opens the address without the code.
        window.button("Open it here").press()
        browser = desktop.browser
        browser.wait_opened(SLOW)
        assert code not in browser.driver.current_url
        browser.fill("Code", code.lower())
        browser.press("Next")
        browser.press("Continue with the demo account")
        browser.wait_text("Allow CIAM Desktop", SLOW)
        browser.press("Accept")
        browser.wait_text("on another device?", SLOW)
        desktop.picture("confirm", page=True)
        browser.press("Continue")
        browser.wait_text("You are signed in on the other device", SLOW)
        window.label(re.compile("^3 to-dos"), SLOW)
        desktop.picture("signed-in")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()


def test_it_opens_without_a_network_and_comes_back_by_itself(desktop: Desktop, control: SandboxControl) -> None:
    with desktop.program(MAIN, name="online") as program:
        window = desktop.screen.window(ANY_TITLE, SLOW)
        sign_in(desktop, window)
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()
    for place in ("discovery", "keys", "token", "api.*"):
        control.fault(place, "reset")
    with desktop.program(MAIN, name="offline") as program:
        window = desktop.screen.window(ANY_TITLE, SLOW)
        window.label(re.compile("Offline since "), SLOW)
        desktop.picture("offline")
        window.button("Identity").press()
        claims = {row[0] for row in window.table("ID token claims", SLOW).rows()}
        assert {"sub", "oid", "tid"} <= claims
        window.label(re.compile("Offline since "), SLOW)
        desktop.picture("offline-identity")
        window.button("To-dos").press()
        control.clear()
        window.label(re.compile("^3 to-dos · all changes saved"), SLOW)  # nobody pressed anything
        desktop.picture("online-again")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()


def test_a_sandbox_that_was_killed_is_back_at_the_next_try(desktop: Desktop) -> None:
    with desktop.program(MAIN) as program:
        window = desktop.screen.window(ANY_TITLE, SLOW)
        sign_in(desktop, window)
        for running in desktop.processes.family():
            if "ciam_desktop.sandbox" in running.command:
                os.kill(running.pid, signal.SIGKILL)
        window.button("Reload").press()
        add(desktop, window, "After the crash")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()
