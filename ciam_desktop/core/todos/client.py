"""Owns the ToDo API's contract over HTTP: list and add, with answers checked and refusals named."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ciam_desktop.core.answers import in_the_way
from ciam_desktop.core.errors import ApiBadAnswer, ApiError, ApiForbidden, ApiUnauthorized
from ciam_desktop.core.http import Answer, HttpClient
from ciam_desktop.core.todos.todo import Todo
from ciam_desktop.i18n import _

MAX_ITEMS = 2_000_000
_CLAIMS = re.compile(r'\bclaims\s*=\s*(?:"([^"]{1,8192})"|([A-Za-z0-9+/_=-]{1,8192}))', re.IGNORECASE)


class TodoClient:
    """Calls one API endpoint with a bearer token (RFC 6750); a redirect is never followed.

    Every method raises NetworkError, ApiUnauthorized (401), ApiForbidden (403), ApiBadAnswer, or ApiError for the rest.
    """

    def __init__(self, endpoint: str, http: HttpClient) -> None:
        self._endpoint = endpoint
        self._host = urlsplit(endpoint).hostname or ""
        self._http = http

    def fetch(self, token: str) -> list[Todo]:
        """All to-dos that the token may see, in the API's order."""
        return [_todo(item) for item in self.fetch_raw(token)]

    def fetch_raw(self, token: str) -> list[Mapping[str, Any]]:
        """The same as the API sends it: objects with at least `id` and `description`."""
        items = self._json(self._send("GET", token))
        if not isinstance(items, list) or len(items) > MAX_ITEMS:
            raise self._bad_answer()
        for item in items:
            _todo(item)
        return items

    def add(self, token: str, description: str) -> Todo:
        """Add one to-do and return it as the API has saved it."""
        return _todo(self._json(self._send("POST", token, {"description": description})))

    def _send(self, method: str, token: str, body: Mapping[str, Any] | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        answer = self._http.send(method, self._endpoint, headers=headers, data=data)
        if outside := in_the_way(answer, self._endpoint):
            raise outside
        if answer.status in {200, 201}:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: Answer) -> ApiError:
        named = {"host": self._host, "status": answer.status}
        match answer.status:
            case 401:
                sentence = _("The to-do service does not accept your sign-in (401).")
                return ApiUnauthorized(sentence, claims=challenged_claims(answer.headers.get("www-authenticate", "")))
            case 403:
                return ApiForbidden(_("Your sign-in does not allow this at the to-do service (403)."))
            case 404:
                return ApiError(_("There is no to-do service at this address; check API_ENDPOINT."), status=404)
            case status if 300 <= status < 400:
                return ApiBadAnswer(
                    _("%(host)s points elsewhere; your sign-in was not sent there.") % named, status=status
                )
            case status if status < 300:
                return self._bad_answer()
            case status:
                return ApiError(_("The to-do service refused (%(status)d).") % named, status=status)

    def _json(self, answer: Answer) -> Any:
        try:
            return answer.json()
        except ValueError:
            raise self._bad_answer() from None

    def _bad_answer(self) -> ApiBadAnswer:
        return ApiBadAnswer(_("%(host)s answered with something that is no to-do list.") % {"host": self._host})


def challenged_claims(header: str) -> str:
    """The claims challenge in a `WWW-Authenticate` header as JSON text, or "".

    It is base64 of JSON, in the `claims` parameter (Microsoft identity platform, claims challenge).
    """
    found = _CLAIMS.search(header)
    if not found:
        return ""
    encoded = found.group(1) or found.group(2)
    try:
        text = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
        return text if isinstance(json.loads(text), dict) else ""
    except (binascii.Error, ValueError, RecursionError):
        return ""


def _todo(item: Any) -> Todo:
    """Read one item; ids may be numbers or text, further fields are ignored."""
    if isinstance(item, dict):
        identifier, description, owner = item.get("id"), item.get("description"), item.get("owner")
        sound_id = isinstance(identifier, int | str) and not isinstance(identifier, bool) and identifier != ""
        if sound_id and isinstance(description, str):
            return Todo(str(identifier), description, owner if isinstance(owner, str) else "")
    raise ApiBadAnswer(_("The to-do service sent a to-do that cannot be read."))
