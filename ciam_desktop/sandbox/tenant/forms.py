"""Owns what people type and what they are told about it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

from flask import request

from ciam_desktop.i18n import _
from ciam_desktop.sandbox.tenant.accounts import MAX_NAME, MAX_PASSWORD, MIN_PASSWORD, is_email

_LONGEST = 300


def text(name: str) -> str:
    """A typed line without the blanks around it."""
    return request.form.get(name, "").strip()[:_LONGEST]


def query_without_screen() -> str:
    """The request's query without the pages' own parameter, spelled in one way."""
    query = request.query_string.decode("ascii", "replace")
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    return urlencode([pair for pair in pairs if pair[0] != "screen"])


def sign_up_problems(typed: dict[str, str], password: str) -> dict[str, str]:
    """What is wrong with a sign-up form, by field."""
    problems = {}
    if not is_email(typed["email"]):
        problems["email"] = _("Enter an e-mail address such as user1@contoso.example.")
    if not typed["name"]:
        problems["name"] = _("Enter the name that others will see.")
    for name in ("name", "given_name", "family_name"):
        if len(typed[name]) > MAX_NAME or not typed[name].isprintable():
            problems[name] = _("Use at most %(count)d characters, all on one line.") % {"count": MAX_NAME}
    if len(password) < MIN_PASSWORD:
        problems["password"] = _("Use at least %(count)d characters.") % {"count": MIN_PASSWORD}
    elif len(password) > MAX_PASSWORD:
        problems["password"] = _("Use at most %(count)d characters.") % {"count": MAX_PASSWORD}
    return problems


def explain(code: int) -> tuple[str, str]:
    """A title and what to do, for a refusal that can only be shown here."""
    if code == 50011:
        return (
            _("The return address is not registered"),
            _("The app asked to be answered at an address that this tenant does not know, so nothing was sent there."),
        )
    if code == 700016:
        return _("The app is unknown"), _("Check the client id in the app's settings.")
    if code == 90002:
        return _("The tenant is unknown"), _("Check the tenant in the app's settings.")
    if code == 50057:
        return _("This account cannot be used"), _("Ask whoever looks after it, or use another account.")
    if code == 50089:
        return _("This page is out of date"), _("Go back to the app and start the sign-in again.")
    return _("This sign-in cannot start"), _("Go back to the app and start the sign-in again.")
