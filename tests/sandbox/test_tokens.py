"""The token endpoint: once means once, refusals have Entra's shape, applications get their own token."""

from __future__ import annotations

import socket
import sqlite3
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
import msal
import pytest

from ciam_desktop import sandbox_process
from ciam_desktop.sandbox.database import open_engine
from ciam_desktop.sandbox.server import TENANT_FILE
from ciam_desktop.sandbox.tenant.keys import SigningKeys
from ciam_desktop.sandbox.todo_api.bearer import BadToken, TenantKeys
from tests.sandbox.support import Tenant, claims_of, is_served, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import requests

RACERS = 8


def race(ask: Callable[[], requests.Response]) -> list[requests.Response]:
    """The answers of several threads, each on a TLS connection of its own."""
    with ThreadPoolExecutor(RACERS) as pool:
        return [each.result(30) for each in [pool.submit(ask) for _ in range(RACERS)]]


def test_a_code_is_redeemable_once_even_when_raced(tenant: Tenant) -> None:
    for _ in range(3):
        answer, verifier = tenant.sign_in_demo()
        answers = race(lambda: tenant.redeem(answer["code"], verifier))  # noqa: B023 -- used within this turn
        assert sorted(each.status_code for each in answers) == [200] + [400] * (RACERS - 1)
        refused = [each.json() for each in answers if each.status_code == 400]
        assert {each["error"] for each in refused} == {"invalid_grant"}
        assert {each["error_codes"][0] for each in refused} == {54005}


def test_a_refresh_token_is_redeemable_once_even_when_raced_and_reuse_ends_its_line(tenant: Tenant) -> None:
    for _ in range(3):
        token = tenant.demo_tokens()["refresh_token"]
        answers = race(lambda: tenant.refresh(token))  # noqa: B023 -- used within this turn
        assert sorted(each.status_code for each in answers) == [200] + [400] * (RACERS - 1)
        (winner,) = [each.json() for each in answers if each.status_code == 200]
        assert tenant.refresh(winner["refresh_token"]).json()["error_codes"] == [50173]


def test_a_refresh_token_rotates_and_each_one_serves_the_next(tenant: Tenant) -> None:
    first = tenant.demo_tokens()
    second = tenant.refresh(first["refresh_token"]).json()
    third = tenant.refresh(second["refresh_token"], scope=f"openid profile {tenant.info.read_scope}").json()
    assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
    assert claims_of(third["access_token"])["scp"] == "ToDoList.Read"
    assert "nonce" not in claims_of(third["id_token"])
    assert claims_of(third["id_token"])["sub"] == claims_of(first["id_token"])["sub"]


def test_a_refresh_serves_an_api_permission_that_was_allowed_before_but_not_asked_for_first(tenant: Tenant) -> None:
    tenant.demo_tokens()
    narrow = tenant.demo_tokens(scope=f"openid offline_access {tenant.info.read_scope}")
    wide = tenant.refresh(narrow["refresh_token"], scope=tenant.info.readwrite_scope).json()
    assert claims_of(wide["access_token"])["scp"] == "ToDoList.ReadWrite"


def test_an_unknown_scope_in_a_refresh_is_invalid_grant_and_costs_nothing(tenant: Tenant) -> None:
    token = tenant.demo_tokens()["refresh_token"]
    refused = tenant.refresh(token, scope="api://elsewhere/Thing.Read")
    assert refused.json()["error"] == "invalid_grant"
    assert tenant.refresh(token).status_code == 200


def test_a_wrong_verifier_is_refused_and_burns_the_code(tenant: Tenant) -> None:
    answer, verifier = tenant.sign_in_demo()
    wrong = tenant.redeem(answer["code"], "x" * 50)
    assert (wrong.json()["error"], wrong.json()["error_codes"]) == ("invalid_grant", [501481])
    assert tenant.redeem(answer["code"], verifier).json()["error_codes"] == [54005]


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"redirect_uri": "http://localhost:5998/auth/redirect"}, "invalid_grant", 70000),
        ({"code": "unknown"}, "invalid_grant", 9002313),
        ({"code_verifier": ""}, "invalid_grant", 501481),
        ({"client_secret": "anything"}, "invalid_client", 700025),
        ({"client_id": "unknown"}, "unauthorized_client", 700016),
        ({"grant_type": "password"}, "unsupported_grant_type", 70003),
        ({"grant_type": ""}, "invalid_request", 900144),
        ({"grant_type": 'a"b\r\né'}, "unsupported_grant_type", 70003),
        ({"code": '"\r\né'}, "invalid_grant", 9002313),
    ],
)
def test_a_redemption_that_does_not_fit_is_refused_in_entras_shape(
    tenant: Tenant, changes: dict[str, str], error: str, code: int
) -> None:
    answer, verifier = tenant.sign_in_demo()
    response = tenant.redeem(answer["code"], verifier, **changes)
    body = response.json()
    assert response.status_code in (400, 401)
    assert (body["error"], body["error_codes"]) == (error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}: ")
    assert str(uuid.UUID(body["correlation_id"])) in body["error_description"]
    assert str(uuid.UUID(body["trace_id"])) in body["error_description"]
    assert body["timestamp"].endswith("Z")
    assert response.headers["Cache-Control"] == "no-store"
    assert verifier not in response.text
    assert answer["code"] not in response.text


