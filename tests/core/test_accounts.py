"""Several accounts in one vault, and several programs on it: what is one account's is never touched by another's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ciam_desktop.core.errors import (
    InteractionRequired,
    SignedOutElsewhere,
    StoredFormatError,
    TokenNotProven,
)
from ciam_desktop.core.identity.people import People
from ciam_desktop.core.identity.person import Person
from ciam_desktop.core.identity.vault import EncryptedVault, Entry, Vault, parse_entry
from tests.core.bench import READ, REDIRECT, WRITE, Bench
from tests.core.vaulting import ALICE, BOB, facts_of, tokens_of
from tests.doubles.faulty_system import file_vault
from tests.doubles.https_server import Reply
from tests.doubles.provider import CLIENT, TENANT, base64url
from tests.doubles.vaults import WatchedVault

SUBJECTS = ("person", "PERSON", "3")
"""Two subjects differ in nothing but their case, which MSAL's keys do not show; the third has a `client_info`."""

ACCOUNTS = ("person", "PERSON", f"3.{TENANT}")


class Town:
    """A provider whose refresh tokens are good once, the three people who use it, and what each was given last."""

    def __init__(self, bench: Bench, vault: Vault) -> None:
        self.bench = bench
        self.vault = vault
        self.arriving = 0
        self.owners: dict[str, int] = {}
        self.good: set[str] = set()
        self.meanwhile: Callable[[], object] | None = None
        bench.idp.answering = self._answer

    def program(self, vault: Vault | None = None) -> People:
        """A program on the town's vault, or on another of the same place."""
        return People(CLIENT, self.bench.provider, vault or self.vault, self.bench.http)

    def sign_in(self, people: People, number: int, *, device: bool = False) -> Person:
        self.arriving = number
        if device:
            person = people.poll_device(people.begin_device([READ, WRITE]))
            assert isinstance(person, Person)
            return person
        request = people.begin(REDIRECT, [READ, WRITE])
        return people.complete(request, self.bench.idp.visit(request.uri))

    def kept(self, number: int) -> set[str]:
        """Every secret that the vault keeps for one of them, but for ID tokens."""
        tokens = self.vault.read().of_account(ACCOUNTS[number])
        kinds = ("AccessToken", "RefreshToken")
        return {str(each["secret"]) for kind in kinds for each in tokens.get(kind, {}).values()}

    def _answer(self, form: dict[str, str]) -> Reply:
        number = self.arriving
        if "refresh_token" in form:
            if form["refresh_token"] not in self.good:
                return Reply(400, body=b'{"error": "invalid_grant"}')
            self.good.discard(form["refresh_token"])
            number = self.owners[form["refresh_token"]]
        info = base64url(json.dumps({"uid": "3", "utid": TENANT}).encode()) if number == 2 else None
        claims = self.bench.idp.claims(form, sub=SUBJECTS[number], oid=None, name=f"Person {number}")
        reply = self.bench.idp.sound(form, claims, client_info=info)
        answer = json.loads(reply.body)
        for name in ("access_token", "refresh_token"):
            self.owners[answer[name]] = number
        self.good.add(answer["refresh_token"])
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()  # another program, between this one's reading and writing
        return reply


@pytest.fixture
def town(bench: Bench) -> Town:
    return Town(bench, bench.vault)


def test_all_are_restored_in_the_order_of_their_sign_ins_with_the_one_in_use(town: Town) -> None:
    people = town.program()
    assert people.restore() == ((), "")
    signed_in = tuple(town.sign_in(people, number, device=number == 1) for number in range(3))
    assert tuple(person.account_id for person in signed_in) == ACCOUNTS
    assert people.restore() == (signed_in, ACCOUNTS[2])
    again = town.sign_in(people, 0)
    assert people.restore() == ((again, *signed_in[1:]), ACCOUNTS[0])
    people.access_token(ACCOUNTS[1], renew=True)
    restored, current = town.program().restore()
    assert ([person.account_id for person in restored], current) == (list(ACCOUNTS), ACCOUNTS[0])


def test_choosing_is_kept_with_one_write_and_none_when_it_is_so_already(town: Town) -> None:
    people = town.program()
    for number in range(2):
        town.sign_in(people, number)
    writes = town.bench.vault.writes
    people.choose(ACCOUNTS[1])
    assert town.bench.vault.writes == writes
    people.choose(ACCOUNTS[0])
    assert (town.bench.vault.writes, town.program().restore()[1]) == (writes + 1, ACCOUNTS[0])
    with pytest.raises(SignedOutElsewhere):
        people.choose(ACCOUNTS[2])
    with pytest.raises(SignedOutElsewhere):
        people.choose("")
    assert people.restore()[1] == ACCOUNTS[0]


