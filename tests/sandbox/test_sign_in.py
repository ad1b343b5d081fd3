"""Whole sign-ins through the pages, redeemed by MSAL and judged by a JWT library of another maker."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING

import jwt
import pytest

from tests.sandbox.support import REDIRECT, Browser, Page, claims_of

if TYPE_CHECKING:
    from tests.sandbox.support import Tenant

PASSWORD = "a long password"


def accept(browser: Browser, page: Page) -> Page:
    """Accept when asked."""
    asked = any(("step", "accept") in form.buttons for form in page.forms)
    return browser.send(page, "accept") if asked else page


def sign_up(tenant: Tenant, browser: Browser, email: str, **changes: str | None) -> Page:
    """The page after a new account's sign-up, which asks for consent."""
    page = browser.get(tenant.url(prompt="create", **changes))
    return browser.send(
        page, "sign-up", email=email, name="Sandbox user", given_name="Given", family_name="Family", password=PASSWORD
    )


def new_email() -> str:
    return f"user-{secrets.token_hex(6)}@contoso.example"


def test_msal_signs_the_demo_account_in_and_the_id_token_is_proven_by_the_published_key(tenant: Tenant) -> None:
    app = tenant.msal_app()
    scopes = [tenant.info.read_scope, tenant.info.readwrite_scope]
    flow = app.initiate_auth_code_flow(scopes, redirect_uri=REDIRECT, response_mode="form_post")
    with Browser() as browser:
        answer = accept(browser, browser.send(browser.get(flow["auth_uri"]), "demo")).answer()
    result = app.acquire_token_by_auth_code_flow(flow, answer)
    assert "error" not in result, result
    key = jwt.PyJWKSet.from_dict(tenant.get_json(tenant.discovery["jwks_uri"])).keys[0]
    claims = jwt.decode(
        result["id_token"], key, algorithms=["RS256"], audience=tenant.info.client_id, issuer=tenant.info.authority
    )
    assert claims["name"] == "Demo user"
    assert claims["preferred_username"] == "user1@contoso.example"
    assert set(result["scope"].split()) >= set(scopes)
    (account,) = app.get_accounts()
    assert account["home_account_id"] == f"{claims['oid']}.{claims['tid']}"
    silent = app.acquire_token_silent(scopes, account, force_refresh=True)
    assert silent is not None
    assert silent["token_source"] == "identity_provider"


@pytest.mark.parametrize("tenant_name", ["guid", "contoso.onmicrosoft.com"])
def test_discovery_names_the_issuer_and_every_endpoint_under_either_name(tenant: Tenant, tenant_name: str) -> None:
    base = tenant.info.authority.removesuffix(f"/{tenant.info.tenant_id}/v2.0")
    name = tenant.info.tenant_id if tenant_name == "guid" else tenant_name
    metadata = tenant.get_json(f"{base}/{name}/v2.0/.well-known/openid-configuration")
    assert metadata == tenant.discovery
    assert metadata["issuer"] == tenant.info.authority
    assert metadata["token_endpoint"].startswith("https://localhost:")
    assert metadata["authorization_endpoint"].startswith("http://localhost:")
    assert "code_challenge_methods_supported" not in metadata


def test_an_unknown_tenant_has_no_discovery(tenant: Tenant) -> None:
    url = tenant.discovery["issuer"].replace(tenant.info.tenant_id, "fabrikam.onmicrosoft.com")
    response = tenant.http.get(f"{url}/.well-known/openid-configuration", timeout=10)
    assert response.status_code == 400
    assert response.json()["error_codes"] == [90002]


def test_each_port_serves_only_what_belongs_to_it(tenant: Tenant) -> None:
    authorize, token = tenant.discovery["authorization_endpoint"], tenant.discovery["token_endpoint"]
    with Browser() as browser:
        assert (
            browser.get(authorize.replace("oauth2/v2.0/authorize", "discovery/v2.0/keys")).response.status_code == 404
        )
        assert browser.get(authorize.replace("authorize", "token")).response.status_code == 404
    assert tenant.http.get(token.replace("token", "authorize"), timeout=10).status_code == 404


