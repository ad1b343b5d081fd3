"""The whole way, once, for real: sign up in the browser, add a to-do, start again, sign out, no secret left behind."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.secret_scan import SecretScan

if TYPE_CHECKING:
    from tests.e2e.atspi import Accessible
    from tests.e2e.desktop import Desktop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

MAIN = Path(__file__).parent.parent.parent / "main.py"
PERSON = "user1@contoso.example"
OTHER = "user2@contoso.example"
PASSWORD = "correct horse battery staple"
SLOW = 40  # seconds for what starts a process or draws a page on a busy machine


def secrets_in_vault(desktop: Desktop) -> dict[str, str]:
    """Every token that the keyring holds for the program, by its kind."""
    found: dict[str, str] = {}
    for _label, attributes, secret in desktop.keyring.items():
        if attributes.get("application") == "io.github.ciam-desktop":
            tokens = json.loads(secret)["tokens"]
            for kind, entries in tokens.items():
                found |= {
                    f"{kind} {n}": entry["secret"] for n, entry in enumerate(entries.values()) if "secret" in entry
                }
    return found


def sign_up(desktop: Desktop, window: Accessible) -> None:
    window.button("Create an account", SLOW).press()
    window.label("→  Waiting for you in the browser", SLOW)
    desktop.picture("waiting-for-the-browser")
    browser = desktop.browser
    browser.wait_opened(SLOW)
    browser.wait_text("Create an account", SLOW)
    browser.fill("E-mail address", OTHER)
    browser.fill("Display name", "Zoë Müller-Ōta")
    browser.fill("Password", PASSWORD)
    desktop.picture("sign-up-page", page=True)
    browser.press("Create the account")
    browser.wait_text("Allow CIAM Desktop", SLOW)
    desktop.picture("consent-page", page=True)
    browser.press("Accept")
    browser.wait_text("You are signed in", SLOW)
    desktop.picture("signed-in-page", page=True)


def add(desktop: Desktop, window: Accessible, text: str) -> None:
    entry = window.text("Add a to-do", SLOW)
    entry.focus()
    entry.set_text(text)
    desktop.display.keys("Return")
    table = window.table("To-dos", SLOW)
    table.wait_until(lambda each: [text, ""] in each.rows(), f"“{text}” to be saved", SLOW)


def test_sign_up_add_close_start_again_and_sign_out(desktop: Desktop) -> None:
    with desktop.program(MAIN, name="first") as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        window.button("Sign in", SLOW)
        desktop.picture("signed-out")
        sign_up(desktop, window)
        window.label("Nothing to do. Type above to add your first to-do.", SLOW)
        desktop.picture("no-to-dos")
        add(desktop, window, "Water plants")
        add(desktop, window, "Finish invoice report")
        window.label(re.compile("^2 to-dos · all changes saved"))
        desktop.picture("to-dos")
        add(desktop, window, "Buy <b>bread</b> & 買い物 🥖")
        window.button("Identity").press()
        claims = {row[0]: row[1] for row in window.table("ID token claims", SLOW).rows()}
        assert claims["name"] == "Zoë Müller-Ōta"
        assert claims["preferred_username"] == OTHER
        window.label("The ID token is genuine and was made for this app.")
        desktop.picture("identity")
        window.button("Settings").press()
        window.label("Encrypted, in this computer's keyring")
        desktop.picture("settings")
        tokens = secrets_in_vault(desktop)
        assert {kind.split()[0] for kind in tokens} >= {"AccessToken", "RefreshToken", "IdToken"}
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()

    with desktop.program(MAIN, name="second") as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        table = window.table("To-dos", SLOW)
        table.wait_until(lambda each: len(each.rows()) == 3, "all to-dos to be there", SLOW)
        desktop.picture("still-signed-in")
        tokens |= {f"later {kind}": secret for kind, secret in secrets_in_vault(desktop).items()}
        window.button(re.compile("^Account: ")).press()
        desktop.screen.menu_item("Sign out", SLOW).press()
        desktop.browser.switch_to_newest_tab(SLOW)
        desktop.browser.wait_text("You are signed out", SLOW)
        desktop.picture("signed-out-page", page=True)
        window.button("Sign in", SLOW)
        desktop.picture("signed-out-again")
        assert not secrets_in_vault(desktop)
        window.button("Sign in").press()
        desktop.browser.switch_to_newest_tab(SLOW)
        desktop.browser.wait_text("Continue with the demo account", SLOW)
        assert OTHER not in desktop.browser.text(), "the browser is still signed in"
        desktop.picture("sign-in-page", page=True)
        window.button("Cancel").press()
        window.label("Sign-in cancelled")
        desktop.picture("cancelled")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()

    scan = SecretScan({**tokens, "the password": PASSWORD})
    findings = [*scan.paths(desktop.written), *scan.command_lines(desktop.watch.command_lines)]
    assert not findings, "\n".join(map(str, findings))
