"""Owns the states of a sign-in and the one function that moves between them; pure, so that it can be walked whole.

A session is the accounts that are signed in, one of them in use, and at most one sign-in attempt beside them. "Busy"
belongs to a task, never to a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from ciam_desktop.core.identity.device_code import DeviceCode
from ciam_desktop.core.identity.person import Person


@dataclass(frozen=True, slots=True)
class AddTodo:
    """A to-do that was being added when the provider wanted the person."""

    key: str
    description: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reload:
    """The list was being fetched."""


PendingAction = AddTodo | Reload


@dataclass(frozen=True, slots=True)
class Restoring:
    """The vault is being read; nothing is known yet."""


@dataclass(frozen=True, slots=True)
class SignedOut:
    """There is no account."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account whose tokens were proven."""

    person: Person


@dataclass(frozen=True, slots=True)
class Offline:
    """An account whose provider or API cannot be reached since `since` (seconds since 1970)."""

    person: Person
    since: float


@dataclass(frozen=True, slots=True)
class NeedsInteraction:
    """An account that must sign in again; `pending` is done afterwards, `claims` is the challenge to pass on."""

    person: Person
    pending: PendingAction
    why: str
    claims: str = ""


@dataclass(frozen=True, slots=True)
class SigningOut:
    """Tokens are being removed; the browser is sent away next. `before` is what a failure goes back to."""

    person: Person
    before: SignedIn | Offline | NeedsInteraction


Here = SignedIn | Offline | NeedsInteraction
AccountState = Here | SigningOut


class Step(Enum):
    """How far an attempt has come."""

    OPENING = "opening"
    WAITING = "waiting"
    VERIFYING = "verifying"


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """A sign-in under way; times are seconds since 1970.

    `account_id` is the account that signs in again, or empty for whoever comes. `link` is the address that the browser
    was sent to. `elsewhere` says that another device takes its place, which is asked for `code` (RFC 8628; there is
    none while it is fetched). `https_forced` says that a browser spoke TLS to the redirect URI, which is plain http.
    """

    started: float
    deadline: float
    account_id: str = field(default="", repr=False)
    elsewhere: bool = False
    step: Step = Step.OPENING
    link: str = field(default="", repr=False)
    browser_failed: bool = False
    https_forced: bool = False
    code: DeviceCode | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """All that the window shows about identity.

    `accounts` maps a home account id to its state, in the order in which they signed in; `current` is the one in use,
    empty when there is none. `restoring` holds until the vault was read.
    """

    accounts: Mapping[str, AccountState] = field(default_factory=dict, repr=False)
    current: str = field(default="", repr=False)
    restoring: bool = True
    attempt: SignInAttempt | None = None

    @property
    def account(self) -> AccountState | Restoring | SignedOut:
        """The account in use."""
        if self.restoring:
            return Restoring()
        return self.accounts[self.current] if self.current else SignedOut()

    @property
    def person(self) -> Person | None:
        """The person in use, if any."""
        return self.accounts[self.current].person if self.current else None

    @property
    def signing_out(self) -> bool:
        """Whether tokens of any account are being removed."""
        return any(isinstance(each, SigningOut) for each in self.accounts.values())


# Events: what happened.


@dataclass(frozen=True, slots=True)
class Restored:
    """The vault was read: who is signed in, and the account that was in use (empty for none)."""

    people: tuple[Person, ...]
    current: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A person wants to use another of the accounts."""

    account_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NetworkLost:
    """A call for an account met no answer at `at`."""

    account_id: str = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class NetworkBack:
    """A call for an account went through."""

    account_id: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InteractionWanted:
    """The provider, or the API, wants the person for `pending`."""

    account_id: str = field(repr=False)
    pending: PendingAction
    why: str
    claims: str = ""


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """Sign in was pressed, or interaction was needed; `account_id` is empty for whoever comes."""

    at: float
    deadline: float
    account_id: str = field(default="", repr=False)
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class BrowserSent:
    """The listener waits and the browser was asked to open `link`; `opened` says whether one did."""

    link: str = field(repr=False)
    opened: bool = True


@dataclass(frozen=True, slots=True)
class CodeShown:
    """The provider gave a code for another device; the wait for it has begun."""

    code: DeviceCode


@dataclass(frozen=True, slots=True)
class HttpsForced:
    """A browser spoke TLS to the redirect URI."""


@dataclass(frozen=True, slots=True)
class DeadlineMoved:
    """The person asked for more time."""

    deadline: float


@dataclass(frozen=True, slots=True)
class RedirectArrived:
    """The browser came back."""


@dataclass(frozen=True, slots=True)
class AttemptProven:
    """Tokens were proven and kept."""

    person: Person


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Cancelled, declined, timed out or failed; the accounts are as they were."""


@dataclass(frozen=True, slots=True)
class SignOutStarted:
    """Sign out was pressed, for one account or for several."""

    account_ids: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignOutFailed:
    """The tokens could not be removed; the accounts are as they were."""


@dataclass(frozen=True, slots=True)
class SignedOutHere:
    """Every token of the accounts that were signing out is gone from this computer."""


@dataclass(frozen=True, slots=True)
class GoneElsewhere:
    """Another window of this program signed an account out."""

    account_id: str = field(repr=False)


Event = (
    Restored
    | Chosen
    | NetworkLost
    | NetworkBack
    | InteractionWanted
    | AttemptStarted
    | BrowserSent
    | CodeShown
    | HttpsForced
    | DeadlineMoved
    | RedirectArrived
    | AttemptProven
    | AttemptEnded
    | SignOutStarted
    | SignOutFailed
    | SignedOutHere
    | GoneElsewhere
)


