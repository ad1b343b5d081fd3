"""The proof of what every grant brings, against a provider on real TLS: code, refresh and another device's code."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ciam_desktop.core.errors import SignInError, TokenNotProven
from ciam_desktop.core.identity.vault import Entry
from tests.core.bench import ACCOUNT, OTHER, Bench
from tests.doubles.provider import CLIENT, TENANT

GRANTS = ["code", "refresh", "device"]


def grant(bench: Bench, kind: str) -> None:
    if kind == "refresh":
        bench.people.access_token(ACCOUNT, renew=True)
    elif kind == "device":
        bench.sign_in_elsewhere()
    else:
        bench.sign_in()


UNPROVEN: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"iss": "https://elsewhere.example"}, "iss"),
    "the issuer with a slash": ({"iss": f"https://localhost/{TENANT}/v2.0/"}, "iss"),
    "another tenant": ({"tid": OTHER}, "tid"),
    "no tenant": ({"tid": None}, "tid"),
    "another app": ({"aud": OTHER}, "aud"),
    "two apps and no authorized party": ({"aud": [CLIENT, OTHER]}, "azp"),
    "another authorized party": ({"azp": OTHER}, "azp"),
    "another nonce": ({"nonce": "another"}, "nonce"),
    "an empty nonce": ({"nonce": ""}, "nonce"),
    "expired": ({"exp": 1000}, "exp"),
    "just expired": ({"exp": int(time.time()) - 600}, "exp"),
    "not valid yet": ({"nbf": int(time.time()) + 3600}, "nbf"),
    "made in the future": ({"iat": int(time.time()) + 3600}, "nbf"),
    "no subject": ({"sub": None}, "sub"),
    "an empty subject": ({"sub": ""}, "sub"),
}


@pytest.mark.parametrize("kind", GRANTS)
@pytest.mark.parametrize(("changes", "check"), UNPROVEN.values(), ids=UNPROVEN.keys())
def test_claims_that_prove_nothing_are_refused_from_every_grant(
    bench: Bench, kind: str, changes: dict[str, Any], check: str
) -> None:
    if kind == "refresh":
        bench.sign_in()
    kept = bench.vault.read()
    bench.answer_claims(**changes)
    with pytest.raises(TokenNotProven) as caught:
        grant(bench, kind)
    assert caught.value.check == check
    assert bench.vault.read() == kept


@pytest.mark.parametrize("kind", GRANTS)
@pytest.mark.parametrize(
    ("header", "check"),
    [({"alg": "none"}, "alg"), ({"alg": "HS256"}, "alg"), ({"kid": "unknown"}, "key"), ({"kid": None}, "key")],
    ids=repr,
)
def test_signatures_that_prove_nothing_are_refused_from_every_grant(
    bench: Bench, kind: str, header: dict[str, Any], check: str
) -> None:
    if kind == "refresh":
        bench.sign_in()
    kept = bench.vault.read()
    bench.answer_signed(**header)
    with pytest.raises(TokenNotProven) as caught:
        grant(bench, kind)
    assert caught.value.check == check
    assert bench.vault.read() == kept


@pytest.mark.parametrize("kind", GRANTS)
def test_an_edited_token_is_refused_from_every_grant(bench: Bench, kind: str) -> None:
    if kind == "refresh":
        bench.sign_in()
    kept = bench.vault.read()
    bench.answer_edited()
    with pytest.raises(TokenNotProven) as caught:
        grant(bench, kind)
    assert caught.value.check == "signature"
    assert bench.vault.read() == kept


@pytest.mark.parametrize("kind", ["code", "device"])
def test_a_sign_in_without_an_id_token_is_refused(bench: Bench, kind: str) -> None:
    bench.answer_with(id_token=None)
    with pytest.raises((TokenNotProven, SignInError)):
        grant(bench, kind)
    assert bench.vault.read() == Entry()


@pytest.mark.parametrize("kind", GRANTS)
def test_a_key_that_is_new_is_fetched_again_once_for_every_grant(bench: Bench, kind: str) -> None:
    bench.sign_in()
    bench.idp.rotate_key()
    bench.let_time_pass()
    asked = bench.keys_asked()
    grant(bench, kind)
    assert bench.keys_asked() == asked + 1
    grant(bench, kind)
    assert bench.keys_asked() == asked + 1


def test_a_renewed_token_may_hold_the_sign_ins_nonce_and_no_other_even_after_one_that_held_none(bench: Bench) -> None:
    bench.sign_in()
    (nonce,) = bench.idp.nonces.values()
    for changes in ({"nonce": None}, {"nonce": nonce}, {"nonce": None}):
        bench.answer_claims(**changes)
        bench.people.access_token(ACCOUNT, renew=True)
    kept = bench.vault.read()
    bench.answer_claims(nonce="another")
    with pytest.raises(TokenNotProven) as caught:
        bench.people.access_token(ACCOUNT, renew=True)
    assert (caught.value.check, bench.vault.read()) == ("nonce", kept)
