"""The whole grid of sessions and events: each cell has the next session that a second table expects, or is illegal."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import product

import pytest

from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.device_code import DeviceCode
from ciam_desktop.core.identity.person import Person, Verdict
from ciam_desktop.core.identity.state import IllegalEvent, Session, SignInAttempt, Step, advance


def person(name: str) -> Person:
    verdict = Verdict(
        "https://idp.example", "client", "key", "RS256", 1, 2, 1, {"sub": name, "name": f"planted {name}"}
    )
    return Person(
        f"planted-{name}", f"planted {name}", "planted@contoso.example", "planted", verdict, frozenset({"read"})
    )


ALICE, BOB, CAROL = person("alice"), person("bob"), person("carol")
A, B, C = ALICE.account_id, BOB.account_id, CAROL.account_id
ADD = state.AddTodo("key", "planted description")
CODE = DeviceCode(
    "planted code", "https://idp.example/device", "https://planted", 900.0, 5.0, ("read",), {"planted": 1}
)


def states_of(who: Person) -> list[state.AccountState]:
    here: list[state.Here] = [
        state.SignedIn(who),
        state.Offline(who, 10.0),
        state.NeedsInteraction(who, ADD, "why", "{}"),
    ]
    return [*here, *(state.SigningOut(who, before) for before in here)]


BESIDE: list[Mapping[str, state.AccountState]] = [
    {},
    {B: state.SignedIn(BOB)},
    {B: state.NeedsInteraction(BOB, state.Reload(), "why")},
    {B: state.SigningOut(BOB, state.SignedIn(BOB))},
]
ATTEMPTS = [
    None,
    *(
        SignInAttempt(1.0, 2.0, whom, elsewhere, step, link, code=code)
        for whom in ("", A)
        for elsewhere, step, link, code in (
            (False, Step.OPENING, "", None),
            (False, Step.WAITING, "https://planted", None),
            (False, Step.VERIFYING, "https://planted", None),
            (True, Step.OPENING, "", None),
            (True, Step.WAITING, "", CODE),
        )
    ),
]


def is_sound(session: Session) -> bool:
    """What holds of every session, whatever happened."""
    attempt = session.attempt
    if session.restoring:
        return not session.accounts and not session.current and attempt is None
    if session.current not in session.accounts and (session.accounts or session.current):
        return False
    if attempt is None:
        return True
    known = attempt.account_id in ("", *session.accounts)
    in_browser = attempt.code is None
    on_device = not attempt.link and not attempt.https_forced and attempt.step is not Step.VERIFYING
    has_code = (attempt.code is not None) == (attempt.step is Step.WAITING)
    kind = on_device and has_code if attempt.elsewhere else in_browser
    return known and kind and not session.signing_out


SESSIONS = [
    Session(),
    *(
        session
        for accounts, attempt in product(
            [{}, *({A: each, **others} for each in states_of(ALICE) for others in BESIDE)], ATTEMPTS
        )
        for session in [Session(accounts, next(iter(accounts), ""), restoring=False, attempt=attempt)]
        if is_sound(session)
    ),
]
EVENTS: list[state.Event] = [
    state.Restored((), ""),
    state.Restored((ALICE, BOB), B),
    state.Restored((ALICE,), ""),
    state.Restored((ALICE,), C),
    *(state.Chosen(each) for each in (A, B, C)),
    *(state.NetworkLost(each, 20.0) for each in (A, B, C)),
    *(state.NetworkBack(each) for each in (A, B, C)),
    *(state.InteractionWanted(each, state.Reload(), "because", '{"a":1}') for each in (A, B, C)),
    *(state.GoneElsewhere(each) for each in (A, B, C)),
    *(state.AttemptStarted(5.0, 6.0, whom, elsewhere) for whom in ("", A, C) for elsewhere in (False, True)),
    state.BrowserSent("https://planted/2"),
    state.BrowserSent("https://planted/2", opened=False),
    state.CodeShown(CODE),
    state.HttpsForced(),
    state.DeadlineMoved(77.0),
    state.RedirectArrived(),
    *(state.AttemptProven(each) for each in (ALICE, BOB, CAROL)),
    state.AttemptEnded(),
    *(state.SignOutStarted(frozenset(each)) for each in ((), (A,), (B,), (A, B), (A, C))),
    state.SignOutFailed(),
    state.SignedOutHere(),
]
GRID = list(product(SESSIONS, EVENTS))

NAMES = ("SignedIn", "Offline", "NeedsInteraction")


def expected(session: Session, event: state.Event) -> Session | None:
    """The table of events, written down a second time; None is illegal."""
    if isinstance(event, state.Restored):
        sound = event.current in [each.account_id for each in event.people] or event == state.Restored((), "")
        people = {each.account_id: state.SignedIn(each) for each in event.people}
        return Session(people, event.current, restoring=False) if session.restoring and sound else None
    if session.restoring:
        return None
    if isinstance(
        event, state.Chosen | state.NetworkLost | state.NetworkBack | state.InteractionWanted | state.GoneElsewhere
    ):
        return expected_of_account(session, event)
    if isinstance(event, state.SignOutStarted | state.SignOutFailed | state.SignedOutHere):
        return expected_of_sign_out(session, event)
    return expected_of_attempt(session, event)


def expected_of_account(session: Session, event: state.Event) -> Session | None:
    account_id: str = getattr(event, "account_id", "")
    account = session.accounts.get(account_id)
    if named(account) not in NAMES or account is None:
        return None
    match event:
        case state.Chosen():
            return None if session.attempt else replace(session, current=account_id)
        case state.NetworkLost(_, at) if named(account) == "SignedIn":
            return with_account(session, state.Offline(account.person, at))
        case state.NetworkBack() if named(account) == "Offline":
            return with_account(session, state.SignedIn(account.person))
        case state.InteractionWanted(_, pending, why, claims):
            return with_account(session, state.NeedsInteraction(account.person, pending, why, claims))
        case state.GoneElsewhere():
            attempt = session.attempt
            if attempt and attempt.account_id == account_id:
                attempt = replace(attempt, account_id="")
            return replace(without(session, {account_id}), attempt=attempt)
    return session


def expected_of_sign_out(session: Session, event: state.Event) -> Session | None:
    leaving = {name for name, each in session.accounts.items() if isinstance(each, state.SigningOut)}
    if isinstance(event, state.SignOutStarted):
        wanted = event.account_ids
        if session.attempt or leaving or not wanted or wanted - session.accounts.keys():
            return None
        return replace(
            session,
            accounts={n: state.SigningOut(e.person, e) if n in wanted else e for n, e in session.accounts.items()},  # type: ignore[arg-type] # nobody leaves already
        )
    if not leaving:
        return None
    if isinstance(event, state.SignOutFailed):
        return replace(session, accounts={n: getattr(e, "before", e) for n, e in session.accounts.items()})
    return without(session, leaving)


def expected_of_attempt(session: Session, event: state.Event) -> Session | None:
    attempt = session.attempt
    if isinstance(event, state.AttemptStarted):
        if attempt or session.signing_out or event.account_id not in ("", *session.accounts):
            return None
        return replace(session, attempt=SignInAttempt(event.at, event.deadline, event.account_id, event.elsewhere))
    if attempt is None:
        return None
    if isinstance(event, state.AttemptEnded):
        return replace(session, attempt=None)
    legal: Mapping[type[state.Event], tuple[set[Step], set[Step]]] = {  # in the browser, and on another device
        state.BrowserSent: (set(Step), set()),
        state.CodeShown: (set(), {Step.OPENING}),
        state.HttpsForced: (set(Step), set()),
        state.DeadlineMoved: ({Step.WAITING}, set()),
        state.RedirectArrived: ({Step.OPENING, Step.WAITING}, set()),
        state.AttemptProven: ({Step.VERIFYING}, {Step.WAITING}),
    }
    if attempt.step not in legal[type(event)][attempt.elsewhere]:
        return None
    match event:
        case state.BrowserSent(link, opened) if attempt.step is not Step.VERIFYING:
            attempt = replace(attempt, step=Step.WAITING, link=link, browser_failed=not opened)
        case state.CodeShown(code):
            attempt = replace(attempt, step=Step.WAITING, code=code, deadline=code.expires_at)
        case state.HttpsForced():
            attempt = replace(attempt, https_forced=True)
        case state.DeadlineMoved(deadline):
            attempt = replace(attempt, deadline=deadline)
        case state.RedirectArrived():
            attempt = replace(attempt, step=Step.VERIFYING)
        case state.AttemptProven(who):
            signed_in = with_account(session, state.SignedIn(who))
            return replace(signed_in, current=who.account_id, attempt=None)
    return replace(session, attempt=attempt)


def with_account(session: Session, account: state.AccountState) -> Session:
    return replace(session, accounts={**session.accounts, account.person.account_id: account})


def without(session: Session, gone: set[str]) -> Session:
    kept = {name: each for name, each in session.accounts.items() if name not in gone}
    current = session.current if session.current in kept else next(iter(kept), "")
    return replace(session, accounts=kept, current=current)


def after(session: Session, event: state.Event) -> Session | None:
    try:
        return advance(session, event)
    except IllegalEvent:
        return None


def named(value: object) -> str:
    return type(value).__name__


def test_the_grid_is_whole() -> None:
    kinds = {type(each) for session in SESSIONS for each in session.accounts.values()}
    assert kinds == {state.SignedIn, state.Offline, state.NeedsInteraction, state.SigningOut}
    assert {type(each) for each in EVENTS} == set(state.Event.__args__)
    assert {(each.step, each.elsewhere) for each in ATTEMPTS if each} == {
        *((step, False) for step in Step),
        (Step.OPENING, True),
        (Step.WAITING, True),
    }
    legal = {type(event) for session, event in GRID if expected(session, event) is not None}
    assert legal == set(state.Event.__args__), "each event happens somewhere"
    print(f"{len(SESSIONS)} sessions, {len(EVENTS)} events, {len(GRID)} cells")  # noqa: T201 -- the battery's count


@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_an_event_leads_where_the_table_says_and_is_illegal_everywhere_else(event: state.Event) -> None:
    for session in SESSIONS:
        found, wanted = after(session, event), expected(session, event)
        assert found == wanted, (session, event)
        assert found is None or list(found.accounts) == list(wanted.accounts if wanted else ()), "order of sign-in"


def test_every_session_that_an_event_leads_to_is_sound() -> None:
    for session, event in GRID:
        found = after(session, event)
        assert found is None or is_sound(found), (session, event)


def test_an_illegal_event_names_kinds_and_no_values() -> None:
    for session, event in GRID:
        if expected(session, event) is None:
            with pytest.raises(IllegalEvent) as caught:
                advance(session, event)
            assert str(caught.value) == f"{named(event)} in {named(session.account)}"


def test_what_happens_to_one_account_leaves_every_other_as_it_was() -> None:
    for session, event in GRID:
        found = after(session, event)
        about = getattr(event, "account_id", None)
        if found is not None and about is not None and not isinstance(event, state.AttemptStarted):
            assert {n: e for n, e in found.accounts.items() if n != about} == {
                n: e for n, e in session.accounts.items() if n != about
            }


def test_an_attempt_that_ends_or_goes_on_leaves_the_accounts_as_they_were() -> None:
    steps = (
        state.AttemptStarted
        | state.BrowserSent
        | state.CodeShown
        | state.HttpsForced
        | state.DeadlineMoved
        | state.RedirectArrived
        | state.AttemptEnded
    )
    for session, event in GRID:
        found = after(session, event)
        if found is not None and isinstance(event, steps):
            assert (found.accounts, found.current) == (session.accounts, session.current)


def test_what_waits_stays_with_its_own_account_when_somebody_else_signs_in() -> None:
    waiting = state.NeedsInteraction(ALICE, ADD, "why", "{}")
    session = Session({A: waiting}, A, restoring=False)
    for event in (state.AttemptStarted(1.0, 2.0, A), state.RedirectArrived(), state.AttemptProven(BOB)):
        session = advance(session, event)
    assert session == Session({A: waiting, B: state.SignedIn(BOB)}, B, restoring=False)


def test_who_signs_in_again_keeps_the_place_and_comes_into_use() -> None:
    session = Session({A: state.Offline(ALICE, 1.0), B: state.SignedIn(BOB)}, B, restoring=False)
    for event in (state.AttemptStarted(1.0, 2.0), state.RedirectArrived(), state.AttemptProven(ALICE)):
        session = advance(session, event)
    assert list(session.accounts) == [A, B]
    assert session.current == A
    assert session.account == state.SignedIn(ALICE)


def test_after_the_account_in_use_has_left_the_oldest_of_the_others_is_in_use() -> None:
    session = Session({each.account_id: state.SignedIn(each) for each in (ALICE, BOB, CAROL)}, C, restoring=False)
    session = advance(advance(session, state.SignOutStarted(frozenset({C}))), state.SignedOutHere())
    assert session.current == A
    session = advance(advance(session, state.SignOutStarted(frozenset({A, B}))), state.SignedOutHere())
    assert session == Session({}, "", restoring=False)
    assert session.account == state.SignedOut()
    assert session.person is None


def test_offline_is_since_the_first_time() -> None:
    lost = advance(Session({A: state.SignedIn(ALICE)}, A, restoring=False), state.NetworkLost(A, 20.0))
    assert advance(lost, state.NetworkLost(A, 30.0)).account == state.Offline(ALICE, 20.0)


def test_nothing_is_known_before_the_vault_was_read() -> None:
    assert Session().account == state.Restoring()
    assert Session().person is None


def test_any_walk_through_the_grid_follows_the_table(rng: random.Random) -> None:
    session = Session()
    for _ in range(30_000):
        event = rng.choice(EVENTS)
        found = after(session, event)
        assert found == expected(session, event), (session, event)
        session = session if found is None else found
        assert is_sound(session)


def test_no_repr_of_a_session_shows_personal_data_or_a_link() -> None:
    for session, event in GRID:
        assert "planted" not in repr(session)
        assert "planted" not in repr(event)
