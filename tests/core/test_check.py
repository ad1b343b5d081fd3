"""The setup check against real servers, ports and a real sandbox: what is fine, what is not, and what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Self

import pytest
from joserfc.jwk import ECKey, OctKey

from ciam_desktop import sandbox_process
from ciam_desktop.core import config
from ciam_desktop.core.check import check
from ciam_desktop.core.config import Program, Settings, Tenant
from ciam_desktop.core.errors import CiamError, SettingsError, VaultError, VaultLocked
from ciam_desktop.core.findings import Finding, Outcome, all_well, summary
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.kept import SetAside
from ciam_desktop.core.identity.loopback import RedirectListener
from ciam_desktop.core.identity.vault import Entry, MemoryVault, Vault, parse_entry
from ciam_desktop.core.port_owner import owner_of
from tests.core.listening import needs_proc, port_of
from tests.doubles.https_server import HttpsServer, Reply, Request, ca_file
from tests.doubles.provider import TENANT, base64url, document_of, signing_key
from tests.sandbox.support import give_free_ports, is_served, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

FINE, WORTH_KNOWING, WRONG, SKIPPED = Outcome.FINE, Outcome.WORTH_KNOWING, Outcome.WRONG, Outcome.SKIPPED
CHECKS = ["Discovery", "Issuer", "Signing keys", "Clock", "Redirect port", "Saved sign-in", "To-do service"]
DISCOVERY, ISSUER, KEYS, CLOCK, PORT, VAULT, API = CHECKS
PAGE = (("Content-Type", "text/html; charset=utf-8"),)
PLANTED = "planted-secret"


class KeptVault(MemoryVault):
    """An encrypted vault, as far as anybody can see; `kept` is what is in it."""

    def __init__(self, kept: Entry | None = None) -> None:
        super().__init__("")
        self._entry = kept or Entry()


class RefusingVault(MemoryVault):
    """A vault that cannot be read, and must not be written."""

    def __init__(self, error: CiamError) -> None:
        super().__init__("")
        self._error = error

    def read(self) -> Entry:
        raise self._error

    def change(self, change: Callable[[Entry], Entry]) -> Entry:
        raise AssertionError("the check writes nothing")


class Place:
    """A provider and an API on one TLS server, sound until a test changes them.

    `document`, `keys` are what is published; a Reply in `instead` takes the place of the answer to the path that ends
    so. `ahead` is how many seconds the server's clock is ahead of this computer's; None leaves its time out.
    """

    def __init__(self, path: str = f"{TENANT}/v2.0", signed_by: str = "ours") -> None:
        self._path = path
        self.server = HttpsServer(self._answer, signed_by=signed_by)
        self.document: dict[str, Any] = {}
        self.keys: list[Any] = [signing_key("key-1").as_dict(private=False)]
        self.instead: dict[str, Reply] = {"/api/todolist": Reply(401)}
        self.ahead: float | None = 0.0
        self.age = ""

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.authority = f"{self.server.url}/{self._path}"
        self.document = document_of(self.authority, self.authority)
        return self

    def __exit__(self, *error: Any) -> None:
        self.server.__exit__(*error)

    def _answer(self, request: Request) -> Reply:
        reply = next((reply for end, reply in self.instead.items() if request.path.endswith(end)), None)
        if reply is None:
            content = self.document if request.path.endswith("/openid-configuration") else {"keys": self.keys}
            reply = Reply(body=json.dumps(content).encode())
        more = [] if self.ahead is None else [("Date", formatdate(time.time() + self.ahead, usegmt=True))]
        more += [("Age", self.age)] if self.age else []
        return Reply(reply.status, (*reply.headers, *more), reply.body)


class Setup:
    """Runs the check on the settings of a program that was told to use a place; `found` has the findings by title."""

    def __init__(self, folder: Path, place: Place | None, **values: str) -> None:
        self._ca_file = ca_file(folder)
        told = {
            "AUTHORITY": place.authority if place else f"https://localhost:9/{TENANT}",
            "CLIENT_ID": "22222222-3333-4444-8555-666666666666",
            "TODOLIST_READ": "api://33333333-4444-4555-8666-777777777777/ToDoList.Read",
            "TODOLIST_READWRITE": "api://33333333-4444-4555-8666-777777777777/ToDoList.ReadWrite",
            "API_ENDPOINT": f"{place.server.url}/api/todolist" if place else "https://localhost:9/api/todolist",
            "REDIRECT_URI": "http://localhost",
            **values,
        }
        self.settings = loaded({name: value for name, value in told.items() if value}, folder)
        self.vault: Callable[[], Vault] = KeptVault

    def findings(self) -> Generator[Finding, None, None]:
        http = HttpClient(self._ca_file, only=True)
        assert self.settings.tenant is not None
        try:
            yield from check(self.settings.tenant, self.settings, http, self.vault)
        finally:
            http.close()

    def found(self) -> dict[str, Finding]:
        findings = list(self.findings())
        assert [finding.check for finding in findings] == CHECKS
        return dict(zip(CHECKS, findings, strict=True))


def loaded(command_line: dict[str, str], folder: Path) -> Settings:
    return config.load(
        Program.WINDOW,
        command_line=command_line,
        environment={},
        env_file=None,
        beside=None,
        profile_name=None,
        config_dir=folder,
    )


def outcomes(found: dict[str, Finding]) -> dict[str, Outcome]:
    return {check: finding.outcome for check, finding in found.items()}


def others_fine(found: dict[str, Finding], *but: str) -> bool:
    return all(finding.outcome is FINE for check, finding in found.items() if check not in but)


@pytest.fixture
def place() -> Iterator[Place]:
    with Place() as running:
        yield running


@contextmanager
def port_held(naming: str = "") -> Iterator[tuple[int, int]]:
    """A port that another process listens on, and that process's id; `naming` is what it calls itself."""
    program = (
        "import socket, sys; from pathlib import Path; held = socket.create_server(('127.0.0.1', 0));"
        f"Path('/proc/self/comm').write_text({naming!r}) if {naming!r} else None;"
        "print(held.getsockname()[1], flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), process.pid
        finally:
            process.communicate(timeout=10)


# All of it.


def test_the_sandbox_is_fine_whether_or_not_there_is_a_keyring(tmp_path: Path) -> None:
    folder = tmp_path / "sandbox"
    give_free_ports(folder)
    settings = loaded({"REDIRECT_URI": "http://localhost"}, tmp_path)
    with sandbox_process.join(folder) as held:
        info = held.info
        tenant = Tenant(info.authority, info.client_id, info.read_scope, info.readwrite_scope, "", info.api_endpoint)
        http = HttpClient(info.ca_file, only=True)
        kept = list(check(tenant, settings, http, KeptVault))
        in_memory = list(check(tenant, settings, http, lambda: MemoryVault("This computer has no keyring.")))
        http.close()
    wait_until(lambda: not is_served(folder))
    assert [finding.check for finding in kept] == CHECKS
    assert {finding.outcome for finding in kept} == {FINE}, kept
    assert all(finding.text for finding in kept)
    assert [finding.outcome for finding in in_memory] == [FINE] * 5 + [WORTH_KNOWING, FINE]
    assert all_well(kept)
    assert all_well(in_memory)
    assert summary(kept) == summary(in_memory) == "This setup is fine."


def test_each_finding_is_there_before_the_next_check_begins(place: Place, tmp_path: Path) -> None:
    setup = Setup(tmp_path, place)
    opened: list[str] = []
    setup.vault = lambda: opened.append("vault") or KeptVault()  # type: ignore[func-returns-value]  # append gives None
    findings = setup.findings()
    asked = []
    for title in CHECKS:
        assert next(findings).check == title
        asked.append((len(place.server.requests), len(opened)))
    assert asked == [(1, 0), (1, 0), (2, 0), (2, 0), (2, 0), (2, 1), (3, 1)]
    findings.close()


def test_no_token_is_sent_and_nothing_secret_is_told(place: Place, tmp_path: Path) -> None:
    account = {"home_account_id": PLANTED, "secret": PLANTED}
    setup = Setup(tmp_path, place)
    setup.vault = lambda: KeptVault(Entry({"RefreshToken": {PLANTED: account}}, {PLANTED: {"name": PLANTED}}, PLANTED))
    location = ("Location", f"https://localhost/?code={PLANTED}")
    place.instead["/api/todolist"] = Reply(302, (location, ("Set-Cookie", f"s={PLANTED}")), PLANTED.encode())
    place.document |= {"planted": PLANTED}
    told = repr(list(setup.findings()))
    assert PLANTED not in told
    assert "A sign-in is kept encrypted, and can be read." in told
    assert [request.method for request in place.server.requests] == ["GET"] * 3
    assert not [request for request in place.server.requests if "authorization" in request.headers]


def test_without_any_network_what_can_be_checked_still_is(tmp_path: Path) -> None:
    found = Setup(tmp_path, None).found()
    assert list(outcomes(found).values()) == [WRONG, SKIPPED, SKIPPED, SKIPPED, FINE, FINE, WRONG]
    assert found[DISCOVERY].text == "Nothing answers at localhost."
    assert found[DISCOVERY].advice == "Check that the server runs, and the port in AUTHORITY."
    assert found[API].advice == "Check that the server runs, and the port in API_ENDPOINT."
    assert not all_well(found.values())
    assert summary(found.values()) == "2 things are not right."
    assert summary([found[ISSUER]]) == summary([]) == "Not everything could be checked."


def test_a_certificate_that_is_not_trusted_leads_to_ca_bundle(tmp_path: Path) -> None:
    with Place(signed_by="another") as place:
        found = Setup(tmp_path, place).found()
    for title in (DISCOVERY, API):
        assert found[title].outcome is WRONG
        assert found[title].text.startswith("The certificate of localhost was issued by another, ")
        assert "CA_BUNDLE" in found[title].advice
    assert found[CLOCK].outcome is SKIPPED
    assert place.server.requests == []


# Discovery and issuer.


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404, PAGE, b"<html>"), "knows no such tenant"),
        (Reply(200, PAGE, b"<html>Welcome to our network"), "A web page came in place"),
        (Reply(302, (("Location", "https://elsewhere.example/"),)), "leads to elsewhere.example"),
        (Reply(302, (("Location", "/elsewhere"),)), "points elsewhere"),
        (Reply(503), "out of order"),
        (Reply(200, (), b"{}"), "another issuer"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_discovery_document_that_cannot_be_used_is_said_and_the_clock_compared_all_the_same(
    place: Place, tmp_path: Path, reply: Reply, words: str
) -> None:
    place.instead["/openid-configuration"] = reply
    found = Setup(tmp_path, place).found()
    assert list(outcomes(found).values()) == [WRONG, SKIPPED, SKIPPED, FINE, FINE, FINE, FINE]
    assert words in found[DISCOVERY].text
    assert found[DISCOVERY].advice


def test_advice_names_the_setting_that_gave_the_tenant(tmp_path: Path) -> None:
    setup = Setup(tmp_path, None, AUTHORITY="", TENANT_SUBDOMAIN="contoso")
    http = HttpClient(ca_file(tmp_path), only=True)
    unreachable = Tenant("https://localhost:9/x/v2.0", "", "", "", "", "https://localhost:9/api")
    found = next(check(unreachable, setup.settings, http, KeptVault))
    http.close()
    assert "TENANT_SUBDOMAIN" in found.advice


def test_another_issuer_is_named_and_not_trusted(place: Place, tmp_path: Path) -> None:
    place.document["issuer"] = "https://elsewhere.example/v2.0"
    found = Setup(tmp_path, place).found()
    assert list(outcomes(found).values()) == [FINE, WRONG, SKIPPED, FINE, FINE, FINE, FINE]
    assert "https://elsewhere.example/v2.0" in found[ISSUER].advice


@pytest.mark.parametrize("issuer", ["\x1b[31mred", "two words", "x" * 5000, "", 7])
def test_an_issuer_that_could_play_tricks_is_not_repeated(place: Place, tmp_path: Path, issuer: object) -> None:
    place.document["issuer"] = issuer
    found = Setup(tmp_path, place).found()
    assert list(outcomes(found).values())[:2] == [WRONG, SKIPPED]
    assert all(finding.text.isprintable() and len(finding.text + finding.advice) < 300 for finding in found.values())


def test_a_tenant_that_answers_by_its_id_is_said_so(tmp_path: Path) -> None:
    with Place("contoso.onmicrosoft.com/v2.0") as place:
        exact = Setup(tmp_path, place).found()[ISSUER]
        place.document["issuer"] = f"{place.server.url}/{TENANT}/v2.0"
        by_id = Setup(tmp_path, place).found()[ISSUER]
    assert (exact.outcome, exact.text) == (FINE, f"The issuer is the address in the settings: {place.authority}.")
    assert (by_id.outcome, by_id.text) == (FINE, f"The issuer is the tenant by its ID: {place.document['issuer']}.")


# Keys.

SOUND = signing_key("key-1").as_dict(private=False)
CURVE = ECKey.generate_key("P-256", {"kid": "curve"}).as_dict(private=False)
WEAK = {"kid": "weak", "kty": "RSA", "n": base64url((2**1023 + 1).to_bytes(128)), "e": "AQAB"}
SHARED = OctKey.generate_key(256, {"kid": "shared"}).as_dict(private=True)


@pytest.mark.parametrize(
    ("keys", "n"),
    [
        ([SOUND], 1),
        ([SOUND, CURVE, WEAK, SHARED, SOUND | {"kid": "encryption", "use": "enc"}], 2),
        ([SOUND, SOUND | {"kid": "other-algorithm", "alg": "HS256"}, CURVE | {"alg": "ES256"}], 2),
        ([CURVE | {"alg": "ES384"}], 0),
        ([WEAK], 0),
        ([SHARED], 0),
        ([SOUND, SOUND | {"n": "AQAB"}], 0),
        ([SOUND | {"kid": None}, "key", None, {"kid": "empty"}, {"kid": ["list"]}], 0),
        ([{"kid": "broken", "kty": "RSA", "n": 7, "e": "AQAB"}, CURVE | {"x": "AA"}], 0),
        ([], 0),
    ],
    ids=range(10),
)
def test_only_keys_that_can_prove_an_id_token_are_counted(
    place: Place, tmp_path: Path, keys: list[Any], n: int
) -> None:
    place.keys = keys
    found = Setup(tmp_path, place).found()
    assert others_fine(found, KEYS)
    assert found[KEYS].outcome is (FINE if n else WRONG)
    assert (f" {n} key" in found[KEYS].text) is bool(n)
    assert bool(found[KEYS].advice) is not bool(n)


@pytest.mark.parametrize("reply", [Reply(500), Reply(404), Reply(200, PAGE, b"<html>"), Reply(200, (), b"7")])
def test_keys_that_cannot_be_fetched_are_wrong_and_nothing_else_is(place: Place, tmp_path: Path, reply: Reply) -> None:
    place.instead["/keys"] = reply
    found = Setup(tmp_path, place).found()
    assert others_fine(found, KEYS)
    assert found[KEYS].outcome is WRONG
    assert found[KEYS].advice


# The clock.


@pytest.mark.parametrize(
    ("ahead", "outcome", "words"),
    [
        (0, FINE, "goes with"),
        (50, FINE, "goes with"),
        (-50, FINE, "goes with"),
        (90, WORTH_KNOWING, "seconds slow"),
        (-90, WORTH_KNOWING, "seconds fast"),
        (630, WRONG, "10 minutes slow"),
        (-630, WRONG, "10 minutes fast"),
        (5 * 3600 + 60, WRONG, "5 hours slow"),
        (-400 * 86400 - 60, WRONG, "400 days fast"),
    ],
)
def test_a_clock_that_is_off_is_told_by_how_much_and_which_way(
    place: Place, tmp_path: Path, ahead: float, outcome: Outcome, words: str
) -> None:
    place.ahead = ahead
    found = Setup(tmp_path, place).found()
    assert others_fine(found, CLOCK)
    assert found[CLOCK].outcome is outcome
    assert words in found[CLOCK].text
    assert bool(found[CLOCK].advice) is (outcome is not FINE)


def test_a_provider_that_tells_no_time_is_worth_knowing(place: Place, tmp_path: Path) -> None:
    place.ahead = None
    assert outcomes(Setup(tmp_path, place).found())[CLOCK] is WORTH_KNOWING


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 99 Foo 2026 00:00:00 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"])
def test_a_time_that_cannot_be_read_breaks_nothing(place: Place, tmp_path: Path, date: str) -> None:
    place.ahead = None
    body = json.dumps(place.document).encode()
    place.instead["/openid-configuration"] = Reply(200, (("Date", date),), body)
    assert outcomes(Setup(tmp_path, place).found())[CLOCK] in (WORTH_KNOWING, WRONG)


@pytest.mark.parametrize(("age", "outcome"), [("600", FINE), ("", WRONG), ("-1", WRONG), ("9" * 5000, WRONG)])
def test_an_answer_from_a_cache_is_as_old_as_the_cache_says(
    place: Place, tmp_path: Path, age: str, outcome: Outcome
) -> None:
    place.ahead, place.age = -600, age
    assert outcomes(Setup(tmp_path, place).found())[CLOCK] is outcome


# The redirect port.


def test_a_port_that_is_free_stays_free(place: Place, tmp_path: Path) -> None:
    with port_held() as (port, _pid):
        pass
    for _again in range(2):
        found = Setup(tmp_path, place, REDIRECT_URI=f"http://localhost:{port}/auth").found()[PORT]
        assert (found.outcome, found.text) == (FINE, f"Port {port} is free for the browser's answer.")


@needs_proc
def test_a_taken_port_names_who_has_it_and_which_one_comes_in_its_place(place: Place, tmp_path: Path) -> None:
    with port_held("someone") as (port, pid):
        found = Setup(tmp_path, place, REDIRECT_URI=f"http://localhost:{port}").found()[PORT]
    assert found.outcome is WORTH_KNOWING
    assert f"Port {port} is used by someone (process {pid}); a sign-in now would use port " in found.text
    assert found.advice == "", "Entra does not compare the port"


@needs_proc
def test_a_taken_port_is_wrong_where_no_other_may_take_its_place(place: Place, tmp_path: Path) -> None:
    with port_held("someone") as (port, pid):
        for redirect, strict in ((f"http://localhost:{port}", "yes"), (f"http://127.0.0.1:{port}", "no")):
            found = Setup(tmp_path, place, REDIRECT_URI=redirect, STRICT_PORT=strict).found()
            assert others_fine(found, PORT)
            assert found[PORT].outcome is WRONG
            assert f"Port {port} is used by someone (process {pid}); close that, or choose another" in found[PORT].text


def test_another_provider_may_compare_the_port(tmp_path: Path) -> None:
    with Place("realms/todo") as place, port_held() as (port, _pid):
        found = Setup(tmp_path, place, REDIRECT_URI=f"http://localhost:{port}").found()
    assert others_fine(found, PORT)
    assert found[PORT].outcome is WORTH_KNOWING
    assert "STRICT_PORT=yes" in found[PORT].advice


def test_a_port_that_nobody_can_be_found_for_is_still_said_to_be_taken(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ciam_desktop.core.port_owner._PROC", tmp_path / "no-such-system")
    with port_held() as (port, _pid):
        moved = Setup(tmp_path, place, REDIRECT_URI=f"http://localhost:{port}").found()[PORT]
        strict = Setup(tmp_path, place, REDIRECT_URI=f"http://localhost:{port}", STRICT_PORT="yes").found()[PORT]
    assert f"Port {port} is taken or not allowed; a sign-in now would use port " in moved.text
    assert strict.outcome is WRONG
    assert f"Port {port} is used by another program; close that" in strict.text


@needs_proc
def test_a_sign_in_that_waits_here_is_not_called_another_program(place: Place, tmp_path: Path) -> None:
    listener = RedirectListener("http://localhost")
    port = port_of(listener.open())
    found = Setup(tmp_path, place, REDIRECT_URI=f"http://localhost:{port}").found()[PORT]
    listener.close()
    assert found.outcome is WORTH_KNOWING
    assert f"Port {port} is used by a sign-in of this program that waits" in found.text


@pytest.mark.parametrize(("host", "outcome"), [("127.0.0.1", WORTH_KNOWING), ("[::1]", WRONG)])
def test_addresses_that_entra_does_not_take_so_easily_are_told(
    place: Place, tmp_path: Path, host: str, outcome: Outcome
) -> None:
    found = Setup(tmp_path, place, REDIRECT_URI=f"http://{host}").found()[PORT]
    assert found.outcome is outcome
    assert "Entra" in found.text
    assert "http://localhost" in found.advice
    with Place("realms/todo") as other:
        assert outcomes(Setup(tmp_path, other, REDIRECT_URI=f"http://{host}").found())[PORT] is FINE


@needs_proc
def test_a_process_cannot_put_codes_for_a_terminal_into_its_name() -> None:
    with port_held("a\x1b[31mb") as (port, pid):
        owner = owner_of(port)
    assert owner is not None
    assert (owner.name, owner.pid, owner.is_us) == ("a?[31mb", pid, False)
    assert owner_of(port) is None, "nobody any more"


# The saved sign-in.


def newer() -> CiamError:
    with pytest.raises(CiamError) as caught:
        parse_entry('{"version": 99, "tokens": {}, "people": {}, "current": ""}')
    return caught.value


@pytest.mark.parametrize(
    ("error", "words", "advice"),
    [
        (VaultLocked("The keyring is locked."), "locked", "Unlock"),
        (newer(), "newer version", "update"),
        (VaultError("It broke."), "It broke.", ""),
    ],
    ids=["locked", "newer", "broken"],
)
def test_a_saved_sign_in_that_cannot_be_read_is_wrong_and_left_alone(
    place: Place, tmp_path: Path, error: CiamError, words: str, advice: str
) -> None:
    setup = Setup(tmp_path, place)
    setup.vault = lambda: RefusingVault(error)
    found = setup.found()
    assert others_fine(found, VAULT)
    assert found[VAULT].outcome is WRONG
    assert words in found[VAULT].text
    assert advice in found[VAULT].advice


def test_a_saved_sign_in_that_was_set_aside_is_worth_knowing_and_asks_for_nothing_else(
    place: Place, tmp_path: Path
) -> None:
    setup = Setup(tmp_path, place)
    setup.vault = lambda: RefusingVault(SetAside("It is damaged.", "It lies in the folder x now."))
    found = setup.found()
    assert others_fine(found, VAULT)
    told = "It is damaged. It lies in the folder x now. Sign in again."
    assert found[VAULT] == Finding(VAULT, WORTH_KNOWING, told)


def test_a_vault_that_cannot_even_be_opened_is_a_finding_too(place: Place, tmp_path: Path) -> None:
    def refuse() -> Vault:
        raise SettingsError("The folder cannot be created.", setting="CIAM_DESKTOP_HOME", source="a test")

    setup = Setup(tmp_path, place)
    setup.vault = refuse
    assert setup.found()[VAULT] == Finding(VAULT, WRONG, "The folder cannot be created.")


def test_without_a_keyring_the_reason_is_told(place: Place, tmp_path: Path) -> None:
    setup = Setup(tmp_path, place)
    setup.vault = lambda: MemoryVault("This computer has no running keyring service.")
    found = setup.found()[VAULT]
    assert found.outcome is WORTH_KNOWING
    assert found.text.endswith("in memory only: This computer has no running keyring service.")
    assert found.advice


# The API.


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(200, body=b"[]"), "answers without a sign-in (200)"),
        (Reply(204), "answers without a sign-in (204)"),
        (Reply(200, PAGE, b"<html>"), "answers with a web page (200)"),
        (Reply(301, (("Location", "/elsewhere"),)), "points elsewhere (301)"),
        (Reply(307), "points elsewhere (307)"),
        (Reply(400), "refuses without asking for a sign-in (400)"),
        (Reply(403), "refuses without asking for a sign-in (403)"),
        (Reply(404, PAGE, b"<html>"), "no to-do service at this address (404)"),
        (Reply(429), "out of order at the moment (429)"),
        (Reply(500), "out of order at the moment (500)"),
        (Reply(503, PAGE, b"<html>"), "out of order at the moment (503)"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else None,
)
def test_only_a_demand_to_sign_in_is_right(place: Place, tmp_path: Path, reply: Reply, words: str) -> None:
    place.instead["/api/todolist"] = reply
    found = Setup(tmp_path, place).found()
    assert others_fine(found, API)
    assert found[API].outcome is WRONG
    assert words in found[API].text
    assert found[API].advice


def test_a_service_without_tls_or_name_is_told_what_to_look_at(place: Place, tmp_path: Path) -> None:
    with HttpsServer(lambda _request: Reply(401), tls=False) as plain:
        no_tls = Setup(tmp_path, place, API_ENDPOINT=f"https://localhost:{plain.port}/").found()[API]
        here = Setup(tmp_path, place, API_ENDPOINT=f"http://localhost:{plain.port}/").found()[API]
    assert no_tls.outcome is WRONG
    assert "API_ENDPOINT" in no_tls.advice
    assert here.outcome is FINE, "http is accepted on this computer"
