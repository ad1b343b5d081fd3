"""What the real program asks the provider for, how its listener takes hostile company, and what it leaves behind."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

from ciam_desktop import sandbox_process
from tests.doubles.sandbox_control import SandboxControl
from tests.e2e.secret_scan import SecretScan
from tests.e2e.test_whole_way import MAIN, SLOW, secrets_in_vault
from tests.e2e.waiting import wait_until
from tests.sandbox.support import give_free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.atspi import Accessible
    from tests.e2e.desktop import Desktop

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HINT = "contoso.example"
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}'
HTTPS = re.compile("^Your browser insists on https for localhost")


@pytest.fixture
def control(desktop: Desktop) -> Iterator[SandboxControl]:
    """The sandbox that the program is going to join, under control; with ports of its own."""
    folder = Path(desktop.env["XDG_DATA_HOME"]) / "ciam-desktop" / "sandbox"
    folder.parent.mkdir(parents=True)
    give_free_ports(folder)
    with sandbox_process.join(folder, control=True) as held:
        yield SandboxControl.of(held.info)


class Opened:
    """The addresses that the program opens in the browser, in order; `folder` is no place where programs write."""

    def __init__(self, folder: Path, browser: str) -> None:
        self._list, script = folder / "opened", folder / "open-browser"
        told = f"printf '%s\\n' \"$1\" >> {shlex.quote(str(self._list))}"
        script.write_text(f'#!/bin/sh\n{told}\nexec {shlex.quote(browser)} "$@"\n')
        script.chmod(0o755)
        self.env = {"BROWSER": str(script)}

    def all(self) -> list[str]:
        return self._list.read_text().splitlines() if self._list.exists() else []

    def next(self, before: int) -> dict[str, str]:
        """The parameters of the address that follows the first `before` ones."""
        wait_until(lambda: len(self.all()) > before, SLOW, "the browser to be opened")
        found = parse_qs(urlsplit(self.all()[before]).query, strict_parsing=True)
        assert all(len(values) == 1 for values in found.values()), "a parameter stands twice"
        return {name: values[0] for name, values in found.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def speak_tls(port: int) -> None:
    """Open a connection as a browser does that turns http into https."""
    context = ssl.create_default_context()
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=10) as plain:
        context.wrap_socket(plain, server_hostname="localhost")


def threads(pid: int) -> set[str]:
    names = set()
    for each in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            names.add((each / "comm").read_text().strip())
    return names


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


def cancel(window: Accessible, port: int) -> None:
    window.button("Cancel").press()
    wait_until(lambda: not listens(port), 5, "the listener to be gone")
    window.label("Sign-in cancelled", SLOW)
    window.button("Dismiss").press()


def test_each_way_in_asks_for_what_it_says_and_no_secret_is_left_behind(
    desktop: Desktop, control: SandboxControl, tmp_path: Path
) -> None:
    opened = Opened(tmp_path, desktop.browser.env["BROWSER"])
    env = {**opened.env, "LOG_LEVEL": "Trace", "DOMAIN_HINT": HINT, "LC_ALL": "en_GB.UTF-8", "LANGUAGE": "en_GB"}
    control.device(interval=1, expires_in=300)
    secrets = {"the control key": control.key}
    with desktop.program(MAIN, env=env) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)

        window.button("Sign in", SLOW).press()
        asked = opened.next(0)
        assert asked.keys() & {"prompt", "login_hint", "claims", "client_secret"} == set()
        assert (asked["ui_locales"], asked["mkt"], asked["domain_hint"]) == ("en-GB", "en-GB", HINT)
        assert (asked["response_mode"], asked["response_type"]) == ("form_post", "code")
        assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
        port = urlsplit(asked["redirect_uri"]).port or 0
        window.label("→  Waiting for you in the browser", SLOW)
        assert not window.find_all("label", HTTPS)
        idle = [socket.create_connection(("localhost", port), timeout=10) for _ in range(60)]
        speak_tls(port)
        window.label(HTTPS, SLOW)
        desktop.picture("the-browser-insists-on-https")
        window.button("Open the browser again").press()
        again = opened.next(1)
        assert again == asked
        window.button("Copy link")
        cancel(window, port)
        assert "redirect listene" not in threads(program.pid)
        for each in idle:
            each.close()

        window.button("Create an account").press()
        asked = opened.next(2)
        assert asked["prompt"] == "create"
        assert "login_hint" not in asked
        cancel(window, urlsplit(asked["redirect_uri"]).port or 0)

        window.button("Sign in").press()
        secrets |= {"a state": opened.next(3)["state"]}
        browser = desktop.browser
        browser.wait_opened(SLOW)
        wait_until(lambda: len(browser.driver.window_handles) == 4, SLOW, "four tabs")
        for handle in browser.driver.window_handles:
            browser.driver.switch_to.window(handle)
            if secrets["a state"] in browser.driver.current_url:
                break
        browser.press("Continue with the demo account", SLOW)
        browser.press("Accept", SLOW)
        window.label(re.compile("^3 to-dos"), SLOW)

        seen = 4
        for words, prompt, hinted in (
            ("Use another account…", "select_account", False),
            ("Sign in again…", "login", True),
            ("Create an account…", "create", False),
        ):
            window.button(re.compile("^Account: "), SLOW).press()
            desktop.screen.menu_item(words, SLOW).press()
            asked = opened.next(seen)
            seen += 1
            assert asked["prompt"] == prompt
            assert ("@" in asked.get("login_hint", "")) is hinted
            assert (asked["ui_locales"], asked["domain_hint"]) == ("en-GB", HINT)
            cancel(window, urlsplit(asked["redirect_uri"]).port or 0)

        window.button(re.compile("^Account: "), SLOW).press()
        desktop.screen.menu_item("Sign in on another device…", SLOW).press()
        window.button("Copy code", SLOW)
        (code,) = wait_until(
            lambda: [each.name for each in window.find_all("label", re.compile("^[A-Z0-9]{9}$"))], SLOW, "the code"
        )
        secrets["a user code"] = code
        wait_until(lambda: control.count("token") > 2, SLOW, "the program to ask whether it was confirmed")
        window.button("Cancel").press()
        window.label("Sign-in cancelled", SLOW)

        # Renewal, refused and lost.
        control.revoke()
        control.fault("api.list", "challenge", claims=CLAIMS, times=1)
        window.button("Dismiss").press()
        window.button("Reload").press()
        asked = opened.next(seen)
        assert json.loads(asked["claims"]) == json.loads(CLAIMS)
        assert "@" in asked["login_hint"]
        secrets |= secrets_in_vault(desktop)
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()

    log = Path(desktop.env["XDG_STATE_HOME"]) / "ciam-desktop" / "log" / "ciam-desktop.log"
    assert " DEBUG " in log.read_text(), "it was to log everything"
    folders = [each for each in desktop.written if each != desktop.home / "keyring"]
    findings = SecretScan(secrets).paths(folders)
    opens = re.compile("response_type=code")  # the address, with its state, is what a browser is given
    lines = [each for each in desktop.watch.command_lines if not opens.search(each)]
    findings += SecretScan(secrets).command_lines(lines)
    assert not findings, "\n".join(map(str, findings))


HOLDER = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_port_that_another_program_has_is_avoided_or_that_program_is_named(desktop: Desktop, tmp_path: Path) -> None:
    opened = Opened(tmp_path, desktop.browser.env["BROWSER"])
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == b"ready\n"
        env = {**opened.env, "REDIRECT_URI": f"http://localhost:{port}"}
        named = re.compile(rf"Port {port} is used by python\S* \(process {holder.pid}\)")
        with desktop.program(MAIN, ["--check"], env=env, name="check") as check:
            assert check.wait_for_exit(SLOW) == 0, check.output()
            assert named.search(check.output())
        with desktop.program(MAIN, ["--check"], env={**env, "STRICT_PORT": "yes"}, name="strict-check") as check:
            assert check.wait_for_exit(SLOW) == 1, check.output()
            assert named.search(check.output())
        with desktop.program(MAIN, env=env) as program:
            window = desktop.screen.window("CIAM Desktop", SLOW)
            window.button("Sign in", SLOW).press()
            taken = urlsplit(opened.next(0)["redirect_uri"]).port or 0
            assert port < taken <= port + 20
            cancel(window, taken)
            desktop.display.keys("ctrl+q")
            assert program.wait_for_exit(SLOW) == 0, program.output()
        with desktop.program(MAIN, env={**env, "STRICT_PORT": "yes"}, name="strict") as program:
            window = desktop.screen.window("CIAM Desktop", SLOW)
            window.button("Sign in", SLOW).press()
            window.label(named, SLOW)
            desktop.picture("the-port-is-taken")
            desktop.display.keys("ctrl+q")
            assert program.wait_for_exit(SLOW) == 0, program.output()
        holder.stdin.close()


def test_without_a_browser_the_link_can_be_copied_or_another_device_taken(desktop: Desktop, tmp_path: Path) -> None:
    with desktop.program(MAIN, env={"BROWSER": "/bin/false", "PATH": str(tmp_path)}) as program:
        window = desktop.screen.window("CIAM Desktop", SLOW)
        window.button("Sign in", SLOW).press()
        window.label("No browser opened. Copy the link and open it yourself.", SLOW)
        window.button("Copy link").press()
        window.button("Sign in on another device").press()
        window.button("Copy code", SLOW)
        desktop.display.keys("ctrl+q")
        assert program.wait_for_exit(SLOW) == 0, program.output()
