"""The daemon's token: a credential is never forgotten, and an odd answer is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ciam_desktop import sandbox_process
from ciam_desktop.core.errors import CiamError, NetworkError, SettingsError, SignInError
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.application import Application
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.todos.client import TodoClient
from tests.doubles.https_server import Reply
from tests.doubles.provider import CLIENT, FaultyProvider
from tests.sandbox.support import claims_of, give_free_ports

SCOPE = "api://todo/.default"
SECRET = "planted/secret+value="


class Bench:
    """A faulty provider and a client of it."""

    def __init__(self, idp: FaultyProvider) -> None:
        self.idp = idp
        self.http = HttpClient(idp.ca_file, only=True)
        self.application = Application(CLIENT, SECRET, SCOPE, Provider(idp.authority, self.http), self.http)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with FaultyProvider(tmp_path) as idp:
        made = Bench(idp)
        yield made
        made.http.close()


def test_the_credential_and_the_one_scope_are_sent(bench: Bench) -> None:
    bench.idp.answering = lambda form: bench.idp.sound(form, id_token=None, client_info=None, refresh_token=None)
    assert bench.application.access_token() == "planted-access-1"
    (form,) = bench.idp.token_forms()
    assert (form["grant_type"], form["scope"], form["client_secret"]) == ("client_credentials", SCOPE, SECRET)


def test_an_empty_credential_is_refused_before_anything_is_sent(bench: Bench) -> None:
    with pytest.raises(SettingsError) as caught:
        Application(CLIENT, "", SCOPE, Provider(bench.idp.authority, bench.http), bench.http)
    assert caught.value.setting == "CLIENT_SECRET"
    assert bench.idp.server.requests == []


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": None}, {"access_token": ""}, {"access_token": 7}, {"access_token": ["planted"]},
        {"access_token": "plan\nted"}, {"token_type": "pop"}, {"expires_in": "soon"}, {"expires_in": float("inf")},
        {"scope": 7},
    ],
    ids=repr,
)  # fmt: skip
def test_a_token_response_of_another_shape_is_a_sentence(bench: Bench, changes: dict[str, Any]) -> None:
    bench.idp.answering = lambda form: bench.idp.sound(form, **{"id_token": None, "client_info": None} | changes)
    with pytest.raises(SignInError, match="cannot be read") as caught:
        bench.application.access_token()
    assert "planted" not in f"{caught.value!r} {vars(caught.value)}"


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (Reply(401, body=b'{"error": "invalid_client", "error_description": "AADSTS7000215: planted"}'), SignInError,
         "new secret"),
        (Reply(400, body=b'{"error": ["planted"]}'), SignInError, "no reason given"),
        (Reply(400, body=b"{}"), CiamError, "."),
        (Reply(200, (), b"planted"), SignInError, "no sign-in answer"),
        (Reply(200, (), b"<html>planted"), NetworkError, "A web page came"),
        (Reply(307, (("Location", "/elsewhere"),)), SignInError, "sent elsewhere"),
        (Reply(307, (("Location", "https://elsewhere.example/"),)), NetworkError, "leads to elsewhere.example"),
        (Reply(500, (), b"planted"), NetworkError, "out of order"),
    ],
    ids=["refused", "odd refusal", "nothing", "no JSON", "page", "redirect", "redirect away", "outage"],
)  # fmt: skip
def test_a_refusal_is_a_sentence_without_the_providers_words(
    bench: Bench, reply: Reply, kind: type[CiamError], words: str
) -> None:
    bench.idp.answering = lambda _form: reply
    with pytest.raises(kind, match=words) as caught:
        bench.application.access_token()
    assert "planted" not in f"{caught.value!r} {vars(caught.value)}"


def test_nothing_shows_the_credential(bench: Bench) -> None:
    assert SECRET not in repr(bench.application)
    bench.idp.answering = lambda _form: Reply(401, body=b'{"error": "invalid_client"}')
    with pytest.raises(SignInError) as caught:
        bench.application.access_token()
    assert SECRET not in f"{caught.value!r} {vars(caught.value)}"


def test_the_sandbox_gives_the_daemon_a_token_for_its_api(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    give_free_ports(folder)
    with sandbox_process.join(folder) as held:
        info, http = held.info, HttpClient(held.info.ca_file, only=True)
        scope, provider = f"{info.application_id_uri}/.default", Provider(info.authority, http)
        token = Application(info.daemon_client_id, info.daemon_client_secret, scope, provider, http).access_token()
        assert claims_of(token)["roles"] == ["ToDoList.Read.All", "ToDoList.ReadWrite.All"]
        assert isinstance(TodoClient(info.api_endpoint, http).fetch(token), list)
        with pytest.raises(SignInError, match="secret"):
            Application(info.daemon_client_id, "wrong", scope, provider, http).access_token()
        http.close()
