"""Owns the OAuth side: Authlib's server and grants, shaped as an external tenant behaves."""

from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from authlib.oauth2 import AuthorizationServer, OAuth2Error
from authlib.oauth2.rfc6749 import grants
from authlib.oauth2.rfc7636 import CodeChallenge

from ciam_desktop.sandbox.tenant.device_grant import DeviceEndpoint, DeviceGrant
from ciam_desktop.sandbox.tenant.errors import TenantError
from ciam_desktop.sandbox.tenant.grant import TenantGrant, TenantRequest
from ciam_desktop.sandbox.tenant.grants_store import Code, RefreshToken
from ciam_desktop.sandbox.tenant.registration import Client, Scopes, parse_scopes
from ciam_desktop.sandbox.tenant.tokens import ACCESS_SECONDS

if TYPE_CHECKING:
    from ciam_desktop.sandbox.tenant.accounts import Account
    from ciam_desktop.sandbox.tenant.services import Services

RESPONSE_MODES = ("query", "form_post")


class CodeGrant(TenantGrant, grants.AuthorizationCodeGrant):  # type: ignore[misc] # Authlib ships no types
    """The authorization code grant (RFC 6749 section 4.1)."""

    def validate_authorization_request(self) -> str:
        """Check the request in the order in which a refusal may travel back; the redirect URI.

        Raises TenantError, with `redirect_uri` once client and address are known to belong together.
        """
        request, registration = self.request, self.services.registration
        values = request.payload.data
        request.refuse_repeats()
        for name in ("client_id", "redirect_uri"):
            if not values.get(name):
                raise TenantError(900144, "invalid_request", f"The request must contain the parameter {name}.")
        client = registration.client(values["client_id"])
        if client is None:
            raise TenantError(700016, "unauthorized_client", "The application was not found in the tenant.")
        uri = str(values["redirect_uri"])
        if not client.check_redirect_uri(uri):
            raise TenantError(50011, "invalid_request", "The redirect URI is not registered for the application.")
        request.client = client
        if values.get("response_mode", "query") not in RESPONSE_MODES:
            raise TenantError(9002332, "invalid_request", "The response_mode is not supported.", redirect_uri=uri)
        if values.get("response_type") != "code":
            raise TenantError(700054, "unsupported_response_type", "The response_type must be code.", redirect_uri=uri)
        if values.get("request") or values.get("request_uri"):
            raise TenantError(90015, "request_not_supported", "Request objects are not supported.", redirect_uri=uri)
        # RFC 9700 section 2.1.1; Authlib alone would take a request without a challenge, or a plain one.
        if not values.get("code_challenge") or values.get("code_challenge_method") != "S256":
            raise TenantError(
                9002325,
                "invalid_request",
                "Proof Key for Code Exchange with the method S256 is required.",
                redirect_uri=uri,
            )
        if not values.get("scope", "").strip():
            raise TenantError(900144, "invalid_request", "The parameter scope is missing.", redirect_uri=uri)
        parse_scopes(values["scope"], registration, redirect_uri=uri)
        self.execute_hook("after_validate_authorization_request_payload", uri)
        return uri

    def save_authorization_code(self, code: str, request: TenantRequest) -> None:
        """Keep the code for the person in `request.user`, a Grant."""
        values = request.payload.data
        self.services.grants.save_code(
            code, request.user, values["redirect_uri"], values.get("nonce", ""), values["code_challenge"]
        )

    def query_authorization_code(self, code: str, client: Client) -> Code:
        """Take the code: it is spent from here on, whatever the checks that follow say."""
        taken = self.services.grants.take_code(code)
        if taken is None:
            if self.services.grants.is_spent(code):
                raise TenantError(54005, "invalid_grant", "The authorization code was already redeemed.")
            raise TenantError(9002313, "invalid_grant", "The authorization code is not valid.")
        if taken.grant.client_id != client.client_id:
            raise TenantError(700005, "invalid_grant", "The authorization code belongs to another application.")
        if taken.expires_at <= time.time():
            raise TenantError(70008, "invalid_grant", "The authorization code has expired.")
        return taken

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Nothing is left to delete: the code was spent when it was taken."""

    def authenticate_user(self, authorization_code: Code) -> Account:
        """The person who signed in."""
        return self.person(authorization_code.grant.oid)

    def generate_token(self, user: Account, scope: str, **_options: object) -> dict[str, Any]:
        """The answer's tokens; the API permissions are those that the person allowed."""
        code: Code = self.request.authorization_code
        asked = parse_scopes(scope, self.services.registration)
        family = self.services.grants.new_family(code.grant) if "offline_access" in asked.oidc else None
        scopes = asked.only(self.allowed(code.grant))
        return self.person_token(user, code.grant, scopes, nonce=code.nonce, family=family)


