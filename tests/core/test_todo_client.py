"""The ToDo API's contract: against the sandbox's API, and against servers that keep to none."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ciam_desktop import sandbox_process
from ciam_desktop.core.errors import ApiBadAnswer, ApiError, ApiForbidden, ApiUnauthorized, CiamError, NetworkError
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.todos.client import TodoClient, challenged_claims
from ciam_desktop.core.todos.todo import Todo
from tests.doubles.https_server import HttpsServer, Reply, ca_file
from tests.sandbox.support import Tenant, give_free_ports

TOKEN = "planted-bearer-token"
CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}},"x":"~~~???>>>"}'


class OddApi:
    """An API that answers as told, and a client of it."""

    def __init__(self, folder: Path) -> None:
        self.reply = Reply(body=b"[]")
        self.server = HttpsServer(lambda _request: self.reply)
        self.http = HttpClient(ca_file(folder), only=True)

    def answers(self, value: object, status: int = 200) -> None:
        self.reply = Reply(status, body=value if isinstance(value, bytes) else json.dumps(value).encode())

    @property
    def client(self) -> TodoClient:
        return TodoClient(f"{self.server.url}/api/todolist", self.http)


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[OddApi]:
    made = OddApi(tmp_path)
    with made.server:
        yield made
        made.http.close()


CALLS: list[Callable[[TodoClient], object]] = [
    lambda client: client.fetch(TOKEN),
    lambda client: client.fetch_raw(TOKEN),
    lambda client: client.add(TOKEN, "buy milk"),
]
each_call = pytest.mark.parametrize("call", CALLS, ids=["fetch", "fetch_raw", "add"])


def test_a_list_is_fetched_as_the_contract_says(odd: OddApi) -> None:
    odd.answers([{"id": 7, "owner": "o", "description": "a"}, {"id": 3, "owner": "o", "description": "b"}])
    assert odd.client.fetch(TOKEN) == [Todo("7", "a", "o"), Todo("3", "b", "o")]
    (request,) = odd.server.requests
    assert (request.method, request.target, request.body) == ("GET", "/api/todolist", b"")
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    "description", ["buy milk", "ünï\u2019 🥛", '"quoted"\\', "two\nlines", "", "\ud800", "x" * 9000]
)
def test_a_todo_is_added_as_the_contract_says(odd: OddApi, description: str) -> None:
    odd.answers({"id": 1, "owner": "o", "description": description}, 201)
    assert odd.client.add(TOKEN, description) == Todo("1", description, "o")
    (request,) = odd.server.requests
    assert request.method == "POST"
    assert json.loads(request.body) == {"description": description}
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("item", "todo"),
    [
        ({"id": "a1", "description": "x"}, Todo("a1", "x")),
        ({"id": 0, "description": ""}, Todo("0", "")),
        ({"id": -1, "description": "x"}, Todo("-1", "x")),
        ({"id": 10**40, "description": "x"}, Todo(str(10**40), "x")),
        ({"id": 1, "description": "x", "owner": None}, Todo("1", "x")),
        ({"id": 1, "description": "x", "owner": 7}, Todo("1", "x")),
        ({"id": 1, "description": "x", "done": True, "more": [{}]}, Todo("1", "x")),
    ],
)
def test_other_peoples_apis_may_differ_a_little(odd: OddApi, item: object, todo: Todo) -> None:
    odd.answers([item])
    assert odd.client.fetch(TOKEN) == [todo]
    assert odd.client.fetch_raw(TOKEN) == [item]
    odd.answers(item)
    assert odd.client.add(TOKEN, "x") == todo


@pytest.mark.parametrize(
    "item",
    [
        None, 7, "x", [], {}, {"id": 1}, {"description": "x"}, {"id": None, "description": "x"},
        {"id": True, "description": "x"}, {"id": 1.5, "description": "x"}, {"id": "", "description": "x"},
        {"id": [1], "description": "x"}, {"id": {}, "description": "x"}, {"id": 1, "description": None},
        {"id": 1, "description": 7}, {"id": 1, "description": ["x"]}, {"Id": 1, "Description": "x"},
    ],
    ids=json.dumps,
)  # fmt: skip
@each_call
def test_an_item_of_another_shape_is_a_bad_answer(
    odd: OddApi, item: object, call: Callable[[TodoClient], object]
) -> None:
    odd.answers([{"id": 1, "description": "x"}, item] if call is not CALLS[2] else item)
    with pytest.raises(ApiBadAnswer):
        call(odd.client)


@pytest.mark.parametrize(
    "body",
    [b"", b"welcome", b"null", b'"x"', b"7", b"[{", b'[{"id": 1, "descr', b"\xff\xfe", b"[" * 100_000,
     b'[{"id": ' + b"9" * 5000 + b', "description": "x"}]', b'{"value": []}'],
    ids=lambda body: repr(body[:14]),
)  # fmt: skip
@each_call
def test_an_answer_that_is_no_list_is_a_bad_answer(
    odd: OddApi, body: bytes, call: Callable[[TodoClient], object]
) -> None:
    odd.reply = Reply(200, (("Content-Type", "text/html"),), body)
    with pytest.raises(ApiBadAnswer) as caught:
        call(odd.client)
    assert "no to-do list" in str(caught.value) or "cannot be read" in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("status", [202, 204, 205, 206])
@each_call
def test_a_success_without_content_is_no_refusal_but_a_bad_answer(
    odd: OddApi, status: int, call: Callable[[TodoClient], object]
) -> None:
    odd.reply = Reply(status, (("content-length", "0"),) if status != 204 else ())
    with pytest.raises(ApiBadAnswer):
        call(odd.client)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (400, ApiError, r"refused \(400\)"),
        (401, ApiUnauthorized, r"\(401\)"),
        (403, ApiForbidden, r"\(403\)"),
        (404, ApiError, "check API_ENDPOINT"),
        (405, ApiError, r"refused \(405\)"),
        (409, ApiError, r"refused \(409\)"),
        (418, ApiError, r"refused \(418\)"),
        (429, NetworkError, "asked too often"),
        (500, NetworkError, r"\(500\)"),
        (503, NetworkError, r"\(503\)"),
        (599, NetworkError, r"\(599\)"),
    ],
)
@each_call
def test_a_refusal_is_named_by_who_must_act(
    odd: OddApi, status: int, kind: type[CiamError], words: str, call: Callable[[TodoClient], object]
) -> None:
    odd.answers(b"<html>planted", status)
    with pytest.raises(kind, match=words) as caught:
        call(odd.client)
    assert type(caught.value) is kind
    assert "planted" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"
    if isinstance(caught.value, ApiError):
        assert caught.value.status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@each_call
def test_the_token_never_follows_a_redirect(odd: OddApi, status: int, call: Callable[[TodoClient], object]) -> None:
    with HttpsServer(lambda _request: Reply(body=b"[]")) as elsewhere:
        odd.reply = Reply(status, (("Location", f"{elsewhere.url}/api/todolist"),))
        with pytest.raises(ApiBadAnswer, match="your sign-in was not sent there"):
            call(odd.client)
        odd.reply = Reply(status, (("Location", "/api/todolist/"),))
        with pytest.raises(ApiBadAnswer):
            call(odd.client)
        assert elsewhere.requests == []
    assert len(odd.server.requests) == 2


def test_the_location_of_a_new_todo_is_not_visited(odd: OddApi) -> None:
    body = json.dumps({"id": 1, "description": "x"}).encode()
    odd.reply = Reply(201, (("Location", "https://elsewhere.example/1"),), body)
    assert odd.client.add(TOKEN, "x").id == "1"
    assert len(odd.server.requests) == 1


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CHALLENGES: dict[str, tuple[str, str]] = {
    "base64": (f'Bearer realm="", error="insufficient_claims", claims="{b64(CLAIMS)}"', CLAIMS),
    "base64 without padding": (f'Bearer claims="{b64(CLAIMS).rstrip("=")}"', CLAIMS),
    "base64url": (f'Bearer claims="{base64.urlsafe_b64encode(CLAIMS.encode()).decode()}"', CLAIMS),
    "base64url without padding": (
        f'Bearer claims="{base64.urlsafe_b64encode(CLAIMS.encode()).decode().rstrip("=")}"',
        CLAIMS,
    ),
    "without quotes": (f"Bearer error=insufficient_claims, claims={b64(CLAIMS)}", CLAIMS),
    "in upper case": (f'BEARER CLAIMS="{b64(CLAIMS)}"', CLAIMS),
    "with spaces": (f'Bearer claims = "{b64(CLAIMS)}"', CLAIMS),
    "second challenge": (f'Negotiate, Bearer error="x", claims="{b64(CLAIMS)}", more="y"', CLAIMS),
    "none": ('Bearer error="invalid_token"', ""),
    "no header": ("", ""),
    "garbage": ('Bearer claims="!!!not base64!!!"', ""),
    "empty": ('Bearer claims=""', ""),
    "no JSON": (f'Bearer claims="{b64("planted")}"', ""),
    "a list": (f'Bearer claims="{b64("[]")}"', ""),
    "not UTF-8": (f'Bearer claims="{base64.b64encode(bytes([255, 254])).decode()}"', ""),
    "nested": (f'Bearer claims="{b64("[" * 6000)}"', ""),
    "too long": (f'Bearer claims="{b64(json.dumps({"a": "x" * 9000}))}"', ""),
    "in another name": (f'Bearer notclaims="{b64(CLAIMS)}"', ""),
    "cut quotes": (f'Bearer claims="{b64(CLAIMS)}', ""),
}


@pytest.mark.parametrize(("header", "claims"), CHALLENGES.values(), ids=CHALLENGES.keys())
def test_a_challenge_is_read_or_left(odd: OddApi, header: str, claims: str) -> None:
    assert challenged_claims(header) == claims
    odd.reply = Reply(401, (("WWW-Authenticate", header),), b"")
    with pytest.raises(ApiUnauthorized) as caught:
        odd.client.fetch(TOKEN)
    assert caught.value.claims == claims


def test_a_todos_repr_shows_nothing_that_was_typed() -> None:
    assert repr(Todo("1", "planted description", "planted-owner")) == "Todo(id='1')"


# The sandbox's API, which was written by the same contract but shares no code.


class Home:
    """The sandbox, a token of its demo account, and a client."""

    def __init__(self, tenant: Tenant, http: HttpClient) -> None:
        self.client = TodoClient(tenant.info.api_endpoint, http)
        self.token = str(tenant.demo_tokens()["access_token"])
        self.reading = str(tenant.demo_tokens(scope=f"openid {tenant.info.read_scope}")["access_token"])
        self.daemon = tenant.daemon_token()


@pytest.fixture(scope="module")
def home_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("sandbox") / "data"
    give_free_ports(folder)
    with sandbox_process.join(folder) as held, Tenant(held.info) as tenant:
        http = HttpClient(held.info.ca_file, only=True)
        yield Home(tenant, http)
        http.close()


@pytest.mark.leaves("open socket")
@pytest.mark.parametrize("description", ["buy milk", "ünï\u2019 🥛", '"quoted"\\', "two\nlines", "  "])
def test_the_sandbox_keeps_what_is_added(home_api: Home, description: str) -> None:
    added = home_api.client.add(home_api.token, description)
    assert added.description == description
    assert added in home_api.client.fetch(home_api.token)


@pytest.mark.leaves("open socket")
def test_the_sandbox_shows_an_application_everything(home_api: Home) -> None:
    added = home_api.client.add(home_api.token, "for all to see")
    raw: list[Any] = list(home_api.client.fetch_raw(home_api.daemon))
    assert {"id": int(added.id), "owner": added.owner, "description": "for all to see"} in raw


@pytest.mark.leaves("open socket")
def test_the_sandbox_refuses_as_the_contract_says(home_api: Home) -> None:
    assert isinstance(home_api.client.fetch(home_api.reading), list)
    with pytest.raises(ApiForbidden):
        home_api.client.add(home_api.reading, "not allowed")
    for token in ("nonsense", home_api.token[:-8] + "AAAAAAAA"):
        with pytest.raises(ApiUnauthorized):
            home_api.client.fetch(token)
