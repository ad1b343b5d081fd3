"""What a provider publishes: which issuers and endpoints are believed, and when its keys are asked for again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ciam_desktop.core.errors import CiamError, NetworkError, ProviderError
from ciam_desktop.core.http import Answer, HttpClient
from ciam_desktop.core.identity.provider import (
    DISCOVERY_SUFFIX,
    KEPT_SECONDS,
    KEYS_PAUSE_SECONDS,
    Provider,
    issuer_fits,
    read_discovery,
)
from tests.doubles.https_server import HttpsServer, Reply, ca_file
from tests.doubles.provider import AUTHORITY, ISSUER, TENANT, CannedHttp, Clock, document_of

OTHER = "bbbbcccc-1111-4ddd-8eee-ffff3333aaaa"
NAMED = "contoso.onmicrosoft.com"
WORKFORCE = "https://login.microsoftonline.com"
REALM = "https://id.example/realms/x"
LOCAL = f"https://localhost:8443/{TENANT}/v2.0"


@pytest.mark.parametrize(
    ("authority", "issuer"),
    [
        (AUTHORITY, ISSUER),
        (f"https://contoso.ciamlogin.com/{TENANT}/v2.0", ISSUER),
        (f"https://contoso.ciamlogin.com/{TENANT.upper()}/v2.0", ISSUER),
        (f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0", ISSUER),
        (f"https://{TENANT}.ciamlogin.com/{NAMED}/v2.0", ISSUER),
        (f"https://login.contoso.example/{TENANT}/v2.0", ISSUER),
        (f"https://login.contoso.example/{NAMED}/v2.0", ISSUER),
        (f"https://login.contoso.example/{TENANT}/v2.0", f"https://login.contoso.example/{TENANT}/v2.0"),
        (f"{WORKFORCE}/{TENANT}/v2.0", f"{WORKFORCE}/{TENANT}/v2.0"),
        (f"{WORKFORCE}/{NAMED}/v2.0", f"{WORKFORCE}/{TENANT}/v2.0"),
        (REALM, REALM),
        (REALM, f"{REALM}/"),
        (LOCAL, LOCAL),
    ],
)
def test_an_issuer_that_the_authority_may_have_is_believed(authority: str, issuer: str) -> None:
    assert issuer_fits(issuer, authority)


@pytest.mark.parametrize(
    ("authority", "issuer"),
    [
        (f"https://contoso.ciamlogin.com/{OTHER}/v2.0", ISSUER),
        (f"https://{OTHER}.ciamlogin.com/{NAMED}/v2.0", ISSUER),
        (f"https://{OTHER}.ciamlogin.com/{TENANT}/v2.0", ISSUER),
        (AUTHORITY, f"https://{TENANT}.ciamlogin.com/{OTHER}/v2.0"),
        (AUTHORITY, f"https://{TENANT}.ciamlogin.com.evil.example/{TENANT}/v2.0"),
        (AUTHORITY, f"https://evil.example/{TENANT}.ciamlogin.com/{TENANT}/v2.0"),
        (AUTHORITY, f"http://{TENANT}.ciamlogin.com/{TENANT}/v2.0"),
        (AUTHORITY, f"{ISSUER}/extra"),
        (AUTHORITY, f"{ISSUER}\n"),
        (AUTHORITY, f"{ISSUER}?x=1"),
        (AUTHORITY, f"https://fabrikam.ciamlogin.com/{TENANT}/v2.0"),
        (AUTHORITY, ""),
        ("https://evil.example/anything/v2.0", ISSUER),
        (f"https://login.contoso.example/{OTHER}/v2.0", ISSUER),
        (f"{WORKFORCE}/{OTHER}/v2.0", f"{WORKFORCE}/{TENANT}/v2.0"),
        (f"{WORKFORCE}/{NAMED}/v2.0", f"https://sts.windows.net/{TENANT}/v2.0"),
        (f"{WORKFORCE}/{NAMED}/v2.0", f"{WORKFORCE}/{{tenantid}}/v2.0"),
        (REALM, "https://id.example/realms/y"),
        (REALM, "https://id.example/realms"),
        (REALM, "https://ID.example/realms/x"),
        (REALM, "http://id.example/realms/x"),
        (REALM, ISSUER),
        (LOCAL, f"https://localhost:9443/{TENANT}/v2.0"),
    ],
)
def test_an_issuer_of_somebody_else_is_not_believed(authority: str, issuer: str) -> None:
    assert not issuer_fits(issuer, authority)


def test_an_external_tenants_document_is_read_whole() -> None:
    found = read_discovery(
        AUTHORITY, document_of(AUTHORITY, ISSUER, authorization_response_iss_parameter_supported=True)
    )
    assert (found.issuer, found.tenant_id, found.iss_in_response) == (ISSUER, TENANT, True)
    assert found.token_endpoint == "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token"


def test_the_optional_endpoints_may_be_missing_and_another_provider_names_no_tenant() -> None:
    document = document_of(REALM, REALM, end_session_endpoint=None, device_authorization_endpoint=None)
    found = read_discovery(REALM, document)
    assert (found.end_session_endpoint, found.device_authorization_endpoint) == ("", "")
    assert (found.tenant_id, found.iss_in_response) == ("", False)


@pytest.mark.parametrize("value", ["true", 1, None, "false"])
def test_only_a_true_true_promises_the_issuer_in_the_redirect(value: object) -> None:
    document = document_of(AUTHORITY, ISSUER, authorization_response_iss_parameter_supported=value)
    assert not read_discovery(AUTHORITY, document).iss_in_response


HOSTILE_URLS = [
    "http://contoso.ciamlogin.com/authorize",
    "http://localhost@elsewhere.example/authorize",
    "https://localhost@elsewhere.example/authorize",
    "https://user:pass@contoso.ciamlogin.com/authorize",
    "http://localhost.elsewhere.example/authorize",
    "http://127.0.0.1.nip.example/authorize",
    "javascript:alert(1)",
    "JavaScript:alert(1)",
    "file:///etc/passwd",
    "data:text/html,x",
    "ms-settings:about",
    "-flag",
    "",
    "https://",
    "https:///authorize",
    "//contoso.ciamlogin.com/authorize",
    "https://contoso.ciamlogin.com/authorize#code=x",
    "https://contoso.ciamlogin.com/authorize#",
    "https://contoso.ciamlogin.com/auth\norize",
    "https://contoso.ciamlogin.com/auth\x00orize",
    "https://contoso.ciamlogin.com/auth orize",
    "\thttps://contoso.ciamlogin.com/authorize",
    "https://contoso.ciamlogin.com\\@elsewhere.example/authorize",
    "https://elsewhere.example\\.ciamlogin.com/authorize",
    "https://contoso.ciamlogin.com:port/authorize",
    "https://contoso.ciamlogin.com:99999/authorize",
    "https://cont\u043eso.ciamlogin.com/authorize",
    "https://[::1/authorize",
    ["https://contoso.ciamlogin.com/authorize"],
    {"url": "https://contoso.ciamlogin.com/authorize"},
    7,
]


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"])
@pytest.mark.parametrize("url", HOSTILE_URLS, ids=repr)
def test_an_endpoint_that_cannot_be_trusted_is_named_and_the_document_refused(name: str, url: object) -> None:
    with pytest.raises(ProviderError, match=f"unusable {name}"):
        read_discovery(AUTHORITY, document_of(AUTHORITY, ISSUER, **{name: url}))


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
def test_an_endpoint_that_is_needed_may_not_be_missing(name: str) -> None:
    with pytest.raises(ProviderError, match=f"unusable {name}"):
        read_discovery(AUTHORITY, document_of(AUTHORITY, ISSUER, **{name: None}))


@pytest.mark.parametrize("issuer", [None, 7, ["x"], {"iss": ISSUER}, "https://elsewhere.example"])
def test_a_document_under_another_name_is_refused(issuer: object) -> None:
    document = document_of(AUTHORITY, ISSUER) | {"issuer": issuer}
    with pytest.raises(ProviderError, match="another issuer"):
        read_discovery(AUTHORITY, document)


@pytest.mark.parametrize("name", ["authorization_endpoint", "end_session_endpoint"])
def test_pages_on_loopback_may_be_plain_http_for_an_authority_on_loopback_only(name: str) -> None:
    local = document_of(LOCAL, LOCAL, **{name: "http://localhost:5000/page"})
    assert getattr(read_discovery(LOCAL, local), name) == "http://localhost:5000/page"
    with pytest.raises(ProviderError, match=f"unusable {name}"):
        read_discovery(AUTHORITY, document_of(AUTHORITY, ISSUER, **{name: "http://localhost:5000/page"}))


@pytest.mark.parametrize("name", ["token_endpoint", "jwks_uri", "device_authorization_endpoint"])
def test_what_a_program_calls_is_https_on_loopback_too(name: str) -> None:
    with pytest.raises(ProviderError, match=f"unusable {name}"):
        read_discovery(LOCAL, document_of(LOCAL, LOCAL, **{name: "http://localhost:5000/x"}))


PAGE = (("Content-Type", "text/html"),)


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(200, PAGE, b"<html>Welcome to our network"), NetworkError, "A web page came in place"),
        (Reply(200, (), b"\xef\xbb\xbf\n <!DOCTYPE html>Welcome"), NetworkError, "A web page came in place"),
        (Reply(511, (), b"{}"), NetworkError, "A web page came in place"),
        (Reply(200, (), b""), ProviderError, "no provider's settings"),
        (Reply(200, (), b"[]"), ProviderError, "no provider's settings"),
        (Reply(200, (), b"null"), ProviderError, "no provider's settings"),
        (Reply(200, (), b'"text"'), ProviderError, "no provider's settings"),
        (Reply(200, (), b"[" * 100_000), ProviderError, "no provider's settings"),
        (Reply(200, (), b'{"a":' * 50_000), ProviderError, "no provider's settings"),
        (Reply(200, (), b"\xff\xfe\x00"), ProviderError, "no provider's settings"),
        (Reply(200, (), b"{}"), ProviderError, "another issuer"),
        (Reply(200, (), b" " * 1_000_001), NetworkError, "too large"),
        (Reply(204, ()), ProviderError, "knows no such tenant"),
        (Reply(400, PAGE, b"<html>"), ProviderError, "knows no such tenant"),
        (Reply(404, PAGE, b"<html>"), ProviderError, "knows no such tenant"),
        (Reply(500, PAGE, b"<html>"), NetworkError, "out of order"),
        (Reply(503), NetworkError, r"out of order at the moment \(503\)"),
        (Reply(503, (("Retry-After", "250"),)), NetworkError, "is busy; try again in 5 minutes"),
        (Reply(429, (("Retry-After", "7"),)), NetworkError, "is busy; try again in 7 seconds"),
        (Reply(429, (("Retry-After", "soon"),)), NetworkError, "asked too often"),
        (Reply(302, (("Location", "https://elsewhere.example/"),)), NetworkError, "leads to elsewhere.example"),
        (Reply(302, (("Location", "https://[/"),)), ProviderError, "points elsewhere"),
        (Reply(307, (("Location", "/other"),)), ProviderError, "points elsewhere"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, Reply) else None,
)
def test_what_is_no_discovery_document_is_told_in_a_sentence_and_asked_for_again_later(
    tmp_path: Path, reply: Reply, kind: type[CiamError], words: str
) -> None:
    replies = [reply]
    with HttpsServer(lambda _request: replies[0]) as server:
        http = HttpClient(ca_file(tmp_path), only=True)
        authority = f"{server.url}/{TENANT}/v2.0"
        provider = Provider(authority, http)
        with pytest.raises(kind, match=words) as caught:
            provider.discovery()
        assert len(str(caught.value)) < 250
        replies[0] = Reply(body=json.dumps(document_of(authority, authority)).encode())
        assert provider.discovery().issuer == authority
        assert provider.discovery().issuer == authority
        assert [request.path for request in server.requests] == [f"/{TENANT}/v2.0{DISCOVERY_SUFFIX}"] * 2
        http.close()


class Keys:
    """A provider with keys that a test changes, and how often they were asked for."""

    def __init__(self, *keys: Any) -> None:
        document = document_of(AUTHORITY, ISSUER)
        self._uri = document["jwks_uri"]
        self.http = CannedHttp({AUTHORITY + DISCOVERY_SUFFIX: document, self._uri: {"keys": list(keys)}})
        self.clock = Clock()
        self.provider = Provider(AUTHORITY, self.http, clock=self.clock)

    def publish(self, *keys: Any) -> None:
        self.http.documents[self._uri] = {"keys": list(keys)}

    def publish_answer(self, answer: object) -> None:
        self.http.documents[self._uri] = answer

    @property
    def fetched(self) -> int:
        return self.http.asked.count(self._uri)


def key(kid: object, **more: object) -> dict[str, object]:
    return {"kty": "RSA", "kid": kid, "n": "AQAB", "e": "AQAB", **more}


def test_known_keys_are_asked_for_once() -> None:
    keys = Keys(key("a"), key("b"))
    assert [keys.provider.key(each) for each in "aba"] == [key("a"), key("b"), key("a")]
    assert keys.fetched == 1


def test_a_new_key_is_found_when_the_provider_has_changed_its_keys() -> None:
    keys = Keys(key("a"))
    assert keys.provider.key("a")
    keys.publish(key("b"))
    keys.clock.now += KEYS_PAUSE_SECONDS + 1
    assert keys.provider.key("b")
    assert keys.provider.key("a") is None, "a key that was withdrawn is withdrawn here too"


def test_invented_key_ids_do_not_hammer_the_provider() -> None:
    keys = Keys(key("a"))
    for number in range(1000):
        assert keys.provider.key(f"invented-{number}") is None
    assert keys.fetched == 1
    keys.clock.now += KEYS_PAUSE_SECONDS + 1
    for number in range(1000):
        assert keys.provider.key(f"invented-{number}") is None
    assert keys.fetched == 2
    assert keys.provider.key("a"), "a known key is there all the while"


def test_keys_are_asked_for_again_after_a_day() -> None:
    keys = Keys(key("a"))
    assert keys.provider.key("a")
    keys.clock.now += KEPT_SECONDS + 1
    assert keys.provider.key("a")
    assert keys.fetched == 2


def test_keys_that_could_not_be_fetched_are_asked_for_again_at_once() -> None:
    keys = Keys()
    keys.publish_answer(Answer(503, {}, b""))
    with pytest.raises(NetworkError):
        keys.provider.key("a")
    keys.publish(key("a"))
    assert keys.provider.key("a")


def test_a_key_that_failed_is_asked_for_again_but_not_in_a_hurry() -> None:
    damaged, sound = key("a", n="AAAA"), key("a", n="BBBB")
    keys = Keys(damaged)
    assert keys.provider.key("a") == damaged
    keys.publish(sound)
    assert keys.provider.key("a", failed=damaged) == damaged, "it was fetched just now"
    keys.clock.now += KEYS_PAUSE_SECONDS + 1
    assert keys.provider.key("a", failed=damaged) == sound
    keys.clock.now += KEYS_PAUSE_SECONDS + 1
    assert keys.provider.key("a", failed=damaged) == sound, "what is kept now has not failed"
    assert keys.fetched == 2


def test_an_id_that_two_different_keys_share_proves_nothing() -> None:
    keys = Keys(key("a", n="AAAA"), key("a", n="BBBB"), key("b"), key("b"))
    assert keys.provider.key("a") is None
    assert keys.provider.key("b") == key("b"), "the same key twice is one key"


@pytest.mark.parametrize(
    "published",
    [
        [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}],
        [key("")],
        [key(7)],
        [key(None)],
        [key(["a"])],
        [key("a", use="enc")],
        ["a"],
        [None],
        [["kid", "a"]],
    ],
    ids=repr,
)
def test_keys_without_a_usable_id_are_passed_over(published: list[object]) -> None:
    keys = Keys(*published)
    for kid in ("", "a", "7", "None", "['a']"):
        assert keys.provider.key(kid) is None


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "a"}, {"keys": 7}])
def test_a_document_without_a_list_of_keys_holds_none(document: dict[str, Any]) -> None:
    keys = Keys()
    keys.publish_answer(document)
    assert keys.provider.key("a") is None


@pytest.mark.parametrize("document", [[], "a", None])
def test_a_page_in_place_of_the_keys_is_a_sentence(document: Any) -> None:
    keys = Keys()
    keys.publish_answer(document)
    with pytest.raises(ProviderError, match="no provider's settings"):
        keys.provider.key("a")


def test_nothing_is_asked_for_before_it_is_needed() -> None:
    assert Keys(key("a")).http.asked == []


def test_discovery_is_kept_for_a_day_and_asked_for_again_then() -> None:
    keys = Keys(key("a"))
    for _each in range(3):
        keys.provider.discovery()
    keys.clock.now += KEPT_SECONDS
    keys.provider.discovery()
    assert keys.http.asked == [AUTHORITY + DISCOVERY_SUFFIX]
    keys.clock.now += 1
    keys.provider.discovery()
    keys.provider.discovery(fresh=True)
    assert keys.http.asked == [AUTHORITY + DISCOVERY_SUFFIX] * 3


@pytest.mark.parametrize("answer", [Answer(503, {}, b""), Answer(200, {}, b"<html>"), Answer(200, {}, b"{}")])
def test_a_bad_answer_takes_the_place_of_no_good_one(answer: Answer) -> None:
    keys = Keys(key("a"))
    before, document = keys.provider.discovery(), keys.http.documents[AUTHORITY + DISCOVERY_SUFFIX]
    keys.http.documents[AUTHORITY + DISCOVERY_SUFFIX] = answer
    with pytest.raises(CiamError):
        keys.provider.discovery(fresh=True)
    assert keys.provider.discovery() is before
    keys.clock.now += KEPT_SECONDS + 1
    for _each in range(2):
        with pytest.raises(CiamError):
            keys.provider.discovery()
    keys.http.documents[AUTHORITY + DISCOVERY_SUFFIX] = document
    assert keys.provider.discovery() == before


def test_a_set_without_a_key_is_asked_for_again_at_once() -> None:
    keys = Keys()
    assert keys.provider.key("a") is None
    keys.publish(key("a"))
    assert keys.provider.key("a")


def test_after_a_fresh_discovery_an_unknown_key_is_asked_for_at_once() -> None:
    keys = Keys(key("a"))
    assert keys.provider.key("b") is None
    keys.publish(key("a"), key("b"))
    assert keys.provider.key("b") is None, "too soon"
    keys.provider.discovery(fresh=True)
    assert keys.provider.key("b")
    assert keys.fetched == 2


def test_keys_of_another_place_than_before_are_fetched_there() -> None:
    keys = Keys(key("a"))
    assert keys.provider.key("a")
    elsewhere = "https://contoso.ciamlogin.com/elsewhere/keys"
    keys.http.documents[AUTHORITY + DISCOVERY_SUFFIX] = document_of(AUTHORITY, ISSUER, jwks_uri=elsewhere)
    keys.http.documents[elsewhere] = {"keys": [key("a", n="AAAA")]}
    keys.provider.discovery(fresh=True)
    assert keys.provider.key("a") == key("a", n="AAAA")


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"date": "Sun, 09 Sep 2001 01:46:40 GMT"}, ""),
        ({"date": "Sun, 09 Sep 2001 03:51:40 GMT"}, "This computer's clock is 2 hours slow."),
        ({"date": "Sat, 01 Sep 2001 01:46:40 GMT"}, "This computer's clock is 7 days fast."),
        ({}, None),
    ],
)
def test_a_providers_answer_tells_how_far_the_clock_is_off(headers: dict[str, str], told: str | None) -> None:
    body = json.dumps(document_of(AUTHORITY, ISSUER)).encode()
    http = CannedHttp({AUTHORITY + DISCOVERY_SUFFIX: Answer(200, headers, body)})
    provider = Provider(AUTHORITY, http, now=lambda: 1_000_000_000.0)
    assert provider.wrong_clock() is None
    provider.discovery()
    assert provider.wrong_clock() == told
