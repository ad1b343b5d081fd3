"""Owns what a person is told when something went wrong: a title, a sentence, the next step, and folded details."""

from __future__ import annotations

from dataclasses import dataclass

from ciam_desktop.core import advice, errors
from ciam_desktop.core.identity.kept import SetAside
from ciam_desktop.core.next_step import NextStep as NextStep  # a Trouble's step, named where a Trouble is
from ciam_desktop.i18n import _


@dataclass(frozen=True, slots=True)
class Trouble:
    """One banner; `details` are lines like "Code: AADSTS65004", or empty. `calm` is for what is only worth knowing, and
    `passing` for what is not even that any more once something else has begun.
    """

    title: str
    text: str
    step: NextStep = NextStep.NONE
    details: str = ""
    calm: bool = False
    passing: bool = False


# What a network's failure says about which setting is wrong; in all other cases trying again is what there is to do.
_IN_THE_SETTINGS = frozenset({"certificate", "address"})


def of_sign_in(error: Exception, *, can_read_only: bool = False) -> Trouble:
    """What to say about an ended sign-in attempt; `can_read_only` offers one without the permission to write."""
    text, details = _text(error), _details(error)
    match error:
        case errors.SignInCancelled():
            return Trouble(_("Sign-in cancelled"), _("Nothing was changed."), calm=True, passing=True)
        case errors.SignInTimedOut():
            return Trouble(_("Sign-in took too long"), text, NextStep.RETRY_SIGN_IN, details)
        case errors.SignedOutElsewhere():
            return Trouble(_("Signed out"), text, NextStep.SIGN_IN)
        case errors.SignInError() if can_read_only and advice.lacks_consent(error):
            return Trouble(_("Not signed in"), text, NextStep.SIGN_IN_READ_ONLY, details)
        case errors.TokenNotProven():
            return Trouble(_("The sign-in could not be verified"), text, _mending_proof(error), details)
        case SetAside():
            return _of_set_aside(error)
        case errors.VaultError() | errors.StoredFormatError():
            return Trouble(_("The sign-in could not be saved"), text, NextStep.RETRY_SIGN_IN, details)
        case errors.SettingsError():
            return Trouble(_("A setting needs attention"), text, NextStep.OPEN_SETTINGS, details)
        case _:
            return Trouble(_("Not signed in"), text, _mending(error), details)


def of_start(error: Exception) -> Trouble:
    """What to say when the program could not find out who was signed in."""
    text, details = _text(error), _details(error)
    match error:
        case SetAside():
            return _of_set_aside(error)
        case errors.VaultError() | errors.StoredFormatError():
            return Trouble(_("The saved sign-in cannot be opened"), text, NextStep.TRY_AGAIN, details)
        case errors.SettingsError():
            return Trouble(_("A setting needs attention"), text, NextStep.OPEN_SETTINGS, details)
        case _:
            return Trouble(_("Not ready"), text, _without_a_sign_in(_mending(error)), details)


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
        case errors.SignedOutElsewhere():
            return Trouble(_("Signed out"), text, NextStep.SIGN_IN, details)
        case errors.InteractionRequired():
            return Trouble(_("Please sign in again"), text, _mending(error), details)
        case errors.TokenNotProven():
            title = _("The renewed sign-in could not be verified")
            return Trouble(title, text, _by_itself(_mending_proof(error)), details)
        case errors.ApiForbidden() if adding:
            text = _("Your sign-in may read the list but not change it. What you typed is still in the list below.")
            return Trouble(title, text, NextStep.NONE, details)
        case errors.ApiForbidden():
            return Trouble(title, text, NextStep.NONE, details)
        case errors.ApiUnauthorized():
            return Trouble(title, text, NextStep.SIGN_IN, details)
        case errors.ApiError(status=404):
            return Trouble(title, text, NextStep.OPEN_SETTINGS, details)
        case _:
            return Trouble(title, text, _by_itself(_mending(error)), details)


def _of_set_aside(error: SetAside) -> Trouble:
    return Trouble(_("The saved sign-in was set aside"), _text(error), NextStep.SIGN_IN)


def _mending(error: Exception) -> NextStep:
    """The step that mends what ended a sign-in, or a renewal of one."""
    match error:
        case errors.ProviderError():
            return NextStep.OPEN_SETTINGS
        case errors.InteractionRequired():
            step = advice.mending(error)
            return NextStep.SIGN_IN if step is None or step is NextStep.RETRY_SIGN_IN else step
        case errors.SignInError():
            step = advice.mending(error)
            return NextStep.RETRY_SIGN_IN if step is None else step
        case errors.NetworkError(reason=reason) if reason in _IN_THE_SETTINGS:
            return NextStep.OPEN_SETTINGS
        case errors.BrowserError():
            return NextStep.SIGN_IN_ELSEWHERE
        case errors.SettingsError():
            return NextStep.OPEN_SETTINGS
        case _:
            return NextStep.RETRY_SIGN_IN


def _mending_proof(error: errors.TokenNotProven) -> NextStep:
    """An answer of another attempt is mended by a new one; else something is set up, or goes, wrong."""
    return NextStep.RETRY_SIGN_IN if error.check == "nonce" else NextStep.CHECK_SETUP


def _by_itself(step: NextStep) -> NextStep:
    """The step where no sign-in has failed: the call is what is tried again."""
    return NextStep.TRY_AGAIN if step is NextStep.RETRY_SIGN_IN else step


def _without_a_sign_in(step: NextStep) -> NextStep:
    """The step where there is no way to sign in yet."""
    return step if step in {NextStep.OPEN_SETTINGS, NextStep.NONE} else NextStep.TRY_AGAIN


def _text(error: Exception) -> str:
    if isinstance(error, errors.CiamError):
        return str(error)
    return _("Something unexpected happened; a report without secrets was written on this computer.")


def _details(error: Exception) -> str:
    """What support asks for, a line for each fact."""
    lines: list[tuple[str, str | int]] = []
    match error:
        case errors.SignInError():
            code = f"AADSTS{error.code}" if error.code else ""
            lines = [
                (_("Error: %(value)s"), error.error),
                (_("Closer: %(value)s"), error.suberror),
                (_("Code: %(value)s"), code),
                (_("Correlation id: %(value)s"), error.correlation_id),
            ]
        case errors.TokenNotProven():
            lines = [(_("Failed check: %(value)s"), error.check)]
        case errors.NetworkError():
            lines = [(_("Host: %(value)s"), error.host), (_("Cause: %(value)s"), error.reason)]
        case errors.ApiError():
            lines = [(_("HTTP status: %(value)s"), error.status)]
        case errors.SettingsError():
            told = _("Setting: %(setting)s, from %(source)s")
            return told % {"setting": error.setting, "source": error.source}
        case errors.CiamError():
            pass
        case _:
            return type(error).__name__
    return "\n".join(line % {"value": value} for line, value in lines if value)
