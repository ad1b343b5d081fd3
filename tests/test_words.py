"""The words: every one that a person reads is in the catalogue, translated in full, and has room where it is shown."""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, QRect, Qt
from PySide6.QtGui import QAccessible, QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QScrollArea,
    QTableView,
    QToolButton,
    QWidget,
)

from ciam_desktop import i18n
from ciam_desktop.core.setting_specs import SETTINGS
from tests import words
from tests.doubles.backend import TENANT
from tests.qt.conftest import application, browser, world  # noqa: F401 -- pytest finds these fixtures by name here
from tests.qt.states import DATA, FILTER, SOMEBODY, STATES, State
from tests.qt.world import World

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])")


class Marking(gettext.NullTranslations):
    """A language in which every sentence stands between « and »; `longer` adds a share of its length in words."""

    def __init__(self, longer: float = 0) -> None:
        super().__init__()
        self._longer = longer

    def gettext(self, message: str) -> str:
        more, room = "", int(len(PLACEHOLDER.sub("", message)) * self._longer)
        while len(more) < room:
            more += " " + "mmmmm"[: max(1, room - len(more) - 1)]
        return f"«{message}{more}»"

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        return self.gettext(singular if n == 1 else plural)


@pytest.fixture
def language() -> Iterator[Callable[[gettext.NullTranslations], None]]:
    """Lets a test choose a language, and takes the choice back."""
    yield i18n.use
    i18n.use(gettext.NullTranslations())


# The catalogue.


@pytest.fixture(scope="module")
def template() -> Catalog:
    return words.extracted()


def keys(catalogue: Catalog) -> set[Any]:
    return {message.id for message in catalogue if message.id}


def placeholders(text: str) -> set[tuple[str, ...]]:
    return set(PLACEHOLDER.findall(text))


def test_the_template_holds_what_the_sources_say_now(template: Catalog) -> None:
    assert keys(words.read(words.TEMPLATE)) == keys(template), "run: python -m tests.words"


def test_the_template_changes_only_when_the_words_do(template: Catalog) -> None:
    assert words.po_text(template) == words.po_text(words.extracted())
    assert b"Date" not in words.TEMPLATE.read_bytes()


def test_the_catalogue_covers_window_core_daemon_set_up_sandbox_and_its_pages(template: Catalog) -> None:
    some = {
        "Add a to-do, then press Enter",
        "You declined the request.",
        "Call the to-do service without a person.",
        "Setting up CIAM Desktop",
        "Continue with the demo account",
        "You are signed in",
        ("in %(n)d minute", "in %(n)d minutes"),
    }
    assert some <= keys(template)


def test_german_is_there() -> None:
    assert [path.parts[-3] for path in words.translations()] == ["de"]


@pytest.mark.parametrize("path", words.translations(), ids=lambda path: path.parts[-3])
def test_a_translation_is_complete_and_fits(path: Path, template: Catalog) -> None:
    catalogue = words.read(path)
    assert keys(catalogue) == keys(template), "run: python -m tests.words"
    assert not words.missing(catalogue)
    wrong = [message.id for message in catalogue if message.id and not _fits(message)]
    assert not wrong


def _fits(message: Message) -> bool:
    """Whether the translation has the placeholders of the original, and begins and ends as it does."""
    if isinstance(message.id, (tuple, list)):
        wanted, forms = placeholders(message.id[1]), tuple(message.string or ())
        return len(forms) == 2 and all(placeholders(each) == wanted for each in forms)
    ends = [text[-1:] in ".…:?" and text[-1:] for text in (message.id, str(message.string))]
    return placeholders(message.id) == placeholders(str(message.string)) and ends[0] == ends[1]


@pytest.mark.parametrize("path", words.translations(), ids=lambda path: path.parts[-3])
def test_what_is_compiled_is_what_is_translated(path: Path) -> None:
    assert path.with_suffix(".mo").read_bytes() == words.mo_bytes(words.read(path)), "run: python -m tests.words"
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in words.read(path):
        if isinstance(message.id, str) and message.id:
            assert compiled.gettext(message.id) == message.string


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"LANGUAGE": "de"}, "Abbrechen"),
        ({"LC_ALL": "de_AT.UTF-8"}, "Abbrechen"),
        ({"LC_MESSAGES": "de_DE@euro", "LANG": "en_US.UTF-8"}, "Abbrechen"),
        ({"LANG": "de_CH.UTF-8"}, "Abbrechen"),
        ({"LANGUAGE": "fr:de", "LANG": "fr_FR.UTF-8"}, "Abbrechen"),
        ({"LANGUAGE": "en_GB:de", "LANG": "de_DE.UTF-8"}, "Cancel"),
        ({"LC_ALL": "C.UTF-8", "LANG": "de_DE.UTF-8"}, "Cancel"),
        ({"LANG": "fr_FR.UTF-8"}, "Cancel"),
        ({"LANG": "C"}, "Cancel"),
    ],
)
@pytest.mark.usefixtures("language")
def test_the_environment_chooses_the_language(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], word: str
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    i18n.install()
    assert i18n._("Cancel") == word


