"""Owns which faults are set and what has struck, and the short memory of requests."""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ciam_desktop.sandbox.control.catalogue import KINDS
from ciam_desktop.sandbox.control.fault import HANDSHAKE, BadArguments, make
from ciam_desktop.sandbox.control.places import covers

if TYPE_CHECKING:
    from ciam_desktop.sandbox.control.fault import Answer, Fault

GRANTS = ("authorization_code", "refresh_token", "client_credentials", "device_code")
_REMEMBERED = 500


@dataclass(slots=True)
class Entry:
    """One fault that is set: where, how often it may strike (None: always), how many it lets pass first."""

    id: str
    at: str
    kind: str
    fault: Fault
    times: int | None
    after: int
    grant: str
    passed: int = 0
    struck: int = 0
    cleared: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Arrival:
    """One request: `status` is 0 while there is no answer, and when there never was one; `at` since 1970."""

    method: str
    place: str
    grant: str
    at: float
    status: int = 0


class Desk:
    """The faults, in the order in which they were set. Faults are set and cleared on the web's event loop only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._next = 1
        self._counts: collections.Counter[str] = collections.Counter()
        self._arrivals: collections.deque[Arrival] = collections.deque(maxlen=_REMEMBERED)

    def add(self, call: dict[str, Any]) -> Entry:
        """Set the fault that a call describes; BadArguments changes nothing."""
        given = dict(call)
        at, name = given.pop("at", None), given.pop("fault", None)
        times, after, grant = given.pop("times", None), given.pop("after", 0), given.pop("grant", "")
        kind = KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise BadArguments(f"The fault must be one of {', '.join(KINDS)}.")
        if at not in kind.places:
            raise BadArguments(f"The fault {name} can be at {', '.join(kind.places)}.")
        if times is not None and (type(times) is not int or times < 1):
            raise BadArguments("The number of times must be a whole number above 0, or null.")
        if type(after) is not int or after < 0:
            raise BadArguments("The number after which it strikes must be a whole number, 0 or above.")
        if grant not in ("", *GRANTS) or (grant and at != "token"):
            raise BadArguments(f"The grant goes with the place token and is one of {', '.join(GRANTS)}.")
        fault = make(str(name), kind, given)
        with self._lock:
            entry = Entry(str(self._next), at, str(name), fault, times, after, grant)
            self._next += 1
            self._entries[entry.id] = entry
        return entry

    def clear(self, number: str | None = None) -> list[Entry]:
        """Take this fault away, or all; those that were there."""
        with self._lock:
            chosen = [entry for entry in self._entries.values() if number in (None, entry.id)]
            for entry in chosen:
                del self._entries[entry.id]
        for entry in chosen:
            entry.cleared.set()
        return chosen

    def strike(self, stage: str, place: str, *, grant: str = "", answer: Answer | None = None) -> list[Entry]:
        """The faults that strike now, each counted."""
        with self._lock:
            due = []
            for entry in self._entries.values():
                fault = entry.fault
                if fault.stage != stage or not covers(entry.at, place) or entry.grant not in ("", grant):
                    continue
                if answer is not None and not fault.applies(answer):
                    continue
                entry.passed += 1
                if entry.passed > entry.after and (entry.times is None or entry.struck < entry.times):
                    entry.struck += 1
                    due.append(entry)
            return due

    def faults(self) -> list[dict[str, Any]]:
        """Every fault that is set, as JSON: its call, its id, how many it met, how often it struck."""
        with self._lock:
            return [
                {
                    "id": entry.id,
                    "at": entry.at,
                    "fault": entry.kind,
                    "times": entry.times,
                    "after": entry.after,
                    "grant": entry.grant,
                    "met": entry.passed,
                    "struck": entry.struck,
                    "arguments": dataclasses.asdict(entry.fault),
                }
                for entry in self._entries.values()
            ]

    def arrived(self, arrival: Arrival) -> None:
        """Remember a request."""
        with self._lock:
            self._counts[arrival.place] += 1
            self._arrivals.append(arrival)

    def requests(self) -> dict[str, Any]:
        """How many came to each place, and the latest ones, as JSON."""
        with self._lock:
            last = [dataclasses.asdict(each) for each in self._arrivals]
            return {"counts": dict(self._counts), "last": last}

    def forget(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._counts.clear()
            self._arrivals.clear()


def concerns_tls(entries: list[Entry]) -> set[str]:
    """The sites whose new connections these faults concern."""
    return {entry.at for entry in entries if entry.fault.stage == HANDSHAKE}
