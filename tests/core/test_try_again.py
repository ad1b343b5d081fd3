"""Try again is no lie: what failed succeeds as soon as the fault is mended, with the real People at a real socket."""

from __future__ import annotations

import json

import pytest

from ciam_desktop.core import errors
from tests.core.bench import ACCOUNT, Bench
from tests.core.staging import PAGE, caught, moved
from tests.doubles.https_server import Reply
from tests.doubles.provider import signing_key


class Fault:
    """Answers in the provider's place where a path ends so, until it is mended."""

    def __init__(self, bench: Bench, end: str, reply: Reply) -> None:
        self._server, self._sound = bench.idp.server, bench.idp.server.answering
        self._server.answering = lambda request: reply if request.path.endswith(end) else self._sound(request)

    def mend(self) -> None:
        self._server.answering = self._sound


FAULTS = [
    ("discovery", "/openid-configuration"),
    ("keys", "/keys"),
    ("token", "/token"),
]
REPLIES = {
    "500": Reply(500),
    "503 for an hour": Reply(503, (("Retry-After", "3600"),)),
    "429 for an hour": Reply(429, (("Retry-After", "3600"),), b'{"error": "temporarily_unavailable"}'),
    "400": Reply(400, body=b'{"error": "invalid_request"}'),
    "invalid grant": Reply(400, body=b'{"error": "invalid_grant", "error_codes": [50196]}'),
    "404": Reply(404),
    "portal": PAGE,
    "redirect": moved("https://portal.hotel.example/"),
    "other JSON": Reply(body=b"{}"),
    "no JSON": Reply(body=b"[7]"),
    "broken off": Reply(raw=b""),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
@pytest.mark.parametrize("end", [end for _name, end in FAULTS], ids=[name for name, _end in FAULTS])
def test_a_sign_in_succeeds_as_soon_as_the_fault_is_mended(bench: Bench, end: str, reply: Reply) -> None:
    for _each in range(2):  # the second time with everything cached that may be
        fault = Fault(bench, end, reply)
        if end != "/keys" or _each == 0:  # keys that are known need not be fetched
            for _again in range(3):
                caught(bench.sign_in)
        fault.mend()
        assert bench.sign_in().account_id == ACCOUNT


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
def test_a_renewal_succeeds_as_soon_as_the_fault_is_mended(bench: Bench, reply: Reply) -> None:
    bench.sign_in()
    fault = Fault(bench, "/token", reply)
    before = len(bench.idp.token_forms())
    for _again in range(3):
        caught(lambda: bench.people.access_token(ACCOUNT, renew=True))
    assert len(bench.idp.token_forms()) == before + 3, "the provider is asked each time"
    fault.mend()
    assert bench.people.access_token(ACCOUNT, renew=True).value.startswith("planted-access-")


def test_a_key_that_is_published_a_moment_later_is_found_at_the_next_try(bench: Bench) -> None:
    bench.sign_in()
    published = bench.idp.key
    bench.idp.key = signing_key("key-2")
    fault = Fault(bench, "/keys", Reply(body=b'{"keys": []}'))
    with pytest.raises(errors.TokenNotProven) as unproven:
        bench.sign_in()
    assert unproven.value.check == "key"
    fault.mend()
    assert bench.sign_in().verdict.key_id == "key-2"
    assert published.kid == "key-1"


@pytest.mark.parametrize("damage", [{"alg": "RS512"}, {"kty": "oct"}, {"n": "AQAB"}, {"use": "enc"}], ids=str)
def test_a_sign_in_succeeds_as_soon_as_keys_that_came_damaged_are_sound_again(
    bench: Bench, damage: dict[str, str]
) -> None:
    damaged = {"keys": [signing_key("key-1").as_dict(private=False) | damage]}
    fault = Fault(bench, "/keys", Reply(body=json.dumps(damaged).encode()))
    assert isinstance(caught(bench.sign_in), errors.CiamError)
    fault.mend()
    assert bench.sign_in().account_id == ACCOUNT