@pytest.mark.usefixtures("language")
def test_a_language_given_by_the_system_may_have_a_hyphen() -> None:
    i18n.install(["de-CH", "en"])
    assert i18n.ngettext("%(n)d to-do", "%(n)d to-dos", 2) % {"n": 2} == "2 Aufgaben"


# What the window shows.


def looked_at(window: QWidget) -> list[QWidget]:
    """Every visible widget of the window and of its dialogs, and its menus, which are not."""
    shown = [window, *(each for each in window.findChildren(QWidget) if each.isVisible())]
    return [*shown, *window.findChildren(QMenu)]


def read(widget: QWidget) -> Iterator[str]:
    """Every text by which `widget` speaks to a person."""
    yield from (widget.toolTip(), widget.accessibleName(), widget.accessibleDescription(), widget.whatsThis())
    if widget.isWindow() and not isinstance(widget, QMenu):
        yield widget.windowTitle()
    if isinstance(widget, (QLabel, QAbstractButton, QLineEdit)):
        yield widget.text()
    if isinstance(widget, QLineEdit):
        yield widget.placeholderText()
    for action in widget.actions():
        yield from _of_action(action)
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        yield from _of_table(widget)


def _of_action(action: QAction) -> Iterator[str]:
    # A tool tip that nobody has set is the text without its ellipsis.
    yield action.text()


def _of_table(view: QAbstractItemView) -> Iterator[str]:
    model = view.model()
    roles = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole)
    for column in range(model.columnCount()):
        yield model.headerData(column, Qt.Orientation.Horizontal) or ""
        for row in range(model.rowCount()):
            yield from (str(model.index(row, column).data(role) or "") for role in roles)


def data_of(made: World) -> list[str]:
    """What may be shown as it is: names, to-dos, claims, settings and their names, the program's own name."""
    person = SOMEBODY
    settings = [*(spec.name for spec in SETTINGS), *(spec.example for spec in SETTINGS), *(s.default for s in SETTINGS)]
    tenant = [TENANT.authority, TENANT.client_id, TENANT.read_scope, TENANT.readwrite_scope, TENANT.api_endpoint]
    claims = [str(part) for pair in person.verdict.claims.items() for part in pair]
    todos = [row.text for row in made.todos.model.rows()]
    own = [made.settings.title, made.settings.redirect_uri, "CIAM Desktop", "Info", "readers", "writers", FILTER]
    found = [*DATA, *settings, *tenant, *claims, *todos, *own, person.name, "user1@contoso.example"]
    return sorted((each for each in found if each), key=len, reverse=True)


def unmarked(text: str, data: list[str]) -> str:
    """What is left of `text` without its marked sentences, data, numbers and punctuation."""
    text = re.sub(r"</?p[^>]*>", "", text)
    before = ""
    while before != text:
        before, text = text, re.sub(r"«[^«»]*»", "", text)
    for each in data:
        text = text.replace(each, "")
    return re.sub(r"[\W\d_]+", "", text)


def elided(text: str, data: list[str]) -> bool:
    """Whether `text` is the beginning of some data, cut where there was no more room."""
    return text.endswith("…") and any(each.startswith(text[:-1]) for each in data)


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_word_that_the_window_shows_is_translated(
    world: Callable[..., World],  # noqa: F811 -- the fixture
    language: Callable[[gettext.NullTranslations], None],
    tmp_path: Path,
    state: State,
) -> None:
    language(Marking())
    made = show(world, tmp_path, state)
    data = data_of(made)
    assert made.window is not None
    left = {
        text
        for widget in looked_at(made.window)
        for text in read(widget)
        if unmarked(text, data) and not elided(text, data)
    }
    assert not left


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_every_control_is_named_by_its_words_and_large_enough_to_hit(
    world: Callable[..., World],  # noqa: F811 -- the fixture
    tmp_path: Path,
    state: State,
) -> None:
    made = show(world, tmp_path, state)
    assert made.window is not None
    for control in controls(made.window):
        name = QAccessible.queryAccessibleInterface(control).text(QAccessible.Text.Name)
        assert name, f"{control} has no name"
        assert control.height() >= 32, f"{name} is {control.height()} px high"
        if isinstance(control, QAbstractButton) and control.text():
            seen = control.text().replace("&", "").rstrip("…")
            assert seen in name, f"{name} is called {seen}"
    for menu in made.window.findChildren(QMenu):
        menu.ensurePolished()
        menu.sizeHint()
        for action in (each for each in menu.actions() if not each.isSeparator()):
            assert action.text()
            assert menu.actionGeometry(action).height() >= 32


