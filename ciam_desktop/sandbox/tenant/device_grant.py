"""Owns the device authorization grant (RFC 8628), on Authlib, with Entra's answers and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from authlib.oauth2.rfc8628 import (
    AuthorizationPendingError,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    ExpiredTokenError,
    SlowDownError,
)

from ciam_desktop.sandbox.tenant.device_store import ALLOWED, WAITING, DeviceCode, new_user_code
from ciam_desktop.sandbox.tenant.errors import TenantError
from ciam_desktop.sandbox.tenant.grant import TenantGrant
from ciam_desktop.sandbox.tenant.registration import parse_scopes

if TYPE_CHECKING:
    from ciam_desktop.sandbox.tenant.accounts import Account
    from ciam_desktop.sandbox.tenant.registration import Client
    from ciam_desktop.sandbox.tenant.services import Services


class DeviceGrant(TenantGrant, DeviceCodeGrant):  # type: ignore[misc] # Authlib ships no types
    """The device's questions at the token endpoint (RFC 8628 sections 3.4 and 3.5)."""

    def query_device_credential(self, device_code: str) -> DeviceCode:
        """What the code stands for."""
        found = self.services.device_codes.find(device_code)
        if found is None:
            raise TenantError(70018, "bad_verification_code", "The device_code was not recognized.")
        return found

    def validate_device_credential(self, credential: DeviceCode) -> Account:
        """The person who allowed it; else a refusal that says whether asking again has any sense."""
        try:
            return super().validate_device_credential(credential)  # type: ignore[no-any-return] # Authlib: no types
        except ExpiredTokenError as error:
            raise TenantError(70019, "expired_token", "The verification code has expired.") from error
        except SlowDownError as error:
            raise TenantError(70016, "slow_down", "The device asks too often and must wait longer.") from error
        except AuthorizationPendingError as error:
            text = "Authorization is pending. Continue polling."
            raise TenantError(70016, "authorization_pending", text) from error

    def query_user_grant(self, user_code: str) -> tuple[Account, bool] | None:  # noqa: ARG002 -- codes are not kept
        """The person and their answer, None while there is none."""
        code = self.services.device_codes.find(self.request.payload.data["device_code"])
        if code is None or code.answer == WAITING:
            return None
        if code.answer != ALLOWED or code.grant is None:
            raise TenantError(65004, "authorization_declined", "The user declined to sign in on the device.")
        if code.redeemed:
            raise _spent()
        return self.person(code.grant.oid), True

    def should_slow_down(self, credential: DeviceCode) -> bool:
        """Whether the device asks faster than it was told."""
        return self.services.device_codes.too_fast(credential)

    def generate_token(self, user: Account, scope: str, **_options: object) -> dict[str, Any]:
        """The answer's tokens, as the code grant issues them; an ID token without nonce."""
        code = self.services.device_codes.find(self.request.payload.data["device_code"])
        if code is None or code.grant is None or not self.services.device_codes.redeem(code):
            raise _spent()
        asked = parse_scopes(scope, self.services.registration)
        family = self.services.grants.new_family(code.grant) if "offline_access" in asked.oidc else None
        return self.person_token(user, code.grant, asked.only(self.allowed(code.grant)), nonce="", family=family)


class DeviceEndpoint(DeviceAuthorizationEndpoint):  # type: ignore[misc] # Authlib ships no types
    """Where a device asks for its codes (RFC 8628 sections 3.1 and 3.2); one per request."""

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self._services: Services = server.services
        pace = self._services.device_codes.pace
        self.EXPIRES_IN, self.INTERVAL = pace.expires_in, pace.interval

    def codes(self, request: Any) -> dict[str, Any]:
        """The answer in Entra's shape, without `verification_uri_complete`; TenantError when it is refused."""
        client: Client = self.authenticate_client(request)
        if not client.check_grant_type(DeviceGrant.GRANT_TYPE):
            raise TenantError(700016, "unauthorized_client", "The application may not use device codes.")
        if not request.form.get("scope", "").strip():
            raise TenantError(900144, "invalid_request", "The request must contain the parameter scope.")
        parse_scopes(request.form["scope"], self._services.registration)
        _status, answer, _headers = self.create_endpoint_response(request)
        names = ("user_code", "device_code", "verification_uri", "expires_in", "interval")
        message = (
            f"To sign in, use a web browser to open the page {answer['verification_uri']} and enter the code "
            f"{answer['user_code']} to authenticate."
        )
        return {name: answer[name] for name in names} | {"message": message}

    def generate_user_code(self) -> str:
        """A code that a person can type."""
        return new_user_code()

    def get_verification_uri(self) -> str:
        """The page for that code."""
        return f"{self._services.registration.pages_base}/common/oauth2/deviceauth"

    def save_device_credential(self, client_id: str, scope: str, data: dict[str, Any]) -> None:
        """Keep both codes, hashed."""
        self._services.device_codes.save(data["device_code"], data["user_code"], client_id, scope)


def _spent() -> TenantError:
    return TenantError(54005, "invalid_grant", "The device code was already redeemed.")
