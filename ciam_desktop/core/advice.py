"""Owns what to say about a refusal: a provider's error becomes a sentence, and the next step that mends it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ciam_desktop.core.errors import InteractionRequired, SignInError
from ciam_desktop.core.next_step import NextStep
from ciam_desktop.i18n import N_, _

_AADSTS = re.compile(r"AADSTS([0-9]{4,7})(?![0-9])")
_CORRELATION_ID = re.compile(r"Correlation ID: ([0-9a-fA-F-]{36})(?![0-9a-fA-F-])")
_DESCRIPTION_CHARACTERS = 4000
_INTERACTION = frozenset({"invalid_grant", "interaction_required", "login_required", "consent_required"})


@dataclass(frozen=True, slots=True)
class Advice:
    """What to say, what mends it, and the button that does, or helps."""

    say: str
    fix: str
    step: NextStep

    def __str__(self) -> str:
        return f"{_(self.say)} {_(self.fix)}"


_APP = N_("Check the client id in the settings.")
_TENANT = N_("Check the tenant in the settings.")
_ADMINISTRATOR = N_("Ask an administrator of the tenant, then try again.")
_SECRET = N_("Make a new secret and use its value, not its id.")
_SCOPES = N_("Check the application id URI in the scopes.")
_START_AGAIN = N_("Start again.")
_IN_A_MINUTE = N_("Try again in a minute.")

_CONSENT = Advice(
    N_("The app has not been granted this permission."),
    N_("An administrator adds the permission and consents to it."),
    NextStep.SIGN_IN,
)
_PASSWORD_EXPIRED = Advice(
    N_("Your password has expired."), N_("Sign in, and choose a new one on the provider's page."), NextStep.SIGN_IN
)
_EXPIRED = Advice(N_("The sign-in has expired or was revoked."), N_("Sign in again."), NextStep.SIGN_IN)
_POLICY = Advice(N_("A policy of the tenant blocks this sign-in."), _ADMINISTRATOR, NextStep.RETRY_SIGN_IN)
_PASSING = Advice(N_("The provider has a passing problem."), _IN_A_MINUTE, NextStep.RETRY_SIGN_IN)
_MORE_PROOF = N_("Go on in the browser.")
_UNKNOWN_SCOPE = Advice(N_("The provider does not know this permission."), _SCOPES, NextStep.OPEN_SETTINGS)
_CODE_EXPIRED = Advice(
    N_("The code for the other device has expired."), N_("Ask for a new one."), NextStep.SIGN_IN_ELSEWHERE
)
_DECLINED = Advice(N_("You declined the request."), N_("Sign in again when you like."), NextStep.SIGN_IN)

# By the provider's own numbers, those behind AADSTS (Microsoft Entra authentication and authorization error codes).
_BY_CODE = {
    50011: Advice(
        N_("The return address is not registered."),
        N_("Add the platform Mobile and desktop with http://localhost and this path, or correct REDIRECT_URI."),
        NextStep.OPEN_SETTINGS,
    ),
    700016: Advice(N_("The tenant does not know this app."), _APP, NextStep.OPEN_SETTINGS),
    90002: Advice(N_("The provider does not know this tenant."), _TENANT, NextStep.OPEN_SETTINGS),
    50049: Advice(N_("The provider does not know the host that was asked."), _TENANT, NextStep.OPEN_SETTINGS),
    7000218: Advice(
        N_("The app is not registered as a public client."),
        N_("Allow public client flows, and register the desktop platform."),
        NextStep.RETRY_SIGN_IN,
    ),
    9002326: Advice(
        N_("The app is registered for another platform."),
        N_("Register the desktop platform."),
        NextStep.RETRY_SIGN_IN,
    ),
    700025: Advice(N_("A public client must not send a secret."), N_("Remove the secret."), NextStep.OPEN_SETTINGS),
    7000215: Advice(N_("The client secret is wrong."), _SECRET, NextStep.OPEN_SETTINGS),
    7000222: Advice(N_("The client secret has expired."), _SECRET, NextStep.OPEN_SETTINGS),
    700027: Advice(
        N_("The provider does not accept the client certificate."),
        N_("Upload the certificate to the app's registration."),
        NextStep.RETRY_SIGN_IN,
    ),
    65001: _CONSENT,
    650057: Advice(N_("The app's registration does not ask for this permission."), _CONSENT.fix, NextStep.SIGN_IN),
    90094: Advice(
        N_("Only an administrator can grant what the app asks for."),
        N_("Ask an administrator to consent, then sign in again."),
        NextStep.SIGN_IN,
    ),
    65004: _DECLINED,
    500011: Advice(N_("The tenant does not know this API."), _SCOPES, NextStep.OPEN_SETTINGS),
    70011: _UNKNOWN_SCOPE,
    28002: Advice(
        N_("A permission that was asked for is written in a way that the provider cannot read."),
        _SCOPES,
        NextStep.OPEN_SETTINGS,
    ),
    700022: Advice(N_("Two APIs were asked for at once."), N_("Use scopes of one API."), NextStep.OPEN_SETTINGS),
    50076: Advice(N_("The provider wants more proof of who you are."), _MORE_PROOF, NextStep.SIGN_IN),
    50079: Advice(
        N_("The provider wants you to set up a second way to prove who you are."), _MORE_PROOF, NextStep.SIGN_IN
    ),
    50074: Advice(N_("The provider wants a second proof of who you are."), _MORE_PROOF, NextStep.SIGN_IN),
    50078: Advice(
        N_("Your second proof of who you are has expired, and the provider wants it again."),
        _MORE_PROOF,
        NextStep.SIGN_IN,
    ),
    53003: _POLICY,
    50020: Advice(
        N_("This account belongs to another tenant."),
        N_("Use another account, or create one."),
        NextStep.USE_ANOTHER_ACCOUNT,
    ),
    90072: Advice(
        N_("This account is no guest of the tenant."),
        N_("Use another account, or ask an administrator to invite it."),
        NextStep.USE_ANOTHER_ACCOUNT,
    ),
    50034: Advice(
        N_("The tenant has no account by this name."),
        N_("Use another account, or create one."),
        NextStep.USE_ANOTHER_ACCOUNT,
    ),
    16000: Advice(
        N_("The account in the browser cannot be used here."),
        N_("Use another account."),
        NextStep.USE_ANOTHER_ACCOUNT,
    ),
    500208: Advice(
        N_("This is the wrong sign-in host for the tenant."),
        N_("Use the ciamlogin.com address."),
        NextStep.OPEN_SETTINGS,
    ),
    90023: Advice(
        N_("The provider does not accept one of the parameters."), N_("Remove the domain hint."), NextStep.OPEN_SETTINGS
    ),
    50126: Advice(
        N_("The name or the password is wrong."), N_("Sign in again, or reset the password there."), NextStep.SIGN_IN
    ),
    50053: Advice(
        N_("The account is locked after too many attempts."),
        N_("Wait some minutes, then try again."),
        NextStep.RETRY_SIGN_IN,
    ),
    50057: Advice(
        N_("The account is disabled."),
        N_("Ask an administrator, or use another account."),
        NextStep.USE_ANOTHER_ACCOUNT,
    ),
    50055: _PASSWORD_EXPIRED,
    50144: Advice(
        N_("Your password at your organisation has expired."),
        N_("Change it there, then sign in."),
        NextStep.SIGN_IN,
    ),
    50058: Advice(N_("Nobody is signed in at the provider."), N_("Sign in."), NextStep.SIGN_IN),
    70008: Advice(N_("The sign-in was not used for so long that it has expired."), _EXPIRED.fix, NextStep.SIGN_IN),
    700082: Advice(N_("The saved sign-in was not used for too long and has expired."), _EXPIRED.fix, NextStep.SIGN_IN),
    50173: Advice(N_("The sign-in was revoked, for instance by a new password."), _EXPIRED.fix, NextStep.SIGN_IN),
    50089: Advice(N_("The time for this sign-in has expired."), _START_AGAIN, NextStep.RETRY_SIGN_IN),
    54005: Advice(N_("The answer of the provider was used twice."), _START_AGAIN, NextStep.RETRY_SIGN_IN),
    501481: Advice(N_("The answer of the provider belongs to another attempt."), _START_AGAIN, NextStep.RETRY_SIGN_IN),
    70016: Advice(
        N_("The code for the other device is not confirmed yet."),
        N_("Confirm it there, or ask for a new one."),
        NextStep.SIGN_IN_ELSEWHERE,
    ),
    70019: _CODE_EXPIRED,
    70018: Advice(N_("The code for the other device is wrong."), N_("Ask for a new one."), NextStep.SIGN_IN_ELSEWHERE),
    50196: Advice(N_("Too many requests were sent in a row."), N_("Wait a while."), NextStep.NONE),
    90006: _PASSING,
    90033: Advice(N_("A part of the provider is out of order at the moment."), _IN_A_MINUTE, NextStep.RETRY_SIGN_IN),
    50087: Advice(
        N_("The provider could not finish because of a passing problem of its own."),
        _IN_A_MINUTE,
        NextStep.RETRY_SIGN_IN,
    ),
    1100001: Advice(N_("A step that the tenant added to sign-up failed."), _ADMINISTRATOR, NextStep.RETRY_SIGN_IN),
}

# By `suberror`, which token responses of Microsoft's carry and which may come without a number.
_BY_SUBERROR = {
    "consent_required": _CONSENT,
    "user_password_expired": _PASSWORD_EXPIRED,
    "bad_token": Advice(N_("The provider does not take the saved sign-in any more."), _EXPIRED.fix, NextStep.SIGN_IN),
    "token_expired": Advice(N_("The saved sign-in has expired."), _EXPIRED.fix, NextStep.SIGN_IN),
    "client_mismatch": Advice(N_("The saved sign-in was made for another app."), _EXPIRED.fix, NextStep.SIGN_IN),
    "basic_action": Advice(N_("The provider wants to ask you something."), _MORE_PROOF, NextStep.SIGN_IN),
    "additional_action": Advice(
        N_("The provider wants you to do something outside this program first."), _ADMINISTRATOR, NextStep.SIGN_IN
    ),
    "message_only": Advice(
        N_("The provider has a message for you."), N_("Sign in, and read it there."), NextStep.SIGN_IN
    ),
    "protection_policy_required": Advice(
        N_("A policy of the tenant wants this app to be protected in a way that it is not."),
        _ADMINISTRATOR,
        NextStep.RETRY_SIGN_IN,
    ),
    "device_authentication_failed": Advice(
        N_("A policy of the tenant wants a device that it knows."), _ADMINISTRATOR, NextStep.RETRY_SIGN_IN
    ),
}

# By the OAuth error (RFC 6749 sections 4.1.2.1 and 5.2, RFC 8628 section 3.5, OpenID Connect Core 1.0 3.1.2.6).
_BY_ERROR = {
    "access_denied": Advice(
        N_("You declined the request, or the provider did."), N_("Sign in again when you like."), NextStep.SIGN_IN
    ),
    "consent_required": _CONSENT,
    "interaction_required": Advice(
        N_("The provider wants to see you in the browser."), N_("Sign in."), NextStep.SIGN_IN
    ),
    "login_required": Advice(N_("The provider wants you to sign in."), N_("Sign in."), NextStep.SIGN_IN),
    "account_selection_required": Advice(
        N_("The provider wants to know which account to use."), N_("Choose one."), NextStep.USE_ANOTHER_ACCOUNT
    ),
    "invalid_client": Advice(
        N_("The provider does not accept this app's client id or credential."), _APP, NextStep.OPEN_SETTINGS
    ),
    "unauthorized_client": Advice(
        N_("The app may not sign in this way."),
        N_("Check the client id in the settings, and the app's registration."),
        NextStep.OPEN_SETTINGS,
    ),
    "invalid_scope": _UNKNOWN_SCOPE,
    "invalid_grant": _EXPIRED,
    "invalid_request": Advice(
        N_("The provider does not understand what was asked."),
        N_("Check the redirect URI and the scopes in the settings."),
        NextStep.OPEN_SETTINGS,
    ),
    "expired_token": _CODE_EXPIRED,
    "temporarily_unavailable": _PASSING,
    "server_error": Advice(N_("The provider has an error of its own."), _IN_A_MINUTE, NextStep.RETRY_SIGN_IN),
}


def refusal(answer: Mapping[str, Any], *, silent: bool = False) -> SignInError:
    """The error that explains an OAuth error response (RFC 6749 sections 4.1.2.1 and 5.2).

    Which kind it is depends on the OAuth `error` alone; the provider's own number and `suberror` only choose the words
    and the button. `silent` says that nobody was asked, so that a refusal which a person can answer becomes
    InteractionRequired. The provider's text is never repeated: it may hold anything.
    """
    error, suberror = _plain(answer.get("error")), _plain(answer.get("suberror"))
    code, correlation_id = _code(answer), _correlation_id(answer)
    if found := _advice(error, code, suberror):
        sentence = str(found)
    else:
        sentence = _("The provider refused the sign-in (%(error)s).") % {"error": error or _("no reason given")}
    if silent and error in _INTERACTION:
        return InteractionRequired(
            sentence,
            error=error,
            code=code,
            suberror=suberror,
            correlation_id=correlation_id,
            claims=_claims(answer.get("claims")),
        )
    return SignInError(sentence, error=error, code=code, suberror=suberror, correlation_id=correlation_id)


def mending(error: SignInError) -> NextStep | None:
    """The step that mends a refusal; None when nothing is known of it but that it was one."""
    found = _advice(error.error, error.code, error.suberror)
    return found.step if found else None


def lacks_consent(error: SignInError) -> bool:
    """Whether a permission is what is missing."""
    codes = {"65001", "650057", "90094"}
    return (
        error.error in {"consent_required", "invalid_scope"}
        or error.code in codes
        or error.suberror == "consent_required"
    )


def _advice(error: str, code: str, suberror: str) -> Advice | None:
    return (_BY_CODE.get(int(code)) if code else None) or _BY_SUBERROR.get(suberror) or _BY_ERROR.get(error)


def _code(answer: Mapping[str, Any]) -> str:
    """The provider's number: of those that it names the first with advice, else the first."""
    numbers = list(_numbers(answer))
    return str(next((number for number in numbers if number in _BY_CODE), numbers[0] if numbers else ""))


def _numbers(answer: Mapping[str, Any]) -> Iterator[int]:
    for found in _AADSTS.finditer(_description(answer)):
        yield int(found.group(1))
    listed = answer.get("error_codes")
    for number in listed[:10] if isinstance(listed, list) else ():
        if type(number) is int and 1000 <= number < 10_000_000:  # bool is an int to isinstance
            yield number


def _correlation_id(answer: Mapping[str, Any]) -> str:
    """What support asks for: a member of a token response, while a redirect has it among the description's words."""
    found = _CORRELATION_ID.search(_description(answer))
    return _plain(answer.get("correlation_id")) or (found.group(1) if found else "")


def _description(answer: Mapping[str, Any]) -> str:
    return str(answer.get("error_description", ""))[:_DESCRIPTION_CHARACTERS]


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