def controls(window: QWidget) -> list[QWidget]:
    """What a person can press or type into, or move in."""
    kinds = (QAbstractButton, QLineEdit, QTableView)
    found = [each for each in window.findChildren(QWidget) if isinstance(each, kinds) and each.isVisible()]
    # Qt's own: the button that clears a line edit, and the corner of a table.
    return [each for each in found if not isinstance(each.parent(), (QLineEdit, QTableView))]


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.parametrize(
    ("words_of", "size"),
    [("english", (640, 480)), ("german", (640, 480)), ("forty per cent longer", (960, 640))],
    ids=lambda value: value if isinstance(value, str) else "x".join(map(str, value)),
)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_nothing_is_cut_off_in_a_small_window_and_in_a_wordy_language(
    world: Callable[..., World],  # noqa: F811 -- the fixture
    language: Callable[[gettext.NullTranslations], None],
    tmp_path: Path,
    state: State,
    words_of: str,
    size: tuple[int, int],
) -> None:
    if words_of == "german":
        i18n.install(["de"])
    else:
        language(Marking(0.4) if words_of != "english" else gettext.NullTranslations())
    made = show(world, tmp_path, state, size=size)
    window = made.window
    assert window is not None
    assert (window.width(), window.height()) == size, "its words make the window grow"
    cut = [words for shown in [window, *window.findChildren(QDialog)] for words in cut_off(shown)]
    assert not cut


def cut_off(window: QWidget) -> Iterator[str]:
    """What is less than all of it: words without room, and widgets that reach out of the window, or of what scrolls."""
    for widget in window.findChildren(QWidget):
        if not widget.isVisible() or widget.window() is not window:
            continue
        place = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size())
        if not scrolls(widget, window) and not window.rect().contains(place):
            yield f"{type(widget).__name__} {words_on(widget)!r} reaches out of the window"
        if isinstance(widget, QLabel) and widget.text() and not widget.pixmap().width():
            needed = widget.heightForWidth(widget.width()) if widget.wordWrap() else widget.sizeHint().height()
            if needed > widget.height() or (not widget.wordWrap() and widget.sizeHint().width() > widget.width()):
                yield f"{widget.text()!r} needs {widget.sizeHint()} and has {widget.size()}"
        elif isinstance(widget, QAbstractButton) and widget.text() and not widget.text().endswith("…"):
            text = widget.fontMetrics().horizontalAdvance(widget.text())
            icon = widget.iconSize().width() + 4 if isinstance(widget, QToolButton) else 0
            if text + icon > widget.width() - 16:
                yield f"the button {widget.text()!r} needs {text + icon + 16} px and has {widget.width()}"


def words_on(widget: QWidget) -> str:
    return widget.text() if isinstance(widget, (QLabel, QAbstractButton, QLineEdit)) else widget.objectName()


def scrolls(widget: QWidget, window: QWidget) -> bool:
    parent = widget.parentWidget()
    while parent is not None and parent is not window:
        if isinstance(parent, (QScrollArea, QAbstractItemView)):
            return True
        parent = parent.parentWidget()
    return False


def show(make: Callable[..., World], folder: Path, state: State, *, size: tuple[int, int] = (960, 640)) -> World:
    """A world in `state`, its window laid out."""
    made = make(**state.how)
    made.browser.does = state.browser
    made.show(folder / "window.ini", size=size)
    state.bring(made)
    QCoreApplication.processEvents()
    QApplication.sendPostedEvents()
    return made


def test_these_tests_would_see_a_word_that_is_not_translated() -> None:
    assert unmarked("«Sign in» now", ["later"]) == "now"
    assert not unmarked("«%(n)d to-dos» · «saved «at» 12:03»", [])
