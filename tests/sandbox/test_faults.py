"""Every kind of fault, as a client meets it over a real socket."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from joserfc import jws as proper_jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ciam_desktop.sandbox.control import jws
from ciam_desktop.sandbox.control.catalogue import KINDS
from ciam_desktop.sandbox.control.merge import merge_patch
from tests.sandbox.support import Browser, Page, Tenant, claims_of, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.doubles.sandbox_control import SandboxControl

COVERED: set[str] = set()


def ask(tenant: Tenant, timeout: float = 10) -> requests.Response:
    """The discovery document's answer, as it comes; redirects are not followed."""
    url = f"{tenant.info.authority}/.well-known/openid-configuration"
    return tenant.http.get(url, timeout=timeout, allow_redirects=False)


def set_fault(control: SandboxControl, at: str, kind: str, **arguments: Any) -> str:
    COVERED.add(kind)
    return control.fault(at, kind, **arguments)


# -- the connection


@pytest.mark.parametrize(
    ("kind", "arguments", "problem"),
    [
        ("close", {}, "RemoteDisconnected"),
        ("garbage", {}, "BadStatusLine"),
        ("garbage", {"text": "HTTP/1.1 999999 What\r\n\r\n"}, "BadStatusLine"),
        ("cut", {}, "IncompleteRead"),
        ("cut", {"missing": 10}, "IncompleteRead"),
    ],
)
def test_a_broken_connection_is_a_broken_connection(
    control: SandboxControl, controlled: Tenant, kind: str, arguments: dict[str, Any], problem: str
) -> None:
    fault = set_fault(control, "discovery", kind, times=1, **arguments)
    with pytest.raises(requests.exceptions.RequestException, match=problem):
        ask(controlled)
    assert control.struck(fault) == 1
    assert ask(controlled).status_code == 200


def test_a_reset_is_a_reset(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "authorize", "reset")
    where = urlsplit(controlled.discovery["authorization_endpoint"])
    with socket.create_connection((where.hostname, where.port), timeout=5) as connection:
        connection.sendall(f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\n\r\n".encode())
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_reset_under_tls_gives_no_answer(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "discovery", "reset")
    with pytest.raises(requests.exceptions.ConnectionError):
        ask(controlled)


def test_a_hanging_answer_comes_when_the_fault_is_cleared(control: SandboxControl, controlled: Tenant) -> None:
    fault = set_fault(control, "discovery", "hang")
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(ask(controlled).status_code))
    asking.start()
    wait_until(lambda: control.struck(fault) == 1)
    assert answers == []
    control.clear(fault)
    asking.join(5)
    assert answers == [200]


def test_a_client_may_leave_a_hanging_answer(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "discovery", "hang")
    with pytest.raises(requests.exceptions.ReadTimeout):
        ask(controlled, timeout=0.2)
    assert control.requests()[-1]["status"] == 0


def test_a_delay_and_a_drip_take_their_time(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "discovery", "delay", ms=300)
    begin = time.monotonic()
    assert ask(controlled).status_code == 200
    assert time.monotonic() - begin > 0.29
    control.clear()
    set_fault(control, "discovery", "drip", ms=20, piece=100)
    begin = time.monotonic()
    assert ask(controlled).json()["issuer"] == controlled.info.authority
    assert time.monotonic() - begin > 0.1


@pytest.mark.parametrize(
    ("flaw", "problem"),
    [
        ("expired", "certificate has expired"),
        ("not_yet_valid", "not yet valid"),
        ("other_host", "Hostname mismatch|doesn't match"),
        ("unknown_ca", "unable to get local issuer|self-signed certificate in certificate chain"),
        ("self_signed", "self-signed certificate|self signed certificate"),
        ("no_handshake", "HANDSHAKE_FAILURE|EOF occurred"),
    ],
)
def test_a_flawed_certificate_is_refused_and_ends_with_the_fault(
    control: SandboxControl, controlled: Tenant, flaw: str, problem: str
) -> None:
    kept_open = requests.Session()
    kept_open.trust_env, kept_open.verify = False, str(controlled.info.ca_file)
    with kept_open:
        url = f"{controlled.info.authority}/.well-known/openid-configuration"
        assert kept_open.get(url, timeout=10).status_code == 200
        fault = set_fault(control, "tenant", "certificate", flaw=flaw)
        with pytest.raises(requests.exceptions.SSLError, match=problem):
            kept_open.get(url, timeout=10)
        assert control.struck(fault) >= 1
        # The other site is as it was.
        assert kept_open.get(controlled.info.api_endpoint, timeout=10).status_code == 401
        control.clear(fault)
        assert kept_open.get(url, timeout=10).status_code == 200


