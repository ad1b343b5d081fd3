"""Proves the end-to-end harness on a toy window, a toy page and deliberate failures: it sees, works, keeps and ends."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import signal
import threading
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import secretstorage
from secretstorage.exceptions import LockedException, SecretServiceNotAvailableException

from tests.doubles import toy_window
from tests.e2e.atspi import State
from tests.e2e.desktop import Desktop
from tests.e2e.processes import Processes
from tests.e2e.program import Program
from tests.e2e.secret_scan import SecretScan
from tests.e2e.waiting import NotInTime, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.atspi import Accessible

pytestmark = pytest.mark.e2e

TOY = Path(toy_window.__file__)

FORM = """<!DOCTYPE html><title>Sign in</title><h1>Hello %s</h1>
<form method="post"><label for="name">Email address</label><input id="name" name="name">
<label>Password <input type="password" name="password"></label><button>Go on</button></form>
<a href="/other">Somewhere else</a>"""


class ToyPages(http.server.BaseHTTPRequestHandler):
    """A form that greets whoever filled it in, and remembers by a cookie that it did."""

    def do_GET(self) -> None:
        known = "name=" in self.headers.get("Cookie", "")
        self._answer(FORM % ("again" if known else "stranger"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        sent = urllib.parse.parse_qs(body)
        self._answer(f"<title>Done</title>Welcome {sent['name'][0]} ({len(sent['password'][0])})", "name=1")

    def _answer(self, page: str, cookie: str = "") -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing."""


@pytest.fixture
def pages() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ToyPages) as server:
        thread = threading.Thread(target=server.serve_forever, name="toy-pages")
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join(10)


@pytest.fixture
def toy(desktop: Desktop) -> Iterator[Accessible]:
    with desktop.program(TOY, name="toy"):
        yield desktop.screen.window("Toy")


def test_what_is_typed_and_entered_reaches_the_window(desktop: Desktop, toy: Accessible) -> None:
    to_dos = toy.list("To-dos")
    assert to_dos.list_items() == ["Water plants"]
    entry = toy.text("Add a to-do")
    entry.focus()
    entry.set_text("Gemüse – 買う")
    desktop.display.keys("Return")
    to_dos.wait_until(lambda each: each.list_items() == ["Water plants", "Gemüse – 買う"], "the new item")
    assert entry.content == ""

    toy.button("Sign in").focus()
    desktop.display.keys("ctrl+n")
    entry.wait_until(lambda each: each.focused, "the shortcut to give the entry the focus")
    desktop.display.type("Pay rent")
    desktop.display.keys("Return")
    to_dos.wait_until(lambda each: each.list_items()[-1] == "Pay rent", "the typed item")
    desktop.screen.wait_announced("Pay rent added")
    with pytest.raises(NotInTime, match=re.escape("['Gemüse – 買う added', 'Pay rent added']")):
        desktop.screen.wait_announced("Nothing", timeout=0.1)
    desktop.picture("added")


def test_pages_tables_tabs_and_lists_can_be_read_and_worked(desktop: Desktop, toy: Accessible) -> None:
    assert toy.has(State.ACTIVE)
    toy.button("Identity").press()
    claims = toy.table("ID token claims")
    assert claims.headers() == ["Claim", "Value", "Meaning"]
    assert claims.rows() == [list(row) for row in toy_window.CLAIMS]
    assert toy.button("Identity").has(State.CHECKED)
    toy.wait_gone("text", "Add a to-do")

    toy.list("Places").select("First place")
    toy.text("Add a to-do")
    toy.list("Places").select(re.compile("^Second"))
    toy.table(re.compile("claims$"))

    toy.wait_for("tab", "Two").press()
    toy.label("Tab 2")
    assert {"Identity", "https://issuer.example/v2.0", "Tab 2"} <= set(toy.texts())
    assert "Add a to-do" not in toy.texts()
    desktop.picture("identity")


