"""Owns what a fault is: its arguments, the stage at which it strikes, and what it may do there."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, get_type_hints

from ciam_desktop.sandbox.control.places import EVERY_API_PLACE, PLACES

if TYPE_CHECKING:
    import asyncio

    from ciam_desktop.sandbox.control.wire import Wire

# When a fault strikes: as a request arrives, once there is an answer, as an authorization response is made, or as a
# TLS connection begins.
ARRIVAL, ANSWER, RESPONSE, HANDSHAKE = "arrival", "answer", "response", "handshake"


class BadArguments(Exception):
    """A call is mistaken; `str(error)` is one sentence for who wrote the test."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; header names in lower case, Content-Length and Date are added when it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The header's first value, or nothing."""
        return next((value for each, value in self.headers if each == name), "")

    def with_header(self, name: str, value: str) -> Answer:
        """The same with this header in place of those of its name."""
        kept = tuple(pair for pair in self.headers if pair[0] != name.lower())
        return dataclasses.replace(self, headers=(*kept, (name.lower(), value)))

    def with_body(self, body: bytes) -> Answer:
        """The same with another body."""
        return dataclasses.replace(self, body=body)

    @property
    def document(self) -> dict[str, Any] | None:
        """The body's JSON object; None when it is something else."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def with_document(self, document: Any) -> Answer:
        """The same with this JSON document for a body."""
        return self.with_body(json.dumps(document).encode())


@dataclass(frozen=True, slots=True)
class Signing:
    """The tenant's signing key: its id, and the private key as PEM."""

    kid: str
    pem: str = field(repr=False)


Keys = Callable[[], Signing]


@dataclass(frozen=True)
class Fault:
    """One misbehaviour; a kind's fields are its arguments, and what it does not do is left as here."""

    stage: ClassVar[str] = ARRIVAL
    places: ClassVar[tuple[str, ...]] = (*PLACES, EVERY_API_PLACE)
    delivers: ClassVar[bool] = False

    @property
    def carries_out(self) -> bool:
        """Whether the request reaches the application all the same."""
        return True

    @property
    def waits_after(self) -> bool:
        """Whether `hold` comes after the request was carried out, and not before."""
        return False

    def applies(self, answer: Answer) -> bool:  # noqa: ARG002 -- kinds of the stage ANSWER look at it
        """Whether there is anything in the answer for this fault to strike."""
        return True

    async def hold(self, wire: Wire, cleared: asyncio.Event) -> None:
        """Keep the client waiting; `cleared` is set when the fault is taken away."""

    def change(self, answer: Answer, keys: Keys) -> Answer:  # noqa: ARG002 -- token faults sign with them
        """The answer as it is sent instead."""
        return answer

    async def deliver(self, answer: Answer, wire: Wire) -> None:
        """Send the answer, for kinds that have a way of their own (`delivers`)."""
        await wire.send_whole(answer)


@dataclass(frozen=True, kw_only=True)
class Replacement(Fault):
    """A fault that answers, or fails to, in the application's place.

    `done` says that the request is carried out nevertheless, so that only its answer is lost.
    """

    done: bool = False

    @property
    def carries_out(self) -> bool:
        """Only when `done`."""
        return self.done

    def change(self, answer: Answer, keys: Keys) -> Answer:  # noqa: ARG002 -- neither matters
        """This fault's own answer."""
        return self.made()

    def made(self) -> Answer:
        """That answer; empty for kinds that send none."""
        return Answer(200, (), b"")


def limits(*, choices: tuple[Any, ...] = (), between: tuple[float, float] | None = None) -> dict[str, Any]:
    """What limits a kind's argument, as its field's metadata."""
    return {"choices": choices, "between": between}


_MEANS: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "text"),
    str | None: ((str, type(None)), "text or null"),
    int | None: ((int, type(None)), "a whole number or null"),
    dict[str, Any]: ((dict,), "an object"),
    dict[str, int]: ((dict,), "an object of whole numbers"),
    dict[str, str]: ((dict,), "an object of texts"),
}
_INSIDE: dict[Any, type] = {dict[str, int]: int, dict[str, str]: str}


def make(name: str, kind: type[Fault], given: dict[str, Any]) -> Fault:
    """A fault of this kind with the arguments `given`, as they came in JSON; BadArguments when they do not fit."""
    known = {each.name: each for each in dataclasses.fields(kind)}
    for each in given:
        if each not in known:
            raise BadArguments(f"The fault {name} has no argument {each}.")
    types = get_type_hints(kind)
    for each, spec in known.items():
        if each in given:
            _check(each, types[each], spec.metadata, given[each])
        elif spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING:
            raise BadArguments(f"The fault {name} needs the argument {each}.")
    return kind(**given)


def _check(name: str, wanted: Any, bounds: Mapping[str, Any], value: Any) -> None:
    if wanted is not Any:
        kinds, meaning = _MEANS[wanted]
        good = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
        inside = _INSIDE.get(wanted)
        if good and inside is not None:
            good = all(type(each) is inside for each in value.values())
        if not good:
            raise BadArguments(f"The argument {name} must be {meaning}.")
    choices, between = bounds.get("choices"), bounds.get("between")
    if choices and value not in choices:
        raise BadArguments(f"The argument {name} must be one of {', '.join(map(str, choices))}.")
    if between and value is not None and not between[0] <= value <= between[1]:
        raise BadArguments(f"The argument {name} must be between {between[0]:g} and {between[1]:g}.")
