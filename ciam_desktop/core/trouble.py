"""Owns what a person is told when something went wrong: a title, a sentence, the next step, and folded details."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ciam_desktop.core import errors
from ciam_desktop.core.identity.kept import SetAside
from ciam_desktop.i18n import _


class NextStep(Enum):
    """What the banner's button does."""

    NONE = "none"
    SIGN_IN = "sign_in"
    SIGN_IN_READ_ONLY = "sign_in_read_only"
    TRY_AGAIN = "try_again"
    OPEN_SETTINGS = "open_settings"
    CLOSE_ANYWAY = "close_anyway"
    SIGN_OUT_ANYWAY = "sign_out_anyway"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One banner; `details` are lines like "Code: AADSTS65004", or empty. `calm` is for what is only worth knowing."""

    title: str
    text: str
    step: NextStep = NextStep.NONE
    details: str = ""
    calm: bool = False


_CONSENT_ERRORS = frozenset({"consent_required", "invalid_scope"})
_CONSENT_CODES = frozenset({"65001", "650057", "90094"})


def of_sign_in(error: Exception, *, can_read_only: bool = False) -> Trouble:
    """What to say about an ended sign-in attempt; `can_read_only` offers one without the permission to write."""
    text, details = _text(error), _details(error)
    match error:
        case errors.SignInCancelled():
            return Trouble(_("Sign-in cancelled"), _("Nothing was changed."), calm=True)
        case errors.SignInTimedOut():
            return Trouble(_("Sign-in took too long"), text, NextStep.SIGN_IN)
        case errors.SettingsError():
            return Trouble(_("A setting needs attention"), text, NextStep.OPEN_SETTINGS, details)
        case errors.SignInError() if can_read_only and _is_consent(error):
            return Trouble(_("Not signed in"), text, NextStep.SIGN_IN_READ_ONLY, details)
        case errors.TokenNotProven():
            return Trouble(_("The sign-in could not be verified"), text, NextStep.SIGN_IN, details)
        case SetAside():
            return _of_set_aside(error)
        case errors.VaultError() | errors.StoredFormatError():
            return Trouble(_("The sign-in could not be saved"), text, NextStep.SIGN_IN, details)
        case _:
            return Trouble(_("Not signed in"), text, NextStep.SIGN_IN, details)


def of_start(error: Exception) -> Trouble:
    """What to say when the program could not find out who was signed in."""
    if isinstance(error, SetAside):
        return _of_set_aside(error)
    if isinstance(error, errors.VaultError | errors.StoredFormatError):
        return Trouble(_("The saved sign-in cannot be opened"), _text(error), NextStep.TRY_AGAIN, _details(error))
    if isinstance(error, errors.SettingsError):
        return Trouble(_("A setting needs attention"), _text(error), NextStep.OPEN_SETTINGS, _details(error))
    return Trouble(_("Not ready"), _text(error), NextStep.TRY_AGAIN, _details(error))


def of_sign_out(error: Exception) -> Trouble:
    """What to say when nothing could be signed out here."""
    if isinstance(error, SetAside):
        return _of_set_aside(error)
    return Trouble(_("Still signed in"), _text(error), NextStep.NONE, _details(error))


def of_browser_session(error: Exception) -> Trouble:
    """What to say when the person is signed out here but the browser may not be."""
    text = _("The browser may still be signed in: %(why)s") % {"why": _text(error)}
    return Trouble(_("Signed out on this computer"), text, NextStep.NONE, _details(error))


def of_todos(error: Exception, *, adding: bool) -> Trouble:
    """What to say when the list could not be fetched, or (`adding`) a to-do not be saved."""
    title = _("Not saved yet") if adding else _("The list could not be fetched")
    text, details = _text(error), _details(error)
    match error:
        case SetAside():
            return _of_set_aside(error)
        case errors.InteractionRequired():
            return Trouble(_("Please sign in again"), text, NextStep.SIGN_IN, details)
        case errors.ApiForbidden() if adding:
            text = _("Your sign-in may read the list but not change it. What you typed is still in the list below.")
            return Trouble(title, text, NextStep.NONE, details)
        case errors.ApiForbidden():
            return Trouble(title, text, NextStep.NONE, details)
        case errors.ApiUnauthorized():
            return Trouble(title, text, NextStep.SIGN_IN, details)
        case _:
            return Trouble(title, text, NextStep.TRY_AGAIN, details)


def _of_set_aside(error: SetAside) -> Trouble:
    return Trouble(_("The saved sign-in was set aside"), _text(error), NextStep.SIGN_IN)


def _is_consent(error: errors.SignInError) -> bool:
    return error.error in _CONSENT_ERRORS or error.code in _CONSENT_CODES


def _text(error: Exception) -> str:
    if isinstance(error, errors.CiamError):
        return str(error)
    return _("Something unexpected happened; a report without secrets was written on this computer.")


def _details(error: Exception) -> str:
    lines = []
    if isinstance(error, errors.SignInError):
        lines += [_("Error: %(value)s") % {"value": error.error}] if error.error else []
        lines += [_("Code: %(value)s") % {"value": f"AADSTS{error.code}"}] if error.code else []
        if error.correlation_id:
            lines.append(_("Correlation id: %(value)s") % {"value": error.correlation_id})
    elif isinstance(error, errors.TokenNotProven):
        lines.append(_("Failed check: %(value)s") % {"value": error.check})
    elif isinstance(error, errors.NetworkError):
        lines.append(_("Host: %(value)s") % {"value": error.host})
        lines += [_("Cause: %(value)s") % {"value": error.reason}] if error.reason else []
    elif isinstance(error, errors.ApiError) and error.status:
        lines.append(_("HTTP status: %(value)d") % {"value": error.status})
    elif isinstance(error, errors.SettingsError):
        lines.append(_("Setting: %(setting)s, from %(source)s") % {"setting": error.setting, "source": error.source})
    elif not isinstance(error, errors.CiamError):
        lines.append(type(error).__name__)
    return "\n".join(lines)
