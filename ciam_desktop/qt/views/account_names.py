"""Owns what each signed-in account is called, so that no two are called the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ciam_desktop.core.identity.person import Person

LEAST_MARK = 8  # characters of an id


@dataclass(frozen=True, slots=True)
class Called:
    """The words for one account: `short` for a narrow place, `name`, `address` and `mark` (either may be empty) for
    a wide one. `mark` is part of an id, for accounts whose name and address are the same.
    """

    short: str
    name: str
    address: str
    mark: str


def called(people: Iterable[Person]) -> Mapping[str, Called]:
    """What to call each of `people`, by account id."""
    everyone = {each.account_id: each for each in people}
    marks = _marks(list(everyone.values()))
    names = Counter(_plain(each.name) for each in everyone.values())
    addresses = Counter(_plain(each.address) for each in everyone.values())
    found = {}
    for account_id, each in everyone.items():
        name, address, mark = _plain(each.name), _plain(each.address), marks.get(account_id, "")
        short = name
        if names[name] > 1:
            short = address if address and addresses[address] == 1 else " · ".join(filter(None, (name, mark)))
        found[account_id] = Called(short, name, "" if address == name else address, mark)
    return found


def _plain(text: str) -> str:
    """`text` on one line; a tabulator would split a menu's entry in two."""
    return " ".join(text.split())


def _marks(people: Sequence[Person]) -> dict[str, str]:
    """What tells those apart whose name and address are the same: the tenant, else the subject, else the account."""
    alike: dict[tuple[str, str], list[Person]] = defaultdict(list)
    for each in people:
        alike[_plain(each.name), _plain(each.address)].append(each)
    found: dict[str, str] = {}
    for group in alike.values():
        if len(group) > 1:
            ids = next(ids for ids in _ids(group) if all(ids) and len(set(ids)) == len(group))
            length = LEAST_MARK
            while len({each[:length] for each in ids}) < len(group):
                length += 1
            found |= {each.account_id: _plain(mark[:length]) for each, mark in zip(group, ids, strict=True)}
    return found


def _ids(group: Sequence[Person]) -> Iterable[list[str]]:
    for claim in ("tid", "sub"):
        yield [str(each.verdict.claims.get(claim, "")) for each in group]
    yield [each.account_id for each in group]
