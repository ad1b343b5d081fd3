"""Owns what every grant has in common: MSAL on a throw-away cache, the proof of what came, and what was granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msal

from ciam_desktop.core.errors import TokenNotProven
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.idtoken import prove
from ciam_desktop.core.identity.person import Verdict
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.identity.transport import UNREADABLE, MsalTransport, unreadable
from ciam_desktop.i18n import _

CREDENTIALS = msal.TokenCache.CredentialType


class Grants:
    """Makes MSAL clients for one provider and proves what they bring. Lives on one thread."""

    def __init__(self, client_id: str, provider: Provider, http: HttpClient) -> None:
        self.client_id = client_id
        self.provider = provider
        self._http = http

    def app(self, cache: msal.TokenCache) -> msal.PublicClientApplication:
        """A fresh MSAL client: it holds no tokens but `cache`'s and remembers no earlier failure (its throttling)."""
        discovery = self.provider.discovery()
        try:
            return msal.PublicClientApplication(
                self.client_id,
                oidc_authority=self.provider.authority,
                token_cache=cache,
                http_client=MsalTransport(self.provider.authority, discovery, self._http),
                instance_discovery=False,
            )
        except UNREADABLE:  # such as an authority or a token endpoint without a path, which MSAL cannot use
            raise unreadable() from None

    def proven(
        self,
        tokens: Mapping[str, Any],
        *,
        account_id: str | None = None,
        nonce: str = "",
        before: Verdict | None = None,
    ) -> tuple[Verdict, str]:
        """What the one ID token in `tokens` proves, and whose it is; `account_id` leaves out those of others.

        Raises TokenNotProven, NetworkError; `nonce` and `before` are `prove`'s.
        """
        entries = [
            entry
            for entry in tokens.get(CREDENTIALS.ID_TOKEN, {}).values()
            if account_id is None or entry.get("home_account_id") == account_id
        ]
        if len(entries) != 1:
            raise TokenNotProven(_("The provider sent no ID token."), check="id_token")
        verdict = prove(str(entries[0]["secret"]), self.provider, self.client_id, nonce=nonce, before=before)
        return verdict, str(entries[0]["home_account_id"])


def granted_of(asked: Sequence[str], answered: object) -> frozenset[str]:
    """Which of the scopes `asked` the provider granted; a response without `scope` granted all (RFC 6749 5.1)."""
    if not isinstance(answered, str) or not answered.strip():
        return frozenset(asked)
    words = {word.lower() for word in answered.split()}
    # Some providers answer with the short name that the token will hold.
    return frozenset(scope for scope in asked if scope.lower() in words or scope.rpartition("/")[2].lower() in words)