def test_a_flawed_certificate_has_no_other_flaw(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "api", "certificate", flaw="other_host")
    where = urlsplit(controlled.info.api_endpoint)
    context = ssl.create_default_context(cafile=str(controlled.info.ca_file))
    context.check_hostname = False
    with (
        socket.create_connection((where.hostname, where.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        assert (connection.getpeercert() or {})["subjectAltName"] == (("DNS", "other.example"),)


# -- the answer


def json_type(answer: requests.Response) -> bool:
    return answer.headers["Content-Type"] == "application/json"


ANSWERS: list[tuple[str, dict[str, Any], Callable[[requests.Response], bool]]] = [
    ("status", {"status": 500}, lambda a: a.status_code == 500 and a.text.startswith("<!doctype html>")),
    ("status", {"status": 503, "retry_after": 7}, lambda a: a.headers["Retry-After"] == "7"),
    ("status", {"status": 429, "retry_after": 1, "json": {"error": "busy"}}, lambda a: a.json() == {"error": "busy"}),
    ("status", {"status": 404, "text": ""}, lambda a: a.status_code == 404 and a.content == b""),
    ("status", {"status": 403, "headers": {"X-Ms": "1"}}, lambda a: a.headers["x-ms"] == "1"),
    ("status", {"status": 200, "json": []}, lambda a: json_type(a) and a.json() == []),
    ("status", {"status": 200, "json": 5}, lambda a: json_type(a) and a.json() == 5),
    ("status", {"status": 200, "text": "null", "content_type": "application/json"}, lambda a: a.json() is None),
    (
        "oauth_error",
        {"code": 50034, "status": 401},
        lambda a: a.status_code == 401 and a.json()["error_codes"] == [50034],
    ),
    ("oauth_error", {"error": "x", "claims": "{}", "suberror": "s"}, lambda a: a.json()["claims"] == "{}"),
    ("oauth_error", {"correlation_id": "an-id"}, lambda a: "Correlation ID: an-id" in a.json()["error_description"]),
    ("challenge", {"claims": '{"a":1}'}, lambda a: 'claims="eyJhIjoxfQ"' in a.headers["WWW-Authenticate"]),
    ("captive_portal", {}, lambda a: a.status_code == 200 and "guest network" in a.text),
    ("captive_portal", {"how": "redirect"}, lambda a: a.headers["Location"] == "http://portal.example/login"),
    ("captive_portal", {"how": "511"}, lambda a: a.status_code == 511),
    ("redirect", {}, lambda a: (a.status_code, a.headers["Location"]) == (302, "https://other.example/")),
    (
        "redirect",
        {"status": 308, "to": "/elsewhere"},
        lambda a: (a.status_code, a.headers["Location"]) == (308, "/elsewhere"),
    ),
    ("big_body", {"megabytes": 2}, lambda a: len(a.content) > 2 * 1024 * 1024 and len(a.json()) == 1),
    ("big_body", {"megabytes": 2, "gzip": True}, lambda a: int(a.headers["Content-Length"]) < 50_000 < len(a.content)),
    ("deep_json", {"levels": 50}, lambda a: a.text == "[" * 50 + "]" * 50),
    ("content_type", {}, lambda a: a.headers["Content-Type"] == "text/html" and "issuer" in a.json()),
    (
        "headers",
        {"headers": {"Server": "a proxy"}},
        lambda a: a.headers["Server"] == "a proxy" and "issuer" in a.json(),
    ),
    ("truncated", {}, lambda a: json_type(a) and not is_json(a.content)),
    ("encoding", {}, lambda a: "issuer" in json.loads(a.content.decode("utf-16"))),
    (
        "encoding",
        {"charset": "utf-8-sig", "declared": False},
        lambda a: json_type(a) and a.content[:3] == b"\xef\xbb\xbf",
    ),
    ("merge_patch", {"patch": {"issuer": "https://x"}}, lambda a: a.json()["issuer"] == "https://x"),
    ("merge_patch", {"patch": {"end_session_endpoint": None}}, lambda a: "end_session_endpoint" not in a.json()),
    (
        "duplicate_member",
        {"name": "issuer", "value": "y"},
        lambda a: a.text.count('"issuer"') == 2 and a.json()["issuer"] == "y",
    ),
    (
        "duplicate_member",
        {"name": "issuer", "value": "y", "first": True},
        lambda a: a.text.startswith('{"issuer": "y"') and a.json()["issuer"] != "y",
    ),
]


def is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("kind", "arguments", "is_so"), ANSWERS, ids=[f"{a}-{b}" for a, b, _ in ANSWERS])
def test_an_answer_is_as_faulty_as_was_asked(
    control: SandboxControl,
    controlled: Tenant,
    kind: str,
    arguments: dict[str, Any],
    is_so: Callable[[requests.Response], bool],
) -> None:
    set_fault(control, "discovery", kind, times=1, **arguments)
    assert is_so(ask(controlled))
    assert ask(controlled).json() == controlled.discovery


def test_a_bomb_is_small_on_the_wire(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "discovery", "big_body", megabytes=50, gzip=True)
    with controlled.http.get(f"{controlled.info.authority}/.well-known/openid-configuration", stream=True) as answer:
        packed = answer.raw.read(decode_content=False)
    assert len(packed) < 1024 * 1024
    assert len(gzip.decompress(packed)) > 50 * 1024 * 1024


def test_a_request_may_be_carried_out_and_its_answer_lost(control: SandboxControl, controlled: Tenant) -> None:
    headers = {"Authorization": f"Bearer {controlled.demo_tokens()['access_token']}"}

    def post(text: str) -> None:
        url = controlled.info.api_endpoint
        controlled.http.post(url, json={"description": text}, headers=headers, timeout=0.5).raise_for_status()

    for kind, done in (("close", False), ("close", True), ("status", True), ("hang", True)):
        more = {"status": 502} if kind == "status" else {}
        set_fault(control, "api.add", kind, done=done, times=1, **more)
        with pytest.raises(requests.exceptions.RequestException):
            post(f"{kind} {done}")
    control.clear()
    todos = controlled.http.get(controlled.info.api_endpoint, headers=headers, timeout=10).json()
    assert [each["description"] for each in todos[-3:]] == ["close True", "status True", "hang True"]


# -- keys and tokens


@pytest.mark.parametrize(("first", "at"), [(True, 0), (False, -1)])
def test_a_kid_may_come_twice(control: SandboxControl, controlled: Tenant, first: bool, at: int) -> None:
    true = controlled.get_json(controlled.discovery["jwks_uri"])["keys"]
    set_fault(control, "keys", "twin_key", first=first)
    found = controlled.get_json(controlled.discovery["jwks_uri"])["keys"]
    assert found[at]["kid"] == true[0]["kid"]
    assert found[at]["n"] not in [key["n"] for key in true]
    assert len(found) == len(true) + 1


def test_keys_may_be_for_something_else_or_gone(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "keys", "key_patch", patch={"use": "enc", "alg": None}, times=1)
    keys = controlled.get_json(controlled.discovery["jwks_uri"])["keys"]
    assert {(key["use"], "alg" in key) for key in keys} == {("enc", False)}
    set_fault(control, "keys", "merge_patch", patch={"keys": []}, times=1)
    assert controlled.get_json(controlled.discovery["jwks_uri"])["keys"] == []


def is_signed(tenant: Tenant, token: str) -> bool:
    """Whether one of the published keys signed the token with RS256, whatever kid it names."""
    for key in KeySet.import_key_set(tenant.get_json(tenant.discovery["jwks_uri"])).keys:
        with contextlib.suppress(JoseError, ValueError):
            proper_jws.deserialize_compact(token, key, algorithms=["RS256"])
            return True
    return False


def header_of(token: str) -> dict[str, Any]:
    return jws.parts(token).header


TOKENS: list[tuple[str, dict[str, Any], bool, Callable[[str], bool]]] = [
    ("token_claims", {"patch": {"iss": "https://x", "sub": None}}, True, lambda t: "sub" not in claims_of(t)),
    ("token_claims", {"patch": {"aud": ["a", "b"]}}, True, lambda t: claims_of(t)["aud"] == ["a", "b"]),
    ("token_claims", {"patch": {"exp": "soon"}}, True, lambda t: claims_of(t)["exp"] == "soon"),
    ("token_claims", {"shift": {"exp": -7200}}, True, lambda t: claims_of(t)["exp"] < time.time() - 3500),
    ("token_claims", {"shift": {"nbf": 900, "iat": 900}}, True, lambda t: claims_of(t)["nbf"] > time.time() + 800),
    ("other_person", {}, True, lambda t: claims_of(t)["sub"] == "another-subject"),
    ("token_header", {"patch": {"kid": "unknown"}}, True, lambda t: header_of(t)["kid"] == "unknown"),
    ("token_header", {"patch": {"kid": None}}, True, lambda t: "kid" not in header_of(t)),
    ("token_algorithm", {"alg": "none"}, False, lambda t: t.endswith(".") and header_of(t)["alg"] == "none"),
    ("token_algorithm", {"alg": "HS256"}, False, lambda t: len(jws.parts(t).signature) == 32),
    ("token_algorithm", {"alg": "HS512", "secret": "modulus"}, False, lambda t: len(jws.parts(t).signature) == 64),
    ("token_algorithm", {"alg": "HS256", "secret": "empty"}, False, lambda t: header_of(t)["alg"] == "HS256"),
    ("token_algorithm", {"alg": "PS256"}, False, lambda t: header_of(t)["alg"] == "PS256"),
    ("token_algorithm", {"alg": "RS512"}, False, lambda t: header_of(t)["alg"] == "RS512"),
    ("token_algorithm", {"alg": "ES256"}, False, lambda t: len(jws.parts(t).signature) == 64),
    ("token_signature", {}, False, lambda t: len(jws.parts(t).signature) == 256),
    ("token_signature", {"how": "empty"}, False, lambda t: t.endswith(".")),
    ("token_signature", {"how": "another_key"}, False, lambda t: len(jws.parts(t).signature) == 256),
    ("token_payload", {}, True, lambda t: jws.parts(t).payload == b"this is no JSON"),
    ("token_text", {}, False, lambda t: t == "this is no token"),
]


@pytest.mark.parametrize(("kind", "arguments", "signed", "is_so"), TOKENS, ids=[f"{a}-{b}" for a, b, _, _ in TOKENS])
def test_a_token_is_as_faulty_as_was_asked(
    control: SandboxControl,
    controlled: Tenant,
    refresh_token: list[str],
    kind: str,
    arguments: dict[str, Any],
    signed: bool,
    is_so: Callable[[str], bool],
) -> None:
    set_fault(control, "token", kind, token="id_token", times=1, **arguments)
    set_fault(control, "token", kind, token="access_token", times=1, after=1, **arguments)
    assert controlled.refresh("of nobody").status_code == 400  # a refusal holds no token and uses up nothing
    for faulty, other in (("id_token", "access_token"), ("access_token", "id_token")):
        answer = controlled.refresh(refresh_token[-1]).json()
        refresh_token.append(answer["refresh_token"])
        assert is_so(answer[faulty])
        assert is_signed(controlled, answer[faulty]) is signed
        assert is_signed(controlled, answer[other])


@pytest.fixture(scope="module")
def refresh_token(controlled: Tenant) -> list[str]:
    """A line of refresh tokens; the last one is good."""
    return [controlled.demo_tokens()["refresh_token"]]


@pytest.mark.parametrize(
    "patch",
    [{"access_token": None}, {"id_token": None}, {"token_type": "mac"}, {"scope": "openid"}, {"expires_in": "soon"}],
)
def test_a_token_answer_is_patched_for_one_grant_alone(
    control: SandboxControl, controlled: Tenant, patch: dict[str, Any]
) -> None:
    fault = set_fault(control, "token", "merge_patch", patch=patch, grant="refresh_token")
    tokens = controlled.demo_tokens()
    assert control.struck(fault) == 0
    answer = controlled.refresh(tokens["refresh_token"]).json()
    assert merge_patch(answer, patch) == answer
    assert control.struck(fault) == 1


@pytest.mark.parametrize(("uid", "is_of_other"), [("11111111-1111-4111-8111-111111111111", True), ("", False)])
def test_client_info_may_be_anothers(control: SandboxControl, controlled: Tenant, uid: str, is_of_other: bool) -> None:
    set_fault(control, "token", "other_client_info", uid=uid)
    info = controlled.demo_tokens()["client_info"]
    assert (uid in str(claims_of(f".{info}."))) if is_of_other else (info == "bm8gSlNPTg")


# -- the authorization response


def pairs_of(page: Page) -> list[tuple[str, str]]:
    """What the application is sent, in order, repeats included."""
    if page.response.is_redirect:
        return parse_qsl(urlsplit(page.response.headers["Location"]).query)
    inputs = [each.split('"') for each in page.text.split("<input ")[1:]]
    return [(each[3], each[5]) for each in inputs]


def respond(tenant: Tenant, **changes: str | None) -> Page:
    with Browser() as browser:
        page = browser.send(browser.get(tenant.url(**changes)), "demo")
        return browser.send(page, "accept") if 'value="accept"' in page.text else page


RESPONSES: list[tuple[str, dict[str, Any], Callable[[dict[str, list[str]]], bool]]] = [
    ("response_parameter", {"name": "state", "value": None}, lambda r: "state" not in r and "code" in r),
    ("response_parameter", {"name": "state", "value": "forged"}, lambda r: r["state"] == ["forged"]),
    ("response_parameter", {"name": "iss", "value": None}, lambda r: "iss" not in r),
    ("response_parameter", {"name": "iss", "value": "https://x"}, lambda r: r["iss"] == ["https://x"]),
    ("response_parameter", {"name": "error", "value": "x"}, lambda r: r["error"] == ["x"] and "code" in r),
    ("response_duplicate", {"name": "state"}, lambda r: r["state"] == ["the state", "the state"]),
    ("response_duplicate", {"name": "code", "value": "x"}, lambda r: len(r["code"]) == 2 and r["code"][1] == "x"),
    ("response_duplicate", {"name": "code", "value": "x", "first": True}, lambda r: r["code"][0] == "x"),
    ("response_error", {}, lambda r: r["error_description"][0].startswith("AADSTS65004: ") and "code" not in r),
    (
        "response_error",
        {"code": 50105, "beside": True},
        lambda r: "AADSTS50105" in r["error_description"][0] and "code" in r,
    ),
    ("code_of_nobody", {}, lambda r: len(r["code"]) == 1 and "state" in r),
]


@pytest.mark.parametrize(("kind", "arguments", "is_so"), RESPONSES, ids=[f"{a}-{b}" for a, b, _ in RESPONSES])
@pytest.mark.parametrize("mode", ["query", "form_post"])
def test_an_authorization_response_is_as_faulty_as_was_asked(
    control: SandboxControl,
    controlled: Tenant,
    mode: str,
    kind: str,
    arguments: dict[str, Any],
    is_so: Callable[[dict[str, list[str]]], bool],
) -> None:
    fault = set_fault(control, "authorize", kind, **arguments)
    found: dict[str, list[str]] = {}
    for name, value in pairs_of(respond(controlled, response_mode=mode)):
        found.setdefault(name, []).append(value)
    assert is_so(found)
    assert control.struck(fault) == 1


def test_a_code_of_nobody_is_refused(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "authorize", "code_of_nobody")
    answer, verifier = controlled.sign_in_demo()
    assert controlled.redeem(answer["code"], verifier).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("asked", "given", "mark"),
    [("form_post", "query", "?"), ("form_post", "fragment", "#"), ("query", "form_post", "")],
)
def test_a_response_may_come_in_another_mode(
    control: SandboxControl, controlled: Tenant, asked: str, given: str, mark: str
) -> None:
    set_fault(control, "authorize", "response_mode", mode=given)
    page = respond(controlled, response_mode=asked)
    assert page.response.is_redirect is bool(mark)
    if mark:
        assert f"/auth/redirect{mark}code=" in page.response.headers["Location"]


def test_a_response_may_go_to_another_path(control: SandboxControl, controlled: Tenant) -> None:
    set_fault(control, "authorize", "response_path", path="/other")
    assert respond(controlled).forms[0].action == "http://localhost:5999/other"


class Receiver(ThreadingHTTPServer):
    """An application's redirect URI; `came` holds method, path and parameters of each response."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receiving)
        self.came: list[tuple[str, dict[str, str]]] = []
        self.uri = f"http://127.0.0.1:{self.server_port}/auth/redirect"


class _Receiving(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self._take("POST", body)

    def do_GET(self) -> None:
        self._take("GET", urlsplit(self.path).query)

    def _take(self, method: str, values: str) -> None:
        self.server.came.append((method, dict(parse_qsl(values))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing is written."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


@pytest.mark.parametrize(("mode", "method"), [("form_post", "POST"), ("query", "GET")])
def test_a_response_may_come_twice(
    control: SandboxControl, controlled: Tenant, receiver: Receiver, mode: str, method: str
) -> None:
    set_fault(control, "authorize", "response_twice")
    page = respond(controlled, response_mode=mode, redirect_uri=receiver.uri)
    wait_until(lambda: len(receiver.came) == 1)
    assert receiver.came == [(method, page.answer())]


def test_a_response_of_which_nobody_takes_the_first_copy_still_comes(
    control: SandboxControl, controlled: Tenant
) -> None:
    set_fault(control, "authorize", "response_twice")
    assert "code" in respond(controlled).answer()


def test_every_kind_of_fault_was_observed() -> None:
    assert set(KINDS) - COVERED == set()