def test_menus_and_dialogs_can_be_worked(desktop: Desktop, toy: Accessible) -> None:
    toy.button("Account: user1").press()
    desktop.picture("menu")
    assert [item.name for item in desktop.screen.menu_items()] == ["Sign out", "About"]
    assert "menu item 'About'" in desktop.screen.description()
    desktop.choose("Sign out")
    toy.label("Signing out")
    assert desktop.screen.menus() == []

    toy.button("Account: user1").press()
    desktop.choose("About")
    about = desktop.screen.window("About")
    about.label("A toy")
    desktop.picture("dialog")
    about.button("Close").press()
    wait_until(lambda: len(desktop.screen.windows()) == 1, 10, "the dialog to close")


def test_a_vain_wait_tells_what_was_on_the_screen(toy: Accessible) -> None:
    with pytest.raises(NotInTime) as failure:
        toy.button("Sign out", timeout=0.1)
    assert "the button “Sign out”" in str(failure.value)
    assert "push button 'Sign in'" in str(failure.value)
    assert "text 'Add a to-do' holding ''" in str(failure.value)


def test_a_disabled_button_is_waited_for(desktop: Desktop) -> None:
    with desktop.program(TOY, ["--disabled"], name="toy"):
        window = desktop.screen.window("Toy")
        with pytest.raises(NotInTime, match="'Sign in' to be enabled"):
            window.button("Sign in").press(timeout=0.1)
        assert "push button 'Sign in', off" in window.description()


def test_the_program_opens_the_browser_and_a_person_works_in_it(desktop: Desktop, pages: str) -> None:
    with desktop.program(TOY, [pages], name="toy"):
        window = desktop.screen.window("Toy")
        window.button("Sign in").press()
        desktop.browser.wait_opened()
        desktop.browser.wait_text("Hello stranger")
        desktop.browser.fill("Email address", "user1@contoso.example")
        desktop.browser.fill("Password", "four")
        desktop.picture("form", page=True)
        desktop.browser.press("Go on")
        desktop.browser.wait_text("Welcome user1@contoso.example (4)")
        window.label("Browser opened")
        assert desktop.screen.windows() == [window]

    with desktop.program(TOY, [pages], name="toy-again"):
        desktop.screen.window("Toy").button("Sign in").press()
        desktop.browser.switch_to_newest_tab()
        desktop.browser.wait_text("Hello again")
        desktop.browser.press("Somewhere else")
        wait_until(lambda: desktop.browser.driver.current_url.endswith("/other"), 10, "the link's page")
        with pytest.raises(NotInTime, match="Hello again"):
            desktop.browser.press("No such button", timeout=0.1)
    assert any(str(desktop.browser.profile) in line for line in desktop.watch.command_lines)


def test_a_screenshot_shows_the_screen(desktop: Desktop, toy: Accessible) -> None:
    from PySide6.QtGui import QImage  # only here: the rest of the harness does without Qt in this process

    toy.button("Sign in")
    desktop.display.keys("ctrl+n")
    toy.text("Add a to-do").wait_until(lambda each: each.focused, "the entry to have the focus")
    image = QImage(str(desktop.picture("toy")))
    assert (image.width(), image.height()) == (1280, 800)
    colours = {image.pixel(x, y) for x in range(0, 1280, 5) for y in range(0, 800, 5)}
    assert len(colours) > 3


def test_the_secret_service_keeps_locks_and_goes(desktop: Desktop) -> None:
    with desktop.bus.connection() as connection:
        collection = secretstorage.get_default_collection(connection)
        collection.create_item("One", {"application": "toy"}, b"kept")
        desktop.keyring.lock()
        (item,) = collection.search_items({"application": "toy"})
        with pytest.raises(LockedException):
            item.get_secret()
        desktop.keyring.unlock()
        assert item.get_secret() == b"kept"

        desktop.keyring.kill()
        with pytest.raises(SecretServiceNotAvailableException):
            secretstorage.get_default_collection(connection)
    desktop.keyring.start()
    ((label, attributes, secret),) = desktop.keyring.items()
    assert (label, attributes["application"], secret) == ("One", "toy", b"kept")