class Pkce(CodeChallenge):  # type: ignore[misc] # Authlib ships no types
    """PKCE (RFC 7636) with S256 alone and Entra's number."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        """Refuse a malformed challenge at the authorize page."""
        try:
            super().validate_code_challenge(grant, redirect_uri)
        except OAuth2Error as error:
            raise TenantError(501491, "invalid_request", error.description, redirect_uri=redirect_uri) from error

    def validate_code_verifier(self, grant: CodeGrant, result: object) -> None:
        """Refuse a verifier that is missing, malformed or another's (RFC 7636 section 4.6)."""
        try:
            super().validate_code_verifier(grant, result)
        except OAuth2Error as error:
            raise TenantError(
                501481, "invalid_grant", "The code_verifier does not match the code_challenge."
            ) from error


class RefreshGrant(TenantGrant, grants.RefreshTokenGrant):  # type: ignore[misc] # Authlib ships no types
    """The refresh token grant (RFC 6749 section 6) with rotation."""

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken:
        """The token's data; one that was used before ends its whole line."""
        found = self.services.grants.find_refresh_token(refresh_token)
        if found is None:
            raise TenantError(9002313, "invalid_grant", "The refresh token is not valid.")
        if found.grant.client_id != self.request.client.client_id:
            raise TenantError(700005, "invalid_grant", "The refresh token belongs to another application.")
        if found.used:
            raise self._used(found)
        if found.revoked:
            raise TenantError(50173, "invalid_grant", "The grant was revoked; sign in again.")
        if found.expires_at <= time.time():
            raise TenantError(700082, "invalid_grant", "The refresh token has expired.")
        return found

    def validate_token_request(self) -> None:
        """Check everything, and spend the token last: a mistaken scope costs nobody the sign-in."""
        client = self._validate_request_client()
        self.request.client = client
        text = self.request.form.get("refresh_token")
        if not text:
            raise TenantError(900144, "invalid_request", "The request must contain the parameter refresh_token.")
        token = self.authenticate_refresh_token(text)
        self.person(token.grant.oid)
        scopes = self._scopes(token)
        if not self.services.grants.spend_refresh_token(token):
            raise self._used(token)
        self.request.refresh_token, self.request.scopes = token, scopes

    def authenticate_user(self, refresh_token: RefreshToken) -> Account:
        """The person who signed in."""
        return self.person(refresh_token.grant.oid)

    def issue_token(self, user: Account, refresh_token: RefreshToken) -> dict[str, Any]:
        """New tokens, the next refresh token of the same line among them."""
        return self.person_token(user, refresh_token.grant, self.request.scopes, nonce="", family=refresh_token.family)

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """Nothing is left to revoke: the token was spent before the new one was made."""

    def _scopes(self, token: RefreshToken) -> Scopes:
        """Any API permission that the person allowed, also one outside the first grant, as Entra does it."""
        first = parse_scopes(token.grant.scope, self.services.registration)
        text = self.request.form.get("scope")
        try:
            asked = parse_scopes(text, self.services.registration) if text else first
        except TenantError as error:
            raise TenantError(error.code, "invalid_grant", error.description.partition(": ")[2]) from error
        granted = asked.only(self.allowed(token.grant))
        if asked.api and not granted.api:
            raise TenantError(
                65001,
                "invalid_grant",
                "The user or administrator has not consented to use the application.",
                suberror="consent_required",
            )
        return granted

    def _used(self, token: RefreshToken) -> TenantError:
        self.services.grants.revoke_family(token.family)
        return TenantError(50173, "invalid_grant", "The refresh token was used before; sign in again.")


