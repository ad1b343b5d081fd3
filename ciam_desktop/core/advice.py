"""Owns what to say about a refusal: a provider's error becomes a sentence, and the next step that mends it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ciam_desktop.core.errors import InteractionRequired, SignInError
from ciam_desktop.i18n import N_, _

_AADSTS = re.compile(r"AADSTS([0-9]{4,7})(?![0-9])")
_INTERACTION = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})


@dataclass(frozen=True, slots=True)
class _Row:
    """What to say and what to do; `codes` are the numbers behind AADSTS."""

    codes: tuple[int, ...]
    say: str
    fix: str


_ROWS = (
    _Row(
        (50011,),
        N_("The return address is not registered."),
        N_("Add the platform Mobile and desktop with http://localhost and this path."),
    ),
    _Row(
        (700016, 90002, 50049),
        N_("The provider does not know this app or tenant."),
        N_("Check the client id and the tenant in the settings."),
    ),
    _Row(
        (7000218,),
        N_("The app is not registered as a public client."),
        N_("Allow public client flows, and register the desktop platform."),
    ),
    _Row((9002326,), N_("The app is registered for another platform."), N_("Register the desktop platform.")),
    _Row((700025,), N_("A public client must not send a secret."), N_("Remove the secret.")),
    _Row(
        (7000215, 7000222, 700027),
        N_("The client secret or certificate is wrong or has expired."),
        N_("Make a new secret and use its value, not its id, or upload the certificate."),
    ),
    _Row(
        (65001, 650057, 90094),
        N_("The app has not been granted this permission."),
        N_("An administrator adds the permission and consents to it."),
    ),
    _Row((65004,), N_("You declined the request."), N_("Try again when you like.")),
    _Row(
        (500011, 70011, 28002),
        N_("The provider does not know this API or permission."),
        N_("Check the application id URI in the scopes."),
    ),
    _Row((700022,), N_("Two APIs were asked for at once."), N_("Use scopes of one API.")),
    _Row(
        (50076, 50079, 50074, 50078),
        N_("The provider wants more proof of who you are."),
        N_("Go on in the browser."),
    ),
    _Row((53003,), N_("A policy of the tenant blocks this sign-in."), N_("Ask an administrator.")),
    _Row(
        (50020, 90072, 50034, 16000),
        N_("This account does not belong to the tenant."),
        N_("Use another account, or create one."),
    ),
    _Row((500208,), N_("This is the wrong sign-in host for the tenant."), N_("Use the ciamlogin.com address.")),
    _Row((90023,), N_("The provider does not accept one of the parameters."), N_("Remove the domain hint.")),
    _Row(
        (50126, 50053, 50057),
        N_("The password is wrong, or the account is locked or disabled."),
        N_("Try again later."),
    ),
    _Row((50058,), N_("Nobody is signed in at the provider."), N_("Sign in.")),
    _Row((70008, 700082, 50173, 50089), N_("The sign-in has expired or was revoked."), N_("Sign in again.")),
    _Row((54005, 501481), N_("The answer of the provider was used twice or mixed up."), N_("Start again.")),
    _Row(
        (70016, 70019, 70018),
        N_("The code for the other device is not confirmed, expired or wrong."),
        N_("Start again."),
    ),
    _Row((50196,), N_("Too many requests were sent in a row."), N_("Wait a while.")),
    _Row((90006, 90033, 50087), N_("The provider has a passing problem."), N_("Try again in a minute.")),
    _Row((1100001,), N_("A step that the tenant added to sign-up failed."), N_("Ask an administrator.")),
)
_BY_CODE = {code: row for row in _ROWS for code in row.codes}

_BY_ERROR = {
    "access_denied": N_("You declined the request, or the provider did."),
    "consent_required": N_("The app has not been granted this permission."),
    "invalid_client": N_("The provider does not accept this app's client id or credential."),
    "unauthorized_client": N_("The app may not sign in this way."),
    "invalid_scope": N_("The provider does not know this API or permission."),
    "invalid_grant": N_("The sign-in has expired or was revoked."),
    "temporarily_unavailable": N_("The provider has a passing problem."),
    "server_error": N_("The provider has a passing problem."),
}


def refusal(answer: Mapping[str, Any], *, silent: bool = False) -> SignInError:
    """The error that explains an OAuth error response (RFC 6749 sections 4.1.2.1 and 5.2).

    Which kind it is depends on the OAuth `error` alone; the provider's own number only chooses the words. `silent`
    says that nobody was asked, so that a refusal which a person can answer becomes InteractionRequired. The
    provider's text is never repeated: it may hold anything.
    """
    error = _plain(answer.get("error"))
    code = _code(answer)
    correlation_id = _plain(answer.get("correlation_id"))
    row = _BY_CODE.get(int(code)) if code else None
    if row is not None:
        sentence = f"{_(row.say)} {_(row.fix)}"
    elif error in _BY_ERROR:
        sentence = _(_BY_ERROR[error])
    else:
        sentence = _("The provider refused the sign-in (%(error)s).") % {"error": error or _("no reason given")}
    if silent and error in _INTERACTION:
        return InteractionRequired(
            sentence,
            error=error,
            code=code,
            correlation_id=correlation_id,
            claims=_claims(answer.get("claims")),
        )
    return SignInError(sentence, error=error, code=code, correlation_id=correlation_id)


def _code(answer: Mapping[str, Any]) -> str:
    found = _AADSTS.search(str(answer.get("error_description", "")))
    return found.group(1) if found else ""


def _claims(value: Any) -> str:
    """`value` if it is a claims request (OpenID Connect Core 1.0 section 5.5), else nothing: it is sent on as it is."""
    try:
        return value if isinstance(value, str) and isinstance(json.loads(value), dict) else ""
    except (ValueError, RecursionError):
        return ""


def _plain(value: Any) -> str:
    """`value` if it is short and made of letters, digits and the marks that identifiers have, else nothing."""
    text = value if isinstance(value, str) else ""
    return text if re.fullmatch(r"[A-Za-z0-9_.:-]{1,80}", text) else ""