def test_choosing_somebody_who_is_signed_out_in_that_moment_is_told(town: Town) -> None:
    people = town.program()
    for number in range(2):
        town.sign_in(people, number)
    town.bench.vault.before_change = lambda: town.program().sign_out([ACCOUNTS[0]])
    with pytest.raises(SignedOutElsewhere):
        people.choose(ACCOUNTS[0])
    assert people.restore()[1] == ACCOUNTS[1]


def test_all_leave_with_one_write_and_nothing_of_them_stays(town: Town) -> None:
    people = town.program()
    for number in range(3):
        town.sign_in(people, number)
    writes = town.bench.vault.writes
    people.sign_out({ACCOUNTS[0], ACCOUNTS[2], "nobody"})
    assert town.bench.vault.writes == writes + 1
    restored, current = people.restore()
    assert ([person.account_id for person in restored], current) == ([ACCOUNTS[1]], ACCOUNTS[1])
    people.sign_out([ACCOUNTS[1]])
    entry = town.vault.read()
    assert (entry.people, entry.current) == ({}, "")
    left = json.dumps(entry.tokens)
    assert "planted" not in left
    assert "eyJ" not in left
    assert "person" not in left.lower()


def test_each_gets_a_token_of_their_own_and_one_is_sent_for_nobody_else(town: Town) -> None:
    people = town.program()
    for number in range(3):
        town.sign_in(people, number)
    for number, account in enumerate(ACCOUNTS):
        for renew in (False, True, False):
            assert town.owners[people.access_token(account, renew=renew).value] == number


def test_a_sign_in_under_the_name_of_somebody_else_is_refused(town: Town) -> None:
    people = town.program()
    town.sign_in(people, 2)
    kept = town.vault.read()
    info = base64url(json.dumps({"uid": "3", "utid": TENANT}).encode())
    bench = town.bench
    bench.idp.answering = lambda form: bench.idp.sound(form, bench.idp.claims(form, sub="another"), client_info=info)
    for device in (False, True):
        with pytest.raises(TokenNotProven) as caught:
            town.sign_in(people, 2, device=device)
        assert caught.value.check == "client_info"
        assert town.vault.read() == kept


def test_who_is_known_to_another_app_by_another_subject_is_no_stranger_after_the_settings_changed(town: Town) -> None:
    people = town.program()
    person = town.sign_in(people, 2)
    kept = town.vault.read()
    facts = json.loads(json.dumps(kept.people[ACCOUNTS[2]]))
    facts["verdict"]["audience"], facts["verdict"]["claims"]["sub"] = "an-earlier-app", "an-earlier-subject"
    town.vault.change(lambda _kept: Entry(kept.tokens, {ACCOUNTS[2]: facts}, ACCOUNTS[2]))
    again = town.sign_in(people, 2)
    assert (again.account_id, again.verdict.audience) == (person.account_id, CLIENT)


# Two programs at once.


@pytest.fixture
def places(bench: Bench, tmp_path: Path) -> tuple[Town, People, People]:
    """A town whose vault is an encrypted file, and two programs that each opened it."""
    folder = tmp_path / "vault"
    folder.mkdir()
    vaults: list[EncryptedVault] = [file_vault(folder, "sound") for _program in range(2)]
    town = Town(bench, vaults[0])
    return town, town.program(), town.program(vaults[1])


def test_one_signs_out_while_the_other_renews_somebody_else(places: tuple[Town, People, People]) -> None:
    town, first, second = places
    for number in range(2):
        town.sign_in(first, number)
    town.meanwhile = lambda: second.sign_out([ACCOUNTS[1]])
    renewed = first.access_token(ACCOUNTS[0], renew=True)
    for people in (first, second):
        restored, current = people.restore()
        assert ([person.account_id for person in restored], current) == ([ACCOUNTS[0]], ACCOUNTS[0])
        assert people.access_token(ACCOUNTS[0]) == renewed
        with pytest.raises(SignedOutElsewhere):
            people.access_token(ACCOUNTS[1])
    assert town.kept(1) == set()


def test_one_signs_out_all_while_the_other_renews(places: tuple[Town, People, People]) -> None:
    town, first, second = places
    for number in range(2):
        town.sign_in(first, number)
    town.meanwhile = lambda: second.sign_out(ACCOUNTS)
    first.access_token(ACCOUNTS[0], renew=True)
    assert first.restore() == second.restore() == ((), "")
    assert "planted" not in json.dumps(town.vault.read().tokens)


