"""Owns what the tests of sign-in and renewal share: people, a provider that misbehaves, and the vault between them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from joserfc.jwk import OctKey

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
    base64url,
    sign,
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
        self._passed = 0.0
        self.provider = Provider(self.idp.authority, self.http, clock=lambda: time.monotonic() + self._passed)
        self.people = People(CLIENT, self.provider, self.vault, self.http)

    def begin(self, *scopes: str, **options: str) -> AuthorizationRequest:
        return self.people.begin(REDIRECT, scopes or (READ, WRITE), **options)

    def sign_in(self, *scopes: str) -> Person:
        request = self.begin(*scopes)
        return self.people.complete(request, self.idp.visit(request.uri))

    def sign_in_elsewhere(self) -> Person:
        """Sign in by another device's code."""
        person = self.people.poll_device(self.people.begin_device([READ, WRITE]))
        assert isinstance(person, Person)
        return person

    def in_use(self) -> Person | None:
        """Who is signed in and in use, as the vault has it."""
        people, current = self.people.restore()
        return next((each for each in people if each.account_id == current), None)

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

    def answer_signed(self, **header: Any) -> None:
        """Sign ID tokens under this header; HS256 is by the client id, which everybody knows."""
        key = (
            OctKey.import_key(CLIENT, {"kid": str(self.idp.key.kid)}) if header.get("alg") == "HS256" else self.idp.key
        )
        self.idp.answering = lambda form: self.idp.sound(form, id_token=sign(self.idp.claims(form), key, **header))

    def answer_edited(self) -> None:
        """Change the subject of ID tokens after they were signed."""

        def answering(form: dict[str, str]) -> Reply:
            head, _payload, signature = sign(self.idp.claims(form), self.idp.key).split(".")
            payload = base64url(json.dumps(self.idp.claims(form, sub="somebody-else")).encode())
            return self.idp.sound(form, id_token=f"{head}.{payload}.{signature}")

        self.idp.answering = answering

    def let_time_pass(self) -> None:
        """Let the provider's keys be asked for again, as after a while."""
        self._passed += 60

    def keys_asked(self) -> int:
        """How often the provider's keys were asked for."""
        return sum(request.path.endswith("/keys") for request in self.idp.server.requests)

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
