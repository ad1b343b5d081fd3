"""Backends without a network: people and to-dos that answer, wait or refuse as a test has told them to."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from ciam_desktop.core.config import Settings, Tenant
from ciam_desktop.core.errors import SignInError
from ciam_desktop.core.findings import Finding, Outcome
from ciam_desktop.core.identity.device_code import DeviceCode
from ciam_desktop.core.identity.people import AuthorizationRequest
from ciam_desktop.core.identity.person import Person, person_from
from ciam_desktop.core.identity.renewal import AccessToken
from ciam_desktop.core.todos.todo import Todo
from ciam_desktop.qt.backend import Backend
from tests.doubles.browsers import Answer, RawBrowser, form_post, get

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

PATIENCE = 10.0
PROVIDER = "https://login.contoso.example"
TENANT = Tenant(
    f"{PROVIDER}/11111111-2222-4333-8444-555555555555/v2.0",
    "22222222-3333-4444-8555-666666666666",
    "api://33333333-4444-4555-8666-777777777777/ToDoList.Read",
    "api://33333333-4444-4555-8666-777777777777/ToDoList.ReadWrite",
    "",
    "https://todo.contoso.example/api/todolist",
)
BOTH_SCOPES = frozenset({TENANT.read_scope, TENANT.readwrite_scope})


def person(number: int = 1, *, name: str = "", scopes: frozenset[str] = BOTH_SCOPES, **claims: Any) -> Person:
    """Somebody whose ID token was proven; `name` is what the token calls them, `claims` are further ones."""
    now = int(time.time())
    address = f"user{number}@contoso.example"
    told = {"sub": f"subject-{number}", "oid": f"oid-{number}", "preferred_username": address, "iat": now, **claims}
    if name:
        told["name"] = name
    verdict = {
        "issuer": TENANT.authority,
        "audience": TENANT.client_id,
        "key_id": "key-1",
        "algorithm": "RS256",
        "issued_at": now,
        "expires_at": now + 3600,
        "proven_at": now,
        "claims": told,
    }
    return person_from(f"account-{number}", {"verdict": verdict, "scopes": [*scopes]})


def settings(*, profile: str = "sandbox", tenant: Tenant | None = None, **changes: Any) -> Settings:
    """The settings of one start; any free port takes the redirect."""
    values: dict[str, Any] = {
        "profile": profile,
        "title": "Sandbox" if profile == "sandbox" else "contoso",
        "tenant": tenant,
        "client_secret": None,
        "redirect_uri": "http://localhost",
        "post_logout_redirect_uri": "http://localhost",
        "ca_bundle": None,
        "log_level": "INFO",
        "strict_port": False,
        "sources": {},
        "notices": (),
        "domain_hint": "",
        **changes,
    }
    return Settings(**values)


class Told:
    """What a double was told to do: refuse the next calls of a method, or hold one until it is let go.

    `calls` are the calls in order, each a method's name and its arguments; `threads` the names of their threads,
    `moments` when each method was called, in seconds of the monotonic clock.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[str] = set()
        self.moments: dict[str, list[float]] = defaultdict(list)
        self._refusals: dict[str, list[Exception]] = defaultdict(list)
        self._gates: dict[str, threading.Event] = {}

    def refuse(self, method: str, *errors: Exception) -> None:
        """The next calls of `method` raise `errors`, one each."""
        self._refusals[method] += errors

    def hold(self, method: str) -> threading.Event:
        """Calls of `method` wait from now on until the event returned is set, at most `PATIENCE` seconds."""
        return self._gates.setdefault(method, threading.Event())

    def let_go(self) -> None:
        """Hold nothing any longer."""
        for gate in self._gates.values():
            gate.set()

    def called(self, method: str) -> list[tuple[Any, ...]]:
        """The arguments of every call of `method`."""
        return [call[1:] for call in self.calls if call[0] == method]

    def _meet(self, method: str, *arguments: Any) -> None:
        self.calls.append((method, *arguments))
        self.moments[method].append(time.monotonic())
        self.threads.add(threading.current_thread().name)
        if gate := self._gates.get(method):
            gate.wait(PATIENCE)
        if self._refusals[method]:
            raise self._refusals[method].pop(0)


def device_code(*, seconds: float = 900.0, interval: float = 0.01) -> DeviceCode:
    """A code for another device that is good for so many seconds and may be asked about every `interval` seconds."""
    address = f"{PROVIDER}/common/oauth2/deviceauth"
    scopes = (TENANT.read_scope, TENANT.readwrite_scope)
    return DeviceCode("ABCD-EFGH", address, "", time.time() + seconds, interval, scopes, {})


