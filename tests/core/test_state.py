"""The whole grid of account state, attempt and event: each cell is a legal next session, or no cell at all."""

from __future__ import annotations

import random
from itertools import product

import pytest

from ciam_desktop.core.identity import state
from ciam_desktop.core.identity.person import Person, Verdict
from ciam_desktop.core.identity.state import IllegalEvent, Session, SignInAttempt, Step, advance, person_of


def person(name: str) -> Person:
    verdict = Verdict(
        "https://idp.example", "client", "key", "RS256", 1, 2, 1, {"sub": name, "name": f"planted {name}"}
    )
    return Person(
        f"planted-{name}", f"planted {name}", "planted@contoso.example", "planted", verdict, frozenset({"read"})
    )


ALICE, BOB = person("alice"), person("bob")
ADD = state.AddTodo("key", "planted description")
ACCOUNTS: tuple[state.AccountState, ...] = (
    state.Restoring(),
    state.SignedOut(),
    state.SignedIn(ALICE),
    state.Offline(ALICE, 10.0),
    state.NeedsInteraction(ALICE, ADD, "why", "{}"),
    state.SigningOut(ALICE),
    state.SigningOut(ALICE, state.Offline(ALICE, 10.0)),
)
ATTEMPTS = (
    None,
    SignInAttempt(1.0, 2.0),
    SignInAttempt(1.0, 2.0, Step.WAITING, "https://planted"),
    SignInAttempt(1.0, 2.0, Step.VERIFYING, "https://planted"),
)
EVENTS: tuple[state.Event, ...] = (
    state.Restored(None),
    state.Restored(ALICE),
    state.NetworkLost(20.0),
    state.NetworkBack(),
    state.InteractionWanted(state.Reload(), "because", '{"a":1}'),
    state.AttemptStarted(5.0, 6.0),
    state.BrowserSent("https://planted/2"),
    state.BrowserSent("https://planted/2", opened=False),
    state.RedirectArrived(),
    state.AttemptProven(ALICE),
    state.AttemptProven(BOB),
    state.AttemptEnded(),
    state.SignOutStarted(),
    state.SignOutFailed(),
    state.SignedOutHere(),
    state.GoneElsewhere(),
)
LEAVING = state.SignedOutHere | state.GoneElsewhere | state.AttemptProven | state.Restored
GRID = list(product(ACCOUNTS, ATTEMPTS, EVENTS))

HAS_ACCOUNT = {"SignedIn", "Offline", "NeedsInteraction"}
SETTLED = HAS_ACCOUNT | {"SignedOut"}


def is_legal(account: state.AccountState, attempt: SignInAttempt | None, event: state.Event) -> bool:
    """The table of events, written down a second time."""
    name, idle = type(account).__name__, attempt is None
    match event:
        case state.Restored():
            return name == "Restoring" and idle
        case state.NetworkLost() | state.NetworkBack() | state.InteractionWanted() | state.GoneElsewhere():
            return name in HAS_ACCOUNT
        case state.AttemptStarted():
            return name in SETTLED and idle
        case state.BrowserSent():
            return not idle
        case state.RedirectArrived():
            return attempt is not None and attempt.step is not Step.VERIFYING
        case state.AttemptProven():
            return name in SETTLED and attempt is not None and attempt.step is Step.VERIFYING
        case state.AttemptEnded():
            return not idle
        case state.SignOutStarted():
            return name in HAS_ACCOUNT and idle
        case state.SignOutFailed() | state.SignedOutHere():
            return name == "SigningOut" and idle


def after(account: state.AccountState, attempt: SignInAttempt | None, event: state.Event) -> Session | None:
    try:
        return advance(Session(account, attempt), event)
    except IllegalEvent:
        return None


def named(value: object) -> str:
    return "-" if value is None else type(value).__name__


@pytest.mark.parametrize("account", ACCOUNTS, ids=named)
@pytest.mark.parametrize("event", EVENTS, ids=named)
def test_an_event_is_legal_where_the_table_says_and_illegal_everywhere_else(
    account: state.AccountState, event: state.Event
) -> None:
    for attempt in ATTEMPTS:
        assert (after(account, attempt, event) is not None) == is_legal(account, attempt, event), attempt


