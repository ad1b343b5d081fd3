"""Owns the list of everything that the window can show: what each state is called, and how a world gets there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtWidgets import QLineEdit, QMenu, QWidget

from ciam_desktop import i18n
from ciam_desktop.core.errors import InteractionRequired, NetworkError
from ciam_desktop.core.identity.state import DeadlineMoved, HttpsForced, Reload, Step
from ciam_desktop.core.trouble import NextStep, Trouble
from ciam_desktop.qt.dialogs.connect_tenant import ConnectTenant
from ciam_desktop.qt.views.frame import IDENTITY, SETTINGS
from tests.doubles.backend import TENANT, device_code, person, settings
from tests.qt.world import World, until

LONG = "Bring the signed contract of the new office to the notary before the end of the month, and a copy for the bank"
TODOS = ("Pick up groceries", "Finish the invoice report", LONG, "Water the plants")
NAME = "user1@contoso.example"
FILTER = "nothing has this"
# What doubles say instead of the program is marked here as if it were translated, so that a test can tell it from data.
SAID = "«The name todo.contoso.example was not found.»"


@dataclass(frozen=True, slots=True)
class State:
    """One state: what its world is made of, and what happens after the window was shown."""

    name: str
    bring: Callable[[World], Any]
    how: dict[str, Any] = field(default_factory=dict)
    browser: str = "comes back"


def named(world: World, words: str) -> QWidget:
    """The visible line edit whose accessible name is the translation of `words`."""
    assert world.window is not None
    wanted = i18n._(words)
    found = [each for each in world.window.findChildren(QLineEdit) if each.accessibleName() == wanted]
    return next(each for each in found if each.isVisible())


def _listed(world: World) -> None:
    world.start()
    until(lambda: world.todos.fetched_at is not None, "the list")


def _waiting_and_refused(world: World) -> None:
    _listed(world)
    world.api.refuse("add", NetworkError(SAID, host="todo.contoso.example"))
    world.todos.add("Call the bank")
    until(lambda: world.troubles, "the trouble")
    world.api.hold("add")
    world.todos.add("Book a table")


def _filtered(world: World) -> None:
    _listed(world)
    edit = named(world, "Filter")
    assert isinstance(edit, QLineEdit)
    edit.setText(FILTER)


def _offline(world: World) -> None:
    _listed(world)
    world.api.refuse("fetch", NetworkError(SAID, host="todo.contoso.example", reason="«not found»"))
    world.todos.reload()
    until(lambda: world.troubles, "the trouble")


def _place(place: str) -> Callable[[World], None]:
    def bring(world: World) -> None:
        _listed(world)
        assert world.window is not None
        world.main.go(place)

    return bring


def _settings_signed_out(world: World) -> None:
    world.start()
    assert world.window is not None
    world.main.go(SETTINGS)


def opened_menu(world: World) -> QMenu:
    """The account menu, opened as a person does."""
    assert world.window is not None
    world.main._account.button.click()
    return next(each for each in world.window.findChildren(QMenu) if each.isVisible())


def _menu(world: World) -> None:
    _listed(world)
    opened_menu(world)


def _menu_of_many(world: World) -> None:
    _listed(world)
    for number, each in enumerate(SAME[1:], start=2):
        if number == 2:
            world.identity.interaction_wanted(each.account_id, Reload(), InteractionRequired(SAID))
        else:
            world.identity.network_lost(each.account_id)
    opened_menu(world)


def _needs_sign_in(world: World) -> None:
    """Interaction was wanted, the browser opened, and the person cancelled; the note about that was read."""
    _again(world)
    world.identity.cancel()
    until(lambda: world.identity.session.attempt is None, "the end of the attempt")
    until(lambda: world.troubles, "the note")
    world.main._banner.dismiss()


def _offline_at_start(world: World) -> None:
    world.api.refuse("fetch", *[NetworkError(SAID, host="todo.contoso.example")] * 9)
    world.start()
    until(lambda: world.troubles, "the trouble")
    world.main._banner.dismiss()


def _offline_identity(world: World) -> None:
    _offline(world)
    world.main.go(IDENTITY)


def _asking_for_a_code(world: World) -> None:
    world.start()
    world.people.hold("begin_device")
    world.identity.sign_in_elsewhere()
    until(lambda: world.people.called("begin_device"), "the question")


def _device_code(world: World) -> None:
    """A code that is not confirmed for as long as a test looks at it."""
    world.start()
    world.people.code = device_code(interval=60)
    world.identity.sign_in_elsewhere()
    attempt_at(world, Step.WAITING)
    until(lambda: _laid_out(world), "the page's height")


def _laid_out(world: World) -> bool:
    """Whether what became visible has had its room: Qt lays out from the inside to the outside, a turn each."""
    boxes = [each for each in world.main._pages["device"].findChildren(QWidget) if each.layout() is not None]
    return all(each.height() >= each.minimumSizeHint().height() for each in boxes if each.isVisible())


def _https_forced(world: World) -> None:
    _in_browser(world)
    world.identity._advance(HttpsForced())


def _short_of_time(world: World) -> None:
    _in_browser(world)
    attempt = world.identity.session.attempt
    assert attempt is not None
    world.identity._advance(DeadlineMoved(time.time() + 170))


def _opening(world: World) -> None:
    world.start()
    world.people.hold("begin")
    world.identity.sign_in()
    until(lambda: world.people.called("begin"), "the beginning")


def _in_browser(world: World) -> None:
    world.start()
    world.identity.sign_in()
    attempt_at(world, Step.WAITING)


def _no_browser(world: World) -> None:
    world.start()
    world.identity.sign_in()
    until(lambda: world.identity.session.attempt and world.identity.session.attempt.browser_failed, "the complaint")


def _verifying(world: World) -> None:
    world.start()
    world.people.hold("complete")
    world.identity.sign_in()
    attempt_at(world, Step.VERIFYING)


def attempt_at(world: World, step: Step) -> None:
    until(lambda: world.identity.session.attempt and world.identity.session.attempt.step is step, step.value)


def _again(world: World) -> None:
    _listed(world)
    world.identity.interaction_wanted(SOMEBODY.account_id, Reload(), InteractionRequired(SAID))
    attempt_at(world, Step.WAITING)


def _not_ready(world: World) -> None:
    def fail() -> Any:
        raise NetworkError(SAID, host="login.contoso.example")

    world.connect = fail
    world.identity.start()
    until(lambda: world.troubles, "the trouble")


def _banner(step: NextStep) -> Callable[[World], None]:
    def bring(world: World) -> None:
        _listed(world)
        assert world.window is not None
        details = "«Error: access_denied»\n«Code: AADSTS65004»\n«Correlation id: 11111111-2222-4333-8444-555555555555»"
        world.main.tell(Trouble("«Not signed in»", SAID, step, details))
        fold = world.window.findChild(QWidget, "link")
        assert fold is not None
        for each in world.window.findChildren(QWidget, "link"):
            if each.isVisible():
                each.click()  # type: ignore[attr-defined] # what is named so is a button

    return bring


def _dialog(world: World) -> None:
    world.start()
    assert world.window is not None
    dialog = ConnectTenant(world.config_dir, world.window)
    dialog.show()
    dialog._save()


SOMEBODY = person(name=NAME, groups=["readers", "writers"], exp=1_900_000_000)
OTHER = person(2, name="Zoë Müller-Ōta")
SAME = (SOMEBODY, person(2, name="Robin"), person(3, name="Robin"))
DATA = [
    *(part for each in (OTHER, *SAME) for part in (each.name, each.address)),
    device_code().user_code,
    device_code().address,
]
"""Further words that come from elsewhere and are shown as they are."""
IN = {"signed_in": SOMEBODY, "items": TODOS}
STATES = [
    State("restoring", lambda _world: None),
    State("signed out", World.start),
    State("signed out of a tenant", World.start, {"of": settings(profile="contoso", tenant=TENANT)}),
    State("not ready", _not_ready),
    State("opening the browser", _opening),
    State("waiting for the browser", _in_browser, browser="stays"),
    State("no browser", _no_browser, browser="is missing"),
    State("verifying", _verifying),
    State("signing in again", _again, IN, browser="stays"),
    State("nothing to do", _listed, {"signed_in": person()}),
    State("to-dos", _listed, IN),
    State("to-dos waiting and refused", _waiting_and_refused, IN),
    State("to-dos filtered away", _filtered, IN),
    State("to-dos offline", _offline, IN),
    State("to-dos read only", _listed, {**IN, "signed_in": person(name=NAME, scopes=frozenset({TENANT.read_scope}))}),
    State("to-dos in memory only", _listed, {**IN, "vault_reason": "«This computer has no running keyring service.»"}),
    State("identity", _place(IDENTITY), IN),
    State("identity offline", _offline_identity, IN),
    State("offline at start", _offline_at_start, IN),
    State("must sign in again", _needs_sign_in, IN, browser="stays"),
    State("two accounts", _listed, {**IN, "signed_in": (OTHER, SOMEBODY)}),
    State("account menu", _menu, IN),
    State("account menu of several", _menu_of_many, {**IN, "signed_in": SAME}),
    State("asking for a code", _asking_for_a_code),
    State("code for another device", _device_code),
    State("https forced", _https_forced, browser="stays"),
    State("more time", _short_of_time, browser="stays"),
    State("settings", _place(SETTINGS), IN),
    State("settings signed out", _settings_signed_out, {"of": settings(profile="contoso", tenant=TENANT)}),
    State("connect a tenant", _dialog),
    *(State(f"banner {step.value}", _banner(step), IN) for step in NextStep),
]
