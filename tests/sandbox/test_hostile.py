"""What strangers try: at the lease port, in the data folder, with slow requests, and from pages of other origins."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from ciam_desktop import sandbox_process
from ciam_desktop.core.errors import SandboxError
from ciam_desktop.sandbox.server import LOG_FILE
from ciam_desktop.sandbox.web import WholeBody
from tests.sandbox.support import Browser, Tenant, is_served, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDS_WITHIN = 8.0
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead of owners and modes")
AS_ROOT = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root can give files away")


# -- the lease


def lease_port(data_dir: Path) -> int:
    return int(json.loads((data_dir / "state.json").read_bytes())["lease_port"])


@pytest.mark.parametrize(
    "line",
    [b"[" * 1020, b'{"nonce": "\\ud800", "proof": "0"}', b'{"nonce": "1", "proof": "\xc3\xa9"}', b"null", b"9" * 999],
)
def test_no_line_of_a_strangers_ends_the_sandbox(data_dir: Path, line: bytes) -> None:
    with sandbox_process.join(data_dir) as held:
        with closing(socket.create_connection(("127.0.0.1", lease_port(data_dir)), 5)) as stranger:
            stranger.sendall(line + b"\n")
            assert told(stranger) == b""
        with sandbox_process.join(data_dir) as again:
            assert again.info.pid == held.info.pid
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_a_crowd_of_silent_strangers_makes_way_for_a_user(data_dir: Path) -> None:
    with sandbox_process.join(data_dir) as held, ExitStack() as crowd:
        port = lease_port(data_dir)
        silent = [crowd.enter_context(socket.create_connection(("127.0.0.1", port), 5)) for _ in range(100)]
        assert told(silent[0]) == b""  # turned out at once, not at its deadline
        with sandbox_process.join(data_dir) as again:
            assert again.info.pid == held.info.pid
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_an_impostor_that_speaks_without_end_does_not_hold_up_a_start(data_dir: Path) -> None:
    enough = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as impostor, ThreadPoolExecutor(1) as pool:
        state = {"version": 1, "pid": 1, "lease_port": impostor.getsockname()[1], "lease_key": "00" * 32}
        (data_dir / "state.json").write_text(json.dumps(state))
        dripping = pool.submit(drip, impostor, enough)
        try:
            start = time.monotonic()
            sandbox_process.join(data_dir).close()
            assert time.monotonic() - start < 20
        finally:
            enough.set()
        dripping.result(5)
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def drip(impostor: socket.socket, enough: threading.Event) -> None:
    connection, _address = impostor.accept()
    with connection:
        try:
            while not enough.wait(0.2):
                connection.sendall(b" ")
        except OSError:
            pass  # the program gave up


def told(connection: socket.socket) -> bytes:
    connection.settimeout(3)
    try:
        return connection.recv(1024)
    except ConnectionResetError:
        return b""


# -- the data folder


@POSIX
def test_a_state_file_that_is_a_link_is_not_believed(data_dir: Path, tmp_path: Path) -> None:
    with faithful_impostor(tmp_path / "theirs.json"):
        (data_dir / "state.json").symlink_to(tmp_path / "theirs.json")
        with sandbox_process.join(data_dir) as held:
            assert held.info.authority.startswith("https://localhost:")
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


@AS_ROOT
def test_a_state_file_of_another_users_is_not_believed(data_dir: Path) -> None:
    with faithful_impostor(data_dir / "state.json"):
        os.chown(data_dir / "state.json", 12345, 12345)
        with sandbox_process.join(data_dir) as held:
            assert held.info.authority.startswith("https://localhost:")
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


class faithful_impostor:  # noqa: N801 -- used as a function is
    """A server that another user runs, and a state file that leads to it with its own key."""

    def __init__(self, state_file: Path) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        state_file.write_text(json.dumps({"version": 1, "pid": 1, "lease_port": port, "lease_key": "00" * 32}))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except OSError:
            return  # nobody came
        with connection:
            nonce = json.loads(connection.recv(1024))["nonce"]
            ready = dict.fromkeys(sandbox_process.SandboxInfo.__dataclass_fields__, "https://evil.example/")
            proof = sandbox_process._proof(bytes(32), "sandbox", nonce)
            connection.sendall(json.dumps({"proof": proof, "ready": ready}).encode() + b"\n")


@POSIX
def test_a_folder_that_all_users_share_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(SandboxError, match="shared by all users"):
        sandbox_process.join(shared)
    assert shared.stat().st_mode & 0o7777 == 0o1777
    assert list(shared.iterdir()) == []


@AS_ROOT
def test_a_folder_of_another_users_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(0o755)
    os.chown(theirs, 12345, 12345)
    with pytest.raises(SandboxError, match="belongs to another user"):
        sandbox_process.join(theirs)
    assert theirs.stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(sys.platform != "linux", reason="there, a process's environment can be read in /proc")
def test_the_sandbox_does_not_inherit_the_daemons_secret(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLIENT_SECRET", "of another tenant")
    with sandbox_process.join(data_dir) as held:
        environment = Path(f"/proc/{held.info.pid}/environ").read_bytes()
        assert b"PYTHONPATH=" in environment
        assert b"of another tenant" not in environment
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


# -- slow requests


def slow_bodies(url: str, count: int) -> Iterator[socket.socket]:
    """Connections that announce a form and never send the end of it."""
    where = urlsplit(url)
    for _ in range(count):
        connection = socket.create_connection(("localhost", where.port or 0), 5)
        connection.sendall(
            f"POST {where.path}?{where.query} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Length: 1000\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\nticket=".encode()
        )
        yield connection


def test_slow_bodies_neither_stall_a_sign_in_nor_keep_the_sandbox_alive(data_dir: Path) -> None:
    with ExitStack() as crowd:
        with sandbox_process.join(data_dir) as held, Tenant(held.info) as own:
            for each in slow_bodies(own.url(), 20):
                crowd.enter_context(each)
            start = time.monotonic()
            with Browser() as browser:
                assert browser.get(own.url()).form("demo")
            assert time.monotonic() - start < 5
        wait_until(lambda: gone(held.info.pid), ENDS_WITHIN)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_body_that_does_not_end_is_answered_with_a_time_out() -> None:
    sent: list[dict[str, Any]] = []

    async def application(*_anything: object) -> None:
        raise AssertionError("nothing whole came, so there is nothing to do")

    async def receive() -> dict[str, Any]:
        if not sent:
            await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"a", "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(WholeBody(application, seconds=0.1)({"type": "http"}, receive, send))
    assert [each.get("status") for each in sent] == [408, None]


# -- pages of other origins


def signed_in(tenant: Tenant, browser: Browser) -> None:
    """Sign a new person in, who allows everything."""
    page = browser.get(tenant.url(prompt="create"))
    email = f"user-{secrets.token_hex(6)}@contoso.example"
    page = browser.send(page, "sign-up", email=email, name="Sandbox user", password="a long password")
    assert "code" in browser.send(page, "accept").answer()


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-site", "Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost:9"},
    ],
)
def test_a_form_sent_by_a_page_on_another_port_is_refused_even_with_a_planted_cookie(
    tenant: Tenant, headers: dict[str, str]
) -> None:
    with Browser() as browser:
        page = browser.get(tenant.url())  # the cookie and the ticket belong together: the other page planted both
        browser.headers.update(headers)
        assert browser.send(page, "demo").response.status_code == 400


def test_a_form_of_the_pages_own_is_taken_from_a_browser_that_tells_origins(tenant: Tenant) -> None:
    with Browser() as browser:
        page = browser.get(tenant.url())
        browser.headers.update({"Sec-Fetch-Site": "same-origin", "Origin": "null"})
        assert browser.send(page, "demo").response.status_code in (200, 303)


@pytest.mark.parametrize("site", ["same-site", "cross-site"])
def test_a_page_that_leads_a_signed_in_browser_here_gets_no_code_without_a_click(tenant: Tenant, site: str) -> None:
    theirs = "http://localhost:9/redirect"
    with Browser() as browser:
        signed_in(tenant, browser)
        assert "code" in browser.get(tenant.url(redirect_uri=theirs)).answer()  # a program opens the browser
        browser.headers["Sec-Fetch-Site"] = site
        for changes in ({}, {"screen": "other"}, {"login_hint": "user1@contoso.example"}, {"prompt": "consent"}):
            page = browser.get(tenant.url(redirect_uri=theirs, **changes))
            assert page.response.status_code == 200
            assert page.form("pick") if not changes.get("login_hint") else page.forms
        silent = browser.get(tenant.url(redirect_uri=theirs, prompt="none")).answer()
        assert silent["error"] == "interaction_required"


def test_the_cookies_are_for_the_tenants_own_addresses(tenant: Tenant) -> None:
    with Browser() as browser:
        first = browser.get(tenant.url(prompt="create"))
        page = browser.send(
            first, "sign-up", email=f"{secrets.token_hex(6)}@contoso.example", name="N", password="x" * 9
        )
        for response in (first.response, page.response):
            assert f"Path=/{tenant.info.tenant_id}" in response.headers["Set-Cookie"].split("; ")
        alias = tenant.url().replace(f"/{tenant.info.tenant_id}/", "/Contoso.onmicrosoft.com/", 1)
        assert (
            browser.get(alias).response.headers["Location"]
            == tenant.url().partition("?")[0] + "?" + urlsplit(alias).query
        )


def test_a_path_with_line_ends_is_neither_a_failure_nor_a_header(data_dir: Path) -> None:
    with sandbox_process.join(data_dir) as held, Tenant(held.info) as own:
        where = urlsplit(own.discovery["authorization_endpoint"])
        with Browser() as browser:
            moved = browser.get(f"http://127.0.0.1:{where.port}/a%0d%0aSet-Cookie:%20a=b").response
        assert moved.status_code == 308
        assert "Set-Cookie" not in moved.headers
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)
    assert not (data_dir / LOG_FILE).exists()
