"""A vault that remembers how it was used."""

from __future__ import annotations

from collections.abc import Callable

from ciam_desktop.core.identity.vault import Entry, MemoryVault


class WatchedVault(MemoryVault):
    """Counts writes; `before_change` runs once between a grant and its write, as another program would."""

    def __init__(self) -> None:
        super().__init__("a test")
        self.writes = 0
        self.before_change: Callable[[], object] | None = None

    def change(self, change: Callable[[Entry], Entry]) -> Entry:
        meanwhile, self.before_change = self.before_change, None
        if meanwhile is not None:
            meanwhile()
        self.writes += 1
        return super().change(change)
