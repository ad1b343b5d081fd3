"""The process: started or joined, held by whoever uses it, gone with the last one, keeping what it chose."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import portalocker
import pytest

from ciam_desktop import sandbox_process
from ciam_desktop.core.errors import SandboxError
from ciam_desktop.sandbox import choices
from ciam_desktop.sandbox.server import LOCK_FILE, LOG_FILE, TENANT_FILE, TODOS_FILE
from tests.sandbox.support import Browser, Tenant, is_served, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
# The guard's threads and a busy machine need some air above the second that an idle one takes.
ENDS_WITHIN = 5.0


@contextmanager
def program(data_dir: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A program that holds the sandbox from its command line, and its ready line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ciam_desktop.sandbox", "--data-dir", str(data_dir), *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_the_command_line_prints_one_line_and_ends_with_its_signal(data_dir: Path) -> None:
    with program(data_dir) as (process, line):
        assert line["authority"].endswith(f"/{line['tenant_id']}/v2.0")
        assert Path(line["ca_file"]).is_file()
        assert "daemon_client_secret" not in line
        with program(data_dir, "--show-secret") as (second, more):
            assert more["daemon_client_secret"]
            assert more["pid"] == line["pid"]
            second.send_signal(signal.SIGINT)
            assert second.wait(5) == 0
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_it_ends_with_its_last_user_even_when_that_one_is_killed(data_dir: Path) -> None:
    with program(data_dir) as (first, _line), program(data_dir) as (second, _more):
        first.kill()
        first.wait(5)
        with sandbox_process.join(data_dir) as third:
            second.kill()
            second.wait(5)
            Tenant(third.info).http.close()
            assert is_served(data_dir)
        wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)
    assert not (data_dir / "state.json").exists()


def test_it_ends_by_sigterm_while_it_is_held(data_dir: Path) -> None:
    with sandbox_process.join(data_dir) as held:
        os.kill(held.info.pid, signal.SIGTERM)
        wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_a_killed_sandbox_leaves_nothing_that_stops_the_next(data_dir: Path) -> None:
    with sandbox_process.join(data_dir) as held:
        os.kill(held.info.pid, signal.SIGKILL)
        wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)
        assert (data_dir / "state.json").exists()
        with sandbox_process.join(data_dir) as again:
            assert again.info.pid != held.info.pid
            assert again.info.authority == held.info.authority
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_several_starters_at_once_get_the_same_sandbox(data_dir: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        held = [each.result() for each in [pool.submit(sandbox_process.join, data_dir) for _ in range(4)]]
    assert len({each.info.pid for each in held}) == 1
    for each in held:
        each.close()
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_joining_while_the_sandbox_ends_starts_a_new_one(data_dir: Path) -> None:
    pids = set()
    for _ in range(4):
        with sandbox_process.join(data_dir) as held:
            pids.add(held.info.pid)
    assert len(pids) == 4
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_a_restart_keeps_ports_keys_accounts_and_todos(data_dir: Path) -> None:
    with sandbox_process.join(data_dir) as held, Tenant(held.info) as tenant:
        token = tenant.demo_tokens()
        keys = tenant.get_json(tenant.discovery["jwks_uri"])
        bearer = {"Authorization": f"Bearer {token['access_token']}"}
        url = f"{held.info.api_endpoint}/"
        tenant.http.post(url, json={"description": "kept"}, headers=bearer, timeout=10).raise_for_status()
        tenant.http.delete(f"{url}1", headers=bearer, timeout=10).raise_for_status()
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)
    with sandbox_process.join(data_dir) as again, Tenant(again.info) as tenant:
        same = ("authority", "client_id", "daemon_client_id", "daemon_client_secret", "api_endpoint", "ca_file")
        assert all(getattr(again.info, name) == getattr(held.info, name) for name in same)
        assert tenant.get_json(tenant.discovery["jwks_uri"]) == keys
        answer = tenant.http.get(url, headers=bearer, timeout=10).json()
        assert [todo["description"] for todo in answer] == ["Finish invoice report", "Water plants", "kept"]
        assert tenant.refresh(token["refresh_token"]).status_code == 200
        with Browser() as browser:
            assert "code" in browser.send(browser.get(tenant.url()), "demo").answer()  # consent is remembered
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_a_usual_port_that_is_taken_is_replaced_for_good(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    taken = socket.socket()
    with closing(taken):
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", choices.USUAL_PORTS["tenant_port"]))
            taken.listen()
        except OSError:
            pass  # somebody else holds it, which is as good
        chosen, listeners = choices.load(folder)
        _close(listeners)
    assert chosen.tenant_port != choices.USUAL_PORTS["tenant_port"]
    again, listeners = choices.load(folder)
    _close(listeners)
    assert again == chosen


def test_a_kept_port_that_is_taken_later_is_named_in_one_sentence(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / choices.FILE_NAME)) as connection:
        (port,) = connection.execute("SELECT value FROM choice WHERE name = 'api_port'").fetchone()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        with pytest.raises(SandboxError, match=rf"^Port {port} is used by another program; close that program"):
            sandbox_process.join(data_dir)
    with sandbox_process.join(data_dir) as held:
        assert f":{port}/" in held.info.api_endpoint
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


@pytest.mark.parametrize("name", [choices.FILE_NAME, TENANT_FILE, TODOS_FILE])
def test_a_newer_format_is_refused_in_one_sentence_and_left_untouched(data_dir: Path, name: str) -> None:
    path = data_dir / name
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(SandboxError, match=rf"{name} was written by a newer version of this program"):
        sandbox_process.join(data_dir)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_named(data_dir: Path) -> None:
    (data_dir / TENANT_FILE).write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(SandboxError, match=f"{TENANT_FILE} cannot be read"):
        sandbox_process.join(data_dir)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SandboxError, match="cannot be used"):
        sandbox_process.join(tmp_path / "file" / "data")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists instead of modes")
def test_folder_and_files_are_the_owners_alone_and_hold_no_code_token_or_password(data_dir: Path) -> None:
    with sandbox_process.join(data_dir) as held, Tenant(held.info) as tenant:
        answer, verifier = tenant.sign_in_demo()
        token = tenant.redeem(answer["code"], verifier).json()
        with Browser() as browser:
            page = browser.get(tenant.url(prompt="create"))
            values = {"email": "somebody@contoso.example", "name": "Sandbox user", "password": "a password to look for"}
            browser.send(page, "sign-up", **values)
        secrets = [answer["code"], verifier, token["refresh_token"], token["access_token"], values["password"]]
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        for path in data_dir.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)
    assert not (data_dir / LOG_FILE).exists()  # nothing went wrong, so nothing was written down


def test_a_stranger_at_the_lease_port_learns_nothing_and_holds_nothing(data_dir: Path) -> None:
    with sandbox_process.join(data_dir):
        state = json.loads((data_dir / "state.json").read_bytes())
        strangers = [socket.create_connection(("127.0.0.1", state["lease_port"]), 5) for _ in range(3)]
        strangers[0].sendall(b'{"nonce": "1", "proof": "0"}\n')
        strangers[1].sendall(b"x" * 5000)
        for each in strangers[:2]:
            assert _told(each) == b""
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)
    for each in strangers:
        each.close()


def test_another_program_at_a_stale_lease_port_is_not_believed(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as impostor:
        state = {"version": 1, "pid": 1, "lease_port": impostor.getsockname()[1], "lease_key": "00" * 32}
        (data_dir / "state.json").write_text(json.dumps(state))
        with ThreadPoolExecutor(1) as pool:
            lie = pool.submit(_lie, impostor)
            with sandbox_process.join(data_dir) as held:
                assert held.info.authority.startswith("https://localhost:")
            lie.result(5)
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


@pytest.mark.skipif(sys.platform == "win32", reason="a script with a first line stands in for the interpreter")
def test_a_server_that_ends_at_once_is_told_with_its_last_words(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'first' >&2\necho 'No module named flask' >&2\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(SandboxError, match=r"^The sandbox ended before it was ready: No module named flask$"):
        sandbox_process.join(data_dir)


def test_joining_gives_up_at_its_deadline(data_dir: Path) -> None:
    start = time.monotonic()
    flags = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    with (
        portalocker.Lock(data_dir / LOCK_FILE, flags=flags),
        pytest.raises(SandboxError, match="did not start in time"),
    ):
        sandbox_process.join(data_dir, timeout=1.0)
    assert time.monotonic() - start < 4
    # What was being started at the deadline is taken, so that it ends here and not half a minute later.
    sandbox_process.join(data_dir).close()
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


def test_the_info_does_not_show_the_secret(tenant: Tenant) -> None:
    assert tenant.info.daemon_client_secret not in repr(tenant.info)


def _lie(impostor: socket.socket) -> None:
    connection, _address = impostor.accept()
    with connection:
        connection.recv(1024)
        connection.sendall(
            json.dumps({"proof": "0" * 64, "ready": {"authority": "https://evil.example"}}).encode() + b"\n"
        )


def _told(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1024)
    except ConnectionResetError:
        return b""


def _close(listeners: choices.Listeners) -> None:
    for sockets in listeners.values():
        for each in sockets:
            each.close()
