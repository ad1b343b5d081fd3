"""What the authorize page refuses, where it says so, and that nothing hostile makes it stumble."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.sandbox.support import REDIRECT, Browser

if TYPE_CHECKING:
    from tests.sandbox.support import Tenant

HOSTILE = ['"', "'\"><script>alert(1)</script>", "\r\nSet-Cookie: a=b", "\\", "é☃", "\x00", "%", "{{7*7}}", "a" * 3000]


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request", 9002325),
        ({"code_challenge_method": "plain"}, "invalid_request", 9002325),
        ({"code_challenge_method": None}, "invalid_request", 9002325),
        ({"code_challenge": "short"}, "invalid_request", 501491),
        ({"response_type": "token"}, "unsupported_response_type", 700054),
        ({"response_type": None}, "unsupported_response_type", 700054),
        ({"response_mode": "fragment"}, "invalid_request", 9002332),
        ({"scope": None}, "invalid_request", 900144),
        ({"scope": "openid ToDoList.Read"}, "invalid_scope", 70011),
        ({"scope": "openid api://00000000-0000-0000-0000-000000000000/ToDoList.Read"}, "invalid_resource", 500011),
        ({"prompt": "none login"}, "invalid_request", 90023),
        ({"prompt": "dance"}, "invalid_request", 90023),
        ({"request": "eyJ"}, "request_not_supported", 90015),
    ],
)
def test_a_refusal_travels_back_with_the_state_when_the_address_is_registered(
    tenant: Tenant, changes: dict[str, str | None], error: str, code: int
) -> None:
    with Browser() as browser:
        answer = browser.get(tenant.url(**changes)).answer()
    assert answer["error"] == error
    assert answer["error_description"].startswith(f"AADSTS{code}: ")
    assert "Correlation ID: " in answer["error_description"]
    assert answer["state"] == "the state"


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/auth/redirect",
        "http://localhost.evil.example/auth/redirect",
        "http://localhost@evil.example/auth/redirect",
        "http://localhost:80@evil.example/redirect",
        "http://localhost:5999/other",
        "http://localhost:5999/Auth/Redirect",
        "http://localhost:5999/auth/redirect/",
        "http://localhost:5999/auth/redirect?x=1",
        "http://localhost:5999/auth/redirect#x",
        "http://localhost:5999/auth/../auth/redirect",
        "http://LOCALHOST:5999/redirect",
        "http://localhost:99999/redirect",
        "http://localhost:0/redirect",
        "http://[::1]:5999/redirect",
        "http://localhost\\@evil.example/redirect",
        " http://localhost/redirect",
        "http://localhost:5999/redirect\n",
        "javascript:alert(1)",
        "",
    ],
)
def test_an_address_that_is_not_registered_is_shown_as_a_page_and_never_gone_to(tenant: Tenant, uri: str) -> None:
    with Browser() as browser:
        page = browser.get(tenant.url(redirect_uri=uri))
    assert page.response.status_code == 400
    assert "Location" not in page.response.headers
    assert page.forms == []


@pytest.mark.parametrize(
    "uri", ["http://localhost", "http://localhost/", "http://localhost:1/redirect", "http://127.0.0.1:65535/"]
)
def test_loopback_addresses_are_registered_for_any_port(tenant: Tenant, uri: str) -> None:
    with Browser() as browser:
        assert browser.get(tenant.url(redirect_uri=uri)).form("demo")


@pytest.mark.parametrize("changes", [{"client_id": "x"}, {"client_id": None}, {"redirect_uri": None}])
def test_an_unknown_client_is_told_on_a_page(tenant: Tenant, changes: dict[str, str | None]) -> None:
    with Browser() as browser:
        page = browser.get(tenant.url(**changes))
    assert page.response.status_code == 400
    assert "AADSTS" in page.text


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "state", "scope", "code_challenge"])
def test_a_repeated_parameter_is_refused_on_a_page(tenant: Tenant, name: str) -> None:
    values, _ = tenant.parameters()
    url = f"{tenant.discovery['authorization_endpoint']}?{urlencode([*values.items(), (name, values[name])])}"
    with Browser() as browser:
        page = browser.get(url)
    assert page.response.status_code == 400
    assert "AADSTS9000411" in page.text


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize(
    "name",
    ["client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "prompt", "login_hint",
     "code_challenge", "code_challenge_method", "max_age", "domain_hint", "ui_locales", "mkt", "screen"],
)  # fmt: skip
def test_hostile_parameters_cause_neither_a_failure_nor_a_script(tenant: Tenant, name: str, hostile: str) -> None:
    with Browser() as browser:
        page = browser.get(tenant.url(**{name: hostile}))
    assert page.response.status_code in (200, 303, 400)
    assert "<script>alert" not in page.text
    assert "Set-Cookie: a=b" not in str(page.response.headers)
    assert 'value="49"' not in page.text


def test_state_and_hint_are_carried_to_the_letter(tenant: Tenant) -> None:
    state = "\"'<>&é☃ +%20;"
    with Browser() as browser:
        page = browser.get(tenant.url(state=state, login_hint="<i>@contoso.example"))
        assert page.form("sign-in").fields["email"] == "<i>@contoso.example"
        page = browser.send(page, "demo")
        if any(("step", "accept") in form.buttons for form in page.forms):
            page = browser.send(page, "accept")
        assert page.answer()["state"] == state
        assert browser.get(tenant.url(state=state, response_mode="query")).answer()["state"] == state


def test_forms_need_a_ticket_of_this_browser_and_this_request(tenant: Tenant) -> None:
    with Browser() as victim, Browser() as attacker:
        page = victim.get(tenant.url())
        foreign = attacker.get(tenant.url())
        for ticket in ("", "forged", foreign.form("demo").fields["ticket"]):
            sent = victim.send(page, "demo", ticket=ticket)
            assert sent.response.status_code == 400
            assert "This page is out of date" in sent.text
        other = victim.get(tenant.url(state="another request"))
        assert victim.send(page, "demo", ticket=other.form("demo").fields["ticket"]).response.status_code == 400


def test_the_pages_are_not_stored_framed_or_scripted_by_others(tenant: Tenant) -> None:
    with Browser() as browser:
        headers = browser.get(tenant.url()).response.headers
        answer = browser.get(tenant.url(scope="nonsense"))
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' http://localhost:5999;" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    cookies = headers["Set-Cookie"]
    assert "HttpOnly" in cookies
    assert "SameSite=Lax" in cookies
    # The page that posts the answer has one script, named by its nonce, and a button for browsers without.
    assert "script-src 'nonce-" in answer.response.headers["Content-Security-Policy"]
    assert answer.forms[0].action == REDIRECT
    assert '<button class="primary" type="submit">' in answer.text


def test_another_host_name_leads_nowhere(tenant: Tenant) -> None:
    url = tenant.url()
    with Browser() as browser:
        assert browser.get(url, Host="evil.example").response.status_code == 421
        assert browser.get(url, Host="localhost:1").response.status_code == 421
        moved = browser.get(url.replace("localhost", "127.0.0.1", 1)).response
    assert moved.status_code == 308
    assert moved.headers["Location"] == url
