"""Owns the page of settings: what is in force and where it came from, and the way to connect a tenant."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from ciam_desktop.core.config import Settings, Tenant
from ciam_desktop.i18n import _
from ciam_desktop.qt.style import STEP
from ciam_desktop.qt.views.parts import button, label


class SettingsPage(QWidget):
    """The settings that this start runs with; `connect_wanted` and `sandbox_wanted` ask for others."""

    connect_wanted = Signal()
    sandbox_wanted = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setObjectName("page")
        self._card = QFrame()
        self._card.setObjectName("card")
        self._rows = QGridLayout(self._card)
        self._rows.setContentsMargins(5 * STEP, 5 * STEP, 5 * STEP, 5 * STEP)
        self._rows.setHorizontalSpacing(6 * STEP)
        self._rows.setVerticalSpacing(3 * STEP)
        self._rows.setColumnStretch(1, 1)
        scroll = QScrollArea()
        scroll.setWidget(self._card)
        scroll.setWidgetResizable(True)
        scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)

        below = QHBoxLayout()
        below.setSpacing(2 * STEP)
        below.addWidget(button(_("Connect your tenant…"), self.connect_wanted.emit, "primary"))
        if settings.profile != "sandbox":
            below.addWidget(button(_("Use the sandbox"), self.sandbox_wanted.emit))
        below.addStretch()

        page = QVBoxLayout(self)
        page.setContentsMargins(6 * STEP, 5 * STEP, 6 * STEP, 4 * STEP)
        page.setSpacing(3 * STEP)
        page.addWidget(label(_("Settings"), "title"))
        page.addWidget(scroll, 1)
        page.addLayout(below)
        self.show_settings(settings.tenant, "")

    def show_settings(self, tenant: Tenant | None, vault_reason: str) -> None:
        """Show what is in force; `tenant` is None until the sandbox runs."""
        while (item := self._rows.takeAt(0)) is not None:
            if (shown := item.widget()) is not None:
                shown.deleteLater()
        settings = self._settings
        self._row(_("Profile"), settings.title, "")
        if tenant is not None:
            for name, value in (
                ("AUTHORITY", tenant.authority),
                ("CLIENT_ID", tenant.client_id),
                ("TODOLIST_READ", tenant.read_scope),
                ("TODOLIST_READWRITE", tenant.readwrite_scope),
                ("API_ENDPOINT", tenant.api_endpoint),
            ):
                self._row(name, value, settings.sources.get(name, _("the sandbox")))
        self._row("REDIRECT_URI", settings.redirect_uri, settings.sources.get("REDIRECT_URI", ""))
        self._row("LOG_LEVEL", settings.log_level.capitalize(), settings.sources.get("LOG_LEVEL", ""))
        kept = _("Encrypted, in this computer's keyring")
        self._row(_("Sign-in kept"), _("In memory only: %(why)s") % {"why": vault_reason} if vault_reason else kept, "")

    def _row(self, name: str, value: str, source: str) -> None:
        row = self._rows.rowCount()
        shown = label(f"{value}\n{source}" if source else value, wrap=True)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._rows.addWidget(label(name, "quiet"), row, 0, Qt.AlignmentFlag.AlignTop)
        self._rows.addWidget(shown, row, 1)
        self._rows.setRowStretch(row, 0)
        self._rows.setRowStretch(row + 1, 1)
