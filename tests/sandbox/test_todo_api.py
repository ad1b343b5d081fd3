"""The ToDo API's contract, row by row, with tokens of persons and applications."""

from __future__ import annotations

import base64
import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.sandbox.support import REDIRECT, SECONDS, Browser, claims_of

if TYPE_CHECKING:
    import requests

    from tests.sandbox.support import Tenant

READ, WRITE, APP = "read", "write", "app"
FIRST = ["Pick up grocery", "Finish invoice report", "Water plants"]
SOMEBODY = "11111111-2222-4333-8444-555555555555"


class Api:
    """The API with one token for each kind of caller, all of them the demo person or the daemon."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        tokens = tenant.demo_tokens()
        self.oid = claims_of(tokens["access_token"])["oid"]
        refreshed = tenant.refresh(tokens["refresh_token"], scope=tenant.info.read_scope).json()
        self.tokens = {READ: refreshed["access_token"], WRITE: tokens["access_token"], APP: tenant.daemon_token()}

    def call(self, who: str | None, method: str, path: str = "/", **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.tokens.get(who, who)}"} if who else {}
        return self._tenant.http.request(
            method, f"{self._tenant.info.api_endpoint}{path}", headers=headers, timeout=SECONDS, **options
        )

    def add(self, description: str, who: str = WRITE, **more: Any) -> dict[str, Any]:
        response = self.call(who, "POST", json={"description": description, **more})
        assert response.status_code == 201, response.text
        return dict(response.json())


@pytest.fixture(scope="module")
def api(tenant: Tenant) -> Api:
    return Api(tenant)


def stranger_token(tenant: Tenant) -> str:
    """The token of a new person."""
    values, verifier = tenant.parameters()
    with Browser() as browser:
        page = browser.get(tenant.url(prompt="create", code_challenge=values["code_challenge"]))
        email = f"user-{uuid.uuid4().hex}@contoso.example"
        page = browser.send(page, "sign-up", email=email, name="Sandbox user", password="a long password")
        answer = browser.send(page, "accept").answer()
    return str(tenant.redeem(answer["code"], verifier, redirect_uri=REDIRECT).json()["access_token"])


def test_an_empty_store_is_seeded_with_three_todos_of_the_demo_person(api: Api) -> None:
    first = api.call(READ, "GET").json()[:3]
    assert [todo["description"] for todo in first] == FIRST
    assert {todo["owner"] for todo in first} == {api.oid}
    assert all(type(todo["id"]) is int and set(todo) == {"id", "owner", "description"} for todo in first)


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "status"),
    [
        (READ, "GET", "/", None, 200),
        (WRITE, "GET", "", None, 200),
        (APP, "GET", "/", None, 200),
        (READ, "GET", "/{id}", None, 200),
        (APP, "GET", "/{id}", None, 200),
        (READ, "GET", "/999999", None, 404),
        (READ, "GET", "/99999999999999999999999", None, 404),
        (READ, "GET", "/-1", None, 404),
        (READ, "GET", "/one", None, 400),
        (READ, "GET", "/1.5", None, 400),
        (READ, "GET", "/²", None, 400),
        (READ, "POST", "/", {"description": "a"}, 403),
        (READ, "PUT", "/{id}", {"description": "a"}, 403),
        (READ, "DELETE", "/{id}", None, 403),
        (WRITE, "POST", "/", {"description": "a"}, 201),
        (WRITE, "POST", "/", {"description": None}, 400),
        (WRITE, "POST", "/", {}, 400),
        (WRITE, "POST", "/", {"description": 5}, 400),
        (WRITE, "POST", "/", {"description": "\ud800"}, 400),
        (WRITE, "POST", "/", [], 400),
        (WRITE, "POST", "/", {"description": "a" * 70_000}, 413),
        (APP, "POST", "/", {"description": "a", "owner": SOMEBODY}, 201),
        (APP, "POST", "/", {"description": "a", "owner": "no guid"}, 400),
        (APP, "POST", "/", {"description": "a"}, 400),
        (WRITE, "PUT", "/{id}", {"description": "b"}, 200),
        (APP, "PUT", "/{id}", {"description": "b"}, 200),
        (WRITE, "PUT", "/{id}", {"description": None}, 400),
        (WRITE, "PUT", "/999999", {"description": "b"}, 404),
        (WRITE, "PUT", "/one", {"description": "b"}, 400),
        (WRITE, "DELETE", "/{id}", None, 200),
        (APP, "DELETE", "/{id}", None, 200),
        (WRITE, "DELETE", "/999999", None, 404),
        (WRITE, "DELETE", "/one", None, 400),
        (None, "GET", "/", None, 401),
        (None, "POST", "/", {"description": "a"}, 401),
        ("nonsense", "GET", "/", None, 401),
        ("a.b.c", "DELETE", "/{id}", None, 401),
    ],
)
def test_each_call_answers_as_the_contract_says(
    api: Api, who: str | None, method: str, path: str, body: object, status: int
) -> None:
    todo = api.add("for the contract")
    response = api.call(who, method, path.format(id=todo["id"]), **({} if body is None else {"json": body}))
    assert response.status_code == status
    if status == 401:
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert ('error="invalid_token"' in response.headers["WWW-Authenticate"]) is (who is not None)
    if status == 403:
        assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]
    if method == "DELETE" and status == 200:
        assert response.content == b""


def test_a_todo_lives_from_its_creation_to_its_deletion(api: Api) -> None:
    todo = api.add('Ünïcode ☃ "quoted" <b>')
    assert todo["owner"] == api.oid
    assert api.call(READ, "GET", f"/{todo['id']}").json() == todo
    changed = api.call(WRITE, "PUT", f"/{todo['id']}", json={"description": "new", "owner": SOMEBODY, "id": 1})
    assert changed.json() == todo | {"description": "new"}
    assert api.call(WRITE, "DELETE", f"/{todo['id']}").status_code == 200
    assert api.call(READ, "GET", f"/{todo['id']}").status_code == 404


def test_json_with_a_charset_is_read_and_broken_json_is_400(api: Api) -> None:
    typed = {"Content-Type": "application/json; charset=utf-8"}
    url_options: dict[str, Any] = {"data": '{"description": "é"}'.encode()}
    response = api.call(WRITE, "POST", **url_options)
    assert response.status_code == 400  # without a type it is not JSON
    session_call = api._tenant.http.post(
        f"{api._tenant.info.api_endpoint}/",
        headers=typed | {"Authorization": f"Bearer {api.tokens[WRITE]}"},
        timeout=SECONDS,
        **url_options,
    )
    assert session_call.json()["description"] == "é"
    broken = api._tenant.http.post(
        f"{api._tenant.info.api_endpoint}/",
        headers=typed | {"Authorization": f"Bearer {api.tokens[WRITE]}"},
        timeout=SECONDS,
        data=b'{"description": ',
    )
    assert broken.status_code == 400


def test_a_person_sees_only_their_own_and_the_application_sees_all(api: Api, tenant: Tenant) -> None:
    mine = api.add("mine", owner=SOMEBODY)
    theirs = api.add("theirs", who=APP, owner=SOMEBODY.upper())
    assert mine["owner"] == api.oid
    assert theirs["owner"] == SOMEBODY
    for method, body in (("GET", None), ("PUT", {"description": "x"}), ("DELETE", None)):
        assert api.call(WRITE, method, f"/{theirs['id']}", json=body).status_code == 404
    everything = {todo["id"] for todo in api.call(APP, "GET").json()}
    assert {mine["id"], theirs["id"]} <= everything
    assert theirs["id"] not in {todo["id"] for todo in api.call(READ, "GET").json()}
    stranger = stranger_token(tenant)
    assert api.call(stranger, "GET").json() == []
    assert api.call(stranger, "GET", f"/{mine['id']}").status_code == 404


def forged(token: str, claims: dict[str, Any], *, alg: str = "RS256", kid: str | None = None) -> str:
    """The same token with other claims, signed by a key that is not the tenant's."""
    changed = claims_of(token) | claims
    header_kid = kid or str(jwt.get_unverified_header(token)["kid"])
    keys: dict[str, Any] = {"none": None, "HS256": "a secret of thirty-two bytes or more"}
    key = keys[alg] if alg in keys else rsa.generate_private_key(65537, 2048)
    return jwt.encode(changed, key, algorithm=alg, headers={"kid": header_kid})


@pytest.mark.parametrize("alg", ["RS256", "HS256", "none"])
def test_a_token_that_the_tenant_did_not_sign_is_refused(api: Api, alg: str) -> None:
    assert api.call(forged(api.tokens[WRITE], {}, alg=alg), "GET").status_code == 401


def test_a_token_with_changed_claims_is_refused(api: Api) -> None:
    head, payload, signature = api.tokens[READ].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "==")) | {"scp": "ToDoList.ReadWrite"}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert api.call(f"{head}.{payload}.{signature}", "GET").status_code == 401


def test_unknown_keys_do_not_make_the_api_ask_the_tenant_each_time(api: Api) -> None:
    token = forged(api.tokens[WRITE], {}, kid="unknown")
    start = time.monotonic()
    assert {api.call(token, "GET").status_code for _ in range(20)} == {401}
    assert time.monotonic() - start < 10


def test_an_id_token_and_a_token_without_an_api_are_refused(api: Api, tenant: Tenant) -> None:
    tokens = tenant.demo_tokens(scope="openid profile")
    assert api.call(tokens["id_token"], "GET").status_code == 401
    assert api.call(tokens["access_token"], "GET").status_code == 401