def test_one_chooses_while_the_other_renews(places: tuple[Town, People, People]) -> None:
    town, first, second = places
    for number in range(2):
        town.sign_in(first, number)
    town.meanwhile = lambda: second.choose(ACCOUNTS[0])
    renewed = first.access_token(ACCOUNTS[1], renew=True)
    assert first.restore()[1] == second.restore()[1] == ACCOUNTS[0]
    assert second.access_token(ACCOUNTS[1]) == renewed


def test_a_renewal_does_not_undo_a_newer_sign_in_of_the_same_person(places: tuple[Town, People, People]) -> None:
    town, first, second = places
    town.sign_in(first, 0)
    newer: list[set[str]] = []

    def sign_in_again() -> None:
        town.sign_in(second, 0)
        newer.append(town.kept(0))

    town.meanwhile = sign_in_again
    token = first.access_token(ACCOUNTS[0], renew=True)
    assert town.owners[token.value] == 0
    assert newer == [town.kept(0)]
    assert first.access_token(ACCOUNTS[0], renew=True).value, "the newer refresh token is good"


def test_a_change_of_somebody_else_is_no_reason_to_ask_twice(places: tuple[Town, People, People]) -> None:
    town, first, second = places
    for number in range(2):
        town.sign_in(first, number)
    town.good.clear()
    asked = len(town.bench.idp.token_forms())

    def answering(_form: dict[str, str]) -> Reply:
        second.choose(ACCOUNTS[0])
        return Reply(400, body=b'{"error": "invalid_grant"}')

    town.bench.idp.answering = answering
    with pytest.raises(InteractionRequired):
        first.access_token(ACCOUNTS[1], renew=True)
    assert len(town.bench.idp.token_forms()) == asked + 1


# What somebody else wrote.


def stored(people: dict[str, Any], current: str) -> Entry:
    tokens: dict[str, dict[str, Any]] = {}
    for account in people:
        for kind, entries in tokens_of(account).items():
            tokens.setdefault(kind, {}).update(entries)
    return parse_entry(json.dumps({"version": 1, "current": current, "people": people, "tokens": tokens}))


def program_on(bench: Bench, entry: Entry) -> People:
    bench.vault.change(lambda _kept: entry)
    return bench.people


@pytest.mark.parametrize("current", ["", "nobody", BOB.upper()])
def test_when_nobody_is_in_use_it_is_the_first(bench: Bench, current: str) -> None:
    people = program_on(bench, stored({BOB: facts_of(BOB), ALICE: facts_of(ALICE)}, current))
    restored, in_use = people.restore()
    assert ([person.account_id for person in restored], in_use) == ([BOB, ALICE], BOB)
    people.choose(BOB)
    assert bench.vault.read().current == BOB, "and that can be kept"


def facts_with(**changes: Any) -> dict[str, Any]:
    kept = facts_of(ALICE)
    return kept | {"verdict": kept["verdict"] | changes}


ODD = [
    {"verdict": "odd", "scopes": []},
    facts_of(ALICE) | {"scopes": 1},
    facts_of(ALICE) | {"scopes": "odd"},
    facts_of(ALICE) | {"scopes": [1]},
    facts_of(ALICE) | {"verdict": {"claims": 1}},
    facts_with(issuer=7),
    facts_with(claims={"sub": None}),
    facts_with(proven_at="odd"),
    facts_with(expires_at=None),
    facts_with(expires_at=10**15),
    facts_with(issued_at=True),
]


@pytest.mark.expects_log("it was left out")
@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_who_cannot_be_read_does_not_hinder_the_others_and_leaves_with_the_first_who_does(
    bench: Bench, odd: dict[str, Any]
) -> None:
    people = program_on(bench, stored({ALICE: odd, BOB: facts_of(BOB)}, ALICE))
    restored, current = people.restore()
    assert ([person.account_id for person in restored], current) == ([BOB], BOB)
    with pytest.raises(StoredFormatError, match="left as it is") as caught:
        people.access_token(ALICE)
    assert "odd" not in str(caught.value)
    with pytest.raises(StoredFormatError):
        people.choose(ALICE)
    kept = bench.vault.read()
    assert (kept.people[ALICE], ALICE in json.dumps(kept.tokens)) == (odd, True)
    people.sign_out([BOB])
    kept = bench.vault.read()
    assert (kept.people, kept.current) == ({}, "")
    assert "planted" not in json.dumps(kept.tokens)


