"""Owns how the sandbox opens its SQLite files: format version, migration after a backup, engine."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING

from ciam_desktop.i18n import _
from ciam_desktop.sandbox.problems import CannotStart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 10_000


def prepare(path: Path, steps: Sequence[str]) -> None:
    """Bring the file at `path` to the format `len(steps)`; step i is the script from version i to i + 1.

    The version is kept in `PRAGMA user_version`. An older file is copied to `<name>.v<version>.bak` first.
    A newer file, or one that is no database, raises CannotStart and stays untouched.
    """
    new = not path.exists()
    if new:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    try:
        # Read the version without a connection that could write: a newer format must stay as it is.
        version = 0 if new else _version(path)
        if version > len(steps):
            raise CannotStart(
                _("%(path)s was written by a newer version of this program; update the program to use it.")
                % {"path": path}
            )
        if version < len(steps):
            _migrate(path, steps, version)
    except sqlite3.DatabaseError as error:
        raise CannotStart(
            _("%(path)s cannot be read (%(reason)s); move it away to start afresh.") % {"path": path, "reason": error}
        ) from error


def _version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)


def _migrate(path: Path, steps: Sequence[str], version: int) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        if version > 0:
            backup = path.with_name(f"{path.name}.v{version}.bak")
            os.close(os.open(backup, os.O_CREAT | os.O_RDWR, 0o600))
            with contextlib.closing(sqlite3.connect(backup)) as copy:
                connection.backup(copy)
        connection.execute("PRAGMA journal_mode = WAL")
        for number, script in enumerate(steps[version:], version + 1):
            # One transaction per step, so that a step either happened or did not.
            connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")


def open_engine(path: Path) -> Engine:
    """An SQLAlchemy engine on a file that `prepare` made ready; safe to use from several threads."""
    from sqlalchemy import create_engine, event

    # hide_parameters: an error's text must not carry hashes or addresses into the log.
    engine = create_engine(f"sqlite:///{path}", hide_parameters=True, pool_size=8, max_overflow=-1)

    @event.listens_for(engine, "connect")
    def on_connect(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()

    return engine
