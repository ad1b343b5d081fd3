"""Owns the form that connects a tenant: four fields and the API's address, checked as they would be in a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QDialog, QFormLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from ciam_desktop.core.config import SETTINGS, Program, tenant_from
from ciam_desktop.core.errors import SettingsError, StoredFormatError
from ciam_desktop.core.profiles import save_profile
from ciam_desktop.i18n import _
from ciam_desktop.qt.style import HIT, STEP
from ciam_desktop.qt.views.parts import button, label

FIELDS = ("TENANT_SUBDOMAIN", "CLIENT_ID", "TODOLIST_READ", "TODOLIST_READWRITE", "API_ENDPOINT")
PROFILE = "tenant"


class ConnectTenant(QDialog):
    """Accepted once a sound set was saved as the default profile; until then nothing is written."""

    def __init__(self, config_dir: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._config_dir = config_dir
        self.setWindowTitle(_("Connect your tenant"))
        self.setMinimumWidth(620)
        specs = {spec.name: spec for spec in SETTINGS}
        words = {
            "TENANT_SUBDOMAIN": _("Tenant"),
            "CLIENT_ID": _("Client id"),
            "TODOLIST_READ": _("Scope to read"),
            "TODOLIST_READWRITE": _("Scope to change"),
            "API_ENDPOINT": _("API address"),
        }
        self._edits: dict[str, QLineEdit] = {}
        form = QFormLayout()
        form.setHorizontalSpacing(4 * STEP)
        form.setVerticalSpacing(2 * STEP)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name in FIELDS:
            edit = QLineEdit(specs[name].default)
            edit.setPlaceholderText(specs[name].example)
            edit.setAccessibleName(words[name])
            edit.setToolTip(_(specs[name].help))
            words_before = label(words[name])
            words_before.setBuddy(edit)
            words_before.setFixedHeight(HIT + 2)  # as high as the field, so that both sit on one line
            form.addRow(words_before, edit)
            self._edits[name] = edit
        self._wrong = label(name="wrong", wrap=True)
        self._wrong.hide()
        told = _(
            "From the registration of your desktop app in the Microsoft Entra admin center. "
            "The app needs the platform Mobile and desktop applications with http://localhost."
        )
        buttons = QHBoxLayout()
        buttons.setSpacing(2 * STEP)
        buttons.addStretch()
        buttons.addWidget(button(_("Cancel"), self.reject))
        save = button(_("Connect"), self._save, "primary")
        save.setDefault(True)
        buttons.addWidget(save)
        lines = QVBoxLayout(self)
        lines.setContentsMargins(6 * STEP, 6 * STEP, 6 * STEP, 6 * STEP)
        lines.setSpacing(4 * STEP)
        lines.addWidget(label(told, "quiet", wrap=True))
        lines.addLayout(form)
        lines.addWidget(self._wrong)
        lines.addLayout(buttons)

    def _save(self) -> None:
        values = {name: edit.text() for name, edit in self._edits.items()}
        try:
            tenant_from(Program.WINDOW, values, source=_("this form"))
            save_profile(self._config_dir, PROFILE, values, make_default=True)
        except SettingsError as error:
            self._say(str(error), error.setting)
        except StoredFormatError as error:
            self._say(str(error), "")
        else:
            self.accept()

    def _say(self, sentence: str, setting: str) -> None:
        self._wrong.setText(sentence)
        self._wrong.show()
        if setting in self._edits:
            self._edits[setting].setFocus()
