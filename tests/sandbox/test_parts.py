"""What is easier to see in one part than through the running sandbox."""

from __future__ import annotations

import datetime
import sqlite3
import ssl
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ciam_desktop.sandbox import certificates, database
from ciam_desktop.sandbox.lease import STATE_FILE, LeaseDesk
from ciam_desktop.sandbox.tenant.errors import TenantError, ascii_text

if TYPE_CHECKING:
    from pathlib import Path

FIRST = "CREATE TABLE thing (name TEXT)"
SECOND = "ALTER TABLE thing ADD COLUMN size INTEGER"


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_an_older_file_is_migrated_after_a_copy_was_made(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite3"
    database.prepare(path, [FIRST])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO thing VALUES ('kept')")
    database.prepare(path, [FIRST, SECOND])
    assert version(path) == 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name, size FROM thing").fetchall() == [("kept", None)]
    backup = tmp_path / "things.sqlite3.v1.bak"
    assert version(backup) == 1
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT * FROM thing").fetchall() == [("kept",)]


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "things.sqlite3"
    database.prepare(path, [FIRST])
    with pytest.raises(Exception, match="cannot be read"):
        database.prepare(path, [FIRST, f"{SECOND}; NONSENSE"])
    assert version(path) == 1
    with closing(sqlite3.connect(path)) as connection:
        assert len(connection.execute("PRAGMA table_info(thing)").fetchall()) == 1


def test_certificates_are_kept_and_renewed_before_they_end(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    pair = certificates.load(tmp_path, now)
    first = (pair.ca_file.read_bytes(), pair.server_file.read_bytes())
    certificates.load(tmp_path, now + datetime.timedelta(days=300))
    assert (pair.ca_file.read_bytes(), pair.server_file.read_bytes()) == first
    certificates.load(tmp_path, now + datetime.timedelta(days=380))
    assert pair.server_file.read_bytes() != first[1]
    assert b"PRIVATE" not in pair.ca_file.read_bytes()
    assert len(ssl.create_default_context(cafile=str(pair.ca_file)).get_ca_certs()) == 1


@pytest.mark.parametrize("missing", ["ca.pem", "server.pem"])
def test_half_a_pair_of_certificates_is_made_anew(tmp_path: Path, missing: str) -> None:
    pair = certificates.load(tmp_path)
    (tmp_path / missing).unlink()
    certificates.load(tmp_path)
    assert pair.ca_file.is_file()
    assert pair.server_file.is_file()


@pytest.mark.parametrize("text", ['a "quoted" \\ word', "line\r\nline", "é☃", "\x00\x7f"])
def test_an_errors_text_holds_only_what_a_header_may(text: str) -> None:
    error = TenantError(1, "invalid_request", text)
    assert error.description.isascii()
    assert not set('"\\\r\n\x00\x7f') & set(ascii_text(text))


def test_a_sandbox_that_nobody_takes_ends_by_itself(tmp_path: Path) -> None:
    ended = threading.Event()
    desk = LeaseDesk(tmp_path, {}, first_wait=0.1, ended=ended)
    desk.open()
    assert (tmp_path / STATE_FILE).exists()
    assert ended.wait(5)
    desk.close()
    assert not (tmp_path / STATE_FILE).exists()
