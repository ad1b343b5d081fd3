"""A whole sign-in through the pages, redeemed by MSAL and judged by a JWT library of another maker."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import jwt
import pytest

from tests.sandbox.support import REDIRECT, Browser, claims_of

if TYPE_CHECKING:
    from tests.sandbox.support import Tenant

PASSWORD = "correct horse battery"


def test_msal_signs_the_demo_account_in_and_the_id_token_is_proven_by_the_published_key(tenant: Tenant) -> None:
    app = tenant.msal_app()
    scopes = [tenant.info.read_scope, tenant.info.readwrite_scope]
    flow = app.initiate_auth_code_flow(scopes, redirect_uri=REDIRECT, response_mode="form_post")
    with Browser() as browser:
        page = browser.send(browser.get(flow["auth_uri"]), "demo")
        if any(("step", "accept") in form.buttons for form in page.forms):
            page = browser.send(page, "accept")
        answer = page.answer()
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
    assert "access_token" in silent
