"""The models: Qt's own tester watches them while anything happens to them in any order."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, seed
from hypothesis import settings as examples
from PySide6.QtCore import QAbstractItemModel, QSortFilterProxyModel, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtTest import QAbstractItemModelTester

from ciam_desktop.core.todos.todo import Todo
from ciam_desktop.qt.models.claims_model import COL_CLAIM, COL_MEANING, COL_VALUE, ClaimsModel
from ciam_desktop.qt.models.todo_model import COL_STATE, COL_TEXT, ItemRole, Row, Saved, SortRole, TodoModel, one_line
from tests.conftest import SEED

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = st.sampled_from([f"key-{n}" for n in range(6)])
TEXTS = st.text(max_size=12)
TODOS = st.builds(Todo, st.integers(1, 6).map(str), TEXTS)
STEPS = st.one_of(
    st.tuples(st.just("append"), KEYS, TEXTS),
    st.tuples(st.just("confirm"), KEYS, TODOS),
    st.tuples(st.just("mark"), KEYS, st.sampled_from(Saved)),
    st.tuples(st.just("show_list"), st.lists(TODOS, max_size=6, unique_by=lambda todo: todo.id)),
    st.tuples(st.just("clear")),
)


@contextlib.contextmanager
def watched(model: QAbstractItemModel) -> Iterator[QAbstractItemModelTester]:
    """Fail when Qt's tester, or Qt itself, complains about `model`."""
    told: list[str] = []

    def keep(_kind: QtMsgType, _where: object, text: str) -> None:
        told.append(text)

    before = qInstallMessageHandler(keep)
    try:
        yield QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
    finally:
        qInstallMessageHandler(before)
    assert not told


def shown(model: QAbstractItemModel, column: int = COL_TEXT) -> list[str]:
    return [model.index(row, column).data() for row in range(model.rowCount())]


@seed(int(SEED) if SEED.isdigit() else SEED)
@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=20))
def test_the_todos_stay_a_sound_model_whatever_happens_to_them(steps: list[tuple[Any, ...]]) -> None:
    model, filtered = TodoModel(), QSortFilterProxyModel()
    filtered.setSourceModel(model)
    filtered.setFilterFixedString("a")
    with watched(model), watched(filtered):
        for method, *arguments in steps:
            if method == "append":
                key, text = arguments
                if all(row.key != key for row in model.rows()):
                    model.append(Row(key, text, Saved.WAITING))
            else:
                getattr(model, method)(*arguments)
            assert shown(model) == [one_line(row.text) for row in model.rows()]
            keys = [row.key for row in model.rows()]
            assert len(set(keys)) == len(keys), "one row for each"
            ids = [row.id for row in model.rows() if row.id]
            assert len(set(ids)) == len(ids), "no to-do twice"


def test_a_confirmed_row_takes_the_services_text_and_loses_its_mark() -> None:
    model = TodoModel()
    with watched(model):
        model.append(Row("key-1", "  buy milk", Saved.WAITING))
        assert shown(model, COL_STATE) == ["waiting"]
        model.confirm("key-1", Todo("7", "buy milk"))
    assert model.rows() == (Row("id:7", "buy milk", Saved.YES, "7"),)
    assert shown(model, COL_STATE) == [""]


def test_a_list_fetched_before_the_confirmation_does_not_show_a_todo_twice() -> None:
    model = TodoModel()
    with watched(model):
        model.append(Row("key-1", "buy milk", Saved.WAITING))
        model.show_list([Todo("7", "buy milk")])
        model.confirm("key-1", Todo("7", "buy milk"))
    assert [row.id for row in model.rows()] == ["7"]


def test_a_fetched_list_keeps_what_the_service_does_not_have_yet_at_its_end() -> None:
    model = TodoModel()
    with watched(model):
        model.show_list([Todo("1", "old")])
        model.append(Row("key-1", "waits", Saved.WAITING))
        model.append(Row("key-2", "refused", Saved.NOT_YET))
        model.show_list([Todo("2", "new")])
    assert [(row.text, row.saved) for row in model.rows()] == [
        ("new", Saved.YES),
        ("waits", Saved.WAITING),
        ("refused", Saved.NOT_YET),
    ]


def test_an_unchanged_list_resets_nothing_so_that_the_selection_stays() -> None:
    model, resets = TodoModel(), []
    model.show_list([Todo("1", "old")])
    model.modelReset.connect(lambda: resets.append("reset"))
    model.show_list([Todo("1", "old")])
    assert not resets


def test_what_lands_late_for_a_row_that_is_gone_is_dropped() -> None:
    model = TodoModel()
    with watched(model):
        model.append(Row("key-1", "theirs", Saved.WAITING))
        model.clear()
        model.confirm("key-1", Todo("7", "theirs"))
        model.mark("key-1", Saved.NOT_YET)
    assert model.rows() == ()


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("one\ntwo", "one two"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("tab\tbell\x07", "tab bell "),
        ("right\u202eleft", "right left"),
        ("family \U0001f468\u200d\U0001f469", "family \U0001f468\u200d\U0001f469"),
    ],
)
def test_a_todo_is_one_line_that_nothing_in_it_can_break(typed: str, line: str) -> None:
    model = TodoModel()
    model.append(Row("key-1", typed, Saved.NOT_YET))
    index = model.index(0, COL_TEXT)
    assert index.data() == line
    assert index.data(Qt.ItemDataRole.AccessibleTextRole) == f"{line}, not saved yet"
    assert index.data(SortRole) == line.casefold()
    assert index.data(ItemRole).text == typed


def test_tool_tips_show_markup_as_text() -> None:
    model = TodoModel()
    model.append(Row("key-1", "<b>bold</b>\n<img src='x'>&amp;", Saved.YES))
    told = model.index(0, COL_TEXT).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;b&gt;bold&lt;/b&gt;\n&lt;img src='x'&gt;&amp;amp;" in told


def test_claims_are_a_sound_model_with_a_row_for_each_claim() -> None:
    model = ClaimsModel()
    with watched(model):
        model.show_claims({"name": "<b>user1</b>", "roles": ["Reader", "Writer"], "exp": 1_900_000_000})
        assert sorted(shown(model, COL_CLAIM)) == ["exp", "name", "roles"]
        values = dict(zip(shown(model, COL_CLAIM), shown(model, COL_VALUE), strict=True))
        assert values["name"] == "<b>user1</b>"
        assert values["roles"] == "Reader\nWriter"
        assert all(shown(model, COL_MEANING))
        model.show_claims({})
    assert model.rowCount() == 0


@pytest.mark.parametrize("model", [TodoModel(), ClaimsModel()])
def test_every_column_has_a_heading(model: QAbstractItemModel) -> None:
    heads = [model.headerData(column, Qt.Orientation.Horizontal) for column in range(model.columnCount())]
    assert all(heads)
    assert model.headerData(0, Qt.Orientation.Vertical, Qt.ItemDataRole.ToolTipRole) is None
