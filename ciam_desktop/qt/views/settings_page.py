"""Owns the page of settings: what is in force and where it came from, and the way to connect a tenant."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

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
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(6 * STEP)
        self._form.setVerticalSpacing(3 * STEP)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        card = QFrame()
        card.setObjectName("card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(5 * STEP, 5 * STEP, 5 * STEP, 5 * STEP)
        inside.addLayout(self._form)
        scroll = QScrollArea()
        scroll.setWidget(card)
        scroll.setWidgetResizable(True)

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
        while self._form.rowCount():
            self._form.removeRow(0)
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
        field = QWidget()
        lines = QVBoxLayout(field)
        lines.setContentsMargins(0, 0, 0, 0)
        lines.setSpacing(0)
        shown = label(value, wrap=True)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        lines.addWidget(shown)
        if source:
            lines.addWidget(label(source, "quiet", wrap=True))
        self._form.addRow(label(name, "quiet"), field)
