"""A small window with one control of each kind that CIAM Desktop uses, for proving the end-to-end harness."""

from __future__ import annotations

import sys
import webbrowser

from PySide6.QtCore import QStringListModel, Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QKeySequence,
    QShortcut,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QListWidget,
    QMainWindow,
    QMenu,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QTabBar,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

CLAIMS = [("iss", "https://issuer.example/v2.0", "Who issued the token"), ("roles", "Reader, Writer", "Its roles")]


class ToyWindow(QMainWindow):
    """Adds what is typed to a list, opens a page in the browser, and shows a table on its second page."""

    def __init__(self, page: str = "about:blank") -> None:
        super().__init__()
        self.setWindowTitle("Toy")
        self._page = page
        self._note = QLabel("Signed out")
        self._sign_in = QPushButton("Sign in")
        self._sign_in.setEnabled(page != "--disabled")
        self._sign_in.clicked.connect(self._open_page)
        self._pages = QStackedWidget()
        self._pages.addWidget(self._to_dos())
        self._pages.addWidget(self._identity())
        layout = QHBoxLayout()
        layout.addWidget(self._sidebar())
        layout.addWidget(self._pages)
        middle = QWidget()
        middle.setLayout(layout)
        self.setCentralWidget(middle)
        QShortcut(QKeySequence("Ctrl+N"), self, self._entry.setFocus)
        self.resize(800, 480)

    def _sidebar(self) -> QWidget:
        sidebar, column = QWidget(), QVBoxLayout()
        for index, title in enumerate(("To-dos", "Identity")):
            button = QToolButton()
            button.setText(title)
            button.setCheckable(True)
            button.setAutoExclusive(True)
            button.setChecked(index == 0)
            button.clicked.connect(lambda _checked=False, page=index: self._pages.setCurrentIndex(page))
            column.addWidget(button)
        account = QPushButton("Account: user1")
        menu = QMenu(account)
        menu.addAction("Sign out", lambda: self._note.setText("Signing out"))
        menu.addAction("About", self._about)
        account.setMenu(menu)
        column.addWidget(account)
        places = QListWidget()
        places.setAccessibleName("Places")
        places.addItems(["First place", "Second place"])
        # Assistive technology selects an item and leaves the current one alone.
        places.itemSelectionChanged.connect(lambda: self._pages.setCurrentIndex(places.selectedIndexes()[0].row()))
        tabs = QTabBar()
        tabs.addTab("One")
        tabs.addTab("Two")
        tabs.currentChanged.connect(lambda index: self._note.setText(f"Tab {index + 1}"))
        for widget in (places, tabs, self._note, self._sign_in):
            column.addWidget(widget)
        sidebar.setLayout(column)
        return sidebar

    def _to_dos(self) -> QWidget:
        page, column = QWidget(), QVBoxLayout()
        self._entry = QLineEdit()
        self._entry.setAccessibleName("Add a to-do")
        self._entry.returnPressed.connect(self._add)
        self._items = QStringListModel(["Water plants"])
        items = QListView()
        items.setAccessibleName("To-dos")
        items.setModel(self._items)
        column.addWidget(self._entry)
        column.addWidget(items)
        page.setLayout(column)
        return page

    def _identity(self) -> QWidget:
        model = QStandardItemModel(0, 3)
        model.setHorizontalHeaderLabels(["Claim", "Value", "Meaning"])
        for row in CLAIMS:
            model.appendRow([QStandardItem(text) for text in row])
        table = QTableView()
        table.setAccessibleName("ID token claims")
        table.setModel(model)
        return table

    def _about(self) -> None:
        box = QMessageBox(QMessageBox.Icon.Information, "About", "A toy", QMessageBox.StandardButton.Close, self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.open()

    def _add(self) -> None:
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, f"{self._entry.text()} added"))
        self._items.setStringList([*self._items.stringList(), self._entry.text()])
        self._entry.clear()

    def _open_page(self) -> None:
        opened = webbrowser.open(self._page)
        self._note.setText("Browser opened" if opened else "No browser")


def main() -> int:
    """Show the window; the first argument is the page that `Sign in` opens, `--disabled` turns the button off."""
    application = QApplication(sys.argv)
    window = ToyWindow(*sys.argv[1:2])
    window.show()
    return application.exec()


if __name__ == "__main__":
    raise SystemExit(main())
