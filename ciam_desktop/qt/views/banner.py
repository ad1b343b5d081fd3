"""Owns the banner: trouble told in place, with a button that does the next step and details folded below."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ciam_desktop.core.trouble import NextStep, Trouble
from ciam_desktop.i18n import N_, _
from ciam_desktop.qt.style import HIT, STEP, Style
from ciam_desktop.qt.views.parts import button, label

NARROW = 560  # pixels
_STEP_WORDS = {
    NextStep.SIGN_IN: N_("Sign in"),
    NextStep.SIGN_IN_READ_ONLY: N_("Sign in for reading only"),
    NextStep.RETRY_SIGN_IN: N_("Try again"),
    NextStep.USE_ANOTHER_ACCOUNT: N_("Use another account"),
    NextStep.SIGN_IN_ELSEWHERE: N_("Sign in on another device"),
    NextStep.TRY_AGAIN: N_("Try again"),
    NextStep.OPEN_SETTINGS: N_("Open settings"),
    NextStep.CHECK_SETUP: N_("Check this setup"),
    NextStep.CLOSE_ANYWAY: N_("Close anyway"),
    NextStep.SIGN_OUT_ANYWAY: N_("Sign out anyway"),
}


class Banner(QFrame):
    """Shows one Trouble at a time; `chosen` carries its NextStep when the button is pressed.

    `changed` follows whenever another one, or none, is shown.
    """

    chosen = Signal(object)
    changed = Signal()

    def __init__(self, style: Style, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._style = style
        self._step = NextStep.NONE
        self._shown: Trouble | None = None
        self._waiting: list[Trouble] = []
        self.setObjectName("banner")
        self.setAccessibleName(_("Message"))
        self._icon = label()
        self._title = label(name="bannerTitle", wrap=True)
        self._text = label(wrap=True)
        self._details = label(name="quiet", wrap=True)
        self._details.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._fold = button(_("Details"), self._unfold, "link")
        self._button = button("", lambda: self.chosen.emit(self._step))
        self._close = QToolButton()
        self._close.setAccessibleName(_("Dismiss"))
        self._close.setToolTip(_("Dismiss"))
        self._close.setFixedSize(HIT, HIT)
        self._close.clicked.connect(self.dismiss)

        words = QVBoxLayout()
        words.setSpacing(STEP)
        for widget in (self._title, self._text, self._details):
            words.addWidget(widget)
        self._steps = QHBoxLayout()
        self._steps.setSpacing(2 * STEP)
        for pressable in (self._fold, self._button):
            self._steps.addWidget(pressable, 0, Qt.AlignmentFlag.AlignTop)
        self._middle = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._middle.setSpacing(2 * STEP)
        self._middle.addLayout(words, 1)
        self._middle.addLayout(self._steps)
        self._middle.setAlignment(self._steps, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout(self)
        row.setContentsMargins(3 * STEP, 2 * STEP, 2 * STEP, 2 * STEP)
        row.setSpacing(2 * STEP)
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(self._middle, 1)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    def show_trouble(self, trouble: Trouble) -> None:
        """Show and announce `trouble`. What is merely worth knowing waits until nothing else is shown."""
        if self._shown is not None and trouble.calm:
            if trouble not in (self._shown, *self._waiting):
                self._waiting.append(trouble)
            return
        if self._shown is not None and self._shown.calm:
            self._waiting.insert(0, self._shown)
        self._shown = trouble
        self._step = trouble.step
        colours = self._style.colours
        picture = ("info", colours.accent) if trouble.calm else ("warning", colours.bad)
        self._icon.setPixmap(self._style.pixmap(picture[0], 20, picture[1]))
        self.setObjectName("note" if trouble.calm else "banner")
        self.style().polish(self)
        self._close.setIcon(self._style.icon("cancel"))
        self._title.setText(trouble.title)
        self._text.setText(trouble.text)
        self._details.setText(trouble.details)
        self._details.hide()
        self._fold.setVisible(bool(trouble.details))
        words = _STEP_WORDS.get(trouble.step)
        self._button.setVisible(words is not None)
        if words is not None:
            self._button.setText(_(words))
        self._arrange(self.width())
        self.show()
        announce(self, f"{trouble.title}. {trouble.text}")
        self.changed.emit()

    def offers(self, step: NextStep) -> bool:
        """Whether the button of what is shown does `step`."""
        return self._shown is not None and self._step is step

    def dismiss(self) -> None:
        """Hide what is shown; what waited comes next."""
        self._shown = None
        self.hide()
        if self._waiting:
            self.show_trouble(self._waiting.pop(0))
        else:
            self.changed.emit()

    def resolve(self) -> None:
        """What was wrong is so no more: hide it, and leave what is merely worth knowing."""
        self._waiting = [each for each in self._waiting if not each.passing]
        if self._shown is not None and (self._shown.passing or not self._shown.calm):
            self.dismiss()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 -- Qt's own name
        self._arrange(event.size().width())
        super().resizeEvent(event)

    def _arrange(self, width: int) -> None:
        """Put the buttons below the words where they would leave these no room."""
        narrow = width < NARROW or self._steps.sizeHint().width() > width / 2
        self._middle.setDirection(QBoxLayout.Direction.TopToBottom if narrow else QBoxLayout.Direction.LeftToRight)

    def _unfold(self) -> None:
        self._details.setVisible(not self._details.isVisible())


def announce(widget: QWidget, words: str) -> None:
    """Have assistive technology say `words`."""
    from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent  # 5 ms that the first paint can do without

    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words))