def test_the_callers_request_id_is_the_correlation_id(tenant: Tenant) -> None:
    mine = str(uuid.uuid4())
    url = f"{tenant.discovery['token_endpoint']}?client-request-id={mine}"
    body = tenant.http.post(url, data={"grant_type": "x"}, timeout=10).json()
    assert body["correlation_id"] == mine


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def daemon(tenant: Tenant, secret: str) -> msal.ConfidentialClientApplication:
    return msal.ConfidentialClientApplication(
        tenant.info.daemon_client_id,
        client_credential=secret,
        oidc_authority=tenant.info.authority,
        http_client=tenant.http,
        instance_discovery=False,
    )


def test_msal_gets_the_daemons_token_with_the_apis_roles(tenant: Tenant) -> None:
    scope = f"{tenant.info.application_id_uri}/.default"
    result: dict[str, Any] = daemon(tenant, tenant.info.daemon_client_secret).acquire_token_for_client([scope])
    claims = claims_of(result["access_token"])
    assert claims["roles"] == ["ToDoList.Read.All", "ToDoList.ReadWrite.All"]
    assert (claims["idtyp"], claims["azpacr"]) == ("app", "1")
    assert (claims["azp"], claims["tid"]) == (tenant.info.daemon_client_id, tenant.info.tenant_id)
    assert "scp" not in claims
    assert "refresh_token" not in result


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"client_secret": "wrong"}, "invalid_client", 7000215),
        ({"client_secret": ""}, "invalid_client", 7000218),
        ({"scope": "api://elsewhere/.default"}, "invalid_resource", 500011),
        ({"scope": "openid"}, "invalid_scope", 70011),
        ({"scope": ""}, "invalid_scope", 70011),
        ({"client_id": "unknown"}, "unauthorized_client", 700016),
    ],
)
def test_the_daemon_is_refused_in_entras_shape(tenant: Tenant, changes: dict[str, str], error: str, code: int) -> None:
    data = {
        "grant_type": "client_credentials",
        "client_id": tenant.info.daemon_client_id,
        "client_secret": tenant.info.daemon_client_secret,
        "scope": f"{tenant.info.application_id_uri}/.default",
    }
    body = tenant.token(**data | changes).json()
    assert (body["error"], body["error_codes"]) == (error, [code])


def test_the_daemon_may_send_its_secret_in_the_header(tenant: Tenant) -> None:
    scope = f"{tenant.info.application_id_uri}/.default"
    response = tenant.http.post(
        tenant.discovery["token_endpoint"],
        data={"grant_type": "client_credentials", "scope": scope},
        auth=(tenant.info.daemon_client_id, tenant.info.daemon_client_secret),
        timeout=10,
    )
    assert response.status_code == 200


def test_a_rotated_key_signs_at_once_and_the_api_learns_it(data_dir: Path) -> None:
    with sandbox_process.join(data_dir) as held, Tenant(held.info) as own:
        old = own.daemon_token()
        patient = TenantKeys(held.info.authority, held.info.ca_file, "a test", pause=10)
        eager = TenantKeys(held.info.authority, held.info.ca_file, "a test", pause=0)
        assert patient.key(kid_of(old)).kid == eager.key(kid_of(old)).kid == kid_of(old)
        engine = open_engine(data_dir / TENANT_FILE)
        kid = SigningKeys(engine).rotate()
        engine.dispose()
        new = own.daemon_token()
        assert kid_of(new) == kid
        assert [key["kid"] for key in own.get_json(own.discovery["jwks_uri"])["keys"]] == [kid, kid_of(old)]
        assert eager.key(kid).kid == kid
        with pytest.raises(BadToken):
            patient.key(kid)  # it asked a moment ago, and does not ask again for each stranger's kid
        # The API had no reason to ask before, so it knows both.
        for token in (new, old):
            bearer = {"Authorization": f"Bearer {token}"}
            assert own.http.get(f"{held.info.api_endpoint}/", headers=bearer, timeout=10).status_code == 200
    wait_until(lambda: not is_served(data_dir))


def test_codes_and_refresh_tokens_expire(data_dir: Path) -> None:
    with sandbox_process.join(data_dir) as held, Tenant(held.info) as own:
        token = own.demo_tokens()["refresh_token"]
        answer, verifier = own.sign_in_demo()
        with closing(sqlite3.connect(data_dir / TENANT_FILE)) as connection, connection:
            connection.execute("UPDATE code SET expires_at = strftime('%s') - 1")
            connection.execute("UPDATE refresh_token SET expires_at = strftime('%s') - 1")
        assert own.redeem(answer["code"], verifier).json()["error_codes"] == [70008]
        assert own.refresh(token).json()["error_codes"] == [700082]
    wait_until(lambda: not is_served(data_dir))


def test_idle_connections_do_not_hold_up_others(tenant: Tenant) -> None:
    addresses = [tenant.discovery[name] for name in ("token_endpoint", "authorization_endpoint")] * 12
    ports = [urlsplit(each).port for each in [*addresses, tenant.info.api_endpoint]]
    idle = [socket.create_connection(("localhost", port or 0), 5) for port in ports]
    start = time.monotonic()
    assert tenant.get_json(f"{tenant.info.authority}/.well-known/openid-configuration")
    assert tenant.http.get(tenant.info.api_endpoint, timeout=10).status_code == 401
    assert time.monotonic() - start < 5
    for each in idle:
        each.close()
