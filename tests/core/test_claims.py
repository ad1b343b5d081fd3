"""Proves that every claim is explained once, printed truthfully and can neither raise nor control the screen."""

from __future__ import annotations

import gettext
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciam_desktop import i18n
from ciam_desktop.core.identity.claims import CLAIMS, ClaimRow, Kind, explain, how_long

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 22, 13, 7, 9, tzinfo=UTC)
STAMP = int(NOW.timestamp())
BIDI = "\u202e"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([claim.name for claim in CLAIMS]) | st.text()


class MarkingTranslations(gettext.NullTranslations):
    """Puts every sentence that goes through gettext between angle brackets."""

    def gettext(self, message: str) -> str:
        return f"<{message}>"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"<{msgid1 if n == 1 else msgid2}>"


@pytest.fixture
def marked() -> Iterator[None]:
    i18n.use(MarkingTranslations())
    yield
    i18n.use(gettext.NullTranslations())


@pytest.fixture
def two_hours_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("this system cannot change a process's time zone")
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XST-2")
        time.tzset()
        yield
    time.tzset()


def row(name: str, value: object) -> ClaimRow:
    (only,) = explain({name: value}, now=NOW)
    return only


def test_the_table_names_each_claim_once_and_says_what_it_means() -> None:
    names = [claim.name for claim in CLAIMS]
    assert len(names) == len(set(names))
    for claim in CLAIMS:
        assert claim.kind in get_args(Kind), claim.name
        assert claim.label, claim.name
        assert claim.meaning.endswith("."), claim.name
        assert "%" not in claim.label + claim.meaning, claim.name


@pytest.mark.parametrize(
    "names",
    [
        pytest.param("aud iss iat nbf exp aio name nonce oid preferred_username rh sid sub tid uti ver", id="ID token"),
        pytest.param("email login_hint given_name family_name idp roles groups auth_time acrs", id="optional"),
        pytest.param("aud azp azpacr scp roles idtyp oid sub tid uti ver appid appidacr", id="access token"),
        pytest.param(
            "sub name given_name family_name middle_name nickname preferred_username profile picture website email "
            "email_verified gender birthdate zoneinfo locale phone_number phone_number_verified address updated_at",
            id="OpenID Connect Core 5.1",
        ),
        pytest.param("iss sub aud exp nbf iat jti", id="RFC 7519"),
        pytest.param("client_id scope groups roles entitlements auth_time acr amr", id="RFC 9068"),
    ],
)
def test_claims_of_the_standards_and_of_the_provider_are_known(names: str) -> None:
    known = {claim.name for claim in CLAIMS}
    assert set(names.split()) <= known


def test_rows_come_as_who_which_for_whom_when_session_permissions_and_then_by_name() -> None:
    claims = dict.fromkeys(
        ["ver", "zebra", "roles", "nonce", "exp", "iss", "aud", "sub", "oid", "email", "name", "aio"], "x"
    )
    shown = [each.name for each in explain(claims, now=NOW)]
    assert shown == ["name", "email", "oid", "sub", "aud", "iss", "exp", "nonce", "roles", "aio", "ver", "zebra"]


@pytest.mark.usefixtures("two_hours_east")
@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (STAMP + 58 * 60, "2026-11-22 16:05:09 (in 58 minutes)"),
        (STAMP + 0.75, "2026-11-22 15:07:09 (just now)"),
        (STAMP - 3 * 86400, "2026-11-19 15:07:09 (3 days ago)"),
    ],
)
def test_a_time_is_printed_in_local_time_with_how_far_off_it_is(value: float, printed: str) -> None:
    assert row("exp", value).value == printed


def test_a_time_is_told_from_the_present_moment_by_default() -> None:
    (only,) = explain({"exp": datetime.now(UTC).timestamp() + 600.5})
    assert only.value.endswith("(in 10 minutes)")


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("1795352829", "1795352829"),
        (-1, "-1"),
        (0, "0"),
        (1e30, "1e+30"),
        (10**400, "1" + "0" * 400),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (True, "true"),
        (None, "null"),
        ({"at": [1]}, '{"at":[1]}'),
        ([], "[]"),
        ("", '""'),
        pytest.param(10**5000, "(cannot be shown)", id="thousands of digits"),
        (b"bytes", "(cannot be shown)"),
    ],
)
def test_a_time_of_the_wrong_type_is_printed_as_it_is(value: object, printed: str) -> None:
    shown = row("exp", value)
    assert shown.value == printed
    assert shown.raw is value


