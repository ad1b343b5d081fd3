"""From a provider's refusal to a sentence: each documented code has one, and the provider's own text gets nowhere."""

from __future__ import annotations

import pytest

from ciam_desktop.core.advice import mending, refusal
from ciam_desktop.core.errors import InteractionRequired, SignInError
from ciam_desktop.core.next_step import NextStep

# What is documented, written down a second time: the code, and a word of what to say.
CODES = {
    50011: "return address", 700016: "client id", 90002: "tenant", 50049: "host", 7000218: "public client",
    9002326: "another platform", 700025: "must not send a secret", 7000215: "not its id", 7000222: "not its id",
    700027: "certificate", 65001: "administrator", 650057: "administrator", 90094: "administrator", 65004: "declined",
    500011: "application id URI", 70011: "application id URI", 28002: "application id URI", 700022: "Two APIs",
    50076: "in the browser", 50079: "in the browser", 50074: "in the browser", 50078: "in the browser",
    53003: "policy", 50020: "another account", 90072: "another account", 50034: "another account",
    16000: "another account", 500208: "ciamlogin", 90023: "domain hint", 50126: "password", 50053: "locked",
    50057: "disabled", 50058: "Sign in", 70008: "expired", 700082: "expired", 50173: "revoked", 50089: "expired",
    54005: "used twice", 501481: "Start again", 70016: "other device", 70019: "other device", 70018: "other device",
    50196: "Too many", 90006: "passing problem", 90033: "out of order", 50087: "passing problem",
    1100001: "administrator", 50055: "password has expired", 50144: "organisation",
}  # fmt: skip
ID = "Correlation ID: 0ad2bc11-2222-4333-8444-555555555555"
SILENT = ["invalid_grant", "interaction_required", "login_required", "consent_required"]
OTHERS = ["access_denied", "invalid_client", "invalid_scope", "server_error", "temporarily_unavailable", "made_up", ""]


@pytest.mark.parametrize(("code", "word"), CODES.items())
def test_every_documented_code_has_its_sentence(code: int, word: str) -> None:
    error = refusal({"error": "some_error", "error_description": f"AADSTS{code}: planted text. Trace ID: planted"})
    assert word in str(error)
    assert (error.code, error.error) == (str(code), "some_error")
    assert "planted" not in f"{error} {vars(error)}"


@pytest.mark.parametrize("code", CODES)
def test_every_documented_code_has_a_step_that_mends_it(code: int) -> None:
    step = mending(refusal({"error": "some_error", "error_codes": [code]}))
    assert (step is NextStep.NONE) is (code == 50196), "after too many requests there is nothing but waiting"
    assert step is not None


def test_codes_come_without_text_and_the_first_that_says_something_counts() -> None:
    assert refusal({"error": "x", "error_codes": [70043, 50076]}).code == "50076"
    assert refusal({"error": "x", "error_codes": [70043]}).code == "70043"
    both = {"error": "x", "error_description": "AADSTS65001: x", "error_codes": [50076]}
    assert refusal(both).code == "65001"


@pytest.mark.parametrize(
    "codes", ["65001", 65001, [True], [65001.0], ["65001"], [7], [10**9], [None], [[65001]], {}, [1] * 11 + [65001]]
)
def test_what_is_no_list_of_codes_tells_nothing(codes: object) -> None:
    assert refusal({"error": "x", "error_codes": codes}).code == ""


@pytest.mark.parametrize(
    ("suberror", "words"),
    [
        ("consent_required", "not been granted"),
        ("bad_token", "not take the saved sign-in"),
        ("token_expired", "saved sign-in has expired"),
        ("client_mismatch", "another app"),
        ("protection_policy_required", "protected in a way"),
        ("device_authentication_failed", "a device that it knows"),
        ("user_password_expired", "password has expired"),
        ("basic_action", "ask you something"),
        ("additional_action", "outside this program"),
        ("message_only", "a message for you"),
    ],
)
def test_a_suberror_without_a_code_has_its_own_sentence(suberror: str, words: str) -> None:
    error = refusal({"error": "invalid_grant", "suberror": suberror}, silent=True)
    assert words in str(error)
    assert (error.suberror, error.code) == (suberror, "")
    assert mending(error)
    coded = refusal({"error": "invalid_grant", "suberror": suberror, "error_codes": [53003]})
    assert "A policy of the tenant blocks" in str(coded), "the number is closer"


@pytest.mark.parametrize("suberror", ["", "made_up", "planted secret", ["bad_token"], 7, None])
def test_an_unknown_suberror_changes_nothing(suberror: object) -> None:
    error = refusal({"error": "invalid_grant", "suberror": suberror})
    assert str(error) == str(refusal({"error": "invalid_grant"}))
    assert "planted" not in error.suberror


def test_of_an_unknown_refusal_nothing_is_known() -> None:
    assert mending(refusal({"error": "made_up"})) is None


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
    assert str(error) == "The provider has an error of its own. Try again in a minute."


@pytest.mark.parametrize("end", [" ", "\r\n"])
def test_a_redirect_has_the_correlation_id_among_the_words_of_its_description(end: str) -> None:
    said = (
        "AADSTS65004: planted.",
        "Trace ID: planted",
        "Correlation ID: 0ad2Bc11-2222-4333-8444-555555555555",
        "At: 1",
    )
    error = refusal({"error": "access_denied", "error_description": end.join(said)})
    assert error.correlation_id == "0ad2Bc11-2222-4333-8444-555555555555"
    assert "planted" not in f"{error} {vars(error)}"


@pytest.mark.parametrize("said", ["Correlation ID: <b>planted</b>", f"Correlation ID: {'a' * 37}", "x" * 9000 + ID])
def test_what_is_no_correlation_id_there_is_none(said: str) -> None:
    assert refusal({"error": "access_denied", "error_description": said}).correlation_id == ""


def test_an_answer_without_anything_is_a_refusal() -> None:
    assert str(refusal({})) == "The provider refused the sign-in (no reason given)."
