"""What the banner says: each kind of error has a title, a sentence and the step that mends it, and no secret."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Callable

import pytest

import ciam_desktop.core
from ciam_desktop.core import errors
from ciam_desktop.core.trouble import (
    NextStep,
    Trouble,
    of_browser_session,
    of_sign_in,
    of_sign_out,
    of_start,
    of_todos,
)

SAID = "One sentence for people."
EVERY: tuple[Exception, ...] = (
    errors.SettingsError(SAID, setting="AUTHORITY", source="the environment"),
    errors.StoredFormatError(SAID),
    errors.VaultError(SAID),
    errors.VaultUnavailable(SAID),
    errors.VaultLocked(SAID),
    errors.NetworkError(SAID, host="idp.example", reason="dns"),
    errors.NetworkError(SAID, host="idp.example"),
    errors.SignInError(SAID, error="access_denied", code="65004", correlation_id="the-id"),
    errors.SignInError(SAID),
    errors.SignInCancelled(SAID),
    errors.SignInTimedOut(SAID),
    errors.ProviderError(SAID),
    errors.InteractionRequired(SAID, error="invalid_grant", claims='{"planted":1}'),
    errors.SignedOutElsewhere(SAID),
    errors.TokenNotProven(SAID, check="nonce"),
    errors.ListenerError(SAID),
    errors.BrowserError(SAID),
    errors.SandboxError(SAID),
    errors.ApiError(SAID, status=404),
    errors.ApiUnauthorized(SAID, claims='{"planted":1}'),
    errors.ApiForbidden(SAID),
    errors.ApiBadAnswer(SAID),
)
BUG = KeyError("planted-token")

SAYING: dict[str, Callable[[Exception], Trouble]] = {
    "sign in": of_sign_in,
    "sign in, read only offered": lambda error: of_sign_in(error, can_read_only=True),
    "start": of_start,
    "sign out": of_sign_out,
    "browser": of_browser_session,
    "list": lambda error: of_todos(error, adding=False),
    "add": lambda error: of_todos(error, adding=True),
}
each_way = pytest.mark.parametrize("say", SAYING.values(), ids=SAYING.keys())


def test_every_kind_of_error_is_looked_at() -> None:
    kinds = {kind for _name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)}
    assert {type(error) for error in EVERY} | {errors.CiamError} == kinds


@each_way
@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_every_error_has_a_title_and_a_sentence(say: Callable[[Exception], Trouble], error: Exception) -> None:
    told = say(error)
    assert told.title
    assert told.text.endswith(".")
    assert "planted" not in f"{told}"


@each_way
def test_a_bug_is_told_without_its_message(say: Callable[[Exception], Trouble]) -> None:
    told = say(BUG)
    assert "something unexpected" in told.text.lower()
    assert told.details == "KeyError"
    assert "planted" not in f"{told}"


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (EVERY[7], "Error: access_denied\nCode: AADSTS65004\nCorrelation id: the-id"),
        (EVERY[14], "Failed check: nonce"),
        (EVERY[5], "Host: idp.example\nCause: dns"),
        (EVERY[6], "Host: idp.example"),
        (EVERY[18], "HTTP status: 404"),
        (EVERY[0], "Setting: AUTHORITY, from the environment"),
        (EVERY[8], ""),
    ],
)
def test_the_details_are_what_support_asks_for(error: Exception, details: str) -> None:
    assert of_sign_out(error).details == details


@pytest.mark.parametrize(
    ("error", "code"), [("consent_required", ""), ("invalid_scope", ""), ("invalid_grant", "65001"), ("x", "90094")]
)
def test_reading_alone_is_offered_when_consent_is_what_is_missing(error: str, code: str) -> None:
    refused = errors.SignInError(SAID, error=error, code=code)
    assert of_sign_in(refused, can_read_only=True).step is NextStep.SIGN_IN_READ_ONLY
    assert of_sign_in(refused).step is not NextStep.SIGN_IN_READ_ONLY, "not twice"
    other = errors.SignInError(SAID, error="access_denied", code="65004")
    assert of_sign_in(other, can_read_only=True).step is NextStep.SIGN_IN


@pytest.mark.parametrize(
    ("error", "adding", "step"),
    [
        (errors.InteractionRequired(SAID), False, NextStep.SIGN_IN),
        (errors.ApiUnauthorized(SAID), True, NextStep.SIGN_IN),
        (errors.ApiForbidden(SAID), True, NextStep.NONE),
        (errors.ApiForbidden(SAID), False, NextStep.NONE),
        (errors.NetworkError(SAID, host="x"), True, NextStep.TRY_AGAIN),
        (BUG, False, NextStep.TRY_AGAIN),
    ],
)
def test_the_next_step_of_a_list_is_what_mends_it(error: Exception, adding: bool, step: NextStep) -> None:
    assert of_todos(error, adding=adding).step is step


def test_a_code_that_ran_out_at_the_provider_has_details_too() -> None:
    ended = of_sign_in(errors.SignInTimedOut(SAID, error="expired_token", code="70019", correlation_id="the-id"))
    assert ended.details == "Error: expired_token\nCode: AADSTS70019\nCorrelation id: the-id"
    assert of_sign_in(errors.SignInTimedOut(SAID)).details == ""


def test_a_sign_in_that_was_cancelled_is_no_alarm() -> None:
    assert of_sign_in(errors.SignInCancelled(SAID)).calm


@pytest.mark.parametrize("error", [errors.VaultLocked(SAID), errors.StoredFormatError(SAID)])
def test_a_vault_that_cannot_be_opened_is_tried_again(error: Exception) -> None:
    assert of_start(error).step is NextStep.TRY_AGAIN
    assert of_sign_in(error).title == "The sign-in could not be saved"


@pytest.mark.parametrize("error", [*EVERY, BUG], ids=lambda error: type(error).__name__)
def test_no_error_of_the_programs_own_shows_a_challenge_in_its_repr(error: Exception) -> None:
    assert isinstance(error, KeyError) or "planted" not in f"{error!r} {error}"


# Fields by these names hold what lets somebody in, or names somebody.
CONFIDENTIAL = {
    "access_token", "account_id", "address", "answer_with", "body", "claims", "client_secret", "code", "current",
    "daemon_client_secret", "description", "flow", "headers", "link", "login_hint", "name", "nonce", "owner",
    "parameters", "password", "secret", "state", "subject", "token", "tokens", "uri", "value", "verifier",
}  # fmt: skip
HARMLESS = {
    ("NeedsInteraction", "claims"),  # a challenge says what is wanted, of whom it does not
    ("InteractionWanted", "claims"),
    ("DeviceCode", "address"),  # of a page that is the same for everybody
    ("CodeShown", "code"),  # a DeviceCode, which keeps its own secrets
    ("SignInAttempt", "code"),
    ("Claim", "name"),  # of a claim, not of a person
    ("ClaimRow", "name"),
    ("ClaimRow", "value"),  # a row is made to be shown, and is kept and logged nowhere
}


def dataclasses_of_the_core() -> list[type]:
    modules = pkgutil.walk_packages(ciam_desktop.core.__path__, "ciam_desktop.core.")
    found = {
        kind
        for module in modules
        for _name, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        if dataclasses.is_dataclass(kind)
        and "__repr__" in vars(kind)
        and kind.__module__.startswith("ciam_desktop.core")
    }
    return sorted(found, key=lambda kind: f"{kind.__module__}.{kind.__qualname__}")


IDENTITY = [
    kind for kind in dataclasses_of_the_core() if ".identity." in kind.__module__ or ".todos." in kind.__module__
]


@pytest.mark.parametrize("kind", [*IDENTITY], ids=lambda kind: kind.__name__)
def test_no_dataclass_about_people_shows_a_confidential_field(kind: type) -> None:
    shown = {each.name for each in dataclasses.fields(kind) if each.repr} & CONFIDENTIAL
    assert {(kind.__name__, name) for name in shown} <= HARMLESS