def test_an_illegal_event_names_kinds_and_no_values() -> None:
    for account, attempt, event in GRID:
        if not is_legal(account, attempt, event):
            with pytest.raises(IllegalEvent) as caught:
                advance(Session(account, attempt), event)
            assert str(caught.value) == f"{named(event)} in {named(account)}"


def test_the_grid_is_whole() -> None:
    accounts, events = set(state.AccountState.__args__), set(state.Event.__args__)
    assert {type(each) for each in ACCOUNTS} == accounts
    assert {type(each) for each in EVENTS} == events
    assert {each.step for each in ATTEMPTS if each} == set(Step)


def test_only_what_an_event_is_about_changes() -> None:
    for account, attempt, event in GRID:
        session = after(account, attempt, event)
        if session is None:
            continue
        match event:
            case state.AttemptProven(who):
                assert session == Session(state.SignedIn(who), None)
            case state.AttemptStarted() | state.BrowserSent() | state.RedirectArrived() | state.AttemptEnded():
                assert session.account == account, "an attempt leaves the account as it was"
            case _:
                assert session.attempt == attempt, "what happens to the account leaves the attempt as it was"


def test_a_person_is_kept_through_everything_but_signing_out_and_another_sign_in() -> None:
    for account, attempt, event in GRID:
        session = after(account, attempt, event)
        if session is not None and not isinstance(event, LEAVING):
            assert person_of(session.account) == person_of(account)


def test_an_attempt_only_goes_forward() -> None:
    order = list(Step)
    for account, attempt, event in GRID:
        session = after(account, attempt, event)
        if session is not None and session.attempt is not None and attempt is not None:
            assert order.index(session.attempt.step) >= order.index(attempt.step)
            assert (session.attempt.started, session.attempt.deadline) == (attempt.started, attempt.deadline)


def test_there_are_never_two_attempts_and_none_while_signing_out() -> None:
    for account, attempt, event in GRID:
        session = after(account, attempt, event)
        if session is None:
            continue
        if attempt is not None:
            assert not isinstance(event, state.AttemptStarted | state.SignOutStarted)
        if isinstance(session.account, state.SigningOut):
            assert session.attempt is None or attempt is not None, "none begins"


def test_a_sign_out_that_fails_leaves_the_account_as_it_was() -> None:
    for before in ACCOUNTS:
        if named(before) in HAS_ACCOUNT:
            leaving = advance(Session(before), state.SignOutStarted())
            assert advance(leaving, state.SignOutFailed()) == Session(before)
            assert advance(leaving, state.SignedOutHere()) == Session(state.SignedOut())


def test_what_waits_for_the_person_is_the_latest_thing_that_asked() -> None:
    session = advance(Session(ACCOUNTS[4]), EVENTS[4])
    assert session.account == state.NeedsInteraction(ALICE, state.Reload(), "because", '{"a":1}')


def test_the_network_comes_and_goes() -> None:
    lost = advance(Session(state.SignedIn(ALICE)), state.NetworkLost(20.0))
    assert lost.account == state.Offline(ALICE, 20.0)
    assert advance(lost, state.NetworkLost(30.0)) == lost, "offline since the first time"
    assert advance(lost, state.NetworkBack()).account == state.SignedIn(ALICE)


def test_a_browser_that_was_sent_again_in_the_last_moment_changes_nothing() -> None:
    verifying = Session(state.SignedOut(), ATTEMPTS[3])
    assert advance(verifying, state.BrowserSent("https://planted/2")) == verifying


def test_any_walk_through_the_grid_stays_in_it(rng: random.Random) -> None:
    session = Session()
    for _ in range(20_000):
        event = rng.choice(EVENTS)
        try:
            session = advance(session, event)
        except IllegalEvent:
            assert not is_legal(session.account, session.attempt, event)
        assert type(session.account) in state.AccountState.__args__
        if session.attempt is not None:
            assert not isinstance(session.account, state.Restoring | state.SigningOut)


def test_no_repr_of_a_session_shows_personal_data_or_a_link() -> None:
    for account, attempt, event in GRID:
        assert "planted" not in repr(Session(account, attempt))
        assert "planted" not in repr(event)