def test_a_program_ends_as_it_is_told(desktop: Desktop) -> None:
    with desktop.program(TOY, name="toy") as program:
        desktop.screen.window("Toy")
        with pytest.raises(NotInTime, match="toy did not end"):
            program.wait_for_exit(0.1)
        assert program.running
        assert program.terminate() == -signal.SIGTERM
    with desktop.program(TOY, name="toy") as program:
        desktop.screen.window("Toy")
        program.kill()
        assert not program.running
    assert desktop.screen.windows() == []


def test_what_a_program_prints_and_its_arguments_are_kept(desktop: Desktop, tmp_path: Path) -> None:
    script = tmp_path / "talks.py"
    script.write_text("import sys; print('out'); print('err', file=sys.stderr); sys.stdin.read(); sys.exit(3)")
    with desktop.program(script, ["--token", "hunter2-hunter2"], name="talks") as program:
        assert program.wait_for_exit() == 3
        assert program.out.read_text() == "out\n"
        assert program.err.read_text() == "err\n"
        assert "--- talks.out\nout" in program.output()
    with desktop.program(TOY, ["--token", "hunter2-hunter2"], name="toy"):
        desktop.screen.window("Toy")
    scan = SecretScan({"the password": "hunter2-hunter2"})
    assert {finding.what for finding in scan.command_lines(desktop.watch.command_lines)} == {"the password"}
    assert scan.paths(desktop.written) == []


def all_commands() -> dict[str, bytes]:
    commands = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            commands[folder.name] = (folder / "cmdline").read_bytes()
    return commands


def test_nothing_outlives_a_desktop_even_when_its_test_fails(tmp_path: Path) -> None:
    runaway = tmp_path / "runaway.py"
    # A daemon's way: a session of its own, no parent, deaf to SIGTERM.
    runaway.write_text(
        "import os, signal\n"
        "if os.fork(): os._exit(0)\n"
        "os.setsid()\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(os.getpid(), flush=True)\n"
        "signal.pause()\n"
    )

    def fail() -> None:
        with Desktop(tmp_path / "artifacts") as desktop:
            desktops.append(desktop)
            with desktop.program(runaway, name="runaway") as program:
                program.wait_for_exit()
                pid = int(wait_until(program.out.read_text, 10, "the runaway's id"))
                assert pid in {running.pid for running in desktop.processes.family()}
            desktop.processes.start("open", [desktop.browser.env["BROWSER"], "about:blank"], desktop.env)
            desktop.browser.wait_opened()
            raise ZeroDivisionError

    desktops: list[Desktop] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    assert not desktops[0].processes.family()
    # Looked for in another way than the one that ended them.
    profile = os.fsencode(desktops[0].browser.profile)
    assert not [pid for pid, command in all_commands().items() if profile in command]
    assert not desktops[0].home.exists()
    assert (tmp_path / "artifacts" / "logs" / "runaway.out").exists()


def test_a_process_sees_only_the_environment_that_it_was_given(tmp_path: Path) -> None:
    script = tmp_path / "prints.py"
    script.write_text("import os; print(sorted(os.environ))")
    with Processes(tmp_path / "logs") as processes, Program(processes, script, env={"ONLY": "this"}) as program:
        assert program.wait_for_exit() == 0
        assert set(eval(program.out.read_text())) - {"LC_CTYPE"} == {"ONLY", *processes.mark}  # noqa: S307 -- own text


def test_a_failure_leaves_a_picture_and_the_words_on_the_screen(desktop: Desktop) -> None:
    def fail() -> None:
        with desktop.program(TOY, name="toy"):
            desktop.screen.window("Toy").button("Sign out", timeout=0.1)

    with pytest.raises(NotInTime):
        fail()
    assert "push button 'Sign in'" in (desktop.artifacts / "failed.txt").read_text()
    assert (desktop.artifacts / "failed.png").read_bytes().startswith(b"\x89PNG")
