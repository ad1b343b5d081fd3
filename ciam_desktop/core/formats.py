"""Owns how anything kept on disk or in a vault ages: a version in every format, and files replaced whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ciam_desktop.core.errors import StoredFormatError
from ciam_desktop.i18n import _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VERSION = "version"
"""The key that carries a format's version, a whole number from 1 on."""


def upgrade(
    data: Mapping[str, Any],
    *,
    what: str,
    current: int,
    migrations: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]],
    backup: Callable[[], object],
    unversioned: int = 1,
) -> dict[str, Any]:
    """Return `data` in the format `current`, as a new dict; `data` itself is left as it was.

    `what` names the thing in a sentence ("The profile file /…/profiles.toml"). `migrations[n]` makes version n + 1
    of version n; every one from the oldest supported version on must be there. `backup` is called once, before the
    first migration, and what it raises goes through. Data without a version counts as `unversioned`.

    Raises StoredFormatError for a newer version, and for one that is no number or older than any migration:
    the caller must then leave what is stored alone.
    """
    version = data.get(VERSION, unversioned)
    if type(version) is not int or version < 1:  # bool is an int to isinstance
        raise StoredFormatError(_("%(what)s has no readable version number; it was left as it is.") % {"what": what})
    if version > current:
        raise StoredFormatError(
            _(
                "%(what)s was written by a newer version of this program (format %(found)d, this one reads up to "
                "%(current)d); it was left as it is. Update the program."
            )
            % {"what": what, "found": version, "current": current}
        )
    if any(step not in migrations for step in range(version, current)):
        raise StoredFormatError(
            _("%(what)s is in a format that is no longer read (%(found)d); it was left as it is.")
            % {"what": what, "found": version}
        )
    migrated = dict(data)
    if version < current:
        backup()
    for step in range(version, current):
        migrated = migrations[step](migrated)
    migrated[VERSION] = current
    return migrated


def back_up(path: Path, *, mark: str) -> Path:
    """Copy the file at `path` to `<name>.<mark>.bak` beside it, for its owner alone, and return the copy's path.

    A copy of that name is replaced. Raises OSError.
    """
    copy = path.with_name(f"{path.name}.{mark}.bak")
    replace_file(copy, path.read_bytes())
    return copy


def replace_file(path: Path, content: bytes) -> None:
    """Make `content` the whole of the file at `path` in one step, readable by its owner alone (0600).

    A reader, or a crash, meets the old file or the new one and never a part. Raises OSError; the old file is then
    still there, and nothing else is left behind.
    """
    import tempfile  # only here: reading needs none of it, and the first paint only reads

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent)  # mkstemp makes it 0600
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)
    except BaseException:
        new.unlink()
        raise
