"""Sign-in on another device: what may be shown and asked, on pure values and against a provider on real TLS sockets."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ciam_desktop.core.errors import CiamError, NetworkError, SignInError, SignInTimedOut
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.device_code import DeviceCode, addresses, read_device_code
from ciam_desktop.core.identity.people import People
from ciam_desktop.core.identity.person import Person
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.identity.vault import Entry
from tests.core.bench import ACCOUNT, READ, WRITE, Bench, told
from tests.doubles.https_server import Reply
from tests.doubles.provider import CLIENT, TENANT

NOW = 1_800_000_000.0
ELSEWHERE = "https://id.example/realms/x"
HERE = "https://localhost:8443/x"
PAGE = "https://id.example/device"


def answer(**changes: Any) -> dict[str, Any]:
    """What MSAL makes of a device authorization response; a change to None leaves a name out."""
    sound = {
        "device_code": "planted-device",
        "user_code": "WDJB-MJHT",
        "verification_uri": PAGE,
        "expires_in": 900,
        "interval": 5,
    }
    return {name: value for name, value in (sound | changes).items() if value is not None}


def read(authority: str = ELSEWHERE, *, issuer: str = "", **changes: Any) -> DeviceCode:
    return read_device_code(answer(**changes), authority=authority, issuer=issuer or authority, scopes=(READ,), now=NOW)


def test_a_sound_answer_is_shown_as_it_is() -> None:
    code = read()
    assert (code.user_code, code.address, code.complete_address) == ("WDJB-MJHT", PAGE, "")
    assert (code.expires_at, code.interval, code.scopes) == (NOW + 900, 5, (READ,))
    assert code.flow["device_code"] == "planted-device"
    assert "planted" not in repr(code)
    assert "WDJB" not in repr(code)


@pytest.mark.parametrize(
    "authority",
    [
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/v2.0",
        f"https://contoso.ciamlogin.com/{TENANT}/v2.0",
    ],
)
@pytest.mark.parametrize("named", ["https://login.microsoft.com/device", "http://elsewhere.example", "", 7, None])
def test_an_external_tenants_page_is_its_own_whatever_the_answer_names(authority: str, named: Any) -> None:
    code = read(authority, verification_uri=named, verification_uri_complete=f"{named}?code=x")
    assert (code.address, code.complete_address) == ("https://contoso.ciamlogin.com/common/oauth2/deviceauth", "")


def test_a_tenant_that_is_known_by_its_id_has_its_page_on_the_same_host() -> None:
    host = f"https://{TENANT}.ciamlogin.com"
    assert read(f"{host}/{TENANT}/v2.0").address == f"{host}/common/oauth2/deviceauth"


def test_a_tenant_under_a_domain_of_its_choice_has_its_page_there() -> None:
    authority = f"https://login.contoso.example/{TENANT}/v2.0"
    code = read(authority, issuer=f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0")
    assert code.address == "https://login.contoso.example/common/oauth2/deviceauth"


@pytest.mark.parametrize("authority", ["https://ciamlogin.com.id.example/x", "https://id.example/a.ciamlogin.com/v2.0"])
def test_a_name_that_only_looks_like_an_external_tenants_gets_no_such_page(authority: str) -> None:
    assert read(authority).address == PAGE


@pytest.mark.parametrize(
    ("address", "authority"),
    [
        (PAGE, ELSEWHERE),
        ("https://ID.example:8443", ELSEWHERE),
        (f"{PAGE}?lang=de", ELSEWHERE),
        ("http://localhost:8080/device", HERE),
        ("http://127.0.0.1/device", HERE),
        ("http://[::1]:1/device", HERE),
    ],
)
def test_a_page_is_https_or_on_this_computer_as_its_provider_is(address: str, authority: str) -> None:
    assert read(authority, verification_uri=address).address == address


@pytest.mark.parametrize(
    ("address", "authority"),
    [
        (None, ELSEWHERE),
        ("", ELSEWHERE),
        (7, ELSEWHERE),
        ([PAGE], ELSEWHERE),
        ("id.example/device", ELSEWHERE),
        ("http://id.example/device", ELSEWHERE),
        ("http://localhost/device", ELSEWHERE),
        ("http://id.example/device", HERE),
        ("http://localhost.id.example/device", HERE),
        ("http://localhost@id.example/device", HERE),
        ("https://localhost\\@id.example/device", ELSEWHERE),
        ("https://user:pass@id.example/device", ELSEWHERE),
        ("https://id.example/device#x", ELSEWHERE),
        ("https://id.example/de vice", ELSEWHERE),
        ("https://id.example/device\n", ELSEWHERE),
        ("https://id.example/\u202edevice", ELSEWHERE),
        ("https://id.example:port/device", ELSEWHERE),
        ("https://[id.example/device", ELSEWHERE),
        ("https:///device", ELSEWHERE),
        ("https://id.example/" + "x" * 500, ELSEWHERE),
        ("javascript:alert(1)", ELSEWHERE),
        ("file:///device", HERE),
    ],
)
def test_a_page_that_cannot_be_trusted_is_refused_in_one_sentence(address: Any, authority: str) -> None:
    with pytest.raises(SignInError, match=r"^The provider names an unusable page for the other device; ") as caught:
        read(authority, verification_uri=address)
    assert "id.example" not in told(caught.value)


@pytest.mark.parametrize(
    ("complete", "shown"),
    [
        (f"{PAGE}?user_code=WDJB-MJHT", True),
        (PAGE, True),
        ("https://id.example/device/other?user_code=WDJB-MJHT", False),
        ("https://elsewhere.example/device?user_code=WDJB-MJHT", False),
        ("https://id.example:8443/device?user_code=WDJB-MJHT", False),
        ("http://id.example/device?user_code=WDJB-MJHT", False),
        ("https://id.example@elsewhere.example/device", False),
        (f"{PAGE}?x=" + "x" * 500, False),
        (f"{PAGE}?a b", False),
        (None, False),
        ([], False),
    ],
)
def test_a_page_that_holds_the_code_is_the_same_page(complete: Any, shown: bool) -> None:
    assert read(verification_uri_complete=complete).complete_address == (complete if shown else "")


@pytest.mark.parametrize("user_code", ["A", "0123456789", "WDJB-MJHT", "abc-DEF-123", "X" * 20])
def test_a_plain_code_is_shown(user_code: str) -> None:
    assert read(user_code=user_code).user_code == user_code


@pytest.mark.parametrize(
    "user_code", [None, "", "-", "X" * 21, "AB CD", "AB\nCD", "<b>A</b>", "АBC", "１２３", "A_B", 1234, ["A"]]
)
def test_a_code_that_nobody_can_type_is_refused(user_code: Any) -> None:
    with pytest.raises(SignInError, match="cannot be typed"):
        read(user_code=user_code)


@pytest.mark.parametrize("device_code", [None, "", 7, ["planted"]])
def test_an_answer_without_a_device_code_is_refused(device_code: Any) -> None:
    with pytest.raises(SignInError, match="cannot be read"):
        read(device_code=device_code)


@pytest.mark.parametrize(
    ("expires_in", "lifetime"), [(1, 1), (900, 900), (1800, 1800), (1801, 1800), (86400, 1800), (10**30, 1800)]
)
def test_a_code_is_good_for_half_an_hour_at_most(expires_in: int, lifetime: int) -> None:
    assert read(expires_in=expires_in).expires_at == NOW + lifetime


@pytest.mark.parametrize("expires_in", [None, 0, -1, "soon", True, 1.5, [900]])
def test_a_lifetime_that_is_none_is_refused(expires_in: Any) -> None:
    with pytest.raises(SignInError, match="cannot be read"):
        read(expires_in=expires_in)


@pytest.mark.parametrize(
    ("interval", "seconds"), [(1, 1), (5, 5), (60, 60), (61, 60), (10**9, 60), (0, 5), (-5, 5), (None, 5), ("x", 5)]
)
def test_the_pause_between_two_questions_has_bounds(interval: Any, seconds: int) -> None:
    code = read(interval=interval)
    assert code.interval == seconds
    assert code.flow["interval"] == 1, "MSAL asks for ever with 0"


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3)
NAMES = ["device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval"]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.sampled_from([ELSEWHERE, HERE]))
def test_any_answer_is_a_sound_code_or_a_sentence(changes: dict[str, Any], authority: str) -> None:
    try:
        code = read_device_code(answer() | changes, authority=authority, issuer=authority, scopes=(), now=NOW)
    except SignInError:
        return
    assert 0 < len(code.user_code) <= 20
    assert NOW < code.expires_at <= NOW + 1800
    assert 1 <= code.interval <= 60
    for shown in (code.address, code.complete_address or code.address):
        assert urlsplit(shown).scheme in ("https", "http")


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii")), st.text(st.characters(codec="ascii")))
def test_any_address_is_refused_or_names_the_host_that_is_shown(host: str, path: str) -> None:
    try:
        address, _complete = addresses({"verification_uri": f"https://{host}/{path}"}, ELSEWHERE, ELSEWHERE)
    except SignInError:
        return
    assert urlsplit(address).netloc == re.split("[/?]", host)[0]
    assert not set(host) & set("@\\# ")


# Against a provider.


def begun(bench: Bench, **options: str) -> DeviceCode:
    return bench.people.begin_device([READ, WRITE], **options)


def refuse(bench: Bench, error: str, **more: str) -> None:
    bench.answer(Reply(400, body=json.dumps({"error": error, **more}).encode()))


def test_a_confirmed_code_signs_in_with_one_write(bench: Bench) -> None:
    code = begun(bench)
    assert (code.user_code, code.interval) == ("WDJB-MJHT", 5)
    assert code.address == f"{bench.idp.server.url}/device"
    assert code.complete_address == f"{code.address}?user_code=WDJB-MJHT"
    assert 890 < code.expires_at - time.time() <= 900
    assert bench.vault.writes == 0
    person = bench.people.poll_device(code)
    assert isinstance(person, Person)
    assert (person.account_id, person.scopes) == (ACCOUNT, frozenset({READ, WRITE}))
    assert bench.vault.writes == 1
    assert bench.people.restore() == ((person,), ACCOUNT)
    assert bench.people.access_token(ACCOUNT).value == "planted-access-1"
    assert bench.people.access_token(ACCOUNT, renew=True).value == "planted-access-2"


def test_an_answer_that_does_not_say_what_was_granted_granted_all(bench: Bench) -> None:
    bench.answer_with(scope=None, refresh_token=None)
    assert bench.sign_in_elsewhere().scopes == {READ, WRITE}
    bench.answer(Reply(503))
    assert bench.people.access_token(ACCOUNT).value == "planted-access-1", "kept for what was asked for"


def test_the_requests_are_what_the_rfc_asks_for(bench: Bench) -> None:
    claims = '{"access_token": {"acrs": {"essential": true, "value": "c1"}}}'
    bench.people.poll_device(begun(bench, claims=claims, language="de-DE"))
    (asked,), (polled,) = bench.idp.device_forms(), bench.idp.token_forms()
    assert asked["client_id"] == CLIENT
    assert {"openid", "profile", "offline_access", READ, WRITE} == set(asked["scope"].split())
    assert json.loads(asked["claims"]) == json.loads(polled["claims"]) == json.loads(claims)
    assert polled["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
    assert (polled["client_id"], polled["device_code"]) == (CLIENT, "planted-device-1")
    request = next(each for each in bench.idp.server.requests if each.path.endswith("/devicecode"))
    assert parse_qs(urlsplit(request.target).query) == {"ui_locales": ["de-DE"], "mkt": ["de-DE"]}


def test_each_poll_is_one_question_and_slow_down_makes_the_next_pauses_longer(bench: Bench) -> None:
    code = first = begun(bench)
    for number, (error, interval) in enumerate(
        [("authorization_pending", 5), ("slow_down", 10), ("authorization_pending", 10), ("slow_down", 15)], 1
    ):
        refuse(bench, error)
        started = time.monotonic()
        polled = bench.people.poll_device(code)
        assert time.monotonic() - started < 1, "it does not wait"
        assert isinstance(polled, DeviceCode)
        assert (polled.interval, len(bench.idp.token_forms())) == (interval, number)
        assert replace(polled, interval=5) == first
        code = polled
    bench.idp.answering = lambda _form: None
    assert isinstance(bench.people.poll_device(code), Person)
    assert {form["device_code"] for form in bench.idp.token_forms()} == {"planted-device-1"}


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("expired_token", SignInTimedOut, "has expired; start again"),
        ("access_denied", SignInError, "declined"),
        ("invalid_grant", SignInError, "expired or was revoked"),
        ("unauthorized_client", SignInError, "may not sign in this way"),
        ("planted odd", SignInError, "no reason given"),
    ],
)
def test_a_refusal_ends_it_with_its_own_sentence(bench: Bench, error: str, kind: type[SignInError], words: str) -> None:
    code = begun(bench)
    refuse(bench, error, error_description="planted", correlation_id="11112222-0000")
    with pytest.raises(kind, match=words) as caught:
        bench.people.poll_device(code)
    assert type(caught.value) is kind
    assert caught.value.correlation_id == "11112222-0000"
    assert "planted" not in told(caught.value)
    assert (bench.vault.writes, bench.vault.read()) == (0, Entry())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(503),
        Reply(raw=b""),
        Reply(400, body=b'{"error": "temporarily_unavailable"}'),
        Reply(400, body=b'{"error": "server_error"}'),
    ],
)
def test_a_code_outlives_an_outage(bench: Bench, reply: Reply) -> None:
    code = begun(bench)
    bench.answer(reply)
    with pytest.raises(NetworkError):
        bench.people.poll_device(code)
    bench.idp.answering = lambda _form: None
    assert isinstance(bench.people.poll_device(code), Person)


def test_a_code_that_has_expired_is_not_asked_for(bench: Bench) -> None:
    code = replace(begun(bench), expires_at=time.time() - 1)
    with pytest.raises(SignInTimedOut):
        bench.people.poll_device(code)
    assert bench.idp.token_forms() == []


def test_a_provider_without_such_a_sign_in_is_a_sentence_before_anything_is_sent(bench: Bench) -> None:
    bench.idp.changes = {"device_authorization_endpoint": None}
    with pytest.raises(SignInError, match="does not offer sign-in on another device"):
        begun(bench)
    assert {request.method for request in bench.idp.server.requests} == {"GET"}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(400, body=b'{"error": "invalid_scope"}'), SignInError),
        (Reply(401, body=b'{"error": "invalid_client", "error_description": "AADSTS7000218: planted"}'), SignInError),
        (Reply(307, (("Location", "/elsewhere"),)), SignInError),
        (Reply(body=b"{}"), SignInError),
        (Reply(body=b"[]"), SignInError),
        (Reply(body=b"planted"), SignInError),
        (Reply(503), NetworkError),
        (Reply(raw=b""), NetworkError),
    ],
)
def test_a_refused_request_for_a_code_is_a_sentence(bench: Bench, reply: Reply, kind: type[CiamError]) -> None:
    bench.idp.device_answering = lambda _form: reply
    with pytest.raises(kind) as caught:
        begun(bench)
    assert "planted" not in told(caught.value)


ODD: list[dict[str, Any]] = [
    {"expires_in": "soon"},
    {"expires_in": -1},
    {"expires_in": []},
    {"expires_in": float("nan")},
    {"expires_in": float("inf")},
    {"interval": "often"},
    {"interval": {}},
    {"user_code": "<b>"},
    {"device_code": None},
    {"device_code": 7},
    {"verification_uri": "http://elsewhere.example/"},
]


@pytest.mark.parametrize("changes", ODD, ids=repr)
def test_an_odd_answer_to_a_request_for_a_code_is_a_sentence(bench: Bench, changes: dict[str, Any]) -> None:
    bench.idp.device_answering = lambda _form: bench.idp.device(**changes)
    with pytest.raises(SignInError) as caught:
        begun(bench)
    assert "planted" not in told(caught.value)


@pytest.mark.parametrize(
    ("changes", "lifetime", "interval"),
    [
        ({"expires_in": 86400}, 1800, 5),
        ({"expires_in": "600", "interval": "7"}, 600, 7),
        ({"expires_in": None, "interval": None}, 1800, 5),
        ({"interval": 0}, 900, 5),
        ({"interval": 3600}, 900, 60),
    ],
)
def test_odd_times_are_brought_into_bounds(bench: Bench, changes: dict[str, Any], lifetime: int, interval: int) -> None:
    bench.idp.device_answering = lambda _form: bench.idp.device(**changes)
    code = begun(bench)
    assert lifetime - 10 < code.expires_at - time.time() <= lifetime
    assert code.interval == interval
    refuse(bench, "authorization_pending")
    assert bench.people.poll_device(code) == code
    assert len(bench.idp.token_forms()) == 1


def test_a_sign_in_asks_for_the_providers_settings_anew(bench: Bench) -> None:
    def asked() -> int:
        return sum(request.path.endswith("/openid-configuration") for request in bench.idp.server.requests)

    bench.begin()
    before = asked()
    bench.begin()
    assert asked() == before + 1
    begun(bench)
    assert asked() == before + 2
    bench.idp.changes = {"device_authorization_endpoint": None}
    with pytest.raises(SignInError):
        begun(bench)
    bench.idp.changes = {}
    assert begun(bench).user_code == "WDJB-MJHT", "another try is not answered from what was wrong"


def test_a_code_of_another_program_does_not_help_this_one(bench: Bench) -> None:
    http = HttpClient(bench.idp.ca_file, only=True)
    other = People(CLIENT, Provider(bench.idp.authority, http), bench.vault, http)
    code = begun(bench)
    assert isinstance(other.poll_device(code), Person), "a code is a value: any program of the vault may ask with it"
    http.close()
    refuse(bench, "invalid_grant")
    with pytest.raises(SignInError):
        bench.people.poll_device(code)
