"""Owns the states of a sign-in and the one function that moves between them; pure, so that it can be walked whole.

A session is one account state and at most one sign-in attempt beside it. "Busy" belongs to a task, never to a state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

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
    """An account whose provider cannot be reached since `since` (seconds since 1970)."""

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
    before: SignedIn | Offline | NeedsInteraction | None = None


AccountState = Restoring | SignedOut | SignedIn | Offline | NeedsInteraction | SigningOut


class Step(Enum):
    """How far an attempt has come."""

    OPENING = "opening"
    WAITING = "waiting"
    VERIFYING = "verifying"


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """A sign-in under way; times are seconds since 1970, `link` is the address that the browser was sent to."""

    started: float
    deadline: float
    step: Step = Step.OPENING
    link: str = field(default="", repr=False)
    browser_failed: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """All that the window shows about identity."""

    account: AccountState = field(default_factory=Restoring)
    attempt: SignInAttempt | None = None


# Events: what happened.


@dataclass(frozen=True, slots=True)
class Restored:
    """The vault was read; `person` is None when nobody was signed in."""

    person: Person | None


@dataclass(frozen=True, slots=True)
class NetworkLost:
    """A renewal met no answer at `at`."""

    at: float


@dataclass(frozen=True, slots=True)
class NetworkBack:
    """A call went through."""


@dataclass(frozen=True, slots=True)
class InteractionWanted:
    """The provider, or the API, wants the person for `pending`."""

    pending: PendingAction
    why: str
    claims: str = ""


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """Sign in was pressed, or interaction was needed."""

    at: float
    deadline: float


@dataclass(frozen=True, slots=True)
class BrowserSent:
    """The listener waits and the browser was asked to open `link`; `opened` says whether one did."""

    link: str = field(repr=False)
    opened: bool = True


@dataclass(frozen=True, slots=True)
class RedirectArrived:
    """The browser came back."""


@dataclass(frozen=True, slots=True)
class AttemptProven:
    """Tokens were proven and kept."""

    person: Person


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """Cancelled, declined, timed out or failed; the account is as it was."""


@dataclass(frozen=True, slots=True)
class SignOutStarted:
    """Sign out was pressed."""


@dataclass(frozen=True, slots=True)
class SignOutFailed:
    """The tokens could not be removed; the account is as it was."""


@dataclass(frozen=True, slots=True)
class SignedOutHere:
    """Every token is gone from this computer."""


@dataclass(frozen=True, slots=True)
class GoneElsewhere:
    """Another window of this program signed the account out."""


Event = (
    Restored
    | NetworkLost
    | NetworkBack
    | InteractionWanted
    | AttemptStarted
    | BrowserSent
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


def person_of(account: AccountState) -> Person | None:
    """The person that an account state is about, if any."""
    return None if isinstance(account, Restoring | SignedOut) else account.person


def advance(session: Session, event: Event) -> Session:
    """The session after `event`; raises IllegalEvent for a pair that cannot be."""
    match event, session.account, session.attempt:
        case Restored(person), Restoring(), None:
            return replace(session, account=SignedOut() if person is None else SignedIn(person))
        case NetworkLost(at), SignedIn(person), _:
            return replace(session, account=Offline(person, at))
        case NetworkLost(), Offline() | NeedsInteraction(), _:
            return session
        case NetworkBack(), Offline(person), _:
            return replace(session, account=SignedIn(person))
        case NetworkBack(), SignedIn() | NeedsInteraction(), _:
            return session
        case InteractionWanted(pending, why, claims), SignedIn(person) | Offline(person) | NeedsInteraction(person), _:
            return replace(session, account=NeedsInteraction(person, pending, why, claims))
        case AttemptStarted(at, deadline), SignedOut() | SignedIn() | Offline() | NeedsInteraction(), None:
            return replace(session, attempt=SignInAttempt(at, deadline))
        case BrowserSent(link, opened), _, SignInAttempt(step=Step.OPENING | Step.WAITING) as attempt:
            return replace(session, attempt=replace(attempt, step=Step.WAITING, link=link, browser_failed=not opened))
        case BrowserSent(), _, SignInAttempt(step=Step.VERIFYING):
            return session  # asked for again in the moment in which it came back
        case RedirectArrived(), _, SignInAttempt(step=Step.OPENING | Step.WAITING) as attempt:
            return replace(session, attempt=replace(attempt, step=Step.VERIFYING))
        case AttemptProven(person), SignedOut() | SignedIn() | Offline() | NeedsInteraction(), SignInAttempt(
            step=Step.VERIFYING
        ):
            return Session(SignedIn(person), None)
        case AttemptEnded(), _, SignInAttempt():
            return replace(session, attempt=None)
        case SignOutStarted(), SignedIn() | Offline() | NeedsInteraction() as before, None:
            return replace(session, account=SigningOut(before.person, before))
        case SignOutFailed(), SigningOut(person, before), None:
            return replace(session, account=before or SignedIn(person))
        case GoneElsewhere(), SignedIn() | Offline() | NeedsInteraction(), _:
            return replace(session, account=SignedOut())
        case SignedOutHere(), SigningOut(), None:
            return replace(session, account=SignedOut())
        case _:
            raise IllegalEvent(f"{type(event).__name__} in {type(session.account).__name__}")
