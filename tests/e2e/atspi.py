"""Owns how the end-to-end test sees and works the window: as assistive technology does, through AT-SPI on D-Bus."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Self

from jeepney import DBusAddress, DBusErrorResponse, HeaderFields, MatchRule, Properties, message_bus, new_method_call
from jeepney.io.blocking import open_dbus_connection
from jeepney.wrappers import unwrap_msg

from tests.e2e.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jeepney import Message

ANSWER = 10
"""Seconds that a program may take to answer one question; longer means that its UI thread is held."""

TIMEOUT = 10
"""Seconds that something may take to appear or to happen, unless the caller says more."""

_ROOT = "/org/a11y/atspi/accessible/root"
_REGISTRY = "org.a11y.atspi.Registry"
_PREFIX = "org.a11y.atspi."

# The role names of AT-SPI, by the word that a test uses. Qt calls a checkable tool button a check box.
_ROLES = {
    "window": ("frame", "window", "dialog", "alert", "alert message"),
    "button": ("push button", "push button menu", "button menu", "toggle button", "check box"),
    "check box": ("check box",),
    "radio button": ("radio button",),
    "combo box": ("combo box",),
    "text": ("text", "entry", "password text"),
    "label": ("label", "static"),
    "table": ("table", "tree table", "tree"),
    "cell": ("table cell",),
    "list": ("list", "list box"),
    "list item": ("list item",),
    "tab": ("page tab",),
    "menu": ("popup menu",),
    "menu item": ("menu item", "check menu item", "radio menu item"),
}

Name = str | re.Pattern[str]


class State(IntEnum):
    """The bits of AT-SPI's state set that a test asks for (AtspiStateType)."""

    ACTIVE = 1
    CHECKED = 4
    EDITABLE = 7
    ENABLED = 8
    FOCUSED = 12
    SELECTED = 23
    SHOWING = 25


class Gone(Exception):
    """The object, or the program that showed it, is not there any more."""


class Screen:
    """Everything that programs show on one accessibility bus; `address` is what the session bus says it is."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._events: deque[Message] = deque()
        self._menus: list[Accessible] = []
        self._announcements: list[str] = []

    def __enter__(self) -> Self:
        self._connection = open_dbus_connection(self._address)
        events = MatchRule(type="signal", interface=_PREFIX + "Event.Object")
        self._connection.filter(events, queue=self._events)
        self._ask(message_bus.AddMatch(events))
        registry = DBusAddress("/org/a11y/atspi/registry", _REGISTRY, _REGISTRY)
        for event in ("object:state-changed:showing", "object:announcement"):
            self.call(registry, "RegisterEvent", "s", (event,))
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def call(self, address: DBusAddress, method: str, signature: str = "", body: tuple[Any, ...] = ()) -> Any:
        """Ask an object and return the answer's body; raises Gone when nobody is there to answer."""
        return self._ask(new_method_call(address, method, signature, body))

    def read(self, address: DBusAddress, name: str) -> Any:
        """The value of an object's property; raises Gone."""
        return self._ask(Properties(address).get(name))[0][1]

    def _ask(self, message: Any) -> Any:
        try:
            return unwrap_msg(self._connection.send_and_get_reply(message, timeout=ANSWER))
        except DBusErrorResponse as error:
            raise Gone(f"{error.name}: {error.data}") from error

    def windows(self) -> list[Accessible]:
        """The top-level windows of every program, dialogs included."""
        found: list[Accessible] = []
        for application in Accessible(self, _REGISTRY, _ROOT).children():
            try:
                found += [window for window in application.children() if window.showing]
            except Gone:
                continue
        return found

    def menus(self) -> list[Accessible]:
        """The menus that have popped up and are open; Qt tells of them by an event only, as they are in no window."""
        self._take_events()
        return [menu for menu in self._menus if menu.is_there()]

    def menu_items(self, name: Name | None = None) -> list[Accessible]:
        """The items of the open menus."""
        return [item for menu in self.menus() for item in menu.find_all("menu item", name)]

    def menu_item(self, name: Name, timeout: float = TIMEOUT) -> Accessible:
        """Wait for the item `name` of an open menu."""
        what = f"the menu item {_quoted(name)}"
        return wait_until(lambda: self.menu_items(name), timeout, what, seen=self.description)[0]

    def announcements(self) -> list[str]:
        """What programs have had a screen reader say so far, in order."""
        self._take_events()
        return list(self._announcements)

    def wait_announced(self, words: Name, timeout: float = TIMEOUT) -> None:
        """Wait until `words` have been announced."""

        def said() -> bool:
            return any(_is(each, words) for each in self.announcements())

        wait_until(said, timeout, f"the announcement {_quoted(words)}", seen=lambda: f"{self.announcements()}")

    def _take_events(self) -> None:
        with contextlib.suppress(TimeoutError):
            while True:
                self._connection.recv_messages(timeout=0)
        while self._events:
            event = self._events.popleft()
            fields = event.header.fields
            detail, on, _, (_, value) = event.body[:4]
            if fields[HeaderFields.member] == "Announcement":
                self._announcements.append(str(value))
            elif (detail, on) == ("showing", 1):
                thing = Accessible(self, fields[HeaderFields.sender], fields[HeaderFields.path])
                with contextlib.suppress(Gone):
                    if thing.role in _ROLES["menu"] and thing not in self._menus:
                        self._menus.append(thing)

    def window(self, name: Name, timeout: float = TIMEOUT) -> Accessible:
        """Wait for the window that is called `name`."""

        def find() -> Accessible | None:
            return next((window for window in self.windows() if window.matches("window", name)), None)

        found = wait_until(find, timeout, f"the window {_quoted(name)}", seen=self.description)
        assert found is not None
        return found

    def description(self) -> str:
        """What every window shows, for people."""
        shown = [*self.windows(), *self.menus()]
        return "\n".join(each.description() for each in shown) or "no window at all"