@pytest.mark.expects_log("it was left out")
def test_who_cannot_be_read_signs_in_again(town: Town) -> None:
    people = program_on(town.bench, stored({ACCOUNTS[2]: ODD[0], BOB: facts_of(BOB)}, BOB))
    assert len(people.restore()[0]) == 1
    person = town.sign_in(people, 2)
    restored, current = people.restore()
    assert ([each.account_id for each in restored], current) == ([ACCOUNTS[2], BOB], person.account_id)


def test_a_sign_in_that_an_earlier_version_kept_has_its_nonce_among_the_claims(town: Town) -> None:
    people = town.program()
    town.sign_in(people, 0)
    kept = town.vault.read()
    facts = {name: each for name, each in kept.people[ACCOUNTS[0]].items() if name != "nonce"}
    town.vault.change(lambda _kept: Entry(kept.tokens, {ACCOUNTS[0]: facts}, ACCOUNTS[0]))
    nonce = next(reversed(town.bench.idp.nonces.values()))
    bench = town.bench
    bench.idp.answering = lambda form: bench.idp.sound(
        form, bench.idp.claims(form, sub=SUBJECTS[0], nonce=nonce), client_info=None
    )
    assert people.access_token(ACCOUNTS[0], renew=True).value
    bench.idp.answering = lambda form: bench.idp.sound(
        form, bench.idp.claims(form, sub=SUBJECTS[0], nonce="another"), client_info=None
    )
    with pytest.raises(TokenNotProven):
        people.access_token(ACCOUNTS[0], renew=True)


# Any life that three people may lead on two programs.

PERSON, PROGRAM = st.integers(0, 2), st.integers(0, 1)
STEPS = st.one_of(
    st.tuples(st.just("sign in"), PROGRAM, PERSON),
    st.tuples(st.just("device"), PROGRAM, PERSON),
    st.tuples(st.just("renew"), PROGRAM, PERSON),
    st.tuples(st.just("use"), PROGRAM, PERSON),
    st.tuples(st.just("choose"), PROGRAM, PERSON),
    st.tuples(st.just("sign out"), PROGRAM, st.sets(PERSON, min_size=1)),
)


class Model:
    """Who must be signed in and in use, in the plainest words."""

    def __init__(self) -> None:
        self.order: list[int] = []
        self.current: int | None = None

    def step(self, what: str, who: int | set[int]) -> bool:
        """Go on, and say whether it can be done."""
        if isinstance(who, set):
            self.order = [each for each in self.order if each not in who]
            if self.current in who:
                self.current = None
            return True
        if what in ("sign in", "device"):
            self.order += [] if who in self.order else [who]
            self.current = who
        elif who not in self.order:
            return False
        elif what == "choose":
            self.current = who
        return True

    @property
    def in_use(self) -> str:
        current = self.order[0] if self.current is None and self.order else self.current
        return "" if current is None else ACCOUNTS[current]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(steps=st.lists(STEPS, min_size=4, max_size=14))
def test_any_life_of_three_accounts_keeps_each_ones_tokens_to_themselves(
    bench: Bench, steps: list[tuple[str, int, Any]]
) -> None:
    town, model = Town(bench, WatchedVault()), Model()
    programs = [town.program() for _number in range(2)]
    for what, program, who in steps:
        people = programs[program]
        before = {number: (town.kept(number), town.vault.read().people.get(ACCOUNTS[number])) for number in range(3)}
        possible = model.step(what, who)
        if what in ("sign in", "device"):
            assert town.sign_in(people, who, device=what == "device").account_id == ACCOUNTS[who]
        elif what == "sign out":
            people.sign_out({ACCOUNTS[number] for number in who})
        elif not possible:
            with pytest.raises(SignedOutElsewhere):
                people.choose(ACCOUNTS[who]) if what == "choose" else people.access_token(ACCOUNTS[who])
        elif what == "choose":
            people.choose(ACCOUNTS[who])
        else:
            token = people.access_token(ACCOUNTS[who], renew=what == "renew")
            assert town.owners[token.value] == who
            assert token.value in town.kept(who)
        touched = set() if what in ("choose", "use") else who if isinstance(who, set) else {who}
        for number in range(3):
            kept = town.kept(number)
            assert {town.owners[secret] for secret in kept} <= {number}
            assert len(kept & town.good) == (1 if number in model.order else 0), (
                "the newest refresh token, and no other"
            )
            if number not in touched:
                assert (kept, town.vault.read().people.get(ACCOUNTS[number])) == before[number]
        restored, current = programs[1 - program].restore()
        assert [person.account_id for person in restored] == [ACCOUNTS[number] for number in model.order]
        assert [person.name for person in restored] == [f"Person {number}" for number in model.order]
        assert current == model.in_use
