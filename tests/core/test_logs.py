"""The log file: private, limited, and without a secret even when a real sign-in runs at DEBUG."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ciam_desktop.core import logs
from ciam_desktop.core.errors import CiamError
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.people import People
from ciam_desktop.core.identity.provider import Provider
from tests.doubles.https_server import Reply
from tests.doubles.provider import CLIENT, OID, TENANT, FaultyProvider
from tests.doubles.vaults import WatchedVault

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


@pytest.fixture(autouse=True)
def own_root_logger() -> Iterator[None]:
    """Put the test framework's handlers and levels back afterwards; `set_up` takes the root logger over."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    noisy = {name: logging.getLogger(name).level for name in logging.Logger.manager.loggerDict}
    root.handlers = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = before
    root.setLevel(level)
    for name in logging.Logger.manager.loggerDict:
        logging.getLogger(name).setLevel(noisy.get(name, logging.NOTSET))


def test_records_of_the_level_and_above_are_written(tmp_path: Path) -> None:
    path = logs.set_up("INFO", tmp_path)
    log = logging.getLogger("ciam_desktop.test")
    log.debug("too little")
    log.info("worth a line")
    text = path.read_text()
    assert path == tmp_path / "ciam-desktop.log"
    assert "INFO ciam_desktop.test: worth a line" in text
    assert "too little" not in text


@pytest.mark.expects_log("code=planted-code")
def test_nothing_planted_in_a_message_its_arguments_or_its_traceback_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = logs.set_up("DEBUG", tmp_path, stderr=True)
    log = logging.getLogger("ciam_desktop.child.of.child")
    try:
        raise ValueError("code_verifier=planted-verifier")
    except ValueError:
        log.exception("code=planted-code for %s", "user1@contoso.example")
    log.info("%s", {"refresh_token": "planted-refresh", "nested": {"password": "planted-password"}})
    log.info("Bearer planted-bearer", stack_info=True)
    for text in (path.read_text(), capsys.readouterr().err):
        assert "Traceback" in text
        assert "planted-" not in text.replace('"Bearer planted-bearer", stack_info', "")
        assert "user1" not in text


@posix
def test_the_file_is_its_owners_alone_even_if_it_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "ciam-desktop.log"
    path.write_text("old\n")
    path.chmod(0o644)
    logs.set_up("INFO", tmp_path)
    logging.getLogger("x").info("new")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().startswith("old\n")


@posix
def test_the_file_is_limited_in_size_and_its_predecessor_is_private_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_MAX_BYTES", 2000)
    logs.set_up("INFO", tmp_path)
    for number in range(200):
        logging.getLogger("x").info("line %d of many", number)
    assert {path.name for path in tmp_path.iterdir()} == {"ciam-desktop.log", "ciam-desktop.log.1"}
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.stat().st_size <= 2000


def test_a_record_that_cannot_be_formatted_is_dropped_without_showing_its_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = logs.set_up("INFO", tmp_path, stderr=True)
    logging.getLogger("x").info("%d", "planted-token")
    logging.getLogger("x").info("lone \ud800 surrogate")
    assert "planted" not in path.read_text() + capsys.readouterr().err
    assert "lone \\ud800 surrogate" in path.read_text()


@pytest.mark.expects_log("planted=")
def test_a_folder_that_takes_no_file_does_not_end_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("INFO", tmp_path / "missing")
    logging.getLogger("x").error("planted=%s", "planted-token")
    assert capsys.readouterr().err == ""


def test_setting_up_again_replaces_what_was_there(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
        logs.set_up("INFO", folder)
    logging.getLogger("x").info("once")
    assert "once" not in (first / "ciam-desktop.log").read_text()
    assert (second / "ciam-desktop.log").read_text().count("once") == 1


@pytest.mark.expects_log("it failed")
def test_a_whole_life_of_msal_at_debug_leaves_no_secret_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = logs.set_up("DEBUG", tmp_path, stderr=True)
    with FaultyProvider(tmp_path) as idp:
        http = HttpClient(idp.ca_file, only=True)
        people = People(CLIENT, Provider(idp.authority, http), WatchedVault(), http)
        redirect = "http://localhost:5999/auth/redirect"
        request = people.begin(redirect, ["api://todo/ToDoList.Read"], login_hint="user1@contoso.example")
        idp.secrets |= {str(request.flow["code_verifier"]), request.state, str(request.flow["nonce"])}
        person = people.complete(request, idp.visit(request.uri))
        people.access_token(f"{OID}.{TENANT}")
        people.access_token(f"{OID}.{TENANT}", renew=True)
        for odd in (
            Reply(200, (), b"planted-page"),
            Reply(400, (), json.dumps({"error": "invalid_grant", "error_description": "planted"}).encode()),
            Reply(503, (), b"planted-outage"),
        ):
            idp.answering = lambda _form, odd=odd: odd  # type: ignore[misc]  # bound for this round
            try:
                people.access_token(f"{OID}.{TENANT}", renew=True)
            except CiamError:
                logging.getLogger("ciam_desktop.test").warning("it failed", exc_info=True)
        people.sign_out([person.account_id])
        http.close()
    text = path.read_text() + capsys.readouterr().err
    assert "DEBUG ciam_desktop.core.http: POST" in text
    assert len(idp.secrets) >= 8
    assert not [secret for secret in idp.secrets if secret in text]
    for personal in ("planted", "Planted", "user1", "contoso.example", OID, "the-pairwise-subject"):
        assert personal not in text


def test_the_standard_error_handler_is_there_only_when_asked_for(tmp_path: Path) -> None:
    logs.set_up("INFO", tmp_path)
    assert [getattr(handler, "stream", None) for handler in logging.getLogger().handlers] != [sys.stderr]
    assert len(logging.getLogger().handlers) == 1
