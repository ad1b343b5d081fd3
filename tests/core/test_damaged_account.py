"""One account's part of the vault is damaged, anywhere and anyhow: the other goes on, and nothing is unforeseen."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from ciam_desktop.core.errors import CiamError
from ciam_desktop.core.identity.vault import OWNER, Entry, MemoryVault, parse_entry
from tests.core.bench import Bench
from tests.core.test_accounts import ACCOUNTS, Town

DAMAGES: tuple[Any, ...] = (None, True, 7, -1, 1e300, "", "odd", [], ["odd"], {}, {"odd": 1})
GONE = object()


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything within `node`, at most four steps long."""
    if isinstance(node, dict) and len(path) < 4:
        for name, inner in node.items():
            yield (*path, name)
            yield from places(inner, (*path, name))


def damaged(stored: dict[str, Any], path: tuple[Any, ...], damage: Any) -> dict[str, Any]:
    whole = copy.deepcopy(stored)
    node = whole
    for name in path[:-1]:
        node = node[name]
    if damage is GONE:
        del node[path[-1]]
    else:
        node[path[-1]] = damage
    return whole


def _kept_instead(text: str, _kept: Entry) -> Entry:
    return parse_entry(text)


@pytest.mark.expects_log("it was left out")
def test_a_damaged_account_does_not_hinder_the_other_and_is_never_unforeseen(bench: Bench) -> None:
    town = Town(bench, bench.vault)
    people = town.program()
    ours, theirs = ACCOUNTS[0], ACCOUNTS[2]
    town.sign_in(people, 0)
    town.sign_in(people, 2)
    entry = town.vault.read()
    stored = json.loads(json.dumps({"version": 1, "current": ours, "people": entry.people, "tokens": entry.tokens}))
    ways = [("people", ours, *path) for path in places(stored["people"][ours])]
    ways += [
        ("tokens", kind, key, *path)
        for kind, entries in stored["tokens"].items()
        for key, each in entries.items()
        if each.get(OWNER) == ours
        for path in places(each)
    ]
    assert len(ways) > 40
    unforeseen = []
    for way in ways:
        for damage in (*DAMAGES, GONE):
            text = json.dumps(damaged(stored, way, damage))
            try:
                vault = MemoryVault("")
                vault.change(partial(_kept_instead, text))
            except CiamError:
                continue  # set aside as a whole
            town.good |= set(town.owners)  # each refresh token is good once more
            town.vault = vault
            damaged_people = town.program(vault)
            try:
                damaged_people.restore()
                assert damaged_people.access_token(theirs, renew=True).value
                for renew in (False, True):
                    try:
                        damaged_people.access_token(ours, renew=renew)
                    except CiamError:
                        continue
                damaged_people.sign_out([ours])
                assert damaged_people.restore()[1] == theirs
            except Exception as error:  # noqa: BLE001 -- whatever comes is what is looked for
                unforeseen.append((way, damage, repr(error)[:90]))
    assert not unforeseen, "\n".join(map(str, unforeseen))
