"""Sign-in against a provider that misbehaves on real TLS sockets: nothing unproven is ever kept."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import Any

import pytest

from ciam_desktop.core.errors import CiamError, InteractionRequired, NetworkError, SignInError, TokenNotProven
from ciam_desktop.core.identity.application import Application
from ciam_desktop.core.identity.people import People
from ciam_desktop.core.identity.provider import DISCOVERY_SUFFIX, Provider
from ciam_desktop.core.identity.transport import MsalTransport, bearer_token
from ciam_desktop.core.identity.vault import Entry
from tests.core.bench import ACCOUNT, OTHER, READ, REDIRECT, WRITE, Bench, told
from tests.doubles.https_server import HttpsServer, Reply
from tests.doubles.provider import (
    CLIENT,
    CannedHttp,
    base64url,
    document_of,
    sign,
    signing_key,
)


def test_a_sound_sign_in_is_proven_and_written_once(bench: Bench) -> None:
    person = bench.sign_in()
    assert (person.account_id, person.name, person.address) == (ACCOUNT, "Planted Name", "user1@contoso.example")
    assert person.scopes == {READ, WRITE}
    assert bench.vault.writes == 1
    assert bench.in_use() == person


def test_an_authorization_request_is_what_the_rfcs_ask_for(bench: Bench) -> None:
    request = bench.begin(login_hint="user1@contoso.example", prompt="create", claims='{"a":1}', language="de-DE")
    for part in (
        "response_type=code",
        "response_mode=form_post",
        "code_challenge_method=S256",
        f"client_id={CLIENT}",
        "redirect_uri=http%3A%2F%2Flocalhost%3A5999%2Fauth%2Fredirect",
        "login_hint=user1%40contoso.example",
        "prompt=create",
        "claims=%7B%22a%22%3A1%7D",
        "ui_locales=de-DE&mkt=de-DE",
        "openid",
        "offline_access",
        READ.replace(":", "%3A").replace("/", "%2F"),
        WRITE.replace(":", "%3A").replace("/", "%2F"),
    ):
        assert part in request.uri
    assert "code_verifier" not in request.uri
    assert str(request.flow["code_verifier"]) not in request.uri
    another = bench.begin()
    for name in ("state", "nonce", "code_verifier"):
        assert len(request.flow[name]) >= 16
        assert request.flow[name] != another.flow[name]


def test_a_requests_repr_shows_none_of_its_secrets(bench: Bench) -> None:
    request = bench.begin(login_hint="user1@contoso.example")
    shown = repr(request)
    for name in ("state", "nonce", "code_verifier"):
        assert str(request.flow[name]) not in shown
    assert "user1" not in shown
    assert "code_challenge" not in shown


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "nonce wrong": ({"nonce": "another"}, "nonce"),
    "nonce missing": ({"nonce": None}, "nonce"),
    "another audience": ({"aud": OTHER}, "aud"),
    "another issuer": ({"iss": "https://elsewhere.example"}, "iss"),
    "another tenant": ({"tid": OTHER}, "tid"),
    "expired": ({"exp": 1000}, "exp"),
    "not yet valid": ({"nbf": int(time.time()) + 86400}, "nbf"),
    "azp of another app": ({"azp": OTHER}, "azp"),
}


@pytest.mark.parametrize(("changes", "check"), FORGED.values(), ids=FORGED.keys())
def test_a_sign_in_with_an_unproven_token_keeps_nothing(bench: Bench, changes: dict[str, Any], check: str) -> None:
    bench.answer_claims(**changes)
    with pytest.raises(TokenNotProven) as caught:
        bench.sign_in()
    assert caught.value.check == check
    assert (bench.vault.writes, bench.vault.read()) == (0, Entry())
    assert not any(secret in told(caught.value) for secret in bench.idp.secrets)


def test_a_sign_in_signed_by_another_key_keeps_nothing(bench: Bench) -> None:
    forged = signing_key("key-2")
    bench.idp.answering = lambda form: bench.idp.sound(form, id_token=sign(bench.idp.claims(form), forged, kid="key-1"))
    with pytest.raises(TokenNotProven) as caught:
        bench.sign_in()
    assert (caught.value.check, bench.vault.writes) == ("signature", 0)


def test_a_sign_in_by_a_key_of_today_is_proven(bench: Bench) -> None:
    bench.sign_in()
    bench.idp.key = signing_key("key-2")
    bench.provider._clock = lambda: time.monotonic() + 60
    assert bench.sign_in().verdict.key_id == "key-2"


ODD: dict[str, dict[str, Any]] = {
    "no id_token": {"id_token": None},
    "id_token empty": {"id_token": ""},
    "id_token a number": {"id_token": 7},
    "id_token a list": {"id_token": ["x"]},
    "id_token no JWT": {"id_token": "planted"},
    "id_token of null": {"id_token": f"{base64url(b'{}')}.{base64url(b'null')}."},
    "id_token nested": {"id_token": f"e30.{base64url(b'[' * 9000)}."},
    "no access_token": {"access_token": None},
    "access_token empty": {"access_token": ""},
    "access_token a number": {"access_token": 7},
    "access_token a list": {"access_token": ["planted"]},
    "access_token two lines": {"access_token": "plan\r\nted"},
    "access_token not ASCII": {"access_token": "plan\u2019ted"},
    "another token type": {"token_type": "mac"},
    "token type a list": {"token_type": ["Bearer"]},
    "scope a number": {"scope": 7},
    "scope a list": {"scope": ["a"]},
    "expires_in text": {"expires_in": "soon"},
    "expires_in a list": {"expires_in": [1]},
    "expires_in infinite": {"expires_in": float("inf")},
    "expires_in not a number": {"expires_in": float("nan")},
    "refresh_in text": {"refresh_in": "1"},
    "client_info no base64": {"client_info": "\u2019"},
    "client_info a number": {"client_info": 7},
    "client_info a list": {"client_info": base64url(b"[]"), "id_token": None},
    "client_info text": {"client_info": base64url(b'"uid utid"')},
}


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD.keys())
def test_a_token_response_of_another_shape_is_a_sentence_and_keeps_nothing(
    bench: Bench, changes: dict[str, Any]
) -> None:
    bench.answer_with(**changes)
    with pytest.raises((SignInError, TokenNotProven)) as caught:
        bench.sign_in()
    assert (bench.vault.writes, bench.vault.read()) == (0, Entry())
    assert "planted" not in told(caught.value)


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD.keys())
def test_a_renewal_of_another_shape_leaves_the_vault_sound(bench: Bench, changes: dict[str, Any]) -> None:
    person = bench.sign_in()
    kept = bench.vault.read()
    bench.answer_with(**changes)
    try:
        token = bench.people.access_token(ACCOUNT, renew=True)
    except CiamError:
        assert bench.vault.read() == kept
    else:
        assert token.value.startswith("planted-access-")
    assert bench.in_use() == person


PAGE = (("Content-Type", "text/html"),)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, PAGE, b"<html>planted"), NetworkError),
        (Reply(200, (), b""), SignInError),
        (Reply(200, (), b"[]"), SignInError),
        (Reply(200, (), b"null"), SignInError),
        (Reply(200, (), b'"planted"'), SignInError),
        (Reply(200, (), b"[" * 50_000), SignInError),
        (Reply(204, ()), SignInError),
        (Reply(400, PAGE, b"<html>planted"), SignInError),
        (Reply(400, (), b"{}"), CiamError),
        (Reply(200, (), b"{}"), CiamError),
        (Reply(500, PAGE, b"<html>planted"), NetworkError),
        (Reply(503, (), b'{"error": "planted"}'), NetworkError),
        (Reply(200, (), b" " * 1_000_001), NetworkError),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), NetworkError),
    ],
    ids=["page", "empty", "list", "null", "text", "nested", "204", "page 400", "{} 400", "{} 200", "500", "503",
         "huge", "cut"],
)  # fmt: skip
@pytest.mark.parametrize("silent", [False, True])
def test_what_is_no_token_response_keeps_nothing(
    bench: Bench, reply: Reply, kind: type[CiamError], silent: bool
) -> None:
    if silent:
        bench.sign_in()
    kept, writes = bench.vault.read(), bench.vault.writes
    bench.answer(reply)
    with pytest.raises(kind) as caught:
        bench.grant(silent=silent)
    assert (bench.vault.read(), bench.vault.writes) == (kept, writes)
    assert "planted" not in told(caught.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("silent", [False, True])
def test_a_redirect_from_the_token_endpoint_sends_nothing_elsewhere(bench: Bench, status: int, silent: bool) -> None:
    if silent:
        bench.sign_in()
    with HttpsServer(lambda _request: Reply(body=b"{}")) as elsewhere:
        bench.answer(Reply(status, (("Location", f"{elsewhere.url}/token"),)))
        with pytest.raises(SignInError, match="wanted the sign-in sent elsewhere"):
            bench.grant(silent=silent)
        assert elsewhere.requests == []
    assert len(bench.idp.token_forms()) == (2 if silent else 1)


@pytest.mark.parametrize(
    ("answer", "error", "code", "words"),
    [
        ({"error": "invalid_grant", "error_description": "AADSTS54005: used"}, "invalid_grant", "54005", "used twice"),
        ({"error": "invalid_client", "error_description": "AADSTS7000218: x"}, "invalid_client", "7000218", "public"),
        ({"error": "access_denied"}, "access_denied", "", "declined"),
        ({"error": "made_up"}, "made_up", "", r"refused the sign-in \(made_up\)"),
        ({"error": "planted secret with spaces"}, "", "", "no reason given"),
        ({"error": "x" * 500}, "", "", "no reason given"),
        ({"error": ["planted"]}, "", "", "no reason given"),
        ({"error": {"code": "planted"}}, "", "", "no reason given"),
        ({"error": 7}, "", "", "no reason given"),
        ({"error": None}, "", "", "no reason given"),
        ({"error": ""}, "", "", "no reason given"),
        ({"error": "x", "error_description": ["AADSTS65004"]}, "x", "65004", "You declined"),
        ({"error": "x", "error_description": 7, "error_codes": "planted"}, "x", "", r"\(x\)"),
        ({"error": "x", "error_description": "AADSTS99999999999: planted"}, "x", "", r"\(x\)"),
        ({"error": "x", "error_description": "AADSTS12345: planted"}, "x", "12345", r"\(x\)"),
        ({"error": "x", "correlation_id": "planted\nsecret", "trace_id": {}}, "x", "", r"\(x\)"),
        ({"error": "x", "suberror": ["planted"], "claims": 7, "timestamp": []}, "x", "", r"\(x\)"),
    ],
    ids=lambda value: json.dumps(value)[:50] if isinstance(value, dict) else None,
)  # fmt: skip
def test_a_refusal_is_a_sentence_whatever_its_fields_hold(
    bench: Bench, answer: Mapping[str, Any], error: str, code: str, words: str
) -> None:
    bench.answer(Reply(400, body=json.dumps(answer).encode()))
    with pytest.raises(SignInError, match=words) as caught:
        bench.sign_in()
    assert (caught.value.error, caught.value.code) == (error, code)
    assert "planted" not in told(caught.value)
    assert bench.vault.writes == 0


@pytest.mark.parametrize("error", ["invalid_grant", "interaction_required", "login_required", "consent_required"])
def test_a_renewal_that_wants_the_person_says_so_and_keeps_what_was_there(bench: Bench, error: str) -> None:
    bench.sign_in()
    kept = bench.vault.read()
    bench.answer(Reply(400, body=json.dumps({"error": error, "claims": '{"access_token":{}}'}).encode()))
    with pytest.raises(InteractionRequired) as caught:
        bench.people.access_token(ACCOUNT, renew=True)
    assert (caught.value.error, caught.value.claims) == (error, '{"access_token":{}}')
    assert bench.vault.read() == kept


@pytest.mark.parametrize("claims", ["{", "[]", "7", '"x"', "[" * 9000, ["x"], None, {"a": 1}])
def test_a_challenge_that_is_no_claims_request_is_not_passed_on(bench: Bench, claims: object) -> None:
    bench.sign_in()
    bench.answer(Reply(400, body=json.dumps({"error": "interaction_required", "claims": claims}).encode()))
    with pytest.raises(InteractionRequired) as caught:
        bench.people.access_token(ACCOUNT, renew=True)
    assert caught.value.claims == ""


def test_a_challenge_reaches_the_provider_with_the_renewal(bench: Bench) -> None:
    bench.sign_in()
    bench.people.access_token(ACCOUNT, claims='{"access_token":{"acrs":{"essential":true}}}')
    form = bench.idp.token_forms()[-1]
    assert (form["grant_type"], form["claims"]) == ("refresh_token", '{"access_token":{"acrs":{"essential":true}}}')


def test_msal_reaches_nothing_but_the_checked_endpoints(bench: Bench) -> None:
    discovery = bench.provider.discovery()
    transport = MsalTransport(bench.idp.authority, discovery, bench.http)
    before = len(bench.idp.server.requests)
    for url in ("https://login.microsoftonline.com/common", bench.idp.authority, discovery.jwks_uri, ""):
        with pytest.raises(SignInError, match="does not name"):
            transport.get(url)
        with pytest.raises(SignInError, match="does not name"):
            transport.post(url, data={"code": "planted"})
    with pytest.raises(SignInError, match="does not name"):
        transport.post(discovery.token_endpoint + "?x=1", data={"code": "planted"})
    assert json.loads(transport.get(bench.idp.authority + DISCOVERY_SUFFIX).text) == discovery.document
    transport.close()
    assert len(bench.idp.server.requests) == before


def test_a_provider_that_msal_cannot_use_is_a_sentence_and_not_a_crash(bench: Bench) -> None:
    bare = "https://id.example"
    http = CannedHttp({bare + DISCOVERY_SUFFIX: document_of(bare, bare)})
    with pytest.raises(SignInError, match="cannot be read"):
        People(CLIENT, Provider(bare, http), bench.vault, http).begin(REDIRECT, [READ])
    with pytest.raises(SignInError, match="cannot be read"):
        Application(CLIENT, "secret", "api://todo/.default", Provider(bare, http), http).access_token()


@pytest.mark.parametrize("answer", [{}, {"access_token": "a b"}, {"access_token": "a", "token_type": "pop"}])
def test_only_a_bearer_token_is_one(answer: dict[str, str]) -> None:
    with pytest.raises(SignInError):
        bearer_token(answer)
    assert bearer_token({"access_token": "abc", "token_type": "bearer"}) == "abc"


def test_the_end_of_the_browsers_session_is_asked_for_without_a_token(bench: Bench) -> None:
    person = bench.sign_in()
    uri, state = bench.people.end_session_uri(person, "http://localhost:5999/signed-out")
    assert uri.startswith(bench.provider.discovery().end_session_endpoint + "?")
    assert f"state={state}" in uri
    assert len(state) >= 32
    assert "id_token" not in uri
    assert "post_logout_redirect_uri=http%3A%2F%2Flocalhost%3A5999%2Fsigned-out" in uri


def test_a_whole_life_at_debug_writes_no_secret_to_any_logger(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="ciam_desktop"):
        person = bench.sign_in()
        bench.people.access_token(ACCOUNT, renew=True)
        bench.people.end_session_uri(person, "http://localhost:5999/signed-out")
        bench.people.sign_out([ACCOUNT])
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("ciam_desktop"))
    assert ours
    assert not [secret for secret in bench.idp.secrets if secret in ours]