class IllegalEvent(Exception):
    """An event that cannot happen in this state: a bug, never a person's doing."""


def advance(session: Session, event: Event) -> Session:
    """The session after `event`; raises IllegalEvent for a pair that cannot be."""
    if isinstance(event, Restored):
        if not session.restoring:
            raise _illegal(session, event)
        people: dict[str, AccountState] = {each.account_id: SignedIn(each) for each in event.people}
        if event.current not in people and (people or event.current):
            raise _illegal(session, event)
        return Session(people, event.current, restoring=False)
    if session.restoring:
        raise _illegal(session, event)
    match event:
        case Chosen() | NetworkLost() | NetworkBack() | InteractionWanted() | GoneElsewhere():
            return _of_account(session, event)
        case SignOutStarted() | SignOutFailed() | SignedOutHere():
            return _of_sign_out(session, event)
        case _:
            return _of_attempt(session, event)


def _of_account(session: Session, event: Event) -> Session:
    """What happens to one account that is not on its way out."""
    match event, session.accounts.get(getattr(event, "account_id", "")):
        case Chosen(account_id), SignedIn() | Offline() | NeedsInteraction() if session.attempt is None:
            return replace(session, current=account_id)
        case NetworkLost(account_id, at), SignedIn(person):
            return _with(session, account_id, Offline(person, at))
        case NetworkBack(account_id), Offline(person):
            return _with(session, account_id, SignedIn(person))
        case (NetworkLost(), Offline() | NeedsInteraction()) | (NetworkBack(), SignedIn() | NeedsInteraction()):
            return session
        case InteractionWanted(account_id, pending, why, claims), SignedIn(person) | Offline(person) | NeedsInteraction(
            person
        ):
            return _with(session, account_id, NeedsInteraction(person, pending, why, claims))
        case GoneElsewhere(account_id), SignedIn() | Offline() | NeedsInteraction():
            attempt = session.attempt
            if attempt is not None and attempt.account_id == account_id:
                session = replace(session, attempt=replace(attempt, account_id=""))  # it is for whoever comes now
            return _without(session, {account_id})
        case _:
            raise _illegal(session, event)


def _of_attempt(session: Session, event: Event) -> Session:
    match event, session.attempt:
        case AttemptStarted(at, deadline, account_id, elsewhere), None if not session.signing_out and (
            not account_id or account_id in session.accounts
        ):
            return replace(session, attempt=SignInAttempt(at, deadline, account_id, elsewhere))
        case BrowserSent(link, opened), SignInAttempt(step=Step.OPENING | Step.WAITING, elsewhere=False) as attempt:
            attempt = replace(attempt, step=Step.WAITING, link=link, browser_failed=not opened)
            return replace(session, attempt=attempt)
        case BrowserSent(), SignInAttempt(step=Step.VERIFYING, elsewhere=False):
            return session  # asked for again in the moment in which it came back
        case CodeShown(code), SignInAttempt(step=Step.OPENING, elsewhere=True) as attempt:
            attempt = replace(attempt, step=Step.WAITING, code=code, deadline=code.expires_at)
            return replace(session, attempt=attempt)
        case HttpsForced(), SignInAttempt(elsewhere=False) as attempt:
            return replace(session, attempt=replace(attempt, https_forced=True))
        case DeadlineMoved(deadline), SignInAttempt(step=Step.WAITING, elsewhere=False) as attempt:
            return replace(session, attempt=replace(attempt, deadline=deadline))
        case RedirectArrived(), SignInAttempt(step=Step.OPENING | Step.WAITING, elsewhere=False) as attempt:
            return replace(session, attempt=replace(attempt, step=Step.VERIFYING))
        case AttemptProven(person), SignInAttempt(step=step, elsewhere=elsewhere) if step is (
            Step.WAITING if elsewhere else Step.VERIFYING
        ):
            session = replace(session, current=person.account_id, attempt=None)
            return _with(session, person.account_id, SignedIn(person))
        case AttemptEnded(), SignInAttempt():
            return replace(session, attempt=None)
        case _:
            raise _illegal(session, event)


def _of_sign_out(session: Session, event: Event) -> Session:
    leaving = {name: each for name, each in session.accounts.items() if isinstance(each, SigningOut)}
    match event:
        case SignOutStarted(account_ids) if (
            account_ids and account_ids <= session.accounts.keys() and not leaving and session.attempt is None
        ):
            return replace(
                session, accounts={name: _leaving(name, each, account_ids) for name, each in session.accounts.items()}
            )
        case SignOutFailed() if leaving:
            return replace(
                session, accounts={**session.accounts, **{name: each.before for name, each in leaving.items()}}
            )
        case SignedOutHere() if leaving:
            return _without(session, leaving.keys())
        case _:
            raise _illegal(session, event)


def _leaving(name: str, account: AccountState, account_ids: Iterable[str]) -> AccountState:
    if name not in account_ids or isinstance(account, SigningOut):
        return account
    return SigningOut(account.person, account)


def _with(session: Session, account_id: str, account: AccountState) -> Session:
    return replace(session, accounts={**session.accounts, account_id: account})


def _without(session: Session, account_ids: Iterable[str]) -> Session:
    """`session` without these accounts; the oldest of the others is in use when the one in use has gone."""
    kept = {name: each for name, each in session.accounts.items() if name not in set(account_ids)}
    current = session.current if session.current in kept else next(iter(kept), "")
    return replace(session, accounts=kept, current=current)


def _illegal(session: Session, event: Event) -> IllegalEvent:
    return IllegalEvent(f"{type(event).__name__} in {type(session.account).__name__}")
