"""Owns tokens for the program itself: client credentials, for the daemon."""

from __future__ import annotations

import msal

from ciam_desktop.core.advice import refusal
from ciam_desktop.core.errors import SettingsError
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.identity.transport import UNREADABLE, MsalTransport, bearer_token, unreadable
from ciam_desktop.i18n import _


class Application:
    """A confidential client (RFC 6749 section 4.4) with one scope, `<application id URI>/.default`."""

    def __init__(self, client_id: str, secret: str, scope: str, provider: Provider, http: HttpClient) -> None:
        if not secret:  # MSAL would silently send no credential
            raise SettingsError(_("CLIENT_SECRET is empty."), setting="CLIENT_SECRET", source="")
        self._client_id = client_id
        self._secret = secret
        self._scope = scope
        self._provider = provider
        self._http = http

    def access_token(self) -> str:
        """A bearer token for the API; raises SignInError, NetworkError."""
        discovery = self._provider.discovery()
        try:
            app = msal.ConfidentialClientApplication(
                self._client_id,
                client_credential=self._secret,
                oidc_authority=self._provider.authority,
                http_client=MsalTransport(self._provider.authority, discovery, self._http),
                instance_discovery=False,
            )
            result = app.acquire_token_for_client([self._scope])
        except UNREADABLE:
            raise unreadable() from None
        if "error" in result:
            raise refusal(result)
        return bearer_token(result)
