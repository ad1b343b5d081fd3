"""Owns what MSAL may reach: the token endpoints of one checked discovery document, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ciam_desktop.core.answers import in_the_way
from ciam_desktop.core.errors import SignInError
from ciam_desktop.core.http import Answer, HttpClient
from ciam_desktop.core.identity.provider import DISCOVERY_SUFFIX, DOCUMENT_LIMIT_BYTES, Discovery
from ciam_desktop.i18n import _

# What MSAL's own code raises on answers of another shape than it expects; it checks none of them.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RecursionError)


def unreadable() -> SignInError:
    """The error for an answer that is not what the protocol says."""
    return SignInError(_("The provider's answer cannot be read."))


def bearer_token(answer: Mapping[str, Any]) -> str:
    """The access token of a token response (RFC 6749 section 5.1); raises SignInError unless it can be used as one.

    It must be a bearer token (section 7.1) of characters that a header can carry (RFC 6750 section 2.1).
    """
    token, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token) or str(kind).lower() != "bearer":
        raise unreadable()
    return token


class MsalResponse:
    """What MSAL expects of a response: `status_code`, `headers` and `text`."""

    def __init__(self, status_code: int, text: str, headers: Mapping[str, str]) -> None:
        self.status_code = status_code
        self.text = text
        self.headers = headers


class MsalTransport:
    """An `http_client` for MSAL that serves the discovery document from memory.

    MSAL follows redirects with the code or refresh token in hand and trusts any endpoint; here a request goes to the
    checked token endpoints only, and a redirect ends it (RFC 9700 section 4.12).
    """

    def __init__(self, authority: str, discovery: Discovery, http: HttpClient) -> None:
        self._authority = authority
        self._discovery = discovery
        self._http = http
        self._allowed = {discovery.token_endpoint, discovery.device_authorization_endpoint} - {""}

    def get(self, url: str, **_ignored: Any) -> MsalResponse:
        """Serve the discovery document; nothing else is ever fetched for MSAL."""
        if url != self._authority + DISCOVERY_SUFFIX:
            raise SignInError(_("The sign-in library asked for an address that the provider does not name."))
        return MsalResponse(200, json.dumps(dict(self._discovery.document)), {})

    def post(
        self,
        url: str,
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Any = None,
        **_ignored: Any,
    ) -> MsalResponse:
        """Send a token request (RFC 6749 section 3.2)."""
        if url not in self._allowed:
            raise SignInError(_("The sign-in library asked for an address that the provider does not name."))
        answer = self._http.send("POST", url, headers=headers, data=data, params=params, limit=DOCUMENT_LIMIT_BYTES)
        return _checked(answer, url)

    def close(self) -> None:
        """MSAL may close its client; the session is its owner's."""


def _checked(answer: Answer, url: str) -> MsalResponse:
    """What MSAL may see of `answer`: a JSON object and nothing else, since MSAL logs what it cannot read."""
    host = urlsplit(url).hostname or ""
    if outside := in_the_way(answer, url):  # also a 5xx, for which MSAL has an error that its fallback does not know
        raise outside
    if 300 <= answer.status < 400:
        raise SignInError(_("%(host)s wanted the sign-in sent elsewhere; nothing was sent.") % {"host": host})
    text = answer.body.decode("utf-8", "replace")
    try:
        sound = isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise SignInError(_("%(host)s answered with something that is no sign-in answer.") % {"host": host})
    return MsalResponse(answer.status, text, answer.headers)
