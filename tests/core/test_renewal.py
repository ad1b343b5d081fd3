"""Renewal against a provider that misbehaves on real TLS sockets: a kept sign-in stays sound."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ciam_desktop.core.errors import InteractionRequired, NetworkError, SignInError, TokenNotProven
from ciam_desktop.core.identity.people import People
from tests.core.bench import ACCOUNT, OTHER, READ, WRITE, Bench, told
from tests.doubles.https_server import Reply
from tests.doubles.provider import (
    CLIENT,
    TENANT,
    base64url,
)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"sub": "somebody-else"}, "sub"),
        ({"iss": "https://elsewhere.example"}, "iss"),
        ({"aud": OTHER}, "aud"),
        ({"exp": 1000}, "exp"),
        ({"tid": OTHER}, "tid"),
    ],
)
def test_a_renewed_token_that_is_not_proven_changes_nothing(bench: Bench, changes: dict[str, Any], check: str) -> None:
    person = bench.sign_in()
    kept, writes = bench.vault.read(), bench.vault.writes
    bench.answer_claims(**changes)
    with pytest.raises(TokenNotProven) as caught:
        bench.people.access_token(ACCOUNT, renew=True)
    assert caught.value.check == check
    assert (bench.vault.read(), bench.vault.writes) == (kept, writes)
    assert bench.in_use() == person


def test_a_renewal_for_another_account_is_not_used(bench: Bench) -> None:
    bench.sign_in()
    kept = bench.vault.read()
    info = base64url(json.dumps({"uid": OTHER, "utid": TENANT}).encode())
    bench.idp.answering = lambda form: bench.idp.sound(form, client_info=info)
    with pytest.raises(TokenNotProven):
        bench.people.access_token(ACCOUNT, renew=True)
    bench.idp.answering = lambda form: bench.idp.sound(form, client_info=info, id_token=None)
    with pytest.raises(TokenNotProven):
        bench.people.access_token(ACCOUNT, renew=True)
    assert bench.vault.read() == kept


def test_a_renewal_without_an_id_token_keeps_what_was_proven(bench: Bench) -> None:
    person = bench.sign_in()
    bench.answer_with(id_token=None)
    assert bench.people.access_token(ACCOUNT, renew=True).value == "planted-access-2"
    assert bench.in_use() == person
    assert bench.people.access_token(ACCOUNT).value == "planted-access-2"


def test_a_renewal_that_names_nobody_is_the_accounts_that_was_renewed(bench: Bench) -> None:
    bench.sign_in()
    bench.answer_with(id_token=None, client_info=None)
    assert bench.people.access_token(ACCOUNT, renew=True).value == "planted-access-2"
    assert bench.people.access_token(ACCOUNT).value == "planted-access-2", "kept, not asked for again"
    bench.people.access_token(ACCOUNT, renew=True)
    assert bench.idp.token_forms()[-1]["refresh_token"] == "planted-refresh-2"
    bench.people.sign_out([ACCOUNT])
    assert "planted" not in json.dumps(bench.vault.read().tokens)


def test_a_provider_without_client_info_signs_in_by_subject(bench: Bench) -> None:
    bench.answer_with(client_info=None)
    person = bench.sign_in()
    assert person.account_id == "the-pairwise-subject"
    assert bench.people.access_token(person.account_id).value == "planted-access-1"
    assert bench.people.access_token(person.account_id, renew=True).value == "planted-access-2"


def test_a_kept_token_is_used_without_asking_anybody(bench: Bench) -> None:
    bench.sign_in()
    asked, writes = len(bench.idp.server.requests), bench.vault.writes
    for _ in range(3):
        assert bench.people.access_token(ACCOUNT).value == "planted-access-1"
    assert (len(bench.idp.server.requests), bench.vault.writes) == (asked, writes)


def test_an_old_token_is_renewed_and_written_once(bench: Bench) -> None:
    bench.sign_in()
    bench.age(3500)
    writes = bench.vault.writes
    assert bench.people.access_token(ACCOUNT).value == "planted-access-2"
    assert bench.vault.writes == writes + 1


@pytest.mark.parametrize("reply", [Reply(503), Reply(raw=b"")])
def test_a_token_that_is_still_good_outlives_an_outage(bench: Bench, reply: Reply) -> None:
    bench.answer_with(refresh_in=-1)  # due for renewal at once, good for an hour
    bench.sign_in()
    bench.answer(reply)
    assert bench.people.access_token(ACCOUNT).value == "planted-access-1"
    assert len(bench.idp.token_forms()) == 2


def test_an_outage_when_the_token_is_spent_is_a_network_error(bench: Bench) -> None:
    bench.sign_in()
    bench.age(3500)
    bench.answer(Reply(503))
    with pytest.raises(NetworkError, match="localhost is out of order"):
        bench.people.access_token(ACCOUNT)


def test_nothing_of_an_earlier_failure_is_remembered(bench: Bench) -> None:
    bench.sign_in()
    bench.answer(Reply(429, (("Retry-After", "3600"),), b'{"error": "temporarily_unavailable"}'))
    with pytest.raises(NetworkError, match="localhost is busy"):
        bench.people.access_token(ACCOUNT, renew=True)
    bench.idp.answering = lambda _form: None
    assert bench.people.access_token(ACCOUNT, renew=True).value == "planted-access-2"


@pytest.mark.parametrize(
    ("granted", "expected"),
    [
        (f"{READ} {WRITE}", {READ, WRITE}),
        (READ, {READ}),
        (f"openid profile {READ}", {READ}),
        ("ToDoList.Read", {READ}),
        ("TODOLIST.READ todolist.readwrite", {READ, WRITE}),
        ("", {READ, WRITE}),
        ("   ", {READ, WRITE}),
        (None, {READ, WRITE}),
        ("openid profile", set()),
        (f"{READ}x api://elsewhere/ToDoList.Read.All", set()),
    ],
)
def test_what_was_granted_is_what_the_answer_says(bench: Bench, granted: str | None, expected: set[str]) -> None:
    bench.answer_with(scope=granted)
    assert bench.sign_in().scopes == expected


def test_nobody_gets_a_token_for_another_api_when_nothing_was_granted(bench: Bench) -> None:
    bench.answer_with(scope="openid profile")
    bench.sign_in()
    with pytest.raises(InteractionRequired) as caught:
        bench.people.access_token(ACCOUNT)
    assert caught.value.error == "consent_required"
    assert len(bench.idp.token_forms()) == 1


def test_a_renewal_with_less_than_before_is_remembered(bench: Bench) -> None:
    bench.sign_in()
    bench.answer_with(scope=READ)
    assert bench.people.access_token(ACCOUNT, renew=True).scopes == {READ}
    restored = bench.in_use()
    assert restored is not None
    assert restored.scopes == {READ}


@pytest.mark.parametrize(
    "changes",
    [{"state": "another"}, {"state": None}, {"code": None}, {"code": ""}],
)
def test_a_redirect_that_does_not_fit_redeems_nothing(bench: Bench, changes: dict[str, str | None]) -> None:
    request = bench.begin()
    brought = {name: value for name, value in (bench.idp.visit(request.uri) | changes).items() if value is not None}
    with pytest.raises(SignInError) as caught:
        bench.people.complete(request, brought)
    assert bench.vault.writes == 0
    assert not any(secret in told(caught.value) for secret in bench.idp.secrets)
    assert not any(form.get("code", "").startswith("planted") for form in bench.idp.token_forms())


def test_an_error_in_the_redirect_is_a_refusal_without_a_request(bench: Bench) -> None:
    request = bench.begin()
    brought = {"error": "access_denied", "error_description": "AADSTS65004: planted", "state": request.state}
    with pytest.raises(SignInError, match="You declined") as caught:
        bench.people.complete(request, brought)
    assert (caught.value.code, bench.idp.token_forms()) == ("65004", [])
    assert "planted" not in told(caught.value)


def test_a_renewal_that_races_a_sign_out_brings_nothing_back(bench: Bench) -> None:
    bench.sign_in()
    other = People(CLIENT, bench.provider, bench.vault, bench.http)

    def sign_out() -> None:
        other.sign_out([ACCOUNT])

    bench.vault.before_change = sign_out
    bench.people.access_token(ACCOUNT, renew=True)
    assert bench.in_use() is None
    assert "planted" not in json.dumps([bench.vault.read().tokens, bench.vault.read().people])
    with pytest.raises(InteractionRequired):
        bench.people.access_token(ACCOUNT)


def test_a_renewal_does_not_make_its_account_the_one_in_use(bench: Bench) -> None:
    bench.sign_in()
    other = base64url(json.dumps({"uid": OTHER, "utid": TENANT}).encode())
    bench.idp.answering = lambda form: bench.idp.sound(form, bench.idp.claims(form, sub="another", oid=OTHER),
                                                       client_info=other)  # fmt: skip
    second = bench.sign_in()
    bench.idp.answering = lambda _form: None
    bench.people.access_token(ACCOUNT, renew=True)
    assert bench.in_use() == second


def test_a_refresh_token_that_another_program_has_spent_is_no_reason_to_sign_in(bench: Bench) -> None:
    bench.sign_in()
    other = People(CLIENT, bench.provider, bench.vault, bench.http)

    def answering(form: dict[str, str]) -> Reply | None:
        if form["refresh_token"] != "planted-refresh-1":
            return None
        bench.idp.answering = lambda _form: None
        other.access_token(ACCOUNT, renew=True)  # just before our own request is judged
        return Reply(400, body=b'{"error": "invalid_grant"}')

    bench.idp.answering = answering
    assert bench.people.access_token(ACCOUNT).value == "planted-access-1"
    assert bench.people.access_token(ACCOUNT, renew=True).value.startswith("planted-access-")
