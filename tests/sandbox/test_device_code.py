"""Signing in on another device (RFC 8628): the device's questions, the person's page, races and guesses."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest

from ciam_desktop.sandbox import database
from ciam_desktop.sandbox.server import TENANT_FILE
from ciam_desktop.sandbox.tenant.accounts import Accounts
from ciam_desktop.sandbox.tenant.device_store import MOST_TRIES_OF_ALL, DeviceCodes
from ciam_desktop.sandbox.tenant.migrations import STEPS
from tests.sandbox.support import Browser, Page, Tenant, claims_of

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from tests.doubles.sandbox_control import SandboxControl

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
DEMO = "user1@contoso.example"


@pytest.fixture(autouse=True)
def quick(control: SandboxControl) -> None:
    """Devices may ask as often as they like, unless a test says otherwise."""
    control.device(interval=0)


def request_codes(tenant: Tenant, **changes: str) -> requests.Response:
    data = {
        "client_id": tenant.info.client_id,
        "scope": f"openid profile offline_access {tenant.info.read_scope} {tenant.info.readwrite_scope}",
    }
    return tenant.http.post(tenant.discovery["device_authorization_endpoint"], data=data | changes, timeout=10)


def codes_of(tenant: Tenant) -> dict[str, Any]:
    answer = request_codes(tenant)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def poll(tenant: Tenant, code: str, **changes: str) -> requests.Response:
    data = {"grant_type": GRANT, "client_id": tenant.info.client_id, "device_code": code, "client_info": "1"}
    return tenant.token(**data | changes)


def refusal(answer: requests.Response) -> tuple[str, int]:
    assert answer.status_code == 400
    return answer.json()["error"], answer.json()["error_codes"][0]


def follow(browser: Browser, page: Page) -> Page:
    """Where redirects within the tenant lead."""
    while page.response.is_redirect:
        page = browser.get(urljoin(page.response.url, page.response.headers["Location"]))
    return page


def type_code(browser: Browser, tenant: Tenant, typed: str) -> Page:
    """The page after this code was typed."""
    page = follow(browser, browser.get(f"http://localhost:{pages_port(tenant)}/common/oauth2/deviceauth"))
    return follow(browser, browser.send(page, "code", user_code=typed))


def pages_port(tenant: Tenant) -> str:
    return str(tenant.discovery["authorization_endpoint"].split(":")[2].partition("/")[0])


def to_confirmation(browser: Browser, tenant: Tenant, user_code: str) -> Page:
    """The page where the person, signed in as the demo account, confirms."""
    page = browser.send(type_code(browser, tenant, user_code), "demo")
    return browser.send(page, "accept") if 'value="accept"' in page.text else page


def confirm(tenant: Tenant, user_code: str) -> None:
    with Browser() as browser:
        page = browser.send(to_confirmation(browser, tenant, user_code), "confirm")
        assert "You are signed in on the other device" in page.text


def test_discovery_names_the_endpoint_and_the_grant(controlled: Tenant) -> None:
    assert controlled.discovery["device_authorization_endpoint"].endswith("/oauth2/v2.0/devicecode")
    assert GRANT in controlled.discovery["grant_types_supported"]


def test_the_codes_come_as_the_platform_sends_them(control: SandboxControl, controlled: Tenant) -> None:
    control.reset()
    answer = request_codes(controlled)
    codes = answer.json()
    names = {"user_code", "device_code", "verification_uri", "expires_in", "interval", "message"}
    assert codes.keys() == names
    assert (codes["expires_in"], codes["interval"]) == (900, 5)
    assert codes["verification_uri"] == f"http://localhost:{pages_port(controlled)}/common/oauth2/deviceauth"
    assert codes["user_code"] in codes["message"]
    assert codes["verification_uri"] in codes["message"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("changes", "error", "number"),
    [
        ({"client_id": "00000000-0000-4000-8000-000000000000"}, "unauthorized_client", 700016),
        ({"scope": ""}, "invalid_request", 900144),
        ({"scope": "openid Nonsense"}, "invalid_scope", 70011),
        ({"scope": "api://other/Read"}, "invalid_resource", 500011),
    ],
)
def test_a_mistaken_request_gets_no_codes(controlled: Tenant, changes: dict[str, str], error: str, number: int) -> None:
    assert refusal(request_codes(controlled, **changes)) == (error, number)


def test_the_daemon_gets_no_codes(controlled: Tenant) -> None:
    info = controlled.info
    answer = request_codes(controlled, client_id=info.daemon_client_id, client_secret=info.daemon_client_secret)
    assert refusal(answer) == ("unauthorized_client", 700016)


def test_a_person_signs_the_device_in(controlled: Tenant) -> None:
    codes = codes_of(controlled)
    assert refusal(poll(controlled, codes["device_code"])) == ("authorization_pending", 70016)
    confirm(controlled, codes["user_code"])
    answer = poll(controlled, codes["device_code"]).json()
    assert answer["token_type"] == "Bearer"
    claims = claims_of(answer["id_token"])
    assert claims["aud"] == controlled.info.client_id
    assert claims["preferred_username"] == DEMO
    assert "nonce" not in claims
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert controlled.http.get(controlled.info.api_endpoint, headers=headers, timeout=10).status_code == 200
    assert controlled.refresh(answer["refresh_token"]).status_code == 200
    assert claims_of(f".{answer['client_info']}.")["uid"] == claims["oid"]


def test_msal_signs_in_by_it(controlled: Tenant) -> None:
    app = controlled.msal_app()
    flow = app.initiate_device_flow([controlled.info.read_scope])
    assert flow["interval"] == 0
    confirm(controlled, flow["user_code"])
    answer = app.acquire_token_by_device_flow(flow)
    assert answer["id_token_claims"]["preferred_username"] == DEMO, answer


@pytest.mark.parametrize("spell", [str.lower, lambda code: f" {code[:3]} {code[3:6]}-{code[6:]} ", "–".join])
def test_a_code_may_be_typed_as_people_type(controlled: Tenant, spell: Any) -> None:
    codes = codes_of(controlled)
    with Browser() as browser:
        assert 'value="demo"' in type_code(browser, controlled, spell(codes["user_code"])).text


def test_the_page_is_at_the_tenants_addresses_too(controlled: Tenant) -> None:
    base = f"http://localhost:{pages_port(controlled)}"
    with Browser() as browser:
        for name in (controlled.info.tenant_id, "contoso.onmicrosoft.com", "common"):
            page = follow(browser, browser.get(f"{base}/{name}/oauth2/deviceauth"))
            assert page.form("code").fields["ticket"]
        assert browser.get(f"{base}/another/oauth2/deviceauth").response.status_code == 400


def test_the_page_says_who_asks_and_when_not_to_go_on(controlled: Tenant) -> None:
    with Browser() as browser:
        page = to_confirmation(browser, controlled, codes_of(controlled)["user_code"])
    assert "Sign in to CIAM Desktop on another device?" in page.text
    assert "only if you started this yourself" in page.text
    assert DEMO in page.text
    assert "<script" not in page.text
    assert page.response.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_somebody_who_is_signed_in_is_asked_all_the_same(controlled: Tenant) -> None:
    with Browser() as browser:
        to_confirmation(browser, controlled, codes_of(controlled)["user_code"])
        second = codes_of(controlled)
        page = type_code(browser, controlled, second["user_code"])
        assert "Choose an account" in page.text
        sid = page.text.split('name="account" value="')[1].split('"')[0]
        page = browser.send(page, "pick", account=sid)
        assert "on another device?" in page.text
        assert refusal(poll(controlled, second["device_code"]))[0] == "authorization_pending"


@pytest.mark.parametrize("where", ["sign-in", "confirm"])
def test_a_person_may_decline(controlled: Tenant, where: str) -> None:
    codes = codes_of(controlled)
    with Browser() as browser:
        if where == "sign-in":
            page = type_code(browser, controlled, codes["user_code"])
        else:
            page = to_confirmation(browser, controlled, codes["user_code"])
        assert "Nothing was signed in" in browser.send(page, "cancel").text
        assert refusal(poll(controlled, codes["device_code"])) == ("authorization_declined", 65004)
        assert "code is not right" in type_code(browser, controlled, codes["user_code"]).text


def test_permissions_that_were_declined_are_not_in_the_token(controlled: Tenant) -> None:
    email = "device1@contoso.example"
    codes = codes_of(controlled)
    with Browser() as browser:
        page = browser.follow(type_code(browser, controlled, codes["user_code"]), "sign-up")
        page = browser.send(page, "sign-up", email=email, name="A person", password="a long password")
        page = browser.send(page, "accept", write=None)
        browser.send(page, "confirm")
    answer = poll(controlled, codes["device_code"]).json()
    assert claims_of(answer["access_token"])["scp"] == "ToDoList.Read"


def test_a_device_code_is_redeemable_once_even_when_raced(controlled: Tenant) -> None:
    codes = codes_of(controlled)
    confirm(controlled, codes["user_code"])
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: poll(controlled, codes["device_code"]), range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400, 400]
    assert refusal(poll(controlled, codes["device_code"])) == ("invalid_grant", 54005)


def test_a_code_is_answered_once_even_when_two_people_do(controlled: Tenant) -> None:
    codes = codes_of(controlled)
    with Browser() as first, Browser() as second:
        pages = [(each, to_confirmation(each, controlled, codes["user_code"])) for each in (first, second)]
        together = threading.Barrier(2, timeout=10)

        def answer(browser: Browser, page: Page, step: str) -> str:
            together.wait()
            return browser.send(page, step).text

        with ThreadPoolExecutor(2) as pool:
            texts = list(pool.map(lambda each: answer(*each), [(*pages[0], "confirm"), (*pages[1], "confirm")]))
    assert sorted("You are signed in on the other device" in text for text in texts) == [False, True]


def test_an_expired_code_is_over_for_the_device_and_for_the_person(control: SandboxControl, controlled: Tenant) -> None:
    control.device(expires_in=5)  # time enough to type it on a busy machine
    codes = codes_of(controlled)
    with Browser() as browser:
        page = to_confirmation(browser, controlled, codes["user_code"])
        deadline = time.monotonic() + 20
        while refusal(poll(controlled, codes["device_code"])) != ("expired_token", 70019):
            assert time.monotonic() < deadline
            threading.Event().wait(0.1)
        assert "out of date" in browser.send(page, "confirm").text
        assert "its time is over" in type_code(browser, controlled, codes["user_code"]).text


def test_a_device_that_asks_too_often_must_wait_longer(control: SandboxControl, controlled: Tenant) -> None:
    control.device(interval=1)
    codes = codes_of(controlled)
    assert refusal(poll(controlled, codes["device_code"]))[0] == "authorization_pending"
    assert refusal(poll(controlled, codes["device_code"])) == ("slow_down", 70016)
    threading.Event().wait(1.1)  # the first pause would have been over; it is five seconds longer now
    assert refusal(poll(controlled, codes["device_code"]))[0] == "slow_down"
    confirm(controlled, codes["user_code"])
    assert poll(controlled, codes["device_code"]).status_code == 200


@pytest.mark.parametrize("code", ["of nobody", "é", "x" * 5000])
def test_an_unknown_device_code_is_refused(controlled: Tenant, code: str) -> None:
    assert refusal(poll(controlled, code)) == ("bad_verification_code", 70018)


def test_a_device_code_belongs_to_its_client(controlled: Tenant) -> None:
    codes, info = codes_of(controlled), controlled.info
    confirm(controlled, codes["user_code"])
    answer = poll(
        controlled, codes["device_code"], client_id=info.daemon_client_id, client_secret=info.daemon_client_secret
    )
    assert answer.status_code == 400
    assert poll(controlled, codes["device_code"]).status_code == 200


def test_an_account_in_trouble_spends_no_code(control: SandboxControl, controlled: Tenant) -> None:
    codes = codes_of(controlled)
    confirm(controlled, codes["user_code"])
    control.account(DEMO, "disabled")
    try:
        assert refusal(poll(controlled, codes["device_code"])) == ("invalid_grant", 50057)
    finally:
        control.account(DEMO, "active")
    assert poll(controlled, codes["device_code"]).status_code == 200


def test_guessing_codes_ends_for_a_browser(controlled: Tenant) -> None:
    right = codes_of(controlled)["user_code"]
    with Browser() as browser:
        for _ in range(5):
            assert "code is not right" in type_code(browser, controlled, "BBBBBBBBB").text
        page = type_code(browser, controlled, right)
        assert page.response.status_code == 400
        assert "Too many wrong codes" in page.text
    with Browser() as other:
        assert 'value="demo"' in type_code(other, controlled, right).text


def test_guesses_at_once_are_all_counted(controlled: Tenant) -> None:
    with Browser() as browser:
        page = follow(browser, browser.get(f"http://localhost:{pages_port(controlled)}/common/oauth2/deviceauth"))
        with ThreadPoolExecutor(10) as pool:
            texts = list(pool.map(lambda _: browser.send(page, "code", user_code="BBBBBBBBB").text, range(20)))
    assert sum("code is not right" in text for text in texts) == 5


def test_guesses_from_ever_new_browsers_burn_the_codes_that_wait(tmp_path: Path) -> None:
    database.prepare(tmp_path / TENANT_FILE, STEPS)
    engine = database.open_engine(tmp_path / TENANT_FILE)
    codes = DeviceCodes(engine)
    codes.save("a device code", "BCDFGHJKL", "a client", "openid")
    for number in range(MOST_TRIES_OF_ALL):
        assert codes.claim_try(f"browser {number}")
    assert codes.waiting("BCDFGHJKL") is not None
    codes.claim_try("one browser more")
    assert codes.waiting("BCDFGHJKL") is None
    found = codes.find("a device code")
    assert found is not None
    assert found.is_expired()
    engine.dispose()


def test_the_address_of_a_visit_is_worth_nothing_in_another_browser(controlled: Tenant) -> None:
    codes = codes_of(controlled)
    with Browser() as mine, Browser() as theirs:
        page = type_code(mine, controlled, codes["user_code"])
        assert "visit=" in page.response.url
        assert theirs.get(page.response.url).form("code")
        assert "out of date" in theirs.send(page, "demo").text


def test_a_forged_form_confirms_nothing(controlled: Tenant) -> None:
    codes = codes_of(controlled)
    with Browser() as browser:
        page = to_confirmation(browser, controlled, codes["user_code"])
        assert "out of date" in browser.send(page, "confirm", ticket="forged").text
        browser.headers["Origin"] = "http://localhost:3000"
        assert "out of date" in browser.send(page, "confirm").text
    assert refusal(poll(controlled, codes["device_code"]))[0] == "authorization_pending"


def test_confirming_needs_the_sign_in(controlled: Tenant) -> None:
    codes = codes_of(controlled)
    with Browser() as browser:
        page = type_code(browser, controlled, codes["user_code"])
        ticket = page.form("demo").fields["ticket"]
        assert "out of date" in browser.send(page, "demo", step="confirm", ticket=ticket).text
    assert refusal(poll(controlled, codes["device_code"]))[0] == "authorization_pending"


def test_a_tenant_of_the_first_format_keeps_its_accounts(tmp_path: Path) -> None:
    path = tmp_path / TENANT_FILE
    database.prepare(path, STEPS[:1])
    with closing(sqlite3.connect(path)) as connection, connection:
        columns = "oid, email, name, given_name, family_name, login_hint"
        connection.execute(f"INSERT INTO account ({columns}) VALUES ('1', '{DEMO}', 'A', '', '', 'O.1')")  # noqa: S608 -- constants
    database.prepare(path, STEPS)
    engine = database.open_engine(path)
    account = Accounts(engine).by_email(DEMO)
    engine.dispose()
    assert account is not None
    assert (account.oid, account.condition) == ("1", "")


def test_codes_are_kept_as_hashes(controlled: Tenant) -> None:
    codes = codes_of(controlled)
    with closing(sqlite3.connect(controlled.info.data_dir / TENANT_FILE)) as connection:
        kept = "\n".join(connection.iterdump())
    assert codes["device_code"] not in kept
    assert codes["user_code"] not in kept
