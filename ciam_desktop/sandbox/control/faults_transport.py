"""Owns the faults of the connection: answers that come late, in part, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ciam_desktop.sandbox.control.fault import Fault, Replacement, limits

if TYPE_CHECKING:
    from ciam_desktop.sandbox.control.fault import Answer
    from ciam_desktop.sandbox.control.wire import Wire


@dataclass(frozen=True, kw_only=True)
class _Wait(Fault):
    """What keeps a client waiting; `done` says that the request is carried out first."""

    done: bool = False

    @property
    def waits_after(self) -> bool:
        """As `done` says."""
        return self.done


@dataclass(frozen=True, kw_only=True)
class Hang(_Wait):
    """Nothing happens until the fault is cleared (then the answer comes) or the client leaves."""

    async def hold(self, wire: Wire, cleared: asyncio.Event) -> None:
        """Wait for either."""
        await _first(cleared.wait(), wire.gone())


@dataclass(frozen=True, kw_only=True)
class Delay(_Wait):
    """The answer comes `ms` milliseconds late."""

    ms: int = field(metadata=limits(between=(0, 600_000)))

    async def hold(self, wire: Wire, cleared: asyncio.Event) -> None:
        """Wait as long, or until cleared."""
        await _first(asyncio.sleep(self.ms / 1000), cleared.wait(), wire.gone())


@dataclass(frozen=True, kw_only=True)
class Close(Replacement):
    """The connection is closed without an answer."""

    delivers: ClassVar[bool] = True

    async def deliver(self, answer: Answer, wire: Wire) -> None:  # noqa: ARG002 -- nothing of it is sent
        """Close."""
        await wire.close()


@dataclass(frozen=True, kw_only=True)
class Reset(Replacement):
    """The connection is reset without an answer."""

    delivers: ClassVar[bool] = True

    async def deliver(self, answer: Answer, wire: Wire) -> None:  # noqa: ARG002 -- nothing of it is sent
        """Reset."""
        await wire.reset()


@dataclass(frozen=True, kw_only=True)
class Garbage(Replacement):
    """What comes is no HTTP: `text` (Latin-1) as it stands, then the end."""

    delivers: ClassVar[bool] = True
    text: str = "SSH-2.0-this is not HTTP\r\n"

    async def deliver(self, answer: Answer, wire: Wire) -> None:  # noqa: ARG002 -- nothing of it is sent
        """Send the text and close."""
        await wire.close(self.text.encode("latin-1", "replace"))


@dataclass(frozen=True, kw_only=True)
class Cut(Fault):
    """The connection ends in the middle of the body, before the bytes that Content-Length promised."""

    delivers: ClassVar[bool] = True
    missing: int = field(default=0, metadata=limits(between=(0, 10_000_000)))  # bytes promised beyond the true body

    async def deliver(self, answer: Answer, wire: Wire) -> None:
        """Send half of the body, or all of it when more than that was promised."""
        sent = answer.body if self.missing else answer.body[: len(answer.body) // 2]
        await wire.send_head(answer, max(len(answer.body) + self.missing, 1))
        await wire.send_piece(sent, more=True)
        await wire.close()


@dataclass(frozen=True, kw_only=True)
class Drip(Fault):
    """The body comes in pieces of `piece` bytes, one every `ms` milliseconds."""

    delivers: ClassVar[bool] = True
    ms: int = field(default=100, metadata=limits(between=(0, 60_000)))
    piece: int = field(default=1, metadata=limits(between=(1, 1_000_000)))

    async def deliver(self, answer: Answer, wire: Wire) -> None:
        """Send piece by piece while the client is there."""
        await wire.send_head(answer, len(answer.body))
        for start in range(0, len(answer.body), self.piece):
            await _first(asyncio.sleep(self.ms / 1000), wire.gone())
            if wire.is_gone:
                return
            await wire.send_piece(answer.body[start : start + self.piece], more=True)
        await wire.send_piece(b"", more=False)


async def _first(*waits: object) -> None:
    """Wait for whichever of these coroutines ends first, and end the others."""
    tasks = [asyncio.ensure_future(each) for each in waits]  # type: ignore[call-overload] # coroutines all
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
