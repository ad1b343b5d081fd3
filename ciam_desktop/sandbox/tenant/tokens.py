"""Owns the claims: what the tenant says in ID tokens, access tokens and client_info."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ciam_desktop.sandbox.tenant.registration import API_ROLES, GRAPH_APP_ID, Client, Registration, Scopes

if TYPE_CHECKING:
    from collections.abc import Callable

    from ciam_desktop.sandbox.tenant.accounts import Account
    from ciam_desktop.sandbox.tenant.keys import SigningKeys

ACCESS_SECONDS = ID_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class TokenMaker:
    """Makes and signs the tenant's tokens; `salt` makes subjects pairwise (OIDC Core section 8.1).

    `clock` tells the seconds since 1970 by which tokens are dated.
    """

    registration: Registration
    keys: SigningKeys
    clock: Callable[[], float]
    salt: bytes = field(repr=False)

    def id_token(
        self, account: Account, client: Client, scopes: Scopes, *, sid: str, auth_time: int, nonce: str
    ) -> str:
        """An ID token (OIDC Core section 2); a refreshed one has no nonce."""
        claims = self._common(ID_SECONDS) | {
            "aud": client.client_id,
            "sub": self._subject(account.oid, client.client_id),
            "oid": account.oid,
            "sid": sid,
            "auth_time": auth_time,
            "login_hint": account.login_hint,
            "rh": self._handle(account.oid, client.client_id),
        }
        if nonce:
            claims["nonce"] = nonce
        if "profile" in scopes.oidc:
            claims |= {"name": account.name, "preferred_username": account.email}
            claims |= {"given_name": account.given_name} if account.given_name else {}
            claims |= {"family_name": account.family_name} if account.family_name else {}
        if "email" in scopes.oidc:
            claims["email"] = account.email
        return self.keys.sign(claims)

    def access_token(self, account: Account, client: Client, scopes: Scopes, *, sid: str) -> str:
        """A person's access token, version 2; without API permissions its audience is Microsoft Graph's."""
        audience = self.registration.api_app_id if scopes.api else GRAPH_APP_ID
        names = scopes.api or tuple(name for name in scopes.oidc if name != "offline_access")
        return self.keys.sign(
            self._common(ACCESS_SECONDS)
            | {
                "aud": audience,
                "azp": client.client_id,
                "azpacr": "0",
                "name": account.name,
                "preferred_username": account.email,
                "oid": account.oid,
                "sub": self._subject(account.oid, audience),
                "sid": sid,
                "scp": " ".join(names),
                "rh": self._handle(account.oid, audience),
            }
        )

    def application_token(self, client: Client) -> str:
        """An access token for an application that acts for itself, with the API's roles."""
        oid = self._service_principal(client.client_id)
        return self.keys.sign(
            self._common(ACCESS_SECONDS)
            | {
                "aud": self.registration.api_app_id,
                "azp": client.client_id,
                "azpacr": "1",
                "idtyp": "app",
                "oid": oid,
                "sub": oid,
                "roles": list(API_ROLES),
                "rh": self._handle(oid, client.client_id),
            }
        )

    def client_info(self, account: Account) -> str:
        """What MSAL makes its home_account_id of: base64url of JSON with uid and utid."""
        text = json.dumps({"uid": account.oid, "utid": self.registration.tenant_id}, separators=(",", ":"))
        return _base64url(text.encode())

    def _common(self, seconds: int) -> dict[str, Any]:
        now = int(self.clock())
        return {
            "iss": self.registration.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "tid": self.registration.tenant_id,
            "uti": secrets.token_urlsafe(16),
            "ver": "2.0",
        }

    def _subject(self, oid: str, audience: str) -> str:
        return _base64url(hmac.new(self.salt, f"sub:{oid}:{audience}".encode(), "sha256").digest())

    def _handle(self, oid: str, audience: str) -> str:
        return f"1.{_base64url(hmac.new(self.salt, f'rh:{oid}:{audience}'.encode(), 'sha256').digest())}."

    def _service_principal(self, client_id: str) -> str:
        digest = hashlib.sha256(self.salt + client_id.encode()).hexdigest()
        return f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
