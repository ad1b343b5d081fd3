"""People against the real sandbox: what a person does in a browser, and what is left of it on this computer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest

from ciam_desktop import sandbox_process
from ciam_desktop.core.errors import ApiForbidden, InteractionRequired, SignInError
from ciam_desktop.core.http import HttpClient
from ciam_desktop.core.identity.device_code import DeviceCode
from ciam_desktop.core.identity.people import People
from ciam_desktop.core.identity.person import Person
from ciam_desktop.core.identity.provider import Provider
from ciam_desktop.core.todos.client import TodoClient
from ciam_desktop.sandbox_process import SandboxInfo
from tests.doubles.vaults import WatchedVault
from tests.sandbox.support import REDIRECT, Browser, Page, claims_of, give_free_ports

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxInfo]:
    folder = tmp_path_factory.mktemp("sandbox") / "data"
    give_free_ports(folder)
    with sandbox_process.join(folder) as held:
        yield held.info


class Household:
    """One vault and the programs on it, with a browser for whoever sits in front."""

    def __init__(self, info: SandboxInfo) -> None:
        self.info = info
        self.http = HttpClient(info.ca_file, only=True)
        self.vault = WatchedVault()
        self.people = self.program()
        self.both = (info.read_scope, info.readwrite_scope)
        self.todos = TodoClient(info.api_endpoint, self.http)

    def program(self) -> People:
        """Another program on the same vault."""
        return People(self.info.client_id, Provider(self.info.authority, self.http), self.vault, self.http)

    def demo(self, *, prompt: str = "", **consent: str | None) -> Person:
        """Sign the demo account in; `consent` are the fields of the consent page, None for an unticked box."""
        request = self.people.begin(REDIRECT, self.both, prompt=prompt)
        with Browser() as browser:
            page = browser.send(browser.get(request.uri), "demo")
            if any(("step", "accept") in form.buttons for form in page.forms):
                page = browser.send(page, "accept", **consent)
            return self.people.complete(request, page.answer())

    def sign_up(self, email: str) -> Person:
        request = self.people.begin(REDIRECT, self.both, prompt="create", login_hint=email)
        with Browser() as browser:
            page = browser.get(request.uri)
            fields = dict.fromkeys(page.form("sign-up").fields, "x")
            known = {"email": email, "password": PASSWORD, "confirm": PASSWORD, "repeat": PASSWORD, "again": PASSWORD}
            values = {name: known.get(name, page.form("sign-up").fields[name] or "Second user") for name in fields}
            values.pop("step", None)
            page = browser.send(page, "sign-up", **values)
            if any(("step", "accept") in form.buttons for form in page.forms):
                page = browser.send(page, "accept")
            return self.people.complete(request, page.answer())

    def answer(self, code: DeviceCode, step: str) -> None:
        """Type the code on another device, sign the demo account in there, and answer the last page by `step`."""
        with Browser() as browser:

            def at(page: Page) -> Page:
                while page.response.is_redirect:
                    page = browser.get(urljoin(page.response.url, page.response.headers["Location"]))
                return page

            page = at(browser.send(at(browser.get(code.address)), "code", user_code=code.user_code))
            page = at(browser.send(page, "demo"))
            if any(("step", "accept") in form.buttons for form in page.forms):
                page = at(browser.send(page, "accept"))
            at(browser.send(page, step))

    def in_use(self) -> Person | None:
        people, current = self.people.restore()
        return next((each for each in people if each.account_id == current), None)

    def kept(self) -> str:
        entry = self.vault.read()
        return json.dumps([entry.tokens, entry.people, entry.current])


@pytest.fixture
def house(sandbox: SandboxInfo) -> Iterator[Household]:
    made = Household(sandbox)
    yield made
    made.http.close()


def test_the_demo_account_signs_in_and_reaches_the_api(house: Household) -> None:
    person = house.demo()
    assert (person.name, person.address) == ("Demo user", "user1@contoso.example")
    assert person.scopes == set(house.both)
    assert person.account_id == f"{person.verdict.claims['oid']}.{house.info.tenant_id}"
    assert person.verdict.issuer == house.info.authority
    token = house.people.access_token(person.account_id)
    added = house.todos.add(token.value, "buy milk")
    assert added in house.todos.fetch(token.value)


def test_the_demo_account_signs_in_on_another_device(house: Household) -> None:
    code = house.people.begin_device(house.both, language="de-DE")
    assert urlsplit(code.address).path == "/common/oauth2/deviceauth"
    house.answer(code, "confirm")
    person = house.people.poll_device(code)
    assert isinstance(person, Person)
    assert (person.address, person.scopes) == ("user1@contoso.example", frozenset(house.both))
    assert house.people.restore() == ((person,), person.account_id)
    assert "nonce" not in person.verdict.claims
    renewed = house.people.access_token(person.account_id, renew=True)
    assert isinstance(house.todos.fetch(renewed.value), list)


def test_who_declines_on_the_other_device_is_not_signed_in(house: Household) -> None:
    code = house.people.begin_device(house.both)
    house.answer(code, "cancel")
    with pytest.raises(SignInError, match="declined"):
        house.people.poll_device(code)
    assert house.vault.writes == 0


def test_an_unanswered_code_is_asked_for_again_and_more_slowly_when_it_was_too_fast(house: Household) -> None:
    code = house.people.begin_device(house.both)
    polled: Person | DeviceCode = code
    for _number in range(3):
        assert isinstance(polled, DeviceCode)
        polled = house.people.poll_device(polled)
    assert isinstance(polled, DeviceCode)
    assert polled.interval > code.interval
    assert house.vault.writes == 0


def test_a_second_look_is_served_from_the_vault_and_a_forced_one_is_renewed(house: Household) -> None:
    person = house.demo()
    first = house.people.access_token(person.account_id)
    writes = house.vault.writes
    assert house.people.access_token(person.account_id) == first
    assert house.vault.writes == writes
    renewed = house.people.access_token(person.account_id, renew=True)
    assert renewed.value != first.value
    assert house.vault.writes == writes + 1
    assert house.people.access_token(person.account_id) == renewed
    again = house.people.access_token(person.account_id, renew=True)
    assert again.value != renewed.value, "the rotated refresh token was kept"


def test_a_renewed_id_token_is_the_one_that_is_shown(house: Household) -> None:
    person = house.demo()
    house.people.access_token(person.account_id, renew=True)
    restored = house.in_use()
    assert restored is not None
    assert restored.verdict.claims["uti"] != person.verdict.claims["uti"]
    assert restored.verdict.claims["sub"] == person.verdict.claims["sub"]


def test_reading_goes_on_when_writing_is_refused_and_writing_may_be_allowed_later(house: Household) -> None:
    person = house.demo(prompt="consent", write=None)
    assert person.scopes == {house.info.read_scope}
    token = house.people.access_token(person.account_id, renew=True)
    assert token.scopes == {house.info.read_scope}
    assert claims_of(token.value)["scp"] == "ToDoList.Read"
    assert isinstance(house.todos.fetch(token.value), list)
    with pytest.raises(ApiForbidden):
        house.todos.add(token.value, "not allowed")
    assert house.demo(prompt="consent").scopes == set(house.both)


def test_signing_out_leaves_nothing_of_the_account(house: Household) -> None:
    person = house.demo()
    token = house.people.access_token(person.account_id)
    house.people.sign_out([person.account_id])
    assert house.in_use() is None
    left = house.kept()
    for gone in (token.value, person.account_id, person.address, person.name, str(person.verdict.claims["sub"]), "eyJ"):
        assert gone not in left
    with pytest.raises(InteractionRequired):
        house.people.access_token(person.account_id)


def test_a_renewal_that_races_a_sign_out_does_not_bring_the_account_back(house: Household) -> None:
    person = house.demo()
    second = house.program()
    house.vault.before_change = lambda: second.sign_out([person.account_id])
    house.people.access_token(person.account_id, renew=True)
    assert house.in_use() is None
    assert "eyJ" not in house.kept()


def test_two_accounts_live_side_by_side_in_one_vault(house: Household) -> None:
    first, second = house.demo(), house.sign_up("user2@contoso.example")
    assert first.account_id != second.account_id
    assert house.in_use() == second
    tokens = [claims_of(house.people.access_token(each.account_id).value)["oid"] for each in (first, second)]
    assert tokens == [each.verdict.claims["oid"] for each in (first, second)]
    house.people.sign_out([second.account_id])
    assert house.people.access_token(first.account_id, renew=True).value
    assert second.account_id not in house.kept()
    assert second.address not in house.kept()


def test_a_second_program_sees_what_the_first_one_keeps(house: Household) -> None:
    person, second = house.demo(), house.program()
    assert second.restore() == ((person,), person.account_id)
    renewed = second.access_token(person.account_id, renew=True)
    assert house.people.access_token(person.account_id) == renewed
    assert house.people.access_token(person.account_id, renew=True).value != renewed.value
    second.sign_out([person.account_id])
    assert house.in_use() is None


def test_signing_in_again_replaces_what_was_there(house: Household) -> None:
    first = house.demo()
    old = house.people.access_token(first.account_id).value
    second = house.demo()
    assert second.account_id == first.account_id
    assert old not in house.kept()
    assert len(house.vault.read().tokens["RefreshToken"]) == 1


def test_somebody_who_declines_is_not_signed_in(house: Household) -> None:
    request = house.people.begin(REDIRECT, house.both)
    with Browser() as browser:
        brought = browser.send(browser.get(request.uri), "cancel").answer()
    with pytest.raises(SignInError, match="declined") as caught:
        house.people.complete(request, brought)
    assert caught.value.error == "access_denied"
    assert house.vault.writes == 0


def test_a_code_is_redeemed_once_and_with_its_own_verifier_only(house: Household) -> None:
    request, another = (house.people.begin(REDIRECT, house.both) for _ in range(2))
    with Browser() as browser:
        page = browser.send(browser.get(request.uri), "demo")
        if any(("step", "accept") in form.buttons for form in page.forms):
            page = browser.send(page, "accept")
    brought = page.answer()
    with pytest.raises(SignInError):
        house.people.complete(another, brought | {"state": another.state})
    with pytest.raises(SignInError):
        house.people.complete(request, brought)
    assert house.vault.writes == 0


def test_the_browsers_session_ends_where_the_provider_says(house: Household) -> None:
    person = house.demo()
    uri, state = house.people.end_session_uri(person, REDIRECT)
    asked = dict(parse_qsl(urlsplit(uri).query))
    assert asked["logout_hint"] == person.login_hint
    assert asked["state"] == state
    assert asked["client_id"] == house.info.client_id


def test_a_scope_that_the_provider_does_not_know_is_a_sentence(house: Household) -> None:
    request = house.people.begin(REDIRECT, ["api://nobody/Nothing"])
    with Browser() as browser:
        brought = browser.get(request.uri).answer()
    with pytest.raises(SignInError, match="does not know this API"):
        house.people.complete(request, brought)


def test_restoring_asks_nobody(house: Household) -> None:
    person = house.demo()
    unreachable = HttpClient(house.info.ca_file, only=True)
    nowhere = People(house.info.client_id, Provider("https://127.0.0.1:9/x", unreachable), house.vault, unreachable)
    assert nowhere.restore() == ((person,), person.account_id)
    unreachable.close()
