"""The control API: for a program that has the key and for no page, and what it does beside faults."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from ciam_desktop import sandbox_process
from ciam_desktop.core.errors import SandboxError
from tests.doubles.sandbox_control import ControlRefused, SandboxControl
from tests.sandbox.support import Browser, Tenant, claims_of, is_served, wait_until
from tests.sandbox.test_lifecycle import ENDS_WITHIN, ROOT, program

if TYPE_CHECKING:
    from pathlib import Path

DEMO = "user1@contoso.example"
PASSWORD = "a long password"


def plain_call(control: SandboxControl, method: str, path: str, **options: Any) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {control.key}"} | options.pop("headers", {})
        return session.request(method, f"{control.endpoint}{path}", headers=headers, timeout=10, **options)


def sign_up(tenant: Tenant, email: str) -> dict[str, Any]:
    """The tokens of a new account."""
    values, verifier = tenant.parameters(prompt="create")
    with Browser() as browser:
        page = browser.get(f"{tenant.discovery['authorization_endpoint']}?{requests.compat.urlencode(values)}")
        page = browser.send(page, "sign-up", email=email, name="A person", password=PASSWORD)
        answer = browser.send(page, "accept").answer()
    return dict(tenant.redeem(answer["code"], verifier).json())


def test_without_control_nobody_is_told_of_any(tenant: Tenant) -> None:
    assert tenant.info.control_endpoint == tenant.info.control_key == ""
    assert not (tenant.info.data_dir / "ca-under-test.pem").exists()


def test_without_control_nothing_of_it_is_loaded() -> None:
    code = (
        "import sys; from ciam_desktop.sandbox import server, web; import ciam_desktop.sandbox_process;"
        "late = ('ciam_desktop.sandbox.control', 'uvicorn', 'trustme');"
        "print([name for name in sys.modules if name.startswith(late)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_key_is_in_no_file(controlled: Tenant, control: SandboxControl) -> None:
    control.fault("token", "status", status=500)
    controlled.refresh("of nobody")
    files = [each.read_bytes() for each in controlled.info.data_dir.rglob("*") if each.is_file()]
    assert len(files) > 5
    assert not any(control.key.encode() in content for content in files)


def test_control_cannot_be_joined_where_it_is_off(shared_dir: Path, tenant: Tenant) -> None:
    with pytest.raises(SandboxError, match="runs without its control API; end the programs that use it first"):
        sandbox_process.join(shared_dir, control=True)
    assert tenant.get_json(tenant.discovery["jwks_uri"])["keys"]


def test_a_program_without_control_joins_and_is_not_told(controlled: Tenant) -> None:
    with sandbox_process.join(controlled.info.data_dir) as held:
        assert held.info.pid == controlled.info.pid
        assert held.info.control_endpoint == held.info.control_key == ""
        assert held.info.ca_file == controlled.info.ca_file
    with sandbox_process.join(controlled.info.data_dir, control=True) as held:
        assert held.info.control_key == controlled.info.control_key
        assert held.info.control_key not in repr(held.info)


def test_the_command_line_prints_the_key_only_when_control_is_asked_for(data_dir: Path) -> None:
    with program(data_dir, "--control") as (process, line):
        assert line["control_endpoint"].startswith("http://127.0.0.1:")
        assert SandboxControl(line["control_endpoint"], line["control_key"]).faults() == []
        with program(data_dir) as (_second, other):
            assert not {"control_endpoint", "control_key"} & other.keys()
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    wait_until(lambda: not is_served(data_dir), ENDS_WITHIN)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer another-key"}, 401),
        ({"Authorization": "Basic {key}"}, 401),
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost:1"}, 421),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:3000"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
    ],
)
def test_a_web_page_or_a_stranger_is_refused(control: SandboxControl, headers: dict[str, str], status: int) -> None:
    given = {"Content-Type": "application/json"} | headers
    answer = plain_call(control, "POST", "/clock", data=b'{"offset_seconds": 5}', headers=given)
    assert answer.status_code == status
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    assert control.call("POST", "/clock", {"offset_seconds": 0}) == {"offset_seconds": 0}


def test_a_preflight_is_not_allowed(control: SandboxControl) -> None:
    given = {"Origin": "https://page.example", "Access-Control-Request-Method": "POST", "Authorization": ""}
    answer = plain_call(control, "OPTIONS", "/faults", headers=given)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_it_listens_on_127_0_0_1_alone(controlled: Tenant) -> None:
    port = int(controlled.info.control_endpoint.rpartition(":")[2])
    with pytest.raises(OSError, match=r"refused|unreachable|not available|Cannot assign"):
        socket.create_connection(("::1", port), timeout=5).close()


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("/faults", {}, "The fault must be one of hang"),
        ("/faults", {"at": "token", "fault": "nonsense"}, "The fault must be one of hang"),
        ("/faults", {"at": "nowhere", "fault": "hang"}, "The fault hang can be at discovery"),
        ("/faults", {"at": "token", "fault": "certificate", "flaw": "expired"}, "can be at tenant, api"),
        ("/faults", {"at": "api.list", "fault": "token_claims"}, "can be at token"),
        ("/faults", {"at": "token", "fault": "delay"}, "needs the argument ms"),
        ("/faults", {"at": "token", "fault": "delay", "ms": "5"}, "ms must be a whole number"),
        ("/faults", {"at": "token", "fault": "delay", "ms": True}, "ms must be a whole number"),
        ("/faults", {"at": "token", "fault": "delay", "ms": -1}, "ms must be between 0 and"),
        ("/faults", {"at": "token", "fault": "delay", "ms": 1, "wrong": 1}, "has no argument wrong"),
        ("/faults", {"at": "token", "fault": "hang", "times": 0}, "The number of times"),
        ("/faults", {"at": "token", "fault": "hang", "after": -1}, "The number after which"),
        ("/faults", {"at": "keys", "fault": "hang", "grant": "refresh_token"}, "The grant goes with the place token"),
        ("/faults", {"at": "token", "fault": "token_algorithm", "alg": "RS1"}, "alg must be one of none"),
        ("/faults", {"at": "token", "fault": "token_claims", "shift": {"exp": "1"}}, "an object of whole numbers"),
        ("/faults", [1], "must be a JSON object"),
        ("/accounts/nobody@contoso.example", {"state": "locked"}, "no account with this address"),
        (f"/accounts/{DEMO}", {"state": "asleep"}, "The state must be one of active"),
        ("/grants/revoke", {"email": 1}, "The email must be text"),
        ("/clock", {"offset_seconds": 1.5}, "must be a whole number"),
        ("/clock", {}, "must be a whole number"),
        ("/device", {"interval": -1}, "must be a whole number"),
        ("/keys/rotate", {"kid": "x"}, "has no member kid"),
    ],
)
def test_wrong_input_is_told_in_one_sentence_and_changes_nothing(
    control: SandboxControl, path: str, body: Any, sentence: str
) -> None:
    with pytest.raises(ControlRefused, match=sentence) as caught:
        control.call("POST", path, body)
    assert caught.value.status == 400
    assert str(caught.value).endswith(".")
    assert control.faults() == []


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("PUT", "/faults", 405), ("DELETE", "/faults/99999", 404)]
)
def test_calls_that_do_not_exist_are_refused(control: SandboxControl, method: str, path: str, status: int) -> None:
    assert plain_call(control, method, path).status_code == status


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 50_000])
def test_a_body_that_is_no_json_is_refused(control: SandboxControl, body: bytes) -> None:
    answer = plain_call(control, "POST", "/faults", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (400, "The body is no JSON.")


def test_a_fault_strikes_after_so_many_and_so_often(control: SandboxControl, controlled: Tenant) -> None:
    fault = control.fault("keys", "status", status=503, after=1, times=2)
    url = controlled.discovery["jwks_uri"]
    assert [controlled.http.get(url, timeout=10).status_code for _ in range(5)] == [200, 503, 503, 200, 200]
    assert control.struck(fault) == 2
    control.clear(fault)
    assert control.faults() == []


def test_every_place_of_the_api_can_be_struck_at_once(control: SandboxControl, controlled: Tenant) -> None:
    control.fault("api.*", "status", status=500)
    base = controlled.info.api_endpoint
    calls = [("GET", ""), ("POST", ""), ("GET", "/1"), ("PUT", "/1"), ("DELETE", "/1")]
    assert {controlled.http.request(method, base + path, timeout=10).status_code for method, path in calls} == {500}
    places = [each["place"] for each in control.requests()]
    assert places == ["api.list", "api.add", "api.item", "api.change", "api.remove"]


def test_requests_are_counted_and_never_kept_whole(control: SandboxControl, controlled: Tenant) -> None:
    before = time.time()
    tokens = controlled.demo_tokens()
    controlled.refresh(tokens["refresh_token"])
    seen = control.requests()
    assert [(each["grant"], each["status"]) for each in seen if each["place"] == "token"] == [
        ("authorization_code", 200),
        ("refresh_token", 200),
    ]
    assert control.count("token") == 2
    assert all(before - 1 < each["at"] < time.time() + 1 for each in seen)
    assert {frozenset(each) for each in seen} == {frozenset(("method", "place", "grant", "at", "status"))}
    assert tokens["refresh_token"] not in json.dumps(seen)
    control.forget()
    assert control.requests() == []


def test_the_sandboxs_own_requests_meet_no_fault(control: SandboxControl, controlled: Tenant) -> None:
    token = controlled.demo_tokens()["access_token"]
    control.rotate_keys()
    control.fault("keys", "close")
    control.fault("discovery", "close")
    headers = {"Authorization": f"Bearer {token}"}
    assert controlled.http.get(controlled.info.api_endpoint, headers=headers, timeout=10).status_code == 200
    assert control.count("keys") == control.count("discovery") == 0


def test_rotated_keys_sign_and_are_published(control: SandboxControl, controlled: Tenant) -> None:
    kid = control.rotate_keys()
    assert kid in [key["kid"] for key in controlled.get_json(controlled.discovery["jwks_uri"])["keys"]]


@pytest.mark.parametrize(
    ("state", "error", "number", "settled"),
    [
        ("locked", "invalid_grant", 50053, False),
        ("disabled", "invalid_grant", 50057, False),
        ("password_expired", "invalid_grant", 50055, True),
        ("mfa", "interaction_required", 50076, True),
    ],
)
def test_an_account_in_trouble_gets_no_tokens_until_that_is_settled(
    control: SandboxControl, controlled: Tenant, state: str, error: str, number: int, settled: bool
) -> None:
    token = controlled.demo_tokens()["refresh_token"]
    control.account(DEMO.upper(), state)
    try:
        refused = controlled.refresh(token)
        assert (refused.status_code, refused.json()["error"]) == (400, error)
        assert refused.json()["error_codes"] == [number]
        with Browser() as browser:
            page = browser.send(browser.get(controlled.url()), "demo")
        assert (page.response.status_code == 200) is settled
    finally:
        control.account(DEMO, "active")
    assert controlled.refresh(token).status_code == 200


def test_a_change_of_the_account_ends_its_sessions_in_browsers(control: SandboxControl, controlled: Tenant) -> None:
    with Browser() as browser:
        browser.send(browser.get(controlled.url()), "demo")
        assert "code" in browser.get(controlled.url(prompt="none")).answer()
        control.account(DEMO, "mfa")
        assert browser.get(controlled.url(prompt="none")).answer()["error"] == "login_required"
    control.account(DEMO, "active")


def test_a_deleted_account_is_gone_with_its_tokens(control: SandboxControl, controlled: Tenant) -> None:
    email = "user7@contoso.example"
    tokens = sign_up(controlled, email)
    control.account(email, "deleted")
    assert controlled.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    with pytest.raises(ControlRefused, match="no account"):
        control.account(email, "active")


def test_refresh_tokens_are_revoked_for_one_account_or_for_all(control: SandboxControl, controlled: Tenant) -> None:
    email = "user8@contoso.example"
    mine, theirs = sign_up(controlled, email)["refresh_token"], controlled.demo_tokens()["refresh_token"]
    control.revoke(email)
    assert controlled.refresh(mine).json()["error_codes"] == [50173]
    fresh = controlled.refresh(theirs)
    assert fresh.status_code == 200
    control.revoke()
    assert controlled.refresh(fresh.json()["refresh_token"]).json()["error_codes"] == [50173]


def test_the_sandboxs_clock_goes_wrong_as_a_whole(control: SandboxControl, controlled: Tenant) -> None:
    control.clock(7200)
    tokens = controlled.demo_tokens()
    claims = claims_of(tokens["id_token"])
    assert abs(claims["iat"] - time.time() - 7200) < 30
    assert claims["exp"] - claims["iat"] == 3600
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    answer = controlled.http.get(controlled.info.api_endpoint, headers=headers, timeout=10)
    assert answer.status_code == 200
    assert abs(parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time() - 7200) < 30
    control.clock(0)
    assert controlled.http.get(controlled.info.api_endpoint, headers=headers, timeout=10).status_code == 401


def test_every_authorization_response_names_the_issuer(tenant: Tenant) -> None:
    assert tenant.discovery["authorization_response_iss_parameter_supported"] is True
    answer, _verifier = tenant.sign_in_demo()
    assert answer["iss"] == tenant.discovery["issuer"]
    with Browser() as browser:
        refused = browser.get(tenant.url(prompt="none")).answer()
    assert (refused["error"], refused["iss"]) == ("login_required", tenant.discovery["issuer"])