class DaemonGrant(TenantGrant, grants.ClientCredentialsGrant):  # type: ignore[misc] # Authlib ships no types
    """The client credentials grant (RFC 6749 section 4.4)."""

    def validate_requested_scope(self) -> None:
        """Exactly one scope, the API's `.default`."""
        registration = self.services.registration
        scope = self.request.form.get("scope", "")
        known = [f"{name}/.default" for name in (registration.application_id_uri, registration.api_app_id)]
        if scope in known:
            return
        if scope.endswith("/.default") and len(scope.split()) == 1:
            raise TenantError(500011, "invalid_resource", "The resource principal was not found in the tenant.")
        raise TenantError(
            70011, "invalid_scope", "The scope must be the application id URI of the API followed by /.default."
        )

    def generate_token(self, **_options: object) -> dict[str, Any]:
        """The application's own token."""
        return {
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "ext_expires_in": ACCESS_SECONDS,
            "access_token": self.services.tokens.application_token(self.request.client),
        }


class Provider(AuthorizationServer):  # type: ignore[misc] # Authlib ships no types
    """Authlib's server with this tenant's clients and grants, independent of a web framework."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self.services = services
        self.register_grant(CodeGrant, [Pkce(required=True)])
        self.register_grant(RefreshGrant)
        self.register_grant(DaemonGrant)
        self.register_grant(DeviceGrant)

    def authorization(self, request: TenantRequest) -> CodeGrant:
        """The checked authorization request as a grant; TenantError when it is refused."""
        grant = CodeGrant(request, self)
        Pkce(required=True)(grant)
        grant.redirect_uri = grant.validate_authorization_request()
        return grant

    def token(self, request: TenantRequest) -> dict[str, Any]:
        """The token endpoint's answer; OAuth2Error when it is refused."""
        request.refuse_repeats()
        if not request.form.get("grant_type"):
            raise TenantError(900144, "invalid_request", "The request must contain the parameter grant_type.")
        grant = self.get_token_grant(request)
        grant.validate_token_request()
        _status, answer, _headers = grant.create_token_response()
        return answer  # type: ignore[no-any-return] # Authlib ships no types

    def device_codes(self, request: TenantRequest) -> dict[str, Any]:
        """The device authorization endpoint's answer; OAuth2Error when it is refused."""
        request.refuse_repeats()
        return DeviceEndpoint(self).codes(request)

    def query_client(self, client_id: str) -> Client | None:
        """The registered client."""
        return self.services.registration.client(client_id)

    def save_token(self, token: dict[str, Any], request: TenantRequest) -> None:
        """Access tokens are not kept; refresh tokens were kept when they were made."""

    def send_signal(self, name: str, *_args: object, **_options: object) -> None:
        """Nobody listens."""

    def authenticate_client(self, request: TenantRequest, _methods: object, _endpoint: str = "token") -> Client:
        """The client of a token request (RFC 6749 section 2.3), refused with Entra's numbers."""
        client_id, secret = request.form.get("client_id"), request.form.get("client_secret")
        scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client_id, secret = _basic(credentials)
        client = self.query_client(client_id or "")
        if client is None:
            raise TenantError(700016, "unauthorized_client", "The application was not found in the tenant.")
        if client.public:
            if secret or request.form.get("client_assertion"):
                raise TenantError(
                    700025, "invalid_client", "The client is public, so no secret may be presented.", status=401
                )
            request.auth_method = "none"
            return client
        if not secret:
            raise TenantError(
                7000218, "invalid_client", "The request must contain the parameter client_secret.", status=401
            )
        if not client.check_client_secret(secret):
            raise TenantError(7000215, "invalid_client", "Invalid client secret provided.", status=401)
        request.auth_method = "client_secret_basic" if scheme else "client_secret_post"
        return client


def _basic(credentials: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    client_id, _, secret = text.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)