class FakePeople(Told):
    """Signs in `arriving`, whoever it is; `restored` are those who were signed in before, the first of them in use.

    `kept` and `current` are what the vault would hold: who is signed in, and which account is in use. `answers` are
    what the next questions about a device's code bring, one each; after these it was confirmed by `arriving`.
    """

    def __init__(self, *restored: Person) -> None:
        super().__init__()
        self.kept = {each.account_id: each for each in restored}
        self.current = restored[0].account_id if restored else ""
        self.arriving = person()
        self.has_end_session = True
        self.code = device_code()
        self.answers: list[DeviceCode] = []

    def interrupt(self) -> None:
        self._meet("interrupt")

    def restore(self) -> tuple[tuple[Person, ...], str]:
        self._meet("restore")
        return tuple(self.kept.values()), self.current

    def choose(self, account_id: str) -> None:
        self._meet("choose", account_id)
        self.current = account_id

    def begin_device(self, scopes: Sequence[str], *, claims: str = "", language: str = "") -> DeviceCode:
        self._meet("begin_device", tuple(scopes), claims)
        return self.code

    def poll_device(self, code: DeviceCode) -> Person | DeviceCode:
        self._meet("poll_device", code)
        return self.answers.pop(0) if self.answers else self._keep()

    def begin(
        self,
        redirect_uri: str,
        scopes: Sequence[str],
        *,
        login_hint: str = "",
        prompt: str = "",
        claims: str = "",
        domain_hint: str = "",
        language: str = "",
    ) -> AuthorizationRequest:
        told = {"login_hint": login_hint, "prompt": prompt, "claims": claims, "domain_hint": domain_hint}
        self._meet("begin", tuple(scopes), told)
        state = f"state-of-sign-in-{len(self.calls)}"
        query = {"redirect_uri": redirect_uri, "state": state}
        uri = f"{PROVIDER}/authorize?{urlencode(query)}"
        return AuthorizationRequest(uri, state, PROVIDER, issuer_required=False, scopes=tuple(scopes), flow={})

    def complete(self, request: AuthorizationRequest, parameters: Mapping[str, str]) -> Person:
        self._meet("complete")
        if "error" in parameters:
            raise SignInError("You declined the request.", error=parameters["error"], code="65004")
        return self._keep()

    def access_token(self, account_id: str, *, claims: str = "", renew: bool = False) -> AccessToken:
        self._meet("access_token", account_id, renew)
        return AccessToken(f"token-{len(self.called('access_token'))}", BOTH_SCOPES)

    def sign_out(self, account_ids: Collection[str]) -> None:
        self._meet("sign_out", *sorted(account_ids))
        for account_id in account_ids:
            self.kept.pop(account_id, None)
        if self.current not in self.kept:
            self.current = ""

    def end_session_uri(self, person: Person, post_logout_redirect_uri: str) -> tuple[str, str]:
        self._meet("end_session_uri", person.account_id, person.login_hint)
        if not self.has_end_session:
            return "", ""
        query = {"post_logout_redirect_uri": post_logout_redirect_uri, "state": "state-of-sign-out"}
        return f"{PROVIDER}/logout?{urlencode(query)}", "state-of-sign-out"

    def _keep(self) -> Person:
        self.kept[self.arriving.account_id] = self.arriving
        self.current = self.arriving.account_id
        return self.arriving


class FakeTodos(Told):
    """A to-do service that keeps `items` in memory; `refused_tokens` are answered as the test says by `refuse`."""

    def __init__(self, *items: str) -> None:
        super().__init__()
        self.items = [Todo(str(number), text) for number, text in enumerate(items, start=1)]

    def fetch(self, token: str) -> list[Todo]:
        self._meet("fetch", token)
        return list(self.items)

    def add(self, token: str, description: str) -> Todo:
        self._meet("add", token, description)
        todo = Todo(str(len(self.items) + 1), description)
        self.items.append(todo)
        return todo


class FakeBackend:
    """The services of one profile, and how often they were let go of.

    `ensured` are the names of the threads that asked to bring back what the program itself runs, which raises `gone`.
    """

    def __init__(self, people: FakePeople, todos: FakeTodos, *, vault_reason: str = "") -> None:
        self.people = people
        self.todos = todos
        self.closed = 0
        self.findings = [
            Finding("Discovery", Outcome.FINE, "The discovery document came in 3 ms.", ""),
            Finding("Clock", Outcome.WRONG, "This computer's clock is 10 minutes slow.", "Set it right."),
        ]
        self.ensured: list[str] = []
        self.gone: Exception | None = None
        self.value = Backend(TENANT, people, todos, vault_reason, self._ensure, self._close)  # type: ignore[arg-type] # doubles

    def check(self) -> Iterator[Finding]:
        """The setup check."""
        return iter(self.findings)

    def _ensure(self) -> None:
        self.ensured.append(threading.current_thread().name)
        if self.gone is not None:
            raise self.gone

    def _close(self) -> None:
        self.closed += 1


class FakeBrowser:
    """A person's browser: `open` is what `webbrowser.open` becomes; `does` says what the person does there.

    "comes back" sends a code to the redirect URI, "declines" an error, "stays" nothing; "is missing" cannot be opened.
    Each page that the listener answers with is kept in `pages`, in order; `close` waits for the last one.
    """

    def __init__(self, does: str = "comes back") -> None:
        self.does = does
        self.opened: list[str] = []
        self.pages: list[Answer | None] = []
        self._tabs: list[threading.Thread] = []

    def open(self, uri: str, *_how: Any) -> bool:
        if self.does == "is missing":
            return False
        self.opened.append(uri)
        if self.does != "stays":
            self._visit(uri)
        return True

    def return_late(self, uri: str) -> None:
        """Come back from `uri`, which was opened before, with a code."""
        self.does = "comes back"
        self._visit(uri)

    def close(self) -> None:
        for tab in self._tabs:
            tab.join(PATIENCE)

    def _visit(self, uri: str) -> None:
        tab = threading.Thread(target=self._come_back, args=(uri, self.does), name="tab")
        tab.start()
        self._tabs.append(tab)  # only now, since `close` may come from another thread

    def _come_back(self, uri: str, does: str) -> None:
        query = parse_qs(urlsplit(uri).query)
        state = query["state"][0]
        if leaving := query.get("post_logout_redirect_uri"):
            back = urlsplit(leaving[0])
            request = get(back.port or 80, {"state": state}, path=back.path or "/")
        else:
            back = urlsplit(query["redirect_uri"][0])
            fields = {"error": "access_denied"} if does == "declines" else {"code": "a-code"}
            request = form_post(back.port or 80, {**fields, "state": state}, path=back.path or "/")
        try:
            with RawBrowser(back.port or 80) as browser:
                browser.send(request)
                self.pages.append(browser.answer())
        except ConnectionError:
            self.pages.append(None)  # nobody listens any more
