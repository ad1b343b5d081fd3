"""Owns the to-dos: SQLite, one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import column, delete, insert, select, table, update

from ciam_desktop.sandbox.database import open_engine

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import ColumnElement, Row

# The API's own data, as its first owner finds them; a person may change or delete them.
FIRST_TODOS = ("Pick up grocery", "Finish invoice report", "Water plants")
_HIGHEST_ID = 2**63 - 1

TODO = table("todo", column("id"), column("owner"), column("description"))
SEEDED = table("seeded", column("at"))


@dataclass(frozen=True, slots=True)
class Todo:
    """One to-do; `owner` is a GUID in lower case."""

    id: int
    owner: str
    description: str


class TodoStore:
    """The to-dos of everybody; `owner` None means that the caller may see all."""

    def __init__(self, path: Path, first_owner: str) -> None:
        self._engine = open_engine(path)
        self._seed(first_owner)

    def list(self, owner: str | None) -> list[Todo]:
        """The to-dos in the order in which they were added."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(TODO).where(*_owned(owner)).order_by(TODO.c.id))
            return [Todo(row.id, row.owner, row.description) for row in rows]

    def get(self, number: int, owner: str | None) -> Todo | None:
        """The to-do, or None when there is none for this caller."""
        if not _possible(number):
            return None
        with self._engine.connect() as connection:
            return _todo(connection.execute(select(TODO).where(TODO.c.id == number, *_owned(owner))).first())

    def add(self, owner: str, description: str) -> Todo:
        """A new to-do."""
        statement = insert(TODO).values(owner=owner, description=description).returning(*TODO.c)
        with self._engine.begin() as connection:
            row = connection.execute(statement).one()
            return Todo(row.id, row.owner, row.description)

    def change(self, number: int, owner: str | None, description: str) -> Todo | None:
        """The to-do with its new description, or None."""
        if not _possible(number):
            return None
        statement = update(TODO).where(TODO.c.id == number, *_owned(owner)).values(description=description)
        with self._engine.begin() as connection:
            return _todo(connection.execute(statement.returning(*TODO.c)).first())

    def remove(self, number: int, owner: str | None) -> bool:
        """Whether there was one to remove."""
        if not _possible(number):
            return False
        with self._engine.begin() as connection:
            return connection.execute(delete(TODO).where(TODO.c.id == number, *_owned(owner))).rowcount > 0

    def _seed(self, owner: str) -> None:
        with self._engine.begin() as connection:
            # Once in the store's life, so that to-dos which were deleted do not come back.
            if connection.execute(insert(SEEDED).prefix_with("OR IGNORE").values(at=1)).rowcount:
                rows = [{"owner": owner, "description": text} for text in FIRST_TODOS]
                connection.execute(insert(TODO), rows)


def _owned(owner: str | None) -> tuple[ColumnElement[bool], ...]:
    return () if owner is None else (TODO.c.owner == owner,)


def _possible(number: int) -> bool:
    return 0 < number <= _HIGHEST_ID


def _todo(row: Row[Any] | None) -> Todo | None:
    return None if row is None else Todo(row.id, row.owner, row.description)
