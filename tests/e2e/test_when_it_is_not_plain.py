"""What people meet when it does not go plainly: declined, reading only, a revoked sign-in, no keyring, a wrong form."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import secretstorage
from selenium.webdriver.common.by import By

from tests.e2e.test_whole_way import MAIN, SLOW, add
from tests.e2e.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.atspi import Accessible
    from tests.e2e.desktop import Desktop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def to_consent(desktop: Desktop, window: Accessible) -> None:
    """Sign in as the demo person, as far as the page that asks for consent."""
    window.button("Sign in", SLOW).press()
    browser = desktop.browser
    browser.wait_opened(SLOW)
    browser.wait_text("Continue with the demo account", SLOW)
    browser.press("Continue with the demo account")
    browser.wait_text("Allow CIAM Desktop", SLOW)


def sign_in(desktop: Desktop, window: Accessible) -> None:
    to_consent(desktop, window)
    desktop.browser.press("Accept")
    desktop.browser.wait_text("You are signed in", SLOW)
    window.label(re.compile("^3 to-dos"), SLOW)


def revoke(desktop: Desktop) -> None:
    """Make the provider forget every refresh token, and the access tokens in the vault run out."""
    data = Path(desktop.env["XDG_DATA_HOME"]) / "ciam-desktop"
    with closing(sqlite3.connect(data / "sandbox" / "tenant.sqlite3")) as database, database:
        database.execute("DELETE FROM refresh_token")
    with desktop.bus.connection() as connection:
        collection = secretstorage.get_default_collection(connection)
        (item,) = collection.search_items({"application": "io.github.ciam-desktop"})
        kept = json.loads(item.get_secret())
        for token in kept["tokens"]["AccessToken"].values():
            token["expires_on"] = "1"
        item.set_secret(json.dumps(kept).encode())
    os.utime(data / "sandbox.vault")


def test_what_was_being_added_goes_on_by_itself_after_the_provider_wanted_a_sign_in(desktop: Desktop) -> None:
    with desktop.program(MAIN) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        sign_in(desktop, window)
        desktop.picture("demo-to-dos")
        revoke(desktop)
        # The browser still knows the person: it opens, and comes back without being touched.
        add(desktop, window, "Renew the passport")
        desktop.browser.switch_to_newest_tab(SLOW)
        desktop.browser.wait_text("You are signed in", SLOW)
        rows = window.table("To-dos").rows()
        assert [row[0] for row in rows].count("Renew the passport") == 1
        desktop.picture("added-after-signing-in-again")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()


def test_a_declined_sign_in_is_told_and_nothing_is_kept(desktop: Desktop) -> None:
    with desktop.program(MAIN) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        to_consent(desktop, window)
        desktop.browser.press("Decline")
        window.label("Not signed in", SLOW)
        desktop.browser.wait_text("Not signed in", SLOW)
        desktop.picture("declined-page", page=True)
        window.button("Details").press()
        window.label(re.compile("(?s)Error: access_denied.*Code: AADSTS65004.*Correlation id: [0-9a-f-]{36}"))
        desktop.picture("declined")
        assert not [item for item in desktop.keyring.items() if "io.github.ciam-desktop" in str(item[1])]
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()


def test_reading_goes_on_when_writing_is_refused(desktop: Desktop) -> None:
    with desktop.program(MAIN) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        to_consent(desktop, window)
        desktop.browser.driver.find_element(By.XPATH, "//label[contains(., 'change your to-dos')]").click()
        desktop.browser.press("Accept")
        window.label(re.compile("^3 to-dos"), SLOW)
        assert not window.text("Add a to-do").enabled
        desktop.picture("reading-only")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()


def test_without_a_keyring_the_window_says_that_it_forgets(desktop: Desktop) -> None:
    desktop.keyring.kill()
    with desktop.program(MAIN) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        window.label("This computer cannot keep your sign-in", SLOW)
        desktop.picture("no-keyring")
        sign_in(desktop, window)
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()
    with desktop.program(MAIN, name="again"):
        desktop.screen.window("CIAM Desktop", SLOW).button("Sign in", SLOW)


def test_a_tenant_is_connected_by_its_form_and_a_mistake_is_named(desktop: Desktop) -> None:
    with desktop.program(MAIN) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        window.button("Connect your tenant…", SLOW).press()
        form = desktop.screen.window(re.compile("^Connect your tenant"), SLOW)
        form.text("Tenant").set_text("contoso")
        form.text("Client id").set_text("Enter_the_Application_Id_Here")
        form.text("Scope to read").set_text("api://11111111-2222-4333-8444-555555555555/ToDoList.Read")
        form.text("Scope to change").set_text("api://11111111-2222-4333-8444-555555555555/ToDoList.ReadWrite")
        form.button("Connect").press()
        form.label(re.compile("CLIENT_ID"))
        desktop.picture("a-placeholder-left-in")
        form.text("Client id").set_text("66666666-7777-4888-9999-aaaaaaaaaaaa")
        form.button("Connect").press()
        tenant = "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0"
        wait_until(
            lambda: [window for window in desktop.screen.windows() if window.find_all("label", tenant)],
            SLOW,
            "a window for the tenant",
            seen=desktop.screen.description,
        )
        desktop.picture("tenant-connected")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()


def test_the_setup_is_checked_by_one_press_before_anybody_signs_in(desktop: Desktop) -> None:
    with desktop.program(MAIN) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        window.button("Sign in", SLOW)
        window.button("Settings").press()
        window.button("Check this setup", SLOW).press()
        table = window.table("Setup check", SLOW)
        table.wait_until(lambda each: len(each.rows()) == 7, "seven findings", SLOW)
        window.label("This setup is fine.", SLOW)
        desktop.picture("setup-checked")
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()


def test_the_setup_can_be_checked_while_the_keyring_is_locked(desktop: Desktop) -> None:
    desktop.keyring.lock()
    with desktop.program(MAIN) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        window.label("The saved sign-in cannot be opened", SLOW)
        window.button("Settings").press()
        window.button("Check this setup", SLOW).press()
        window.label("1 thing is not right.", SLOW)
        found = "\n".join(text for row in window.table("Setup check", SLOW).rows() for text in row)
        assert "Unlock this computer's keyring, then check again." in found
        desktop.picture("the-keyring-is-locked")
        desktop.keyring.unlock()
        window.button("Check this setup").press()
        window.label("This setup is fine.", SLOW)
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()