def test_the_tokens_carry_the_claims_of_an_external_tenant(tenant: Tenant) -> None:
    email = new_email()
    values, verifier = tenant.parameters()
    with Browser() as browser:
        page = sign_up(tenant, browser, email, code_challenge=values["code_challenge"])
        answer = browser.send(page, "accept").answer()
    assert answer["state"] == "the state"
    token = tenant.redeem(answer["code"], verifier).json()
    identity, access = claims_of(token["id_token"]), claims_of(token["access_token"])
    assert identity["nonce"] == "the nonce"
    assert (identity["name"], identity["given_name"], identity["family_name"]) == ("Sandbox user", "Given", "Family")
    assert (identity["email"], identity["preferred_username"]) == (email, email)
    assert identity["tid"] == access["tid"] == tenant.info.tenant_id
    assert identity["ver"] == access["ver"] == "2.0"
    assert identity["iss"] == access["iss"] == tenant.info.authority
    assert identity["oid"] == access["oid"]
    assert identity["sub"] != access["sub"]
    assert {"rh", "sid", "uti", "auth_time", "login_hint", "iat", "nbf", "exp"} <= identity.keys()
    assert access["aud"] == tenant.info.application_id_uri.removeprefix("api://")
    assert (access["azp"], access["azpacr"]) == (tenant.info.client_id, "0")
    assert access["scp"] == "ToDoList.Read ToDoList.ReadWrite"
    assert "roles" not in access
    info = json.loads(base64.urlsafe_b64decode(token["client_info"] + "=="))
    assert info == {"uid": identity["oid"], "utid": tenant.info.tenant_id}


def test_writing_may_be_declined_on_its_own_and_is_asked_for_again_only_on_demand(tenant: Tenant) -> None:
    values, verifier = tenant.parameters()
    with Browser() as browser:
        page = sign_up(tenant, browser, new_email(), code_challenge=values["code_challenge"])
        answer = browser.send(page, "accept", write=None).answer()
        token = tenant.redeem(answer["code"], verifier).json()
        assert claims_of(token["access_token"])["scp"] == "ToDoList.Read"
        assert tenant.info.readwrite_scope not in token["scope"].split()
        # Remembered: the same request goes straight through, in either direction.
        assert "code" in browser.get(tenant.url()).answer()
        refused = tenant.refresh(token["refresh_token"], scope=f"openid {tenant.info.readwrite_scope}")
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert refused.json()["error_codes"] == [65001]
        # Asked for alone, or with prompt=consent, the question comes back.
        alone = browser.get(tenant.url(scope=f"openid {tenant.info.readwrite_scope}"))
        again = browser.get(tenant.url(prompt="consent"))
        assert alone.form("accept")
        assert "code" in browser.send(again, "accept").answer()
    # The refused refresh did not cost the sign-in, and the token now serves what was allowed since.
    renewed = tenant.refresh(token["refresh_token"], scope=f"openid {tenant.info.readwrite_scope}").json()
    assert claims_of(renewed["access_token"])["scp"] == "ToDoList.ReadWrite"


@pytest.mark.parametrize("mode", ["form_post", "query"])
def test_declining_goes_back_to_the_application_with_access_denied_and_the_state(tenant: Tenant, mode: str) -> None:
    with Browser() as browser:
        page = sign_up(tenant, browser, new_email(), response_mode=mode)
        answer = browser.send(page, "cancel").answer()
    assert answer["error"] == "access_denied"
    assert answer["error_description"].startswith("AADSTS65004: ")
    assert answer["state"] == "the state"
    assert "code" not in answer


def test_a_wrong_password_is_said_inline_and_the_address_stays(tenant: Tenant) -> None:
    email = new_email()
    with Browser() as browser:
        sign_up(tenant, browser, email)
    with Browser() as browser:
        page = browser.send(browser.get(tenant.url()), "sign-in", email=email, password="not this one")
        assert "The e-mail address or the password is wrong." in page.text
        assert page.form("sign-in").fields["email"] == email
        assert page.form("sign-in").fields["password"] == ""
        page = browser.send(page, "sign-in", email=email.upper(), password=PASSWORD)
        assert page.form("accept")


def test_an_account_is_locked_for_a_while_after_ten_wrong_passwords(tenant: Tenant) -> None:
    email = new_email()
    with Browser() as browser:
        sign_up(tenant, browser, email)
    with Browser() as browser:
        page = browser.get(tenant.url())
        for _ in range(10):
            page = browser.send(page, "sign-in", email=email, password="wrong")
        page = browser.send(page, "sign-in", email=email, password=PASSWORD)
        assert "Too many wrong passwords" in page.text


