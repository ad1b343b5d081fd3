"""Owns what the sandbox's tests have in common: a browser on requests, and a client of the tenant."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import msal
import portalocker
import requests

from ciam_desktop.sandbox import choices, database
from ciam_desktop.sandbox.listening import choose
from ciam_desktop.sandbox.server import LOCK_FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from ciam_desktop.sandbox_process import SandboxInfo

REDIRECT = "http://localhost:5999/auth/redirect"
SECONDS = 10


def give_free_ports(folder: Path) -> dict[str, int]:
    """Choose other ports than the usual ones, so that several test runs and a real sandbox get along."""
    folder.mkdir(mode=0o700)
    path = folder / choices.FILE_NAME
    database.prepare(path, choices.STEPS)
    usual, found = set(choices.USUAL_PORTS.values()), {}
    opened = []
    for name in choices.USUAL_PORTS:
        sockets = choose(44350, avoid=usual)
        opened += sockets
        found[name] = int(sockets[0].getsockname()[1])
    for each in opened:
        each.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO choice VALUES (?, ?)", [(k, str(v)) for k, v in found.items()])
    return found


def is_served(folder: Path) -> bool:
    """Whether a sandbox holds the folder's lock."""
    flags = portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
    try:
        with portalocker.Lock(folder / LOCK_FILE, flags=flags, timeout=0, fail_when_locked=True):
            return False
    except portalocker.exceptions.LockException:
        return True


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait for `condition`; the seconds that it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, "it did not happen in time"
        threading.Event().wait(0.01)
    return time.monotonic() - start


@dataclass
class Form:
    """A form of a page: where it goes, and its fields by name."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", "")))
        elif tag == "input" and self.forms and (given.get("type") != "checkbox" or "checked" in given):
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "button" and "name" in given:
            self.forms[-1].buttons.append((given["name"], given["value"]))
        elif tag == "a":
            self.links.append(given["href"])


class Page:
    """An answer to the browser."""

    def __init__(self, response: requests.Response) -> None:
        self.response = response
        self.text = response.text
        parser = _Forms()
        parser.feed(self.text)
        self.forms, self.links = parser.forms, parser.links

    def form(self, step: str) -> Form:
        """The form of this step."""
        for form in self.forms:
            if form.fields.get("step") == step or ("step", step) in form.buttons:
                return form
        raise AssertionError(f"no form {step} in {self.text}")

    def answer(self) -> dict[str, str]:
        """What the application is sent, by form_post or by redirect."""
        if self.response.is_redirect:
            return dict(parse_qsl(urlsplit(self.response.headers["Location"]).query))
        (form,) = self.forms
        assert form.action.startswith("http://"), self.text
        return form.fields


class Browser:
    """A browser that keeps cookies and follows nothing by itself."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self.headers = self._session.headers

    def get(self, url: str, **headers: str) -> Page:
        return Page(self._session.get(url, allow_redirects=False, timeout=SECONDS, headers=headers))

    def send(self, page: Page, step: str, /, **values: str | None) -> Page:
        """Send the form of this step; a value of None leaves the field out, as an unticked box does."""
        form = page.form(step)
        fields: dict[str, str | None] = {"step": step, **form.fields, **values}
        data = {name: value for name, value in fields.items() if value is not None}
        url = urljoin(page.response.url, form.action)
        return Page(self._session.post(url, data=data, allow_redirects=False, timeout=SECONDS))

    def follow(self, page: Page, screen: str) -> Page:
        (link,) = [each for each in page.links if f"screen={screen}" in each]
        return self.get(urljoin(page.response.url, link))

    def close(self) -> None:
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class Tenant:
    """The sandbox as its applications meet it."""

    def __init__(self, info: SandboxInfo) -> None:
        self.info = info
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = str(info.ca_file)
        self.http.headers["Connection"] = "close"  # so that no test leaves a socket to the next
        self.discovery = self.get_json(f"{info.authority}/.well-known/openid-configuration")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def get_json(self, url: str) -> Any:
        response = self.http.get(url, timeout=SECONDS)
        response.raise_for_status()
        return response.json()

    def msal_app(self) -> msal.PublicClientApplication:
        return msal.PublicClientApplication(
            self.info.client_id, oidc_authority=self.info.authority, http_client=self.http, instance_discovery=False
        )

    def parameters(self, **changes: str | None) -> tuple[dict[str, str], str]:
        """An authorization request and its code verifier; None leaves a parameter out."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        values: dict[str, str | None] = {
            "client_id": self.info.client_id,
            "response_type": "code",
            "redirect_uri": REDIRECT,
            "scope": f"openid profile email offline_access {self.info.read_scope} {self.info.readwrite_scope}",
            "state": "the state",
            "nonce": "the nonce",
            "response_mode": "form_post",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        values |= changes
        return {name: value for name, value in values.items() if value is not None}, verifier

    def url(self, **changes: str | None) -> str:
        """The address of an authorization request."""
        return f"{self.discovery['authorization_endpoint']}?{urlencode(self.parameters(**changes)[0])}"

    def sign_in_demo(self, **changes: str | None) -> tuple[dict[str, str], str]:
        """What the application is sent after the demo account's sign-in, and the verifier."""
        values, verifier = self.parameters(**changes)
        with Browser() as browser:
            page = browser.get(f"{self.discovery['authorization_endpoint']}?{urlencode(values)}")
            page = browser.send(page, "demo")
            if any(("step", "accept") in form.buttons for form in page.forms):
                page = browser.send(page, "accept")
            return page.answer(), verifier

    def token(self, **data: str) -> requests.Response:
        """A request to the token endpoint, on a connection of its own."""
        with requests.Session() as session:
            session.trust_env = False
            return session.post(
                self.discovery["token_endpoint"], data=data, timeout=SECONDS, verify=str(self.info.ca_file)
            )

    def redeem(self, code: str, verifier: str, /, **changes: str) -> requests.Response:
        data = {
            "grant_type": "authorization_code",
            "client_id": self.info.client_id,
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": verifier,
            "client_info": "1",
        }
        return self.token(**data | changes)

    def demo_tokens(self, **changes: str | None) -> dict[str, Any]:
        """The token answer of a whole sign-in with the demo account."""
        answer, verifier = self.sign_in_demo(**changes)
        response = self.redeem(answer["code"], verifier)
        assert response.status_code == 200, response.text
        return dict(response.json())

    def refresh(self, token: str, /, **changes: str) -> requests.Response:
        data = {"grant_type": "refresh_token", "client_id": self.info.client_id, "refresh_token": token}
        return self.token(**data | changes)

    def daemon_token(self) -> str:
        response = self.token(
            grant_type="client_credentials",
            client_id=self.info.daemon_client_id,
            client_secret=self.info.daemon_client_secret,
            scope=f"{self.info.application_id_uri}/.default",
        )
        assert response.status_code == 200, response.text
        return str(response.json()["access_token"])


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, unchecked."""
    payload = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))