@pytest.mark.parametrize(("value", "printed"), [("60", "60"), (-60, "-60"), (float("inf"), "Infinity"), (None, "null")])
def test_a_duration_of_the_wrong_type_is_printed_as_it_is(value: object, printed: str) -> None:
    assert row("pwd_exp", value).value == printed


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [
        ("roles", ["ToDo.Admin", "ToDo.Reader"], "ToDo.Admin\nToDo.Reader"),
        ("scp", "ToDoList.Read  ToDoList.ReadWrite", "ToDoList.Read\nToDoList.ReadWrite"),
        ("aud", ["one", "two"], "one\ntwo"),
        ("groups", [1, None, {"a": "b"}], '1\nnull\n{"a":"b"}'),
        ("address", {"locality": "Zürich", "country": "CH"}, '{"locality":"Zürich","country":"CH"}'),
        ("email_verified", True, "true"),
        ("email_verified", "false", "false"),
        ("xms_edov", "1", "1 (true)"),
        ("xms_edov", 0, "0 (false)"),
        ("pwd_exp", 777_661, "9 d 0 h 1 min 1 s"),
        ("name", "Zoë", "Zoë"),
        ("sub", "\u0430bc", "\\u0430bc"),
        ("ver", "2.0", "2.0"),
        ("acct", 1, "1"),
    ],
)
def test_a_value_is_printed_by_the_kind_of_its_claim(name: str, value: object, printed: str) -> None:
    assert row(name, value).value == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (f"evil{BIDI}txt", "evil\\u202etxt"),
        ("two\nlines\x1b[31m", "two\\u000alines\\u001b[31m"),
        ("half \ud83d", "half \\ud83d"),
        ("\U000e0041", "\\U000e0041"),
        ({"k": BIDI}, '{"k":"\\u202e"}'),
        ([BIDI, "\u200b"], "\\u202e\n\\u200b"),
    ],
)
def test_what_would_control_the_screen_is_shown_escaped(value: object, printed: str) -> None:
    assert row("name", value).value == printed


def test_a_claim_name_that_would_control_the_screen_is_shown_escaped() -> None:
    shown = row(f"extension_{BIDI}level", 3)
    assert shown.name == "extension_\\u202elevel"
    assert BIDI not in shown.meaning


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "extension_" + "0a" * 16 + "_loyalty_level",
            "attribute loyalty_level, kept in the tenant's directory for the app 0a0a",
        ),
        ("extension_loyalty", "attribute loyalty, kept in the tenant's directory."),
        ("extn.loyalty", "attribute loyalty, kept in the tenant's directory."),
        ("https://contoso.example/claims/level", "Named by an address"),
        ("http://[broken", "Named by an address"),
        ("urn:contoso:level", "Named by an address"),
        ("xms_new", "Added by Microsoft Entra"),
        ("loyalty", "Not one of the standard claims"),
        ("", "Not one of the standard claims"),
        ("extension_", "Not one of the standard claims"),
    ],
)
def test_an_unknown_claim_says_plainly_who_added_it(name: str, says: str) -> None:
    shown = row(name, "gold")
    assert says in shown.meaning
    assert shown.label == ""


def test_keys_to_store_and_names_to_only_show_are_told_apart() -> None:
    for key in ("oid", "sub"):
        assert "Store it together with" in row(key, "x").meaning
    for changing in ("preferred_username", "email", "upn"):
        assert "never use it as a key or for authorization" in row(changing, "x").meaning


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "just now"),
        (4.9, "just now"),
        (-4.9, "just now"),
        (5, "in 5 seconds"),
        (-90, "90 seconds ago"),
        (2 * 60, "in 2 minutes"),
        (3599, "in 59 minutes"),
        (-7199, "119 minutes ago"),
        (7200, "in 2 hours"),
        (-47 * 3600, "47 hours ago"),
        (2 * 86400, "in 2 days"),
        (-400 * 86400, "400 days ago"),
        (3 * 366 * 86400, "in 3 years"),
        (-10 * 366 * 86400, "10 years ago"),
    ],
)
def test_how_long_is_told_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert how_long(seconds) == said


@given(st.timedeltas(min_value=timedelta(seconds=5), max_value=timedelta(days=900_000)))
def test_how_long_never_promises_more_than_there_is(span: timedelta) -> None:
    word, amount, unit = how_long(span.total_seconds()).split()
    in_seconds = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400, "years": 31_556_952}[unit]
    assert word == "in"
    assert int(amount) >= 2
    assert int(amount) * in_seconds <= span.total_seconds() < (int(amount) + 1) * in_seconds


@pytest.mark.usefixtures("marked")
def test_every_word_for_people_goes_through_gettext() -> None:
    for shown in explain({claim.name: "x" for claim in CLAIMS} | {"loyalty": 1, "extension_a": 1, "urn:a": 1}, now=NOW):
        assert shown.meaning.startswith("<"), shown.name
        assert shown.meaning.endswith(">"), shown.name
        assert shown.label.startswith("<") or not shown.label
    assert row("exp", STAMP + 120).value.endswith("(<in 2 minutes>)>")
    assert how_long(-180) == "<3 minutes ago>"


@given(st.dictionaries(NAMES, JSON, max_size=8))
def test_any_json_in_any_claim_appears_exactly_once_and_is_safe_to_print(claims: dict[str, object]) -> None:
    rows = explain(claims, now=NOW)
    assert sorted(id(each.raw) for each in rows) == sorted(id(value) for value in claims.values())
    for each in rows:
        assert each.meaning
        assert each.value
        assert each.name.isprintable()
        assert each.value.replace("\n", "").isprintable()
        each.value.encode()


def test_nesting_that_is_too_deep_to_print_is_said_to_be_so() -> None:
    value: list[object] = []
    for _level in range(100_000):
        value = [value]
    shown = row("name", value)
    assert shown.value == "(cannot be shown)"


def test_values_survive_a_trip_through_json_unchanged() -> None:
    claims = {"exp": STAMP, "roles": ["a"], "address": {"country": "CH"}}
    assert {each.name: each.raw for each in explain(json.loads(json.dumps(claims)))} == claims


def test_the_module_is_cheap_to_load() -> None:
    code = "import sys, ciam_desktop.core.identity.claims; print(' '.join(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert not {"msal", "requests", "PySide6", "jwt", "cryptography"} & set(ran.stdout.split())
