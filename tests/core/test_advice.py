"""From a provider's refusal to a sentence: each documented code has one, and the provider's own text gets nowhere."""

from __future__ import annotations

import pytest

from ciam_desktop.core.advice import refusal
from ciam_desktop.core.errors import InteractionRequired, SignInError

# What is documented, written down a second time: the code, and a word of what to say.
CODES = {
    50011: "return address", 700016: "client id", 90002: "client id", 50049: "client id", 7000218: "public client",
    9002326: "another platform", 700025: "must not send a secret", 7000215: "not its id", 7000222: "not its id",
    700027: "certificate", 65001: "administrator", 650057: "administrator", 90094: "administrator", 65004: "declined",
    500011: "application id URI", 70011: "application id URI", 28002: "application id URI", 700022: "Two APIs",
    50076: "in the browser", 50079: "in the browser", 50074: "in the browser", 50078: "in the browser",
    53003: "policy", 50020: "another account", 90072: "another account", 50034: "another account",
    16000: "another account", 500208: "ciamlogin", 90023: "domain hint", 50126: "password", 50053: "locked",
    50057: "disabled", 50058: "Sign in", 70008: "expired", 700082: "expired", 50173: "revoked", 50089: "expired",
    54005: "used twice", 501481: "Start again", 70016: "other device", 70019: "other device", 70018: "other device",
    50196: "Too many", 90006: "passing problem", 90033: "passing problem", 50087: "passing problem",
    1100001: "administrator",
}  # fmt: skip
SILENT = ["invalid_grant", "interaction_required", "login_required", "consent_required"]
OTHERS = ["access_denied", "invalid_client", "invalid_scope", "server_error", "temporarily_unavailable", "made_up", ""]


@pytest.mark.parametrize(("code", "word"), CODES.items())
def test_every_documented_code_has_its_sentence(code: int, word: str) -> None:
    error = refusal({"error": "some_error", "error_description": f"AADSTS{code}: planted text. Trace ID: planted"})
    assert word in str(error)
    assert (error.code, error.error) == (str(code), "some_error")
    assert "planted" not in f"{error} {vars(error)}"


@pytest.mark.parametrize("error", SILENT)
@pytest.mark.parametrize("code", [None, 65001, 50076, 700082, 99999])
def test_only_the_oauth_error_decides_what_a_person_can_answer(error: str, code: int | None) -> None:
    answer = {"error": error, "error_description": f"AADSTS{code}: x" if code else "x"}
    assert type(refusal(answer, silent=True)) is InteractionRequired
    assert type(refusal(answer)) is SignInError, "somebody was asked already"


@pytest.mark.parametrize("error", OTHERS)
@pytest.mark.parametrize("code", [65001, 50076, 700082])
def test_a_code_alone_opens_no_browser(error: str, code: int) -> None:
    answer = {"error": error, "error_description": f"AADSTS{code}: x"}
    assert type(refusal(answer, silent=True)) is SignInError


@pytest.mark.parametrize(
    "description",
    ["AADSTS\u0663\u0664\u0665\u0666: x", "AADSTS123: x", "AADSTS12345678: x", "aadsts65004", "", None, 7, [], {}],
)
def test_what_is_no_code_is_none(description: object) -> None:
    assert refusal({"error": "x", "error_description": description}).code == ""


@pytest.mark.parametrize(
    "value", ["planted value", "planted\n", "x" * 81, "<b>", "\u0430", "", None, 7, ["a"], {"a": 1}]
)
def test_only_identifiers_are_repeated(value: object) -> None:
    error = refusal({"error": value, "correlation_id": value})
    assert (error.error, error.correlation_id) == ("", "")
    assert str(error) == "The provider refused the sign-in (no reason given)."


def test_an_identifier_is_kept_for_support() -> None:
    error = refusal({"error": "server_error", "correlation_id": "11111111-2222-4333-8444-555555555555"})
    assert error.correlation_id == "11111111-2222-4333-8444-555555555555"
    assert str(error) == "The provider has a passing problem."


def test_an_answer_without_anything_is_a_refusal() -> None:
    assert str(refusal({})) == "The provider refused the sign-in (no reason given)."
