"""Owns what the tests of sign-in and renewal share: people, a provider that misbehaves, and the vault between them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.people import AuthorizationRequest, People
from ciam_desktop.core.identity.person import Person
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.identity.vault import Entry
from tests.doubles.https_server import Reply
from tests.doubles.provider import (
    CLIENT,
    OID,
    TENANT,
    FaultyProvider,
)
from tests.doubles.vaults import WatchedVault

READ, WRITE = "api://todo/ToDoList.Read", "api://todo/ToDoList.ReadWrite"
REDIRECT = "http://localhost:5999/auth/redirect"
ACCOUNT = f"{OID}.{TENANT}"
OTHER = "99998888-7777-4666-8555-444433332222"


class Bench:
    """People, a faulty provider, and the vault between them."""

    def __init__(self, folder: Path) -> None:
        self.idp = FaultyProvider(folder)
        self.vault = WatchedVault()

    def start(self) -> None:
        self.http = HttpClient(self.idp.ca_file, only=True)
        self.provider = Provider(self.idp.authority, self.http)
        self.people = People(CLIENT, self.provider, self.vault, self.http)

    def begin(self, *scopes: str, **options: str) -> AuthorizationRequest:
        return self.people.begin(REDIRECT, scopes or (READ, WRITE), **options)

    def sign_in(self, *scopes: str) -> Person:
        request = self.begin(*scopes)
        return self.people.complete(request, self.idp.visit(request.uri))

    def grant(self, *, silent: bool) -> None:
        """A token request: a renewal, or the redemption of a code."""
        if silent:
            self.people.access_token(ACCOUNT, renew=True)
        else:
            self.sign_in()

    def answer(self, reply: Reply) -> None:
        self.idp.answering = lambda _form: reply

    def answer_with(self, **changes: Any) -> None:
        self.idp.answering = lambda form: self.idp.sound(form, **changes)

    def answer_claims(self, **changes: Any) -> None:
        self.idp.answering = lambda form: self.idp.sound(form, self.idp.claims(form, **changes))

    def age(self, seconds: int) -> None:
        """Let the kept access tokens be that much older."""

        def older(kept: Entry) -> Entry:
            tokens = json.loads(json.dumps(kept.tokens))
            for each in tokens["AccessToken"].values():
                each["expires_on"] = str(int(each["expires_on"]) - seconds)
            return Entry(tokens, kept.people, kept.current)

        self.vault.change(older)


def told(error: BaseException) -> str:
    return f"{error} {error!r} {error.args} {vars(error)}"