@dataclass(frozen=True, slots=True)
class Accessible:
    """One thing that a program shows: a window, a button, a cell.

    Names are the words of a screen reader, given in full or as a regular expression to be found in them. What waits
    does so for `timeout` seconds, and its failure tells everything that was on the screen.
    """

    screen: Screen
    bus_name: str
    path: str

    def _address(self, interface: str) -> DBusAddress:
        return DBusAddress(self.path, self.bus_name, _PREFIX + interface)

    def _call(self, interface: str, method: str, signature: str = "", *body: Any) -> Any:
        return self.screen.call(self._address(interface), method, signature, body)

    # What it is and what it shows

    @property
    def name(self) -> str:
        return str(self.screen.read(self._address("Accessible"), "Name"))

    @property
    def accessible_description(self) -> str:
        return str(self.screen.read(self._address("Accessible"), "Description"))

    @property
    def role(self) -> str:
        """Its role as AT-SPI names it, such as "push button"."""
        return str(self._call("Accessible", "GetRoleName")[0])

    def has(self, *states: State) -> bool:
        """Whether it is in every one of `states`."""
        low, high = self._call("Accessible", "GetState")[0]
        return all((low | high << 32) >> state & 1 for state in states)

    @property
    def showing(self) -> bool:
        return self.has(State.SHOWING)

    def is_there(self) -> bool:
        """Whether it still exists and is showing."""
        try:
            return self.showing
        except Gone:
            return False

    @property
    def enabled(self) -> bool:
        return self.has(State.ENABLED)

    @property
    def focused(self) -> bool:
        return self.has(State.FOCUSED)

    def interfaces(self) -> list[str]:
        """The AT-SPI interfaces that it has, without their prefix."""
        return [name.removeprefix(_PREFIX) for name in self._call("Accessible", "GetInterfaces")[0]]

    def children(self) -> list[Accessible]:
        """What is directly in it, shown or not."""
        found = self._call("Accessible", "GetChildren")[0]
        return [Accessible(self.screen, bus, path) for bus, path in found if not path.endswith("/null")]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, Accessible]]:
        """It and everything in it that is showing, each with its depth; what vanishes meanwhile is left out."""
        try:
            if not self.showing:
                return
            children = self.children()
        except Gone:
            return
        yield depth, self
        for child in children:
            yield from child.walk(depth + 1)

    @property
    def content(self) -> str:
        """The text that an entry holds."""
        return str(self._call("Text", "GetText", "ii", 0, -1)[0])

    def headers(self) -> list[str]:
        """The names of a table's columns."""
        count = self.screen.read(self._address("Table"), "NColumns")
        return [str(self._call("Table", "GetColumnDescription", "i", column)[0]) for column in range(count)]

    def rows(self) -> list[list[str]]:
        """The words in a table's cells, row by row, whether scrolled into view or not."""
        address = self._address("Table")
        height, width = self.screen.read(address, "NRows"), self.screen.read(address, "NColumns")
        return [[self._cell(row, column).name for column in range(width)] for row in range(height)]

    def _cell(self, row: int, column: int) -> Accessible:
        return Accessible(self.screen, *self._call("Table", "GetAccessibleAt", "ii", row, column)[0])

    def list_items(self) -> list[str]:
        """The words of a list's items, in order."""
        return [child.name for child in self.children() if child.role in _ROLES["list item"]]

    def texts(self) -> list[str]:
        """Every word that is on it now: the names of what is showing, and what its entries hold."""
        found = []
        for _, thing in self.walk():
            found.append(thing.name)
            if "Text" in thing.interfaces():
                found.append(thing.content)
        return [text for text in found if text]

    def description(self) -> str:
        """What is on it, as an indented list for people."""
        lines = []
        for depth, thing in self.walk():
            states = "".join(
                f", {s.name.lower()}" for s in (State.FOCUSED, State.CHECKED, State.SELECTED) if thing.has(s)
            )
            content = f" holding {thing.content!r}" if "Text" in thing.interfaces() else ""
            if thing.name or content or states:
                off = "" if thing.enabled else ", off"
                lines.append(f"{'  ' * depth}{thing.role} {thing.name!r}{content}{states}{off}")
        return "\n".join(lines)

    # Finding and waiting

    def matches(self, kind: str, name: Name | None) -> bool:
        """Whether it is a thing of `kind` (a key of the roles above) that is called `name`."""
        if self.role not in _ROLES[kind]:
            return False
        return name is None or _is(self.name, name)

    def find_all(self, kind: str, name: Name | None = None) -> list[Accessible]:
        """The things in it that are showing now."""
        found = []
        for _, thing in self.walk():
            try:
                if thing.matches(kind, name):
                    found.append(thing)
            except Gone:
                continue
        return found

    def wait_for(self, kind: str, name: Name | None = None, timeout: float = TIMEOUT) -> Accessible:
        """Wait until a thing of `kind` called `name` is showing, and return the first."""
        what = f"the {kind} {_quoted(name)}"
        return wait_until(lambda: self.find_all(kind, name), timeout, what, seen=self.screen.description)[0]

    def wait_gone(self, kind: str, name: Name | None = None, timeout: float = TIMEOUT) -> None:
        """Wait until no thing of `kind` called `name` is showing."""
        what = f"the {kind} {_quoted(name)} to go away"
        wait_until(lambda: not self.find_all(kind, name), timeout, what, seen=self.screen.description)

    def wait_until(self, condition: Callable[[Accessible], bool], what: str, timeout: float = TIMEOUT) -> None:
        """Wait until `condition(self)` is true; `what` completes "Waited in vain for …"."""
        wait_until(lambda: condition(self), timeout, what, seen=self.screen.description)

    def button(self, name: Name, timeout: float = TIMEOUT) -> Accessible:
        return self.wait_for("button", name, timeout)

    def text(self, name: Name, timeout: float = TIMEOUT) -> Accessible:
        return self.wait_for("text", name, timeout)

    def label(self, name: Name, timeout: float = TIMEOUT) -> Accessible:
        return self.wait_for("label", name, timeout)

    def table(self, name: Name, timeout: float = TIMEOUT) -> Accessible:
        return self.wait_for("table", name, timeout)

    def list(self, name: Name, timeout: float = TIMEOUT) -> Accessible:
        return self.wait_for("list", name, timeout)

    # Doing

    def press(self, timeout: float = TIMEOUT) -> None:
        """Do what a press does (Action.DoAction), as soon as it may be pressed."""
        self.wait_until(lambda thing: thing.enabled, f"{self.name!r} to be enabled", timeout)
        actions = [name for name, _, _ in self._call("Action", "GetActions")[0]]
        action = next((name for name in ("Press", "ShowMenu", "Toggle") if name in actions), None)
        if action is None:
            raise AssertionError(f"{self.role} {self.name!r} cannot be pressed, it has only {actions}")
        if not self._call("Action", "DoAction", "i", actions.index(action))[0]:
            raise AssertionError(f"{self.role} {self.name!r} refused to be pressed")

    def focus(self, timeout: float = TIMEOUT) -> None:
        """Give it the keyboard focus (Component.GrabFocus) and wait until it has it."""
        self._call("Component", "GrabFocus")
        self.wait_until(lambda thing: thing.focused, f"{self.name!r} to have the focus", timeout)

    def set_text(self, text: str, timeout: float = TIMEOUT) -> None:
        """Replace what an entry holds (EditableText.SetTextContents) and wait until it holds that."""
        self._call("EditableText", "SetTextContents", "s", text)
        self.wait_until(lambda thing: thing.content == text, f"{self.name!r} to hold {text!r}", timeout)

    def select(self, name: Name, timeout: float = TIMEOUT) -> None:
        """Choose the item of a list that is called `name` (Selection.SelectChild).

        Qt changes the selection by this and leaves the view's current index alone.
        """

        def find() -> int | None:
            names = [child.name for child in self.children()]
            return next((1 + at for at, each in enumerate(names) if _is(each, name)), None)

        place = wait_until(find, timeout, f"the item {_quoted(name)}", seen=self.screen.description)
        assert place is not None
        if not self._call("Selection", "SelectChild", "i", place - 1)[0]:
            raise AssertionError(f"{self.role} {self.name!r} refused to select {_quoted(name)}")


def _is(words: str, name: Name) -> bool:
    return words == name if isinstance(name, str) else name.search(words) is not None


def _quoted(name: Name | None) -> str:
    if name is None:
        return "of any name"
    return f"“{name}”" if isinstance(name, str) else f"matching “{name.pattern}”"