def test_sign_up_says_what_is_wrong_by_field_and_keeps_what_was_typed(tenant: Tenant) -> None:
    with Browser() as browser:
        page = browser.follow(browser.get(tenant.url()), "sign-up")
        page = browser.send(page, "sign-up", email="no address", name="<b>&\"'", password="short")
    assert "Enter an e-mail address such as" in page.text
    assert "Use at least 8 characters." in page.text
    assert page.form("sign-up").fields["name"] == "<b>&\"'"
    assert page.form("sign-up").fields["password"] == ""


def test_an_address_can_be_registered_once(tenant: Tenant) -> None:
    email = new_email()
    with Browser() as browser:
        sign_up(tenant, browser, email)
    with Browser() as browser:
        assert "There is an account with this address already" in sign_up(tenant, browser, email.upper()).text


def test_the_browser_stays_signed_in_and_prompt_chooses_the_page(tenant: Tenant) -> None:
    email = new_email()
    with Browser() as browser:
        silent = browser.get(tenant.url(prompt="none")).answer()
        assert silent["error"] == "login_required"
        browser.send(sign_up(tenant, browser, email), "accept")
        assert "code" in browser.get(tenant.url()).answer()
        assert "code" in browser.get(tenant.url(prompt="none")).answer()
        assert browser.get(tenant.url(prompt="login", login_hint=email)).form("sign-in").fields["email"] == email
        assert browser.get(tenant.url(prompt="create")).form("sign-up")
        accept(browser, browser.send(browser.get(tenant.url(prompt="login")), "demo"))
        several = browser.get(tenant.url(prompt="none")).answer()
        assert several["error"] == "interaction_required"
        picker = browser.get(tenant.url(prompt="select_account"))
        assert email in picker.text
        assert "user1@contoso.example" in picker.text
        (_name, sid), *_others = [button for button in picker.form("pick").buttons if button[0] == "account"]
        assert "code" in browser.send(picker, "pick", account=sid).answer()
        assert "code" in browser.get(tenant.url(login_hint=email)).answer()
        assert browser.get(tenant.url(login_hint="stranger@contoso.example")).form("sign-in")
        # The picker's form cannot stand in for a fresh sign-in.
        fresh = browser.get(tenant.url(prompt="login"))
        assert browser.send(fresh, "sign-in", step="pick", account=sid).form("sign-in")


def test_signing_out_needs_no_hint_and_goes_back_with_the_state(tenant: Tenant) -> None:
    logout = tenant.discovery["end_session_endpoint"]
    back = "http%3A%2F%2Flocalhost%3A6001%2F"
    with Browser() as browser:
        browser.send(sign_up(tenant, browser, new_email()), "accept")
        page = browser.get(f"{logout}?post_logout_redirect_uri={back}&state=bye")
        assert page.response.headers["Location"] == "http://localhost:6001/?state=bye"
        assert browser.get(tenant.url(prompt="none")).answer()["error"] == "login_required"
        for uri in ("https%3A%2F%2Fevil.example%2F", "http%3A%2F%2Flocalhost%3A6001%2Fother", "javascript%3Aalert(1)"):
            page = browser.get(f"{logout}?post_logout_redirect_uri={uri}")
            assert page.response.status_code == 200
            assert "You are signed out" in page.text


def test_logout_hint_chooses_the_session_and_without_it_the_person_is_asked(tenant: Tenant) -> None:
    logout = tenant.discovery["end_session_endpoint"]
    first, second = new_email(), new_email()
    values, verifier = tenant.parameters()
    with Browser() as browser:
        page = sign_up(tenant, browser, first, code_challenge=values["code_challenge"])
        hint = claims_of(tenant.redeem(browser.send(page, "accept").answer()["code"], verifier).json()["id_token"])
        browser.send(sign_up(tenant, browser, second), "accept")
        asked = browser.get(logout)
        assert first in asked.text
        assert second in asked.text
        browser.get(f"{logout}?logout_hint={hint['login_hint']}")
        assert "code" in browser.get(tenant.url(prompt="none")).answer()
        assert browser.get(tenant.url(prompt="none", login_hint=first)).answer()["error"] == "login_required"
