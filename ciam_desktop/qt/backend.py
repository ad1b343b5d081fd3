"""Owns what the controllers ask of the core, as one value that the composition root builds off the UI thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # these load msal and requests, which the first paint must not wait for
    from ciam_desktop.core.config import Tenant
    from ciam_desktop.core.identity.people import People
    from ciam_desktop.core.todos.client import TodoClient


@dataclass(frozen=True, slots=True)
class Backend:
    """The services behind one profile.

    `vault_reason` says why tokens stay in memory, or is empty. `ensure` brings back what this program itself has to
    run, the sandbox; it is called on the identity lane before a person's own try, and raises SandboxError. `close` lets
    go of connections and of the sandbox.
    """

    tenant: Tenant
    people: People = field(repr=False)
    todos: TodoClient = field(repr=False)
    vault_reason: str
    ensure: Callable[[], None] = field(repr=False)
    close: Callable[[], None] = field(repr=False)
