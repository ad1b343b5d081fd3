"""Owns the list of everything that the window can show: what each state is called, and how a world gets there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtWidgets import QLineEdit, QWidget

from ciam_desktop import i18n
from ciam_desktop.core.errors import InteractionRequired, NetworkError
from ciam_desktop.core.identity.state import Reload, Step
from ciam_desktop.core.trouble import NextStep, Trouble
from ciam_desktop.qt.dialogs.connect_tenant import ConnectTenant
from ciam_desktop.qt.views.frame import IDENTITY, SETTINGS
from tests.doubles.backend import TENANT, person, settings
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
    world.identity.interaction_wanted(Reload(), InteractionRequired(SAID))
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
    State("settings", _place(SETTINGS), IN),
    State("settings signed out", _settings_signed_out, {"of": settings(profile="contoso", tenant=TENANT)}),
    State("connect a tenant", _dialog),
    *(State(f"banner {step.value}", _banner(step), IN) for step in NextStep),
]
