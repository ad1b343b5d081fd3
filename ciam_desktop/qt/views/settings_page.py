"""Owns the page of settings: what is in force and where it came from, and the way to connect a tenant."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from ciam_desktop.core.config import Settings, Tenant
from ciam_desktop.i18n import _
from ciam_desktop.qt.style import STEP, Style
from ciam_desktop.qt.views.check_list import CheckList
from ciam_desktop.qt.views.parts import button, label


class SettingsPage(QWidget):
    """The settings that this start runs with; `connect_wanted` and `sandbox_wanted` ask for others."""

    connect_wanted = Signal()
    sandbox_wanted = Signal()
    check_wanted = Signal()

    def __init__(self, style: Style, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.checks = CheckList(style)
        self.setObjectName("page")
        self._card = QFrame()
        inside = QWidget()
        inside.setObjectName("page")
        self._inside = QVBoxLayout(inside)
        self._inside.setContentsMargins(0, 0, 0, 0)
        self._inside.setSpacing(3 * STEP)
        self._inside.addWidget(self.checks)
        self._inside.addWidget(self._card)
        self._inside.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)

        below = QHBoxLayout()
        below.setSpacing(2 * STEP)
        below.addWidget(button(_("Connect your tenant…"), self.connect_wanted.emit, "primary"))
        if settings.profile != "sandbox":
            below.addWidget(button(_("Use the sandbox"), self.sandbox_wanted.emit))
        below.addStretch()

        top = QHBoxLayout()
        top.addWidget(label(_("Settings"), "title"))
        top.addStretch()
        top.addWidget(button(_("Check this setup"), self.check_wanted.emit))

        page = QVBoxLayout(self)
        page.setContentsMargins(6 * STEP, 5 * STEP, 6 * STEP, 4 * STEP)
        page.setSpacing(3 * STEP)
        page.addLayout(top)
        page.addWidget(scroll, 1)
        page.addLayout(below)
        self.show_settings(settings.tenant, None)

    def show_settings(self, tenant: Tenant | None, vault_reason: str | None) -> None:
        """Show what is in force; `tenant` is None until the sandbox runs, `vault_reason` until the vault is open."""
        card = QFrame()
        card.setObjectName("card")
        rows = QVBoxLayout(card)
        rows.setContentsMargins(5 * STEP, 5 * STEP, 5 * STEP, 5 * STEP)
        rows.setSpacing(STEP)
        for name, value, source in self._lines(tenant, vault_reason):
            # Above and not beside: an id does not wrap, and a small window has no room for both.
            rows.addWidget(label(f"{name} · {source}" if source else name, "quiet"))
            shown = label(value, wrap=True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            rows.addWidget(shown)
            rows.addSpacing(2 * STEP)
        rows.addStretch()
        self._inside.replaceWidget(self._card, card)
        self._card.deleteLater()
        self._card = card

    def _lines(self, tenant: Tenant | None, vault_reason: str | None) -> Iterator[tuple[str, str, str]]:
        """Name, value, and where it came from."""
        settings = self._settings
        yield _("Profile"), settings.title, ""
        if tenant is not None:
            where = settings.sources.get("TENANT_SUBDOMAIN") or _("the sandbox")
            for name, value in (
                ("AUTHORITY", tenant.authority),
                ("CLIENT_ID", tenant.client_id),
                ("TODOLIST_READ", tenant.read_scope),
                ("TODOLIST_READWRITE", tenant.readwrite_scope),
                ("API_ENDPOINT", tenant.api_endpoint),
            ):
                yield name, value, settings.sources.get(name) or where
        yield "REDIRECT_URI", settings.redirect_uri, settings.sources.get("REDIRECT_URI", "")
        yield "LOG_LEVEL", settings.log_level.capitalize(), settings.sources.get("LOG_LEVEL", "")
        if vault_reason is None:
            return
        kept = _("Encrypted, in this computer's keyring")
        yield _("Sign-in kept"), _("In memory only: %(why)s") % {"why": vault_reason} if vault_reason else kept, ""
