"""Owns the history of the to-dos' database format, as SQL alone (read before anything slow is imported)."""

from __future__ import annotations

# Step i leads from format i to i + 1.
STEPS = (
    """
    CREATE TABLE todo (
        id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, description TEXT NOT NULL
    ) STRICT;
    CREATE INDEX todo_owner ON todo (owner, id);
    CREATE TABLE seeded (at INTEGER PRIMARY KEY) STRICT
    """,
)
