"""Owns what the tenant's grants share: the request, the person, and the tokens for a person."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from authlib.oauth2 import OAuth2Request
from authlib.oauth2.rfc6749 import OAuth2Payload, grants

from ciam_desktop.sandbox.tenant.accounts import DISABLED, LOCKED, MFA_WANTED, PASSWORD_EXPIRED
from ciam_desktop.sandbox.tenant.errors import TenantError
from ciam_desktop.sandbox.tenant.tokens import ACCESS_SECONDS

if TYPE_CHECKING:
    from werkzeug.datastructures import Headers, MultiDict

    from ciam_desktop.sandbox.tenant.accounts import Account
    from ciam_desktop.sandbox.tenant.grants_store import Grant
    from ciam_desktop.sandbox.tenant.registration import Scopes
    from ciam_desktop.sandbox.tenant.services import Services

# What refuses tokens to an account: Entra's number, OAuth's error, the sentence, the suberror.
_CONDITIONS = {
    LOCKED: (50053, "invalid_grant", "The account is locked.", ""),
    DISABLED: (50057, "invalid_grant", "The user account is disabled.", ""),
    PASSWORD_EXPIRED: (50055, "invalid_grant", "The password is expired.", "user_password_expired"),
    MFA_WANTED: (50076, "interaction_required", "You must use multi-factor authentication.", "basic_action"),
}
_ONCE = (
    "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
    "code_challenge", "code_challenge_method", "prompt", "login_hint", "grant_type", "code", "code_verifier",
    "refresh_token", "client_secret", "device_code",
)  # fmt: skip


class _Payload(OAuth2Payload):  # type: ignore[misc] # Authlib ships no types
    def __init__(self, values: MultiDict[str, str]) -> None:
        self._values = values

    @property
    def data(self) -> MultiDict[str, str]:
        return self._values

    @property
    def datalist(self) -> dict[str, list[str]]:
        return defaultdict(list, {name: self._values.getlist(name) for name in self._values})


class TenantRequest(OAuth2Request):  # type: ignore[misc] # Authlib ships no types
    """One request's OAuth parameters: the query at the authorize page, the body at the token endpoint."""

    def __init__(self, url: str, values: MultiDict[str, str], headers: Headers) -> None:
        super().__init__("POST", url, headers=headers)
        self.payload = _Payload(values)

    @property
    def form(self) -> MultiDict[str, str]:
        """The same parameters, where Authlib looks for a body."""
        return self.payload.data

    def refuse_repeats(self) -> None:
        """No parameter may come twice (RFC 6749 section 3.1 and 3.2)."""
        for name in _ONCE:
            if len(self.payload.datalist.get(name, ())) > 1:
                raise TenantError(9000411, "invalid_request", f"The parameter {name} is duplicated.")


class TenantGrant(grants.BaseGrant):  # type: ignore[misc] # Authlib ships no types
    """What the grants of this tenant share."""

    @property
    def services(self) -> Services:
        """The tenant's parts."""
        return self.server.services  # type: ignore[no-any-return] # Authlib ships no types

    def allowed(self, grant: Grant) -> tuple[str, ...]:
        """The API permissions that the person lets the client have."""
        answers = self.services.consents.of(grant.oid, grant.client_id)
        return tuple(name for name, granted in answers.items() if granted)

    def person_token(
        self, account: Account, grant: Grant, scopes: Scopes, *, nonce: str, family: str | None
    ) -> dict[str, Any]:
        """The token answer for a person (OIDC Core section 3.1.3.3); `family` is the refresh token's line."""
        make, client = self.services.tokens, self.request.client
        token: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": scopes.text(self.services.registration),
            "expires_in": ACCESS_SECONDS,
            "ext_expires_in": ACCESS_SECONDS,
            "access_token": make.access_token(account, client, scopes, sid=grant.sid),
        }
        if "openid" in scopes.oidc:
            token["id_token"] = make.id_token(
                account, client, scopes, sid=grant.sid, auth_time=grant.auth_time, nonce=nonce
            )
        if family is not None:
            token["refresh_token"] = self.services.grants.new_refresh_token(family)
        if self.request.form.get("client_info") == "1":
            token["client_info"] = make.client_info(account)
        return token

    def person(self, oid: str) -> Account:
        """The person for whom tokens are asked; TenantError when the account is gone or something is the matter."""
        account = self.services.accounts.by_oid(oid)
        if account is None:
            raise TenantError(50034, "invalid_grant", "The user account does not exist in the tenant.")
        if account.condition:
            code, error, text, suberror = _CONDITIONS[account.condition]
            raise TenantError(code, error, text, suberror=suberror)
        return account
